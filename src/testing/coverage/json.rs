//! Coverage as JSON for machines.

use serde_json::{Value, json};

use super::{Coverage, FileCoverage, Share, Shares};

/// `{summary, files: [{file, policy, summary, items: [{kind, name, line, hits, conditions}]}]}`, indented.
#[must_use]
pub fn json(coverage: &Coverage) -> String {
    let files: Vec<Value> = coverage.files().map(file).collect();
    format!("{:#}\n", json!({ "summary": shares(Shares::total(coverage)), "files": files }))
}

fn share(share: Share) -> Value {
    json!({ "covered": share.hit, "total": share.all, "percent": share.percent() })
}

fn shares(shares: Shares) -> Value {
    json!({
        "rules": share(shares.rules),
        "branches": share(shares.branches),
        "derivedRoles": share(shares.derived_roles),
        "effects": share(shares.effects),
    })
}

fn file(file: FileCoverage<'_>) -> Value {
    let items: Vec<Value> = file
        .items()
        .map(|(item, hits, branches)| {
            let conditions: Vec<Value> = item
                .nodes
                .iter()
                .zip(branches)
                .map(|(node, b)| {
                    json!({
                        "line": node.line, "text": node.text,
                        "true": b.met, "false": b.unmet, "error": b.failed,
                    })
                })
                .collect();
            json!({
                "kind": item.kind.word(), "name": item.name, "line": item.line,
                "asked": hits.asked, "applied": hits.met, "notMet": hits.unmet, "error": hits.failed,
                "decided": hits.decided, "conditions": conditions,
            })
        })
        .collect();
    let plan = file.plan();
    json!({ "file": plan.file.name(), "policy": plan.key, "summary": shares(Shares::of(file)), "items": items })
}
