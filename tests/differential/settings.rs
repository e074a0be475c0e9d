//! What a run does: read from the environment once.

use std::env;
use std::path::PathBuf;

use crate::features::Features;
use crate::server::{Flavour, Side};

const ORACLE: &str = "/opt/oracle/node_modules/@cerbos/cerbos-linux-x64/cerbos-linux-x64";

/// The settings of a run.
pub struct Settings {
    /// The reference.
    pub theirs: Side,
    /// The side under test.
    pub ours: Side,
    /// First seed.
    pub seed: u64,
    /// Stores to try at least.
    pub stores: u64,
    /// Decisions to compare at least (stores are added until then).
    pub decisions: u64,
    /// Requests a store.
    pub requests: usize,
    /// Of 100 stores, how many are followed by one that is broken.
    pub broken: u64,
    /// Parts of the language.
    pub features: Features,
    /// Stores worked on at a time.
    pub jobs: usize,
    /// Unexplained mismatches after which to stop.
    pub max_failures: usize,
    /// Attempts to make a mismatch smaller.
    pub shrink: usize,
    /// Both sides are the reference: a difference is a fault of the generator.
    pub self_check: bool,
    /// Print refused stores and timings.
    pub verbose: bool,
    /// Write the stores and requests here instead of running them.
    pub dump: Option<PathBuf>,
}

fn number<T: std::str::FromStr>(name: &str, default: T) -> Result<T, String> {
    match env::var(name) {
        Ok(text) => text.parse().map_err(|_| format!("{name}: `{text}` is not a number")),
        Err(_) => Ok(default),
    }
}

impl Settings {
    /// Reads the environment; the error is for a person.
    pub fn from_env() -> Result<Self, String> {
        let scale = env::var("SCALE").unwrap_or_else(|_| "smoke".into());
        let (stores, decisions, requests) = match scale.as_str() {
            "smoke" => (20, 0, 20),
            "ci" => (100, 200_000, 40),
            "full" => (2_100, 5_000_000, 28),
            other => return Err(format!("SCALE: `{other}` is none of smoke, ci, full")),
        };
        let oracle = env::var("TOOLGATE_ORACLE").map_or_else(|_| PathBuf::from(ORACLE), PathBuf::from);
        if !oracle.is_file() {
            return Err(format!(
                "the reference binary `{}` is missing\n\
                 install it with `npm install --prefix DIR @cerbos/cerbos-linux-x64@0.55.0` and set \
                 TOOLGATE_ORACLE=DIR/node_modules/@cerbos/cerbos-linux-x64/cerbos-linux-x64",
                oracle.display()
            ));
        }
        let strict = number("STRICT", 0u8)? != 0;
        let theirs = Side { name: "oracle", binary: oracle.clone(), flavour: Flavour::Cerbos, strict, tcp: false };
        let against = env::var("AGAINST").unwrap_or_else(|_| "toolgate".into());
        let other = Side { name: "other", ..theirs.clone() };
        let ours = match against.as_str() {
            "toolgate" => Side {
                name: "toolgate",
                binary: env::var("TOOLGATE_BIN")
                    .map_or_else(|_| PathBuf::from(env!("CARGO_BIN_EXE_toolgate")), PathBuf::from),
                flavour: Flavour::Toolgate,
                strict,
                tcp: number("TCP", 0u8)? != 0,
            },
            "oracle" => other,
            "oracle-strict" => Side { strict: true, ..other },
            name => return Err(format!("AGAINST: `{name}` is none of toolgate, oracle, oracle-strict")),
        };
        Ok(Self {
            theirs,
            ours,
            seed: number("SEED", 1)?,
            stores: number("STORES", stores)?,
            decisions: number("DECISIONS", decisions)?,
            requests: number("REQUESTS", requests)?,
            broken: number("BROKEN", if scale == "full" { 25 } else { 100 })?,
            features: Features::parse(&env::var("FEATURES").unwrap_or_default())?,
            jobs: number("JOBS", 2)?,
            max_failures: number("MAX_FAILURES", 5)?,
            shrink: number("SHRINK", 250)?,
            self_check: against == "oracle",
            verbose: number("VERBOSE", 0u8)? != 0,
            dump: env::var("DUMP").ok().map(PathBuf::from),
        })
    }
}
