//! GPUs, as exporters beside the server tell of them: their names, and what prony makes of a page.

use std::collections::{BTreeMap, BTreeSet};

use super::exposition::{Page, Sample};

/// Most GPUs kept of a page.
const MOST_GPUS: usize = 256;
/// Longest name of a GPU, in characters.
const LONGEST_NAME: usize = 64;
/// From here on a number is none of a GPU: DCGM writes some 9.2·10¹⁸ for what it does not know.
const NO_SENSE: f64 = 1e15;

/// How a share, 0 to 1, follows from a page's samples of one GPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// A sample in per cent.
    Percent(&'static str),
    /// A sample from 0 to 1.
    Unit(&'static str),
    /// The first sample as a share of the sum of both: what is used, and what is free.
    UsedAndFree(&'static str, &'static str),
    /// The first sample as a share of the second: what is used, and all there is.
    UsedOf(&'static str, &'static str),
}

impl Share {
    /// The samples that it needs.
    pub(super) fn names(self) -> Vec<&'static str> {
        match self {
            Share::Percent(name) | Share::Unit(name) => vec![name],
            Share::UsedAndFree(a, b) | Share::UsedOf(a, b) => vec![a, b],
        }
    }

    /// The share, where it can be one: exporters write numbers without sense where a device does not tell.
    fn of(self, value: impl Fn(&str) -> Option<f64>) -> Option<f64> {
        let value = |name: &str| value(name).filter(|v| (0.0..NO_SENSE).contains(v));
        let share = match self {
            Share::Percent(name) => value(name)? / 100.0,
            Share::Unit(name) => value(name)?,
            Share::UsedAndFree(used, free) => {
                let (used, free) = (value(used)?, value(free)?);
                used / (used + free)
            }
            Share::UsedOf(used, all) => value(used)? / value(all)?,
        };
        (0.0..=1.0).contains(&share).then_some(share)
    }
}

/// An exporter whose names prony knows.
#[derive(Debug)]
pub struct Exporter {
    /// Its name for people.
    pub shown: &'static str,
    /// What it tells, under prony's names.
    pub shares: &'static [(&'static str, Share)],
    /// Labels that tell the GPUs of a machine apart; the second one its parts, where it has any.
    pub device: [&'static str; 2],
    /// The label that tells machines apart, where a page has several.
    pub host: &'static str,
}

/// All exporters.
///
/// - NVIDIA's DCGM exporter: `etc/default-counters.csv` and the example of a page in `README.md` at
///   4.6.0-4.8.3; `GPU_I_ID` is a MIG instance. The memory that the driver reserves is neither used nor free.
/// - AMD's device metrics exporter: `docs/configuration/metricslist.md` at 0778d3ab; on its page the names
///   stand in small letters.
pub static EXPORTERS: [Exporter; 2] = [
    Exporter {
        shown: "NVIDIA DCGM exporter",
        shares: &[
            ("gpu_utilization", Share::Percent("DCGM_FI_DEV_GPU_UTIL")),
            (
                "gpu_memory_used",
                Share::UsedAndFree("DCGM_FI_DEV_FB_USED", "DCGM_FI_DEV_FB_FREE"),
            ),
            ("gpu_sm_active", Share::Unit("DCGM_FI_PROF_SM_ACTIVE")),
        ],
        device: ["gpu", "GPU_I_ID"],
        host: "Hostname",
    },
    Exporter {
        shown: "AMD device metrics exporter",
        shares: &[
            ("gpu_utilization", Share::Percent("gpu_gfx_activity")),
            (
                "gpu_memory_used",
                Share::UsedOf("gpu_used_vram", "gpu_total_vram"),
            ),
        ],
        device: ["gpu_id", "gpu_partition_id"],
        host: "hostname",
    },
];

/// Whether any exporter has a sample `name` that prony reads.
pub(super) fn wanted(name: &str) -> bool {
    let all = EXPORTERS.iter().flat_map(|e| e.shares);
    all.into_iter()
        .any(|(_, share)| share.names().contains(&name))
}

/// What `page` tells of GPUs, by GPU; empty where it is no exporter's.
pub(super) fn gpus(page: &Page) -> BTreeMap<String, BTreeMap<String, f64>> {
    let mut found: BTreeMap<String, BTreeMap<String, f64>> = BTreeMap::new();
    for exporter in &EXPORTERS {
        let of_it = |s: &&Sample| {
            exporter
                .shares
                .iter()
                .any(|(_, h)| h.names().contains(&&*s.name))
        };
        let samples: Vec<&Sample> = page.samples.iter().filter(of_it).collect();
        let hosts: BTreeSet<&str> = samples
            .iter()
            .filter_map(|s| s.label(exporter.host))
            .collect();
        let mut devices: BTreeMap<String, BTreeMap<&str, f64>> = BTreeMap::new();
        for sample in samples {
            let name = name_of(sample, exporter, hosts.len() > 1);
            if devices.len() < MOST_GPUS || devices.contains_key(&name) {
                // A GPU that several containers share is told of once for each: the same every time.
                let values = devices.entry(name).or_default();
                values.entry(&sample.name).or_insert(sample.value);
            }
        }
        for (name, values) in devices {
            let shares = exporter.shares.iter().filter_map(|(metric, share)| {
                let share = share.of(|name| values.get(name).copied())?;
                Some(((*metric).to_owned(), share))
            });
            let shares: BTreeMap<String, f64> = shares.collect();
            if !shares.is_empty() {
                found.insert(name, shares);
            }
        }
    }
    found
}

/// `0`; with the part behind it, and the machine before it, where there are several.
fn name_of(sample: &Sample, exporter: &Exporter, several_hosts: bool) -> String {
    let [device, part] = exporter.device;
    let part = sample.label(part).filter(|part| *part != "0");
    let host = sample.label(exporter.host).filter(|_| several_hosts);
    let parts: Vec<&str> = [host, sample.label(device), part]
        .into_iter()
        .flatten()
        .filter(|p| !p.is_empty())
        .collect();
    let name = match parts.as_slice() {
        [] => "0".to_owned(),
        parts => parts.join("/"),
    };
    let name = name.chars().filter(|c| !c.is_control());
    name.take(LONGEST_NAME).collect()
}

#[cfg(test)]
mod tests {
    use super::super::read::read_page;
    use super::*;
    use crate::metrics::{Provenance, Shape, Unit, metric};

    const DCGM: &str = include_str!("../../../tests/telemetry/pages/dcgm.txt");
    const AMD: &str = include_str!("../../../tests/telemetry/pages/amd.txt");

    fn told(page: &str) -> Vec<(String, Vec<(String, f64)>)> {
        let reading = read_page(page).expect("a page of metrics");
        assert_eq!((reading.engine, reading.replicas.len()), (None, 0));
        let gpus = reading.gpus.into_iter();
        gpus.map(|(name, values)| (name, values.into_iter().collect()))
            .collect()
    }

    fn shares(of: &[(&str, f64)]) -> Vec<(String, f64)> {
        of.iter()
            .map(|(name, v)| ((*name).to_owned(), *v))
            .collect()
    }

    #[test]
    fn dcgm() {
        assert_eq!(
            told(DCGM),
            [
                (
                    "0".to_owned(),
                    shares(&[
                        ("gpu_memory_used", 0.75),
                        ("gpu_sm_active", 0.625),
                        ("gpu_utilization", 0.97),
                    ])
                ),
                // It does not tell of its processors, and its memory is a number without sense.
                ("1".to_owned(), shares(&[("gpu_utilization", 0.0)])),
            ]
        );
    }

    #[test]
    fn amd() {
        let expected = shares(&[("gpu_memory_used", 0.25), ("gpu_utilization", 0.5)]);
        assert_eq!(told(AMD), [("3".to_owned(), expected)]);
    }

    #[test]
    fn parts_and_machines_are_told_apart() {
        let page = "DCGM_FI_PROF_SM_ACTIVE{gpu=\"0\",GPU_I_ID=\"1\",Hostname=\"a\"} 0.5\n\
DCGM_FI_PROF_SM_ACTIVE{gpu=\"0\",GPU_I_ID=\"2\",Hostname=\"a\"} 0.25\n\
DCGM_FI_PROF_SM_ACTIVE{gpu=\"0\",Hostname=\"b\"} 1\n\
DCGM_FI_PROF_SM_ACTIVE{gpu=\"1\",Hostname=\"b\"} NaN\n";
        let names: Vec<String> = told(page).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["a/0/1", "a/0/2", "b/0"]);
    }

    #[test]
    fn an_exporter_that_knows_nothing_is_still_none_of_the_servers() {
        let page = "DCGM_FI_DEV_GPU_UTIL{gpu=\"0\"} 9223372036854775794\n";
        let reading = read_page(page).expect("a page");
        assert!(reading.gpus.is_empty() && reading.is_of_gpus_alone());
        assert!(!read_page("up 1\n").expect("a page").is_of_gpus_alone());
    }

    #[test]
    fn a_server_and_its_gpus_may_share_a_page() {
        let page = format!("vllm:num_requests_running{{engine=\"0\"}} 3\n{DCGM}");
        let reading = read_page(&page).expect("a page");
        assert_eq!(reading.engine, Some("vllm"));
        assert_eq!(reading.replicas.keys().collect::<Vec<_>>(), ["0"]);
        assert_eq!(reading.gpus.len(), 2);
    }

    #[test]
    fn every_share_is_a_gauge_of_the_server() {
        for (name, _) in EXPORTERS.iter().flat_map(|e| e.shares) {
            let metric = metric(name).unwrap_or_else(|| panic!("{name} is no metric"));
            assert_eq!(metric.provenance, Provenance::Server, "{name}");
            assert_eq!((metric.shape, metric.unit), (Shape::Gauge, Unit::Ratio));
        }
    }
}
