//! Reads the literate cases of `cases/*.md`. Fences that count, in order:
//!
//! - ` ```yaml NAME ` a file of the store (any language word; the second word is its path). A later fence of the same
//!   name replaces it, `empty` as third word removes it.
//! - a heading `## …` starts with an empty store and no settings;
//! - ` ```settings ` JSON of the configuration (`engine`, …); replaces the one before.
//! - ` ```check ` requests with the answers expected of the store so far:
//!   `req {JSON}`, then a line an action `ACTION: ALLOW|DENY POLICY SCOPE` (`-` is the empty string),
//!   `derived [names]`, `out ACTION SRC JSON` or `err ACTION SRC TEXT` for every output in any order, and
//!   `invalid SOURCE PATH MESSAGE` for every validation error; or only `distinct N`: how many different values the
//!   outputs have. With a second word, `toolgate` or `reference`, only that side is asked.
//! - ` ```refused ` the store is refused; each line is part of what is said about it.
//! - ` ```faults ` what is said about the store when it is compiled with its schemas, a line a fault: `FILE:LINE:COLUMN
//!   TEXT`, or without a place; `toolgate: ` or `reference: ` before a line that only one side says. No lines: nothing.
//! - ` ```suites ` the test suites of the store give these results: lines `TEST PRINCIPAL RESOURCE ACTION: RESULT`.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

/// What is expected of one request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// `ACTION: EFFECT POLICY SCOPE`, sorted.
    pub actions: Vec<String>,
    /// Sorted names.
    pub derived: Vec<String>,
    /// Output lines as in the case, sorted.
    pub outputs: Vec<String>,
    /// Validation errors as in the case, sorted.
    pub invalid: Vec<String>,
    /// How many different values the outputs of all resources have, if only that matters.
    pub distinct: Option<usize>,
}

/// One thing to try.
pub enum Check {
    /// Requests (whole JSON bodies) and their answers.
    Requests(Vec<(Json, Answer)>),
    /// Texts the refusal holds.
    Refused(Vec<String>),
    /// Lines about the store.
    Faults(Vec<String>),
    /// Results of the test suites, sorted.
    Suites(Vec<String>),
}

/// A store as of some fence, and what to try on it.
pub struct Step {
    /// Case and line, for messages.
    pub place: String,
    /// Files by path.
    pub files: BTreeMap<String, String>,
    /// Configuration.
    pub settings: Json,
    /// The only side to ask, if not both.
    pub side: Option<String>,
    /// What to try.
    pub check: Check,
}

/// The steps of one case file.
pub fn read(name: &str, text: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let (mut files, mut settings) = (BTreeMap::new(), json!({}));
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if line.starts_with("## ") {
            files.clear();
            settings = json!({});
        }
        let Some(info) = line.strip_prefix("```") else { continue };
        let body: Vec<&str> = lines.by_ref().map(|(_, l)| l).take_while(|l| *l != "```").collect();
        let place = format!("{name}:{}", number + 1);
        let words: Vec<&str> = info.split(' ').collect();
        let side = words.get(1).filter(|_| words[0] == "check").map(|w| (*w).to_owned());
        let mut step = |check| {
            let (files, settings, side) = (files.clone(), settings.clone(), side.clone());
            steps.push(Step { place: place.clone(), files, settings, side, check });
        };
        match words[..] {
            ["settings"] => {
                settings = serde_json::from_str(&body.join("\n")).unwrap_or_else(|e| panic!("{place}: {e}"));
            }
            ["check"] | ["check", "toolgate" | "reference"] => step(Check::Requests(requests(&place, &body))),
            ["faults"] => step(Check::Faults(body.iter().map(|l| (*l).to_owned()).collect())),
            ["suites"] => {
                let mut lines: Vec<String> = body.iter().map(|l| (*l).to_owned()).collect();
                lines.sort();
                step(Check::Suites(lines));
            }
            ["refused"] => step(Check::Refused(body.iter().map(|l| (*l).to_owned()).collect())),
            [_, path, "empty"] => drop(files.remove(path)),
            [_, path] => drop(files.insert(path.to_owned(), body.join("\n") + "\n")),
            _ => panic!("{place}: unknown fence `{info}`"),
        }
    }
    assert!(!steps.is_empty(), "{name} checks nothing");
    steps
}

fn requests(place: &str, lines: &[&str]) -> Vec<(Json, Answer)> {
    let mut list: Vec<(Json, Answer)> = Vec::new();
    for line in lines.iter().filter(|l| !l.is_empty()) {
        if let Some(text) = line.strip_prefix("req ") {
            let short: Json = serde_json::from_str(text).unwrap_or_else(|e| panic!("{place}: {text}: {e}"));
            list.push((whole(&short), Answer::default()));
            continue;
        }
        let (_, answer) = list.last_mut().unwrap_or_else(|| panic!("{place}: an answer before any request"));
        if let Some(names) = line.strip_prefix("derived ") {
            answer.derived = serde_json::from_str(names).unwrap_or_else(|e| panic!("{place}: {e}"));
        } else if line.starts_with("invalid ") {
            answer.invalid.push((*line).to_owned());
        } else if let Some(count) = line.strip_prefix("distinct ") {
            answer.distinct = Some(count.parse().unwrap_or_else(|e| panic!("{place}: {e}")));
        } else if line.starts_with("out ") || line.starts_with("err ") {
            answer.outputs.push((*line).to_owned());
        } else {
            answer.actions.push((*line).to_owned());
        }
    }
    for (_, answer) in &mut list {
        answer.actions.sort();
        answer.derived.sort();
        answer.outputs.sort();
        answer.invalid.sort();
    }
    list
}

/// The whole body of a request written short: `kind scope version attr actions` of the resource, `id roles pscope
/// pversion pattr` of the principal, `aux`; `count` resources of the kind.
fn whole(short: &Json) -> Json {
    let text = |key: &str, default: &str| short[key].as_str().unwrap_or(default).to_owned();
    let resource = |i: u64| {
        let id = if i == 0 { text("rid", "r1") } else { format!("r{}", i + 1) };
        json!({
            "actions": short["actions"],
            "resource": {
                "kind": text("kind", "doc"), "id": id, "attr": short["attr"],
                "scope": text("scope", ""), "policyVersion": text("version", ""),
            },
        })
    };
    let resources: Vec<Json> = (0..short["count"].as_u64().unwrap_or(1)).map(resource).collect();
    json!({
        "includeMeta": true,
        "principal": {
            "id": text("id", "u1"), "roles": short["roles"], "attr": short["pattr"],
            "scope": text("pscope", ""), "policyVersion": text("pversion", ""),
        },
        "resources": resources,
        "auxData": short["aux"],
    })
}

/// What a reply of the check API says, as far as `expected` asks.
pub fn answer(reply: &Json, expected: &Answer) -> Answer {
    if expected.distinct.is_some() {
        let results = reply["results"].as_array();
        let outputs = results.into_iter().flatten().flat_map(|r| r["outputs"].as_array().into_iter().flatten());
        let values: std::collections::BTreeSet<String> = outputs.map(|o| o["val"].to_string()).collect();
        return Answer { distinct: Some(values.len()), ..Answer::default() };
    }
    let result = &reply["results"][0];
    let dash = |v: &Json| v.as_str().filter(|s| !s.is_empty()).unwrap_or("-").to_owned();
    let mut answer = Answer::default();
    for (action, effect) in result["actions"].as_object().into_iter().flatten() {
        let meta = &result["meta"]["actions"][action.as_str()];
        let effect = effect.as_str().unwrap_or_default().trim_start_matches("EFFECT_");
        answer.actions.push(format!(
            "{action}: {effect} {} {}",
            dash(&meta["matchedPolicy"]),
            dash(&meta["matchedScope"])
        ));
    }
    for role in result["meta"]["effectiveDerivedRoles"].as_array().into_iter().flatten() {
        answer.derived.push(role.as_str().unwrap_or_default().to_owned());
    }
    for entry in result["outputs"].as_array().into_iter().flatten() {
        let text = |key: &str| entry[key].as_str().unwrap_or_default();
        answer.outputs.push(match entry.get("error") {
            Some(error) => format!("err {} {} {}", text("action"), text("src"), error.as_str().unwrap_or_default()),
            None => format!("out {} {} {}", text("action"), text("src"), entry["val"]),
        });
    }
    for error in result["validationErrors"].as_array().into_iter().flatten() {
        let source = error["source"].as_str().unwrap_or_default().trim_start_matches("SOURCE_");
        let text = |key: &str| error[key].as_str().unwrap_or_default();
        answer.invalid.push(format!("invalid {source} {} {}", text("path"), text("message")));
    }
    answer.actions.sort();
    answer.derived.sort();
    answer.outputs.sort();
    answer.invalid.sort();
    answer
}

/// Results in the JSON report of test suites, sorted.
pub fn suites(report: &Json) -> Vec<String> {
    let list = |v: &Json, key: &str| v[key].as_array().cloned().unwrap_or_default();
    let name = |v: &Json| v["name"].as_str().unwrap_or_default().to_owned();
    let mut lines = Vec::new();
    for test in list(report, "suites").iter().flat_map(|s| list(s, "testCases")) {
        for principal in list(&test, "principals") {
            for resource in list(&principal, "resources") {
                for action in list(&resource, "actions") {
                    let result = action["details"]["result"].as_str().unwrap_or_default();
                    let names = [&test, &principal, &resource, &action].map(name).join(" ");
                    lines.push(format!("{names}: {}", result.trim_start_matches("RESULT_")));
                }
            }
        }
    }
    lines.sort();
    lines
}

fn place(at: &Json) -> String {
    at.as_object().map_or_else(String::new, |_| format!(":{}:{}", at["line"], at["column"]))
}

fn string(v: &Json) -> &str {
    v.as_str().unwrap_or_default()
}

/// The errors in our JSON diagnostics as the reference words them, sorted.
pub fn our_faults(report: &Json) -> Vec<String> {
    let errors = report.as_array().into_iter().flatten().filter(|d| d["severity"] == "error");
    let line = |d: &Json| match string(&d["code"]) {
        // The reference names no file for these.
        "TG0403" | "TG0404" => string(&d["message"]).to_owned(),
        _ => format!("{}{} {}", string(&d["file"]), place(&d["position"]), string(&d["message"])),
    };
    let mut lines: Vec<String> = errors.map(line).collect();
    lines.sort();
    lines
}

/// The faults in the reference's JSON report, sorted.
pub fn their_faults(report: &Json) -> Vec<String> {
    let (lint, compile) = (&report["lintErrors"], &report["compileErrors"]["errors"]);
    let list = |v: &Json| v.as_array().cloned().unwrap_or_default();
    let mut lines = Vec::new();
    for d in list(&lint["missing_scope_details"]) {
        let by: Vec<String> = list(&d["descendants"]).iter().map(|d| string(d).to_owned()).collect();
        let key = string(&d["missing_policy"]);
        lines
            .push(format!("scoped policy {key} is not found but is required by descendant policies {}", by.join(", ")));
    }
    for d in list(&lint["duplicate_defs"]) {
        let (file, key, other) = (string(&d["file"]), string(&d["policy"]), string(&d["other_file"]));
        let at = place(&d["position"]);
        lines.push(format!("{file}{at} duplicate definition of {key} (previous definition in {other})"));
    }
    for d in list(&lint["missing_imports"]) {
        let (file, kind, name) = (string(&d["importing_file"]), string(&d["import_kind"]), string(&d["import_name"]));
        let (at, by) = (place(&d["position"]), string(&d["importing_policy"]));
        lines.push(format!("{file}{at} cannot find {kind} \"{name}\" imported by {by}"));
    }
    for d in list(&lint["load_failures"]) {
        let details = &d["error_details"];
        let text = details["message"].as_str().unwrap_or_else(|| string(&d["error"]));
        lines.push(format!("{}{} {text}", string(&d["file"]), place(&details["position"])));
    }
    for d in list(&lint["scope_permissions_conflicts"]) {
        lines.push(format!("policies sharing scope \"{}\" have conflicting scopePermissions", string(&d["scope"])));
    }
    for d in list(compile) {
        lines.push(format!("{}{} {}", string(&d["file"]), place(&d["position"]), string(&d["description"])));
    }
    lines.sort();
    lines
}
