//! AuthZEN requests as they came. The same shape serves a single evaluation, an item of a batch, and the defaults of
//! one.

use crate::cel::value::Map;

/// `authzen.authorization.v1.Subject` or `Resource`
#[derive(Clone, Copy, Debug)]
pub struct Entity<'a> {
    /// Type.
    pub ty: &'a str,
    /// Id within the type.
    pub id: &'a str,
    /// Attributes.
    pub properties: Map<'a>,
}

/// `authzen.authorization.v1.Action`
#[derive(Clone, Copy, Debug)]
pub struct Action<'a> {
    /// Name.
    pub name: &'a str,
    /// Attributes.
    pub properties: Map<'a>,
}

/// `authzen.authorization.v1.AccessEvaluationRequest`
#[derive(Clone, Copy, Debug)]
pub struct Evaluation<'a> {
    /// Who.
    pub subject: Option<Entity<'a>>,
    /// On what.
    pub resource: Option<Entity<'a>>,
    /// Does what.
    pub action: Option<Action<'a>>,
    /// Under which circumstances.
    pub context: Map<'a>,
}

/// `authzen.authorization.v1.AccessEvaluationBatchRequest`
#[derive(Clone, Copy, Debug)]
pub struct Evaluations<'a> {
    /// What items do not say themselves.
    pub defaults: Evaluation<'a>,
    /// The items.
    pub items: &'a [Evaluation<'a>],
    /// When to stop, as it was written.
    pub semantic: &'a str,
}

impl Evaluation<'_> {
    /// Nothing said.
    pub const EMPTY: Evaluation<'static> =
        Evaluation { subject: None, resource: None, action: None, context: super::message::EMPTY };
}

impl<'a> Evaluation<'a> {
    /// This item with what it does not say taken from `defaults`, each as a whole.
    #[must_use]
    pub fn or(self, defaults: &Evaluation<'a>) -> Self {
        Self {
            subject: self.subject.or(defaults.subject),
            resource: self.resource.or(defaults.resource),
            action: self.action.or(defaults.action),
            context: if self.context.is_empty() { defaults.context } else { self.context },
        }
    }
}
