//! The course of the server's own counters, look by look.

use std::collections::{BTreeMap, BTreeSet};

use super::server_window::View;
use crate::record::{RunRecords, Scrape};
use crate::result::{ServerSeries, utilization_of};

/// Most replicas with a course of their own.
const MOST_REPLICAS: usize = 16;

/// Most GPUs with a course of their own.
const MOST_GPUS: usize = 16;

/// The course of a run's looks; `None`: nobody looked, or nothing was told.
pub(super) fn server_series(run: &RunRecords) -> Option<ServerSeries> {
    let looks = &run.scrapes;
    let all = View::new(run, None);
    let mut series: BTreeMap<String, Vec<Option<f64>>> = BTreeMap::new();
    let mut put = |name: String, values: Vec<Option<f64>>| {
        if values.iter().any(Option::is_some) {
            series.insert(name, values);
        }
    };
    let course = |view: &View<'_>, name: &str, mean: bool| {
        let level = |s: &Scrape| match s.error {
            None => view.level(s, name, mean),
            Some(_) => None,
        };
        looks.iter().map(level).collect::<Vec<_>>()
    };
    let replicas = all.replicas();
    for (name, mean) in [
        ("queue_depth", false),
        ("running", false),
        ("kv_usage", true),
        ("gpu_utilization", true),
        ("gpu_sm_active", true),
        ("gpu_memory_used", true),
    ] {
        put(name.to_owned(), course(&all, name, mean));
        if (2..=MOST_REPLICAS).contains(&replicas.len()) {
            for replica in &replicas {
                let view = View::new(run, Some(replica));
                put(
                    format!("{name}{{replica={replica}}}"),
                    course(&view, name, mean),
                );
            }
        }
    }
    let gpus: BTreeSet<&String> = looks.iter().flat_map(|s| s.gpus.keys()).collect();
    if (2..=MOST_GPUS).contains(&gpus.len()) {
        for gpu in gpus {
            let of_gpu = |s: &Scrape| match s.error {
                None => s.gpus.get(gpu)?.get("gpu_utilization").copied(),
                Some(_) => None,
            };
            let name = utilization_of(gpu);
            put(name, looks.iter().map(of_gpu).collect());
        }
    }
    let total = |name: &str| course(&all, name, false);
    let since = |name: &str| grown(&total(name));
    put("preemptions".to_owned(), since("preemptions"));
    for (name, shown) in [
        ("server_prompt_tokens", "server_prompt_tokens_per_second"),
        (
            "server_generation_tokens",
            "server_generation_tokens_per_second",
        ),
    ] {
        let rates = since(name).into_iter().enumerate().map(|(i, grown)| {
            let seconds = (looks[i].at_us - looks[i.checked_sub(1)?].at_us) as f64 / 1e6;
            (seconds > 0.0).then_some(grown? / seconds)
        });
        put(shown.to_owned(), rates.collect());
    }
    let (hits, queries) = (since("cache_hits"), since("cache_queries"));
    let ratios = hits.into_iter().zip(queries).map(|(hits, queries)| {
        let queries = queries.filter(|q| *q > 0.0)?;
        Some(hits? / queries)
    });
    put("cache_hit_ratio".to_owned(), ratios.collect());
    (!series.is_empty()).then(|| ServerSeries {
        at_s: looks.iter().map(|s| s.at_us as f64 / 1e6).collect(),
        series,
    })
}

/// By how much a counter grew since the look before; `None` where it started anew.
fn grown(totals: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut grown = vec![None; totals.len().min(1)];
    grown.extend(totals.windows(2).map(|pair| {
        let growth = pair[1]? - pair[0]?;
        (growth >= 0.0).then_some(growth)
    }));
    grown
}
