//! Conditions and the filters they become, golden. That the SQL selects what decisions allow is tested against a real
//! SQLite in `tests/it/filters.rs`.

use bumpalo::Bump;
use expect_test::{Expect, expect};

use super::{Dialect, Fields, FilterError, Nulls, chroma, mongo, sql};
use crate::cel::value::Timestamp;
use crate::compile::{CompileOptions, compile};
use crate::engine::Params;
use crate::engine::request::{AuxData, Principal, Request, Resource};
use crate::plan::{Filter, plan};
use crate::source::SourceFile;
use crate::wire::message::EMPTY;

/// Gives the plan's filter of a condition to `show`.
fn planned<T>(condition: &str, show: impl Fn(Filter<'_>) -> T) -> T {
    let text = format!(
        "apiVersion: api.cerbos.dev/v1\nresourcePolicy:\n  resource: doc\n  version: default\n  rules:\n    - actions: [view]\n      \
         effect: EFFECT_ALLOW\n      roles: [user]\n      condition: {{match: {{expr: {}}}}}\n",
        serde_json::Value::from(condition)
    );
    let compiled = compile(&[SourceFile::new("doc.yaml", text)], &CompileOptions::default());
    let table = compiled.table.unwrap_or_else(|| panic!("{condition}: {:?}", compiled.diagnostics));
    let (bump, params) = (Bump::new(), Params::default());
    let principal = Principal { id: "ann", roles: &["user"], attr: EMPTY, policy_version: "", scope: "" };
    let resource = Resource { kind: "doc", id: "1", attr: EMPTY, policy_version: "", scope: "" };
    let request = Request { principal, resource, actions: &["view"], aux: AuxData::EMPTY };
    let now = Timestamp { seconds: 0, nanos: 0, offset_minutes: 0 };
    let plan = plan(&table, &params, &request, &[], Some(now), false, &bump).unwrap();
    show(plan.filter)
}

fn fields(nulls: Nulls, json_column: Option<&str>) -> Fields {
    Fields {
        columns: [("owner", "owner_id"), ("address.city", "city")].map(|(a, b)| (a.into(), b.into())).into(),
        lists: ["tags".to_owned()].into(),
        nulls,
        json_column: json_column.map(Into::into),
    }
}

const CONDITIONS: &[&str] = &[
    "R.attr.owner == P.id",
    "!(R.attr.owner == P.id && R.attr.level > 3)",
    "R.attr.address.city in ['a', 'b'] || R.attr.open",
    "has(R.attr.level) ? R.attr.level < 2 : R.attr.open",
    "'x' in R.attr.tags && !('y' in R.attr.tags)",
    "R.attr.tags.exists(t, t == 'x') && R.attr.tags.all(t, t != 'y')",
    "R.attr.name.startsWith('a_') && !R.attr.name.contains('%') && R.attr.name.endsWith('z')",
    "R.attr.name == null || R.attr.name != 'x'",
];

fn shown(show: impl Fn(Filter<'_>) -> Result<String, FilterError>, expect: Expect) {
    let lines = CONDITIONS.iter().map(|condition| {
        let filter = planned(condition, &show).unwrap_or_else(|e| format!("error: {e}"));
        format!("{condition}\n  {filter}\n")
    });
    expect.assert_eq(&lines.collect::<String>());
}

fn clause(dialect: Dialect, fields: &Fields) -> impl Fn(Filter<'_>) -> Result<String, FilterError> {
    move |filter| {
        let sql = sql(filter, dialect, fields)?;
        Ok(format!("{} {}", sql.text, serde_json::Value::from(sql.parameters)))
    }
}

#[test]
fn sqlite() {
    shown(
        clause(Dialect::Sqlite, &fields(Nulls::Missing, None)),
        expect![[r#"
        R.attr.owner == P.id
          (typeof("owner_id") IN ('text') AND "owner_id" COLLATE BINARY = ?1) ["ann"]
        !(R.attr.owner == P.id && R.attr.level > 3)
          ((typeof("owner_id") NOT IN ('text', 'null') OR "owner_id" COLLATE BINARY <> ?1) OR (typeof("level") IN ('integer', 'real') AND "level" <= ?2)) ["ann",3]
        R.attr.address.city in ['a', 'b'] || R.attr.open
          ("city" COLLATE BINARY IN (?1, ?2) OR "open" = ?3) ["a","b",true]
        has(R.attr.level) ? R.attr.level < 2 : R.attr.open
          (("level" IS NOT NULL AND (typeof("level") IN ('integer', 'real') AND "level" < ?1)) OR ("level" IS NULL AND "open" = ?2)) [2,true]
        'x' in R.attr.tags && !('y' in R.attr.tags)
          ((EXISTS (SELECT 1 FROM json_each("tags") AS h WHERE h.type IN ('text') AND h.value = ?1)) AND ("tags" IS NOT NULL AND NOT EXISTS (SELECT 1 FROM json_each("tags") AS h WHERE h.type IN ('text') AND h.value = ?2))) ["x","y"]
        R.attr.tags.exists(t, t == 'x') && R.attr.tags.all(t, t != 'y')
          (EXISTS (SELECT 1 FROM json_each("tags") AS i1 WHERE (i1.type IN ('text') AND i1.value COLLATE BINARY = ?1)) AND ("tags" IS NOT NULL AND NOT EXISTS (SELECT 1 FROM json_each("tags") AS i1 WHERE ((i1.type NOT IN ('text') OR (i1.value IS NULL OR i1.value COLLATE BINARY <> ?2))) IS NOT TRUE))) ["x","y"]
        R.attr.name.startsWith('a_') && !R.attr.name.contains('%') && R.attr.name.endsWith('z')
          (((typeof("name") = 'text' AND substr("name", 1, 2) = ?1 COLLATE BINARY) AND (typeof("name") = 'text' AND NOT (instr("name", ?2) > 0))) AND (typeof("name") = 'text' AND substr("name", -1) = ?3 COLLATE BINARY)) ["a_","%","z"]
        R.attr.name == null || R.attr.name != 'x'
          (FALSE OR (typeof("name") NOT IN ('text', 'null') OR "name" COLLATE BINARY <> ?1)) ["x"]
    "#]],
    );
}

#[test]
fn postgres_columns() {
    shown(
        clause(Dialect::Postgres, &fields(Nulls::Null, None)),
        expect![[r#"
        R.attr.owner == P.id
          "owner_id" = $1 ["ann"]
        !(R.attr.owner == P.id && R.attr.level > 3)
          (("owner_id" IS NULL OR "owner_id" <> $1) OR "level" <= $2) ["ann",3]
        R.attr.address.city in ['a', 'b'] || R.attr.open
          ("city" IN ($1, $2) OR "open" = $3) ["a","b",true]
        has(R.attr.level) ? R.attr.level < 2 : R.attr.open
          ((TRUE AND "level" < $1) OR (FALSE AND "open" = $2)) [2,true]
        'x' in R.attr.tags && !('y' in R.attr.tags)
          (($1 = ANY("tags")) AND NOT ($2 = ANY("tags"))) ["x","y"]
        R.attr.tags.exists(t, t == 'x') && R.attr.tags.all(t, t != 'y')
          (EXISTS (SELECT 1 FROM unnest("tags") AS i1(value) WHERE i1.value = $1) AND ("tags" IS NOT NULL AND NOT EXISTS (SELECT 1 FROM unnest("tags") AS i1(value) WHERE ((i1.value IS NULL OR i1.value <> $2)) IS NOT TRUE))) ["x","y"]
        R.attr.name.startsWith('a_') && !R.attr.name.contains('%') && R.attr.name.endsWith('z')
          ((("name" IS NOT NULL AND starts_with("name", $1)) AND ("name" IS NOT NULL AND NOT (strpos("name", $2) > 0))) AND ("name" IS NOT NULL AND right("name", 1) = $3)) ["a_","%","z"]
        R.attr.name == null || R.attr.name != 'x'
          ("name" IS NULL OR ("name" IS NULL OR "name" <> $1)) ["x"]
    "#]],
    );
}

#[test]
fn postgres_jsonb() {
    let fields = Fields { json_column: Some("metadata".into()), ..Fields::default() };
    shown(
        clause(Dialect::Postgres, &fields),
        expect![[r#"
        R.attr.owner == P.id
          ("metadata" -> 'owner') = to_jsonb($1::text) ["ann"]
        !(R.attr.owner == P.id && R.attr.level > 3)
          (("metadata" -> 'owner') <> to_jsonb($1::text) OR CASE jsonb_typeof(("metadata" -> 'level')) WHEN 'number' THEN (("metadata" -> 'level') #>> '{}')::numeric <= $2::numeric END) ["ann",3]
        R.attr.address.city in ['a', 'b'] || R.attr.open
          (("metadata" -> 'address' -> 'city') IN (to_jsonb($1::text), to_jsonb($2::text)) OR ("metadata" -> 'open') = to_jsonb($3::boolean)) ["a","b",true]
        has(R.attr.level) ? R.attr.level < 2 : R.attr.open
          (((jsonb_typeof("metadata") = 'object' AND ("metadata" -> 'level') IS NOT NULL) AND CASE jsonb_typeof(("metadata" -> 'level')) WHEN 'number' THEN (("metadata" -> 'level') #>> '{}')::numeric < $1::numeric END) OR ((jsonb_typeof("metadata") = 'object' AND ("metadata" -> 'level') IS NULL) AND ("metadata" -> 'open') = to_jsonb($2::boolean))) [2,true]
        'x' in R.attr.tags && !('y' in R.attr.tags)
          (CASE jsonb_typeof(("metadata" -> 'tags')) WHEN 'array' THEN (("metadata" -> 'tags') @> to_jsonb($1::text)) END AND CASE jsonb_typeof(("metadata" -> 'tags')) WHEN 'array' THEN NOT (("metadata" -> 'tags') @> to_jsonb($2::text)) END) ["x","y"]
        R.attr.tags.exists(t, t == 'x') && R.attr.tags.all(t, t != 'y')
          (EXISTS (SELECT 1 FROM jsonb_array_elements((CASE jsonb_typeof(("metadata" -> 'tags')) WHEN 'array' THEN ("metadata" -> 'tags') END)) AS i1(value) WHERE i1.value = to_jsonb($1::text)) AND ((CASE jsonb_typeof(("metadata" -> 'tags')) WHEN 'array' THEN ("metadata" -> 'tags') END) IS NOT NULL AND NOT EXISTS (SELECT 1 FROM jsonb_array_elements((CASE jsonb_typeof(("metadata" -> 'tags')) WHEN 'array' THEN ("metadata" -> 'tags') END)) AS i1(value) WHERE (i1.value <> to_jsonb($2::text)) IS NOT TRUE))) ["x","y"]
        R.attr.name.startsWith('a_') && !R.attr.name.contains('%') && R.attr.name.endsWith('z')
          ((CASE jsonb_typeof(("metadata" -> 'name')) WHEN 'string' THEN starts_with((("metadata" -> 'name') #>> '{}'), $1) END AND CASE jsonb_typeof(("metadata" -> 'name')) WHEN 'string' THEN NOT (strpos((("metadata" -> 'name') #>> '{}'), $2) > 0) END) AND CASE jsonb_typeof(("metadata" -> 'name')) WHEN 'string' THEN right((("metadata" -> 'name') #>> '{}'), 1) = $3 END) ["a_","%","z"]
        R.attr.name == null || R.attr.name != 'x'
          (("metadata" -> 'name') = 'null'::jsonb OR ("metadata" -> 'name') <> to_jsonb($1::text)) ["x"]
    "#]],
    );
}

#[test]
fn mongo_documents() {
    let fields = Fields::default();
    shown(
        |filter| mongo(filter, &fields).map(|d| d.to_string()),
        expect![[r#"
            R.attr.owner == P.id
              {"owner":{"$eq":"ann","$not":{"$type":"array"}}}
            !(R.attr.owner == P.id && R.attr.level > 3)
              {"$or":[{"owner":{"$ne":"ann","$exists":true}},{"level":{"$lte":3,"$not":{"$type":"array"}}}]}
            R.attr.address.city in ['a', 'b'] || R.attr.open
              {"$or":[{"$and":[{"address":{"$not":{"$type":"array"}}},{"address.city":{"$in":["a","b"],"$exists":true,"$not":{"$type":"array"}}}]},{"open":{"$eq":true,"$not":{"$type":"array"}}}]}
            has(R.attr.level) ? R.attr.level < 2 : R.attr.open
              {"$or":[{"$and":[{"level":{"$exists":true}},{"level":{"$lt":2,"$not":{"$type":"array"}}}]},{"$and":[{"level":{"$exists":false}},{"open":{"$eq":true,"$not":{"$type":"array"}}}]}]}
            'x' in R.attr.tags && !('y' in R.attr.tags)
              {"$and":[{"tags":{"$elemMatch":{"$eq":"x"}}},{"$and":[{"tags":{"$type":"array"}},{"tags":{"$not":{"$elemMatch":{"$eq":"y"}}}}]}]}
            R.attr.tags.exists(t, t == 'x') && R.attr.tags.all(t, t != 'y')
              {"$and":[{"tags":{"$elemMatch":{"$eq":"x","$not":{"$type":"array"}}}},{"$and":[{"tags":{"$type":"array"}},{"tags":{"$not":{"$elemMatch":{"$eq":"y","$not":{"$type":"array"}}}}}]}]}
            R.attr.name.startsWith('a_') && !R.attr.name.contains('%') && R.attr.name.endsWith('z')
              {"$and":[{"$and":[{"$and":[{"name":{"$type":"string","$not":{"$type":"array"}}},{"name":{"$regex":"^a_"}}]},{"$and":[{"name":{"$type":"string","$not":{"$type":"array"}}},{"name":{"$not":{"$regex":"%"}}}]}]},{"$and":[{"name":{"$type":"string","$not":{"$type":"array"}}},{"name":{"$regex":"z(?![\\s\\S])"}}]}]}
            R.attr.name == null || R.attr.name != 'x'
              {"$or":[{"name":{"$type":"null","$not":{"$type":"array"}}},{"name":{"$ne":"x","$exists":true}}]}
        "#]],
    );
}

#[test]
fn chroma_documents() {
    let fields = Fields { nulls: Nulls::Never, ..fields(Nulls::Never, None) };
    shown(
        |filter| chroma(filter, &fields).map(|d| d.map_or("all".into(), |d| d.to_string())),
        expect![[r#"
        R.attr.owner == P.id
          {"owner_id":{"$eq":"ann"}}
        !(R.attr.owner == P.id && R.attr.level > 3)
          {"$or":[{"owner_id":{"$ne":"ann"}},{"level":{"$lte":3}}]}
        R.attr.address.city in ['a', 'b'] || R.attr.open
          {"$or":[{"$or":[{"city":{"$eq":"a"}},{"city":{"$eq":"b"}}]},{"open":{"$eq":true}}]}
        has(R.attr.level) ? R.attr.level < 2 : R.attr.open
          {"level":{"$lt":2}}
        'x' in R.attr.tags && !('y' in R.attr.tags)
          error: Chroma has no way to say `in on tags`: metadata has no lists
        R.attr.tags.exists(t, t == 'x') && R.attr.tags.all(t, t != 'y')
          error: Chroma has no way to say `exists, all on tags`: metadata has no lists
        R.attr.name.startsWith('a_') && !R.attr.name.contains('%') && R.attr.name.endsWith('z')
          error: Chroma has no way to say `StartsWith on name`
        R.attr.name == null || R.attr.name != 'x'
          {"name":{"$ne":"x"}}
    "#]],
    );
}

#[test]
fn what_a_store_cannot_say_is_an_error() {
    let fields = Fields::default();
    let refused = [
        ("R.attr.a.b == 1", "no column is known for `a.b`: name one with `a.b=COLUMN`"),
        ("R.id == 'x'", "no column is known for `request.resource.id`: name one with `request.resource.id=COLUMN`"),
        ("R.attr.n + 1 == 2", "SQLite has no way to say `(eq (add request.resource.attr.n 1) 2)`"),
        (
            "'x' in R.attr.other",
            "SQLite has no way to say `the list other`: say that it is one with `--list NAME`, if it is a column",
        ),
        ("R.attr.n.matches('a+')", "SQLite has no way to say `(matches request.resource.attr.n \"a+\")`"),
    ];
    for (condition, message) in refused {
        let error = planned(condition, |filter| sql(filter, Dialect::Sqlite, &fields)).unwrap_err();
        assert_eq!(error.to_string(), message, "{condition}");
    }
    // Chroma would select records without the key.
    let error = planned("R.attr.owner != 'x'", |filter| chroma(filter, &fields)).unwrap_err();
    assert!(error.to_string().contains("--nulls never"), "{error}");
}

#[test]
fn always_and_never() {
    let fields = Fields::default();
    let both = |show: &dyn Fn(Filter<'_>) -> String| [planned("true", show), planned("false", show)];
    assert_eq!(both(&|f| sql(f, Dialect::Postgres, &fields).unwrap().text), ["TRUE", "FALSE"]);
    assert_eq!(both(&|f| mongo(f, &fields).unwrap().to_string()), ["{}", r#"{"$nor":[{}]}"#]);
    assert_eq!(both(&|f| format!("{}", chroma(f, &fields).is_ok_and(|d| d.is_none()))), ["true", "false"]);
}
