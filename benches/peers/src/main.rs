//! Toolgate beside its peers: in process, and over the wire. `benches/peers/run` builds everything and runs this; one
//! table comes out, as Markdown. See docs/benchmarks.md for method and figures.

#[path = "../../support/mod.rs"]
mod support;

mod echo;
#[cfg(feature = "engines")]
mod expressions;
mod http1;
mod http2;
mod load;
mod process;
mod race;
mod rows;
#[cfg(feature = "engines")]
mod rules;
mod table;
mod workload;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use process::Binaries;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Toolgate beside its peers.
#[derive(Parser)]
enum Command {
    /// Measure and print tables
    Table(Options),
    /// Measure builds of ours beside each other and beside echo servers
    Builds {
        #[command(flatten)]
        options: Options,
        /// Executables
        builds: Vec<PathBuf>,
    },
    /// Serve one and the same verdict
    #[command(hide = true)]
    Echo {
        kind: echo::Kind,
        listen: SocketAddr,
        #[arg(long)]
        current_thread: bool,
    },
}

#[derive(clap::Args)]
struct Options {
    /// Rows to measure; may be repeated [default: all]
    #[arg(long = "row")]
    rows: Vec<Row>,
    /// Seconds of one run
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Runs of each server, in turn
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Policies of the row `size`
    #[arg(long, default_value_t = 5_000)]
    policies: usize,
    /// Seconds of load before memory is read
    #[arg(long, default_value_t = 60.0)]
    memory_seconds: f64,
    /// Toolgate's executable
    #[arg(long, default_value = "target/release/toolgate")]
    toolgate: PathBuf,
    /// The reference's executable
    #[arg(
        long,
        env = "TOOLGATE_ORACLE",
        default_value = "/opt/oracle/node_modules/@cerbos/cerbos-linux-x64/cerbos-linux-x64"
    )]
    oracle: PathBuf,
    /// Directory for policies and logs
    #[arg(long, default_value = "target/peers")]
    work: PathBuf,
}

/// Rows of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Row {
    /// Expressions beside other CEL crates, in process
    #[cfg(feature = "engines")]
    Expressions,
    /// Ten tool rules beside cedar-policy, regorus and casbin, in process
    #[cfg(feature = "engines")]
    Rules,
    /// Unary gRPC beside Cerbos
    Unary,
    /// Policies of applications, beside Cerbos
    Apps,
    /// Query plans, beside Cerbos
    Plans,
    /// Unary gRPC beside servers that decide nothing
    Echo,
    /// DecideStream beside Decide
    Stream,
    /// REST beside Cerbos
    Rest,
    /// Start and memory with many policies, beside Cerbos
    Size,
}

fn main() -> anyhow::Result<()> {
    match Command::parse() {
        Command::Table(options) => measure(&options),
        Command::Builds { options, builds } => {
            process::hold_client()?;
            let requests = workload::tools(workload::SERVERS, workload::TOOLS);
            bench(&options)?.builds(&builds, &requests)?.print();
            Ok(())
        }
        Command::Echo { kind, listen, current_thread } => echo::serve(kind, listen, current_thread),
    }
}

fn bench(options: &Options) -> anyhow::Result<rows::Bench> {
    std::fs::create_dir_all(&options.work)?;
    Ok(rows::Bench {
        binaries: Binaries { toolgate: options.toolgate.clone(), cerbos: options.oracle.clone() },
        work: options.work.canonicalize()?,
        time: Duration::from_secs_f64(options.seconds),
        rounds: options.rounds,
    })
}

fn measure(options: &Options) -> anyhow::Result<()> {
    let wanted = |row| options.rows.is_empty() || options.rows.contains(&row);
    process::hold_client()?;
    #[cfg(feature = "engines")]
    if wanted(Row::Expressions) {
        expressions::table().print();
    }
    #[cfg(feature = "engines")]
    if wanted(Row::Rules) {
        rules::table()?.print();
    }
    let wire = [Row::Unary, Row::Apps, Row::Plans, Row::Echo, Row::Stream, Row::Rest, Row::Size];
    if !wire.into_iter().any(wanted) {
        return Ok(());
    }
    let bench = bench(options)?;
    let requests = workload::tools(workload::SERVERS, workload::TOOLS);
    rows::same_verdicts(&bench, &requests)?;
    let mut table = rows::table();
    for row in wire.into_iter().filter(|r| wanted(*r)) {
        eprintln!("{row:?}");
        match row {
            Row::Unary => bench.unary(&mut table, &requests)?,
            Row::Apps => bench.apps(&mut table)?,
            Row::Plans => bench.plans(&mut table)?,
            Row::Echo => bench.echo(&mut table, &requests)?,
            Row::Stream => bench.stream(&mut table, &requests)?,
            Row::Rest => bench.rest(&mut table, &requests)?,
            Row::Size => bench.size(&mut table, options.policies, Duration::from_secs_f64(options.memory_seconds))?,
            #[cfg(feature = "engines")]
            Row::Expressions | Row::Rules => {}
        }
    }
    table.print();
    Ok(())
}
