//! `client:`: from where on the client itself counts as the limit, and how many threads it measures by.

use super::later::Place;
use super::model::ClientBounds;
use super::reader::{Fields, Placed, Problems};
use super::units::Share;
use super::yaml::Node;

/// Where a value stands in the bounds.
type PlaceOf = fn(&mut ClientBounds) -> &mut f64;

/// Keys of `client:` with what they mean and their place in [`ClientBounds`].
pub(super) const KEYS: [(&str, &str, PlaceOf); 5] = [
    (
        "send_lag",
        "Open loop: largest p99 of `send_lag`, as a share of the tightest latency bound asserted.",
        |b| &mut b.send_lag,
    ),
    (
        "achieved",
        "Open loop: smallest share of the requests due that went out in time while slots were free.",
        |b| &mut b.achieved,
    ),
    (
        "loop_delay",
        "Largest lateness with which the client sees things, as a share of the tightest latency bound asserted, before it is asked whether it could change a verdict.",
        |b| &mut b.loop_delay,
    ),
    (
        "busy",
        "Share of the time from which on a measuring thread that runs, or waits for a core, has no room left.",
        |b| &mut b.busy,
    ),
    (
        "throttled",
        "Largest share of the time for which a processor limit may have stopped the client, before it is asked whether that could change a verdict.",
        |b| &mut b.throttled,
    ),
];

/// The key for the number of measuring threads.
pub(super) const THREADS: &str = "threads";
/// More than any machine has cores for.
pub(super) const MOST_THREADS: u32 = 1024;

/// What one layer says under `client:`.
#[derive(Clone, Debug, Default)]
pub(super) struct ClientLayer {
    /// In the order of [`KEYS`].
    bounds: [Option<Placed<f64>>; KEYS.len()],
    threads: Option<Placed<u32>>,
}

impl ClientLayer {
    pub fn read(node: &Node, problems: &mut Problems) -> ClientLayer {
        let mut layer = ClientLayer::default();
        let Some(mut fields) =
            Fields::of(node, "client: { send_lag: 5%, achieved: 98% }", problems)
        else {
            return layer;
        };
        for (slot, (key, _, _)) in layer.bounds.iter_mut().zip(KEYS) {
            *slot = fields
                .typed::<Share>(key, problems)
                .map(|share| problems.placed(share.value.0, share.span()));
        }
        layer.threads = fields.typed::<u32>(THREADS, problems).filter(|n| {
            let possible = (1..=MOST_THREADS).contains(&n.value);
            if !possible {
                problems.add(
                    n.span(),
                    format!("`threads` is {}", n.value),
                    format!("write a number from 1 to {MOST_THREADS}, or leave the key out"),
                );
            }
            possible
        });
        fields.finish(Place::Other, problems);
        layer
    }

    /// Puts `above` over `self`, key by key.
    pub fn overlay(&mut self, above: &ClientLayer) {
        for (mine, theirs) in self.bounds.iter_mut().zip(&above.bounds) {
            if theirs.is_some() {
                mine.clone_from(theirs);
            }
        }
        if above.threads.is_some() {
            self.threads.clone_from(&above.threads);
        }
    }

    /// How many threads measure, where a layer says.
    pub fn threads(&self) -> Option<u32> {
        self.threads.as_ref().map(|n| n.value)
    }

    /// The bounds, built-in ones where no layer says anything.
    pub fn bounds(&self) -> ClientBounds {
        let mut bounds = ClientBounds::default();
        for (said, (_, _, place)) in self.bounds.iter().zip(KEYS) {
            if let Some(said) = said {
                *place(&mut bounds) = said.value;
            }
        }
        bounds
    }
}
