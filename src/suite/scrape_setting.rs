//! `scrape:`: how often the target's own counters are looked at, and where they are.

use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value as Json, json};

use super::interpolate::is_variable;
use super::later::Place;
use super::reader::{Fields, Placed, Problems};
use super::secrets::{MASK, SHORTEST as SHORTEST_SECRET};
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
    pub urls: Option<Vec<PageUrl>>,
}

/// The address of a page of metrics, which may hold credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct PageUrl {
    /// With what must not be shown.
    pub url: url::Url,
    /// With `${NAME}` or `***` in its place.
    shown: String,
    /// What must not be shown, as `(NAME, value)`.
    hidden: Vec<(String, String)>,
}

impl PageUrl {
    /// One without secrets.
    pub fn plain(url: url::Url) -> Self {
        PageUrl {
            shown: url.to_string(),
            url,
            hidden: Vec::new(),
        }
    }

    /// As it may be shown.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Its path as it may be shown, without a query.
    pub fn shown_path(&self) -> &str {
        let rest = self.shown.split_once("://").map_or("", |(_, rest)| rest);
        let path = rest.find('/').map_or("/", |at| &rest[at..]);
        path.split_once(['?', '#']).map_or(path, |(path, _)| path)
    }

    /// `url` is `text` parsed; `shown` is the text with the names of secret variables in place of their
    /// values.
    fn new(url: url::Url, text: &str, shown: &str) -> Self {
        let Some((scheme, credentials, rest)) = with_credentials(shown) else {
            return PageUrl {
                url,
                shown: shown.to_owned(),
                hidden: Vec::new(),
            };
        };
        let parts: Vec<&str> = credentials
            .split(':')
            .map(|part| if is_named(part) { part } else { MASK })
            .collect();
        let shown = format!("{scheme}://{}@{rest}", parts.join(":"));
        let typed = with_credentials(text).map_or("", |(_, credentials, _)| credentials);
        let (user, password) = typed.split_once(':').unwrap_or((typed, ""));
        let hidden = [
            ("SCRAPE_USER", user),
            ("SCRAPE_USER", url.username()),
            ("SCRAPE_PASSWORD", password),
            ("SCRAPE_PASSWORD", url.password().unwrap_or_default()),
        ];
        let mut hidden: Vec<(String, String)> = hidden
            .into_iter()
            .filter(|(_, value)| value.len() >= SHORTEST_SECRET)
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        hidden.dedup();
        PageUrl { url, shown, hidden }
    }
}

/// Scheme, user with password, and the rest of an address that has them.
fn with_credentials(text: &str) -> Option<(&str, &str, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    let authority = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let at = rest[..authority].rfind('@')?;
    Some((scheme, &rest[..at], &rest[at + 1..]))
}

/// Whether `part` is the name of a variable, whose value does not show.
fn is_named(part: &str) -> bool {
    let inside = part.strip_prefix("${").and_then(|p| p.strip_suffix('}'));
    inside.is_some_and(is_variable)
}

impl fmt::Debug for PageUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PageUrl").field(&self.shown).finish()
    }
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

    /// What must not be shown of its addresses, as `(NAME, value)`.
    pub(super) fn hidden(&self) -> Vec<(String, String)> {
        let pages = self.urls.iter().flatten();
        pages.flat_map(|page| page.hidden.clone()).collect()
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
        let urls: Vec<String> = urls.iter().map(|url| url.shown().to_owned()).collect();
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

fn pages(node: &Node, problems: &mut Problems) -> Option<Vec<PageUrl>> {
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

fn page(node: &Node, problems: &mut Problems) -> Option<PageUrl> {
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
    let shown = node.scalar().map_or("", |scalar| &scalar.shown);
    Some(PageUrl::new(url, &text.value, shown))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str, shown: &str) -> PageUrl {
        PageUrl::new(url::Url::parse(text).expect("an address"), text, shown)
    }

    #[test]
    fn credentials_are_used_and_not_shown() {
        let text = "http://reader:pa55word@host:9000/metrics?a=b";
        let page = page(text, text);
        assert_eq!(page.url.password(), Some("pa55word"));
        assert_eq!(page.shown(), "http://***:***@host:9000/metrics?a=b");
        assert_eq!(page.shown_path(), "/metrics");
        let hidden = [("SCRAPE_USER", "reader"), ("SCRAPE_PASSWORD", "pa55word")];
        assert_eq!(
            page.hidden,
            hidden.map(|(n, v)| (n.to_owned(), v.to_owned()))
        );
        assert!(!format!("{page:?}").contains("pa55word"));
    }

    #[test]
    fn variables_keep_their_names() {
        let page = page(
            "http://me:s3cr3t@host/t0k3n/metrics?key=k3y",
            "http://me:${PASSWORD}@host/${TOKEN}/metrics?key=${KEY}",
        );
        assert_eq!(
            page.shown(),
            "http://***:${PASSWORD}@host/${TOKEN}/metrics?key=${KEY}"
        );
        assert_eq!(page.shown_path(), "/${TOKEN}/metrics");
        // Too short to be looked for in what a server says.
        assert!(
            page.hidden
                .iter()
                .all(|(name, _)| name == "SCRAPE_PASSWORD")
        );
    }

    #[test]
    fn an_address_without_secrets_is_shown_as_it_is() {
        let text = "http://host:9000/metrics?mail=a@b";
        assert_eq!(page(text, text).shown(), text);
        assert_eq!(page("http://host", "http://host").shown_path(), "/");
    }
}
