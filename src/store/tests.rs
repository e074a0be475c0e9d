//! The store against a real directory, and against one whose operations fail one by one.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

fn write(root: &Path, name: &str, text: impl AsRef<[u8]>) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn policy(kind: &str) -> String {
    format!(
        "apiVersion: api.cerbos.dev/v1\nresourcePolicy:\n  resource: {kind}\n  version: default\n  rules:\n    \
         - actions: [view]\n      effect: EFFECT_ALLOW\n      roles: [user]\n"
    )
}

fn unwatched(root: &Path) -> StoreOptions {
    StoreOptions { watch: false, ..StoreOptions::new(root) }
}

fn names(scan: &Scan) -> Vec<&str> {
    scan.files.iter().map(SourceFile::name).collect()
}

fn codes(diagnostics: &[Diagnostic]) -> Vec<(&str, &'static str)> {
    diagnostics.iter().map(|d| (d.file.name(), d.code)).collect()
}

#[test]
fn scans_policies_in_lexical_order_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    for name in ["b.yaml", "a/z.yml", "a.yaml", "_schemas/x.json", "a_test.yaml", "testdata/principals.yaml"] {
        write(root, name, "x: 1\n");
    }
    for name in [".git/a.yaml", "readme.md", ".a.yaml", "_schemas/x.yaml", "sub/testdata/a.yaml"] {
        write(root, name, "x: 1\n");
    }
    let scanned = scan(&Disk, root, Include::Policies).unwrap();
    assert_eq!(names(&scanned), ["_schemas/x.json", "a/z.yml", "a.yaml", "b.yaml"]);
    assert!(scanned.diagnostics.is_empty());
    let everything = scan(&Disk, root, Include::Everything).unwrap();
    let tests = ["a_test.yaml", "sub/testdata/a.yaml", "testdata/principals.yaml"];
    assert!(tests.iter().all(|t| names(&everything).contains(t)), "{:?}", names(&everything));
}

#[test]
fn what_cannot_be_read_is_reported_all_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    write(root, "good.yaml", policy("doc"));
    write(root, "big.yaml", vec![b'#'; 1024 * 1024 + 1]);
    write(root, "exact.yaml", vec![b'#'; 1024 * 1024]);
    write(root, "latin.yaml", b"a: \xe9\n");
    write(root, "x/_schemas/a.json", "{}");
    symlink("nowhere", root.join("dangling.yaml")).unwrap();
    symlink("nowhere", root.join("dangling.txt")).unwrap();
    symlink("loop.yaml", root.join("loop.yaml")).unwrap();
    symlink(".", root.join("again")).unwrap();
    let fifo = std::process::Command::new("mkfifo").arg(root.join("fifo.yaml")).status().unwrap();
    assert!(fifo.success());
    symlink("/dev/zero", root.join("zero.yaml")).unwrap();
    let scanned = scan(&Disk, root, Include::Policies).unwrap();
    assert_eq!(names(&scanned), ["exact.yaml", "good.yaml"]);
    let mut found = codes(&scanned.diagnostics);
    found.sort_unstable();
    assert_eq!(
        found,
        [
            ("again", "TG0809"),
            ("big.yaml", "TG0803"),
            ("dangling.yaml", "TG0801"),
            ("fifo.yaml", "TG0802"),
            ("latin.yaml", "TG0804"),
            ("loop.yaml", "TG0801"),
            ("x/_schemas", "TG0806"),
            ("zero.yaml", "TG0802"),
        ]
    );
    assert!(Store::open(unwatched(root)).is_err());
}

#[test]
fn a_missing_directory_is_an_error_at_start() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "file", "x");
    for (name, text) in [("none", "does not exist"), ("file", "is not a directory")] {
        let faults = Store::open(unwatched(&dir.path().join(name))).unwrap_err();
        assert_eq!(faults.len(), 1);
        assert!(faults[0].message.contains(text), "{}", faults[0].message);
    }
}

#[test]
fn an_empty_directory_starts() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(unwatched(dir.path())).unwrap();
    assert_eq!(store.snapshot().policies, 0);
}

#[test]
fn a_reload_swaps_or_keeps_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("policies");
    write(&root, "a.yaml", policy("doc"));
    let store = Store::open(unwatched(&root)).unwrap();
    let first = store.snapshot().revision.clone();
    assert_eq!(store.reload(), Outcome::Unchanged);

    // Tests and hidden files are no part of the revision.
    write(&root, "a_test.yaml", "x: 1\n");
    write(&root, ".hidden.yaml", "x: 1\n");
    assert_eq!(store.reload(), Outcome::Unchanged);

    write(&root, "b.yaml", policy("album"));
    assert_eq!(store.reload(), Outcome::Applied);
    let second = store.snapshot().revision.clone();
    assert_ne!(first, second);
    assert_eq!(store.status().revision, second);

    // Broken: what is wrong, and since when, and what serves stays.
    write(&root, "c.yaml", b"\xff");
    assert_eq!(store.reload(), Outcome::Failed);
    let failure = store.status().failure.clone().unwrap();
    assert_eq!(codes(&failure.diagnostics), [("c.yaml", "TG0804")]);
    assert_eq!(store.snapshot().revision, second);
    assert_eq!(store.reload(), Outcome::Failed);
    assert_eq!(store.status().failure.as_ref().unwrap().since, failure.since);
    assert_eq!(store.status().sync_errors, 2);

    // Gone: still serves, still since then.
    fs::rename(&root, dir.path().join("moved")).unwrap();
    assert_eq!(store.reload(), Outcome::Failed);
    let gone = store.status().failure.clone().unwrap();
    assert_eq!(gone.diagnostics[0].code, "TG0805");
    assert_eq!(gone.since, failure.since);
    assert_eq!(store.snapshot().revision, second);

    // Back and whole: no trace of the failure is left.
    fs::rename(dir.path().join("moved"), &root).unwrap();
    fs::remove_file(root.join("c.yaml")).unwrap();
    assert_eq!(store.reload(), Outcome::Unchanged);
    assert!(store.status().failure.is_none());

    fs::remove_file(root.join("b.yaml")).unwrap();
    assert_eq!(store.reload(), Outcome::Applied);
    assert_eq!(store.snapshot().revision, first);
}

#[test]
fn links_are_followed_as_volumes_make_them() {
    let dir = tempfile::tempdir().unwrap();
    let (volume, root) = (dir.path().join("volume"), dir.path().join("root"));
    write(&volume, "..v1/a.yaml", policy("one"));
    write(&volume, "..v1/sub/b.yaml", policy("sub_one"));
    write(&volume, "..v2/a.yaml", policy("two"));
    write(&volume, "..v2/sub/b.yaml", policy("sub_two"));
    symlink("..v1", volume.join("..data")).unwrap();
    symlink("..data/a.yaml", volume.join("a.yaml")).unwrap();
    symlink("..data/sub", volume.join("sub")).unwrap();
    symlink("volume", &root).unwrap();
    let store = Store::open(unwatched(&root)).unwrap();
    let first = store.snapshot().revision.clone();
    assert_eq!(names(&scan(&Disk, &root, Include::Policies).unwrap()), ["a.yaml", "sub/b.yaml"]);
    symlink("..v2", volume.join("..data_tmp")).unwrap();
    fs::rename(volume.join("..data_tmp"), volume.join("..data")).unwrap();
    assert_eq!(store.reload(), Outcome::Applied);
    assert_ne!(store.snapshot().revision, first);
}

/// A disk on which one operation, counted from the first, fails or lies.
#[derive(Debug, Default)]
struct Faulty {
    calls: Arc<AtomicUsize>,
    fail_at: Arc<AtomicUsize>,
    kind: Option<io::ErrorKind>,
    /// Runs in place of a failure: somebody else's change at just that moment.
    meddle: Option<PathBuf>,
}

impl Faulty {
    fn step(&self) -> io::Result<()> {
        if self.calls.fetch_add(1, Ordering::SeqCst) + 1 == self.fail_at.load(Ordering::SeqCst) {
            if let Some(path) = &self.meddle {
                fs::write(path, policy("meddled")).unwrap();
            }
            if let Some(kind) = self.kind {
                return Err(kind.into());
            }
        }
        Ok(())
    }
}

impl Files for Faulty {
    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        self.step().and_then(|()| Disk.resolve(path))
    }
    fn list(&self, directory: &Path) -> io::Result<Vec<std::ffi::OsString>> {
        self.step().and_then(|()| Disk.list(directory))
    }
    fn stat(&self, path: &Path) -> io::Result<Stat> {
        self.step().and_then(|()| Disk.stat(path))
    }
    fn read(&self, path: &Path, limit: u64) -> io::Result<(Stat, Vec<u8>)> {
        self.step().and_then(|()| Disk.read(path, limit))
    }
}

/// Whatever single operation fails during a reload, and in whatever way: the store serves the old set or the new one,
/// and the next undisturbed reload serves the new one.
#[test]
fn every_single_fault_leaves_the_old_set_or_the_new() {
    for kind in [io::ErrorKind::NotFound, io::ErrorKind::PermissionDenied, io::ErrorKind::Other] {
        for n in 1.. {
            let dir = tempfile::tempdir().unwrap();
            write(dir.path(), "a.yaml", policy("a"));
            write(dir.path(), "sub/b.yaml", policy("b"));
            let faulty = Faulty { kind: Some(kind), ..Faulty::default() };
            let (calls, fail_at) = (Arc::clone(&faulty.calls), Arc::clone(&faulty.fail_at));
            let store = Store::open_on(Box::new(faulty), unwatched(dir.path())).unwrap();
            let old = store.snapshot().revision.clone();
            write(dir.path(), "sub/b.yaml", policy("c"));
            let new = revision(&scan(&Disk, dir.path(), Include::Policies).unwrap().files);

            calls.store(0, Ordering::SeqCst);
            fail_at.store(n, Ordering::SeqCst);
            let outcome = store.reload();
            let reached = calls.load(Ordering::SeqCst) >= n;
            let serving = store.snapshot().revision.clone();
            assert_eq!(serving, if outcome == Outcome::Applied { new.clone() } else { old }, "{kind:?} {n}");
            assert_eq!(store.status().failure.is_some(), outcome == Outcome::Failed);
            fail_at.store(0, Ordering::SeqCst);
            store.reload();
            assert_eq!(store.snapshot().revision, new);
            assert!(store.status().failure.is_none());
            if !reached {
                assert!(n > 8, "the faults were not enumerated");
                break;
            }
        }
    }
}

/// A file that is rewritten at any moment of a reload is read before or after, never half of each set.
#[test]
fn a_change_in_the_middle_of_a_scan_is_seen_whole() {
    for n in 1..40 {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "a.yaml", policy("a"));
        write(dir.path(), "b.yaml", policy("b"));
        let faulty = Faulty { meddle: Some(dir.path().join("a.yaml")), ..Faulty::default() };
        faulty.fail_at.store(n, Ordering::SeqCst);
        let before = revision(&scan(&Disk, dir.path(), Include::Policies).unwrap().files);
        let scanned = scan(&faulty, dir.path(), Include::Policies).unwrap();
        let after = revision(&scan(&Disk, dir.path(), Include::Policies).unwrap().files);
        let seen = revision(&scanned.files);
        assert!(seen == before || seen == after, "{n}");
    }
}

#[test]
fn a_replaced_snapshot_lives_as_long_as_its_last_request() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "a.yaml", policy("a"));
    let store = Store::open(unwatched(dir.path())).unwrap();
    let held = store.snapshot();
    let revision = held.revision.clone();
    write(dir.path(), "a.yaml", policy("b"));
    store.reload();
    assert_eq!(held.revision, revision);
    assert_ne!(store.snapshot().revision, revision);
}
