use std::borrow::Cow;

use super::control::printable;

/// `text` as XML 1.0 may carry it: [`printable`], and without the characters that the standard's
/// `Char` production leaves out. Escaping `<` and `&` is the writer's.
pub fn xml_text(text: &str) -> Cow<'_, str> {
    match printable(text) {
        Cow::Borrowed(t) if t.chars().all(allowed) => Cow::Borrowed(t),
        t => Cow::Owned(t.chars().filter(|&c| allowed(c)).collect()),
    }
}

/// [`xml_text`] for the inside of a CDATA section whose writer adds nothing: every `]]>` is split
/// over two sections, so that a reader gets the text back as it was.
pub fn cdata(text: &str) -> String {
    xml_text(text).replace("]]>", "]]]]><![CDATA[>")
}

/// `Char ::= #x9 | #xA | #xD | [#x20-#xD7FF] | [#xE000-#xFFFD] | [#x10000-#x10FFFF]`
fn allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use quick_xml::events::Event;

    use super::{allowed, cdata, xml_text};

    /// What an XML reader makes of `<x><![CDATA[…]]></x>`.
    fn read_back(inside: &str) -> String {
        let xml = format!("<x><![CDATA[{inside}]]></x>");
        let mut reader = quick_xml::Reader::from_str(&xml);
        let mut text = String::new();
        loop {
            match reader.read_event().expect("well-formed") {
                Event::CData(c) => text.push_str(c.as_ref()),
                Event::Text(t) => panic!("text outside CDATA: {t:?}"),
                Event::Eof => return text,
                _ => {}
            }
        }
    }

    #[test]
    fn forbidden_characters_go() {
        assert_eq!(xml_text("a\0b\u{1b}[31mc\u{fffe}\u{ffff}"), "abc");
    }

    #[test]
    fn the_end_mark_is_split() {
        assert_eq!(cdata("a]]>b"), "a]]]]><![CDATA[>b");
        assert_eq!(read_back(&cdata("x]]>]]>]]]>y")), "x]]>]]>]]]>y");
    }

    proptest! {
        #[test]
        fn a_reader_gets_back_what_was_cleaned(text in "(\\PC|[\\x00-\\x1f]|]]>|]|>|\u{fffe}){0,60}") {
            let clean = xml_text(&text);
            prop_assert!(clean.chars().all(allowed));
            prop_assert_eq!(read_back(&cdata(&text)), clean.as_ref());
        }
    }
}
