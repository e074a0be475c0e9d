//! Random expressions as text: mostly well typed, over the request of the corpus, with errors and dynamic values mixed
//! in. The same number always gives the same expression.

/// A small generator of numbers; good enough, and the same everywhere.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678_9abc_def0)
    }

    pub fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % n
    }

    pub fn pick<'t>(&mut self, options: &[&'t str]) -> &'t str {
        options[self.below(options.len())]
    }
}

/// What an expression should give. `Any` is whatever.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Bool,
    Int,
    Double,
    Text,
    Ints,
    Texts,
    Map,
    Optional,
    Time,
    Any,
}

const KINDS: [Kind; 9] =
    [Kind::Bool, Kind::Int, Kind::Double, Kind::Text, Kind::Ints, Kind::Texts, Kind::Map, Kind::Optional, Kind::Time];

pub struct Generator {
    pub random: Random,
    variables: Vec<(String, Kind)>,
    fresh: usize,
}

impl Generator {
    pub fn new(seed: u64) -> Self {
        Self { random: Random::new(seed), variables: Vec::new(), fresh: 0 }
    }

    /// An expression of some depth.
    pub fn expression(&mut self) -> String {
        let depth = 1 + self.random.below(4);
        let kind = if self.random.below(2) == 0 { Kind::Bool } else { KINDS[self.random.below(KINDS.len())] };
        self.make(kind, depth)
    }

    fn make(&mut self, kind: Kind, depth: usize) -> String {
        let r = &mut self.random;
        // now and then something of the wrong kind, or a macro variable of the right one
        if r.below(24) == 0 {
            let kind = KINDS[r.below(KINDS.len())];
            return format!("id({})", self.make(kind, depth.saturating_sub(1)));
        }
        let fitting: Vec<usize> = (0..self.variables.len())
            .filter(|i| self.variables[*i].1 == kind || self.variables[*i].1 == Kind::Any)
            .collect();
        if !fitting.is_empty() && self.random.below(3) == 0 {
            let i = fitting[self.random.below(fitting.len())];
            return self.variables[i].0.clone();
        }
        if depth == 0 { self.leaf(kind).to_owned() } else { self.branch(kind, depth - 1) }
    }

    fn leaf(&mut self, kind: Kind) -> &'static str {
        let r = &mut self.random;
        match kind {
            Kind::Bool => r.pick(&[
                "true",
                "false",
                "P.attr.t",
                "P.attr.nope",
                "has(P.attr.n)",
                "has(R.attr.nope)",
                "has(P.attr.nope.x)",
                "R.attr.owner == P.id",
                "P.attr.s == 'str'",
                "P.attr.s != 'str'",
                "P.id in ['alice', 'bob']",
                "P.attr.n in [1, 2.0, 3u]",
                "'admin' in P.roles",
                "P.roles.exists(x, x == 'admin')",
                "P.attr.l.all(x, x == 'a')",
                "R.attr.tags.exists(x, x == 'b')",
                "[timestamp(0), 'a', 1, null].exists(x, x == 'a')",
                "[duration('1s'), P.attr.nope].exists(x, x == 'a')",
                "P.attr.m.exists(x, x == 'k')",
                "P.attr.s",
            ]),
            Kind::Int => r.pick(&[
                "0",
                "1",
                "2",
                "-3",
                "9223372036854775807",
                "int(P.attr.n)",
                "int(P.attr.nope)",
                "size(P.attr.l)",
                "int(R.attr.level)",
                "2u",
            ]),
            Kind::Double => {
                r.pick(&["0.0", "1.5", "-2.5", "1e6", "P.attr.n", "P.attr.f", "(0.0/0.0)", "R.attr.level", "P.attr.z"])
            }
            Kind::Text => r.pick(&[
                "''",
                "'a'",
                "'b'",
                "'héé'",
                "P.id",
                "R.kind",
                "R.attr.owner",
                "P.attr['s']",
                "P.attr.nope",
                "P.roles[0]",
                "P.roles[9]",
                "P.attr.u",
            ]),
            Kind::Ints => r.pick(&["[1, 2, 3]", "[0]", "[5, 5, 7, 1]", "lists.range(4)", "P.attr.l", "[]"]),
            Kind::Texts => {
                r.pick(&["['a', 'b']", "P.roles", "['user', 'x']", "R.attr.tags", "P.attr.sl", "'a,b'.split(',')"])
            }
            Kind::Map => r.pick(&[
                "{'a': 1, 'b': 2}",
                "P.attr",
                "P.attr.m",
                "{1: 'x', 2u: 'y', true: 'z'}",
                "{}",
                "R.attr.objs[0]",
            ]),
            Kind::Optional => {
                r.pick(&["P.attr.?nope", "P.attr.?m.?a", "optional.of(1)", "optional.none()", "P.attr[?'s']"])
            }
            Kind::Time => {
                r.pick(&["timestamp(P.attr.ts)", "timestamp('2024-03-10T07:30:00+01:00')", "timestamp(0)", "now()"])
            }
            Kind::Any => r.pick(&[
                "P.attr.mixed",
                "P.attr.z",
                "R.attr.objs",
                "null",
                "int",
                "P.attr.mixed[3]",
                "request.auxData.jwt.iss",
            ]),
        }
    }

    fn branch(&mut self, kind: Kind, d: usize) -> String {
        // what gives any kind: choices, bindings, look-ups
        match self.random.below(12) {
            0 => return format!("({} ? {} : {})", self.make(Kind::Bool, d), self.make(kind, d), self.make(kind, d)),
            1 => return self.bound(kind, d),
            2 => return format!("{}.orValue({})", self.make(Kind::Optional, d), self.make(kind, d)),
            3 => return format!("[{}, {}][{}]", self.make(kind, d), self.make(kind, d), self.make(Kind::Int, 0)),
            _ => {}
        }
        match kind {
            Kind::Bool => self.bool(d),
            Kind::Int => match self.random.below(7) {
                0 | 1 => self.infix(Kind::Int, &["+", "-", "*", "/", "%"], d),
                2 => format!("size({})", self.any(d)),
                3 => format!("int({})", self.any(d)),
                4 => format!("{}.indexOf({})", self.make(Kind::Text, d), self.make(Kind::Text, d)),
                5 => format!("-{}", self.make(Kind::Int, d)),
                _ => format!("math.greatest({}, {})", self.make(Kind::Int, d), self.make(Kind::Int, d)),
            },
            Kind::Double => match self.random.below(4) {
                0 | 1 => self.infix(Kind::Double, &["+", "-", "*", "/"], d),
                2 => format!("double({})", self.any(d)),
                _ => format!("math.round({})", self.make(Kind::Double, d)),
            },
            Kind::Text => match self.random.below(8) {
                0 | 1 => self.infix(Kind::Text, &["+"], d),
                2 => format!("string({})", self.any(d)),
                3 => {
                    let f = self.random.pick(&[
                        "lowerAscii()",
                        "upperAscii()",
                        "trim()",
                        "reverse()",
                        "charAt(1)",
                        "substring(1)",
                    ]);
                    format!("{}.{f}", self.make(Kind::Text, d))
                }
                4 => format!("{}.replace({}, 'x')", self.make(Kind::Text, d), self.make(Kind::Text, 0)),
                5 => format!("{}.join('-')", self.make(Kind::Texts, d)),
                6 => format!("'%s'.format([{}])", self.any(d)),
                _ => format!("json.encode({})", self.any(d)),
            },
            Kind::Ints => self.list(Kind::Int, Kind::Ints, d),
            Kind::Texts => self.list(Kind::Text, Kind::Texts, d),
            Kind::Map => match self.random.below(5) {
                0 => format!("{{{}: {}, 'k': {}}}", self.make(Kind::Text, d), self.any(d), self.any(d)),
                1 => {
                    format!("{{{}: {}, ?'o': {}}}", self.make(Kind::Int, 0), self.any(d), self.make(Kind::Optional, d))
                }
                2 => self.two_variables("transformMap", Kind::Map, d),
                3 => self.entries(d),
                _ => self.two_variables("transformMap", Kind::Texts, d),
            },
            Kind::Optional => match self.random.below(5) {
                0 => format!("optional.ofNonZeroValue({})", self.any(d)),
                1 => format!("{}.or({})", self.make(Kind::Optional, d), self.make(Kind::Optional, d)),
                2 => format!("{}[?{}]", self.make(Kind::Map, d), self.make(Kind::Text, 0)),
                3 => {
                    let receiver = self.make(Kind::Optional, d);
                    let (name, depth) = self.declare(Kind::Any);
                    let body = self.any(d);
                    self.variables.truncate(depth);
                    format!("{receiver}.optMap({name}, {body})")
                }
                _ => format!("{}.first()", self.make(Kind::Ints, d)),
            },
            Kind::Time => match self.random.below(3) {
                0 => format!("({} + duration('90m'))", self.make(Kind::Time, d)),
                1 => format!("({} - {})", self.make(Kind::Time, d), self.make(Kind::Time, d)),
                _ => format!("timestamp({})", self.make(Kind::Int, d)),
            },
            Kind::Any => self.any(d),
        }
    }

    fn any(&mut self, d: usize) -> String {
        match self.random.below(12) {
            0 => self.leaf(Kind::Any).to_owned(),
            1 => format!("id({}).a", self.make(Kind::Map, d)),
            2 => format!("id({})[id({})]", self.make(Kind::Map, d), self.make(Kind::Text, 0)),
            3 => format!("type({})", self.make(Kind::Int, d)),
            _ => {
                let kind = KINDS[self.random.below(KINDS.len())];
                self.make(kind, d)
            }
        }
    }

    fn infix(&mut self, kind: Kind, operators: &[&str], d: usize) -> String {
        let operator = self.random.pick(operators).to_owned();
        format!("({} {operator} {})", self.make(kind, d), self.make(kind, d))
    }

    fn bool(&mut self, d: usize) -> String {
        match self.random.below(16) {
            0 | 1 => self.infix(Kind::Bool, &["&&"], d),
            2 | 3 => self.infix(Kind::Bool, &["||"], d),
            4 => format!(
                "({} && {} && {})",
                self.make(Kind::Bool, d),
                self.make(Kind::Bool, d),
                self.make(Kind::Bool, 0)
            ),
            5 => format!("!{}", self.make(Kind::Bool, d)),
            6 => self.infix(Kind::Int, &["<", "<=", ">", ">=", "==", "!="], d),
            7 => self.infix(Kind::Double, &["<", "<=", ">", ">=", "==", "!="], d),
            8 => self.infix(Kind::Text, &["<", ">=", "==", "!="], d),
            9 => format!("({} in {})", self.any(d), self.make(Kind::Ints, d)),
            10 => format!("({} in {})", self.make(Kind::Text, d), self.make(Kind::Texts, d)),
            11 => {
                let f = self.random.pick(&[
                    "startsWith('a')",
                    "endsWith('e')",
                    "contains('lic')",
                    "matches('^[a-z]+$')",
                    "inIPAddrRange('10.0.0.0/8')",
                ]);
                format!("{}.{f}", self.make(Kind::Text, d))
            }
            12 => format!("(id({}) == id({}))", self.any(d), self.any(d)),
            13 => format!("has({}.a)", self.make(Kind::Map, d)),
            14 => {
                let f = self.random.pick(&["hasIntersection", "isSubset", "sets.contains", "sets.equivalent"]);
                format!("{f}({}, {})", self.make(Kind::Texts, d), self.make(Kind::Texts, d))
            }
            _ => self.quantifier(d),
        }
    }

    fn declare(&mut self, kind: Kind) -> (String, usize) {
        let depth = self.variables.len();
        // names repeat, so that inner ones hide outer ones
        let name = ["x", "y", "z"][self.fresh % 3].to_owned();
        self.fresh += 1;
        self.variables.push((name.clone(), kind));
        (name, depth)
    }

    fn range(&mut self, d: usize) -> (String, Kind) {
        match self.random.below(5) {
            0 => (self.make(Kind::Map, d), Kind::Text),
            1 | 2 => (self.make(Kind::Ints, d), Kind::Int),
            3 => (self.make(Kind::Texts, d), Kind::Text),
            _ => (self.any(d), Kind::Any),
        }
    }

    fn quantifier(&mut self, d: usize) -> String {
        let (range, kind) = self.range(d);
        if self.random.below(3) == 0 {
            let f = self.random.pick(&["all", "exists", "existsOne"]).to_owned();
            let (first, depth) = self.declare(Kind::Int);
            let (second, _) = self.declare(kind);
            let body = self.make(Kind::Bool, d);
            self.variables.truncate(depth);
            return format!("id({range}).{f}({first}, {second}, {body})");
        }
        let f = self.random.pick(&["all", "exists", "exists_one"]).to_owned();
        let (name, depth) = self.declare(kind);
        let body = self.make(Kind::Bool, d);
        self.variables.truncate(depth);
        format!("id({range}).{f}({name}, {body})")
    }

    fn list(&mut self, element: Kind, list: Kind, d: usize) -> String {
        match self.random.below(9) {
            0 => format!("[{}, {}]", self.make(element, d), self.make(element, d)),
            1 => format!("[{}, ?{}]", self.make(element, d), self.make(Kind::Optional, d)),
            2 => format!("({} + {})", self.make(list, d), self.make(list, d)),
            3 => {
                let f = self.random.pick(&["sort()", "reverse()", "distinct()", "slice(0, 1)", "flatten()"]);
                format!("{}.{f}", self.make(list, d))
            }
            4 => format!(
                "{}({}, {})",
                self.random.pick(&["intersect", "except"]),
                self.make(list, d),
                self.make(list, d)
            ),
            5 => self.two_variables("transformList", list, d),
            _ => {
                let (range, kind) = self.range(d);
                let (name, depth) = self.declare(kind);
                let text = match self.random.below(4) {
                    0 => format!("id({range}).map({name}, {})", self.make(element, d)),
                    1 => format!("id({range}).filter({name}, {})", self.make(Kind::Bool, d)),
                    2 => format!("id({range}).map({name}, {}, {})", self.make(Kind::Bool, d), self.make(element, d)),
                    _ => format!("id({range}).sortBy({name}, {})", self.make(element, d)),
                };
                self.variables.truncate(depth);
                text
            }
        }
    }

    fn two_variables(&mut self, f: &str, range: Kind, d: usize) -> String {
        let range = self.make(range, d);
        let (first, depth) = self.declare(Kind::Any);
        let (second, _) = self.declare(Kind::Any);
        let filter = if self.random.below(2) == 0 { format!("{}, ", self.make(Kind::Bool, d)) } else { String::new() };
        let body = self.any(d);
        self.variables.truncate(depth);
        format!("id({range}).{f}({first}, {second}, {filter}{body})")
    }

    fn entries(&mut self, d: usize) -> String {
        let range = self.make(Kind::Ints, d);
        let (first, depth) = self.declare(Kind::Int);
        let (second, _) = self.declare(Kind::Int);
        let body = self.make(Kind::Map, d);
        self.variables.truncate(depth);
        format!("{range}.transformMapEntry({first}, {second}, {body})")
    }

    fn bound(&mut self, kind: Kind, d: usize) -> String {
        let other = KINDS[self.random.below(KINDS.len())];
        let init = self.make(other, d);
        let (name, depth) = self.declare(other);
        let body = self.make(kind, d);
        self.variables.truncate(depth);
        format!("cel.bind({name}, {init}, {body})")
    }
}
