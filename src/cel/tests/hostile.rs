//! Expressions and requests made to hurt: each ends by its budget or with its error, within bounded memory.

use bumpalo::Bump;
use serde_json::{Value as Json, json};

use super::super::value::Value;
use super::super::{Budget, Checked, Env, ExprId, Frame, Inputs, Truth, UnitBuilder, compile, parse, resolve};
use super::request::{environment, inputs};

fn checked(source: &str, env: &Env) -> Checked {
    compile(source, env).unwrap_or_else(|_| resolve(parse(source).unwrap(), env))
}

/// Evaluates with the default budget: how it ended, and the memory it took.
fn run(source: &str, variables: &[(String, String)], request: &Json) -> (String, usize) {
    let env = environment();
    let variables = variables.iter().map(|(n, e)| (n.clone(), checked(e, &env))).collect();
    let mut builder = UnitBuilder::new(&env, Vec::new(), variables);
    let id = builder.add(&checked(source, &env));
    let unit = builder.build();
    let data = Bump::new();
    let roots = inputs(&data, request);
    let bump = Bump::new();
    let budget = Budget::default();
    let frame = Frame::new(&unit, Inputs { roots, now: None, bump: &bump, budget: &budget });
    let end = match frame.value(id) {
        Ok(Value::Bool(b)) => b.to_string(),
        Ok(_) => "value".to_owned(),
        Err(e) => e.to_string(),
    };
    assert_eq!(budget.is_exhausted(), end == "budget exhausted", "{source}: {end}");
    if budget.is_exhausted() {
        assert!(matches!(frame.truth(ExprId(0)), Truth::Error(e) if e.is_budget()));
    }
    (end, bump.allocated_bytes())
}

fn numbers(n: usize) -> Json {
    Json::Array((0..n).map(|i| json!(i)).collect())
}

fn with_attr(attr: Json) -> Json {
    json!({"principal": {"id": "a", "roles": [], "attr": attr}, "resource": {"kind": "k", "id": "r", "attr": {}}})
}

#[test]
fn everything_ends() {
    let big = with_attr(json!({
        "l": numbers(300), "long": numbers(50_000), "s": "a".repeat(100_000), "bomb": "(a|aa)+$".repeat(50),
        "classes": "\\pL{900}".repeat(20), "words": (0..30_000).map(|i| format!("w{i}")).collect::<Vec<_>>()
    }));
    let exhausted = "budget exhausted";
    let cases = [
        ("P.attr.l.all(x, P.attr.l.all(y, P.attr.l.all(z, x + y + z >= 0.0)))", exhausted),
        ("P.attr.l.all(x, P.attr.l.all(y, P.attr.l.all(z, x + y + z >= 0.0))) || size(P.attr.l) > 0", exhausted),
        ("P.attr.l.exists(x, P.attr.l.all(y, P.attr.l.all(z, x + y + z >= 0.0)) || x > 1.0)", exhausted),
        ("true || P.attr.l.all(x, P.attr.l.all(y, P.attr.l.all(z, x + y + z >= 0.0)))", "true"),
        ("P.attr.l.map(x, P.attr.l.map(y, P.attr.l)).size() > 0", exhausted),
        ("P.attr.long.all(x, x in P.attr.long)", exhausted),
        ("P.attr.long.distinct().size() > 0", exhausted),
        ("P.attr.long.map(x, P.attr.long).flatten().size() > 0", exhausted),
        ("(P.attr.s + P.attr.s).size() > 0", exhausted),
        ("P.attr.s.split('').size() > 0", exhausted),
        ("P.attr.s.replace('', P.attr.s).size() > 0", exhausted),
        ("P.attr.s.matches(P.attr.bomb)", exhausted),
        ("lists.range(100000000).size() > 0", exhausted),
        ("lists.range(9223372036854775807).size() > 0", exhausted),
        ("P.attr.words.isSubset(P.attr.words)", "true"),
        ("'%.100f'.format([P.attr.l[1]]) == ''", "false"),
        ("P.attr.l.map(x, '%s'.format([P.attr.l])).size() > 0", exhausted),
        ("P.attr.l.map(x, json.encode(P.attr.l)).size() > 0", exhausted),
        ("P.attr.l.sortBy(x, P.attr.s).size() > 0", exhausted),
        ("P.attr.l.transformMapEntry(i, v, {string(v): P.attr.s + string(v)}).size() > 0", exhausted),
        ("P.attr.words.transformMap(i, v, i).size() == 30000", "true"),
        ("P.attr.l.all(x, 'a'.matches('a' + string(x)) || size(P.attr.l) > 0)", exhausted),
        ("hierarchy(P.attr.s, '').size() > 0", exhausted),
        ("base64.encode(bytes(P.attr.s)).size() > 0", exhausted),
    ];
    for (source, expect) in cases {
        let (end, memory) = run(source, &[], &big);
        assert_eq!(end, expect, "{source}");
        assert!(memory < 32 << 20, "{source} took {memory} bytes");
    }
}

#[test]
fn doubling_variables_end() {
    let text = |i: usize| {
        ("v".to_owned() + &i.to_string(), if i == 0 { "'x'".to_owned() } else { format!("V.v{0} + V.v{0}", i - 1) })
    };
    let variables: Vec<_> = (0..60).map(text).collect();
    let (end, memory) = run("V.v59.size() > 0", &variables, &with_attr(json!({})));
    assert_eq!(end, "budget exhausted");
    assert!(memory < 32 << 20);
    let list = |i: usize| {
        ("v".to_owned() + &i.to_string(), if i == 0 { "[1]".to_owned() } else { format!("V.v{0} + V.v{0}", i - 1) })
    };
    let variables: Vec<_> = (0..60).map(list).collect();
    let (end, memory) = run("V.v59.size() > 0", &variables, &with_attr(json!({})));
    assert_eq!(end, "budget exhausted");
    assert!(memory < 32 << 20);
}

#[test]
fn long_chains_of_variables_need_no_stack() {
    let wrap =
        |i: usize| ("v".to_owned() + &i.to_string(), if i == 0 { "[1]".to_owned() } else { format!("[V.v{}]", i - 1) });
    let variables: Vec<_> = (0..5_000).map(wrap).collect();
    for (source, expect) in [
        ("size(V.v4999) == 1", "true"),
        ("V.v4999 == V.v4999", "budget exhausted: value nested too deeply"),
        ("V.v4999 == V.v4999 || size(V.v4999) == 1", "budget exhausted: value nested too deeply"),
        ("json.encode(V.v4999) == ''", "budget exhausted: value nested too deeply"),
        ("'%s'.format([V.v4999]) == ''", "budget exhausted: value nested too deeply"),
        ("V.v4999.flatten(10000).size() == 1", "true"),
        ("[V.v4999].join()", "no such overload: join(list)"),
        ("V.v4999[V.v4999]", "invalid qualifier type: *types.baseList"),
    ] {
        let (end, _) = run(source, &variables, &with_attr(json!({})));
        assert_eq!(end, expect, "{source}");
    }
}

/// The parser bounds the height of trees; whatever it lets through must neither overflow the stack nor take long.
#[test]
fn high_and_wide_trees() {
    let many = 20_000;
    let made: [String; 14] = [
        format!("{}1{}", "(".repeat(many), ")".repeat(many)),
        format!("{}1{}", "[".repeat(many), "]".repeat(many)),
        format!("{}1{}", "{1: ".repeat(many), "}".repeat(many)),
        format!("{}true", "!".repeat(many)),
        format!("{}1", "-".repeat(many)),
        vec!["true"; many].join(" && "),
        format!("{}1", "true ? 1 : ".repeat(many)),
        format!("P{}", ".b".repeat(many)),
        format!("P.attr{}", "[0]".repeat(many)),
        format!("{}1{}", "size(".repeat(many), ")".repeat(many)),
        vec!["1"; many].join(" + "),
        format!("[{}]", vec!["1"; many].join(", ")),
        format!("1 in [{}]", (0..many).map(|i| i.to_string()).collect::<Vec<_>>().join(", ")),
        format!("{}true{}", "[1].all(x, ".repeat(many), ")".repeat(many)),
    ];
    let env = environment();
    let mut accepted = 0;
    for source in made {
        if let Ok(ast) = parse(&source) {
            accepted += 1;
            let checked = resolve(ast, &env);
            let mut builder = UnitBuilder::bare(&env);
            let id = builder.add(&checked);
            let unit = builder.build();
            let bump = Bump::new();
            let budget = Budget::default();
            let request = with_attr(json!({}));
            let given = Inputs { roots: inputs(&bump, &request), now: None, bump: &bump, budget: &budget };
            let _ = Frame::new(&unit, given).value(id);
        }
    }
    assert!(accepted >= 2);
    // as high as the parser allows
    let highest = (1..400).rev().find_map(|n| {
        let source = format!("{}true{}", "[1].all(x, ".repeat(n), ")".repeat(n));
        parse(&source).ok().map(|ast| (n, resolve(ast, &env)))
    });
    let (n, checked) = highest.unwrap();
    let mut builder = UnitBuilder::bare(&env);
    let id = builder.add(&checked);
    let unit = builder.build();
    let bump = Bump::new();
    let budget = Budget::default();
    let request = with_attr(json!({}));
    let given = Inputs { roots: inputs(&bump, &request), now: None, bump: &bump, budget: &budget };
    assert_eq!(Frame::new(&unit, given).truth(id), Truth::True, "{n} macros");
}

#[test]
fn deep_attributes_need_no_stack() {
    // requests are bounded far below this; comparing and printing stop by themselves all the same
    let bump = Bump::new();
    let mut deep = Value::Null;
    for _ in 0..100_000 {
        deep = Value::list(bump.alloc_slice_copy(&[deep]));
    }
    let env = Env::new(vec![super::super::Root { name: "x".into(), ty: super::super::RootType::Dyn, index: 0 }]);
    for source in [
        "x == x",
        "x in [x]",
        "json.encode(x)",
        "'%s'.format([x])",
        "[x].distinct()",
        "x[0] == x",
        "[?x]",
        "{x: 1}",
        "sets.equivalent(x, x)",
        "[x, x].sort()",
    ] {
        let mut builder = UnitBuilder::bare(&env);
        let id = builder.add(&checked(source, &env));
        let unit = builder.build();
        let budget = Budget::default();
        let roots = [deep];
        let frame = Frame::new(&unit, Inputs { roots: &roots, now: None, bump: &bump, budget: &budget });
        let _ = frame.value(id).map_err(|e| e.to_string());
    }
}
