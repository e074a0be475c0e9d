//! Conditions as the naive engine evaluates them: every expression by the plain tree walker, every variable anew each
//! time it is read.

use std::collections::HashMap;

use bumpalo::Bump;

use super::super::super::definitions::{CONSTANT_ROOTS, VARIABLE_ROOTS};
use super::super::super::expressions::references;
use crate::cel::context::Context;
use crate::cel::error::Eval;
use crate::cel::tests::walker::Walker;
use crate::cel::value::{List, Map, Message, Object, Timestamp, Value};
use crate::cel::{Budget, Checked, Env};
use crate::engine::request::RUNTIME;
use crate::engine::{Semantics, roots};
use crate::policy::model::{Body, Condition, Constants, ExprText, Match, Policy, RoleDefinition, Text, Variables};
use crate::policy::names;

/// Derived roles that a policy can name, with the sets that define them.
pub type Definitions<'s> = Vec<(&'s Policy, &'s RoleDefinition)>;

/// Effective derived roles of one scope; `None` if they could not be computed.
pub type Derived = Option<Vec<String>>;

/// The truth of a condition.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tri {
    True,
    False,
    Error,
}

/// What expressions of a request see beside their policy and `runtime`.
#[derive(Clone, Copy)]
pub struct Sight<'a> {
    pub bump: &'a Bump,
    pub budget: &'a Budget,
    pub now: Option<Timestamp>,
    pub roots: [Value<'a>; roots::COUNT],
    /// A variable that fails is null instead of undefined.
    pub null_failed: bool,
    /// The derived roles that variables see, if not those that expressions do.
    pub of_variables: Option<&'a Derived>,
}

/// All expressions of a store, parsed and checked.
pub struct Expressions<'s> {
    policies: &'s [Policy],
    env: Env,
    checked: HashMap<&'s str, Checked>,
    semantics: Semantics,
}

pub fn condition(condition: Option<&Condition>) -> Option<&Match> {
    match condition {
        Some(Condition::Match(m)) => Some(m),
        Some(Condition::Script(_)) | None => None,
    }
}

/// Derived roles that each policy can name, by index of the policy.
pub fn definitions(policies: &[Policy]) -> Vec<Definitions<'_>> {
    let named = |policy: &Policy| -> Definitions<'_> {
        let Body::Resource(importer) = &policy.body else { return Vec::new() };
        let mut found = Vec::new();
        for import in &importer.import_derived_roles {
            for set in policies {
                if let Body::DerivedRoles(d) = &set.body
                    && names::sanitize(&d.name.value) == names::sanitize(&import.value)
                {
                    found.extend(d.definitions.iter().map(|role| (set, role)));
                }
            }
        }
        found
    };
    policies.iter().map(named).collect()
}

fn leaves<'s>(m: &'s Match, found: &mut Vec<&'s ExprText>) {
    match m {
        Match::Expr(text) => found.push(text),
        Match::All(of) | Match::Any(of) | Match::None(of) => of.iter().for_each(|m| leaves(m, found)),
    }
}

fn texts(policy: &Policy) -> Vec<&ExprText> {
    let conditions: Vec<Option<&Condition>> = match &policy.body {
        Body::Resource(p) => p.rules.iter().map(|r| r.condition.as_ref()).collect(),
        Body::Principal(p) => p.rules.iter().flat_map(|r| &r.actions).map(|a| a.condition.as_ref()).collect(),
        Body::Role(p) => p.rules.iter().map(|r| r.condition.as_ref()).collect(),
        Body::DerivedRoles(p) => p.definitions.iter().map(|d| d.condition.as_ref()).collect(),
        Body::ExportVariables(_) | Body::ExportConstants(_) => Vec::new(),
    };
    let mut found = Vec::new();
    conditions.into_iter().filter_map(condition).for_each(|m| leaves(m, &mut found));
    found.extend(policy.variables.iter().map(|(_, text)| text));
    match (&policy.body, blocks(policy)) {
        (Body::ExportVariables(p), _) => found.extend(p.definitions.iter().map(|(_, text)| text)),
        (_, Some((variables, _))) => found.extend(variables.local.iter().map(|(_, text)| text)),
        (_, None) => {}
    }
    found
}

fn blocks(policy: &Policy) -> Option<(&Variables, &Constants)> {
    match &policy.body {
        Body::Resource(p) => Some((&p.variables, &p.constants)),
        Body::Principal(p) => Some((&p.variables, &p.constants)),
        Body::Role(p) => Some((&p.variables, &p.constants)),
        Body::DerivedRoles(p) => Some((&p.variables, &p.constants)),
        Body::ExportVariables(_) | Body::ExportConstants(_) => None,
    }
}

fn named<'s, T>(list: &'s [(Text, T)], name: &str) -> Option<&'s T> {
    list.iter().find(|(n, _)| n.value == name).map(|(_, v)| v)
}

impl<'s> Expressions<'s> {
    pub fn new(policies: &'s [Policy], env: Env, semantics: Semantics) -> Self {
        // What nobody imports is not compiled, and need not be sound.
        let checked = policies.iter().flat_map(texts);
        let checked = checked.filter_map(|t| Some((&*t.text, crate::cel::compile(&t.text, &env).ok()?)));
        Self { policies, checked: checked.collect(), env, semantics }
    }

    /// §7.
    pub fn condition<'a>(&'a self, m: Option<&Match>, policy: &'a Policy, see: &Sight<'a>, runtime: &Derived) -> Tri {
        let Some(m) = m else { return Tri::True };
        let (of, wanted) = match m {
            Match::Expr(text) => return self.leaf(text, policy, see, runtime),
            Match::All(of) => (of, Tri::False),
            Match::Any(of) | Match::None(of) => (of, Tri::True),
        };
        let mut seen = Vec::new();
        for operand in of {
            let result = self.condition(Some(operand), policy, see, runtime);
            seen.push(result);
            if result == wanted || (result == Tri::Error && self.semantics == Semantics::CerbosStrict) {
                break;
            }
        }
        let opposite = if wanted == Tri::True { Tri::False } else { Tri::True };
        let result = match seen {
            _ if seen.contains(&wanted) => wanted,
            _ if seen.contains(&Tri::Error) => Tri::Error,
            _ => opposite,
        };
        match (m, result) {
            (Match::None(_), Tri::True) => Tri::False,
            (Match::None(_), Tri::False) => Tri::True,
            _ => result,
        }
    }

    fn leaf<'a>(&'a self, text: &ExprText, policy: &'a Policy, see: &Sight<'a>, runtime: &Derived) -> Tri {
        let mut value = self.eval(text, policy, see, runtime);
        while let Ok(Value::Optional(Some(inner))) = value {
            value = Ok(*inner);
        }
        match value {
            Ok(Value::Bool(true)) => Tri::True,
            Ok(Value::Bool(false)) => Tri::False,
            Ok(_) if self.semantics == Semantics::Safe => Tri::Error,
            Ok(_) => Tri::False,
            Err(_) if self.semantics == Semantics::Cerbos => Tri::False,
            Err(_) => Tri::Error,
        }
    }

    fn eval<'a>(&'a self, text: &ExprText, policy: &'a Policy, see: &Sight<'a>, runtime: &Derived) -> Eval<'a> {
        let checked = self.checked.get(&*text.text).unwrap_or_else(|| panic!("{} was not seen", text.text));
        let bump = see.bump;
        let mut variables: Vec<(&'a str, Value<'a>)> = Vec::new();
        for name in references(&checked.ast, VARIABLE_ROOTS) {
            let Some(definition) = self.variable(policy, &name) else { continue };
            let name = &*bump.alloc_str(&name);
            match self.eval(definition, policy, see, see.of_variables.unwrap_or(runtime)) {
                Ok(value) => variables.push((name, plain(value))),
                Err(_) if see.null_failed => variables.push((name, Value::Null)),
                Err(_) => {}
            }
        }
        let constants = references(&checked.ast, CONSTANT_ROOTS);
        let constants = constants.iter().filter_map(|n| Some((&*bump.alloc_str(n), self.constant(policy, n)?)));
        let constants: Vec<(&'a str, Value<'a>)> = constants.collect();
        let mut roots = see.roots.to_vec();
        let fields: &'a [Value<'a>] = match runtime {
            Some(names) => {
                let names: Vec<&'a str> = names.iter().map(|n| &*bump.alloc_str(n)).collect();
                bump.alloc_slice_copy(&[Value::List(List::Strings(bump.alloc_slice_copy(&names)))])
            }
            None => &[],
        };
        roots[roots::RUNTIME] = Value::Message(Message { ty: &RUNTIME, fields });
        roots.push(Value::Map(Map::Fields(bump.alloc_slice_copy(&variables))));
        roots.push(Value::Map(Map::Fields(bump.alloc_slice_copy(&constants))));
        let cx = Context { bump, budget: see.budget, now: see.now };
        Walker { checked, env: &self.env, roots: bump.alloc_slice_copy(&roots), cx }.run()
    }

    fn imported<'p>(&'p self, imports: &'p [Text]) -> impl Iterator<Item = &'p Body> {
        let is = |policy: &Policy, import: &Text| match &policy.body {
            Body::ExportVariables(p) => names::sanitize(&p.name.value) == names::sanitize(&import.value),
            Body::ExportConstants(p) => names::sanitize(&p.name.value) == names::sanitize(&import.value),
            _ => false,
        };
        self.policies.iter().filter(move |p| imports.iter().any(|i| is(p, i))).map(|p| &p.body)
    }

    fn variable<'p>(&'p self, policy: &'p Policy, name: &str) -> Option<&'p ExprText> {
        let (block, _) = blocks(policy)?;
        let own = named(&policy.variables, name).or_else(|| named(&block.local, name));
        let imported = |body: &'p Body| match body {
            Body::ExportVariables(p) => named(&p.definitions, name),
            _ => None,
        };
        own.or_else(|| self.imported(&block.import).find_map(imported))
    }

    fn constant<'p>(&'p self, policy: &'p Policy, name: &str) -> Option<Value<'p>> {
        let (_, block) = blocks(policy)?;
        let imported = |body: &'p Body| match body {
            Body::ExportConstants(p) => named(&p.definitions, name),
            _ => None,
        };
        let own = named(&block.local, name).or_else(|| self.imported(&block.import).find_map(imported));
        own.map(|c| c.value.view())
    }
}

/// §6, what a variable keeps of a value.
fn plain(value: Value<'_>) -> Value<'_> {
    match value {
        Value::Optional(Some(inner)) => plain(*inner),
        Value::Optional(None) => Value::Null,
        Value::Type(name) => Value::String(name),
        Value::Object(Object::Hierarchy(levels)) => Value::List(List::Strings(levels)),
        other => other,
    }
}
