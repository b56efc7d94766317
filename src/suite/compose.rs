//! Flags → the text of a suite: one load on one target, without writing a file first.
//!
//! The text goes through the same loader as any suite. What the loader says of it is then put in
//! terms of the flags it came from ([`Composed::explain`]), so that a caret points into what the
//! person typed.

use std::sync::Arc;

use super::diagnostic::Diagnostic;
use super::model::Suite;
use super::names::is_name;
use super::source::{Location, SourceFile, Span};
use super::units::show_duration;

/// Name of the suite where none is given.
pub const AD_HOC: &str = "ad-hoc";
/// Stands for the file of a text that is in none.
const NO_FILE: &str = "command line";
/// Prompt tokens where `--input-tokens` is not given.
const INPUT_TOKENS: &str = "512";
/// Output tokens where `--output-tokens` is not given.
const OUTPUT_TOKENS: &str = "128";

/// One load on one target. Values are as typed; the loader says what is wrong with them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdHoc {
    /// The target's address.
    pub url: String,
    /// `--api`
    pub api: Option<String>,
    /// `--model`
    pub model: Option<String>,
    /// `--concurrency`; a closed loop of 1 where there is no rate either.
    pub concurrency: Option<String>,
    /// `--rate`
    pub rate: Option<String>,
    /// `--arrivals`, beside a rate.
    pub arrivals: Option<String>,
    /// `--duration`
    pub duration: Option<String>,
    /// `--requests`
    pub requests: Option<String>,
    /// `--warmup`
    pub warmup: Option<String>,
    /// `--input-tokens`
    pub input_tokens: Option<String>,
    /// `--output-tokens`
    pub output_tokens: Option<String>,
    /// `--seed`
    pub seed: Option<u64>,
    /// `--sla`, as often as given; none: measure only.
    pub sla: Vec<String>,
}

/// A suite's text and where in it the flags' values stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Composed {
    /// The suite, commented, ready to be saved.
    pub text: String,
    /// The file it is saved to, or what stands in its place.
    pub path: String,
    saved: bool,
    pieces: Vec<Piece>,
}

/// A flag's value in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Piece {
    /// What messages name in place of a file.
    flag: &'static str,
    /// As typed.
    value: String,
    /// The scalar with its quotes.
    outer: Span,
    /// Its content, where that is the value letter by letter.
    inner: Option<Span>,
}

/// Where a scalar stands, which decides what needs quotes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Block,
    /// Inside `{…}`.
    Flow,
}

impl AdHoc {
    /// The suite that does this. `file`: where it is saved; it takes its name from there, so that
    /// several of them can lie side by side.
    pub fn compose(&self, file: Option<&str>) -> Composed {
        let mut out = Composed {
            text: String::new(),
            path: file.unwrap_or(NO_FILE).to_owned(),
            saved: file.is_some(),
            pieces: Vec::new(),
        };
        let name = file.map_or(Some(AD_HOC), own_name);
        let shown = file.unwrap_or("FILE").replace(char::is_control, "?");
        out.push("# One load on one target, as `prony run URL` ran it.\n#\n");
        out.push(&format!(
            "#   prony run {shown}      run it again\n#   prony check {shown}    see the plan; sends nothing\n"
        ));
        if let Some(name) = name {
            out.push(&format!("suite: {name}\n"));
        }
        self.target(&mut out);
        self.scenario(&mut out);
        out
    }

    fn target(&self, out: &mut Composed) {
        out.push("\ntarget:\n  url: ");
        out.value("URL", &self.url, Style::Block);
        out.push("\n  api: ");
        match &self.api {
            Some(api) => out.value("--api", api, Style::Block),
            None => out.push("chat"),
        }
        match &self.model {
            Some(model) => {
                out.push("\n  model: ");
                out.value("--model", model, Style::Block);
            }
            None => out.push("\n  # model: NAME    # default: the first that /v1/models lists"),
        }
        out.push("\n  # auth: { bearer: \"${API_KEY}\" }\n");
    }

    fn scenario(&self, out: &mut Composed) {
        out.push("\nscenarios:\n  - name: ");
        out.push(&self.name());
        out.push("\n    kind: latency\n");
        match &self.rate {
            Some(rate) => {
                out.push(
                    "    # Open loop: requests are due at this rate, whatever the server does.\n",
                );
                out.push("    load: { rate: ");
                out.value("--rate", rate, Style::Flow);
                out.push(", arrivals: ");
                match &self.arrivals {
                    Some(arrivals) => out.value("--arrivals", arrivals, Style::Flow),
                    None => out.push("poisson"),
                }
            }
            None => {
                out.push("    # Closed loop: that many requests in flight at all times.\n");
                out.push("    load: { concurrency: ");
                match &self.concurrency {
                    Some(n) => out.value("--concurrency", n, Style::Flow),
                    None => out.push("1"),
                }
            }
        }
        out.push(" }\n");
        for (key, flag, value) in [
            ("requests", "--requests", &self.requests),
            ("duration", "--duration", &self.duration),
            ("warmup", "--warmup", &self.warmup),
        ] {
            if let Some(value) = value {
                out.push(&format!("    {key}: "));
                out.value(flag, value, Style::Block);
                out.push("\n");
            }
        }
        if self.requests.is_none() && self.duration.is_none() {
            let default = show_duration(super::resolve::builtin::DURATION);
            out.push(&format!("    duration: {default}\n"));
        }
        if self.warmup.is_none() {
            let default = show_duration(super::resolve::builtin::WARMUP);
            out.push(&format!(
                "    warmup: {default}    # load before the window, not measured\n"
            ));
        }
        if let Some(seed) = self.seed {
            out.push(&format!("    seed: {seed}\n"));
        }
        out.push("    prompts:\n      type: synthetic\n");
        for (key, flag, value, default) in [
            (
                "input_tokens",
                "--input-tokens",
                &self.input_tokens,
                INPUT_TOKENS,
            ),
            (
                "output_tokens",
                "--output-tokens",
                &self.output_tokens,
                OUTPUT_TOKENS,
            ),
        ] {
            out.push(&format!("      {key}: "));
            match value {
                Some(value) => out.value(flag, value, Style::Block),
                None => out.push(default),
            }
            out.push("\n");
        }
        if self.sla.is_empty() {
            out.push("    # Asserts nothing. To gate on it, put an `sla` here, such as\n");
            out.push("    #   sla: [ttft.p99 < 500ms]\n");
            out.push("    measure_only: true\n");
            return;
        }
        out.push("    sla:\n");
        for assertion in &self.sla {
            out.push("      - ");
            out.value("--sla", assertion, Style::Block);
            out.push("\n");
        }
    }

    /// The scenario's name: the load, as far as a name can say it.
    fn name(&self) -> String {
        let (what, level) = match (&self.rate, &self.concurrency) {
            (Some(rate), _) => ("rate", rate.as_str()),
            (None, Some(n)) => ("concurrency", n.as_str()),
            (None, None) => ("concurrency", "1"),
        };
        let level = level.trim().trim_end_matches("/s").trim_end();
        let level: String = level
            .chars()
            .map(|c| if c == '/' { '-' } else { c })
            .collect();
        let name = format!("{what}-{level}");
        if is_name(&name) {
            name
        } else {
            what.to_owned()
        }
    }
}

/// What to write under `suite:` in a file: nothing where its stem is a name already.
fn own_name(file: &str) -> Option<&'static str> {
    let stem = std::path::Path::new(file).file_stem();
    let is_named = stem.and_then(|s| s.to_str()).is_some_and(is_name);
    (!is_named).then_some(AD_HOC)
}

impl Composed {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn value(&mut self, flag: &'static str, value: &str, style: Style) {
        let start = self.text.len();
        let (written, quotes) = scalar(value, style);
        self.text.push_str(&written);
        let end = self.text.len();
        let content = Span {
            start: start + quotes,
            end: end - quotes,
        };
        let verbatim = self.text.get(content.start..content.end) == Some(value);
        self.pieces.push(Piece {
            flag,
            value: value.to_owned(),
            outer: Span { start, end },
            inner: verbatim.then_some(content),
        });
    }

    /// `diagnostic` of this text, in terms of the flags: where it is about a flag's value, it points
    /// into that value, under the flag's name.
    #[must_use]
    pub fn explain(&self, mut diagnostic: Diagnostic) -> Diagnostic {
        let about = diagnostic.location.as_ref().and_then(|l| self.in_flag(l));
        if about.is_some() {
            diagnostic.location = about;
        }
        diagnostic
    }

    /// Lets the assertions of `suite`, which this text was loaded as, point into their flags: there
    /// is no file to point into. A saved suite is left as it is.
    pub fn point_into_flags(&self, suite: &mut Suite) {
        if self.saved {
            return;
        }
        for scenario in &mut suite.scenarios {
            for assertion in &mut scenario.sla {
                if let Some(location) = self.in_flag(&assertion.location) {
                    assertion.location = location;
                }
            }
        }
    }

    fn in_flag(&self, location: &Location) -> Option<Location> {
        let at = location.span;
        let piece = self
            .pieces
            .iter()
            .find(|p| at.start < p.outer.end && p.outer.start < at.end.max(at.start + 1))?;
        let whole = Span {
            start: 0,
            end: piece.value.len(),
        };
        let span = piece.inner.map_or(whole, |inner| Span {
            start: at.start.clamp(inner.start, inner.end) - inner.start,
            end: at.end.clamp(inner.start, inner.end) - inner.start,
        });
        Some(Location {
            file: SourceFile {
                path: Arc::from(piece.flag),
                text: Arc::from(piece.value.as_str()),
            },
            span,
        })
    }
}

/// `value` as a YAML scalar, and how many bytes of quotes stand on either side.
fn scalar(value: &str, style: Style) -> (String, usize) {
    if is_plain(value, style) {
        (value.to_owned(), 0)
    } else if value.chars().any(char::is_control) {
        // What JSON writes for control characters YAML reads in double quotes.
        (serde_json::Value::from(value).to_string(), 1)
    } else {
        (format!("'{}'", value.replace('\'', "''")), 1)
    }
}

/// Whether YAML reads `value` as it stands, as text or as a number.
fn is_plain(value: &str, style: Style) -> bool {
    let usual = |c: char| c.is_ascii_alphanumeric() || " ._-/:%()<>=+*,".contains(c);
    let means_something = value.ends_with([' ', ':'])
        || value.contains(": ")
        || style == Style::Flow && value.contains([',', ':'])
        || matches!(value, "null" | "Null" | "NULL");
    value.starts_with(|c: char| c.is_ascii_alphanumeric())
        && value.chars().all(usual)
        && !means_something
}

#[cfg(test)]
mod tests {
    use super::super::loader::{LoadOptions, SuiteInput, load};
    use super::*;

    fn load_text(composed: &Composed) -> Result<Suite, Vec<Diagnostic>> {
        let options = LoadOptions {
            env: &|_| None,
            validate_sim: &|_| Ok(()),
            ..LoadOptions::default()
        };
        let input = SuiteInput {
            path: composed.path.clone(),
            bytes: composed.text.clone().into_bytes(),
        };
        load(&[input], &options).map(|mut suites| suites.remove(0))
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    fn at(url: &str) -> AdHoc {
        AdHoc {
            url: url.to_owned(),
            ..AdHoc::default()
        }
    }

    #[test]
    fn a_url_alone_is_one_user_who_asks_for_a_minute() {
        insta::assert_snapshot!(at("http://127.0.0.1:8000/v1").compose(None).text);
        let suite = load_text(&at("http://127.0.0.1:8000/v1").compose(None)).unwrap();
        assert!(suite.scenarios[0].measure_only);
        assert_eq!(suite.scenarios[0].name, "concurrency-1");
    }

    #[test]
    fn every_flag_has_its_place() {
        let all = AdHoc {
            url: "http://127.0.0.1:8000/v1".into(),
            api: some("completions"),
            model: some("org/model: 7b"),
            concurrency: None,
            rate: some("20/s"),
            arrivals: some("gamma(0.5)"),
            duration: some("30s"),
            requests: some("100"),
            warmup: some("0s"),
            input_tokens: some("100"),
            output_tokens: some("20"),
            seed: Some(7),
            sla: vec![
                "ttft.p99 < 1s".into(),
                "goodput(ttft < 1s, tpot < 40ms) >= 99%".into(),
            ],
        };
        let composed = all.compose(Some("suites/peak.yaml"));
        insta::assert_snapshot!(composed.text);
        let suite = load_text(&composed).unwrap();
        assert_eq!((suite.name.as_str(), suite.scenarios.len()), ("peak", 1));
        assert_eq!(suite.scenarios[0].sla.len(), 2);
        assert_eq!(
            suite.scenarios[0].target.model.as_deref(),
            Some("org/model: 7b")
        );
    }

    #[test]
    fn a_file_whose_stem_is_no_name_says_one_inside() {
        let composed = at("sim://").compose(Some("my suite.yaml"));
        assert_eq!(load_text(&composed).unwrap().name, AD_HOC);
    }

    fn explained(ad_hoc: &AdHoc) -> String {
        let composed = ad_hoc.compose(None);
        let problems = load_text(&composed).unwrap_err();
        let shown: Vec<_> = problems
            .into_iter()
            .map(|p| composed.explain(p).to_string())
            .collect();
        shown.join("\n\n")
    }

    #[test]
    fn problems_point_into_the_flag() {
        insta::assert_snapshot!(explained(&AdHoc {
            rate: some("20"),
            arrivals: some("poison"),
            duration: some("60"),
            requests: some("many"),
            sla: vec!["ttft.p99 < 1s".into(), "tftt.p99 < 1s".into(), "> 5".into()],
            ..at("http://h/v1/chat/completions")
        }));
    }

    #[test]
    fn a_failed_assertion_points_into_its_flag_unless_it_is_saved() {
        let ad_hoc = AdHoc {
            sla: vec!["throughput > 5/s".into()],
            ..at("sim://")
        };
        for (file, place, line) in [
            (None, "--sla", "throughput > 5/s"),
            (Some("x.yaml"), "x.yaml", "      - throughput > 5/s"),
        ] {
            let composed = ad_hoc.compose(file);
            let mut suite = load_text(&composed).unwrap();
            composed.point_into_flags(&mut suite);
            let location = &suite.scenarios[0].sla[0].location;
            assert_eq!(&*location.file.path, place);
            assert_eq!(location.line_text(), line);
        }
    }

    #[test]
    fn what_was_typed_is_what_is_read() {
        for model in [
            "a", "7", "null", "~", "a: b", "a #b", "'a'", "\"a\"", "a\tb\nc", "- a", "{a}", "é",
            "a:", "!x", "*a", "&a", "true", "on", "%x", "@x", "`x`", "a, b", "[a]", "0x10", "x ",
        ] {
            let composed = AdHoc {
                model: some(model),
                ..at("sim://")
            }
            .compose(None);
            let suite = load_text(&composed).unwrap_or_else(|p| panic!("{model}: {p:?}"));
            assert_eq!(suite.scenarios[0].target.model.as_deref(), Some(model));
        }
    }
}
