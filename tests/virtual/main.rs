//! Virtual time, through the library and through the built binary: the same bytes for a seed, the
//! closed forms of queueing, a sharded run on one clock.

mod arrivals;
mod binary;
mod cache;
mod calibrate;
mod configurations;
mod disaggregation;
mod kinds;
mod pictures;
mod prefix;
mod procedures;
mod queueing;
mod search;
mod shards;
mod sweeps;
mod world;
