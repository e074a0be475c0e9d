//! Reasons a person can act on, for decisions whose policies give none: which rule, where it stands, what its condition
//! asked.

use std::fmt;

use crate::engine::decision::{ActionResult, Cause, Decision, Effect, RuleRef};
use crate::engine::request::Request;

/// Conditions longer than this are cut: a reason is one sentence.
const LONGEST_CONDITION: usize = 160;

/// The reason of one action's result, as a sentence.
pub struct Reason<'r, 'a> {
    /// The question.
    pub request: &'r Request<'a>,
    /// The answer.
    pub decision: &'r Decision<'a>,
    /// The part of it that is asked about.
    pub result: &'r ActionResult<'a>,
}

impl fmt::Display for Reason<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.request.resource.kind;
        match &self.result.cause {
            Cause::NoPolicy => {
                write!(f, "no policy for `{kind}`")?;
                let (version, scope) = (self.request.resource.policy_version, self.request.resource.scope);
                if !version.is_empty() {
                    write!(f, " of version `{version}`")?;
                }
                if !scope.is_empty() {
                    write!(f, " in scope `{scope}`")?;
                }
                Ok(())
            }
            Cause::NoRule(None) => {
                write!(f, "no rule allows `{}` on `{kind}` for ", self.result.action)?;
                roles(self.request.principal.roles, f)
            }
            Cause::NoRule(Some(near)) => {
                write!(f, "{} would allow this, but ", Rule(&near.rule))?;
                match (near.unmet, near.error) {
                    ("", "") => f.write_str("its condition is not met"),
                    (unmet, "") => write!(f, "its condition is not met: `{}`", Short(unmet)),
                    ("", error) => write!(f, "its condition failed: {error}"),
                    (unmet, error) => write!(f, "its condition failed: {error} in `{}`", Short(unmet)),
                }
            }
            Cause::Rule(rule) => {
                if self.result.effect == Effect::Deny {
                    write!(f, "denied by {}", Rule(rule))?;
                    return if rule.condition.is_empty() { Ok(()) } else { write!(f, ": `{}`", Short(rule.condition)) };
                }
                write!(f, "allowed by {}", Rule(rule))
            }
            Cause::Error(rule, error) => {
                write!(f, "denied by {}, whose condition could not be evaluated: {error}", Rule(rule))
            }
            Cause::RolePolicy(policy) => write!(f, "role policy `{policy}` does not allow `{}`", self.result.action),
            Cause::Schema => {
                f.write_str("the attributes do not fit the schema")?;
                match self.decision.validation_errors.first() {
                    Some(error) if error.path.is_empty() => write!(f, ": {}", error.message),
                    Some(error) => write!(f, ": {}: {}", error.path, error.message),
                    None => Ok(()),
                }
            }
            Cause::Budget => f.write_str("the decision would take more than its budget of steps"),
        }
    }
}

/// The rule that a cause names.
pub(super) fn rule<'a>(cause: &Cause<'a>) -> Option<RuleRef<'a>> {
    match cause {
        Cause::Rule(rule) | Cause::Error(rule, _) => Some(*rule),
        Cause::NoRule(near) => near.map(|near| near.rule),
        Cause::NoPolicy | Cause::RolePolicy(_) | Cause::Schema | Cause::Budget => None,
    }
}

fn roles(roles: &[&str], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(if roles.len() == 1 { "role " } else { "roles " })?;
    for (i, role) in roles.iter().take(8).enumerate() {
        write!(f, "{}`{role}`", if i == 0 { "" } else { ", " })?;
    }
    f.write_str(if roles.len() > 8 { ", …" } else { "" })
}

struct Rule<'r, 'a>(&'r RuleRef<'a>);

impl fmt::Display for Rule<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule `{}` ({}:{})", self.0.name, self.0.file, self.0.line)
    }
}

/// An expression on one line, cut if it is long.
struct Short<'e>(&'e str);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = LONGEST_CONDITION;
        for (i, word) in self.0.split_whitespace().enumerate() {
            let word_len = word.chars().count() + usize::from(i > 0);
            if word_len > left {
                return f.write_str(" …");
            }
            left -= word_len;
            write!(f, "{}{word}", if i > 0 { " " } else { "" })?;
        }
        Ok(())
    }
}
