//! Suites made in code. They are written as YAML and read like any other, so that everything that is
//! checked in a file is checked here, too; errors and failed assertions point at the builder's calls.

use std::panic::Location as Caller;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;

use super::diagnostic::Diagnostic;
use super::kinds::{Goal, KindPlan, Search};
use super::loader::{LoadOptions, SuiteInput, load};
use super::model;
use super::source::{Location, SourceFile, Span};
use super::units::show_duration;

/// A value of a suite: text, a number, yes or no, a duration, a list, or a [`Value::map`].
///
/// Text means what it means in a suite: `"20/s"` is a rate, `"${PRONY_TARGET:-sim://}"` a variable.
#[derive(Clone, Debug, PartialEq)]
pub struct Value(Json);

impl Value {
    /// A mapping.
    ///
    /// ```
    /// use prony::builder::Value;
    /// let lengths = Value::map([("mean", 200), ("stddev", 40)]);
    /// ```
    pub fn map<K: Into<String>, V: Into<Value>>(entries: impl IntoIterator<Item = (K, V)>) -> Self {
        let entries = entries.into_iter().map(|(k, v)| (k.into(), v.into().0));
        Value(Json::Object(entries.collect()))
    }
}

macro_rules! values {
    ($($from:ty),*) => {
        $(impl From<$from> for Value {
            fn from(value: $from) -> Self {
                Value(value.into())
            }
        })*
    };
}

values!(&str, String, bool, i32, i64, u32, u64, f64, Json);

impl From<Duration> for Value {
    fn from(value: Duration) -> Self {
        Value(show_duration(value).into())
    }
}

impl<V: Into<Value>> From<Vec<V>> for Value {
    fn from(values: Vec<V>) -> Self {
        Value(values.into_iter().map(|v| v.into().0).collect())
    }
}

/// A call of the builder.
#[derive(Clone, Debug)]
struct Call {
    at: &'static Caller<'static>,
    text: String,
}

impl Call {
    fn new(at: &'static Caller<'static>, name: &str, arguments: &[&Json]) -> Self {
        let arguments: Vec<String> = arguments.iter().map(|a| a.to_string()).collect();
        Call {
            at,
            text: format!("{name}({})", arguments.join(", ")),
        }
    }

    /// The call as a place in its file. Of that file nothing is known but the call.
    fn location(&self, start: usize, end: usize) -> Location {
        let (line, column) = (self.at.line() as usize, self.at.column() as usize);
        let before = "\n".repeat(line.saturating_sub(1)) + &" ".repeat(column.saturating_sub(1));
        Location {
            span: Span {
                start: before.len() + start,
                end: before.len() + end,
            },
            file: SourceFile {
                path: Arc::from(self.at.file()),
                text: Arc::from(format!("{before}{}", self.text)),
            },
        }
    }
}

/// A setting: where it goes, what it says, and which call said so.
#[derive(Clone, Debug)]
struct Entry {
    path: Vec<String>,
    value: Json,
    call: Call,
}

/// A suite made in code.
///
/// ```
/// use prony::builder::{Scenario, Suite};
///
/// let suite = Suite::new("chat")
///     .target("sim://")
///     .default("prompts.type", "synthetic")
///     .default("prompts.input_tokens", 200)
///     .default("prompts.output_tokens", 24)
///     .scenario(
///         Scenario::latency("steady")
///             .rate("20/s")
///             .arrivals("poisson")
///             .requests(200)
///             .sla("ttft.p95 < 500ms")
///             .sla("tpot.p50 <= 40ms"),
///     );
/// let checked = suite.load(&prony::runner::load_options(None, None)).unwrap();
/// assert_eq!(checked.scenarios[0].requests, Some(200));
/// ```
///
/// What is wrong with a suite is found when it is loaded, all of it at once, and says which call it is
/// about:
///
/// ```
/// # use prony::builder::{Scenario, Suite};
/// let suite = Suite::new("chat")
///     .target("sim://")
///     .default("prompts.type", "synthetic")
///     .default("prompts.input_tokens", 200)
///     .default("prompts.output_tokens", 24)
///     .scenario(Scenario::latency("steady").rate("20").sla("ttft.p95 < 500ms"));
/// let problems = suite.load(&prony::runner::load_options(None, None)).unwrap_err();
/// assert_eq!(problems[0].message, "the rate `20` has no unit");
/// assert!(problems[0].to_string().contains(r#"rate("20")"#));
/// ```
///
/// Run it with [`crate::Harness`].
#[derive(Clone, Debug)]
pub struct Suite {
    name: String,
    entries: Vec<Entry>,
    scenarios: Vec<Scenario>,
}

/// A scenario of a [`Suite`].
#[derive(Clone, Debug)]
pub struct Scenario {
    entries: Vec<Entry>,
    sla: Vec<(Json, Call)>,
}

impl Suite {
    /// A suite of that name.
    #[track_caller]
    pub fn new(name: impl Into<String>) -> Self {
        let name = name.into();
        let value = Json::from(name.clone());
        Suite {
            entries: vec![Entry {
                path: vec!["suite".to_owned()],
                call: Call::new(Caller::caller(), "Suite::new", &[&value]),
                value,
            }],
            name,
            scenarios: Vec::new(),
        }
    }

    /// Where requests go: `http(s)://host:port/v1`, or `sim://PRESET`.
    #[must_use]
    #[track_caller]
    pub fn target(self, url: impl Into<Value>) -> Self {
        self.with("target", &["target", "url"], url.into())
    }

    /// The model asked for; the first that the target lists otherwise.
    #[must_use]
    #[track_caller]
    pub fn model(self, name: impl Into<Value>) -> Self {
        self.with("model", &["target", "model"], name.into())
    }

    /// The protocol: `chat` or `completions`.
    #[must_use]
    #[track_caller]
    pub fn api(self, name: impl Into<Value>) -> Self {
        self.with("api", &["target", "api"], name.into())
    }

    /// A header of every request. Its value is a secret: no output shows it.
    #[must_use]
    #[track_caller]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        let (name, value) = (name.into(), value.into().0);
        let shown = Json::from("…");
        self.entries.push(Entry {
            call: Call::new(
                Caller::caller(),
                "header",
                &[&Json::from(name.clone()), &shown],
            ),
            path: ["target", "headers", &name].map(str::to_owned).to_vec(),
            value,
        });
        self
    }

    /// Any key of a suite. A dot leads into a mapping: `target.gpus`.
    #[must_use]
    #[track_caller]
    pub fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.entries
            .push(setting("set", key, &[], value.into(), Caller::caller()));
        self
    }

    /// A setting of all scenarios that do not say otherwise. A dot leads into a mapping:
    /// `prompts.input_tokens`.
    #[must_use]
    #[track_caller]
    pub fn default(mut self, key: &str, value: impl Into<Value>) -> Self {
        let at = Caller::caller();
        self.entries
            .push(setting("default", key, &["defaults"], value.into(), at));
        self
    }

    /// Adds a scenario.
    #[must_use]
    pub fn scenario(mut self, scenario: Scenario) -> Self {
        self.scenarios.push(scenario);
        self
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The suite as a file: what `prony run` would take.
    pub fn to_yaml(&self) -> String {
        self.written().text
    }

    /// Checks it like a suite that was read from a file.
    ///
    /// # Errors
    /// Every problem, each at the call that it is about.
    pub fn load(&self, options: &LoadOptions<'_>) -> Result<model::Suite, Vec<Diagnostic>> {
        match load(&[self.input()], options) {
            Ok(mut suites) => match suites.pop() {
                Some(suite) => Ok(self.place(suite)),
                None => Err(vec![Diagnostic::new("the suite is empty")]),
            },
            Err(problems) => Err(self.place_problems(problems)),
        }
    }

    /// It as a file among others. What comes of it has to be given to [`Suite::place`] or
    /// [`Suite::place_problems`].
    pub(crate) fn input(&self) -> SuiteInput {
        SuiteInput {
            // Relative paths inside start in the working directory.
            path: format!("{}.yaml", self.name),
            bytes: self.to_yaml().into_bytes(),
        }
    }

    /// Lets the places of a loaded suite be those of the builder's calls.
    pub(crate) fn place(&self, mut suite: model::Suite) -> model::Suite {
        let written = self.written();
        suite.location = written.place(&suite.location);
        for scenario in &mut suite.scenarios {
            scenario.location = written.place(&scenario.location);
            if let model::PromptSource::File { location, .. } = &mut scenario.prompts.source {
                *location = written.place(location);
            }
            let bounds = match &mut scenario.plan {
                KindPlan::Search(Search {
                    goal: Goal::Capacity { subject_to },
                    ..
                }) => subject_to.as_mut_slice(),
                _ => &mut [],
            };
            for sla in scenario.sla.iter_mut().chain(bounds) {
                sla.location = written.place(&sla.location);
            }
            for rule in &mut scenario.baseline {
                rule.location = written.place(&rule.location);
            }
        }
        suite
    }

    /// Lets the places of problems be those of the builder's calls.
    pub(crate) fn place_problems(&self, problems: Vec<Diagnostic>) -> Vec<Diagnostic> {
        let written = self.written();
        let place = |problem: Diagnostic| Diagnostic {
            location: problem.location.as_ref().map(|l| written.place(l)),
            related: problem
                .related
                .into_iter()
                .map(|(l, remark)| (written.place(&l), remark))
                .collect(),
            ..problem
        };
        problems.into_iter().map(place).collect()
    }

    #[track_caller]
    fn with(mut self, name: &str, path: &[&str], value: Value) -> Self {
        self.entries
            .push(entry(name, path, value, Caller::caller()));
        self
    }

    fn written(&self) -> Written<'_> {
        let mut written = Written {
            path: format!("{}.yaml", self.name),
            ..Written::default()
        };
        let entries: Vec<&Entry> = self.entries.iter().collect();
        written.mapping(&entries, 0, "");
        if let Some(first) = self.scenarios.first() {
            written.line("scenarios:", first.entries.first().map(|e| (&e.call, None)));
        }
        for scenario in &self.scenarios {
            let entries: Vec<&Entry> = scenario.entries.iter().collect();
            let begin = written.text.len();
            written.mapping(&entries, 0, "    ");
            // The first key stands behind the dash of the list.
            written.text.replace_range(begin..begin + 4, "  - ");
            if let Some((_, call)) = scenario.sla.first() {
                written.line("    sla:", Some((call, None)));
            }
            for (value, call) in &scenario.sla {
                written.line(&format!("      - {value}"), Some((call, Some(value))));
            }
        }
        written
    }
}

impl Scenario {
    /// A scenario of any kind.
    #[track_caller]
    pub fn new(name: impl Into<String>, kind: impl Into<Value>) -> Self {
        let (name, kind) = (Json::from(name.into()), kind.into().0);
        let call = Call::new(Caller::caller(), "Scenario::new", &[&name, &kind]);
        Self::of(name, kind, &call)
    }

    /// Latency at a stated load.
    #[track_caller]
    pub fn latency(name: impl Into<String>) -> Self {
        let name = Json::from(name.into());
        let call = Call::new(Caller::caller(), "Scenario::latency", &[&name]);
        Self::of(name, "latency".into(), &call)
    }

    /// Throughput at a stated load.
    #[track_caller]
    pub fn throughput(name: impl Into<String>) -> Self {
        let name = Json::from(name.into());
        let call = Call::new(Caller::caller(), "Scenario::throughput", &[&name]);
        Self::of(name, "throughput".into(), &call)
    }

    /// Levels of a [`sweep`](Self::sweep) against each other.
    #[track_caller]
    pub fn scalability(name: impl Into<String>) -> Self {
        let name = Json::from(name.into());
        let call = Call::new(Caller::caller(), "Scenario::scalability", &[&name]);
        Self::of(name, "scalability".into(), &call)
    }

    /// A cold against a warm prefix cache.
    #[track_caller]
    pub fn cache(name: impl Into<String>) -> Self {
        let name = Json::from(name.into());
        let call = Call::new(Caller::caller(), "Scenario::cache", &[&name]);
        Self::of(name, "cache".into(), &call)
    }

    /// Two [`targets`](Self::targets) against each other, or long prompts against a steady load
    /// ([`interference`](Self::interference)).
    #[track_caller]
    pub fn disaggregation(name: impl Into<String>) -> Self {
        let name = Json::from(name.into());
        let call = Call::new(Caller::caller(), "Scenario::disaggregation", &[&name]);
        Self::of(name, "disaggregation".into(), &call)
    }

    fn of(name: Json, kind: Json, call: &Call) -> Self {
        let entry = |key: &str, value| Entry {
            path: vec![key.to_owned()],
            value,
            call: call.clone(),
        };
        Scenario {
            entries: vec![entry("name", name), entry("kind", kind)],
            sla: Vec::new(),
        }
    }

    /// Open loop: requests per time, such as `20/s`.
    #[must_use]
    #[track_caller]
    pub fn rate(self, rate: impl Into<Value>) -> Self {
        self.with("rate", &["load", "rate"], rate.into())
    }

    /// Spacing of an open loop: `constant`, `poisson` or `gamma(SHAPE)`.
    #[must_use]
    #[track_caller]
    pub fn arrivals(self, arrivals: impl Into<Value>) -> Self {
        self.with("arrivals", &["load", "arrivals"], arrivals.into())
    }

    /// Closed loop: that many requests in flight.
    #[must_use]
    #[track_caller]
    pub fn concurrency(self, requests: impl Into<Value>) -> Self {
        self.with("concurrency", &["load", "concurrency"], requests.into())
    }

    /// At most that many requests in flight.
    #[must_use]
    #[track_caller]
    pub fn max_concurrency(self, requests: impl Into<Value>) -> Self {
        let path = ["load", "max_concurrency"];
        self.with("max_concurrency", &path, requests.into())
    }

    /// How a closed loop begins: `spread` or `together`.
    #[must_use]
    #[track_caller]
    pub fn start(self, start: impl Into<Value>) -> Self {
        self.with("start", &["load", "start"], start.into())
    }

    /// Looks for a load, in kind `throughput`: a [`Value::map`] with `maximize` or `saturate`, `from`,
    /// `to` and what else stands under `search:` in a suite.
    #[must_use]
    #[track_caller]
    pub fn search(self, search: impl Into<Value>) -> Self {
        self.with("search", &["search"], search.into())
    }

    /// Levels, in kind `scalability`: a [`Value::map`] with `concurrency`, `rate` or `replicas`, and
    /// what else stands under `sweep:` in a suite.
    #[must_use]
    #[track_caller]
    pub fn sweep(self, sweep: impl Into<Value>) -> Self {
        self.with("sweep", &["sweep"], sweep.into())
    }

    /// Two targets, in kind `disaggregation`: a [`Value::map`] from the names of their phases.
    #[must_use]
    #[track_caller]
    pub fn targets(self, targets: impl Into<Value>) -> Self {
        self.with("targets", &["targets"], targets.into())
    }

    /// Long prompts beside the load, in kind `disaggregation`: a [`Value::map`] with `rate` and
    /// `input_tokens`.
    #[must_use]
    #[track_caller]
    pub fn interference(self, interference: impl Into<Value>) -> Self {
        self.with("interference", &["interference"], interference.into())
    }

    /// The window ends after that many requests.
    #[must_use]
    #[track_caller]
    pub fn requests(self, requests: impl Into<Value>) -> Self {
        self.with("requests", &["requests"], requests.into())
    }

    /// The window ends after that time: a [`Duration`], or text such as `60s`.
    #[must_use]
    #[track_caller]
    pub fn duration(self, duration: impl Into<Value>) -> Self {
        self.with("duration", &["duration"], duration.into())
    }

    /// Load before the window, which is not measured.
    #[must_use]
    #[track_caller]
    pub fn warmup(self, duration: impl Into<Value>) -> Self {
        self.with("warmup", &["warmup"], duration.into())
    }

    /// Synthetic prompts of that many tokens; a number or a distribution
    /// (`Value::map([("mean", 200), ("stddev", 40)])`).
    #[must_use]
    #[track_caller]
    pub fn input_tokens(self, tokens: impl Into<Value>) -> Self {
        let path = ["prompts", "input_tokens"];
        self.synthetic("input_tokens", &path, tokens.into())
    }

    /// Answers of that many tokens are asked for; a number or a distribution.
    #[must_use]
    #[track_caller]
    pub fn output_tokens(self, tokens: impl Into<Value>) -> Self {
        let path = ["prompts", "output_tokens"];
        self.synthetic("output_tokens", &path, tokens.into())
    }

    /// Synthetic prompts that begin alike in groups
    /// (`Value::map([("tokens", 2048), ("groups", 8)])`).
    #[must_use]
    #[track_caller]
    pub fn prefix(self, prefix: impl Into<Value>) -> Self {
        self.synthetic("prefix", &["prompts", "prefix"], prefix.into())
    }

    /// What counts tokens: `server`, `none`, or a mapping
    /// (`Value::map([("tiktoken", "o200k_base")])`).
    #[must_use]
    #[track_caller]
    pub fn tokenizer(self, tokenizer: impl Into<Value>) -> Self {
        self.with("tokenizer", &["tokenizer"], tokenizer.into())
    }

    /// An assertion, such as `ttft.p99 < 500ms`. Each call adds one.
    #[must_use]
    #[track_caller]
    pub fn sla(mut self, assertion: impl Into<String>) -> Self {
        let value = Json::from(assertion.into());
        let call = Call::new(Caller::caller(), "sla", &[&value]);
        self.sla.push((value, call));
        self
    }

    /// How much worse than the accepted results a metric may be: `baseline("ttft.p99", "15%")`,
    /// `baseline("error_rate", "+1pt")`. Each call adds one.
    #[must_use]
    #[track_caller]
    pub fn baseline(self, metric: impl Into<String>, tolerance: impl Into<Value>) -> Self {
        let (metric, value) = (metric.into(), tolerance.into().0);
        self.push(Entry {
            call: Call::new(
                Caller::caller(),
                "baseline",
                &[&Json::from(metric.clone()), &value],
            ),
            path: vec!["baseline".to_owned(), metric],
            value,
        })
    }

    /// The scenario asserts nothing.
    #[must_use]
    #[track_caller]
    pub fn measure_only(self) -> Self {
        let at = Caller::caller();
        let mut entry = entry("measure_only", &["measure_only"], true.into(), at);
        entry.call = Call::new(at, "measure_only", &[]);
        self.push(entry)
    }

    /// Any key of a scenario. A dot leads into a mapping: `timeouts.total`.
    #[must_use]
    #[track_caller]
    pub fn set(self, key: &str, value: impl Into<Value>) -> Self {
        self.push(setting("set", key, &[], value.into(), Caller::caller()))
    }

    #[track_caller]
    fn with(self, name: &str, path: &[&str], value: Value) -> Self {
        self.push(entry(name, path, value, Caller::caller()))
    }

    /// A setting of prompts that makes them synthetic, unless their type is said already.
    #[track_caller]
    fn synthetic(mut self, name: &str, path: &[&str], value: Value) -> Self {
        let kind = ["prompts", "type"];
        if !self.entries.iter().any(|e| e.path == kind) {
            self.entries
                .push(entry(name, &kind, "synthetic".into(), Caller::caller()));
        }
        self.with(name, path, value)
    }

    fn push(mut self, entry: Entry) -> Self {
        self.entries.push(entry);
        self
    }
}

/// A setting with a method of its own.
fn entry(name: &str, path: &[&str], value: Value, at: &'static Caller<'static>) -> Entry {
    Entry {
        path: path.iter().map(|&p| p.to_owned()).collect(),
        call: Call::new(at, name, &[&value.0]),
        value: value.0,
    }
}

/// A setting named by its key.
fn setting(
    name: &str,
    key: &str,
    below: &[&str],
    value: Value,
    at: &'static Caller<'static>,
) -> Entry {
    let below = below.iter().copied();
    Entry {
        path: below.chain(key.split('.')).map(str::to_owned).collect(),
        call: Call::new(at, name, &[&Json::from(key), &value.0]),
        value: value.0,
    }
}

/// YAML, and which call each of its lines comes from.
#[derive(Debug, Default)]
struct Written<'a> {
    path: String,
    text: String,
    /// Per line: the call, and the value that stands at the line's end, if one does.
    lines: Vec<Option<(&'a Call, Option<&'a Json>)>>,
}

impl<'a> Written<'a> {
    fn line(&mut self, text: &str, from: Option<(&'a Call, Option<&'a Json>)>) {
        self.text.push_str(text);
        self.text.push('\n');
        self.lines.push(from);
    }

    /// `entries` from the `depth`th part of their paths on, in the order in which their keys first
    /// occur. What is said twice is written twice: the reader refuses it.
    fn mapping(&mut self, entries: &[&'a Entry], depth: usize, indent: &str) {
        let mut done: Vec<&str> = Vec::new();
        for entry in entries {
            let Some(key) = entry.path.get(depth).map(String::as_str) else {
                continue;
            };
            let shown = Json::from(key);
            if entry.path.len() == depth + 1 {
                let from = (&entry.call, Some(&entry.value));
                self.line(&format!("{indent}{shown}: {}", entry.value), Some(from));
            } else if !done.contains(&key) {
                done.push(key);
                let inside: Vec<&Entry> = entries
                    .iter()
                    .filter(|e| e.path.len() > depth + 1 && e.path[depth] == key)
                    .copied()
                    .collect();
                self.line(&format!("{indent}{shown}:"), Some((&entry.call, None)));
                self.mapping(&inside, depth + 1, &format!("{indent}  "));
            }
        }
    }

    /// The place in code of a place in the YAML text.
    fn place(&self, location: &Location) -> Location {
        // Suites of files are among the related places, too.
        if *location.file.path != *self.path {
            return location.clone();
        }
        let (line, _) = location.line_column();
        let Some(Some((call, value))) = self.lines.get(line - 1) else {
            return location.clone();
        };
        let whole = call.location(0, call.text.len());
        let Some(value) = value.map(Json::to_string) else {
            return whole;
        };
        // The value stands at the end of the line, and the same way in the call.
        let text = location.line_text();
        let line_start = self
            .text
            .split_inclusive('\n')
            .take(line - 1)
            .map(str::len)
            .sum::<usize>();
        let in_line = location.span.start.saturating_sub(line_start);
        let value_start = text.len().saturating_sub(value.len());
        match (call.text.rfind(&value), in_line.checked_sub(value_start)) {
            (Some(found), Some(offset)) => {
                let length = location.span.end.saturating_sub(location.span.start);
                let end = (offset + length).min(value.len());
                call.location(found + offset, found + end.max(offset))
            }
            _ => whole,
        }
    }
}

#[cfg(test)]
#[path = "builder_tests.rs"]
mod tests;
