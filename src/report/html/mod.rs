//! `report.html`: one self-contained file.

mod case;
mod page;
mod phase;
mod picture;
mod server;
mod templates;

pub use page::Html;
pub use templates::{TEMPLATES, Templates};
