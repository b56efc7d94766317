//! Procedures made by hand, carried out in virtual time against engines of known truth: several
//! targets, sessions, runs that only prepare, idle times.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use prony::plan::{
    Abba, Case, FixedRepeats, Measure, NamedTarget, PhasePlan, Role, Rounds, expand,
};
use prony::result::{CaseResult, MetricSummary};
use prony::runner::{Context, Interrupt, run_case, run_info};
use prony::suite::{
    Hook, HookAction, HookMethod, HookUrl, LoadOptions, SuiteInput, Target, load, render_all,
};
use serde_json::Value;

/// The only case of a suite with `settings`, against an engine set by `sim`.
fn case(sim: &str, settings: &str) -> Case {
    let text = format!(
        "target: {{ url: \"sim://exact\", sim: {{ {sim} }} }}\nscenarios:\n  - {{ name: one, kind: latency, measure_only: true, warmup: 1s, \
         prompts: {{ type: synthetic, input_tokens: 200, output_tokens: 8 }}, {settings} }}\n"
    );
    of_suite(&text)
}

/// The first case of the suite `text`.
pub fn of_suite(text: &str) -> Case {
    let input = SuiteInput {
        path: "one.yaml".into(),
        bytes: text.into(),
    };
    let suites = load(&[input], &LoadOptions::default())
        .unwrap_or_else(|problems| panic!("{}", render_all(&problems, false)));
    expand(&suites).remove(0)
}

/// What the window of `phase` says of `key`, run by run and request by request.
pub fn column(records: &[Value], phase: &str, key: &str) -> Vec<Value> {
    let place = |r: &Value| (r["run"].as_u64().unwrap(), r["id"].as_u64().unwrap());
    let window = records
        .iter()
        .filter(|r| r["phase"] == phase && r["part"] == "window");
    let mut of: Vec<&Value> = window.collect();
    of.sort_by_key(|r| place(r));
    of.into_iter().map(|r| r[key].clone()).collect()
}

/// Carries `case` out in virtual time; its result, and its records.
pub fn measured(case: &Case) -> (CaseResult, Vec<Value>) {
    let dir = tempfile::tempdir().unwrap();
    let mut context = Context::new(
        dir.path().to_owned(),
        run_info(Vec::new(), None, BTreeMap::new()),
        String::new(),
        7,
        true,
        Arc::new(Interrupt::none()),
    );
    context.virtual_time = true;
    let result = run_case(case, &context);
    assert_eq!(context.internal(), [""; 0]);
    (result, records(dir.path()))
}

fn records(results: &Path) -> Vec<Value> {
    let cases = results.join("latest/cases");
    let folder = fs::read_dir(cases).unwrap().next().unwrap().unwrap().path();
    let text = fs::read_to_string(folder.join("requests.jsonl")).unwrap();
    text.lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect()
}

fn median(case: &CaseResult, phase: &str, metric: &str) -> f64 {
    let phase = case.phases.iter().find(|p| p.name == phase).unwrap();
    match &phase.metrics[metric] {
        MetricSummary::Distribution(d) => d.p50.unwrap(),
        MetricSummary::Value(v) => v.value,
    }
}

fn named(name: &str, target: &Target) -> Option<NamedTarget> {
    Some(NamedTarget {
        name: name.to_owned(),
        target: Arc::new(target.clone()),
    })
}

/// A case that measures two targets by turns, the second with `sim`.
fn two_targets(sim: &str, session_each: bool) -> Case {
    let settings = "load: { rate: 20/s, arrivals: poisson }, requests: 50";
    let mut two = case("", settings);
    let other = case(sim, settings);
    let side = |name: &str, of: &Case| PhasePlan {
        name: name.to_owned(),
        at: named(name, &of.scenario.target),
        content: Some("both".to_owned()),
        ..two.phases[0].clone()
    };
    let sides = [side("a", &two), side("b", &other)];
    two.phases = sides.to_vec();
    two.measured_by = Some(Arc::new(FixedRepeats {
        rounds: Box::new(Abba {
            sides,
            first: 0,
            session_each,
        }),
        repeats: 4,
    }));
    two
}

/// The runs in the order in which they were measured, as `phase run session`.
fn order(records: &[Value]) -> Vec<String> {
    let mut order: Vec<String> = Vec::new();
    for r in records {
        let run = format!(
            "{}{} {}",
            r["phase"].as_str().unwrap(),
            r["run"],
            r["session"]
        );
        if order.last() != Some(&run) {
            order.push(run);
        }
    }
    order
}

#[test]
fn two_targets_get_the_same_requests_by_turns() {
    let (result, records) = measured(&two_targets("regression: { ttft: 0.25 }", true));
    assert_eq!(
        order(&records),
        [
            "a0 0", "b0 0", "b1 1", "a1 1", "a2 2", "b2 2", "b3 3", "a3 3"
        ]
    );
    assert_eq!(result.phases.len(), 2);
    let runs: Vec<(u32, u32)> = result.phases[1]
        .runs
        .iter()
        .map(|r| (r.run, r.session))
        .collect();
    assert_eq!(runs, [(0, 0), (1, 1), (2, 2), (3, 3)]);
    // The same requests at the same offsets, the same salt.
    let of = |phase: &str, key: &str| column(&records, phase, key);
    assert_eq!(of("a", "due_us"), of("b", "due_us"));
    assert_eq!(of("a", "input_tokens"), of("b", "input_tokens"));
    assert_eq!(result.phases[0].runs[2].salt, result.phases[1].runs[2].salt);
    let ratio = median(&result, "b", "ttft") / median(&result, "a", "ttft");
    assert!((ratio - 1.25).abs() < 0.01, "{ratio}");
}

#[test]
fn targets_of_one_case_are_drawn_apart() {
    let noisy = "variation: { session: 0.1 }";
    let mut two = two_targets(noisy, true);
    let same = two.phases[1].at.as_ref().unwrap().target.clone();
    for phase in &mut two.phases {
        let name = phase.name.clone();
        phase.at = named(&name, &same);
    }
    let sides = [two.phases[0].clone(), two.phases[1].clone()];
    two.measured_by = Some(Arc::new(FixedRepeats {
        rounds: Box::new(Abba {
            sides,
            first: 1,
            session_each: true,
        }),
        repeats: 3,
    }));
    let (result, records) = measured(&two);
    assert_eq!(order(&records)[..4], ["b0 0", "a0 0", "a1 1", "b1 1"]);
    let p50 = |phase: usize, run: usize| match &result.phases[phase].runs[run].metrics["ttft"] {
        MetricSummary::Distribution(d) => d.p50.unwrap(),
        MetricSummary::Value(v) => v.value,
    };
    for run in 0..3 {
        assert!((p50(0, run) / p50(1, run) - 1.0).abs() > 1e-3, "run {run}");
    }
    assert!(
        (p50(0, 0) / p50(0, 1) - 1.0).abs() > 1e-3,
        "a session is drawn anew"
    );
}

/// Flush, prime, measure; idle before it.
#[derive(Debug)]
struct Primed {
    prime: PhasePlan,
    measured: PhasePlan,
}

impl Rounds for Primed {
    fn round(&self, round: u32) -> Vec<Measure> {
        [&self.prime, &self.measured]
            .map(|phase| Measure {
                phase: phase.clone(),
                run: round,
                session: 0,
            })
            .into()
    }

    fn phases(&self) -> Vec<PhasePlan> {
        vec![self.measured.clone()]
    }
}

#[test]
fn a_cache_is_flushed_and_primed_by_runs_that_are_no_result() {
    let mut case = case("", "load: { concurrency: 1 }, requests: 20");
    let flush = Hook {
        action: HookAction::Http {
            method: HookMethod::Post,
            url: HookUrl::Path("/reset_prefix_cache".to_owned()),
            headers: Vec::new(),
            body: None,
        },
        timeout: Duration::from_secs(5),
        restarts: false,
    };
    let warm = PhasePlan {
        name: "warm".to_owned(),
        warmup: Some(Duration::ZERO),
        idle: Duration::from_secs(600),
        content: Some("shared".to_owned()),
        labels: BTreeMap::from([("cache".to_owned(), "warm".to_owned())]),
        ..case.phases[0].clone()
    };
    let prime = PhasePlan {
        name: "prime".to_owned(),
        role: Role::Prepares,
        before: vec![flush],
        idle: Duration::ZERO,
        ..warm.clone()
    };
    case.phases = vec![prime.clone(), warm.clone()];
    case.measured_by = Some(Arc::new(FixedRepeats {
        rounds: Box::new(Primed {
            prime,
            measured: warm,
        }),
        repeats: 2,
    }));
    let (result, records) = measured(&case);
    assert_eq!(
        order(&records),
        ["prime0 0", "warm0 0", "prime1 0", "warm1 0"]
    );
    assert_eq!(result.phases.len(), 1);
    assert_eq!(result.phases[0].labels["cache"], "warm");
    assert!(
        result.duration_s > 1200.0,
        "idle twice: {}",
        result.duration_s
    );
    let cached = |phase: &str| -> u64 {
        let of = records
            .iter()
            .filter(|r| r["phase"] == phase && r["part"] == "window");
        of.map(|r| r["cached_tokens"].as_u64().unwrap_or(0))
            .min()
            .unwrap()
    };
    assert!(
        cached("warm") > 150,
        "the same prompts again: {}",
        cached("warm")
    );
    assert_eq!(
        cached("prime"),
        0,
        "flushed before, and salted anew in every run"
    );
}

#[test]
fn measuring_on_is_told_with_its_reason() {
    // The limit lies where the data of the plan cannot decide and twice as much may.
    let noisy = "variation: { step: 0.2 }";
    let mut case = case(
        noisy,
        "load: { rate: 20/s, arrivals: poisson }, requests: 400",
    );
    let (free, _) = measured(&case);
    let limit = median(&free, "main", "ttft") * 1.01;
    let text = format!(
        "target: {{ url: \"sim://exact\", sim: {{ {noisy} }} }}\nscenarios:\n  - {{ name: one, kind: latency, warmup: 1s, \
         prompts: {{ type: synthetic, input_tokens: 200, output_tokens: 8 }}, load: {{ rate: 20/s, arrivals: poisson }}, requests: 400, sla: [ttft.p50 < {limit}ms] }}\n"
    );
    let with = |extend: &str| {
        let text = text.replace("warmup: 1s", &format!("warmup: 1s, extend: {extend}"));
        let input = SuiteInput {
            path: "one.yaml".into(),
            bytes: text.into(),
        };
        let suites = load(&[input], &LoadOptions::default()).unwrap();
        expand(&suites).remove(0)
    };
    case = with("off");
    let (once, _) = measured(&case);
    assert_eq!(
        (once.extended.is_none(), once.phases[0].runs.len()),
        (true, 1)
    );
    let (twice, records) = measured(&with("2x"));
    let extended = twice.extended.expect("open at first");
    assert_eq!(extended.repeats, 1);
    assert_eq!(
        order(&records),
        ["main0 0", "main1 0"],
        "in the same session"
    );
    assert_eq!(
        twice.assertions[0].n,
        Some(800),
        "decided on all that was measured"
    );
    assert!(
        extended
            .text
            .starts_with("measured on by 1 repeat, because the data could not decide `ttft.p50 < "),
        "{}",
        extended.text
    );
    let (half, _) = measured(&with("10s"));
    // As many requests more as come in about ten seconds.
    let n = half.assertions[0].n.unwrap();
    assert!((560..640).contains(&n), "{n}");
}
