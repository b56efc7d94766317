//! prony's statistics against SciPy's; `tests/stats_fixtures/generate.py` made the figures.

use serde_json::Value;

use super::beta::beta_cdf;
use super::*;

fn fixtures() -> Value {
    serde_json::from_str(include_str!("../../tests/stats_fixtures/scipy.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_f64().unwrap())
        .collect()
}

fn close(ours: f64, theirs: f64, relative: f64, what: &Value) {
    assert!(
        (ours - theirs).abs() <= relative * (1e-12 + theirs.abs()),
        "{ours} is not {theirs}: {what}"
    );
}

#[test]
fn quantiles_mean_and_standard_deviation() {
    for case in fixtures()["quantiles"].as_array().unwrap() {
        let mut x = numbers(&case["x"]);
        let moments = Moments::from_iter(x.iter().copied());
        x.sort_by(f64::total_cmp);
        for (q, expected) in numbers(&case["q"])
            .into_iter()
            .zip(numbers(&case["expected"]))
        {
            close(quantile(&x, q).unwrap(), expected, 1e-12, &case["name"]);
        }
        close(
            moments.mean().unwrap(),
            case["mean"].as_f64().unwrap(),
            1e-12,
            &case["name"],
        );
        match case["stddev"].as_f64() {
            Some(sd) => close(moments.stddev().unwrap(), sd, 1e-12, &case["name"]),
            None => assert_eq!(moments.stddev(), None),
        }
    }
}

#[test]
fn the_incomplete_beta_function() {
    for case in fixtures()["beta_cdf"].as_array().unwrap() {
        let arg = |k: &str| case[k].as_f64().unwrap();
        let ours = beta_cdf(arg("a"), arg("b"), arg("x"));
        assert!((ours - arg("expected")).abs() < 1e-8, "{ours}: {case}");
    }
}

#[test]
fn clopper_pearson_bounds() {
    for case in fixtures()["clopper_pearson"].as_array().unwrap() {
        let arg = |k: &str| case[k].as_f64().unwrap();
        let ours = clopper_pearson(arg("k"), arg("n"), arg("confidence"));
        let within = 1e-9;
        close(ours.lower, arg("lower"), within, case);
        close(ours.upper, arg("upper"), within, case);
    }
}

#[test]
fn ranks_of_order_statistic_bounds() {
    for case in fixtures()["quantile_ranks"].as_array().unwrap() {
        let n = case["n"].as_u64().unwrap() as usize;
        let ours = quantile_ranks(
            n,
            n as f64,
            case["q"].as_f64().unwrap(),
            case["confidence"].as_f64().unwrap(),
        );
        let rank = |k: &str| case[k].as_u64().map(|r| r as usize);
        assert_eq!(
            (ours.lower, ours.upper),
            (rank("lower"), rank("upper")),
            "{case}"
        );
    }
}

#[test]
fn t_intervals_on_batch_means() {
    for case in fixtures()["t_intervals"].as_array().unwrap() {
        let batches: Vec<Batch> = numbers(&case["x"])
            .into_iter()
            .map(|sum| Batch { sum, size: 1.0 })
            .collect();
        let (_, ours) = ratio_interval(&batches, case["confidence"].as_f64().unwrap()).unwrap();
        // Correlation that the draw shows by chance may widen ours; it may never be narrower.
        let (lower, upper) = (
            case["lower"].as_f64().unwrap(),
            case["upper"].as_f64().unwrap(),
        );
        let widening = (ours.upper - ours.lower) / (upper - lower);
        assert!((1.0 - 1e-9..1.4).contains(&widening), "{widening}");
    }
}

#[test]
fn autocorrelation_function() {
    let case = &fixtures()["autocorrelation"];
    let ours = autocorrelations(&[&numbers(&case["x"])], 10);
    for (ours, theirs) in ours.into_iter().zip(numbers(&case["expected"])) {
        assert!((ours - theirs).abs() < 1e-12);
    }
}

#[test]
fn bootstrap_interval_of_a_mean() {
    let case = &fixtures()["bootstrap"];
    let x = numbers(&case["x"]);
    let ours = block_bootstrap(
        x.len(),
        20_000,
        case["confidence"].as_f64().unwrap(),
        3,
        |w| Some(w.iter().map(|(b, k)| f64::from(k) * x[b]).sum::<f64>() / x.len() as f64),
    );
    let (lower, upper) = (
        case["lower"].as_f64().unwrap(),
        case["upper"].as_f64().unwrap(),
    );
    let widening = (ours.upper - ours.lower) / (upper - lower);
    assert!((1.0..1.04).contains(&widening), "{widening}");
}

#[test]
fn students_t() {
    for case in fixtures()["students"].as_array().unwrap() {
        let arg = |k: &str| case[k].as_f64().unwrap();
        let ours = student_t(arg("p"), arg("freedom"));
        assert!(
            (ours - arg("t")).abs() < 1e-5 * (1.0 + arg("t").abs()),
            "{ours}: {case}"
        );
        close(
            student_upper(arg("t"), arg("freedom")),
            arg("upper"),
            1e-6,
            case,
        );
    }
}

#[test]
fn t_tests_of_welch_and_of_pairs() {
    for case in fixtures()["t_tests"].as_array().unwrap() {
        let (a, b) = (numbers(&case["a"]), numbers(&case["b"]));
        let ours = match case["kind"].as_str().unwrap() {
            "welch" => welch_t(&a, &b),
            _ => paired_t(&a, &b),
        }
        .unwrap();
        let arg = |k: &str| case[k].as_f64().unwrap();
        close(ours.freedom, arg("freedom"), 1e-9, case);
        close(ours.p_above(0.0), arg("p"), 1e-7, case);
        let bounds = ours.bounds(arg("confidence"));
        assert!(
            (bounds.lower - arg("lower")).abs() < 1e-6,
            "{bounds:?}: {case}"
        );
        assert!(
            (bounds.upper - arg("upper")).abs() < 1e-6,
            "{bounds:?}: {case}"
        );
    }
}

#[test]
fn mann_whitney_u() {
    for case in fixtures()["mann_whitney"].as_array().unwrap() {
        let ours = mann_whitney(&numbers(&case["a"]), &numbers(&case["b"])).unwrap();
        close(ours.u, case["u"].as_f64().unwrap(), 1e-12, case);
        close(ours.p, case["p"].as_f64().unwrap(), 1e-9, case);
    }
}

#[test]
fn kolmogorov_smirnov() {
    use statrs::distribution::{ContinuousCDF, Normal};
    for case in fixtures()["kolmogorov"].as_array().unwrap() {
        let a = numbers(&case["a"]);
        let ours = if case["b"].is_null() {
            ks_one_sample(&a, |x| Normal::standard().cdf(x))
        } else {
            ks_two_sample(&a, &numbers(&case["b"]))
        }
        .unwrap();
        assert!(
            (ours.distance - case["distance"].as_f64().unwrap()).abs() < 1e-8,
            "{ours:?}"
        );
        assert!(
            (ours.p - case["p"].as_f64().unwrap()).abs() < 1e-6,
            "{ours:?}: {case}"
        );
    }
}

#[test]
fn where_mser5_cuts() {
    for case in fixtures()["mser5"].as_array().unwrap() {
        let ours = mser5(&numbers(&case["x"])).unwrap();
        assert_eq!(ours.cut as u64, case["cut"].as_u64().unwrap());
    }
}

#[test]
fn components_of_variance() {
    let case = &fixtures()["variance_components"];
    let sessions: Vec<Vec<Measured>> = case["sessions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| {
            let of = |value| Measured {
                value,
                sampling: None,
            };
            numbers(s).into_iter().map(of).collect()
        })
        .collect();
    let ours = variance_components(&sessions);
    close(
        ours.within.unwrap().variance,
        case["within"].as_f64().unwrap(),
        1e-9,
        case,
    );
    close(
        ours.session.unwrap().variance,
        case["session"].as_f64().unwrap(),
        1e-9,
        case,
    );
}
