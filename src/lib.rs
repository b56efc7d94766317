//! prony: a declarative test runner for the performance of LLM serving endpoints.
//!
//! Data flows one way: `suite` → `plan` → `workload` → `load` → `endpoint`, and back as
//! `record` → `metrics` → `judge` → `result` → `report`. `ARCHITECTURE.md` is the map.

pub mod baseline;
pub mod calibrate;
pub mod doctor;
pub mod driver;
pub mod endpoint;
pub mod judge;
pub mod load;
pub mod metrics;
pub mod plan;
pub mod record;
pub mod report;
pub mod result;
pub mod runner;
pub mod sim;
pub mod stats;
pub mod suite;
pub mod telemetry;
pub mod text;
pub mod workload;

pub mod cli;
pub mod exit;

pub use runner::{Harness, harness};
pub use suite::builder;
