//! What the judge's tests are written with: assertions as the parser would have made them, a case around
//! them, and runs with a known truth.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::metrics::synthetic::*;
use crate::metrics::{Unit, metric};
use crate::plan::{Case, PhasePlan};
use crate::record::{ErrorKind, RunRecords};
use crate::result::{AssertionResult, ClientHealth};
use crate::suite::assertion::*;
use crate::suite::*;

// What the parser would have made of a text.

pub(super) fn expr(kind: ExprKind) -> Expr {
    Expr { kind, span: 0..0 }
}

pub(super) fn of(name: &str, statistic: Option<Statistic>) -> Expr {
    expr(ExprKind::Metric(MetricRef {
        phase: None,
        metric: metric(name).unwrap(),
        labels: vec![],
        statistic,
    }))
}

pub(super) fn q(name: &str, q: f64) -> Expr {
    of(name, Some(Statistic::Quantile(q)))
}

pub(super) fn number(value: f64, unit: Unit) -> Expr {
    expr(ExprKind::Number(Quantity {
        value,
        unit: Some(unit),
    }))
}

pub(super) fn plain(value: f64) -> Expr {
    expr(ExprKind::Number(Quantity { value, unit: None }))
}

pub(super) fn ms(value: f64) -> Expr {
    number(value, Unit::Milliseconds)
}

pub(super) fn share(value: f64) -> Expr {
    number(value, Unit::Ratio)
}

pub(super) fn binary(lhs: Expr, op: BinaryOp, rhs: Expr) -> Expr {
    let (lhs, rhs) = (Box::new(lhs), Box::new(rhs));
    expr(ExprKind::Binary { op, lhs, rhs })
}

pub(super) fn goodput(bounds: &[(&str, Option<Statistic>, f64)]) -> Expr {
    let bounds = bounds
        .iter()
        .map(|&(name, statistic, limit)| Bound {
            metric: BoundMetric {
                metric: metric(name).unwrap(),
                statistic,
            },
            op: CmpOp::Lt,
            limit,
        })
        .collect();
    expr(ExprKind::Call {
        phase: None,
        function: Function::Goodput(bounds),
    })
}

pub(super) fn claim(text: &str, lhs: Expr, op: CmpOp, rhs: Expr) -> Assertion {
    Assertion {
        text: text.into(),
        lhs,
        op,
        rhs,
    }
}

pub(super) fn ttft_p99_under(limit: f64) -> Assertion {
    claim("ttft.p99 < …", q("ttft", 0.99), CmpOp::Lt, ms(limit))
}

// A case around assertions.

const YAML: &str = "scenarios:\n  - name: steady\n    sla:\n      - ttft.p99 < …\n";

pub(super) fn location(text: &str) -> Location {
    let start = YAML.find(text).unwrap();
    Location {
        file: SourceFile {
            path: "suites/chat.yaml".into(),
            text: YAML.into(),
        },
        span: Span {
            start,
            end: start + text.len(),
        },
    }
}

pub(super) fn case(assertions: Vec<Assertion>) -> Case {
    let load = Load {
        shape: LoadShape::Rate {
            per_second: 100.0,
            arrivals: Arrivals::Constant,
        },
        max_concurrency: None,
        start: Start::Spread,
    };
    let scenario = Scenario {
        name: "steady".into(),
        case: "steady".into(),
        matrix: vec![],
        location: location("steady"),
        yaml: YAML.into(),
        kind: Kind::Latency,
        plan: crate::suite::KindPlan::One,
        target: Target {
            url: TargetUrl::Sim(SimOverrides::default()),
            api: Api::Chat,
            model: None,
            stream: true,
            headers: vec![],
            body: serde_json::Map::new(),
            gpus: None,
            ca: None,
            insecure_tls: false,
            transport: None,
            ready: Ready {
                probe: Probe::Auto,
                timeout: Duration::from_secs(1),
                interval: Duration::from_secs(1),
            },
            launch: None,
            tokenizer: TokenizerChoice::default(),
            scrape: Scrape::default(),
        },
        load: load.clone(),
        requests: Some(1000),
        duration: None,
        warmup: Duration::ZERO,
        drain: Duration::from_secs(10),
        timeouts: Timeouts {
            connect: Duration::from_secs(5),
            first_token: Duration::from_secs(5),
            total: Duration::from_secs(5),
        },
        scrape: Scrape::default(),
        repeats: 1,
        seed: 7,
        prompts: Prompts {
            source: PromptSource::Synthetic {
                input_tokens: Length::Fixed(10),
                output_tokens: Length::Fixed(10),
                prefix: None,
                conversation: None,
            },
            salt: SaltMode::On,
            length_tolerance: LengthTolerance::default(),
        },
        sla: assertions
            .into_iter()
            .map(|assertion| SlaAssertion {
                assertion,
                location: location("ttft.p99 < …"),
            })
            .collect(),
        baseline: Vec::new(),
        measure_only: false,
        confidence: 0.95,
        undecided: Undecided::Lean,
        extend: Extend::Off,
        noise: AssumedNoise::default(),
        allow_errors: 0.01,
        client: ClientBounds::default(),
        threads: None,
        restart: Restart::Case,
        hooks: Hooks::default(),
        timeout: None,
        skip: None,
        known_issue: None,
    };
    Case {
        suite: "chat".into(),
        name: "steady".into(),
        slug: "chat-steady".into(),
        phases: vec![PhasePlan {
            requests: Some(1000),
            ..PhasePlan::new("main", load)
        }],
        measured_by: None,
        relative_in_suite: 1,
        scenario: Arc::new(scenario),
        secrets: Arc::new([]),
        suite_hooks: Arc::default(),
    }
}

pub(super) fn with(mut case: Case, change: impl FnOnce(&mut Scenario)) -> Case {
    change(Arc::make_mut(&mut case.scenario));
    case
}

pub(super) fn judged_with(
    case: &Case,
    runs: &[RunRecords],
    health: &ClientHealth,
    interrupted: bool,
) -> Judged {
    let phases = [JudgePhase {
        name: "main",
        runs,
        health,
        gpus: None,
        interrupted,
    }];
    judge_case(JudgeInput::new(case, &phases))
}

pub(super) fn judged(case: &Case, run: RunRecords) -> Judged {
    judged_with(case, &[run], &ClientHealth::default(), false)
}

/// The one written assertion, judged.
pub(super) fn one(assertion: Assertion, run: RunRecords) -> AssertionResult {
    judged(&case(vec![assertion]), run).assertions.remove(0)
}

/// 1000 requests, 10 ms apart, whose times to first token are 100.0 ms, 100.1 ms, … in an order without
/// memory.
pub(super) fn thousand() -> RunRecords {
    steady(1000, 10 * MS, |i| 100 * MS + (i * 617 % 1000) * 100)
}

pub(super) fn thousand_with_failures(every: u64) -> RunRecords {
    let mut run = thousand();
    for r in &mut run.records {
        if r.id % every == 0 {
            *r = failed(r.clone(), ErrorKind::Http, r.sent_us.unwrap() + MS);
        }
    }
    run
}

// Several phases.

/// A run whose median time to first token is about `ms`, spread by a few percent.
pub(super) fn run_of(ms: f64) -> RunRecords {
    steady(200, 10 * MS, |i| {
        (ms * 1e3 * (0.9 + 0.001 * (i * 61 % 200) as f64)) as u64
    })
}

pub(super) fn runs_of(medians: &[f64]) -> Vec<RunRecords> {
    medians.iter().map(|&ms| run_of(ms)).collect()
}

pub(super) fn in_phase(phase: &str, mut e: Expr) -> Expr {
    let named = Some(PhaseRef::Named(phase.into()));
    match &mut e.kind {
        ExprKind::Metric(m) => m.phase = named,
        ExprKind::Call { phase, .. } => *phase = named,
        _ => {}
    }
    e
}

pub(super) fn times(factor: f64, e: Expr) -> Expr {
    binary(plain(factor), BinaryOp::Mul, e)
}

pub(super) fn case_of(assertions: Vec<Assertion>, phases: &[&str]) -> Case {
    let mut case = case(assertions);
    let plan = case.phases[0].clone();
    case.phases = phases
        .iter()
        .map(|name| PhasePlan {
            name: (*name).to_owned(),
            ..plan.clone()
        })
        .collect();
    case
}

/// The one case of a suite with a scenario of `settings`.
pub(super) fn case_from(settings: &str) -> Case {
    let text = format!(
        "suite: chat\ntarget: {{ url: \"sim://\" }}\nscenarios:\n  - name: steady\n    kind: latency\n    load: {{ rate: 10/s }}\n    prompts: {{ type: synthetic, input_tokens: 100, output_tokens: 11 }}\n{settings}"
    );
    let input = crate::suite::SuiteInput {
        path: "chat.yaml".into(),
        bytes: text.clone().into_bytes(),
    };
    let suites = crate::suite::load(&[input], &crate::suite::LoadOptions::default());
    let suites = suites.unwrap_or_else(|p| panic!("{}\n{text}", p[0]));
    crate::plan::expand(&suites).remove(0)
}
