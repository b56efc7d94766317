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
