//! What the model is known to do, in virtual time.

mod cache;
mod conservation;
mod lab;
mod presets;
mod queueing;
mod scheduling;
mod topology;
mod variation;
