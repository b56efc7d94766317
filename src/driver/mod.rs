//! The seam through which `load` knows time: real time now, virtual time beside it.

mod seam;

pub use seam::{Driver, Nanos};
