use clap::Parser;
use libtest_mimic::{Arguments, FormatSetting};

/// libtest's arguments: those that libtest-mimic takes, and what libtest itself takes besides.
#[derive(Clone, Debug, Default, Parser)]
pub struct LibtestArgs {
    #[command(flatten)]
    one: Arguments,
    /// More filters: a test that contains any of them is run.
    #[arg(value_name = "FILTERS")]
    more: Vec<String>,
    /// libtest's present name of --nocapture
    #[arg(long = "no-capture", hide = true)]
    no_capture: bool,
}

impl LibtestArgs {
    /// The arguments of this process. Wrong ones, and `--help`, end it.
    pub fn from_process() -> Self {
        Parser::parse()
    }

    /// Arguments that follow those of a command, which is named for the help text. Wrong ones, and
    /// `--help`, end the process.
    pub fn following(command: &str, arguments: &[String]) -> Self {
        let words = arguments.iter().map(String::as_str);
        Parser::parse_from(std::iter::once(command).chain(words))
    }

    /// Whether tests are only listed.
    pub fn lists(&self) -> bool {
        self.one.list
    }

    /// Whether libtest's events are asked for as JSON.
    pub fn json(&self) -> bool {
        self.one.format == Some(FormatSetting::Json)
    }

    /// Arguments for libtest-mimic, which knows one filter: where there are more, they are put as the
    /// exact names of those tests among `names` that are left out, so that its count of them is right.
    pub fn for_tests<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Arguments {
        let mut arguments = self.one.clone();
        if self.more.is_empty() {
            return arguments;
        }
        let filters: Vec<&String> = arguments.filter.iter().chain(&self.more).collect();
        let is = |name: &str, pattern: &String| match arguments.exact {
            true => name == pattern,
            false => name.contains(pattern.as_str()),
        };
        let left_out = names
            .into_iter()
            .filter(|name| {
                !filters.iter().any(|f| is(name, f)) || arguments.skip.iter().any(|s| is(name, s))
            })
            .map(str::to_owned)
            .collect();
        arguments.skip = left_out;
        arguments.exact = true;
        arguments.filter = None;
        arguments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(words: &[&str]) -> Vec<&'static str> {
        let words: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
        let names = ["chat::steady", "chat::steady-long", "chat::burst"];
        let arguments = LibtestArgs::following("prony run --", &words).for_tests(names);
        let mut left = names.to_vec();
        // As libtest-mimic does.
        left.retain(|name| {
            let is = |p: &String| {
                if arguments.exact {
                    name == p
                } else {
                    name.contains(p.as_str())
                }
            };
            arguments.filter.as_ref().is_none_or(is) && !arguments.skip.iter().any(is)
        });
        left
    }

    #[test]
    fn any_of_several_filters_chooses() {
        assert_eq!(left(&["steady"]), ["chat::steady", "chat::steady-long"]);
        assert_eq!(
            left(&["long", "burst"]),
            ["chat::steady-long", "chat::burst"]
        );
        assert_eq!(
            left(&["long", "burst", "nothing", "--skip", "bur"]),
            ["chat::steady-long"]
        );
        assert_eq!(
            left(&["chat::steady", "--exact", "chat::burst"]),
            ["chat::steady", "chat::burst"]
        );
        assert!(left(&["--exact", "steady", "burst"]).is_empty());
    }

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory;
        LibtestArgs::command().debug_assert();
        let words = ["--no-capture", "--nocapture", "--test-threads=1", "--list"];
        let words: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
        assert!(LibtestArgs::following("prony run --", &words).lists());
    }
}
