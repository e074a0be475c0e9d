//! Puts one store and its requests before both servers and says where they differ.

use std::path::PathBuf;
use std::thread;

use tempfile::TempDir;

use crate::compare::{self, Mismatch};
use crate::http::Reply;
use crate::server::{Server, Side, StartError, Starting};
use crate::store::{Store, permute};

/// Both servers for one worker.
pub struct Lab {
    theirs: Side,
    ours: Side,
    work: TempDir,
    path: &'static str,
}

/// What both sides said of a store.
pub enum Verdict {
    /// Both serve it.
    Accepted(Box<Pair>),
    /// Neither does; the reference's and our text.
    Refused(String, String),
    /// They disagree.
    Differ(Mismatch),
}

/// Two running servers, and with strict evaluation the reference on the same store in other orders.
pub struct Pair {
    theirs: Server,
    ours: Server,
    others: Vec<Server>,
    path: &'static str,
}

/// The replies to one request.
pub struct Replies {
    /// The reference's.
    pub theirs: Reply,
    /// Ours.
    pub ours: Reply,
    /// The reference's to the same question with rules and roles in other orders.
    pub others: Vec<Reply>,
}

/// Orders that are tried with strict evaluation: reversed, and shuffled by this seed.
const ORDERS: [Option<u64>; 2] = [None, Some(7)];
const ORDER_NAMES: [&str; 2] = ["reversed", "shuffled"];

impl Lab {
    /// A place to work in; requests go to `path`.
    pub fn new(theirs: &Side, ours: &Side, path: &'static str) -> Result<Self, String> {
        let work = TempDir::with_prefix("tgdiff-").map_err(|e| format!("temporary directory: {e}"))?;
        Ok(Self { theirs: theirs.clone(), ours: ours.clone(), work, path })
    }

    fn write(&self, store: &Store) -> Result<PathBuf, String> {
        let dir = self.work.path().join("store");
        store.write(&dir).map_err(|e| format!("write store: {e}"))?;
        Ok(dir)
    }

    /// Serves `store` from both sides.
    pub fn serve(&self, store: &Store) -> Result<Verdict, String> {
        let dir = self.write(store)?;
        let spawn = |side: &Side| side.spawn(self.work.path(), &dir, &store.settings);
        let (theirs, ours) = (spawn(&self.theirs), spawn(&self.ours));
        let (theirs, ours) = (theirs.and_then(Starting::ready), ours.and_then(Starting::ready));
        Ok(match (theirs, ours) {
            (Err(StartError::Broken(text)), _) | (_, Err(StartError::Broken(text))) => return Err(text),
            (Ok(theirs), Ok(ours)) => {
                let others = if self.theirs.strict { self.others(store)? } else { Vec::new() };
                Verdict::Accepted(Box::new(Pair { theirs, ours, others, path: self.path }))
            }
            (Err(StartError::Refused(a)), Err(StartError::Refused(b))) => Verdict::Refused(a, b),
            (Ok(_), Err(StartError::Refused(text))) => {
                Verdict::Differ(verdict("accepted".into(), format!("refused: {text}")))
            }
            (Err(StartError::Refused(text)), Ok(_)) => {
                Verdict::Differ(verdict(format!("refused: {text}"), "accepted".into()))
            }
        })
    }

    /// The reference on the store in other orders.
    fn others(&self, store: &Store) -> Result<Vec<Server>, String> {
        let mut list = Vec::new();
        for (order, name) in ORDERS.into_iter().zip(ORDER_NAMES) {
            let dir = self.work.path().join(name);
            permute::permuted(store, order).write(&dir).map_err(|e| format!("write store: {e}"))?;
            let side = Side { name, ..self.theirs.clone() };
            list.push(side.spawn(self.work.path(), &dir, &store.settings));
        }
        let ready = list.into_iter().map(|starting| match starting.and_then(Starting::ready) {
            Ok(server) => Ok(server),
            Err(StartError::Refused(text) | StartError::Broken(text)) => Err(format!("in another order: {text}")),
        });
        ready.collect()
    }

    /// True if the reference gives our answer after one of 20 other starts, at the place of the mismatch.
    pub fn by_luck(&self, store: &Store, request: &str, ours: &Reply, mismatch: &Mismatch) -> Result<bool, String> {
        let dir = self.write(store)?;
        for _ in 0..20 {
            let mut server = match self.theirs.spawn(self.work.path(), &dir, &store.settings).and_then(Starting::ready)
            {
                Ok(server) => server,
                Err(StartError::Refused(text) | StartError::Broken(text)) => return Err(text),
            };
            let reply = post(&mut server, self.path, request.as_bytes())?;
            let same_place = |m: &Mismatch| m.resource == mismatch.resource && m.action == mismatch.action;
            if !compare::replies(&reply, ours).found.iter().any(|m| m.field == mismatch.field && same_place(m)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// True if the reference gives different answers from start to start.
    pub fn unstable(&self, store: &Store, request: Option<&str>) -> Result<bool, String> {
        let dir = self.write(store)?;
        let mut first: Option<Option<Reply>> = None;
        for _ in 0..10 {
            let reply = match self.theirs.spawn(self.work.path(), &dir, &store.settings).and_then(Starting::ready) {
                Ok(mut server) => match request {
                    Some(request) => Some(post(&mut server, self.path, request.as_bytes())?),
                    None => Some(Reply { status: 0, body: Vec::new() }),
                },
                Err(StartError::Refused(_)) => None,
                Err(StartError::Broken(text)) => return Err(text),
            };
            match (&first, reply) {
                (None, reply) => first = Some(reply),
                (Some(Some(a)), Some(b)) if compare::replies(a, &b).found.is_empty() => {}
                (Some(None), None) => {}
                _ => return Ok(true),
            }
        }
        Ok(false)
    }
}

fn verdict(theirs: String, ours: String) -> Mismatch {
    Mismatch { field: "verdict", resource: None, action: None, theirs, ours }
}

fn post(server: &mut Server, path: &str, body: &[u8]) -> Result<Reply, String> {
    server.client.send("POST", path, body).map_err(|e| format!("request failed: {e}"))
}

impl Pair {
    /// Processor time of the reference and of ours, in seconds.
    pub fn cpu(&self) -> (f64, f64) {
        (self.theirs.cpu(), self.ours.cpu())
    }

    /// Sends every body to both servers, which work at the same time.
    pub fn ask(&mut self, bodies: &[String]) -> Result<Vec<Replies>, String> {
        let path = self.path;
        let all = |server: &mut Server| -> Result<Vec<Reply>, String> {
            bodies.iter().map(|body| post(server, path, body.as_bytes())).collect()
        };
        let (theirs, ours) = thread::scope(|scope| {
            let theirs = &mut self.theirs;
            let handle = scope.spawn(move || all(theirs));
            let ours = all(&mut self.ours);
            (handle.join().unwrap_or_else(|_| Err("the reference's client panicked".into())), ours)
        });
        let theirs = theirs.map_err(|e| format!("reference: {e}"))?;
        let ours = ours.map_err(|e| format!("ours: {e}"))?;
        let pairs = theirs.into_iter().zip(ours);
        let mut replies: Vec<Replies> =
            pairs.map(|(theirs, ours)| Replies { theirs, ours, others: Vec::new() }).collect();
        for (body, replies) in bodies.iter().zip(&mut replies) {
            let turned: Vec<String> = ORDERS.iter().map(|order| permute::permuted_request(body, *order)).collect();
            for server in &mut self.others {
                for body in [body].into_iter().chain(&turned) {
                    replies.others.push(post(server, path, body.as_bytes())?);
                }
            }
            if !self.others.is_empty() {
                for body in &turned {
                    replies.others.push(post(&mut self.theirs, path, body.as_bytes())?);
                }
            }
        }
        Ok(replies)
    }
}
