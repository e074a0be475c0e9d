//! Reads a directory of policies as one consistent set: walks it, reads it, walks it again, and starts over if
//! anything moved meanwhile. Looks at names alone; what files say is for `compile`.

use std::io;
use std::path::{Path, PathBuf};

use super::files::{Files, Kind, Stat};
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

const SCHEMAS: &str = "_schemas";
const TESTDATA: &str = "testdata";

/// Reads the directory `root`.
///
/// # Errors
/// One diagnostic, if the directory itself cannot be read or does not stand still. Faults of single files are in
/// [`Scan::diagnostics`].
pub fn scan(files: &dyn Files, root: &Path, include: Include) -> Result<Scan, Box<Diagnostic>> {
    for _ in 0..ATTEMPTS {
        let resolved = files.resolve(root).map_err(|e| root_fault(root, &e))?;
        let before = Walk::run(files, root, &resolved, include)?;
        let read = read_all(files, &before);
        let still = files.resolve(root).is_ok_and(|r| r == resolved)
            && Walk::run(files, root, &resolved, include).is_ok_and(|after| after.found == before.found);
        if let (true, Some((texts, faults))) = (still, read) {
            let mut diagnostics = before.diagnostics;
            diagnostics.extend(faults);
            return Ok(Scan { root: resolved, files: texts, diagnostics });
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

/// Reads every file the walk found. `None` if one is not the file the walk saw any more.
fn read_all(files: &dyn Files, walk: &Walk<'_>) -> Option<(Vec<SourceFile>, Vec<Diagnostic>)> {
    let mut texts = Vec::with_capacity(walk.found.len());
    let mut faults = Vec::new();
    let mut total = 0_u64;
    for found in &walk.found {
        let fault = |code, message: String| Diagnostic::error(code, &SourceFile::new(&*found.name, ""), None, message);
        match files.read(&found.path, MAX_FILE_BYTES + 1) {
            Ok((stat, _)) if stat != found.stat => return None,
            Ok((_, bytes)) if bytes.len() as u64 > MAX_FILE_BYTES => {
                faults.push(fault("TG0803", format!("file is larger than {MAX_FILE_BYTES} bytes")));
            }
            Ok((_, bytes)) => {
                total = total.saturating_add(bytes.len() as u64);
                if total > MAX_TOTAL_BYTES {
                    faults.push(fault("TG0803", format!("the policy set is larger than {MAX_TOTAL_BYTES} bytes")));
                    break;
                }
                match String::from_utf8(bytes) {
                    Ok(text) => texts.push(SourceFile::new(&*found.name, text)),
                    Err(e) => {
                        let at = e.utf8_error().valid_up_to();
                        faults.push(fault("TG0804", format!("file is not valid UTF-8 (at byte {at})")));
                    }
                }
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => return None,
            Err(e) => faults.push(fault("TG0801", format!("cannot read file: {}", reason(&e)))),
        }
    }
    Some((texts, faults))
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
        let names = files.list(resolved).map_err(fault)?;
        walk.directory(resolved, names, &mut Vec::new(), &mut vec![stat.id]);
        Ok(walk)
    }

    /// Bounded by [`MAX_DEPTH`]; `above` holds the identities of the directories this one lies in.
    fn directory(
        &mut self,
        path: &Path,
        mut names: Vec<std::ffi::OsString>,
        segments: &mut Vec<String>,
        above: &mut Vec<(u64, u64)>,
    ) {
        names.sort();
        for name in names {
            let child = path.join(&name);
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
            self.entry(&child, segments, above);
            segments.pop();
        }
    }

    fn entry(&mut self, path: &Path, segments: &mut Vec<String>, above: &mut Vec<(u64, u64)>) {
        let wanted = match classify(&segments.join("/")) {
            FileClass::Policy | FileClass::Schema => true,
            FileClass::Suite | FileClass::Fixture => self.include == Include::Everything,
            FileClass::MisplacedSchemas | FileClass::Ignored => false,
        };
        match self.files.stat(path) {
            Ok(stat) if stat.kind == Kind::Directory => self.enter(path, stat, segments, above),
            Ok(_) | Err(_) if !wanted => {}
            Ok(stat) if stat.kind == Kind::File => {
                if self.found.len() < MAX_FILES {
                    self.found.push(Found { name: segments.join("/"), path: path.to_owned(), stat });
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
        match self.files.list(path) {
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
