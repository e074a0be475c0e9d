//! One change that should make a store refused (or just barely should not): both sides must agree which.

use serde_json::{Value as Json, json};

use super::super::rng::Rng;
use super::{Body, File, Store};

/// Expressions that fail to compile, and some that look as if they should.
const EXPRESSIONS: &[&str] = &[
    "R.attr.x ==",
    "(true",
    "1 +",
    "true)",
    "R.attr.in",
    "R.nope",
    "R[\"kind\"]",
    "P.attr.x = 1",
    "has(R)",
    "has(R.attr[\"x\"])",
    "1 == \"1\"",
    "1 == 1.0",
    "1 + 1u",
    "[1] == [1.0]",
    "null == 1",
    "nosuch(1)",
    "nosuch",
    "V.undefined",
    "C.undefined",
    "has(V.undefined)",
    "V[\"x\"]",
    "size(V)",
    "\"a\".nosuch()",
    "duration(\"1 day\")",
    "timestamp(\"yesterday\")",
    "R.id.matches(\"(\")",
    "R.id.matches(\"(?=a)\")",
    "ip(\"999.1.1.1\")",
    "cidr(\"10.0.0.0/99\")",
    "\"%d %s\".format([1])",
    "\"%z\".format([1])",
    "1 in \"abc\"",
    "!1",
    "-true",
    "true ? 1 : \"a\"",
    "true ? 1 : 1.0",
    "[1, \"a\"]",
    "{\"a\": 1, \"b\": \"x\"}",
    "hasIntersection([\"a\"], [1])",
    "[1, 2].all(x, x)",
    "[1].exists(1, true)",
    "R.attr.l.map(x, y, x)",
    "\"a\" + 1",
    "'a' in ['a', 1]",
    "1 / 0 == 1",
    "[1][5] == 1",
    "{\"a\": 1, \"a\": 2}",
    "R.attr.all(x, x)",
    "runtime.nope",
    "request.auxData.jwt.x == 1",
    "request.nope",
    "dyn(1) == \"1\"",
    "type(1) == int",
    "int",
    "string(1, 2)",
    "now() == 1",
    "timeSince(\"x\")",
    "\"\\q\"",
    "'unclosed",
    "0x",
    "1e",
    "1u + 2u == 3u",
    "9223372036854775808",
    "18446744073709551616u",
    "b'a' == 'a'",
    "r\"\\d\" == \"\\\\d\"",
    "// comment only",
    "true // comment",
    "a.b.c",
    "R.attr.x.y.z",
    "P.roles[0] == 1",
    "P.roles.exists(r, r == 1)",
    "P.id.exists(x, true)",
    "size(1)",
    "hierarchy(1)",
    "spiffeID(1)",
    "math.greatest()",
    "math.greatest(1, \"a\")",
    "[].sum()",
    "optional.of(1) == 1",
    "R.attr.?x == 1",
    "if",
    "import",
    "true and false",
    "R.attr.x is null",
    "R.attr.x <> 1",
    "R.attr.x === 1",
    "",
    " ",
    "{",
    "[1,]",
    "{\"a\":1,}",
    "f(1,)",
];

fn kind(policy: &Json) -> &'static str {
    ["resourcePolicy", "principalPolicy", "rolePolicy", "derivedRoles", "exportVariables", "exportConstants"]
        .into_iter()
        .find(|k| policy.get(k).is_some())
        .unwrap_or("resourcePolicy")
}

fn policies<'a>(store: &'a mut Store, wanted: &[&str]) -> Vec<&'a mut Json> {
    store
        .files
        .iter_mut()
        .filter_map(|f| match &mut f.body {
            Body::Policy(json, _) if wanted.contains(&kind(json)) => Some(json),
            _ => None,
        })
        .collect()
}

/// Every object of the tree that has the member `key`.
fn holders<'a>(tree: &'a mut Json, key: &str, found: &mut Vec<&'a mut Json>) {
    if tree.get(key).is_some() {
        found.push(tree);
        return;
    }
    match tree {
        Json::Object(map) => map.values_mut().for_each(|v| holders(v, key, found)),
        Json::Array(list) => list.iter_mut().for_each(|v| holders(v, key, found)),
        _ => {}
    }
}

/// Sets member `key` of a random object that has it, anywhere in the store.
fn set(rng: &mut Rng, store: &mut Store, key: &str, value: &Json) -> Option<()> {
    let all = ["resourcePolicy", "principalPolicy", "rolePolicy", "derivedRoles", "exportVariables", "exportConstants"];
    let mut found = Vec::new();
    for policy in policies(store, &all) {
        holders(policy, key, &mut found);
    }
    if found.is_empty() {
        return None;
    }
    let index = rng.below(found.len());
    *found.swap_remove(index).get_mut(key)? = value.clone();
    Some(())
}

/// Changes the body of a random policy of one of the kinds.
fn change(
    rng: &mut Rng,
    store: &mut Store,
    kinds: &[&str],
    edit: impl FnOnce(&mut Rng, &mut Json) -> Option<()>,
) -> Option<()> {
    let mut list = policies(store, kinds);
    if list.is_empty() {
        return None;
    }
    let index = rng.below(list.len());
    let policy = list.swap_remove(index);
    let body = policy.get_mut(kind(policy))?;
    edit(rng, body)
}

fn rules(body: &mut Json) -> Option<&mut Vec<Json>> {
    body.get_mut("rules")?.as_array_mut().filter(|r| !r.is_empty())
}

/// Breaks `store`; the name of what was done, or `None` if the store has nothing to break that way.
pub fn apply(rng: &mut Rng, store: &mut Store) -> Option<String> {
    const RULED: &[&str] = &["resourcePolicy"];
    let roll = rng.below(44);
    let name = match roll {
        0..10 => {
            let bad = *rng.pick(EXPRESSIONS);
            set(rng, store, "expr", &json!(bad))?;
            format!("expression {bad}")
        }
        10 => {
            let bad = *rng.pick(EXPRESSIONS);
            set(rng, store, "ruleActivated", &json!(bad))?;
            format!("output {bad}")
        }
        11 | 12 => {
            let bad = *rng.pick(EXPRESSIONS);
            change(rng, store, &["resourcePolicy", "principalPolicy", "rolePolicy", "derivedRoles"], |_, body| {
                body["variables"] = json!({"local": {"broken": bad}});
                Some(())
            })?;
            format!("variable {bad}")
        }
        13 => {
            let local = rng
                .pick(&[
                    json!({"a": "V.a"}),
                    json!({"a": "V.b", "b": "V.a"}),
                    json!({"a": "V.b", "b": "V.c", "c": "V.a || true", "d": "1"}),
                    json!({"a": "V.b", "b": "1"}),
                    json!({"1a": "1"}),
                    json!({"in": "1"}),
                    json!({"a-b": "1"}),
                    json!({"": "1"}),
                    json!({"a": ""}),
                    json!({"a": 1}),
                    json!({"a": null}),
                    json!({"a": ["x"]}),
                ])
                .clone();
            change(rng, store, &["resourcePolicy", "principalPolicy", "rolePolicy"], |_, body| {
                body["variables"] = json!({"local": local});
                Some(())
            })?;
            format!("variables {local}")
        }
        14 => {
            let key = rng.word(&["variables", "constants"]);
            change(rng, store, &["resourcePolicy", "principalPolicy", "rolePolicy", "derivedRoles"], |_, body| {
                body[key]["import"] = json!(["no_such_set"]);
                Some(())
            })?;
            format!("missing import of {key}")
        }
        15 | 16 => {
            let list = rng
                .pick(&[
                    json!(["no_such_roles"]),
                    json!(["roles0", "roles0"]),
                    json!(["a b"]),
                    json!([""]),
                    json!(null),
                    json!("roles0"),
                ])
                .clone();
            change(rng, store, RULED, |_, body| {
                body["importDerivedRoles"] = list.clone();
                Some(())
            })?;
            format!("importDerivedRoles {list}")
        }
        17..20 => {
            if store.files.is_empty() {
                return None;
            }
            let index = rng.below(store.files.len());
            let gone = store.files.remove(index);
            format!("removed {}", gone.path)
        }
        20 => duplicate(rng, store)?,
        21..27 => {
            let options = [
                ("effect", json!("EFFECT_MAYBE")),
                ("effect", json!(0)),
                ("effect", json!(3)),
                ("effect", json!(1)),
                ("effect", json!(null)),
                ("actions", json!([])),
                ("actions", json!(["a", "a"])),
                ("actions", json!([""])),
                ("actions", json!(null)),
                ("actions", json!("view")),
                ("roles", json!([])),
                ("roles", json!(["a", "a"])),
                ("roles", json!([""])),
                ("derivedRoles", json!(["nosuch"])),
                ("derivedRoles", json!([])),
                ("name", json!("1bad")),
                ("name", json!("rule-001")),
                ("name", json!("")),
                ("condition", json!({})),
                ("condition", json!(null)),
                ("condition", json!({"match": {}})),
                ("condition", json!({"script": "x"})),
                ("condition", json!({"match": {"all": {"of": []}}})),
                ("condition", json!({"match": {"all": {}}})),
                ("condition", json!({"match": {"expr": "true", "all": {"of": [{"expr": "true"}]}}})),
                ("condition", json!({"match": {"any": {"of": [{"expr": "1"}, {}]}}})),
                ("output", json!({})),
                ("output", json!({"when": {}})),
                ("output", json!({"expr": ""})),
                ("extra", json!(1)),
                ("roles", json!(["*", "x"])),
            ];
            let (key, value) = rng.pick(&options).clone();
            change(rng, store, RULED, |rng, body| {
                let rules = rules(body)?;
                let index = rng.below(rules.len());
                rules[index][key] = value.clone();
                Some(())
            })?;
            format!("rule {key}: {value}")
        }
        27..32 => {
            let options = [
                ("version", json!("1.0")),
                ("version", json!("")),
                ("version", json!(1)),
                ("version", json!(true)),
                ("version", json!(1.5)),
                ("version", json!(null)),
                ("scope", json!("a..b")),
                ("scope", json!(".")),
                ("scope", json!("nobody.has.it")),
                ("scope", json!("-a")),
                ("resource", json!("do*c")),
                ("resource", json!("")),
                ("principal", json!("u*")),
                ("role", json!("a?b")),
                ("scopePermissions", json!("SCOPE_PERMISSIONS_OVERRIDE_PARENT")),
                ("scopePermissions", json!("NOPE")),
                ("scopePermissions", json!(2)),
                ("scopePermissions", json!("SCOPE_PERMISSIONS_REQUIRE_PARENTAL_CONSENT_FOR_ALLOWS")),
                ("rules", json!(null)),
                ("rules", json!({})),
                ("schemas", json!({"resourceSchema": {}})),
                ("schemas", json!({})),
                ("parentRoles", json!(["a", "a"])),
                ("parentRoles", json!([""])),
                ("variables", json!({})),
                ("variables", json!({"import": ["a b"]})),
                ("constants", json!({"local": {"x": [1, {"y": null}]}})),
            ];
            let (key, value) = rng.pick(&options).clone();
            change(rng, store, &["resourcePolicy", "principalPolicy", "rolePolicy"], |_, body| {
                body[key] = value.clone();
                Some(())
            })?;
            format!("{key}: {value}")
        }
        32 | 33 => names(rng, store)?,
        34 => {
            let value = rng
                .pick(&[json!("api.cerbos.dev/v2"), json!(""), json!(null), json!(1), json!(["api.cerbos.dev/v1"])])
                .clone();
            set(rng, store, "apiVersion", &value)?;
            format!("apiVersion {value}")
        }
        35 | 36 => {
            let options = [
                ("disabled", json!(true)),
                ("disabled", json!("true")),
                ("description", json!(1)),
                ("metadata", json!({"annotations": {"a": "b"}})),
                ("metadata", json!({"annotations": {"a": 1}})),
                ("metadata", json!({"hash": "12"})),
                ("x-note", json!("hi")),
                ("$schema", json!("x")),
                ("variables", json!({"top": "1 == 1"})),
                ("variables", json!({"v0": "1"})),
                ("description", json!({})),
                ("exportConstants", json!({"name": "x"})),
            ];
            let (key, value) = rng.pick(&options).clone();
            let mut list: Vec<&mut Json> = store
                .files
                .iter_mut()
                .filter_map(|f| if let Body::Policy(json, _) = &mut f.body { Some(json) } else { None })
                .collect();
            let index = rng.below(list.len());
            list.get_mut(index)?[key] = value.clone();
            format!("top level {key}: {value}")
        }
        37..39 => {
            let options = [
                ("name", json!("a b")),
                ("name", json!("")),
                ("definitions", json!([])),
                ("definitions", json!(null)),
                ("definitions", json!([{"name": "d", "parentRoles": ["a"]}, {"name": "d", "parentRoles": ["b"]}])),
                ("definitions", json!([{"name": "d", "parentRoles": []}])),
                ("definitions", json!([{"name": "d"}])),
                ("definitions", json!([{"name": "d d", "parentRoles": ["a"]}])),
                ("definitions", json!([{"name": "d", "parentRoles": ["a", "a"]}])),
                ("definitions", json!({"a": "1"})),
                ("definitions", json!({"1": "1"})),
                ("definitions", json!({"a": "V.a"})),
            ];
            let (key, value) = rng.pick(&options).clone();
            change(rng, store, &["derivedRoles", "exportVariables", "exportConstants"], |_, body| {
                body[key] = value.clone();
                Some(())
            })?;
            format!("library {key}: {value}")
        }
        _ => text(rng, store)?,
    };
    Some(name)
}

fn names(rng: &mut Rng, store: &mut Store) -> Option<String> {
    change(rng, store, &["resourcePolicy", "principalPolicy", "rolePolicy"], |rng, body| {
        let rules = rules(body)?;
        let first = rules.first()?.clone();
        rules.push(first);
        if rng.chance(60) {
            for rule in rules.iter_mut() {
                rule["name"] = json!("same");
            }
        }
        Some(())
    })?;
    Some("repeated rule".into())
}

fn duplicate(rng: &mut Rng, store: &mut Store) -> Option<String> {
    if store.files.is_empty() {
        return None;
    }
    let index = rng.below(store.files.len());
    let mut copy = store.files[index].clone();
    copy.path = format!("{}copy.yaml", rng.word(&["", "0/", "zz/"]));
    if rng.chance(50)
        && let Body::Policy(policy, _) = &mut copy.body
    {
        for key in ["resource", "principal", "role", "name"] {
            let body = policy.get_mut(kind(policy))?;
            if let Some(name) = body.get(key).and_then(Json::as_str) {
                let alias = if name.contains(['-', ':', '/']) {
                    name.replace(['-', ':', '/'], "_")
                } else {
                    format!("{name}-")
                };
                body[key] = json!(alias);
            }
        }
    }
    let name = format!("duplicate of {} at {}", store.files[index].path, copy.path);
    store.files.push(copy);
    store.files.sort_by(|a, b| a.path.cmp(&b.path));
    Some(name)
}

fn text(rng: &mut Rng, store: &mut Store) -> Option<String> {
    let choices = [
        ("tab", "\tapiVersion: x\n"),
        ("two documents", ""),
        ("garbage after", ": : :\n"),
        ("unclosed quote", "x: \"abc\n"),
        ("duplicate key", "apiVersion: api.cerbos.dev/v1\n"),
        ("list", "- a\n"),
        ("unknown", "nope: 1\n"),
        ("comment", "# fine\n"),
        ("empty file", ""),
        ("scalar file", ""),
        ("comments only", ""),
        ("ignored name", ""),
        ("hidden name", ""),
        ("nested schemas", ""),
        ("crlf", ""),
        ("testdata", ""),
    ];
    let (name, tail) = *rng.pick(&choices);
    let index = if store.files.is_empty() { return None } else { rng.below(store.files.len()) };
    let file = store.files.get_mut(index)?;
    let text = file.text();
    let mut add = |path: &str, text: &str| store.files.push(File { path: path.into(), body: Body::Text(text.into()) });
    match name {
        "two documents" => {
            let twice = format!("{text}\n---\n{text}");
            store.files[index].body = Body::Text(twice);
        }
        "crlf" => store.files[index].body = Body::Text(text.replace('\n', "\r\n")),
        "empty file" => add("empty.yaml", rng.word(&["", "\n", " \n\n", "---\n", "{}", "null\n"])),
        "scalar file" => add("scalar.yml", rng.word(&["hello\n", "1\n", "[]\n", "\"x\"\n", "- a\n"])),
        "comments only" => add("comments.yaml", "# nothing\n\n# here\n"),
        "ignored name" => add("notes.txt", "not: [yaml"),
        "hidden name" => add(rng.word(&[".hidden.yaml", ".dir/x.yaml", "a/.b/c.yaml"]), "not: [yaml"),
        "testdata" => add(rng.word(&["testdata/x.yaml", "a/testdata/x.yaml", "thing_test.yaml"]), "not: [yaml"),
        "nested schemas" => add("a/_schemas/x.json", "{}"),
        _ => store.files[index].body = Body::Text(format!("{text}{tail}")),
    }
    store.files.sort_by(|a, b| a.path.cmp(&b.path));
    Some(format!("text: {name} ({})", store.files.get(index).map_or("", |f| f.path.as_str())))
}
