use std::collections::BTreeSet;

use crate::{render, sample};

#[test]
fn every_verdict() {
    insta::assert_snapshot!(render("openmetrics", &sample::every_verdict()));
}

#[test]
fn a_quantile_without_a_bound_is_infinite() {
    let text = render("openmetrics", &sample::run(vec![sample::unbounded()]));
    let labels = r#"suite="chat",case="overload",phase="main",quantile="0.99""#;
    let line = format!("prony_ttft_seconds{{{labels}}} +Inf\n");
    assert!(text.contains(&line), "{text}");
}

#[test]
fn every_line_is_a_comment_or_a_series_said_once() {
    // Two cases of one name, and text that tries to break out.
    let cases = vec![sample::hostile(), sample::failing(), sample::failing()];
    let text = render("openmetrics", &sample::run(cases));
    assert!(text.ends_with("# EOF\n"));
    let mut seen = BTreeSet::new();
    for line in text.lines().filter(|l| !l.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').expect("a value");
        assert!(line.starts_with("prony_"), "{line}");
        assert!(value == "+Inf" || value.parse::<f64>().is_ok(), "{line}");
        assert!(seen.insert(series.to_owned()), "twice: {series}");
    }
}
