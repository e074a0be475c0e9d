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
    let debug = |side: &Json| Json::from(words(side["meta"]["filterDebug"].as_str().unwrap_or_default(), &today));
    differ.note("debug", None, &debug(left), &debug(right));
}

/// The plan with operands in one order where order means nothing, each once, and with this moment as `now`.
fn normal(tree: &Json, today: &str) -> Json {
    match tree {
        Json::Object(map) => {
            let mut map: Map<String, Json> = map.iter().map(|(k, v)| (k.clone(), normal(v, today))).collect();
            if let Some(alone) = map.get_mut("expression").and_then(ordered) {
                return alone;
            }
            Json::Object(map)
        }
        Json::Array(items) => Json::Array(items.iter().map(|v| normal(v, today)).collect()),
        Json::String(text) if is_now(text, today) => json!("now"),
        other => other.clone(),
    }
}

/// Sorts the operands of an expression whose order is free; the one operand that is left, if it is alone. The reference
/// leaves out operands that repeat in some trees and not in others.
fn ordered(expression: &mut Json) -> Option<Json> {
    let operator = expression["operator"].as_str().unwrap_or_default().to_owned();
    if !["and", "or", "struct"].contains(&operator.as_str()) {
        return None;
    }
    let operands = expression["operands"].as_array_mut()?;
    operands.sort_by_key(Json::to_string);
    if operator == "struct" {
        return None;
    }
    operands.dedup();
    if operands.len() == 1 { operands.pop() } else { None }
}

/// The words of a debug text, each once and in one order, without those whose number depends on repeated operands.
fn words(text: &str, today: &str) -> Vec<String> {
    let text = text.replace(['(', ')'], " ");
    let mut words: Vec<String> = text
        .split_ascii_whitespace()
        .map(|word| if is_now(word.trim_matches('"'), today) { "now".to_owned() } else { word.to_owned() })
        .filter(|word| word != "or" && word != "and")
        .collect();
    words.sort();
    words.dedup();
    words
}

/// True of times of this day: the pools of values hold none.
fn is_now(text: &str, today: &str) -> bool {
    text.len() >= 20 && text.starts_with(today) && text.as_bytes()[10] == b'T'
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
