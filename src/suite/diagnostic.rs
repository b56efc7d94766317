use super::source::Location;

/// One problem of a suite, for a person: what, where, and what to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    /// What is wrong: a lower-case fragment.
    pub message: String,
    /// Where; absent only when the problem has no place in a file (an empty folder, say).
    pub location: Option<Location>,
    /// What to do about it, such as the nearest valid name.
    pub help: Option<String>,
}
