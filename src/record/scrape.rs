use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::reader::read_lines;

/// One look at the counters that the target keeps of itself: a line of `telemetry.jsonl`.
///
/// Values stand under prony's names (`docs/telemetry.md`) and are otherwise as the server gave them:
/// counters since its start, histograms cumulative, times in seconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scrape {
    /// Phase.
    pub phase: String,
    /// Index of the run within its phase.
    pub run: u32,
    /// When, in µs since the run's start: the middle between asking and the answer's head. The first
    /// look comes before the run and is negative.
    pub at_us: i64,
    /// How long the answer took, in µs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_us: Option<u64>,
    /// The pause between two looks that was asked for, in µs.
    pub every_us: u64,
    /// Whose vocabulary it is, such as `vllm`; absent where prony knows none of the names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// By replica; `0` where the server tells of one only.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub replicas: BTreeMap<String, ReplicaScrape>,
    /// Shares of each GPU from 0 to 1, by prony's names, where a page of an exporter is looked at, too.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub gpus: BTreeMap<String, BTreeMap<String, f64>>,
    /// Why the look failed. What stands beside it is then not the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What one replica said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReplicaScrape {
    /// When its process started, in seconds since 1970, where it tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_s: Option<f64>,
    /// Gauges and counters. A value that was no number is absent.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, f64>,
    /// Histograms.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub histograms: BTreeMap<String, Buckets>,
}

/// A cumulative histogram as Prometheus knows it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Buckets {
    /// Upper bounds, ascending, without `+Inf`.
    pub le: Vec<f64>,
    /// Values up to each bound.
    pub up_to: Vec<f64>,
    /// Sum of all values.
    pub sum: f64,
    /// How many values.
    pub count: f64,
}

/// Reads `telemetry.jsonl`. The last line may be torn, as a killed run leaves it: it is left out.
///
/// # Errors
/// When the file cannot be read, or a line before the last is not a look at counters; the line is
/// named.
pub fn read_scrapes(path: &Path) -> io::Result<Vec<Scrape>> {
    read_lines(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_a_torn_end_is_left_out() {
        let scrape = Scrape {
            phase: "main".into(),
            at_us: -1_500,
            every_us: 1_000_000,
            engine: Some("vllm".into()),
            replicas: BTreeMap::from([(
                "0".to_owned(),
                ReplicaScrape {
                    values: BTreeMap::from([("queue_depth".to_owned(), 3.0)]),
                    histograms: BTreeMap::from([(
                        "server_ttft".to_owned(),
                        Buckets {
                            le: vec![0.1, 0.5],
                            up_to: vec![1.0, 2.0],
                            sum: 0.7,
                            count: 3.0,
                        },
                    )]),
                    ..ReplicaScrape::default()
                },
            )]),
            ..Scrape::default()
        };
        let line = serde_json::to_string(&scrape).expect("serialises");
        assert_eq!(
            line,
            r#"{"phase":"main","run":0,"at_us":-1500,"every_us":1000000,"engine":"vllm","replicas":{"0":{"values":{"queue_depth":3.0},"histograms":{"server_ttft":{"le":[0.1,0.5],"up_to":[1.0,2.0],"sum":0.7,"count":3.0}}}}}"#
        );
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("telemetry.jsonl");
        std::fs::write(&path, format!("{line}\n{line}\n{}", &line[..40])).expect("writes");
        assert_eq!(
            read_scrapes(&path).expect("reads"),
            [scrape.clone(), scrape]
        );
        std::fs::write(&path, format!("{}\n{line}\n", &line[..40])).expect("writes");
        let error = read_scrapes(&path).expect_err("a broken line in the middle");
        assert!(error.to_string().contains("telemetry.jsonl:1: "), "{error}");
    }
}
