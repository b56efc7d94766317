use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use super::arguments::TestArguments;
use super::baselines::{BaselineSettings, in_ci};
use super::ci::Ci;
use super::context::Context;
use super::discover::{PROJECT_FILE, discover, find_project};
use super::edge::{load_options, new_nonce, resolved};
use super::finish::{Wanted, finish};
use super::harness::{run_as_tests, run_info, test_of};
use super::interrupt::Interrupt;
use super::libtest::Test;
use super::prompts::check_prompt_files;
use super::{broken, invocation};
use crate::exit;
use crate::plan::expand;
use crate::suite::{Diagnostic, Suite, SuiteInput, builder, load_each};
use crate::text::Redactor;

/// The whole of a test target that runs suites as tests, with `harness = false`:
///
/// ```no_run
/// fn main() -> std::process::ExitCode {
///     prony::harness("suites")
/// }
/// ```
///
/// `suites` is a suite file or a folder of suites. See [`Harness`] for more than that.
///
/// Cases against the embedded engine run in virtual time; `PRONY_VIRTUAL=0` in the environment makes
/// them run in real time, over TCP.
pub fn harness(suites: impl Into<PathBuf>) -> ExitCode {
    Harness::new(suites).run()
}

/// A test target that runs suites as tests, with `harness = false` in `Cargo.toml`.
///
/// Arguments are libtest's, and so are the lines that it prints; `cargo nextest run` lists and runs each
/// case in a process of its own. As with any test binary a filter that matches nothing is no failure,
/// and a broken suite is one failing test. Results go to `results/` of the crate.
///
/// ```no_run
/// use prony::Harness;
/// use prony::builder::{Scenario, Suite};
///
/// fn main() -> std::process::ExitCode {
///     let steady = Scenario::latency("steady")
///         .rate("20/s")
///         .requests(200)
///         .input_tokens(128)
///         .output_tokens(32)
///         .sla("ttft.p95 < 500ms");
///     Harness::new("suites")
///         .suite(Suite::new("in-code").target("sim://").scenario(steady))
///         .label("team", "search")
///         .run()
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Harness {
    paths: Vec<PathBuf>,
    built: Vec<builder::Suite>,
    results: PathBuf,
    baselines: PathBuf,
    target: Option<String>,
    seed: Option<u64>,
    labels: BTreeMap<String, String>,
    virtual_time: Option<bool>,
}

impl Harness {
    /// Runs the suites of a file or a folder. Relative paths start in the crate's folder, as cargo's
    /// tests do.
    pub fn new(suites: impl Into<PathBuf>) -> Self {
        Harness {
            paths: vec![suites.into()],
            ..Self::of([])
        }
    }

    /// Runs suites made in code.
    pub fn of(suites: impl IntoIterator<Item = builder::Suite>) -> Self {
        Harness {
            paths: Vec::new(),
            built: suites.into_iter().collect(),
            results: PathBuf::from("results"),
            baselines: BaselineSettings::default().folder,
            target: None,
            seed: None,
            labels: BTreeMap::new(),
            virtual_time: None,
        }
    }

    /// Adds the suites of another file or folder.
    #[must_use]
    pub fn suites(mut self, path: impl Into<PathBuf>) -> Self {
        self.paths.push(path.into());
        self
    }

    /// Adds a suite made in code.
    #[must_use]
    pub fn suite(mut self, suite: builder::Suite) -> Self {
        self.built.push(suite);
        self
    }

    /// The folder that receives the results folders; `results` otherwise.
    #[must_use]
    pub fn results(mut self, folder: impl Into<PathBuf>) -> Self {
        self.results = folder.into();
        self
    }

    /// The folder of accepted results; `baselines` otherwise.
    #[must_use]
    pub fn baselines(mut self, folder: impl Into<PathBuf>) -> Self {
        self.baselines = folder.into();
        self
    }

    /// Replaces every suite's target, as `prony run --target` does.
    #[must_use]
    pub fn target(mut self, url: impl Into<String>) -> Self {
        self.target = Some(url.into());
        self
    }

    /// Replaces every scenario's seed, as `prony run --seed` does.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// A label of the run, kept in its results.
    #[must_use]
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(key.into(), value.into());
        self
    }

    /// Whether cases against the embedded engine run in virtual time. They do unless the environment
    /// says `PRONY_VIRTUAL=0`.
    #[must_use]
    pub fn virtual_time(mut self, yes: bool) -> Self {
        self.virtual_time = Some(yes);
        self
    }

    /// Does what the process's arguments say, and returns the exit code.
    pub fn run(self) -> ExitCode {
        let words: Vec<String> = std::env::args_os()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        ExitCode::from(u8::try_from(self.run_with(words)).unwrap_or(1))
    }

    fn run_with(self, words: Vec<String>) -> i32 {
        let program = words.first().map_or("test", String::as_str);
        let arguments = match TestArguments::from_words(program, words.iter().skip(1).cloned()) {
            Ok(arguments) => arguments,
            Err(refused) => return refused.print(),
        };
        // Cargo starts tests there, but not examples, nor does a person.
        if let Some(home) = std::env::var_os("CARGO_MANIFEST_DIR")
            && let Err(e) = std::env::set_current_dir(&home)
        {
            eprintln!("error: cannot enter {}: {e}", Path::new(&home).display());
            return exit::INTERNAL;
        }
        let ci = Ci::from_env();
        let (suites, broken) = self.load();
        let interrupt = match Interrupt::install() {
            Ok(interrupt) => interrupt,
            Err(e) => {
                eprintln!("error: cannot listen for signals: {e}");
                return exit::INTERNAL;
            }
        };
        let secrets: Vec<(String, String)> =
            suites.iter().flat_map(|s| s.secrets.clone()).collect();
        let redactor = Redactor::new(&secrets);
        let command = invocation::command(&words, &invocation::env)
            .iter()
            .map(|word| redactor.apply(word).into_owned())
            .collect();
        let mut info = run_info(command, self.seed, self.labels);
        if let Some(id) = invocation::nextest_run(&invocation::env) {
            info.id = id;
        }
        let mut context = Context::new(
            self.results,
            info,
            resolved(&suites),
            new_nonce(),
            self.virtual_time
                .unwrap_or_else(|| invocation::env("PRONY_VIRTUAL").is_none_or(|v| v != "0")),
            interrupt,
        );
        context.baselines = BaselineSettings {
            folder: self.baselines,
            ci: in_ci(),
            ..BaselineSettings::default()
        };
        let context = Arc::new(context);
        let mut tests: Vec<Test> = broken
            .into_iter()
            .map(|b| broken::test_of(b, &context, &ci))
            .collect();
        tests.extend(
            expand(&suites)
                .into_iter()
                .map(|case| test_of(case, &context, &arguments)),
        );
        let outcome = match run_as_tests(tests, &context, &arguments) {
            Ok(outcome) => outcome,
            Err(e) => {
                eprintln!("error: {e}");
                return exit::USAGE;
            }
        };
        let wanted = Wanted {
            ci,
            ..Wanted::default()
        };
        match finish(&outcome, &context, &wanted) {
            // Other test binaries of the same `cargo test` may hold what the filter names.
            exit::NOTHING_SELECTED => exit::OK,
            code => code,
        }
    }

    /// Suites that can run, and problems of those that cannot, by what they were named as.
    fn load(&self) -> (Vec<Suite>, Vec<(String, Vec<Diagnostic>)>) {
        let mut broken = Vec::new();
        let mut inputs: Vec<(SuiteInput, Option<&builder::Suite>)> = Vec::new();
        for path in &self.paths {
            match discover(std::slice::from_ref(path)) {
                Ok(found) => inputs.extend(found.into_iter().map(|input| (input, None))),
                Err(problems) => broken.push((path.display().to_string(), problems)),
            }
        }
        inputs.extend(self.built.iter().map(|suite| (suite.input(), Some(suite))));
        let (inputs, built): (Vec<SuiteInput>, Vec<_>) = inputs.into_iter().unzip();
        let mut options = load_options(self.seed, self.target.clone());
        match find_project(&self.paths) {
            Ok(project) => options.project = project,
            Err(problem) => {
                broken.push((PROJECT_FILE.to_owned(), vec![problem]));
                return (Vec::new(), broken);
            }
        }
        let loaded = match load_each(&inputs, &options) {
            Ok(loaded) => loaded,
            Err(problems) => {
                broken.push((PROJECT_FILE.to_owned(), problems));
                return (Vec::new(), broken);
            }
        };
        let mut suites = Vec::new();
        for ((result, input), built) in loaded.into_iter().zip(inputs).zip(built) {
            let result = match built {
                Some(builder) => result
                    .map(|suite| builder.place(suite))
                    .map_err(|problems| builder.place_problems(problems)),
                None => result,
            };
            let problems = match result {
                Ok(suite) => match check_prompt_files(std::slice::from_ref(&suite)) {
                    problems if problems.is_empty() => {
                        suites.push(suite);
                        continue;
                    }
                    problems => problems,
                },
                Err(problems) => problems,
            };
            let name = built.map_or(input.path, |builder| builder.name().to_owned());
            broken.push((name, problems));
        }
        (suites, broken)
    }
}
