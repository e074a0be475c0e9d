//! Faults of the machine and the end of the server: nobody gets a wrong answer, and what can recover does.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;
use toolgate::proto::toolgate::v1::Verdict;
use toolgate::proto::toolgate::v1::tool_call_service_client::ToolCallServiceClient;
use toolgate::store::{Outcome, Store, StoreOptions};

use crate::support::{Pdp, Policies, allowing, denying, question};

#[tokio::test]
async fn a_server_that_goes_down_answers_what_was_asked_and_ends_its_streams() {
    let policies = Policies::new(&[("a.yaml", &allowing("a", "read"))]);
    let mut pdp = Pdp::start(policies.path()).await;
    let mut client = ToolCallServiceClient::new(pdp.channel().await);
    let (questions, receiver) = mpsc::channel(8);
    let mut answers = client.decide_stream(ReceiverStream::new(receiver)).await.unwrap().into_inner();
    for n in 0..3 {
        questions.send(question(&n.to_string(), "a", "read")).await.unwrap();
    }
    for n in 0..3 {
        let answer = answers.message().await.unwrap().unwrap();
        assert_eq!((answer.call_id.as_str(), answer.verdict()), (n.to_string().as_str(), Verdict::Allow));
    }
    pdp.stop();
    let end = answers.message().await.unwrap_err();
    assert_eq!((end.code(), end.message()), (Code::Unavailable, "server is shutting down"));
    // It does not wait for clients that stay connected.
    pdp.down().await;
    assert!(client.decide(question("x", "a", "read")).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn going_down_under_load_loses_no_request_that_was_taken() {
    let policies = Policies::new(&[("a.yaml", &allowing("a", "read"))]);
    for _ in 0..5 {
        let mut pdp = Pdp::start(policies.path()).await;
        let (asked, mut first) = mpsc::channel::<()>(64);
        let mut clients = Vec::new();
        for _ in 0..8 {
            // Connected before the end comes: it is requests that must not be lost.
            let (channel, asked) = (pdp.channel().await, asked.clone());
            clients.push(tokio::spawn(async move {
                let mut client = ToolCallServiceClient::new(channel);
                let mut n = 0_u32;
                loop {
                    match client.decide(question("c", "a", "read")).await {
                        Ok(answer) => assert_eq!(answer.into_inner().verdict(), Verdict::Allow),
                        // The connection is gone. No request got another answer.
                        Err(e) => {
                            assert!(e.source().is_some(), "an answer: {e}");
                            return n;
                        }
                    }
                    n += 1;
                    let _ = asked.try_send(());
                }
            }));
        }
        for _ in 0..32 {
            first.recv().await.unwrap();
        }
        pdp.stop();
        pdp.down().await;
        let mut answered = 0;
        for client in clients {
            answered += client.await.unwrap();
        }
        assert!(answered >= 32, "{answered}");
    }
}

/// A small deterministic source of choices.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }
}

/// One random edit of a directory: files written, broken, mended, moved, removed, folders moved and removed.
fn edit(root: &Path, dice: &mut Dice) {
    let name = |dice: &mut Dice| {
        let folder = ["", "x/", "x/y/", "z/"][dice.roll(4)];
        format!("{folder}p{}.yaml", dice.roll(4))
    };
    let (one, other) = (name(dice), name(dice));
    let (from, to) = (root.join(&one), root.join(&other));
    // Whatever cannot be done is not done: the script goes on.
    match dice.roll(9) {
        0 => drop(fs::remove_file(from)),
        1 => drop(to.parent().map(fs::create_dir_all).and_then(|_| fs::rename(from, to).ok())),
        2 => drop(fs::rename(root.join("x"), root.join("w"))),
        3 => drop(fs::rename(root.join("w"), root.join("x"))),
        4 => drop(fs::remove_dir_all(root.join("z"))),
        5 => drop(fs::create_dir_all(from.parent().unwrap()).and_then(|()| fs::write(from, "a: [\n"))),
        n => {
            // Distinct kinds, so that most sets are whole.
            let server = one.replace(['/', '.'], "_");
            let text = if n % 2 == 0 { allowing(&server, "read") } else { denying(&server) };
            drop(fs::create_dir_all(from.parent().unwrap()).and_then(|()| fs::write(from, text)));
        }
    }
}

/// After any script of edits the live store is what a fresh one is; and where a fresh one would not start, the last
/// whole set serves.
#[test]
fn a_live_store_equals_a_fresh_one_after_every_edit() {
    let mut outcomes: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in 1..=10 {
        let mut dice = Dice(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed));
        let dir = tempfile::tempdir().unwrap();
        let options = StoreOptions { watch: false, ..StoreOptions::new(dir.path()) };
        let live = Store::open(options.clone()).unwrap();
        let mut last_good = live.snapshot().revision.clone();
        for step in 0..60 {
            edit(dir.path(), &mut dice);
            let outcome = live.reload();
            match Store::open(options.clone()) {
                Ok(fresh) => {
                    let fresh = fresh.snapshot();
                    assert_ne!(outcome, Outcome::Failed, "seed {seed} step {step}");
                    assert_eq!(live.snapshot().revision, fresh.revision, "seed {seed} step {step}");
                    assert_eq!((live.snapshot().policies, live.snapshot().rules), (fresh.policies, fresh.rules));
                    assert!(live.status().failure.is_none());
                    last_good = fresh.revision.clone();
                    *outcomes.entry("whole").or_default() += 1;
                }
                Err(faults) => {
                    assert_eq!(outcome, Outcome::Failed, "seed {seed} step {step}");
                    assert_eq!(live.snapshot().revision, last_good);
                    assert_eq!(*live.status().failure.as_ref().unwrap().diagnostics, *faults);
                    *outcomes.entry("broken").or_default() += 1;
                }
            }
        }
    }
    assert!(outcomes["whole"] > 100 && outcomes["broken"] > 100, "{outcomes:?}");
}
