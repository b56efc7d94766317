/// A table in plain text: columns as wide as they need to be.
pub(super) struct Table {
    rows: Vec<Vec<String>>,
    right: Vec<bool>,
}

impl Table {
    /// With headings; `true`: the column is aligned right.
    pub(super) fn new(columns: &[(&str, bool)]) -> Self {
        Table {
            rows: vec![columns.iter().map(|(h, _)| (*h).to_owned()).collect()],
            right: columns.iter().map(|(_, r)| *r).collect(),
        }
    }

    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// The lines; the first column gives way where they would be wider than `width` characters.
    pub(super) fn lines(&self, width: usize) -> Vec<Vec<String>> {
        let mut widths: Vec<usize> = vec![0; self.right.len()];
        for row in &self.rows {
            for (w, cell) in widths.iter_mut().zip(row) {
                *w = (*w).max(cell.chars().count());
            }
        }
        let total: usize = widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1);
        if let (Some(first), true) = (widths.first_mut(), total > width) {
            *first = first.saturating_sub(total - width).max(16.min(*first));
        }
        self.rows
            .iter()
            .map(|row| {
                row.iter()
                    .zip(&widths)
                    .zip(&self.right)
                    .map(|((cell, &w), &right)| pad(&cut(cell, w), w, right))
                    .collect()
            })
            .collect()
    }
}

/// At most `width` characters, the last one `…` where something is missing.
pub(super) fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(width.saturating_sub(1)).collect();
    out.push('…');
    out
}

fn pad(text: &str, width: usize, right: bool) -> String {
    let gap = " ".repeat(width.saturating_sub(text.chars().count()));
    if right {
        gap + text
    } else {
        text.to_owned() + &gap
    }
}
