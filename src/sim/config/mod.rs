//! What can be set of the embedded engine, its presets, and how a suite's `sim:` changes them.

mod check;
mod fields;
mod preset;
mod resolve;

pub use fields::{
    CostConfig, Fault, FaultKind, KvConfig, Policy, RegressionConfig, RouterKind, SchedulerConfig,
    SimConfig, SpeculativeConfig, TopologyConfig, VariationConfig,
};
pub use preset::{DEFAULT_PRESET, PRESETS, PresetInfo};
pub use resolve::SimConfigError;
