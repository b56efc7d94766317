use super::content::{body, front};
use super::draw::document;
use super::flow::{Item, LEFT, Look, PAGE, RIGHT};
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
    let body = body(input);
    let mut headings = body.headings;
    // How many pages come first does not depend on the numbers in the table of contents.
    let before = front(input, &headings).pages.len();
    for heading in &mut headings {
        heading.page += before;
    }
    let mut pages = front(input, &headings).pages;
    pages.extend(body.pages);
    let run = &input.result.run.id;
    let all = pages.len();
    for (i, page) in pages.iter_mut().enumerate() {
        foot(page, run, &format!("Page {} of {all}", i + 1));
    }
    let title = format!("{} · {run}", Headline::new(input.result).text);
    document(&plain(&title), &pages, &headings)
}

fn foot(page: &mut Vec<Item>, run: &str, number: &str) {
    let look = Look::NOTE;
    let at = RIGHT - width(number, look.size, false);
    for (x, text) in [
        (LEFT, plain(&format!("prony · {run}"))),
        (at, number.to_owned()),
    ] {
        page.push(Item::Text {
            x,
            y: PAGE.1 - 32.0,
            look,
            text,
        });
    }
}
