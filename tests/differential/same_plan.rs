//! What counts as the same query plan: operands in any order where order means nothing, and the moment of each answer.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value as Json, json};

use super::compare::{Differ, validation};

/// Compares two plans.
pub fn compare(differ: &mut Differ, left: &Json, right: &Json) {
    let today = today();
    for key in ["requestId", "action", "actions", "resourceKind", "policyVersion"] {
        differ.note("shape", None, &left[key], &right[key]);
    }
    differ.note("shape", None, &Json::from(left.get("meta").is_some()), &Json::from(right.get("meta").is_some()));
    differ.note("validation", None, &validation(&left["validationErrors"]), &validation(&right["validationErrors"]));
    differ.note("filter", None, &normal(&left["filter"], &today), &normal(&right["filter"], &today));
    for key in ["matchedScope", "matchedScopes"] {
        differ.note("scope", None, &left["meta"][key], &right["meta"][key]);
    }
    let debug = |side: &Json| read(side["meta"]["filterDebug"].as_str().unwrap_or_default(), &today);
    differ.note("debug", None, &debug(left), &debug(right));
}

/// The plan with operands in one order where order means nothing, each once, and with this moment as `now`.
fn normal(tree: &Json, today: &str) -> Json {
    match tree {
        Json::Object(map) => {
            let mut map: Map<String, Json> = map.iter().map(|(k, v)| (k.clone(), normal(v, today))).collect();
            if let Some(Json::Object(expression)) = map.get_mut("expression") {
                let operator = expression["operator"].as_str().unwrap_or_default().to_owned();
                let operands = match expression.remove("operands") {
                    Some(Json::Array(operands)) => operands,
                    _ => Vec::new(),
                };
                return operation(&operator, operands);
            }
            Json::Object(map)
        }
        Json::Array(items) => Json::Array(items.iter().map(|v| normal(v, today)).collect()),
        Json::String(text) => moment(text, today).map_or_else(|| tree.clone(), Json::from),
        other => other.clone(),
    }
}

/// An operator and its operands, as `[operator, operand, …]`. Where their order is free, they stand in one order. Those
/// of an `or` in an `or` are operands of the outer one, each once: the reference leaves out operands that repeat in
/// some trees and not in others.
fn operation(operator: &str, operands: Vec<Json>) -> Json {
    let mut all = vec![json!(operator)];
    let joins = operator == "and" || operator == "or";
    for operand in operands {
        match operand {
            Json::Array(inner) if joins && inner.first() == all.first() => all.extend(inner.into_iter().skip(1)),
            operand => all.push(operand),
        }
    }
    if joins || operator == "struct" {
        all[1..].sort_by_key(Json::to_string);
    }
    // The keys of a map stand in no order.
    if let ("in", Some(Json::Array(container))) = (operator, all.get_mut(2).and_then(|c| c.get_mut("value"))) {
        container.sort_by_key(Json::to_string);
    }
    if let ("exists" | "all" | "exists_one" | "filter" | "map", Some(range)) = (operator, all.get_mut(1)) {
        if let Some(values) = range.get_mut("value").and_then(Json::as_array_mut) {
            values.sort_by_key(Json::to_string);
        } else if let Some([name, items @ ..]) = range.as_array_mut().map(Vec::as_mut_slice)
            && *name == "list"
        {
            items.sort_by_key(Json::to_string);
        }
    }
    // A hierarchy made of a list is the same as one of a text.
    if let ("hierarchy", Some(Json::Array(levels))) = (operator, all.get_mut(1).and_then(|c| c.get_mut("value"))) {
        let texts: Vec<&str> = levels.iter().filter_map(Json::as_str).collect();
        if !texts.is_empty() && texts.len() == levels.len() && !texts.iter().any(|t| t.contains('.')) {
            all[1] = json!({"value": texts.join(".")});
        }
    }
    if joins {
        all.dedup();
        if all.len() == 2 {
            return all.remove(1);
        }
    }
    Json::Array(all)
}

/// A debug text, `(operator operand …)` with names and JSON values, as [`normal`] has a filter.
fn read(text: &str, today: &str) -> Json {
    let mut words = Words { rest: text, today };
    let tree = words.term();
    if words.rest.trim().is_empty() { tree } else { json!({ "unread": text }) }
}

struct Words<'t> {
    rest: &'t str,
    today: &'t str,
}

impl Words<'_> {
    fn term(&mut self) -> Json {
        self.rest = self.rest.trim_start();
        match self.rest.as_bytes().first() {
            Some(b'(') => {
                self.rest = self.rest.get(1..).unwrap_or_default();
                let operator = self.word();
                let mut operands = Vec::new();
                loop {
                    self.rest = self.rest.trim_start();
                    match self.rest.strip_prefix(')') {
                        Some(rest) => {
                            self.rest = rest;
                            break;
                        }
                        None if self.rest.is_empty() => break,
                        None => operands.push(self.term()),
                    }
                }
                operation(&operator, operands)
            }
            Some(b'"' | b'[') => {
                let mut values = serde_json::Deserializer::from_str(self.rest).into_iter::<Json>();
                match values.next() {
                    Some(Ok(value)) => {
                        self.rest = self.rest.get(values.byte_offset()..).unwrap_or_default();
                        json!({ "value": normal(&value, self.today) })
                    }
                    _ => json!({ "unread": std::mem::take(&mut self.rest) }),
                }
            }
            _ => Json::from(self.word()),
        }
    }

    /// A name, a number, `true`, …
    fn word(&mut self) -> String {
        let end = self.rest.find([' ', '(', ')']).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word.to_owned()
    }
}

/// What stands for a time of this day, or for a span that ends now and is years long: the pools of values hold none.
fn moment(text: &str, today: &str) -> Option<&'static str> {
    if text.len() >= 20 && text.starts_with(today) && text.as_bytes()[10] == b'T' {
        return Some("now");
    }
    let (seconds, fraction) = text.strip_suffix('s')?.split_once('.')?;
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    (seconds.trim_start_matches('-').len() >= 8 && digits(seconds.trim_start_matches('-')) && digits(fraction))
        .then_some("since")
}

/// The date in UTC.
fn today() -> String {
    let days = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs() / 86_400);
    // Days of a year that starts in March, as in any text on calendars.
    let (era, day) = ((days + 719_468) / 146_097, (days + 719_468) % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    format!("{:04}-{month:02}-{of_month:02}", era * 400 + year + next)
}
