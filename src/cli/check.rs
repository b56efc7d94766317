use super::args::CheckArgs;
use super::suites::load_cases;
use crate::exit;
use crate::judge::{Outlook, outlook, remedy};
use crate::plan::{Case, Estimate};
use crate::runner::{shown, stderr_color, today};
use crate::suite::{Diagnostic, Snippet, render_all, render_snippet};
use crate::text::{count, minutes};

/// `prony check`: every problem of every suite, or the plan: what each case asserts and could decide,
/// how long it takes and how much it asks for. Touches no network.
pub fn check(args: &CheckArgs) -> i32 {
    let (suites, cases) = match load_cases(&args.select) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
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
        print!("{}", plan(case, &estimate, &outlooks));
        undecidable.extend(outlooks.iter().filter(|o| o.cannot_decide()).map(|o| {
            let (name, text) = (case.full_name(), &o.text);
            Diagnostic::new(format!("{name}: `{text}` {o}"))
                .at(o.location.clone())
                .help(remedy(o, case.scenario.undecided))
        }));
    }
    println!(
        "{}, {}: {}, and what the last requests take",
        several(suites.len(), "suite"),
        several(cases.len(), "case"),
        between(least, most)
    );
    warn_of_past_issues(&cases);
    if args.strict && !undecidable.is_empty() {
        eprintln!("{}", render_all(&undecidable, stderr_color()));
        let assertions = several(undecidable.len(), "assertion");
        eprintln!("{assertions} cannot decide; nothing was sent");
        return exit::USAGE;
    }
    exit::OK
}

fn plan(case: &Case, estimate: &Estimate, outlooks: &[Outlook]) -> String {
    let scenario = &case.scenario;
    let mut out = format!("{} ({})\n", case.full_name(), scenario.kind.name());
    if let Some(reason) = &scenario.skip {
        return out + &format!("  skipped: {reason}\n");
    }
    for phase in &case.phases {
        let target = shown(phase.target(case));
        out += &format!("  {}: {} against {target}\n", phase.name, phase.describe());
    }
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
        out += &format!("  {whose} {}\n    {outlook}\n", outlook.text);
    }
    if let Some(issue) = &scenario.known_issue {
        out += &format!("  known issue until {}: {}\n", issue.until, issue.url);
    }
    out
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
        eprintln!(
            "{}",
            render_snippet("warning", &text, Some(&snippet), &notes, colour)
        );
    }
}
