//! Plans and decisions say the same: for every store, request and resource, the plan's condition is true of the resource
//! exactly where `decide` allows. In the default semantics there is no exception. `REPORT=1` counts instead of stopping,
//! `SEMANTICS=cerbos` does so for the reference's semantics, which do not have this property (docs/differences.md).

use bumpalo::Bump;
use serde_json::{Map, Value as Json, json};
use toolgate::engine::decision::Effect;
use toolgate::engine::request::{AuxData, Request};
use toolgate::engine::{Semantics, Wants, decide};
use toolgate::plan::{Filter, PlanError, debug_term, plan};

use crate::attrs::{self, RESOURCE};
use crate::features::Features;
use crate::filter::holds;
use crate::pdp::{NOW, Pdp, principal, resource, text, texts};
use crate::plan_requests;
use crate::rng::Rng;
use crate::store::world::World;
use crate::{number, store};

/// Requests a store and resources a request.
const REQUESTS: u64 = 25;
const RESOURCES: u64 = 40;

#[derive(Debug, Default)]
struct Tally {
    stores: u64,
    plans: u64,
    refused: u64,
    conditional: u64,
    triples: u64,
    allowed: u64,
    too_much: u64,
    too_little: u64,
    wire: u64,
}

#[test]
fn a_plan_is_true_of_exactly_what_is_allowed() {
    let features = Features::parse("-broken,-bad-requests,-globs,-jwt").unwrap();
    let (first, count) = (number("SEED", 1), number("CASES", 16));
    let semantics = match std::env::var("SEMANTICS").as_deref() {
        Ok("cerbos") => Semantics::Cerbos,
        _ => Semantics::Safe,
    };
    let report = number("REPORT", 0) != 0;
    let mut tally = Tally::default();
    for seed in first..first + count {
        let mut rng = Rng::stream(seed, 1);
        let mut world = World::new(&mut rng, &features, 3);
        // Some stores are one policy with many conditions.
        let store = if seed % 3 == 0 {
            plan_requests::many_actions(&mut world);
            store::expressions(&mut rng, &world, &features)
        } else {
            plan_requests::focus(&mut world);
            store::generate(&mut rng, &world, &features)
        };
        let Some(pdp) = Pdp::new(&store, semantics) else { continue };
        tally.stores += 1;
        let mut rng = Rng::stream(seed, 5);
        for _ in 0..REQUESTS {
            let request = plan_requests::generate(&mut rng, &world, &features, true);
            one_request(&pdp, &request, &mut rng, &mut tally, report, seed);
        }
    }
    eprintln!("seed {first}, {count} stores: {tally:?}");
    assert!(tally.stores * 2 > count, "only {} of {count} stores were accepted", tally.stores);
    assert!(tally.refused * 20 < tally.plans, "too many plans were refused: {tally:?}");
    assert!(
        tally.conditional * 20 > tally.plans && tally.allowed * 40 > tally.triples,
        "too little is tested: {tally:?}"
    );
}

fn one_request(pdp: &Pdp, json: &Json, rng: &mut Rng, tally: &mut Tally, report: bool, seed: u64) {
    let bump = Bump::new();
    let actions = match &json["actions"] {
        Json::Null => bump.alloc_slice_copy(&[text(&json["action"], &bump)]),
        list => texts(list, &bump),
    };
    let principal = principal(&json["principal"], &bump);
    let asked = Request { principal, resource: resource(&json["resource"], &bump), actions, aux: AuxData::EMPTY };
    tally.plans += 1;
    let plan = match plan(&pdp.table, &pdp.params, &asked, &[], NOW, false, &bump) {
        Ok(plan) => plan,
        Err(PlanError::Unsupported(_) | PlanError::TooLarge | PlanError::Budget) => {
            tally.refused += 1;
            return;
        }
    };
    tally.conditional += u64::from(matches!(plan.filter, Filter::If(_)));
    let known = json["resource"]["attr"].as_object().cloned().unwrap_or_default();
    for _ in 0..RESOURCES {
        let (present, ill) = *rng.pick(&[(100, 0), (95, 3), (80, 10), (50, 5)]);
        let mut attr: Map<String, Json> = attrs::fill(rng, RESOURCE, present, ill);
        attr.extend(known.clone());
        let mut full = json["resource"].clone();
        full["id"] = json!(rng.word(&["r1", "u1", "alice"]));
        full["attr"] = Json::Object(attr);
        let bump = Bump::new();
        let full = resource(&full, &bump);
        let value = toolgate::cel::value::Value::Message(full.message(&bump));
        let request = Request { resource: full, ..asked };
        let decision = decide(&pdp.table, &pdp.params, &request, NOW, Wants::default(), &bump);
        tally.triples += 1;
        let mut all = true;
        for (planned, decided) in plan.actions.iter().zip(decision.actions) {
            let allowed = decided.effect == Effect::Allow;
            all &= allowed;
            let found = holds(planned.exact, value, &bump);
            tally.too_much += u64::from(found && !allowed);
            tally.too_little += u64::from(!found && allowed);
            assert!(
                report || found == allowed,
                "seed {seed}: the plan {} says {found}, the decision {allowed}\nrequest {json}\nresource {} {:?}",
                debug_term(planned.exact),
                full.id,
                full.attr
            );
        }
        tally.allowed += u64::from(all);
        let found = match plan.filter {
            Filter::Always => true,
            Filter::Never { .. } => false,
            Filter::If(term) => holds(term, value, &bump),
        };
        tally.wire += u64::from(found != all);
        assert!(
            report || found == all,
            "seed {seed}: the filter {} says {found}, the decisions {all}\nrequest {json}\nresource {} {:?}",
            toolgate::plan::debug(plan.filter),
            full.id,
            full.attr
        );
    }
}
