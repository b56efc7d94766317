//! `report.html`: one self-contained file.

mod assertion;
mod case;
mod context;
mod next;
mod page;
mod phase;
mod picture;
mod server;
mod since;
mod templates;
mod trust;

pub use page::Html;
pub use templates::{TEMPLATES, Templates};
