//! Attributes by the paths that are read of them: those that a DENY rests on and nothing looks for first, and those whose
//! names look like a misspelling of another's.

use std::collections::{BTreeMap, BTreeSet};

use super::{condition_texts, expressions, info, own_variables, parsed, rules};
use crate::cel::ast::Ast;
use crate::cel::selections::selections;
use crate::compile::CompileOptions;
use crate::policy::model::{Body, ExprText, Policy, RuleEffect};
use crate::policy::names::sanitize;
use crate::source::{Diagnostic, Span};

/// Something selected from a root: `R.attr.a.b`.
struct Read {
    path: Vec<String>,
    /// Inside of `has(…)`.
    tested: bool,
    /// Offset in the expression.
    at: u32,
}

pub(super) fn lint(policies: &[Policy], options: &CompileOptions, out: &mut Vec<Diagnostic>) {
    fails_open(policies, options, out);
    misspelt(policies, out);
}

/// The selections from the roots of policies in an expression.
fn reads(ast: &Ast) -> Vec<Read> {
    let selected = selections(ast).into_iter().filter(|s| s.path.len() > 1);
    selected.filter_map(|s| Some(Read { path: rooted(s.path)?, tested: s.tested, at: s.at })).collect()
}

/// `P.attr.x` for `request.principal.attr.x`, and so on; `None` for what does not start at a root.
fn rooted(steps: Vec<String>) -> Option<Vec<String>> {
    let (root, skipped) = match steps.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["request", "principal", ..] => ("P", 2),
        ["request", "resource", ..] => ("R", 2),
        ["variables", ..] => ("V", 1),
        ["P" | "R" | "V", ..] => return Some(steps),
        _ => return None,
    };
    Some(std::iter::once(root.to_owned()).chain(steps.into_iter().skip(skipped)).collect())
}

/// What an expression and the variables it uses read, and test for.
struct Closure<'p> {
    /// Reads in the expression itself or in a variable: where, and of which text.
    reads: Vec<(Read, &'p ExprText, &'p Policy)>,
    /// The expressions, and the definitions of variables they use.
    texts: Vec<&'p ExprText>,
}

/// A policy's variables by name: its own and those it imports.
fn variables<'p>(policy: &'p Policy, policies: &'p [Policy]) -> BTreeMap<&'p str, (&'p ExprText, &'p Policy)> {
    let imports = match &policy.body {
        Body::Resource(p) => &p.variables.import[..],
        Body::Principal(p) => &p.variables.import,
        Body::Role(p) => &p.variables.import,
        Body::DerivedRoles(p) => &p.variables.import,
        Body::ExportVariables(_) | Body::ExportConstants(_) => &[],
    };
    let mut out = BTreeMap::new();
    for library in policies {
        if let Body::ExportVariables(p) = &library.body
            && imports.iter().any(|i| sanitize(&i.value) == sanitize(&p.name.value))
        {
            out.extend(p.definitions.iter().map(|(name, text)| (name.value.as_str(), (text, library))));
        }
    }
    out.extend(own_variables(policy).into_iter().map(|(name, text)| (name.value.as_str(), (text, policy))));
    out
}

fn closure<'p>(texts: &[&'p ExprText], policy: &'p Policy, policies: &'p [Policy]) -> Closure<'p> {
    let known = variables(policy, policies);
    let mut open: Vec<(&ExprText, &Policy)> = texts.iter().map(|t| (*t, policy)).collect();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let (mut found, mut all) = (Vec::new(), Vec::new());
    while let Some((text, from)) = open.pop() {
        all.push(text);
        let Some(ast) = parsed(text) else { continue };
        for read in reads(&ast) {
            if let [root, name, ..] = &read.path[..]
                && root == "V"
                && seen.insert(name.clone())
                && let Some(definition) = known.get(name.as_str())
            {
                open.push(*definition);
            }
            found.push((read, text, from));
        }
    }
    Closure { reads: found, texts: all }
}

/// Expressions, and the definitions of the variables they use, each once.
pub(super) fn texts<'p>(texts: &[&'p ExprText], policy: &'p Policy, policies: &'p [Policy]) -> Vec<&'p ExprText> {
    closure(texts, policy, policies).texts
}

impl Closure<'_> {
    /// The beginnings of a path that may be missing and that nothing looks for.
    fn unguarded(&self, path: &[String], tested: bool) -> Option<String> {
        let fixed = match path {
            [root, attr, ..] if (root == "R" || root == "P") && attr == "attr" => 2,
            [root, _, ..] if root == "V" => 2,
            _ => return None,
        };
        // has(a.b) looks for b, and fails without a
        let last = if tested { path.len().saturating_sub(1) } else { path.len() };
        (fixed + 1..=last).find_map(|len| {
            let beginning = path.get(..len)?;
            let looked_for = self.reads.iter().any(|(r, _, _)| r.tested && r.path == beginning);
            (!looked_for).then(|| beginning.join("."))
        })
    }
}

fn fails_open(policies: &[Policy], options: &CompileOptions, out: &mut Vec<Diagnostic>) {
    for policy in policies {
        for rule in rules(policy).iter().filter(|r| r.effect == Some(RuleEffect::Deny)) {
            let mut texts = Vec::new();
            condition_texts(rule.condition, &mut texts);
            let closure = closure(&texts, policy, policies);
            let mut told = BTreeSet::new();
            for (read, text, from) in &closure.reads {
                let Some(missing) = closure.unguarded(&read.path, read.tested) else { continue };
                if !told.insert(missing.clone()) {
                    continue;
                }
                let at = text.file_offset(read.at);
                let span = Span { start: at, end: at + 1 };
                let what = format!("DENY rule `{}` rests on `{missing}`, which may be missing", rule.name);
                let help = format!("look for it first: `has({missing}) && …`, or deny when it is missing");
                let diagnostic = if options.cerbos_compat {
                    let text = format!("{what}: then the rule does not apply");
                    Diagnostic::warning("TG0607", &from.file, span, text)
                } else {
                    info("TG0607", &from.file, span, format!("{what}: it denies then, but not under the reference"))
                };
                out.push(diagnostic.with_help(help));
            }
        }
    }
}

/// A name that is read in one place of the whole set, and is nearly that of one that is read in more.
fn misspelt(policies: &[Policy], out: &mut Vec<Diagnostic>) {
    // attribute names by what they are selected from, with the places
    let mut known: BTreeMap<String, BTreeMap<String, Vec<(&Policy, Span)>>> = BTreeMap::new();
    for policy in policies {
        let texts = expressions(policy).into_iter().chain(own_variables(policy).into_iter().map(|(_, text)| text));
        for text in texts {
            let Some(ast) = parsed(text) else { continue };
            for read in reads(&ast) {
                let at = text.file_offset(read.at);
                for len in 3..=read.path.len() {
                    let (Some(parent), Some(name)) = (read.path.get(..len - 1), read.path.get(len - 1)) else {
                        continue;
                    };
                    let names = known.entry(parent.join(".")).or_default();
                    names.entry(name.clone()).or_default().push((policy, Span { start: at, end: at + 1 }));
                }
            }
        }
    }
    for (parent, names) in &known {
        for (name, places) in names {
            let [(policy, span)] = places[..] else { continue };
            // a slip of the pen keeps the first letter, and the length but for one
            let alike = |n: &str| n.chars().next() == name.chars().next() && n.len().abs_diff(name.len()) <= 1;
            let others = names.iter().filter(|(n, p)| *n != name && p.len() > 1 && alike(n)).map(|(n, _)| n.as_str());
            // short names are near each other by chance
            if name.chars().count() < 4 {
                continue;
            }
            if let Some(near) = crate::yaml::closest(name, others) {
                let text = format!("`{parent}.{name}` is read nowhere else, but `{parent}.{near}` is");
                let help = format!("did you mean `{near}`?");
                out.push(Diagnostic::warning("TG0608", &policy.file, span, text).with_help(help));
            }
        }
    }
}
