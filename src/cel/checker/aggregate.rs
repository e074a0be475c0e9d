//! Lists, maps and messages: the types of their parts joined, fields against declarations.

use super::super::ast::{ExprKind, NodeId};
use super::super::decls;
use super::super::types::{Scalar, Type};
use super::unify::most_general;
use super::{Checker, Task};

impl Checker<'_> {
    /// Element `i` of a list is checked.
    pub(super) fn element(&mut self, id: NodeId, i: usize) {
        let ExprKind::List { elements, optional } = &self.ast.node(id).kind else { return };
        let Some(element) = elements.get(i).copied() else { return };
        let optional = optional.binary_search(&u32::try_from(i).unwrap_or(u32::MAX)).is_ok();
        let ty = self.part(element, optional);
        let joined = self.joins.pop().flatten();
        let joined = self.join(joined, ty);
        self.joins.push(Some(joined));
    }

    pub(super) fn end_list(&mut self, id: NodeId) {
        let element = self.joins.pop().flatten();
        let element = element.unwrap_or_else(|| Type::Param(self.unifier.fresh(1)));
        self.set(id, Type::list(element));
    }

    /// The key of entry `i` of a map is checked.
    pub(super) fn key(&mut self, id: NodeId, i: usize) {
        let ExprKind::Map(entries) = &self.ast.node(id).kind else { return };
        let Some(key) = entries.get(i).map(|e| e.key) else { return };
        let value = self.joins.pop().flatten();
        let joined = self.joins.pop().flatten();
        let ty = self.ty(key);
        let joined = self.join(joined, ty);
        self.joins.extend([Some(joined), value]);
    }

    /// The value of entry `i` of a map is checked.
    pub(super) fn value(&mut self, id: NodeId, i: usize) {
        let ExprKind::Map(entries) = &self.ast.node(id).kind else { return };
        let Some((value, optional)) = entries.get(i).map(|e| (e.value, e.optional)) else { return };
        let ty = self.part(value, optional);
        let joined = self.joins.pop().flatten();
        let joined = self.join(joined, ty);
        self.joins.push(Some(joined));
    }

    pub(super) fn end_map(&mut self, id: NodeId) {
        let value = self.joins.pop().flatten();
        let key = self.joins.pop().flatten();
        let key = key.unwrap_or_else(|| Type::Param(self.unifier.fresh(1)));
        let value = value.unwrap_or_else(|| Type::Param(self.unifier.fresh(1)));
        self.set(id, Type::map(key, value));
    }

    /// The type a checked part contributes; a part written with `?` must be optional.
    fn part(&mut self, id: NodeId, optional: bool) -> Type {
        let ty = self.ty(id);
        if !optional {
            return ty;
        }
        match &ty {
            Type::Optional(a) => a.first.clone(),
            Type::Dyn | Type::Any => ty,
            other => {
                self.mismatch(id, &Type::optional(other.clone()), other);
                ty
            }
        }
    }

    /// The type of a list that holds both; parts that have nothing in common make it `dyn`.
    fn join(&mut self, before: Option<Type>, ty: Type) -> Type {
        match before {
            None => ty,
            Some(before) if self.unifier.assignable(&before, &ty) => most_general(&before, &ty),
            Some(_) => Type::Dyn,
        }
    }

    pub(super) fn visit_struct(&mut self, id: NodeId) {
        let ExprKind::Struct { name, fields } = &self.ast.node(id).kind else { return };
        let (name, fields) = (name.clone(), fields.clone());
        let candidates = self.env.candidates(&name);
        let found = candidates.iter().find_map(|c| decls::type_named(c).map(|t| (c.to_string(), t)));
        let Some((full_name, ty)) = found else {
            if candidates.iter().any(|c| c == decls::VARIABLES) {
                self.report(id, format!("'{name}' is not a type"));
                self.set(id, Type::Error);
            } else {
                self.undeclared(id, &name, None);
            }
            return;
        };
        let ty = if is_message(&ty) {
            ty
        } else {
            self.report(id, format!("'{}' is not a message type", ty.name()));
            Type::Error
        };
        self.set(id, ty);
        if let Some(ExprKind::Struct { name, .. }) = self.ast.nodes.get_mut(id.0 as usize).map(|n| &mut n.kind) {
            *name = full_name.into();
        }
        let tasks = fields.iter().enumerate().rev();
        self.tasks.extend(tasks.flat_map(|(i, f)| [Task::Field(id, i), Task::Visit(f.value)]));
    }

    /// The value of field `i` of a message is checked.
    pub(super) fn field(&mut self, id: NodeId, i: usize) {
        let ExprKind::Struct { name, fields } = &self.ast.node(id).kind else { return };
        let Some(field) = fields.get(i).cloned() else { return };
        let name = well_known_name(&self.ty(id)).map_or_else(|| name.to_string(), str::to_owned);
        let declared = self.field_type_at(field.position, &name, &field.name);
        let given = self.part(field.value, field.optional);
        if !self.unifier.assignable(&declared, &given) {
            let text =
                format!("expected type of field '{}' is '{declared}' but provided type is '{given}'", field.name);
            self.report_at(field.position, text, None);
        }
    }
}

/// True for types whose values can be written `Name{…}`.
fn is_message(ty: &Type) -> bool {
    match ty {
        Type::Struct(_) | Type::Dyn | Type::Any | Type::Timestamp | Type::Duration | Type::Wrapper(_) => true,
        Type::List(a) => a.first == Type::Dyn,
        Type::Map(a) => a.first == Type::String && a.second == Type::Dyn,
        _ => false,
    }
}

/// The message behind a type that has a form of its own.
fn well_known_name(ty: &Type) -> Option<&'static str> {
    Some(match ty {
        Type::Dyn => "google.protobuf.Value",
        Type::Any => "google.protobuf.Any",
        Type::Timestamp => "google.protobuf.Timestamp",
        Type::Duration => "google.protobuf.Duration",
        Type::List(_) => "google.protobuf.ListValue",
        Type::Map(_) => "google.protobuf.Struct",
        Type::Wrapper(scalar) => match scalar {
            Scalar::Bool => "google.protobuf.BoolValue",
            Scalar::Int => "google.protobuf.Int64Value",
            Scalar::Uint => "google.protobuf.UInt64Value",
            Scalar::Double => "google.protobuf.DoubleValue",
            Scalar::String => "google.protobuf.StringValue",
            Scalar::Bytes => "google.protobuf.BytesValue",
        },
        _ => return None,
    })
}
