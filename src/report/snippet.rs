use crate::result::Source;
use crate::suite::{Snippet, render_snippet};
use crate::text::printable;

/// A place in a suite as lines of text: ` --> file:line:col`, the line, and carets below it. Without
/// the line's text or a column only the first.
///
/// Drawn as the suite's own errors are; what those say above the place is said elsewhere here.
pub fn snippet(source: &Source) -> Vec<String> {
    let (Some(text), Some(column)) = (&source.text, source.column) else {
        return vec![place(source)];
    };
    // Controls are gone before anything is counted: what is counted is what is shown.
    let shown = |skip, take| {
        let part: String = text.chars().skip(skip).take(take).collect();
        printable(&part).chars().count()
    };
    let before = column.saturating_sub(1);
    let snippet = Snippet {
        file: printable(&source.file).into_owned(),
        line: source.line,
        column: shown(0, before) + 1,
        length: shown(before, source.length.unwrap_or(1)),
        text: printable(text).replace('\n', " "),
    };
    let drawn = render_snippet("error", "", Some(&snippet), &[], false);
    drawn.lines().skip(1).map(str::to_owned).collect()
}

fn place(source: &Source) -> String {
    let gutter = " ".repeat(source.line.to_string().len());
    let column = source
        .column
        .map_or_else(String::new, |column| format!(":{column}"));
    format!(
        "{gutter}--> {}:{}{column}",
        printable(&source.file),
        source.line
    )
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
    fn tabs_and_wide_letters_do_not_move_it() {
        let lines = snippet(&source("\té: x", 5, 1));
        assert_eq!(lines[2], "14 |     é: x");
        assert_eq!(lines[3], "   |        ^");
        let lines = snippet(&source("全部: x", 5, 1));
        assert_eq!(lines[3], "   |       ^");
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
