//! Whole tool calls against real policies: what docs/tool-calls.md promises to their authors.

use bumpalo::Bump;

use super::{call, summary};
use crate::compile::{CompileOptions, compile};
use crate::engine::{Params, Wants, decide};
use crate::source::SourceFile;
use crate::toolcall::{DEFAULT_KIND_PREFIX, View, verdict};

const POLICY: &str = r#"
apiVersion: api.cerbos.dev/v1
resourcePolicy:
  resource: mcp::github
  version: default
  rules:
    - name: read
      actions: [get_file]
      roles: [user, agent]
      effect: EFFECT_ALLOW
    - name: write
      actions: [create_issue]
      roles: [user]
      effect: EFFECT_ALLOW
      condition: {match: {expr: 'R.attr.arguments.owner == "acme" && !("tainted" in R.attr.session.labels)'}}
      output:
        when:
          ruleActivated: '"writes to " + R.attr.arguments.owner'
          conditionNotMet: '"only for repositories of acme"'
    - name: agent-write
      actions: [create_issue]
      roles: [agent]
      effect: EFFECT_ALLOW
      condition: {match: {expr: 'P.attr.agent.id == P.id && size(P.attr.agent.chain) <= 2'}}
      output:
        when:
          ruleActivated: '{"reason": "agents ask", "obligations": [{"type": "approval", "by": P.attr.agent.id}], "seen": R.kind}'
    - name: merge
      actions: [merge]
      roles: [user]
      effect: EFFECT_ALLOW
      output: {when: {ruleActivated: '{"obligations": [{"type": "approval", "by": R.attr.context.approver}]}'}}
    - name: no-force
      actions: ["*"]
      roles: ["*"]
      effect: EFFECT_DENY
      condition: {match: {expr: 'has(R.attr.arguments.force) && R.attr.arguments.force'}}
      output: {when: {ruleActivated: '{"reason": "never with force", "hint": 1}'}}
"#;

#[test]
fn from_call_to_verdict() {
    let table =
        compile(&[SourceFile::new("github.yaml", POLICY.trim_start())], &CompileOptions::default()).table.unwrap();
    let params = Params::default();
    let user = r#""identity":{"id":"alice","roles":["user"]}"#;
    let agent = r#""agent":{"id":"bot","roles":["agent"],"chain":["root"]}"#;
    let cases = [
        (user, "get_file", "", "Allow | allowed by rule `read` (github.yaml:6) |  | "),
        (user, "create_issue", r#","arguments":{"owner":"acme"}"#, "Allow | writes to acme |  | "),
        (user, "create_issue", r#","arguments":{"owner":"evil"}"#, "Deny | only for repositories of acme |  | "),
        (
            user,
            "create_issue",
            r#","arguments":{"owner":"acme"},"session":{"labels":["tainted"]}"#,
            "Deny | only for repositories of acme |  | ",
        ),
        (user, "get_file", r#","arguments":{"force":true}"#, "Deny | never with force |  | {\"hint\":1}"),
        // A rule that denies every role of several keeps its words.
        (
            r#""identity":{"id":"alice","roles":["user","auditor"]}"#,
            "get_file",
            r#","arguments":{"force":true}"#,
            "Deny | never with force |  | {\"hint\":1}",
        ),
        // The condition of a deny errs: it counts, and the reason says so.
        (
            user,
            "get_file",
            r#","arguments":{"force":1}"#,
            "Deny | never with force (its condition could not be evaluated: no such overload) |  | {\"hint\":1}",
        ),
        (user, "delete", "", "Deny | no rule allows `delete` on `mcp::github` for role `user` |  | "),
        // What the approval would say cannot be evaluated, so nobody could keep it.
        (
            user,
            "merge",
            "",
            "Deny | `resource.mcp::github.vdefault#merge` allows this, but its output cannot be understood: \
             no such key: approver |  | no such key: approver",
        ),
        (
            user,
            "merge",
            r#","context":{"approver":"ops"}"#,
            "Ask | needs approval: allowed by rule `merge` (github.yaml:27) | {\"by\":\"ops\",\"type\":\"approval\"} | ",
        ),
        (
            &format!("{user},{agent}"),
            "create_issue",
            r#","arguments":{"owner":"acme"}"#,
            "Ask | agents ask | {\"by\":\"bot\",\"type\":\"approval\"} | {\"seen\":\"mcp::github\"} \"writes to acme\"",
        ),
        (
            &format!("{user},{agent}"),
            "merge",
            r#","context":{"approver":"ops"}"#,
            "Deny | agent `bot`: no rule allows `merge` on `mcp::github` for role `agent` |  | ",
        ),
        (
            &format!("{user},{}", agent.replace("root", "a\",\"b\",\"c")),
            "create_issue",
            r#","arguments":{"owner":"acme"}"#,
            "Deny | agent `bot`: rule `agent-write` (github.yaml:19) would allow this, but its condition is not met: \
             `P.attr.agent.id == P.id && size(P.attr.agent.chain) <= 2` |  | ",
        ),
    ];
    for (who, tool, rest, expected) in cases {
        let bump = Bump::new();
        let body = format!(r#"{{{who},"tool":{{"server":"github","name":"{tool}"}}{rest}}}"#);
        let call = call(&body, &bump);
        let view = View::of(&call, DEFAULT_KIND_PREFIX, &bump);
        let ask = |request| decide(&table, &params, request, None, Wants::default(), &bump);
        let identity = ask(&view.identity);
        let agent = view.agent.as_ref().map(ask);
        let reply = verdict(&call, &view, &identity, agent.as_ref(), &bump);
        assert_eq!(summary(&reply), expected, "{body}");
    }
}
