//! Accepted results on the disk: where their files are, what a run reads and proposes, what a person
//! accepts.

mod archive;
mod facts;
mod flow;
mod settings;
mod store;

pub use archive::{Candidates, candidates_of};
pub use facts::identity;
pub use flow::CaseBaseline;
pub use settings::{BaselineSettings, Update, in_ci};
pub use store::{Entry, Store, full_slug};
