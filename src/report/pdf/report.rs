use super::content::{body, front};
use super::draw::document;
use super::flow::{Flow, Heading, Item, LEFT, Look, PAGE, RIGHT};
use super::letters::{plain, width};
use crate::report::headline::Headline;
use crate::report::seam::{Report, ReportError, ReportInput};

/// The report on paper.
#[derive(Clone, Copy, Debug)]
pub struct Pdf;

impl Report for Pdf {
    fn name(&self) -> &'static str {
        "pdf"
    }

    fn file_name(&self) -> &'static str {
        "report.pdf"
    }

    fn render(&self, input: &ReportInput<'_>) -> Result<Vec<u8>, ReportError> {
        render(input).map_err(|message| ReportError {
            report: self.name(),
            message,
        })
    }
}

fn render(input: &ReportInput<'_>) -> Result<Vec<u8>, String> {
    let run = &input.result.run.id;
    let title = format!("{} · {run}", Headline::new(input.result).text);
    paged(&title, run, body(input), |headings| front(input, headings))
}

/// A document called `title`: what comes first, which is made with the headings of `body`, then `body`.
/// Each page has `foot` and its number.
///
/// # Errors
/// What is wrong with a picture, or with the document.
pub(super) fn paged(
    title: &str,
    foot: &str,
    body: Flow,
    front: impl Fn(&[Heading]) -> Flow,
) -> Result<Vec<u8>, String> {
    let mut headings = body.headings;
    // How many pages come first does not depend on the numbers in the table of contents.
    let before = front(&headings).pages.len();
    for heading in &mut headings {
        heading.page += before;
    }
    let mut pages = front(&headings).pages;
    pages.extend(body.pages);
    let all = pages.len();
    let number = |i: usize| format!("Page {i} of {all}");
    let foot = short(&format!("prony · {foot}"), &number(all));
    for (i, page) in pages.iter_mut().enumerate() {
        put_foot(page, &foot, &number(i + 1));
    }
    document(&plain(title), &pages, &headings)
}

/// As much of `text` as there is room for beside `number`.
fn short(text: &str, number: &str) -> String {
    let mut text = plain(text);
    let size = Look::NOTE.size;
    let room = RIGHT - LEFT - width(number, size, false) - 12.0;
    if width(&text, size, false) > room {
        while width(&format!("{text}…"), size, false) > room && text.pop().is_some() {}
        text.push('…');
    }
    text
}

fn put_foot(page: &mut Vec<Item>, foot: &str, number: &str) {
    let look = Look::NOTE;
    let at = RIGHT - width(number, look.size, false);
    for (x, text) in [(LEFT, foot.to_owned()), (at, number.to_owned())] {
        page.push(Item::Text {
            x,
            y: PAGE.1 - 32.0,
            look,
            text,
        });
    }
}
