use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use crate::exit;

/// Writes a line to standard error. Where that cannot be written to, there is nobody to tell: unlike
/// `eprintln!` it never panics.
pub fn tell(line: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Writes `bytes` to standard output, and returns the exit code that follows: a reader who has gone
/// (`prony list | head`) has had enough, which is well; anything else is an internal error.
pub fn print(bytes: impl AsRef<[u8]>) -> i32 {
    let mut out = io::stdout().lock();
    match out.write_all(bytes.as_ref()).and_then(|()| out.flush()) {
        Ok(()) => exit::OK,
        Err(e) if e.kind() == ErrorKind::BrokenPipe => exit::OK,
        Err(e) => {
            tell(format_args!("error: cannot write to standard output: {e}"));
            exit::INTERNAL
        }
    }
}
