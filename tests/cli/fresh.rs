//! A first run of a small suite on the embedded engine.

use prony::record::Part;
use serde_json::Value;

use crate::support::{Place, Run, easy, sim_suite};

fn suite() -> String {
    let open = "  - name: open
    kind: latency
    load: { rate: 50/s, arrivals: poisson }
    requests: 10
    measure_only: true
";
    sim_suite(&(easy("steady") + open))
}

#[test]
fn it_prints_what_libtest_prints_and_leaves_every_file() {
    let place = Place::with_suite(&suite());
    let ended = place
        .prony(["run", "--label", "commit=3f2a1b", "--", "steady"])
        .exits(0);
    assert!(ended.stderr.is_empty(), "{ended}");
    let ended = ended
        .out_has("running 1 test\n")
        .out_has("test chat::steady ... ok\n")
        .out_has("test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 1 filtered out;");

    let run = place.run();
    ended.out_has(&format!("report: results/{}/report.html", run.id()));
    let latest = std::fs::read_link(place.path().join("results/latest")).expect("a link");
    assert_eq!(latest.to_str(), Some(run.id().as_str()));

    let slugs = run.slugs();
    assert_eq!(slugs.len(), 1, "{slugs:?}");
    for name in [
        "suite.yaml",
        "summary.json",
        "metrics.json",
        "junit.xml",
        "report.html",
        &format!("cases/{}/requests.jsonl", slugs[0]),
        &format!("cases/{}/result.json", slugs[0]),
    ] {
        assert!(!run.text(name).is_empty(), "{name}");
    }
    let left: Vec<_> = run
        .files()
        .into_iter()
        .filter(|f| f.extension().is_some_and(|e| e == "tmp"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn what_it_leaves_is_valid() {
    let place = Place::with_suite(&suite());
    place.prony(["run", "--label", "commit=3f2a1b"]);
    let run = place.run();
    assert_schema(&run.summary(), "docs/summary.schema.json");
    assert_schema(&run.json("metrics.json"), "docs/metrics.schema.json");

    let summary = run.summary();
    assert_eq!(summary["schema"], 1);
    assert_eq!(summary["run"]["id"], run.id());
    assert_eq!(summary["run"]["interrupted"], false);
    assert_eq!(summary["run"]["labels"]["commit"], "3f2a1b");
    assert!(summary["run"]["finished_at"].is_string());
    assert_eq!(run.names(), ["chat::steady", "chat::open"]);
    for name in run.names() {
        let case = run.case(&name);
        let slug = case["slug"].as_str().expect("a slug");
        let part = run.json(&format!("cases/{slug}/result.json"));
        assert_eq!(part, case, "result.json is the case's part of the summary");
        counts_agree(&run, &name);
    }
    let resolved = run.text("suite.yaml");
    assert!(resolved.contains("name: steady"), "{resolved}");
    junit_is_sound(&run.text("junit.xml"));
    page_is_whole(&run.text("report.html"), "pass");
}

/// The summary counts exactly the requests that the records place in the window.
fn counts_agree(run: &Run, name: &str) {
    let case = run.case(name);
    let records = run.records(name);
    assert!(records.iter().all(|r| r.case == name && r.phase == "main"));
    let window = || records.iter().filter(|r| r.part == Part::Window);
    let requests = &case["phases"][0]["requests"];
    assert_eq!(requests["due"], window().count(), "{name}");
    let sent = window().filter(|r| r.sent_us.is_some()).count();
    assert_eq!(requests["sent"], sent, "{name}");
    assert_eq!(
        requests["ok"],
        window().filter(|r| r.ok()).count(),
        "{name}"
    );
    let failed = window().filter(|r| !r.ok() && !r.cut()).count();
    assert_eq!(requests["failed"], failed, "{name}");
    for record in window() {
        assert_eq!(record.status, Some(200));
        assert_eq!(record.chunks.len(), 4, "a chunk for each token asked for");
        assert_eq!(record.output_tokens, Some(4));
        let (sent, first, end) = (record.sent_us, record.first_us, record.end_us);
        assert!(sent < first && first < end, "{record:?}");
        let gaps: u64 = record.chunks.iter().map(|c| c.gap_us).sum();
        assert!(first.map(|f| f + gaps) <= end, "{record:?}");
    }
}

fn assert_schema(value: &Value, schema: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(schema);
    let text = std::fs::read_to_string(path).expect(schema);
    let schema: Value = serde_json::from_str(&text).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let problems: Vec<String> = validator
        .iter_errors(value)
        .map(|e| format!("{}: {e}", e.instance_path()))
        .collect();
    assert!(problems.is_empty(), "{problems:#?}");
}

fn junit_is_sound(xml: &str) {
    let cases = crate::support::junit(xml);
    let names: Vec<_> = cases.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["steady", "open"]);
    let steady = &cases[0];
    assert_eq!(steady.classname, "chat");
    assert_eq!(steady.file, "suites/a.yaml");
    assert_eq!(steady.children, ["system-out"]);
}

/// A page that loads nothing from anywhere.
pub fn page_is_whole(html: &str, verdict: &str) {
    assert!(html.starts_with("<!DOCTYPE html>") || html.starts_with("<!doctype html>"));
    assert!(html.trim_end().ends_with("</html>"));
    assert!(html.contains(verdict), "no `{verdict}`");
    for loads in [
        "src=\"http",
        "src='http",
        "src=\"//",
        "href=\"http",
        "href='http",
        "url(http",
        "url(\"http",
        "url(//",
        "@import",
        "<link rel=\"stylesheet",
        "<link rel=\"preload",
        "<script src",
        "<iframe",
        "fetch(",
        "XMLHttpRequest",
    ] {
        assert!(!html.contains(loads), "the page loads something: {loads}");
    }
}
