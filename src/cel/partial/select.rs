//! Selection and indexing where the container, the key or both are not known; the policy's own names (`V.x`, `C.x`).

use super::super::ast::{ExprKind, NodeId};
use super::super::checker::{Checked, Reference};
use super::super::error::Fault;
use super::super::functions::is_zero;
use super::super::select;
use super::super::value::{Map, Value};
use super::eval::{Step, strict_call};
use super::{Part, Partial, Place, Stop, THERE, Term};
use crate::cel::functions::Style;

/// The roots that are the policy's own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Own {
    Variables,
    Constants,
    Globals,
}

impl<'a> Partial<'a> {
    /// Which of the policy's own roots a node is.
    pub(super) fn own_root(&self, checked: &Checked, id: NodeId) -> Option<Own> {
        let ExprKind::Ident(name) = &checked.ast.node(id).kind else { return None };
        let Some(Reference::Root(_)) = checked.reference(id) else { return None };
        match name.trim_start_matches('.') {
            "V" | "variables" => Some(Own::Variables),
            "C" | "constants" => Some(Own::Constants),
            "G" | "globals" => Some(Own::Globals),
            _ => None,
        }
    }

    /// `V.x`, `C.x`, `G.x` and `has` of these.
    pub(super) fn own(&self, root: Own, field: &'a str, test: bool) -> Step<'a> {
        let found = match root {
            Own::Variables => match self.variable(field)? {
                // What is constant is worked out before variables are filled in.
                Some(Part::Known(value)) if self.written.get().is_some() => Some(Part::Unknown(Term::Value(value))),
                found => found,
            },
            Own::Constants if self.written.get().is_some() => {
                Some(Part::Unknown(Term::Variable(self.path("constants", field))))
            }
            Own::Constants => {
                let all = &self.unit.written().constants;
                all.iter().find(|(name, _)| *name == *field).map(|(_, c)| Part::Known(c.view()))
            }
            Own::Globals => match self.roots.iter().find(|(name, _)| *name == "G") {
                Some((_, Part::Known(Value::Map(map)))) => map.get_str(field).map(Part::Known),
                Some((_, Part::Unknown(term))) => Some(Part::Unknown(self.member(*term, field)?)),
                _ => None,
            },
        };
        let path = if root == Own::Globals && self.reference { self.path("globals", field) } else { field };
        let missing = || Part::Failed(self.cx.fault(Fault::UndefinedField(field)), self.failure(Term::Variable(path)));
        if test && self.written.get().is_some() && root != Own::Variables {
            return self.unknown(THERE, &[]);
        }
        // In the reference a variable stands for its expression, under `has` too.
        if !test || self.reference && root == Own::Variables {
            return Ok(found.unwrap_or_else(missing));
        }
        match found {
            None | Some(Part::Failed(..)) => Ok(Part::Known(Value::Bool(false))),
            Some(Part::Known(_) | Part::Place(_)) => Ok(Part::Known(Value::Bool(true))),
            Some(Part::Unknown(term)) if self.reference => Ok(Part::Unknown(term)),
            // It fails where it is missing, if what it is a field of cannot be missing, too.
            Some(Part::Unknown(Term::Variable(path))) if self.is_field(path) => {
                self.unknown("has", &[Term::Variable(path)])
            }
            // whether it fails depends on what is not known
            Some(Part::Unknown(_)) => Err(Stop::Unsupported("`has` of a variable")),
        }
    }

    /// True if the path is that of a field of an input that is known to be there.
    fn is_field(&self, path: &str) -> bool {
        let Some((parent, _)) = path.rsplit_once('.') else { return false };
        let mut open: Vec<Part<'a>> = self.roots.iter().map(|(_, part)| *part).collect();
        while let Some(part) = open.pop() {
            if let Part::Place(place) = part {
                if place.path == parent {
                    return true;
                }
                open.extend(place.fields.iter().map(|(_, part)| *part));
            }
        }
        false
    }

    fn path(&self, base: &str, field: &str) -> &'a str {
        self.cx.bump.alloc_str(&format!("{base}.{field}"))
    }

    /// `part.field`
    pub(super) fn select(&self, part: Part<'a>, field: &'a str) -> Step<'a> {
        match part {
            Part::Known(v) => self.select_known(v, field),
            Part::Place(place) => self.field(place, field),
            Part::Unknown(Term::Optional(_)) => self.optional_select(part, field),
            Part::Unknown(term) => self.member(term, field).map(Part::Unknown),
            Part::Failed(e, term) => Ok(Part::Failed(e, self.member(term, field)?)),
        }
    }

    fn field(&self, place: &'a Place<'a>, field: &'a str) -> Step<'a> {
        match place.fields.iter().find(|(name, _)| *name == field) {
            Some((_, part)) => Ok(*part),
            None => self.member(Term::Variable(place.path), field).map(Part::Unknown),
        }
    }

    /// A field of something that is not known.
    pub(super) fn member(&self, term: Term<'a>, field: &'a str) -> Result<Term<'a>, Stop> {
        match term {
            // A path with a dot in a name would be another path.
            Term::Variable(_) if !self.reference && field.contains('.') => {
                self.apply("index", &[term, Term::Value(Value::String(field))])
            }
            Term::Variable(path) => Ok(Term::Variable(self.path(path, field))),
            Term::Error => Ok(Term::Error),
            other => self.apply("get-field", &[other, Term::Variable(field)]),
        }
    }

    /// `has(part.field)`. The reference takes what it does not know to be there, and misses what it does know.
    pub(super) fn has(&self, part: Part<'a>, field: &'a str) -> Step<'a> {
        let yes = |b| Ok(Part::Known(Value::Bool(b)));
        match part {
            Part::Known(v) => {
                let found = select::has(&self.cx, v, field).map(Value::Bool);
                self.known(found, || self.apply(THERE, &[]))
            }
            // It takes what fails to be there, too, where that is shown.
            Part::Failed(e, _) if self.reference => Ok(Part::Failed(e, self.apply(THERE, &[])?)),
            Part::Failed(..) => Ok(part),
            Part::Place(place) => match self.field(place, field)? {
                Part::Known(_) if self.reference && !place.declared => yes(false),
                Part::Known(v) => yes(!place.declared || !is_zero(v)),
                Part::Place(_) | Part::Unknown(_) if self.reference => self.unknown(THERE, &[]),
                // A map that is known in part: there if any of it is.
                Part::Place(inner) if !inner.fields.is_empty() || inner.is_map && !place.declared => yes(true),
                Part::Place(inner) => self.unknown("has", &[Term::Variable(inner.path)]),
                // Declared texts are always there, and set if they are not empty.
                Part::Unknown(term @ Term::Variable(_)) if place.declared => {
                    self.unknown("ne", &[term, Term::Value(Value::String(""))])
                }
                Part::Unknown(term @ Term::Variable(_)) => self.unknown("has", &[term]),
                Part::Unknown(_) => Err(Stop::Unsupported("`has` of the derived roles")),
                failed @ Part::Failed(..) => Ok(failed),
            },
            Part::Unknown(Term::Optional(_)) => Err(Stop::Unsupported("`has` of an optional")),
            Part::Unknown(_) if self.reference => self.unknown(THERE, &[]),
            Part::Unknown(term) => {
                let member = self.member(term, field)?;
                self.unknown("has", &[member])
            }
        }
    }

    /// `part[key]`, each with where it was written.
    pub(super) fn index(
        &self,
        (checked, base_at, base): (&'a Checked, NodeId, Part<'a>),
        (_, key_at, key): (&'a Checked, NodeId, Part<'a>),
    ) -> Step<'a> {
        match (base, key) {
            (Part::Known(v), Part::Known(k)) => {
                let terms = [base.term(), key.term()];
                self.known(strict_call(&self.cx, Style::Global, "_[_]", &[v, k]), || self.apply("index", &terms))
            }
            (Part::Failed(e, term), other) | (other, Part::Failed(e, term)) => {
                Ok(Part::Failed(e, if self.reference { self.apply("index", &[term, other.term()])? } else { term }))
            }
            (Part::Place(place), Part::Known(Value::String(name))) if place.fields.iter().any(|(n, _)| *n == name) => {
                self.field(place, name)
            }
            // No key of anything.
            (Part::Place(_), Part::Known(k @ (Value::List(_) | Value::Map(_) | Value::Null))) => {
                let (nothing, terms) = (Value::Map(Map::Fields(&[])), [base.term(), key.term()]);
                self.known(strict_call(&self.cx, Style::Global, "_[_]", &[nothing, k]), || self.apply("index", &terms))
            }
            _ => {
                // The reference leaves inputs that it knows by their names here.
                let named = |at, part: Part<'a>, all| match self.input_path(checked, at) {
                    Some(path) if self.reference && (all || !path.starts_with("request.principal.attr")) => {
                        Term::Variable(path)
                    }
                    _ => part.term(),
                };
                let operands = [named(base_at, base, false), named(key_at, key, true)];
                self.unknown("index", &operands)
            }
        }
    }
}
