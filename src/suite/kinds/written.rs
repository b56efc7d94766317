//! The keys of a kind as they stand in a suite.

use serde_json::{Map, Value as Json, json};

use crate::suite::assertion::Assertion;
use crate::suite::hooks_setting;
use crate::suite::model::{Scenario, Target};
use crate::suite::resolved::{self, hide, plain};
use crate::suite::units::{show_duration, show_rate, show_share};

use super::model::{
    Axis, Budget, CachePlan, Flush, Goal, Interference, KindPlan, Replicas, Search, Sweep,
    SweepLevels,
};
use super::sweep::{MODES, ORDERS};

/// Puts what the scenario measures into `out`: its target and its load, or what stands for them.
pub(in crate::suite) fn put(
    out: &mut Map<String, Json>,
    scenario: &Scenario,
    secrets: &[(String, String)],
) {
    let target = |t: &Target| resolved::target(t, secrets);
    let mut put = |key: &str, value: Json| {
        out.insert(key.to_owned(), value);
    };
    let own_target = ("target", target(&scenario.target));
    let own_load = ("load", resolved::load(&scenario.load));
    match &scenario.plan {
        KindPlan::One => {
            put(own_target.0, own_target.1);
            put(own_load.0, own_load.1);
        }
        KindPlan::Search(s) => {
            put(own_target.0, own_target.1);
            put("search", hidden(search(s), secrets));
        }
        KindPlan::Sweep(s) => {
            let (written, load, target) = sweep(s, &target);
            if target {
                put(own_target.0, own_target.1);
            }
            if load {
                put(own_load.0, own_load.1);
            }
            put("sweep", hidden(written, secrets));
        }
        KindPlan::Cache(c) => {
            put(own_target.0, own_target.1);
            put(own_load.0, own_load.1);
            put("cache", hidden(cache(c), secrets));
        }
        KindPlan::Disaggregation(d) => {
            if let [(_, _)] = d.targets.as_slice() {
                put(own_target.0, own_target.1);
            } else {
                let targets: Map<_, _> = d
                    .targets
                    .iter()
                    .map(|(name, t)| (name.clone(), target(t)))
                    .collect();
                put("targets", Json::Object(targets));
            }
            put(own_load.0, own_load.1);
            if let Some(i) = &d.interference {
                put("interference", hidden(interference(i), secrets));
            }
        }
    }
}

fn hidden(mut value: Json, secrets: &[(String, String)]) -> Json {
    hide(&mut value, secrets);
    value
}

fn level(axis: &Axis, level: f64) -> Json {
    match axis {
        Axis::Rate { .. } => json!(show_rate(level)),
        // A whole number by the way it was read.
        Axis::Concurrency => json!(level as u64),
    }
}

/// `arrivals` and `max_concurrency` of a rate.
fn put_axis(out: &mut Map<String, Json>, axis: &Axis) {
    if let Axis::Rate {
        arrivals,
        max_concurrency,
    } = axis
    {
        out.insert("arrivals".into(), resolved::arrivals_name(arrivals));
        if let Some(max) = max_concurrency {
            out.insert("max_concurrency".into(), json!(max));
        }
    }
}

fn search(s: &Search) -> Json {
    let mut out = Map::new();
    let goal = match s.goal {
        Goal::Capacity { .. } => "maximize",
        Goal::Saturation => "saturate",
    };
    out.insert(goal.into(), json!(s.axis.name()));
    out.insert("from".into(), level(&s.axis, s.from));
    out.insert("to".into(), level(&s.axis, s.to));
    put_axis(&mut out, &s.axis);
    out.insert("precision".into(), json!(show_share(s.precision)));
    if let Goal::Capacity { subject_to } = &s.goal {
        let text = |a: &Assertion| plain(&a.text);
        let texts: Vec<_> = subject_to.iter().map(|a| text(&a.assertion)).collect();
        out.insert("subject_to".into(), json!(texts));
    }
    if s.budget != Budget::default() {
        let mut budget = Map::new();
        if let Some(time) = s.budget.time {
            budget.insert("time".into(), json!(show_duration(time)));
        }
        for (key, count) in [("requests", s.budget.requests), ("tokens", s.budget.tokens)] {
            if let Some(count) = count {
                budget.insert(key.into(), json!(count));
            }
        }
        out.insert("budget".into(), Json::Object(budget));
    }
    Json::Object(out)
}

/// The sweep, and whether a load and a target stand beside it.
fn sweep(s: &Sweep, target: &dyn Fn(&Target) -> Json) -> (Json, bool, bool) {
    let mut out = Map::new();
    let (mut load, mut own_target) = (false, true);
    match &s.levels {
        SweepLevels::Load { axis, levels } => {
            let levels = levels.iter().map(|&l| level(axis, l)).collect();
            out.insert(axis.name().into(), Json::Array(levels));
            put_axis(&mut out, axis);
        }
        SweepLevels::Auto { axis } => {
            out.insert("rate".into(), json!("auto"));
            put_axis(&mut out, axis);
        }
        SweepLevels::Replicas { replicas, mode } => {
            load = true;
            let name = MODES.iter().find(|(_, m)| m == mode).map(|(name, _)| *name);
            match replicas {
                Replicas::Targets(targets) => {
                    own_target = false;
                    let targets: Map<_, _> = targets
                        .iter()
                        .map(|(n, t)| (n.to_string(), target(t)))
                        .collect();
                    out.insert("replicas".into(), Json::Object(targets));
                }
                Replicas::Scaled { levels, scale } => {
                    out.insert("replicas".into(), json!(levels));
                    let mut inner = Map::new();
                    resolved::put_command(&mut inner, &scale.command, &[], None);
                    inner.insert("timeout".into(), json!(show_duration(scale.timeout)));
                    out.insert("scale".into(), Json::Object(inner));
                }
            }
            out.insert("mode".into(), json!(name));
        }
    }
    let order = ORDERS.iter().find(|(_, o)| *o == s.order);
    out.insert("order".into(), json!(order.map(|(name, _)| *name)));
    out.insert("idle".into(), json!(show_duration(s.idle)));
    (Json::Object(out), load, own_target)
}

fn cache(c: &CachePlan) -> Json {
    let mut out = Map::new();
    let flush = match &c.flush {
        Flush::None => json!("none"),
        Flush::Restart => json!("restart"),
        Flush::Hook(hook) => {
            let hooks = hooks_setting::written(std::slice::from_ref(hook), &show_duration);
            hooks.get(0).cloned().unwrap_or_default()
        }
    };
    out.insert("flush".into(), flush);
    if let Some(block) = c.block_size {
        out.insert("block_size".into(), json!(block));
    }
    if let Some(capacity) = c.capacity {
        out.insert("capacity".into(), json!(capacity));
    }
    Json::Object(out)
}

fn interference(i: &Interference) -> Json {
    json!({
        "rate": show_rate(i.rate),
        "arrivals": resolved::arrivals_name(&i.arrivals),
        "input_tokens": resolved::length(&i.input_tokens),
        "output_tokens": resolved::length(&i.output_tokens),
    })
}
