//! What is wrong, in the reference's words: each leaf cause with the path of the value it is about.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind as Kind;
use serde_json::Value;

use super::documents::Reference;
use super::node::{Attributes, Tree};
use crate::cel::number::{Double, Quoted};

/// Most violations that are told of one set of attributes.
const MOST: usize = 1_000;

/// One thing that is wrong with attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// JSON pointer of the value, escaped for URLs; `/` for the attributes as a whole.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

/// The leaves of all errors.
pub(super) fn violations<'a>(errors: impl Iterator<Item = ValidationError<'a>>, root: &Tree<'_>) -> Vec<Violation> {
    let mut found = Found { root, all: Vec::new() };
    for error in errors {
        found.add(&error, None);
    }
    found.all
}

/// Why a schema could not be built.
pub(super) fn build_fault(error: &ValidationError<'_>, reference: &Reference) -> String {
    match error.kind() {
        Kind::Custom { message, .. } => message.clone(),
        Kind::Referencing(jsonschema::ReferencingError::PointerToNowhere { pointer }) => {
            format!("{}#{pointer} not found", reference.document())
        }
        Kind::Referencing(jsonschema::ReferencingError::NoSuchAnchor { anchor }) => {
            format!("{}#{anchor} not found", reference.document())
        }
        _ => error.to_string(),
    }
}

/// Text in single quotes, with the escapes the reference's validator gives it.
pub(super) fn quote(text: &str) -> String {
    let quoted = Quoted(text).to_string();
    let inner = quoted.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(&quoted);
    format!("'{}'", inner.replace("\\\"", "\"").replace('\'', "\\'"))
}

struct Found<'r, 't> {
    root: &'r Tree<'t>,
    all: Vec<Violation>,
}

impl Found<'_, '_> {
    /// Adds the leaves of an error; `name` is set where the value is the name of a property and not a value.
    fn add(&mut self, error: &ValidationError<'_>, name: Option<&str>) {
        if self.all.len() >= MOST {
            return;
        }
        let before = self.all.len();
        match error.kind() {
            Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
                context.iter().flatten().for_each(|cause| self.add(cause, name));
                if self.all.len() == before {
                    self.push(error, name, "", format!("{} failed", error.kind().keyword()));
                }
            }
            Kind::PropertyNames { error: cause } => {
                let name = cause.instance().as_str().unwrap_or("").to_owned();
                self.add(cause, Some(&name));
            }
            Kind::UnevaluatedProperties { unexpected } => {
                for name in unexpected {
                    self.push(error, None, name, "not allowed".to_owned());
                }
            }
            _ => {
                let message = self.message(error, name);
                self.push(error, name, "", message);
            }
        }
    }

    fn push(&mut self, error: &ValidationError<'_>, name: Option<&str>, member: &str, message: String) {
        let mut path = escape_pointer(error.instance_path().as_str());
        for segment in name.into_iter().chain((!member.is_empty()).then_some(member)) {
            path.push('/');
            escape_segment(&segment.replace('~', "~0").replace('/', "~1"), &mut path);
        }
        if path.is_empty() {
            path.push('/');
        }
        self.all.push(Violation { path, message });
    }

    /// The words for a leaf.
    fn message(&self, error: &ValidationError<'_>, name: Option<&str>) -> String {
        let here = self.root.find(error.instance_path().as_str());
        let (members, items) = match here {
            Some(Tree::Object(members)) => (members.len(), 0),
            Some(Tree::List(items)) => (0, items.len()),
            _ => (0, 0),
        };
        let text = || match (name, here) {
            (Some(name), _) => name.to_owned(),
            (None, Some(Tree::Text(s))) => (*s).to_owned(),
            _ => String::new(),
        };
        let number = || if let Some(Tree::Number(n)) = here { *n } else { 0.0 };
        let bound = |relation: &str, limit: &Value| {
            format!("must be {relation} {} but found {}", Double(limit.as_f64().unwrap_or(0.0)), Double(number()))
        };
        match error.kind() {
            Kind::Custom { message, .. } => message.clone(),
            Kind::Constant { expected_value } => {
                go(expected_value).map_or_else(|| "const failed".to_owned(), |v| format!("value must be {v}"))
            }
            Kind::Enum { options } => enumerated(options),
            Kind::Minimum { limit } => bound(">=", limit),
            Kind::Maximum { limit } => bound("<=", limit),
            Kind::ExclusiveMinimum { limit } => bound(">", limit),
            Kind::ExclusiveMaximum { limit } => bound("<", limit),
            Kind::MultipleOf { multiple_of } => format!("{} not multipleOf {}", Double(number()), Double(*multiple_of)),
            Kind::MinLength { limit } => format!("length must be >= {limit}, but got {}", text().chars().count()),
            Kind::MaxLength { limit } => format!("length must be <= {limit}, but got {}", text().chars().count()),
            Kind::Format { format } => format!("{} is not valid {}", quote(&text()), quote(format)),
            Kind::MinItems { limit } => format!("minimum {limit} items required, but found {items} items"),
            Kind::MaxItems { limit } => format!("maximum {limit} items required, but found {items} items"),
            Kind::AdditionalItems { limit } => format!("only {limit} items are allowed, but found {items} items"),
            Kind::MinProperties { limit } => {
                format!("minimum {limit} properties allowed, but found {members} properties")
            }
            Kind::MaxProperties { limit } => {
                format!("maximum {limit} properties allowed, but found {members} properties")
            }
            Kind::AdditionalProperties { unexpected } => {
                let mut names: Vec<&str> = unexpected.iter().map(String::as_str).collect();
                names.sort_unstable();
                let names: Vec<String> = names.into_iter().map(quote).collect();
                format!("additionalProperties {} not allowed", names.join(", "))
            }
            // Of `dependencies`, which do not tell for whose sake.
            Kind::Required { property } => format!("missing properties: {}", quote(property.as_str().unwrap_or(""))),
            Kind::OneOfMultipleValid { context } => {
                let mut valid = context.iter().enumerate().filter(|(_, errors)| errors.is_empty()).map(|(i, _)| i);
                let (first, second) = (valid.next().unwrap_or(0), valid.next().unwrap_or(0));
                format!("valid against schemas at indexes {first} and {second}")
            }
            Kind::Contains => match error.schema_path().as_str().rsplit('/').next() {
                Some("maxContains") => "too many items match `contains`".to_owned(),
                Some("minContains") => "too few items match `contains`".to_owned(),
                _ => "valid must be >= 1, but got 0".to_owned(),
            },
            Kind::Not { .. } => "not failed".to_owned(),
            Kind::FalseSchema | Kind::UnevaluatedItems { .. } => "not allowed".to_owned(),
            _ => error.to_string(),
        }
    }
}

fn enumerated(options: &Value) -> String {
    let options = options.as_array().map_or(&[][..], |all| all);
    let texts: Option<Vec<String>> = options.iter().map(go).collect();
    match texts.as_deref() {
        None => "enum failed".to_owned(),
        Some([one]) => format!("value must be {one}"),
        Some(all) => format!("value must be one of {}", all.join(", ")),
    }
}

/// A scalar as Go's `%#v` prints it; numbers are texts there.
fn go(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some("<nil>".to_owned()),
        Value::Bool(b) => Some(b.to_string()),
        Value::Number(n) if n.is_f64() => Some(format!("\"{}\"", Double(n.as_f64().unwrap_or(0.0)))),
        Value::Number(n) => Some(format!("\"{n}\"")),
        Value::String(s) => Some(Quoted(s).to_string()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

fn escape_pointer(pointer: &str) -> String {
    let mut out = String::with_capacity(pointer.len());
    for segment in pointer.split('/').skip(1) {
        out.push('/');
        escape_segment(segment, &mut out);
    }
    out
}

/// A segment of a URL's path: what is not unreserved, and not one of `$&+=:@`, is written as bytes.
fn escape_segment(segment: &str, out: &mut String) {
    use std::fmt::Write as _;
    for byte in segment.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~$&+=:@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

/// The first fault of a schema by its meta-schema: where, by which keyword, and what.
pub(super) fn schema_fault(
    validator: &jsonschema::Validator<Attributes>,
    node: super::node::Node<'_>,
    meta: &str,
) -> Option<String> {
    let error = validator.iter_errors(node).next()?;
    let keyword = error.evaluation_path().as_str().to_owned();
    let place = escape_pointer(error.instance_path().as_str());
    let first = violations(std::iter::once(error), node.tree).into_iter().next()?;
    let place = if first.path == "/" { place } else { first.path };
    let keyword = keyword.strip_prefix("/$ref").unwrap_or(&keyword);
    Some(format!("'{place}' does not validate with {meta}#{keyword}: {}", first.message))
}
