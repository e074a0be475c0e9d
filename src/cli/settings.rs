//! Options that several verbs share, and what becomes of them: a configuration.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, ValueEnum};

use super::print;
use crate::config::{Config, Typed};
use crate::identity::Identity;
use crate::service::{Service, Settings};
use crate::source::SourceFile;
use crate::store::{MAX_FILE_BYTES, Store};
use crate::toolcall::explain::Redaction;
use crate::wire::limits::Limits;

/// Options for the configuration.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Options {
    /// Configuration file (YAML)
    #[arg(long, value_name = "FILE", env = "TOOLGATE_CONFIG")]
    pub(super) config: Option<PathBuf>,
    /// Set one key of the configuration, such as `server.httpListenAddr=127.0.0.1:0`
    #[arg(long, value_name = "KEY=VALUE")]
    pub(super) set: Vec<String>,
    /// Decide as another product does, traps included
    #[arg(long, value_name = "PRODUCT")]
    pub(super) compat: Option<Compat>,
}

/// What `--compat` can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Compat {
    /// Cerbos
    Cerbos,
}

impl Options {
    /// Works out the configuration; what is wrong with it is printed.
    pub(super) fn load(&self, directory: Option<PathBuf>, insecure_listen: bool) -> anyhow::Result<Config> {
        let typed = Typed {
            file: self.config.as_deref().map(read).transpose()?,
            set: self.set.clone(),
            directory,
            cerbos_compat: self.compat == Some(Compat::Cerbos),
            insecure_listen,
        };
        match Config::load(&typed, &|name| std::env::var(name).ok()) {
            Ok((config, warnings)) => {
                if !warnings.is_empty() {
                    print::diagnostics(&warnings);
                }
                Ok(config)
            }
            Err(faults) => {
                print::diagnostics(&faults);
                anyhow::bail!("the configuration cannot be used: {}", print::counts(&faults))
            }
        }
    }
}

fn read(path: &Path) -> anyhow::Result<SourceFile> {
    let failed = || format!("cannot read configuration `{}`", path.display());
    let length = std::fs::metadata(path).with_context(failed)?.len();
    anyhow::ensure!(length <= MAX_FILE_BYTES, "configuration `{}` is larger than 1 MiB", path.display());
    let text = std::fs::read_to_string(path).with_context(failed)?;
    Ok(SourceFile::new(path.display().to_string(), text))
}

/// Opens the store of a configuration; what is wrong with the policies is printed.
pub(super) fn open_store(config: &Config) -> anyhow::Result<Store> {
    Store::open(config.store_options()).map_err(|faults| {
        print::diagnostics(&faults);
        let directory = config.storage.directory.display();
        anyhow::anyhow!("the policies in `{directory}` cannot be loaded: {}", print::counts(&faults))
    })
}

/// Reads the key sets of a configuration.
pub(super) fn open_identity(config: &Config) -> anyhow::Result<Identity> {
    Identity::open(&config.aux_data).map_err(|faults| {
        let texts: Vec<String> = faults.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("{}", texts.join("\n"))
    })
}

/// A service over a store.
pub(super) fn service(config: &Config, store: Store) -> Service {
    let settings = Settings {
        params: config.engine.params.clone(),
        wire: Limits::default().with_bytes(config.server.transport.message_bytes),
        max_actions: config.server.limits.actions,
        max_resources: config.server.limits.resources,
        kind_prefix: config.tool_calls.kind_prefix.clone(),
        semantics: config.semantics_name(),
        redaction: Redaction::new(&config.tool_calls.redact),
    };
    Service::new(store, settings)
}
