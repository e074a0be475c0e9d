//! Filters made of plans against a real SQLite: what the clause selects is what decisions allow, record by record.

use rusqlite::{Connection, params_from_iter, types::Value as Column};
use serde_json::{Map, Value, json};
use toolgate::compile::{CompileOptions, compile};
use toolgate::engine::decision::Effect;
use toolgate::engine::request::Request;
use toolgate::engine::{Params, RuleTable, Wants, decide};
use toolgate::plan::filter::{Dialect, Fields, Nulls, sql};
use toolgate::plan::plan;
use toolgate::source::SourceFile;
use toolgate::wire::json::Trailing;
use toolgate::wire::limits::Limits;

/// Conditions over `owner`, `name` (texts), `level`, `limit` (numbers), `open` (a boolean) and `tags` (a list).
const CONDITIONS: &[&str] = &[
    "R.attr.owner == P.id",
    "R.attr.owner != P.id",
    "!(R.attr.owner == 'ann' && R.attr.level > 2)",
    "!(R.attr.owner == 'ann' || R.attr.level > 2)",
    "R.attr.level >= 2 && R.attr.level < R.attr.limit",
    "!(R.attr.level <= R.attr.limit)",
    "R.attr.level == R.attr.limit || R.attr.name == R.attr.owner",
    "R.attr.level != R.attr.limit",
    "R.attr.open",
    "!R.attr.open",
    "R.attr.open == true || R.attr.level == 1",
    "R.attr.open ? R.attr.level > 1 : R.attr.owner == 'bob'",
    "R.attr.owner in ['ann', 'bob']",
    "!(R.attr.owner in ['ann', 'bob'])",
    "R.attr.level in [1, 3]",
    "R.attr.name.startsWith('A')",
    "!R.attr.name.startsWith('A')",
    "R.attr.name.contains('%') || R.attr.name.endsWith('_z')",
    "R.attr.name.endsWith('')",
    "R.attr.name < 'b' && !(R.attr.name > 'Z')",
    "'x' in R.attr.tags",
    "!('x' in R.attr.tags)",
    "1 in R.attr.tags || true in R.attr.tags",
    "R.attr.tags.exists(t, t == 'x' || t == 'z')",
    "!R.attr.tags.exists(t, t == 'x')",
    "R.attr.tags.all(t, t != 'x')",
    "!R.attr.tags.all(t, t == 'x')",
    "R.attr.owner == null || R.attr.level == 2",
    "R.attr.owner != null",
    "R.attr.level == '2' || R.attr.owner == 2",
    "R.attr.level != '2'",
    "has(R.attr.level) && R.attr.level == 2",
    "!has(R.attr.level) || R.attr.level == 2",
    "R.id == '3' || R.attr.level > 2 && R.id != '5'",
];

/// Every column takes each of its values, and is empty, beside many values of the others.
fn records() -> Vec<Map<String, Value>> {
    let values: [(&str, Vec<Value>); 6] = [
        ("owner", vec![json!("ann"), json!("bob"), json!("Ann"), json!("2"), Value::Null]),
        ("name", vec![json!("Az"), json!("a_z"), json!("50%"), json!("ann"), json!(""), json!("é"), Value::Null]),
        ("level", vec![json!(1), json!(2), json!(2.5), json!(3), json!(-1), Value::Null]),
        ("limit", vec![json!(2), json!(3), Value::Null]),
        ("open", vec![json!(true), json!(false), Value::Null]),
        (
            "tags",
            vec![json!([]), json!(["x"]), json!(["y", "z"]), json!([1, "x"]), json!([true]), json!(["X"]), Value::Null],
        ),
    ];
    (0..420)
        .map(|i: usize| {
            let mut turn = i;
            values
                .iter()
                .map(|(name, all)| {
                    turn = turn * 7 + i / all.len() + 1;
                    ((*name).to_owned(), all[turn % all.len()].clone())
                })
                .collect()
        })
        .collect()
}

fn database(records: &[Map<String, Value>]) -> Connection {
    let db = Connection::open_in_memory().unwrap();
    db.execute_batch(
        "CREATE TABLE doc (id TEXT PRIMARY KEY, owner TEXT COLLATE NOCASE, name TEXT, level REAL, \"limit\" REAL, \
         open INTEGER, tags TEXT)",
    )
    .unwrap();
    for (i, record) in records.iter().enumerate() {
        let mut row = vec![Column::Text(i.to_string())];
        row.extend(["owner", "name", "level", "limit", "open"].map(|name| column(&record[name])));
        row.push(if record["tags"].is_null() { Column::Null } else { Column::Text(record["tags"].to_string()) });
        db.execute("INSERT INTO doc VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)", params_from_iter(row)).unwrap();
    }
    db
}

fn column(value: &Value) -> Column {
    match value {
        Value::Bool(b) => Column::Integer(i64::from(*b)),
        Value::Number(n) => n.as_i64().map_or_else(|| Column::Real(n.as_f64().unwrap()), Column::Integer),
        Value::String(s) => Column::Text(s.clone()),
        _ => Column::Null,
    }
}

fn table(condition: &str) -> RuleTable {
    let text = format!(
        "apiVersion: api.cerbos.dev/v1\nresourcePolicy:\n  resource: doc\n  version: default\n  rules:\n    - actions: [view]\n      \
         effect: EFFECT_ALLOW\n      roles: [user]\n      condition: {{match: {{expr: {}}}}}\n",
        Value::from(condition)
    );
    compile(&[SourceFile::new("doc.yaml", text)], &CompileOptions::default()).table.unwrap()
}

/// Asks with a request of the REST API about a resource.
fn asked<T>(id: &str, attr: &Value, answer: impl FnOnce(&Request<'_>, &bumpalo::Bump) -> T) -> T {
    let body = json!({"requestId": "r", "principal": {"id": "ann", "roles": ["user"]},
        "resources": [{"actions": ["view"], "resource": {"kind": "doc", "id": id, "attr": attr}}]});
    let (body, bump) = (body.to_string().into_bytes(), bumpalo::Bump::new());
    let read = toolgate::wire::json::check_resources(&body, &bump, Limits::default(), Trailing::Refuse).unwrap();
    let entry = read.resources[0];
    let request = Request {
        principal: read.principal.unwrap(),
        resource: entry.resource.unwrap(),
        actions: entry.actions,
        aux: toolgate::engine::request::AuxData::EMPTY,
    };
    answer(&request, &bump)
}

fn selected(condition: &str, table: &RuleTable, nulls: Nulls, db: &Connection) -> Vec<usize> {
    let fields = Fields {
        columns: [("request.resource.id".to_owned(), "id".to_owned())].into(),
        lists: ["tags".to_owned()].into(),
        nulls,
        json_column: None,
    };
    let params = Params::default();
    let clause = asked("", &json!({}), |request, bump| {
        let plan = plan(table, &params, request, &[], None, false, bump).unwrap();
        sql(plan.filter, Dialect::Sqlite, &fields).unwrap_or_else(|e| panic!("{condition}: {e}"))
    });
    let mut statement = db.prepare(&format!("SELECT id FROM doc WHERE {}", clause.text)).unwrap();
    let ids =
        statement.query_map(params_from_iter(clause.parameters.iter().map(column)), |row| row.get::<_, String>(0));
    let mut ids: Vec<usize> = ids.unwrap().map(|id| id.unwrap().parse().unwrap()).collect();
    ids.sort_unstable();
    ids
}

#[test]
fn sqlite_selects_what_decisions_allow() {
    let (records, params) = (records(), Params::default());
    let db = database(&records);
    let mut allowed_at_all = 0;
    for condition in CONDITIONS {
        let table = table(condition);
        for nulls in [Nulls::Missing, Nulls::Null] {
            let allowed: Vec<usize> = (0..records.len())
                .filter(|i| {
                    let mut attr = records[*i].clone();
                    if nulls == Nulls::Missing {
                        attr.retain(|_, v| !v.is_null());
                    }
                    asked(&i.to_string(), &Value::Object(attr), |request, bump| {
                        let decision = decide(&table, &params, request, None, Wants::default(), bump);
                        decision.actions[0].effect == Effect::Allow
                    })
                })
                .collect();
            allowed_at_all += allowed.len();
            assert_eq!(selected(condition, &table, nulls, &db), allowed, "{condition} with {nulls:?}");
        }
    }
    assert!(allowed_at_all > 4_000, "{allowed_at_all} of {}", CONDITIONS.len() * 2 * records.len());
}
