use junit_report::{Duration, OffsetDateTime, ReportBuilder, TestCase, TestResult, TestSuite};

use super::console::{self, Pointers, Style};
use super::headline::Headline;
use super::seam::{Report, ReportError, ReportInput};
use crate::judge::Verdict;
use crate::result::{CaseResult, RunResult};
use crate::text::{cdata, xml_text};

/// JUnit XML as CI systems read it: one testsuite per suite, at most one `<failure>`, `<error>` or
/// `<skipped>` per testcase, its text in body and `message` alike, one `system-out`.
#[derive(Clone, Copy, Debug)]
pub struct Junit;

impl Report for Junit {
    fn name(&self) -> &'static str {
        "junit"
    }

    fn file_name(&self) -> &'static str {
        "junit.xml"
    }

    fn render(&self, input: &ReportInput<'_>) -> Result<Vec<u8>, ReportError> {
        let result = input.result;
        let mut report = ReportBuilder::new();
        let mut skipped = Vec::new();
        for name in suites(result) {
            let cases = result.cases.iter().filter(|c| c.suite == name);
            let testcases = cases.map(|c| testcase(c, result)).collect();
            let suite = testsuite(name, result, testcases);
            skipped.push(suite.skipped());
            report.add_testsuite(suite);
        }
        // A run that measured nothing, or not all it should have, must not be green.
        if result.cases.is_empty() || result.run.interrupted {
            let remedy = if result.run.interrupted {
                "Run it again to the end."
            } else {
                "`prony list` shows what would run."
            };
            let text = format!("{}. {remedy}", Headline::new(result).text);
            let case = TestCase {
                name: "run".to_owned(),
                time: Duration::ZERO,
                result: error("error", &text),
                classname: Some("prony".to_owned()),
                filepath: None,
                system_out: None,
                system_err: None,
            };
            skipped.push(0);
            report.add_testsuite(testsuite("prony", result, vec![case]));
        }
        let mut out = Vec::new();
        let failed = |message: String| ReportError {
            report: self.name(),
            message,
        };
        report
            .build()
            .write_xml(&mut out)
            .map_err(|e| failed(e.to_string()))?;
        let xml = String::from_utf8(out).map_err(|e| failed(e.to_string()))?;
        Ok((complete(&xml, &skipped) + "\n").into_bytes())
    }
}

/// What junit-report leaves out: `skipped` totals, and line breaks in attributes as references
/// (a reader turns bare ones into spaces).
///
/// Relies on what the writer does: `<` and `>` inside attributes are escaped, all text is CDATA.
fn complete(xml: &str, skipped: &[usize]) -> String {
    const SUITE: &str = "<testsuite ";
    let mut out = String::with_capacity(xml.len() + 256);
    let mut totals = skipped.iter();
    let mut rest = xml;
    while let Some(open) = rest.find('<') {
        let (before, at) = rest.split_at(open);
        out.push_str(before);
        let cdata = at.starts_with("<![CDATA[");
        let close = if cdata {
            at.find("]]>").map(|i| i + 3)
        } else {
            at.find('>').map(|i| i + 1)
        };
        let (tag, after) = at.split_at(close.unwrap_or(at.len()));
        if cdata {
            out.push_str(tag);
        } else if let Some(attributes) = tag.strip_prefix(SUITE) {
            let total = totals.next().copied().unwrap_or(0);
            out.push_str(&format!("{SUITE}skipped=\"{total}\" {attributes}"));
        } else {
            out.push_str(&tag.replace('\n', "&#10;").replace('\t', "&#9;"));
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Suites in the order in which they first occur.
fn suites(result: &RunResult) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for case in &result.cases {
        if !names.contains(&case.suite.as_str()) {
            names.push(&case.suite);
        }
    }
    names
}

fn testsuite(name: &str, result: &RunResult, testcases: Vec<TestCase>) -> TestSuite {
    let mut suite = TestSuite {
        name: xml_text(name).into_owned(),
        package: xml_text(name).into_owned(),
        timestamp: started(result),
        hostname: xml_text(result.run.host.name.as_deref().unwrap_or("unknown")).into_owned(),
        testcases,
        system_out: None,
        system_err: None,
    };
    settle_sum(&mut suite);
    suite
}

/// junit-report prints the suite's time as a float, and some sums of whole milliseconds come out as
/// 31.951999999999998, which Jenkins' schema (three digits) refuses. A millisecond more on the last
/// case leads out of every such spot.
fn settle_sum(suite: &mut TestSuite) {
    let refused = |s: &TestSuite| {
        let text = s.time().as_seconds_f64().to_string();
        text.split_once('.').is_some_and(|(_, f)| f.len() > 3)
    };
    for _ in 0..8 {
        if !refused(suite) {
            return;
        }
        if let Some(last) = suite.testcases.last_mut() {
            last.time += Duration::milliseconds(1);
        }
    }
}

fn started(result: &RunResult) -> OffsetDateTime {
    result
        .run
        .started_at
        .parse::<jiff::Timestamp>()
        .ok()
        .and_then(|t| OffsetDateTime::from_unix_timestamp(t.as_second()).ok())
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

fn testcase(case: &CaseResult, run: &RunResult) -> TestCase {
    let pointers = Pointers {
        command: &run.run.command,
        report: None,
    };
    let text = || console::failure(case, pointers, Style::PLAIN);
    let reason = case.reason.as_deref().unwrap_or(case.verdict.name());
    let result = match case.verdict {
        Verdict::Pass => TestResult::Success,
        // Known until its day has passed: CI is not to turn red.
        Verdict::Fail if case.excused() => TestResult::SkippedWithCause {
            type_: "known issue".to_owned(),
            message: attribute(&known_issue(case)),
            cause: Some(cdata(&known_issue(case))),
        },
        Verdict::Fail => {
            let text = text();
            TestResult::Failure {
                type_: case.verdict.name().to_owned(),
                message: attribute(&text),
                cause: Some(cdata(&text)),
            }
        }
        Verdict::Error | Verdict::Invalid => error(case.verdict.name(), &text()),
        Verdict::Undecided | Verdict::Skipped => TestResult::SkippedWithCause {
            type_: case.verdict.name().to_owned(),
            message: attribute(reason),
            cause: Some(cdata(reason)),
        },
    };
    TestCase {
        name: xml_text(&case.name).into_owned(),
        time: milliseconds(case.duration_s),
        result,
        classname: Some(xml_text(&case.suite).into_owned()),
        filepath: Some(xml_text(&case.source.file).into_owned()),
        system_out: Some(cdata(&system_out(case, &text))),
        system_err: None,
    }
}

fn error(kind: &str, text: &str) -> TestResult {
    TestResult::Error {
        type_: kind.to_owned(),
        message: attribute(text),
        cause: Some(cdata(text)),
    }
}

fn attribute(text: &str) -> String {
    xml_text(text).into_owned()
}

/// Assertions and metrics; with a skipped testcase also why, because most readers drop the rest.
fn system_out(case: &CaseResult, text: &dyn Fn() -> String) -> String {
    let mut out = match case.verdict {
        Verdict::Undecided => text() + "\n",
        Verdict::Fail if case.excused() => format!("{}\n\n{}\n", known_issue(case), text()),
        Verdict::Skipped => format!(
            "skipped: {}\n\n",
            case.reason.as_deref().unwrap_or("no reason given")
        ),
        _ => String::new(),
    };
    out.push_str(&console::case_table(case, Style::PLAIN));
    for phase in &case.phases {
        out.push('\n');
        out.push_str(&console::metrics_table(phase, Style::PLAIN));
    }
    out
}

/// The known issue of a case that fails, and why it fails.
fn known_issue(case: &CaseResult) -> String {
    let issue = case.known_issue.as_ref();
    let issue = issue.map(ToString::to_string).unwrap_or_default();
    match &case.reason {
        Some(reason) => format!("{issue}; {reason}"),
        None => issue,
    }
}

/// Whole milliseconds: the schema allows three digits after the point.
fn milliseconds(s: f64) -> Duration {
    if s.is_finite() && s > 0.0 {
        Duration::milliseconds((s * 1000.0).round().min(1e15) as i64)
    } else {
        Duration::ZERO
    }
}
