use std::collections::BTreeMap;

use super::*;
use crate::baseline::samples::{file, phase, runs};
use crate::baseline::{BaselineFile, MeasuredFor, baseline_of};
use crate::judge::test_support::case_from as case;
use crate::judge::{JudgeInput, JudgePhase, Look, Verdict};
use crate::plan::Case;
use crate::record::RunRecords;
use crate::result::{BaselineStanding, ChangeKind, ClientHealth, Spread};

fn identities(of: &BaselineFile) -> BTreeMap<String, BTreeMap<String, String>> {
    let all = of.phases.iter();
    all.map(|p| (p.name.clone(), p.identity.clone())).collect()
}

/// `case` with `now` measured, against `accepted`.
fn against(case: &Case, now: &[RunRecords], accepted: &BaselineFile) -> JudgedAgainst {
    against_with(case, now, accepted, &ClientHealth::default())
}

fn against_with(
    case: &Case,
    now: &[RunRecords],
    accepted: &BaselineFile,
    health: &ClientHealth,
) -> JudgedAgainst {
    let phases = [JudgePhase {
        name: "main",
        runs: now,
        health,
        gpus: None,
        interrupted: false,
    }];
    let input = AcceptedInput {
        accepted: Ok(accepted),
        identities: &identities(accepted),
        answers: &BTreeMap::new(),
    };
    judge_against(JudgeInput::new(case, &phases), Look::default(), input)
}

#[test]
fn what_a_saturated_client_measured_is_not_compared() {
    let case = case(&format!("{QUIET}    baseline: {{ ttft.p50: 15% }}\n"));
    let same = runs(5, 1.0, false);
    let saturated = ClientHealth {
        busy: Some(0.99),
        loop_delay: Some(Spread {
            p50: 20.0,
            p99: 90.0,
            max: 120.0,
        }),
        ..ClientHealth::default()
    };
    let found = against_with(&case, &same, &file(phase(&same)), &saturated);
    assert_eq!(found.judged.verdict, Verdict::Invalid);
    assert!(
        found
            .judged
            .reason
            .unwrap()
            .starts_with("the client was saturated")
    );
}

fn changes(judged: &JudgedAgainst) -> Vec<(&str, ChangeKind)> {
    let all = judged.baseline.changes.iter();
    all.map(|c| (c.metric.as_str(), c.change)).collect()
}

const QUIET: &str = "    noise: 0.5%\n";

#[test]
fn what_did_not_change_is_within_tolerance() {
    let case = case(&format!(
        "{QUIET}    baseline: {{ ttft.p50: 15%, ttft.p99: 15%, throughput: 10%, error_rate: +1pt }}\n"
    ));
    let found = against(
        &case,
        &runs(5, 1.0, false),
        &file(phase(&runs(5, 1.0, false))),
    );
    assert_eq!(
        found.judged.verdict,
        Verdict::Pass,
        "{:?}",
        found.judged.reason
    );
    assert!(
        changes(&found)
            .iter()
            .all(|(_, c)| *c == ChangeKind::WithinTolerance),
        "{:?}",
        changes(&found)
    );
    assert_eq!(found.baseline.standing, BaselineStanding::Compared);
    // Prony's own assertion comes last.
    assert!(found.judged.assertions.last().unwrap().implicit);
}

#[test]
fn what_got_slower_regressed_and_what_is_swapped_improved() {
    let case = case(&format!(
        "{QUIET}    baseline: {{ ttft.p50: 10%, tpot.p50: 10% }}\n"
    ));
    let (fast, slow) = (runs(5, 1.0, false), runs(5, 1.5, false));
    let regressed = against(&case, &slow, &file(phase(&fast)));
    assert_eq!(
        changes(&regressed),
        [
            ("ttft.p50", ChangeKind::Regressed),
            ("tpot.p50", ChangeKind::WithinTolerance)
        ]
    );
    assert_eq!(regressed.judged.verdict, Verdict::Fail);
    insta::assert_snapshot!(regressed.judged.reason.clone().unwrap_or_default());
    let swapped = against(&case, &fast, &file(phase(&slow)));
    assert_eq!(changes(&swapped)[0], ("ttft.p50", ChangeKind::Improved));
    assert_eq!(swapped.judged.verdict, Verdict::Pass);
}

#[test]
fn an_assertion_says_the_same_as_a_rule() {
    let rule = case(&format!("{QUIET}    baseline: {{ ttft.p50: 10% }}\n"));
    let assertion = case(&format!(
        "{QUIET}    sla: [ttft.p99 < 5s, ttft.p50 <= 1.1 * baseline.ttft.p50]\n"
    ));
    for slower in [1.0, 1.08, 1.5] {
        let accepted = file(phase(&runs(5, 1.0, false)));
        let now = runs(5, slower, false);
        let (a, b) = (
            against(&rule, &now, &accepted),
            against(&assertion, &now, &accepted),
        );
        assert_eq!(changes(&a), changes(&b), "{slower}");
        let (a, b) = (&a.judged.assertions[0], &b.judged.assertions[1]);
        assert_eq!((a.verdict, a.observed), (b.verdict, b.observed));
        assert!((a.limit.unwrap() - b.limit.unwrap()).abs() < 1e-9);
    }
}

#[test]
fn what_the_data_cannot_tell_is_undecided_and_open() {
    let case = case("    noise: 3%\n    baseline: { ttft.p50: 10% }\n");
    let found = against(
        &case,
        &runs(5, 1.08, false),
        &file(phase(&runs(5, 1.0, false))),
    );
    assert_eq!(changes(&found), [("ttft.p50", ChangeKind::Undecided)]);
    let first = &found.judged.assertions[0];
    assert_eq!((first.verdict, first.open), (Verdict::Undecided, true));
    assert_eq!(found.judged.verdict, Verdict::Undecided);
    insta::assert_snapshot!(found.judged.reason.clone().unwrap_or_default());
}

#[test]
fn noise_is_said_known_or_assumed() {
    let rules = "    baseline: { ttft.p50: 10% }\n";
    let line = |settings: &str, now: &[RunRecords], then: &[RunRecords]| {
        let found = against(
            &case(&format!("{settings}{rules}")),
            now,
            &file(phase(then)),
        );
        found.judged.assertions[0].line.clone().unwrap_or_default()
    };
    let one = runs(6, 1.0, false);
    assert!(line("", &one, &one).contains("assumed to differ by 5 %"));
    assert!(line("    noise: 2%\n", &one, &one).contains("differ by 2 %"));
    let sessions = runs(6, 1.0, true);
    assert!(!line("", &sessions, &sessions).contains("differ by"));
}

#[test]
fn another_machine_is_not_comparable() {
    let case = case("    baseline: { ttft.p50: 10% }\n");
    let accepted = file(phase(&runs(5, 1.0, false)));
    let mut now = identities(&accepted);
    now.get_mut("main")
        .unwrap()
        .insert("accelerator".into(), "H200".into());
    let health = ClientHealth::default();
    let slow = runs(5, 2.0, false);
    let phases = [JudgePhase {
        name: "main",
        runs: &slow,
        health: &health,
        gpus: None,
        interrupted: false,
    }];
    let input = AcceptedInput {
        accepted: Ok(&accepted),
        identities: &now,
        answers: &BTreeMap::new(),
    };
    let found = judge_against(JudgeInput::new(&case, &phases), Look::default(), input);
    assert_eq!(found.judged.verdict, Verdict::Undecided);
    assert_eq!(found.baseline.standing, BaselineStanding::NotComparable);
    assert_eq!(
        found.judged.reason.as_deref(),
        Some("baseline ttft.p50: 10%: not comparable (accelerator: sim/quick → H200)")
    );
}

#[test]
fn a_missing_baseline_is_undecided_with_the_reason() {
    let case = case("    baseline: { ttft.p50: 10% }\n    sla: [ttft.p50 < 5s]\n");
    let health = ClientHealth::default();
    let now = runs(5, 1.0, false);
    let phases = [JudgePhase {
        name: "main",
        runs: &now,
        health: &health,
        gpus: None,
        interrupted: false,
    }];
    let missing = NoBaseline::Missing("no baseline is accepted yet".to_owned());
    let input = AcceptedInput {
        accepted: Err(&missing),
        identities: &BTreeMap::new(),
        answers: &BTreeMap::new(),
    };
    let found = judge_against(JudgeInput::new(&case, &phases), Look::default(), input);
    assert_eq!(found.judged.verdict, Verdict::Undecided);
    assert_eq!(found.baseline.standing, BaselineStanding::Missing);
    assert_eq!(found.judged.assertions[0].verdict, Verdict::Pass);
    // And a fail stays one.
    let failing =
        super::tests::case("    baseline: { ttft.p50: 10% }\n    sla: [ttft.p50 < 1ms]\n");
    let found = judge_against(JudgeInput::new(&failing, &phases), Look::default(), input);
    assert_eq!(found.judged.verdict, Verdict::Fail);
}

#[test]
fn values_that_the_suite_asserts_are_kept_and_found_again() {
    let case = case(&format!(
        "{QUIET}    baseline: {{ ttft.p75: 10%, \"goodput(ttft < 45ms)\": +30pt }}\n    sla: [e2e_latency.p50 - ttft.p50 <= 1.2 * (baseline.e2e_latency.p50 - baseline.ttft.p50)]\n"
    ));
    let now = runs(5, 1.0, false);
    let health = ClientHealth::default();
    let phases = [JudgePhase {
        name: "main",
        runs: &now,
        health: &health,
        gpus: None,
        interrupted: false,
    }];
    let extras = asserted_values(&case, &phases, "main");
    let names: Vec<_> = extras
        .iter()
        .map(|e| format!("{}.{}", e.metric, e.statistic))
        .collect();
    assert_eq!(names, ["ttft.p75", "goodput(ttft < 45ms).value"]);
    let identity = BTreeMap::new();
    let measured = MeasuredFor {
        name: "main",
        identity: &identity,
        runs: &now,
        gpus: None,
    };
    let accepted = file(baseline_of(measured, &extras));
    let found = against(&case, &now, &accepted);
    assert_eq!(
        found.judged.verdict,
        Verdict::Pass,
        "{:?}",
        found.judged.reason
    );
    // Of a baseline from before that was asserted it is not there.
    let without = file(baseline_of(measured, &[]));
    let found = against(&case, &now, &without);
    assert_eq!(found.judged.verdict, Verdict::Undecided);
    assert!(
        found
            .judged
            .reason
            .unwrap()
            .contains("has no `ttft.p75`; accept a new one")
    );
}

#[test]
fn a_floor_tolerates_what_is_small_in_its_own_unit() {
    let slower = runs(5, 1.2, false);
    let accepted = file(phase(&runs(5, 1.0, false)));
    let worse_alone = case(&format!("{QUIET}    baseline: {{ ttft.p50: 5% }}\n"));
    let with_floor = case(&format!(
        "{QUIET}    baseline: {{ ttft.p50: {{ worse: 5%, and_at_least: 30ms }} }}\n"
    ));
    assert_eq!(
        against(&worse_alone, &slower, &accepted).judged.verdict,
        Verdict::Fail
    );
    assert_eq!(
        against(&with_floor, &slower, &accepted).judged.verdict,
        Verdict::Pass
    );
}

/// TTFT in ms without and with three quarters of the prompt shared, of fourteen nightly runs of one
/// project; its gate was second < 0.4 × first, and failed eight of them.
const NIGHTLIES: [(f64, f64); 14] = [
    (4696.24, 1883.99),
    (4696.20, 1896.01),
    (4636.73, 1902.48),
    (4655.17, 1913.54),
    (4685.35, 1919.36),
    (4660.33, 1915.41),
    (4648.30, 1950.50),
    (4655.30, 1962.32),
    (4685.64, 1864.46),
    (5520.28, 1928.97),
    (4639.23, 1846.86),
    (4651.64, 1854.30),
    (4640.39, 1840.32),
    (4677.20, 1848.35),
];

#[test]
fn nightlies_that_a_fixed_threshold_could_not_judge() {
    use crate::judge::{Noise, Pairing, Rule, RunValue, Scale, Side, compare};
    use rand_chacha::rand_core::{Rng, SeedableRng};

    let runs = |of: &dyn Fn(&(f64, f64)) -> f64, which: &[usize]| -> Vec<RunValue> {
        let all = which.iter().map(|&i| RunValue {
            session: i as u32,
            value: of(&NIGHTLIES[i]),
            sampling_var: f64::NAN,
        });
        all.collect()
    };
    fn side(runs: &[RunValue]) -> Side<'_> {
        Side {
            runs,
            noise: Noise::default(),
        }
    }
    let rule = |tolerance, pairing| Rule {
        direction: crate::metrics::Direction::LowerIsBetter,
        tolerance,
        absolute_floor: None,
        scale: Scale::Ratio,
        pairing,
        m: 1,
        confidence: 0.95,
        look: Look::default(),
        assumed: 0.03,
    };
    // As runs of one case: nobody can say on which side of 0.4 the ratio lies.
    let all: Vec<usize> = (0..14).collect();
    let (cold, warm) = (runs(&|p| 0.4 * p.0, &all), runs(&|p| p.1, &all));
    let found = compare(&side(&cold), &side(&warm), &rule(0.0, Pairing::OneServer));
    assert_eq!(found.change, ChangeKind::Undecided);
    assert!(
        (found.ratio.unwrap() * 0.4 - 0.4013).abs() < 5e-4,
        "{found:?}"
    );

    // Five of them against five others, at 10 %: never an alarm.
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(7);
    let (mut above, mut below) = (0, 0);
    for _ in 0..1000 {
        let mut order = all.clone();
        for i in (1..order.len()).rev() {
            order.swap(i, random.next_u32() as usize % (i + 1));
        }
        let ratio = |p: &(f64, f64)| p.1 / p.0;
        let (base, candidate) = (runs(&ratio, &order[..5]), runs(&ratio, &order[5..10]));
        let found = compare(&side(&base), &side(&candidate), &rule(0.1, Pairing::None));
        assert_ne!(found.change, ChangeKind::Regressed, "{order:?}: {found:?}");
        // What the fixed threshold would say of the first of them.
        if candidate[0].value < 0.4 {
            below += 1;
        } else {
            above += 1;
        }
    }
    assert!(above > 100 && below > 100, "{above} fail, {below} pass");
}
