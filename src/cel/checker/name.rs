//! Identifiers and selections: macro variables, roots, types, enum values, fields.

use super::super::ast::{ExprKind, Literal, NodeId};
use super::super::decls::{self, FieldLookup, VARIABLES};
use super::super::env::RootType;
use super::super::types::Type;
use super::{Checker, Reference};

impl Checker<'_> {
    pub(super) fn ident(&mut self, id: NodeId) {
        let ExprKind::Ident(name) = &self.ast.node(id).kind else { return };
        let name = name.clone();
        let local = self.scope.iter().rev().find(|(n, _)| *n == name).map(|(_, ty)| ty.clone());
        if let Some(ty) = local {
            self.set(id, ty);
            self.refer(id, Reference::Local);
            return;
        }
        if let Some((ty, reference)) = self.global(&name) {
            self.set(id, ty);
            self.refer(id, reference);
            return;
        }
        let roots = self.env.roots.iter().map(|r| r.name.as_str());
        let locals = self.scope.iter().map(|(n, _)| &**n).filter(|n| !n.starts_with(['@', '#']));
        let similar = decls::closest(&name, roots.chain(locals)).map(str::to_owned);
        self.undeclared(id, &name, similar);
    }

    /// What a name means outside all macros.
    fn global(&self, name: &str) -> Option<(Type, Reference)> {
        for candidate in self.env.candidates(name) {
            if let Some(i) = self.env.find(&candidate) {
                let ty = match self.env.roots.get(i).map(|r| r.ty) {
                    Some(RootType::Message(message)) => Type::Struct(message.name),
                    Some(RootType::Variables | RootType::Constants | RootType::Globals) => Type::Struct(VARIABLES),
                    Some(RootType::Dyn) | None => Type::Dyn,
                };
                return Some((ty, Reference::Root(i)));
            }
            if let Some(ty) = decls::type_named(&candidate) {
                return Some((Type::of_type(ty.clone()), Reference::Type(ty)));
            }
            if let Some(value) = decls::enum_value(&candidate) {
                return Some((Type::Int, Reference::Enum(value)));
            }
        }
        None
    }

    /// Tries a selection such as `google.protobuf.Duration` as one name. A macro variable of the first part's name
    /// hides it.
    pub(super) fn qualified_value(&mut self, id: NodeId) -> bool {
        let Some(first) = self.first_name(id) else { return false };
        let known = matches!(first.trim_start_matches('.'), "google" | "cerbos" | "net");
        if !(known || self.env.has_dotted_names()) || self.scope.iter().any(|(n, _)| **n == *first) {
            return false;
        }
        let Some(name) = self.qualified_name(id) else { return false };
        let Some((ty, reference)) = self.global(&name) else { return false };
        self.set(id, ty);
        self.refer(id, reference);
        if let Some(node) = self.ast.nodes.get_mut(id.0 as usize) {
            node.kind = ExprKind::Ident(name.into());
        }
        true
    }

    /// The identifier a chain of selections starts with.
    fn first_name(&self, mut id: NodeId) -> Option<&str> {
        loop {
            match &self.ast.node(id).kind {
                ExprKind::Select { operand, test_only: false, .. } => id = *operand,
                ExprKind::Ident(name) => return Some(name),
                _ => return None,
            }
        }
    }

    fn qualified_name(&self, mut id: NodeId) -> Option<String> {
        let mut parts = Vec::new();
        loop {
            match &self.ast.node(id).kind {
                ExprKind::Select { operand, field, test_only: false } => {
                    parts.push(&**field);
                    id = *operand;
                }
                ExprKind::Ident(name) => {
                    parts.push(name);
                    parts.reverse();
                    return Some(parts.join("."));
                }
                _ => return None,
            }
        }
    }

    /// The operand is checked.
    pub(super) fn select(&mut self, id: NodeId) {
        let (operand, field, test_only, optional) = match &self.ast.node(id).kind {
            ExprKind::Select { operand, field, test_only } => (*operand, field.clone(), *test_only, false),
            ExprKind::Call { args, .. } => match args.as_slice() {
                [operand, field] => match &self.ast.node(*field).kind {
                    ExprKind::Literal(Literal::String(name)) => (*operand, name.clone(), false, true),
                    _ => return,
                },
                _ => return,
            },
            _ => return,
        };
        let operand = self.resolved(operand);
        let (target, wrapped) = match &operand {
            Type::Optional(a) => (a.first.clone(), true),
            other => (other.clone(), false),
        };
        let mut ty = match &target {
            Type::Map(a) => a.second.clone(),
            Type::Struct(message) => self.field_type(id, message, &field),
            Type::Param(_) => {
                self.unifier.assignable(&Type::Dyn, &target);
                Type::Dyn
            }
            Type::Dyn | Type::Any | Type::Error => Type::Dyn,
            _ => {
                self.report(id, format!("type '{target}' does not support field selection"));
                Type::Dyn
            }
        };
        if wrapped || optional {
            ty = Type::optional(ty);
        }
        if test_only {
            ty = Type::Bool;
        }
        let ty = self.unifier.resolve(&ty, false);
        self.set(id, ty);
    }

    /// The type of a message's field; reports messages and fields that do not exist.
    pub(super) fn field_type(&mut self, id: NodeId, message: &str, field: &str) -> Type {
        let position = self.ast.node(id).position;
        self.field_type_at(position, message, field)
    }

    pub(super) fn field_type_at(&mut self, position: u32, message: &str, field: &str) -> Type {
        let root = self.env.message(message);
        let found = match root {
            Some(root) => decls::root_field(root, field).into(),
            None => decls::field_type(message, field),
        };
        match found {
            FieldLookup::Found(ty) => ty,
            FieldLookup::Missing => {
                let similar = match root {
                    Some(root) => decls::closest(field, root.fields.iter().map(|f| f.name)),
                    None => decls::closest(field, decls::field_names(message)),
                };
                let help = similar.map(|s| format!("did you mean `{s}`?"));
                self.report_at(position, format!("undefined field '{field}'"), help);
                Type::Error
            }
            FieldLookup::NoMessage => {
                self.report_at(position, format!("unexpected failed resolution of '{message}'"), None);
                Type::Error
            }
        }
    }
}
