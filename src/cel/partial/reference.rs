//! What the reference's plans do with an expression that no one would guess: what they leave as it was written, and
//! what they read from their inputs otherwise than a decision does. Nothing here matters in the default semantics.

use super::super::ast::{ExprKind, NodeId};
use super::super::checker::{Checked, Reference};
use super::super::error::Fault;
use super::super::value::Value;
use super::eval::{Scopes, Step, depth, is_empty_list};
use super::select::Own;
use super::{CHOSEN, Part, Partial, Place, Stop, THERE, Term, Written};

/// How far a type is followed to the call that gave it.
const LINKS: u32 = 50;

impl<'a> Partial<'a> {
    /// In the reference what is not reached is not worked out either: the principal and the claims stay names, calls
    /// stay calls.
    pub(super) fn unevaluated(&self, checked: &'a Checked, scope: Scopes<'_, 'a>) -> Result<Option<Self>, Stop> {
        if !self.reference {
            return Ok(None);
        }
        let bump = self.cx.bump;
        let named = |path| Part::Unknown(Term::Variable(path));
        let principal = named("request.principal");
        let mut roots = bumpalo::collections::Vec::from_iter_in(self.roots.iter().copied(), bump);
        for (name, part) in &mut roots {
            match (*name, *part) {
                ("P", _) => *part = principal,
                ("G", _) => *part = named("globals"),
                ("R", _) => *part = named("request.resource"),
                // These stand in the expression as they are, and fold no more.
                ("runtime", Part::Place(place)) => {
                    let fields = bump.alloc_slice_copy(place.fields);
                    for (_, field) in &mut *fields {
                        *field = Part::Unknown(self.roles_as_written(*field)?);
                    }
                    *part = Part::Place(bump.alloc(Place { fields, ..*place }));
                }
                ("request", Part::Place(place)) => {
                    let fields = bump.alloc_slice_copy(place.fields);
                    for (name, part) in &mut *fields {
                        match *name {
                            "principal" => *part = principal,
                            "resource" => *part = named("request.resource"),
                            "auxData" => *part = named("request.auxData"),
                            "aux_data" => *part = named("request.aux_data"),
                            _ => {}
                        }
                    }
                    *part = Part::Place(bump.alloc(Place { fields, ..*place }));
                }
                _ => {}
            }
        }
        let mut raw = Self::new(self.unit, roots.into_bump_slice(), self.cx, true);
        raw.failed_is_null = self.failed_is_null;
        raw.given = self.given;
        raw.names = if self.written.get().is_some() { self.names } else { depth(scope) };
        let written = match self.written.get() {
            Some(written) => written,
            None => self.folding(checked)?,
        };
        raw.written.set(Some(written));
        Ok(Some(raw))
    }

    /// Derived roles as the reference writes them: one list for each, under a condition that is true.
    fn roles_as_written(&self, roles: Part<'a>) -> Result<Term<'a>, Stop> {
        let Part::Known(Value::List(list)) = roles else { return Ok(roles.term()) };
        let names: Vec<Value<'a>> = list.iter().collect();
        let mut whole = None;
        for name in names.iter().rev() {
            let name = Term::Value(Value::list(self.cx.bump.alloc_slice_copy(&[*name])));
            let one = self.apply("if", &[self.apply(THERE, &[])?, name, Term::Value(Value::list(&[]))])?;
            whole = Some(match whole {
                None => one,
                Some(rest) => self.apply("add", &[one, rest])?,
            });
        }
        Ok(whole.unwrap_or_else(|| roles.term()))
    }

    /// What of an expression the reference works out beforehand: what is constant, unless that asks for the time or is
    /// an object that has no literal.
    pub(super) fn folding(&self, checked: &'a Checked) -> Result<Written, Stop> {
        let nodes = &checked.ast.nodes;
        self.cx.charge(nodes.len()).map_err(|_| Stop::Budget)?;
        // Children come before their parents.
        let mut constant: Vec<bool> = Vec::with_capacity(nodes.len());
        for node in nodes {
            let mut all = match &node.kind {
                ExprKind::Ident(_) => false,
                ExprKind::Call { function, .. } => !is_clock(function),
                _ => true,
            };
            node.kind.for_each_child(|child| all &= constant.get(child.0 as usize).copied().unwrap_or(false));
            constant.push(all);
        }
        // Failures in it are not looked into: that would ask for this again.
        let constants = Self::new(self.unit, self.given, self.cx, true);
        constants.written.set(Some(Written::Folded));
        if nodes.iter().any(|n| matches!(&n.kind, ExprKind::Call { function, .. } if is_clock(function))) {
            return Ok(Written::AsIs);
        }
        let settled = |id, macros| if macros { Ok(None) } else { self.settled(checked, id, &constant, &constants) };
        let mut open = vec![(checked.ast.root, false)];
        while let Some((id, macros)) = open.pop() {
            let kind = &checked.ast.node(id).kind;
            if !constant.get(id.0 as usize).copied().unwrap_or(false) {
                if settled(id, macros)?.is_some() {
                    continue;
                }
                let macros = macros || matches!(kind, ExprKind::Comprehension(_));
                match kind {
                    ExprKind::Call { target: None, function, args } if &**function == "_?_:_" && args.len() == 3 => {
                        let [c, a, b] = [0, 1, 2].map(|i| args.get(i).copied().unwrap_or(id));
                        match settled(c, macros)? {
                            Some(yes) => open.push((if yes { a } else { b }, macros)),
                            None => open.extend([(c, macros), (a, macros), (b, macros)]),
                        }
                    }
                    kind => kind.for_each_child(|child| open.push((child, macros))),
                }
            } else if matches!(kind, ExprKind::Call { .. } | ExprKind::List { .. } | ExprKind::Map(_))
                && let Part::Known(value) = constants.eval(checked, id, None)?
                && holds_object(value)
            {
                return Ok(Written::AsIs);
            }
        }
        Ok(Written::Folded)
    }

    /// The boolean that logic is by what of it is constant, whatever the rest is; then nothing of the rest is left.
    fn settled(
        &self,
        checked: &'a Checked,
        id: NodeId,
        constant: &[bool],
        constants: &Self,
    ) -> Result<Option<bool>, Stop> {
        self.cx.charge(1).map_err(|_| Stop::Budget)?;
        if constant.get(id.0 as usize).copied().unwrap_or(false) {
            return Ok(match constants.eval(checked, id, None)? {
                Part::Known(Value::Bool(b)) => Some(b),
                _ => None,
            });
        }
        let ExprKind::Call { target: None, function, args } = &checked.ast.node(id).kind else { return Ok(None) };
        let settled = |id| self.settled(checked, id, constant, constants);
        Ok(match (&**function, args.as_slice()) {
            ("!_", [a]) => settled(*a)?.map(|b| !b),
            ("@in", [_, list]) if is_empty_list(checked, *list) => Some(false),
            ("_&&_" | "_||_", [a, b]) => {
                let wanted = &**function == "_||_";
                match (settled(*a)?, settled(*b)?) {
                    (Some(x), Some(y)) => Some(if wanted { x || y } else { x && y }),
                    (Some(x), None) | (None, Some(x)) if x == wanted => Some(x),
                    _ => None,
                }
            }
            _ => None,
        })
    }

    /// The path of a chain of selections from an input.
    pub(super) fn input_path(&self, checked: &Checked, id: NodeId) -> Option<&'a str> {
        let mut fields: Vec<&str> = Vec::new();
        let mut at = id;
        while let ExprKind::Select { operand, field, test_only: false } = &checked.ast.node(at).kind {
            fields.push(field);
            at = *operand;
        }
        let ExprKind::Ident(root) = &checked.ast.node(at).kind else { return None };
        let Some(Reference::Root(_)) = checked.reference(at) else { return None };
        let mut path = match root.trim_start_matches('.') {
            "R" => "request.resource".to_owned(),
            "P" => "request.principal".to_owned(),
            "request" => "request".to_owned(),
            _ => return None,
        };
        for field in fields.iter().rev() {
            path.push('.');
            path.push_str(field);
        }
        Some(self.cx.bump.alloc_str(&path))
    }

    /// The evaluator from which this one was made, which works out what it can; `None` if this is it.
    pub(super) fn as_given(&self) -> Option<Self> {
        self.written.get()?;
        let mut given = Self::new(self.unit, self.given, self.cx, true);
        given.failed_is_null = self.failed_is_null;
        given.names = self.names;
        Some(given)
    }

    /// Inputs that the reference knows by name: `has` of one is its value, and so is `.?` of it.
    pub(super) fn bound(&self, checked: &Checked, operand: NodeId, field: &'a str, part: Part<'a>) -> Option<Part<'a>> {
        match part {
            Part::Place(place) if self.reference && place.path == "runtime" => {
                place.fields.iter().find(|(name, _)| *name == field).map(|(_, part)| *part)
            }
            _ if !self.reference || self.written.get().is_some() => None,
            Part::Place(place) => match place.fields.iter().find(|(name, _)| *name == field) {
                Some((_, known @ Part::Known(_))) if place.path != "request" => Some(*known),
                _ => None,
            },
            Part::Known(value @ Value::Message(_)) if field == "scope" => {
                let principal = self.input_path(checked, operand)? == "request.principal";
                let scope = self.select_known(value, field).ok()?;
                principal.then_some(scope)
            }
            _ => None,
        }
    }

    /// The policy version of the principal, of which plans do not know: `P` has an empty one, `request.principal` none.
    pub(super) fn principal_version(
        &self,
        checked: &Checked,
        operand: NodeId,
        field: &str,
        test: bool,
    ) -> Option<Step<'a>> {
        if !self.reference || self.written.get().is_some() || !matches!(field, "policyVersion" | "policy_version") {
            return None;
        }
        (self.input_path(checked, operand)? == "request.principal").then_some(())?;
        if matches!(checked.ast.node(operand).kind, ExprKind::Ident(_)) {
            return Some(Ok(Part::Known(if test { Value::Bool(false) } else { Value::String("") })));
        }
        Some(self.unsayable().map(|shown| Part::Failed(self.cx.fault(Fault::UndefinedField("policyVersion")), shown)))
    }

    /// How a selection or look-up that failed is shown, `of` being what it was made of: an attribute of the resource
    /// by its name, and so is a key that starts from the resource; anything else by its value.
    pub(super) fn as_named(
        &self,
        checked: &'a Checked,
        id: NodeId,
        (of, part): (Part<'a>, Part<'a>),
        scope: Scopes<'_, 'a>,
    ) -> Step<'a> {
        let Part::Failed(e, _) = part else { return Ok(part) };
        if !self.reference || self.written.get().is_some() || matches!(of, Part::Failed(..)) {
            return Ok(part);
        }
        let shown = match &checked.ast.node(id).kind {
            ExprKind::Select { operand, test_only: false, .. } if self.is_attribute(checked, *operand) => {
                self.named(checked, id, scope)?
            }
            ExprKind::Call { target: None, args, .. } => match args.as_slice() {
                [base, _] if self.is_attribute(checked, *base) => self.named(checked, id, scope)?,
                [_, key] => match self.named(checked, *key, scope)? {
                    Some(key) => Some(self.apply("index", &[of.term(), key])?),
                    None => None,
                },
                _ => None,
            },
            _ => None,
        };
        Ok(shown.map_or(part, |term| Part::Failed(e, term)))
    }

    /// True for an attribute of the resource, or the resource.
    fn is_attribute(&self, checked: &Checked, id: NodeId) -> bool {
        let is_root = |id| self.input_path(checked, id).is_some_and(|path| path == "request.resource.attr");
        match &checked.ast.node(id).kind {
            ExprKind::Select { operand, test_only: false, .. } => {
                is_root(*operand) || self.input_path(checked, id).is_some_and(|path| path.matches('.').count() < 3)
            }
            ExprKind::Call { target: None, function, args } if &**function == "_[_]" => {
                args.first().is_some_and(|base| is_root(*base))
            }
            ExprKind::Ident(_) => true,
            _ => false,
        }
    }

    /// A chain of selections and look-ups that starts from the resource, as a term.
    fn named(&self, checked: &'a Checked, id: NodeId, scope: Scopes<'_, 'a>) -> Result<Option<Term<'a>>, Stop> {
        if let Some(path) = self.input_path(checked, id) {
            return Ok(path.starts_with("request.resource").then_some(Term::Variable(path)));
        }
        match &checked.ast.node(id).kind {
            ExprKind::Select { operand, field, test_only: false } => match self.named(checked, *operand, scope)? {
                Some(inner) => self.member(inner, field).map(Some),
                None => Ok(None),
            },
            ExprKind::Call { target: None, function, args } if &**function == "_[_]" => {
                let [base, key] = args.as_slice() else { return Ok(None) };
                let named = self.named(checked, *key, scope)?;
                let base_named = self.named(checked, *base, scope)?;
                if named.is_none() && base_named.is_none() {
                    return Ok(None);
                }
                let or_value = |named: Option<Term<'a>>, at| match named {
                    Some(term) => Ok(term),
                    None => self.eval(checked, at, scope).map(Part::term),
                };
                let (base, key) = (or_value(base_named, *base)?, or_value(named, *key)?);
                self.apply("index", &[base, key]).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// What stands in a term for an operand. A type that is known stays the call that gave it, unless that is constant.
    pub(super) fn operand(
        &self,
        checked: &'a Checked,
        id: NodeId,
        part: Part<'a>,
        scope: Scopes<'_, 'a>,
    ) -> Result<Term<'a>, Stop> {
        let call = match part {
            Part::Known(value) if self.reference && self.written.get().is_none() && holds_type(value) => {
                self.type_call(checked, id, scope, LINKS)?
            }
            _ => None,
        };
        Ok(call.unwrap_or_else(|| part.term()))
    }

    /// The side that a choice took. If that is a choice itself, it stays one in the reference, with what is not taken as
    /// it is written; of a choice by what is constant nothing is left.
    pub(super) fn chosen(
        &self,
        checked: &'a Checked,
        (by, id): (NodeId, NodeId),
        part: Part<'a>,
        scope: Scopes<'_, 'a>,
    ) -> Step<'a> {
        let (true, None, Part::Unknown(taken)) = (self.reference, self.written.get(), part) else { return Ok(part) };
        // What a macro is written out to is worked out once more.
        let written_out = std::iter::successors(scope, |s| s.outer).any(|s| matches!(s.part, Part::Known(_)));
        if written_out || self.is_constant(checked, by)? {
            return Ok(part);
        }
        let (mut checked, mut id, mut scope) = (checked, id, scope);
        for _ in 0..LINKS {
            let (c, a, b) = match &checked.ast.node(id).kind {
                ExprKind::Call { target: None, function, args } => match (&**function, args.as_slice()) {
                    ("_?_:_", [c, a, b]) => (*c, *a, *b),
                    _ => break,
                },
                ExprKind::Select { operand, field, test_only: false } => {
                    let Some(variable) = self.own_variable(checked, *operand, field) else { break };
                    (checked, id, scope) = (variable, variable.ast.root, None);
                    continue;
                }
                _ => break,
            };
            let Part::Known(Value::Bool(yes)) = self.eval(checked, c, scope)? else { break };
            if self.is_constant(checked, c)? {
                id = if yes { a } else { b };
                continue;
            }
            let raw = self.unevaluated(checked, scope)?;
            let other = raw.as_ref().unwrap_or(self).eval(checked, if yes { b } else { a }, scope)?.term();
            let (a, b) = if yes { (taken, other) } else { (other, taken) };
            return self.apply(CHOSEN, &[Term::bool(yes), a, b]).map(Part::Unknown);
        }
        Ok(part)
    }

    /// In the reference an attribute of the resource under a name that is not constant is not known, and the name is
    /// not worked out.
    pub(super) fn as_a_name(
        &self,
        checked: &'a Checked,
        key: NodeId,
        [base, name]: &[Part<'a>; 2],
        scope: Scopes<'_, 'a>,
    ) -> Result<Option<Part<'a>>, Stop> {
        let is_key = |v: &Value<'_>| !matches!(v, Value::List(_) | Value::Map(_) | Value::Null);
        let known = matches!((base, name), (Part::Place(_), Part::Known(v)) if is_key(v));
        let is_literal = matches!(checked.ast.node(key).kind, ExprKind::Literal(_));
        if !known || is_literal || !self.reference || self.written.get().is_some() || self.is_constant(checked, key)? {
            return Ok(None);
        }
        let of_a_macro = |id: NodeId| match &checked.ast.node(id).kind {
            ExprKind::Ident(name) => std::iter::successors(scope, |s| s.outer).any(|s| s.name == &**name),
            _ => false,
        };
        if self.any(checked, key, of_a_macro)? {
            return Ok(None);
        }
        match self.unevaluated(checked, scope)? {
            Some(raw) => raw.eval(checked, key, scope).map(|part| Some(Part::Unknown(part.term()))),
            None => Ok(None),
        }
    }

    /// The expression of a variable of the policy, if that is what is selected.
    fn own_variable(&self, checked: &Checked, operand: NodeId, field: &str) -> Option<&'a Checked> {
        (self.own_root(checked, operand)? == Own::Variables).then_some(())?;
        let index = self.unit.variables.iter().position(|v| *v.name == *field)?;
        self.unit.written().variables.get(index).map(|v| &**v)
    }

    /// True if it is constant, and folded beforehand.
    pub(super) fn is_constant(&self, checked: &'a Checked, id: NodeId) -> Result<bool, Stop> {
        let has_names = self.any(checked, id, |id| matches!(checked.ast.node(id).kind, ExprKind::Ident(_)))?;
        Ok(!has_names && self.folding(checked)? == Written::Folded)
    }

    /// The call that gave a type, through at most so many variables, choices and lists.
    fn type_call(
        &self,
        checked: &'a Checked,
        id: NodeId,
        scope: Scopes<'_, 'a>,
        links: u32,
    ) -> Result<Option<Term<'a>>, Stop> {
        let Some(links) = links.checked_sub(1) else { return Ok(None) };
        match &checked.ast.node(id).kind {
            ExprKind::Call { target: None, function, args } => match (&**function, args.as_slice()) {
                ("type", [of]) if !self.is_constant(checked, *of)? => {
                    let of = self.eval(checked, *of, scope)?;
                    self.apply("type", &[of.term()]).map(Some)
                }
                ("_?_:_", [c, a, b]) => match self.eval(checked, *c, scope)? {
                    Part::Known(Value::Bool(yes)) => self.type_call(checked, if yes { *a } else { *b }, scope, links),
                    _ => Ok(None),
                },
                _ => Ok(None),
            },
            ExprKind::Select { operand, field, test_only: false } => {
                match self.own_variable(checked, *operand, field) {
                    Some(variable) => self.type_call(variable, variable.ast.root, None, links),
                    None => Ok(None),
                }
            }
            ExprKind::List { elements, optional } if optional.is_empty() => {
                let mut terms = Vec::with_capacity(elements.len());
                for element in elements {
                    let known = self.eval(checked, *element, scope)?.term();
                    terms.push(self.type_call(checked, *element, scope, links)?.unwrap_or(known));
                }
                self.apply("list", &terms).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// The boolean that an expression is whatever the inputs are, needing no macro and no variable for that.
    pub(super) fn constant(
        &self,
        checked: &'a Checked,
        id: NodeId,
        scope: Scopes<'_, 'a>,
    ) -> Result<Option<bool>, Stop> {
        let Some(raw) = self.unevaluated(checked, scope)? else { return Ok(None) };
        // Where nothing is folded nothing is constant.
        if raw.written.get() == Some(Written::AsIs) {
            return Ok(None);
        }
        let needs_more = |id: NodeId| match &checked.ast.node(id).kind {
            ExprKind::Comprehension(_) => true,
            ExprKind::Select { operand, .. } => self.own_root(checked, *operand) == Some(Own::Variables),
            _ => false,
        };
        match raw.eval(checked, id, scope)? {
            Part::Known(Value::Bool(b)) if !self.any(checked, id, needs_more)? => Ok(Some(b)),
            _ => Ok(None),
        }
    }

    /// True if a variable, or one that it refers to, makes or takes apart an optional.
    pub(super) fn has_optionals(&self, variable: &str) -> Result<bool, Stop> {
        let mut open: Vec<usize> = self.unit.variables.iter().position(|v| *v.name == *variable).into_iter().collect();
        let mut seen = vec![false; self.unit.variables.len()];
        while let Some(i) = open.pop() {
            let (Some(seen), Some(variable)) = (seen.get_mut(i), self.unit.variables.get(i)) else { continue };
            if std::mem::replace(seen, true) {
                continue;
            }
            let Some(checked) = self.unit.written().variables.get(i) else { continue };
            let optional =
                |id| matches!(&checked.ast.node(id).kind, ExprKind::Call { function, .. } if is_optional(function));
            if self.any(checked, checked.ast.root, optional)? {
                return Ok(true);
            }
            open.extend(variable.lowered.variables.iter().map(|n| *n as usize));
        }
        Ok(false)
    }

    /// True if a node of an expression passes the test.
    fn any(&self, checked: &Checked, id: NodeId, test: impl Fn(NodeId) -> bool) -> Result<bool, Stop> {
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            self.cx.charge(1).map_err(|_| Stop::Budget)?;
            if test(id) {
                return Ok(true);
            }
            checked.ast.node(id).kind.for_each_child(|child| open.push(child));
        }
        Ok(false)
    }
}

/// True for the functions that make optionals and take them apart.
pub(super) fn is_optional(function: &str) -> bool {
    matches!(
        function,
        "_?._"
            | "_[?_]"
            | "or"
            | "orValue"
            | "hasValue"
            | "value"
            | "optional.of"
            | "optional.none"
            | "optional.ofNonZeroValue"
    )
}

/// True for the functions that the reference calls with failures, too, so that all their arguments are worked out.
pub(super) fn takes_failures(function: &str) -> bool {
    matches!(function, "hasIntersection" | "has_intersection" | "intersect" | "isSubset" | "is_subset" | "except")
}

/// Functions that ask for the time.
pub(super) fn is_clock(function: &str) -> bool {
    matches!(function, "now" | "timeSince")
}

/// True of types, and of lists with a type in them.
fn holds_type(value: Value<'_>) -> bool {
    match value {
        Value::Type(_) => true,
        Value::List(list) => list.iter().any(holds_type),
        _ => false,
    }
}

/// True of values that hold an object of an extension library.
fn holds_object(value: Value<'_>) -> bool {
    match value {
        Value::Object(_) => true,
        Value::List(list) => list.iter().any(holds_object),
        Value::Map(map) => map.iter().any(|(k, v)| holds_object(k) || holds_object(v)),
        _ => false,
    }
}
