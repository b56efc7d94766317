use std::time::Duration;

use super::*;
use crate::suite::{
    Arrivals, LoadOptions, LoadShape, Scenario, Suite, SuiteInput, load, render_all,
};

fn load_text(text: &str) -> Result<Suite, String> {
    let options = LoadOptions {
        env: &|name| (name == "KEY").then(|| "key-of-one".to_owned()),
        project: Some(SuiteInput {
            path: "prony.yaml".into(),
            bytes: "targets:\n  one: { url: \"http://one/v1\", auth: { bearer: \"${KEY}\" } }\n  two: { url: \"http://two/v1\" }\n".into(),
        }),
        ..LoadOptions::default()
    };
    let input = SuiteInput {
        path: "kinds.yaml".into(),
        bytes: text.into(),
    };
    load(&[input], &options)
        .map(|mut suites| suites.remove(0))
        .map_err(|d| render_all(&d, false))
}

/// A suite of one scenario with `lines` in it.
fn suite(lines: &str) -> String {
    let lines: String = lines
        .lines()
        .map(|l| format!("    {}\n", l.trim()))
        .collect();
    format!(
        "target: {{ url: \"sim://\" }}\n\
         defaults:\n  prompts: {{ type: synthetic, input_tokens: 100, output_tokens: 20 }}\n  load: {{ rate: 3/s }}\n\
         scenarios:\n  - name: one\n{lines}"
    )
}

/// The scenario, after what a run would write of it was read again.
fn scenario(lines: &str) -> Scenario {
    let first = load_text(&suite(lines)).unwrap_or_else(|e| panic!("{e}"));
    let again =
        load_text(&first.resolved_yaml).unwrap_or_else(|e| panic!("{e}\n{}", first.resolved_yaml));
    assert_eq!(again.resolved_yaml, first.resolved_yaml);
    assert!(!first.resolved_yaml.contains("key-of-one"));
    let (first, again) = (&first.scenarios[0], again.scenarios[0].clone());
    assert_eq!(again.load, first.load);
    assert_eq!(again.sla.len(), first.sla.len());
    again
}

fn refused(lines: &str) -> String {
    load_text(&suite(lines))
        .err()
        .unwrap_or_else(|| panic!("{lines}"))
}

#[test]
fn a_search_for_the_capacity() {
    let s = scenario(
        "kind: throughput
         search: { maximize: rate, from: 1/s, to: 200/s, subject_to: [ttft.p99 < 500ms, error_rate < 1%], budget: { time: 30m, tokens: 5000 } }
         sla: [\"capacity >= 40/s\"]",
    );
    let KindPlan::Search(search) = &s.plan else {
        panic!("{:?}", s.plan);
    };
    assert_eq!(
        (search.from, search.to, search.precision),
        (1.0, 200.0, 0.05)
    );
    assert_eq!(search.axis.phase(2.5), "at(2.5/s)");
    let Goal::Capacity { subject_to } = &search.goal else {
        panic!();
    };
    assert_eq!(subject_to.len(), 2);
    assert_eq!(search.budget.time, Some(Duration::from_secs(1800)));
    assert_eq!(
        (search.budget.requests, search.budget.tokens),
        (None, Some(5000))
    );
    // The load of the layers below has no part in it.
    assert_eq!(s.load, search.axis.load(1.0));
}

#[test]
fn a_search_for_saturation() {
    let s = scenario(
        "kind: throughput
         search: { saturate: concurrency, from: 1, to: 256, precision: 10% }
         sla: [saturation >= 10/s, saturation_concurrency < 64]",
    );
    let KindPlan::Search(search) = &s.plan else {
        panic!();
    };
    assert!(matches!(search.goal, Goal::Saturation));
    assert_eq!(s.load.shape, LoadShape::Concurrency(1));
    assert_eq!(search.axis.phase(16.0), "at(16)");
}

#[test]
fn sweeps_of_a_load_are_in_order_however_they_are_written() {
    let s = scenario(
        "kind: scalability
         sweep: { concurrency: [8, 1, 4, 2], order: random, idle: 5s }
         sla: [\"at(8).tokens_per_second >= 4 * at(first).tokens_per_second\", efficiency(8) > 80%, speedup(4) >= 3, contention < 10%, at(knee).ttft.p99 < 1s]",
    );
    let KindPlan::Sweep(sweep) = &s.plan else {
        panic!();
    };
    assert_eq!(sweep.order, SweepOrder::Random);
    assert_eq!(sweep.idle, Duration::from_secs(5));
    let SweepLevels::Load { levels, .. } = &sweep.levels else {
        panic!();
    };
    assert_eq!(levels, &[1.0, 2.0, 4.0, 8.0]);
    assert_eq!(s.load.shape, LoadShape::Concurrency(1));
}

#[test]
fn sweeps_of_rates() {
    let s = scenario(
        "kind: scalability
         sweep: { rate: [10/s, 90/min], arrivals: constant, max_concurrency: 64 }
         sla: [\"at(10/s).throughput > 4 * at(1.5/s).throughput\"]",
    );
    assert_eq!(
        s.load.shape,
        LoadShape::Rate {
            per_second: 1.5,
            arrivals: Arrivals::Constant
        }
    );
    assert_eq!(s.load.max_concurrency, Some(64));
    let s = scenario("kind: scalability\nsweep: { rate: auto }\nsla: [at(knee).ttft.p99 < 1s]");
    let KindPlan::Sweep(sweep) = &s.plan else {
        panic!();
    };
    assert!(matches!(sweep.levels, SweepLevels::Auto { .. }));
}

#[test]
fn sweeps_of_replicas() {
    let s = scenario(
        "kind: scalability
         sweep: { replicas: { 2: two, 1: one }, mode: strong }
         load: { concurrency: 16 }
         sla: [efficiency(2) > 80%]",
    );
    let KindPlan::Sweep(sweep) = &s.plan else {
        panic!();
    };
    let SweepLevels::Replicas { replicas, mode } = &sweep.levels else {
        panic!();
    };
    assert_eq!((replicas.levels(), *mode), (vec![1, 2], Scaling::Strong));
    assert_eq!(s.target.url.shown(), "http://one/v1");
    let s = scenario(
        "kind: scalability
         sweep: { replicas: [1, 4], scale: { command: \"scale.sh {replicas}\", timeout: 1m } }
         sla: [speedup(4) > 3]",
    );
    let KindPlan::Sweep(Sweep {
        levels: SweepLevels::Replicas { replicas, mode },
        ..
    }) = &s.plan
    else {
        panic!();
    };
    assert_eq!(*mode, Scaling::Weak);
    let Replicas::Scaled { scale, .. } = replicas else {
        panic!();
    };
    assert_eq!(scale.command(4).shown(), "scale.sh 4");
}

#[test]
fn caches() {
    let s = scenario(
        "kind: cache
         cache: { flush: { post: /reset_prefix_cache, timeout: 5s }, block_size: 16, capacity: 200000 }
         prompts: { type: synthetic, prefix: { tokens: 800, groups: 4 }, input_tokens: 100, output_tokens: 20 }
         sla: [\"warm.ttft.p50 < 0.4 * cold.ttft.p50\", cache_efficiency >= 90%, \"warm.ttft{shared=true}.p50 < 100ms\", warm.cache_efficiency <= 100%]",
    );
    let KindPlan::Cache(cache) = &s.plan else {
        panic!();
    };
    assert!(matches!(cache.flush, Flush::Hook(_)));
    assert_eq!(
        (cache.block_size, cache.capacity),
        (Some(16), Some(200_000))
    );
    let with = |lines: &str| {
        format!(
            "kind: cache\n{lines}measure_only: true\nprompts: {{ type: synthetic, prefix: {{ tokens: 800, groups: 4 }}, input_tokens: 100, output_tokens: 20 }}"
        )
    };
    let s = scenario(&with("cache: { flush: restart }\n"));
    assert!(matches!(&s.plan, KindPlan::Cache(c) if c.flush == Flush::Restart));
    let s = scenario(&with(""));
    assert!(matches!(&s.plan, KindPlan::Cache(c) if *c == CachePlan::default()));
}

#[test]
fn two_targets() {
    let s = scenario(
        "kind: disaggregation
         targets: { aggregated: one, disaggregated: { url: \"http://two/v1\", gpus: 2 } }
         interference: { rate: 12/min, input_tokens: 8000 }
         headers: { X-Team: performance }
         sla: [\"disaggregated.itl.p99 < 0.7 * aggregated.itl.p99\", \"disaggregated.goodput(ttft < 1s, itl.max < 100ms) >= 0.95 * aggregated.goodput(ttft < 1s, itl.max < 100ms)\", \"aggregated.itl{during=prefill}.p99 < 2 * aggregated.itl{during=quiet}.p99\"]",
    );
    let KindPlan::Disaggregation(plan) = &s.plan else {
        panic!();
    };
    let names: Vec<_> = plan.targets.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["aggregated", "disaggregated"]);
    assert_eq!(plan.targets[1].1.gpus, Some(2));
    // What the scenario says over its targets is said over each of them.
    let headers = |i: usize| &plan.targets[i].1.headers;
    assert!(headers(0).iter().any(|h| h.0 == "Authorization"));
    assert!((0..2).all(|i| headers(i).iter().any(|h| h.0 == "X-Team")));
    assert_eq!(plan.interference.as_ref().map(|i| i.rate), Some(0.2));
}

#[test]
fn long_prompts_against_one_target() {
    let s = scenario(
        "kind: disaggregation
         load: { concurrency: 8 }
         interference: { rate: 1/s, arrivals: poisson, input_tokens: { min: 1000, max: 8000 }, output_tokens: 4 }
         sla: [\"itl{during=prefill}.p99 < 2 * itl{during=quiet}.p99\"]",
    );
    let KindPlan::Disaggregation(plan) = &s.plan else {
        panic!();
    };
    assert_eq!(plan.targets[0].0, "main");
}

#[test]
fn a_target_flag_cannot_stand_in_for_several() {
    let text = suite(
        "kind: disaggregation\ntargets: { a: { url: \"http://a/v1\" }, b: { url: \"http://b/v1\" } }\nmeasure_only: true",
    );
    let options = LoadOptions {
        target: Some("sim://".into()),
        ..LoadOptions::default()
    };
    let input = SuiteInput {
        path: "kinds.yaml".into(),
        bytes: text.into(),
    };
    let problems = load(&[input], &options).unwrap_err();
    assert_eq!(problems.len(), 1, "{}", render_all(&problems, false));
    assert!(problems[0].message.contains("stands in for one target"));
}

#[test]
fn a_load_beside_a_search_is_refused_and_one_below_it_is_not() {
    let seen = refused(
        "kind: throughput
         load: { rate: 5/s }
         search: { saturate: rate, from: 1/s, to: 9/s }
         measure_only: true",
    );
    assert!(
        seen.contains("`search` says itself which loads are tried"),
        "{seen}"
    );
}
