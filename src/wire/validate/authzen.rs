//! The rules of AuthZEN requests.

use super::rules::{Path, Report, has, message, text};
use super::{Field, RuleElement, Violations};
use crate::proto::buf::validate::field_path_element::Type;
use crate::wire::authzen::{Action, Entity, Evaluation, Evaluations};

static SUBJECT: Field = message(1, "subject");
static RESOURCE: Field = message(2, "resource");
static ACTION: Field = message(3, "action");
static CONTEXT: Field = message(4, "context");
static EVALUATIONS: Field = message(5, "evaluations");
static OPTIONS: Field = message(6, "options");
static TYPE: Field = text(1, "type");
static ID: Field = text(2, "id");
static PROPERTIES: Field = message(3, "properties");
static NAME: Field = text(1, "name");
static ACTION_PROPERTIES: Field = message(2, "properties");
static SEMANTIC: Field = text(1, "evaluations_semantic");

const IN: &[RuleElement] = &[
    RuleElement { number: 14, name: "string", ty: Type::Message },
    RuleElement { number: 10, name: "in", ty: Type::String },
];
const MIN_ITEMS: &[RuleElement] = &[
    RuleElement { number: 18, name: "repeated", ty: Type::Message },
    RuleElement { number: 1, name: "min_items", ty: Type::Uint64 },
];

/// The resource attribute under which policies see what else an evaluation says.
pub const AUTHZEN_ATTRIBUTE: &str = "authzen";

/// Checks an evaluation that stands for itself. `reserve`: [`AUTHZEN_ATTRIBUTE`] may not be sent.
pub fn evaluation(evaluation: &Evaluation<'_>, reserve: bool) -> Result<(), Violations> {
    let mut report = Report::default();
    report.given(evaluation, reserve);
    for (field, set) in [
        (&SUBJECT, evaluation.subject.is_some()),
        (&RESOURCE, evaluation.resource.is_some()),
        (&ACTION, evaluation.action.is_some()),
    ] {
        report.required(Path::root(field), set);
    }
    report.found.sort_by_key(|v| v.field.first().map_or(0, |e| e.field.number));
    Violations::of(report.found)
}

/// Checks what a batch says besides its items, each of which is checked for itself.
pub fn evaluations(batch: &Evaluations<'_>, reserve: bool) -> Result<(), Violations> {
    let mut report = Report::default();
    report.given(&batch.defaults, reserve);
    if !["", "execute_all", "deny_on_first_deny", "permit_on_first_permit"].contains(&batch.semantic) {
        report.add(
            Path::root(&OPTIONS).field(&SEMANTIC),
            IN,
            "string.in",
            "must be in list [, execute_all, deny_on_first_deny, permit_on_first_permit]",
        );
    }
    Violations::of(report.found)
}

/// The refusal of a batch without items, where that is one.
#[must_use]
pub fn no_evaluations() -> Violations {
    let mut report = Report::default();
    report.add(Path::root(&EVALUATIONS), MIN_ITEMS, "repeated.min_items", "must contain at least 1 item(s)");
    Violations(report.found)
}

impl Report {
    /// The parts that are there.
    fn given(&mut self, evaluation: &Evaluation<'_>, reserve: bool) {
        if let Some(subject) = &evaluation.subject {
            self.entity(Path::root(&SUBJECT), subject);
        }
        if let Some(resource) = &evaluation.resource {
            let path = Path::root(&RESOURCE);
            self.entity(path, resource);
            if reserve && has(resource.properties, AUTHZEN_ATTRIBUTE) {
                self.add_key(path.field(&PROPERTIES).key(AUTHZEN_ATTRIBUTE), &[], "reserved", "is reserved");
            }
        }
        if let Some(action) = &evaluation.action {
            self.action(Path::root(&ACTION), action);
        }
        self.keys(Path::root(&CONTEXT), evaluation.context);
    }

    fn entity(&mut self, path: Path<'_>, entity: &Entity<'_>) {
        self.required(path.field(&TYPE), !entity.ty.is_empty());
        self.required(path.field(&ID), !entity.id.is_empty());
        self.keys(path.field(&PROPERTIES), entity.properties);
    }

    fn action(&mut self, path: Path<'_>, action: &Action<'_>) {
        self.required(path.field(&NAME), !action.name.is_empty());
        self.keys(path.field(&ACTION_PROPERTIES), action.properties);
    }
}
