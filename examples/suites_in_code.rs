//! Suites made in code: as many scenarios as there are models and loads, without writing each down.
//!
//! `cargo run --example suites_in_code` runs them, `-- --list` lists them. In a crate of your own this is
//! a test target with `harness = false`.

use std::process::ExitCode;

use prony::Harness;
use prony::builder::{Scenario, Suite, Value};

fn main() -> ExitCode {
    let mut suite = Suite::new("by-load")
        .target("${PRONY_TARGET:-sim://}")
        .default("warmup", "500ms")
        .default("prompts.type", "synthetic")
        .default(
            "prompts.input_tokens",
            Value::map([("mean", 200), ("stddev", 40)]),
        )
        .default("prompts.output_tokens", 24);
    // What is promised to a user is the same at every load; it is measured at each.
    for users in [1, 4, 16] {
        suite = suite.scenario(
            Scenario::latency(format!("users-{users}"))
                .concurrency(users)
                .requests(60)
                .sla("ttft.p90 < 500ms")
                .sla("goodput(ttft < 1s, tpot < 100ms) >= 80%"),
        );
    }
    Harness::of([suite]).label("made-by", "code").run()
}
