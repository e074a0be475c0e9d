//! The walk over the tree: literals, names, operators and functions. `&&`, `||` and `!` are three-valued, everything
//! else fails if an argument does and is known if all arguments are.

use super::super::ast::{ExprKind, Literal, NodeId};
use super::super::checker::{Checked, Reference};
use super::super::compare;
use super::super::error::{Eval, EvalError};
use super::super::functions::{self, Style};
use super::super::lower::type_name;
use super::super::machine::operators;
use super::super::mapping::MapBuilder;
use super::super::printer;
use super::super::program::{Arithmetic, Relation};
use super::super::select;
use super::super::show::Shown;
use super::super::value::Value;
use super::macros::in_lambda;
use super::reference::{is_clock, is_optional, takes_failures};
use super::select::Own;
use super::{Folded, Part, Partial, Stop, Term, Written, is_scalar};
use crate::cel::context::Context;

/// What a step gives.
pub(super) type Step<'a> = Result<Part<'a>, Stop>;

/// Macro variables, innermost first.
#[derive(Clone, Copy)]
pub(super) struct Scope<'s, 'a> {
    pub(super) name: &'a str,
    pub(super) part: Part<'a>,
    /// How many there are, this one included.
    pub(super) depth: u32,
    pub(super) outer: Option<&'s Scope<'s, 'a>>,
}

pub(super) type Scopes<'s, 'a> = Option<&'s Scope<'s, 'a>>;

pub(super) fn depth(scope: Scopes<'_, '_>) -> u32 {
    scope.map_or(0, |s| s.depth)
}

impl<'a> Partial<'a> {
    pub(super) fn eval(&self, checked: &'a Checked, id: NodeId, scope: Scopes<'_, 'a>) -> Step<'a> {
        self.cx.charge(1).map_err(|_| Stop::Budget)?;
        match self.node(checked, id, scope) {
            Err(Stop::Unsupported(_)) if self.reference => self.unsayable().map(Part::Unknown),
            step => step,
        }
    }

    fn node(&self, checked: &'a Checked, id: NodeId, scope: Scopes<'_, 'a>) -> Step<'a> {
        let node = checked.ast.node(id);
        match &node.kind {
            ExprKind::Literal(l) => Ok(Part::Known(literal(l))),
            ExprKind::Ident(name) => Ok(self.ident(checked, id, name, scope)),
            ExprKind::Select { operand, field, test_only } => {
                if let Some(root) = self.own_root(checked, *operand) {
                    if self.reference && root == Own::Variables && in_lambda(scope) && self.has_optionals(field)? {
                        return Err(Stop::Unsupported("an optional"));
                    }
                    return self.own(root, field, *test_only);
                }
                if let Some(known) = self.principal_version(checked, *operand, field, *test_only) {
                    return known;
                }
                let part = self.eval(checked, *operand, scope)?;
                if !*test_only {
                    let selected = self.select(part, field)?;
                    return self.as_named(checked, id, (part, selected), scope);
                }
                match self.bound(checked, *operand, field, part) {
                    Some(bound) => Ok(bound),
                    None => self.has(part, field),
                }
            }
            ExprKind::Call { target, function, args } => self.call(checked, id, (*target, function, args), scope),
            ExprKind::List { elements, optional } => self.list(checked, elements, optional, scope),
            ExprKind::Map(_) => self.map(checked, id, scope),
            ExprKind::Struct { .. } => Err(Stop::Unsupported("a message literal")),
            ExprKind::Comprehension(_) => self.comprehension(checked, id, scope),
        }
    }

    /// What an evaluation of known values gave.
    pub(super) fn known(&self, value: Eval<'a>, or: impl FnOnce() -> Result<Term<'a>, Stop>) -> Step<'a> {
        match value {
            Ok(v) => Ok(Part::Known(v)),
            Err(e) if e.is_fatal() => Err(Stop::Budget),
            // Only the reference shows what failed.
            Err(e) if self.reference => Ok(Part::Failed(e, or()?)),
            Err(e) => Ok(Part::Failed(e, Term::Error)),
        }
    }

    pub(super) fn apply(&self, operator: &'a str, operands: &[Term<'a>]) -> Result<Term<'a>, Stop> {
        Term::apply(self.cx.bump, operator, operands)
    }

    pub(super) fn unknown(&self, operator: &'a str, operands: &[Term<'a>]) -> Step<'a> {
        if operands.iter().any(|o| matches!(o, Term::Optional(_))) {
            return Err(Stop::Unsupported("an optional"));
        }
        self.apply(operator, operands).map(Part::Unknown)
    }

    /// Remembers what a part of an expression folded to.
    pub(super) fn note(&self, checked: &Checked, id: NodeId, part: Part<'a>) {
        let Some(folded) = self.folded else { return };
        if matches!(checked.ast.node(id).kind, ExprKind::Literal(_) | ExprKind::Ident(_)) {
            return;
        }
        let outcome = match part {
            Part::Known(v) => Shown(v).to_string(),
            Part::Failed(e, _) => format!("fails: {e}"),
            Part::Unknown(_) | Part::Place(_) => return,
        };
        let expression = printer::print_node(&checked.ast, id);
        let entry = Folded { expression, outcome };
        let mut all = folded.borrow_mut();
        if !all.contains(&entry) {
            all.push(entry);
        }
    }

    fn ident(&self, checked: &'a Checked, id: NodeId, name: &str, scope: Scopes<'_, 'a>) -> Part<'a> {
        let mut inner = scope;
        while let Some(s) = inner {
            if s.name == name {
                return if s.depth <= self.names { Part::Unknown(Term::Variable(s.name)) } else { s.part };
            }
            inner = s.outer;
        }
        match checked.reference(id) {
            Some(Reference::Type(ty)) => Part::Known(Value::Type(self.cx.bump.alloc_str(type_name(ty)))),
            Some(Reference::Enum(i)) => Part::Known(Value::Int(*i)),
            Some(Reference::Root(_) | Reference::Local) | None => {
                let name = name.trim_start_matches('.');
                match self.roots.iter().find(|(n, _)| *n == name) {
                    Some((_, part)) => *part,
                    // `V`, `C` and `G` as a whole have no fields
                    None => Part::Known(Value::Map(super::super::value::Map::Fields(&[]))),
                }
            }
        }
    }

    fn call(
        &self,
        checked: &'a Checked,
        id: NodeId,
        (target, name, args): (Option<NodeId>, &'a str, &'a [NodeId]),
        scope: Scopes<'_, 'a>,
    ) -> Step<'a> {
        match (target, name, args) {
            _ if is_optional(name) && self.reference && in_lambda(scope) => Err(Stop::Unsupported("an optional")),
            (None, "@in", [_, list])
                if self.reference && self.written.get().is_none() && is_empty_list(checked, *list) =>
            {
                Ok(Part::Known(Value::Bool(false)))
            }
            (None, "_&&_" | "_||_", [a, b]) => {
                let wanted = name == "_||_";
                let left = self.eval(checked, *a, scope)?;
                if matches!(left, Part::Known(Value::Bool(x)) if x == wanted) {
                    return Ok(left);
                }
                let right = self.eval(checked, *b, scope)?;
                let both = self.logic(wanted, left, right)?;
                self.note_all(checked, scope, both, &[(*a, left), (*b, right)]);
                Ok(both)
            }
            (None, "_?_:_", [c, a, b]) => {
                let condition = self.truth(self.eval(checked, *c, scope)?);
                match condition {
                    Part::Known(Value::Bool(yes)) => {
                        self.note(checked, *c, condition);
                        let side = if yes { *a } else { *b };
                        let part = self.eval(checked, side, scope)?;
                        self.chosen(checked, (*c, side), part, scope)
                    }
                    Part::Failed(e, term) if self.reference => {
                        let raw = self.unevaluated(checked, scope)?;
                        let side = raw.as_ref().unwrap_or(self);
                        let (a, b) = (side.eval(checked, *a, scope)?, side.eval(checked, *b, scope)?);
                        Ok(Part::Failed(e, self.apply("if", &[term, a.term(), b.term()])?))
                    }
                    Part::Failed(..) => Ok(condition),
                    _ => {
                        let raw = self.unevaluated(checked, scope)?;
                        let side = raw.as_ref().unwrap_or(self);
                        let (a, b) = (side.eval(checked, *a, scope)?, side.eval(checked, *b, scope)?);
                        self.choose(condition.term(), a, b)
                    }
                }
            }
            (None, "@not_strictly_false", [e]) => match self.eval(checked, *e, scope)? {
                Part::Known(Value::Bool(false)) => Ok(Part::Known(Value::Bool(false))),
                Part::Known(_) | Part::Failed(..) => Ok(Part::Known(Value::Bool(true))),
                unknown => Ok(unknown),
            },
            (None, "!_", [e]) => match self.truth(self.eval(checked, *e, scope)?) {
                Part::Known(Value::Bool(b)) => Ok(Part::Known(Value::Bool(!b))),
                Part::Failed(e, term) => Ok(Part::Failed(e, self.apply("not", &[term])?)),
                other => self.unknown("not", &[other.term()]),
            },
            (None, "_?._", [e, field]) => {
                let ExprKind::Literal(Literal::String(field)) = &checked.ast.node(*field).kind else {
                    return Err(Stop::Unsupported("an optional"));
                };
                let part = self.eval(checked, *e, scope)?;
                match self.bound(checked, *e, field, part) {
                    Some(bound) => Ok(bound),
                    None => self.optional_select(part, field),
                }
            }
            (None, "_[?_]", [e, key]) => {
                let (part, key) = (self.eval(checked, *e, scope)?, self.eval(checked, *key, scope)?);
                let bound = match key {
                    Part::Known(Value::String(field)) => self.bound(checked, *e, field, part),
                    _ => None,
                };
                bound.map_or_else(|| self.optional_index(part, key), Ok)
            }
            (None, "_[_]", [e, key]) => {
                let base = self.eval(checked, *e, scope)?;
                let raw = if matches!(base, Part::Failed(..)) { self.unevaluated(checked, scope)? } else { None };
                let mut parts = [base, raw.as_ref().unwrap_or(self).eval(checked, *key, scope)?];
                if let Some(raw) = self.as_a_name(checked, *key, &parts, scope)? {
                    parts[1] = raw;
                }
                let indexed = self.index((checked, *e, parts[0]), (checked, *key, parts[1]))?;
                self.note_all(checked, scope, indexed, &[(*e, parts[0]), (*key, parts[1])]);
                self.as_named(checked, id, (base, indexed), scope)
            }
            (Some(a), "or" | "orValue", [b]) => {
                let part = self.eval(checked, a, scope)?;
                self.or_value(part, name == "orValue", || self.eval(checked, *b, scope))
            }
            (Some(a), "hasValue" | "value", []) => {
                let part = self.eval(checked, a, scope)?;
                self.optional_member(part, name)
            }
            (None, "optional.of", [a]) => {
                let part = self.eval(checked, *a, scope)?;
                self.optional_of(part)
            }
            _ => {
                let ids = target.iter().chain(args);
                let mut parts = Vec::with_capacity(args.len() + 1);
                let mut raw = None;
                for id in ids.clone() {
                    let part = raw.as_ref().unwrap_or(self).eval(checked, *id, scope)?;
                    parts.push(part);
                    // The reference stops at an argument that fails.
                    if matches!(part, Part::Failed(..)) && raw.is_none() && !takes_failures(name) {
                        raw = self.unevaluated(checked, scope)?;
                    }
                }
                let all: Vec<_> = ids.copied().zip(parts.iter().copied()).collect();
                let shown = || all.iter().map(|(id, part)| self.operand(checked, *id, *part, scope)).collect();
                let result = self.strict(target.is_some(), name, &parts, &shown)?;
                self.note_all(checked, scope, result, &all);
                Ok(result)
            }
        }
    }

    /// Notes what is known below something that is not.
    fn note_all(&self, checked: &Checked, scope: Scopes<'_, 'a>, whole: Part<'a>, parts: &[(NodeId, Part<'a>)]) {
        // What is known of the variables of a macro goes without saying.
        if self.folded.is_some() && scope.is_none() && matches!(whole, Part::Unknown(_)) {
            for (id, part) in parts {
                self.note(checked, *id, *part);
            }
        }
    }

    /// Anything known but a boolean fails as an operand of logic.
    pub(super) fn truth(&self, part: Part<'a>) -> Part<'a> {
        match part {
            Part::Known(Value::Bool(_)) | Part::Unknown(_) | Part::Failed(..) => part,
            Part::Known(_) | Part::Place(_) => Part::Failed(EvalError::NO_SUCH_OVERLOAD, self.failure(part.term())),
        }
    }

    /// What stands in a term for something that fails.
    pub(super) fn failure(&self, shown: Term<'a>) -> Term<'a> {
        if self.reference { shown } else { Term::Error }
    }

    /// `||` for `wanted` true, `&&` for false.
    pub(super) fn logic(&self, wanted: bool, left: Part<'a>, right: Part<'a>) -> Step<'a> {
        let (left, right) = (self.truth(left), self.truth(right));
        let operator = if wanted { "or" } else { "and" };
        match (left, right) {
            (Part::Known(Value::Bool(x)), _) if x == wanted => Ok(left),
            (_, Part::Known(Value::Bool(x))) if x == wanted => Ok(right),
            (Part::Known(_), _) => Ok(right),
            (_, Part::Known(_)) => Ok(left),
            // The reference drops values that are no booleans.
            (Part::Failed(e, term), Part::Failed(_, dropped)) | (Part::Failed(_, dropped), Part::Failed(e, term))
                if self.reference && is_dropped(dropped) =>
            {
                Ok(Part::Failed(e, term))
            }
            (Part::Failed(_, dropped), other) | (other, Part::Failed(_, dropped))
                if self.reference && is_dropped(dropped) =>
            {
                Ok(other)
            }
            (Part::Failed(e, a), Part::Failed(_, b)) => Ok(Part::Failed(e, self.apply(operator, &[a, b])?)),
            _ => self.unknown(operator, &[left.term(), right.term()]),
        }
    }

    /// `c ? a : b` where the condition is not known.
    pub(super) fn choose(&self, c: Term<'a>, a: Part<'a>, b: Part<'a>) -> Step<'a> {
        if let (Part::Failed(e, _), Part::Failed(..)) = (a, b) {
            return Ok(Part::Failed(e, Term::Error));
        }
        if let Some(optional) = self.choose_optional(c, a, b)? {
            return Ok(optional);
        }
        self.unknown("if", &[c, a.term(), b.term()])
    }

    /// A function or operator that needs all its arguments; `terms` is how these are shown.
    fn strict(
        &self,
        member: bool,
        name: &'a str,
        parts: &[Part<'a>],
        terms: &dyn Fn() -> Result<Vec<Term<'a>>, Stop>,
    ) -> Step<'a> {
        if let ("type", [Part::Place(place)], false) = (name, parts, self.reference)
            && place.is_map
        {
            return Ok(Part::Known(Value::Type("map")));
        }
        let plain = |part: &Part<'a>| matches!(part, Part::Known(v) if is_scalar(*v));
        match (name, parts) {
            ("_==_" | "_!=_", [Part::Place(_), v] | [v, Part::Place(_)]) if !self.reference && plain(v) => {
                return Ok(Part::Known(Value::Bool(name == "_!=_")));
            }
            // There it is nothing by itself.
            _ if self.reference && parts.iter().any(|p| matches!(p, Part::Place(place) if place.path == "runtime")) => {
                return Ok(Part::Failed(EvalError::NO_SUCH_OVERLOAD, self.apply(operator(name), &terms()?)?));
            }
            _ => {}
        }
        let style = if member { Style::Member } else { Style::Global };
        let term = || self.apply(operator(name), &terms()?);
        let failed = parts.iter().find_map(|p| if let Part::Failed(e, _) = p { Some(*e) } else { None });
        match failed {
            // A function that takes failures gives what its first argument that is not known is: not known, or failed.
            Some(_) if self.reference && takes_failures(name) && is_unknown_first(parts) => {
                return self.unknown(operator(name), &terms()?);
            }
            Some(e) => return self.known(Err(e), term),
            None => {}
        }
        let values: Option<Vec<Value<'a>>> =
            parts.iter().map(|p| if let Part::Known(v) = p { Some(*v) } else { None }).collect();
        match values {
            // Types are no constants.
            Some(values) if self.written.get().is_some() => {
                let folds = self.written.get() == Some(Written::Folded)
                    && !is_clock(name)
                    && !values.iter().any(|v| matches!(v, Value::Type(_)));
                match folds.then(|| strict_call(&self.cx, style, name, &values)) {
                    Some(Ok(value)) => Ok(Part::Known(value)),
                    _ => self.unknown(operator(name), &terms()?),
                }
            }
            Some(values) => self.known(strict_call(&self.cx, style, name, &values), term),
            None if self.reference && matches!(name, "first" | "last" | "regex.extract") => {
                Err(Stop::Unsupported("an optional"))
            }
            None => self.unknown(operator(name), &terms()?),
        }
    }

    fn list(&self, checked: &'a Checked, elements: &'a [NodeId], optional: &[u32], scope: Scopes<'_, 'a>) -> Step<'a> {
        let mut parts = Vec::with_capacity(elements.len());
        let mut raw = None;
        for (i, e) in (0_u32..).zip(elements) {
            let part = raw.as_ref().unwrap_or(self).eval(checked, *e, scope)?;
            if matches!(part, Part::Failed(..)) && raw.is_none() {
                raw = self.unevaluated(checked, scope)?;
            }
            if !optional.contains(&i) {
                parts.push(part);
                continue;
            }
            match part {
                Part::Known(Value::Optional(None)) => {}
                Part::Known(Value::Optional(Some(v))) => parts.push(Part::Known(*v)),
                Part::Failed(..) => parts.push(part),
                // What the reference knows by name is no optional.
                Part::Known(_) => parts.push(Part::Failed(EvalError::NO_SUCH_OVERLOAD, self.unsayable()?)),
                _ => return Err(Stop::Unsupported("an optional element")),
            }
        }
        if let Some(failed) = parts.iter().find(|p| matches!(p, Part::Failed(..))) {
            let Part::Failed(e, _) = failed else { return Ok(*failed) };
            if self.reference {
                let terms: Vec<Term<'a>> = parts.iter().map(|p| p.term()).collect();
                return Ok(Part::Failed(*e, self.apply("list", &terms)?));
            }
            return Ok(*failed);
        }
        if parts.iter().all(|p| matches!(p, Part::Known(_))) {
            let values = parts.iter().filter_map(|p| if let Part::Known(v) = p { Some(*v) } else { None });
            return self.known(self.cx.list(values), || Ok(Term::Error));
        }
        let terms: Vec<Term<'a>> = parts.iter().map(|p| p.term()).collect();
        self.unknown("list", &terms)
    }

    fn map(&self, checked: &'a Checked, id: NodeId, scope: Scopes<'_, 'a>) -> Step<'a> {
        let ExprKind::Map(entries) = &checked.ast.node(id).kind else { return Ok(Part::Known(Value::Null)) };
        let mut pairs = Vec::with_capacity(entries.len());
        let mut raw = None;
        let mut failed = None;
        for entry in entries {
            let mut parts = [Part::Known(Value::Null); 2];
            for (part, id) in parts.iter_mut().zip([entry.key, entry.value]) {
                *part = raw.as_ref().unwrap_or(self).eval(checked, id, scope)?;
                match *part {
                    Part::Failed(e, _) if self.reference => {
                        raw = match raw {
                            None => self.unevaluated(checked, scope)?,
                            raw => raw,
                        };
                        failed = failed.or(Some(e));
                    }
                    Part::Failed(..) => return Ok(*part),
                    _ => {}
                }
            }
            let [key, value] = parts;
            match value {
                value if !entry.optional || matches!(value, Part::Failed(..)) => pairs.push((key, value)),
                Part::Known(Value::Optional(None)) => {}
                Part::Known(Value::Optional(Some(v))) => pairs.push((key, Part::Known(*v))),
                Part::Known(_) => return Ok(Part::Failed(EvalError::NO_SUCH_OVERLOAD, self.unsayable()?)),
                _ => return Err(Stop::Unsupported("an optional entry")),
            }
        }
        if let Some(e) = failed {
            let fields: Result<Vec<_>, _> =
                pairs.iter().map(|(k, v)| self.apply("set-field", &[k.term(), v.term()])).collect();
            return Ok(Part::Failed(e, self.apply("struct", &fields?)?));
        }
        let known = pairs.iter().map(|pair| match pair {
            (Part::Known(k), Part::Known(v)) => Some((*k, *v)),
            _ => None,
        });
        if let Some(known) = known.collect::<Option<Vec<_>>>() {
            let mut builder = MapBuilder::new(&self.cx, known.len());
            for (k, v) in known {
                if let Err(e) = builder.set(k, v) {
                    return self.known(Err(e), || Ok(Term::Error));
                }
            }
            return Ok(Part::Known(Value::Map(builder.finish())));
        }
        let mut fields = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            fields.push(self.apply("set-field", &[key.term(), value.term()])?);
        }
        self.unknown("struct", &fields)
    }

    /// Selects through the paths of the tree; used by [`super::select`] for what it knows.
    pub(super) fn select_known(&self, v: Value<'a>, field: &'a str) -> Step<'a> {
        self.known(select::select(&self.cx, v, field), || {
            self.apply("get-field", &[Part::Known(v).term(), Term::Variable(field)])
        })
    }
}

/// True if something that is not known comes before all that fails.
fn is_unknown_first(parts: &[Part<'_>]) -> bool {
    let first = parts.iter().find(|p| !matches!(p, Part::Known(_)));
    matches!(first, Some(Part::Unknown(_) | Part::Place(_)))
}

/// `[]` as it is written.
pub(super) fn is_empty_list(checked: &Checked, id: NodeId) -> bool {
    matches!(&checked.ast.node(id).kind, ExprKind::List { elements, .. } if elements.is_empty())
}

/// A value that is no boolean.
fn is_dropped(term: Term<'_>) -> bool {
    matches!(term, Term::Value(_)) && term.as_bool().is_none()
}

/// A function or operator over known values.
pub(super) fn strict_call<'a>(cx: &Context<'a>, style: Style, name: &str, values: &[Value<'a>]) -> Eval<'a> {
    let relation = |r, a, b| operators::compare(cx, r, a, b).map(Value::Bool);
    match (name, values) {
        ("_+_", [a, b]) => operators::arithmetic(cx, Arithmetic::Add, *a, *b),
        ("_-_", [a, b]) => operators::arithmetic(cx, Arithmetic::Subtract, *a, *b),
        ("_*_", [a, b]) => operators::arithmetic(cx, Arithmetic::Multiply, *a, *b),
        ("_/_", [a, b]) => operators::arithmetic(cx, Arithmetic::Divide, *a, *b),
        ("_%_", [a, b]) => operators::arithmetic(cx, Arithmetic::Remainder, *a, *b),
        ("_<_", [a, b]) => relation(Relation::Less, *a, *b),
        ("_<=_", [a, b]) => relation(Relation::LessEqual, *a, *b),
        ("_>_", [a, b]) => relation(Relation::Greater, *a, *b),
        ("_>=_", [a, b]) => relation(Relation::GreaterEqual, *a, *b),
        ("_==_", [a, b]) => compare::equal(*a, *b, cx).map(Value::Bool),
        ("_!=_", [a, b]) => match compare::equal(*a, *b, cx) {
            Err(e) if e.is_fatal() => Err(e),
            equal => Ok(Value::Bool(!equal.unwrap_or(false))),
        },
        ("@in", [a, b]) => operators::contains(cx, *a, *b).map(Value::Bool),
        ("_[_]", [v, key]) => select::index(cx, *v, *key),
        ("-_", [v]) => operators::negate(cx, *v),
        ("cel.@mapInsert", [Value::Map(map), rest @ ..]) => super::macros::insert(cx, *map, rest),
        _ => match functions::find(name, style, values.len()) {
            Some(f) => f.call(cx, values),
            None => Err(cx.error(format_args!("no such overload: {name}"))),
        },
    }
}

/// How a function is called on the wire.
fn operator(name: &str) -> &str {
    match name {
        "_==_" => "eq",
        "_!=_" => "ne",
        "_<_" => "lt",
        "_<=_" => "le",
        "_>_" => "gt",
        "_>=_" => "ge",
        "_+_" => "add",
        "_-_" => "sub",
        "_*_" => "mult",
        "_/_" => "div",
        "_%_" => "mod",
        "@in" => "in",
        other => other,
    }
}

/// The function an operator on the wire stands for.
pub(super) fn function(operator: &str) -> &str {
    match operator {
        "eq" => "_==_",
        "ne" => "_!=_",
        "lt" => "_<_",
        "le" => "_<=_",
        "gt" => "_>_",
        "ge" => "_>=_",
        "add" => "_+_",
        "sub" => "_-_",
        "mult" => "_*_",
        "div" => "_/_",
        "mod" => "_%_",
        "in" => "@in",
        "index" => "_[_]",
        other => other,
    }
}

fn literal(l: &Literal) -> Value<'_> {
    match l {
        Literal::Null => Value::Null,
        Literal::Bool(b) => Value::Bool(*b),
        Literal::Int(i) => Value::Int(*i),
        Literal::Uint(u) => Value::Uint(*u),
        Literal::Double(d) => Value::Double(*d),
        Literal::String(s) => Value::String(s),
        Literal::Bytes(b) => Value::Bytes(b),
    }
}
