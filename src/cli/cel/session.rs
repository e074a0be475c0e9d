//! Expressions over one set of data: compiled in the policy environment plus the names given here, evaluated one by one.
//! Everything lives as long as the session's arena, so that results can be named and used again.

use std::time::{SystemTime, UNIX_EPOCH};

use bumpalo::Bump;

use super::data::Data;
use crate::cel::value::{Constant, Timestamp, Value};
use crate::cel::{self, Budget, CelError, Checked, Env, Frame, Inputs, Root, RootType, UnitBuilder, validate};
use crate::compile::environment;

/// What becomes of an expression.
#[derive(Debug)]
pub(super) enum Outcome<'a> {
    /// It has this value.
    Value(Value<'a>),
    /// It failed when it ran.
    Failed(String),
    /// It is no valid expression.
    Refused(Phase, Vec<CelError>),
}

/// What refused an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The parser
    Parse,
    /// The checker, or the validation of literals
    Check,
}

/// The state of a shell, or of one line of a batch.
pub(super) struct Session<'a> {
    bump: &'a Bump,
    steps: u64,
    env: Env,
    roots: Vec<Value<'a>>,
    constants: Vec<(String, Constant)>,
    variables: Vec<(String, Checked)>,
    /// Names given here, in order.
    pub(super) names: Vec<String>,
}

impl<'a> Session<'a> {
    /// A session over `data`. An error if one of the data's variables is no valid expression.
    pub(super) fn new(bump: &'a Bump, data: &Data, steps: u64) -> Result<Self, String> {
        let env = environment();
        let mut roots = data.roots(bump);
        // Variables and constants have an index, but no value among the inputs.
        let indices = env.roots.iter().map(|r| r.index + 1).max().unwrap_or(0);
        roots.resize(indices.max(roots.len()), Value::Null);
        let mut session = Self {
            bump,
            steps,
            env,
            roots,
            constants: data.constants.clone(),
            variables: Vec::new(),
            names: Vec::new(),
        };
        for (name, source) in &data.variables {
            match session.compile(source) {
                Ok(checked) => session.variables.push((name.clone(), checked)),
                Err((_, faults)) => return Err(format!("variable `{name}`: {}", super::show::faults(source, &faults))),
            }
        }
        Ok(session)
    }

    /// Resolves names in this namespace first.
    pub(super) fn set_container(&mut self, container: &str) {
        container.clone_into(&mut self.env.container);
    }

    /// Gives a value a name, which hides whatever had it.
    pub(super) fn bind(&mut self, name: &str, value: Value<'a>) {
        let index = self.roots.len();
        self.roots.push(value);
        let mut roots = std::mem::take(&mut self.env.roots);
        // Compiled variables refer to roots by their places, which must not change.
        let root = Root { name: name.to_owned(), ty: RootType::Dyn, index };
        match roots.iter_mut().find(|r| r.name == name) {
            Some(known) => *known = root,
            None => roots.push(root),
        }
        let container = std::mem::take(&mut self.env.container);
        self.env = Env::new(roots);
        self.env.container = container;
        if !self.names.iter().any(|n| n == name) {
            self.names.push(name.to_owned());
        }
    }

    /// The value under a name given here.
    pub(super) fn named(&self, name: &str) -> Option<Value<'a>> {
        let root = self.env.roots.iter().find(|r| r.name == name)?;
        self.roots.get(root.index).copied()
    }

    /// Parses, checks and validates.
    pub(super) fn compile(&self, source: &str) -> Result<Checked, (Phase, Vec<CelError>)> {
        let ast = cel::parse(source).map_err(|e| (Phase::Parse, e))?;
        let checked = cel::check(ast, &self.env).map_err(|e| (Phase::Check, e))?;
        let faults = validate::literals(&checked);
        if faults.is_empty() { Ok(checked) } else { Err((Phase::Check, faults)) }
    }

    /// Compiles and evaluates.
    pub(super) fn evaluate(&self, source: &str) -> Outcome<'a> {
        match self.compile(source) {
            Ok(checked) => self.run(&checked),
            Err((phase, faults)) => Outcome::Refused(phase, faults),
        }
    }

    fn run(&self, checked: &Checked) -> Outcome<'a> {
        let mut builder = UnitBuilder::new(&self.env, self.constants.clone(), self.variables.clone());
        let id = builder.add(checked);
        let unit = self.bump.alloc(builder.build());
        let roots = self.bump.alloc_slice_copy(&self.roots);
        let budget = self.bump.alloc(Budget::new(self.steps));
        let frame = Frame::new(unit, Inputs { roots, now: Some(now()), bump: self.bump, budget });
        match frame.value(id) {
            Ok(value) => Outcome::Value(value),
            Err(e) => Outcome::Failed(e.to_string()),
        }
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    Timestamp { seconds, nanos: since.subsec_nanos(), offset_minutes: 0 }
}
