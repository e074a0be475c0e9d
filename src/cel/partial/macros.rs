//! Macros. Over known ranges with known bodies they run as the folds they expand to; `exists` and `all` over a short
//! known range are written out; what is left keeps the macro as it was written, with a lambda.

use super::super::ast::{Comprehension, ExprKind, MacroCall, NodeId};
use super::super::checker::Checked;
use super::super::context::Context;
use super::super::error::{Eval, Fault};
use super::super::mapping::MapBuilder;
use super::super::value::{Map, Value};
use super::eval::{Scope, Scopes, Step, depth};
use super::{EITHER, Part, Partial, Stop, Term};

/// Longest known range that `exists` and `all` are written out for.
const WRITTEN_OUT: usize = 10;

/// The fold inside of a macro that is not one itself.
const FOLD: Stop = Stop::Unsupported("a fold");

impl<'a> Partial<'a> {
    pub(super) fn comprehension(&self, checked: &'a Checked, id: NodeId, scope: Scopes<'_, 'a>) -> Step<'a> {
        let node = checked.ast.node(id);
        let ExprKind::Comprehension(c) = &node.kind else { return Ok(Part::Known(Value::Null)) };
        if *c.iter_var == *super::super::macros::UNUSED {
            return self.bind(checked, c, node.macro_call.as_deref(), scope);
        }
        let range = self.eval(checked, c.range, scope)?;
        match range {
            Part::Known(range) => self.over_known(checked, c, (node.macro_call.as_deref(), range), scope),
            Part::Failed(e, term) => match &node.macro_call {
                Some(call) if self.reference => self.shown(e, self.residual(checked, call, term, scope)),
                _ => Ok(range),
            },
            Part::Unknown(Term::Optional(_)) => Err(Stop::Unsupported("a macro over an optional")),
            Part::Unknown(_) | Part::Place(_) => match &node.macro_call {
                Some(call) => self.residual(checked, call, range.term(), scope),
                None => Err(FOLD),
            },
        }
    }

    /// Over a known range: what it gives, where the body is known; else `exists` and `all` written out. The reference does
    /// that only where nothing is around the macro, which is not known here: it has both forms.
    fn over_known(
        &self,
        checked: &'a Checked,
        c: &'a Comprehension,
        (call, range): (Option<&'a MacroCall>, Value<'a>),
        scope: Scopes<'_, 'a>,
    ) -> Step<'a> {
        let shown = self.operand(checked, c.range, Part::Known(range), scope)?;
        let as_it_is = |call| self.residual(checked, call, shown, scope);
        let items = match (self.items(range, c.iter_var2.is_some()), call) {
            (Ok(items), _) => items,
            (Err(e), Some(call)) if self.reference && !e.is_fatal() => return self.shown(e, as_it_is(call)),
            (Err(e), _) => return self.known(Err(e), || Ok(Term::Error)),
        };
        match (self.known_fold(checked, c, &items, scope)?, call) {
            (Some(Part::Failed(e, _)), Some(call)) if self.reference => return self.shown(e, as_it_is(call)),
            (Some(result), _) => return Ok(result),
            (None, _) => {}
        }
        let Some(call) = call else { return Err(FOLD) };
        let wanted = &*call.function == "exists";
        if self.written.get().is_some() || !wanted && &*call.function != "all" {
            return as_it_is(call);
        }
        let parts = self.bodies(checked, c, call, &items, scope)?;
        // One element decides, whatever is not known of the others.
        if parts.iter().any(|part| matches!(part, Part::Known(Value::Bool(b)) if *b == wanted)) {
            return Ok(Part::Known(Value::Bool(wanted)));
        }
        if items.len() > WRITTEN_OUT || self.reference && in_lambda(scope) {
            return as_it_is(call);
        }
        if !self.reference {
            return self.written_out(wanted, parts);
        }
        let whole = as_it_is(call)?;
        match self.written_out(wanted, parts)? {
            Part::Unknown(out) if whole.term().is_sayable() => self.unknown(EITHER, &[whole.term(), out]),
            _ => Ok(whole),
        }
    }

    /// `cel.bind`: the name stands for whatever its value is worth.
    fn bind(
        &self,
        checked: &'a Checked,
        c: &'a Comprehension,
        call: Option<&'a MacroCall>,
        scope: Scopes<'_, 'a>,
    ) -> Step<'a> {
        let part = self.eval(checked, c.init, scope)?;
        let result = self.eval(
            checked,
            c.result,
            Some(&Scope { name: &c.accu_var, part, depth: depth(scope) + 1, outer: scope }),
        );
        let result = match (result, call) {
            (Err(FOLD) | Ok(Part::Unknown(_)), Some(call)) if &*call.function == "sortBy" => {
                return self.sort_by(checked, call, scope);
            }
            (result, _) => result?,
        };
        match result {
            Part::Unknown(_) if self.reference && !c.accu_var.starts_with('@') => Err(Stop::Unsupported("cel.bind")),
            Part::Failed(e, _) if self.reference => Ok(Part::Failed(e, self.unsayable()?)),
            _ => Ok(result),
        }
    }

    /// A failure of which this is shown.
    fn shown(&self, e: super::EvalError<'a>, step: Step<'a>) -> Step<'a> {
        match step {
            Ok(part) => Ok(Part::Failed(e, part.term())),
            Err(Stop::Unsupported(_)) => Ok(Part::Failed(e, self.unsayable()?)),
            Err(stop) => Err(stop),
        }
    }

    fn items(&self, range: Value<'a>, two: bool) -> Result<Vec<(Value<'a>, Value<'a>)>, super::EvalError<'a>> {
        match range {
            Value::List(l) if two => Ok((0_i64..).map(Value::Int).zip(l.iter()).collect()),
            Value::List(l) => Ok(l.iter().map(|v| (v, Value::Null)).collect()),
            Value::Map(m) => Ok(m.iter().collect()),
            other if two => Err(self.cx.fault(Fault::NotFoldable(other))),
            other => Err(self.cx.fault(Fault::NotIterable(other))),
        }
    }

    /// The fold, if everything in it is known.
    fn known_fold(
        &self,
        checked: &'a Checked,
        c: &'a Comprehension,
        items: &[(Value<'a>, Value<'a>)],
        scope: Scopes<'_, 'a>,
    ) -> Result<Option<Part<'a>>, Stop> {
        let is_known = |part| matches!(part, Part::Known(_) | Part::Failed(..));
        let mut accumulator = self.eval(checked, c.init, scope)?;
        for item in items {
            let outer = Scope { name: &c.accu_var, part: accumulator, depth: depth(scope) + 1, outer: scope };
            let goes_on = self.with_item(checked, c, c.condition, *item, Some(&outer))?;
            if !matches!(goes_on, Part::Known(Value::Bool(true))) {
                break;
            }
            accumulator = self.with_item(checked, c, c.step, *item, Some(&outer))?;
            if !is_known(accumulator) {
                return Ok(None);
            }
        }
        let result = self.eval(
            checked,
            c.result,
            Some(&Scope { name: &c.accu_var, part: accumulator, depth: depth(scope) + 1, outer: scope }),
        )?;
        Ok(is_known(result).then_some(result))
    }

    /// A body for one element of a known range.
    fn with_item(
        &self,
        checked: &'a Checked,
        c: &'a Comprehension,
        body: NodeId,
        (a, b): (Value<'a>, Value<'a>),
        scope: Scopes<'_, 'a>,
    ) -> Step<'a> {
        let first = Scope { name: &c.iter_var, part: Part::Known(a), depth: depth(scope) + 1, outer: scope };
        let name = c.iter_var2.as_deref().unwrap_or("");
        let second = Scope { name, part: Part::Known(b), depth: first.depth + 1, outer: Some(&first) };
        self.eval(checked, body, Some(&second))
    }

    /// What the body of an `exists` or an `all` is worth for each element.
    fn bodies(
        &self,
        checked: &'a Checked,
        c: &'a Comprehension,
        call: &'a MacroCall,
        items: &[(Value<'a>, Value<'a>)],
        scope: Scopes<'_, 'a>,
    ) -> Result<Vec<Part<'a>>, Stop> {
        let Some(body) = call.args.last() else { return Err(Stop::Unsupported("a macro")) };
        items.iter().map(|item| self.with_item(checked, c, *body, *item, scope)).collect()
    }

    /// `exists` and `all` as `or` and `and`, nested to the right.
    fn written_out(&self, wanted: bool, parts: Vec<Part<'a>>) -> Step<'a> {
        let mut whole = Part::Known(Value::Bool(!wanted));
        for part in parts.into_iter().rev() {
            whole = self.logic(wanted, part, whole)?;
        }
        Ok(whole)
    }

    /// The macro as it was written, over what is not known.
    fn residual(&self, checked: &'a Checked, call: &'a MacroCall, range: Term<'a>, scope: Scopes<'_, 'a>) -> Step<'a> {
        let function = if &*call.function == "existsOne" { "exists_one" } else { &*call.function };
        let variables = match function {
            "map" | "filter" | "sortBy" => 1,
            "transformList" | "transformMap" | "transformMapEntry" => 2,
            _ => call.args.len().saturating_sub(1),
        };
        let (names, mut bodies) = call.args.split_at(variables.min(call.args.len()));
        if self.reference && function == "sortBy" {
            return Err(Stop::Unsupported("a macro"));
        }
        let names: Vec<&'a str> = names
            .iter()
            .map(|id| match &checked.ast.node(*id).kind {
                ExprKind::Ident(name) => &**name,
                _ => "",
            })
            .collect();
        let scopes =
            |outer, name| Scope { name, part: Part::Unknown(Term::Variable(name)), depth: depth(outer) + 1, outer };
        let first = scopes(scope, names.first().copied().unwrap_or(""));
        let second = scopes(Some(&first), names.get(1).copied().unwrap_or(""));
        // Of a known map the reference shows the keys.
        let range = match range {
            Term::Value(Value::Map(map)) if self.reference && !function.starts_with("transform") => {
                let keys: Vec<Value<'a>> = map.iter().map(|(k, _)| k).collect();
                Term::Value(Value::list(self.cx.bump.alloc_slice_copy(&keys)))
            }
            Term::Apply(made) if self.reference && made.operator == "struct" && !function.starts_with("transform") => {
                self.keys(made.operands)?
            }
            range => range,
        };
        let mut function = function;
        if let (true, Some(test)) = (self.reference, bodies.first()) {
            let constant = self.constant(checked, *test, Some(&second))?;
            let is_test = bodies.len() == 2
                || !matches!(function, "map" | "transformList" | "transformMap" | "transformMapEntry");
            match constant.filter(|_| is_test) {
                None => {}
                // The reference drops a test that always holds.
                Some(true) if bodies.len() == 2 => bodies = bodies.get(1..).unwrap_or(bodies),
                Some(true) if function == "filter" => {
                    function = "map";
                    bodies = call.args.get(..1).unwrap_or(bodies);
                }
                Some(_) => return Err(Stop::Unsupported("a macro")),
            }
        }
        let mut lambda = Vec::with_capacity(call.args.len());
        // Bodies are worked out even where the rest stays as it is written.
        let given = self.as_given();
        for body in bodies {
            let part = given.as_ref().unwrap_or(self).eval(checked, *body, Some(&second))?;
            lambda.push(match part {
                // What fails for any element cannot be shown there.
                Part::Failed(..) if self.reference => return Err(Stop::Unsupported("a macro")),
                Part::Failed(_, term) => self.failure(term),
                Part::Unknown(Term::Optional(_)) => return Err(Stop::Unsupported("an optional")),
                other => other.term(),
            });
        }
        if self.reference && function == "map" && lambda.len() == 2 {
            // The reference shows the filter of a filtering `map`, and not what it maps to.
            lambda.truncate(1);
            lambda.extend(names.iter().map(|name| Term::Variable(name)));
            let lambda = self.apply("lambda", &lambda)?;
            return self.unknown("filter", &[range, lambda]);
        }
        lambda.extend(names.iter().map(|name| Term::Variable(name)));
        let lambda = self.apply("lambda", &lambda)?;
        self.unknown(function, &[range, lambda])
    }

    /// The keys of a map that is not known, as a list.
    fn keys(&self, fields: &[Term<'a>]) -> Result<Term<'a>, Stop> {
        let keys: Vec<Term<'a>> = fields.iter().filter_map(|f| f.as_apply()?.1.first().copied()).collect();
        let known = keys.iter().map(|key| if let Term::Value(v) = key { Some(*v) } else { None });
        match known.collect::<Option<Vec<_>>>() {
            Some(known) => Ok(Term::Value(Value::list(self.cx.bump.alloc_slice_copy(&known)))),
            None => self.apply("list", &keys),
        }
    }

    /// `range.sortBy(x, key)` where the range or a key is not known.
    fn sort_by(&self, checked: &'a Checked, call: &'a MacroCall, scope: Scopes<'_, 'a>) -> Step<'a> {
        let Some(target) = call.target else { return Err(Stop::Unsupported("a macro")) };
        let range = self.eval(checked, target, scope)?;
        self.residual(checked, call, range.term(), scope)
    }
}

/// True within the body of a macro over what is not known.
pub(super) fn in_lambda(mut scope: Scopes<'_, '_>) -> bool {
    while let Some(s) = scope {
        if matches!(s.part, Part::Unknown(Term::Variable(name)) if name == s.name) {
            return true;
        }
        scope = s.outer;
    }
    false
}

/// Adds entries to a map that has none of these keys.
pub(super) fn insert<'a>(cx: &Context<'a>, map: Map<'a>, rest: &[Value<'a>]) -> Eval<'a> {
    let mut builder = MapBuilder::new(cx, map.len());
    for (k, v) in map.iter() {
        builder.insert(k, v)?;
    }
    match rest {
        [k, v] => builder.insert(*k, *v)?,
        [Value::Map(more)] => {
            for (k, v) in more.iter() {
                builder.insert(k, v)?;
            }
        }
        other => return Err(cx.no_overload("cel.@mapInsert", other)),
    }
    Ok(Value::Map(builder.finish()))
}
