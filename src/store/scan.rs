//! Reads a directory of policies as one consistent set: walks it, reads it, walks it again, and starts over if
//! anything moved meanwhile. Looks at names alone; what files say is for `compile`.
//!
//! A file that was read before need not be read again if device, inode, size and both times are the same, and if these
//! had been so for a while when it was read, as git judges it. Whoever wants to be sure hands in nothing that is known.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use foldhash::fast::RandomState;

use super::files::{Files, Kind, Stat};
use super::snapshot::digest;
use crate::compile::{Digest, Input};
use crate::policy::files::{FileClass, MISPLACED_SCHEMAS, classify};
use crate::source::{Diagnostic, Severity, SourceFile};

/// Largest file that is read.
pub const MAX_FILE_BYTES: u64 = 1024 * 1024;
/// Most files a set may have.
const MAX_FILES: usize = 100_000;
/// Most bytes a set may have.
const MAX_TOTAL_BYTES: u64 = 512 * 1024 * 1024;
/// Deepest directory.
const MAX_DEPTH: usize = 64;
/// How often a set that changes under the reader is read again before giving up.
const ATTEMPTS: usize = 5;

/// What to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Include {
    /// Policies and schemas: what decisions depend on.
    Policies,
    /// Test suites and their fixtures as well.
    Everything,
}

/// A directory as it was at one moment.
#[derive(Debug)]
pub struct Scan {
    /// The directory with all links resolved.
    pub root: PathBuf,
    /// Its files in lexical order, named relative to the root with `/`.
    pub files: Vec<SourceFile>,
    /// What could not be read.
    pub diagnostics: Vec<Diagnostic>,
}

impl Scan {
    /// True if some file of the set could not be read.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.diagnostics.iter().any(|d| d.severity == Severity::Error)
    }
}

/// Files that were read before, by name.
pub(super) type Known = HashMap<Box<str>, Seen, RandomState>;

/// What is known of a file that was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    stat: Stat,
    read_at: i128,
    digest: Digest,
}

/// A directory as it was at one moment, by digests; texts only of what was not known.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) root: PathBuf,
    /// In lexical order.
    pub(super) inputs: Vec<Input>,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// What is known now.
    pub(super) known: Known,
    /// By place in `inputs`.
    paths: Vec<(PathBuf, Stat)>,
}

impl Listing {
    /// True if some file of the set could not be read.
    pub(super) fn is_broken(&self) -> bool {
        self.diagnostics.iter().any(|d| d.severity == Severity::Error)
    }

    /// The texts of files that were not read. `None` if one is not what it was any more.
    pub(super) fn read(&self, files: &dyn Files, places: &[usize]) -> Option<Vec<SourceFile>> {
        let read = |place: &usize| {
            let ((path, stat), input) = (self.paths.get(*place)?, self.inputs.get(*place)?);
            let (now, bytes) = files.read(path, MAX_FILE_BYTES + 1).ok()?;
            let text = String::from_utf8(bytes).ok()?;
            (now == *stat && digest(&text) == input.digest).then(|| SourceFile::new(&*input.name, text))
        };
        in_parallel(places, read).into_iter().collect()
    }
}

const SCHEMAS: &str = "_schemas";
const TESTDATA: &str = "testdata";

/// Reads the directory `root`.
///
/// # Errors
/// One diagnostic, if the directory itself cannot be read or does not stand still. Faults of single files are in
/// [`Scan::diagnostics`].
pub fn scan(files: &dyn Files, root: &Path, include: Include) -> Result<Scan, Box<Diagnostic>> {
    let listing = list(files, root, include, &Known::default())?;
    let texts = listing.inputs.into_iter().filter_map(|input| input.text).collect();
    Ok(Scan { root: listing.root, files: texts, diagnostics: listing.diagnostics })
}

/// Reads the directory `root`, but for the files that are known and have not changed.
///
/// # Errors
/// As [`scan`].
pub(super) fn list(
    files: &dyn Files,
    root: &Path,
    include: Include,
    known: &Known,
) -> Result<Listing, Box<Diagnostic>> {
    for _ in 0..ATTEMPTS {
        let resolved = files.resolve(root).map_err(|e| root_fault(root, &e))?;
        let mut before = Walk::run(files, root, &resolved, include)?;
        let read = read_all(files, &before, known);
        let still = files.resolve(root).is_ok_and(|r| r == resolved)
            && Walk::run(files, root, &resolved, include).is_ok_and(|after| after.found == before.found);
        if let (true, Some((read, faults))) = (still, read) {
            let mut listing = Listing {
                root: resolved,
                inputs: Vec::with_capacity(read.len()),
                diagnostics: std::mem::take(&mut before.diagnostics),
                known: Known::default(),
                paths: Vec::with_capacity(read.len()),
            };
            listing.known.reserve(read.len());
            listing.diagnostics.extend(faults);
            for (place, seen, text) in read {
                let Some(found) = before.found.get_mut(place) else { continue };
                let name: Box<str> = std::mem::take(&mut found.name).into();
                listing.known.insert(name.clone(), seen);
                listing.inputs.push(Input { name, digest: seen.digest, text });
                listing.paths.push((std::mem::take(&mut found.path), found.stat));
            }
            return Ok(listing);
        }
    }
    let place = SourceFile::new(root.display().to_string(), "");
    Err(Box::new(Diagnostic::error("TG0808", &place, None, "the policy directory keeps changing while it is read")))
}

fn root_fault(root: &Path, error: &io::Error) -> Box<Diagnostic> {
    let place = SourceFile::new(root.display().to_string(), "");
    let message = match error.kind() {
        io::ErrorKind::NotFound => format!("policy directory `{}` does not exist", root.display()),
        io::ErrorKind::NotADirectory => format!("`{}` is not a directory", root.display()),
        _ => format!("cannot read policy directory `{}`: {}", root.display(), reason(error)),
    };
    Box::new(Diagnostic::error("TG0805", &place, None, message))
}

/// The system's words without the error number.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}

/// What became of the files of a walk: place, what is known now, and the text if it was read; and what is wrong.
type ReadAll = (Vec<(usize, Seen, Option<SourceFile>)>, Vec<Diagnostic>);

/// What became of one file.
enum One {
    Good(Seen, Option<SourceFile>),
    Bad(Diagnostic),
    /// It is not the file the walk saw any more.
    Moved,
}

/// Reads every file the walk found and that is not known. `None` if one is not the file the walk saw any more.
fn read_all(files: &dyn Files, walk: &Walk<'_>, known: &Known) -> Option<ReadAll> {
    let total: u64 = walk.found.iter().map(|f| f.stat.size.min(MAX_FILE_BYTES)).fold(0, u64::saturating_add);
    if total > MAX_TOTAL_BYTES {
        let place = SourceFile::new(walk.found.last().map_or("", |f| &f.name), "");
        let message = format!("the policy set is larger than {MAX_TOTAL_BYTES} bytes");
        return Some((Vec::new(), vec![Diagnostic::error("TG0803", &place, None, message)]));
    }
    let unread: Vec<&Found> = walk.found.iter().filter(|found| seen_before(found, known).is_none()).collect();
    let mut fresh = in_parallel(&unread, |found| read_one(files, found)).into_iter();
    let mut read = Vec::with_capacity(walk.found.len());
    let mut faults = Vec::new();
    for (place, found) in walk.found.iter().enumerate() {
        match seen_before(found, known).map_or_else(|| fresh.next(), |seen| Some(One::Good(seen, None))) {
            Some(One::Good(seen, text)) => read.push((place, seen, text)),
            Some(One::Bad(fault)) => faults.push(fault),
            Some(One::Moved) | None => return None,
        }
    }
    Some((read, faults))
}

/// What is known of a file that need not be read again.
fn seen_before(found: &Found, known: &Known) -> Option<Seen> {
    known.get(&*found.name).filter(|seen| seen.stat == found.stat && seen.stat.is_settled(seen.read_at)).copied()
}

fn read_one(files: &dyn Files, found: &Found) -> One {
    let fault =
        |code, message: String| One::Bad(Diagnostic::error(code, &SourceFile::new(&*found.name, ""), None, message));
    let read_at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos() as i128);
    match files.read(&found.path, MAX_FILE_BYTES + 1) {
        Ok((stat, _)) if stat != found.stat => One::Moved,
        Ok((_, bytes)) if bytes.len() as u64 > MAX_FILE_BYTES => {
            fault("TG0803", format!("file is larger than {MAX_FILE_BYTES} bytes"))
        }
        Ok((stat, bytes)) => match String::from_utf8(bytes) {
            Ok(text) => {
                let seen = Seen { stat, read_at, digest: digest(&text) };
                One::Good(seen, Some(SourceFile::new(&*found.name, text)))
            }
            Err(e) => {
                let at = e.utf8_error().valid_up_to();
                fault("TG0804", format!("file is not valid UTF-8 (at byte {at})"))
            }
        },
        Err(e) if e.kind() == io::ErrorKind::NotFound => One::Moved,
        Err(e) => fault("TG0801", format!("cannot read file: {}", reason(&e))),
    }
}

/// `work` for each item, in order; on all cores if there are many.
fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = if items.len() < 256 { 1 } else { crate::parallel::threads() };
    crate::parallel::map(items, threads, None, work)
}

/// A file that will be read.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    name: String,
    path: PathBuf,
    stat: Stat,
}

/// One pass over the tree.
struct Walk<'f> {
    files: &'f dyn Files,
    include: Include,
    found: Vec<Found>,
    diagnostics: Vec<Diagnostic>,
}

impl<'f> Walk<'f> {
    fn run(files: &'f dyn Files, root: &Path, resolved: &Path, include: Include) -> Result<Self, Box<Diagnostic>> {
        let mut walk = Self { files, include, found: Vec::new(), diagnostics: Vec::new() };
        let fault = |e: io::Error| root_fault(root, &e);
        let stat = files.stat(resolved).map_err(fault)?;
        if stat.kind != Kind::Directory {
            return Err(fault(io::ErrorKind::NotADirectory.into()));
        }
        let names = files.entries(resolved).map_err(fault)?;
        walk.directory(resolved, names, &mut Vec::new(), &mut vec![stat.id]);
        Ok(walk)
    }

    /// Bounded by [`MAX_DEPTH`]; `above` holds the identities of the directories this one lies in.
    fn directory(
        &mut self,
        path: &Path,
        mut names: Vec<(std::ffi::OsString, io::Result<Stat>)>,
        segments: &mut Vec<String>,
        above: &mut Vec<(u64, u64)>,
    ) {
        names.sort_by(|a, b| a.0.cmp(&b.0));
        for (name, stat) in names {
            let Some(name) = name.to_str() else {
                let lossy = name.to_string_lossy().into_owned();
                if could_matter(&lossy) {
                    segments.push(lossy);
                    self.fault(segments, "TG0807", "file name is not valid UTF-8");
                    segments.pop();
                }
                continue;
            };
            if name.starts_with('.') {
                continue;
            }
            segments.push(name.to_owned());
            self.entry(path, stat, segments, above);
            segments.pop();
        }
    }

    /// What `stat` says the last of `segments` in `directory` is.
    fn entry(
        &mut self,
        directory: &Path,
        stat: io::Result<Stat>,
        segments: &mut Vec<String>,
        above: &mut Vec<(u64, u64)>,
    ) {
        let path = || directory.join(segments.last().map_or("", String::as_str));
        let name = segments.join("/");
        let wanted = match classify(&name) {
            FileClass::Policy | FileClass::Schema => true,
            FileClass::Suite | FileClass::Fixture => self.include == Include::Everything,
            FileClass::MisplacedSchemas | FileClass::Ignored => false,
        };
        match stat {
            Ok(stat) if stat.kind == Kind::Directory => self.enter(&path(), stat, segments, above),
            Ok(_) | Err(_) if !wanted => {}
            Ok(stat) if stat.kind == Kind::File => {
                if self.found.len() < MAX_FILES {
                    self.found.push(Found { name, path: path(), stat });
                } else if self.found.len() == MAX_FILES {
                    self.fault(segments, "TG0803", &format!("the policy set has more than {MAX_FILES} files"));
                }
            }
            Ok(_) => self.fault(segments, "TG0802", "not a regular file"),
            Err(e) => self.fault(segments, "TG0801", &format!("cannot read file: {}", reason(&e))),
        }
    }

    fn enter(&mut self, path: &Path, stat: Stat, segments: &mut Vec<String>, above: &mut Vec<(u64, u64)>) {
        let name = segments.last().map_or("", String::as_str);
        let in_schemas = segments.first().is_some_and(|s| s == SCHEMAS);
        if name == TESTDATA && !in_schemas && self.include == Include::Policies {
            return;
        }
        if name == SCHEMAS && segments.len() > 1 && !in_schemas {
            return self.fault(segments, "TG0806", MISPLACED_SCHEMAS);
        }
        if above.contains(&stat.id) && stat.id != (0, 0) {
            // Everything in there is read where it really is.
            let place = SourceFile::new(segments.join("/"), "");
            let message = "symbolic link leads back to a directory it lies in";
            return self.diagnostics.push(Diagnostic::warning("TG0809", &place, None, message));
        }
        if above.len() >= MAX_DEPTH {
            return self.fault(segments, "TG0803", &format!("directories are nested deeper than {MAX_DEPTH}"));
        }
        match self.files.entries(path) {
            Ok(names) => {
                above.push(stat.id);
                self.directory(path, names, segments, above);
                above.pop();
            }
            Err(e) => self.fault(segments, "TG0801", &format!("cannot read directory: {}", reason(&e))),
        }
    }

    fn fault(&mut self, segments: &[String], code: &'static str, message: &str) {
        let place = SourceFile::new(segments.join("/"), "");
        self.diagnostics.push(Diagnostic::error(code, &place, None, message));
    }
}

/// Whether a name that cannot be read as text would have been a policy's.
fn could_matter(lossy: &str) -> bool {
    classify(lossy) != FileClass::Ignored
}
