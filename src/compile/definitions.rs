//! The variables and constants a policy sees: its own, imported ones, and the deprecated top-level variables; checked
//! for redefinition, undefined references and cycles, and ordered so that each comes after what it needs (spec §6).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::expressions::references;
use super::link::Import;
use super::lower::Context;
use crate::cel::checker::Checked;
use crate::cel::env::Env;
use crate::cel::unit::{PolicyName, live_names};
use crate::cel::value::Constant;
use crate::policy::model::{Body, Constants, ExprText, Policy, Text, Variables};
use crate::policy::names::check_identifier;
use crate::source::{Diagnostic, SourceFile, Span};

/// How `V` may be written.
pub(super) const VARIABLE_ROOTS: [&str; 2] = ["V", "variables"];
/// How `C` may be written.
pub(super) const CONSTANT_ROOTS: [&str; 2] = ["C", "constants"];

/// A policy's definitions, ready for its expression unit.
#[derive(Default)]
pub(super) struct Definitions {
    /// Variables in dependency order, ties by name.
    pub(super) variables: Vec<(String, Arc<Checked>)>,
    /// Constants by name.
    pub(super) constants: BTreeMap<String, Constant>,
    /// Names that are defined, whether or not their definitions are sound.
    variable_names: Vec<String>,
}

struct Place<'p> {
    file: &'p SourceFile,
    key: Span,
    /// The value: where the reference says that a definition is.
    at: Span,
    origin: String,
}

struct Definition<'p, T> {
    place: Place<'p>,
    value: T,
}

type Found<'p, T> = BTreeMap<&'p str, Vec<Definition<'p, T>>>;

pub(super) fn resolve(policy: &Policy, context: &Context<'_>, diagnostics: &mut Vec<Diagnostic>) -> Definitions {
    let expressions = context.expressions;
    let (variables, constants) = blocks(policy);
    let variables = find_variables(policy, variables, context);
    let constants = find_constants(policy, constants, context);
    check_names(&variables, "TG0503", diagnostics);
    check_names(&constants, "TG0503", diagnostics);
    check_redefined(policy, &variables, "Variable", diagnostics);
    check_redefined(policy, &constants, "Constant", diagnostics);
    let mut definitions = Definitions {
        variables: Vec::new(),
        constants: constants
            .iter()
            .filter_map(|(n, d)| d.first().map(|d| ((*n).to_owned(), d.value.clone())))
            .collect(),
        variable_names: variables.keys().map(|n| (*n).to_owned()).collect(),
    };
    let mut checked: BTreeMap<&str, (Arc<Checked>, Vec<String>)> = BTreeMap::new();
    for (name, found) in &variables {
        let Some(definition) = found.first() else { continue };
        let (text, file) = (definition.value, definition.place.file);
        match expressions.compile(text, file) {
            Ok(c) => {
                let context = format!(" referenced in variable '{name}'");
                definitions.check_references(expressions.env(), &c, text, file, &context, diagnostics);
                checked.insert(name, (Arc::clone(&c), references(&c.ast, VARIABLE_ROOTS)));
            }
            Err(d) => diagnostics.push(*d),
        }
    }
    definitions.variables = match order(&checked) {
        Ok(ordered) => ordered,
        Err(_) => {
            // what folding cuts away closes no circle
            for (c, needs) in checked.values_mut() {
                let live = live_names(expressions.env(), c);
                needs.retain(|n| live.contains(&PolicyName::Variable(n.as_str().into())));
            }
            order(&checked).unwrap_or_else(|stuck| {
                let stuck: Vec<&str> = stuck.iter().map(String::as_str).collect();
                report_cycles(&stuck, &checked, &variables, diagnostics);
                Vec::new()
            })
        }
    };
    definitions
}

impl Definitions {
    /// Reports variables and constants that an expression names and nobody defines.
    pub(super) fn check_references(
        &self,
        env: &Env,
        checked: &Checked,
        text: &ExprText,
        file: &SourceFile,
        context: &str,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        let mut report = |code, what: &str, name: &str, near: Option<&str>| {
            let message = format!("Undefined {what} '{name}'{context}");
            let mut d = Diagnostic::error(code, file, text.at, message);
            if let Some(near) = near {
                d = d.with_help(format!("did you mean `{near}`?"));
            }
            diagnostics.push(d);
        };
        // looked at closely only when something is missing
        let mut live: Option<Vec<PolicyName>> = None;
        let mut is_live = |name: PolicyName| live.get_or_insert_with(|| live_names(env, checked)).contains(&name);
        for name in references(&checked.ast, VARIABLE_ROOTS) {
            if !self.variable_names.contains(&name) && is_live(PolicyName::Variable(name.as_str().into())) {
                let near = crate::yaml::closest(&name, self.variable_names.iter().map(String::as_str));
                report("TG0504", "variable", &name, near);
            }
        }
        for name in references(&checked.ast, CONSTANT_ROOTS) {
            if !self.constants.contains_key(&name) && is_live(PolicyName::Constant(name.as_str().into())) {
                let near = crate::yaml::closest(&name, self.constants.keys().map(String::as_str));
                report("TG0505", "constant", &name, near);
            }
        }
    }
}

fn blocks(policy: &Policy) -> (Option<&Variables>, Option<&Constants>) {
    match &policy.body {
        Body::Resource(p) => (Some(&p.variables), Some(&p.constants)),
        Body::Principal(p) => (Some(&p.variables), Some(&p.constants)),
        Body::Role(p) => (Some(&p.variables), Some(&p.constants)),
        Body::DerivedRoles(p) => (Some(&p.variables), Some(&p.constants)),
        Body::ExportVariables(_) | Body::ExportConstants(_) => (None, None),
    }
}

fn add<'p, T>(found: &mut Found<'p, T>, name: &'p Text, at: Span, file: &'p SourceFile, origin: &str, value: T) {
    let place = Place { file, key: name.span, at, origin: origin.to_owned() };
    found.entry(&name.value).or_default().push(Definition { place, value });
}

fn find_variables<'p>(
    policy: &'p Policy,
    block: Option<&'p Variables>,
    context: &Context<'p>,
) -> Found<'p, &'p ExprText> {
    let mut found = Found::new();
    for import in block.map_or(&[][..], |b| &b.import) {
        let library = context.links.find(Import::Variables, &import.value).and_then(|i| context.policy(i));
        if let Some(Policy { file, body: Body::ExportVariables(exports), .. }) = library {
            for (name, text) in &exports.definitions {
                add(&mut found, name, text.at, file, &format!("import '{}'", exports.name.value), text);
            }
        }
    }
    for (name, text) in block.map_or(&[][..], |b| &b.local) {
        add(&mut found, name, text.at, &policy.file, "policy local variables", text);
    }
    for (name, text) in &policy.variables {
        add(&mut found, name, text.at, &policy.file, "deprecated top-level policy variables", text);
    }
    found
}

fn find_constants<'p>(policy: &'p Policy, block: Option<&'p Constants>, context: &Context<'p>) -> Found<'p, Constant> {
    let mut found = Found::new();
    for import in block.map_or(&[][..], |b| &b.import) {
        let library = context.links.find(Import::Constants, &import.value).and_then(|i| context.policy(i));
        if let Some(Policy { file, body: Body::ExportConstants(exports), .. }) = library {
            for (name, value) in &exports.definitions {
                add(&mut found, name, value.at, file, &format!("import '{}'", exports.name.value), value.value.clone());
            }
        }
    }
    for (name, value) in block.map_or(&[][..], |b| &b.local) {
        add(&mut found, name, value.at, &policy.file, "policy local constants", value.value.clone());
    }
    found
}

fn check_names<T>(found: &Found<'_, T>, code: &'static str, diagnostics: &mut Vec<Diagnostic>) {
    for (name, definitions) in found {
        if let (Err(fault), Some(d)) = (check_identifier(name), definitions.first()) {
            diagnostics.push(Diagnostic::error(code, d.place.file, d.place.key, fault));
        }
    }
}

fn check_redefined<T>(policy: &Policy, found: &Found<'_, T>, what: &str, diagnostics: &mut Vec<Diagnostic>) {
    for (name, definitions) in found {
        if definitions.len() < 2 {
            continue;
        }
        let places: Vec<String> = definitions
            .iter()
            .map(|d| {
                let at = d.place.file.position(d.place.at.start);
                format!("{} ({}:{}:{})", d.place.origin, d.place.file.name(), at.line, at.column)
            })
            .collect();
        let text = format!("{what} '{name}' has multiple definitions in {}", listed(&places));
        let mut diagnostic = Diagnostic::error("TG0506", &policy.file, None, text);
        for d in definitions {
            diagnostic = diagnostic.with_related(d.place.file, d.place.key, "defined here");
        }
        diagnostics.push(diagnostic);
    }
}

/// `a`, `a and b`, `a, b, and c`.
fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [a, b] => format!("{a} and {b}"),
        [head @ .., last] => format!("{}, and {last}", head.join(", ")),
    }
}

/// Dependency order with ties by name, or what is left over in the end: it lies on a cycle or needs one that does.
fn order(checked: &BTreeMap<&str, (Arc<Checked>, Vec<String>)>) -> Result<Vec<(String, Arc<Checked>)>, Vec<String>> {
    let mut done: Vec<(String, Arc<Checked>)> = Vec::new();
    let mut waiting: BTreeMap<&str, usize> = BTreeMap::new();
    let mut needed_by: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, (_, needs)) in checked {
        let mut open = 0;
        for need in needs {
            if let Some((need, _)) = checked.get_key_value(need.as_str()) {
                open += 1;
                needed_by.entry(need).or_default().push(name);
            }
        }
        waiting.insert(name, open);
    }
    let mut ready: std::collections::BTreeSet<&str> =
        waiting.iter().filter(|(_, open)| **open == 0).map(|(n, _)| *n).collect();
    while let Some(name) = ready.pop_first() {
        waiting.remove(name);
        if let Some((c, _)) = checked.get(name) {
            done.push((name.to_owned(), Arc::clone(c)));
        }
        for next in needed_by.get(name).map_or(&[][..], |v| v) {
            if let Some(open) = waiting.get_mut(next) {
                *open -= 1;
                if *open == 0 {
                    ready.insert(next);
                }
            }
        }
    }
    if waiting.is_empty() { Ok(done) } else { Err(waiting.into_keys().map(str::to_owned).collect()) }
}

fn report_cycles(
    stuck: &[&str],
    checked: &BTreeMap<&str, (Arc<Checked>, Vec<String>)>,
    found: &Found<'_, &ExprText>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let mut reported: Vec<&str> = Vec::new();
    for start in stuck {
        if reported.contains(start) {
            continue;
        }
        // Follow the first stuck dependency until a name repeats: the tail from there is a cycle.
        let mut path: Vec<&str> = vec![start];
        let cycle = loop {
            let Some(last) = path.last() else { break &[][..] };
            let needs = checked.get(last).map_or(&[][..], |(_, needs)| needs);
            let Some(next) = stuck.iter().find(|s| needs.iter().any(|n| n == **s)) else { break &[][..] };
            if let Some(at) = path.iter().position(|p| p == next) {
                break path.get(at..).unwrap_or(&[]);
            }
            path.push(next);
        };
        let mut cycle = cycle.to_vec();
        if cycle.is_empty() || cycle.iter().any(|c| reported.contains(c)) {
            continue;
        }
        cycle.sort_unstable();
        reported.extend(&cycle);
        let place = |name: &str| found.get(name).and_then(|d| d.first());
        let Some(first) = cycle.first().and_then(|n| place(n)) else { continue };
        let text = if let [one] = &cycle[..] {
            format!("Variable '{one}' references itself")
        } else {
            let all: Vec<String> = cycle
                .iter()
                .filter_map(|n| place(n).map(|d| (n, d)))
                .map(|(n, d)| {
                    let at = d.place.file.position(d.value.at.start);
                    format!("'{n}' ({}:{}:{})", d.place.file.name(), at.line, at.column)
                })
                .collect();
            format!("Variables {} form a cycle", listed(&all))
        };
        diagnostics.push(Diagnostic::error("TG0507", first.place.file, first.value.at, text));
    }
}
