//! What people expect of a test runner, seen from outside: `prony run` as a process.

mod ci;
mod libtest;
mod limits;
mod locks;
mod world;
