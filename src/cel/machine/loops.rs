//! Macros over lists and maps, run as loops: no intermediate lists, one step of the budget per item and node.

use bumpalo::collections::Vec as BumpVec;

use super::super::error::{Eval, EvalError, Fault};
use super::super::mapping::MapBuilder;
use super::super::program::{Ask, Fold, Loop, LoopKind};
use super::super::texts::same;
use super::super::value::{List, Map, Value};
use super::{Machine, Memory, Test, answer, settled};

/// What a macro goes over.
#[derive(Clone, Copy)]
enum Range<'a> {
    List(List<'a>),
    Map(Map<'a>),
}

impl Range<'_> {
    fn len(self) -> usize {
        match self {
            Self::List(l) => l.len(),
            Self::Map(m) => m.len(),
        }
    }
}

impl<'a, M: Memory<'a>> Machine<'a, M> {
    #[inline(never)]
    pub(super) fn run_loop(&self, l: &'a Loop) -> Eval<'a> {
        if matches!(l.kind, LoopKind::All | LoopKind::Exists) {
            return settled(self.loop_test(l)).map(Value::Bool);
        }
        let range = self.range(self.operand(l.range)?, l.second.is_some())?;
        match l.kind {
            LoopKind::All | LoopKind::Exists => Err(EvalError::NO_SUCH_OVERLOAD),
            LoopKind::ExistsOne => self.exists_one(l, range),
            LoopKind::List => self.build_list(l, range),
            LoopKind::MapValues | LoopKind::MapEntries => self.build_map(l, range),
        }
    }

    /// `all` and `exists` without a value in between.
    #[inline(never)]
    pub(super) fn loop_test(&self, l: &'a Loop) -> Test<'a> {
        let decides = match l.kind {
            LoopKind::All => false,
            LoopKind::Exists => true,
            _ => return super::truth::truth_of(&self.run_loop(l)?),
        };
        match &l.ask {
            Ask::Member(set) => self.ask_set(l, decides, *set),
            Ask::Text(text) => self.ask_text(l, decides, text),
            Ask::Matches(pattern) => self.ask_pattern(l, decides, *pattern),
            Ask::Other => self.quantify(l, decides),
        }
    }

    /// `range.exists(x, x in [literals])`, and the same with `all`.
    #[inline(never)]
    fn ask_set(&self, l: &'a Loop, decides: bool, set: u32) -> Test<'a> {
        let Some(prepared) = self.program.sets.get(set as usize) else { return answer(false) };
        match self.operand(l.range)? {
            Value::List(List::Values(items)) => self.until(l, decides, items, |item| match item {
                Value::String(text) => answer(prepared.strings.contains(text)),
                _ => self.is_member(item, set),
            }),
            Value::List(List::Strings(items)) => {
                self.until(l, decides, items, |text| answer(prepared.strings.contains(text)))
            }
            Value::Map(Map::Fields(fields)) => {
                self.until(l, decides, fields, |(key, _)| answer(prepared.strings.contains(key)))
            }
            range => self.quantify_any(l, range, decides),
        }
    }

    /// `range.exists(x, x == "literal")`, and the same with `all`.
    #[inline(never)]
    fn ask_text(&self, l: &'a Loop, decides: bool, text: &'a str) -> Test<'a> {
        match self.operand(l.range)? {
            Value::List(List::Values(items)) => self.until(l, decides, items, |item| self.equals_text(item, text)),
            Value::List(List::Strings(items)) => self.until(l, decides, items, |item| answer(same(item, text))),
            range => self.quantify_any(l, range, decides),
        }
    }

    /// `range.exists(x, type(x) == string && x.matches("literal"))`, and the same with `all`.
    #[inline(never)]
    fn ask_pattern(&self, l: &'a Loop, decides: bool, pattern: u32) -> Test<'a> {
        match self.operand(l.range)? {
            Value::List(List::Values(items)) => self.until(l, decides, items, |item| match item {
                Value::String(text) => self.matches_text(text, pattern),
                _ => answer(false),
            }),
            Value::List(List::Strings(items)) => self.until(l, decides, items, |text| self.matches_text(text, pattern)),
            range => self.quantify_any(l, range, decides),
        }
    }

    /// `all` and `exists`: stops at the first item that decides; otherwise the first error, if any, is the result.
    #[inline(never)]
    fn quantify(&self, l: &'a Loop, decides: bool) -> Test<'a> {
        match (self.operand(l.range)?, l.second) {
            (Value::List(List::Values(items)), None) => {
                let first = self.need_locals().get(l.first as usize);
                self.until(l, decides, items, |item| {
                    if let Some(cell) = first {
                        cell.set(Ok(*item));
                    }
                    self.test(l.body)
                })
            }
            (Value::Map(Map::Fields(fields)), Some(second)) => self.quantify_fields(l, decides, fields, second),
            (range, _) => self.quantify_any(l, range, decides),
        }
    }

    #[inline(never)]
    fn quantify_fields(&self, l: &'a Loop, decides: bool, fields: &'a [(&'a str, Value<'a>)], second: u32) -> Test<'a> {
        let locals = self.need_locals();
        let (Some(first), Some(second)) = (locals.get(l.first as usize), locals.get(second as usize)) else {
            return answer(false);
        };
        self.until(l, decides, fields, |(key, value)| {
            first.set(Ok(Value::String(key)));
            second.set(Ok(*value));
            self.test(l.body)
        })
    }

    #[inline(never)]
    fn quantify_any(&self, l: &'a Loop, range: Value<'a>, decides: bool) -> Test<'a> {
        let range = self.range(range, l.second.is_some())?;
        self.need_locals();
        self.until(l, decides, 0..range.len(), |i| {
            self.set_item(range, i, l.first, l.second);
            self.test(l.body)
        })
    }

    #[inline]
    fn range(&self, value: Value<'a>, two_variables: bool) -> Result<Range<'a>, EvalError<'a>> {
        match value {
            Value::List(l) => Ok(Range::List(l)),
            Value::Map(m) => Ok(Range::Map(m)),
            other if two_variables => Err(self.context.fault(Fault::NotFoldable(other))),
            other => Err(self.context.fault(Fault::NotIterable(other))),
        }
    }

    /// Puts item `i` into the variables. One variable: element or key; two: index and element, or key and value.
    #[inline]
    fn set_item(&self, range: Range<'a>, i: usize, first: u32, second: Option<u32>) -> Value<'a> {
        let (a, b) = item(range, i, second.is_some());
        self.set_local(first, Ok(a));
        if let Some(second) = second {
            self.set_local(second, Ok(b));
        }
        a
    }

    /// Asks about one item after the other.
    #[inline]
    fn until<T>(
        &self,
        l: &'a Loop,
        decides: bool,
        items: impl IntoIterator<Item = T>,
        ask: impl Fn(T) -> Test<'a>,
    ) -> Test<'a> {
        let mut failure = None;
        for item in items {
            self.context.budget.charge(u64::from(l.cost))?;
            match ask(item) {
                Ok(()) if decides => return answer(true),
                Ok(()) => {}
                Err(unmet) if unmet.is_false() && decides => {}
                Err(unmet) if !unmet.is_absorbed() => return Err(unmet),
                Err(unmet) => failure = failure.or(Some(unmet)),
            }
        }
        failure.map_or(answer(!decides), Err)
    }

    /// Goes over the items the filter selects until `visit` fails. After a failure the filter goes on being asked: the
    /// reference reports the last error of a filter, but the first of everything else.
    #[inline]
    fn each(
        &self,
        l: &'a Loop,
        range: Range<'a>,
        mut visit: impl FnMut(Value<'a>) -> Result<(), EvalError<'a>>,
    ) -> Result<(), EvalError<'a>> {
        self.need_locals();
        let mut failure = None;
        for i in 0..range.len() {
            self.context.budget.charge(u64::from(l.cost))?;
            let item = self.set_item(range, i, l.first, l.second);
            if let Some(filter) = l.filter {
                match self.test(filter) {
                    Ok(()) => {}
                    Err(unmet) => match unmet.error() {
                        None => continue,
                        Some(e) if e.is_fatal() => return Err(e),
                        Some(e) => {
                            failure = Some(e);
                            continue;
                        }
                    },
                }
            }
            if failure.is_some() {
                continue;
            }
            match visit(item) {
                Ok(()) => {}
                Err(e) if e.is_fatal() || l.filter.is_none() => return Err(e),
                Err(e) => failure = Some(e),
            }
        }
        failure.map_or(Ok(()), Err)
    }

    #[inline(never)]
    fn exists_one(&self, l: &'a Loop, range: Range<'a>) -> Eval<'a> {
        let mut count = 0_usize;
        self.each(l, range, |_| {
            count += 1;
            Ok(())
        })?;
        Ok(Value::Bool(count == 1))
    }

    #[inline(never)]
    fn build_list(&self, l: &'a Loop, range: Range<'a>) -> Eval<'a> {
        if let (Some(set), Range::Map(Map::Fields(fields))) = (l.picks, range) {
            return self.picked(l, set, fields);
        }
        let room = if l.filter.is_some() { 0 } else { range.len() };
        let mut out = BumpVec::with_capacity_in(room, self.context.bump);
        self.each(l, range, |_| {
            out.push(self.operand(l.body)?);
            Ok(())
        })?;
        Ok(Value::list(out.into_bump_slice()))
    }

    /// `map.transformList(k, v, k in [literals], v)`
    #[inline(never)]
    fn picked(&self, l: &'a Loop, set: u32, fields: &'a [(&'a str, Value<'a>)]) -> Eval<'a> {
        let mut out = BumpVec::new_in(self.context.bump);
        for (key, value) in fields {
            self.context.budget.charge(u64::from(l.cost))?;
            if self.program.sets.get(set as usize).is_some_and(|set| set.strings.contains(key)) {
                out.push(*value);
            }
        }
        Ok(Value::list(out.into_bump_slice()))
    }

    #[inline(never)]
    fn build_map(&self, l: &'a Loop, range: Range<'a>) -> Eval<'a> {
        let mut builder = MapBuilder::new(&self.context, if l.filter.is_some() { 0 } else { range.len() });
        self.each(l, range, |key| {
            let value = self.value(l.body)?;
            match (l.kind, range) {
                // other maps may hold keys that are the same number
                (LoopKind::MapValues, Range::Map(Map::Entries(_) | Map::Constants(_))) => {
                    return builder.insert(key, value);
                }
                (LoopKind::MapValues, _) => return builder.add(key, value),
                _ => {}
            }
            let Value::Map(entries) = value else {
                let accumulator = Value::Map(Map::Fields(&[]));
                return Err(self.context.no_overload("cel.@mapInsert", &[accumulator, value]));
            };
            for (key, value) in entries.iter() {
                self.context.charge(1)?;
                builder.insert(key, value)?;
            }
            Ok(())
        })?;
        Ok(Value::Map(builder.finish()))
    }

    /// A fold of no known shape, as it stands in the tree.
    #[inline(never)]
    pub(super) fn fold(&self, fold: &'a Fold) -> Eval<'a> {
        let range = self.range(self.value(fold.range)?, fold.second.is_some())?;
        self.need_locals();
        let mut accumulator = self.value(fold.init);
        for i in 0..range.len() {
            self.context.budget.charge(u64::from(fold.cost))?;
            self.set_item(range, i, fold.first, fold.second);
            self.set_local(fold.accumulator, accumulator);
            match self.value(fold.condition) {
                Ok(Value::Bool(true)) => {}
                Err(e) if e.is_fatal() => return Err(e),
                _ => break,
            }
            accumulator = self.value(fold.step);
            if let Err(e) = accumulator
                && e.is_fatal()
            {
                return Err(e);
            }
        }
        self.set_local(fold.accumulator, accumulator);
        self.value(fold.result)
    }
}

/// Item `i`: element or key; with two variables index and element, or key and value.
#[inline]
fn item(range: Range<'_>, i: usize, two: bool) -> (Value<'_>, Value<'_>) {
    match range {
        Range::List(l) => {
            let element = l.get(i).unwrap_or(Value::Null);
            if two { (Value::Int(i as i64), element) } else { (element, Value::Null) }
        }
        Range::Map(m) => m.entry(i).unwrap_or((Value::Null, Value::Null)),
    }
}
