//! The decisions of one call on their way to rows: written down as they are made, because what they borrow is gone
//! afterwards.

use std::cell::RefCell;
use std::fmt::Display;
use std::sync::Arc;
use std::time::SystemTime;

use super::caller::Caller;
use super::queue::{Entry, Full, Kind};
use super::{Audit, rfc3339};
use crate::cel::value::{Map, Value};
use crate::engine::decision::{Decision, Effect, PolicyRef};
use crate::engine::request::{AuxData, Principal, Request, Resource};
use crate::plan::{Filter, Plan, debug};
use crate::wire::encode::{Json, filter_json, write_validation_errors};
use crate::wire::reply::Verdict;

/// What a request says of itself besides its questions.
#[derive(Clone, Copy, Debug, Default)]
pub struct About<'a> {
    /// Chosen by the caller.
    pub request_id: &'a str,
    /// The single action of the older form of a plan.
    pub action: &'a str,
    /// Whether the reply says more.
    pub include_meta: bool,
    /// Annotations for the audit log.
    pub context: Option<Map<'a>>,
}

/// What a row says of a tool call besides the questions it was put as.
#[derive(Clone, Copy, Debug)]
pub struct ToolFacts<'a> {
    /// Chosen by the caller.
    pub call_id: &'a str,
    /// The answer.
    pub verdict: Verdict,
    /// Why.
    pub reason: &'a str,
    /// Policy key.
    pub policy: &'a str,
    /// Rule name.
    pub rule: &'a str,
    /// Where it stands.
    pub location: &'a str,
    /// SHA-256 of the arguments in hex.
    pub arguments_sha256: &'a str,
}

/// The decisions of one call, or of one of its parts.
pub struct Record<'s> {
    audit: &'s Audit,
    caller: Option<Arc<Caller>>,
    id: [u8; 26],
    revision: &'s str,
    open: RefCell<Open>,
    rows: RefCell<Vec<Entry>>,
}

/// A row that is not whole yet.
#[derive(Default)]
struct Open {
    request_id: String,
    action: String,
    include_meta: bool,
    context: Option<Vec<u8>>,
    inputs: Json,
    outputs: Json,
    reasons: Json,
    plans: Vec<(Json, bool)>,
    policies: Json,
    /// Policies that are in there: where their keys are in the snapshot.
    known: Vec<(usize, usize)>,
    decided: bool,
    denied: bool,
}

impl<'s> Record<'s> {
    /// A record of a call with this id, which is the caller's if there is one.
    #[must_use]
    pub fn new(audit: &'s Audit, caller: Option<Arc<Caller>>, id: [u8; 26], revision: &'s str) -> Self {
        Self { audit, caller, id, revision, open: RefCell::default(), rows: RefCell::default() }
    }

    /// Notes what the request says of itself. Comes before its questions.
    pub fn describe(&self, about: &About<'_>) {
        let mut open = self.open.borrow_mut();
        about.request_id.clone_into(&mut open.request_id);
        about.action.clone_into(&mut open.action);
        open.include_meta = about.include_meta;
        open.context = about.context.map(|annotations| {
            let mut json = Json::default();
            json.object(|json| {
                if !annotations.is_empty() {
                    self.map("annotations", annotations, json);
                }
            });
            json.finish()
        });
        if let (Some(caller), Some(context)) = (&self.caller, &open.context) {
            caller.set_context(context.clone());
        }
    }

    /// Whether decisions are put down at all.
    #[must_use]
    pub fn keeps_decisions(&self) -> bool {
        self.audit.settings().decisions
    }

    /// Writes down a question and its answer; `reason` tells why of an action.
    pub fn check<R: Display>(&self, asked: &Request<'_>, decision: &Decision<'_>, reason: impl Fn(usize) -> R) {
        let mut open = self.open.borrow_mut();
        let Open { request_id, inputs, outputs, reasons, .. } = &mut *open;
        inputs.object(|json| {
            json.text("requestId", request_id);
            self.resource(&asked.resource, json);
            self.principal(&asked.principal, json);
            json.texts("actions", asked.actions);
            self.aux(&asked.aux, json);
        });
        outputs.object(|json| {
            json.text("requestId", request_id);
            json.text("resourceId", asked.resource.id);
            self.answers(decision, json);
        });
        reasons.object(|json| {
            for (n, result) in decision.actions.iter().enumerate() {
                json.key(result.action);
                json.string(&reason(n).to_string());
            }
        });
        open.decided = true;
        open.denied |= decision.actions.iter().any(|a| a.effect == Effect::Deny);
        open.add(decision.policies);
    }

    fn answers(&self, decision: &Decision<'_>, json: &mut Json) {
        json.key("actions");
        json.object(|json| {
            for result in decision.actions {
                json.key(result.action);
                json.object(|json| {
                    json.text("effect", if result.effect == Effect::Allow { "EFFECT_ALLOW" } else { "EFFECT_DENY" });
                    json.text("policy", result.policy);
                    json.text("scope", result.scope);
                });
            }
        });
        json.texts("effectiveDerivedRoles", decision.effective_derived_roles);
        write_validation_errors(decision.validation_errors, json);
        if !decision.outputs.is_empty() {
            json.key("outputs");
            json.array(|json| {
                for output in decision.outputs {
                    json.object(|json| {
                        json.text("src", output.src);
                        let error = json.try_value_except("val", output.value, &|key| self.audit.hides(key));
                        json.text("action", output.action);
                        json.text("error", &error);
                    });
                }
            });
        }
        if !decision.errors.is_empty() {
            json.key("evaluationErrors");
            json.array(|json| {
                for error in decision.errors {
                    json.object(|json| {
                        json.key("celError");
                        json.object(|json| {
                            json.text("expression", error.expression);
                            json.text("message", &error.failure.to_string());
                        });
                    });
                }
            });
        }
    }

    /// Writes down a plan; `policies` are those it was made from.
    pub fn plan(&self, asked: &Request<'_>, plan: &Plan<'_>, policies: &[PolicyRef<'_>]) {
        let filters = &self.audit.settings().filters;
        let always = matches!(plan.filter, Filter::Always);
        let mut open = self.open.borrow_mut();
        let mut json = Json::default();
        json.object(|json| {
            json.key("input");
            json.object(|json| {
                json.text("requestId", &open.request_id);
                json.text("action", &open.action);
                self.principal(&asked.principal, json);
                self.resource(&asked.resource, json);
                self.aux(&asked.aux, json);
                json.flag("includeMeta", open.include_meta);
                json.texts("actions", asked.actions);
            });
            json.key("output");
            json.object(|json| {
                json.text("requestId", &open.request_id);
                json.text("action", &open.action);
                json.text("kind", asked.resource.kind);
                json.text("policyVersion", asked.resource.policy_version);
                json.text("scope", asked.resource.scope);
                json.key("filter");
                json.raw(&filter_json(plan.filter));
                json.text("filterDebug", &debug(plan.filter));
                write_validation_errors(plan.validation_errors, json);
                json.texts("actions", asked.actions);
                if !plan.actions.is_empty() {
                    json.key("matchedScopes");
                    json.object(|json| {
                        for action in plan.actions {
                            json.key(action.action);
                            json.string(action.matched_scope);
                        }
                    });
                }
            });
        });
        let kept = !(filters.plans || filters.plans_always_allowed && always);
        open.plans.push((json, kept));
        open.add(policies);
    }

    /// Ends the row of a tool call: what was asked since the last one belongs to it.
    pub fn tool_call(&self, id: [u8; 26], facts: &ToolFacts<'_>) {
        self.close(Some((id, facts)));
    }

    /// Makes a row of a part of a call that could not be decided, and why. What was asked for it is left out.
    pub fn refused(&self, id: [u8; 26], call_id: &str, why: &str) {
        let open = self.open.take();
        let error = |json: &mut Json| json.object(|json| json.text("error", why));
        self.row(&Open { context: open.context, ..Open::default() }, id, "checkResources", error, |json| {
            self.within(id, json);
            json.text("toolCallId", call_id);
            json.text("reason", why);
        });
    }

    /// Names the call that a decision of its own id belongs to.
    fn within(&self, id: [u8; 26], json: &mut Json) {
        let call = self.caller.as_ref().map_or(self.id, |c| c.id());
        if id != call {
            json.text("callId", std::str::from_utf8(&call).unwrap_or(""));
        }
    }

    /// Ends the last row, and queues them all.
    ///
    /// # Errors
    /// If that is not possible, and must be.
    pub fn finish(self) -> Result<(), Full> {
        self.close(None);
        self.rows.into_inner().into_iter().try_for_each(|row| self.audit.push(row))
    }

    fn close(&self, call: Option<([u8; 26], &ToolFacts<'_>)>) {
        let mut open = self.open.take();
        let filters = &self.audit.settings().filters;
        let asks = call.is_some_and(|(_, facts)| facts.verdict != Verdict::Allow);
        if open.decided && (open.denied || asks || !filters.checks_all_allowed) {
            let (inputs, outputs) =
                (std::mem::take(&mut open.inputs).finish(), std::mem::take(&mut open.outputs).finish());
            let reasons = std::mem::take(&mut open.reasons).finish();
            let id = call.map_or(self.id, |(id, _)| id);
            self.row(
                &open,
                id,
                "checkResources",
                |json| {
                    json.object(|json| {
                        json.key("inputs");
                        json.array(|json| json.raw(&inputs));
                        json.key("outputs");
                        json.array(|json| json.raw(&outputs));
                    });
                },
                |json| {
                    self.within(id, json);
                    if let Some((_, facts)) = call {
                        facts.write(json);
                    }
                    json.key("reasons");
                    json.array(|json| json.raw(&reasons));
                },
            );
        }
        for (plan, _) in std::mem::take(&mut open.plans).into_iter().filter(|(_, kept)| *kept) {
            let plan = plan.finish();
            self.row(&open, self.id, "planResources", |json| json.raw(&plan), |_| {});
        }
    }

    /// Makes a row of a decision.
    fn row(
        &self,
        open: &Open,
        id: [u8; 26],
        method: &str,
        payload: impl FnOnce(&mut Json),
        ours: impl FnOnce(&mut Json),
    ) {
        let mut json = Json::default();
        json.object(|json| {
            json.text("callId", std::str::from_utf8(&id).unwrap_or(""));
            json.text("timestamp", &rfc3339(SystemTime::now()));
            if let Some(caller) = &self.caller {
                caller.write_peer(json);
            }
            json.key(method);
            payload(json);
            if let Some(caller) = &self.caller {
                caller.write_metadata(json);
            }
            json.key("auditTrail");
            json.object(|json| {
                if !open.known.is_empty() {
                    json.key("effectivePolicies");
                    json.raw(b"{");
                    json.glue(open.policies.as_bytes());
                    json.glue(b"}");
                }
            });
            json.key("policySource");
            json.raw(&self.audit.source);
            if let Some(context) = &open.context {
                json.key("requestContext");
                json.raw(context);
            }
            json.key("toolgate");
            json.object(|json| {
                json.text("revision", self.revision);
                ours(json);
            });
        });
        self.rows.borrow_mut().push(Entry { kind: Kind::Decision, id, json: json.finish() });
    }

    fn principal(&self, principal: &Principal<'_>, json: &mut Json) {
        json.key("principal");
        json.object(|json| {
            json.text("id", principal.id);
            json.text("policyVersion", principal.policy_version);
            json.texts("roles", principal.roles);
            self.attributes(principal.attr, json);
            json.text("scope", principal.scope);
        });
    }

    fn resource(&self, resource: &Resource<'_>, json: &mut Json) {
        json.key("resource");
        json.object(|json| {
            json.text("kind", resource.kind);
            json.text("policyVersion", resource.policy_version);
            json.text("id", resource.id);
            self.attributes(resource.attr, json);
            json.text("scope", resource.scope);
        });
    }

    fn aux(&self, aux: &AuxData<'_>, json: &mut Json) {
        if aux.jwt.is_empty() && aux.jwts.is_empty() {
            return;
        }
        json.key("auxData");
        json.object(|json| {
            if !aux.jwt.is_empty() {
                self.map("jwt", aux.jwt, json);
            }
            if !aux.jwts.is_empty() {
                json.key("jwts");
                json.object(|json| {
                    for (name, claims) in aux.jwts {
                        json.key(name);
                        json.object(|json| self.map("claims", *claims, json));
                    }
                });
            }
        });
    }

    fn attributes(&self, attr: Map<'_>, json: &mut Json) {
        if !attr.is_empty() {
            self.map("attr", attr, json);
        }
    }

    fn map(&self, name: &str, map: Map<'_>, json: &mut Json) {
        let error = json.try_value_except(name, Ok(Value::Map(map)), &|key| self.audit.hides(key));
        if !error.is_empty() {
            // Requests hold nothing that has no form.
            json.key(name);
            json.object(|json| json.text("error", &error));
        }
    }
}

impl Open {
    fn add(&mut self, policies: &[PolicyRef<'_>]) {
        for policy in policies {
            let key = (policy.key.as_ptr() as usize, policy.key.len());
            if self.known.contains(&key) {
                continue;
            }
            self.known.push(key);
            self.policies.member(policy.key, |json| {
                json.object(|json| {
                    json.key("attributes");
                    json.object(|json| {
                        json.text("driver", "disk");
                        json.text("source", policy.file);
                    });
                });
            });
        }
    }
}

impl ToolFacts<'_> {
    fn write(&self, json: &mut Json) {
        json.text("toolCallId", self.call_id);
        json.text("verdict", self.verdict.name());
        json.text("reason", self.reason);
        json.text("policy", self.policy);
        json.text("rule", self.rule);
        json.text("location", self.location);
        json.text("argumentsSha256", self.arguments_sha256);
    }
}
