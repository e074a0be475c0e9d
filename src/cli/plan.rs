//! `toolgate plan`: what an identity may do with the resources of a kind, as a condition over what is not known about
//! them; with `--explain`, which rules spoke and what was worked out.

use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::check::members;
use super::out;
use super::settings::{Options, open_store, service};
use crate::engine::decision::ValidationError;
use crate::engine::request::Request;
use crate::plan::filter::{self, Dialect, Fields, FilterError, Nulls};
use crate::plan::{Filter, Plan, debug, tree};
use crate::service::{Failure, Service};
use crate::wire::json::Trailing;
use crate::wire::{encode, validate};

/// Arguments of `plan`.
#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    /// Policy directory [default: the configuration's, or `policies`]
    directory: Option<PathBuf>,
    #[command(flatten)]
    question: Question,
    #[command(flatten)]
    options: Options,
    /// How to print
    #[arg(long, short, value_enum, default_value_t)]
    output: Shape,
    #[command(flatten)]
    stored: Stored,
    /// Tell which rules spoke, and what was worked out and why
    #[arg(long)]
    explain: bool,
}

/// What is asked.
#[derive(Debug, Default, Args)]
struct Question {
    /// File with the whole question, as JSON for `/api/plan/resources`; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["kind", "id"])]
    request: Option<PathBuf>,
    /// Kind of the resources, such as `mcp::github`
    #[arg(long, required_unless_present = "request")]
    kind: Option<String>,
    /// An action; may be repeated: all of them must be allowed
    #[arg(long, required_unless_present = "request")]
    action: Vec<String>,
    /// Who asks
    #[arg(long, required_unless_present = "request")]
    id: Option<String>,
    /// A role of theirs; may be repeated
    #[arg(long)]
    role: Vec<String>,
    /// An attribute of theirs; the value is JSON, or else a text; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    attr: Vec<String>,
    /// A known attribute of the resources; the value is JSON, or else a text; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    known: Vec<String>,
    /// Scope of the resources
    #[arg(long)]
    scope: Option<String>,
    /// Scope of the principal
    #[arg(long)]
    principal_scope: Option<String>,
    /// Policy version of the resources
    #[arg(long)]
    policy_version: Option<String>,
}

/// How the resources are stored, for outputs that are filters of a store.
#[derive(Debug, Default, Args)]
struct Stored {
    /// The column or field of an attribute, such as `owner=owner_id` or `request.resource.id=id`; may be repeated
    #[arg(long, value_name = "ATTRIBUTE=COLUMN")]
    column: Vec<String>,
    /// An attribute that is a list; may be repeated
    #[arg(long, value_name = "ATTRIBUTE")]
    list: Vec<String>,
    /// What a NULL, or a field that is not there, means for decisions
    #[arg(long, value_enum, default_value_t)]
    nulls: StoredNulls,
    /// PostgreSQL: the attributes are in this jsonb column
    #[arg(long, value_name = "COLUMN")]
    json_column: Option<String>,
}

/// What it means that nothing is stored.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum StoredNulls {
    /// The resource lacks the attribute
    #[default]
    Missing,
    /// The attribute is null
    Null,
    /// It does not occur
    Never,
}

/// How a plan is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Shape {
    /// A line a node
    #[default]
    Tree,
    /// One line, as `filterDebug`
    Sexpr,
    /// The filter as the API answers it
    Json,
    /// A WHERE clause of PostgreSQL, with parameters
    Postgres,
    /// A WHERE clause of SQLite, with parameters
    Sqlite,
    /// A filter document of MongoDB
    Mongo,
    /// A where document of Chroma
    Chroma,
}

pub(super) fn run(args: PlanArgs) -> anyhow::Result<ExitCode> {
    let question = args.question.text()?;
    let mut config = args.options.load(args.directory, true)?;
    config.storage.watch = false;
    let service = service(&config, open_store(&config)?);
    let fields = args.stored.fields()?;
    out(ask(&service, &question, args.output, args.explain, &fields)??.trim_end());
    Ok(ExitCode::SUCCESS)
}

fn ask(
    service: &Service,
    question: &[u8],
    shape: Shape,
    explain: bool,
    fields: &Fields,
) -> Result<Result<String, FilterError>, Failure> {
    service.answer(|turn| {
        let asked = crate::wire::json::plan_resources(question, turn.bump, turn.settings.wire, Trailing::Refuse)?;
        validate::plan_resources(&asked)?;
        let aux = turn.claims(asked.aux_data.as_ref())?;
        // Both are there: the rules were checked.
        let (Some(principal), Some(resource)) = (asked.principal, asked.resource) else {
            return Err(Failure::PlanFailed);
        };
        let single = turn.bump.alloc([asked.action]);
        let actions = if asked.actions.is_empty() { &*single } else { asked.actions };
        let plan = turn.plan(&Request { principal, resource, actions, aux }, explain)?;
        Ok(match shape {
            Shape::Tree => Ok(for_people(&plan)),
            Shape::Sexpr => Ok(with_reasons(debug(plan.filter), &plan)),
            Shape::Json => Ok(for_machines(&plan)),
            shape => for_store(plan.filter, shape, fields),
        })
    })
}

fn for_store(filter: Filter<'_>, shape: Shape, fields: &Fields) -> Result<String, FilterError> {
    let clause = |dialect| {
        filter::sql(filter, dialect, fields).map(|sql| json!({ "where": sql.text, "parameters": sql.parameters }))
    };
    let document = match shape {
        Shape::Postgres => clause(Dialect::Postgres)?,
        Shape::Sqlite => clause(Dialect::Sqlite)?,
        Shape::Mongo => filter::mongo(filter, fields)?,
        _ => json!(filter::chroma(filter, fields)?),
    };
    Ok(format!("{document:#}"))
}

impl Stored {
    fn fields(&self) -> anyhow::Result<Fields> {
        let pair = |typed: &String| {
            let (name, column) = typed.split_once('=').with_context(|| format!("`{typed}` has no `=`"))?;
            Ok((name.to_owned(), column.to_owned()))
        };
        Ok(Fields {
            columns: self.column.iter().map(pair).collect::<anyhow::Result<_>>()?,
            lists: self.list.iter().cloned().collect(),
            nulls: match self.nulls {
                StoredNulls::Missing => Nulls::Missing,
                StoredNulls::Null => Nulls::Null,
                StoredNulls::Never => Nulls::Never,
            },
            json_column: self.json_column.clone(),
        })
    }
}

fn for_people(plan: &Plan<'_>) -> String {
    let text = match plan.filter {
        Filter::Always => "always allowed".to_owned(),
        Filter::Never { no_match: true } => "always denied: no rule speaks about it".to_owned(),
        Filter::Never { no_match: false } => "always denied".to_owned(),
        Filter::If(term) => format!("allowed where\n{}", tree(term)),
    };
    with_reasons(text, plan)
}

fn with_reasons(mut text: String, plan: &Plan<'_>) -> String {
    let mut section = |head: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            text = format!("{}\n\n{head}\n  {}", text.trim_end(), lines.join("\n  "));
        }
    };
    let fault = |e: &ValidationError<'_>| {
        format!("{}: {}: {}", if e.principal { "principal" } else { "resource" }, e.path, e.message)
    };
    section("attributes that do not fit their schemas", plan.validation_errors.iter().map(fault).collect());
    section("rules", plan.steps.clone());
    section("worked out", plan.folded.iter().map(|f| format!("{} = {}", f.expression, f.outcome)).collect());
    text
}

fn for_machines(plan: &Plan<'_>) -> String {
    let filter = |filter| serde_json::from_slice::<Value>(&encode::filter_json(filter)).unwrap_or(Value::Null);
    let actions: Vec<Value> = plan
        .actions
        .iter()
        .map(|a| json!({ "action": a.action, "filter": filter(a.filter), "matchedScope": a.matched_scope }))
        .collect();
    let mut all = json!({ "filter": filter(plan.filter), "filterDebug": debug(plan.filter), "actions": actions });
    if let (Some(all), false) = (all.as_object_mut(), plan.steps.is_empty()) {
        let folded = plan.folded.iter().map(|f| json!({ "expression": f.expression, "outcome": f.outcome }));
        all.insert("rules".into(), json!(plan.steps));
        all.insert("workedOut".into(), folded.collect());
    }
    format!("{all:#}")
}

impl Question {
    /// The question as JSON.
    fn text(&self) -> anyhow::Result<Vec<u8>> {
        if let Some(file) = &self.request {
            let mut text = Vec::new();
            if file.as_os_str() == "-" {
                std::io::stdin().read_to_end(&mut text)?;
            } else {
                text = std::fs::read(file).with_context(|| format!("cannot read `{}`", file.display()))?;
            }
            return Ok(text);
        }
        let given = |text: &Option<String>| text.clone().unwrap_or_default();
        let question = json!({
            "principal": {
                "id": self.id, "roles": self.role, "attr": members(&self.attr)?, "scope": given(&self.principal_scope),
            },
            "resource": {
                "kind": self.kind, "attr": members(&self.known)?, "scope": given(&self.scope),
                "policyVersion": given(&self.policy_version),
            },
            "actions": self.action,
        });
        Ok(question.to_string().into_bytes())
    }
}
