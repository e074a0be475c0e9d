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
        self.write(f)
    }
}

impl Reason<'_, '_> {
    /// Writes the sentence, piece by piece: every reply has one.
    pub(super) fn write(&self, to: &mut impl fmt::Write) -> fmt::Result {
        let kind = self.request.resource.kind;
        match &self.result.cause {
            Cause::NoPolicy => {
                pieces(to, &["no policy for `", kind, "`"])?;
                let (version, scope) = (self.request.resource.policy_version, self.request.resource.scope);
                if !version.is_empty() {
                    pieces(to, &[" of version `", version, "`"])?;
                }
                if !scope.is_empty() {
                    pieces(to, &[" in scope `", scope, "`"])?;
                }
                Ok(())
            }
            Cause::NoRule(None) => {
                pieces(to, &["no rule allows `", self.result.action, "` on `", kind, "` for "])?;
                roles(self.request.principal.roles, to)
            }
            Cause::NoRule(Some(near)) => {
                write_rule(&near.rule, to)?;
                to.write_str(" would allow this, but ")?;
                match (near.unmet, near.error) {
                    ("", "") => to.write_str("its condition is not met"),
                    (unmet, "") => {
                        to.write_str("its condition is not met: ")?;
                        quoted(unmet, to)
                    }
                    ("", error) => pieces(to, &["its condition failed: ", error]),
                    (unmet, error) => {
                        pieces(to, &["its condition failed: ", error, " in "])?;
                        quoted(unmet, to)
                    }
                }
            }
            Cause::Rule(rule) => {
                let denies = self.result.effect == Effect::Deny;
                to.write_str(if denies { "denied by " } else { "allowed by " })?;
                write_rule(rule, to)?;
                if !denies || rule.condition.is_empty() {
                    return Ok(());
                }
                to.write_str(": ")?;
                quoted(rule.condition, to)
            }
            Cause::Error(rule, error) => {
                to.write_str("denied by ")?;
                write_rule(rule, to)?;
                pieces(to, &[", whose condition could not be evaluated: ", error])
            }
            Cause::RolePolicy(policy) => {
                pieces(to, &["role policy `", policy, "` does not allow `", self.result.action, "`"])
            }
            Cause::Schema => {
                to.write_str("the attributes do not fit the schema")?;
                match self.decision.validation_errors.first() {
                    Some(error) if error.path.is_empty() => pieces(to, &[": ", error.message]),
                    Some(error) => pieces(to, &[": ", error.path, ": ", error.message]),
                    None => Ok(()),
                }
            }
            Cause::Budget => to.write_str("the decision would take more than its budget of steps"),
        }
    }
}

fn pieces(to: &mut impl fmt::Write, pieces: &[&str]) -> fmt::Result {
    pieces.iter().try_for_each(|piece| to.write_str(piece))
}

/// The rule that a cause names.
pub(super) fn rule<'a>(cause: &Cause<'a>) -> Option<RuleRef<'a>> {
    match cause {
        Cause::Rule(rule) | Cause::Error(rule, _) => Some(*rule),
        Cause::NoRule(near) => near.map(|near| near.rule),
        Cause::NoPolicy | Cause::RolePolicy(_) | Cause::Schema | Cause::Budget => None,
    }
}

fn roles(roles: &[&str], to: &mut impl fmt::Write) -> fmt::Result {
    to.write_str(if roles.len() == 1 { "role " } else { "roles " })?;
    for (i, role) in roles.iter().take(8).enumerate() {
        pieces(to, &[if i == 0 { "`" } else { ", `" }, role, "`"])?;
    }
    to.write_str(if roles.len() > 8 { ", …" } else { "" })
}

fn write_rule(rule: &RuleRef<'_>, to: &mut impl fmt::Write) -> fmt::Result {
    pieces(to, &["rule `", rule.name, "` ("])?;
    write_location(rule, to)?;
    to.write_str(")")
}

/// `file:line`
pub(super) fn write_location(rule: &RuleRef<'_>, to: &mut impl fmt::Write) -> fmt::Result {
    pieces(to, &[rule.file, ":"])?;
    // decimal digits, last first
    let (mut digits, mut left) = ([b'0'; 10], rule.line);
    let mut first = digits.len();
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (left % 10) as u8;
        left /= 10;
        first -= 1;
        if left == 0 {
            break;
        }
    }
    to.write_str(digits.get(first..).and_then(|digits| str::from_utf8(digits).ok()).unwrap_or_default())
}

/// An expression in backticks, on one line, cut if it is long.
fn quoted(expression: &str, to: &mut impl fmt::Write) -> fmt::Result {
    if expression.len() <= LONGEST_CONDITION && is_one_line(expression.as_bytes()) {
        return pieces(to, &["`", expression, "`"]);
    }
    let mut left = LONGEST_CONDITION;
    to.write_str("`")?;
    for (i, word) in expression.split_whitespace().enumerate() {
        let word_len = word.chars().count() + usize::from(i > 0);
        if word_len > left {
            return to.write_str(" …`");
        }
        left -= word_len;
        pieces(to, &[if i > 0 { " " } else { "" }, word])?;
    }
    to.write_str("`")
}

/// ASCII without control characters, its words one blank apart.
#[expect(clippy::needless_bitwise_bool, reason = "without branches, so that vectors can do it")]
fn is_one_line(text: &[u8]) -> bool {
    let printable = text.iter().fold(true, |all, b| all & (*b >= b' ') & (*b < 0x7f));
    let gap = text.iter().zip(text.iter().skip(1)).fold(false, |any, (a, b)| any | ((*a == b' ') & (*b == b' ')));
    printable && !gap && !text.starts_with(b" ") && !text.ends_with(b" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_quoted_on_one_line() {
        let shown = |text: &str| {
            let mut out = String::new();
            quoted(text, &mut out).unwrap();
            out
        };
        assert_eq!(shown("a == b"), "`a == b`");
        for untidy in ["a  == b", " a == b", "a == b ", "a ==\n  b", "a ==\tb"] {
            assert_eq!(shown(untidy), "`a == b`", "{untidy:?}");
        }
        assert_eq!(shown("name == 'ü'"), "`name == 'ü'`");
        assert_eq!(shown(""), "``");
        let long = "a == b && ".repeat(30);
        assert!(shown(&long).ends_with(" …`") && shown(&long).chars().count() <= LONGEST_CONDITION + 4);
    }

    #[test]
    fn locations_have_all_digits() {
        for line in [0, 7, 10, 105, u32::MAX] {
            let rule = RuleRef { name: "r", file: "f.yaml", line, condition: "" };
            let mut out = String::new();
            write_location(&rule, &mut out).unwrap();
            assert_eq!(out, format!("f.yaml:{line}"));
        }
    }
}
