use serde::Serialize;

use super::page::{LinkView, clean, link};
use crate::judge::Verdict;
use crate::metrics::Unit::{Milliseconds, Ratio};
use crate::result::{AssertionResult, CaseResult, ClientHealth, PhaseResult};
use crate::text::{count, number};

/// Cases named beside a warning at most.
const NAMED: usize = 6;

/// One reason to trust a case's numbers, or not to.
#[derive(Serialize)]
pub(super) struct TrustView {
    /// `pass`, `undecided` or `invalid`: what it means for a reader.
    pub class: &'static str,
    pub topic: &'static str,
    pub text: String,
}

fn fine(topic: &'static str, text: String) -> TrustView {
    TrustView {
        class: "pass",
        topic,
        text,
    }
}

fn note(topic: &'static str, text: String) -> TrustView {
    TrustView {
        class: "undecided",
        topic,
        text,
    }
}

/// What a case's verdict rests on. All of it, however good the result.
pub(super) fn trust(case: &CaseResult) -> Vec<TrustView> {
    if case.phases.is_empty() {
        return Vec::new();
    }
    let mut all = vec![client(case), clock(case), sample(case)];
    all.extend(decided(case));
    all.extend(case.extended.as_ref().map(|e| {
        let text = upper_first(&clean(&e.text));
        if e.repeats > 0 {
            fine("Extended", text)
        } else {
            note("Extended", text)
        }
    }));
    all.extend(server(case));
    for phase in &case.phases {
        for w in &phase.warnings {
            let of = match case.phases.len() {
                1 => String::new(),
                _ => format!("{}: ", phase.name),
            };
            let text = clean(&format!(
                "{of}{}. {}",
                w.text.trim_end_matches('.'),
                w.remedy
            ));
            all.push(note("Warning", text));
        }
    }
    all
}

/// The worst of `of` over the phases.
fn worst(case: &CaseResult, of: impl Fn(&ClientHealth) -> Option<f64>) -> Option<f64> {
    let all = case.phases.iter().filter_map(|p| of(&p.client));
    all.reduce(f64::max)
}

fn client(case: &CaseResult) -> TrustView {
    const TOPIC: &str = "Client";
    let mut said = Vec::new();
    match worst(case, |c| c.send_lag.map(|s| s.p99)) {
        Some(0.0) => said.push("every request left in time".to_owned()),
        Some(lag) => {
            let bound = tightest(&case.assertions).map_or_else(String::new, |limit| {
                format!(
                    "; the tightest bound is {}",
                    number(Some(limit), Milliseconds)
                )
            });
            said.push(format!(
                "99 % of the requests left at most {} late{bound}",
                number(Some(lag), Milliseconds)
            ));
        }
        None => said.push("requests followed answers, so that none was late".to_owned()),
    }
    let least = case.phases.iter().filter_map(|p| p.client.achieved_share);
    let least = least.reduce(f64::min);
    if let Some(share) = least.filter(|s| *s < 1.0) {
        said.push(format!(
            "{} of the asked requests were sent",
            number(Some(share), Ratio)
        ));
    }
    let stopped = worst(case, |c| c.throttled.map(|t| t.share)).filter(|s| *s > 0.0);
    if let Some(share) = stopped {
        let share = number(Some(share), Ratio);
        said.push(format!(
            "a processor limit stopped it for {share} of the time"
        ));
    }
    let lost: u64 = case
        .phases
        .iter()
        .flat_map(|p| p.client.exhausted.values())
        .sum();
    if lost > 0 {
        said.push(format!(
            "{} requests failed by limits of this machine",
            count(lost)
        ));
    }
    let was_limit = case.verdict == Verdict::Invalid
        || case
            .assertions
            .iter()
            .any(|a| a.verdict == Verdict::Invalid);
    let text = format!("{}.", said.join("; "));
    if was_limit {
        return TrustView {
            class: "invalid",
            topic: TOPIC,
            text: format!("Not to be trusted. {text}"),
        };
    }
    if lost > 0 || least.is_some_and(|s| s < 0.98) {
        note(TOPIC, upper_first(&text))
    } else {
        fine(TOPIC, upper_first(&text))
    }
}

/// The least latency that an assertion bounds from above.
fn tightest(assertions: &[AssertionResult]) -> Option<f64> {
    assertions
        .iter()
        .filter(|a| a.unit == Milliseconds && a.op.starts_with('<'))
        .filter_map(|a| a.limit)
        .reduce(f64::min)
}

fn clock(case: &CaseResult) -> TrustView {
    const TOPIC: &str = "Clock";
    let mut who: Vec<&str> = case
        .phases
        .iter()
        .map(|p| match p.client.stamps.as_deref() {
            Some("kernel") => "stamped by the kernel",
            Some("mixed") => "stamped by the kernel for most, else by the client once it had read",
            Some(_) => "stamped by the client once it had read",
            None if p.client.transport == "in process" => {
                "those of the engine in this process, in virtual time"
            }
            None => "of unknown origin",
        })
        .collect();
    who.dedup();
    let arrivals = format!("Times of arrival are {}.", who.join(", "));
    let virtual_time = case
        .phases
        .iter()
        .all(|p| p.client.transport == "in process");
    if virtual_time {
        return fine(TOPIC, format!("{arrivals} No clock was read."));
    }
    match case.phases.iter().find_map(|p| p.client.own_error.as_ref()) {
        Some(own) => fine(
            TOPIC,
            format!(
                "{arrivals} The client's own error of ttft on this machine is {} at p99, as prony doctor measured.",
                number(Some(own.ttft.p99), Milliseconds)
            ),
        ),
        None => note(
            TOPIC,
            format!(
                "{arrivals} The client's own error was never measured on this machine; prony doctor does."
            ),
        ),
    }
}

fn sample(case: &CaseResult) -> TrustView {
    let sum = |of: fn(&PhaseResult) -> u64| case.phases.iter().map(of).sum::<u64>();
    let (due, failed) = (sum(|p| p.requests.due), sum(|p| p.requests.failed));
    let runs: usize = case.phases.iter().map(|p| p.runs.len()).sum();
    let mut sessions: Vec<u32> = case
        .phases
        .iter()
        .flat_map(|p| p.runs.iter().map(|r| r.session))
        .collect();
    sessions.sort_unstable();
    sessions.dedup();
    let s = |n: usize, what: &str| {
        format!(
            "{} {what}{}",
            count(n as u64),
            if n == 1 { "" } else { "s" }
        )
    };
    let phases = match case.phases.len() {
        1 => String::new(),
        n => format!("{} of ", s(n, "phase")),
    };
    let text = format!(
        "{} requests measured, {} failed, in {phases}{} and {}.",
        count(due),
        count(failed),
        s(runs, "run"),
        s(sessions.len(), "server start")
    );
    if due == 0 {
        note("Sample", text)
    } else {
        fine("Sample", text)
    }
}

fn decided(case: &CaseResult) -> Vec<TrustView> {
    const TOPIC: &str = "Decided";
    if case.assertions.is_empty() {
        return Vec::new();
    }
    let open = |a: &&AssertionResult| a.borderline || a.verdict == Verdict::Undecided;
    let undecided: Vec<&AssertionResult> = case.assertions.iter().filter(open).collect();
    let all = case.assertions.len();
    if undecided.is_empty() {
        let text = match case
            .assertions
            .iter()
            .any(|a| a.verdict == Verdict::Invalid)
        {
            true => "Nothing: an invalid phase yields no pass and no fail.".to_owned(),
            false if all == 1 => "The data decided the only assertion.".to_owned(),
            false => format!("The data decided all {all} assertions."),
        };
        return vec![fine(TOPIC, text)];
    }
    let mut out = vec![note(
        TOPIC,
        format!(
            "The data decided {} of {all} assertions.",
            all - undecided.len()
        ),
    )];
    out.extend(undecided.iter().map(|a| {
        let how = match (a.borderline, a.repeats_to_settle) {
            (_, Some(n)) => format!("about {n} repeats more would settle it"),
            (true, None) => "the observed value counted".to_owned(),
            (false, None) => a
                .reason
                .clone()
                .unwrap_or_else(|| "the interval holds the limit".to_owned()),
        };
        note("Left open", clean(&format!("{}: {how}", a.text)))
    }));
    out
}

/// What was not to be had of the server's own counters.
fn server(case: &CaseResult) -> Option<TrustView> {
    let looked: Vec<_> = case
        .phases
        .iter()
        .filter_map(|p| p.server.as_ref())
        .collect();
    let (looks, failed) = looked
        .iter()
        .fold((0, 0), |sum, s| (sum.0 + s.scrapes, sum.1 + s.failed));
    let missing: usize = looked.iter().map(|s| s.missing.len()).sum();
    if failed == 0 && missing == 0 {
        return None;
    }
    let gone = match missing {
        0 => String::new(),
        n => format!("; {n} metrics are missing, with the reason beside them"),
    };
    Some(note(
        "Server",
        format!(
            "{} of {} looks at its counters failed{gone}.",
            count(failed),
            count(looks)
        ),
    ))
}

fn upper_first(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}

/// Every warning of a run, each once, with the cases that have it; and what was left open.
#[derive(Serialize)]
pub(super) struct RunTrustView {
    pub sentence: String,
    pub warnings: Vec<RunWarningView>,
}

#[derive(Serialize)]
pub(super) struct RunWarningView {
    pub text: String,
    pub remedy: String,
    pub cases: Vec<LinkView>,
    /// How many cases more have it.
    pub more: usize,
}

/// Of all `cases`, in the order of the page; nothing where nothing was measured.
pub(super) fn run_trust(cases: &[&CaseResult]) -> Option<RunTrustView> {
    let measured: Vec<&CaseResult> = cases
        .iter()
        .copied()
        .filter(|c| !c.phases.is_empty())
        .collect();
    if measured.is_empty() {
        return None;
    }
    let mut found: Vec<(&str, &str, Vec<&CaseResult>)> = Vec::new();
    for case in &measured {
        for w in case.phases.iter().flat_map(|p| &p.warnings) {
            match found.iter_mut().find(|f| f.0 == w.text && f.1 == w.remedy) {
                Some(known) if known.2.last().is_some_and(|c| c.slug == case.slug) => {}
                Some(known) => known.2.push(case),
                None => found.push((&w.text, &w.remedy, vec![case])),
            }
        }
    }
    Some(RunTrustView {
        sentence: run_sentence(&measured),
        warnings: found
            .into_iter()
            .map(|(text, remedy, cases)| RunWarningView {
                text: clean(text),
                remedy: clean(remedy),
                more: cases.len().saturating_sub(NAMED),
                cases: cases.into_iter().take(NAMED).map(link).collect(),
            })
            .collect(),
    })
}

fn run_sentence(measured: &[&CaseResult]) -> String {
    let requests: u64 = measured
        .iter()
        .flat_map(|c| &c.phases)
        .map(|p| p.requests.due)
        .sum();
    let assertions = || measured.iter().flat_map(|c| &c.assertions);
    let open = assertions()
        .filter(|a| a.borderline || a.verdict == Verdict::Undecided)
        .count();
    let invalid = assertions()
        .filter(|a| a.verdict == Verdict::Invalid)
        .count();
    let all = assertions().count();
    let mut text = format!(
        "{} requests measured. Of {} assertions the data decided {}",
        count(requests),
        count(all as u64),
        count((all - open - invalid) as u64)
    );
    if open > 0 {
        text.push_str(&format!(", left {} open", count(open as u64)));
    }
    if invalid > 0 {
        text.push_str(&format!("; {} have no valid data", count(invalid as u64)));
    }
    let lag = measured
        .iter()
        .filter_map(|c| worst(c, |h| h.send_lag.map(|s| s.p99)))
        .reduce(f64::max);
    if let Some(lag) = lag.filter(|l| *l > 0.0) {
        let lag = number(Some(lag), Milliseconds);
        text.push_str(&format!(
            ". The latest sends of any case were {lag} late at p99"
        ));
    }
    text.push('.');
    text
}
