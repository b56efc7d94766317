//! Slugs, escaping, redaction, and how numbers are shown: one place each.

mod control;
mod duration;
mod number;
mod redact;
mod shell;
mod slug;
mod xml;

pub use control::printable;
pub use duration::{minutes, seconds};
pub use number::{MISSING, beside, count, exact, margin, number, significant};
pub use redact::Redactor;
pub use shell::quote;
pub use slug::slug;
pub use xml::{cdata, xml_text};
