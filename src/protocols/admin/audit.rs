//! `ListAuditLogEntries`: rows of the audit log, as they were asked for over gRPC or HTTP.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prost_types::Timestamp;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::query::Query;
use crate::audit::{Filter, Kind, redact};
use crate::cel::time::{parse_duration, parse_timestamp};
use crate::proto::cerbos::request::v1::ListAuditLogEntriesRequest;
use crate::proto::cerbos::request::v1::list_audit_log_entries_request as request;
use crate::service::{Failure, Service};
use crate::wire::status;
use crate::wire::validate::audit_entries;

/// The answer where there is no log.
const OFF: &str = "Audit logs are not enabled";
/// The answer where rows are written and cannot be read back.
const NOT_QUERYABLE: &str = "Audit log backend does not support querying";
/// Rows that are read ahead of the caller.
const AHEAD: usize = 64;

/// The rows that were asked for, as answers.
///
/// # Errors
/// If the question is wrong, or there is no log that can be asked.
pub(super) fn list(
    service: &Arc<Service>,
    asked: &ListAuditLogEntriesRequest,
) -> Result<mpsc::Receiver<Result<Value, Failure>>, Failure> {
    let now = SystemTime::now();
    audit_entries(asked, now)?;
    let Some(audit) = service.audit().cloned() else { return Err(Failure::Unsupported(OFF)) };
    if !audit.is_queryable() {
        return Err(Failure::Unsupported(NOT_QUERYABLE));
    }
    let kind = if asked.kind == 1 { Kind::Access } else { Kind::Decision };
    let name = if asked.kind == 1 { "accessLogEntry" } else { "decisionLogEntry" };
    let filter = filter(asked, now);
    let (rows, receiver) = mpsc::channel(AHEAD);
    tokio::task::spawn_blocking(move || {
        let Some(store) = audit.store() else { return };
        let send = |row: Vec<u8>| {
            let row = redact::parse(&row).map(|row| json!({ name: row }));
            rows.blocking_send(row.ok_or(Failure::Panicked)).is_ok()
        };
        if let Err(error) = store.find(kind, &filter, send) {
            tracing::error!(%error, "the audit log cannot be read");
            let _ = rows.blocking_send(Err(Failure::Panicked));
        }
    });
    Ok(receiver)
}

fn filter(asked: &ListAuditLogEntriesRequest, now: SystemTime) -> Filter {
    match &asked.filter {
        Some(request::Filter::Tail(count)) => Filter::Tail(*count as usize),
        Some(request::Filter::Between(range)) => Filter::Between(time(range.start.as_ref()), time(range.end.as_ref())),
        Some(request::Filter::Since(since)) => {
            let (seconds, nanos) = (u64::try_from(since.seconds), u32::try_from(since.nanos));
            let back = Duration::new(seconds.unwrap_or(0), nanos.unwrap_or(0));
            Filter::Between(now.checked_sub(back).unwrap_or(UNIX_EPOCH), now)
        }
        Some(request::Filter::Lookup(id)) => Filter::Lookup(id.clone()),
        // It is there: the rules were checked.
        None => Filter::Tail(0),
    }
}

fn time(time: Option<&Timestamp>) -> SystemTime {
    let Some(time) = time else { return UNIX_EPOCH };
    let (seconds, nanos) = (u64::try_from(time.seconds).unwrap_or(0), u32::try_from(time.nanos).unwrap_or(0));
    UNIX_EPOCH.checked_add(Duration::new(seconds, nanos)).unwrap_or(UNIX_EPOCH)
}

/// The question that a path and a query string put.
///
/// # Errors
/// If they cannot be read.
pub(super) fn asked(kind: &str, query: &Query) -> Result<ListAuditLogEntriesRequest, Failure> {
    let kind = match kind {
        "KIND_UNSPECIFIED" | "0" => 0,
        "KIND_ACCESS" | "1" => 1,
        "KIND_DECISION" | "2" => 2,
        _ => return Err(Failure::Query(format!("type mismatch, parameter: kind, error: {kind} is not valid"))),
    };
    let wrong = |field: &str, why: String| Failure::Query(format!("parsing field \"{field}\": {why}"));
    let one = |name: &str| query.all(name, name).pop();
    let mut filters = Vec::new();
    if let Some(text) = one("tail") {
        let number = text.parse();
        let why = |_| wrong("tail", format!("strconv.ParseUint: parsing {text:?}: invalid syntax"));
        filters.push(request::Filter::Tail(number.map_err(why)?));
    }
    let (start, end) = (one("between.start"), one("between.end"));
    if start.is_some() || end.is_some() {
        let point = |field: &str, text: Option<String>| {
            let parsed = text.map(|t| parse_timestamp(&t).map_err(|_| wrong(field, format!("{t:?} is no time"))));
            let stamp = |t: crate::cel::value::Timestamp| Timestamp {
                seconds: t.seconds,
                nanos: i32::try_from(t.nanos).unwrap_or(0),
            };
            parsed.transpose().map(|t| t.map(stamp))
        };
        let range = request::TimeRange { start: point("start", start)?, end: point("end", end)? };
        filters.push(request::Filter::Between(range));
    }
    if let Some(text) = one("since") {
        let nanos = parse_duration(&text).ok_or_else(|| wrong("since", format!("time: invalid duration {text:?}")))?;
        filters.push(request::Filter::Since(prost_types::Duration {
            seconds: nanos / 1_000_000_000,
            nanos: i32::try_from(nanos % 1_000_000_000).unwrap_or(0),
        }));
    }
    filters.extend(one("lookup").map(request::Filter::Lookup));
    if filters.len() > 1 {
        return Err(Failure::Query("field already set for oneof \"filter\"".into()));
    }
    Ok(ListAuditLogEntriesRequest { kind, filter: filters.pop() })
}

/// A failure as a line of a stream.
pub(super) fn error(failure: &Failure) -> Value {
    json!({ "error": status::to_json(failure.code() as i32, &failure.to_string(), failure.violations()) })
}
