//! The few file operations the store needs, behind one small trait, so that every one of them can be made to fail in
//! tests. Knows nothing of policies.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A FIFO, socket or device: never opened for its content.
    Other,
}

/// What a path leads to, and what changes when somebody replaces or rewrites it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// What it is.
    pub kind: Kind,
    /// Device and inode.
    pub id: (u64, u64),
    /// Size in bytes.
    pub size: u64,
    /// Modification time in nanoseconds since 1970.
    pub modified: i128,
    /// Time of the last change of content, name or owner, in nanoseconds since 1970. Nobody can set it back.
    pub changed: i128,
}

/// How long a file must have been left alone before its times are believed: more than any file system's resolution.
const SETTLED_NANOS: i128 = 3_000_000_000;

impl Stat {
    /// True if a change after `read_at` (nanoseconds since 1970) must show: when the file was read, its last change was
    /// so long ago that the next one cannot have the same time.
    #[must_use]
    pub fn is_settled(&self, read_at: i128) -> bool {
        self.id != (0, 0) && self.modified.max(self.changed).saturating_add(SETTLED_NANOS) <= read_at
    }
}

/// File access. Links are followed.
pub trait Files: std::fmt::Debug + Send + Sync + 'static {
    /// The path with all links resolved.
    ///
    /// # Errors
    /// What the system says.
    fn resolve(&self, path: &Path) -> io::Result<PathBuf>;

    /// Names in a directory, in any order.
    ///
    /// # Errors
    /// What the system says.
    fn list(&self, directory: &Path) -> io::Result<Vec<std::ffi::OsString>>;

    /// What the path leads to.
    ///
    /// # Errors
    /// What the system says.
    fn stat(&self, path: &Path) -> io::Result<Stat>;

    /// Names in a directory, in any order, and what each leads to.
    ///
    /// # Errors
    /// What the system says of the directory; what it says of an entry comes with it.
    fn entries(&self, directory: &Path) -> io::Result<Vec<(std::ffi::OsString, io::Result<Stat>)>> {
        let stat = |name: std::ffi::OsString| {
            let stat = self.stat(&directory.join(&name));
            (name, stat)
        };
        Ok(self.list(directory)?.into_iter().map(stat).collect())
    }

    /// The first `limit` bytes of a regular file, and what was read. Never blocks on a FIFO.
    ///
    /// # Errors
    /// What the system says, or `InvalidInput` if it is not a regular file.
    fn read(&self, path: &Path, limit: u64) -> io::Result<(Stat, Vec<u8>)>;
}

/// The real file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl Files for Disk {
    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        fs::canonicalize(path)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<std::ffi::OsString>> {
        fs::read_dir(directory)?.map(|e| e.map(|e| e.file_name())).collect()
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        fs::metadata(path).map(|m| stat_of(&m))
    }

    fn entries(&self, directory: &Path) -> io::Result<Vec<(std::ffi::OsString, io::Result<Stat>)>> {
        let entry = |entry: io::Result<fs::DirEntry>| {
            let entry = entry?;
            // Asked of the open directory, the system need not find the way there for every entry.
            let stat = match entry.metadata() {
                Ok(m) if m.is_symlink() => self.stat(&entry.path()),
                other => other.map(|m| stat_of(&m)),
            };
            Ok((entry.file_name(), stat))
        };
        fs::read_dir(directory)?.map(entry).collect()
    }

    fn read(&self, path: &Path, limit: u64) -> io::Result<(Stat, Vec<u8>)> {
        let file = open(path)?;
        // Asked of the open file, not of the path: what is read is what was checked.
        let stat = stat_of(&file.metadata()?);
        if stat.kind != Kind::File {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        let mut bytes = Vec::new();
        file.take(limit).read_to_end(&mut bytes)?;
        Ok((stat, bytes))
    }
}

#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    // Without O_NONBLOCK, opening a FIFO that nobody writes to waits for ever.
    OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).open(path)
}

#[cfg(unix)]
fn stat_of(m: &fs::Metadata) -> Stat {
    use std::os::unix::fs::MetadataExt;
    let nanos = |seconds: i64, nanos: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
    let (modified, changed) = (nanos(m.mtime(), m.mtime_nsec()), nanos(m.ctime(), m.ctime_nsec()));
    Stat { kind: kind_of(m), id: (m.dev(), m.ino()), size: m.len(), modified, changed }
}

#[cfg(not(unix))]
fn stat_of(m: &fs::Metadata) -> Stat {
    let modified = m
        .modified()
        .ok()
        .and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok())
        .map_or(0, |d| i128::try_from(d.as_nanos()).unwrap_or(0));
    Stat { kind: kind_of(m), id: (0, 0), size: m.len(), modified, changed: modified }
}

fn kind_of(m: &fs::Metadata) -> Kind {
    if m.is_file() {
        Kind::File
    } else if m.is_dir() {
        Kind::Directory
    } else {
        Kind::Other
    }
}
