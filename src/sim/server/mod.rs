//! The embedded engine on real TCP, in real time.

mod alarm;
mod connection;
mod mailbox;
mod start;
mod world;

pub use start::SimServer;
