//! What prony's load engine costs and how exact it is, on one core against a bare streaming server on
//! another. See docs/performance.md.
//!
//!     cargo run --release --example client_speed             # the whole table, medians of five
//!     cargo run --release --example client_speed -- --quick  # one round
//!     cargo run --release --example client_speed -- --smoke  # ratios only, for CI

mod client;
mod decoding;
mod machine;
mod server;
mod table;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["serve"] => server::serve(),
        ["measure", transport, scene, address] => client::measure(transport, scene, address),
        ["--smoke"] => return table::smoke(),
        ["--quick"] => table::print(1),
        [] => table::print(5),
        _ => {
            eprintln!("usage: client_speed [--quick | --smoke]");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}
