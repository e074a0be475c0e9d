//! Expressions of the other types.

use super::super::attrs::{self, Ty};
use super::{Cel, quote};

impl Cel<'_> {
    pub(super) fn str(&mut self, depth: usize) -> String {
        if let Some(name) = self.named(Ty::Str) {
            return name;
        }
        if depth == 0 || !self.env.rich || self.rng.chance(50) {
            return match self.rng.below(10) {
                0..3 => quote(attrs::string(self.rng)),
                3 => self.rng.word(&["P.id", "R.id", "R.kind", "R.scope", "P.scope", "R.policyVersion"]).to_string(),
                _ => self.attr(Ty::Str),
            };
        }
        let d = depth - 1;
        match self.rng.below(22) {
            0 => format!("({} + {})", self.str(d), self.str(d)),
            1 => format!("{}.{}()", self.str(d), self.rng.word(&["lowerAscii", "upperAscii", "trim", "reverse"])),
            2 => format!("{}.replace({}, {})", self.str(d), self.str(0), self.str(0)),
            3 => format!("{}.substring({})", self.str(d), self.rng.below(4)),
            4 => format!("{}.substring(0, {})", self.str(d), self.rng.below(4)),
            5 => format!("{}.charAt({})", self.str(d), self.rng.below(4)),
            6 => format!("{}.join({})", self.str_list(d), quote(self.rng.word(&["", ",", "::"]))),
            7 => format!("{}.split({})[0]", self.str(d), quote(self.rng.word(&[".", ":", "", "a"]))),
            8 => format!("string({})", self.int(d)),
            9 => format!("string({})", self.num(d)),
            10 => format!("string({})", self.time(d)),
            11 => format!("string({})", self.span(d)),
            12 => format!("string({})", self.bool(d)),
            13 => format!("{}[{}]", self.str_list(d), self.rng.below(3)),
            14 => format!("\"%s-%d\".format([{}, {}])", self.str(d), self.int(d)),
            15 => format!("\"%s|%.2f\".format([{}, {}])", self.any_attr(), self.num(d)),
            16 => {
                let f = self.rng.word(&["basePath", "dirPath", "extPath", "volumeName"]);
                format!("{f}({})", self.path())
            }
            17 => format!("{}.orValue({})", self.optional(), self.str(d)),
            18 => format!("base64.encode(bytes({}))", self.str(d)),
            19 => format!("strings.quote({})", self.str(d)),
            20 => format!("regex.replace({}, {}, \"_\")", self.str(d), quote(self.rng.word(&["[aeiou]", "^.", "$"]))),
            _ => format!("id({})", self.str(d)),
        }
    }

    /// A string whose conversion is not tried while the expression is prepared: one that fails then spoils the whole
    /// condition in the reference (docs/differences.md, D8).
    pub(super) fn unfolded(&mut self, depth: usize) -> String {
        let text = self.str(depth);
        format!("[{text}, R.id][0]")
    }

    pub(super) fn int(&mut self, depth: usize) -> String {
        if let Some(name) = self.named(Ty::Int) {
            return name;
        }
        if depth == 0 || !self.env.rich || self.rng.chance(30) {
            return match self.rng.below(8) {
                0..3 => self.rng.range(0, 4).to_string(),
                3 => self.rng.word(&["-1", "0", "9223372036854775807", "0x1F", "-9223372036854775808"]).to_string(),
                4 | 5 => format!("size({})", self.attr(Ty::StrList)),
                _ => format!("int({})", self.attr(Ty::Num)),
            };
        }
        let d = depth - 1;
        match self.rng.below(12) {
            0 | 1 => format!("({} {} {})", self.int(d), self.rng.word(&["+", "-", "*"]), self.int(d)),
            2 => format!("({} {} {})", self.int(d), self.rng.word(&["/", "%"]), self.int(d)),
            3 => format!("size({})", self.str(d)),
            4 => format!("{}.size()", self.str_list(d)),
            5 => format!("{}.indexOf({})", self.str(d), self.str(0)),
            6 => {
                let get = self.rng.word(&[
                    "getFullYear()",
                    "getMonth()",
                    "getDate()",
                    "getDayOfWeek()",
                    "getHours()",
                    "getHours(\"Europe/Paris\")",
                    "getDayOfYear()",
                    "getMinutes(\"+05:30\")",
                    "getMilliseconds()",
                ]);
                format!("{}.{get}", self.time(d))
            }
            7 => {
                let get = self.rng.word(&["getHours()", "getMinutes()", "getSeconds()", "getMilliseconds()"]);
                format!("{}.{get}", self.span(d))
            }
            8 => format!("math.greatest({}, {})", self.int(d), self.int(d)),
            9 => format!("math.abs({})", self.int(d)),
            10 => format!("int({})", self.unfolded(d)),
            _ => format!("-({})", self.int(d)),
        }
    }

    pub(super) fn num(&mut self, depth: usize) -> String {
        if let Some(name) = self.named(Ty::Num) {
            return name;
        }
        if depth == 0 || !self.env.rich || self.rng.chance(50) {
            return match self.rng.below(8) {
                0 | 1 => self.rng.word(&["0.0", "1.0", "2.0", "1.5", "-0.5", "1e6"]).to_string(),
                _ => self.attr(Ty::Num),
            };
        }
        let d = depth - 1;
        match self.rng.below(9) {
            0 | 1 => format!("({} {} {})", self.num(d), self.rng.word(&["+", "-", "*"]), self.num(d)),
            2 if !self.shown => format!("({} / {})", self.num(d), self.num(d)),
            3 => format!("math.{}({})", self.rng.word(&["ceil", "floor", "round", "trunc", "abs"]), self.num(d)),
            4 => format!("double({})", self.int(d)),
            5 if !self.shown => format!("double({})", self.unfolded(d)),
            6 => format!("math.{}({}, {})", self.rng.word(&["least", "greatest"]), self.num(d), self.num(d)),
            7 => format!("{}[{}]", self.num_list(d), self.rng.below(3)),
            _ => format!("-({})", self.num(d)),
        }
    }

    pub(super) fn str_list(&mut self, depth: usize) -> String {
        if let Some(name) = self.named(Ty::StrList) {
            return name;
        }
        if depth == 0 || !self.env.rich || self.rng.chance(50) {
            return match self.rng.below(10) {
                0..3 => {
                    let count = self.rng.range(1, 3);
                    let items: Vec<String> = (0..count).map(|_| quote(attrs::string(self.rng))).collect();
                    format!("[{}]", items.join(", "))
                }
                3 => "P.roles".to_owned(),
                4 if !self.env.derived.is_empty() => "runtime.effectiveDerivedRoles".to_owned(),
                _ => self.attr(Ty::StrList),
            };
        }
        let d = depth - 1;
        match self.rng.below(12) {
            0 => format!("intersect({}, {})", self.str_list(d), self.str_list(d)),
            1 => format!("except({}, {})", self.str_list(d), self.str_list(d)),
            2 => format!("({} + {})", self.str_list(d), self.str_list(d)),
            3 => {
                let (list, x) = (self.sequence(d), self.fresh());
                format!("{list}.map({x}, dyn({x} + {}))", self.str(d))
            }
            4 => {
                let (list, x) = (self.sequence(d), self.fresh());
                format!("{list}.filter({x}, {x} != {})", self.str(d))
            }
            5 => format!("{}.split({})", self.str(d), quote(self.rng.word(&[".", ":", "", "a"]))),
            6 => format!("{}.{}()", self.str_list(d), self.rng.word(&["sort", "distinct", "reverse"])),
            7 => format!("{}.slice(0, {})", self.str_list(d), self.rng.below(3)),
            8 => format!("[{}, {}].flatten()", self.str_list(d), self.str_list(d)),
            9 => {
                let (list, x) = (self.sequence(d), self.fresh());
                format!("dyn({list}.sortBy({x}, size({x})))")
            }
            10 => format!("[{}, {}]", self.str(d), self.str(d)),
            _ => format!("regex.extractAll({}, {})", self.str(d), quote(self.rng.word(&["[a-z]", "\\w+", "(a)."]))),
        }
    }

    /// A list of strings that is nothing else: macros go over maps in no fixed order (spec §13.6).
    pub(super) fn sequence(&mut self, depth: usize) -> String {
        let list = self.str_list(depth);
        if list == "P.roles" { list } else { format!("{list}.distinct()") }
    }

    pub(super) fn num_list(&mut self, depth: usize) -> String {
        if let Some(name) = self.named(Ty::NumList) {
            return name;
        }
        match self.rng.below(10) {
            0 | 1 => self.rng.word(&["[1.0, 2.0]", "[0.0]", "[1.5, 3.0, 10.0]"]).to_string(),
            2 if depth > 0 => format!("[{}, {}]", self.num(depth - 1), self.num(depth - 1)),
            3 if depth > 0 => format!("{}.sort()", self.attr(Ty::NumList)),
            4 if depth > 0 => {
                let (list, x) = (format!("{}.distinct()", self.attr(Ty::NumList)), self.fresh());
                format!("{list}.filter({x}, {x} > {})", self.num(0))
            }
            _ => self.attr(Ty::NumList),
        }
    }

    pub(super) fn map(&mut self, depth: usize) -> String {
        if let Some(name) = self.named(Ty::Map) {
            return name;
        }
        if depth == 0 || self.rng.chance(50) {
            return self.attr(Ty::Map);
        }
        let d = depth - 1;
        format!("{{\"owner\": {}, \"depth\": {}}}", self.str(d), self.num(d))
    }

    pub(super) fn time(&mut self, depth: usize) -> String {
        if let Some(name) = self.named(Ty::Time) {
            return name;
        }
        match self.rng.below(8) {
            0..3 => format!("timestamp({})", quote(attrs::time(self.rng))),
            3 if depth > 0 => {
                format!("({} {} {})", self.time(depth - 1), self.rng.word(&["+", "-"]), self.span(depth - 1))
            }
            4 if depth > 0 => format!("timestamp([{}, size(R.id)][0])", self.int(depth - 1)),
            _ => format!("timestamp({})", self.attr(Ty::Time)),
        }
    }

    pub(super) fn span(&mut self, depth: usize) -> String {
        if let Some(name) = self.named(Ty::Span) {
            return name;
        }
        match self.rng.below(8) {
            0..3 => format!("duration({})", quote(attrs::span(self.rng))),
            3 if depth > 0 => format!("({} - {})", self.time(depth - 1), self.time(depth - 1)),
            4 if depth > 0 => format!("({} + {})", self.span(depth - 1), self.span(depth - 1)),
            _ => format!("duration({})", self.attr(Ty::Span)),
        }
    }

    /// Anything, with a taste for what outputs have to convert.
    pub(super) fn any(&mut self, depth: usize) -> String {
        let d = depth.saturating_sub(1);
        match self.rng.below(if self.env.rich { 30 } else { 6 }) {
            0 => self.bool(d),
            1 | 2 => self.str(d),
            3 => self.num(d),
            4 | 5 => self.any_attr(),
            6 => self.str_list(d),
            7 => self.int(d),
            8 => self.time(d),
            9 => self.span(d),
            10 => "null".to_owned(),
            11 => format!("bytes({})", self.str(d)),
            12 => self
                .rng
                .word(&["5u", "b\"\\x00a\"", "9007199254740991", "9007199254740993", "18446744073709551615u"])
                .to_string(),
            13 => format!("{{{}: {}, \"k\": {}}}", quote(attrs::string(self.rng)), self.any_attr(), self.str(d)),
            14 => format!("{{1: {}}}", self.str(d)),
            15 => format!("[{}, {}, null]", self.str(d), self.num(d)),
            16 => self.rng.word(&["P", "R", "request", "runtime", "P.attr", "R.attr", "request.principal"]).to_string(),
            17 => self.rng.word(&["V", "C", "G", "variables", "constants"]).to_string(),
            18 => format!("type({})", self.any_attr()),
            19 => format!("hierarchy({})", self.str(d)),
            20 => format!("optional.of({})", self.str(d)),
            21 => self.rng.word(&["optional.none()", "P.attr.?absent", "R.attr.?owner"]).to_string(),
            22 => format!("ip({})", self.ip()),
            23 => format!("json.encode({})", self.any_attr()),
            24 => format!(
                "{}.commonAncestors(hierarchy({})).size()",
                format_args!("hierarchy({})", self.str(0)),
                self.str(0)
            ),
            25 => format!("{}.map(x, {{\"v\": x}})", self.sequence(0)),
            26 => format!("regex.extract({}, \"[a-z]+\")", self.str(d)),
            27 => format!("{}.transformList(i, v, string(i) + v)", self.sequence(0)),
            28 if self.env.claims => self
                .rng
                .word(&["request.auxData", "request.auxData.jwt", "request.auxData.jwts", "size(request.auxData.jwts)"])
                .to_string(),
            28 => format!("size({})", self.any_attr()),
            _ => self.map(d),
        }
    }

    pub(super) fn ip(&mut self) -> String {
        let root = self.rng.word(&["P.attr", "R.attr"]);
        if self.rng.chance(80) { format!("{root}.ip") } else { self.attr(Ty::Str) }
    }

    pub(super) fn path(&mut self) -> String {
        if self.rng.chance(80) { "R.attr.path".to_owned() } else { self.attr(Ty::Str) }
    }
}
