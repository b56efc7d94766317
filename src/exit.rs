//! Exit codes: people's CI depends on these numbers, so they stand in one place.
//!
//! When several apply, the one that stands first in [`PRECEDENCE`] wins.

/// Interrupted by SIGINT (Ctrl-C); what was measured is saved and reported.
pub const SIGINT: i32 = 130;
/// Interrupted by SIGTERM; what was measured is saved and reported.
pub const SIGTERM: i32 = 143;
/// The command line or a suite is wrong; nothing was sent.
pub const USAGE: i32 = 2;
/// A case failed. The number is libtest's own.
pub const FAILED: i32 = 101;
/// A case ended `error` or `invalid`, or was skipped because a budget was used up or a
/// dependency failed.
pub const NOT_MEASURED: i32 = 3;
/// Under `--ci`: a baseline is missing, pending or not comparable.
pub const BASELINE: i32 = 5;
/// No case was selected.
pub const NOTHING_SELECTED: i32 = 4;
/// prony itself failed, or results could not be written.
pub const INTERNAL: i32 = 1;
/// Everything passed (undecided, `skip:` and known issues included).
pub const OK: i32 = 0;

/// All codes, the strongest first.
pub const PRECEDENCE: [i32; 9] = [
    SIGINT,
    SIGTERM,
    USAGE,
    FAILED,
    NOT_MEASURED,
    BASELINE,
    NOTHING_SELECTED,
    INTERNAL,
    OK,
];

/// The stronger of two exit codes; a code that is not in [`PRECEDENCE`] counts as internal.
pub fn stronger(a: i32, b: i32) -> i32 {
    let rank = |code: i32| {
        PRECEDENCE
            .iter()
            .position(|&c| c == code)
            .unwrap_or(PRECEDENCE.len() - 2)
    };
    if rank(a) <= rank(b) { a } else { b }
}
