use std::panic::{AssertUnwindSafe, catch_unwind};

use libtest_mimic::{Arguments, ColorSetting, Completion, Failed, Trial};
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::arguments::TestArguments;
use super::events;
use super::say::print;
use super::style::stdout_style;

/// A case, or whatever else is to show up as one of libtest's tests.
pub struct Test {
    /// Its full name.
    pub name: String,
    /// Where it stands: file and line.
    pub source: Option<(String, usize)>,
    /// Runs it.
    pub run: Box<dyn FnOnce() -> Result<Completion, Failed> + Send>,
}

/// Runs `tests` as libtest would, printing what it would print; returns why lines were lost, if they
/// were: what had not run by then has not run.
///
/// # Errors
/// When `--logfile` cannot be written.
pub fn run_tests(
    mut tests: Vec<Test>,
    arguments: &TestArguments,
) -> std::io::Result<Option<std::io::Error>> {
    if let Some(path) = arguments.logfile() {
        // libtest-mimic would panic.
        std::fs::File::create(path)
            .map_err(|e| std::io::Error::new(e.kind(), format!("--logfile {path}: {e}")))?;
    }
    if let Some(seed) = arguments.shuffle {
        shuffle(&mut tests, seed);
    }
    if arguments.json {
        return events::run(tests, arguments);
    }
    if let Some(seed) = arguments.shuffle
        && !arguments.list
    {
        // libtest says so behind "running N tests", a line that is libtest-mimic's here.
        print(format!(
            "\nshuffle seed: {seed} (`--shuffle-seed {seed}` runs in this order again)\n"
        ));
    }
    let leave_out = tests
        .iter()
        .filter(|t| !arguments.selects(&t.name))
        .map(|t| t.name.clone())
        .collect();
    let trials = tests
        .into_iter()
        .map(|t| Trial::ignorable_test(t.name, t.run))
        .collect();
    let mut words = arguments.for_mimic(leave_out);
    if words.logfile.is_none() {
        // One rule for its lines and for prony's.
        words.color.get_or_insert(match stdout_style().color {
            true => ColorSetting::Always,
            false => ColorSetting::Never,
        });
    }
    let all_said = mimic(&words, trials);
    Ok((!all_said).then(|| std::io::Error::other("nobody reads it, or its disk is full")))
}

/// Runs `trials`, and says whether their lines could be written: libtest-mimic panics where standard
/// output cannot be written to (`prony run | head -3`, a full disk).
fn mimic(arguments: &Arguments, trials: Vec<Trial>) -> bool {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let of_mimic = |l: &std::panic::Location<'_>| l.file().contains("libtest-mimic");
        if !info.location().is_some_and(of_mimic) {
            before(info);
        }
    }));
    catch_unwind(AssertUnwindSafe(|| libtest_mimic::run(arguments, trials))).is_ok()
}

/// Fisher-Yates, the same on every machine.
fn shuffle(tests: &mut [Test], seed: u64) {
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    for i in (1..tests.len()).rev() {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a remainder by a usize fits a usize"
        )]
        let j = (rng.next_u64() % (i as u64 + 1)) as usize;
        tests.swap(i, j);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tests(names: &[&str]) -> Vec<Test> {
        let test = |name: &&str| Test {
            name: (*name).to_owned(),
            source: None,
            run: Box::new(|| Ok(Completion::Completed)),
        };
        names.iter().map(test).collect()
    }

    fn order(seed: u64) -> Vec<String> {
        let mut all = tests(&["a", "b", "c", "d", "e", "f", "g", "h"]);
        shuffle(&mut all, seed);
        all.into_iter().map(|t| t.name).collect()
    }

    #[test]
    fn a_seed_is_an_order() {
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
        let mut sorted = order(3);
        sorted.sort();
        assert_eq!(sorted, ["a", "b", "c", "d", "e", "f", "g", "h"]);
    }
}
