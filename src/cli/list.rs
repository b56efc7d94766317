use super::args::SelectArgs;
use super::suites::load_cases;
use crate::runner::print;

/// `prony list`: a line per case with its kind and load. Touches no network.
pub fn list(args: &SelectArgs) -> i32 {
    let cases = match load_cases(args) {
        Ok((_, cases)) => cases,
        Err(code) => return code,
    };
    let width = cases
        .iter()
        .map(|c| c.full_name().chars().count())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for case in &cases {
        let load: Vec<String> = case.phases.iter().map(|p| p.describe()).collect();
        let launched = match case.scenario.target.launch {
            Some(_) => " (launches its target)",
            None => "",
        };
        text += &format!(
            "{:width$}  {:10}  {}{launched}\n",
            case.full_name(),
            case.scenario.kind.name(),
            load.join("; ")
        );
    }
    print(text)
}
