//! Random expression texts: mostly well-formed, rarely well-typed. The same seed gives the same texts.

/// A small generator of pseudo-random expressions.
pub struct Generator {
    state: u64,
}

const LEAVES: &[&str] = &[
    "1",
    "2",
    "0",
    "-1",
    "1u",
    "2.5",
    "'a'",
    "\"b c\"",
    "''",
    "b'x'",
    "true",
    "false",
    "null",
    "[]",
    "{}",
    "P",
    "R",
    "P.id",
    "P.roles",
    "R.attr.x",
    "R.attr",
    "x",
    "y",
    "V.a",
    "G.a",
    "int",
    "timestamp(0)",
    "dyn(1)",
    "optional.none()",
    "'''a'b'''",
    "r'\\d'",
    "0x1F",
    "1e3",
    "R.attr.`a-b`",
];
const OPERATORS: &[&str] = &["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "in", "&&", "||", "&&", "||"];
const FUNCTIONS: &[&str] =
    &["size", "type", "string", "int", "double", "dyn", "hierarchy", "id", "optional.of", "math.abs", "lists.range"];
const METHODS: &[&str] = &["size", "trim", "reverse", "flatten", "sort", "first", "value", "hasValue", "join"];
const METHODS_OF_ONE: &[&str] =
    &["contains", "startsWith", "split", "or", "orValue", "hasIntersection", "except", "matches", "format"];
const MACROS: &[&str] = &["all", "exists", "exists_one", "map", "filter"];
const MACROS_OF_TWO: &[&str] = &["all", "exists", "existsOne", "transformList", "transformMap", "transformMapEntry"];
const SUFFIXES: &[&str] = &[".a", ".?a", "[0]", "['a']", "[?0]", ".id", ".attr", ".`b c`"];

impl Generator {
    /// A generator that starts from `seed`.
    pub fn new(seed: u64) -> Self {
        Self { state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1 }
    }

    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state % n as u64) as usize
    }

    fn pick(&mut self, from: &[&'static str]) -> &'static str {
        from[self.below(from.len())]
    }

    /// An expression nested at most `depth` deep.
    pub fn expression(&mut self, depth: u32) -> String {
        if depth == 0 || self.below(7) == 0 {
            return self.pick(LEAVES).to_owned();
        }
        let a = self.expression(depth - 1);
        let x = self.pick(&["x", "y"]);
        match self.below(17) {
            0..4 => {
                let operator = self.pick(OPERATORS);
                let b = self.expression(depth - 1);
                match self.below(3) {
                    0 => format!("{a} {operator} {b}"),
                    1 => format!("({a}) {operator} ({b})"),
                    _ => format!("({a} {operator} {b})"),
                }
            }
            4 => format!("{}({a})", self.pick(FUNCTIONS)),
            5 => format!("({a}).{}()", self.pick(METHODS)),
            6 => format!("({a}).{}({})", self.pick(METHODS_OF_ONE), self.expression(depth - 1)),
            7 => format!("({a}).{}({x}, {})", self.pick(MACROS), self.expression(depth - 1)),
            8 => format!("({a}).{}(x, y, {})", self.pick(MACROS_OF_TWO), self.expression(depth - 1)),
            9 => format!("[{a}, {}{}]", self.pick(&["", "?"]), self.expression(depth - 1)),
            10 => format!("{{{}{a}: {}}}", self.pick(&["", "?"]), self.expression(depth - 1)),
            11 => format!("({a} ? {} : {})", self.expression(depth - 1), self.expression(depth - 1)),
            12 => format!("({a}){}", self.pick(SUFFIXES)),
            13 => format!("cel.bind({x}, {a}, {})", self.expression(depth - 1)),
            14 => {
                format!("({a}).{}({x}, {})", self.pick(&["optMap", "optFlatMap", "sortBy"]), self.expression(depth - 1))
            }
            15 => format!("{}({a})", self.pick(&["!", "-", "- -", "!!"])),
            _ => format!("has(({a}).a)"),
        }
    }
}
