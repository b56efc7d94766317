//! The seam through which `load` knows time: real time and virtual time behind one trait.

mod alarm;
mod lead;
mod memory;
mod real;
mod seam;
mod sleepers;
mod virtual_time;

pub use real::RealDriver;
pub use seam::{Driver, Nanos};
pub use virtual_time::VirtualDriver;
