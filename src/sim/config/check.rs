use super::fields::SimConfig;
use super::resolve::SimConfigError;

impl SimConfig {
    /// Whether every value is in its range.
    ///
    /// # Errors
    /// The first that is not.
    pub fn check(&self) -> Result<(), SimConfigError> {
        let at_least_one = [
            ("max_model_len", self.max_model_len),
            ("default_output_tokens", self.default_output_tokens),
            ("scheduler.max_num_seqs", self.scheduler.max_num_seqs),
            (
                "scheduler.max_num_batched_tokens",
                self.scheduler.max_num_batched_tokens,
            ),
            ("kv.blocks", self.kv.blocks),
            ("kv.block_tokens", self.kv.block_tokens),
            ("topology.replicas", self.topology.replicas),
        ];
        for (key, value) in at_least_one {
            if value == 0 {
                return Err(SimConfigError::plain(key, "must be at least 1"));
            }
        }
        let (v, t, r) = (&self.variation, &self.topology, &self.regression);
        let not_negative = [
            ("stop_mean_tokens", self.stop_mean_tokens),
            ("overhead_ms", self.overhead_ms),
            ("cost.base_ms", self.cost.base_ms),
            ("cost.prefill_us", self.cost.prefill_us),
            ("cost.sequence_us", self.cost.sequence_us),
            ("cost.context_ns", self.cost.context_ns),
            ("speculative.draft_us", self.speculative.draft_us),
            ("topology.transfer_ms", t.transfer_ms),
            ("topology.kv_kib_per_token", t.kv_kib_per_token),
            ("topology.contention", t.contention),
            ("topology.crosstalk", t.crosstalk),
            ("variation.step", v.step),
            ("variation.run", v.run),
            ("variation.session", v.session),
            ("variation.stall_ms", v.stall_ms),
            ("variation.drift_per_hour", v.drift_per_hour),
            ("variation.burst_every_s", v.burst_every_s),
            ("variation.burst_s", v.burst_s),
            ("variation.burst_slowdown", v.burst_slowdown),
            ("regression.ttft", r.ttft),
            ("regression.tail", r.tail),
        ];
        for (key, value) in not_negative {
            if !(value.is_finite() && (0.0..=1e9).contains(&value)) {
                return Err(SimConfigError::plain(key, "must be a number from 0 to 10⁹"));
            }
        }
        let positive = [
            ("topology.transfer_gb_per_s", t.transfer_gb_per_s),
            ("topology.straggler", t.straggler),
            ("variation.wave_s", v.wave_s),
        ];
        for (key, value) in positive {
            if !(value.is_finite() && value > 0.0) {
                return Err(SimConfigError::plain(key, "must be a number above 0"));
            }
        }
        let shares = [
            ("error_rate", self.error_rate),
            ("speculative.acceptance", self.speculative.acceptance),
            ("variation.stall_rate", v.stall_rate),
            ("regression.tail_share", r.tail_share),
        ];
        for (key, value) in shares {
            if !(0.0..=1.0).contains(&value) {
                return Err(SimConfigError::plain(key, "must be a share from 0 to 1"));
            }
        }
        if !(0.0..1.0).contains(&v.wave) {
            return Err(SimConfigError::plain(
                "variation.wave",
                "must be a share from 0 to under 1",
            ));
        }
        if !(r.throughput.is_finite() && r.throughput > -1.0) {
            return Err(SimConfigError::plain(
                "regression.throughput",
                "must be a number above -1",
            ));
        }
        let step = self.cost.base_ms + self.cost.prefill_us + self.cost.sequence_us;
        if step == 0.0 && self.cost.context_ns == 0.0 {
            return Err(SimConfigError::plain("cost", "a step must take some time"));
        }
        let capacity = u64::from(self.kv.blocks) * u64::from(self.kv.block_tokens);
        if capacity < u64::from(self.max_model_len) {
            return Err(SimConfigError {
                key: "kv.blocks".to_owned(),
                message: format!(
                    "{} blocks of {} tokens do not hold one request of max_model_len = {} tokens",
                    self.kv.blocks, self.kv.block_tokens, self.max_model_len
                ),
                help: Some(format!(
                    "use at least {} blocks, or a smaller max_model_len",
                    self.max_model_len.div_ceil(self.kv.block_tokens)
                )),
            });
        }
        for (i, fault) in self.faults.iter().enumerate() {
            if !(0.0..=1.0).contains(&fault.rate) {
                return Err(SimConfigError::plain(
                    &format!("faults[{i}].rate"),
                    "must be a share from 0 to 1",
                ));
            }
            if fault.rate == 0.0 && fault.requests.is_empty() {
                return Err(SimConfigError::plain(
                    &format!("faults[{i}]"),
                    "needs a `rate` or `requests`, or it never happens",
                ));
            }
            if !(0.0..=1e6).contains(&fault.seconds) {
                return Err(SimConfigError::plain(
                    &format!("faults[{i}].seconds"),
                    "must be a number from 0 to 10⁶",
                ));
            }
        }
        Ok(())
    }
}
