//! The suites of `suites/` as tests: `cargo test` runs them like any other.

fn main() -> std::process::ExitCode {
    prony::harness("suites")
}
