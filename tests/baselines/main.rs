//! Accepted results through the built binary, in virtual time: proposed, reviewed, accepted, compared.

mod ab;
mod answers;
mod flow;
mod own_suites;
mod world;
