use super::lab::request;
use crate::sim::config::SimConfig;
use crate::sim::model::{Engine, EngineEventKind};

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
