//! Accepted results through the built binary, in virtual time: proposed, reviewed, accepted, compared.

mod flow;
mod own_suites;
mod world;
