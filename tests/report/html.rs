use prony::report::{Html, Report, ReportInput, Templates};

use crate::{render, sample};

/// Leaves the page where a person or a browser can open it.
fn keep(name: &str, html: &str) {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(path, html).expect("writable");
}

#[test]
fn every_verdict_on_one_page() {
    let mut result = sample::every_verdict();
    result.cases.push(sample::unbounded());
    let html = render("html", &result);
    keep("report.html", &html);
    let failing = &result.cases[1].slug;
    assert!(html.contains(&format!(
        "<h1>2 of 8 failed: <a href=\"#case-{failing}\">chat::steady</a>, "
    )));
    assert!(html.contains(
        "<span>1 ended in an error, 1 invalid, 2 undecided, 1 skipped, 1 passed</span></h1>"
    ));
    // What wants attention comes first.
    let at = |needle: &str| html.find(needle).unwrap_or_else(|| panic!("{needle}"));
    assert!(at("<article class=\"case fail\"") < at("<article class=\"case error\""));
    assert!(at("<article class=\"case error\"") < at("<article class=\"case undecided\""));
    assert!(at("<article class=\"case undecided\"") < at("<article class=\"case pass\""));
    // The failing line of the suite is marked, with its number in the file.
    assert!(html.contains(
        "<li value=\"14\" class=\"marked fail\"><code>      - ttft.p99 &lt; 500ms</code>"
    ));
    assert!(html.contains("prony run --seed 7 -- chat::steady --exact"));
    // An unbounded quantile is not a dash and not a number.
    assert!(html.contains("<td>∞</td>"));
}

#[test]
fn phases_runs_and_changes() {
    let html = render("html", &sample::run(vec![sample::repeated()]));
    keep("report-repeated.html", &html);
    assert!(html.contains("aria-level=\"3\">warm</span>"));
    assert!(html.contains("Median of 3 runs; shaded from the least to the greatest."));
    assert!(html.contains("<code>warm.ttft.p99</code>") && html.contains("×1.31"));
    assert!(html.contains("the server reports no usage"));
}

#[test]
fn a_page_without_cases_is_no_success() {
    let html = render("html", &sample::run(vec![]));
    keep("report-empty.html", &html);
    assert!(html.contains("<header class=\"head error\">"));
    assert!(html.contains("Nothing was measured"));
}

#[test]
fn an_interrupted_run_says_so() {
    let mut run = sample::run(vec![sample::passing("a")]);
    run.run.interrupted = true;
    run.run.finished_at = None;
    let html = render("html", &run);
    assert!(html.contains("<header class=\"head error\">"));
    assert!(html.contains("what follows is not the whole run"));
}

#[test]
fn the_page_needs_no_network() {
    let html = render("html", &sample::every_verdict());
    for outside in [
        "src=\"http",
        "href=\"http",
        "@import",
        "url(http",
        "<link rel=\"stylesheet\"",
    ] {
        assert!(!html.contains(outside), "{outside}");
    }
}

#[test]
fn hostile_text_stays_text() {
    let mut run = sample::run(vec![sample::hostile()]);
    run.run.id = sample::HOSTILE.into();
    run.run.host.cpu = Some(sample::HOSTILE.into());
    run.run.command.push(sample::HOSTILE.into());
    run.run
        .labels
        .insert(sample::HOSTILE.into(), sample::HOSTILE.into());
    run.cases[0].name = sample::HOSTILE.into();
    run.cases[0].suite = sample::HOSTILE.into();
    let html = render("html", &run);
    keep("report-hostile.html", &html);
    assert!(!html.contains("<img"));
    assert_eq!(html.matches("</script>").count(), 1, "only the page's own");
    assert!(html.contains("{{ 7*7 }}"));
    assert!(
        html.chars()
            .all(|c| !c.is_control() || c == '\n' || c == '\t')
    );
}

#[test]
fn many_cases_stay_small() {
    let cases: Vec<_> = (0..50).map(|i| sample::passing(&format!("c{i}"))).collect();
    let html = render("html", &sample::run(cases));
    keep("report-many.html", &html);
    assert!(html.len() < 50 * 60_000, "{} bytes", html.len());
}

#[test]
fn ids_are_unique() {
    let html = render("html", &sample::every_verdict());
    let mut ids: Vec<_> = html
        .split(" id=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all);
}

#[test]
fn templates_can_be_replaced() {
    let result = sample::run(vec![sample::failing()]);
    let series = sample::series(&result);
    let input = ReportInput {
        result: &result,
        series: &series,
    };
    let own = Templates::EMBEDDED.with(
        "report.html",
        "{{ page.headline }}: {{ page.cases[0].name }}",
    );
    let text = Html::new(own).render(&input).expect("renders");
    assert_eq!(text, b"The only case failed: chat::steady");
    let wrong = Templates::EMBEDDED.with("report.html", "a\n{{ page.nosuch.field }}");
    let error = Html::new(wrong)
        .render(&input)
        .expect_err("a wrong template");
    assert!(error.to_string().contains("report.html:2"), "{error}");
}
