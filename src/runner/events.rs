//! `--format json`: an event a line, as libtest prints them.
//!
//! libtest-mimic prints such events, too, but none of its `ignored` ones says why, and a case that is
//! undecided has a reason that must not be lost.

use std::any::Any;
use std::fs::File;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use libtest_mimic::{Completion, Conclusion, Failed};

use super::arguments::TestArguments;
use super::libtest::Test;

/// Where events go. That they cannot be written keeps no test from running: their results count.
struct Events {
    out: Box<dyn Write>,
    failed: Option<io::Error>,
}

impl Events {
    fn write(&mut self, line: &str) {
        if self.failed.is_none() {
            let written = writeln!(self.out, "{line}").and_then(|()| self.out.flush());
            self.failed = written.err();
        }
    }
}

/// Runs the selected tests (or lists them), an event a line. Returns why events were lost, if they
/// were.
///
/// # Errors
/// When `--logfile` cannot be written.
pub fn run(tests: Vec<Test>, arguments: &TestArguments) -> io::Result<Option<io::Error>> {
    let mut out = Events {
        out: match arguments.logfile() {
            Some(path) => Box::new(File::create(path)?),
            None => Box::new(io::stdout()),
        },
        failed: None,
    };
    let all = tests.len();
    let tests: Vec<Test> = tests
        .into_iter()
        .filter(|t| arguments.selects(&t.name))
        .collect();
    let mut conclusion = Conclusion {
        num_filtered_out: (all - tests.len()) as u64,
        num_passed: 0,
        num_failed: 0,
        num_ignored: 0,
        num_measured: 0,
    };
    if arguments.list {
        list(&tests, &mut out);
        return Ok(out.failed);
    }
    let began = Instant::now();
    out.write(&started(tests.len(), arguments.shuffle));
    let (sender, receiver) = mpsc::channel();
    let queue = Mutex::new(tests.into_iter());
    std::thread::scope(|scope| {
        for _ in 0..arguments.threads {
            let sender = sender.clone();
            let queue = &queue;
            scope.spawn(move || {
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some(test) = next else { break };
                    let name = test.name;
                    // The receiver stays until all senders are gone.
                    let _ = sender.send((name.clone(), None));
                    let began = Instant::now();
                    let outcome = if arguments.ignores() {
                        Ok(Completion::ignored())
                    } else {
                        catch_unwind(AssertUnwindSafe(test.run)).unwrap_or_else(|e| Err(panic(&*e)))
                    };
                    let _ = sender.send((name, Some((outcome, began.elapsed()))));
                }
            });
        }
        drop(sender);
        for (name, outcome) in receiver {
            let Some((outcome, took)) = outcome else {
                out.write(&test_started(&name));
                continue;
            };
            match &outcome {
                Ok(Completion::Completed) => conclusion.num_passed += 1,
                Ok(Completion::Ignored { .. }) => conclusion.num_ignored += 1,
                Err(_) => conclusion.num_failed += 1,
            }
            let took = arguments.report_time.then_some(took);
            out.write(&test_ended(&name, &outcome, took));
        }
    });
    out.write(&ended(&conclusion, began.elapsed()));
    Ok(out.failed)
}

fn panic(payload: &(dyn Any + Send)) -> Failed {
    let text = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or(payload.downcast_ref::<&str>().copied());
    match text {
        Some(text) => Failed::from(format!("test panicked: {text}")),
        None => Failed::from("test panicked"),
    }
}

fn list(tests: &[Test], out: &mut Events) {
    out.write(r#"{ "type": "suite", "event": "discovery" }"#);
    for test in tests {
        let source = test.source.as_ref();
        let (file, line) = source.map_or(("", 0), |(f, l)| (f.as_str(), *l));
        out.write(&format!(
            r#"{{ "type": "test", "event": "discovered", "name": {}, "ignore": false, "ignore_message": "", "source_path": {}, "start_line": {line}, "start_col": 0, "end_line": 0, "end_col": 0 }}"#,
            string(&test.name),
            string(file),
        ));
    }
    out.write(&format!(
        r#"{{ "type": "suite", "event": "completed", "tests": {n}, "benchmarks": 0, "total": {n}, "ignored": 0 }}"#,
        n = tests.len()
    ));
}

fn started(count: usize, shuffle: Option<u64>) -> String {
    let seed = shuffle.map_or(String::new(), |seed| format!(r#", "shuffle_seed": {seed}"#));
    format!(r#"{{ "type": "suite", "event": "started", "test_count": {count}{seed} }}"#)
}

fn test_started(name: &str) -> String {
    format!(
        r#"{{ "type": "test", "event": "started", "name": {} }}"#,
        string(name)
    )
}

fn test_ended(name: &str, outcome: &Result<Completion, Failed>, took: Option<Duration>) -> String {
    let (event, extra) = match outcome {
        Ok(Completion::Completed) => ("ok", None),
        Ok(Completion::Ignored { reason }) => {
            ("ignored", reason.as_deref().map(|r| ("message", r)))
        }
        Err(failed) => ("failed", failed.message().map(|m| ("stdout", m))),
    };
    let took = took.map_or(String::new(), |t| {
        format!(r#", "exec_time": {}"#, t.as_secs_f64())
    });
    let extra = extra.map_or(String::new(), |(key, text)| {
        format!(r#", "{key}": {}"#, string(text))
    });
    format!(
        r#"{{ "type": "test", "name": {}, "event": "{event}"{took}{extra} }}"#,
        string(name)
    )
}

fn ended(c: &Conclusion, took: Duration) -> String {
    let event = if c.has_failed() { "failed" } else { "ok" };
    format!(
        r#"{{ "type": "suite", "event": "{event}", "passed": {}, "failed": {}, "ignored": {}, "measured": 0, "filtered_out": {}, "exec_time": {} }}"#,
        c.num_passed,
        c.num_failed,
        c.num_ignored,
        c.num_filtered_out,
        took.as_secs_f64()
    )
}

/// `text` as a JSON string.
fn string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_spelt_as_libtest_spells_them() {
        assert_eq!(
            started(3, Some(7)),
            r#"{ "type": "suite", "event": "started", "test_count": 3, "shuffle_seed": 7 }"#
        );
        assert_eq!(
            test_started("a::b"),
            r#"{ "type": "test", "event": "started", "name": "a::b" }"#
        );
        assert_eq!(
            test_ended(
                "a::b",
                &Ok(Completion::Completed),
                Some(Duration::from_millis(1500))
            ),
            r#"{ "type": "test", "name": "a::b", "event": "ok", "exec_time": 1.5 }"#
        );
    }

    #[test]
    fn an_undecided_case_is_ignored_and_says_why() {
        let outcome = Ok(Completion::ignored_with("undecided: 20 requests \"only\""));
        assert_eq!(
            test_ended("a::b", &outcome, None),
            r#"{ "type": "test", "name": "a::b", "event": "ignored", "message": "undecided: 20 requests \"only\"" }"#
        );
    }

    #[test]
    fn a_failure_carries_its_text() {
        let line = test_ended("a::b", &Err(Failed::from("two\nlines \u{1b}[31m")), None);
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["event"], "failed");
        assert_eq!(value["stdout"], "two\nlines \u{1b}[31m");
    }

    #[test]
    fn a_panic_is_a_failure() {
        let payload = catch_unwind(|| std::panic::panic_any("boom".to_owned())).unwrap_err();
        assert_eq!(panic(&*payload).message(), Some("test panicked: boom"));
    }
}
