//! Typed generator of CEL expressions: an expression of a wanted type, over the attribute schema and whatever
//! variables, constants, globals and derived roles are in sight. Most are well typed; some read an attribute as another
//! type or one that nobody sends. Everything it makes passes the reference's checker: faults that must be refused at
//! load are made by `breaking`.

mod atoms;
mod values;

use super::attrs::{MEMBERS, PRINCIPAL, RESOURCE, Ty};
use super::rng::Rng;

/// What an expression may refer to.
#[derive(Clone, Debug, Default)]
pub struct Env {
    /// `V.x`
    pub variables: Vec<(String, Ty)>,
    /// `C.x`
    pub constants: Vec<(String, Ty)>,
    /// `G.x`
    pub globals: Vec<(String, Ty)>,
    /// Names that `runtime.effectiveDerivedRoles` may hold; empty keeps `runtime` out.
    pub derived: Vec<String>,
    /// Roles requests use.
    pub roles: Vec<String>,
    /// More than comparisons.
    pub rich: bool,
    /// Tokens are sent with requests.
    pub claims: bool,
}

/// The generator.
pub struct Cel<'a> {
    /// Randomness.
    pub rng: &'a mut Rng,
    /// Names in sight.
    pub env: &'a Env,
    /// The result is shown, so it may depend neither on the clock nor on how infinities are printed.
    pub shown: bool,
    loops: usize,
}

impl<'a> Cel<'a> {
    /// A generator for conditions.
    pub fn new(rng: &'a mut Rng, env: &'a Env) -> Self {
        Self { rng, env, shown: false, loops: 0 }
    }

    /// An expression of type `ty`, nested at most `depth` levels.
    pub fn expr(&mut self, ty: Ty, depth: usize) -> String {
        if depth > 0 && self.env.rich && self.rng.chance(4) {
            return self.wrapped(ty, depth - 1);
        }
        match ty {
            Ty::Bool => self.bool(depth),
            Ty::Int => self.int(depth),
            Ty::Num => self.num(depth),
            Ty::Str => self.str(depth),
            Ty::StrList => self.str_list(depth),
            Ty::NumList => self.num_list(depth),
            Ty::Map => self.map(depth),
            Ty::Time => self.time(depth),
            Ty::Span => self.span(depth),
            Ty::Any => self.any(depth),
        }
    }

    /// Forms that exist for every type.
    fn wrapped(&mut self, ty: Ty, depth: usize) -> String {
        match self.rng.below(5) {
            0 | 1 => {
                let (test, left, right) = (self.bool(depth), self.expr(ty, depth), self.expr(ty, depth));
                if ty == Ty::Any {
                    format!("({test} ? dyn({left}) : dyn({right}))")
                } else {
                    format!("({test} ? {left} : {right})")
                }
            }
            2 => {
                let inner = self.expr(ty, depth);
                let name = self.fresh();
                format!("cel.bind({name}, {inner}, {name})")
            }
            3 => format!("dyn({})", self.expr(ty, depth)),
            _ => format!("[{}][0]", self.expr(ty, depth)),
        }
    }

    /// A loop variable that shadows nothing.
    fn fresh(&mut self) -> String {
        self.loops += 1;
        format!("x{}", self.loops)
    }

    /// An attribute of the wanted type: now and then one of another type, or one that is never sent.
    pub fn attr(&mut self, ty: Ty) -> String {
        if self.env.claims && self.rng.chance(15) {
            return self.claim(ty);
        }
        let principal = self.rng.chance(35);
        let schema = if principal { PRINCIPAL } else { RESOURCE };
        let root = match (principal, self.rng.chance(12)) {
            (true, false) => "P.attr",
            (true, true) => "request.principal.attr",
            (false, false) => "R.attr",
            (false, true) => "request.resource.attr",
        };
        let roll = self.rng.below(100);
        if roll < 4 {
            return format!("{root}.{}", self.rng.word(&["absent", "missing", "nope"]));
        }
        if roll < 16 {
            let name = self.rng.pick(schema).0;
            return self.select(root, name);
        }
        let fitting: Vec<&str> = schema.iter().filter(|(_, t)| *t == ty).map(|(n, _)| *n).collect();
        let members: Vec<&str> = MEMBERS.iter().filter(|(_, t)| *t == ty).map(|(n, _)| *n).collect();
        if !members.is_empty() && self.rng.chance(15) {
            let map = if principal { "home" } else { "meta" };
            let base = self.select(root, map);
            return format!("{base}.{}", self.rng.pick(&members));
        }
        let name = if fitting.is_empty() { self.rng.pick(schema).0 } else { *self.rng.pick(&fitting) };
        self.select(root, name)
    }

    /// A claim of the wanted type, from one token or one of several.
    fn claim(&mut self, ty: Ty) -> String {
        let root = self.rng.word(&[
            "request.auxData.jwt",
            "request.auxData.jwt",
            "request.auxData.jwt",
            "request.aux_data.jwt",
            "request.auxData.jwts.user.claims",
            "request.auxData.jwts[\"user\"].claims",
            "request.auxData.jwts.svc.claims",
        ]);
        let name = match ty {
            Ty::Bool => "admin",
            Ty::Int | Ty::Num => "level",
            Ty::Str => self.rng.word(&["sub", "iss", "team", "jti", "a-b"]),
            Ty::StrList => self.rng.word(&["aud", "groups", "aud"]),
            Ty::NumList => "groups",
            Ty::Map => "home",
            Ty::Time => self.rng.word(&["exp", "iat", "nbf"]),
            Ty::Span => "team",
            Ty::Any => self.rng.word(&["extra", "exp", "aud", "level", "nope", "home"]),
        };
        if ty == Ty::Str && self.rng.chance(15) {
            return format!("{root}.home.owner");
        }
        self.select(root, name)
    }

    fn select(&mut self, root: &str, name: &str) -> String {
        match (name.contains('-'), self.rng.below(10)) {
            (true, 0..5) => format!("{root}.`{name}`"),
            (true, _) | (false, 0) => format!("{root}[\"{name}\"]"),
            (false, _) => format!("{root}.{name}"),
        }
    }

    /// A variable, constant or global of type `ty`, if there is one and luck has it.
    fn named(&mut self, ty: Ty) -> Option<String> {
        if !self.rng.chance(30) {
            return None;
        }
        let mut found = Vec::new();
        let spaces = [
            (&self.env.variables, ["V", "variables"]),
            (&self.env.constants, ["C", "constants"]),
            (&self.env.globals, ["G", "globals"]),
        ];
        let ill = self.rng.chance(5);
        for (space, prefixes) in spaces {
            for (name, t) in space {
                if *t == ty || ill {
                    found.push((prefixes, name.clone()));
                }
            }
        }
        if found.is_empty() {
            return None;
        }
        let (prefixes, name) = self.rng.pick(&found).clone();
        Some(format!("{}.{name}", if self.rng.chance(80) { prefixes[0] } else { prefixes[1] }))
    }

    /// A condition's leaf: boolean, except now and then, when it is anything.
    pub fn leaf(&mut self) -> String {
        if self.env.rich && self.rng.chance(3) {
            let ty = *self.rng.pick(&[Ty::Int, Ty::Str, Ty::Any, Ty::Map, Ty::StrList]);
            return self.expr(ty, 1);
        }
        let depth = if self.env.rich { self.rng.below(4) } else { 1 };
        self.expr(Ty::Bool, depth)
    }
}

/// A CEL string literal.
pub fn quote(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{escaped}\"")
}
