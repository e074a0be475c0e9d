//! One change to a policy as written: where, and what. Plain data that is applied to a copy.

use crate::cel::value::Constant;
use crate::policy::model::{Body, Condition, ExprText, Match, Policy, RuleEffect, Text};

/// A rule or definition of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spot {
    /// Rule of a resource policy.
    Rule(usize),
    /// Action rule of a principal policy.
    Action(usize, usize),
    /// Rule of a role policy.
    RoleRule(usize),
    /// Derived role.
    Definition(usize),
}

/// Lists of names a rule or definition has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Names {
    /// `actions`, `allowActions`, `action`
    Actions,
    /// `roles`
    Roles,
    /// `derivedRoles`
    DerivedRoles,
    /// `parentRoles`
    Parents,
}

/// How the operands of a condition are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Combinator {
    All,
    Any,
}

#[derive(Clone, Debug)]
pub(super) enum Edit {
    /// The other effect.
    Flip(Spot),
    /// It never matches.
    Remove(Spot),
    /// Without one name.
    DropName(Spot, Names, usize),
    /// With other names.
    SetNames(Spot, Names, &'static str),
    /// Without its condition.
    DropCondition(Spot),
    /// Without an operand of the list at the path.
    DropOperand(Spot, Vec<usize>, usize),
    /// Operands of the list at the path combined otherwise.
    Combine(Spot, Vec<usize>, Combinator),
    /// Another expression at the path.
    Expr(Spot, Vec<usize>, String),
    /// Another definition of a variable.
    Variable(usize, String),
    /// Another value of a constant.
    Constant(usize, Constant),
}

impl Edit {
    /// The changed policy; `None` if there is no such place.
    pub(super) fn apply(&self, policy: &Policy) -> Option<Policy> {
        let mut copy = policy.clone();
        self.change(&mut copy)?;
        Some(copy)
    }

    fn change(&self, policy: &mut Policy) -> Option<()> {
        match self {
            Self::Flip(spot) => {
                let effect = effect_mut(policy, *spot)?;
                *effect = if *effect == RuleEffect::Allow { RuleEffect::Deny } else { RuleEffect::Allow };
            }
            Self::Remove(spot) => remove(policy, *spot)?,
            Self::DropName(spot, names, i) => {
                let list = names_mut(policy, *spot, *names)?;
                if *i >= list.len() {
                    return None;
                }
                list.remove(*i);
            }
            Self::SetNames(spot, names, name) => {
                let list = names_mut(policy, *spot, *names)?;
                list.truncate(1);
                (*name).clone_into(&mut list.first_mut()?.value);
            }
            Self::DropCondition(spot) => *condition_mut(policy, *spot)? = None,
            Self::DropOperand(spot, path, i) => {
                let of = operands_mut(at_mut(policy, *spot, path)?)?;
                if *i >= of.len() {
                    return None;
                }
                of.remove(*i);
            }
            Self::Combine(spot, path, combinator) => {
                let node = at_mut(policy, *spot, path)?;
                let of = std::mem::take(operands_mut(node)?);
                *node = match combinator {
                    Combinator::All => Match::All(of),
                    Combinator::Any => Match::Any(of),
                };
            }
            Self::Expr(spot, path, text) => match at_mut(policy, *spot, path)? {
                Match::Expr(e) => text.clone_into(&mut e.text),
                Match::All(_) | Match::Any(_) | Match::None(_) => return None,
            },
            Self::Variable(i, text) => text.clone_into(&mut variables_mut(policy).nth(*i)?.text),
            Self::Constant(i, value) => *constants_mut(policy).nth(*i)? = value.clone(),
        }
        Some(())
    }
}

fn effect_mut(policy: &mut Policy, spot: Spot) -> Option<&mut RuleEffect> {
    match (&mut policy.body, spot) {
        (Body::Resource(p), Spot::Rule(i)) => p.rules.get_mut(i).map(|r| &mut r.effect),
        (Body::Principal(p), Spot::Action(i, j)) => p.rules.get_mut(i)?.actions.get_mut(j).map(|r| &mut r.effect),
        _ => None,
    }
}

/// Rules keep their numbers, of which their names are made: they are made to match nothing.
fn remove(policy: &mut Policy, spot: Spot) -> Option<()> {
    match (&mut policy.body, spot) {
        (Body::Resource(p), Spot::Rule(i)) => p.rules.get_mut(i)?.actions.clear(),
        (Body::Principal(p), Spot::Action(i, j)) => {
            let rule = p.rules.get_mut(i)?.actions.get_mut(j)?;
            super::NOBODY.clone_into(&mut rule.action.value);
        }
        (Body::Role(p), Spot::RoleRule(i)) => p.rules.get_mut(i)?.allow_actions.clear(),
        (Body::DerivedRoles(p), Spot::Definition(i)) => p.definitions.get_mut(i)?.parent_roles.clear(),
        _ => return None,
    }
    Some(())
}

pub(super) fn names_mut(policy: &mut Policy, spot: Spot, names: Names) -> Option<&mut Vec<Text>> {
    match (&mut policy.body, spot, names) {
        (Body::Resource(p), Spot::Rule(i), Names::Actions) => p.rules.get_mut(i).map(|r| &mut r.actions),
        (Body::Resource(p), Spot::Rule(i), Names::Roles) => p.rules.get_mut(i).map(|r| &mut r.roles),
        (Body::Resource(p), Spot::Rule(i), Names::DerivedRoles) => p.rules.get_mut(i).map(|r| &mut r.derived_roles),
        (Body::Role(p), Spot::RoleRule(i), Names::Actions) => p.rules.get_mut(i).map(|r| &mut r.allow_actions),
        (Body::DerivedRoles(p), Spot::Definition(i), Names::Parents) => {
            p.definitions.get_mut(i).map(|d| &mut d.parent_roles)
        }
        _ => None,
    }
}

pub(super) fn condition_mut(policy: &mut Policy, spot: Spot) -> Option<&mut Option<Condition>> {
    match (&mut policy.body, spot) {
        (Body::Resource(p), Spot::Rule(i)) => p.rules.get_mut(i).map(|r| &mut r.condition),
        (Body::Principal(p), Spot::Action(i, j)) => p.rules.get_mut(i)?.actions.get_mut(j).map(|r| &mut r.condition),
        (Body::Role(p), Spot::RoleRule(i)) => p.rules.get_mut(i).map(|r| &mut r.condition),
        (Body::DerivedRoles(p), Spot::Definition(i)) => p.definitions.get_mut(i).map(|d| &mut d.condition),
        _ => None,
    }
}

fn at_mut<'p>(policy: &'p mut Policy, spot: Spot, path: &[usize]) -> Option<&'p mut Match> {
    let Some(Condition::Match(node)) = condition_mut(policy, spot)? else { return None };
    let mut node = node;
    for i in path {
        node = operands_mut(node)?.get_mut(*i)?;
    }
    Some(node)
}

fn operands_mut(node: &mut Match) -> Option<&mut Vec<Match>> {
    match node {
        Match::All(of) | Match::Any(of) | Match::None(of) => Some(of),
        Match::Expr(_) => None,
    }
}

/// Exported and local variables, in file order.
pub(super) fn variables_mut(policy: &mut Policy) -> Box<dyn Iterator<Item = &mut ExprText> + '_> {
    match &mut policy.body {
        Body::ExportVariables(p) => Box::new(p.definitions.iter_mut().map(|(_, e)| e)),
        Body::Resource(p) => Box::new(p.variables.local.iter_mut().map(|(_, e)| e)),
        Body::Principal(p) => Box::new(p.variables.local.iter_mut().map(|(_, e)| e)),
        Body::Role(p) => Box::new(p.variables.local.iter_mut().map(|(_, e)| e)),
        Body::DerivedRoles(p) => Box::new(p.variables.local.iter_mut().map(|(_, e)| e)),
        Body::ExportConstants(_) => Box::new(std::iter::empty()),
    }
}

/// Exported and local constants, in file order.
pub(super) fn constants_mut(policy: &mut Policy) -> Box<dyn Iterator<Item = &mut Constant> + '_> {
    match &mut policy.body {
        Body::ExportConstants(p) => Box::new(p.definitions.iter_mut().map(|(_, c)| &mut c.value)),
        Body::Resource(p) => Box::new(p.constants.local.iter_mut().map(|(_, c)| &mut c.value)),
        Body::Principal(p) => Box::new(p.constants.local.iter_mut().map(|(_, c)| &mut c.value)),
        Body::Role(p) => Box::new(p.constants.local.iter_mut().map(|(_, c)| &mut c.value)),
        Body::DerivedRoles(p) => Box::new(p.constants.local.iter_mut().map(|(_, c)| &mut c.value)),
        Body::ExportVariables(_) => Box::new(std::iter::empty()),
    }
}
