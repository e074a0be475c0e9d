//! A gateway with the PDP in process: `cargo run --example embed -- policies`.
//!
//! Decides a few calls, shows the verdicts, and says when the policies change, until it has been told so once or a second
//! has passed.

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::time::{Duration, Instant};

use toolgate::{Call, Identity, Pdp, Session, Verdict};

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args().nth(1).unwrap_or_else(|| "policies".to_owned());
    let pdp = Pdp::open(directory)?;
    let mut policies = pdp.watch();

    let alice = Identity { id: "alice", roles: &["agent"], ..Identity::default() };
    let olga = Identity { id: "olga", roles: &["operator"], ..Identity::default() };
    let calls = [
        Call {
            identity: alice,
            server: "filesystem",
            tool: "read_text_file",
            arguments: br#"{"path": "/workspace/notes.md"}"#,
            ..Call::default()
        },
        Call {
            identity: alice,
            server: "filesystem",
            tool: "read_text_file",
            arguments: br#"{"path": "/workspace/../etc/passwd"}"#,
            session: Some(Session { id: "s1", user: "alice", ..Session::default() }),
            ..Call::default()
        },
        Call {
            identity: olga,
            server: "github",
            tool: "merge_pull_request",
            pinned: true,
            arguments: br#"{"owner": "acme", "repo": "api", "pull_number": 7}"#,
            ..Call::default()
        },
    ];
    for call in &calls {
        // Whatever is not an explicit allow is a denial: an error, and a question to a person whom nobody can ask.
        match pdp.decide(call) {
            Ok(answer) if answer.verdict == Verdict::Allow => println!("{}: run it ({})", call.tool, answer.reason),
            Ok(answer) if answer.verdict == Verdict::Ask => {
                println!("{}: ask first: {} {:?}", call.tool, answer.reason, answer.obligations);
            }
            Ok(answer) => println!("{}: refuse: {} [{}]", call.tool, answer.reason, answer.location),
            Err(failure) => println!("{}: refuse: {failure}", call.tool),
        }
    }

    let until = Instant::now() + Duration::from_secs(1);
    while Instant::now() < until {
        if policies.has_changed()? {
            println!("policies are now {}", policies.borrow_and_update().revision);
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
