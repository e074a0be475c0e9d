//! What `decide` gives back. Texts for people are made from it elsewhere, and only when somebody reads them.

use super::condition::Failure;
use crate::cel::value::Value;

/// Allow or deny: there is no third answer of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// The action may run.
    Allow,
    /// It may not.
    Deny,
}

/// The answer for one action.
#[derive(Clone, Copy, Debug)]
pub struct ActionResult<'a> {
    /// The action asked about.
    pub action: &'a str,
    /// The answer.
    pub effect: Effect,
    /// Policy key such as `resource.doc.vdefault/acme`, or `NO_MATCH`.
    pub policy: &'a str,
    /// The scope that decided; empty for the root or when nothing decided.
    pub scope: &'a str,
    /// Why.
    pub cause: Cause<'a>,
}

/// Why an action was allowed or denied.
#[derive(Clone, Copy, Debug)]
pub enum Cause<'a> {
    /// No policy exists for the kind, version and scope.
    NoPolicy,
    /// Policies exist, but no ALLOW rule applied. Holds the rule that came nearest, if any matched but for its
    /// condition.
    NoRule(Option<NearMiss<'a>>),
    /// A rule applied.
    Rule(RuleRef<'a>),
    /// A DENY rule applied because its condition could not be evaluated, or strict evaluation stopped at an error.
    Error(RuleRef<'a>, &'a str),
    /// A role policy does not list the action, or its condition was not met.
    RolePolicy(&'a str),
    /// The attributes do not fit the schema.
    Schema,
    /// The decision would have taken more than its budget of steps.
    Budget,
}

/// A rule and where it stands.
#[derive(Clone, Copy, Debug)]
pub struct RuleRef<'a> {
    /// Rule name, given or made (`rule-001`).
    pub name: &'a str,
    /// Policy file, relative to the store's root.
    pub file: &'a str,
    /// Line of the rule, from 1.
    pub line: u32,
    /// The deciding text of the condition, or empty if the rule has none.
    pub condition: &'a str,
}

/// An ALLOW rule that matched role and action, but not its condition.
#[derive(Clone, Copy, Debug)]
pub struct NearMiss<'a> {
    /// The rule.
    pub rule: RuleRef<'a>,
    /// The operand that was not met.
    pub unmet: &'a str,
    /// The error text, if evaluating it failed; empty otherwise.
    pub error: &'a str,
}

/// One output of one rule.
#[derive(Clone, Copy, Debug)]
pub struct OutputEntry<'a> {
    /// `<policy key>#<rule name>`
    pub src: &'a str,
    /// The action it was evaluated for.
    pub action: &'a str,
    /// True when the rule that emitted it decided the action (or came nearest to allowing it): it speaks for the verdict.
    /// Several ALLOW rules of the deciding scope may be marked.
    pub deciding: bool,
    /// The value, or the text of the error.
    pub value: Result<Value<'a>, &'a str>,
}

/// An error met while evaluating a condition, variable or output. De-duplicated per decision.
#[derive(Clone, Copy, Debug)]
pub struct EvaluationError<'a> {
    /// The expression.
    pub expression: &'a str,
    /// What went wrong; its text is the reference's.
    pub failure: Failure<'a>,
}

/// A schema violation.
#[derive(Clone, Copy, Debug)]
pub struct ValidationError<'a> {
    /// JSON pointer into the attributes.
    pub path: &'a str,
    /// Text.
    pub message: &'a str,
    /// True for the principal's attributes, false for the resource's.
    pub principal: bool,
}

/// The whole answer for one resource.
#[derive(Clone, Copy, Debug)]
pub struct Decision<'a> {
    /// Answers in the order of the request's actions.
    pub actions: &'a [ActionResult<'a>],
    /// Derived roles that were active, sorted.
    pub effective_derived_roles: &'a [&'a str],
    /// Outputs in evaluation order.
    pub outputs: &'a [OutputEntry<'a>],
    /// Errors in evaluation order.
    pub errors: &'a [EvaluationError<'a>],
    /// Schema violations.
    pub validation_errors: &'a [ValidationError<'a>],
    /// What was considered, a line each, if asked for.
    pub trace: &'a [&'a str],
    /// Policies with a rule that matched action and role, and their ancestors, each once, if asked for.
    pub policies: &'a [PolicyRef<'a>],
}

/// A policy and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicyRef<'a> {
    /// Policy key such as `resource.doc.vdefault/acme`.
    pub key: &'a str,
    /// Policy file, relative to the store's root.
    pub file: &'a str,
}
