//! The seam through which `load` knows time: real time and virtual time behind one trait.

mod seam;
mod virtual_time;

pub use seam::{Driver, Nanos};
pub use virtual_time::VirtualDriver;
