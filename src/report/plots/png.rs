use resvg::tiny_skia::{Pixmap, Transform};

use super::fonts::tree;

/// A whole SVG document as PNG, a pixel for each of its units of length.
///
/// # Errors
/// What is wrong with the document.
pub(super) fn png(svg: &str) -> Result<Vec<u8>, String> {
    let tree = tree(svg)?;
    let size = tree.size().to_int_size();
    let mut pixels =
        Pixmap::new(size.width(), size.height()).ok_or("a picture without any extent")?;
    resvg::render(&tree, Transform::identity(), &mut pixels.as_mut());
    pixels.encode_png().map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::plots::whole::whole;

    /// The share of pixels that are not white.
    fn ink(svg: &str) -> f64 {
        let bytes = png(&whole(svg)).unwrap();
        let pixels = Pixmap::decode_png(&bytes).unwrap();
        let all = pixels.pixels();
        let inked = all
            .iter()
            .filter(|p| (p.red(), p.green(), p.blue()) != (255, 255, 255));
        inked.count() as f64 / all.len() as f64
    }

    #[test]
    fn text_is_drawn_whatever_fonts_the_machine_has() {
        let empty = r#"<svg class="chart" viewBox="0 0 100 20"></svg>"#;
        let text = r#"<svg class="chart" viewBox="0 0 100 20"><text x="2" y="14">ttft ≤ 500 ms</text></svg>"#;
        assert_eq!(ink(empty), 0.0);
        assert!(ink(text) > 0.03, "{}", ink(text));
    }

    #[test]
    fn shapes_have_the_colours_of_the_page() {
        let svg = r#"<svg class="chart" viewBox="0 0 10 10"><path class="bar" d="M0 0h10v10h-10z"/></svg>"#;
        let pixels = Pixmap::decode_png(&png(&whole(svg)).unwrap()).unwrap();
        assert_eq!((pixels.width(), pixels.height()), (20, 20));
        let middle = pixels.pixel(10, 10).unwrap();
        assert_eq!(
            (middle.red(), middle.green(), middle.blue()),
            (0x0b, 0x64, 0x77)
        );
    }
}
