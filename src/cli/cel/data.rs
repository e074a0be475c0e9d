//! The file given with `--data`: a request and what else a condition can refer to, in the shape requests have.

use std::path::Path;

use anyhow::{Context, bail, ensure};
use bumpalo::Bump;

use crate::cel::value::{Constant, List, Map, Message, SORTED_ABOVE, Value};
use crate::engine::request::{AuxData, Principal, REQUEST, RUNTIME, Resource};
use crate::engine::roots;
use crate::source::{Severity, SourceFile, render_terminal};
use crate::yaml::{self, Decoder, Entry, Kind, LIMITS, Node, Resolved};

/// What expressions refer to.
#[derive(Debug, Default)]
pub(super) struct Data {
    principal: Subject,
    resource: Subject,
    jwt: Vec<(String, Json)>,
    jwts: Vec<(String, Vec<(String, Json)>)>,
    derived_roles: Vec<String>,
    globals: Vec<(String, Json)>,
    /// `C`
    pub(super) constants: Vec<(String, Constant)>,
    /// `V`: expressions by name
    pub(super) variables: Vec<(String, String)>,
}

/// Principal or resource.
#[derive(Debug, Default)]
struct Subject {
    id: String,
    kind: String,
    roles: Vec<String>,
    attr: Vec<(String, Json)>,
    policy_version: String,
    scope: String,
}

/// A value as requests carry them.
#[derive(Debug)]
enum Json {
    Null,
    Bool(bool),
    Number(f64),
    /// An integer of the globals, which are no request data.
    Int(i64),
    String(String),
    List(Vec<Json>),
    Map(Vec<(String, Json)>),
}

impl Data {
    /// Reads a file.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        let size = std::fs::metadata(path).with_context(|| name.clone())?.len();
        ensure!(size <= LIMITS.bytes as u64, "{name}: file is too large: {size} bytes");
        let text = std::fs::read_to_string(path).with_context(|| name.clone())?;
        Self::parse(&name, &text)
    }

    /// Reads a text.
    pub(super) fn parse(name: &str, text: &str) -> anyhow::Result<Self> {
        let file = SourceFile::new(name, text);
        let (root, mut faults) = yaml::parse(&file, LIMITS);
        let mut data = Self::default();
        if let Some(root) = root {
            let mut decoder = Decoder::new(&file);
            data.decode(&mut decoder, &root);
            faults.extend(decoder.finish());
        }
        if faults.iter().any(|f| f.severity == Severity::Error) {
            bail!("invalid data\n{}", render_terminal(&faults, false).trim_end());
        }
        Ok(data)
    }

    fn decode(&mut self, d: &mut Decoder<'_>, root: &Node) {
        const KNOWN: &[&str] =
            &["principal", "resource", "auxData", "runtime", "globals", "constants", "variables", "$schema"];
        let object = d.object(root, KNOWN);
        if let Some(e) = object.get("principal") {
            self.principal = d.field("principal", e, |d, e| subject(d, &e.value, PRINCIPAL_FIELDS));
        }
        if let Some(e) = object.get("resource") {
            self.resource = d.field("resource", e, |d, e| subject(d, &e.value, RESOURCE_FIELDS));
        }
        if let Some(e) = object.get("auxData") {
            d.field("auxData", e, |d, e| self.aux_data(d, &e.value));
        }
        if let Some(e) = object.get("runtime") {
            self.derived_roles = d.field("runtime", e, |d, e| {
                let runtime = d.object(&e.value, &["effectiveDerivedRoles"]);
                let roles = runtime.get("effectiveDerivedRoles");
                roles.map_or_else(Vec::new, |e| d.list(&e.value, Decoder::string))
            });
        }
        if let Some(e) = object.get("globals") {
            self.globals = d.field("globals", e, |d, e| d.map(&e.value, |d, e| entry(d, e, true)));
        }
        if let Some(e) = object.get("constants") {
            let constants = d.field("constants", e, |d, e| d.map(&e.value, |d, e| entry(d, e, false)));
            self.constants = constants.into_iter().map(|(name, v)| (name, constant(v))).collect();
        }
        if let Some(e) = object.get("variables") {
            let read = |d: &mut Decoder<'_>, e: &Entry| (e.key.text.clone(), d.string(&e.value));
            self.variables = d.field("variables", e, |d, e| d.map(&e.value, read));
        }
    }

    fn aux_data(&mut self, d: &mut Decoder<'_>, node: &Node) {
        let object = d.object(node, &["jwt", "jwts"]);
        if let Some(e) = object.get("jwt") {
            self.jwt = d.field("jwt", e, |d, e| d.map(&e.value, |d, e| entry(d, e, false)));
        }
        if let Some(e) = object.get("jwts") {
            self.jwts = d.field("jwts", e, |d, e| {
                d.map(&e.value, |d, e| {
                    let token = d.object(&e.value, &["claims"]);
                    let claims = token.get("claims");
                    let claims = claims.map_or_else(Vec::new, |e| d.map(&e.value, |d, e| entry(d, e, false)));
                    (e.key.text.clone(), claims)
                })
            });
        }
    }

    /// The values of the policy environment's roots, in the arena.
    pub(super) fn roots<'a>(&self, bump: &'a Bump) -> Vec<Value<'a>> {
        let p = &self.principal;
        let principal = Principal {
            id: bump.alloc_str(&p.id),
            roles: strings(&p.roles, bump),
            attr: fields(&p.attr, bump),
            policy_version: bump.alloc_str(&p.policy_version),
            scope: bump.alloc_str(&p.scope),
        };
        let r = &self.resource;
        let resource = Resource {
            kind: bump.alloc_str(&r.kind),
            id: bump.alloc_str(&r.id),
            attr: fields(&r.attr, bump),
            policy_version: bump.alloc_str(&r.policy_version),
            scope: bump.alloc_str(&r.scope),
        };
        let jwts = self.jwts.iter().map(|(name, claims)| (&*bump.alloc_str(name), fields(claims, bump)));
        let jwts: Vec<(&str, Map<'a>)> = jwts.collect();
        let aux = AuxData { jwt: fields(&self.jwt, bump), jwts: bump.alloc_slice_copy(&jwts) };
        let (p, r) = (Value::Message(principal.message(bump)), Value::Message(resource.message(bump)));
        let request = bump.alloc([p, r, Value::Message(aux.message(bump))]);
        let runtime = bump.alloc([Value::List(List::Strings(strings(&self.derived_roles, bump)))]);
        let mut all = vec![Value::Null; roots::COUNT];
        let values = [
            (roots::REQUEST, Value::Message(Message { ty: &REQUEST, fields: request })),
            (roots::PRINCIPAL, p),
            (roots::RESOURCE, r),
            (roots::RUNTIME, Value::Message(Message { ty: &RUNTIME, fields: runtime })),
            (roots::GLOBALS, Value::Map(fields(&self.globals, bump))),
        ];
        for (index, value) in values {
            if let Some(slot) = all.get_mut(index) {
                *slot = value;
            }
        }
        all
    }
}

const PRINCIPAL_FIELDS: &[&str] = &["id", "roles", "attr", "policyVersion", "scope"];
const RESOURCE_FIELDS: &[&str] = &["id", "kind", "attr", "policyVersion", "scope"];

fn subject(d: &mut Decoder<'_>, node: &Node, known: &[&'static str]) -> Subject {
    let object = d.object(node, known);
    let text = |d: &mut Decoder<'_>, name: &'static str| {
        object.get(name).map_or_else(String::new, |e| d.field(name, e, |d, e| d.string(&e.value)))
    };
    Subject {
        id: text(d, "id"),
        kind: text(d, "kind"),
        policy_version: text(d, "policyVersion"),
        scope: text(d, "scope"),
        roles: object
            .get("roles")
            .map_or_else(Vec::new, |e| d.field("roles", e, |d, e| d.list(&e.value, Decoder::string))),
        attr: object
            .get("attr")
            .map_or_else(Vec::new, |e| d.field("attr", e, |d, e| d.map(&e.value, |d, e| entry(d, e, false)))),
    }
}

fn entry(d: &mut Decoder<'_>, entry: &Entry, ints: bool) -> (String, Json) {
    (entry.key.text.clone(), json(d, &entry.value, ints))
}

fn json(d: &mut Decoder<'_>, node: &Node, ints: bool) -> Json {
    match &node.kind {
        Kind::Scalar(s) => match s.value {
            Resolved::Null => Json::Null,
            Resolved::Bool(b) => Json::Bool(b),
            Resolved::Int(i) => match i.to_string().parse() {
                Ok(i) if ints => Json::Int(i),
                _ => Json::Number(i.as_f64()),
            },
            Resolved::Float(f) => Json::Number(f),
            Resolved::String => Json::String(s.text.clone()),
            Resolved::Infinity | Resolved::Nan => {
                d.fault("TG0104", node.at, format!("unexpected {}", node.type_name()));
                Json::Null
            }
        },
        Kind::Sequence(_) => Json::List(d.list(node, |d, n| json(d, n, ints))),
        Kind::Mapping(_) => Json::Map(d.map(node, |d, e| entry(d, e, ints))),
        Kind::Bad => Json::Null,
    }
}

fn strings<'a>(texts: &[String], bump: &'a Bump) -> &'a [&'a str] {
    bump.alloc_slice_fill_iter(texts.iter().map(|t| &*bump.alloc_str(t)))
}

fn fields<'a>(entries: &[(String, Json)], bump: &'a Bump) -> Map<'a> {
    let mut all: Vec<(&'a str, Value<'a>)> =
        entries.iter().map(|(k, v)| (&*bump.alloc_str(k), value(v, bump))).collect();
    if all.len() > SORTED_ABOVE {
        all.sort_by_key(|(k, _)| *k);
    }
    Map::Fields(bump.alloc_slice_copy(&all))
}

fn value<'a>(json: &Json, bump: &'a Bump) -> Value<'a> {
    match json {
        Json::Null => Value::Null,
        Json::Bool(b) => Value::Bool(*b),
        Json::Number(d) => Value::Double(*d),
        Json::Int(i) => Value::Int(*i),
        Json::String(s) => Value::String(bump.alloc_str(s)),
        Json::List(items) => {
            let items: Vec<Value<'a>> = items.iter().map(|v| value(v, bump)).collect();
            Value::List(List::Values(bump.alloc_slice_copy(&items)))
        }
        Json::Map(entries) => Value::Map(fields(entries, bump)),
    }
}

fn constant(json: Json) -> Constant {
    match json {
        Json::Null => Constant::Null,
        Json::Bool(b) => Constant::Bool(b),
        Json::Number(d) => Constant::Double(d),
        Json::Int(i) => Constant::Int(i),
        Json::String(s) => Constant::String(s.into()),
        Json::List(items) => Constant::List(items.into_iter().map(constant).collect()),
        Json::Map(entries) => Constant::string_map(entries.into_iter().map(|(k, v)| (k, constant(v)))),
    }
}
