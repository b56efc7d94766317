use std::io::Write;

use super::args::{SchemaArgs, SchemaOf};
use crate::exit;
use crate::suite::schema;

/// `prony schema`: what editors need to complete and check suites, on standard output.
pub fn schema(args: &SchemaArgs) -> i32 {
    let text = match args.which {
        SchemaOf::Suite => schema::suite(),
        SchemaOf::Prony => schema::prony(),
    };
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => exit::OK,
        Err(_) => exit::INTERNAL,
    }
}
