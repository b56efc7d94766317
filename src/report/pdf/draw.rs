use krilla::Document;
use krilla::annotation::{Annotation, LinkAnnotation, Target};
use krilla::color::rgb;
use krilla::destination::XyzDestination;
use krilla::geom::{PathBuilder, Point, Rect, Size, Transform};
use krilla::metadata::Metadata;
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::paint::Fill;
use krilla::surface::Surface;
use krilla::text::{Font, TextDirection};
use krilla_svg::{SurfaceExt as _, SvgSettings};

use super::flow::{Color, Heading, Item, PAGE};
use crate::report::plots::{BOLD, REGULAR, tree};

/// Pages as PDF. Pages of `headings` are those of the whole document.
///
/// # Errors
/// What is wrong with a picture, or with the document.
pub(super) fn document(
    title: &str,
    pages: &[Vec<Item>],
    headings: &[Heading],
) -> Result<Vec<u8>, String> {
    let font = |data: &[u8]| Font::new(data.to_vec().into(), 0).ok_or("a font cannot be read");
    let fonts = [font(REGULAR)?, font(BOLD)?];
    let mut document = Document::new();
    for items in pages {
        let settings = PageSettings::from_wh(PAGE.0, PAGE.1).ok_or("a page without extent")?;
        let mut page = document.start_page_with(settings);
        let mut surface = page.surface();
        for item in items {
            draw(&mut surface, item, &fonts)?;
        }
        surface.finish();
        for link in items.iter().filter_map(|item| link(item, headings)) {
            page.add_annotation(link);
        }
        page.finish();
    }
    document.set_outline(outline(headings));
    document.set_metadata(
        Metadata::new()
            .title(title.to_owned())
            .creator(format!("prony {}", env!("CARGO_PKG_VERSION")))
            .language("en".to_owned()),
    );
    document.finish().map_err(|e| format!("{e:?}"))
}

fn paint(color: Color) -> Fill {
    let [red, green, blue] = color;
    Fill {
        paint: rgb::Color::new(red, green, blue).into(),
        ..Fill::default()
    }
}

fn draw(surface: &mut Surface<'_>, item: &Item, fonts: &[Font; 2]) -> Result<(), String> {
    match item {
        Item::Text { x, y, look, text } => {
            surface.set_fill(Some(paint(look.color)));
            surface.set_stroke(None);
            surface.draw_text(
                Point::from_xy(*x, *y),
                fonts[usize::from(look.bold)].clone(),
                look.size,
                text,
                false,
                TextDirection::Auto,
            );
        }
        Item::Box {
            x,
            y,
            width,
            height,
            color,
        } => {
            let Some(rect) = Rect::from_xywh(*x, *y, *width, *height) else {
                return Ok(());
            };
            let mut path = PathBuilder::new();
            path.push_rect(rect);
            if let Some(path) = path.finish() {
                surface.set_fill(Some(paint(*color)));
                surface.set_stroke(None);
                surface.draw_path(&path);
            }
        }
        Item::Picture {
            x,
            y,
            width,
            height,
            svg,
        } => {
            let tree = tree(svg)?;
            let size = Size::from_wh(*width, *height).ok_or("a picture without extent")?;
            surface.push_transform(&Transform::from_translate(*x, *y));
            let drawn = surface.draw_svg(&tree, size, SvgSettings::default());
            surface.pop();
            drawn.ok_or("a picture cannot be drawn")?;
        }
        Item::Link { .. } => {}
    }
    Ok(())
}

fn target(heading: &Heading) -> XyzDestination {
    XyzDestination::new(
        heading.page,
        Point::from_xy(0.0, (heading.y - 8.0).max(0.0)),
    )
}

fn link(item: &Item, headings: &[Heading]) -> Option<Annotation> {
    let Item::Link {
        x,
        y,
        width,
        height,
        heading,
    } = item
    else {
        return None;
    };
    let heading = headings.get(*heading)?;
    let rect = Rect::from_xywh(*x, *y, *width, *height)?;
    let target = Target::Destination(target(heading).into());
    let link = LinkAnnotation::new(rect, target);
    Some(Annotation::new_link(link, Some(heading.text.clone())))
}

/// Headings of level 0, those of level 1 below them.
fn outline(headings: &[Heading]) -> Outline {
    let mut outline = Outline::new();
    let mut open: Option<OutlineNode> = None;
    for heading in headings {
        let node = OutlineNode::new(heading.text.clone(), target(heading));
        match (&mut open, heading.level) {
            (Some(parent), 1..) => parent.push_child(node),
            _ => {
                if let Some(done) = open.replace(node) {
                    outline.push_child(done);
                }
            }
        }
    }
    if let Some(done) = open {
        outline.push_child(done);
    }
    outline
}
