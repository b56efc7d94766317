use super::lab::{Lab, request};
use crate::sim::config::SimConfig;
use crate::sim::model::{Engine, EngineEventKind, Random};

/// Output tokens per second with all requests queued at once, from when a tenth of all tokens are
/// out until nine tenths are.
fn saturated(preset: &str, input: u32, output: u32, requests: u64) -> f64 {
    let mut config = SimConfig::preset(preset).unwrap();
    config.variation = SimConfig::preset("exact").unwrap().variation;
    let mut engine = Engine::new(&config, 1);
    for i in 0..requests {
        engine.submit(0, request(i, input, output)).unwrap();
    }
    let total = requests * u64::from(output);
    let (mut events, mut out, mut begin) = (Vec::new(), 0, None);
    while let Some(at) = engine.next_event() {
        engine.advance(at, &mut events);
        for event in events.drain(..) {
            if let EngineEventKind::Tokens { count, .. } = event.kind {
                out += u64::from(count);
            }
        }
        if begin.is_none() && out * 10 >= total {
            begin = Some((at, out));
        }
        if let Some((begin, before)) = begin
            && out * 10 >= 9 * total
        {
            return (out - before) as f64 / ((at - begin) as f64 / 1e9);
        }
    }
    panic!("it ended before it was measured");
}

/// The published figures that the presets were fitted to; see `docs/engine.md`.
#[test]
fn presets_reach_the_published_throughput() {
    for (preset, input, output, requests, published) in [
        ("8b-h100", 128, 128, 10_000, 28_836.77),
        ("8b-h100", 2048, 128, 4_000, 3_556.73),
        ("8b-h100", 5000, 500, 1_000, 3_559.36),
        ("70b-8xh100", 128, 128, 10_000, 14_730.69),
        ("70b-8xh100", 2048, 128, 4_000, 1_923.41),
    ] {
        let reached = saturated(preset, input, output, requests);
        let ratio = reached / published;
        assert!(
            (0.9..1.1).contains(&ratio),
            "{preset} {input}/{output}: {reached:.0} for {published}"
        );
    }
}

/// What the two presets are there to show, at 20 requests/s of 500 and 100 tokens.
#[test]
fn disaggregation_shortens_the_long_gaps() {
    let gaps = |preset: &str| {
        let mut lab = Lab {
            engine: Engine::new(&SimConfig::preset(preset).unwrap(), 1),
            seen: std::collections::BTreeMap::new(),
            log: Vec::new(),
        };
        let mut random = Random::keyed(1, 1);
        let mut now = 0.0;
        for i in 0..1000 {
            now += random.exponential(50e6);
            lab.submit(now as u64, request(i, 500, 100));
        }
        lab.run_out();
        let mut gaps: Vec<u64> = lab.seen.values().flat_map(|seen| seen.gaps()).collect();
        gaps.sort_unstable();
        (
            gaps[gaps.len() / 2] as f64 / 1e6,
            gaps[gaps.len() / 100 * 99] as f64 / 1e6,
        )
    };
    let (aggregated, disaggregated) = (gaps("quick-aggregated"), gaps("quick-disaggregated"));
    assert!((7.0..11.0).contains(&aggregated.0), "{aggregated:?}");
    assert!((7.0..11.0).contains(&disaggregated.0), "{disaggregated:?}");
    assert!(
        disaggregated.1 < 0.5 * aggregated.1,
        "{disaggregated:?} {aggregated:?}"
    );
}
