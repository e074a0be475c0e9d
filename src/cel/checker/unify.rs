//! Type variables and assignability, as cel-go has them: what is assignable binds variables, what is not leaves them
//! as they were. Steps are counted and recursion is bounded.

use super::super::types::Type;

/// Most comparisons of two types while checking one expression.
const MAX_STEPS: u32 = 5_000_000;
/// Deepest comparison, through bindings as well.
const MAX_DEPTH: u32 = 600;

/// The bindings of the type variables of one expression.
#[derive(Default)]
pub(super) struct Unifier {
    bindings: Vec<Option<Type>>,
    /// Bindings to restore if the current attempt fails.
    trail: Vec<(u32, Option<Type>)>,
    steps: u32,
    depth: u32,
    too_deep: bool,
}

impl Unifier {
    /// True if the expression costs too much to check.
    pub(super) fn exhausted(&self) -> bool {
        self.too_deep || self.steps > MAX_STEPS
    }

    /// Makes `count` new variables; gives the first.
    pub(super) fn fresh(&mut self, count: u32) -> u32 {
        let first = u32::try_from(self.bindings.len()).unwrap_or(u32::MAX);
        self.bindings.resize(self.bindings.len() + count as usize, None);
        first
    }

    /// True if `b` can stand where `a` is wanted; binds variables then.
    pub(super) fn assignable(&mut self, a: &Type, b: &Type) -> bool {
        self.attempt(|u| u.unify(a, b))
    }

    /// The same for lists of types, all or nothing.
    pub(super) fn all_assignable(&mut self, a: &[Type], b: &[Type]) -> bool {
        a.len() == b.len() && self.attempt(|u| a.iter().zip(b).all(|(a, b)| u.unify(a, b)))
    }

    fn attempt(&mut self, f: impl FnOnce(&mut Self) -> bool) -> bool {
        self.trail.clear();
        let ok = f(self);
        if !ok {
            while let Some((variable, old)) = self.trail.pop() {
                if let Some(slot) = self.bindings.get_mut(variable as usize) {
                    *slot = old;
                }
            }
        }
        ok
    }

    fn bind(&mut self, variable: u32, ty: Type) {
        if let Some(slot) = self.bindings.get_mut(variable as usize) {
            self.trail.push((variable, slot.replace(ty)));
        }
    }

    fn binding(&self, ty: &Type) -> Option<Type> {
        match ty {
            Type::Param(n) => self.bindings.get(*n as usize).cloned().flatten(),
            _ => None,
        }
    }

    /// Charges one step; true if the comparison must be given up.
    fn charge(&mut self) -> bool {
        self.steps = self.steps.saturating_add(1);
        self.too_deep |= self.depth > MAX_DEPTH;
        self.exhausted()
    }

    fn unify(&mut self, a: &Type, b: &Type) -> bool {
        if self.charge() {
            return true;
        }
        self.depth += 1;
        let ok = self.unify_inner(a, b);
        self.depth -= 1;
        ok
    }

    fn unify_inner(&mut self, a: &Type, b: &Type) -> bool {
        if let Type::Param(variable) = b {
            let (valid, bound) = self.substitutes(a, *variable, b);
            if valid || bound {
                return valid;
            }
        }
        if let Type::Param(variable) = a {
            return self.substitutes(b, *variable, a).0;
        }
        if a.is_dyn_or_error() || b.is_dyn_or_error() {
            return true;
        }
        match (a, b) {
            (Type::Null, other) | (other, Type::Null) => matches!(
                other,
                Type::Null
                    | Type::Wrapper(_)
                    | Type::Opaque(_)
                    | Type::Optional(_)
                    | Type::Struct(_)
                    | Type::Any
                    | Type::Timestamp
                    | Type::Duration
            ),
            (Type::List(a), Type::List(b)) | (Type::Optional(a), Type::Optional(b)) => self.unify(&a.first, &b.first),
            (Type::Map(a), Type::Map(b)) => self.unify(&a.first, &b.first) && self.unify(&a.second, &b.second),
            _ => a.same_kind(b),
        }
    }

    /// Whether `ty` can be what a variable stands for, and whether the variable stands for something already.
    fn substitutes(&mut self, ty: &Type, variable: u32, param: &Type) -> (bool, bool) {
        if ty.is_exactly(param) {
            return (true, true);
        }
        if let Some(bound) = self.binding(param) {
            if ty.is_exactly(&bound) {
                return (true, true);
            }
            if !self.unify(ty, &bound) {
                return (false, true);
            }
            let general = if less_specific(ty, &bound) { ty.clone() } else { bound };
            if self.free_of(param, &general) {
                self.bind(variable, general);
            }
            return (true, true);
        }
        if self.free_of(param, ty) {
            self.bind(variable, ty.clone());
            return (true, false);
        }
        (false, false)
    }

    /// The occurs check: true if `param` is nowhere within `ty`.
    fn free_of(&mut self, param: &Type, ty: &Type) -> bool {
        if self.charge() {
            return true;
        }
        if param.is_exactly(ty) {
            return false;
        }
        self.depth += 1;
        let free = match ty {
            Type::Param(_) => match self.binding(ty) {
                Some(bound) => self.free_of(param, &bound),
                None => true,
            },
            Type::Map(a) => self.free_of(param, &a.first) && self.free_of(param, &a.second),
            Type::List(a) | Type::Optional(a) | Type::Type(a) => self.free_of(param, &a.first),
            _ => true,
        };
        self.depth -= 1;
        free
    }

    /// Replaces bound variables, and with `to_dyn` unbound ones by `dyn`.
    pub(super) fn resolve(&mut self, ty: &Type, to_dyn: bool) -> Type {
        if !ty.is_variable() {
            return ty.clone();
        }
        if self.charge() {
            return Type::Error;
        }
        self.depth += 1;
        let resolved = match ty {
            Type::Param(_) => match self.binding(ty) {
                Some(bound) => self.resolve(&bound, to_dyn),
                None if to_dyn => Type::Dyn,
                None => ty.clone(),
            },
            Type::List(a) => Type::list(self.resolve(&a.first, to_dyn)),
            Type::Map(a) => {
                let key = self.resolve(&a.first, to_dyn);
                Type::map(key, self.resolve(&a.second, to_dyn))
            }
            Type::Optional(a) => Type::optional(self.resolve(&a.first, to_dyn)),
            Type::Type(a) => Type::of_type(self.resolve(&a.first, to_dyn)),
            other => other.clone(),
        };
        self.depth -= 1;
        resolved
    }
}

/// The more general of two types that unify.
pub(super) fn most_general(a: &Type, b: &Type) -> Type {
    if less_specific(a, b) { a.clone() } else { b.clone() }
}

/// True if `a` is `b` or less specific than it.
fn less_specific(a: &Type, b: &Type) -> bool {
    if matches!(a, Type::Dyn | Type::Any | Type::Param(_)) {
        return true;
    }
    if matches!(b, Type::Dyn | Type::Any | Type::Param(_)) {
        return false;
    }
    match (a, b) {
        (Type::List(a), Type::List(b)) | (Type::Optional(a), Type::Optional(b)) => less_specific(&a.first, &b.first),
        (Type::Map(a), Type::Map(b)) => less_specific(&a.first, &b.first) && less_specific(&a.second, &b.second),
        (Type::Type(_) | Type::AnyType, Type::Type(_) | Type::AnyType) => true,
        (a, b) => a.is_exactly(b),
    }
}

/// A declared type with its variables renamed to those from `base` on.
pub(super) fn instantiate(ty: &Type, base: u32) -> Type {
    if !ty.is_variable() {
        return ty.clone();
    }
    match ty {
        Type::Param(n) => Type::Param(base + n),
        Type::List(a) => Type::list(instantiate(&a.first, base)),
        Type::Map(a) => Type::map(instantiate(&a.first, base), instantiate(&a.second, base)),
        Type::Optional(a) => Type::optional(instantiate(&a.first, base)),
        Type::Type(a) => Type::of_type(instantiate(&a.first, base)),
        other => other.clone(),
    }
}
