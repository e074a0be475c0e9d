//! What became of mutants, for people and for machines.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json as value};

use super::{Fate, Mutation};

/// A line a file, then every survivor with its place and the case that would notice it.
#[must_use]
pub fn text(mutation: &Mutation) -> String {
    let mut files: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
    for (mutant, fate) in &mutation.tried {
        let [killed, survived, stillborn] = files.entry(&mutant.file).or_default();
        match fate {
            Fate::Killed => *killed += 1,
            Fate::Survived => *survived += 1,
            Fate::Stillborn => *stillborn += 1,
        }
    }
    let mut out = String::from("Mutants\n");
    let width = files.keys().map(|f| f.chars().count()).max().unwrap_or(0);
    for (file, [killed, survived, _]) in &files {
        let _ = writeln!(out, "{file:<width$}  {killed}/{} killed", killed + survived);
    }
    for (mutant, _) in mutation.tried.iter().filter(|(_, fate)| *fate == Fate::Survived) {
        let _ = writeln!(
            out,
            "\nsurvived: {}:{}:{}: {}: {}\n  missing: {}",
            mutant.file, mutant.line, mutant.column, mutant.rule, mutant.change, mutant.hint
        );
    }
    let (killed, survived) = (mutation.count(Fate::Killed), mutation.count(Fate::Survived));
    let tenths = (mutation.percent() * 10.0).floor() / 10.0;
    let _ = writeln!(
        out,
        "\n{} of {} mutants tried: {killed} killed, {survived} survived, {} do not compile: {tenths:.1} % killed",
        mutation.tried.len(),
        mutation.all,
        mutation.count(Fate::Stillborn)
    );
    out
}

/// `{summary, survivors: [{file, position, rule, change, missing}]}`, indented.
#[must_use]
pub fn json(mutation: &Mutation) -> String {
    let survivors: Vec<Value> = mutation
        .tried
        .iter()
        .filter(|(_, fate)| *fate == Fate::Survived)
        .map(|(m, _)| {
            value!({
                "file": m.file, "position": {"line": m.line, "column": m.column},
                "rule": m.rule, "change": m.change, "missing": m.hint,
            })
        })
        .collect();
    let summary = value!({
        "mutants": mutation.all, "tried": mutation.tried.len(), "killed": mutation.count(Fate::Killed),
        "survived": mutation.count(Fate::Survived), "doNotCompile": mutation.count(Fate::Stillborn),
        "percent": mutation.percent(),
    });
    format!("{:#}\n", value!({ "summary": summary, "survivors": survivors }))
}
