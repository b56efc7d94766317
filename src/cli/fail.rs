use crate::runner::tell;

/// Says on standard error what went wrong; the exit code, to be returned.
pub fn fail(code: i32, what: &str) -> i32 {
    tell(format_args!("error: {what}"));
    code
}
