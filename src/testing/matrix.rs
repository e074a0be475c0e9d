//! A test to its cases: principals times resources, each with what is expected of it. Contradictions and names that do
//! not exist are errors of the whole suite, in the reference's words. Spec §16.2.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::model::{Expectation, FixtureAux, FixturePrincipal, FixtureResource, Fixtures, Selection, Suite, Test};
use super::results::equal;
use crate::cel::value::Constant;
use crate::yaml::go_quote;

/// So many actions may be asked about in one suite.
const MOST_CASES: usize = 1_000_000;

/// Suite fixtures first, then those beside the suite.
#[derive(Clone, Copy)]
pub(super) struct Lookup<'s> {
    pub(super) suite: &'s Fixtures,
    pub(super) beside: &'s Fixtures,
}

/// One principal with one resource, and what must come out.
pub(super) struct Pair<'s> {
    pub(super) principal_name: &'s str,
    pub(super) principal: &'s FixturePrincipal,
    pub(super) resource_name: &'s str,
    pub(super) resource: &'s FixtureResource,
    pub(super) expected: Expected<'s>,
}

/// What must come out of one pair.
#[derive(Clone, Default)]
pub(super) struct Expected<'s> {
    /// True for allow; actions that are missing here must be denied.
    pub(super) effects: BTreeMap<&'s str, bool>,
    /// Outputs by action: source and value, in order.
    pub(super) outputs: BTreeMap<&'s str, Vec<(&'s str, &'s Constant)>>,
}

/// A test with its pairs.
pub(super) struct Cases<'s> {
    pub(super) test: &'s Test,
    pub(super) aux: Option<&'s FixtureAux>,
    pub(super) pairs: Vec<Pair<'s>>,
}

impl<'s> Lookup<'s> {
    fn principal(self, name: &str) -> Option<&'s FixturePrincipal> {
        self.suite.principals.get(name).or_else(|| self.beside.principals.get(name))
    }

    fn resource(self, name: &str) -> Option<&'s FixtureResource> {
        self.suite.resources.get(name).or_else(|| self.beside.resources.get(name))
    }

    fn aux(self, name: &str) -> Option<&'s FixtureAux> {
        self.suite.aux.get(name).or_else(|| self.beside.aux.get(name))
    }

    /// Why the suite can't be used, even to skip it, if its groups are at fault.
    pub(super) fn fault(self) -> Option<String> {
        let words = |kind: &str, fault: String| format!("Invalid {kind} groups in test suite: {fault}");
        let known = |name: &str| self.principal(name).is_some();
        if let Some(fault) = super::files::missing(&self.suite.principal_groups, known) {
            return Some(words("principal", fault));
        }
        let known = |name: &str| self.resource(name).is_some();
        if let Some(fault) = super::files::missing(&self.suite.resource_groups, known) {
            return Some(words("resource", fault));
        }
        None
    }

    /// Names of a selection: those listed, then members of its groups that were not listed, in order.
    fn select(self, selection: &'s Selection, principals: bool) -> Result<Vec<&'s str>, String> {
        let mut seen = HashSet::new();
        let mut out = Vec::new();
        out.extend(selection.names.iter().map(String::as_str).filter(|n| seen.insert(*n)));
        for group in &selection.groups {
            let find =
                |f: &'s Fixtures| if principals { f.principal_groups.get(group) } else { f.resource_groups.get(group) };
            let members = find(self.suite)
                .or_else(|| find(self.beside))
                .ok_or_else(|| format!("principal group {} not found", go_quote(group)))?;
            out.extend(members.iter().map(String::as_str).filter(|n| seen.insert(*n)));
        }
        Ok(out)
    }
}

/// Expands every test of a suite.
///
/// # Errors
/// The reference's words for the first test that can't be expanded.
pub(super) fn expand<'s>(suite: &'s Suite, lookup: Lookup<'s>) -> Result<Vec<Cases<'s>>, String> {
    let mut names = HashSet::new();
    if let Some(twice) = suite.tests.iter().find(|t| !names.insert(&*t.name)) {
        return Err(format!("Invalid test suite: another test named {} already exists", twice.name));
    }
    let mut budget = MOST_CASES;
    suite
        .tests
        .iter()
        .map(|test| {
            let words =
                |e: String| format!("Failed to load the test suite: invalid test {}: {e}", go_quote(&test.name));
            cases(test, lookup, &mut budget).map_err(words)
        })
        .collect()
}

fn cases<'s>(test: &'s Test, lookup: Lookup<'s>, budget: &mut usize) -> Result<Cases<'s>, String> {
    let principals = lookup.select(&test.input.principals, true)?;
    let resources = lookup.select(&test.input.resources, false)?;
    let size = principals.len().saturating_mul(resources.len()).saturating_mul(test.input.actions.len());
    *budget = budget.checked_sub(size).ok_or_else(|| format!("a suite may have at most {MOST_CASES} cases"))?;
    let mut merged = merge(test, lookup, &principals, &resources, budget)?;
    let mut pairs = Vec::with_capacity(principals.len() * resources.len());
    for principal_name in &principals {
        let principal = lookup
            .principal(principal_name)
            .ok_or_else(|| format!("principal {} not found", go_quote(principal_name)))?;
        for resource_name in &resources {
            let resource = lookup
                .resource(resource_name)
                .ok_or_else(|| format!("resource {} not found", go_quote(resource_name)))?;
            let expected = merged.remove(&(*principal_name, *resource_name)).unwrap_or_default();
            pairs.push(Pair { principal_name, principal, resource_name, resource, expected });
        }
    }
    let name = &test.input.aux;
    let aux = match lookup.aux(name) {
        None if !name.is_empty() => return Err(format!("auxData {} not found", go_quote(name))),
        found => found,
    };
    Ok(Cases { test, aux, pairs })
}

type Merged<'s> = HashMap<(&'s str, &'s str), Expected<'s>>;

/// Expectations by pair, all entries merged.
fn merge<'s>(
    test: &'s Test,
    lookup: Lookup<'s>,
    principals: &[&str],
    resources: &[&str],
    budget: &mut usize,
) -> Result<Merged<'s>, String> {
    let asked_principals: HashSet<&str> = principals.iter().copied().collect();
    let asked_resources: HashSet<&str> = resources.iter().copied().collect();
    let actions: HashSet<&str> = test.input.actions.iter().map(String::as_str).collect();
    let mut merged = Merged::new();
    for expectation in &test.expected {
        let of_principals = lookup.select(&expectation.principals, true)?;
        let of_resources = lookup.select(&expectation.resources, false)?;
        check_actions(expectation, &actions)?;
        let size = of_principals.len().saturating_mul(of_resources.len());
        *budget = budget.checked_sub(size).ok_or_else(|| format!("a suite may have at most {MOST_CASES} cases"))?;
        for principal in &of_principals {
            for resource in &of_resources {
                if !asked_principals.contains(principal) || !asked_resources.contains(resource) {
                    return Err(format!(
                        "found an expectation for principal {} and resource {}, but at least one of these is not present \
                         in input",
                        go_quote(principal),
                        go_quote(resource)
                    ));
                }
                add(merged.entry((principal, resource)).or_default(), expectation, principal, resource)?;
            }
        }
    }
    Ok(merged)
}

fn check_actions(expectation: &Expectation, actions: &HashSet<&str>) -> Result<(), String> {
    let asked = |action: &&str| !actions.contains(action);
    let outputs: BTreeSet<&str> = expectation.outputs.iter().map(|o| o.action.as_str()).filter(asked).collect();
    if !outputs.is_empty() {
        let outputs = Vec::from_iter(outputs).join(",");
        return Err(format!(
            "found output expectations for actions that are not in the input actions list: [{outputs}]"
        ));
    }
    let effects: Vec<&str> = expectation.actions.keys().map(String::as_str).filter(asked).collect();
    if !effects.is_empty() {
        let effects = effects.join(",");
        return Err(format!("found expectations for actions that do not exist in the input actions list: [{effects}]"));
    }
    Ok(())
}

fn add<'s>(into: &mut Expected<'s>, from: &'s Expectation, principal: &str, resource: &str) -> Result<(), String> {
    let place = |action: &str| {
        let (principal, action, resource) = (go_quote(principal), go_quote(action), go_quote(resource));
        format!("principal {principal} performing action {action} on resource {resource}")
    };
    for (action, allow) in &from.actions {
        if into.effects.insert(action, *allow).is_some_and(|known| known != *allow) {
            return Err(format!("found inconsistent expectations for {}", place(action)));
        }
    }
    let mut own: BTreeMap<&str, Vec<(&str, &Constant)>> = BTreeMap::new();
    for outputs in &from.outputs {
        let known = own.entry(&outputs.action).or_default();
        for (src, value) in &outputs.expected {
            // Within one entry the last word counts.
            match known.iter_mut().find(|(s, _)| s == src) {
                Some(slot) => slot.1 = value,
                None => known.push((src, value)),
            }
        }
    }
    for (action, outputs) in own {
        let known = into.outputs.entry(action).or_default();
        for (src, value) in outputs {
            match known.iter().find(|(s, _)| *s == src) {
                Some((_, first)) if !equal(first, value) => {
                    let src = go_quote(src);
                    return Err(format!("found inconsistent expectations for output {src} from {}", place(action)));
                }
                Some(_) => {}
                None => known.push((src, value)),
            }
        }
    }
    Ok(())
}
