//! `report.html`: one self-contained file.

mod assertion;
mod case;
mod configurations;
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
pub(in crate::report) use page::when;
pub use templates::{TEMPLATES, Templates};
