//! `report.html`: one self-contained file.

mod cache;
mod case;
mod page;
mod phase;
mod pictures;
mod server;
mod templates;

pub use page::Html;
pub use templates::{TEMPLATES, Templates};
