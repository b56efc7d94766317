use crate::metrics::{Held, Of, Shape, Told, gauge_held, server_told};
use crate::stats::{Batch, MIN_BATCHES};
use crate::suite::assertion::{MetricRef, Statistic};

use super::leaf::{Leaf, LeafData, Missing};
use super::prepared::Prepared;

/// Fewer looks than this fill 20 blocks too thinly for an interval from them.
const MIN_LOOKS: u64 = 2 * MIN_BATCHES as u64;

/// A metric that the server counted of itself. Only the mean of a gauge over enough looks has an
/// interval; whatever else there is, is one count or a reading of one.
pub(super) fn server_leaf(m: &MetricRef, phase: &Prepared<'_>) -> Result<Leaf, Missing> {
    let runs = phase.phase.runs;
    let replica = m.labels.iter().find(|(label, _)| label == "replica");
    let replica = replica.map(|(_, name)| name.as_str());
    let of = match m.statistic {
        None => Of::Whole,
        Some(Statistic::Mean) => Of::Mean,
        Some(Statistic::Stddev) => Of::Stddev,
        Some(Statistic::Min) => Of::Min,
        Some(Statistic::Max) => Of::Max,
        Some(Statistic::Quantile(q)) => Of::Quantile(q),
    };
    let missing = |why| Missing::NotMeasured(why);
    let Told {
        value,
        between,
        n,
        note,
    } = server_told(m.metric, of, replica, runs).map_err(missing)?;
    let data = if m.metric.shape == Shape::Gauge && of == Of::Mean && n >= MIN_LOOKS {
        let held = gauge_held(m.metric.name, replica, runs).map_err(missing)?;
        LeafData::Ratio {
            blocks: batches(&held, phase),
        }
    } else {
        let note = match of {
            Of::Min | Of::Max => format!("{note}: what was between them nobody saw"),
            _ => note,
        };
        LeafData::Told {
            value,
            between,
            note,
        }
    };
    Ok(Leaf {
        unit: m.metric.unit,
        n,
        requests: n,
        data,
    })
}

/// The gauge's time integral, block by block.
fn batches(held: &[Held], phase: &Prepared<'_>) -> Vec<Batch> {
    let blocks = &phase.blocks;
    let mut batches = vec![Batch::default(); blocks.len()];
    let mut seconds = vec![0.0; blocks.len()];
    for h in held {
        seconds.fill(0.0);
        blocks.spread(h.run, h.from_us, h.until_us, &mut seconds);
        for (batch, s) in batches.iter_mut().zip(&seconds) {
            batch.sum += h.value * s;
            batch.size += s;
        }
    }
    batches
}
