use std::sync::{Arc, LazyLock};

use resvg::usvg::{self, fontdb};

/// Roboto, cut down (`assets/README.md`).
pub(in crate::report) const REGULAR: &[u8] = include_bytes!("../../../assets/Roboto-Regular.ttf");
pub(in crate::report) const BOLD: &[u8] = include_bytes!("../../../assets/Roboto-Bold.ttf");

/// The fonts that pictures are set in: none of the machine's, so that they look the same everywhere.
static FONTS: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_data(REGULAR.to_vec());
    fonts.load_font_data(BOLD.to_vec());
    fonts.set_sans_serif_family("Roboto");
    fonts.set_serif_family("Roboto");
    fonts.set_monospace_family("Roboto");
    Arc::new(fonts)
});

/// A whole SVG document, read.
///
/// # Errors
/// What is wrong with it.
pub(in crate::report) fn tree(svg: &str) -> Result<usvg::Tree, String> {
    let options = usvg::Options {
        font_family: "Roboto".to_owned(),
        fontdb: FONTS.clone(),
        ..usvg::Options::default()
    };
    usvg::Tree::from_str(svg, &options).map_err(|e| e.to_string())
}
