use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::stats::quantile;

/// Health of the client while it measured: what feeds `invalid`. Over all runs of a phase: shares and
/// levels are those of the worst run, counts are sums; the window of each run counts, nothing else.
/// What the machine does not tell is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClientHealth {
    /// Name of the transport: `lean`, `reqwest`, or `in process`.
    pub transport: String,
    /// Who noted when answers came in: `kernel`, `user` (the client, once it had read), or `mixed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stamps: Option<String>,
    /// The client's own error on this machine, as `prony doctor` measured it beforehand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_error: Option<OwnError>,
    /// Open loop: lateness of sends, in ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send_lag: Option<Spread>,
    /// Lateness of a timer that ought to fire every 10 ms, in ms: how late the client sees things at
    /// any moment. A pause counts as often as the timer should have fired in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loop_delay: Option<Spread>,
    /// From when bytes could be read to when they were read, in ms, where the transport can tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_delay: Option<Spread>,
    /// How long requests that could have gone out waited for their own prompt, in ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preparation_lag: Option<Spread>,
    /// Share of the asked requests that was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub achieved_share: Option<f64>,
    /// Processor time of the process over wall time, 1 = one core. The embedded engine of `sim://` is
    /// part of the process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<f64>,
    /// Share of the time that the busiest measuring thread was on a core.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measuring_cpu: Option<f64>,
    /// Share of the time that a measuring thread was ready to run, and had no core.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub core_wait: Option<f64>,
    /// Share of the time that the busiest measuring thread ran or waited for a core.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub busy: Option<f64>,
    /// Share of all cores of the machine that was used, by whoever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine_cpu: Option<f64>,
    /// Times a measuring thread lost its core while it still had work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preemptions: Option<u64>,
    /// Pages of the process that had to be read from a disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub major_faults: Option<u64>,
    /// What a processor limit (of a container, a cgroup) did to the process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttled: Option<Throttling>,
    /// Most memory of the process, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rss_bytes: Option<u64>,
    /// Least memory that the machine could still give, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available_bytes: Option<u64>,
    /// Bytes per second received by all of the machine's interfaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received_bytes_per_second: Option<f64>,
    /// Bytes per second sent by all of the machine's interfaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_bytes_per_second: Option<f64>,
    /// Most TCP sockets in use on the machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sockets: Option<u64>,
    /// Open files of the process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<Supply>,
    /// Ports for outgoing connections, taken towards one address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports: Option<Supply>,
    /// Requests of the window that failed because the client's machine had run out of something, by the
    /// name of the system's error, such as `EADDRNOTAVAIL`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub exhausted: BTreeMap<String, u64>,
}

/// Median, tail and worst of something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Spread {
    /// Median.
    pub p50: f64,
    /// 99 %.
    pub p99: f64,
    /// Greatest.
    pub max: f64,
}

impl Spread {
    /// Of `values`, in whatever order; nothing without any.
    pub fn of(values: &mut [f64]) -> Option<Spread> {
        values.sort_by(f64::total_cmp);
        Some(Spread {
            p50: quantile(values, 0.5)?,
            p99: quantile(values, 0.99)?,
            max: *values.last()?,
        })
    }
}

/// How often and how long a limit stopped the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Throttling {
    /// Periods of the limit.
    pub periods: u64,
    /// Of these: periods in which the time was used up.
    pub throttled: u64,
    /// How long the process was stopped, in ms.
    pub stopped_ms: f64,
    /// Share of the time that it was stopped, in the worst run.
    pub share: f64,
}

/// Something of which there is only so much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Supply {
    /// Most used at a time.
    pub most: u64,
    /// All there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}

/// The client's own error, measured against a server whose times are known. Upper bounds: what the
/// loopback and the server's own waking take is in them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OwnError {
    /// When it was measured, RFC 3339, UTC.
    pub measured_at: String,
    /// Streams at the same time.
    pub streams: u32,
    /// Error of `ttft`, in ms.
    pub ttft: Spread,
    /// Error of `itl` either way, in ms.
    pub itl: Spread,
    /// Lateness of sends at 200 a second, in ms.
    pub timer_200: Spread,
    /// Lateness of sends at 10,000 a second, in ms.
    pub timer_10000: Spread,
    /// Output tokens per second that one measuring thread read.
    pub tokens_per_second: f64,
}
