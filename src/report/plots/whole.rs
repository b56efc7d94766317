use crate::report::html::TEMPLATES;

/// Pixels, or points of a page, for each unit of a chart where nobody says otherwise.
const SCALE: f64 = 2.0;

/// `svg`, made for a page, as a document of its own: with a size, a background, and its colours. What stands
/// as `var(--name, colour)` in the page's style is the colour: light, as paper is.
pub(in crate::report) fn whole(svg: &str) -> String {
    let Some((open, rest)) = svg.split_once('>') else {
        return svg.to_owned();
    };
    let view = view(open);
    let mut out = open.to_owned();
    if !open.contains(" xmlns=") {
        out.push_str(r#" xmlns="http://www.w3.org/2000/svg""#);
    }
    if let Some([_, _, width, height]) = view {
        out.push_str(&format!(
            r#" width="{}" height="{}""#,
            width * SCALE,
            height * SCALE
        ));
    }
    out.push_str(&format!("><style>{}</style>", style()));
    if let Some([x, y, width, height]) = view {
        out.push_str(&format!(
            r##"<path fill="#ffffff" style="fill:#ffffff" d="M{} {}h{}v{}h-{}z"/>"##,
            x, y, width, height, width
        ));
    }
    out.push_str(rest);
    out
}

/// `viewBox` of the opening tag.
fn view(open: &str) -> Option<[f64; 4]> {
    let (_, rest) = open.split_once("viewBox=\"")?;
    let (inside, _) = rest.split_once('"')?;
    let numbers: Vec<f64> = inside
        .split_whitespace()
        .filter_map(|n| n.parse().ok())
        .collect();
    numbers.try_into().ok()
}

/// The style of charts with literal colours, without rules for screens.
fn style() -> String {
    let css = TEMPLATES
        .iter()
        .find(|(name, _)| *name == "chart.css")
        .map_or("", |(_, text)| *text);
    let rules = css
        .lines()
        .filter(|line| !line.trim_start().starts_with('@'))
        .map(literal);
    rules.collect::<Vec<_>>().concat()
}

/// `rule` with each `var(--name, value)` as its value.
fn literal(rule: &str) -> String {
    let mut out = String::new();
    let mut rest = rule;
    while let Some((before, variable)) = rest.split_once("var(") {
        out.push_str(before);
        let (inside, after) = variable.split_once(')').unwrap_or((variable, ""));
        let value = inside.split_once(',').map_or("currentColor", |(_, v)| v);
        out.push_str(value.trim());
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_stands_alone() {
        let svg =
            whole(r#"<svg class="chart" viewBox="0 8 460 218"><path class="bar" d="M0 0"/></svg>"#);
        assert!(svg.contains(r#"xmlns="http://www.w3.org/2000/svg" width="920" height="436""#));
        assert!(svg.contains("M0 8h460v218h-460z"));
        assert!(svg.ends_with(r#"<path class="bar" d="M0 0"/></svg>"#));
    }

    #[test]
    fn no_colour_is_left_to_the_page() {
        let style = style();
        assert!(
            !style.contains("var(") && !style.contains("@media"),
            "{style}"
        );
        assert!(style.contains(".chart .bar { fill: #"), "{style}");
    }

    #[test]
    fn a_variable_is_its_value() {
        assert_eq!(
            literal(".a { fill: var(--c1, #0b6477); stroke: var(--c2); }"),
            ".a { fill: #0b6477; stroke: currentColor; }"
        );
    }
}
