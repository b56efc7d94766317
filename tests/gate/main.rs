//! The reduced form of `examples/gate_power`: a small bank of runs of the embedded engine, judged as a gate
//! judges. Bounds are wide enough for so few draws, and narrow enough to go red when the judge is spoilt.

#[expect(dead_code, reason = "the example draws other effects too")]
#[path = "../../examples/gate_power/bank.rs"]
mod bank;
#[path = "../../examples/gate_power/gates.rs"]
mod gates;
#[path = "../../examples/gate_power/left_open.rs"]
mod left_open;
#[path = "../../examples/gate_power/tally.rs"]
mod tally;

use bank::{Effect, sessions};
use gates::Scenario;
use tally::{Design, Unchanged, power, unchanged};

const FIVE_SESSIONS: Design = Design {
    runs: 5,
    restarts: true,
    extend: true,
    noise: None,
};
const ONE_SESSION: Design = Design {
    restarts: false,
    ..FIVE_SESSIONS
};

#[test]
fn a_gate_that_neither_flaps_nor_sleeps() {
    let same = Unchanged::new(16);
    // Thirty assertions an invocation, and next to none fails.
    let found = unchanged(&same, FIVE_SESSIONS, 40, 1);
    assert!(found.prony <= 1, "{} of 40 fail unchanged", found.prony);
    // Others would have cried wolf: what is drawn is noisy enough to tell.
    assert!(found.by_hand > 8 && found.by_ranks > 20, "{found:?}");
    assert!(found.cases <= 1 && found.requests() < 11_001.0);
    // Five runs settle a throughput, and not every tail: a judge that never doubts is spoilt.
    assert!(found.undecided("throughput") <= 20.0, "{found:?}");
    let tails = found.undecided("ttft.p99");
    assert!((5.0..60.0).contains(&tails), "{found:?}");
    // One session a side: starts are assumed to differ, and a spoilt assumption shows.
    let found = unchanged(&same, ONE_SESSION, 40, 2);
    assert!(found.prony <= 1, "{} of 40 fail unchanged", found.prony);
    assert!(found.undecided("ttft.p50") >= 20.0, "{found:?}");

    let first_token = Scenario::FirstToken;
    let found = |effect, first| {
        let worse = sessions(first_token.workload(), effect, first, 10);
        power(first_token, &same.open, &worse, FIVE_SESSIONS, 60, 3)
    };
    let slow = found(Effect::Ttft(0.2), 1 << 40);
    assert!(slow.prony >= 90.0, "{slow:?}");
    let tail = found(Effect::Tail(0.4), 1 << 41);
    assert!(tail.prony >= 50.0, "{tail:?}");
    let slight = found(Effect::Ttft(0.05), 1 << 42);
    assert!(slight.prony <= 5.0, "what is tolerated fails: {slight:?}");
}
