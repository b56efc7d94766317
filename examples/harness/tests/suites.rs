//! The suites of `suites/` as tests.

fn main() -> std::process::ExitCode {
    prony::harness("suites")
}
