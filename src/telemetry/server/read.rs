//! A page of metrics → what prony knows of it.

use std::collections::BTreeMap;

use super::exposition::{Page, Sample, parse};
use super::gpus;
use super::vocabulary::{ENGINES, Engine, Kind, QUANTITIES, Quantity, STARTED, Term, terms};
use crate::record::{Buckets, ReplicaScrape};

/// Most replicas kept of a page.
const MOST_REPLICAS: usize = 256;
/// Longest name of a replica, in characters.
const LONGEST_REPLICA: usize = 64;
/// Most buckets of a histogram.
const MOST_BUCKETS: usize = 512;
/// What the one replica of a server is called that tells of no others.
const ONLY_REPLICA: &str = "0";
/// Where what belongs to all replicas stands, on a page that tells of several.
const SHARED: &str = "shared";

/// What a page told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// The engine whose names it uses; `None`: names that prony does not know.
    pub engine: Option<&'static str>,
    /// By replica.
    pub replicas: BTreeMap<String, ReplicaScrape>,
    /// Shares of each GPU, where it is the page of an exporter of theirs.
    pub gpus: BTreeMap<String, BTreeMap<String, f64>>,
    /// Whether it has names of such an exporter, also where no value makes sense.
    pub of_gpus: bool,
}

impl Reading {
    /// Whether it tells of GPUs and of no server.
    pub fn is_of_gpus_alone(&self) -> bool {
        self.engine.is_none() && self.of_gpus
    }
}

/// Reads a page of metrics.
///
/// # Errors
/// When it is no such page, in words.
pub fn read_page(text: &str) -> Result<Reading, String> {
    let page = parse(text, wanted);
    if page.read == 0 && page.malformed > 0 {
        return Err("what it answers is not Prometheus' text format".to_owned());
    }
    let of_gpus = page.samples.iter().any(|s| gpus::wanted(&s.name));
    let Some(engine) = ENGINES.iter().find(|engine| speaks(&page, engine)) else {
        return Ok(Reading {
            gpus: gpus::gpus(&page),
            of_gpus,
            ..Reading::default()
        });
    };
    let started = page.samples.iter().find(|s| s.name == STARTED);
    let started = started.map(|s| s.value).filter(|v| v.is_finite());
    let mut parts: BTreeMap<String, Vec<&Sample>> = BTreeMap::new();
    let named = |s: &Sample| engine.replica.iter().any(|label| s.label(label).is_some());
    let unnamed = if page.samples.iter().any(named) {
        SHARED
    } else {
        ONLY_REPLICA
    };
    let of_server = |s: &&Sample| s.name.starts_with(engine.prefix);
    for sample in page.samples.iter().filter(of_server) {
        let name = replica_of(sample, engine).unwrap_or_else(|| unnamed.to_owned());
        if parts.len() < MOST_REPLICAS || parts.contains_key(&name) {
            parts.entry(name).or_default().push(sample);
        }
    }
    Ok(Reading {
        engine: Some(engine.name),
        gpus: gpus::gpus(&page),
        of_gpus,
        replicas: parts
            .into_iter()
            .map(|(name, samples)| {
                (
                    name,
                    replica(&of_lowest_rank(samples, engine), engine, started),
                )
            })
            .collect(),
    })
}

fn speaks(page: &Page, engine: &Engine) -> bool {
    let mut names = page.samples.iter().map(|s| s.name.as_str());
    names.any(|name| name.starts_with(engine.prefix))
}

fn wanted(name: &str) -> bool {
    if name == STARTED || gpus::wanted(name) {
        return true;
    }
    let Some(engine) = ENGINES.iter().find(|e| name.starts_with(e.prefix)) else {
        return false;
    };
    QUANTITIES.iter().any(|quantity| {
        (engine.names)(quantity)
            .iter()
            .flat_map(|n| terms(n))
            .any(|term| match quantity.kind {
                Kind::Gauge | Kind::Counter => name == term.name,
                Kind::Histogram => name
                    .strip_prefix(term.name)
                    .is_some_and(|end| matches!(end, "_bucket" | "_sum" | "_count")),
            })
    })
}

fn replica_of(sample: &Sample, engine: &Engine) -> Option<String> {
    let parts: Vec<&str> = engine
        .replica
        .iter()
        .filter_map(|label| sample.label(label))
        .filter(|value| !value.is_empty())
        .collect();
    if parts.is_empty() {
        return None;
    }
    let name: String = parts.join("/");
    let name = name.chars().filter(|c| !c.is_control());
    Some(name.take(LONGEST_REPLICA).collect())
}

/// Samples of a replica without those that its lowest rank tells too. Which rank that is may differ from
/// name to name: not every rank tells everything.
fn of_lowest_rank<'a>(samples: Vec<&'a Sample>, engine: &Engine) -> Vec<&'a Sample> {
    let rank = |sample: &Sample| -> Option<Vec<u64>> {
        let number = |label: &&str| sample.label(label).map(|v| v.parse().unwrap_or(u64::MAX));
        let ranks: Vec<Option<u64>> = engine.ranks.iter().map(number).collect();
        let told = ranks.iter().any(Option::is_some);
        told.then(|| ranks.into_iter().map(Option::unwrap_or_default).collect())
    };
    let mut lowest: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for sample in &samples {
        if let Some(rank) = rank(sample) {
            let known = lowest.entry(&sample.name).or_insert_with(|| rank.clone());
            *known = rank.min(known.clone());
        }
    }
    let counts = |sample: &&Sample| rank(sample).is_none_or(|rank| lowest[&*sample.name] == rank);
    samples.iter().copied().filter(counts).collect()
}

fn replica(samples: &[&Sample], engine: &Engine, started_s: Option<f64>) -> ReplicaScrape {
    let mut found = ReplicaScrape {
        started_s,
        ..ReplicaScrape::default()
    };
    for quantity in &QUANTITIES {
        let name = quantity.name.to_owned();
        match quantity.kind {
            Kind::Gauge | Kind::Counter => {
                if let Some(value) = value(samples, engine, quantity) {
                    found.values.insert(name, value);
                }
            }
            Kind::Histogram => {
                let of = |name: &&'static str| terms(name).find_map(|t| histogram(samples, t));
                if let Some(buckets) = (engine.names)(quantity).iter().find_map(of) {
                    found.histograms.insert(name, buckets);
                }
            }
        }
    }
    found
}

/// The value under the first of the names of which every term is there.
fn value(samples: &[&Sample], engine: &Engine, quantity: &Quantity) -> Option<f64> {
    let part = engine.part.filter(|_| quantity.kind == Kind::Gauge);
    let value = (engine.names)(quantity)
        .iter()
        .find_map(|name| terms(name).map(|term| sum(samples, term, part)).sum());
    value.filter(|v: &f64| v.is_finite())
}

/// Samples that differ in other labels (model, reason, …) are parts of one total, but for those with the
/// label `part`: their total is there too.
fn sum(samples: &[&Sample], term: Term, part: Option<&str>) -> Option<f64> {
    let total = |s: &&&Sample| part.and_then(|p| s.label(p)).is_none_or(str::is_empty);
    let mut parts = samples
        .iter()
        .filter(|s| s.name == term.name)
        .filter(|s| term.label.is_none_or(|(k, v)| s.label(k) == Some(v)))
        .filter(total)
        .map(|s| s.value)
        .peekable();
    parts.peek()?;
    Some(parts.sum())
}

fn histogram(samples: &[&Sample], term: Term) -> Option<Buckets> {
    let part = |end: &'static str| {
        samples
            .iter()
            .filter(move |s| s.name.strip_prefix(term.name) == Some(end))
    };
    let total = |end| {
        let mut parts = part(end).map(|s| s.value).peekable();
        parts.peek()?;
        Some(parts.sum::<f64>()).filter(|v| v.is_finite())
    };
    let (sum, count) = (total("_sum")?, total("_count")?);
    let mut buckets: Vec<(f64, f64)> = Vec::new();
    for sample in part("_bucket") {
        let le: f64 = sample.label("le")?.parse().ok()?;
        if le.is_infinite() {
            continue;
        }
        match buckets.iter().position(|(bound, _)| *bound == le) {
            Some(i) => buckets[i].1 += sample.value,
            None if buckets.len() < MOST_BUCKETS => buckets.push((le, sample.value)),
            None => return None,
        }
    }
    buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (le, up_to): (Vec<f64>, Vec<f64>) = buckets.into_iter().unzip();
    let sound = le.iter().all(|x| x.is_finite())
        && up_to.is_sorted()
        && up_to.iter().all(|x| (0.0..=count).contains(x));
    sound.then_some(Buckets {
        le,
        up_to,
        sum,
        count,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// The body of a capture, its chunked framing (if any) left in: lines of hex digits alone are
    /// malformed and cost nothing.
    fn captured(name: &str) -> Reading {
        let path = format!("{}/tests/captures/{name}", env!("CARGO_MANIFEST_DIR"));
        let text = fs::read_to_string(path).expect("the capture is there");
        let body = text.split_once("\r\n\r\n").map_or(&*text, |(_, body)| body);
        read_page(body).expect("a page of metrics")
    }

    fn only(reading: &Reading) -> &ReplicaScrape {
        assert_eq!(reading.replicas.keys().collect::<Vec<_>>(), ["0"]);
        &reading.replicas["0"]
    }

    #[test]
    fn vllm() {
        let reading = captured("vllm-metrics.txt");
        assert_eq!(reading.engine, Some("vllm"));
        let replica = only(&reading);
        let expected = [
            ("cache_hits", 480.0),
            ("cache_queries", 1975.0),
            ("kv_usage", 0.0),
            ("preemptions", 0.0),
            ("prompt_tokens_computed", 1495.0),
            ("prompt_tokens_transferred", 0.0),
            ("queue_depth", 0.0),
            ("running", 0.0),
            ("server_generation_tokens", 359.0),
            ("server_prompt_tokens", 1975.0),
            ("server_requests", 11.0),
        ];
        let found: Vec<(&str, f64)> = replica.values.iter().map(|(k, v)| (&**k, *v)).collect();
        assert_eq!(found, expected);
        let names: Vec<&String> = replica.histograms.keys().collect();
        assert_eq!(
            names,
            [
                "server_e2e_latency",
                "server_itl",
                "server_queue_time",
                "server_ttft"
            ]
        );
        assert_eq!(replica.histograms["server_e2e_latency"].count, 11.0);
        assert_eq!(replica.started_s, Some(1_795_303_848.44));
    }

    #[test]
    fn a_vllm_that_decodes_what_another_has_prefilled() {
        let reading = captured("vllm-pd-decode-metrics.txt");
        let replica = only(&reading);
        assert_eq!(replica.values["prompt_tokens_transferred"], 493.0);
        assert_eq!(replica.values["prompt_tokens_computed"], 493.0);
        assert_eq!(replica.values["kv_transfers"], 1.0);
        assert_eq!(replica.values["kv_transfer_bytes"], 1_048_576.0);
        assert_eq!(replica.values["kv_transfer_failures"], 0.0);
        let transfer = &replica.histograms["kv_transfer_time"];
        assert_eq!((transfer.count, transfer.sum), (1.0, 0.009_252));
    }

    #[test]
    fn llama_cpp() {
        let reading = captured("xllama-metrics.txt");
        assert_eq!(reading.engine, Some("llama.cpp"));
        let replica = only(&reading);
        let expected = [
            ("cache_hits", 346.0),
            ("cache_queries", 1016.0),
            ("prompt_tokens_computed", 670.0),
            ("queue_depth", 0.0),
            ("running", 0.0),
            ("server_generation_tokens", 39.0),
            ("server_prompt_tokens", 1016.0),
        ];
        let found: Vec<(&str, f64)> = replica.values.iter().map(|(k, v)| (&**k, *v)).collect();
        assert_eq!(found, expected);
        assert!(replica.histograms.is_empty());
    }

    #[test]
    fn a_router_has_names_of_its_own_that_are_none_of_an_engine() {
        for name in ["router-pd-metrics.txt", "router-rr-metrics.txt"] {
            assert_eq!(captured(name), Reading::default(), "{name}");
        }
    }

    /// A page written after an engine's source.
    fn written(page: &str) -> Reading {
        read_page(page).expect("a page of metrics")
    }

    fn values(replica: &ReplicaScrape) -> Vec<(&str, f64)> {
        replica.values.iter().map(|(k, v)| (&**k, *v)).collect()
    }

    #[test]
    fn sglang() {
        let reading = written(include_str!("../../../tests/telemetry/pages/sglang.txt"));
        assert_eq!(reading.engine, Some("sglang"));
        let expected = [
            ("cache_hits", 4224.0),
            ("cache_queries", 8192.0),
            // The gauge of what the last batch retracted is no counter of preemptions.
            ("preemptions", 3.0),
            ("prompt_tokens_computed", 3968.0),
            ("queue_depth", 5.0),
            ("running", 16.0),
            ("server_generation_tokens", 1024.0),
            ("server_prompt_tokens", 8192.0),
            ("server_requests", 16.0),
        ];
        let mut found = values(only(&reading));
        found.retain(|(name, _)| *name != "kv_usage" && *name != "kv_transfer_failures");
        assert_eq!(found, expected);
        let replica = only(&reading);
        assert_eq!(replica.values["kv_usage"], 0.28);
        let names: Vec<&String> = replica.histograms.keys().collect();
        assert_eq!(
            names,
            [
                "server_e2e_latency",
                "server_itl",
                "server_queue_time",
                "server_ttft"
            ]
        );
        let ttft = &replica.histograms["server_ttft"];
        assert_eq!((ttft.count, ttft.sum), (16.0, 2.4));
        assert_eq!(ttft.le, [0.1, 0.2, 0.4]);
    }

    /// Two data-parallel ranks of two tensor-parallel ranks each, as two stages of a pipeline, all of
    /// which tell; and a queue told by priority besides.
    #[test]
    fn sglang_and_its_ranks() {
        let reading = written(include_str!(
            "../../../tests/telemetry/pages/sglang-ranks.txt"
        ));
        let names: Vec<&String> = reading.replicas.keys().collect();
        assert_eq!(names, ["0", "1", "shared"]);
        let first = &reading.replicas["0"];
        assert_eq!(first.values["running"], 3.0);
        assert_eq!(first.values["queue_depth"], 7.0);
        assert_eq!(first.values["kv_usage"], 0.28);
        assert_eq!(first.values["kv_transfers"], 9.0);
        assert_eq!(first.histograms["server_queue_time"].count, 20.0);
        let second = &reading.replicas["1"].values;
        assert_eq!(second["running"], 5.0);
        assert_eq!(second["queue_depth"], 0.0);
        assert!(!second.contains_key("kv_usage"));
        let shared = &reading.replicas["shared"].values;
        assert_eq!(shared["cache_hits"], 120.0);
        assert_eq!(shared["cache_queries"], 8e6);
    }

    #[test]
    fn tgi() {
        let reading = written(include_str!("../../../tests/telemetry/pages/tgi.txt"));
        assert_eq!(reading.engine, Some("tgi"));
        let expected = [
            ("queue_depth", 2.0),
            ("running", 7.0),
            ("server_generation_tokens", 800.0),
            ("server_prompt_tokens", 900.0),
            ("server_requests", 40.0),
        ];
        let replica = only(&reading);
        assert_eq!(values(replica), expected);
        let whole = &replica.histograms["server_e2e_latency"];
        assert_eq!((whole.le.len(), whole.count, whole.sum), (3, 40.0, 62.5));
        let queued = &replica.histograms["server_queue_time"];
        assert_eq!((queued.count, queued.sum), (40.0, 1.25));
    }

    #[test]
    fn older_names_stand_in_where_the_newer_are_missing() {
        let text = "vllm:gpu_cache_usage_perc{model_name=\"m\"} 0.5\n\
vllm:gpu_prefix_cache_queries_total{model_name=\"m\"} 10\n";
        let reading = read_page(text).expect("a page");
        assert_eq!(only(&reading).values["kv_usage"], 0.5);
        assert_eq!(only(&reading).values["cache_queries"], 10.0);
    }

    #[test]
    fn half_of_a_sum_is_nothing() {
        let reading = read_page("llamacpp:prompt_tokens_total 4\n").expect("a page");
        let values = &only(&reading).values;
        assert!(!values.contains_key("cache_queries"));
        assert_eq!(values["prompt_tokens_computed"], 4.0);
    }

    #[test]
    fn a_histogram_that_goes_down_is_left_out() {
        let text = "vllm:time_to_first_token_seconds_bucket{le=\"1\"} 5\n\
vllm:time_to_first_token_seconds_bucket{le=\"2\"} 4\n\
vllm:time_to_first_token_seconds_sum 3\nvllm:time_to_first_token_seconds_count 9\n";
        let reading = read_page(text).expect("a page");
        assert!(only(&reading).histograms.is_empty());
    }

    #[test]
    fn a_page_of_html_is_none_and_an_empty_one_is_one() {
        let error = read_page("<!DOCTYPE html>\n<p>hello</p>\n").expect_err("no page");
        assert!(error.contains("not Prometheus"), "{error}");
        assert_eq!(read_page("# HELP x\n"), Ok(Reading::default()));
    }

    #[test]
    fn replicas_without_end_are_bounded() {
        let text: String = (0..1000)
            .map(|i| {
                format!(
                    "vllm:num_requests_running{{engine=\"{}{i}\"}} 1\n",
                    "x".repeat(i)
                )
            })
            .collect();
        let reading = read_page(&text).expect("a page");
        assert!(reading.replicas.len() <= MOST_REPLICAS);
        assert!(reading.replicas.keys().all(|k| k.chars().count() <= 64));
    }
}
