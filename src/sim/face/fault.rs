use crate::sim::config::{Fault, FaultKind, SimConfig};
use crate::sim::model::{Random, hash_pair};

/// The fault of request `number` (the first is 1), if any.
pub(super) fn of_request(config: &SimConfig, seed: u64, number: u64) -> Option<Fault> {
    let draw = |rule: u64, rate: f64| Random::keyed(hash_pair(seed, 7 + rule), number).chance(rate);
    let listed = config
        .faults
        .iter()
        .zip(1u64..)
        .find(|(fault, rule)| fault.requests.contains(&number) || draw(*rule, fault.rate));
    match listed {
        Some((fault, _)) => Some(fault.clone()),
        None => draw(0, config.error_rate).then(|| Fault {
            kind: FaultKind::ServerError,
            rate: config.error_rate,
            requests: Vec::new(),
            after_chunks: 0,
            seconds: 0.0,
            bytes: 0,
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn by_number_and_by_rate() {
        let overrides = json!({
            "error_rate": 0.25,
            "faults": [{"kind": "reset", "requests": [3, 5]}, {"kind": "stall", "rate": 0.5}],
        });
        let config = SimConfig::resolve("", overrides.as_object().unwrap()).unwrap();
        let kinds: Vec<_> = (1..=10_000)
            .map(|number| of_request(&config, 1, number).map(|f| f.kind))
            .collect();
        assert_eq!(kinds[2], Some(FaultKind::Reset));
        assert_eq!(kinds[4], Some(FaultKind::Reset));
        let count = |kind| kinds.iter().filter(|k| **k == Some(kind)).count();
        assert_eq!(count(FaultKind::Reset), 2);
        assert!((4800..5200).contains(&count(FaultKind::Stall)));
        // A quarter of those that are left.
        assert!((1130..1370).contains(&count(FaultKind::ServerError)));
        assert_eq!(of_request(&config, 1, 77), of_request(&config, 1, 77));
    }
}
