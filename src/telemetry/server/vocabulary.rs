//! How each engine calls what prony knows: the one table.

/// What kind of number a quantity is, and how replicas combine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A level that goes up and down.
    Gauge,
    /// A total since the server's start.
    Counter,
    /// A cumulative histogram.
    Histogram,
}

/// One quantity, and its names.
///
/// Names are tried from the first to the last: engines have renamed things. A name is a sample's, or
/// several that are added (`a + b`); `{label=value}` narrows it to samples with that label.
#[derive(Debug)]
pub struct Quantity {
    /// prony's name, under which it stands in `telemetry.jsonl`.
    pub name: &'static str,
    /// What kind of number.
    pub kind: Kind,
    /// vLLM's names. prony's own engine speaks them too.
    pub vllm: &'static [&'static str],
    /// SGLang's names.
    pub sglang: &'static [&'static str],
    /// The names of llama.cpp's server.
    pub llama_cpp: &'static [&'static str],
    /// The names of Text Generation Inference.
    pub tgi: &'static [&'static str],
}

/// An engine whose names prony knows.
#[derive(Debug)]
pub struct Engine {
    /// Its name in results.
    pub name: &'static str,
    /// Its name for people.
    pub shown: &'static str,
    /// What all its samples begin with.
    pub prefix: &'static str,
    /// Labels that tell replicas (engines behind one page) apart.
    pub replica: &'static [&'static str],
    /// Labels of ranks: where several of one replica tell, each tells the whole, and the lowest counts.
    pub ranks: &'static [&'static str],
    /// A label of gauges that is empty on the total and filled on its parts.
    pub part: Option<&'static str>,
    /// Its names of a quantity.
    pub names: fn(&Quantity) -> &'static [&'static str],
}

/// All engines. What is not in a capture under `tests/captures` was read in the source:
///
/// - vLLM 0.32 and llama.cpp: captures.
/// - SGLang: `python/sglang/srt/observability/metrics_collector.py` at 44cedc2b and at 016d8605 (formerly
///   `srt/metrics/collector.py`), and for who tells `scheduler_metrics_mixin.py` at 44cedc2b. Every rank
///   with `attn_tp_rank == 0` tells: with attention spread over data-parallel ranks that is another
///   `tp_rank` for each `dp_rank`, with pipelines one for each `pp_rank`; `--enable-metrics-for-all-schedulers`
///   has all tell. With `--enable-priority-scheduling` the queue's gauges come once more by `priority`.
/// - TGI: `router/src/server.rs` at 003eaec0, `backends/v3/src/{backend,queue}.rs` at 1d0847a9.
pub static ENGINES: [Engine; 4] = [
    Engine {
        name: "vllm",
        shown: "vLLM, prony's engine",
        prefix: "vllm:",
        replica: &["engine"],
        ranks: &[],
        part: None,
        names: |q| q.vllm,
    },
    Engine {
        name: "sglang",
        shown: "SGLang",
        prefix: "sglang:",
        replica: &["dp_rank"],
        ranks: &["pp_rank", "tp_rank"],
        part: Some("priority"),
        names: |q| q.sglang,
    },
    Engine {
        name: "llama.cpp",
        shown: "llama.cpp",
        prefix: "llamacpp:",
        replica: &[],
        ranks: &[],
        part: None,
        names: |q| q.llama_cpp,
    },
    Engine {
        name: "tgi",
        shown: "TGI",
        prefix: "tgi_",
        replica: &[],
        ranks: &[],
        part: None,
        names: |q| q.tgi,
    },
];

/// When the server's process started, in seconds since 1970, where its page tells.
pub const STARTED: &str = "process_start_time_seconds";

const NONE: &[&str] = &[];

/// Every quantity that prony reads.
pub static QUANTITIES: [Quantity; 19] = [
    Quantity {
        name: "queue_depth",
        kind: Kind::Gauge,
        vllm: &["vllm:num_requests_waiting"],
        sglang: &["sglang:num_queue_reqs"],
        llama_cpp: &["llamacpp:requests_deferred"],
        tgi: &["tgi_queue_size"],
    },
    Quantity {
        name: "running",
        kind: Kind::Gauge,
        vllm: &["vllm:num_requests_running"],
        sglang: &["sglang:num_running_reqs"],
        llama_cpp: &["llamacpp:requests_processing"],
        tgi: &["tgi_batch_current_size"],
    },
    Quantity {
        name: "kv_usage",
        kind: Kind::Gauge,
        vllm: &["vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"],
        sglang: &["sglang:token_usage"],
        llama_cpp: &["llamacpp:kv_cache_usage_ratio"],
        tgi: NONE,
    },
    Quantity {
        name: "cache_queries",
        kind: Kind::Counter,
        vllm: &[
            "vllm:prefix_cache_queries_total",
            "vllm:gpu_prefix_cache_queries_total",
        ],
        sglang: &["sglang:prompt_tokens_total"],
        llama_cpp: &["llamacpp:prompt_tokens_total + llamacpp:prompt_tokens_cached_total"],
        tgi: NONE,
    },
    Quantity {
        name: "cache_hits",
        kind: Kind::Counter,
        vllm: &[
            "vllm:prefix_cache_hits_total",
            "vllm:gpu_prefix_cache_hits_total",
        ],
        sglang: &["sglang:cached_tokens_total"],
        llama_cpp: &["llamacpp:prompt_tokens_cached_total"],
        tgi: NONE,
    },
    Quantity {
        name: "preemptions",
        kind: Kind::Counter,
        vllm: &["vllm:num_preemptions_total"],
        // `sglang:num_retracted_reqs`, without the end, is a gauge of the last batch.
        sglang: &["sglang:num_retracted_requests_total"],
        llama_cpp: NONE,
        tgi: NONE,
    },
    Quantity {
        name: "server_requests",
        kind: Kind::Counter,
        vllm: &["vllm:request_success_total"],
        sglang: &["sglang:num_requests_total"],
        llama_cpp: NONE,
        tgi: &["tgi_request_success"],
    },
    Quantity {
        name: "server_prompt_tokens",
        kind: Kind::Counter,
        vllm: &["vllm:prompt_tokens_total"],
        sglang: &["sglang:prompt_tokens_total"],
        llama_cpp: &["llamacpp:prompt_tokens_total + llamacpp:prompt_tokens_cached_total"],
        tgi: &["tgi_request_input_length_sum"],
    },
    Quantity {
        name: "server_generation_tokens",
        kind: Kind::Counter,
        vllm: &["vllm:generation_tokens_total"],
        sglang: &["sglang:generation_tokens_total"],
        llama_cpp: &["llamacpp:tokens_predicted_total"],
        tgi: &["tgi_request_generated_tokens_sum"],
    },
    Quantity {
        name: "prompt_tokens_computed",
        kind: Kind::Counter,
        vllm: &["vllm:prompt_tokens_by_source_total{source=local_compute}"],
        sglang: &["sglang:realtime_tokens_total{mode=prefill_compute}"],
        llama_cpp: &["llamacpp:prompt_tokens_total"],
        tgi: NONE,
    },
    Quantity {
        name: "prompt_tokens_transferred",
        kind: Kind::Counter,
        vllm: &["vllm:prompt_tokens_by_source_total{source=external_kv_transfer}"],
        sglang: NONE,
        llama_cpp: NONE,
        tgi: NONE,
    },
    Quantity {
        name: "kv_transfers",
        kind: Kind::Counter,
        vllm: &["vllm:nixl_xfer_time_seconds_count"],
        // A gauge without a count in older versions.
        sglang: &["sglang:kv_transfer_latency_ms_count"],
        llama_cpp: NONE,
        tgi: NONE,
    },
    Quantity {
        name: "kv_transfer_bytes",
        kind: Kind::Counter,
        vllm: &["vllm:nixl_bytes_transferred_sum"],
        sglang: NONE,
        llama_cpp: NONE,
        tgi: NONE,
    },
    Quantity {
        name: "kv_transfer_failures",
        kind: Kind::Counter,
        vllm: &["vllm:nixl_num_failed_transfers_total + vllm:nixl_num_failed_notifications_total"],
        sglang: &["sglang:num_transfer_failed_reqs_total"],
        llama_cpp: NONE,
        tgi: NONE,
    },
    Quantity {
        name: "kv_transfer_time",
        kind: Kind::Histogram,
        vllm: &["vllm:nixl_xfer_time_seconds"],
        sglang: NONE,
        llama_cpp: NONE,
        tgi: NONE,
    },
    Quantity {
        name: "server_ttft",
        kind: Kind::Histogram,
        vllm: &["vllm:time_to_first_token_seconds"],
        sglang: &["sglang:time_to_first_token_seconds"],
        llama_cpp: NONE,
        tgi: NONE,
    },
    Quantity {
        name: "server_itl",
        kind: Kind::Histogram,
        vllm: &["vllm:inter_token_latency_seconds"],
        sglang: &["sglang:inter_token_latency_seconds"],
        llama_cpp: NONE,
        tgi: NONE,
    },
    Quantity {
        name: "server_e2e_latency",
        kind: Kind::Histogram,
        vllm: &["vllm:e2e_request_latency_seconds"],
        sglang: &["sglang:e2e_request_latency_seconds"],
        llama_cpp: NONE,
        tgi: &["tgi_request_duration"],
    },
    Quantity {
        name: "server_queue_time",
        kind: Kind::Histogram,
        vllm: &["vllm:request_queue_time_seconds"],
        sglang: &["sglang:queue_time_seconds"],
        llama_cpp: NONE,
        tgi: &["tgi_request_queue_duration"],
    },
];

/// One term of a name: a sample's name, and a label that it must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Term {
    pub name: &'static str,
    pub label: Option<(&'static str, &'static str)>,
}

/// The terms that a name of the table adds.
pub(super) fn terms(name: &'static str) -> impl Iterator<Item = Term> {
    name.split(" + ").map(|term| {
        let narrowed = term
            .strip_suffix('}')
            .and_then(|t| t.split_once('{'))
            .and_then(|(name, label)| Some((name, label.split_once('=')?)));
        match narrowed {
            Some((name, label)) => Term {
                name,
                label: Some(label),
            },
            None => Term {
                name: term,
                label: None,
            },
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_their_engine() {
        for quantity in &QUANTITIES {
            for engine in &ENGINES {
                for term in (engine.names)(quantity).iter().flat_map(|n| terms(n)) {
                    assert!(
                        term.name.starts_with(engine.prefix),
                        "{}: {}",
                        quantity.name,
                        term.name
                    );
                    assert!(!term.name.contains(['{', '}', ' ', '+']), "{}", term.name);
                }
            }
        }
    }

    #[test]
    fn every_quantity_is_a_metric_of_the_server_and_stands_once() {
        for (i, quantity) in QUANTITIES.iter().enumerate() {
            let metric = crate::metrics::metric(quantity.name);
            let metric = metric.unwrap_or_else(|| panic!("{} is no metric", quantity.name));
            assert_eq!(
                metric.provenance,
                crate::metrics::Provenance::Server,
                "{}",
                quantity.name
            );
            assert!(QUANTITIES[..i].iter().all(|q| q.name != quantity.name));
        }
    }

    #[test]
    fn sums_and_labels() {
        let all: Vec<Term> = terms("a:x_total + a:y_total{source=z}").collect();
        assert_eq!(
            all,
            [
                Term {
                    name: "a:x_total",
                    label: None
                },
                Term {
                    name: "a:y_total",
                    label: Some(("source", "z"))
                }
            ]
        );
    }
}
