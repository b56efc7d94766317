use std::collections::BTreeMap;

use super::server::{Of, Told, server_metrics, server_result, server_told};
use super::server_check::server_warnings;
use super::server_series::server_series;
use super::synthetic::*;
use super::*;
use crate::record::{
    Buckets, Provenance as Counted, ReplicaScrape, RunRecords, Scrape, TokenSource,
};
use crate::result::MetricSummary;

const SECOND: i64 = 1_000_000;

/// A look at `at_us` at replicas with these values.
fn look(at_us: i64, replicas: &[(&str, &[(&str, f64)])]) -> Scrape {
    let values = |values: &[(&str, f64)]| ReplicaScrape {
        values: values.iter().map(|(k, v)| ((*k).to_owned(), *v)).collect(),
        ..ReplicaScrape::default()
    };
    Scrape {
        phase: "main".into(),
        at_us,
        every_us: 1_000_000,
        engine: Some("vllm".into()),
        replicas: replicas
            .iter()
            .map(|(name, v)| ((*name).to_owned(), values(v)))
            .collect(),
        ..Scrape::default()
    }
}

fn failed(at_us: i64, why: &str) -> Scrape {
    Scrape {
        engine: None,
        replicas: BTreeMap::new(),
        error: Some(why.to_owned()),
        ..look(at_us, &[])
    }
}

/// A run whose window is 10 s to 20 s, with one request a second that takes 100 ms to its first token.
fn watched(scrapes: Vec<Scrape>) -> RunRecords {
    let records = (10..20)
        .map(|i| request(i, i * S, 100 * MS, 10, 10 * MS))
        .collect();
    RunRecords {
        scrapes,
        ..run(10 * S, 20 * S, records)
    }
}

/// Looks every second from before the run until 25 s, each with what `value` makes of its second.
fn every_second(name: &str, value: impl Fn(f64) -> f64) -> RunRecords {
    let looks = (-1..=25).map(|i| look(i * SECOND, &[("0", &[(name, value(i as f64))])]));
    watched(looks.collect())
}

fn told(name: &str, of: Of, run: &RunRecords) -> Result<Told, String> {
    let metric = metric(name).expect("a metric");
    server_told(metric, of, None, std::slice::from_ref(run))
}

fn value(name: &str, of: Of, run: &RunRecords) -> f64 {
    told(name, of, run).expect("a value").value
}

fn why(name: &str, run: &RunRecords) -> String {
    let of = match metric(name).expect("a metric").shape {
        Shape::Phase => Of::Whole,
        _ => Of::Mean,
    };
    told(name, of, run).expect_err("missing")
}

#[test]
fn a_gauge_is_weighed_by_time() {
    // 2 up to 14.5 s, then 8: each look stands for the half second around it.
    let run = every_second("queue_depth", |s| if s < 15.0 { 2.0 } else { 8.0 });
    let mean = value("queue_depth", Of::Mean, &run);
    assert!(
        (mean - (4.5 * 2.0 + 5.5 * 8.0) / 10.0).abs() < 1e-9,
        "{mean}"
    );
    assert_eq!(value("queue_depth", Of::Max, &run), 8.0);
    assert_eq!(value("queue_depth", Of::Min, &run), 2.0);
    assert_eq!(value("queue_depth", Of::Quantile(0.4), &run), 2.0);
    assert_eq!(value("queue_depth", Of::Quantile(0.5), &run), 8.0);
}

#[test]
fn what_stood_before_and_after_the_window_is_no_part_of_it() {
    let run = every_second("queue_depth", |s| {
        if (10.0..=20.0).contains(&s) {
            1.0
        } else {
            99.0
        }
    });
    assert_eq!(value("queue_depth", Of::Max, &run), 1.0);
}

#[test]
fn replicas_of_a_gauge_add_up_and_shares_have_a_mean() {
    let looks = (0..=25).map(|i| {
        look(
            i * SECOND,
            &[
                ("0", &[("running", 3.0), ("kv_usage", 0.2)]),
                ("1", &[("running", 5.0), ("kv_usage", 0.6)]),
            ],
        )
    });
    let run = watched(looks.collect());
    assert_eq!(value("running", Of::Mean, &run), 8.0);
    assert!((value("kv_usage", Of::Mean, &run) - 0.4).abs() < 1e-12);
    let one = server_told(
        metric("running").expect("a metric"),
        Of::Mean,
        Some("1"),
        std::slice::from_ref(&run),
    );
    assert_eq!(one.expect("a value").value, 5.0);
    let result = server_result(std::slice::from_ref(&run)).expect("looks");
    assert_eq!(result.replicas.keys().collect::<Vec<_>>(), ["0", "1"]);
}

#[test]
fn a_counter_grows_by_what_it_counted_inside_the_window() {
    let run = every_second("preemptions", |s| 3.0 * s + 100.0);
    assert_eq!(value("preemptions", Of::Whole, &run), 30.0);
}

#[test]
fn between_looks_a_counter_is_linear() {
    // Looks at …, 9.5, 10.5, …: the window's edges lie in the middle of two.
    let looks = (0..=25).map(|i| {
        let at = i as f64 - 0.5;
        look(
            (at * 1e6) as i64,
            &[("0", &[("server_requests", 4.0 * at)])],
        )
    });
    let run = watched(looks.collect());
    assert_eq!(value("server_requests", Of::Whole, &run), 40.0);
}

#[test]
fn a_hit_ratio_is_of_the_window() {
    let looks = (0..=25).map(|i| {
        // Nothing hits in the warm-up, a quarter does in the window.
        let hits = f64::from((i - 10).max(0)) * 25.0;
        look(
            i64::from(i) * SECOND,
            &[(
                "0",
                &[
                    ("cache_queries", f64::from(i) * 100.0),
                    ("cache_hits", hits),
                ],
            )],
        )
    });
    let run = watched(looks.collect());
    assert_eq!(value("cache_hit_ratio", Of::Whole, &run), 0.25);
    assert_eq!(value("cache_hits", Of::Whole, &run), 250.0);
    assert_eq!(value("cache_queries", Of::Whole, &run), 1000.0);
}

#[test]
fn a_counter_that_shows_only_once_it_counts_was_0_before() {
    let looks = (0..=25).map(|i| {
        let values: &[(&str, f64)] = &[("preemptions", 7.0)];
        look(i * SECOND, &[("0", if i < 15 { &[] } else { values })])
    });
    assert_eq!(
        value("preemptions", Of::Whole, &watched(looks.collect())),
        7.0
    );
}

#[test]
fn counters_that_start_anew_are_lost() {
    let run = every_second("preemptions", |s| if s < 15.0 { s } else { s - 15.0 });
    let reason = why("preemptions", &run);
    assert!(reason.contains("started anew at 15.0 s"), "{reason}");
    // A restart outside the window touches nothing.
    let before = every_second("preemptions", |s| if s < 5.0 { 50.0 } else { s });
    assert_eq!(value("preemptions", Of::Whole, &before), 10.0);
}

#[test]
fn a_process_that_started_anew_is_seen_although_its_counters_are_higher() {
    let mut run = every_second("preemptions", |s| s);
    for scrape in &mut run.scrapes {
        let late = scrape.at_us >= 15 * SECOND;
        for replica in scrape.replicas.values_mut() {
            replica.started_s = Some(if late { 2e9 } else { 1e9 });
        }
    }
    assert!(why("preemptions", &run).contains("started anew"));
}

#[test]
fn looks_that_fail_in_the_middle_cost_a_counter_nothing() {
    let mut run = every_second("preemptions", |s| s);
    for scrape in &mut run.scrapes {
        if (12 * SECOND..18 * SECOND).contains(&scrape.at_us) {
            *scrape = failed(scrape.at_us, "no answer within 1s");
        }
    }
    assert_eq!(value("preemptions", Of::Whole, &run), 10.0);
}

#[test]
fn metrics_that_end_in_mid_run_are_missing_and_one_warning_says_so() {
    let both = |i: i64| {
        look(
            i * SECOND,
            &[("0", &[("preemptions", 1.0), ("queue_depth", 1.0)])],
        )
    };
    let looks = (-1..=25).map(|i| {
        if i < 14 {
            both(i)
        } else {
            failed(i * SECOND, "no connection: refused")
        }
    });
    let run = watched(looks.collect());
    let runs = std::slice::from_ref(&run);
    assert_eq!(
        why("preemptions", &run),
        "no look at the server's counters came after the window (the last failure: no connection: refused)"
    );
    assert_eq!(
        why("queue_depth", &run),
        "looks at the server's counters cover 50 % of the window (the last failure: no connection: refused)"
    );
    assert!(server_metrics(runs).is_empty());
    let missing = server_result(runs).expect("looks").missing;
    assert_eq!(
        missing.keys().collect::<Vec<_>>(),
        ["preemptions", "queue_depth"]
    );
    let warnings = server_warnings(runs, &PhaseSamples::new(runs, false));
    assert_eq!(warnings.len(), 1);
    assert_eq!(
        warnings[0].text,
        "12 of 27 looks at the server's counters failed, the first at 14.0 s of its run: no connection: refused"
    );
}

#[test]
fn a_server_without_such_a_page_is_a_note_and_no_warning() {
    let run = watched(vec![failed(-SECOND, "status 404 at /metrics")]);
    let runs = std::slice::from_ref(&run);
    assert_eq!(
        why("queue_depth", &run),
        "the server's counters could not be read: status 404 at /metrics"
    );
    let result = server_result(runs).expect("a look");
    assert_eq!(result.note.as_deref(), Some("status 404 at /metrics"));
    assert!(server_warnings(runs, &PhaseSamples::new(runs, false)).is_empty());
}

#[test]
fn a_name_that_the_server_does_not_tell_is_missing() {
    let run = every_second("queue_depth", |_| 0.0);
    assert_eq!(
        why("preemptions", &run),
        "the server's `/metrics` (vllm) does not tell `preemptions`"
    );
    assert_eq!(
        why("queue_depth", &watched(vec![])),
        "nobody looked at the server's counters"
    );
}

#[test]
fn a_window_that_nobody_saw_begin_has_no_count() {
    let looks = (12..=25).map(|i| look(i * SECOND, &[("0", &[("preemptions", i as f64)])]));
    let reason = why("preemptions", &watched(looks.collect()));
    assert_eq!(
        reason,
        "no look at the server's counters came before the window"
    );
}

/// Ten values a second, of which `up_to` lie under the bounds 0.05, 0.1 and 0.5 s.
fn timed(up_to: [f64; 3], sum: f64) -> RunRecords {
    let looks = (0..=25).map(|i| {
        let n = f64::from(i);
        let buckets = Buckets {
            le: vec![0.05, 0.1, 0.5],
            up_to: up_to.map(|x| x * n).to_vec(),
            sum: sum * n,
            count: 10.0 * n,
        };
        let mut scrape = look(i64::from(i) * SECOND, &[("0", &[])]);
        for replica in scrape.replicas.values_mut() {
            replica
                .histograms
                .insert("server_ttft".to_owned(), buckets.clone());
        }
        scrape
    });
    watched(looks.collect())
}

#[test]
fn a_histogram_has_a_mean_and_quantiles_inside_their_buckets() {
    let run = timed([0.0, 8.0, 10.0], 0.9);
    let mean = told("server_ttft", Of::Mean, &run).expect("a mean");
    assert!((mean.value - 90.0).abs() < 1e-9);
    assert_eq!((mean.n, mean.between), (100, None));
    let median = told("server_ttft", Of::Quantile(0.5), &run).expect("a median");
    // 50 of 100 values: 50/80 into the bucket from 50 to 100 ms.
    assert!((median.value - (50.0 + 50.0 * 50.0 / 80.0)).abs() < 1e-9);
    assert_eq!(median.between, Some([50.0, 100.0]));
    let result = server_result(std::slice::from_ref(&run)).expect("looks");
    assert_eq!(result.between["server_ttft.p50"], [Some(50.0), Some(100.0)]);
    assert_eq!(
        result.between["server_ttft.p99"],
        [Some(100.0), Some(500.0)]
    );
    assert!(told("server_ttft", Of::Max, &run).is_err());
    let MetricSummary::Distribution(d) = &server_metrics(std::slice::from_ref(&run))["server_ttft"]
    else {
        panic!("a distribution");
    };
    assert_eq!((d.n, d.max, d.p50), (100, None, Some(median.value)));
}

#[test]
fn beyond_the_last_bucket_nothing_is_known() {
    let run = timed([0.0, 5.0, 9.0], 3.0);
    let p99 = told("server_ttft", Of::Quantile(0.99), &run).expect("told");
    assert_eq!(p99.value, f64::INFINITY);
    assert_eq!(p99.between, Some([500.0, f64::INFINITY]));
    let result = server_result(std::slice::from_ref(&run)).expect("looks");
    assert_eq!(result.between["server_ttft.p99"], [Some(500.0), None]);
}

#[test]
fn runs_are_pooled_and_one_that_is_missing_is_missing_in_all() {
    let metric = metric("preemptions").expect("a metric");
    let one = every_second("preemptions", |s| s);
    let two = every_second("preemptions", |s| 3.0 * s);
    let both = server_told(metric, Of::Whole, None, &[one.clone(), two]);
    assert_eq!(both.expect("a sum").value, 40.0);
    assert!(server_told(metric, Of::Whole, None, &[one, watched(vec![])]).is_err());
}

#[test]
fn the_busiest_replica_against_the_mean() {
    let looks = (0..=25).map(|i| {
        let n = i as f64;
        let tokens = |k: f64| [("server_generation_tokens", k * n)];
        look(i * SECOND, &[("0", &tokens(30.0)), ("1", &tokens(10.0))])
    });
    assert_eq!(
        value("replica_skew", Of::Whole, &watched(looks.collect())),
        1.5
    );
    let alone = every_second("server_generation_tokens", |s| s);
    assert!(why("replica_skew", &alone).contains("several replicas"));
}

#[test]
fn the_course_is_there_look_by_look() {
    let looks = (0..=4).map(|i| {
        let n = f64::from(i);
        let values = [("queue_depth", n), ("server_generation_tokens", n * 50.0)];
        look(i64::from(i) * 2 * SECOND, &[("0", &values)])
    });
    let mut run = watched(looks.collect());
    run.scrapes[2] = failed(4 * SECOND, "no answer");
    let course = server_series(&run).expect("a course");
    assert_eq!(course.at_s, [0.0, 2.0, 4.0, 6.0, 8.0]);
    assert_eq!(
        course.series["queue_depth"],
        [Some(0.0), Some(1.0), None, Some(3.0), Some(4.0)]
    );
    assert_eq!(
        course.series["server_generation_tokens_per_second"],
        [None, Some(25.0), None, None, Some(25.0)]
    );
}

mod cross_check {
    use super::*;

    fn warnings(run: &RunRecords) -> Vec<String> {
        let runs = std::slice::from_ref(run);
        let samples = PhaseSamples::new(runs, false);
        let warnings = server_warnings(runs, &samples);
        warnings.into_iter().map(|w| w.text).collect()
    }

    // The client's own median is 100 ms.
    #[test]
    fn the_same_bucket_is_no_disagreement() {
        assert!(warnings(&timed([0.0, 8.0, 10.0], 0.9)).is_empty());
    }

    #[test]
    fn longer_here_than_there() {
        assert_eq!(
            warnings(&timed([10.0, 10.0, 10.0], 0.4)),
            [
                "median ttft: 100 ms here, 0 to 50 ms by the server itself (server_ttft), longer by 50 ms"
            ]
        );
    }

    #[test]
    fn where_buckets_are_coarse_the_means_tell() {
        let coarse = timed([0.0, 10.0, 10.0], 0.55);
        assert_eq!(
            warnings(&coarse),
            ["mean ttft: 100 ms here, 55 ms by the server itself (server_ttft), longer by 45 ms"]
        );
    }

    #[test]
    fn shorter_here_than_there() {
        let text = warnings(&timed([0.0, 0.0, 10.0], 4.0)).remove(0);
        assert!(text.starts_with("mean ttft: 100 ms here, 400 ms"), "{text}");
        assert!(text.ends_with("shorter by 300 ms"), "{text}");
    }

    fn cached(share: u64, hits: f64) -> RunRecords {
        let looks = (0..=25).map(|i| {
            let values = [
                ("cache_queries", 100.0 * i as f64),
                ("cache_hits", hits * i as f64),
            ];
            look(i * SECOND, &[("0", &values)])
        });
        let mut run = watched(looks.collect());
        for record in &mut run.records {
            record.input_tokens = Some(100);
            record.cached_tokens = Some(share);
            record.provenance = Counted {
                input: Some(TokenSource::Server),
                ..Counted::default()
            };
        }
        run
    }

    #[test]
    fn two_accounts_of_the_cache() {
        let run = cached(60, 60.0);
        let runs = std::slice::from_ref(&run);
        let metrics = summarize_phase(runs, None, false);
        for name in ["cached_token_ratio", "cache_hit_ratio"] {
            let MetricSummary::Value(v) = &metrics[name] else {
                panic!("a value");
            };
            assert!((v.value - 0.6).abs() < 1e-9, "{name}");
        }
        assert!(warnings(&run).is_empty());
        assert_eq!(
            warnings(&cached(60, 30.0)),
            [
                "the two accounts of the prefix cache differ: 60.0 % by the answers' `cached_tokens`, 30.0 % by the server's counters"
            ]
        );
    }

    #[test]
    fn an_answer_that_does_not_tell_leaves_no_ratio() {
        let mut run = cached(60, 60.0);
        run.records[3].cached_tokens = None;
        let metrics = summarize_phase(std::slice::from_ref(&run), None, false);
        assert!(!metrics.contains_key("cached_token_ratio"));
        assert!(metrics.contains_key("cache_hit_ratio"));
    }

    #[test]
    fn no_cached_tokens_of_a_decode_instance_are_no_misses() {
        let ratio = |transferred: f64| {
            let mut run = every_second("prompt_tokens_transferred", |s| transferred * s);
            run.records = cached(0, 0.0).records;
            let metrics = summarize_phase(std::slice::from_ref(&run), None, false);
            metrics.contains_key("cached_token_ratio")
        };
        assert!(ratio(0.0));
        assert!(!ratio(50.0));
    }

    #[test]
    fn requests_of_others() {
        let mut run = every_second("server_requests", |s| 100.0 * s);
        let records = (0..100)
            .map(|i| request(i, 10 * S + i * 100 * MS, MS, 0, 0))
            .collect();
        run.records = records;
        assert_eq!(
            warnings(&run),
            ["the server finished 1000 requests inside the window, and 100 of them were prony's"]
        );
    }
}
