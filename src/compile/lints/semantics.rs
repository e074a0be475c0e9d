//! Places where the two semantics of docs/semantics.md differ for this set: names that fall together after the reference's
//! folding, patterns that match in one and not in the other. Failing conditions are in `reads`.

use std::collections::BTreeMap;

use super::info;
use crate::policy::model::{Body, Policy, Text};
use crate::policy::names::sanitize;
use crate::source::{Diagnostic, SourceFile};

pub(super) fn lint(policies: &[Policy], out: &mut Vec<Diagnostic>) {
    let mut kinds: BTreeMap<String, &Text> = BTreeMap::new();
    for policy in policies {
        let file = &policy.file;
        match &policy.body {
            Body::Resource(p) => {
                let folded = format!("{} {} {}", sanitize(&p.resource.value), p.version.value, p.scope.value);
                if let Some(first) = kinds.get(&folded) {
                    let text =
                        format!("`{}` and `{}` are one resource under the reference", first.value, p.resource.value);
                    differs(file, &p.resource, text, out);
                } else {
                    kinds.insert(folded, &p.resource);
                }
            }
            Body::Principal(p) => {
                for rule in &p.rules {
                    let pattern = &rule.resource.value;
                    // kinds are folded before they are compared, patterns with a star are not
                    if pattern.contains('*') && pattern.contains([':', '@', '-', '/']) {
                        let text = format!("`{pattern}` never matches under the reference");
                        differs(file, &rule.resource, text, out);
                    }
                }
            }
            Body::Role(p) => {
                for rule in &p.rules {
                    let pattern = &rule.resource.value;
                    if sanitize(pattern) != *pattern {
                        let text = format!("role-policy resource `{pattern}` never matches under the reference");
                        differs(file, &rule.resource, text, out);
                    }
                }
            }
            Body::DerivedRoles(p) => {
                for role in &p.definitions {
                    for parent in role.parent_roles.iter().filter(|t| t.value.contains('*') && t.value != "*") {
                        let text = format!(
                            "under the reference `{}` makes no role effective in `runtime.effectiveDerivedRoles`",
                            parent.value
                        );
                        differs(file, parent, text, out);
                    }
                }
            }
            Body::ExportVariables(_) | Body::ExportConstants(_) => {}
        }
    }
}

fn differs(file: &SourceFile, at: &Text, text: String, out: &mut Vec<Diagnostic>) {
    out.push(info("TG0611", file, at.span, text).with_help("see docs/semantics.md before you move between the two"));
}
