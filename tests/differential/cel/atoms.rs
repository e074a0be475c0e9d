//! Boolean expressions.

use super::super::attrs::{self, Ty};
use super::{Cel, quote};

const PATTERNS: &[&str] = &["^a", "e$", "^[a-z]+$", r"\d", "(?i)HR", "o|e", r"^\w*$", "", r"[^\x00-\x7F]", r"\s"];

impl Cel<'_> {
    pub(super) fn bool(&mut self, depth: usize) -> String {
        if depth > 0 {
            match self.rng.below(10) {
                0 | 1 => return format!("({} && {})", self.bool(depth - 1), self.bool(depth - 1)),
                2 | 3 => return format!("({} || {})", self.bool(depth - 1), self.bool(depth - 1)),
                4 => return format!("!({})", self.bool(depth - 1)),
                5 if self.env.rich => return self.quantified(depth - 1),
                _ => {}
            }
        }
        if let Some(name) = self.named(Ty::Bool) {
            return name;
        }
        let d = depth.saturating_sub(1);
        if !self.env.rich {
            return match self.rng.below(6) {
                0 => self.attr(Ty::Bool),
                1 => format!("({} == {})", self.attr(Ty::Str), quote(attrs::string(self.rng))),
                2 => format!("({} > {})", self.attr(Ty::Num), self.rng.below(4)),
                3 => format!("({} in {})", quote(attrs::string(self.rng)), self.attr(Ty::StrList)),
                4 => format!("(P.id == {})", self.attr(Ty::Str)),
                _ => format!("({} == {})", self.attr(Ty::Num), self.rng.below(4)),
            };
        }
        match self.rng.below(44) {
            0..4 => self.attr(Ty::Bool),
            4..8 => format!("({} {} {})", self.str(d), self.equality(), self.str(d)),
            8..12 => format!("({} {} {})", self.num(d), self.order(), self.number_side(d)),
            12 => format!("({} {} {})", self.int(d), self.order(), self.int(d)),
            13 => format!("({} == {})", self.attr(Ty::Num), self.rng.below(4)),
            14 => format!("(P.id == {})", self.attr(Ty::Str)),
            15 => format!("({} in {})", self.str(d), self.str_list(d)),
            16 => format!("({} in {})", self.attr(Ty::Num), self.num_list(d)),
            17 => format!("({} in P.roles)", self.role()),
            18 => self.has(),
            19 => format!("!{}", self.has()),
            20 => {
                let method = self.rng.word(&["startsWith", "endsWith", "contains"]);
                format!("{}.{method}({})", self.str(d), self.str(d))
            }
            21 => format!("{}.matches({})", self.str(d), quote(self.rng.word(PATTERNS))),
            22 => {
                let f = self.rng.word(&["hasIntersection", "isSubset", "has_intersection", "is_subset"]);
                format!("{f}({}, {})", self.str_list(d), self.str_list(d))
            }
            23 => {
                let f = self.rng.word(&["contains", "equivalent", "intersects"]);
                format!("sets.{f}({}, {})", self.str_list(d), self.str_list(d))
            }
            24 => format!("({} {} {})", self.time(d), self.order(), self.time(d)),
            25 => format!("({} {} {})", self.span(d), self.order(), self.span(d)),
            26 => self.clock(d),
            27 => {
                let method = self.rng.word(&[
                    "ancestorOf",
                    "descendentOf",
                    "immediateParentOf",
                    "immediateChildOf",
                    "siblingOf",
                    "overlaps",
                ]);
                format!("hierarchy({}).{method}(hierarchy({}))", self.str(d), self.str(d))
            }
            28 => {
                let range = self.rng.word(&["10.0.0.0/8", "192.168.0.0/16", "::1/128", "fe80::/10", "10.1.2.3/32"]);
                format!("{}.inIPAddrRange({})", self.ip(), quote(range))
            }
            29 => {
                let pattern = self.rng.word(&["/a/*", "/*/b", "*.txt", "/a/b/[a-c].txt", "rel/?", "/home/*/.rc"]);
                format!("pathMatch({}, {})", self.path(), quote(pattern))
            }
            30 => format!("pathHasPrefix({}, {})", self.path(), quote(self.rng.word(&["/a", "/", "rel", "/home"]))),
            31 => {
                let kind = self.rng.word(&["string", "double", "bool", "list", "map", "null_type", "int"]);
                format!("(type({}) == {kind})", self.any_attr())
            }
            32 => format!("({} == null)", self.any_attr()),
            33 => format!("({} {} {})", self.any_attr(), self.equality(), self.any_attr()),
            34 => format!("({}.orValue({}) == {})", self.optional(), self.str(0), self.str(d)),
            35 => format!("{}.hasValue()", self.optional()),
            36 => format!("bool({})", self.unfolded(d)),
            37 => format!("({} {} {})", self.str_list(d), self.equality(), self.str_list(d)),
            38 => format!("({} {} {})", self.map(d), self.equality(), self.map(d)),
            39 => {
                let f = self.rng.word(&["isIP", "isCIDR"]);
                format!("{f}({})", self.ip())
            }
            40 => {
                let f = self.rng.word(&["isLoopback()", "isGlobalUnicast()", "family() == 4", "isLinkLocalUnicast()"]);
                format!("(ip({}).{f})", self.ip())
            }
            41 => format!("cidr(\"10.0.0.0/8\").containsIP({})", self.ip()),
            42 if !self.env.derived.is_empty() => {
                let role = self.rng.pick(&self.env.derived).clone();
                let field = self.rng.word(&["effectiveDerivedRoles", "effective_derived_roles"]);
                format!("({} in runtime.{field})", quote(&role))
            }
            43 if self.env.claims => format!("({} == {})", self.claim(Ty::Str), self.str(d)),
            _ => self.rng.word(&["true", "false"]).to_string(),
        }
    }

    fn equality(&mut self) -> &'static str {
        if self.rng.chance(70) { "==" } else { "!=" }
    }

    fn order(&mut self) -> &'static str {
        self.rng.word(&["<", "<=", ">", ">=", "<", ">"])
    }

    /// The other side of a numeric comparison: `int` and `double` compare with each other.
    fn number_side(&mut self, depth: usize) -> String {
        if self.rng.chance(60) { self.rng.below(5).to_string() } else { self.num(depth) }
    }

    pub(super) fn role(&mut self) -> String {
        if self.env.roles.is_empty() || self.rng.chance(5) {
            return self.str(0);
        }
        quote(&self.rng.pick(&self.env.roles).clone())
    }

    pub(super) fn any_attr(&mut self) -> String {
        let ty = *self.rng.pick(&[Ty::Any, Ty::Str, Ty::Num, Ty::Map, Ty::StrList, Ty::Bool]);
        self.attr(ty)
    }

    fn has(&mut self) -> String {
        let root = self.rng.word(&["P.attr", "R.attr", "request.resource.attr"]);
        let names = ["dept", "owner", "level", "meta", "extra", "absent", "`a-b`", "tags"];
        let name = *self.rng.pick(&names);
        match self.rng.below(12) {
            0 => format!("has({root}.{name}.{})", self.rng.word(&["owner", "depth", "nope"])),
            1 => self
                .rng
                .word(&["has(R.scope)", "has(P.policyVersion)", "has(request.auxData.jwt)", "has(R.attr)"])
                .to_string(),
            2 if !self.env.variables.is_empty() => format!("has(V.{})", self.rng.pick(&self.env.variables).0),
            3 if !self.env.constants.is_empty() => format!("has(C.{})", self.rng.pick(&self.env.constants).0),
            4 if !self.env.globals.is_empty() => format!("has(G.{})", self.rng.pick(&self.env.globals).0),
            5 => format!("has({}.labels)", self.attr(Ty::Map)),
            6 if self.env.claims => self
                .rng
                .word(&[
                    "has(request.auxData.jwt.team)",
                    "has(request.auxData.jwt.nope)",
                    "has(request.auxData.jwt.home.none)",
                    "has(request.auxData.jwts)",
                    "has(request.auxData.jwts.svc)",
                    "has(request.auxData.jwts.user.claims)",
                    "has(request.auxData.jwts.user.claims.level)",
                    "has(request.auxData)",
                ])
                .to_string(),
            _ => format!("has({root}.{name})"),
        }
    }

    pub(super) fn optional(&mut self) -> String {
        let root = self.rng.word(&["P.attr", "R.attr"]);
        let name = self.rng.word(&["dept", "team", "absent", "extra", "owner"]);
        match self.rng.below(4) {
            0 => format!("{root}[?{}]", quote(name)),
            1 => format!("{root}.?{}.?owner", self.rng.word(&["meta", "home", "absent"])),
            2 => format!("{}.first()", self.attr(Ty::StrList)),
            _ => format!("{root}.?{name}"),
        }
    }

    /// Something that depends on the clock, though not in our lifetime.
    fn clock(&mut self, depth: usize) -> String {
        if self.shown {
            return format!("({} < {})", self.time(depth), self.time(depth));
        }
        match self.rng.below(3) {
            0 => format!("({} {} now())", self.time(0), self.order()),
            1 => format!("(timeSince({}) > duration(\"1h\"))", self.time(0)),
            _ => format!("({}.timeSince() {} {})", self.time(0), self.order(), self.span(0)),
        }
    }

    fn quantified(&mut self, depth: usize) -> String {
        let f = self.rng.word(&["exists", "all", "exists_one", "exists", "all"]);
        let x = self.fresh();
        match self.rng.below(6) {
            0..3 => {
                let list = if self.shown { self.sequence(depth) } else { self.str_list(depth) };
                let body = match self.rng.below(6) {
                    0 => format!("{x} == {}", self.str(depth)),
                    1 => format!("{x}.startsWith({})", self.str(0)),
                    2 => format!("{x} in {}", self.str_list(depth)),
                    3 => format!("size({x}) > {}", self.rng.below(4)),
                    4 => format!("{x} > {}", self.str(depth)),
                    _ => format!("{x} != {} && {}", self.str(0), self.bool(depth)),
                };
                format!("{list}.{f}({x}, {body})")
            }
            3 => {
                let mut list = self.num_list(depth);
                if self.shown {
                    list += ".distinct()";
                }
                format!("{list}.{f}({x}, {x} {} {})", self.order(), self.number_side(depth))
            }
            4 if !self.shown => {
                let map = self.attr(Ty::Map);
                let f = self.rng.word(&["exists", "all"]);
                format!("{map}.{f}({x}, {x} == {})", quote(self.rng.word(&["owner", "depth", "k"])))
            }
            _ => {
                let y = self.fresh();
                let list = if self.shown { self.sequence(depth) } else { self.str_list(depth) };
                let f = self.rng.word(&["exists", "all", "existsOne"]);
                format!("{list}.{f}({x}, {y}, {x} < {} || {y} == {})", self.rng.below(4), self.str(depth))
            }
        }
    }
}
