//! What prony's load engine costs and how exact it is, on one core against a bare streaming server on
//! another. See docs/performance.md.
//!
//!     cargo build --release --examples --bins
//!     target/release/examples/client_speed                  # the whole table, medians of five
//!     target/release/examples/client_speed --quick exact    # one round, one scene
//!     target/release/examples/client_speed --smoke          # ratios only, for CI

mod client;
mod decoding;
mod hyper_client;
mod machine;
mod seam;
mod server;
mod table;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["serve"] => server::serve(),
        ["measure", transport, scene, address] => client::measure(transport, scene, address),
        ["seam", first, cores] => {
            let (first, cores) = (first.parse().unwrap_or(0), cores.parse().unwrap_or(1));
            println!(
                "tokens_per_second {}",
                seam::tokens_per_second(first, cores)
            );
        }
        ["--smoke"] => return table::smoke(),
        ["--help" | "-h"] => println!("usage: client_speed [--smoke | [--quick] [SCENE…]]"),
        ["--quick", ref scenes @ ..] => table::print(1, scenes),
        ref scenes => table::print(5, scenes),
    }
    ExitCode::SUCCESS
}
