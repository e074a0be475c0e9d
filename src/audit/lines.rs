//! Rows as lines of JSON: at the end of a file, or on standard output or error. What is written is never taken back;
//! a line that a crash cut off is closed, and the next one begins on its own.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::queue::{Entry, Kind};
use super::rotation;
use super::settings::{Output, Rotation};
use super::writer::{Lost, Sink};

/// What every line begins with, as the reference has it.
const HEAD: &[u8] = b"{\"log.logger\":\"cerbos.audit\",\"log.kind\":\"";

/// One output.
pub(super) struct Lines {
    target: Target,
    pending: Vec<u8>,
    /// How much of `pending` is written.
    done: usize,
    /// Where each pending line ends, and what it is.
    ends: Vec<(usize, Kind)>,
    /// The last line written has no end.
    torn: bool,
}

enum Target {
    Stdout,
    Stderr,
    File(LogFile),
}

struct LogFile {
    path: PathBuf,
    file: File,
    size: u64,
    rotation: Option<Rotation>,
    /// Every batch reaches the disk before the next.
    durable: bool,
}

impl Lines {
    pub(super) fn open(output: &Output, rotation: Option<Rotation>, durable: bool) -> io::Result<Self> {
        let mut torn = false;
        let target = match output {
            Output::Stdout => Target::Stdout,
            Output::Stderr => Target::Stderr,
            Output::File(path) => {
                if let Some(directory) = path.parent().filter(|d| !d.as_os_str().is_empty()) {
                    std::fs::create_dir_all(directory)?;
                }
                let (file, size, cut) = append_to(path)?;
                torn = cut;
                if let Some(rotation) = rotation {
                    rotation::prune(path, rotation);
                }
                Target::File(LogFile { path: path.clone(), file, size, rotation, durable })
            }
        };
        Ok(Self { target, pending: Vec::new(), done: 0, ends: Vec::new(), torn })
    }

    fn settled(&mut self) {
        self.pending.clear();
        self.ends.clear();
        self.done = 0;
    }
}

impl Sink for Lines {
    fn take(&mut self, batch: &[Entry]) {
        if self.torn && self.pending.is_empty() {
            self.pending.push(b'\n');
            self.torn = false;
        }
        for entry in batch {
            self.pending.extend_from_slice(HEAD);
            self.pending.extend_from_slice(entry.kind.name().as_bytes());
            self.pending.push(b'"');
            // The members after the brace; a row is never empty.
            let members = entry.json.get(1..).unwrap_or(b"}");
            if members != b"}" {
                self.pending.push(b',');
            }
            self.pending.extend_from_slice(members);
            self.pending.push(b'\n');
            self.ends.push((self.pending.len(), entry.kind));
        }
    }

    fn write(&mut self, _: bool) -> io::Result<()> {
        if self.done == 0
            && !self.pending.is_empty()
            && let Target::File(log) = &mut self.target
        {
            log.make_ready(self.pending.len() as u64)?;
        }
        while let Some(rest) = self.pending.get(self.done..).filter(|rest| !rest.is_empty()) {
            let written = match &mut self.target {
                Target::Stdout => io::stdout().lock().write(rest),
                Target::Stderr => io::stderr().lock().write(rest),
                Target::File(log) => log.file.write(rest),
            };
            match written {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    self.done += n;
                    if let Target::File(log) = &mut self.target {
                        log.size += n as u64;
                    }
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        if !self.pending.is_empty() {
            match &mut self.target {
                Target::Stdout => io::stdout().lock().flush()?,
                Target::Stderr => {}
                Target::File(log) if log.durable => log.file.sync_data()?,
                Target::File(_) => {}
            }
        }
        self.settled();
        Ok(())
    }

    fn abandon(&mut self) -> Lost {
        let mut lost = Lost::default();
        for (_, kind) in self.ends.iter().filter(|(end, _)| *end > self.done) {
            lost.add(*kind);
        }
        self.torn |= self.done > 0 && self.pending.get(self.done - 1) != Some(&b'\n');
        self.settled();
        lost
    }
}

impl LogFile {
    /// Sets the file aside if it is full, and follows it if somebody else did so.
    fn make_ready(&mut self, coming: u64) -> io::Result<()> {
        let mine = self.file.metadata()?;
        let there = std::fs::metadata(&self.path);
        if there.is_ok_and(|there| (there.dev(), there.ino()) == (mine.dev(), mine.ino())) {
            let Some(rotation) = self.rotation else { return Ok(()) };
            if self.size == 0 || self.size + coming <= rotation.bytes || !mine.is_file() {
                return Ok(());
            }
            rotation::set_aside(&self.path)?;
            rotation::prune(&self.path, rotation);
        }
        let (file, size, _) = append_to(&self.path)?;
        (self.file, self.size) = (file, size);
        Ok(())
    }
}

/// Opens a file to write at its end: for the owner alone, if it is new. Tells its size, and whether its last line has
/// no end.
fn append_to(path: &Path) -> io::Result<(File, u64, bool)> {
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    let metadata = file.metadata()?;
    let torn = metadata.is_file() && metadata.len() > 0 && {
        // What was written may not be readable; then nothing is known, and an empty line does no harm.
        let last = File::open(path).and_then(|mut reader| {
            reader.seek(SeekFrom::End(-1))?;
            let mut byte = [0];
            reader.read_exact(&mut byte)?;
            Ok(byte)
        });
        last.map_or(true, |byte| byte != [b'\n'])
    };
    Ok((file, metadata.len(), torn))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(text: &str) -> Entry {
        Entry { kind: Kind::Access, id: [b'0'; 26], json: format!("{{\"x\":\"{text}\"}}").into_bytes() }
    }

    fn lines(path: &Path) -> Vec<String> {
        std::fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
    }

    fn write(sink: &mut Lines, texts: &[&str]) {
        let batch: Vec<Entry> = texts.iter().map(|t| entry(t)).collect();
        sink.take(&batch);
        sink.write(true).unwrap();
    }

    #[test]
    fn lines_have_the_references_head_and_a_torn_one_is_closed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/er/audit.log");
        let output = Output::File(path.clone());
        let mut sink = Lines::open(&output, None, true).unwrap();
        write(&mut sink, &["a", "b"]);
        let whole = "{\"log.logger\":\"cerbos.audit\",\"log.kind\":\"access\",\"x\":\"b\"}";
        assert_eq!(lines(&path)[1], whole);
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);

        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"log.log").unwrap();
        let mut sink = Lines::open(&output, None, false).unwrap();
        write(&mut sink, &["b"]);
        assert_eq!(lines(&path).len(), 4);
        assert_eq!(lines(&path)[3], whole);
    }

    #[test]
    fn a_file_that_somebody_moved_away_is_begun_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.log");
        let mut sink = Lines::open(&Output::File(path.clone()), None, false).unwrap();
        write(&mut sink, &["a"]);
        std::fs::rename(&path, dir.path().join("old")).unwrap();
        write(&mut sink, &["b"]);
        assert_eq!((lines(&path).len(), lines(&dir.path().join("old")).len()), (1, 1));
    }

    #[test]
    fn a_full_file_is_set_aside_and_the_oldest_go() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.log");
        let rotation = Rotation { bytes: 100, keep_for: None, keep: Some(2) };
        let mut sink = Lines::open(&Output::File(path.clone()), Some(rotation), false).unwrap();
        for n in 0..5 {
            write(&mut sink, &[&format!("{n}{}", "x".repeat(60))]);
        }
        let mut names: Vec<String> =
            std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        assert_eq!(names.len(), 3, "{names:?}");
        // The newest set aside is the fourth row.
        let (older, newer, current) = (&names[0], &names[1], &names[2]);
        assert!(older.starts_with("audit-20") && older < newer && current == "audit.log", "{names:?}");
        assert!(lines(&dir.path().join(older))[0].contains("\"2x"));
        assert!(lines(&dir.path().join(newer))[0].contains("\"3x"));
        assert!(lines(&path)[0].contains("\"4x"));
    }

    #[test]
    fn what_cannot_be_written_is_counted_and_later_lines_are_whole() {
        // A device that is always full.
        let mut sink = Lines::open(&Output::File("/dev/full".into()), None, false).unwrap();
        sink.take(&[entry("a"), entry("b")]);
        assert!(sink.write(true).is_err());
        assert!(sink.write(true).is_err());
        assert_eq!(sink.abandon(), Lost { access: 2, decision: 0 });
        assert!(sink.write(true).is_ok());
    }
}
