//! The client and its machine: a client that is the limit is told from a server that is slow, and
//! `prony doctor` says what both can do. Every request goes over real TCP.

mod bench;
mod doctor;
#[cfg(target_os = "linux")]
mod saturation;
#[cfg(unix)]
mod stopped;
