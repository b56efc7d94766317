use super::args::SelectArgs;
use super::suites::load_cases;
use crate::plan::{Case, Estimate};
use crate::runner::{print, shown};
use crate::suite::{Restart, TargetUrl};
use crate::text::{Redactor, count, minutes, printable};

/// `prony check`: every problem of every suite, or the plan: what each case asserts, how long it
/// takes and how much it asks for. Touches no network.
pub fn check(args: &SelectArgs) -> i32 {
    let (suites, cases) = match load_cases(args) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    let mut text = String::new();
    let mut total = 0.0;
    let mut open_ended = 0;
    for case in &cases {
        let estimate = case.estimate();
        match estimate.seconds {
            Some(s) => total += s,
            None => open_ended += 1,
        }
        text += &plan(case, &estimate);
    }
    let open = match open_ended {
        0 => String::new(),
        n => format!(", and {n} that end with a count of requests"),
    };
    text += &format!(
        "{}, {}: about {}{open}, draining not included\n",
        several(suites.len(), "suite"),
        several(cases.len(), "case"),
        minutes(total)
    );
    print(text)
}

fn several(n: usize, what: &str) -> String {
    match n {
        1 => format!("1 {what}"),
        n => format!("{n} {what}s"),
    }
}

fn plan(case: &Case, estimate: &Estimate) -> String {
    let mut out = format!("{} ({})\n", case.full_name(), case.scenario.kind.name());
    for phase in &case.phases {
        let target = shown(phase.target(case));
        out += &format!("  {}: {} against {target}\n", phase.name, phase.describe());
    }
    out += &started(case);
    let seconds = match estimate.seconds {
        Some(s) => format!("about {}", minutes(s)),
        None => "until the last request has ended".to_owned(),
    };
    let mut takes = vec![seconds];
    let amount = |n: f64, what: &str| format!("{} {what}", count(n.round() as u64));
    if case.scenario.repeats > 1 {
        takes.insert(0, format!("{} runs", case.scenario.repeats));
    }
    takes.extend(estimate.requests.map(|n| amount(n, "requests")));
    takes.extend(estimate.input_tokens.map(|n| amount(n, "prompt tokens")));
    takes.extend(estimate.output_tokens.map(|n| amount(n, "output tokens")));
    out += &format!("  takes {}\n", takes.join(", "));
    for sla in &case.scenario.sla {
        out += &format!("  asserts {}\n", sla.assertion.text);
    }
    out
}

/// How the target comes to be there, and the hooks around the case.
fn started(case: &Case) -> String {
    let scenario = &case.scenario;
    let redactor = Redactor::new(&case.secrets);
    let plain = |text: &str| printable(&redactor.apply(text)).replace('\n', " ");
    let mut out = String::new();
    let sim = matches!(scenario.target.url, TargetUrl::Sim(_));
    if let Some(launch) = &scenario.target.launch {
        let sessions = match scenario.restart {
            Restart::Never => "once for all cases that share it",
            Restart::Case => "once for the case",
            Restart::Repeat => "anew for every run",
        };
        out += &format!(
            "  launches `{}` {sessions}, waits at most {} until it is ready\n",
            plain(&launch.command.shown()),
            minutes(scenario.target.ready.timeout.as_secs_f64())
        );
    } else if sim && scenario.restart == Restart::Repeat {
        out += "  starts the embedded engine anew for every run\n";
    }
    let suite = &case.suite_hooks;
    for (when, hooks) in [
        ("before the suite", &suite.before),
        ("before the case", &scenario.hooks.before),
        ("between the runs", &scenario.hooks.between),
        ("after the case", &scenario.hooks.after),
        ("after the suite", &suite.after),
    ] {
        for hook in hooks {
            out += &format!("  {when} {}\n", plain(&hook.action.shown()));
        }
    }
    out
}
