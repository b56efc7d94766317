use crate::result::CaseResult;
use crate::text::quote;

/// The command that runs just this case again.
///
/// `command` is the run's own command line ([`crate::result::RunInfo::command`]): where it was
/// `prony run …`, its paths and flags are kept, so that a target or a seed given there counts again;
/// only the filter after `--` changes. Under cargo the test target is kept, under nextest the case is
/// named by a filterset. Else the suite's file is named.
pub fn rerun_command(command: &[String], case: &CaseResult) -> String {
    let name = case.full_name();
    let words: Vec<String> = match command {
        [cargo, nextest, ..] if cargo == "cargo" && nextest == "nextest" => {
            let filter = format!("test(={})", filterset(&name));
            ["cargo", "nextest", "run", "-E", &filter]
                .map(str::to_owned)
                .to_vec()
        }
        [cargo, ..] if cargo == "cargo" => exactly(before_dashes(command), &name),
        [program, run, rest @ ..] if is_prony(program) && run == "run" => {
            let mut words = vec!["prony".to_owned(), "run".to_owned()];
            words.extend(without_rerun_failed(before_dashes(rest)));
            exactly(&words, &name)
        }
        _ => {
            let mut words = vec!["prony".to_owned(), "run".to_owned()];
            if !case.source.file.starts_with("suites/") {
                words.push(case.source.file.clone());
            }
            exactly(&words, &name)
        }
    };
    words.iter().map(|w| quote(w)).collect::<Vec<_>>().join(" ")
}

fn before_dashes(words: &[String]) -> &[String] {
    let end = words.iter().position(|w| w == "--").unwrap_or(words.len());
    &words[..end]
}

fn exactly(words: &[String], name: &str) -> Vec<String> {
    let mut words = words.to_vec();
    words.extend(["--", name, "--exact"].map(str::to_owned));
    words
}

/// The case failed in a run of what had failed before: that selection is another one by now.
fn without_rerun_failed(words: &[String]) -> Vec<String> {
    const FLAG: &str = "--rerun-failed";
    let mut kept = Vec::new();
    let mut words = words.iter().peekable();
    while let Some(word) = words.next() {
        if word == FLAG {
            words.next_if(|w| !w.starts_with('-'));
        } else if !word.starts_with("--rerun-failed=") {
            kept.push(word.clone());
        }
    }
    kept
}

/// `name` inside `test(=…)` of a nextest filterset.
fn filterset(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        if matches!(c, '\\' | ')' | ',') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn is_prony(program: &str) -> bool {
    let name = program.rsplit(['/', '\\']).next().unwrap_or(program);
    name.strip_suffix(".exe").unwrap_or(name) == "prony"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_a_filter_is_escaped() {
        assert_eq!(filterset(r"a::b[k=(x),m=\d]"), r"a::b[k=(x\)\,m=\\d]");
    }

    #[test]
    fn a_rerun_of_failed_cases_is_not_repeated() {
        let words =
            |line: &str| -> Vec<String> { line.split_whitespace().map(str::to_owned).collect() };
        for line in [
            "suites --rerun-failed --seed 7",
            "suites --rerun-failed latest --seed 7",
            "suites --rerun-failed=latest --seed 7",
        ] {
            assert_eq!(
                without_rerun_failed(&words(line)),
                words("suites --seed 7"),
                "{line}"
            );
        }
    }
}
