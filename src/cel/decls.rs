//! What every environment declares: functions with their overloads, and the types that have a name. Built once, from
//! the text in `functions.txt`, which reads like the reference's documentation. No checking here.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::types::{Scalar, Type};

mod structs;

pub(super) use structs::{FieldLookup, VARIABLES, field_names, field_type, root_field, struct_named};

/// One way to call a function.
#[derive(Debug)]
pub(super) struct Overload {
    /// Called as `receiver.f(…)`; the receiver is the first of `args`.
    pub(super) member: bool,
    /// Types of the receiver, if any, and the arguments.
    pub(super) args: Vec<Type>,
    /// Type of the result.
    pub(super) result: Type,
    /// Number of type variables, which are `Param(0..n)`.
    pub(super) params: u32,
}

/// A function.
#[derive(Debug)]
pub(super) struct Function {
    /// Full name.
    pub(super) name: &'static str,
    /// In the order they are tried.
    pub(super) overloads: Vec<Overload>,
}

/// A function by its full name.
pub(super) fn function(name: &str) -> Option<&'static Function> {
    FUNCTIONS.get(name)
}

/// The name of a declared function that `name` may be a slip for.
pub(super) fn similar_function(name: &str) -> Option<&'static str> {
    closest(name, FUNCTION_NAMES.iter().copied())
}

/// The candidate nearest to `name` by edit distance, if any is near.
pub(super) fn closest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > 64 {
        return None;
    }
    let limit = if name.len() <= 3 { 1 } else { 2 };
    let near = candidates.map(|c| (distance(name, c), c)).filter(|(d, c)| *d <= limit && *c != name);
    near.min().map(|(_, c)| c)
}

/// Levenshtein distance without regard to case.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().map(|c| c.to_ascii_lowercase()).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().map(|c| c.to_ascii_lowercase()).enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, y) in row.iter_mut().skip(1).zip(&b) {
            let cost = (diagonal + usize::from(x != *y)).min(*cell + 1).min(left + 1);
            diagonal = *cell;
            left = cost;
            *cell = cost;
        }
    }
    row.last().copied().unwrap_or(0)
}

static FUNCTIONS: LazyLock<HashMap<&'static str, Function, foldhash::fast::RandomState>> = LazyLock::new(|| {
    let mut all: HashMap<&'static str, Function, _> = HashMap::default();
    for line in include_str!("functions.txt").lines() {
        if let Some((name, overload)) = declaration(line) {
            all.entry(name).or_insert_with(|| Function { name, overloads: Vec::new() }).overloads.push(overload);
        }
    }
    all
});

static FUNCTION_NAMES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let names = include_str!("functions.txt").lines().filter_map(|l| declaration(l).map(|(name, _)| name));
    let mut names: Vec<&str> = names.filter(|n| n.starts_with(|c: char| c.is_ascii_alphabetic())).collect();
    names.retain(|n| !n.contains('@'));
    names.dedup();
    names
});

/// Reads one line of `functions.txt`.
fn declaration(line: &'static str) -> Option<(&'static str, Overload)> {
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let (call, result) = line.split_once(" -> ")?;
    let (name, args) = call.split_once(' ').unwrap_or((call, ""));
    let (member, name) = match name.strip_prefix('.') {
        Some(name) => (true, name),
        None => (false, name),
    };
    let args: Vec<Type> = Types { rest: args }.list();
    let result = Types { rest: result }.one();
    let mut params = 0;
    for ty in args.iter().chain([&result]) {
        params = params.max(highest_param(ty));
    }
    Some((name, Overload { member, args, result, params }))
}

fn highest_param(ty: &Type) -> u32 {
    match ty {
        Type::Param(n) => n + 1,
        Type::List(a) | Type::Map(a) | Type::Optional(a) | Type::Type(a) => {
            highest_param(&a.first).max(highest_param(&a.second))
        }
        _ => 0,
    }
}

/// Reader of type names.
struct Types<'t> {
    rest: &'t str,
}

impl Types<'_> {
    fn list(&mut self) -> Vec<Type> {
        let mut out = Vec::new();
        while !self.rest.is_empty() && !self.rest.starts_with(')') {
            out.push(self.one());
            self.rest = self.rest.trim_start_matches([',', ' ']);
        }
        out
    }

    fn one(&mut self) -> Type {
        let end =
            self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '_')).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        let args = match self.rest.strip_prefix('(') {
            Some(inner) => {
                self.rest = inner;
                let args = self.list();
                self.rest = self.rest.strip_prefix(')').unwrap_or(self.rest);
                args
            }
            None => Vec::new(),
        };
        let mut args = args.into_iter();
        let mut next = || args.next().unwrap_or(Type::Dyn);
        match name {
            "A" => Type::Param(0),
            "B" => Type::Param(1),
            "list" => Type::list(next()),
            "map" => {
                let key = next();
                Type::map(key, next())
            }
            "optional" => Type::optional(next()),
            "type" => Type::of_type(next()),
            _ => named(name).unwrap_or(Type::Dyn),
        }
    }
}

/// A type that has no arguments, by the short names of `functions.txt`.
fn named(name: &str) -> Option<Type> {
    Some(match name {
        "null" => Type::Null,
        "bool" => Type::Bool,
        "int" => Type::Int,
        "uint" => Type::Uint,
        "double" => Type::Double,
        "string" => Type::String,
        "bytes" => Type::Bytes,
        "timestamp" => Type::Timestamp,
        "duration" => Type::Duration,
        "ip" => Type::Opaque("net.IP"),
        "cidr" => Type::Opaque("net.CIDR"),
        "hierarchy" => Type::Struct("cerbos.lib.hierarchy"),
        "spiffeID" => Type::Struct("cerbos.lib.spiffeID"),
        "spiffeTrustDomain" => Type::Struct("cerbos.lib.spiffeTrustDomain"),
        "spiffeMatcher" => Type::Struct("cerbos.lib.spiffeMatcher"),
        _ => return None,
    })
}

/// What a name such as `int` or `google.protobuf.Duration` stands for: the type itself.
pub(super) fn type_named(name: &str) -> Option<Type> {
    Some(match name {
        "bool" | "int" | "uint" | "double" | "string" | "bytes" => return named(name),
        "null_type" => Type::Null,
        "list" | "google.protobuf.ListValue" => Type::list(Type::Dyn),
        "map" => Type::map(Type::Dyn, Type::Dyn),
        "google.protobuf.Struct" => Type::map(Type::String, Type::Dyn),
        "type" => Type::AnyType,
        "optional_type" => Type::optional(Type::Dyn),
        "net.IP" => Type::Opaque("net.IP"),
        "net.CIDR" => Type::Opaque("net.CIDR"),
        "google.protobuf.Any" => Type::Any,
        "google.protobuf.Value" => Type::Dyn,
        "google.protobuf.Timestamp" => Type::Timestamp,
        "google.protobuf.Duration" => Type::Duration,
        "google.protobuf.BoolValue" => Type::Wrapper(Scalar::Bool),
        "google.protobuf.Int32Value" | "google.protobuf.Int64Value" => Type::Wrapper(Scalar::Int),
        "google.protobuf.UInt32Value" | "google.protobuf.UInt64Value" => Type::Wrapper(Scalar::Uint),
        "google.protobuf.FloatValue" | "google.protobuf.DoubleValue" => Type::Wrapper(Scalar::Double),
        "google.protobuf.StringValue" => Type::Wrapper(Scalar::String),
        "google.protobuf.BytesValue" => Type::Wrapper(Scalar::Bytes),
        "cerbos.lib.hierarchy" => Type::Struct("cerbos.lib.hierarchy"),
        "cerbos.lib.spiffeID" => Type::Struct("cerbos.lib.spiffeID"),
        "cerbos.lib.spiffeTrustDomain" => Type::Struct("cerbos.lib.spiffeTrustDomain"),
        "cerbos.lib.spiffeMatcher" => Type::Struct("cerbos.lib.spiffeMatcher"),
        _ => Type::Struct(struct_named(name)?.name),
    })
}

/// The values of enums that have a name.
pub(super) fn enum_value(name: &str) -> Option<i64> {
    (name == "google.protobuf.NullValue.NULL_VALUE").then_some(0)
}
