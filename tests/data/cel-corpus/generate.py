#!/usr/bin/env python3
"""Asks the reference's REPL for the answers kept in this folder.

usage: generate.py CERBOS_BINARY OUT_FOLDER [RANDOM_EXPRESSIONS] [SEED]

Expressions keep to one line, and backslashes inside of them are written as \\x5c: the REPL counts quotes by itself.
"""
import json, random, re, subprocess, sys

REQUEST = {
    "principal": {"id": "alice", "roles": ["user", "admin"], "policyVersion": "v1", "scope": "acme.eu", "attr": {
        "n": 1, "f": 1.5, "big": 9007199254740993, "neg": -3, "s": "str", "u": "Ünï", "t": True, "z": None,
        "l": [1, 2, 3], "sl": ["a", "b", "c"], "m": {"a": 1, "b": {"c": "d"}}, "e": [], "em": {}, "es": "",
        "ts": "2024-03-10T07:30:00Z", "ip": "10.1.2.3", "mixed": [1, "a", None, [2], {"k": 3}]}},
    "resource": {"kind": "doc", "id": "d1", "attr": {"owner": "alice", "level": 3, "tags": ["x", "y"], "path": "/a/b/c.txt",
        "dept": "eng.platform", "objs": [{"id": "1", "v": 5}, {"id": "2", "v": 7}, {"id": "3"}]}},
    "auxData": {"jwt": {"iss": "me", "aud": ["a", "b"], "exp": 1700000000}},
}

KINDS = {
    "null": "null", "bool": "true", "int": "2", "uint": "3u", "double": "1.5", "string": '"ab"', "bytes": 'b"ab"',
    "list": "[1, 2]", "slist": '["a", "b"]', "mixed": '["a", 1]', "map": '{"a": 1}', "imap": "{1: 2}",
    "ts": 'timestamp("2020-01-02T03:04:05Z")', "dur": 'duration("90m")', "type": "int", "opt": "optional.of(1)",
    "none": "optional.none()", "ip": 'ip("1.2.3.4")', "cidr": 'cidr("1.2.3.0/24")', "hier": 'hierarchy("a.b")',
    "spid": 'spiffeID("spiffe://a/b")', "sptd": 'spiffeTrustDomain("a")', "spm": "spiffeMatchAny()", "P": "P",
}
GLOBAL1 = ("int uint double string bytes bool timestamp duration type dyn size hierarchy spiffeID spiffeTrustDomain "
    "spiffeMatchExact spiffeMatchOneOf spiffeMatchTrustDomain basePath dirPath extPath joinPath volumeName id ip isIP "
    "cidr isCIDR ip.isCanonical base64.encode base64.decode json.encode math.ceil math.floor math.round math.trunc math.abs "
    "math.sign math.isNaN math.isInf math.isFinite math.sqrt math.bitNot lists.range strings.quote optional.of "
    "optional.ofNonZeroValue optional.unwrap math.greatest math.least").split()
MEMBER1 = ("size getFullYear getMonth getDate getDayOfMonth getDayOfWeek getDayOfYear getHours getMinutes getSeconds "
    "getMilliseconds path trustDomain name id hasValue value first last unwrapOpt lowerAscii upperAscii trim reverse join "
    "flatten sort distinct family isLoopback isUnspecified isGlobalUnicast isLinkLocalUnicast isLinkLocalMulticast ip isMask "
    "masked prefixLength").split()
GLOBAL2 = ("hierarchy hasIntersection has_intersection intersect except isSubset is_subset sets.contains sets.equivalent "
    "sets.intersects matches regex.extract regex.extractAll relPath pathHasPrefix pathMatch pathMatchAnyOf math.bitAnd "
    "math.bitOr math.bitXor math.bitShiftLeft math.bitShiftRight math.greatest math.least").split()
MEMBER2 = ("hasIntersection intersect except isSubset pathMatch pathMatchAnyOf pathHasPrefix inIPAddrRange ancestorOf descendentOf "
    "siblingOf overlaps commonAncestors immediateParentOf immediateChildOf isMemberOf matchesID contains startsWith endsWith "
    "matches charAt indexOf lastIndexOf split join substring format or orValue containsIP containsCIDR flatten getFullYear "
    "getHours getMilliseconds").split()
OPERATORS = "+ - * / % == != < <= > >= in && ||".split()

def q(s):
    out = []
    for c in s:
        if c == '"': out.append("\\x22")
        elif c == "'": out.append("\\x27")
        elif c == "\\": out.append("\\x5c")
        elif ord(c) < 32 or ord(c) == 127: out.append("\\x%02x" % ord(c))
        else: out.append(c)
    return '"' + "".join(out) + '"'

def kinds():
    for g in GLOBAL1:
        for v in KINDS.values(): yield f"{g}(id({v}))"
    for g in MEMBER1:
        for v in KINDS.values(): yield f"id({v}).{g}()"
    for op in "-!":
        for v in KINDS.values(): yield f"{op}id({v})"
    for v in KINDS.values():
        yield f"has(id({v}).a)"; yield f"id({v}).a"; yield f"id({v}).?a"; yield f"[?id({v})]"
        yield "{?'k': id(%s)}" % v; yield f"id({v}) ? 1 : 2"; yield f"id({v}).all(x, x == x)"
        yield f"id({v}).transformList(k, v, v)"; yield f"id({v}).map(x, x)"; yield f"id({v}).filter(x, true)"
        yield f"id({v}).exists_one(x, true)"; yield f"id({v}).sortBy(x, x)"; yield f"id({v}).optMap(x, x)"
        yield f"'%s'.format([id({v})])"; yield f"'%d'.format([id({v})])"; yield f"'%x'.format([id({v})])"
        yield f"{{id({v}): 1}}.size()"; yield f"[id({v}), id({v})].distinct().size()"; yield f"[id({v})].sort()"
        yield f"[id({v})] == [id({v})]"; yield f"json.encode([id({v})])"; yield f"type(id({v}))"

def pairs(rng):
    names = list(KINDS)
    def some(fmt):
        everything = [(a, b) for a in names for b in names]
        for a, b in rng.sample(everything, 40): yield fmt(KINDS[a], KINDS[b])
    for g in GLOBAL2: yield from some(lambda a, b: f"{g}(id({a}), id({b}))")
    for g in MEMBER2: yield from some(lambda a, b: f"id({a}).{g}(id({b}))")
    for op in OPERATORS:
        for a in names:
            for b in rng.sample(names, 9): yield f"id({KINDS[a]}) {op} id({KINDS[b]})"
    for fmt in ("id({})[id({})]", "id({})[?id({})]"):
        yield from some(lambda a, b: fmt.format(a, b))
        yield from some(lambda a, b: fmt.format(a, b))

NUMBERS = ["0", "1", "-1", "2", "63", "64", "9223372036854775807", "-9223372036854775808", "9007199254740993", "0u", "1u", "64u",
    "18446744073709551615u", "9223372036854775808u", "0.0", "-0.0", "0.5", "-0.5", "1.5", "2.5", "-2.5", "1e6", "999999.5", "1e-4",
    "1e-5", "1e20", "1e21", "9223372036854775807.0", "9223372036854774784.0", "18446744073709551615.0", "1e300", "5e-324",
    "(0.0/0.0)", "(1.0/0.0)", "(-1.0/0.0)", "0.1", "0.3", "1.7976931348623157e308"]
STRINGS = ["", "a", "abc", "aXbXc", "héllo", "\U0001F600", "  pad\t", "ABC", "a.b.c", "a,b,,c", "%s", "1", "-1", "1.5", "0x10",
    "true", "1e3", "é", "\u0085x\u00a0", "a\nb", "line\r\n", "\\d+", "[a-c]+", "(a)(b)?", "^a", "c$", "a|b", "", "a*", "10.0.0.1",
    "10.0.0.0/8", "::1", "fe80::/10", "spiffe://a/b", "spiffe://A", "/a/b", "/a/../b", "C:\\a", "\\\\h\\s\\a", "a/b.txt", "../x", "*.txt",
    "2020-02-29T12:00:00Z", "2020-02-29T12:00:00.123456789+05:30", "2019-02-29T00:00:00Z", "90m", "1.5h", "-1ns", "1d", "aGk=", "aGk", "a",
    "Infinity", "nan", "+5", "t", "FALSE", "spiffe://a/../b", "a..b", ".", "<&>"]
ZONES = ["UTC", "", "America/New_York", "Europe/Berlin", "+05:30", "-03:15", "05:30", "Nope/Zone", "utc", "+5:3", "Asia/Kathmandu", "x:y"]
STAMPS = ["2020-02-29T12:34:56.789Z", "1969-12-31T23:59:59.999999999Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
    "2024-03-10T07:30:00Z", "2024-11-03T05:59:59-05:00", "2000-01-01T00:00:00+14:00"]
DURATIONS = ["0s", "1ns", "-1ns", "90m", "1h1m1s1ms1us1ns", "-1.5s", "9223372036854775807ns", "-9223372036854775808ns", "2540400h"]

def edges(rng):
    for n in NUMBERS:
        for f in ("int", "uint", "double", "string", "timestamp", "math.abs", "math.sign", "math.round", "math.ceil", "math.trunc", "math.sqrt",
                  "math.bitNot", "json.encode", "math.isNaN"):
            yield f"{f}(id({n}))"
        yield f"-id({n})"; yield f"'%d|%s'.format([id({n}), id({n})])"; yield f"'%f %.3e'.format([id({n}), id({n})])"; yield f"'%x'.format([id({n})])"
        yield f"[1, 2, 3][id({n})]"; yield f"{{1: 'i', 2u: 'u', true: 'b'}}[id({n})]"; yield f"id({n}) in [1, 2u, 0.5, -1]"
        yield f"id({n}) in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 64]"; yield f"'abc'.charAt(id({n}))"; yield f"'abc'.substring(id({n}))"
        for m in rng.sample(NUMBERS, 6):
            for op in rng.sample(["+", "-", "*", "/", "%", "==", "<", "<=", ">", "!="], 5): yield f"id({n}) {op} id({m})"
            yield f"math.greatest(id({n}), id({m}))"; yield f"math.bitShiftRight(id({n}), id({m}))"
            yield f"'abcdef'.substring(id({n}), id({m}))"; yield f"[1,2,3].slice(id({n}), id({m}))"
    for s in STRINGS:
        a = q(s)
        for f in ("int", "uint", "double", "bool", "timestamp", "duration", "size", "strings.quote", "base64.decode", "json.encode", "hierarchy",
                  "ip", "isIP", "cidr", "isCIDR", "ip.isCanonical", "spiffeID", "spiffeTrustDomain", "basePath", "dirPath", "extPath", "volumeName"):
            yield f"{f}(id({a}))"
        for m in ("lowerAscii()", "upperAscii()", "trim()", "reverse()", "split('')", "split(',', 2)", "split('.')", "charAt(1)", "substring(1)",
                  "replace('', '-')", "replace('a', 'zz', 1)", "indexOf('')", "lastIndexOf('b')", "format([1])", "matches('^[a-z]+$')"):
            yield f"{a}.{m}"
        for t in rng.sample(STRINGS, 8):
            b = q(t)
            yield rng.choice([f"{a}.contains({b})", f"{a}.startsWith({b})", f"{a}.endsWith({b})", f"{a} + {b}", f"{a} < {b}"])
            yield rng.choice([f"{a}.indexOf({b})", f"{a}.lastIndexOf({b})", f"{a}.split({b})", f"{a}.replace({b}, '<>')", f"{a}.indexOf({b}, 1)",
                f"{a}.lastIndexOf({b}, 1)", f"[{a}, {b}].join({a})"])
            yield rng.choice([f"id({a}).matches(id({b}))", f"regex.extract({a}, id({b}))", f"regex.extractAll({a}, id({b}))", f"regex.replace({a}, id({b}), '[]')"])
            yield rng.choice([f"relPath({a}, {b})", f"pathHasPrefix({a}, {b})", f"pathMatch({a}, {b})", f"joinPath([{a}, {b}])", f"id({a}).inIPAddrRange(id({b}))"])
    for t in STAMPS:
        for g in ("getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getHours", "getMinutes", "getSeconds", "getMilliseconds"):
            yield f"timestamp({q(t)}).{g}()"
            for z in rng.sample(ZONES, 4): yield f"timestamp({q(t)}).{g}(id({q(z)}))"
        for d in DURATIONS:
            yield f"string(timestamp({q(t)}) + duration({q(d)}))"; yield f"string(timestamp({q(t)}) - duration({q(d)}))"
        for u in STAMPS:
            yield f"timestamp({q(t)}) - timestamp({q(u)})"; yield f"timestamp({q(t)}) < timestamp({q(u)})"
        yield f"'%s'.format([timestamp({q(t)})])"; yield f"int(timestamp({q(t)}))"
    for d in DURATIONS:
        for g in ("getHours", "getMinutes", "getSeconds", "getMilliseconds"): yield f"duration({q(d)}).{g}()"
        for e in DURATIONS: yield f"string(duration({q(d)}) + duration({q(e)}))"; yield f"string(duration({q(d)}) - duration({q(e)}))"
        yield f"-id(duration({q(d)}))"; yield f"string(duration({q(d)}))"; yield f"int(duration({q(d)}))"

class Generator:
    """Random expressions: mostly well typed, with dynamic attributes and errors mixed in."""
    def __init__(self, rng): self.rng = rng; self.vars = []; self.fresh = 0
    def pick(self, *options): return self.rng.choice(options)()
    def var(self, kind):
        names = [n for n, k in self.vars if k == kind]
        return self.rng.choice(names) if names else None
    def bind(self, kind):
        self.fresh += 1
        name = "xyzvw"[self.fresh % 5] + (str(self.fresh // 5) if self.fresh >= 5 else "")
        self.vars.append((name, kind)); return name
    def boolean(self, d):
        r = self.rng
        if d <= 0: return r.choice(["true", "false", "P.attr.t", "P.attr.nope", "has(P.attr.n)", "has(R.attr.nope)", "R.attr.owner == P.id", "P.attr.s"])
        def quant():
            kind, source = r.choice([("int", self.ints), ("string", self.strings)])
            range_ = source(d - 1); mark = len(self.vars); x = self.bind(kind); body = self.boolean(d - 1)
            macro = r.choice(["all", "exists", "exists_one"]); del self.vars[mark:]
            return f"{range_}.{macro}({x}, {body})"
        return self.pick(
            lambda: f"({self.boolean(d-1)} && {self.boolean(d-1)})", lambda: f"({self.boolean(d-1)} || {self.boolean(d-1)})",
            lambda: f"!{self.boolean(d-1)}", lambda: f"({self.boolean(d-1)} ? {self.boolean(d-1)} : {self.boolean(d-1)})",
            lambda: f"({self.integer(d-1)} {r.choice(['<','<=','>','>=','==','!='])} {self.integer(d-1)})",
            lambda: f"({self.double(d-1)} {r.choice(['<','<=','>','>=','==','!='])} {self.double(d-1)})",
            lambda: f"({self.string(d-1)} {r.choice(['<','==','!=','>='])} {self.string(d-1)})",
            lambda: f"({self.integer(d-1)} in {self.ints(d-1)})", lambda: f"({self.string(d-1)} in {self.strings(d-1)})",
            lambda: f"{self.string(d-1)}.{r.choice(['startsWith','endsWith','contains'])}({self.string(d-1)})",
            lambda: f"({self.ints(d-1)} == {self.ints(d-1)})", lambda: f"({self.anything(d-1)} == id({self.anything(d-1)}))",
            lambda: f"{r.choice(['hasIntersection','isSubset','sets.contains','sets.equivalent'])}({self.strings(d-1)}, {self.strings(d-1)})",
            lambda: f"id({self.anything(d-1)})", lambda: f"({self.anything(d-1)} in id({self.anything(d-1)}))", quant, quant)
    def integer(self, d):
        r = self.rng; v = self.var("int")
        if v and r.random() < .5: return v
        if d <= 0: return r.choice(["0", "1", "2", "-3", "7", "9223372036854775807", "int(P.attr.n)", "int(P.attr.nope)", "size(P.attr.l)", "int(R.attr.level)"])
        return self.pick(lambda: f"({self.integer(d-1)} {r.choice('+-*/%')} {self.integer(d-1)})", lambda: f"size({self.string(d-1)})",
            lambda: f"{self.ints(d-1)}.size()", lambda: f"({self.boolean(d-1)} ? {self.integer(d-1)} : {self.integer(d-1)})", lambda: f"int({self.double(d-1)})",
            lambda: f"{self.ints(d-1)}[{self.integer(d-1)}]", lambda: f"{self.string(d-1)}.indexOf({self.string(d-1)})", lambda: f"int(id({self.anything(d-1)}))",
            lambda: f"optional.ofNonZeroValue({self.integer(d-1)}).orValue({self.integer(d-1)})", lambda: f"math.abs({self.integer(d-1)})")
    def double(self, d):
        r = self.rng
        if d <= 0: return r.choice(["0.0", "1.5", "-2.5", "1e6", "double(P.attr.n)", "double(P.attr.f)", "double(P.attr.s)", "(1.0/0.0)"])
        return self.pick(lambda: f"({self.double(d-1)} {r.choice('+-*/')} {self.double(d-1)})", lambda: f"double({self.integer(d-1)})",
            lambda: f"math.round({self.double(d-1)})", lambda: f"({self.boolean(d-1)} ? {self.double(d-1)} : {self.double(d-1)})")
    def string(self, d):
        r = self.rng; v = self.var("string")
        if v and r.random() < .5: return v
        if d <= 0: return r.choice(["''", "'a'", "'b'", "'héé'", "P.id", "R.kind", "R.attr.owner + ''", "string(P.attr.s)", "string(P.attr.nope)", "P.roles[0]", "P.roles[9]", "R.scope"])
        return self.pick(lambda: f"({self.string(d-1)} + {self.string(d-1)})", lambda: f"string({self.integer(d-1)})", lambda: f"string({self.double(d-1)})",
            lambda: f"{self.string(d-1)}.{r.choice(['lowerAscii()','upperAscii()','trim()','reverse()'])}", lambda: f"{self.string(d-1)}.substring({self.integer(d-1)})",
            lambda: f"{self.string(d-1)}.replace({self.string(d-1)}, {self.string(d-1)})", lambda: f"{self.strings(d-1)}.join('-')", lambda: f"{self.strings(d-1)}[{self.integer(d-1)}]",
            lambda: f"'%s|%d'.format([{self.anything(d-1)}, {self.integer(d-1)}])", lambda: f"json.encode({self.anything(d-1)})", lambda: f"string(id({self.anything(d-1)}))",
            lambda: f"({self.boolean(d-1)} ? {self.string(d-1)} : {self.string(d-1)})", lambda: f"{self.string(d-1)}.charAt({self.integer(d-1)})")
    def ints(self, d):
        r = self.rng
        if d <= 0: return r.choice(["[1, 2, 3]", "[0]", "[5, 5, 7]", "lists.range(4)"])
        def mapped():
            range_ = self.ints(d - 1); mark = len(self.vars); x = self.bind("int"); body = self.integer(d - 1); p = self.boolean(d - 1); del self.vars[mark:]
            return r.choice([f"{range_}.map({x}, {body})", f"{range_}.filter({x}, {p})", f"{range_}.map({x}, {p}, {body})"])
        return self.pick(lambda: f"[{self.integer(d-1)}, {self.integer(d-1)}]", lambda: f"({self.ints(d-1)} + {self.ints(d-1)})", mapped, mapped,
            lambda: f"{self.ints(d-1)}.{r.choice(['sort()','reverse()','distinct()','slice(0, 1)','flatten()'])}", lambda: f"{r.choice(['intersect','except'])}({self.ints(d-1)}, {self.ints(d-1)})")
    def strings(self, d):
        r = self.rng
        if d <= 0: return r.choice(["['a', 'b']", "P.roles", "['user', 'x']", "'a,b'.split(',')"])
        def mapped():
            range_ = self.strings(d - 1); mark = len(self.vars); x = self.bind("string"); body = self.string(d - 1); p = self.boolean(d - 1); del self.vars[mark:]
            return r.choice([f"{range_}.map({x}, {body})", f"{range_}.filter({x}, {p})", f"{range_}.sortBy({x}, {body})"])
        return self.pick(lambda: f"[{self.string(d-1)}, {self.string(d-1)}]", mapped, lambda: f"{self.string(d-1)}.split({self.string(d-1)})", lambda: f"({self.strings(d-1)} + {self.strings(d-1)})",
            lambda: f"{self.strings(d-1)}.{r.choice(['sort()','reverse()','distinct()'])}")
    def anything(self, d):
        r = self.rng
        if d <= 0: return r.choice(["P.attr.n", "P.attr.s", "P.attr.z", "P.attr.l", "P.attr.m", "P.attr.m.b.c", "P.attr.mixed", "P.attr.nope", "R.attr.objs[0].v", "R.attr.objs[2].v",
            "R.attr.tags[1]", "request.auxData.jwt.iss", "P.attr.m.nope", "P.attr.s.x", "P.attr.?nope", "P.attr.?m.?a", "null", "P.attr['n']", "P.attr.big", "P.attr.em"])
        return self.pick(lambda: self.boolean(d), lambda: self.integer(d), lambda: self.double(d), lambda: self.string(d), lambda: self.ints(d), lambda: self.strings(d),
            lambda: "{%s: %s, 'k': %s}" % (self.string(d-1), self.anything(d-1), self.anything(d-1)), lambda: f"optional.of({self.anything(d-1)})",
            lambda: f"id({self.anything(d-1)}).a", lambda: f"id({self.anything(d-1)})[id({self.anything(d-1)})]", lambda: f"type({self.anything(d-1)})",
            lambda: f"cel.bind(b, {self.anything(d-1)}, [b, b])", lambda: f"id({self.anything(d-1)}) + id({self.anything(d-1)})", lambda: f"id({self.anything(d-1)}).size()",
            lambda: f"timestamp({self.integer(d-1)})", lambda: f"({self.anything(d-1)} == null)")

def randoms(rng, count):
    for _ in range(count):
        g = Generator(rng); depth = rng.choice([1, 2, 2, 3, 3, 4])
        kind = rng.choice([g.boolean, g.boolean, g.boolean, g.integer, g.double, g.string, g.ints, g.strings, g.anything])
        e = kind(depth)
        if len(e) < 700: yield e

def wrap(rng, e):
    roll = rng.random()
    if roll < .5: return e
    if roll < .8: return f"'%s'.format([id({e})])"
    return f"string(type(id({e})))" if roll < .9 else f"json.encode({e})"

def ask(binary, expressions):
    # the REPL does not take a slash inside of a directive
    text = ":let request = " + json.dumps(REQUEST).replace("/", "\\u002f") + "\n" + "".join(e + "\n" for e in expressions)
    out = subprocess.run([binary, "repl", "--history=/dev/null"], input=text.encode(), capture_output=True).stdout.decode(errors="replace")
    parts = [p.strip("\n") for p in out.split("\n-> ")[1:]]
    assert parts[0].startswith("request = "), parts[0]
    parts = parts[1:]
    if len(parts) == len(expressions) + 1: parts.pop()
    assert len(parts) == len(expressions), (len(parts), len(expressions))
    return parts

def answer(text):
    if text.startswith("ERROR:"): return {"refused": text.split("\n")[0]}
    if text.startswith("Error:"): return {"error": text.split("\n", 1)[1][1:].replace("proto:\u00a0", "proto: ")}
    body = text[4:]
    if '"Adapter"' in body: return {"unprintable": True}
    try: return {"value": json.loads(body)}
    except ValueError: return {"unprintable": True}

def main():
    binary, folder = sys.argv[1], sys.argv[2]
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 3000
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    json.dump(REQUEST, open(f"{folder}/request.json", "w"), indent=1, ensure_ascii=False)
    groups = {"kinds": list(kinds()), "pairs": list(pairs(random.Random(seed))), "edges": list(edges(random.Random(seed + 1))),
              "random": list(randoms(random.Random(seed + 2), count))}
    for name, expressions in groups.items():
        rng = random.Random(seed + 3)
        expressions = [wrap(rng, e) if name in ("edges", "random") else e for e in dict.fromkeys(expressions)]
        expressions = [e for e in dict.fromkeys(expressions) if '\\"' not in e and "\n" not in e]
        answers = []
        for i in range(0, len(expressions), 2000): answers += ask(binary, expressions[i:i + 2000])
        with open(f"{folder}/{name}.ndjson", "w") as f:
            for e, a in zip(expressions, answers):
                a = answer(a)
                # addresses and texts of several lines say nothing; the REPL loses optionals of computed lists; a macro
                # variable that holds a type can't be used there at all
                if "unprintable" in a or re.search("0x[0-9a-f]{6}|[\r\n]|^reference to undefined type", a.get("error", "")): continue
                if a.get("value", 0) is None and "optional.of(" in e and "null" not in e: continue
                f.write(json.dumps({"expr": e, **a}, ensure_ascii=False) + "\n")
        print(name, len(expressions))

main()
