use serde::Serialize;

use crate::report::pictures::Picture;

/// A picture as the templates see it.
#[derive(Serialize)]
pub(super) struct PictureView {
    pub name: &'static str,
    pub title: String,
    pub caption: String,
    /// SVG.
    pub svg: String,
}

impl PictureView {
    pub(super) fn all(pictures: Vec<Picture>) -> Vec<PictureView> {
        let view = |p: Picture| PictureView {
            name: p.name,
            title: p.title,
            caption: p.caption,
            svg: inline(&p.svg),
        };
        pictures.into_iter().map(view).collect()
    }
}

/// Inside HTML it is SVG without being told, and the caption above it says what its description says.
fn inline(svg: &str) -> String {
    let svg = svg.replacen(" xmlns=\"http://www.w3.org/2000/svg\"", "", 1);
    match (svg.find("<desc>"), svg.find("</desc>")) {
        (Some(from), Some(to)) => format!("{}{}", &svg[..from], &svg[to + "</desc>".len()..]),
        _ => svg,
    }
}
