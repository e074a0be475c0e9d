//! Parse → print → parse gives the same tree.

use super::super::ast::{Ast, ExprKind, NodeId};
use super::super::parser::parse;
use super::super::tests::generate::Generator;
use super::print;

/// True if the two trees differ in places at most.
fn same(a: &Ast, b: &Ast) -> bool {
    let mut open: Vec<(NodeId, NodeId)> = vec![(a.root, b.root)];
    while let Some((x, y)) = open.pop() {
        let (x, y) = (a.node(x), b.node(y));
        if !alike(&x.kind, &y.kind) {
            return false;
        }
        match (&x.macro_call, &y.macro_call) {
            (None, None) => {}
            (Some(m), Some(n)) if m.function == n.function && m.args.len() == n.args.len() => {
                open.extend(m.target.into_iter().zip(n.target));
                open.extend(m.args.iter().copied().zip(n.args.iter().copied()));
            }
            _ => return false,
        }
        let (mut left, mut right) = (Vec::new(), Vec::new());
        x.kind.for_each_child(|c| left.push(c));
        y.kind.for_each_child(|c| right.push(c));
        if left.len() != right.len() {
            return false;
        }
        open.extend(left.into_iter().zip(right));
    }
    true
}

/// The same kind of node with the same names, children aside.
fn alike(a: &ExprKind, b: &ExprKind) -> bool {
    use ExprKind as K;
    match (a, b) {
        (K::Literal(_) | K::Ident(_), _) => a == b,
        (K::Select { field: f, test_only: t, .. }, K::Select { field, test_only, .. }) => f == field && t == test_only,
        (K::Call { target: t, function: f, .. }, K::Call { target, function, .. }) => {
            f == function && t.is_some() == target.is_some()
        }
        (K::List { optional: o, .. }, K::List { optional, .. }) => o == optional,
        (K::Map(m), K::Map(n)) => m.iter().map(|e| e.optional).eq(n.iter().map(|e| e.optional)),
        (K::Struct { name: n, fields: f }, K::Struct { name, fields }) => {
            n == name && f.iter().map(|f| (&f.name, f.optional)).eq(fields.iter().map(|f| (&f.name, f.optional)))
        }
        (K::Comprehension(c), K::Comprehension(d)) => {
            (&c.iter_var, &c.iter_var2, &c.accu_var) == (&d.iter_var, &d.iter_var2, &d.accu_var)
        }
        _ => false,
    }
}

#[track_caller]
fn check(source: &str) {
    let Ok(first) = parse(source) else { return };
    let text = print(&first);
    match parse(&text) {
        Ok(second) => assert!(same(&first, &second), "{source}\n  printed as {text}"),
        Err(e) => panic!("{source}\n  printed as {text}\n  {e:?}"),
    }
}

#[test]
fn hard_cases() {
    let cases = [
        "-(5)",
        "-(-5)",
        "-(5.abs())",
        "-5.abs()",
        "-(-x)",
        "!(!x)",
        "!(-5)",
        "-(5[0])",
        "-(5u)",
        "a && (b && c)",
        "(a && b) && c",
        "a || (b || c) || d",
        "(a ? b : c) ? d : e",
        "a ? (b ? c : d) : e",
        "a - (b - c)",
        "(a < b) < c",
        "a < (b < c)",
        "a.`b-c`.?`d e`[?0][1]",
        "has(a.`in`)",
        "{?a: b, 'c': [?d, e]}",
        "google.protobuf.Struct{?fields: x, `fields`: y}",
        "x.exists(i, i > 1 && i < 5)",
        "x.optMap(v, v.y).orValue(1)",
        "b'\\x00\\xff\\\"'",
        "'\\n\\u0000é\"'",
        "1e300 + .5 - 1.0",
        "-9223372036854775808",
        "[1].sortBy(e, -e)[0]",
        "cel.bind(a, 1, a + a)",
        "math.greatest(1, 2, 3)",
        ".a.b(.c)",
        "-(has(a.b))",
        "[1, 2].map(x, x > 1, x)",
    ];
    for case in cases {
        parse(case).expect(case);
        check(case);
    }
}

#[test]
fn random_expressions() {
    let mut generator = Generator::new(1);
    for _ in 0..20_000 {
        check(&generator.expression(4));
    }
}

#[test]
fn long_chains_stay_flat() {
    let chain = vec!["a"; 5_000].join(" && ");
    assert_eq!(print(&parse(&chain).unwrap()), chain);
}
