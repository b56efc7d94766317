use crate::{render, sample};

#[test]
fn every_verdict() {
    insta::assert_snapshot!(render("markdown", &sample::every_verdict()));
}

#[test]
fn nothing_was_run() {
    insta::assert_snapshot!(render("markdown", &sample::run(vec![])));
}

#[test]
fn hostile_text_stays_text() {
    insta::assert_snapshot!(render("markdown", &sample::run(vec![sample::hostile()])));
}

#[test]
fn many_cases_fit_a_comment() {
    let text = render("markdown", &sample::run(vec![sample::failing(); 300]));
    assert!(text.chars().count() < 65_536, "{}", text.len());
    assert!(text.contains("200 more cases"));
}

#[test]
fn whatever_a_run_holds_fits_a_comment_and_what_is_left_out_is_counted() {
    let long = "x".repeat(5_000);
    let mut cases = Vec::new();
    for i in 0..300 {
        let mut case = sample::failing();
        case.name = format!("{i}-{long}");
        case.reason = Some(format!("`*_[{long}"));
        case.phases = vec![case.phases[0].clone(); 20];
        cases.push(case);
    }
    let mut result = sample::run(cases);
    for i in 0..200 {
        result.run.labels.insert(format!("{i}"), long.clone());
    }
    let text = render("markdown", &result);
    assert!(text.len() <= 65_536, "{}", text.len());
    let rows = text.matches("\n| ❌ fail |").count();
    assert!(rows > 0);
    let more = format!("{} more cases are in the full report", 300 - rows);
    assert!(text.contains(&more));
    assert!(text.contains("181 more labels"), "{text}");
}

#[test]
fn summaries_of_many_runs_stay_below_what_github_shows() {
    use prony::report::github::{SUMMARY_LIMIT, with_section};
    let report = render("markdown", &sample::run(vec![sample::failing(); 300]));
    let mut summary = String::new();
    for run in 0..80 {
        summary = with_section(&summary, &format!("run-{run}"), &report, SUMMARY_LIMIT);
        assert!(summary.len() <= SUMMARY_LIMIT, "{}", summary.len());
    }
    assert!(report.len() * 80 > SUMMARY_LIMIT, "the test is too easy");
}
