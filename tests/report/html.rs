use prony::report::{Html, Report, ReportInput, Templates, by_name};
use prony::result::{MetricSummary, Warning};

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
        "<h1>2 of 8 failed: <a href=\"#{failing}\">chat::steady</a>, "
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
    let heat = picture(&html, "ttft_heatmap");
    assert_eq!(attribute(heat, "data-heat").split(';').count(), 3);
    assert!(html.contains("Median of 3 runs; shaded from the least to the greatest."));
    assert!(html.contains("<code>warm.ttft.p99</code>") && html.contains("×1.31"));
    assert!(html.contains("the server reports no usage"));
}

#[test]
fn failures_are_drawn_by_kind_and_only_where_there_are_any() {
    let result = sample::run(vec![sample::passing("a")]);
    let html = render("html", &result);
    let drawn = picture(&html, "errors_over_time");
    for kind in ["total_timeout", "connect"] {
        assert!(drawn.contains(&format!("data-n=\"{kind}\"")), "{drawn}");
    }
    assert!(drawn.contains("class=\"shade\""), "{drawn}");
    let mut series = sample::series(&result);
    let run = &mut series.cases[0].phases[0].runs[0];
    run.series.retain(|name, _| !name.starts_with("failed{"));
    run.series.insert("failed".into(), vec![Some(0.0); 66]);
    let input = ReportInput {
        result: &result,
        series: &series,
    };
    let html = by_name("html").expect("known").render(&input);
    let html = String::from_utf8(html.expect("renders")).expect("UTF-8");
    assert!(!html.contains("data-picture=\"errors_over_time\""));
}

#[test]
fn configurations_are_a_table_and_their_pareto_front() {
    let html = render("html", &sample::configured());
    keep("report-configurations.html", &html);
    assert!(html.contains("Which configuration serves the most: chat::capacity</h2>"));
    let at = |needle: &str| html.find(needle).unwrap_or_else(|| panic!("{needle}"));
    assert!(at("tp=8,seqs=256</a>") < at("data-picture=\"pareto_tokens\""));
    for name in ["pareto_tokens", "pareto_ttft"] {
        let drawn = picture(&html, name);
        assert_eq!(drawn.matches("class=\"dot s1\"").count(), 3, "{drawn}");
        assert_eq!(drawn.matches("class=\"dot sp\"").count(), 2, "{drawn}");
        // What every other picture has, too: values under the pointer.
        assert!(drawn.contains("data-n=\"tp=4,seqs=64\" data-v=\""));
    }
    let none = render("html", &sample::every_verdict());
    assert!(!none.contains("Which configuration"));
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

/// What a case adds to the page, with everything that a case of one phase can have: distributions of
/// 60 bins, a minute of series, a heat map, failures of two kinds.
const BYTES_PER_CASE: usize = 33_000;

#[test]
fn two_hundred_cases_stay_small() {
    let cases: Vec<_> = (0..200)
        .map(|i| match i % 10 {
            0 => sample::regressed(&format!("c{i}")),
            _ => sample::passing(&format!("c{i}")),
        })
        .collect();
    let empty = render("html", &sample::run(vec![]));
    let html = render("html", &sample::run(cases));
    keep("report-many.html", &html);
    let each = (html.len() - empty.len()) / 200;
    assert!(each < BYTES_PER_CASE, "{each} bytes a case");
}

/// A million requests are no larger than a thousand: pictures are made of bins and stretches. And none of
/// them hides the slowest request.
#[test]
fn a_million_requests_stay_small_and_keep_their_tail() {
    let result = sample::run(vec![sample::passing("million")]);
    let mut series = sample::series(&result);
    let hour = 3600;
    let run = &mut series.cases[0].phases[0].runs[0];
    run.window_s = [10.0, 3590.0];
    for (name, values) in &mut run.series {
        *values = (0..hour).map(|i| Some(100.0 + f64::from(i % 7))).collect();
        if name == "tokens_per_second" {
            values[2222] = Some(98_765.0);
        }
    }
    let bytes = by_name("html")
        .expect("known")
        .render(&ReportInput {
            result: &result,
            series: &series,
        })
        .expect("renders");
    let html = String::from_utf8(bytes).expect("UTF-8");
    keep("report-million.html", &html);
    assert!(html.len() < 200_000, "{} bytes", html.len());
    let over_time = picture(&html, "throughput_over_time");
    assert!(
        over_time.contains(" 98765 "),
        "the one stretch that stands out is drawn"
    );
    // Every request of the distribution is in a bin that is drawn and can be read.
    let counted: u64 = attribute(picture(&html, "ttft_distribution"), "data-v")
        .split(' ')
        .map(|n| n.parse::<u64>().expect("a count"))
        .sum();
    let drawn = match &result.cases[0].phases[0].metrics["ttft"] {
        MetricSummary::Distribution(d) => d.histogram.as_ref().expect("bins").counts.iter().sum(),
        MetricSummary::Value(_) => 0_u64,
    };
    assert_eq!(counted, drawn);
}

/// The first picture called `name`.
fn picture<'a>(html: &'a str, name: &str) -> &'a str {
    let start = html
        .find(&format!("data-picture=\"{name}\""))
        .unwrap_or_else(|| panic!("a picture {name}"));
    let end = html[start..].find("</figure>").expect("an end");
    &html[start..start + end]
}

/// The first attribute `name`.
fn attribute<'a>(text: &'a str, name: &str) -> &'a str {
    let rest = text.split(&format!("{name}=\"")).nth(1).expect(name);
    rest.split('"').next().expect("a value")
}

#[test]
fn what_regressed_stands_first_with_what_was_accepted() {
    let html = render(
        "html",
        &sample::run(vec![sample::passing("fine"), sample::regressed("slower")]),
    );
    keep("report-regressed.html", &html);
    assert!(html.contains("Of 2 comparisons 1 regressed, 1 within tolerance."));
    assert!(html.contains("prony baseline accept chat::slower"));
    // The baseline is beside what was measured: a tick at the bar, marks and a curve in the pictures.
    assert!(html.contains("<span class=\"base\">baseline 183 ms</span>"));
    assert!(picture(&html, "ttft_distribution").contains("baseline p99"));
    assert!(picture(&html, "latency_percentiles").contains("data-n=\"baseline\""));
}

#[test]
fn nothing_is_hidden_by_a_good_result() {
    let mut case = sample::passing("good");
    case.phases[0].warnings = vec![Warning {
        text: "the server counts other tokens".into(),
        remedy: "name its tokenizer".into(),
    }];
    case.assertions[0].borderline = true;
    let html = render("html", &sample::run(vec![case]));
    let run = &html[html.find("id=\"trust\"").expect("a section on trust")..];
    assert!(run.contains("Of 4 assertions the data decided 3, left 1 open"));
    assert!(run.contains("<strong>the server counts other tokens</strong> name its tokenizer"));
    assert!(html.contains("The data decided 3 of 4 assertions."));
    assert!(html.contains("ttft.p99 &lt; 500ms: the observed value counted"));
}

#[test]
fn kinds_have_pictures_of_their_own() {
    let html = render(
        "html",
        &sample::run(vec![
            sample::searched(),
            sample::swept(),
            sample::disturbed(),
        ]),
    );
    keep("report-kinds.html", &html);
    let beside = picture(&html, "interference");
    assert!(beside.contains("data-n=\"in between\""));
    assert!(beside.contains("data-n=\"during a long prompt\""));
    let path = picture(&html, "search_path");
    assert!(path.contains("What broke first: ttft.p99 &lt; 500ms, at 64.0&#x2f;s."));
    assert!(path.contains("data-n=\"held\"") && path.contains("data-n=\"did not hold\""));
    let scaling = picture(&html, "scaling");
    for line in ["ideal", "fitted law", "measured"] {
        assert!(scaling.contains(&format!("data-n=\"{line}\"")), "{line}");
    }
    let cost = picture(&html, "throughput_latency");
    assert!(cost.contains("limit &lt; 500 ms") && cost.contains("4 knee"));
}

/// Names of pictures are files' names, too: people rely on them.
#[test]
fn every_picture_is_in_the_documentation() {
    let page = include_str!("../../docs/report.md");
    let mut cases = vec![sample::searched(), sample::swept(), sample::repeated()];
    cases.push(sample::disturbed());
    cases.push(sample::regressed("slower"));
    let html = render("html", &sample::run(cases));
    let names = html.split("data-picture=\"").skip(1);
    let mut names: Vec<&str> = names.filter_map(|rest| rest.split('"').next()).collect();
    names.sort_unstable();
    names.dedup();
    assert!(names.len() > 10, "{names:?}");
    for name in names {
        assert!(page.contains(&format!("`{name}`")), "{name}");
    }
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
