//! Compiling the expressions of one policy, with the reference's texts and places for their faults (spec §8.3).
//! Equal texts are parsed and checked once per store.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::{Arc, PoisonError, RwLock};

use foldhash::fast::{FixedState, RandomState};

use crate::cel::ast::{Ast, ExprKind};
use crate::cel::checker::Checked;
use crate::cel::env::Env;
use crate::cel::fault::CelError;
use crate::policy::model::ExprText;
use crate::source::{Diagnostic, SourceFile, Span};

/// More threads than this share shards.
const SHARDS: usize = 16;

type Known = HashMap<Box<str>, Result<Arc<Checked>, Arc<[CelError]>>, RandomState>;

/// Parsed and checked expressions by text, for all threads of one compilation.
pub(super) struct Expressions {
    env: Arc<Env>,
    known: [RwLock<Known>; SHARDS],
}

impl Expressions {
    pub(super) fn new(env: Env) -> Self {
        Self { env: Arc::new(env), known: std::array::from_fn(|_| RwLock::default()) }
    }

    pub(super) fn env(&self) -> &Arc<Env> {
        &self.env
    }

    /// The checked expression, unless it is none.
    pub(super) fn sound(&self, text: &str) -> Option<Arc<Checked>> {
        self.get(text).ok()
    }

    /// The checked expression, or a diagnostic at the field's key with the inner places as related labels.
    pub(super) fn compile(&self, text: &ExprText, file: &SourceFile) -> Result<Arc<Checked>, Box<Diagnostic>> {
        self.get(&text.text).map_err(|faults| Box::new(invalid(text, file, &faults)))
    }

    fn get(&self, text: &str) -> Result<Arc<Checked>, Arc<[CelError]>> {
        let compile = || crate::cel::checker::compile(text, &self.env).map(Arc::new).map_err(Arc::from);
        let shard = FixedState::default().hash_one(text) as usize % SHARDS;
        let Some(shard) = self.known.get(shard) else { return compile() };
        if let Some(known) = shard.read().unwrap_or_else(PoisonError::into_inner).get(text) {
            return known.clone();
        }
        // Outside of the lock: two threads may do the same, and the first one's tree is taken.
        let compiled = compile();
        shard.write().unwrap_or_else(PoisonError::into_inner).entry(text.into()).or_insert(compiled).clone()
    }
}

fn invalid(text: &ExprText, file: &SourceFile, faults: &[CelError]) -> Diagnostic {
    let messages: Vec<&str> = faults.iter().map(|f| &*f.message).collect();
    let message = format!("Invalid expression `{}`: [{}]", text.text, messages.join(", "));
    let mut diagnostic = Diagnostic::error("TG0501", file, text.at, message);
    for fault in faults {
        let start = text.file_offset(fault.position) as usize;
        diagnostic = diagnostic.with_related(file, Span::new(start, start + 1), fault.message.clone());
    }
    diagnostic
}

/// Names selected from a special root (`V.x`, `variables.x` …) anywhere in an expression, each once.
pub(super) fn references(ast: &Ast, roots: [&str; 2]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for node in &ast.nodes {
        if let ExprKind::Select { operand, field, .. } = &node.kind
            && let ExprKind::Ident(root) = &ast.node(*operand).kind
            && roots.contains(&root.trim_start_matches('.'))
            && !names.iter().any(|n| **n == **field)
        {
            names.push(field.to_string());
        }
    }
    names
}
