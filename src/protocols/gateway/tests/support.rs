//! A service over policies in memory, and calls to it.

use crate::compile::CompileOptions;
use crate::protocols::gateway::{Caller, Evidence, Headers, Sender};
use crate::service::{Service, Settings, Turn};
use crate::source::SourceFile;
use crate::store::Store;
use crate::wire::message::EMPTY;

/// Reading is for everybody, sending mail changes the arguments, paying needs a person.
pub(super) const POLICY: &str = r#"
apiVersion: api.cerbos.dev/v1
resourcePolicy:
  resource: "mcp::files"
  version: default
  rules:
    - name: read
      actions: [read]
      effect: EFFECT_ALLOW
      roles: [user]
      condition: {match: {expr: R.attr.arguments.path.startsWith("/work/")}}
    - {name: list, actions: [list, "mcp:resources/read"], effect: EFFECT_ALLOW, roles: [user]}
    - name: mail
      actions: [mail]
      effect: EFFECT_ALLOW
      roles: [user]
      output:
        when:
          ruleActivated: >-
            {"reason": "Mail goes inside only.", "obligations":
             [{"type": "set_arguments", "set": {"/to/domain": "corp.example", "/limit": 3}, "remove": ["/bcc"]}]}
    - name: show
      actions: [show]
      effect: EFFECT_ALLOW
      roles: [user]
      output:
        when:
          ruleActivated: >-
            {"obligations": [{"type": "redact_result", "pattern": "[0-9]{3}-[0-9]{4}", "fields": ["/ssn"]}]}
    - name: odd
      actions: [odd]
      effect: EFFECT_ALLOW
      roles: [user]
      output: {when: {ruleActivated: '{"obligations": [{"type": "tell_the_king"}]}'}}
    - name: pay
      actions: [pay]
      effect: EFFECT_ALLOW
      roles: [user]
      output: {when: {ruleActivated: '{"reason": "Paying needs a person.", "obligations": [{"type": "approval"}]}'}}
"#;

pub(super) fn service() -> Service {
    let files = vec![SourceFile::new("files.yaml", POLICY)];
    Service::new(Store::in_memory(files, &CompileOptions::default()).unwrap(), Settings::default())
}

/// Runs `work` in one turn.
pub(super) fn turn<T>(work: impl FnOnce(&Turn<'_>) -> T) -> T {
    let mut out = None;
    service()
        .answer(|turn| {
            out = Some(work(turn));
            Ok(())
        })
        .unwrap();
    out.unwrap()
}

/// Evidence of nobody, from nowhere.
pub(super) fn nobody(caller: &Caller) -> Evidence<'_> {
    Evidence { caller, headers: Headers::default(), sender: Sender::Unknown, uris: &[], metadata: EMPTY }
}
