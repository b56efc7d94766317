use std::path::PathBuf;

/// How an invocation deals with accepted results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaselineSettings {
    /// Folder of the accepted files.
    pub folder: PathBuf,
    /// Which machine this is, where a person says so.
    pub variant: Option<String>,
    /// Nothing is written beside the accepted files, and one that is missing is exit code 5.
    pub ci: bool,
    /// What is accepted without asking.
    pub update: Option<Update>,
}

/// What `--update-baselines` accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// What there is nothing accepted of.
    Missing,
    /// Everything that a run proposes.
    All,
}

impl Default for BaselineSettings {
    fn default() -> Self {
        BaselineSettings {
            folder: PathBuf::from("baselines"),
            variant: None,
            ci: false,
            update: None,
        }
    }
}

/// Whether the environment says that no person is there: `CI` is set, and not to `false` or `0`.
pub fn in_ci() -> bool {
    let value = std::env::var_os("CI").map(|v| v.to_string_lossy().to_lowercase());
    value.is_some_and(|v| !matches!(v.as_str(), "" | "0" | "false" | "no"))
}
