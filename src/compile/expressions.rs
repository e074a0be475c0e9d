//! Compiling the expressions of one policy, with the reference's texts and places for their faults (spec §8.3).
//! Equal texts are parsed and checked once per store.

use std::collections::HashMap;
use std::sync::Arc;

use crate::cel::ast::{Ast, ExprKind};
use crate::cel::checker::Checked;
use crate::cel::env::Env;
use crate::cel::fault::CelError;
use crate::policy::model::ExprText;
use crate::source::{Diagnostic, SourceFile, Span};

/// Parsed and checked expressions by text.
pub(super) struct Expressions {
    env: Env,
    known: HashMap<String, Result<Arc<Checked>, Vec<CelError>>, foldhash::fast::RandomState>,
}

impl Expressions {
    pub(super) fn new(env: Env) -> Self {
        Self { env, known: HashMap::default() }
    }

    pub(super) fn env(&self) -> &Env {
        &self.env
    }

    /// An expression that was compiled before.
    pub(super) fn known(&self, text: &str) -> Option<Arc<Checked>> {
        self.known.get(text).and_then(|result| result.as_ref().ok()).map(Arc::clone)
    }

    /// The checked expression, or a diagnostic at the field's key with the inner places as related labels.
    pub(super) fn compile(&mut self, text: &ExprText, file: &SourceFile) -> Result<Arc<Checked>, Box<Diagnostic>> {
        if !self.known.contains_key(&text.text) {
            let result = crate::cel::checker::compile(&text.text, &self.env).map(Arc::new);
            self.known.insert(text.text.clone(), result);
        }
        match self.known.get(&text.text) {
            Some(Ok(checked)) => Ok(Arc::clone(checked)),
            Some(Err(faults)) => Err(Box::new(invalid(text, file, faults))),
            None => Err(Box::new(invalid(text, file, &[]))),
        }
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
