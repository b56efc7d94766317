//! What GitHub Actions shows by itself: annotations at the line of the suite, and a summary of the
//! step.
//!
//! <https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands>

use std::fmt;

use super::console::one_line;
use super::facts::Facts;
use crate::judge::Verdict;
use crate::result::{AssertionResult, CaseResult, Source};
use crate::suite::Diagnostic;

/// Annotations of one sort that GitHub shows of a step; what is over is dropped without a word.
const SHOWN: usize = 10;

/// Bytes that a step's summary may have; a longer one is not shown at all.
pub const SUMMARY_LIMIT: usize = 1024 * 1024;

/// Lines that say where a summary was cut take this many bytes at most.
const CUT_NOTE: usize = 200;

/// How an annotation looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Red.
    Error,
    /// Yellow.
    Warning,
}

/// A remark at a line of a file. Shown as the workflow command that makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annotation {
    /// How it looks.
    pub level: Level,
    /// The file, as seen from the top of the repository; absent: the remark has no place.
    pub file: Option<String>,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: Option<usize>,
    /// One line above the message.
    pub title: String,
    /// The message; may have several lines.
    pub message: String,
}

impl fmt::Display for Annotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.level {
            Level::Error => "::error ",
            Level::Warning => "::warning ",
        })?;
        if let Some(file) = &self.file {
            write!(f, "file={},line={},", property(file), self.line)?;
            if let Some(column) = self.column {
                write!(f, "col={column},")?;
            }
        }
        write!(
            f,
            "title={}::{}",
            property(&self.title),
            data(&self.message)
        )
    }
}

/// The text of a message, in which only what would end it is escaped.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// The value of a property, which a comma or a colon would end.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// What is to be said of `cases`: each assertion that failed or could not be decided at its line, and
/// each case that could not be measured at its own.
pub fn annotations<'a>(cases: impl IntoIterator<Item = &'a CaseResult>) -> Vec<Annotation> {
    let mut all = Vec::new();
    for case in cases {
        let level = match case.verdict {
            Verdict::Fail | Verdict::Error | Verdict::Invalid => Level::Error,
            Verdict::Undecided => Level::Warning,
            Verdict::Pass | Verdict::Skipped => continue,
        };
        let before = all.len();
        if matches!(case.verdict, Verdict::Fail | Verdict::Undecided) {
            let open = case
                .assertions
                .iter()
                .filter(|a| a.verdict == case.verdict || (a.borderline && !a.implicit));
            all.extend(open.map(|a| of_assertion(case, a, level)));
        }
        if all.len() == before {
            let reason = case.reason.as_deref().unwrap_or(case.verdict.name());
            all.push(at(&case.source, level, case, one_line(reason)));
        }
    }
    all
}

fn of_assertion(case: &CaseResult, a: &AssertionResult, level: Level) -> Annotation {
    let facts = Facts::of(a);
    let mut message = format!(
        "{}: {}\nobserved {}, limit {}, margin {}\ninterval {}, sample {}",
        one_line(&a.text),
        facts.verdict,
        facts.observed,
        facts.limit,
        facts.margin,
        facts.interval,
        facts.sample
    );
    if let Some(reason) = &a.reason {
        message.push('\n');
        message.push_str(&one_line(reason));
    }
    // What prony added itself stands nowhere; the scenario does.
    let source = if a.implicit { &case.source } else { &a.source };
    at(source, level, case, message)
}

fn at(source: &Source, level: Level, case: &CaseResult, message: String) -> Annotation {
    Annotation {
        level,
        file: (!source.file.is_empty()).then(|| source.file.clone()),
        line: source.line,
        column: source.column,
        title: format!("{}: {}", one_line(&case.full_name()), case.verdict.name()),
        message,
    }
}

/// What is to be said of suites that cannot be read.
pub fn problems(diagnostics: &[Diagnostic]) -> Vec<Annotation> {
    let one = |d: &Diagnostic| {
        let place = d.location.as_ref().map(|l| (l, l.line_column()));
        let help = d.help.as_ref().map_or(String::new(), |h| format!("\n{h}"));
        Annotation {
            level: Level::Error,
            file: place.map(|(l, _)| l.file.path.to_string()),
            line: place.map_or(1, |(_, (line, _))| line),
            column: place.map(|(_, (_, column))| column),
            title: "suite error".to_owned(),
            message: format!("{}{help}", d.message),
        }
    };
    diagnostics.iter().map(one).collect()
}

/// The commands of `annotations`, a line each: as many of each sort as GitHub shows, the last of them
/// saying how many more there are. `path_of` makes a file's path one seen from the top of the
/// repository.
pub fn commands(annotations: Vec<Annotation>, path_of: &dyn Fn(&str) -> String) -> String {
    let mut out = String::new();
    for level in [Level::Error, Level::Warning] {
        let of_level: Vec<Annotation> = annotations
            .iter()
            .filter(|a| a.level == level)
            .cloned()
            .collect();
        let total = of_level.len();
        let shown = if total > SHOWN { SHOWN - 1 } else { total };
        for mut annotation in of_level.into_iter().take(shown) {
            annotation.file = annotation.file.map(|f| path_of(&f));
            out.push_str(&format!("{annotation}\n"));
        }
        if total > shown {
            let more = Annotation {
                level,
                file: None,
                line: 1,
                column: None,
                title: format!("{} more", total - shown),
                message: format!(
                    "{} more like these; the step's summary and the report have them all",
                    total - shown
                ),
            };
            out.push_str(&format!("{more}\n"));
        }
    }
    out
}

/// The step's summary `there` with `report` in it as the section of run `id`: in place of an earlier
/// one of that run (several processes make one run), else behind what is there. Whole lines are left
/// out where it would get too long.
pub fn with_section(there: &str, id: &str, report: &str, limit: usize) -> String {
    let (begin, end) = (
        format!("<!-- prony {id} -->\n"),
        format!("<!-- /prony {id} -->\n"),
    );
    let (before, after) = match (there.find(&begin), there.find(&end)) {
        (Some(from), Some(to)) if from < to => (&there[..from], &there[to + end.len()..]),
        _ => (there, ""),
    };
    let gap = if before.is_empty() || before.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    let taken = before.len() + gap.len() + begin.len() + end.len() + after.len();
    let Some(room) = limit.checked_sub(taken) else {
        return there.to_owned();
    };
    let section = cut(report, room);
    format!("{before}{gap}{begin}{section}{end}{after}")
}

/// The first whole lines of `text` that fit into `room` bytes, with a remark where some do not.
fn cut(text: &str, room: usize) -> String {
    let whole = if text.ends_with('\n') {
        text.to_owned()
    } else {
        format!("{text}\n")
    };
    if whole.len() <= room {
        return whole;
    }
    let mut kept = 0;
    for line in whole.split_inclusive('\n') {
        if kept + line.len() + CUT_NOTE > room {
            break;
        }
        kept += line.len();
    }
    let note =
        "\nThe rest did not fit into the summary of a step (1 MiB); the report has it all.\n";
    if kept + note.len() > room {
        return String::new();
    }
    format!("{}{note}", &whole[..kept])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn annotation(level: Level, n: usize) -> Annotation {
        Annotation {
            level,
            file: Some("suites/chat.yaml".to_owned()),
            line: n,
            column: None,
            title: "chat::steady: fail".to_owned(),
            message: format!("number {n}"),
        }
    }

    #[test]
    fn what_would_end_a_command_is_escaped() {
        let hostile = Annotation {
            file: Some("a,b:c%.yaml".to_owned()),
            column: Some(3),
            title: "x::y, 50%".to_owned(),
            message: "100% slow\r\n::set-output name=a::b".to_owned(),
            ..annotation(Level::Error, 7)
        };
        assert_eq!(
            hostile.to_string(),
            "::error file=a%2Cb%3Ac%25.yaml,line=7,col=3,title=x%3A%3Ay%2C 50%25::100%25 slow%0D%0A::set-output name=a::b"
        );
    }

    #[test]
    fn ten_are_shown_and_the_eleventh_is_told_of() {
        let same = |f: &str| f.to_owned();
        let ten: Vec<_> = (1..=10).map(|n| annotation(Level::Error, n)).collect();
        assert_eq!(commands(ten, &same).lines().count(), 10);
        let mut many: Vec<_> = (1..=12).map(|n| annotation(Level::Error, n)).collect();
        many.push(annotation(Level::Warning, 1));
        let text = commands(many, &same);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 11);
        assert!(lines[8].ends_with("number 9"));
        assert!(
            lines[9].starts_with("::error title=3 more::"),
            "{}",
            lines[9]
        );
        assert!(lines[10].starts_with("::warning file="));
    }

    #[test]
    fn paths_are_made_to_start_at_the_top_of_the_repository() {
        let text = commands(vec![annotation(Level::Error, 1)], &|f| format!("perf/{f}"));
        assert!(text.contains("file=perf/suites/chat.yaml,"), "{text}");
    }

    #[test]
    fn a_summary_is_put_behind_what_is_there() {
        let text = with_section("# Build\nfine", "r1", "### 1 failed\n", 1000);
        assert_eq!(
            text,
            "# Build\nfine\n<!-- prony r1 -->\n### 1 failed\n<!-- /prony r1 -->\n"
        );
    }

    #[test]
    fn a_run_of_several_processes_has_one_section() {
        let first = with_section("", "r1", "1 of 1\n", 1000) + "others\n";
        let second = with_section(&first, "r1", "2 of 2\n", 1000);
        assert_eq!(
            second,
            "<!-- prony r1 -->\n2 of 2\n<!-- /prony r1 -->\nothers\n"
        );
        assert!(with_section(&second, "r2", "x\n", 1000).contains("prony r1"));
    }

    #[test]
    fn a_summary_stays_below_the_limit_in_whole_lines() {
        let report: String = (0..100).map(|n| format!("line {n}: ééé\n")).collect();
        for limit in [0, 40, 100, 300, 700, 1500, 3000] {
            let text = with_section("", "r1", &report, limit);
            assert!(text.len() <= limit, "{limit}: {}", text.len());
            let lines = text.lines().filter(|l| l.starts_with("line"));
            assert!(lines.clone().all(|l| l.ends_with("ééé")));
            assert_eq!(
                text.contains("did not fit"),
                (300..3000).contains(&limit),
                "{limit}"
            );
        }
    }
}
