//! The seam through which `load` knows time: real time now, virtual time beside it.

mod real;
mod seam;
mod timer;

pub use real::RealDriver;
pub use seam::{Driver, Nanos};
