use super::findings::{Answer, TargetReport};
use crate::metrics::Unit;
use crate::result::{Host, OwnError, Spread};
use crate::text::{count, number, printable};

/// What was found of the client, for a terminal.
pub fn about_client(host: &Host, transport: &str, error: &OwnError) -> String {
    let ms = |v: f64| number(Some(v), Unit::Milliseconds);
    let row = |what: &str, s: &Spread| {
        format!(
            "  {what:34} median {:>9}   p99 {:>9}   worst {:>9}\n",
            ms(s.p50),
            ms(s.p99),
            ms(s.max)
        )
    };
    let machine = host.cpu.as_deref().unwrap_or(&host.os);
    let cores = host
        .cores
        .map_or_else(String::new, |n| format!(", {n} cores"));
    let mut out = format!(
        "this client: {}{cores}, transport {transport}\n",
        printable(machine)
    );
    out += &row(
        &format!("error of ttft, {} streams", error.streams),
        &error.ttft,
    );
    out += &row(
        &format!("error of itl, {} streams", error.streams),
        &error.itl,
    );
    out += &row("lateness of sends at 200/s", &error.timer_200);
    out += &row("lateness of sends at 10,000/s", &error.timer_10000);
    out += &format!(
        "  {:34} {}\n",
        "tokens read on one core",
        number(Some(error.tokens_per_second), Unit::TokensPerSecond)
    );
    out
}

/// What was found of a target, for a terminal: a line per probe.
pub fn about_target(report: &TargetReport) -> String {
    let model = report
        .model
        .as_deref()
        .map_or_else(String::new, |m| format!(", model {}", printable(m)));
    let mut out = format!("{}{model}\n", printable(&report.target));
    for f in &report.findings {
        let answer = match f.answer {
            Answer::No => "no ",
            other => other.name(),
        };
        out += &format!("  {:28} {answer:8} {}\n", f.what, f.why);
    }
    if let Some(s) = &report.sustained {
        out += &format!(
            "  one stream gives {}; this client reads {} on one core where many come at once: {} such streams at the very most before it is the limit\n",
            number(Some(s.stream_tokens_per_second), Unit::TokensPerSecond),
            number(Some(s.client_tokens_per_second), Unit::TokensPerSecond),
            count(s.streams)
        );
    }
    out
}
