//! The schema files of a store, found by reference, and what must hold of them before they are compiled: JSON, a known
//! draft, its meta-schema, and no circle of references.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock};

use bumpalo::Bump;
use jsonschema::{Retrieve, Uri, Validator};
use serde_json::{Value, json};

use super::message;
use super::node::{Attributes, Node, Tree};
use crate::cel::budget::Budget;
use crate::policy::files::{FileClass, classify};
use crate::source::SourceFile;

/// The directory of schemas.
const DIRECTORY: &str = "_schemas/";
/// The drafts there are, by the URL in `$schema`; the last is the default.
const DRAFTS: [&str; 5] = [
    "http://json-schema.org/draft-04/schema",
    "http://json-schema.org/draft-06/schema",
    "http://json-schema.org/draft-07/schema",
    "https://json-schema.org/draft/2019-09/schema",
    "https://json-schema.org/draft/2020-12/schema",
];

/// Schemas by their path under `_schemas/`; a text is why one is not JSON.
#[derive(Debug)]
pub(super) struct Documents(BTreeMap<String, Result<Value, String>>);

impl Documents {
    pub(super) fn new(files: &[SourceFile]) -> Self {
        let schemas = files.iter().filter(|f| classify(f.name()) == FileClass::Schema);
        let named = schemas.filter_map(|f| f.name().strip_prefix(DIRECTORY).map(|name| (name.to_owned(), f.text())));
        Self(named.map(|(name, text)| (name, parse(text))).collect())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The schema, if it is one.
    pub(super) fn check(&self, name: &str) -> Result<&Value, String> {
        let url = url_of(name);
        let document = match self.0.get(name) {
            Some(Ok(document)) => document,
            Some(Err(reason)) => return Err(format!("invalid json {url}: {reason}")),
            None => return Err(format!("{url} not found")),
        };
        let draft = match document.get("$schema") {
            None => DRAFTS.len() - 1,
            Some(Value::String(named)) => {
                let named = named.trim_end_matches('#');
                let known =
                    DRAFTS.iter().position(|d| d.split_once(':').map(|d| d.1) == named.split_once(':').map(|n| n.1));
                known.ok_or_else(|| format!("the meta-schema `{named}` of {url} is not supported"))?
            }
            Some(_) => return Err(format!("invalid $schema in {url}")),
        };
        match against_meta_schema(draft, document).or_else(|| odd_name_pattern(document)) {
            Some(fault) => Err(fault),
            None => Ok(document),
        }
    }

    /// Refuses schemas that lead back to themselves without looking at any part of the value.
    pub(super) fn check_loops(&self, from: &Reference) -> Result<(), String> {
        let mut search = Loops { documents: self, done: BTreeSet::new(), open: Vec::new(), files: BTreeSet::new() };
        search.file(&from.name)
    }
}

fn parse(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|e| match (e.is_eof(), text.trim().is_empty()) {
        (true, true) => "EOF".to_owned(),
        (true, false) => "unexpected EOF".to_owned(),
        (false, _) => e.to_string(),
    })
}

fn against_meta_schema(draft: usize, document: &Value) -> Option<String> {
    static COMPILED: [OnceLock<Option<Validator<Attributes>>>; DRAFTS.len()] =
        [const { OnceLock::new() }; DRAFTS.len()];
    let name = DRAFTS.get(draft)?;
    let build = || super::options().offline().build(&json!({ "$schema": name, "$ref": format!("{name}#") })).ok();
    let Some(validator) = COMPILED.get(draft)?.get_or_init(build) else {
        return Some(format!("the meta-schema `{name}` cannot be compiled"));
    };
    let bump = Bump::new();
    let tree = Tree::of_document(document, &bump);
    // Policies are read without a budget; what is in a file bounds this.
    let budget = Budget::new(u64::MAX);
    let node = Node { tree: &tree, budget: &budget };
    if validator.is_valid(node) { None } else { message::schema_fault(validator, node, name) }
}

/// A pattern of `patternProperties` that the validator would read otherwise than RE2 does. Only there its own engine
/// matches, and a name that is taken for another is not validated at all.
fn odd_name_pattern(value: &Value) -> Option<String> {
    match value {
        Value::Array(items) => items.iter().find_map(odd_name_pattern),
        Value::Object(members) => {
            let patterns = members.get("patternProperties").and_then(Value::as_object).into_iter().flatten();
            let mut odd = patterns.map(|(pattern, _)| pattern).filter(|pattern| reads_otherwise(pattern));
            let fault = |pattern: &String| format!("{} is not supported in patternProperties", message::quote(pattern));
            odd.next().map(fault).or_else(|| members.values().find_map(odd_name_pattern))
        }
        _ => None,
    }
}

fn reads_otherwise(pattern: &str) -> bool {
    let mut chars = pattern.chars();
    let odd_escape = loop {
        match chars.next() {
            None => break false,
            Some('\\') => match chars.next() {
                Some(c) if c.is_ascii_alphanumeric() && !"dDwWbBtnrfvx".contains(c) => break true,
                _ => {}
            },
            Some(_) => {}
        }
    };
    odd_escape || pattern.contains("[:")
}

/// What a policy names: a schema file, and a place in it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reference {
    /// Path under `_schemas/`.
    pub(super) name: String,
    fragment: String,
}

/// Why a reference names nothing.
pub(super) struct NoReference {
    pub(super) reason: String,
    /// The reason stands for itself.
    pub(super) bare: bool,
}

impl Reference {
    /// `cerbos:///path/x.json`, with a fragment or without; whatever stands for a host or a query is ignored.
    pub(super) fn parse(text: &str) -> Result<Self, NoReference> {
        let refuse = |reason: String, bare| Err(NoReference { reason, bare });
        let Some((scheme, rest)) = text.split_once(':').filter(|(s, _)| is_scheme(s)) else {
            return refuse(format!("schema {text} doesn't exist"), true);
        };
        if !scheme.eq_ignore_ascii_case("cerbos") {
            return refuse(format!("{text} is not in the store, and schemas are never fetched"), false);
        }
        let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
        let path = rest.split('?').next().unwrap_or(rest);
        let path = path.strip_prefix("//").map_or("", |p| p.split_once('/').map_or("", |(_, path)| path));
        match decode(path).filter(|name| !name.is_empty()) {
            Some(name) => Ok(Self { name, fragment: fragment.to_owned() }),
            None => refuse(format!("{text} does not name a file"), false),
        }
    }

    /// The URL of the whole file.
    pub(super) fn document(&self) -> String {
        url_of(&self.name)
    }

    /// The URL.
    pub(super) fn url(&self) -> String {
        format!("{}#{}", self.document(), self.fragment)
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

fn url_of(name: &str) -> String {
    use std::fmt::Write as _;
    let mut url = "cerbos:///".to_owned();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte) {
            url.push(char::from(byte));
        } else {
            let _ = write!(url, "%{byte:02X}");
        }
    }
    url
}

/// Undoes `%20` and the like.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
            let (high, low) = (digit(rest.next())?, digit(rest.next())?);
            bytes.push((high * 16 + low) as u8);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// What kept a schema from being found.
#[derive(Debug)]
pub(super) enum Fault {
    /// No such file.
    Missing(String),
    /// It is no schema, or elsewhere.
    Bad(String),
}

/// Hands schemas of the store to the compiler, and nothing else.
pub(super) struct Finder {
    documents: Arc<Documents>,
    fault: Arc<Mutex<Option<Fault>>>,
}

impl Finder {
    pub(super) fn new(documents: Arc<Documents>) -> Self {
        Self { documents, fault: Arc::default() }
    }

    /// Where the first fault will be.
    pub(super) fn first_fault(&self) -> Arc<Mutex<Option<Fault>>> {
        Arc::clone(&self.fault)
    }

    fn find(&self, url: &str) -> Result<Value, Fault> {
        let reference = Reference::parse(url).map_err(|e| Fault::Bad(e.reason))?;
        if !self.documents.has(&reference.name) {
            return Err(Fault::Missing(reference.name));
        }
        self.documents.check(&reference.name).cloned().map_err(Fault::Bad)
    }
}

impl Retrieve for Finder {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        self.find(uri.as_str()).map_err(|fault| {
            if let Ok(mut first) = self.fault.lock() {
                first.get_or_insert(fault);
            }
            "no such schema".into()
        })
    }
}

/// A subschema: file and JSON pointer.
type Place = (String, String);

/// Keywords whose subschemas are held against the very same value.
const SAME_VALUE: [&str; 7] = ["allOf", "anyOf", "oneOf", "not", "if", "then", "else"];

/// Looks for circles, along references by JSON pointer.
struct Loops<'d> {
    documents: &'d Documents,
    done: BTreeSet<Place>,
    open: Vec<Place>,
    files: BTreeSet<String>,
}

impl Loops<'_> {
    /// Looks at every object of a file, and of the files that were reached from it.
    fn file(&mut self, name: &str) -> Result<(), String> {
        let mut waiting = vec![name.to_owned()];
        let mut seen = BTreeSet::new();
        while let Some(name) = waiting.pop() {
            let Some(Ok(document)) = self.documents.0.get(&name) else { continue };
            let mut all = Vec::new();
            objects(document, String::new(), &mut all);
            for pointer in all {
                self.place((name.clone(), pointer))?;
            }
            seen.insert(name);
            waiting.extend(self.files.iter().filter(|f| !seen.contains(*f)).cloned());
        }
        Ok(())
    }

    /// Depth is bounded by the number of subschemas that refer to each other; files have at most 1 MiB, and a chain as
    /// long as that is cut.
    fn place(&mut self, place: Place) -> Result<(), String> {
        if self.open.contains(&place) || self.open.len() > 256 {
            return Err(format!("infinite loop {}#{}", url_of(&place.0), place.1));
        }
        if !self.done.insert(place.clone()) {
            return Ok(());
        }
        let Some(Ok(document)) = self.documents.0.get(&place.0) else { return Ok(()) };
        let Some(Value::Object(schema)) = document.pointer(&place.1) else { return Ok(()) };
        self.open.push(place.clone());
        if let Some(target) = schema.get("$ref").and_then(Value::as_str).and_then(|r| resolve(r, &place.0)) {
            self.files.insert(target.0.clone());
            self.reach(target)?;
        }
        for keyword in SAME_VALUE {
            let at = format!("{}/{keyword}", place.1);
            match schema.get(keyword) {
                Some(Value::Array(all)) => {
                    for i in 0..all.len() {
                        self.reach((place.0.clone(), format!("{at}/{i}")))?;
                    }
                }
                Some(Value::Object(_)) => self.reach((place.0.clone(), at))?,
                _ => {}
            }
        }
        self.open.pop();
        Ok(())
    }

    fn reach(&mut self, place: Place) -> Result<(), String> {
        // One that is open is a circle, though it was seen before.
        if self.open.contains(&place) {
            return Err(format!("infinite loop {}#{}", url_of(&place.0), place.1));
        }
        self.place(place)
    }
}

/// Pointers to all objects of a document.
fn objects(value: &Value, at: String, out: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                objects(value, format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), out);
            }
            out.push(at);
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, item)| objects(item, format!("{at}/{i}"), out));
        }
        _ => {}
    }
}

/// Where a reference leads, if it is of the plain kind: a path in the store and a JSON pointer.
fn resolve(reference: &str, from: &str) -> Option<Place> {
    let (path, fragment) = reference.split_once('#').unwrap_or((reference, ""));
    let pointer = decode(fragment).filter(|p| p.is_empty() || p.starts_with('/'))?;
    if path.is_empty() {
        return Some((from.to_owned(), pointer));
    }
    let name = match Reference::parse(path) {
        Ok(absolute) => absolute.name,
        Err(_) if path.contains(':') => return None,
        Err(_) => match path.strip_prefix('/') {
            Some(rooted) => decode(rooted)?,
            None => {
                let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
                let joined = format!("{folder}/{}", decode(path)?);
                joined.trim_start_matches('/').to_owned()
            }
        },
    };
    Some((name, pointer))
}
