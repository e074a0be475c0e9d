//! The rules of the admin API's requests: lists of ids, and which entries of the audit log.

use std::time::{SystemTime, UNIX_EPOCH};

use prost_types::Timestamp;

use super::rules::{Path, Report, field, message, text};
use super::{Field, RuleElement, Violations};
use crate::proto::buf::validate::field_path_element::Type;
use crate::proto::cerbos::request::v1::ListAuditLogEntriesRequest;
use crate::proto::cerbos::request::v1::list_audit_log_entries_request::Filter;

static ID: Field = text(1, "id");
static POLICY_ID: Field = text(5, "policy_id");

static KIND: Field = field(1, "kind", Type::Enum);
static FILTER: Field = field(0, "filter", Type::Message);
static TAIL: Field = field(2, "tail", Type::Uint32);
static BETWEEN: Field = message(3, "between");
static START: Field = message(1, "start");
static END: Field = message(2, "end");
static LOOKUP: Field = text(5, "lookup");

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

const ENUM_IN: &[RuleElement] = &[rule(16, "enum", Type::Message), rule(3, "in", Type::Int32)];
const GTE: &[RuleElement] = &[rule(5, "uint32", Type::Message), rule(5, "gte", Type::Uint32)];
const LT_NOW: &[RuleElement] = &[rule(22, "timestamp", Type::Message), rule(7, "lt_now", Type::Bool)];
const PATTERN: &[RuleElement] = &[rule(14, "string", Type::Message), rule(6, "pattern", Type::String)];
/// Entries that can be asked for by number.
const MAX_TAIL: u32 = 1000;

/// Checks which entries of the audit log are asked for.
pub fn audit_entries(asked: &ListAuditLogEntriesRequest, now: SystemTime) -> Result<(), Violations> {
    let mut report = Report::default();
    if report.required(Path::root(&KIND), asked.kind != 0) && !(1..=2).contains(&asked.kind) {
        report.add(Path::root(&KIND), ENUM_IN, "enum.in", "must be in list [1, 2]");
    }
    match &asked.filter {
        None => report.add(Path::root(&FILTER), &[], "required", "exactly one field is required in oneof"),
        Some(Filter::Tail(count)) if !(1..=MAX_TAIL).contains(count) => {
            let text = "must be greater than or equal to 1 and less than or equal to 1000";
            report.add(Path::root(&TAIL), GTE, "uint32.gte_lte", text);
        }
        Some(Filter::Between(range)) => {
            let between = Path::root(&BETWEEN);
            for (at, time) in [(&START, &range.start), (&END, &range.end)] {
                let path = between.field(at);
                if report.required(path, time.is_some()) && time.as_ref().is_some_and(|t| !is_before(t, now)) {
                    report.add(path, LT_NOW, "timestamp.lt_now", "must be less than now");
                }
            }
        }
        Some(Filter::Lookup(id)) if !is_ulid(id) => {
            let text = "does not match regex pattern `^[0123456789ABCDEFGHJKMNPQRSTVWXYZ]{26}$`";
            report.add(Path::root(&LOOKUP), PATTERN, "string.pattern", text);
        }
        Some(Filter::Tail(_) | Filter::Since(_) | Filter::Lookup(_)) => {}
    }
    Violations::of(report.found)
}

fn is_before(time: &Timestamp, now: SystemTime) -> bool {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    (time.seconds, i64::from(time.nanos)) < (seconds, i64::from(now.subsec_nanos()))
}

fn is_ulid(id: &str) -> bool {
    id.len() == 26 && id.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase() && !b"ILOU".contains(&b))
}

fn texts(ids: &[String]) -> Vec<&str> {
    ids.iter().map(String::as_str).collect()
}
