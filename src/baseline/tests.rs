use std::collections::BTreeMap;

use super::samples::{file, phase, regressed, runs};
use super::*;
use crate::metrics::{METRICS, MetricDef, Shape};

/// Most bytes that a phase may have.
const MOST_BYTES: usize = 20 * 1024;

#[test]
fn a_file_reads_as_it_was_written() {
    let file = file(phase(&runs(4, 1.0, true)));
    let text = write(&file);
    insta::assert_snapshot!(text);
    let again = read(&text).unwrap();
    assert_eq!(again.phases[0].accepted.sessions, [0, 0, 1, 1]);
    // Six digits are what it keeps.
    assert_eq!(write(&again), text);
}

#[test]
fn a_difference_between_two_files_is_the_lines_that_changed() {
    let mut other = file(phase(&runs(4, 1.0, true)));
    let ttft = other.phases[0].accepted.metrics.get_mut("ttft").unwrap();
    ttft.statistics
        .insert("p99".to_owned(), vec![Some(48.5); 4]);
    let before = write(&file(phase(&runs(4, 1.0, true))));
    let after = write(&other);
    let different = before.lines().zip(after.lines()).filter(|(a, b)| a != b);
    assert_eq!(different.count(), 1);
    assert_eq!(before.lines().count(), after.lines().count());
}

/// Everything that a phase can hold: every metric, more runs than are kept, a full history.
#[test]
fn a_phase_stays_under_twenty_kilobytes() {
    let many = phase(&runs(100, 1.0, true));
    assert_eq!(many.accepted.runs(), MOST_RUNS);
    let mut full = many.clone();
    let long = |x: f64| {
        (0..MOST_RUNS)
            .map(|i| Some(x + i as f64 / 7.0))
            .collect::<Vec<_>>()
    };
    let like = |metric: &MetricDef| match metric.shape {
        Shape::Phase => "throughput",
        _ => "ttft",
    };
    for metric in METRICS.iter().filter(|m| is_kept(m)) {
        let mut runs = many
            .accepted
            .metrics
            .get(metric.name)
            .unwrap_or(&many.accepted.metrics[like(metric)])
            .clone();
        for values in runs.statistics.values_mut() {
            *values = long(123.0 / 1.7);
        }
        full.accepted.metrics.insert(metric.name.to_owned(), runs);
    }
    let mut before = file(full.clone());
    for i in 0..HISTORY + 2 {
        let mut next = file(full.clone());
        next.phases[0].accepted.requests[0] += i as u64 + 1;
        before = accepted(next, Some(&before));
    }
    assert_eq!(before.phases[0].history.runs.len(), HISTORY);
    let text = write(&before);
    assert!(text.len() < MOST_BYTES, "{} bytes", text.len());
}

#[test]
fn what_took_another_place_remembers_its_noise() {
    let first = file(phase(&runs(4, 1.0, true)));
    let second = accepted(file(phase(&runs(6, 1.1, true))), Some(&first));
    let history = &second.phases[0].history;
    assert_eq!(
        (history.runs.clone(), history.sessions.clone()),
        (vec![4], vec![2])
    );
    let noise = second.phases[0].past_noise("ttft", "p50");
    assert_eq!((noise.runs.freedom(), noise.sessions.freedom()), (2, 1));
    assert!(noise.runs.sd().unwrap() > 0.0);
    assert_eq!(
        second.phases[0].past_noise("ttft", "p12"),
        PastNoise::default()
    );
    // Accepting the same again changes nothing.
    assert_eq!(accepted(second.clone(), Some(&second)), second);
}

#[test]
fn files_of_the_wrong_sort_are_refused_with_what_to_do() {
    let text = write(&file(phase(&runs(3, 1.0, false))));
    let newer = text.replacen("\"schema\": 1", "\"schema\": 2", 1);
    for (text, says) in [
        ("{", "no JSON"),
        ("{}", "no `schema`"),
        (
            newer.as_str(),
            "newer prony (schema 2, this one reads up to 1)",
        ),
        ("{\"schema\": 1}", "no baseline of schema 1"),
        (
            &text.replacen("[0, 0, 0]", "[0, 0]", 1),
            "is damaged: phase `main` has 2 runs",
        ),
    ] {
        let refused = read(text).unwrap_err();
        assert!(refused.0.contains(says), "{refused}");
    }
}

#[test]
fn fields_of_later_versions_of_the_schema_are_left_alone() {
    let text = write(&file(phase(&runs(3, 1.0, false))));
    let more = text.replacen("\"suite\"", "\"since_later\": true,\n  \"suite\"", 1);
    assert_eq!(read(&more).unwrap(), read(&text).unwrap());
}

#[test]
fn a_person_sees_what_would_change() {
    let before = file(phase(&runs(5, 1.0, false)));
    insta::assert_snapshot!(review(Some(&before), &regressed()));
    insta::assert_snapshot!(review(None, &regressed()));
    let mut elsewhere = regressed();
    elsewhere.phases[0]
        .identity
        .insert("accelerator".to_owned(), "H200".to_owned());
    assert!(review(Some(&before), &elsewhere).contains("accelerator: sim/quick → H200"));
}

#[test]
fn what_the_client_did_is_no_part_of_it() {
    let phase = phase(&runs(3, 1.0, false));
    for metric in ["send_lag", "input_tokens", "concurrency"] {
        assert_eq!(phase.accepted.metrics.get(metric), None, "{metric}");
    }
    let names: BTreeMap<_, _> = phase
        .accepted
        .metrics
        .iter()
        .map(|(k, v)| (k.as_str(), v.unit.name()))
        .collect();
    assert_eq!(names["ttft"], "ms");
    assert_eq!(names["goodput(ttft < 500ms)"], "ratio");
}
