//! Files that were set aside: named by the time at which that happened, and removed by age and number.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::settings::Rotation;

/// `audit-2026-11-29T02-00-33.345.log`, as lumberjack names them.
const STAMP: &str = "%Y-%m-%dT%H-%M-%S.%3f";

const MILLISECOND: jiff::SignedDuration = jiff::SignedDuration::from_millis(1);

/// Gives a file its name of old.
pub(super) fn set_aside(path: &Path) -> io::Result<()> {
    let now = jiff::Timestamp::now();
    // Names are in the order of time, even of two within a millisecond, or if the clock was set back.
    let last = set_aside_before(path).pop().and_then(|(last, _)| last.checked_add(MILLISECOND).ok());
    let at = last.map_or(now, |after| now.max(after));
    std::fs::rename(path, named(path, at))
}

fn named(path: &Path, at: jiff::Timestamp) -> PathBuf {
    let (stem, extension) = parts(path);
    path.with_file_name(format!("{stem}-{}{extension}", at.strftime(STAMP)))
}

fn parts(path: &Path) -> (String, String) {
    let text = |s: Option<&std::ffi::OsStr>| s.map(|s| s.to_string_lossy().into_owned());
    (text(path.file_stem()).unwrap_or_default(), text(path.extension()).map(|e| format!(".{e}")).unwrap_or_default())
}

/// Removes what is too old, or too many. What cannot be removed stays, and is tried again next time.
pub(super) fn prune(path: &Path, rotation: Rotation) {
    let old = set_aside_before(path);
    let too_many = old.len().saturating_sub(rotation.keep.unwrap_or(usize::MAX));
    for (n, (time, path)) in old.iter().enumerate() {
        let age = SystemTime::now().duration_since(SystemTime::from(*time)).unwrap_or(Duration::ZERO);
        if n < too_many || rotation.keep_for.is_some_and(|keep| age > keep) {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// The files that were set aside, oldest first.
fn set_aside_before(path: &Path) -> Vec<(jiff::Timestamp, PathBuf)> {
    let (stem, extension) = parts(path);
    let directory = path.parent().filter(|d| !d.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(found) = std::fs::read_dir(directory) else { return Vec::new() };
    let mut old: Vec<(jiff::Timestamp, PathBuf)> = Vec::new();
    for entry in found.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let stamp =
            name.strip_prefix(&*stem).and_then(|n| n.strip_prefix('-')).and_then(|n| n.strip_suffix(&*extension));
        let time = stamp.and_then(|s| jiff::civil::DateTime::strptime("%Y-%m-%dT%H-%M-%S%.f", s).ok());
        if let Some(time) = time.and_then(|t| t.to_zoned(jiff::tz::TimeZone::UTC).ok()) {
            old.push((time.timestamp(), entry.path()));
        }
    }
    old.sort();
    old
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_files_go_by_age_and_others_stay() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        let names = ["a-2020-01-01T00-00-00.000.log", "a-x.log", "a-2020-01-01T00-00-00.000.txt", "b.log", "a.log"];
        for name in names {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let day = Duration::from_secs(86_400);
        set_aside(&path).unwrap();
        prune(&path, Rotation { bytes: 1, keep_for: Some(day), keep: None });
        let left = std::fs::read_dir(dir.path()).unwrap().count();
        assert!(!dir.path().join(names[0]).exists());
        assert_eq!(left, 4);
    }
}
