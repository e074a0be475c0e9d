//! Partial evaluation: what an expression is worth when a part of its inputs is not known yet. One evaluator over the
//! checked tree with three kinds of result: known, not known yet (a [`Term`] over what is missing), failed. Known
//! values go through the same functions, comparison and selection as decisions do.
//!
//! No policies here, no simplification of terms and no wire shapes: those are the plan's. Everything is charged to the
//! budget of the call, and terms are bounded in size and height.

mod apply;
mod eval;
mod macros;
mod optional;
mod reference;
mod select;
mod term;

use std::cell::{Cell, RefCell};

pub use apply::{apply, call, is_true};
pub use term::{Apply, Term, is_scalar};

use super::context::Context;
use super::error::EvalError;
use super::frame::plain;
use super::types::Type;
use super::unit::{ExprId, Unit};
use super::value::Value;

/// In the reference: a macro over a known list as it is written, and written out, which it is only where nothing is left
/// around it.
pub const EITHER: &str = "@either";
/// In the reference: what `has` says of something that is not known. It is true, and found to be so only at the very end.
pub const THERE: &str = "@there";
/// In the reference: a choice that was made, but stays an `if`.
pub const CHOSEN: &str = "@chosen";
/// The operator of what no plan can say. In the reference that matters only if it is left.
const UNSAYABLE: &str = "@unsayable";

/// Something that is known in part: fields that are known, under a path by which the others are called.
#[derive(Debug)]
pub struct Place<'a> {
    /// `request.resource`
    pub path: &'a str,
    /// Fields about which something is known.
    pub fields: &'a [(&'a str, Part<'a>)],
    /// Fields are declared: they are always there, and `has` asks whether they are set.
    pub declared: bool,
    /// It is a map, and there, whatever it holds.
    pub is_map: bool,
}

/// What an expression is worth.
#[derive(Clone, Copy, Debug)]
pub enum Part<'a> {
    /// The value.
    Known(Value<'a>),
    /// Whatever the term gives once everything is known.
    Unknown(Term<'a>),
    /// An input that is known in part.
    Place(&'a Place<'a>),
    /// It fails, whatever the unknowns are. The term is what the reference shows for it.
    Failed(EvalError<'a>, Term<'a>),
}

/// Why there is no partial value at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// The step budget ran out.
    #[error("step budget exhausted")]
    Budget,
    /// What is left would be too large or too high a tree.
    #[error("the plan is too large")]
    TooLarge,
    /// No plan can say this.
    #[error("{0} on values that are not known cannot be planned")]
    Unsupported(&'static str),
}

/// A part of an expression that was worked out, for explanations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folded {
    /// Its text.
    pub expression: String,
    /// What it is worth, or why it fails.
    pub outcome: String,
}

/// What is worked out of an expression that stays as it is written, in the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    /// What is constant.
    Folded,
    /// Nothing: there is something that the reference cannot fold, and then it folds nothing at all.
    AsIs,
}

/// Evaluates expressions of a unit in part.
pub struct Partial<'a> {
    unit: &'a Unit,
    /// Inputs by name. `V` and `C` are the unit's.
    roots: &'a [(&'a str, Part<'a>)],
    cx: Context<'a>,
    /// Answers as the reference does, its flaws included.
    reference: bool,
    /// Not reached: inputs stay names.
    written: Cell<Option<Written>>,
    /// Failed variables are null, as in the reference while it works out effective derived roles.
    failed_is_null: bool,
    variables: RefCell<Vec<Option<Part<'a>>>>,
    /// Inputs as they were before they became names.
    given: &'a [(&'a str, Part<'a>)],
    /// How many macro variables are names, too.
    names: u32,
    folded: Option<&'a RefCell<Vec<Folded>>>,
}

impl<'a> Partial<'a> {
    /// An evaluator for a unit.
    pub fn new(unit: &'a Unit, roots: &'a [(&'a str, Part<'a>)], cx: Context<'a>, reference: bool) -> Self {
        let variables = RefCell::new(vec![None; unit.written().variables.len()]);
        Self {
            unit,
            roots,
            cx,
            reference,
            written: Cell::new(None),
            failed_is_null: false,
            variables,
            given: roots,
            names: 0,
            folded: None,
        }
    }

    /// Makes failed variables null instead of undefined.
    #[must_use]
    pub fn failed_variables_are_null(mut self) -> Self {
        self.failed_is_null = true;
        self
    }

    /// Collects what is worked out.
    #[must_use]
    pub fn noting(mut self, folded: Option<&'a RefCell<Vec<Folded>>>) -> Self {
        self.folded = folded;
        self
    }

    /// What an expression of the unit is worth.
    ///
    /// # Errors
    /// If there is no saying.
    pub fn expression(&self, id: ExprId) -> Result<Part<'a>, Stop> {
        let Some(checked) = self.unit.checked(id) else { return Ok(Part::Known(Value::Null)) };
        let part = self.eval(checked, checked.ast.root, None)?;
        self.note(checked, checked.ast.root, part);
        Ok(part)
    }

    /// Something that no plan can say, where the reference would have had to say it.
    fn unsayable(&self) -> Result<Term<'a>, Stop> {
        Term::apply(self.cx.bump, UNSAYABLE, &[])
    }

    /// True if the expression can give something else than a boolean only by failing.
    pub fn may_be_bool(&self, id: ExprId) -> bool {
        self.unit.checked(id).is_none_or(|checked| {
            matches!(
                checked.ty(checked.ast.root),
                Type::Dyn | Type::Any | Type::Bool | Type::Wrapper(_) | Type::Param(_)
            )
        })
    }

    /// What `V.name` is worth; `None` if there is no such variable. What it needs is worked out first and in order, so
    /// that no chain of variables is too long.
    fn variable(&self, name: &str) -> Result<Option<Part<'a>>, Stop> {
        let Some(index) = self.unit.variables.iter().position(|v| *v.name == *name) else { return Ok(None) };
        let mut needed = vec![false; index + 1];
        let mut open = vec![index];
        while let Some(i) = open.pop() {
            if let Some(slot) = needed.get_mut(i)
                && !*slot
            {
                *slot = true;
                open.extend(
                    self.unit.variables.get(i).map_or(&[][..], |v| &v.lowered.variables).iter().map(|n| *n as usize),
                );
            }
        }
        for (i, needed) in needed.into_iter().enumerate() {
            if !needed || self.known_variable(i).is_some() {
                continue;
            }
            let Some(checked) = self.unit.written().variables.get(i) else { continue };
            let before = self.written.get();
            if before.is_some() {
                self.written.set(Some(self.folding(checked)?));
            }
            let part = self.eval(checked, checked.ast.root, None);
            self.written.set(before);
            let part = part?;
            let part = self.as_variable(i, part, checked.ty(checked.ast.root))?;
            if let Some(slot) = self.variables.borrow_mut().get_mut(i) {
                *slot = Some(part);
            }
        }
        Ok(self.known_variable(index))
    }

    fn known_variable(&self, i: usize) -> Option<Part<'a>> {
        self.variables.borrow().get(i).copied().flatten()
    }

    fn as_variable(&self, i: usize, part: Part<'a>, ty: &Type) -> Result<Part<'a>, Stop> {
        Ok(match part {
            // There a variable stands for its expression.
            Part::Known(_) | Part::Unknown(_) | Part::Place(_) if self.reference => part,
            Part::Known(value) => match plain(&self.cx, value) {
                Ok(value) => Part::Known(value),
                Err(e) => Part::Failed(e, Term::Error),
            },
            Part::Failed(..) if self.failed_is_null => Part::Known(Value::Null),
            Part::Failed(e, term) if self.reference => Part::Failed(e, term),
            Part::Failed(..) => {
                let name = self.unit.variables.get(i).map_or("", |v| &*v.name);
                Part::Failed(self.cx.fault(super::error::Fault::UndefinedField(name)), Term::Error)
            }
            // Variables keep these as something else than they are.
            Part::Unknown(_) if matches!(ty, Type::Opaque(_) | Type::Struct(_) | Type::Optional(_) | Type::Type(_)) => {
                return Err(Stop::Unsupported("a variable that holds an object"));
            }
            Part::Unknown(_) | Part::Place(_) => part,
        })
    }
}
