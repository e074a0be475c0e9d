//! Makes a mismatch small: cuts files, branches of policies, parts of expressions and of the request as long as the two
//! sides still differ in the same field.

use serde_json::{Value as Json, json};

use crate::compare::{self, Mismatch};
use crate::lab::{Lab, Verdict};
use crate::store::{Body, Store};

/// A store, a request and how the sides differ on it.
#[derive(Clone, Debug)]
pub struct Case {
    /// The store.
    pub store: Store,
    /// The body; empty for a difference in the verdict on the store.
    pub request: String,
    /// The difference.
    pub mismatch: Mismatch,
    /// Full replies.
    pub replies: (String, String),
}

/// Members that no policy can do without.
const NEEDED: &[&str] =
    &["apiVersion", "resource", "version", "principal", "role", "effect", "actions", "action", "kind", "id", "expr"];

/// One way to make a tree smaller.
#[derive(Clone, Debug)]
enum Cut {
    Remove(String),
    Replace(String, Json),
}

struct Shrinker<'a> {
    lab: &'a Lab,
    case: Case,
    budget: usize,
}

/// The smallest case found within `budget` attempts.
pub fn shrink(lab: &Lab, case: Case, budget: usize) -> Result<Case, String> {
    let mut shrinker = Shrinker { lab, case, budget };
    shrinker.request_alone()?;
    loop {
        let before = shrinker.budget;
        let mut better = shrinker.files()?;
        better |= shrinker.request()?;
        better |= shrinker.policies()?;
        if !better || shrinker.budget == 0 || shrinker.budget == before {
            return Ok(shrinker.case);
        }
    }
}

/// The difference of the wanted field on this store and request.
pub fn observe(lab: &Lab, store: &Store, request: &str, field: &str) -> Result<Option<Case>, String> {
    let case = |mismatch, replies| Case { store: store.clone(), request: request.to_owned(), mismatch, replies };
    match lab.serve(store)? {
        Verdict::Differ(mismatch) if field == "verdict" => Ok(Some(case(mismatch, (String::new(), String::new())))),
        Verdict::Accepted(mut pair) if field != "verdict" => {
            let answers = pair.ask(&[request.to_owned()])?;
            let Some(answers) = answers.first() else { return Ok(None) };
            let (theirs, ours) = (&answers.theirs, &answers.ours);
            let found = compare::answers(answers).found.into_iter().find(|m| m.field == field);
            let text = |body: &[u8]| String::from_utf8_lossy(body).into_owned();
            Ok(found.map(|mismatch| case(mismatch, (text(&theirs.body), text(&ours.body)))))
        }
        _ => Ok(None),
    }
}

impl Shrinker<'_> {
    /// Takes the change if the difference is still there.
    fn attempt(&mut self, store: &Store, request: &str) -> Result<bool, String> {
        if self.budget == 0 {
            return Ok(false);
        }
        self.budget -= 1;
        let found = observe(self.lab, store, request, self.case.mismatch.field)?;
        // A verdict's text may change, its direction may not.
        let found = found.filter(|c| {
            c.mismatch.field != "verdict" || (c.mismatch.ours == "accepted") == (self.case.mismatch.ours == "accepted")
        });
        Ok(match found {
            Some(case) => {
                self.case = case;
                true
            }
            None => false,
        })
    }

    /// One resource, one action.
    fn request_alone(&mut self) -> Result<(), String> {
        let Ok(json) = serde_json::from_str::<Json>(&self.case.request) else { return Ok(()) };
        let Some(index) = self.case.mismatch.resource else { return Ok(()) };
        let store = self.case.store.clone();
        let mut single = json.clone();
        single["resources"] = json!([json["resources"][index].clone()]);
        if self.attempt(&store, &single.to_string())?
            && let Some(action) = self.case.mismatch.action.clone()
        {
            single["resources"][0]["actions"] = json!([action]);
            self.attempt(&store, &single.to_string())?;
        }
        Ok(())
    }

    fn files(&mut self) -> Result<bool, String> {
        let mut better = false;
        let mut size = self.case.store.files.len().div_ceil(2).max(1);
        loop {
            let mut at = 0;
            while at < self.case.store.files.len() {
                let mut store = self.case.store.clone();
                store.files.drain(at..(at + size).min(store.files.len()));
                let request = self.case.request.clone();
                if self.attempt(&store, &request)? {
                    better = true;
                } else {
                    at += size;
                }
            }
            if size == 1 {
                break;
            }
            size /= 2;
        }
        if self.case.store.settings != json!({}) {
            for cut in cuts(&self.case.store.settings.clone()) {
                let mut store = self.case.store.clone();
                if apply(&mut store.settings, &cut) {
                    let request = self.case.request.clone();
                    better |= self.attempt(&store, &request)?;
                }
            }
        }
        Ok(better)
    }

    fn request(&mut self) -> Result<bool, String> {
        let mut better = false;
        let Ok(start) = serde_json::from_str::<Json>(&self.case.request) else { return Ok(false) };
        for cut in cuts(&start) {
            let mut json: Json = serde_json::from_str(&self.case.request).unwrap_or_default();
            if apply(&mut json, &cut) {
                let store = self.case.store.clone();
                better |= self.attempt(&store, &json.to_string())?;
            }
        }
        Ok(better)
    }

    fn policies(&mut self) -> Result<bool, String> {
        let mut better = false;
        for index in 0..self.case.store.files.len() {
            let Body::Policy(tree, _) = self.case.store.files[index].body.clone() else { continue };
            for cut in cuts(&tree) {
                let mut store = self.case.store.clone();
                let Body::Policy(tree, style) = &mut store.files[index].body else { break };
                *style = 0;
                if apply(tree, &cut) {
                    let request = self.case.request.clone();
                    better |= self.attempt(&store, &request)?;
                }
            }
        }
        Ok(better)
    }
}

/// Applies a cut; false if its place is gone.
fn apply(tree: &mut Json, cut: &Cut) -> bool {
    let path = match cut {
        Cut::Remove(path) | Cut::Replace(path, _) => path,
    };
    if let Cut::Replace(_, value) = cut {
        return match tree.pointer_mut(path) {
            Some(slot) if slot != value => {
                *slot = value.clone();
                true
            }
            _ => false,
        };
    }
    let Some((parent, key)) = path.rsplit_once('/') else { return false };
    let key = key.replace("~1", "/").replace("~0", "~");
    match tree.pointer_mut(parent) {
        Some(Json::Object(map)) => map.shift_remove(&key).is_some(),
        Some(Json::Array(list)) => match key.parse::<usize>() {
            Ok(index) if index < list.len() => {
                list.remove(index);
                true
            }
            _ => false,
        },
        _ => false,
    }
}

/// Cuts worth trying, the largest first; list elements from the end, so that indexes stay true.
fn cuts(tree: &Json) -> Vec<Cut> {
    let mut list = Vec::new();
    collect(tree, "", &mut list);
    list
}

fn collect(tree: &Json, path: &str, list: &mut Vec<Cut>) {
    match tree {
        Json::Object(map) => {
            for word in ["all", "any", "none"] {
                for child in map.get(word).and_then(|m| m["of"].as_array()).into_iter().flatten() {
                    list.push(Cut::Replace(path.to_owned(), child.clone()));
                }
            }
            for (key, value) in map {
                let path = format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"));
                if !NEEDED.contains(&key.as_str()) {
                    list.push(Cut::Remove(path.clone()));
                }
                collect(value, &path, list);
            }
        }
        Json::Array(items) => {
            for (i, value) in items.iter().enumerate().rev() {
                let path = format!("{path}/{i}");
                if items.len() > 1 {
                    list.push(Cut::Remove(path.clone()));
                }
                collect(value, &path, list);
            }
        }
        Json::String(text) => {
            for smaller in expressions(text) {
                list.push(Cut::Replace(path.to_owned(), json!(smaller)));
            }
        }
        _ => {}
    }
}

/// Parts of an expression that may stand in its place: what is between brackets, and the sides of an operator.
fn expressions(text: &str) -> Vec<String> {
    if !text.contains(['(', '[', '.', ' ']) {
        return Vec::new();
    }
    let mut parts = vec!["true".to_owned(), "false".to_owned(), "1".to_owned(), "\"a\"".to_owned()];
    let mut open = Vec::new();
    for (i, c) in text.char_indices() {
        match c {
            '(' | '[' => open.push(i),
            ')' | ']' => {
                if let Some(start) = open.pop()
                    && let Some(inner) = text.get(start + 1..i)
                {
                    parts.push(inner.to_owned());
                    parts.extend(split(inner));
                }
            }
            _ => {}
        }
    }
    parts.extend(split(text));
    parts.retain(|p| !p.trim().is_empty() && p.len() < text.len());
    parts.dedup();
    parts.sort_by_key(String::len);
    parts
}

fn split(text: &str) -> Vec<String> {
    let mut depth = 0i32;
    let (mut parts, mut last) = (Vec::new(), 0);
    let bytes = text.as_bytes();
    for (i, c) in text.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            ' ' | ',' if depth == 0 => {
                parts.extend(text.get(last..i).map(|p| p.trim().to_owned()));
                last = i + 1;
            }
            '.' if depth == 0 && i > 0 && bytes[i - 1] == b')' => {
                parts.extend(text.get(last..i).map(|p| p.trim().to_owned()));
            }
            _ => {}
        }
    }
    if last > 0 {
        parts.extend(text.get(last..).map(|p| p.trim().to_owned()));
    }
    parts
}
