use super::fields::{
    CostConfig, KvConfig, Policy, RegressionConfig, RouterKind, SchedulerConfig, SimConfig,
    SpeculativeConfig, TopologyConfig, VariationConfig,
};

/// The preset that an empty name means.
pub const DEFAULT_PRESET: &str = "quick";

/// A preset's name and what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PresetInfo {
    /// As in `sim://NAME`.
    pub name: &'static str,
    /// One line.
    pub about: &'static str,
}

/// All presets, the default first.
pub const PRESETS: [PresetInfo; 7] = [
    PresetInfo {
        name: "quick",
        about: "a small fast engine for trying suites: TTFT of tens of ms, ITL of about 8 ms (the default)",
    },
    PresetInfo {
        name: "exact",
        about: "the same without any noise, for closed forms and exact tests",
    },
    PresetInfo {
        name: "quick-aggregated",
        about: "two quick replicas that compute whole prompts between decode steps",
    },
    PresetInfo {
        name: "quick-disaggregated",
        about: "the same two, one for prefill and one for decode",
    },
    PresetInfo {
        name: "8b-h100",
        about: "an 8B model in FP8 on one H100, fitted to published throughput",
    },
    PresetInfo {
        name: "70b-8xh100",
        about: "a 70B model in FP8 on eight H100, fitted to published throughput",
    },
    PresetInfo {
        name: "cpu-small",
        about: "a 270M model in llama.cpp on two CPU cores, four slots",
    },
];

impl Default for SimConfig {
    /// The preset `quick`.
    fn default() -> Self {
        SimConfig {
            model: "prony-sim".to_owned(),
            max_model_len: 16_384,
            default_output_tokens: 128,
            stop_mean_tokens: 0.0,
            overhead_ms: 1.0,
            error_rate: 0.0,
            scheduler: SchedulerConfig::default(),
            cost: CostConfig::default(),
            kv: KvConfig::default(),
            speculative: SpeculativeConfig::default(),
            topology: TopologyConfig::default(),
            variation: VariationConfig::default(),
            regression: RegressionConfig::default(),
            faults: Vec::new(),
        }
    }
}

impl Default for SchedulerConfig {
    fn default() -> Self {
        SchedulerConfig {
            max_num_seqs: 64,
            max_num_batched_tokens: 2048,
            chunked_prefill: true,
            policy: Policy::Fcfs,
        }
    }
}

impl Default for CostConfig {
    fn default() -> Self {
        CostConfig {
            base_ms: 7.5,
            prefill_us: 25.0,
            sequence_us: 60.0,
            context_ns: 15.0,
        }
    }
}

impl Default for KvConfig {
    fn default() -> Self {
        KvConfig {
            blocks: 8192,
            block_tokens: 16,
            prefix_cache: true,
        }
    }
}

impl Default for SpeculativeConfig {
    fn default() -> Self {
        SpeculativeConfig {
            tokens: 0,
            acceptance: 0.7,
            draft_us: 500.0,
        }
    }
}

impl Default for TopologyConfig {
    fn default() -> Self {
        TopologyConfig {
            replicas: 1,
            router: RouterKind::RoundRobin,
            prefill_replicas: 0,
            transfer_ms: 1.0,
            transfer_gb_per_s: 25.0,
            kv_kib_per_token: 128.0,
            contention: 0.0,
            crosstalk: 0.0,
            straggler: 1.0,
        }
    }
}

impl Default for VariationConfig {
    fn default() -> Self {
        VariationConfig {
            step: 0.03,
            run: 0.005,
            session: 0.01,
            stall_rate: 0.0,
            stall_ms: 20.0,
            drift_per_hour: 0.0,
            wave: 0.0,
            wave_s: 60.0,
            burst_every_s: 0.0,
            burst_s: 1.0,
            burst_slowdown: 0.5,
        }
    }
}

impl Default for RegressionConfig {
    fn default() -> Self {
        RegressionConfig {
            ttft: 0.0,
            tail: 0.0,
            tail_share: 0.05,
            throughput: 0.0,
        }
    }
}

impl SimConfig {
    /// The preset called `name`; an empty name means [`DEFAULT_PRESET`].
    pub fn preset(name: &str) -> Option<SimConfig> {
        let name = if name.is_empty() {
            DEFAULT_PRESET
        } else {
            name
        };
        let mut config = SimConfig::default();
        match name {
            "quick" => {}
            "exact" => {
                config.overhead_ms = 0.0;
                silence(&mut config.variation);
            }
            "quick-aggregated" => {
                config.scheduler.chunked_prefill = false;
                config.topology.replicas = 2;
            }
            "quick-disaggregated" => {
                config.scheduler.chunked_prefill = false;
                config.topology.prefill_replicas = 1;
            }
            // docs/engine.md says where these figures come from.
            "8b-h100" => {
                config.model = "llama-3.1-8b".to_owned();
                config.max_model_len = 131_072;
                config.overhead_ms = 2.0;
                config.scheduler.max_num_seqs = 2048;
                config.scheduler.max_num_batched_tokens = 8192;
                config.cost = CostConfig {
                    base_ms: 5.0,
                    prefill_us: 13.0,
                    sequence_us: 16.4,
                    context_ns: 21.0,
                };
                config.kv.blocks = 64_000;
                config.topology.kv_kib_per_token = 64.0;
            }
            "70b-8xh100" => {
                config.model = "llama-3.1-70b".to_owned();
                config.max_model_len = 131_072;
                config.overhead_ms = 2.0;
                config.scheduler.max_num_seqs = 2048;
                config.scheduler.max_num_batched_tokens = 8192;
                config.cost = CostConfig {
                    base_ms: 10.5,
                    prefill_us: 28.3,
                    sequence_us: 31.6,
                    context_ns: 15.9,
                };
                config.kv.blocks = 190_000;
                config.topology.kv_kib_per_token = 160.0;
            }
            "cpu-small" => {
                config.model = "gemma-3-270m".to_owned();
                config.max_model_len = 2048;
                config.overhead_ms = 0.0;
                config.scheduler.max_num_seqs = 4;
                config.scheduler.max_num_batched_tokens = 2048;
                config.cost = CostConfig {
                    base_ms: 5.9,
                    prefill_us: 1700.0,
                    sequence_us: 7450.0,
                    context_ns: 720.0,
                };
                // llama.cpp keeps single tokens, and finds a prefix again to the token.
                config.kv.block_tokens = 1;
                config.kv.blocks = 8192;
                config.variation.step = 0.023;
            }
            _ => return None,
        }
        Some(config)
    }
}

fn silence(variation: &mut VariationConfig) {
    variation.step = 0.0;
    variation.run = 0.0;
    variation.session = 0.0;
}
