//! Macros over lists and maps, run as loops: no intermediate lists, one step of the budget per item and node.

use bumpalo::collections::Vec as BumpVec;

use super::super::error::{Eval, EvalError, Fault};
use super::super::mapping::MapBuilder;
use super::super::program::{Ask, Fold, Loop, LoopKind};
use super::super::value::{List, Map, Value};
use super::{Answer, Machine, Memory, Test, answer};

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
            return self.loop_test(l).map(|b| Value::Bool(b.is_yes()));
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
            LoopKind::All => Answer::No,
            LoopKind::Exists => Answer::Yes,
            _ => return super::truth::truth_of(&self.run_loop(l)?),
        };
        match (self.operand(l.range)?, &l.ask) {
            (Value::List(List::Values(items)), Ask::Member(set)) => {
                self.until(l, decides, items, |item| match (item, self.program.sets.get(*set as usize)) {
                    (Value::String(text), Some(set)) => answer(set.strings.contains(text)),
                    _ => self.is_member(item, *set),
                })
            }
            (Value::Map(Map::Fields(fields)), Ask::Member(set)) => match self.program.sets.get(*set as usize) {
                Some(set) => self.until(l, decides, fields, |(key, _)| answer(set.strings.contains(key))),
                None => answer(false),
            },
            (Value::List(List::Values(items)), Ask::Text(text)) => {
                self.until(l, decides, items, |item| self.equals_text(item, text))
            }
            (range, _) => self.quantify(l, self.range(range, l.second.is_some())?, decides),
        }
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

    /// `all` and `exists`: stops at the first item that decides; otherwise the first error, if any, is the result.
    #[inline(never)]
    fn quantify(&self, l: &'a Loop, range: Range<'a>, decides: Answer) -> Test<'a> {
        let locals = self.need_locals();
        let first = locals.get(l.first as usize);
        let Some(second) = l.second.and_then(|second| locals.get(second as usize)) else {
            let ask = |item: Value<'a>| {
                if let Some(cell) = first {
                    cell.set(Ok(item));
                }
                self.test(l.body)
            };
            return match range {
                Range::List(List::Values(items)) => self.until(l, decides, items, |item| ask(*item)),
                _ => self.until(l, decides, 0..range.len(), |i| ask(item(range, i, false).0)),
            };
        };
        let ask = |(a, b): (Value<'a>, Value<'a>)| {
            if let Some(cell) = first {
                cell.set(Ok(a));
            }
            second.set(Ok(b));
            self.test(l.body)
        };
        match range {
            Range::Map(Map::Fields(fields)) => {
                self.until(l, decides, fields, |(key, value)| ask((Value::String(key), *value)))
            }
            _ => self.until(l, decides, 0..range.len(), |i| ask(item(range, i, true))),
        }
    }

    /// Asks about one item after the other.
    #[inline]
    fn until<T>(
        &self,
        l: &'a Loop,
        decides: Answer,
        items: impl IntoIterator<Item = T>,
        ask: impl Fn(T) -> Test<'a>,
    ) -> Test<'a> {
        let mut failure = None;
        for item in items {
            self.context.budget.charge(u64::from(l.cost))?;
            match ask(item) {
                Ok(b) if b == decides => return Ok(decides),
                Ok(_) => {}
                Err(e) if e.is_fatal() => return Err(e),
                Err(e) => failure = failure.or(Some(e)),
            }
        }
        failure.map_or(Ok(!decides), Err)
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
                    Ok(Answer::Yes) => {}
                    Ok(Answer::No) => continue,
                    Err(e) if e.is_fatal() => return Err(e),
                    Err(e) => {
                        failure = Some(e);
                        continue;
                    }
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

    fn exists_one(&self, l: &'a Loop, range: Range<'a>) -> Eval<'a> {
        let mut count = 0_usize;
        self.each(l, range, |_| {
            count += 1;
            Ok(())
        })?;
        Ok(Value::Bool(count == 1))
    }

    fn build_list(&self, l: &'a Loop, range: Range<'a>) -> Eval<'a> {
        let room = if l.filter.is_some() { 0 } else { range.len() };
        let mut out = BumpVec::with_capacity_in(room, self.context.bump);
        self.each(l, range, |_| {
            out.push(self.operand(l.body)?);
            Ok(())
        })?;
        Ok(Value::list(out.into_bump_slice()))
    }

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
