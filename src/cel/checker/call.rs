//! Calls: which function a name means, which of its overloads fit, and what they give.

use super::super::ast::{ExprKind, NodeId};
use super::super::decls::{self, Function};
use super::super::types::Type;
use super::unify::instantiate;
use super::{Checker, Task};

impl Checker<'_> {
    pub(super) fn visit_call(&mut self, id: NodeId) {
        let ExprKind::Call { target, function, args } = &self.ast.node(id).kind else { return };
        let (target, args) = (*target, args.clone());
        if &**function == "_?._" {
            self.tasks.push(Task::Select(id));
            self.tasks.extend(args.first().map(|a| Task::Visit(*a)));
            return;
        }
        self.tasks.push(Task::Call(id));
        if let Some(target) = target {
            if let Some(function) = self.namespaced(target, function) {
                if let Some(node) = self.ast.nodes.get_mut(id.0 as usize) {
                    node.kind = ExprKind::Call { target: None, function: function.name.into(), args: args.clone() };
                }
            } else {
                self.tasks.push(Task::Visit(target));
            }
        }
        self.tasks.extend(args.iter().rev().map(|a| Task::Visit(*a)));
    }

    /// The function `target.name`, if there is one. All such names have one dot.
    fn namespaced(&self, target: NodeId, name: &str) -> Option<&'static Function> {
        let ExprKind::Ident(namespace) = &self.ast.node(target).kind else { return None };
        self.function(&format!("{namespace}.{name}"))
    }

    fn function(&self, name: &str) -> Option<&'static Function> {
        if self.env.container.is_empty() {
            return decls::function(name.strip_prefix('.').unwrap_or(name));
        }
        self.env.candidates(name).iter().find_map(|c| decls::function(c))
    }

    /// Arguments and receiver are checked.
    pub(super) fn call(&mut self, id: NodeId) {
        let ExprKind::Call { target, function: name, args } = &self.ast.node(id).kind else { return };
        let (target, args, name) = (*target, args.clone(), name.clone());
        let Some(function) = self.function(&name) else {
            let similar = decls::similar_function(&name).map(str::to_owned);
            self.undeclared(id, &name, similar);
            return;
        };
        if name.starts_with('.')
            && let Some(ExprKind::Call { function: slot, .. }) =
                self.ast.nodes.get_mut(id.0 as usize).map(|n| &mut n.kind)
        {
            *slot = function.name.into();
        }
        let ty = match function.name {
            "_&&_" | "_||_" => self.logic(&args),
            _ => self.overloads(id, function, target, &args),
        };
        self.set(id, ty);
    }

    /// `&&` and `||` report each operand that can't be a bool.
    fn logic(&mut self, args: &[NodeId]) -> Type {
        let mut ty = Type::Bool;
        for arg in args {
            let found = self.ty(*arg);
            if !self.unifier.assignable(&found, &Type::Bool) {
                self.mismatch(*arg, &Type::Bool, &found);
                ty = Type::Error;
            }
        }
        ty
    }

    fn overloads(&mut self, id: NodeId, function: &'static Function, target: Option<NodeId>, args: &[NodeId]) -> Type {
        let mut given: Vec<Type> = target.iter().chain(args).map(|a| self.ty(*a)).collect();
        let mut result: Option<Type> = None;
        for overload in &function.overloads {
            if overload.member != target.is_some() || overload.args.len() != given.len() {
                continue;
            }
            let (fits, ty) = if overload.params == 0 {
                (self.unifier.all_assignable(&given, &overload.args), overload.result.clone())
            } else {
                let base = self.unifier.fresh(overload.params);
                let wanted: Vec<Type> = overload.args.iter().map(|t| instantiate(t, base)).collect();
                (self.unifier.all_assignable(&given, &wanted), instantiate(&overload.result, base))
            };
            if !fits {
                continue;
            }
            let ty = self.unifier.resolve(&ty, false);
            result = Some(match result {
                None => ty,
                Some(first) if matches!(first, Type::Dyn | Type::Any) || ty.is_exactly(&first) => first,
                Some(_) => Type::Dyn,
            });
        }
        if let Some(ty) = result {
            return ty;
        }
        for ty in &mut given {
            *ty = self.unifier.resolve(ty, true);
        }
        let shown = |types: &[Type]| types.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let call = match (target, given.split_first()) {
            (Some(_), Some((receiver, rest))) => format!("{receiver}.({})", shown(rest)),
            _ => format!("({})", shown(&given)),
        };
        let text = format!("found no matching overload for '{}' applied to '{call}'", function.name);
        let help = advice(function, target.is_some(), given.len());
        self.report_at(self.ast.node(id).position, text, help);
        Type::Error
    }
}

/// What could be wrong with a call that fits no overload, beyond its types.
fn advice(function: &Function, member: bool, count: usize) -> Option<String> {
    if function.overloads.iter().all(|o| o.member != member) {
        let name = function.name;
        let right = if member { format!("{name}(…)") } else { format!("x.{name}(…)") };
        return Some(format!("write it as `{right}`"));
    }
    let fitting: Vec<&_> = function.overloads.iter().filter(|o| o.member == member && o.args.len() == count).collect();
    if fitting.is_empty() || fitting.len() > 4 || !function.name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    let shown: Vec<String> = fitting
        .iter()
        .map(|o| {
            let types: Vec<String> = o.args.iter().map(declared).collect();
            match (member, types.split_first()) {
                (true, Some((receiver, rest))) => format!("`{receiver}.{}({})`", function.name, rest.join(", ")),
                _ => format!("`{}({})`", function.name, types.join(", ")),
            }
        })
        .collect();
    Some(format!("it takes {}", shown.join(" or ")))
}

/// A declared type with its variables as letters.
fn declared(ty: &Type) -> String {
    let text = ty.to_string();
    text.replace("_var0", "A").replace("_var1", "B")
}
