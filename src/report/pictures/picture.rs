/// A chart and what it says.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::report) struct Picture {
    /// What it is called wherever a name is needed, such as a file's: the same in every run and in every
    /// version, `ttft_distribution`. Unique within a phase, and among the pictures of a whole case.
    pub name: &'static str,
    /// What it shows.
    pub title: String,
    /// What can be read from it, in a sentence.
    pub caption: String,
    /// A whole SVG document.
    pub svg: String,
}
