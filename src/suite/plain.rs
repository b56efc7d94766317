use std::sync::Arc;

use super::de;
use super::diagnostic::Diagnostic;
use super::source::{Location, SourceFile};
use super::yaml;

/// A YAML file that is a mapping and nothing more, such as an engine's configuration; as strict as
/// suites are about YAML itself.
///
/// # Errors
/// What is wrong with it, and where.
pub fn plain_mapping(
    path: &str,
    text: &str,
) -> Result<serde_json::Map<String, serde_json::Value>, Diagnostic> {
    let file = SourceFile {
        path: Arc::from(path),
        text: Arc::from(text),
    };
    let node = yaml::parse(&file)?;
    de::typed(&node).map_err(|mismatch| {
        Diagnostic::new(mismatch.message).at(Location {
            file,
            span: mismatch.span,
        })
    })
}
