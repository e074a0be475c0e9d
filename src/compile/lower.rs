//! Policies → the engine's form, one policy at a time: expressions into units, names into patterns, derived roles into
//! references. Each is lowered on its own, from what it says and what it imports. Spec: §4.2, §8.3, §9.2.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::CompileOptions;
use super::definitions::{self, Definitions};
use super::expressions::Expressions;
use super::facts::Facts;
use super::link::{Import, Links};
use super::sharing;
use crate::cel::env::{Env, Root, RootType};
use crate::cel::unit::{ExprId, UnitBuilder};
use crate::engine::condition::Condition as Compiled;
use crate::engine::glob::{GlobError, Pattern};
use crate::engine::request::{PRINCIPAL, REQUEST, RESOURCE, RUNTIME};
use crate::engine::roots;
use crate::engine::table::{
    self, ActionIndex, DerivedRef, DerivedRole, DerivedSet, Name, RolePolicy, RoleRule, Rule, RuleTable,
};
use crate::policy::model::{
    Body, Condition, DerivedRoles, ExprText, Match, Output, Policy, PrincipalPolicy, ResourcePolicy, RuleEffect,
    ScopePermissions, Text,
};
use crate::policy::names::{principal_rule_name, resource_rule_name, sanitize};
use crate::schema::Library;
use crate::source::{Diagnostic, Span};

/// What expressions in policies start from, in the order of [`crate::engine::roots`].
#[must_use]
pub fn environment() -> Env {
    let root = |name: &str, index, ty| Root { name: name.to_owned(), ty, index };
    Env::new(vec![
        root("request", roots::REQUEST, RootType::Message(&REQUEST)),
        root("P", roots::PRINCIPAL, RootType::Message(&PRINCIPAL)),
        root("R", roots::RESOURCE, RootType::Message(&RESOURCE)),
        root("runtime", roots::RUNTIME, RootType::Message(&RUNTIME)),
        root("G", roots::GLOBALS, RootType::Globals),
        root("globals", roots::GLOBALS, RootType::Globals),
        // Variables and constants are the unit's own and read no input.
        root("V", roots::COUNT, RootType::Variables),
        root("variables", roots::COUNT, RootType::Variables),
        root("C", roots::COUNT + 1, RootType::Constants),
        root("constants", roots::COUNT + 1, RootType::Constants),
    ])
}

/// What lowering reads; shared by all threads.
pub(super) struct Context<'p> {
    /// By the index that [`Links`] uses; those that nothing to be lowered needs may be missing.
    pub(super) policies: Vec<Option<&'p Policy>>,
    pub(super) links: &'p Links,
    pub(super) options: &'p CompileOptions,
    pub(super) expressions: &'p Expressions,
    pub(super) library: &'p Library,
}

impl<'p> Context<'p> {
    pub(super) fn policy(&self, index: usize) -> Option<&'p Policy> {
        self.policies.get(index).copied().flatten()
    }
}

/// A compiled derived-roles set, with what its names stand for.
pub(super) struct Set {
    pub(super) compiled: Arc<DerivedSet>,
    definitions: Definitions,
}

/// Sets by index of their policy.
pub(super) type Sets = BTreeMap<usize, Arc<Set>>;

/// A policy that takes part in decisions.
#[derive(Clone, Debug)]
pub(super) enum Lowered {
    Resource(Arc<table::Policy>),
    Principal(Arc<table::Policy>),
    Role(Arc<RolePolicy>),
    Set(Arc<DerivedSet>),
}

/// Lowers a derived-roles set; one that is `known` is taken as it is.
pub(super) fn lower_set(
    context: &Context<'_>,
    index: usize,
    known: Option<Arc<DerivedSet>>,
) -> Option<(Arc<Set>, Vec<Diagnostic>)> {
    let policy = context.policy(index)?;
    let Body::DerivedRoles(body) = &policy.body else { return None };
    let none = Sets::new();
    let mut lowering = Lowering { context, sets: &none, diagnostics: Vec::new() };
    let (compiled, definitions) = match known {
        Some(known) => (known, lowering.definitions(policy)),
        None => lowering.derived_set(policy, body),
    };
    Some((Arc::new(Set { compiled, definitions }), lowering.diagnostics))
}

/// Lowers a policy that is asked for by name. The sets it imports are in `sets`.
pub(super) fn lower_policy(context: &Context<'_>, sets: &Sets, index: usize) -> Option<(Lowered, Vec<Diagnostic>)> {
    let policy = context.policy(index)?;
    let mut lowering = Lowering { context, sets, diagnostics: Vec::new() };
    let lowered = match &policy.body {
        Body::Resource(p) => Lowered::Resource(Arc::new(lowering.resource(policy, p))),
        Body::Principal(p) => Lowered::Principal(Arc::new(lowering.principal(policy, p))),
        Body::Role(p) => Lowered::Role(Arc::new(lowering.role(policy, p))),
        Body::DerivedRoles(_) | Body::ExportVariables(_) | Body::ExportConstants(_) => return None,
    };
    Some((lowered, lowering.diagnostics))
}

/// Puts lowered policies into a table, which is not indexed yet.
pub(super) fn add(table: &mut RuleTable, facts: &Facts, lowered: &Lowered) {
    let name = |name: &str| Name { name: name.into(), version: facts.version.clone(), scope: facts.scope.clone() };
    match lowered {
        Lowered::Resource(policy) if table.folded_names => {
            table.resources.insert(name(&sanitize(&facts.name)), Arc::clone(policy));
        }
        Lowered::Resource(policy) => {
            table.resources.insert(name(&facts.name), Arc::clone(policy));
        }
        Lowered::Principal(policy) => {
            table.principals.insert(name(&facts.name), Arc::clone(policy));
        }
        Lowered::Role(policy) => {
            table.roles.insert(name(&facts.name), Arc::clone(policy));
        }
        Lowered::Set(set) => table.derived_sets.push(Arc::clone(set)),
    }
}

pub(super) struct Lowering<'p, 'c> {
    pub(super) context: &'c Context<'p>,
    sets: &'c Sets,
    pub(super) diagnostics: Vec<Diagnostic>,
}

/// One policy's expressions while it is being lowered.
struct Scribe<'p> {
    policy: &'p Policy,
    definitions: Definitions,
    unit: UnitBuilder,
}

impl<'p> Lowering<'p, '_> {
    fn resource(&mut self, policy: &'p Policy, body: &'p ResourcePolicy) -> table::Policy {
        let consent = body.scope_permissions.value == ScopePermissions::RequireParentalConsent;
        let mut scribe = self.scribe(policy);
        let key = policy.key();
        let imported = self.imported_roles(body);
        let mut derived: Vec<DerivedRef> = Vec::new();
        let mut shared = Vec::new();
        let mut rules = Vec::new();
        for (i, rule) in body.rules.iter().enumerate() {
            let mut indices = Vec::new();
            for name in &rule.derived_roles {
                if let Some((set, at)) = self.derived_role(policy, name, &imported) {
                    let index = derived.iter().position(|d| d.is(&at)).unwrap_or_else(|| {
                        shared.push(self.shared_condition(&mut scribe, set, at.role as usize));
                        derived.push(at);
                        derived.len() - 1
                    });
                    indices.push(index as u32);
                }
            }
            let name = rule_name(&rule.name.value, || resource_rule_name(i));
            let condition = self.condition(&mut scribe, rule.condition.as_ref());
            let output = self.output(&mut scribe, rule.output.as_ref());
            let inverted = consent && rule.effect == RuleEffect::Allow && condition.is_some();
            rules.push(Rule {
                src: format!("{key}#{name}").into(),
                name: name.into(),
                line: policy.file.position(rule.at.start).line,
                effect: rule.effect,
                inverted,
                silent: Rule::silent(condition.as_ref(), &output, inverted),
                condition,
                output,
                actions: self.patterns(policy, &rule.actions),
                roles: self.patterns(policy, &rule.roles),
                derived: indices.into(),
                resource: None,
            });
        }
        let schemas = self.schemas(policy, body);
        let lowered = finish(policy, key, &body.scope.value, scribe, rules, (derived, shared));
        table::Policy { schemas, ..lowered }
    }

    fn principal(&mut self, policy: &'p Policy, body: &'p PrincipalPolicy) -> table::Policy {
        let consent = body.scope_permissions.value == ScopePermissions::RequireParentalConsent;
        let mut scribe = self.scribe(policy);
        let key = policy.key();
        let mut rules = Vec::new();
        for group in &body.rules {
            let folded = sanitize(&group.resource.value);
            let resource = if self.context.options.cerbos_compat { &folded } else { &group.resource.value };
            let resource = self.pattern(policy, resource, group.resource.at);
            for (i, rule) in group.actions.iter().enumerate() {
                let name = rule_name(&rule.name.value, || principal_rule_name(&group.resource.value, i));
                let condition = self.condition(&mut scribe, rule.condition.as_ref());
                rules.push(Rule {
                    src: format!("{key}#{name}").into(),
                    name: name.into(),
                    line: policy.file.position(rule.at.start).line,
                    effect: rule.effect,
                    inverted: consent && rule.effect == RuleEffect::Allow && condition.is_some(),
                    condition,
                    silent: None,
                    output: self.output(&mut scribe, rule.output.as_ref()),
                    actions: self.patterns(policy, std::slice::from_ref(&rule.action)),
                    roles: [].into(),
                    derived: [].into(),
                    resource: Some(resource.clone()),
                });
            }
        }
        finish(policy, key, &body.scope.value, scribe, rules, (Vec::new(), Vec::new()))
    }

    fn role(&mut self, policy: &'p Policy, body: &'p crate::policy::model::RolePolicy) -> RolePolicy {
        let mut scribe = self.scribe(policy);
        let key = policy.key();
        let mut rules = Vec::new();
        for rule in &body.rules {
            rules.push(RoleRule {
                name: rule.name.value.as_str().into(),
                src: format!("{key}#{}", rule.name.value).into(),
                line: policy.file.position(rule.at.start).line,
                resource: self.pattern(policy, &rule.resource.value, rule.resource.at),
                allow_actions: rule.allow_actions.iter().map(|a| self.allow_action(policy, a)).collect(),
                condition: self.condition(&mut scribe, rule.condition.as_ref()),
                output: self.output(&mut scribe, rule.output.as_ref()),
            });
        }
        RolePolicy {
            key: key.into(),
            file: policy.file.name().into(),
            unit: scribe.unit.build(),
            parents: body.parent_roles.iter().map(|p| p.value.as_str().into()).collect(),
            rules: rules.into(),
        }
    }

    /// The imported derived-roles sets: (index of the policy, its body, the import).
    fn imported_roles(&self, body: &'p ResourcePolicy) -> Vec<(usize, &'p DerivedRoles, &'p Text)> {
        let find = |import: &'p Text| {
            let i = self.context.links.find(Import::DerivedRoles, &import.value)?;
            match self.context.policy(i).map(|p| &p.body) {
                Some(Body::DerivedRoles(d)) => Some((i, d, import)),
                _ => None,
            }
        };
        body.import_derived_roles.iter().filter_map(find).collect()
    }

    fn derived_role(
        &mut self,
        policy: &Policy,
        name: &Text,
        imported: &[(usize, &'p DerivedRoles, &'p Text)],
    ) -> Option<(usize, DerivedRef)> {
        let mut found = imported.iter().filter_map(|(i, set, import)| {
            set.definitions.iter().position(|d| d.name.value == name.value).map(|at| (*i, at, *import))
        });
        let Some((set, role, import)) = found.next() else {
            let text = format!("Derived role \"{}\" is not defined in any imports", name.value);
            let known = imported.iter().flat_map(|(_, s, _)| s.definitions.iter().map(|d| d.name.value.as_str()));
            let mut diagnostic = Diagnostic::error("TG0508", &policy.file, name.at, text);
            if let Some(near) = crate::yaml::closest(&name.value, known) {
                diagnostic = diagnostic.with_help(format!("did you mean `{near}`?"));
            }
            self.diagnostics.push(diagnostic);
            return None;
        };
        let others: Vec<_> = found.collect();
        if !others.is_empty() {
            let places: Vec<String> = std::iter::once((set, role, import))
                .chain(others)
                .map(|(i, _, import)| {
                    let at = policy.file.position(import.at.start);
                    let file = self.context.policy(i).map_or("", |p| p.file.name());
                    format!("{file} (imported as \"{}\" at {}:{})", import.value, at.line, at.column)
                })
                .collect();
            let text =
                format!("Derived role \"{}\" is defined in more than one import: {}", name.value, places.join(", "));
            self.diagnostics.push(Diagnostic::error("TG0509", &policy.file, None, text));
            return None;
        }
        let compiled = Arc::clone(&self.sets.get(&set)?.compiled);
        Some((set, DerivedRef { set: compiled, role: role as u32 }))
    }

    fn derived_set(&mut self, policy: &'p Policy, body: &'p DerivedRoles) -> (Arc<DerivedSet>, Definitions) {
        let mut scribe = self.scribe(policy);
        let mut roles = Vec::new();
        for definition in &body.definitions {
            roles.push(DerivedRole {
                name: definition.name.value.as_str().into(),
                line: policy.file.position(definition.at.start).line,
                parents: self.patterns(policy, &definition.parent_roles),
                parent_names: definition.parent_roles.iter().map(|p| p.value.as_str().into()).collect(),
                condition: self.condition(&mut scribe, definition.condition.as_ref()),
            });
        }
        let set = DerivedSet {
            key: policy.key().into(),
            file: policy.file.name().into(),
            unit: scribe.unit.build(),
            roles: roles.into(),
        };
        (Arc::new(set), scribe.definitions)
    }

    /// The condition of a derived role in the unit of a policy that imports it, if it means the same there.
    fn shared_condition(&mut self, scribe: &mut Scribe<'p>, set: usize, role: usize) -> Option<Compiled> {
        let policy = self.context.policy(set)?;
        let Body::DerivedRoles(body) = &policy.body else { return None };
        let condition = body.definitions.get(role)?.condition.as_ref()?;
        let there = &self.sets.get(&set)?.definitions;
        let mut same = true;
        sharing::texts(condition, &mut |text| {
            same &= self
                .context
                .expressions
                .sound(text)
                .is_some_and(|checked| sharing::means_the_same(&checked, &scribe.definitions, there));
        });
        if !same {
            return None;
        }
        match condition {
            Condition::Match(m) => self.known_operand(scribe, m),
            Condition::Script(_) => None,
        }
    }

    fn known_operand(&self, scribe: &mut Scribe<'p>, m: &'p Match) -> Option<Compiled> {
        let mut list = |of: &'p [Match]| of.iter().map(|m| self.known_operand(scribe, m)).collect::<Option<_>>();
        Some(match m {
            Match::All(of) => Compiled::All(list(of)?),
            Match::Any(of) => Compiled::Any(list(of)?),
            Match::None(of) => Compiled::None(list(of)?),
            Match::Expr(text) => Compiled::Expr(scribe.unit.add_borrowed(&self.context.expressions.sound(&text.text)?)),
        })
    }

    fn definitions(&mut self, policy: &'p Policy) -> Definitions {
        definitions::resolve(policy, self.context, &mut self.diagnostics)
    }

    fn scribe(&mut self, policy: &'p Policy) -> Scribe<'p> {
        let definitions = self.definitions(policy);
        let constants = definitions.constants.iter().map(|(n, c)| (n.clone(), c.clone())).collect();
        let variables = definitions.variables.iter().map(|(n, c)| (n.clone(), Arc::clone(c))).collect();
        let unit = UnitBuilder::shared(self.context.expressions.env(), constants, variables);
        Scribe { policy, definitions, unit }
    }

    fn expression(&mut self, scribe: &mut Scribe<'p>, text: &ExprText) -> Option<ExprId> {
        let file = &scribe.policy.file;
        let expressions = self.context.expressions;
        match expressions.compile(text, file) {
            Ok(checked) => {
                let (env, found) = (expressions.env(), &mut self.diagnostics);
                scribe.definitions.check_references(env, &checked, text, file, "", found);
                Some(scribe.unit.add_shared(&checked))
            }
            Err(diagnostic) => {
                self.diagnostics.push(*diagnostic);
                None
            }
        }
    }

    /// The condition; `None` if there is none. A condition that does not compile leaves a diagnostic, so that no table
    /// comes of it.
    fn condition(&mut self, scribe: &mut Scribe<'p>, condition: Option<&'p Condition>) -> Option<Compiled> {
        match condition? {
            Condition::Match(m) => Some(self.operand(scribe, m)),
            Condition::Script(text) => {
                let help = "write the condition as `match` with CEL expressions";
                let message = "Unsupported feature";
                self.diagnostics
                    .push(Diagnostic::error("TG0511", &scribe.policy.file, text.at, message).with_help(help));
                None
            }
        }
    }

    fn operand(&mut self, scribe: &mut Scribe<'p>, m: &'p Match) -> Compiled {
        let mut list = |this: &mut Self, of: &'p [Match]| of.iter().map(|m| this.operand(scribe, m)).collect();
        match m {
            Match::All(of) => Compiled::All(list(self, of)),
            Match::Any(of) => Compiled::Any(list(self, of)),
            Match::None(of) => Compiled::None(list(self, of)),
            Match::Expr(text) => match self.expression(scribe, text) {
                Some(id) => Compiled::Expr(id),
                None => Compiled::Any([].into()),
            },
        }
    }

    fn output(&mut self, scribe: &mut Scribe<'p>, output: Option<&'p Output>) -> table::Outputs {
        let output = output?;
        if output.rule_activated.is_none() && output.condition_not_met.is_none() {
            let message = "output must have at least one expression";
            self.diagnostics.push(
                Diagnostic::error("TG0510", &scribe.policy.file, output.at, message)
                    .with_help("give `when.ruleActivated` or `when.conditionNotMet`"),
            );
        }
        let activated = output.rule_activated.as_ref().and_then(|t| self.expression(scribe, t));
        if let Some(text) = &output.overruled {
            self.expression(scribe, text);
        }
        let not_met = output.condition_not_met.as_ref().and_then(|t| self.expression(scribe, t));
        Some((activated, not_met))
    }

    fn patterns(&mut self, policy: &Policy, texts: &[Text]) -> Box<[Pattern]> {
        texts.iter().map(|t| self.pattern(policy, &t.value, t.at)).collect()
    }

    /// Matcher G. The reference lets an invalid glob match nothing, which would switch off a DENY: by default it is an
    /// error.
    fn pattern(&mut self, policy: &Policy, text: &str, at: Span) -> Pattern {
        Pattern::gated(text).unwrap_or_else(|error| {
            self.bad_glob(policy, at, &error);
            Pattern::Never
        })
    }

    /// Matcher A.
    pub(super) fn allow_action(&mut self, policy: &Policy, text: &Text) -> Pattern {
        Pattern::always(&text.value).unwrap_or_else(|error| {
            self.bad_glob(policy, text.at, &error);
            Pattern::Literal(text.value.as_str().into())
        })
    }

    fn bad_glob(&mut self, policy: &Policy, at: Span, error: &GlobError) {
        let lenient = self.context.options.cerbos_compat && matches!(error, GlobError::Invalid(..));
        let make = if lenient { Diagnostic::warning } else { Diagnostic::error };
        let help = "escape special characters with a backslash, or give a class like `[abc]` or `[a-z]`";
        self.diagnostics.push(make("TG0512", &policy.file, Some(at), error.to_string()).with_help(help));
    }
}

fn finish(
    policy: &Policy,
    key: String,
    scope: &str,
    scribe: Scribe<'_>,
    rules: Vec<Rule>,
    (derived, shared): (Vec<DerivedRef>, Vec<Option<Compiled>>),
) -> table::Policy {
    let unit = scribe.unit.build();
    // Where expressions read the derived roles, these must be known before anything of the unit is evaluated.
    let shared = if unit.reads_root(roots::RUNTIME) { vec![None; derived.len()] } else { shared };
    table::Policy {
        actions: ActionIndex::new(&rules),
        key: key.into(),
        file: policy.file.name().into(),
        scope: scope.into(),
        unit,
        rules: rules.into(),
        derived: derived.into(),
        shared: shared.into(),
        schemas: None,
    }
}

fn rule_name(given: &str, default: impl FnOnce() -> String) -> String {
    if given.is_empty() { default() } else { given.to_owned() }
}
