use std::borrow::Cow;

/// `text` as it may be shown to a person: without ANSI escape sequences and without control
/// characters other than line feed and tab; CR LF and lone CR become LF.
///
/// What a server or a suite says could otherwise move the cursor of a terminal or forge lines.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unwanted) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\u{9b}' => skip_csi(&mut chars),
            '\r' => {
                if chars.peek() == Some(&'\n') {
                    chars.next();
                }
                out.push('\n');
            }
            c if is_unwanted(c) => {}
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Controls, the marks that turn the direction of text (they can make a line read as another), and
/// the code points that Unicode says are no characters.
fn is_unwanted(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fdd0}'..='\u{fdef}')
        || u32::from(c) & 0xfffe == 0xfffe
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// After ESC: a control sequence, a string (OSC, DCS, PM, APC, SOS), or an escape of two and more
/// characters (ECMA-48).
fn skip_escape(chars: &mut Chars<'_>) {
    match chars.peek() {
        Some('[') => {
            chars.next();
            skip_csi(chars);
        }
        Some(']' | 'P' | '^' | '_' | 'X') => {
            chars.next();
            skip_string(chars);
        }
        Some(' '..='/') => {
            while matches!(chars.peek(), Some(' '..='/')) {
                chars.next();
            }
            if matches!(chars.peek(), Some('0'..='~')) {
                chars.next();
            }
        }
        Some('0'..='~') => {
            chars.next();
        }
        _ => {}
    }
}

/// Parameters, intermediates, one final character. A sequence that is broken ends where it breaks.
fn skip_csi(chars: &mut Chars<'_>) {
    while matches!(chars.peek(), Some(' '..='?')) {
        chars.next();
    }
    if matches!(chars.peek(), Some('@'..='~')) {
        chars.next();
    }
}

/// Up to BEL or ST. A string that never ends gives its text back, less the controls, so that a stray
/// `ESC ]` cannot swallow the rest.
fn skip_string(chars: &mut Chars<'_>) {
    let mut ahead = chars.clone();
    while let Some(c) = ahead.next() {
        match c {
            '\u{7}' | '\u{9c}' => {
                *chars = ahead;
                return;
            }
            '\u{1b}' => {
                if ahead.peek() == Some(&'\\') {
                    ahead.next();
                    *chars = ahead;
                }
                return;
            }
            '\n' => return,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::printable;

    #[test]
    fn plain_text_is_left_alone() {
        assert_eq!(printable("a\tb\nc é 語"), "a\tb\nc é 語");
    }

    #[test]
    fn colours_titles_and_links_go() {
        assert_eq!(printable("\x1b[1;31mred\x1b[0m"), "red");
        assert_eq!(printable("\x1b]0;title\x07text"), "text");
        assert_eq!(
            printable("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\"),
            "link"
        );
        assert_eq!(printable("\u{9b}31mred"), "red");
    }

    #[test]
    fn a_stray_string_opener_swallows_nothing_but_itself() {
        assert_eq!(printable("\x1b]0;all the rest"), "0;all the rest");
    }

    #[test]
    fn line_ends_are_line_feeds() {
        assert_eq!(printable("a\r\nb\rc"), "a\nb\nc");
    }

    proptest! {
        #[test]
        fn nothing_that_steers_a_terminal_is_left(text in "(\\PC|[\\x00-\\x1f]|\u{9b}|\u{1b}\\[){0,60}") {
            let shown = printable(&text);
            prop_assert!(shown.chars().all(|c| !c.is_control() || c == '\n' || c == '\t'));
            prop_assert_eq!(printable(&shown), shown.as_ref());
        }
    }
}
