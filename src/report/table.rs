use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The first column gives way down to this, before others would have to.
const NARROW: usize = 12;
/// Columns that can be spared go before the first gets narrower than this.
const COMFORTABLE: usize = 28;

/// A table in plain text: columns as wide as they need to be.
pub(super) struct Table {
    rows: Vec<Vec<String>>,
    right: Vec<bool>,
    spare: Vec<usize>,
}

impl Table {
    /// With headings; `true`: the column is aligned right.
    pub(super) fn new(columns: &[(&str, bool)]) -> Self {
        Table {
            rows: vec![columns.iter().map(|(h, _)| (*h).to_owned()).collect()],
            right: columns.iter().map(|(_, r)| *r).collect(),
            spare: Vec::new(),
        }
    }

    /// Where there is little room, these columns go, the first of them first.
    pub(super) fn sparing(mut self, columns: &[usize]) -> Self {
        self.spare = columns.to_vec();
        self
    }

    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// The lines. Where they would be wider than `width`, columns that can be spared go, then the first
    /// one gives way.
    pub(super) fn lines(&self, width: usize) -> Vec<Vec<String>> {
        let mut widths: Vec<usize> = vec![0; self.right.len()];
        for row in &self.rows {
            for (w, cell) in widths.iter_mut().zip(row) {
                *w = (*w).max(cell.width());
            }
        }
        let mut shown: Vec<usize> = (0..widths.len()).collect();
        let total = |shown: &[usize]| -> usize {
            shown.iter().map(|i| widths[*i]).sum::<usize>() + 2 * shown.len().saturating_sub(1)
        };
        let first = widths.first().copied().unwrap_or(0);
        let can_give = first.saturating_sub(COMFORTABLE);
        for column in &self.spare {
            if total(&shown) > width + can_give {
                shown.retain(|i| i != column);
            }
        }
        let over = total(&shown).saturating_sub(width);
        if let Some(first) = widths.first_mut() {
            *first = first.saturating_sub(over).max(NARROW.min(*first));
        }
        let line = |row: &Vec<String>| {
            shown
                .iter()
                .filter_map(|i| Some((row.get(*i)?, *widths.get(*i)?, *self.right.get(*i)?)))
                .map(|(cell, width, right)| pad(&cut(cell, width), width, right))
                .collect()
        };
        self.rows.iter().map(line).collect()
    }
}

/// At most `width` characters wide, the last one `…` where something is missing.
pub(super) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used + 1 > width {
            break;
        }
        out.push(c);
    }
    out.push('…');
    out
}

/// `text` in lines of at most `width` characters, broken between words; a word that is longer stays whole.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.width() + 1 + word.width() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn pad(text: &str, width: usize, right: bool) -> String {
    let gap = " ".repeat(width.saturating_sub(text.width()));
    if right {
        gap + text
    } else {
        text.to_owned() + &gap
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&[("name", false), ("value", true), ("extra", true)]);
        let name = "a name of thirty-two characters.";
        table.row(vec![name.to_owned(), "1".to_owned(), "22".to_owned()]);
        table.sparing(&[2])
    }

    fn text(width: usize) -> Vec<String> {
        table().lines(width).iter().map(|l| l.join("  ")).collect()
    }

    #[test]
    fn columns_give_way_before_lines_break() {
        assert_eq!(
            text(80)[1],
            "a name of thirty-two characters.      1     22"
        );
        assert_eq!(text(43)[1], "a name of thirty-two charact…      1     22");
        assert_eq!(text(38)[1], "a name of thirty-two character…      1");
        assert_eq!(text(10)[1], "a name of t…      1");
    }

    #[test]
    fn wide_letters_take_two_places() {
        assert_eq!(cut("模型模型", 8), "模型模型");
        assert_eq!(cut("模型模型", 7), "模型模…");
        assert_eq!(pad("模", 4, true), "  模");
    }

    #[test]
    fn words_stay_whole() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("a considerable b", 5), ["a", "considerable", "b"]);
        assert!(wrapped("", 5).is_empty());
    }
}
