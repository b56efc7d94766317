//! Targets that prony starts itself, seen from outside: the `prony` binary runs suites whose target
//! is `prony sim`, or a script that misbehaves.

mod hooks;
mod leftovers;
mod lifecycle;
mod scale;
mod secrets;
mod sessions;
mod stage;
mod suites;
