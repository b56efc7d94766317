use std::fmt::Write as _;

use serde_json::Value;

use crate::sim::config::SimConfig;
use crate::sim::model::{Engine, Histogram, ReplicaStats};

/// `/metrics`: what the replicas have counted, in Prometheus' text format under vLLM's names.
pub(super) fn text(config: &SimConfig, engine: &mut Engine) -> String {
    let stats: Vec<&ReplicaStats> = engine.stats().collect();
    let mut page = Page {
        text: String::with_capacity(16 * 1024),
        // A label's value is escaped like a JSON string as far as quotes, backslashes and line feeds go.
        model: Value::from(config.model.as_str()).to_string(),
    };
    page.gauge(
        "num_requests_running",
        "Number of requests in model execution batches.",
        &stats,
        |s| s.running as f64,
    );
    page.gauge(
        "num_requests_waiting",
        "Number of requests waiting to be processed.",
        &stats,
        |s| s.waiting as f64,
    );
    page.gauge(
        "kv_cache_usage_perc",
        "KV-cache usage. 1 means 100 percent usage.",
        &stats,
        |s| s.kv_usage,
    );
    page.counter(
        "prefix_cache_queries",
        "Prefix cache queries, in terms of number of queried tokens.",
        &stats,
        |s| s.prefix_queries,
    );
    page.counter(
        "prefix_cache_hits",
        "Prefix cache hits, in terms of number of cached tokens.",
        &stats,
        |s| s.prefix_hits,
    );
    page.counter(
        "num_preemptions",
        "Cumulative number of preemption from the engine.",
        &stats,
        |s| s.preemptions,
    );
    page.counter(
        "prompt_tokens",
        "Number of prefill tokens processed.",
        &stats,
        |s| s.prompt_tokens,
    );
    page.family(
        "prompt_tokens_by_source_total",
        "counter",
        "Number of prompt tokens by source.",
    );
    for (i, s) in stats.iter().enumerate() {
        let computed = s.prompt_tokens - s.prompt_tokens_cached - s.prompt_tokens_transferred;
        for (source, tokens) in [
            ("local_compute", computed),
            ("local_cache_hit", s.prompt_tokens_cached),
            ("external_kv_transfer", s.prompt_tokens_transferred),
        ] {
            page.sample(
                "prompt_tokens_by_source_total",
                i,
                &format!(",source=\"{source}\""),
                tokens as f64,
            );
        }
    }
    page.counter(
        "prompt_tokens_cached",
        "Number of cached prompt tokens (local + external).",
        &stats,
        |s| s.prompt_tokens_cached + s.prompt_tokens_transferred,
    );
    page.counter(
        "generation_tokens",
        "Number of generation tokens processed.",
        &stats,
        |s| s.generation_tokens,
    );
    page.family(
        "request_success_total",
        "counter",
        "Count of successfully processed requests.",
    );
    for (i, s) in stats.iter().enumerate() {
        for (reason, requests) in [
            ("stop", s.finished_stop),
            ("length", s.finished_length),
            ("abort", s.aborted),
        ] {
            page.sample(
                "request_success_total",
                i,
                &format!(",finished_reason=\"{reason}\""),
                requests as f64,
            );
        }
    }
    if config.speculative.tokens > 0 {
        page.counter(
            "spec_decode_num_draft_tokens",
            "Number of draft tokens.",
            &stats,
            |s| s.draft_tokens,
        );
        page.counter(
            "spec_decode_num_accepted_tokens",
            "Number of accepted tokens.",
            &stats,
            |s| s.accepted_tokens,
        );
    }
    let histograms: [(&str, &str, GetHistogram); 11] = [
        (
            "time_to_first_token_seconds",
            "Histogram of time to first token in seconds.",
            |s| &s.first_token,
        ),
        (
            "inter_token_latency_seconds",
            "Histogram of inter-token latency in seconds.",
            |s| &s.between_tokens,
        ),
        (
            "request_time_per_output_token_seconds",
            "Histogram of time_per_output_token_seconds per request.",
            |s| &s.per_token,
        ),
        (
            "e2e_request_latency_seconds",
            "Histogram of e2e request latency in seconds.",
            |s| &s.whole,
        ),
        (
            "request_queue_time_seconds",
            "Histogram of time spent in WAITING phase for request.",
            |s| &s.queue,
        ),
        (
            "request_prefill_time_seconds",
            "Histogram of time spent in PREFILL phase for request.",
            |s| &s.prefill,
        ),
        (
            "request_decode_time_seconds",
            "Histogram of time spent in DECODE phase for request.",
            |s| &s.decode,
        ),
        (
            "request_inference_time_seconds",
            "Histogram of time spent in RUNNING phase for request.",
            |s| &s.inference,
        ),
        (
            "request_prompt_tokens",
            "Number of prefill tokens processed.",
            |s| &s.request_prompt,
        ),
        (
            "request_generation_tokens",
            "Number of generation tokens processed.",
            |s| &s.request_generation,
        ),
        (
            "iteration_tokens_total",
            "Histogram of number of tokens per engine_step.",
            |s| &s.step_tokens,
        ),
    ];
    for (name, help, get) in histograms {
        page.histogram(name, help, &stats, get);
    }
    page.family(
        "cache_config_info",
        "gauge",
        "Information of the LLMEngine CacheConfig",
    );
    for i in 0..stats.len() {
        let labels = format!(
            ",block_size=\"{}\",enable_prefix_caching=\"{}\",num_gpu_blocks=\"{}\"",
            config.kv.block_tokens,
            if config.kv.prefix_cache {
                "True"
            } else {
                "False"
            },
            config.kv.blocks
        );
        page.sample("cache_config_info", i, &labels, 1.0);
    }
    page.text
}

type GetHistogram = fn(&ReplicaStats) -> &Histogram;

struct Page {
    text: String,
    model: String,
}

// Writing to a string cannot fail.
impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(
            self.text,
            "# HELP vllm:{name} {help}\n# TYPE vllm:{name} {kind}"
        );
    }

    fn sample(&mut self, name: &str, engine: usize, labels: &str, value: f64) {
        let model = &self.model;
        let _ = writeln!(
            self.text,
            "vllm:{name}{{engine=\"{engine}\",model_name={model}{labels}}} {value:?}"
        );
    }

    fn gauge(
        &mut self,
        name: &str,
        help: &str,
        stats: &[&ReplicaStats],
        get: impl Fn(&ReplicaStats) -> f64,
    ) {
        self.family(name, "gauge", help);
        for (i, s) in stats.iter().enumerate() {
            self.sample(name, i, "", get(s));
        }
    }

    fn counter(
        &mut self,
        name: &str,
        help: &str,
        stats: &[&ReplicaStats],
        get: impl Fn(&ReplicaStats) -> u64,
    ) {
        let name = format!("{name}_total");
        self.family(&name, "counter", help);
        for (i, s) in stats.iter().enumerate() {
            self.sample(&name, i, "", get(s) as f64);
        }
    }

    fn histogram(&mut self, name: &str, help: &str, stats: &[&ReplicaStats], get: GetHistogram) {
        self.family(name, "histogram", help);
        for (i, s) in stats.iter().enumerate() {
            let h = get(s);
            let bucket = format!("{name}_bucket");
            for (bound, count) in h.cumulative() {
                self.sample(&bucket, i, &format!(",le=\"{bound:?}\""), count as f64);
            }
            self.sample(&bucket, i, ",le=\"+Inf\"", h.count() as f64);
            self.sample(&format!("{name}_count"), i, "", h.count() as f64);
            self.sample(&format!("{name}_sum"), i, "", h.sum());
        }
    }
}
