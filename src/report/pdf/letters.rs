use std::sync::LazyLock;

use ttf_parser::Face;

use crate::report::plots::{BOLD, REGULAR};
use crate::text::printable;

static FACES: LazyLock<[Option<Face<'static>>; 2]> =
    LazyLock::new(|| [REGULAR, BOLD].map(|data| Face::parse(data, 0).ok()));

/// How wide `text` is in points.
pub(super) fn width(text: &str, size: f32, bold: bool) -> f32 {
    let Some(face) = FACES[usize::from(bold)].as_ref() else {
        return text.chars().count() as f32 * size * 0.55;
    };
    let advance = |c: char| {
        let glyph = face.glyph_index(c).unwrap_or_default();
        f32::from(face.glyph_hor_advance(glyph).unwrap_or(0))
    };
    text.chars().map(advance).sum::<f32>() * size / f32::from(face.units_per_em())
}

/// Foreign text in one line, with letters that the fonts have.
pub(super) fn plain(text: &str) -> String {
    let has = |c: char| {
        let face = FACES[0].as_ref();
        face.is_none_or(|f| f.glyph_index(c).is_some())
    };
    let mut out = String::new();
    for c in printable(text).chars() {
        match c {
            '\t' => out.push_str("    "),
            '\n' => out.push(' '),
            '→' => out.push_str("->"),
            c if has(c) => out.push(c),
            _ => out.push('?'),
        }
    }
    out
}

/// `text` in lines of at most `room` points, broken between words, and inside of words that are longer.
pub(super) fn lines(text: &str, room: f32, size: f32, bold: bool) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let together = if line.is_empty() {
            word.to_owned()
        } else {
            format!("{line} {word}")
        };
        if width(&together, size, bold) <= room {
            line = together;
            continue;
        }
        if !line.is_empty() {
            out.push(std::mem::take(&mut line));
        }
        for c in word.chars() {
            line.push(c);
            if width(&line, size, bold) > room && line.chars().count() > 1 {
                line.pop();
                out.push(std::mem::replace(&mut line, c.to_string()));
            }
        }
    }
    out.push(line);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_room_and_nothing_is_lost() {
        let text = "what was observed against a-very-long-word-without-any-space in it";
        let broken = lines(text, 80.0, 9.0, false);
        assert!(
            broken.iter().all(|l| width(l, 9.0, false) <= 80.0),
            "{broken:?}"
        );
        let joined: String = broken.concat().split_whitespace().collect();
        assert_eq!(joined, text.split_whitespace().collect::<String>());
        assert_eq!(lines("", 10.0, 9.0, false), [""]);
    }

    #[test]
    fn letters_that_no_font_has_are_marked() {
        assert_eq!(plain("a → b\u{1b}[31m 模 ≤ ∞"), "a -> b ? ≤ ∞");
    }
}
