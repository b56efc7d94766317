use crate::result::Source;
use crate::text::printable;

/// A place in a suite as lines of text: ` --> file:line:col`, the line, and carets below it. Without
/// the line's text only the first; without a column no carets.
pub fn snippet(source: &Source) -> Vec<String> {
    let number = source.line.to_string();
    let gutter = " ".repeat(number.len());
    let mut place = format!("{gutter}--> {}:{}", printable(&source.file), source.line);
    if let Some(column) = source.column {
        place.push_str(&format!(":{column}"));
    }
    let mut lines = vec![place];
    let Some(text) = &source.text else {
        return lines;
    };
    lines.push(format!("{gutter} |"));
    lines.push(format!("{number} | {}", expand(text)));
    if let Some(column) = source.column {
        let before: String = text.chars().take(column.saturating_sub(1)).collect();
        let after: String = text
            .chars()
            .skip(column.saturating_sub(1))
            .take(source.length.unwrap_or(1).max(1))
            .collect();
        let carets = expand(after.trim_end()).chars().count().max(1);
        lines.push(format!(
            "{gutter} | {}{}",
            " ".repeat(expand(&before).chars().count()),
            "^".repeat(carets)
        ));
    }
    lines
}

/// Tabs as spaces, controls gone: what is counted is what is shown.
fn expand(text: &str) -> String {
    printable(text).replace('\t', "    ").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::snippet;
    use crate::result::Source;

    fn source(text: &str, column: usize, length: usize) -> Source {
        Source {
            file: "suites/chat.yaml".into(),
            line: 14,
            column: Some(column),
            length: Some(length),
            text: Some(text.into()),
        }
    }

    #[test]
    fn the_caret_stands_under_the_marked_stretch() {
        assert_eq!(
            snippet(&source("      - ttft.p99 < 500ms", 9, 16)),
            [
                "  --> suites/chat.yaml:14:9",
                "   |",
                "14 |       - ttft.p99 < 500ms",
                "   |         ^^^^^^^^^^^^^^^^",
            ]
        );
    }

    #[test]
    fn tabs_and_letters_beyond_ascii_do_not_move_it() {
        let lines = snippet(&source("\té: x", 5, 1));
        assert_eq!(lines[2], "14 |     é: x");
        assert_eq!(lines[3], "   |        ^");
    }

    #[test]
    fn a_column_past_the_end_is_harmless() {
        assert_eq!(snippet(&source("x", 90, 5))[3], "   |  ^");
    }

    #[test]
    fn without_the_text_only_the_place() {
        let s = Source {
            text: None,
            column: None,
            ..source("", 1, 1)
        };
        assert_eq!(snippet(&s), ["  --> suites/chat.yaml:14"]);
    }
}
