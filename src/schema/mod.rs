//! JSON Schemas of attributes: the `_schemas` of a store, compiled once, and what is wrong with attributes by them.
//! References lead to other schemas of the store and nowhere else: there is no network and no file in here.
//!
//! The `jsonschema` crate is named in this room only. What it must not decide is decided here: patterns are RE2's,
//! formats and message texts the reference's, and every look at a value is charged to the decision's budget.

mod documents;
mod formats;
mod keywords;
mod message;
mod node;
mod url;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use bumpalo::Bump;

pub use message::Violation;

use crate::cel::budget::Budget;
use crate::cel::value::Map;
use crate::source::SourceFile;
use documents::{Documents, Reference};
use node::{Attributes, Node, Tree};

/// What becomes of attributes that do not fit (`schema.enforcement`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Enforcement {
    /// Nothing is validated.
    #[default]
    None,
    /// The answer says what does not fit, and is otherwise what it would be.
    Warn,
    /// Every action is denied.
    Reject,
}

/// The schemas of a store.
#[derive(Debug)]
pub struct Library {
    documents: Arc<Documents>,
    compiled: Mutex<BTreeMap<String, Result<Arc<Schema>, String>>>,
}

/// One compiled schema.
pub struct Schema {
    validator: jsonschema::Validator<Attributes>,
}

impl Library {
    /// The schemas among `files`, by their names under `_schemas/`.
    #[must_use]
    pub fn new(files: &[SourceFile]) -> Self {
        Self { documents: Arc::new(Documents::new(files)), compiled: Mutex::default() }
    }

    /// The schema that a policy refers to, compiled on first use.
    ///
    /// # Errors
    /// Why it cannot be had, in the reference's words.
    pub fn schema(&self, reference: &str) -> Result<Arc<Schema>, String> {
        let all = || self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all().get(reference) {
            return known.clone();
        }
        // Not under the lock: threads may compile the same one, and the first is taken.
        let compiled = self.compile(reference).map(Arc::new);
        all().entry(reference.to_owned()).or_insert(compiled).clone()
    }

    fn compile(&self, text: &str) -> Result<Schema, String> {
        let failed = |reason: String| format!("jsonschema {text} compilation failed: {reason}");
        let reference = Reference::parse(text).map_err(|e| if e.bare { e.reason } else { failed(e.reason) })?;
        if !self.documents.has(&reference.name) {
            let name = reference.name.strip_prefix("_schemas/").unwrap_or(&reference.name);
            return Err(format!("schema _schemas/{name} doesn't exist"));
        }
        self.documents.check(&reference.name).map_err(failed)?;
        let finder = documents::Finder::new(Arc::clone(&self.documents));
        let found = finder.first_fault();
        let wrapper = serde_json::json!({ "$ref": reference.url() });
        // The compiler is somebody else's; whatever a schema makes it do, policies stay what they are.
        let built = catch_unwind(AssertUnwindSafe(|| options().with_retriever(finder).build(&wrapper)));
        let fault = found.lock().ok().and_then(|mut f| f.take());
        match (fault, built) {
            (Some(documents::Fault::Missing(name)), _) => {
                Err(format!("schema _schemas/{name} referenced by {text} doesn't exist"))
            }
            (Some(documents::Fault::Bad(reason)), _) => Err(failed(reason)),
            (None, Ok(Ok(validator))) => {
                self.documents.check_loops(&reference).map_err(failed)?;
                Ok(Schema { validator })
            }
            (None, Ok(Err(error))) => Err(failed(message::build_fault(&error, &reference))),
            (None, Err(_)) => Err(failed("the schema cannot be compiled".to_owned())),
        }
    }
}

impl Schema {
    /// What is wrong with `attributes`. Everything that is looked at is charged to `budget`: if that is spent
    /// afterwards, nothing is known.
    #[must_use]
    pub fn validate(&self, attributes: Map<'_>, budget: &Budget) -> Vec<Violation> {
        let bump = Bump::new();
        match Tree::of_map(attributes, &bump, budget) {
            Some(tree) => validate(&self.validator, &tree, budget),
            None => Vec::new(),
        }
    }
}

impl std::fmt::Debug for Schema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Schema").finish_non_exhaustive()
    }
}

fn validate(validator: &jsonschema::Validator<Attributes>, tree: &Tree<'_>, budget: &Budget) -> Vec<Violation> {
    let node = Node { tree, budget };
    if validator.is_valid(node) {
        return Vec::new();
    }
    message::violations(validator.iter_errors(node), tree)
}

type Options = jsonschema::ValidationOptions<'static, Arc<dyn jsonschema::Retrieve>, Attributes>;

/// How schemas are compiled, meta-schemas included.
fn options() -> Options {
    let options = jsonschema::options_for::<Attributes>()
        .should_validate_formats(true)
        .should_ignore_unknown_formats(true)
        .with_pattern_options(jsonschema::PatternOptions::regex());
    keywords::register(formats::register(options))
}
