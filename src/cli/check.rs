use std::path::Path;

use super::args::CheckArgs;
use super::suites::load_cases;
use crate::calibrate::{Basis, Tells, detectable_changes, tells};
use crate::exit;
use crate::judge::{Outlook, Prospect, outlook, remedy};
use crate::plan::{Case, Estimate};
use crate::result::{CaseResult, RunResult};
use crate::runner::{find_run, print, rebuild, shown, stderr_color, tell, today};
use crate::suite::{Diagnostic, Restart, Snippet, TargetUrl, render_all, render_snippet};
use crate::text::{Redactor, count, minutes, printable};

/// `prony check`: every problem of every suite, or the plan: what each case asserts and could decide,
/// how long it takes and how much it asks for. Touches no network.
pub fn check(args: &CheckArgs) -> i32 {
    let (suites, cases) = match load_cases(&args.select) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    let before = Measured::latest(&args.results);
    let mut text = String::new();
    let (mut least, mut most) = (0.0, Some(0.0));
    let mut undecidable = Vec::new();
    for case in &cases {
        let estimate = case.estimate();
        least += estimate.seconds.unwrap_or(estimate.least_seconds);
        most = match (most, estimate.seconds.or(estimate.most_seconds)) {
            (Some(a), Some(b)) => Some(a + b),
            _ => None,
        };
        let outlooks = match case.scenario.skip {
            Some(_) => Vec::new(),
            None => outlook(case),
        };
        let measured = before.as_ref().and_then(|before| before.of(case));
        let told = match case.scenario.skip {
            Some(_) => Vec::new(),
            None => tells(case, Basis::Before(measured)),
        };
        text += &plan(case, &estimate, &outlooks, &told);
        if case.scenario.skip.is_none() {
            text += &chief(case, measured);
        }
        undecidable.extend(outlooks.iter().filter(|o| o.cannot_decide()).map(|o| {
            let (name, text) = (case.full_name(), &o.text);
            Diagnostic::new(format!("{name}: `{text}` {o}"))
                .at(o.location.clone())
                .help(remedy(o, case.scenario.undecided))
        }));
        undecidable.extend(told.iter().filter_map(|told| {
            let (name, text, why) = (case.full_name(), &told.asked.text, told.cannot.as_ref()?);
            Some(
                Diagnostic::new(format!("{name}: `{text}` cannot be decided: {why}"))
                    .at(told.asked.location.clone())
                    .help("plan for more (`repeats`, `restart: repeat`, `requests`), or tolerate more".to_owned()),
            )
        }));
    }
    text += &format!(
        "{}, {}: {}, and what the last requests take\n",
        several(suites.len(), "suite"),
        several(cases.len(), "case"),
        between(least, most)
    );
    let code = print(text);
    warn_of_past_issues(&cases);
    if args.strict && !undecidable.is_empty() {
        tell(render_all(&undecidable, stderr_color()));
        let assertions = several(undecidable.len(), "assertion");
        tell(format_args!("{assertions} cannot decide; nothing was sent"));
        return exit::USAGE;
    }
    code
}

fn plan(case: &Case, estimate: &Estimate, outlooks: &[Outlook], told: &[Tells]) -> String {
    let scenario = &case.scenario;
    let mut out = format!("{} ({})\n", case.full_name(), scenario.kind.name());
    if let Some(reason) = &scenario.skip {
        return out + &format!("  skipped: {reason}\n");
    }
    for phase in &case.phases {
        let target = shown(phase.target(case));
        out += &format!("  {}: {} against {target}\n", phase.name, phase.describe());
    }
    out += &started(case);
    let seconds = match estimate.seconds {
        Some(s) => format!("about {}", minutes(s)),
        None => format!(
            "{}, as fast as the target answers",
            between(estimate.least_seconds, estimate.most_seconds)
        ),
    };
    let mut takes = vec![seconds];
    let amount = |n: f64, what: &str| format!("{} {what}", count(n.round() as u64));
    if scenario.repeats > 1 {
        takes.insert(0, format!("{} runs", scenario.repeats));
    }
    if let Some(most) = case.estimate_extended() {
        let at_most = match (most.seconds, most.requests) {
            (Some(s), _) => format!("up to {}", minutes(s)),
            (None, Some(n)) => format!("up to {}", amount(n, "requests")),
            (None, None) => format!("up to {} of that", scenario.extend),
        };
        takes.push(format!("{at_most} where the data cannot decide"));
    }
    takes.extend(estimate.requests.map(|n| amount(n, "requests")));
    takes.extend(estimate.input_tokens.map(|n| amount(n, "prompt tokens")));
    takes.extend(estimate.output_tokens.map(|n| amount(n, "output tokens")));
    out += &format!("  takes {}\n", takes.join(", "));
    for outlook in outlooks {
        let whose = if outlook.implicit {
            "asserts by itself"
        } else {
            "asserts"
        };
        let told = told.iter().find(|t| t.asked.location == outlook.location);
        let told = told.filter(|_| !outlook.implicit);
        out += &format!("  {whose} {}\n", outlook.text);
        if outlook.prospect != Prospect::Unknown || told.is_none() {
            out += &format!("    {outlook}\n");
        }
        out += &told.map_or(String::new(), tells_line);
    }
    for told in told {
        let shown = outlooks.iter().any(|o| o.location == told.asked.location);
        if !shown {
            out += &format!("  asserts {}\n{}", told.asked.text, tells_line(told));
        }
    }
    if let Some(issue) = &scenario.known_issue {
        out += &format!("  known issue until {}: {}\n", issue.until, issue.url);
    }
    out
}

/// What the plan tells for an assertion, where that is known, and what it would cost to tell its tolerance.
fn tells_line(tells: &Tells) -> String {
    let relative = tells.asked.held.is_relative();
    match (&tells.told, &tells.cannot) {
        (Some(told), _) if told.smallest_change.is_some() => format!("    {told} ({})\n", tells.from),
        (_, Some(why)) => format!("    {why}\n"),
        _ if relative => "    what it can tell shows once there are results, or by `noise:` (`prony calibrate`)\n".to_owned(),
        _ => String::new(),
    }
}

/// What the plan could tell of a change of what nothing is asked about, by what is known of noise.
fn chief(case: &Case, measured: Option<&CaseResult>) -> String {
    let told = detectable_changes(case, measured);
    if told.is_empty() {
        return String::new();
    }
    let mut out = "  against another measurement like this one it could tell\n".to_owned();
    for line in told {
        out += &format!("    {line}\n");
    }
    out
}

/// The latest results.
struct Measured(RunResult);

impl Measured {
    fn latest(results: &Path) -> Option<Self> {
        let folder = find_run(Path::new("latest"), results)?;
        rebuild(&folder).ok().map(|(result, _)| Measured(result))
    }

    fn of(&self, case: &Case) -> Option<&CaseResult> {
        self.0.cases.iter().find(|c| c.slug == case.slug)
    }
}

fn several(n: usize, what: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{n} {what}{s}")
}

fn between(least: f64, most: Option<f64>) -> String {
    match most {
        Some(most) if (most - least).abs() < 0.5 => format!("about {}", minutes(least)),
        Some(most) => format!("between {} and {}", minutes(least), minutes(most)),
        None => format!("at least {}", minutes(least)),
    }
}

/// Known issues whose day has passed have no effect: the place where they stand is worth a look.
fn warn_of_past_issues(cases: &[Case]) {
    let today = today();
    let mut seen = Vec::new();
    for issue in cases.iter().filter_map(|c| c.scenario.known_issue.as_ref()) {
        if issue.until >= today || seen.contains(&&issue.location) {
            continue;
        }
        seen.push(&issue.location);
        let text = format!(
            "this known issue has no effect: its last day was {}",
            issue.until
        );
        let help = "take it away, or set another day if it is still not solved".to_owned();
        let snippet = Snippet::of(&issue.location);
        let notes = [("help", help)];
        let colour = stderr_color();
        tell(render_snippet(
            "warning",
            &text,
            Some(&snippet),
            &notes,
            colour,
        ));
    }
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
