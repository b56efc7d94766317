use quick_xml::events::Event;

use crate::{render, sample};

/// `(attribute, value)` of every element called `name`.
fn elements(xml: &str, name: &str) -> Vec<Vec<(String, String)>> {
    let mut reader = quick_xml::Reader::from_str(xml);
    let mut found = Vec::new();
    loop {
        match reader.read_event().expect("well-formed") {
            Event::Start(e) | Event::Empty(e) if e.name().as_ref() == name => {
                found.push(
                    e.attributes()
                        .map(|a| {
                            let a = a.expect("an attribute");
                            (a.key.as_ref().to_owned(), a.value.to_string())
                        })
                        .collect(),
                );
            }
            Event::Eof => return found,
            _ => {}
        }
    }
}

/// Leaves the file where `tests/tools/check_junit.py` finds it.
fn keep(name: &str, xml: &str) {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(path, xml).expect("writable");
}

fn attribute(of: &[(String, String)], name: &str) -> String {
    of.iter()
        .find(|(k, _)| k == name)
        .map(|(_, v)| v.clone())
        .unwrap_or_default()
}

#[test]
fn every_verdict() {
    let xml = render("junit", &sample::every_verdict());
    keep("junit.xml", &xml);
    insta::assert_snapshot!(xml);
}

#[test]
fn totals_count_each_case_once() {
    let xml = render("junit", &sample::every_verdict());
    let suite = &elements(&xml, "testsuite")[0];
    assert_eq!(attribute(suite, "tests"), "7");
    assert_eq!(attribute(suite, "failures"), "1");
    assert_eq!(attribute(suite, "errors"), "2");
    assert_eq!(attribute(suite, "skipped"), "3");
    assert_eq!(elements(&xml, "skipped").len(), 3);
}

#[test]
fn an_empty_run_is_an_error() {
    let xml = render("junit", &sample::run(vec![]));
    keep("junit-empty.xml", &xml);
    insta::assert_snapshot!(xml);
}

#[test]
fn an_interrupted_run_is_an_error_beside_what_was_measured() {
    let mut run = sample::run(vec![sample::passing("a")]);
    run.run.interrupted = true;
    run.run.finished_at = None;
    let xml = render("junit", &run);
    let errors: Vec<_> = elements(&xml, "testsuite")
        .iter()
        .map(|s| attribute(s, "errors"))
        .collect();
    assert_eq!(errors, ["0", "1"]);
}

#[test]
fn hostile_text_stays_text() {
    let xml = render("junit", &sample::run(vec![sample::hostile()]));
    keep("junit-hostile.xml", &xml);
    assert_eq!(elements(&xml, "testcase").len(), 1);
    assert!(elements(&xml, "img").is_empty() && elements(&xml, "script").is_empty());
    assert!(xml.chars().all(|c| !c.is_control() || c == '\n'));
    assert!(!xml.contains('\u{fffe}'));
    let message = attribute(&elements(&xml, "failure")[0], "message");
    assert!(
        !message.contains('\n') && message.contains("&#10;"),
        "line breaks survive reading"
    );
}

#[test]
fn body_and_message_are_the_same() {
    let xml = render("junit", &sample::run(vec![sample::hostile()]));
    let mut reader = quick_xml::Reader::from_str(&xml);
    let (mut message, mut body, mut inside) = (String::new(), String::new(), false);
    loop {
        match reader.read_event().expect("well-formed") {
            Event::Start(e) if e.name().as_ref() == "failure" => {
                inside = true;
                for a in e.attributes() {
                    let a = a.expect("an attribute");
                    if a.key.as_ref() == "message" {
                        message = quick_xml::escape::unescape(&a.value)
                            .expect("escaped")
                            .into_owned();
                    }
                }
            }
            Event::End(e) if e.name().as_ref() == "failure" => inside = false,
            Event::CData(c) if inside => body.push_str(c.as_ref()),
            Event::Eof => break,
            _ => {}
        }
    }
    assert!(body.contains("]]>"), "the end mark came through");
    assert_eq!(message, body);
}

#[test]
fn times_have_three_digits_at_most() {
    // 31.952 s is a sum that a float prints as 31.951999999999998.
    let mut a = sample::passing("a");
    a.duration_s = 31.0;
    let mut b = sample::passing("b");
    b.duration_s = 0.952;
    let mut cases = vec![a, b];
    for i in 0..200 {
        let mut c = sample::passing(&format!("c{i}"));
        c.duration_s = 0.1 + f64::from(i) * 0.731;
        c.suite = format!("s{}", i % 40);
        cases.push(c);
    }
    let xml = render("junit", &sample::run(cases));
    for suite in elements(&xml, "testsuite") {
        let time = attribute(&suite, "time");
        let digits = time.split_once('.').map_or(0, |(_, f)| f.len());
        assert!(digits <= 3, "{time}");
    }
}
