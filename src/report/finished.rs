use serde::Serialize;

use super::headline::Headline;
use crate::result::RunResult;

/// The last line of `prony run --format json`.
#[derive(Serialize)]
struct Finished<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    event: &'static str,
    id: &'a str,
    folder: &'a str,
    verdict: &'static str,
    headline: &'a str,
    exit_code: i32,
    cases: Vec<Ended<'a>>,
}

#[derive(Serialize)]
struct Ended<'a> {
    name: String,
    slug: &'a str,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

/// What a run came to, as one line of JSON: `{"type":"run","event":"finished",…}`, with the results
/// folder, the verdict, the exit code and every case. Ends with a line break.
pub fn finished_line(result: &RunResult, folder: &str, exit_code: i32) -> String {
    let headline = Headline::new(result);
    let line = Finished {
        kind: "run",
        event: "finished",
        id: &result.run.id,
        folder,
        verdict: headline.verdict.name(),
        headline: &headline.text,
        exit_code,
        cases: result
            .cases
            .iter()
            .map(|case| Ended {
                name: case.full_name(),
                slug: &case.slug,
                verdict: case.verdict.name(),
                reason: case.reason.as_deref(),
            })
            .collect(),
    };
    // Text, numbers and lists: there is nothing in it that JSON cannot hold.
    serde_json::to_string(&line).map_or_else(|_| String::new(), |text| text + "\n")
}
