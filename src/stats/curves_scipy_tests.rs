//! Fits of curves against SciPy's; `tests/stats_fixtures/curves.py` made the figures.

use serde_json::Value;

use super::{Usl, isotonic};

fn fixtures() -> Value {
    serde_json::from_str(include_str!("../../tests/stats_fixtures/curves.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    let values = value.as_array().unwrap();
    values.iter().map(|v| v.as_f64().unwrap()).collect()
}

#[test]
fn universal_scalability_law_by_bounded_least_squares() {
    let mut on_an_edge = 0;
    for case in fixtures()["usl"].as_array().unwrap() {
        let points: Vec<(f64, f64)> = numbers(&case["n"])
            .into_iter()
            .zip(numbers(&case["x"]))
            .collect();
        let ours = Usl::fit(&points).unwrap();
        let theirs = |k: &str| case[k].as_f64().unwrap();
        let close = |ours: f64, theirs: f64, scale: f64| (ours - theirs).abs() <= 1e-5 * scale;
        assert!(
            close(ours.lambda, theirs("lambda"), theirs("lambda")),
            "{ours:?} {case}"
        );
        assert!(close(ours.sigma, theirs("sigma"), 1.0), "{ours:?} {case}");
        assert!(close(ours.kappa, theirs("kappa"), 0.1), "{ours:?} {case}");
        on_an_edge += u32::from(ours.sigma == 0.0 || ours.kappa == 0.0);
    }
    assert!(
        on_an_edge >= 3,
        "the bounds are put to the test: {on_an_edge}"
    );
}

#[test]
fn isotonic_regression() {
    for case in fixtures()["isotonic"].as_array().unwrap() {
        let ours = isotonic(&numbers(&case["y"]), &numbers(&case["weights"]));
        for (ours, theirs) in ours.into_iter().zip(numbers(&case["expected"])) {
            assert!((ours - theirs).abs() < 1e-9, "{case}");
        }
    }
}
