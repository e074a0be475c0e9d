//! What one rule may cost at worst: the steps of its condition, and of the variables it reads, as a polynomial in the
//! length of the longest list or map it goes over. An estimate from the text: functions count as one step, however long
//! the texts they read.

use std::fmt::Write as _;

use super::{Ruled, condition_texts, info, parsed, reads, rules};
use crate::cel::ast::{Ast, ExprKind};
use crate::engine::Params;
use crate::policy::model::{ExprText, Policy};
use crate::source::Diagnostic;

/// Coefficients: steps, steps an item, steps a pair of items …
#[derive(Clone, Debug, Default, PartialEq)]
struct Cost(Vec<u64>);

pub(super) fn lint(policies: &[Policy], out: &mut Vec<Diagnostic>) {
    for policy in policies {
        for rule in rules(policy) {
            let cost = of_rule(&rule, policy, policies);
            if cost.0.len() > 1 {
                let budget = Params::default().step_budget;
                let text = format!(
                    "rule `{}` takes some {cost} steps at worst, n items in the longest list it goes over: {budget} steps \
                     last for {} items",
                    rule.name,
                    cost.most_items(budget)
                );
                out.push(info("TG0612", &policy.file, rule.at, text));
            }
        }
    }
}

fn of_rule(rule: &Ruled<'_>, policy: &Policy, policies: &[Policy]) -> Cost {
    let mut texts: Vec<&ExprText> = Vec::new();
    condition_texts(rule.condition, &mut texts);
    let mut cost = Cost::default();
    for text in reads::texts(&texts, policy, policies) {
        if let Some(ast) = parsed(text) {
            cost.add(&of_expression(&ast), 1, 0);
        }
    }
    cost
}

/// Children come before parents in the arena.
fn of_expression(ast: &Ast) -> Cost {
    let mut costs: Vec<Cost> = Vec::with_capacity(ast.nodes.len());
    for node in &ast.nodes {
        let mut cost = Cost(vec![1]);
        let none = Cost::default();
        let of = |id: crate::cel::ast::NodeId| costs.get(id.0 as usize).unwrap_or(&none);
        match &node.kind {
            ExprKind::Comprehension(c) => {
                for part in [c.range, c.init, c.result] {
                    cost.add(of(part), 1, 0);
                }
                let known = match &ast.node(c.range).kind {
                    ExprKind::List { elements, .. } => Some(elements.len() as u64),
                    _ => None,
                };
                for part in [c.condition, c.step] {
                    cost.add(of(part), known.unwrap_or(1), usize::from(known.is_none()));
                }
            }
            kind => kind.for_each_child(|child| cost.add(of(child), 1, 0)),
        }
        costs.push(cost);
    }
    costs.get(ast.root.0 as usize).cloned().unwrap_or_default()
}

impl Cost {
    /// Adds `times` the other, for each item of `lists` lists more.
    fn add(&mut self, other: &Self, times: u64, lists: usize) {
        for (power, steps) in other.0.iter().enumerate().filter(|(_, steps)| **steps > 0) {
            if times == 0 {
                continue;
            }
            let power = power.saturating_add(lists);
            if self.0.len() <= power {
                self.0.resize(power + 1, 0);
            }
            if let Some(slot) = self.0.get_mut(power) {
                *slot = slot.saturating_add(steps.saturating_mul(times));
            }
        }
    }

    fn at(&self, n: u64) -> u64 {
        self.0.iter().rev().fold(0_u64, |sum, steps| sum.saturating_mul(n).saturating_add(*steps))
    }

    /// The longest list for which a budget lasts.
    fn most_items(&self, budget: u64) -> u64 {
        let (mut enough, mut too_many) = (0, budget.saturating_add(1));
        while enough + 1 < too_many {
            let middle = enough + (too_many - enough) / 2;
            if self.at(middle) <= budget { enough = middle } else { too_many = middle }
        }
        enough
    }
}

/// `12 + 7 n + 3 n^2`
impl std::fmt::Display for Cost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = String::new();
        for (power, steps) in self.0.iter().enumerate().filter(|(_, steps)| **steps > 0) {
            let plus = if text.is_empty() { "" } else { " + " };
            let _ = match power {
                0 => write!(text, "{plus}{steps}"),
                1 => write!(text, "{plus}{steps} n"),
                power => write!(text, "{plus}{steps} n^{power}"),
            };
        }
        f.write_str(if text.is_empty() { "0" } else { &text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(expression: &str) -> Cost {
        of_expression(&crate::cel::parse(expression).unwrap())
    }

    #[test]
    fn loops_raise_the_power() {
        let (one, two) = (cost("R.attr.l.all(a, a > 0)"), cost("R.attr.l.all(a, R.attr.l.exists(b, a == b))"));
        assert_eq!((one.0.len(), two.0.len()), (2, 3));
        assert_eq!(cost("[1, 2].all(a, a > 0)").0.len(), 1, "as long as it is written");
        assert_eq!(cost("cel.bind(x, R.attr.a, x == 1)").0.len(), 1);
        let sum = cost("R.attr.l.all(a, a > 0) && R.attr.m.all(a, a > 0)");
        assert_eq!(sum.0[1], 2 * one.0[1]);
    }

    #[test]
    fn the_budget_lasts_as_long_as_is_said() {
        let cost = Cost(vec![10, 3, 1]);
        assert_eq!((cost.to_string(), cost.at(5)), ("10 + 3 n + 1 n^2".into(), 50));
        let most = cost.most_items(1_000);
        assert!(cost.at(most) <= 1_000 && cost.at(most + 1) > 1_000);
        assert_eq!(Cost(vec![1]).most_items(10), 10, "no list at all: as many as the budget");
    }
}
