//! The file watcher, the one place that names `notify`. An event is only ever a hint that something may have changed:
//! nothing depends on events being complete, in order, or delivered at all.

use std::path::{Path, PathBuf};

use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};

/// Watches one directory, wherever the links on the way to it lead.
pub(super) struct Watch {
    watcher: RecommendedWatcher,
    covered: Option<PathBuf>,
}

impl Watch {
    /// Starts to watch `root`; `hint` is called from the watcher's thread.
    ///
    /// # Errors
    /// What the system says, such as its limit of watches being reached.
    pub(super) fn start(root: &Path, hint: impl Fn() + Send + 'static) -> Result<Self, notify::Error> {
        let named = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
        let parent = named.parent().map(Path::to_owned);
        let siblings_of = parent.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if event.map_or(true, |e| matters(&e, &named, siblings_of.as_deref())) {
                hint();
            }
        })?;
        let mut watch = Self { watcher, covered: None };
        if let Some(parent) = parent {
            // For a root that is a link, and for one that is removed and made again. Not vital: polling finds it too.
            let _ = watch.watcher.watch(&parent, RecursiveMode::NonRecursive);
        }
        Ok(watch)
    }

    /// Makes sure that the directory which the root now leads to is the one that is watched. True if it was not.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn cover(&mut self, resolved: &Path) -> Result<bool, notify::Error> {
        if self.covered.as_deref() == Some(resolved) {
            return Ok(false);
        }
        if let Some(old) = self.covered.take() {
            // Fails if the directory is gone, and its watch with it.
            let _ = self.watcher.unwatch(&old);
        }
        self.watcher.watch(resolved, RecursiveMode::Recursive)?;
        self.covered = Some(resolved.to_owned());
        Ok(true)
    }

    /// Forgets the directory, because it is gone. False: nothing new is watched.
    pub(super) fn uncover(&mut self) -> bool {
        if let Some(old) = self.covered.take() {
            let _ = self.watcher.unwatch(&old);
        }
        false
    }
}

/// Reading is no change, or our own scan would call for the next one; and what happens beside the root is not ours.
fn matters(event: &Event, named: &Path, parent: Option<&Path>) -> bool {
    let written = EventKind::Access(AccessKind::Close(AccessMode::Write));
    let changes = event.kind == written || !event.kind.is_access();
    let beside = |p: &PathBuf| p.parent() == parent && p != named;
    changes && (event.paths.is_empty() || !event.paths.iter().all(beside))
}

#[cfg(test)]
mod tests {
    use notify::event::{CreateKind, ModifyKind};

    use super::*;

    #[test]
    fn only_changes_of_the_root_matter() {
        let write = EventKind::Modify(ModifyKind::Any);
        let cases = [
            (write, vec!["/p/root/a.yaml"], true),
            (write, vec!["/p/root"], true),
            (write, vec!["/p/other"], false),
            (write, vec!["/p/other", "/p/root"], true),
            (write, vec![], true),
            (EventKind::Create(CreateKind::Any), vec!["/elsewhere/x"], true),
            (EventKind::Access(AccessKind::Open(AccessMode::Any)), vec!["/p/root/a.yaml"], false),
            (EventKind::Access(AccessKind::Close(AccessMode::Write)), vec!["/p/root/a.yaml"], true),
        ];
        for (kind, paths, expected) in cases {
            let mut event = Event::new(kind);
            for p in &paths {
                event = event.add_path(p.into());
            }
            let seen = matters(&event, Path::new("/p/root"), Some(Path::new("/p")));
            assert_eq!(seen, expected, "{kind:?} {paths:?}");
        }
    }
}
