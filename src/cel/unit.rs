//! All expressions of one policy, lowered together: they share paths, variables, constants and what a decision
//! remembers. Immutable once built.

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt};

use super::checker::Checked;
use super::env::{Env, RootType};
pub use super::lower::PolicyName;
use super::lower::{Index, Lower, Lowered, Names};
use super::program::{Base, Node, Path, Plan, Program, Shortcut, Step};
use super::texts::Key;
use super::value::Constant;

/// An expression of a [`Unit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExprId(pub u32);

/// A named expression that others refer to as `V.name`.
#[derive(Debug)]
pub(super) struct Variable {
    pub(super) name: Box<str>,
    pub(super) lowered: Lowered,
    /// It may be evaluated in the midst of another expression: all it needs, one inside of the other, is not too high.
    pub(super) nests: bool,
}

/// Nodes that variables may be high together when one is evaluated inside of the other; bounds the recursion.
const MAX_NESTED_NODES: u32 = 600;

/// Which variables may be evaluated inside of others, those they need included.
fn nesting(variables: &[Lowered]) -> Vec<bool> {
    // heights grow from the variables that need none; what is left when nothing changes goes in circles or too high
    let mut heights: Vec<Option<u32>> = vec![None; variables.len()];
    let mut changed = true;
    while changed {
        changed = false;
        for (i, v) in variables.iter().enumerate() {
            if heights.get(i).is_none_or(Option::is_some) {
                continue;
            }
            if v.whole {
                continue;
            }
            let needs: Option<Vec<u32>> =
                v.variables.iter().map(|n| heights.get(*n as usize).copied().flatten()).collect();
            let Some(needs) = needs else { continue };
            let height = v.nodes.saturating_add(needs.into_iter().max().unwrap_or(0));
            if height <= MAX_NESTED_NODES
                && let Some(slot) = heights.get_mut(i)
            {
                *slot = Some(height);
                changed = true;
            }
        }
    }
    heights.iter().map(Option::is_some).collect()
}

/// Collects the expressions of a unit.
pub struct UnitBuilder {
    env: Arc<Env>,
    names: Names,
    program: Program,
    index: Index,
    variables: Vec<Variable>,
    expressions: Vec<Expression>,
    /// Numbers of those that stand in the policy itself.
    own: BTreeSet<u32>,
    by_source: HashMap<Box<str>, ExprId>,
    written: Written,
}

#[derive(Debug)]
struct Expression {
    lowered: Lowered,
}

/// What a unit was made from, for whoever needs the checked trees again, such as query plans. Beside the program, not
/// in it: decisions do not come by here.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) expressions: Vec<Arc<Checked>>,
    /// In the order of [`Unit::variables`].
    pub(super) variables: Vec<Arc<Checked>>,
    pub(super) constants: Vec<(String, Constant)>,
}

/// Lowered expressions, ready to be evaluated by any number of threads.
#[derive(Debug)]
pub struct Unit {
    pub(super) program: Program,
    pub(super) variables: Vec<Variable>,
    expressions: Vec<Expression>,
    /// Paths that are remembered.
    pub(super) slots: u32,
    calls_now: bool,
    /// Indices of the roots that some expression reads: asked on every decision.
    roots_read: Box<[usize]>,
    written: Box<Written>,
}

/// A part of an input that an expression may read: the input, and the fields and keys that lead to the part. Everything
/// below it may be read, too.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReadPath<'u> {
    /// Index of the input.
    pub root: usize,
    /// Names from there.
    pub steps: Vec<&'u str>,
}

impl UnitBuilder {
    /// A unit with these constants and variables. Variables may refer to each other, but not in circles.
    pub fn new<C: Borrow<Checked>>(env: &Env, constants: Vec<(String, Constant)>, variables: Vec<(String, C)>) -> Self {
        let own = |(name, checked): (String, C)| (name, Arc::new(checked.borrow().clone()));
        Self::shared(&Arc::new(env.clone()), constants, variables.into_iter().map(own).collect())
    }

    /// The same, without copies of the trees and the environment.
    pub fn shared(env: &Arc<Env>, constants: Vec<(String, Constant)>, variables: Vec<(String, Arc<Checked>)>) -> Self {
        let written = Written {
            expressions: Vec::new(),
            variables: variables.iter().map(|(_, checked)| Arc::clone(checked)).collect(),
            constants: constants.clone(),
        };
        let by_name = (0_u32..).zip(&variables).map(|(i, (name, _))| (name.clone(), i)).collect();
        let mut builder = Self {
            env: Arc::clone(env),
            names: Names { constants: constants.into_iter().collect(), variables: by_name },
            program: Program::default(),
            index: Index::default(),
            variables: Vec::new(),
            expressions: Vec::new(),
            by_source: HashMap::new(),
            own: BTreeSet::new(),
            written,
        };
        let lowered: Vec<Lowered> = variables.iter().map(|(_, checked)| builder.lower(checked)).collect();
        let nests = nesting(&lowered);
        let named = variables.into_iter().zip(lowered).zip(nests);
        builder.variables =
            named.map(|(((name, _), lowered), nests)| Variable { name: name.into(), lowered, nests }).collect();
        builder
    }

    /// A unit without constants and variables.
    #[must_use]
    pub fn bare(env: &Env) -> Self {
        Self::new(env, Vec::new(), Vec::<(String, Checked)>::new())
    }

    /// Whether to work out what depends on nothing, and to prepare literals. The results are the same.
    #[cfg(any(test, fuzzing))]
    pub fn set_folding(&mut self, folding: bool) {
        self.index.keeps_all = !folding;
    }

    fn lower(&mut self, checked: &Checked) -> Lowered {
        let Self { env, names, program, index, .. } = self;
        let lowered = Lower { env, names, program, index }.lower(checked);
        program.locals = program.locals.max(lowered.locals);
        lowered
    }

    /// Adds an expression. The same text gives the same expression.
    pub fn add(&mut self, checked: &Checked) -> ExprId {
        match self.by_source.get(&*checked.ast.source) {
            Some(known) => {
                self.own.insert(known.0);
                *known
            }
            None => self.add_shared(&Arc::new(checked.clone())),
        }
    }

    /// The same, without a copy of the tree.
    pub fn add_shared(&mut self, checked: &Arc<Checked>) -> ExprId {
        let id = self.add_borrowed(checked);
        self.own.insert(id.0);
        id
    }

    /// Adds an expression that stands elsewhere: what it reads is not part of what `V` and `C` alone stand for here.
    pub fn add_borrowed(&mut self, checked: &Arc<Checked>) -> ExprId {
        if let Some(known) = self.by_source.get(&*checked.ast.source) {
            return *known;
        }
        let mut lowered = self.lower(checked);
        if let Node::Variable(i) = self.program.node(lowered.root) {
            lowered.asks_variable = self.variables.get(*i as usize).is_some_and(|v| v.lowered.is_test);
        }
        let id = ExprId(u32::try_from(self.expressions.len()).unwrap_or(u32::MAX));
        self.by_source.insert(checked.ast.source.clone(), id);
        self.expressions.push(Expression { lowered });
        self.written.expressions.push(Arc::clone(checked));
        id
    }

    /// Works out what `V` and `C` alone stand for: what the policy's own expressions reach.
    fn gather_whole(&mut self) {
        let mut variables: BTreeSet<u32> = BTreeSet::new();
        let mut constants: BTreeSet<&str> = BTreeSet::new();
        let mut open: Vec<&Lowered> =
            self.own.iter().filter_map(|i| self.expressions.get(*i as usize)).map(|e| &e.lowered).collect();
        while let Some(lowered) = open.pop() {
            for name in &lowered.names {
                if let PolicyName::Constant(name) = name {
                    constants.insert(name);
                }
            }
            for v in &lowered.variables {
                if variables.insert(*v) {
                    open.extend(self.variables.get(*v as usize).map(|v| &v.lowered));
                }
            }
        }
        let named = |v: &u32| self.variables.get(*v as usize).map(|variable| (Arc::from(&*variable.name), *v));
        self.program.whole_variables = variables.iter().filter_map(named).collect();
        let used = constants.into_iter().filter_map(|name| {
            self.names.constants.get(name).map(|value| (Constant::String(name.into()), value.clone()))
        });
        self.program.whole_constants = Some(Constant::Map(used.collect()));
    }

    /// The finished unit.
    #[must_use]
    pub fn build(mut self) -> Unit {
        self.gather_whole();
        let slots = remember(&mut self.program, &self.index.uses);
        self.program.nodes.shrink_to_fit();
        let mut unit = Unit {
            program: self.program,
            variables: self.variables,
            expressions: self.expressions,
            slots,
            calls_now: self.index.reads_clock,
            roots_read: Box::default(),
            written: Box::new(self.written),
        };
        let mut roots: Vec<usize> = unit.reads().iter().map(|path| path.root).collect();
        roots.dedup();
        unit.roots_read = roots.into();
        unit
    }
}

impl Unit {
    fn expression(&self, id: ExprId) -> Option<&Expression> {
        self.expressions.get(id.0 as usize)
    }

    pub(super) fn lowered(&self, id: ExprId) -> Option<&Lowered> {
        self.expression(id).map(|e| &e.lowered)
    }

    /// The checked tree of an expression.
    #[must_use]
    pub fn checked(&self, id: ExprId) -> Option<&Checked> {
        self.written.expressions.get(id.0 as usize).map(|checked| &**checked)
    }

    pub(super) fn written(&self) -> &Written {
        &self.written
    }

    /// Number of expressions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.expressions.len()
    }

    /// True without expressions.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.expressions.is_empty()
    }

    /// The text of an expression.
    #[must_use]
    pub fn source(&self, id: ExprId) -> &str {
        self.checked(id).map_or("", |checked| &checked.ast.source)
    }

    /// True if anything in the unit reads the clock.
    #[must_use]
    pub fn calls_now(&self) -> bool {
        self.calls_now
    }

    /// True if anything in the unit reads the input.
    #[must_use]
    pub fn reads_root(&self, root: usize) -> bool {
        self.roots_read.contains(&root)
    }

    /// What the unit may read of its inputs, sorted.
    #[must_use]
    pub fn reads(&self) -> Vec<ReadPath<'_>> {
        let mut reads: Vec<ReadPath<'_>> = Vec::new();
        for node in &self.program.nodes {
            match node {
                Node::Root(root) => reads.push(ReadPath { root: *root as usize, steps: Vec::new() }),
                Node::Global(root, name) | Node::HasGlobal(root, name) => {
                    reads.push(ReadPath { root: *root as usize, steps: vec![name] });
                }
                Node::Path(p) | Node::Slot(p, _) | Node::HasPath(p) | Node::PathIs(p, _) => {
                    if let Some(path) = self.program.paths.get(*p as usize) {
                        let steps = path.steps.iter().map(|s| match s {
                            Step::Field(_, name) => *name,
                            Step::Key(key) => &**key,
                        });
                        reads.push(ReadPath { root: path.root as usize, steps: steps.collect() });
                    }
                }
                _ => {}
            }
        }
        reads.sort_unstable();
        reads.dedup();
        reads
    }

    /// Steps one evaluation costs, variables included, loops and long strings aside.
    #[must_use]
    pub fn cost(&self, id: ExprId) -> u64 {
        let Some(lowered) = self.lowered(id) else { return 0 };
        let mut needed = std::collections::BTreeSet::new();
        let mut open = lowered.variables.clone();
        while let Some(v) = open.pop() {
            if needed.insert(v) {
                open.extend(self.variables.get(v as usize).map_or(&[][..], |v| &v.lowered.variables));
            }
        }
        let variables = needed.iter().filter_map(|v| self.variables.get(*v as usize));
        u64::from(lowered.cost) + variables.map(|v| u64::from(v.lowered.cost)).sum::<u64>()
    }
}

/// Gives places in the memo to what is read more than once: whole paths, and beginnings that several paths share. A
/// field of a message is not worth one. Returns the number of places.
fn remember(program: &mut Program, uses: &[u32]) -> u32 {
    let mut readers: HashMap<(u32, Vec<Step>), u32> = HashMap::new();
    let numbers: HashMap<(u32, Vec<Step>), u32> =
        (0..).zip(&program.paths).map(|(i, p)| ((p.root, p.steps.to_vec()), i)).collect();
    for (path, uses) in program.paths.iter().zip(uses) {
        let all = (path.root, path.steps.to_vec());
        *readers.entry(all).or_default() += uses;
        // a longer path that is remembered reads its beginning once
        for len in 1..path.steps.len() {
            let beginning = (path.root, path.steps.iter().take(len).cloned().collect());
            *readers.entry(beginning).or_default() += 1.min(*uses);
        }
    }
    let mut wanted: Vec<(u32, Vec<Step>)> = readers
        .into_iter()
        .filter(|((_, steps), readers)| *readers > 1 && matches!(steps.last(), Some(Step::Key(_))))
        .map(|(path, _)| path)
        .collect();
    wanted.sort_unstable();
    program.shortcuts = vec![Shortcut::default(); program.paths.len()];
    let mut bases: HashMap<(u32, Vec<Step>), Base> = HashMap::new();
    for (memo, (root, steps)) in (0..).zip(wanted) {
        let number = numbers.get(&(root, steps.clone())).copied().unwrap_or_else(|| {
            program.paths.push(Path { root, steps: steps.clone().into() });
            program.shortcuts.push(Shortcut::default());
            program.paths.len() as u32 - 1
        });
        if let Some(shortcut) = program.shortcuts.get_mut(number as usize) {
            shortcut.memo = Some(memo);
        }
        bases.insert((root, steps.clone()), Base { path: number, memo, steps: steps.len() as u32 });
    }
    for (path, shortcut) in program.paths.iter().zip(&mut program.shortcuts) {
        let beginnings = (1..path.steps.len()).rev().map(|len| path.steps.iter().take(len).cloned().collect());
        shortcut.base = beginnings.map(|steps| (path.root, steps)).find_map(|path| bases.get(&path).copied());
        shortcut.plan = match (&*path.steps, shortcut.base) {
            ([Step::Field(field, _), Step::Key(key)], None) => {
                Plan::Attribute(path.root, *field, Key::new(key.clone()))
            }
            ([Step::Field(field, _)], None) => Plan::Field(path.root, *field),
            ([.., Step::Key(key)], Some(base)) if base.steps as usize + 1 == path.steps.len() => {
                Plan::Below(base.path, base.memo, Key::new(key.clone()))
            }
            _ => Plan::Steps,
        };
    }
    for node in &mut program.nodes {
        if let Node::Path(path) = *node
            && let Some(Shortcut { memo: Some(memo), .. }) = program.shortcuts.get(path as usize)
        {
            *node = Node::Slot(path, *memo);
        }
    }
    bases.len() as u32
}

/// True for the roots that are no inputs.
#[must_use]
pub fn is_policy_root(ty: RootType) -> bool {
    matches!(ty, RootType::Variables | RootType::Constants)
}

/// The variables and constants an expression refers to once everything that depends on nothing is worked out. What the
/// reference cuts away this way, such as `V.x` in `true || V.x`, need not be defined (spec §6).
#[must_use]
pub fn live_names(env: &Env, checked: &Checked) -> Vec<PolicyName> {
    let (names, mut program, mut index) = (Names::default(), Program::default(), Index::default());
    Lower { env, names: &names, program: &mut program, index: &mut index }.lower(checked).names
}
