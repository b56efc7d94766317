//! `cache:`: what is known of the server's prefix cache, and how it is emptied.

use crate::suite::hooks_setting::{self, HookList};
use crate::suite::later::Place;
use crate::suite::reader::{Fields, Placed, Problems};
use crate::suite::settings::Surroundings;
use crate::suite::yaml::Node;

use super::model::{CachePlan, Flush};

const EXAMPLE: &str = "cache: { flush: { post: /reset_prefix_cache }, block_size: 16 }";

/// Ways to empty a cache that have a name.
#[derive(Clone, Copy)]
enum Named {
    None,
    Restart,
}

/// A cache as one layer says it, with what must not be shown of its hook.
#[derive(Clone, Debug)]
pub(in crate::suite) struct CacheLayer {
    pub plan: CachePlan,
    pub hidden: Vec<(String, String)>,
}

pub(in crate::suite) fn read(
    node: &Node,
    around: &Surroundings<'_>,
    problems: &mut Problems,
) -> Option<Placed<CacheLayer>> {
    let mut fields = Fields::of(node, EXAMPLE, problems)?;
    let mut hidden = Vec::new();
    let flush = match fields.take("flush") {
        None => Some(Flush::None),
        Some(node) if node.scalar().is_some() => {
            let named = problems.one_of(
                node,
                "a way to empty the cache",
                &[("none", Named::None), ("restart", Named::Restart)],
            );
            named.map(|named| match named.value {
                Named::None => Flush::None,
                Named::Restart => Flush::Restart,
            })
        }
        Some(_) => {
            let list: Option<Placed<HookList>> =
                hooks_setting::read("flush", &mut fields, around, problems);
            list.and_then(|list| {
                hidden = list.value.hidden;
                let mut hooks = list.value.hooks;
                if hooks.len() > 1 {
                    let at = list.location.clone();
                    problems.add_at(
                        &at,
                        "one thing empties the cache",
                        "write `flush: { post: /reset_prefix_cache }`; for several use `flush: { command: … }`",
                    );
                    return None;
                }
                hooks.pop().map(|hook| Flush::Hook(Box::new(hook)))
            })
        }
    };
    let positive = |count: Option<Placed<u64>>, most: u64, problems: &mut Problems| match count {
        Some(count) if count.value == 0 || count.value > most => {
            problems.add(
                count.span(),
                format!("{} tokens cannot be", count.value),
                format!("write a number from 1 to {most}, or leave the key out"),
            );
            None
        }
        count => count.map(|c| c.value),
    };
    let block = fields.typed::<u64>("block_size", problems);
    let block = positive(block, u64::from(MOST_BLOCK), problems);
    let capacity = fields.typed::<u64>("capacity", problems);
    let capacity = positive(capacity, u64::MAX, problems);
    fields.finish(Place::Other, problems);
    let plan = CachePlan {
        flush: flush?,
        block_size: block.and_then(|n| u32::try_from(n).ok()),
        capacity,
    };
    Some(problems.placed(CacheLayer { plan, hidden }, node.span))
}

/// Largest block of a cache, in tokens.
pub(in crate::suite) const MOST_BLOCK: u32 = 1_000_000;
