//! What is read beside the requests themselves: the client's own machine.

pub mod host;
