use crate::text::printable;

/// A chart and what it says. Its words are fit to be shown, and not escaped for any format.
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

impl Picture {
    /// Without what a server or a suite could do to a page or a terminal by its words.
    pub(super) fn printable(mut self) -> Self {
        for text in [&mut self.title, &mut self.caption] {
            if let std::borrow::Cow::Owned(clean) = printable(text) {
                *text = clean;
            }
        }
        self
    }
}
