//! `scrape:`: how often the target's own counters are looked at, and where they are.

use std::time::Duration;

use serde_json::{Map, Value as Json, json};

use super::later::Place;
use super::reader::{Fields, Placed, Problems};
use super::settings::duration;
use super::units::show_duration;
use super::yaml::{Node, NodeValue};

/// Pause between two looks, where nobody says otherwise.
pub(super) const EVERY: Duration = Duration::from_secs(1);
/// The shortest one: pages of metrics take a server milliseconds to write.
const SHORTEST: Duration = Duration::from_millis(100);
/// The longest one.
const LONGEST: Duration = Duration::from_secs(60);
/// Most pages.
const MOST_PAGES: usize = 64;

/// How the target's own counters are read. What is left out is left to the layer below.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scrape {
    /// Pause between two looks; `Some(None)`: nobody looks.
    pub every: Option<Option<Duration>>,
    /// The pages: one for each server behind the target. Left out: `/metrics` beside the API's base.
    pub urls: Option<Vec<url::Url>>,
}

impl Scrape {
    /// The pause between two looks; `None`: nobody looks.
    pub fn interval(&self) -> Option<Duration> {
        self.every.unwrap_or(Some(EVERY))
    }

    /// `self` where it says something, else `below`.
    pub fn over(&self, below: &Scrape) -> Scrape {
        Scrape {
            every: self.every.or(below.every),
            urls: self.urls.clone().or_else(|| below.urls.clone()),
        }
    }

    /// As in a suite; `None` where it says nothing.
    pub(super) fn written(&self) -> Option<Json> {
        let every = self.every.map(|every| match every {
            None => json!("off"),
            Some(every) => json!(show_duration(every)),
        });
        let Some(urls) = &self.urls else {
            return every;
        };
        let mut out = Map::new();
        if let Some(every) = every {
            out.insert("interval".into(), every);
        }
        let urls: Vec<String> = urls
            .iter()
            .map(|url| super::resolved::plain(url.as_str()))
            .collect();
        out.insert("url".into(), json!(urls));
        Some(Json::Object(out))
    }
}

/// `scrape: 1s`, `scrape: off`, or `scrape: { interval, url }`.
pub(super) fn read(node: &Node, problems: &mut Problems) -> Option<Placed<Scrape>> {
    let mut scrape = Scrape::default();
    if node.entries().is_none() {
        scrape.every = Some(interval(node, problems)?);
        return Some(problems.placed(scrape, node.span));
    }
    let example = "scrape: { interval: 1s, url: \"http://localhost:9000/metrics\" }";
    let mut fields = Fields::of(node, example, problems)?;
    let known = problems.known();
    if let Some(node) = fields.take("interval") {
        scrape.every = interval(node, problems);
    }
    if let Some(node) = fields.take("url") {
        scrape.urls = pages(node, problems);
    }
    fields.finish(Place::Other, problems);
    (problems.known() == known).then(|| problems.placed(scrape, node.span))
}

fn interval(node: &Node, problems: &mut Problems) -> Option<Option<Duration>> {
    let off = |text: &str| matches!(text, "off" | "Off" | "OFF");
    if node.scalar().is_some_and(|s| off(&s.text)) {
        return Some(None);
    }
    let every = duration(node, true, problems)?;
    if (SHORTEST..=LONGEST).contains(&every.value) {
        return Some(Some(every.value));
    }
    problems.add(
        every.span(),
        format!(
            "the server's counters are looked at every {} at least and {} at most",
            show_duration(LONGEST),
            show_duration(SHORTEST)
        ),
        "write `scrape: 1s`, or `scrape: off`",
    );
    None
}

fn pages(node: &Node, problems: &mut Problems) -> Option<Vec<url::Url>> {
    let nodes = match &node.value {
        NodeValue::Sequence(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    if nodes.is_empty() || nodes.len() > MOST_PAGES {
        problems.add(
            node.span,
            format!("a target has 1 to {MOST_PAGES} pages of metrics"),
            "write `scrape: off` where there is none",
        );
        return None;
    }
    nodes.iter().map(|node| page(node, problems)).collect()
}

fn page(node: &Node, problems: &mut Problems) -> Option<url::Url> {
    let text = problems.text_of(node)?;
    let url = url::Url::parse(&text.value).ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let Some(url) = url else {
        problems.add(
            node.span,
            "this is not the address of a page",
            "write `http://host:port/metrics`",
        );
        return None;
    };
    if !url.username().is_empty() || url.password().is_some() {
        problems.add(
            node.span,
            "this address holds credentials, which would be shown in reports",
            "the target's headers go to pages of its own host and port",
        );
        return None;
    }
    Some(url)
}
