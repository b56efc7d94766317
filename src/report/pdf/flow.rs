use super::letters::{lines, plain, width};

/// A4 in points.
pub(super) const PAGE: (f32, f32) = (595.0, 842.0);
/// Edges of what is written.
pub(super) const LEFT: f32 = 48.0;
pub(super) const RIGHT: f32 = PAGE.0 - 48.0;
const TOP: f32 = 52.0;
const BOTTOM: f32 = PAGE.1 - 60.0;
/// Between columns of a table, and of pictures.
const GAP: f32 = 8.0;
/// Narrowest column that gives way.
const NARROW: f32 = 60.0;

/// Red, green, blue.
pub(super) type Color = [u8; 3];
pub(super) const INK: Color = [0x1b, 0x1f, 0x24];
pub(super) const MUTED: Color = [0x59, 0x61, 0x6a];
pub(super) const LINE: Color = [0xd8, 0xd8, 0xd2];

/// How text looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Look {
    pub size: f32,
    pub bold: bool,
    pub color: Color,
}

impl Look {
    pub(super) const BODY: Look = Look {
        size: 9.0,
        bold: false,
        color: INK,
    };
    pub(super) const SMALL: Look = Look {
        size: 7.5,
        bold: false,
        color: INK,
    };
    pub(super) const NOTE: Look = Look {
        size: 8.0,
        bold: false,
        color: MUTED,
    };

    pub(super) fn bold(mut self) -> Look {
        self.bold = true;
        self
    }

    pub(super) fn colored(mut self, color: Color) -> Look {
        self.color = color;
        self
    }

    fn leading(self) -> f32 {
        self.size * 1.4
    }
}

/// Something at its place on a page; `y` of text is its baseline, of all else its upper edge.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Item {
    Text {
        x: f32,
        y: f32,
        look: Look,
        text: String,
    },
    Box {
        x: f32,
        y: f32,
        width: f32,
        height: f32,
        color: Color,
    },
    Picture {
        x: f32,
        y: f32,
        width: f32,
        height: f32,
        svg: String,
    },
    /// Leads to a heading, by its index.
    Link {
        x: f32,
        y: f32,
        width: f32,
        height: f32,
        heading: usize,
    },
}

/// A heading and where it came to stand.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Heading {
    pub level: usize,
    pub text: String,
    /// From 0, within its flow.
    pub page: usize,
    pub y: f32,
}

/// A picture that is to be placed.
pub(super) struct Figure {
    pub title: String,
    pub caption: String,
    /// A whole document.
    pub svg: String,
    /// Height over width.
    pub shape: f32,
}

/// What is written one below the other, on as many pages as it takes.
#[derive(Default)]
pub(super) struct Flow {
    pub pages: Vec<Vec<Item>>,
    pub headings: Vec<Heading>,
    y: f32,
}

impl Flow {
    pub(super) fn new_page(&mut self) {
        self.pages.push(Vec::new());
        self.y = TOP;
    }

    /// Begins a page unless there is that much room on this one.
    fn need(&mut self, height: f32) {
        if self.pages.is_empty() || (self.y + height > BOTTOM && self.y > TOP) {
            self.new_page();
        }
    }

    fn put(&mut self, item: Item) {
        if let Some(page) = self.pages.last_mut() {
            page.push(item);
        }
    }

    pub(super) fn gap(&mut self, height: f32) {
        self.y += height;
    }

    /// What the whole document is called.
    pub(super) fn title(&mut self, text: &str, color: Color) {
        let look = Look {
            size: 20.0,
            ..Look::BODY
        };
        self.text(text, look.bold().colored(color));
        self.gap(4.0);
    }

    /// The table of contents.
    pub(super) fn contents(&mut self, headings: &[Heading]) {
        self.gap(14.0);
        self.text("Contents", Look::BODY.bold());
        self.gap(3.0);
        for (i, heading) in headings.iter().enumerate() {
            let look = if heading.level == 0 {
                Look::BODY
            } else {
                Look::NOTE
            };
            let page = (heading.page + 1).to_string();
            self.entry(&heading.text, &page, i, 14.0 * heading.level as f32, look);
        }
        self.gap(12.0);
    }

    /// A heading that the table of contents and the outline have, with room for what follows.
    pub(super) fn heading(&mut self, level: usize, text: &str, color: Color) {
        let size = match level {
            0 => 14.0,
            _ => 10.5,
        };
        let look = Look {
            size,
            bold: true,
            color,
        };
        self.gap(10.0);
        self.need(90.0);
        self.headings.push(Heading {
            level,
            text: plain(text),
            page: self.pages.len().saturating_sub(1),
            y: self.y,
        });
        self.text(text, look);
        self.gap(2.0);
    }

    pub(super) fn text(&mut self, text: &str, look: Look) {
        for line in lines(&plain(text), RIGHT - LEFT, look.size, look.bold) {
            self.need(look.leading());
            self.put(Item::Text {
                x: LEFT,
                y: self.y + look.size,
                look,
                text: line,
            });
            self.y += look.leading();
        }
    }

    /// An entry of the table of contents: what, and on which page.
    fn entry(&mut self, text: &str, page: &str, heading: usize, indent: f32, look: Look) {
        self.need(look.leading());
        let number = width(page, look.size, look.bold);
        let room = RIGHT - LEFT - indent - number - 12.0;
        let all = lines(&plain(text), room, look.size, look.bold);
        let text = match all.as_slice() {
            [one] => one.clone(),
            [first, ..] => format!("{first}…"),
            [] => String::new(),
        };
        for (x, text) in [(LEFT + indent, text), (RIGHT - number, page.to_owned())] {
            self.put(Item::Text {
                x,
                y: self.y + look.size,
                look,
                text,
            });
        }
        self.put(Item::Link {
            x: LEFT + indent,
            y: self.y,
            width: RIGHT - LEFT - indent,
            height: look.leading(),
            heading,
        });
        self.y += look.leading();
    }

    /// Lines as they are, each with its number and whether it is marked.
    pub(super) fn code(&mut self, code: &[(usize, String, Option<Color>)]) {
        let look = Look::SMALL;
        for (number, text, mark) in code {
            let shown = plain(text);
            let indent = shown.len() - shown.trim_start().len();
            let at = LEFT + 26.0 + indent as f32 * 3.6;
            for (i, line) in lines(shown.trim_start(), RIGHT - at, look.size, false)
                .into_iter()
                .enumerate()
            {
                self.need(look.leading());
                let y = self.y + look.size;
                if let Some(color) = mark {
                    self.put(Item::Box {
                        x: LEFT - 6.0,
                        y: self.y,
                        width: 2.5,
                        height: look.leading(),
                        color: *color,
                    });
                }
                if i == 0 {
                    self.put(Item::Text {
                        x: LEFT,
                        y,
                        look: look.colored(MUTED),
                        text: number.to_string(),
                    });
                }
                self.put(Item::Text {
                    x: at,
                    y,
                    look: mark.map_or(look, |color| look.bold().colored(color)),
                    text: line,
                });
                self.y += look.leading();
            }
        }
        self.gap(4.0);
    }

    /// A table; columns where `right` is set are aligned right. The heading stands on each of its pages.
    /// `color` is that of a row's last cell.
    pub(super) fn table(&mut self, head: &[&str], right: &[bool], rows: &[(Vec<String>, Color)]) {
        if rows.is_empty() {
            return;
        }
        let look = Look::SMALL;
        let rows: Vec<(Vec<String>, Color)> = rows
            .iter()
            .map(|(row, color)| (row.iter().map(|c| plain(c)).collect(), *color))
            .collect();
        let widths = columns(head, &rows, look);
        self.need(look.leading() * 3.0);
        self.row(head, &widths, right, look.colored(MUTED), MUTED);
        for (row, color) in &rows {
            let cells: Vec<&str> = row.iter().map(String::as_str).collect();
            if self.y + height(&cells, &widths, look) > BOTTOM {
                self.new_page();
                self.row(head, &widths, right, look.colored(MUTED), MUTED);
            }
            self.row(&cells, &widths, right, look, *color);
        }
        self.gap(5.0);
    }

    fn row(&mut self, cells: &[&str], widths: &[f32], right: &[bool], look: Look, last: Color) {
        let mut x = LEFT;
        for (i, (cell, room)) in cells.iter().zip(widths).enumerate() {
            let is_last = i + 1 == widths.len();
            let look = if is_last { look.colored(last) } else { look };
            for (n, line) in lines(cell, *room, look.size, look.bold)
                .into_iter()
                .enumerate()
            {
                let shift = if right.get(i) == Some(&true) {
                    (room - width(&line, look.size, look.bold)).max(0.0)
                } else {
                    0.0
                };
                self.put(Item::Text {
                    x: x + shift,
                    y: self.y + look.size + n as f32 * look.leading(),
                    look,
                    text: line,
                });
            }
            x += room + GAP;
        }
        self.y += height(cells, widths, look);
        let width = widths.iter().sum::<f32>() + GAP * (widths.len().saturating_sub(1)) as f32;
        self.put(Item::Box {
            x: LEFT,
            y: self.y - 0.6,
            width,
            height: 0.4,
            color: LINE,
        });
    }

    /// Pictures, two side by side, each with its title and caption below.
    pub(super) fn figures(&mut self, figures: &[Figure]) {
        let room = (RIGHT - LEFT - 2.0 * GAP) / 2.0;
        for pair in figures.chunks(2) {
            let texts: Vec<Vec<String>> = pair
                .iter()
                .map(|f| {
                    let text = format!("{}. {}", f.title, f.caption);
                    lines(&plain(&text), room, Look::NOTE.size, false)
                })
                .collect();
            let tallest = pair.iter().map(|f| f.shape * room).fold(0.0, f32::max);
            let most = texts.iter().map(Vec::len).max().unwrap_or(0);
            self.need(tallest + most as f32 * Look::NOTE.leading() + 12.0);
            for (i, (figure, text)) in pair.iter().zip(texts).enumerate() {
                let x = LEFT + i as f32 * (room + 2.0 * GAP);
                self.put(Item::Picture {
                    x,
                    y: self.y,
                    width: room,
                    height: figure.shape * room,
                    svg: figure.svg.clone(),
                });
                for (n, line) in text.into_iter().enumerate() {
                    self.put(Item::Text {
                        x,
                        y: self.y + tallest + Look::NOTE.size + n as f32 * Look::NOTE.leading(),
                        look: Look::NOTE,
                        text: line,
                    });
                }
            }
            self.y += tallest + most as f32 * Look::NOTE.leading() + 12.0;
        }
    }
}

/// How wide columns are: as they need, the widest giving way until all have room.
fn columns(head: &[&str], rows: &[(Vec<String>, Color)], look: Look) -> Vec<f32> {
    let mut widths: Vec<f32> = head.iter().map(|h| width(h, look.size, false)).collect();
    for (row, _) in rows {
        for (w, cell) in widths.iter_mut().zip(row) {
            *w = w.max(width(cell, look.size, false));
        }
    }
    let room = RIGHT - LEFT - GAP * widths.len().saturating_sub(1) as f32;
    for _ in 0..widths.len() {
        let over = widths.iter().sum::<f32>() - room;
        let Some(widest) = widths.iter_mut().max_by(|a, b| a.total_cmp(b)) else {
            break;
        };
        if over <= 0.0 {
            break;
        }
        *widest = (*widest - over).max(NARROW.min(*widest));
    }
    // A hair more, so that rounding does not break what fits.
    widths.iter().map(|w| w + 0.5).collect()
}

fn height(cells: &[&str], widths: &[f32], look: Look) -> f32 {
    let most = cells
        .iter()
        .zip(widths)
        .map(|(cell, room)| lines(cell, *room, look.size, false).len())
        .max();
    most.unwrap_or(1) as f32 * look.leading() + 1.5
}
