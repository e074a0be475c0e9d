//! The options of an embedded PDP. Their names and defaults are the server's (docs/configuration.md).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::Pdp;
use crate::cel::value::Constant;
use crate::engine::Semantics;
use crate::schema::Enforcement;
use crate::service::{Service, Settings};
use crate::source::{Diagnostic, render_terminal};
use crate::store::{Store, StoreOptions};

/// Options to open a [`Pdp`] with.
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    store: StoreOptions,
    settings: Settings,
}

/// What is wrong with a policy directory, every fault with its place. Shows itself as `toolgate lint` does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the policies cannot be loaded:\n{}", render_terminal(.0, false))]
pub struct OpenError(pub Vec<Diagnostic>);

impl Builder {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { store: StoreOptions::new(directory), settings: Settings::default() }
    }

    /// Decide as Cerbos does, traps included, or by our semantics (the default); see docs/semantics.md.
    pub fn semantics(mut self, semantics: Semantics) -> Self {
        self.store.compile.cerbos_compat = semantics != Semantics::Safe;
        self.settings.params.semantics = semantics;
        self.settings.semantics = semantics.name();
        self
    }

    /// A value that expressions read as `G.name`. The name must be an identifier, or no expression can name it.
    pub fn global(mut self, name: impl Into<String>, value: Constant) -> Self {
        self.store.compile.globals.insert(name.into(), value);
        self.settings.params.globals = Constant::string_map(self.store.compile.globals.clone());
        self
    }

    /// Whether changes of the directory are followed; true by default. Without, [`Pdp::reload`] reads it.
    pub fn watch(mut self, watch: bool) -> Self {
        self.store.watch = watch;
        self
    }

    /// How long the directory must be quiet before a change is read; 300 ms by default.
    pub fn debounce(mut self, debounce: Duration) -> Self {
        self.store.debounce = debounce;
        self
    }

    /// The scope and the policy version of calls that name none.
    pub fn defaults(mut self, scope: impl Into<String>, policy_version: impl Into<String>) -> Self {
        self.settings.params.default_scope = scope.into();
        self.settings.params.default_policy_version = policy_version.into();
        self
    }

    /// Whether a scope that does not exist falls back to its parents; false by default.
    pub fn lenient_scope_search(mut self, lenient: bool) -> Self {
        self.settings.params.lenient_scope_search = lenient;
        self
    }

    /// What becomes of attributes that do not fit their schemas; nothing by default.
    pub fn schemas(mut self, enforcement: Enforcement) -> Self {
        self.store.compile.schemas = enforcement;
        self.settings.params.schemas = enforcement;
        self
    }

    /// Steps one decision may take before it is denied.
    pub fn step_budget(mut self, steps: u64) -> Self {
        self.settings.params.step_budget = steps;
        self
    }

    /// Bytes that one JSON text of a call, or one whole message, may have; 4 MiB by default.
    pub fn message_bytes(mut self, bytes: usize) -> Self {
        self.settings.wire = self.settings.wire.with_bytes(bytes);
        self
    }

    /// Calls that [`Pdp::decide_all`] takes, and resources of a Cerbos request; 50 by default.
    pub fn max_calls(mut self, calls: usize) -> Self {
        self.settings.max_resources = calls;
        self
    }

    /// What stands before a server's name in the resource kind; `mcp::` by default.
    pub fn kind_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.settings.kind_prefix = prefix.into();
        self
    }

    /// Reads and compiles the directory.
    ///
    /// # Errors
    /// Everything that is wrong with the policies.
    pub fn open(self) -> Result<Pdp, OpenError> {
        let store = Store::open(self.store).map_err(OpenError)?;
        Ok(Pdp { service: Arc::new(Service::new(store, self.settings)) })
    }
}
