use clap::{CommandFactory, FromArgMatches, Parser, ValueEnum};
use libtest_mimic::{Arguments, ColorSetting, FormatSetting};

/// libtest's arguments, those that libtest-mimic lacks included: several filters, `--no-capture`,
/// `--shuffle`, `--fail-fast`, `RUST_TEST_THREADS`, …
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestArguments {
    /// Only list the tests.
    pub list: bool,
    /// Names that select a test: any of them, as a part of its name, or whole with `exact`.
    pub filters: Vec<String>,
    /// Names that leave a test out, matched alike.
    pub skip: Vec<String>,
    /// Whether `filters` and `skip` are whole names.
    pub exact: bool,
    /// Cases measured at once; 1 unless asked otherwise, as measurements disturb each other.
    pub threads: usize,
    /// Run in an order drawn from that seed.
    pub shuffle: Option<u64>,
    /// Start no case after the first that did not pass.
    pub fail_fast: bool,
    /// Show what passing cases measured, too.
    pub no_capture: bool,
    /// Events for programs in place of lines for people.
    pub json: bool,
    /// With `json`: how long each test took.
    pub report_time: bool,
    /// One character per test, and as little else as possible.
    pub terse: bool,
    ignored: bool,
    include_ignored: bool,
    test: bool,
    bench: bool,
    color: Option<ColorSetting>,
    logfile: Option<String>,
}

/// Arguments that cannot be followed, or that ask for help: what to print, and how to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgumentsRefused {
    /// The text, line breaks included.
    pub text: String,
    /// Whether it is the help that was asked for: standard output and exit code 0. Else standard
    /// error and exit code 2.
    pub help: bool,
}

impl ArgumentsRefused {
    /// Prints the text where it belongs and returns the exit code.
    pub fn print(&self) -> i32 {
        if self.help {
            print!("{}", self.text);
            crate::exit::OK
        } else {
            eprint!("{}", self.text);
            crate::exit::USAGE
        }
    }
}

/// As libtest writes them.
#[derive(Debug, Parser)]
#[command(
    args_override_self = true,
    disable_version_flag = true,
    override_usage = "[OPTIONS] [FILTERS]...",
    after_help = "A test runs when its name contains one of FILTERS (with --exact: is one of them).\n\
        Environment: RUST_TEST_THREADS, RUST_TEST_NOCAPTURE, RUST_TEST_SHUFFLE, RUST_TEST_SHUFFLE_SEED."
)]
struct Words {
    /// Parts of the names of tests to run
    #[arg(value_name = "FILTERS")]
    filters: Vec<String>,
    /// Take filters for whole names
    #[arg(long)]
    exact: bool,
    /// Leave out tests whose names contain FILTER; may be given several times
    #[arg(long, value_name = "FILTER")]
    skip: Vec<String>,
    /// List the tests, without touching the network
    #[arg(long)]
    list: bool,
    /// Run only ignored tests (prony has none)
    #[arg(long)]
    ignored: bool,
    /// Run ignored tests, too
    #[arg(long)]
    include_ignored: bool,
    /// Run tests and not benchmarks
    #[arg(long, conflicts_with = "bench")]
    test: bool,
    /// Run benchmarks and not tests (prony has none)
    #[arg(long)]
    bench: bool,
    /// Show what passing cases measured, too, on standard error
    #[arg(long, alias = "nocapture")]
    no_capture: bool,
    /// The same as --no-capture
    #[arg(long)]
    show_output: bool,
    /// Start no case after the first that did not pass
    #[arg(long)]
    fail_fast: bool,
    /// Run in random order
    #[arg(long)]
    shuffle: bool,
    /// Run in the order drawn from SEED
    #[arg(long, value_name = "SEED")]
    shuffle_seed: Option<u64>,
    /// Cases measured at once [default: 1]
    #[arg(long, value_name = "N")]
    test_threads: Option<usize>,
    /// One character per test
    #[arg(short, long, conflicts_with = "format")]
    quiet: bool,
    /// How to print: pretty, terse, or json (an event a line)
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Format>,
    /// Colours: auto, always, never
    #[arg(long, value_enum, value_name = "WHEN")]
    color: Option<Color>,
    /// Write to PATH instead of standard output
    #[arg(long, value_name = "PATH")]
    logfile: Option<String>,
    /// With --format json: say how long each test took
    #[arg(long)]
    report_time: bool,
    /// Accepted, as libtest does; prony's cases have assertions for that
    #[arg(long, hide = true)]
    ensure_time: bool,
    #[arg(long, hide = true)]
    force_run_in_process: bool,
    #[arg(long, hide = true)]
    exclude_should_panic: bool,
    /// Accepted, as libtest does; nothing here needs it
    #[arg(short = 'Z', hide = true, value_parser = ["unstable-options"])]
    unstable: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Pretty,
    Terse,
    Json,
    /// libtest has it; prony writes a better one by itself.
    #[value(hide = true)]
    Junit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

impl TestArguments {
    /// Reads `words`, the program's name not among them. `program` stands in the text of errors; `env`
    /// looks up environment variables; `random` is the seed of `--shuffle` without one.
    ///
    /// # Errors
    /// When a word or a variable is wrong, or when help is asked for.
    pub fn parse(
        program: &str,
        words: impl IntoIterator<Item = String>,
        env: &dyn Fn(&str) -> Option<String>,
        random: u64,
    ) -> Result<Self, ArgumentsRefused> {
        let words = std::iter::once(program.to_owned()).chain(words);
        let usage = format!("{program} [OPTIONS] [FILTERS]...");
        let words = Words::command()
            .override_usage(usage)
            .try_get_matches_from(words)
            .and_then(|matches| Words::from_arg_matches(&matches))
            .map_err(|e| ArgumentsRefused {
                text: e.to_string(),
                help: !e.use_stderr(),
            })?;
        if words.format == Some(Format::Junit) {
            return Err(refused(
                "there is no `--format junit` here: prony writes junit.xml into the results folder by itself (`prony run --junit FILE` copies it)",
            ));
        }
        if let Some(path) = &words.logfile
            && path.is_empty()
        {
            return Err(refused("--logfile: an empty path"));
        }
        Ok(TestArguments {
            threads: threads(words.test_threads, env)?,
            shuffle: shuffle(&words, env, random)?,
            no_capture: words.no_capture
                || words.show_output
                || env("RUST_TEST_NOCAPTURE").is_some_and(|v| v != "0"),
            list: words.list,
            filters: words.filters,
            skip: words.skip,
            exact: words.exact,
            fail_fast: words.fail_fast,
            json: words.format == Some(Format::Json),
            report_time: words.report_time,
            terse: words.quiet || words.format == Some(Format::Terse),
            ignored: words.ignored,
            include_ignored: words.include_ignored,
            test: words.test,
            bench: words.bench,
            color: words.color.map(|color| match color {
                Color::Auto => ColorSetting::Auto,
                Color::Always => ColorSetting::Always,
                Color::Never => ColorSetting::Never,
            }),
            logfile: words.logfile,
        })
    }

    /// [`TestArguments::parse`] with this process's environment.
    ///
    /// # Errors
    /// As there.
    pub fn from_words(
        program: &str,
        words: impl IntoIterator<Item = String>,
    ) -> Result<Self, ArgumentsRefused> {
        let env = |name: &str| std::env::var_os(name).map(|v| v.to_string_lossy().into_owned());
        Self::parse(program, words, &env, super::new_nonce())
    }

    /// Whether the test called `name` is selected.
    pub fn selects(&self, name: &str) -> bool {
        let matches = |filter: &String| {
            if self.exact {
                name == filter
            } else {
                name.contains(filter.as_str())
            }
        };
        (self.filters.is_empty() || self.filters.iter().any(matches))
            && !self.skip.iter().any(matches)
            // No case is marked as ignored beforehand.
            && !self.ignored
    }

    /// Whether selected tests are only shown as ignored: `--bench` asks for benchmarks alone.
    pub fn ignores(&self) -> bool {
        self.bench
    }

    /// Where to print, if not to standard output.
    pub fn logfile(&self) -> Option<&str> {
        self.logfile.as_deref()
    }

    /// What libtest-mimic is to be told, so that it runs all tests but `leave_out`.
    pub(super) fn for_mimic(&self, leave_out: Vec<String>) -> Arguments {
        Arguments {
            list: self.list,
            // Exact, so that each name leaves out one test. Its own filter knows one name only.
            exact: true,
            skip: leave_out,
            ignored: self.ignored,
            include_ignored: self.include_ignored,
            test: self.test,
            bench: self.bench,
            quiet: self.terse,
            format: (!self.terse).then_some(FormatSetting::Pretty),
            color: self.color,
            logfile: self.logfile.clone(),
            test_threads: Some(self.threads),
            ..Arguments::default()
        }
    }
}

fn threads(
    given: Option<usize>,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<usize, ArgumentsRefused> {
    match (given, env("RUST_TEST_THREADS")) {
        (Some(0), _) => Err(refused("argument for --test-threads must not be 0")),
        (Some(n), _) => Ok(n),
        (None, Some(text)) => text
            .parse()
            .ok()
            .filter(|n| *n > 0)
            .ok_or_else(|| refused(&format!("RUST_TEST_THREADS is `{text}`, should be a positive number; unset it for one case at a time"))),
        (None, None) => Ok(1),
    }
}

fn shuffle(
    words: &Words,
    env: &dyn Fn(&str) -> Option<String>,
    random: u64,
) -> Result<Option<u64>, ArgumentsRefused> {
    if words.shuffle_seed.is_some() {
        return Ok(words.shuffle_seed);
    }
    if let Some(text) = env("RUST_TEST_SHUFFLE_SEED") {
        return text.parse().map(Some).map_err(|_| {
            refused(&format!(
                "RUST_TEST_SHUFFLE_SEED is `{text}`, should be a whole number"
            ))
        });
    }
    let wanted = words.shuffle || env("RUST_TEST_SHUFFLE").is_some_and(|v| v != "0");
    Ok(wanted.then_some(random))
}

fn refused(what: &str) -> ArgumentsRefused {
    ArgumentsRefused {
        text: format!("error: {what}\n"),
        help: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Result<TestArguments, ArgumentsRefused> {
        parse_in(words, &[])
    }

    fn parse_in(words: &str, env: &[(&str, &str)]) -> Result<TestArguments, ArgumentsRefused> {
        let env = |name: &str| {
            let found = env.iter().find(|(k, _)| *k == name);
            found.map(|(_, v)| (*v).to_owned())
        };
        let words = words.split_whitespace().map(str::to_owned);
        TestArguments::parse("prony run --", words, &env, 42)
    }

    #[test]
    fn the_command_is_sound() {
        Words::command().debug_assert();
    }

    #[test]
    fn any_of_several_filters_selects() {
        let arguments = parse("steady burst --skip slow").unwrap();
        assert!(arguments.selects("chat::steady"));
        assert!(arguments.selects("traffic::burst"));
        assert!(!arguments.selects("traffic::ramp"));
        assert!(!arguments.selects("chat::steady-slow"));
    }

    #[test]
    fn exact_names_are_whole_names_for_filters_and_skips() {
        let arguments = parse("a::b a::c --exact --skip c").unwrap();
        assert!(arguments.selects("a::b") && arguments.selects("a::c"));
        assert!(!arguments.selects("a::bb"));
        assert!(!parse("a::b --exact --skip a::b").unwrap().selects("a::b"));
    }

    #[test]
    fn without_filters_everything_runs_and_with_ignored_nothing() {
        assert!(parse("").unwrap().selects("x"));
        assert!(parse("--include-ignored").unwrap().selects("x"));
        assert!(!parse("--ignored").unwrap().selects("x"));
    }

    #[test]
    fn one_case_at_a_time_unless_asked() {
        assert_eq!(parse("").unwrap().threads, 1);
        assert_eq!(
            parse_in("", &[("RUST_TEST_THREADS", "3")]).unwrap().threads,
            3
        );
        let both = parse_in("--test-threads=2", &[("RUST_TEST_THREADS", "3")]);
        assert_eq!(both.unwrap().threads, 2);
    }

    #[test]
    fn both_spellings_and_the_variable_show_output() {
        for words in ["--no-capture", "--nocapture", "--show-output"] {
            assert!(parse(words).unwrap().no_capture, "{words}");
        }
        let by_variable = |v| parse_in("", &[("RUST_TEST_NOCAPTURE", v)]).unwrap();
        assert!(by_variable("1").no_capture);
        assert!(!by_variable("0").no_capture);
    }

    #[test]
    fn a_shuffle_has_a_seed_given_or_drawn() {
        assert_eq!(parse("").unwrap().shuffle, None);
        assert_eq!(parse("--shuffle").unwrap().shuffle, Some(42));
        assert_eq!(parse("--shuffle-seed 7").unwrap().shuffle, Some(7));
        let by_variable = parse_in("", &[("RUST_TEST_SHUFFLE_SEED", "9")]);
        assert_eq!(by_variable.unwrap().shuffle, Some(9));
    }

    #[test]
    fn what_nextest_passes_is_understood() {
        let listing = parse("--list --format terse --ignored").unwrap();
        assert!(listing.list && !listing.selects("a::b"));
        let one = parse("a::b[k=v] --nocapture --exact").unwrap();
        assert!(one.selects("a::b[k=v]") && !one.selects("a::b"));
    }

    #[test]
    fn libtests_other_flags_are_taken_politely() {
        let words = "-Z unstable-options --report-time --ensure-time --format json --exclude-should-panic --test --exact --exact";
        let arguments = parse(words).unwrap();
        assert!(arguments.json && arguments.report_time);
    }

    #[test]
    fn wrong_words_are_refused_with_what_to_write() {
        for (words, says) in [
            ("--exat", "'--exact'"),
            ("--test-threads 0", "must not be 0"),
            ("--test-threads many", "invalid digit"),
            ("--format yaml", "pretty"),
            ("--format junit", "junit.xml"),
            ("--shuffle-seed soon", "invalid digit"),
            ("--test --bench", "cannot be used with"),
        ] {
            let refused = parse(words).unwrap_err();
            assert!(
                !refused.help && refused.text.contains(says),
                "{words}: {}",
                refused.text
            );
        }
        let refused = parse_in("", &[("RUST_TEST_THREADS", "0")]).unwrap_err();
        assert!(refused.text.contains("RUST_TEST_THREADS is `0`"));
    }

    #[test]
    fn help_is_no_error() {
        let refused = parse("--help").unwrap_err();
        assert!(refused.help && refused.text.contains("--shuffle-seed"));
    }
}
