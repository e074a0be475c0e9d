//! Policies that change while they are asked: every answer is that of the revision it names, and nobody gets an error.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use toolgate::proto::toolgate::v1::tool_call_service_client::ToolCallServiceClient;
use toolgate::proto::toolgate::v1::{DecideResponse, Verdict};

use crate::support::{Pdp, Policies, allowing, denying, eventually, question, revision_of};

/// What each revision says about each server's `read`.
type Expected = BTreeMap<String, BTreeMap<&'static str, bool>>;

/// The expectation for two files, each of which allows its server's `read` or not.
fn expect(expected: &mut Expected, names: (&str, &str), a: bool, b: bool) {
    let text = |server: &str, yes: bool| if yes { allowing(server, "read") } else { denying(server) };
    let files = [(names.0.to_owned(), text("a", a)), (names.1.to_owned(), text("b", b))];
    let revision = revision_of(&files.into_iter().collect());
    expected.insert(revision, [("a", a), ("b", b)].into_iter().collect());
}

/// Asks about both servers in turn over one stream, for as long as `change` runs, and checks every answer.
async fn under_load(pdp: &Pdp, expected: &Expected, change: impl Future<Output = ()>) -> BTreeMap<String, usize> {
    let mut client = ToolCallServiceClient::new(pdp.channel().await);
    let (questions, receiver) = mpsc::channel(64);
    let over = Arc::new(AtomicBool::new(false));
    let until = Arc::clone(&over);
    let asking = tokio::spawn(async move {
        let mut n = 0_usize;
        while !until.load(Ordering::Relaxed) {
            let server = if n.is_multiple_of(2) { "a" } else { "b" };
            if questions.send(question(&format!("{n}{server}"), server, "read")).await.is_err() {
                break;
            }
            n += 1;
        }
        n
    });
    let mut answers = client.decide_stream(ReceiverStream::new(receiver)).await.unwrap().into_inner();
    let checking = async {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let mut n = 0_usize;
        while let Some(answer) = answers.next().await {
            let answer: DecideResponse = answer.expect("no error while policies change");
            let server = if n.is_multiple_of(2) { "a" } else { "b" };
            assert_eq!(answer.call_id, format!("{n}{server}"), "in order, none lost");
            let says = expected.get(&answer.revision).unwrap_or_else(|| panic!("mixed set: {answer:?}"));
            let verdict = if says[server] { Verdict::Allow } else { Verdict::Deny };
            assert_eq!(answer.verdict(), verdict, "{answer:?}");
            *seen.entry(answer.revision).or_default() += 1;
            n += 1;
        }
        (seen, n)
    };
    let changing = async {
        change.await;
        over.store(true, Ordering::Relaxed);
    };
    let ((seen, answered), ()) = tokio::join!(checking, changing);
    assert_eq!(asking.await.unwrap(), answered, "every question has its answer");
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edits_under_load_change_answers_and_mix_none() {
    let names = ("a.yaml", "b.yaml");
    let mut expected = Expected::new();
    for (a, b) in [(false, false), (false, true), (true, false), (true, true)] {
        expect(&mut expected, names, a, b);
    }
    let text = |server: &str, yes: bool| if yes { allowing(server, "read") } else { denying(server) };
    let policies = Policies::new(&[("a.yaml", &text("a", false)), ("b.yaml", &text("b", false))]);
    let pdp = Pdp::start(policies.path()).await;
    let store = pdp.service.store();
    let seen = under_load(&pdp, &expected, async {
        for round in 0..20 {
            let (a, b) = (round % 2 == 0, round % 3 == 0);
            policies.write("a.yaml", &text("a", a));
            policies.write("b.yaml", &text("b", b));
            let mut whole = Expected::new();
            expect(&mut whole, names, a, b);
            let want = whole.into_keys().next().unwrap();
            eventually("the edit serves", async || (*store.status().revision == *want).then_some(())).await;
        }
    })
    .await;
    assert!(seen.len() >= 3, "the load saw the edits: {seen:?}");
    assert_eq!(store.status().sync_errors, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_is_swapped_under_load_changes_all_files_at_once() {
    // As Kubernetes mounts a ConfigMap: what is seen are links into `..data`, which is swapped.
    let names = ("a.yaml", "b.yaml");
    let dir = tempfile::tempdir().unwrap();
    let text = |server: &str, yes: bool| if yes { allowing(server, "read") } else { denying(server) };
    let put = |version: &str, yes: bool| {
        let at = dir.path().join(version);
        fs::create_dir_all(&at).unwrap();
        fs::write(at.join("a.yaml"), text("a", yes)).unwrap();
        fs::write(at.join("b.yaml"), text("b", yes)).unwrap();
    };
    let swap = |version: &str| {
        let beside = dir.path().join("..data_tmp");
        symlink(version, &beside).unwrap();
        fs::rename(&beside, dir.path().join("..data")).unwrap();
    };
    put("..v0", false);
    swap("..v0");
    for name in ["a.yaml", "b.yaml"] {
        symlink(format!("..data/{name}"), dir.path().join(name)).unwrap();
    }
    // Only the whole sets may ever be seen.
    let mut expected = Expected::new();
    expect(&mut expected, names, false, false);
    expect(&mut expected, names, true, true);
    let pdp = Pdp::start(dir.path()).await;
    let store = pdp.service.store();
    let seen = under_load(&pdp, &expected, async {
        for round in 1..20 {
            let yes = round % 2 == 1;
            let version = format!("..v{round}");
            put(&version, yes);
            swap(&version);
            fs::remove_dir_all(dir.path().join(format!("..v{}", round - 1))).unwrap();
            let mut whole = Expected::new();
            expect(&mut whole, names, yes, yes);
            let want = whole.into_keys().next().unwrap();
            eventually("the swap serves", async || (*store.status().revision == *want).then_some(())).await;
        }
    })
    .await;
    assert_eq!(seen.len(), 2, "{seen:?}");
}

#[tokio::test]
async fn a_root_that_is_a_link_may_be_swapped() {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [("v1", denying("a")), ("v2", allowing("a", "read"))] {
        fs::create_dir(dir.path().join(name)).unwrap();
        fs::write(dir.path().join(name).join("a.yaml"), text).unwrap();
    }
    let root = dir.path().join("current");
    symlink("v1", &root).unwrap();
    let pdp = Pdp::start(&root).await;
    assert_eq!(verdict(&pdp, "a").await, "VERDICT_DENY");
    symlink("v2", dir.path().join("next")).unwrap();
    fs::rename(dir.path().join("next"), &root).unwrap();
    until_verdict(&pdp, "a", "VERDICT_ALLOW").await;
    // The directory that is watched now is the new one.
    fs::write(dir.path().join("v2/a.yaml"), denying("a")).unwrap();
    until_verdict(&pdp, "a", "VERDICT_DENY").await;
}

async fn verdict(pdp: &Pdp, server: &str) -> String {
    let body =
        format!(r#"{{"identity":{{"id":"alice","roles":["agent"]}},"tool":{{"server":"{server}","name":"read"}}}}"#);
    pdp.post("/v1/decide", body).await.json()["verdict"].as_str().unwrap().to_owned()
}

async fn until_verdict(pdp: &Pdp, server: &str, want: &str) {
    eventually(&format!("{server} is {want}"), async || (verdict(pdp, server).await == want).then_some(())).await;
}

#[tokio::test]
async fn files_come_and_go_and_move() {
    let policies = Policies::new(&[("a.yaml", &allowing("a", "read"))]);
    let pdp = Pdp::start(policies.path()).await;
    assert_eq!(verdict(&pdp, "a").await, "VERDICT_ALLOW");
    // In a folder that did not exist, and one below it.
    policies.write("new/deep/b.yaml", &allowing("b", "read"));
    until_verdict(&pdp, "b", "VERDICT_ALLOW").await;
    // Folders move with what is in them; the same policies elsewhere are another set.
    let before = pdp.service.store().status().revision.clone();
    fs::rename(policies.path().join("new"), policies.path().join("other")).unwrap();
    eventually("the move is seen", async || (pdp.service.store().status().revision != before).then_some(())).await;
    assert_eq!(verdict(&pdp, "b").await, "VERDICT_ALLOW");
    // Out of the tree.
    fs::rename(policies.path().join("other"), policies.path().join(".hidden")).unwrap();
    until_verdict(&pdp, "b", "VERDICT_DENY").await;
    policies.remove("a.yaml");
    until_verdict(&pdp, "a", "VERDICT_DENY").await;
    // Rewritten in place, as no careful editor does.
    fs::write(policies.path().join("c.yaml"), allowing("c", "read")).unwrap();
    until_verdict(&pdp, "c", "VERDICT_ALLOW").await;
}

#[tokio::test]
async fn disabling_a_live_policy_takes_effect() {
    let policies = Policies::new(&[("a.yaml", &allowing("a", "read"))]);
    let pdp = Pdp::start(policies.path()).await;
    assert_eq!(verdict(&pdp, "a").await, "VERDICT_ALLOW");
    policies.write("a.yaml", &format!("disabled: true\n{}", allowing("a", "read")));
    until_verdict(&pdp, "a", "VERDICT_DENY").await;
}

#[tokio::test]
async fn a_broken_change_keeps_the_last_good_policies_and_says_what_is_wrong() {
    let policies = Policies::new(&[("a.yaml", &allowing("a", "read"))]);
    let pdp = Pdp::start(policies.path()).await;
    let good = pdp.service.store().status().revision.clone();
    let broken = allowing("a", "read").replace("EFFECT_ALLOW", "EFFECT_MAYBE");
    policies.write("a.yaml", &broken);
    let failure = |status: &Value| status["store"]["failure"].clone();
    let told = eventually("the failure is told", async || {
        let failure = failure(&pdp.get("/v1/status").await.json());
        (!failure.is_null()).then_some(failure)
    })
    .await;
    let first = &told["diagnostics"][0];
    assert_eq!((&first["file"], &first["position"]["line"]), (&"a.yaml".into(), &8.into()), "{told}");
    assert_eq!(verdict(&pdp, "a").await, "VERDICT_ALLOW");
    assert_eq!(pdp.service.store().status().revision, good);
    // Healthy all the while: it decides.
    assert_eq!(pdp.get("/_cerbos/health").await.status, 200);
    let metrics = pdp.get("/_cerbos/metrics").await;
    assert!(metrics.text().contains("toolgate_policy_degraded 1\n"), "{}", metrics.text());
    assert!(!metrics.text().contains("cerbos_dev_store_sync_error_count_total{driver=\"disk\"} 0\n"));

    // Another good change beside the broken file is not applied either: a set is whole or it is not.
    policies.write("b.yaml", &allowing("b", "read"));
    eventually("the set was read again", async || {
        let now = failure(&pdp.get("/v1/status").await.json());
        (now["since"] == told["since"] && pdp.service.store().status().sync_errors > 1).then_some(())
    })
    .await;
    assert_eq!(verdict(&pdp, "b").await, "VERDICT_DENY");

    policies.write("a.yaml", &denying("a"));
    until_verdict(&pdp, "b", "VERDICT_ALLOW").await;
    assert_eq!(verdict(&pdp, "a").await, "VERDICT_DENY");
    assert!(failure(&pdp.get("/v1/status").await.json()).is_null());
}

#[tokio::test]
async fn a_directory_that_vanishes_is_missed_and_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("policies");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("a.yaml"), allowing("a", "read")).unwrap();
    let pdp = Pdp::start(&root).await;
    let store = pdp.service.store();
    fs::rename(&root, dir.path().join("away")).unwrap();
    eventually("it is missed", async || store.status().failure.is_some().then_some(())).await;
    assert_eq!(verdict(&pdp, "a").await, "VERDICT_ALLOW");
    // Another one in its place, by itself.
    fs::create_dir(&root).unwrap();
    fs::write(root.join("b.yaml"), allowing("b", "read")).unwrap();
    until_verdict(&pdp, "b", "VERDICT_ALLOW").await;
    assert_eq!(verdict(&pdp, "a").await, "VERDICT_DENY");
    assert!(store.status().failure.is_none());
    // And that one is watched.
    fs::write(root.join("b.yaml"), denying("b")).unwrap();
    until_verdict(&pdp, "b", "VERDICT_DENY").await;
}
