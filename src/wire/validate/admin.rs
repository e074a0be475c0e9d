//! The rules of the admin API's requests: lists of ids.

use super::rules::{Path, Report, text};
use super::{Field, RuleElement, Violations};
use crate::proto::buf::validate::field_path_element::Type;

static ID: Field = text(1, "id");
static POLICY_ID: Field = text(5, "policy_id");

const fn rule(number: i32, name: &'static str, ty: Type) -> RuleElement {
    RuleElement { number, name, ty }
}

const REPEATED: RuleElement = rule(18, "repeated", Type::Message);
const MAX_ITEMS: &[RuleElement] = &[REPEATED, rule(2, "max_items", Type::Uint64)];
const ITEM_MAX_LEN: &[RuleElement] =
    &[REPEATED, rule(4, "items", Type::Message), rule(14, "string", Type::Message), rule(3, "max_len", Type::Uint64)];
/// Policies that can be named at a time.
const MAX_POLICY_IDS: usize = 25;

/// Checks the `policy_id` of a list or inspect request.
pub fn policy_ids(ids: &[String]) -> Result<(), Violations> {
    let mut report = Report::default();
    let path = Path::root(&POLICY_ID);
    if ids.len() > MAX_POLICY_IDS {
        report.add(path, MAX_ITEMS, "repeated.max_items", "must contain no more than 25 item(s)");
    }
    report.items(path, &texts(ids));
    Violations::of(report.found)
}

/// Checks the `id` of a get request; no id may be longer than `max_len` characters.
pub fn ids(ids: &[String], max_len: usize) -> Result<(), Violations> {
    let mut report = Report::default();
    let path = Path::root(&ID);
    if report.required(path, !ids.is_empty()) {
        report.unique(path, &texts(ids));
    }
    for (i, _) in ids.iter().enumerate().filter(|(_, id)| id.chars().count() > max_len) {
        report.add(path.item(i), ITEM_MAX_LEN, "string.max_len", "must be at most 255 characters");
    }
    Violations::of(report.found)
}

fn texts(ids: &[String]) -> Vec<&str> {
    ids.iter().map(String::as_str).collect()
}
