use crate::result::CaseResult;
use crate::text::quote;

/// The command that runs just this case again.
///
/// `command` is the run's own command line ([`crate::result::RunInfo::command`]): where it was
/// `prony run …`, its paths and flags are kept, so that a target or a seed given there counts again;
/// only the filter after `--` changes. Else the suite's file is named.
pub fn rerun_command(command: &[String], case: &CaseResult) -> String {
    let mut words: Vec<String> = vec!["prony".to_owned(), "run".to_owned()];
    match command {
        [program, run, rest @ ..] if is_prony(program) && run == "run" => {
            words.extend(rest.iter().take_while(|w| *w != "--").cloned());
        }
        _ if case.source.file.starts_with("suites/") => {}
        _ => words.push(case.source.file.clone()),
    }
    words.extend(["--".to_owned(), case.full_name(), "--exact".to_owned()]);
    words.iter().map(|w| quote(w)).collect::<Vec<_>>().join(" ")
}

fn is_prony(program: &str) -> bool {
    let name = program.rsplit(['/', '\\']).next().unwrap_or(program);
    name.strip_suffix(".exe").unwrap_or(name) == "prony"
}
