//! Rows in an embedded store, by which they can be found again: by the time or the id of a call. The one place that
//! names redb.

use std::io;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use redb::{Database, ReadableDatabase, TableDefinition, TableError};

use super::queue::{Entry, Kind};
use super::settings;
use super::writer::{Lost, Sink};

/// The ULID and a running number, because a call may have several rows → the row.
type Rows = TableDefinition<'static, &'static [u8], &'static [u8]>;

const ACCESS: Rows = TableDefinition::new("access");
const DECISION: Rows = TableDefinition::new("decision");
const FILE: &str = "audit.redb";
/// Memory for pages.
const CACHE_BYTES: usize = 16 << 20;
/// Rows read before they are given on.
const PAGE: usize = 256;

/// Which rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// The last so many, newest first.
    Tail(usize),
    /// Those between two times, both included, oldest first.
    Between(SystemTime, SystemTime),
    /// Those of one call.
    Lookup(String),
}

/// The store, for reading.
#[derive(Clone, Debug)]
pub struct Rowstore(Arc<Database>);

/// The store, for writing.
pub(super) struct LocalSink {
    store: Rowstore,
    settings: settings::Local,
    pending: Vec<Entry>,
    committed: Instant,
    collected: Option<Instant>,
    number: u32,
}

fn table(kind: Kind) -> Rows {
    match kind {
        Kind::Access => ACCESS,
        Kind::Decision => DECISION,
    }
}

fn other(error: impl Into<redb::Error>) -> io::Error {
    match error.into() {
        redb::Error::Io(e) => e,
        e => io::Error::other(e),
    }
}

impl Rowstore {
    /// Opens the store of a directory, which is made if there is none. Nobody else may have it open.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub fn open(directory: &Path) -> io::Result<Self> {
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let path = directory.join(FILE);
        // For the owner alone, before anything is in it.
        std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(&path)?;
        let database = Database::builder().set_cache_size(CACHE_BYTES).create(&path).map_err(other)?;
        let store = Self(Arc::new(database));
        store.write(|_| Ok(()))?;
        Ok(store)
    }

    /// One transaction over both tables.
    fn write(&self, fill: impl FnOnce(&redb::WriteTransaction) -> io::Result<()>) -> io::Result<()> {
        let transaction = self.0.begin_write().map_err(other)?;
        for kind in [ACCESS, DECISION] {
            transaction.open_table(kind).map_err(other)?;
        }
        fill(&transaction)?;
        transaction.commit().map_err(other)
    }

    /// Gives rows to `each`, until it has enough and says false. Blocks.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn find(&self, kind: Kind, filter: &Filter, mut each: impl FnMut(Vec<u8>) -> bool) -> io::Result<()> {
        let transaction = self.0.begin_read().map_err(other)?;
        let rows = match transaction.open_table(table(kind)) {
            Ok(rows) => rows,
            Err(TableError::TableDoesNotExist(_)) => return Ok(()),
            Err(e) => return Err(other(e)),
        };
        let (low, high) = match filter {
            Filter::Tail(count) => {
                let all = rows.range::<&[u8]>(..).map_err(other)?;
                for row in all.rev().take(*count) {
                    if !each(row.map_err(other)?.1.value().to_vec()) {
                        break;
                    }
                }
                return Ok(());
            }
            Filter::Between(start, end) => (bound(*start, b'0'), bound(*end, b'Z')),
            Filter::Lookup(id) => (id.as_bytes().to_vec(), [id.as_bytes(), &[0xff; 5]].concat()),
        };
        // A reader that takes its time holds no page: it goes on after the last row it saw.
        let mut from = Bound::Included(low);
        loop {
            let range = (from.as_ref().map(Vec::as_slice), Bound::Included(high.as_slice()));
            let mut page: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
            for row in rows.range::<&[u8]>(range).map_err(other)?.take(PAGE) {
                let (key, value) = row.map_err(other)?;
                page.push((key.value().to_vec(), value.value().to_vec()));
            }
            let Some((last, _)) = page.last() else { return Ok(()) };
            from = Bound::Excluded(last.clone());
            if !page.into_iter().all(|(_, row)| each(row)) {
                return Ok(());
            }
        }
    }

    /// Removes rows from before `time`, and says how many.
    fn forget(&self, time: SystemTime) -> io::Result<usize> {
        let end = bound(time, b'0');
        let mut removed = 0;
        self.write(|transaction| {
            for kind in [ACCESS, DECISION] {
                let mut rows = transaction.open_table(kind).map_err(other)?;
                let old = rows.extract_from_if(..end.as_slice(), |_, _| true).map_err(other)?;
                for row in old {
                    row.map_err(other)?;
                    removed += 1;
                }
            }
            Ok(())
        })?;
        Ok(removed)
    }
}

/// The least or greatest ULID of a time.
fn bound(time: SystemTime, fill: u8) -> Vec<u8> {
    const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let millis = time.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis());
    let digit = |n: u32| DIGITS.get(((millis >> (5 * n)) & 31) as usize).copied().unwrap_or(b'0');
    let mut key: Vec<u8> = (0..10).rev().map(digit).collect();
    key.resize(26, fill);
    if fill != b'0' {
        key.extend([0xff; 4]);
    }
    key
}

impl LocalSink {
    pub(super) fn new(store: Rowstore, settings: settings::Local) -> Self {
        Self { store, settings, pending: Vec::new(), committed: Instant::now(), collected: None, number: 0 }
    }

    fn commit(&mut self) -> io::Result<()> {
        let batch = self.settings.batch.min(self.pending.len());
        let (pending, mut number) = (&self.pending, self.number);
        self.store.write(|transaction| {
            for kind in [Kind::Access, Kind::Decision] {
                let mut rows = transaction.open_table(table(kind)).map_err(other)?;
                for entry in pending.iter().take(batch).filter(|e| e.kind == kind) {
                    let key = [entry.id.as_slice(), &number.to_be_bytes()].concat();
                    number = number.wrapping_add(1);
                    rows.insert(key.as_slice(), entry.json.as_slice()).map_err(other)?;
                }
            }
            Ok(())
        })?;
        self.number = number;
        self.pending.drain(..batch);
        self.committed = Instant::now();
        Ok(())
    }
}

impl Sink for LocalSink {
    fn take(&mut self, batch: &[Entry]) {
        self.pending.extend_from_slice(batch);
    }

    fn write(&mut self, all: bool) -> io::Result<()> {
        if self.collected.is_none_or(|c| c.elapsed() >= self.settings.gc_interval) {
            self.collected = Some(Instant::now());
            let before = SystemTime::now().checked_sub(self.settings.retention).unwrap_or(UNIX_EPOCH);
            let removed = self.store.forget(before)?;
            if removed > 0 {
                tracing::info!(removed, "old rows of the audit log were removed");
            }
        }
        let is_due = |sink: &Self| {
            let waited = sink.committed.elapsed() >= sink.settings.flush_interval;
            !sink.pending.is_empty() && (all || waited || sink.pending.len() >= sink.settings.batch)
        };
        while is_due(self) {
            self.commit()?;
        }
        Ok(())
    }

    fn abandon(&mut self) -> Lost {
        let mut lost = Lost::default();
        self.pending.drain(..).for_each(|entry| lost.add(entry.kind));
        lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::time::Duration;

    const SECOND: Duration = Duration::from_secs(1);

    fn entry(kind: Kind, time: SystemTime, name: &str) -> Entry {
        let mut id = [b'1'; 26];
        id.copy_from_slice(&bound(time, b'1')[..26]);
        Entry { kind, id, json: name.as_bytes().to_vec() }
    }

    fn sink(directory: &Path, retention: Duration) -> LocalSink {
        let settings = settings::Local {
            directory: directory.to_owned(),
            retention,
            batch: 2,
            flush_interval: Duration::from_secs(3600),
            gc_interval: Duration::ZERO,
        };
        LocalSink::new(Rowstore::open(directory).unwrap(), settings)
    }

    fn found(store: &Rowstore, kind: Kind, filter: &Filter) -> Vec<String> {
        let mut all = Vec::new();
        store
            .find(kind, filter, |row| {
                all.push(String::from_utf8(row).unwrap());
                true
            })
            .unwrap();
        all
    }

    #[test]
    fn rows_are_found_by_time_and_id_after_a_restart_and_go_when_they_are_old() {
        let dir = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        let (early, late) = (now - 100 * SECOND, now - 10 * SECOND);
        let mut writer = sink(dir.path(), 3600 * SECOND);
        writer.take(&[
            entry(Kind::Decision, late, "c"),
            entry(Kind::Decision, early, "a"),
            entry(Kind::Access, late, "x"),
        ]);
        writer.take(&[entry(Kind::Decision, late, "d")]);
        writer.write(false).unwrap();
        writer.take(&[entry(Kind::Decision, early + SECOND, "b")]);
        // Neither many nor old enough.
        writer.write(false).unwrap();
        assert_eq!(writer.pending.len(), 1);
        writer.write(true).unwrap();
        let refused = Rowstore::open(dir.path()).map(|_| ()).unwrap_err();
        assert!(refused.to_string().contains("open"), "{refused}");
        drop(writer);

        let mut writer = sink(dir.path(), 50 * SECOND);
        let store = writer.store.clone();
        let decisions = |filter: &Filter| found(&store, Kind::Decision, filter);
        assert_eq!(decisions(&Filter::Tail(3)), ["d", "c", "b"]);
        assert_eq!(decisions(&Filter::Tail(1000)), ["d", "c", "b", "a"]);
        assert_eq!(decisions(&Filter::Between(early, early + 2 * SECOND)), ["a", "b"]);
        assert_eq!(decisions(&Filter::Between(early, now)), ["a", "b", "c", "d"]);
        assert_eq!(decisions(&Filter::Between(now, early)), [""; 0]);
        let id = String::from_utf8(entry(Kind::Decision, late, "").id.to_vec()).unwrap();
        assert_eq!(decisions(&Filter::Lookup(id)), ["c", "d"]);
        assert_eq!(decisions(&Filter::Lookup("0".repeat(26))), [""; 0]);
        assert_eq!(found(&store, Kind::Access, &Filter::Tail(9)), ["x"]);

        writer.write(false).unwrap();
        assert_eq!(decisions(&Filter::Tail(9)), ["d", "c"]);
    }

    #[test]
    fn a_long_answer_comes_in_pages_and_can_be_cut() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = sink(dir.path(), 3600 * SECOND);
        writer.settings.batch = 10_000;
        let now = SystemTime::now();
        let rows: Vec<Entry> = (0..600).map(|n| entry(Kind::Access, now, &n.to_string())).collect();
        writer.take(&rows);
        writer.write(true).unwrap();
        let between = Filter::Between(now - SECOND, now);
        assert_eq!(found(&writer.store, Kind::Access, &between).len(), 600);
        let mut seen = 0;
        writer
            .store
            .find(Kind::Access, &between, |_| {
                seen += 1;
                seen < 300
            })
            .unwrap();
        assert_eq!(seen, 300);
    }
}
