//! `interference:`: long prompts beside a steady load.

use crate::suite::later::Place;
use crate::suite::length_setting as length;
use crate::suite::load_setting;
use crate::suite::model::{Arrivals, Length};
use crate::suite::reader::{Fields, Placed, Problems};
use crate::suite::settings::Surroundings;
use crate::suite::yaml::Node;

use super::model::Interference;

const EXAMPLE: &str = "interference: { rate: 12/min, input_tokens: 8000 }";
/// Output tokens of a long prompt, where a suite does not say.
pub(in crate::suite) const OUTPUT_TOKENS: u32 = 1;

pub(in crate::suite) fn read(
    node: &Node,
    around: &Surroundings<'_>,
    problems: &mut Problems,
) -> Option<Placed<Interference>> {
    let mut fields = Fields::of(node, EXAMPLE, problems)?;
    let [rate, arrivals] = [fields.take("rate"), fields.take("arrivals")];
    let [input, output] = [fields.take("input_tokens"), fields.take("output_tokens")];
    let meant = fields.finish(Place::Other, problems);
    for (key, there) in [("rate", rate), ("input_tokens", input)] {
        if there.is_none() && !meant.contains(&key) {
            problems.add(
                node.span,
                format!("this interference has no `{key}`"),
                format!("write `{EXAMPLE}`"),
            );
        }
    }
    let rate = rate.and_then(|n| load_setting::positive_rate(n, problems));
    let arrivals = match arrivals {
        Some(node) => load_setting::arrivals(node, problems),
        // Evenly spaced, so that every one is followed by a quiet stretch of the same length.
        None => Some(Arrivals::Constant),
    };
    let input = input.and_then(|n| length::read(n, around, problems));
    let output = match output {
        Some(node) => length::read(node, around, problems),
        None => Some(Length::Fixed(OUTPUT_TOKENS)),
    };
    let interference = Interference {
        rate: rate?,
        arrivals: arrivals?,
        input_tokens: input?,
        output_tokens: output?,
    };
    Some(problems.placed(interference, node.span))
}
