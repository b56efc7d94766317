use super::synthetic::*;
use super::*;
use crate::record::{Chunk, Chunks, ErrorKind, Part, RunRecords, TokenSource};
use crate::result::{Distribution, MetricSummary};

fn distribution<'a>(metrics: &'a crate::result::Metrics, name: &str) -> &'a Distribution {
    match &metrics[name] {
        MetricSummary::Distribution(d) => d,
        MetricSummary::Value(v) => panic!("{name} is one value: {v:?}"),
    }
}

fn value(metrics: &crate::result::Metrics, name: &str) -> f64 {
    match &metrics[name] {
        MetricSummary::Value(v) => v.value,
        MetricSummary::Distribution(d) => panic!("{name} is a distribution: {d:?}"),
    }
}

fn summarize(run: &RunRecords) -> crate::result::Metrics {
    summarize_phase(std::slice::from_ref(run), None, false)
}

#[test]
fn the_metrics_of_a_plain_run() {
    // One request a second for ten seconds, 100 ms to the first token, then ten gaps of 20 ms.
    let records = (0..10)
        .map(|i| request(i, i * S, 100 * MS, 10, 20 * MS))
        .collect();
    let m = summarize(&run(0, 10 * S, records));
    assert_eq!(distribution(&m, "ttft").p99, Some(100.0));
    assert_eq!(distribution(&m, "ttft").stddev, Some(0.0));
    assert_eq!(distribution(&m, "itl").n, 100);
    assert_eq!(distribution(&m, "tpot").mean, Some(20.0));
    assert_eq!(distribution(&m, "e2e_latency").max, Some(300.0));
    assert_eq!(distribution(&m, "ttft_scheduled").p50, Some(100.0));
    assert_eq!(distribution(&m, "send_lag").max, Some(0.0));
    assert_eq!(value(&m, "throughput"), 1.0);
    assert!((value(&m, "tokens_per_second") - 11.0).abs() < 1e-9);
    assert_eq!(value(&m, "input_tokens_per_second"), 100.0);
    assert!((value(&m, "total_tokens_per_second") - 111.0).abs() < 1e-9);
    assert_eq!(value(&m, "error_rate"), 0.0);
    assert!((value(&m, "concurrency") - 0.3).abs() < 1e-9);
    for absent in [
        "connect_time",
        "slot_wait",
        "cached_tokens",
        "throughput_per_gpu",
        "queue_depth",
    ] {
        assert!(!m.contains_key(absent), "{absent} was not measured");
    }
}

#[test]
fn per_gpu_metrics_come_with_gpus() {
    let m = summarize_phase(&[steady(40, S / 4, |_| 10 * MS)], Some(4), false);
    assert!((value(&m, "throughput_per_gpu") * 4.0 - value(&m, "throughput")).abs() < 1e-12);
    assert!(m.contains_key("total_tokens_per_second_per_gpu"));
}

#[test]
fn a_request_belongs_to_the_window_in_which_it_was_due_not_in_which_it_ended() {
    let records = vec![
        in_part(request(0, S / 2, 600 * MS, 0, 0), Part::Warmup),
        request(1, S, 10 * MS, 0, 0),
        request(2, 2 * S - 1, 5 * S, 0, 0),
        in_part(request(3, 2 * S, MS, 0, 0), Part::Tail),
    ];
    let m = summarize(&run(S, 2 * S, records));
    let ttft = distribution(&m, "ttft");
    assert_eq!((ttft.n, ttft.min, ttft.max), (2, Some(10.0), Some(5000.0)));
    // The warm-up's answer and the first one ended inside; the slow one did not.
    assert_eq!(value(&m, "throughput"), 2.0);
}

#[test]
fn tokens_count_when_they_arrive_whoever_asked_for_them() {
    // Ten tokens, 100 ms apart, from 0.55 s to 1.45 s: five lie inside 1 s to 2 s.
    let warm = in_part(request(0, S / 2, 50 * MS, 9, 100 * MS), Part::Warmup);
    // From 1.75 s: three inside.
    let late = request(1, 1_700 * MS, 50 * MS, 9, 100 * MS);
    let m = summarize(&run(S, 2 * S, vec![warm, late]));
    assert!((value(&m, "tokens_per_second") - 8.0).abs() < 1e-9);
}

#[test]
fn a_token_at_the_edge_of_the_window() {
    let inside = in_part(request(0, 0, S, 0, 0), Part::Warmup);
    let outside = request(1, S, S, 0, 0);
    let m = summarize(&run(S, 2 * S, vec![inside, outside]));
    assert_eq!(value(&m, "tokens_per_second"), 1.0);
    assert_eq!(value(&m, "throughput"), 1.0);
    assert_eq!(value(&m, "input_tokens_per_second"), 100.0);
}

#[test]
fn tokens_of_a_chunk_are_taken_from_the_server_where_it_says() {
    let mut r = request(0, 0, 100 * MS, 3, 100 * MS);
    r.output_tokens = Some(8);
    let counted = |chunks: &Chunks, counts: [Option<u32>; 4]| -> Chunks {
        let both = chunks.iter().zip(counts);
        both.map(|(c, tokens)| Chunk { tokens, ..c }).collect()
    };
    r.chunks = counted(&r.chunks, [None; 4]);
    // Four chunks share eight tokens evenly; two of the chunks arrive within the first 250 ms.
    let m = summarize(&run(0, 250 * MS, vec![r.clone()]));
    assert_eq!(value(&m, "tokens_per_second"), 16.0);

    r.chunks = counted(&r.chunks, [1, 5, 1, 1].map(Some));
    let m = summarize(&run(0, 250 * MS, vec![r]));
    assert_eq!(value(&m, "tokens_per_second"), 24.0);
    assert_eq!(distribution(&m, "chunk_tokens").max, Some(5.0));
}

#[test]
fn an_answer_that_is_not_streamed_arrives_at_its_end() {
    let mut r = request(0, 0, 900 * MS, 9, 10 * MS);
    r.first_us = None;
    r.chunks.clear();
    let m = summarize(&run(0, S, vec![r.clone()]));
    assert_eq!(value(&m, "tokens_per_second"), 10.0);
    assert!(!m.contains_key("ttft") && !m.contains_key("itl") && !m.contains_key("tpot"));

    r.output_tokens = None;
    let m = summarize(&run(0, S, vec![r]));
    assert!(!m.contains_key("tokens_per_second"), "unknown is not 0");
    assert!(!m.contains_key("total_tokens_per_second"));
}

#[test]
fn failed_requests_are_slower_than_everything() {
    let mut records: Vec<_> = (0..100)
        .map(|i| request(i, i * MS, 10 * MS + i, 2, MS))
        .collect();
    for i in [3, 50] {
        let at = records[i].sent_us.unwrap();
        records[i] = failed(records[i].clone(), ErrorKind::Http, at + MS);
    }
    let m = summarize(&run(0, S, records));
    let ttft = distribution(&m, "ttft");
    assert_eq!((ttft.n, ttft.p99), (100, None));
    assert!(ttft.p95.is_some());
    assert!((ttft.beyond.unwrap() - 97.0 / 99.0).abs() < 1e-12);
    // Mean, max and the like cover the successes.
    assert!(ttft.max.unwrap() < 11.0 && ttft.mean.is_some());
    assert_eq!(value(&m, "error_rate"), 0.02);
    // One unbounded gap for each failed request beside the observed ones.
    assert_eq!(distribution(&m, "itl").n, 98 * 2 + 2);
    // The client's lateness and the load are no latencies of an answer.
    assert!(distribution(&m, "send_lag").beyond.is_none());
    assert!(distribution(&m, "output_tokens").beyond.is_none());
}

#[test]
fn the_gaps_that_a_failed_request_showed_count() {
    let mut broken = request(0, 0, MS, 3, 7 * MS);
    broken.error = Some(crate::record::RequestError::new(
        ErrorKind::Truncated,
        "broke off",
    ));
    let m = summarize(&run(0, S, vec![broken, request(1, 0, MS, 3, 5 * MS)]));
    let itl = distribution(&m, "itl");
    assert_eq!((itl.n, itl.max, itl.p50), (7, Some(5.0), Some(7.0)));
}

#[test]
fn when_all_fail_quantiles_are_unbounded_and_rates_are_zero() {
    let records = (0..5)
        .map(|i| {
            failed(
                request(i, i * MS, MS, 1, MS),
                ErrorKind::Connect,
                i * MS + 1,
            )
        })
        .collect();
    let m = summarize(&run(0, S, records));
    let ttft = distribution(&m, "ttft");
    assert_eq!(
        (ttft.n, ttft.p50, ttft.mean, ttft.beyond),
        (5, None, None, Some(0.0))
    );
    assert_eq!(value(&m, "error_rate"), 1.0);
    assert_eq!(value(&m, "throughput"), 0.0);
}

#[test]
fn without_requests_there_are_no_metrics() {
    assert!(summarize(&run(0, S, vec![])).is_empty());
}

#[test]
fn one_token_has_no_time_per_output_token() {
    let m = summarize(&run(
        0,
        S,
        vec![request(0, 0, MS, 0, 0), request(1, 0, MS, 4, 2 * MS)],
    ));
    assert_eq!(distribution(&m, "tpot").n, 1);
    assert_eq!(distribution(&m, "ttft").n, 2);
}

#[test]
fn nothing_is_due_in_a_closed_loop() {
    let m = summarize(&closed(steady(30, 10 * MS, |_| MS)));
    for absent in [
        "ttft_scheduled",
        "e2e_latency_scheduled",
        "send_lag",
        "slot_wait",
    ] {
        assert!(!m.contains_key(absent), "{absent}");
    }
}

#[test]
fn lateness_leaves_out_what_is_explained() {
    let mut r = request(0, 100 * MS, 5 * MS, 1, MS);
    r.due_us = Some(60 * MS);
    r.wait_us = Some(30 * MS);
    r.connect_us = Some(8 * MS);
    let m = summarize(&run(0, S, vec![r, request(1, 0, MS, 1, MS)]));
    assert_eq!(distribution(&m, "send_lag").max, Some(2.0));
    assert_eq!(distribution(&m, "connect_time").n, 1);
    // Waiting is recorded here, so the request that did not wait has waited 0.
    assert_eq!(distribution(&m, "slot_wait").n, 2);
    assert_eq!(distribution(&m, "ttft_scheduled").max, Some(45.0));
}

#[test]
fn what_the_user_cut_counts_nowhere_and_what_the_drain_cut_has_failed() {
    let mut records: Vec<_> = (0..9).map(|i| request(i, i * MS, MS, 1, MS)).collect();
    records.push(failed(request(9, 9 * MS, MS, 1, MS), ErrorKind::Cut, S));
    let run = run(0, S, records);
    let counted = summarize(&run);
    assert_eq!(value(&counted, "error_rate"), 0.1);
    assert_eq!(distribution(&counted, "ttft").n, 10);
    let interrupted = summarize_phase(std::slice::from_ref(&run), None, true);
    assert_eq!(value(&interrupted, "error_rate"), 0.0);
    assert_eq!(distribution(&interrupted, "ttft").n, 9);
    let part = summarize_run(&run, None, true);
    assert_eq!(
        (
            part.requests.due,
            part.requests.ok,
            part.requests.cut,
            part.requests.failed
        ),
        (10, 9, 1, 0)
    );
}

#[test]
fn runs_are_pooled() {
    let a = steady(50, 10 * MS, |_| 10 * MS);
    let mut b = steady(150, 10 * MS, |_| 30 * MS);
    b.session = 1;
    let m = summarize_phase(&[a, b], None, false);
    let ttft = distribution(&m, "ttft");
    assert_eq!((ttft.n, ttft.p50), (200, Some(30.0)));
    assert!((ttft.mean.unwrap() - 25.0).abs() < 1e-9);
    assert!(ttft.histogram.is_some());
}

#[test]
fn a_run_has_no_histograms() {
    let part = summarize_run(&steady(50, 10 * MS, |i| i * MS), None, false);
    assert!(part.metrics.values().all(|m| match m {
        MetricSummary::Distribution(d) => d.histogram.is_none(),
        MetricSummary::Value(_) => true,
    }));
    assert_eq!((part.window_s, part.requests.ok), (0.5, 50));
}

#[test]
fn errors_by_kind_the_most_frequent_first() {
    let mut records: Vec<_> = (0..6)
        .map(|i| {
            let kind = if i < 2 {
                ErrorKind::Http
            } else {
                ErrorKind::NoToken
            };
            failed(request(i, i, MS, 1, MS), kind, i + 1)
        })
        .collect();
    records.push(in_part(
        failed(request(9, 0, MS, 1, MS), ErrorKind::Connect, 5),
        Part::Warmup,
    ));
    let errors = errors(&[run(0, S, records)], false);
    let kinds: Vec<_> = errors.iter().map(|e| (e.kind.as_str(), e.count)).collect();
    assert_eq!(kinds, [("no_token", 4), ("http", 2)]);
    assert_eq!(errors[0].example, "no_token on purpose");
}

fn series_of(run: RunRecords) -> crate::result::RunSeries {
    series(&[run]).remove(0)
}

#[test]
fn a_series_covers_the_whole_run() {
    let records = (0..60).map(|i| request(i, i * S, 500 * MS, 1, S)).collect();
    let s = series_of(run(10 * S, 50 * S, records));
    assert_eq!((s.interval_s, s.window_s), (1.0, [10.0, 50.0]));
    let of = |name: &str, i: usize| s.series[name][i];
    assert_eq!(s.series["sent"].len(), 61);
    assert_eq!(of("sent", 3), Some(1.0));
    assert_eq!(of("completed", 0), Some(0.0));
    assert_eq!(of("completed", 1), Some(1.0));
    assert_eq!(of("in_flight", 30), Some(1.5));
    assert_eq!(of("ttft_p50", 0), Some(500.0));
    assert_eq!(of("itl_p99", 0), None);
    assert_eq!(of("tokens_per_second", 30), Some(2.0));
    assert_eq!(of("ttft_p50", 60), None);
}

#[test]
fn failures_have_a_course_by_kind() {
    let kind = |i: u64| match i {
        3 | 4 => Some(ErrorKind::Connect),
        7 => Some(ErrorKind::Http),
        _ => None,
    };
    let records = (0..60)
        .map(|i| match kind(i) {
            Some(kind) => failed(request(i, i * S, 500 * MS, 1, S), kind, i * S + 1),
            None => request(i, i * S, 500 * MS, 1, S),
        })
        .collect();
    let s = series_of(run(10 * S, 50 * S, records));
    let kinds: Vec<&String> = s.series.keys().filter(|k| k.contains("kind=")).collect();
    assert_eq!(kinds, ["failed{kind=connect}", "failed{kind=http}"]);
    assert_eq!(s.series["failed{kind=connect}"][4], Some(1.0));
    assert_eq!(s.series["failed{kind=http}"][4], Some(0.0));
    for (i, all) in s.series["failed"].iter().enumerate() {
        let sum: f64 = kinds.iter().filter_map(|k| s.series[*k][i]).sum();
        assert_eq!(Some(sum), *all);
    }
    let without = series_of(steady(100, 20 * MS, |_| MS));
    assert!(!without.series.keys().any(|k| k.contains("kind=")));
}

#[test]
fn a_short_run_has_a_course_too() {
    let s = series_of(steady(100, 20 * MS, |_| MS));
    assert_eq!((s.interval_s, s.series["sent"].len()), (0.05, 40));
    assert_eq!(series_of(run(0, 0, vec![])).series.len(), 0);
}

#[test]
fn warnings_name_a_remedy() {
    let mut records: Vec<_> = (0..40).map(|i| request(i, i * MS, MS, 4, 0)).collect();
    for r in &mut records {
        r.provenance.output = Some(TokenSource::Chunks);
        r.chunks.push(Chunk {
            gap_us: 4000,
            tokens: None,
        });
        r.connect_us = Some(500);
    }
    records.push(failed(request(40, 0, MS, 1, MS), ErrorKind::Cut, S));
    let warnings = phase_warnings(&[run(0, S, records)], false);
    let texts: Vec<_> = warnings.iter().map(|w| w.text.as_str()).collect();
    assert_eq!(
        texts,
        [
            "1 of 41 requests had not ended when the drain was over; they count as failed",
            "the server did not count the output tokens of 40 of 40 requests: every chunk was taken for one token",
            "80 % of the gaps between chunks are under 50 µs: chunks came several at a time",
            "40 of 41 requests had to open a connection",
        ]
    );
    assert!(warnings.iter().all(|w| !w.remedy.is_empty()));
    assert!(phase_warnings(&[steady(50, MS, |_| MS)], false).is_empty());
}

#[test]
fn answers_shorter_than_asked_are_told() {
    let mut records: Vec<_> = (0..40).map(|i| request(i, i * MS, MS, 4, MS)).collect();
    for r in &mut records {
        r.labels.insert(ASKED_OUTPUT_TOKENS.into(), "64".into());
    }
    let warnings = phase_warnings(&[run(0, S, records)], false);
    assert_eq!(
        warnings[0].text,
        "40 of 40 answers were not as long as asked (200 output tokens of 2560); ended too early: 40 by `length`"
    );
}
