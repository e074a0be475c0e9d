//! Variables, constants, globals and what a frame remembers. Answers are those of the reference's server.

use bumpalo::Bump;
use serde_json::{Value as Json, json};

use super::super::value::Constant;
use super::super::{Budget, Env, Frame, Inputs, Truth, Unit, UnitBuilder, compile, time};
use super::request::{environment, inputs};
use super::support::repl;

const VARIABLES: [(&str, &str); 16] = [
    ("dep2", "V.bad"),
    ("dep", "V.bad == 1 || true"),
    ("h", "hierarchy('a.b')"),
    ("o", "optional.of(5)"),
    ("on", "optional.none()"),
    ("oo", "optional.of(optional.of(1))"),
    ("t", "int"),
    ("s", "spiffeID('spiffe://a/b')"),
    ("i", "ip('1.2.3.4')"),
    ("l", "[hierarchy('a.b'), optional.of(1), int]"),
    ("ts", "timestamp('2020-01-01T00:00:00+01:00')"),
    ("bad", "R.attr.nope"),
    ("hb", "has(V.bad)"),
    ("p", "P"),
    ("n", "C.limit + 1.0"),
    ("late", "timeSince(timestamp(0)) > duration('0s')"),
];

fn unit(env: &Env, sources: &[&str]) -> Unit {
    let constants = vec![("limit".to_owned(), Constant::Double(2.0)), ("names".to_owned(), Constant::List([].into()))];
    let variables = VARIABLES.iter().map(|(n, e)| ((*n).to_owned(), compile(e, env).unwrap())).collect();
    let mut builder = UnitBuilder::new(env, constants, variables);
    for source in sources {
        builder.add(&compile(source, env).unwrap_or_else(|e| panic!("{source}: {e:?}")));
    }
    builder.build()
}

fn request() -> Json {
    json!({
        "principal": {"id": "alice", "roles": ["user"], "attr": {"x": 1, "d": 2.5}},
        "resource": {"kind": "doc", "id": "d", "attr": {}},
        "globals": {"g": "eu", "num": 3}
    })
}

#[test]
fn variables_constants_and_globals() {
    let cases: [(&str, Result<Json, &str>); 44] = [
        ("V.h == ['a', 'b']", Ok(json!(true))),
        ("V.h.size()", Ok(json!(2))),
        ("V.o == 5", Ok(json!(true))),
        ("id(V.o).hasValue()", Err("no such overload: hasValue(int)")),
        ("V.on == null", Ok(json!(true))),
        ("has(V.on)", Ok(json!(true))),
        ("V.on.orValue(7)", Err("no such overload")),
        ("V.oo == 1", Ok(json!(true))),
        ("V.t == int", Ok(json!(false))),
        ("V.t == 'int'", Ok(json!(true))),
        ("V.s", Err("unsupported conversion to ref.Val: (spiffeid.ID)spiffe://a/b")),
        ("has(V.s)", Ok(json!(true))),
        ("V.i == ip('1.2.3.4')", Ok(json!(true))),
        ("V.l[0] == ['a', 'b']", Err("no such overload")),
        ("V.l[0] == hierarchy('a.b')", Ok(json!(true))),
        ("V.l[2] == int", Ok(json!(true))),
        ("V.ts", Ok(json!("2020-01-01T00:00:00+01:00"))),
        ("V.bad", Err("undefined field 'bad'")),
        ("V.bad || true", Ok(json!(true))),
        ("!V.bad", Err("undefined field 'bad'")),
        ("!V.hb", Ok(json!(true))),
        ("!V.n", Err("no such overload")),
        ("!V.bad || !V.n || !V.hb", Ok(json!(true))),
        ("has(V.bad)", Ok(json!(false))),
        ("V.dep", Ok(json!(true))),
        ("V.dep2", Err("undefined field 'dep2'")),
        ("V.hb", Ok(json!(false))),
        ("V.p.id", Ok(json!("alice"))),
        ("P == V.p", Ok(json!(true))),
        ("variables.n", Ok(json!(3))),
        ("C.limit", Ok(json!(2))),
        ("C.limit + 1", Err("no such overload")),
        ("C.names.size()", Ok(json!(0))),
        ("has(C.limit) && !has(C.nope)", Ok(json!(true))),
        ("C.nope", Err("undefined field 'nope'")),
        ("V.nope", Err("undefined field 'nope'")),
        ("G.g == 'eu' && globals.num == 3", Ok(json!(true))),
        ("G.nope", Err("undefined field 'nope'")),
        ("has(G.nope) || !has(G.g)", Ok(json!(false))),
        ("hasIntersection(V.bad, [1])", Err("no such overload")),
        ("has(runtime.effectiveDerivedRoles)", Ok(json!(true))),
        ("has(R.scope) || has(request.auxData.jwt)", Ok(json!(false))),
        ("[1, 2].exists(x, V.late && x == 2)", Ok(json!(true))),
        ("now() == timestamp('2025-01-02T03:04:05.678Z')", Ok(json!(true))),
    ];
    let env = environment();
    let sources: Vec<&str> = cases.iter().map(|(s, _)| *s).collect();
    let unit = unit(&env, &sources);
    let bump = Bump::new();
    let budget = Budget::default();
    let now = time::parse_timestamp("2025-01-02T03:04:05.678Z").ok();
    let roots = inputs(&bump, &request());
    let frame = Frame::new(&unit, Inputs { roots, now, bump: &bump, budget: &budget });
    for (i, (source, expect)) in (0_u32..).zip(&cases) {
        let id = super::super::ExprId(i);
        assert_eq!(unit.source(id), *source);
        let got = frame.value(id).map(repl).map_err(|e| e.to_string());
        assert_eq!(got, expect.clone().map_err(str::to_owned), "{source}");
    }
}

#[test]
fn failed_variables_can_be_null() {
    let env = environment();
    let unit = unit(&env, &["V.bad == null", "has(V.bad)", "V.dep2 == null"]);
    let bump = Bump::new();
    let budget = Budget::default();
    let given = Inputs { roots: inputs(&bump, &request()), now: None, bump: &bump, budget: &budget };
    let frame = Frame::new(&unit, given).failed_variables_are_null();
    for i in 0..3 {
        assert_eq!(frame.truth(super::super::ExprId(i)), Truth::True);
    }
}

#[test]
fn without_a_clock_the_error_says_so() {
    let env = environment();
    let unit = unit(&env, &["now() > timestamp(0)", "V.late", "has(V.late)", "now() > timestamp(0) || true"]);
    let bump = Bump::new();
    let budget = Budget::default();
    let given = Inputs { roots: inputs(&bump, &request()), now: None, bump: &bump, budget: &budget };
    let frame = Frame::new(&unit, given);
    assert!(unit.calls_now());
    for i in 0..3 {
        assert!(matches!(frame.truth(super::super::ExprId(i)), Truth::Error(e) if e.is_now_missing()), "{i}");
    }
    assert_eq!(frame.truth(super::super::ExprId(3)), Truth::True);
}

#[test]
fn reads_are_known() {
    let env = environment();
    let mut builder = UnitBuilder::bare(&env);
    for source in
        ["R.attr.a.b == P.id", "R.attr.a.b != 'x'", "has(P.attr.k)", "R.attr[P.id] == G.x", "R.attr.l.all(x, x > 1)"]
    {
        builder.add(&compile(source, &env).unwrap());
    }
    let same = builder.add(&compile("has(P.attr.k)", &env).unwrap());
    assert_eq!(same, super::super::ExprId(2), "the same text is the same expression");
    let unit = builder.build();
    let reads: Vec<String> = unit.reads().iter().map(|r| format!("{} {}", r.root, r.steps.join("."))).collect();
    assert_eq!(reads, ["1 attr.k", "1 id", "2 attr", "2 attr.a.b", "2 attr.l", "4 x"]);
    assert!(unit.reads_root(1) && !unit.reads_root(0));
    assert_eq!(unit.cost(super::super::ExprId(0)), 3);
}

#[test]
fn an_expression_is_evaluated_once() {
    let env = environment();
    let unit = unit(&env, &["[1, 2, 3, 4, 5].all(x, x < P.attr.d * 100.0)"]);
    let bump = Bump::new();
    let budget = Budget::default();
    let given = Inputs { roots: inputs(&bump, &request()), now: None, bump: &bump, budget: &budget };
    let frame = Frame::new(&unit, given);
    let id = super::super::ExprId(0);
    assert_eq!(frame.truth(id), Truth::True);
    let used = budget.used();
    assert!(used > 10);
    assert_eq!(frame.truth(id), Truth::True);
    assert_eq!(budget.used(), used);
}
