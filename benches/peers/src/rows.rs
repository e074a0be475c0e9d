//! The lines of the table over the wire. Servers of a line run side by side on one core and are loaded in turn, round by
//! round; figures are medians of the rounds, and so are the ratios.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use prost::Message as _;
use toolgate::proto::cerbos::response::v1::{CheckResourcesResponse, PlanResourcesResponse};
use toolgate::proto::toolgate::v1::DecideResponse;
use toolgate::source::SourceFile;

use crate::echo::Kind;
use crate::load::{self, CHECK, DECIDE, Manner, PLAN, Run, STREAM};
use crate::process::{Binaries, Program, Server};
use crate::race::median;
use crate::table::{Table, nanos, times};
use crate::workload::{self, Requests};

/// Requests whose answers of two servers are compared before they are measured.
const COMPARED: usize = 2_000;
const IN_FLIGHT: usize = 64;
const START: Duration = Duration::from_secs(30);
/// Starts of each server whose median is shown.
const STARTS: usize = 3;

/// What all lines work with.
pub struct Bench {
    pub binaries: Binaries,
    pub work: PathBuf,
    pub time: Duration,
    pub rounds: usize,
}

/// The head of the table.
pub fn table() -> Table {
    Table::new("Over the wire", &["figure", "toolgate", "beside", "its figure", "ratio", "goal"])
}

/// Writes policies to a new directory.
fn write(files: &[SourceFile], dir: &Path) -> anyhow::Result<()> {
    if dir.exists() {
        fs::remove_dir_all(dir)?;
    }
    fs::create_dir_all(dir)?;
    for file in files {
        fs::write(dir.join(file.name()), file.text())?;
    }
    Ok(())
}

impl Bench {
    fn start(&self, program: Program, policies: &Path) -> anyhow::Result<Server> {
        Server::start(program, &self.binaries, policies, &self.work)?.ready(START)
    }

    fn policies(&self, name: &str, files: &[SourceFile]) -> anyhow::Result<PathBuf> {
        let dir = self.work.join(name);
        write(files, &dir)?;
        Ok(dir)
    }

    fn tool_policies(&self) -> anyhow::Result<PathBuf> {
        self.policies("tools", &workload::policies(workload::SERVERS, workload::TOOLS))
    }

    /// Loads several in turn.
    fn turns<const N: usize>(
        &self,
        mut loads: [&mut dyn FnMut() -> anyhow::Result<Run>; N],
    ) -> anyhow::Result<[Vec<Run>; N]> {
        let mut runs = [const { Vec::new() }; N];
        for _ in 0..self.rounds {
            for (load, runs) in loads.iter_mut().zip(&mut runs) {
                runs.push(load()?);
            }
        }
        Ok(runs)
    }

    /// `CheckResources`, processor time and requests a second, beside the reference.
    fn check(&self, table: &mut Table, what: &str, policies: &Path, messages: &[Vec<u8>]) -> anyhow::Result<()> {
        let ours = self.start(Program::Toolgate { compat: true }, policies)?;
        let theirs = self.start(Program::Cerbos, policies)?;
        same_effects(&ours, &theirs, messages)?;
        let manner = Manner::at(CHECK, IN_FLIGHT);
        let [a, b] = self.turns([&mut || load::grpc(&ours, manner, messages, self.time), &mut || {
            load::grpc(&theirs, manner, messages, self.time)
        }])?;
        line(table, &format!("{what}: CPU a request"), ("cerbos", &a, &b), Figure::Cpu, "≤ 1/20");
        line(table, &format!("{what}: requests/s, 64 in flight"), ("cerbos", &a, &b), Figure::PerSecond, "≥ 12 ×");
        Ok(())
    }

    /// Unary gRPC beside the reference.
    pub fn unary(&self, table: &mut Table, requests: &Requests) -> anyhow::Result<()> {
        self.check(table, "CheckResources, tools", &self.tool_policies()?, &requests.check)
    }

    /// The same with policies of applications.
    pub fn apps(&self, table: &mut Table) -> anyhow::Result<()> {
        let policies = self.policies("apps", &workload::app_policies())?;
        self.check(table, "CheckResources, applications", &policies, &workload::apps())
    }

    /// Query plans beside the reference.
    pub fn plans(&self, table: &mut Table) -> anyhow::Result<()> {
        let policies = self.policies("apps", &workload::app_policies())?;
        let messages = workload::plans();
        let ours = self.start(Program::Toolgate { compat: true }, &policies)?;
        let theirs = self.start(Program::Cerbos, &policies)?;
        same_filters(&ours, &theirs, &messages)?;
        let manner = Manner::at(PLAN, IN_FLIGHT);
        let [a, b] = self.turns([&mut || load::grpc(&ours, manner, &messages, self.time), &mut || {
            load::grpc(&theirs, manner, &messages, self.time)
        }])?;
        line(table, "PlanResources, applications: CPU a plan", ("cerbos", &a, &b), Figure::Cpu, "≤ 1/20");
        line(table, "PlanResources, applications: plans/s", ("cerbos", &a, &b), Figure::PerSecond, "");
        Ok(())
    }

    /// Unary gRPC beside servers that decide nothing.
    pub fn echo(&self, table: &mut Table, requests: &Requests) -> anyhow::Result<()> {
        let ours = self.start(Program::Toolgate { compat: false }, &self.tool_policies()?)?;
        let tonic = Server::echo(Kind::Tonic, false)?.ready(START)?;
        let h2 = Server::echo(Kind::H2, false)?.ready(START)?;
        for (manner, figures) in [
            (Manner::at(DECIDE, IN_FLIGHT), &[Figure::Cpu, Figure::PerSecond][..]),
            (Manner::at(DECIDE, 1), &[Figure::Cpu, Figure::Quantile(500), Figure::Quantile(990)]),
        ] {
            let [a, library, b, c] = self.turns([
                &mut || load::grpc(&ours, manner, &requests.decide, self.time),
                &mut || load::grpc(&ours, manner.by_library(), &requests.decide, self.time),
                &mut || load::grpc(&tonic, manner, &requests.decide, self.time),
                &mut || load::grpc(&h2, manner, &requests.decide, self.time),
            ])?;
            for figure in figures {
                let what = format!("Decide, {} in flight: {}", manner.in_flight, figure.name());
                let goal = match (figure, manner.in_flight) {
                    (Figure::Cpu, 64) => "≤ 1.3 ×",
                    (Figure::Quantile(_), _) => "≤ 1.2 ×",
                    _ => "",
                };
                line(table, &what, ("echo, tonic", &a, &b), *figure, goal);
                line(table, &what, ("echo, h2 by hand", &a, &c), *figure, "");
                line(table, &what, ("toolgate, by the library", &a, &library), *figure, "");
            }
        }
        Ok(())
    }

    /// The stream beside single calls.
    pub fn stream(&self, table: &mut Table, requests: &Requests) -> anyhow::Result<()> {
        let ours = self.start(Program::Toolgate { compat: false }, &self.tool_policies()?)?;
        let tonic = Server::echo(Kind::Tonic, false)?.ready(START)?;
        let h2 = Server::echo(Kind::H2, false)?.ready(START)?;
        let run = |server: &Server, manner| load::grpc(server, manner, &requests.decide, self.time);
        let (many, single) = (Manner::at(STREAM, IN_FLIGHT), Manner::at(DECIDE, IN_FLIGHT));
        let [stream, unary, library, old, tonic, h2] = self.turns([
            &mut || run(&ours, many),
            &mut || run(&ours, single),
            &mut || run(&ours, many.by_library()),
            &mut || run(&ours, single.by_library()),
            &mut || run(&tonic, many),
            &mut || run(&h2, many),
        ])?;
        line(table, "DecideStream: CPU a decision", ("Decide, 64 in flight", &stream, &unary), Figure::Cpu, "≤ 1/4");
        let what = "DecideStream: CPU a decision";
        line(table, what, ("Decide by the library", &stream, &old), Figure::Cpu, "≤ 1/4");
        line(table, what, ("DecideStream by the library", &stream, &library), Figure::Cpu, "");
        line(table, what, ("echo stream, tonic", &stream, &tonic), Figure::Cpu, "≤ 1.3 ×");
        line(table, what, ("echo stream, h2 by hand", &stream, &h2), Figure::Cpu, "");
        line(table, "DecideStream: decisions/s", ("Decide, 64 in flight", &stream, &unary), Figure::PerSecond, "");
        Ok(())
    }

    /// JSON over HTTP/1.1 beside the reference.
    pub fn rest(&self, table: &mut Table, requests: &Requests) -> anyhow::Result<()> {
        let policies = self.tool_policies()?;
        let ours = self.start(Program::Toolgate { compat: true }, &policies)?;
        let theirs = self.start(Program::Cerbos, &policies)?;
        let run = |server: &Server| load::rest(server, 16, &requests.check_json, self.time);
        let [a, b] = self.turns([&mut || run(&ours), &mut || run(&theirs)])?;
        line(table, "REST JSON, 16 connections: CPU a request", ("cerbos", &a, &b), Figure::Cpu, "≤ 1/10");
        line(table, "REST JSON, 16 connections: requests/s", ("cerbos", &a, &b), Figure::PerSecond, "");
        Ok(())
    }

    /// Many policies: start to first decision, and memory after load.
    pub fn size(&self, table: &mut Table, policies: usize, load: Duration) -> anyhow::Result<()> {
        let dir = self.policies("size", &workload::policies(policies, 5))?;
        let requests = workload::tools(policies, 5);
        let limit = Duration::from_secs(600);
        let programs = [Program::Toolgate { compat: true }, Program::Cerbos];
        let (mut took, mut memory) = ([Vec::new(), Vec::new()], [0.0, 0.0]);
        for round in 1..=STARTS {
            for ((program, took), memory) in programs.into_iter().zip(&mut took).zip(&mut memory) {
                let begun = Instant::now();
                let server = Server::start(program, &self.binaries, &dir, &self.work)?.ready(limit)?;
                load::answers(&server, CHECK, &requests.check[..1])?;
                took.push(begun.elapsed().as_secs_f64() * 1e9);
                if round == STARTS {
                    load::grpc(&server, Manner::at(CHECK, IN_FLIGHT), &requests.check, load)?;
                    *memory = server.memory();
                }
            }
        }
        let took = took.map(median);
        table.line(vec![
            format!("start to first decision, {policies} policies"),
            nanos(took[0]),
            "cerbos".into(),
            nanos(took[1]),
            times(took[1] / took[0]),
            "≥ 40 ×".into(),
        ]);
        table.line(vec![
            format!("memory, {policies} policies and {} s of load", load.as_secs()),
            format!("{:.0} MiB", memory[0]),
            "cerbos".into(),
            format!("{:.0} MiB", memory[1]),
            times(memory[0] / memory[1]),
            "≤ 1/5".into(),
        ]);
        Ok(())
    }

    /// Our own servers beside each other, to compare builds: the same figures for each binary.
    pub fn builds(&self, binaries: &[PathBuf], requests: &Requests) -> anyhow::Result<Table> {
        let policies = self.tool_policies()?;
        let mut servers = Vec::new();
        for toolgate in binaries {
            let binaries = Binaries { toolgate: toolgate.clone(), ..self.binaries.clone() };
            let program = Program::Toolgate { compat: false };
            servers.push(Server::start(program, &binaries, &policies, &self.work)?.ready(START)?);
        }
        servers.push(Server::echo(Kind::Tonic, false)?.ready(START)?);
        servers.push(Server::echo(Kind::Tonic, true)?.ready(START)?);
        servers.push(Server::echo(Kind::H2, false)?.ready(START)?);
        servers.push(Server::echo(Kind::H2, true)?.ready(START)?);
        let mut table = Table::new("Builds", &["server", "manner", "CPU", "per second", "p50", "p99"]);
        let manners = [
            Manner::at(DECIDE, 64),
            Manner::at(DECIDE, 1),
            Manner { path: DECIDE, connections: 8, in_flight: 8, by_library: false },
            Manner::at(STREAM, 64),
        ];
        for manner in manners {
            let mut runs = vec![Vec::new(); servers.len()];
            for _ in 0..self.rounds {
                for (server, runs) in servers.iter().zip(&mut runs) {
                    runs.push(load::grpc(server, manner, &requests.decide, self.time)?);
                }
            }
            for (n, (server, runs)) in servers.iter().zip(&runs).enumerate().filter(|(_, (_, r))| !r.is_empty()) {
                let manner = format!(
                    "{} {}×{}",
                    manner.path.rsplit('/').next().unwrap_or(""),
                    manner.connections,
                    manner.in_flight
                );
                let figure = |f: Figure| f.show(f.of(runs));
                let name = binaries.get(n).map_or(format!("{} {n}", server.name), |b| b.display().to_string());
                let figures =
                    [Figure::Cpu, Figure::PerSecond, Figure::Quantile(500), Figure::Quantile(990)].map(figure);
                table.line([vec![name, manner], figures.to_vec()].concat());
            }
        }
        Ok(table)
    }
}

/// A figure of runs.
#[derive(Clone, Copy)]
enum Figure {
    Cpu,
    PerSecond,
    Quantile(usize),
}

impl Figure {
    fn name(self) -> String {
        match self {
            Self::Cpu => "CPU a decision".into(),
            Self::PerSecond => "decisions/s".into(),
            Self::Quantile(permille) => format!("p{}", permille / 10),
        }
    }

    fn of_one(self, run: &Run) -> f64 {
        match self {
            Self::Cpu => run.cpu,
            Self::PerSecond => run.per_second,
            Self::Quantile(permille) => run.quantile(permille),
        }
    }

    fn of(self, runs: &[Run]) -> f64 {
        median(runs.iter().map(|r| self.of_one(r)).collect())
    }

    fn show(self, figure: f64) -> String {
        match self {
            Self::PerSecond => format!("{figure:.0}/s"),
            _ => nanos(figure),
        }
    }
}

fn line(table: &mut Table, what: &str, (rival, ours, theirs): (&str, &[Run], &[Run]), figure: Figure, goal: &str) {
    let ratios = ours.iter().zip(theirs).map(|(a, b)| figure.of_one(a) / figure.of_one(b));
    let ratio = median(ratios.collect());
    table.line(vec![
        what.into(),
        figure.show(figure.of(ours)),
        rival.into(),
        figure.show(figure.of(theirs)),
        // Small ratios are read better the other way round.
        if ratio < 0.5 { format!("1/{:.1}", 1.0 / ratio) } else { times(ratio) },
        goal.into(),
    ]);
}

/// Actions and what came out, sorted.
type Effects = Vec<(String, i32)>;

/// Two servers must answer alike before their speed is compared.
fn same_effects(ours: &Server, theirs: &Server, messages: &[Vec<u8>]) -> anyhow::Result<()> {
    let messages = &messages[..messages.len().min(COMPARED)];
    let effects = |server| -> anyhow::Result<Vec<Vec<Effects>>> {
        let answers = load::answers(server, CHECK, messages)?;
        answers
            .iter()
            .map(|answer| {
                let answer = CheckResourcesResponse::decode(answer.as_slice())?;
                let sorted = answer.results.into_iter().map(|r| {
                    let mut actions: Vec<_> = r.actions.into_iter().collect();
                    actions.sort();
                    actions
                });
                Ok(sorted.collect())
            })
            .collect()
    };
    let (ours, theirs) = (effects(ours)?, effects(theirs)?);
    let differ = ours.iter().zip(&theirs).position(|(a, b)| a != b);
    if let Some(n) = differ {
        anyhow::bail!("request {n} is answered {:?} here and {:?} there", ours[n], theirs[n]);
    }
    let allowed = ours.iter().flatten().flatten().filter(|(_, effect)| *effect == 1).count();
    let all = ours.iter().flatten().flatten().count();
    eprintln!("{} requests answered alike: {allowed} of {all} actions allowed", messages.len());
    anyhow::ensure!(allowed * 10 > all && allowed * 10 < all * 9, "requests that are answered alike measure little");
    Ok(())
}

/// Two servers must plan alike before their speed is compared: the kinds of the filters, which are all that does not
/// depend on the order of operands.
fn same_filters(ours: &Server, theirs: &Server, messages: &[Vec<u8>]) -> anyhow::Result<()> {
    let messages = &messages[..messages.len().min(COMPARED)];
    let kinds = |server| -> anyhow::Result<Vec<i32>> {
        let answers = load::answers(server, PLAN, messages)?;
        answers
            .iter()
            .map(|answer| Ok(PlanResourcesResponse::decode(answer.as_slice())?.filter.map_or(0, |f| f.kind)))
            .collect()
    };
    let (ours, theirs) = (kinds(ours)?, kinds(theirs)?);
    if let Some(n) = ours.iter().zip(&theirs).position(|(a, b)| a != b) {
        anyhow::bail!("plan {n} is of kind {} here and {} there", ours[n], theirs[n]);
    }
    let of = |kind| ours.iter().filter(|k| **k == kind).count();
    eprintln!("{} plans answered alike: {} always, {} never, {} conditional", messages.len(), of(1), of(2), of(3));
    anyhow::ensure!(of(3) * 4 > messages.len(), "plans without a condition measure little");
    Ok(())
}

/// `Decide` must answer as `CheckResources` does.
pub fn same_verdicts(bench: &Bench, requests: &Requests) -> anyhow::Result<()> {
    let server = bench.start(Program::Toolgate { compat: true }, &bench.tool_policies()?)?;
    let decided = load::answers(&server, DECIDE, &requests.decide[..COMPARED])?;
    let checked = load::answers(&server, CHECK, &requests.check[..COMPARED])?;
    for (n, (decided, checked)) in decided.iter().zip(&checked).enumerate() {
        let verdict = DecideResponse::decode(decided.as_slice())?.verdict;
        let effect = CheckResourcesResponse::decode(checked.as_slice())?.results.into_iter().next();
        let effect = effect.and_then(|r| r.actions.into_values().next());
        anyhow::ensure!(effect == Some(verdict), "request {n}: {verdict} and {effect:?}");
    }
    Ok(())
}
