//! Macros over lists and maps, run as loops: no intermediate lists, one step of the budget per item and node.

use bumpalo::collections::Vec as BumpVec;

use super::super::error::{Eval, EvalError, Fault};
use super::super::mapping::MapBuilder;
use super::super::program::{At, Fold, Loop, LoopKind, Node};
use super::super::value::{List, Map, Value};
use super::{Machine, Memory, Test};

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
        let range = self.range(self.operand(l.range)?, l.second.is_some())?;
        match l.kind {
            LoopKind::All => self.quantify(l, range, false).map(Value::Bool),
            LoopKind::Exists => self.quantify(l, range, true).map(Value::Bool),
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
            _ => return super::truth::truth_of(self.run_loop(l)?),
        };
        let range = self.range(self.operand(l.range)?, l.second.is_some())?;
        self.quantify(l, range, decides)
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
    fn quantify(&self, l: &'a Loop, range: Range<'a>, decides: bool) -> Test<'a> {
        let is_item = |e: At| matches!(self.node(e), Node::Local(i) if *i == l.first);
        match (self.node(l.body), range) {
            _ if l.second.is_some() => {}
            (Node::InSet(e, set), _) if is_item(*e) => return self.quantify_members(l, range, *set, decides),
            (Node::IsText(e, text), Range::List(List::Values(items))) if is_item(*e) => {
                return self.quantify_texts(l, items, text, decides);
            }
            _ => {}
        }
        match (range, l.second) {
            (Range::List(List::Values(items)), None) => {
                self.quantify_over(l, items.iter().map(|v| (*v, Value::Null)), decides)
            }
            (Range::Map(Map::Fields(fields)), _) => {
                self.quantify_over(l, fields.iter().map(|(k, v)| (Value::String(k), *v)), decides)
            }
            _ => self.quantify_over(l, (0..range.len()).map(|i| item(range, i, l.second.is_some())), decides),
        }
    }

    #[inline]
    fn quantify_over(
        &self,
        l: &'a Loop,
        items: impl Iterator<Item = (Value<'a>, Value<'a>)>,
        decides: bool,
    ) -> Test<'a> {
        let locals = self.need_locals();
        let (first, second) = (locals.get(l.first as usize), l.second.and_then(|second| locals.get(second as usize)));
        let mut failure = None;
        for (a, b) in items {
            self.context.budget.charge(u64::from(l.cost))?;
            if let Some(cell) = first {
                cell.set(Ok(a));
            }
            if let Some(cell) = second {
                cell.set(Ok(b));
            }
            match self.test(l.body) {
                Ok(b) if b == decides => return Ok(decides),
                Ok(_) => {}
                Err(e) if e.is_fatal() => return Err(e),
                Err(e) => failure = failure.or(Some(e)),
            }
        }
        failure.map_or(Ok(!decides), Err)
    }

    /// `range.all(x, x in [literals])` and `exists`.
    fn quantify_members(&self, l: &'a Loop, range: Range<'a>, set: u32, decides: bool) -> Test<'a> {
        if let (Range::Map(Map::Fields(fields)), Some(set)) = (range, self.program.sets.get(set as usize)) {
            for (key, _) in fields {
                self.context.budget.charge(u64::from(l.cost))?;
                if set.strings.contains(key) == decides {
                    return Ok(decides);
                }
            }
            return Ok(!decides);
        }
        for i in 0..range.len() {
            self.context.budget.charge(u64::from(l.cost))?;
            let item = match range {
                Range::List(l) => l.get(i),
                Range::Map(m) => m.key(i),
            };
            if self.is_member(item.unwrap_or(Value::Null), set)? == decides {
                return Ok(decides);
            }
        }
        Ok(!decides)
    }

    /// `list.exists(x, x == "literal")` and `all`.
    fn quantify_texts(&self, l: &'a Loop, items: &'a [Value<'a>], text: &'a str, decides: bool) -> Test<'a> {
        let mut failure = None;
        for item in items {
            self.context.budget.charge(u64::from(l.cost))?;
            match self.equals_text(*item, text) {
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
                    Ok(true) => {}
                    Ok(false) => continue,
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
