use serde_json::{Value, json};

use super::lab::{Lab, MS, Seen, request};

/// Time to first token of a lone request, in ns.
fn ttft(overrides: &Value, session: u64, run: u64) -> f64 {
    let mut lab = Lab::new(overrides, session);
    lab.engine.begin_run(run);
    let id = lab.submit(0, request(1, 100, 1));
    lab.run_out();
    lab.seen[&id].ttft() as f64
}

fn spread_of_logs(values: impl Iterator<Item = f64>) -> f64 {
    let logs: Vec<f64> = values.map(f64::ln).collect();
    let n = logs.len() as f64;
    let mean = logs.iter().sum::<f64>() / n;
    (logs.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt()
}

#[test]
fn each_level_varies_as_much_as_stated() {
    let n = 4000;
    let session = json!({"variation": {"session": 0.05}});
    let spread = spread_of_logs((0..n).map(|seed| ttft(&session, seed, 0)));
    assert!((spread / 0.05 - 1.0).abs() < 0.05, "sessions: {spread}");
    let run = json!({"variation": {"run": 0.05}});
    let spread = spread_of_logs((0..n).map(|i| ttft(&run, 1, i)));
    assert!((spread / 0.05 - 1.0).abs() < 0.05, "runs: {spread}");
    let mut lab = Lab::new(
        &json!({"variation": {"step": 0.05}, "cost": {"context_ns": 0}}),
        1,
    );
    let id = lab.submit(0, request(1, 10, n as u32));
    lab.run_out();
    let spread = spread_of_logs(lab.seen[&id].gaps().into_iter().map(|gap| gap as f64));
    assert!((spread / 0.05 - 1.0).abs() < 0.05, "steps: {spread}");
}

#[test]
fn a_session_keeps_its_speed_and_a_run_its_own() {
    let overrides = json!({"variation": {"session": 0.1, "run": 0.1}});
    assert_eq!(ttft(&overrides, 3, 5), ttft(&overrides, 3, 5));
    assert_ne!(ttft(&overrides, 3, 5), ttft(&overrides, 3, 6));
    assert_ne!(ttft(&overrides, 3, 5), ttft(&overrides, 4, 5));
}

#[test]
fn drift_and_waves_change_steps_over_time() {
    let gap_at = |overrides: &Value, at| {
        let mut lab = Lab::new(overrides, 1);
        let id = lab.submit(at, request(1, 10, 2));
        lab.run_out();
        lab.seen[&id].gaps()[0] as f64
    };
    let drift = json!({"variation": {"drift_per_hour": 0.2}});
    let ratio = gap_at(&drift, 3_600_000 * MS) / gap_at(&drift, 0);
    assert!((ratio - 1.2).abs() < 1e-3, "{ratio}");
    let wave = json!({"variation": {"wave": 0.3, "wave_s": 40}});
    let gaps: Vec<f64> = (0..40).map(|s| gap_at(&wave, s * 1000 * MS)).collect();
    let (low, high) = gaps
        .iter()
        .fold((f64::MAX, 0.0f64), |(l, h), g| (l.min(*g), h.max(*g)));
    assert!(
        (high / low / (1.3 / 0.7) - 1.0).abs() < 0.02,
        "{}",
        high / low
    );
}

fn steady(overrides: &Value) -> Vec<Seen> {
    let mut lab = Lab::new(overrides, 1);
    for i in 0..2000 {
        lab.submit(i * 100 * MS, request(i, 100, 5));
    }
    lab.run_out();
    lab.seen.into_values().collect()
}

#[test]
fn a_ttft_regression_moves_the_first_token_and_keeps_the_gaps() {
    let (base, slow) = (
        steady(&json!({})),
        steady(&json!({"regression": {"ttft": 0.05}})),
    );
    for (a, b) in base.iter().zip(&slow) {
        assert_eq!(b.ttft(), a.ttft() + (a.ttft() as f64 * 0.05).round() as u64);
        assert_eq!(a.gaps(), b.gaps());
    }
}

#[test]
fn a_tail_regression_leaves_the_others_alone() {
    let base = steady(&json!({}));
    let slow = steady(&json!({"regression": {"tail": 0.4, "tail_share": 0.1}}));
    let slowed: Vec<_> = base.iter().zip(&slow).filter(|(a, b)| a != b).collect();
    assert!(
        (150..250).contains(&slowed.len()),
        "{} of 2000",
        slowed.len()
    );
    for (a, b) in slowed {
        let ratio = b.ttft() as f64 / a.ttft() as f64;
        assert!((ratio - 1.4).abs() < 1e-6);
        assert!((b.end() - b.submitted) as f64 / (a.end() - a.submitted) as f64 > 1.399);
    }
}

#[test]
fn a_throughput_regression_is_one_when_the_engine_is_busy() {
    let rate = |change: f64| {
        let mut lab = Lab::new(&json!({"regression": {"throughput": change}}), 1);
        lab.closed_loop(64, 1000, |i| request(i, 50, 20));
        let end = lab.seen.values().map(Seen::end).max().unwrap();
        20_000.0 / end as f64
    };
    assert!((rate(-0.08) / rate(0.0) - 0.92).abs() < 1e-4);
}

#[test]
fn stalls_come_as_often_as_stated() {
    let overrides =
        json!({"variation": {"stall_rate": 0.1, "stall_ms": 100}, "cost": {"context_ns": 0}});
    let mut lab = Lab::new(&overrides, 1);
    let id = lab.submit(0, request(1, 10, 5000));
    lab.run_out();
    let gaps = lab.seen[&id].gaps();
    let nominal = gaps.iter().min().copied().unwrap();
    let stalls: Vec<_> = gaps
        .iter()
        .map(|gap| gap - nominal)
        .filter(|s| *s > 0)
        .collect();
    assert!(
        (430..570).contains(&stalls.len()),
        "{} of 5000",
        stalls.len()
    );
    let mean = stalls.iter().sum::<u64>() / stalls.len() as u64;
    assert!((85 * MS..115 * MS).contains(&mean), "{mean}");
}
