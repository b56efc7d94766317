use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::Map;

use super::bare_server::{BareServer, Order, Served};
use crate::driver::{Driver, RealDriver};
use crate::endpoint::{
    HttpCarrier, HttpSettings, Observation, Protocol, Transport, openai::Chat, perform,
};
use crate::result::{OwnError, Spread};
use crate::stats::quantile;
use crate::suite::{Timeouts, TransportKind};
use crate::workload::{PlannedRequest, Prompt};

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    /// Streams at the same time.
    pub streams: u32,
    /// Requests of each, one after the other.
    pub rounds: u32,
    /// Sends at 200 a second.
    pub slow_sends: u32,
    /// Sends at 10,000 a second.
    pub fast_sends: u32,
    /// How long tokens are read as fast as they come.
    pub flood: Duration,
}

impl Default for Effort {
    /// About five seconds.
    fn default() -> Self {
        Effort {
            streams: 64,
            rounds: 16,
            slow_sends: 200,
            fast_sends: 5_000,
            flood: Duration::from_secs(1),
        }
    }
}

/// Time to the first token that the bare server is asked for.
const FIRST_US: u64 = 20_000;
/// Time between its tokens.
const GAP_US: u64 = 10_000;
/// Tokens of a request.
const TOKENS: u64 = 10;
const PATIENCE: Timeouts = Timeouts {
    connect: Duration::from_secs(10),
    first_token: Duration::from_secs(30),
    total: Duration::from_secs(60),
};

/// Measures the client's own error against a server on the loopback whose times are known, over the
/// transport that is wished for or the usual one; its name comes with it. `now` is written down.
///
/// # Errors
/// When there is no server or no thread to be had, or requests to it fail; in words.
pub fn own_error(
    effort: Effort,
    now: &str,
    wish: Option<TransportKind>,
) -> Result<(&'static str, OwnError), String> {
    let server = BareServer::start().map_err(|e| format!("cannot listen on the loopback: {e}"))?;
    let url = server.base_url().parse().map_err(|e| format!("{e}"))?;
    let measured = RealDriver::run(|driver| async move {
        let settings = HttpSettings {
            pool: effort.streams as usize,
            ..HttpSettings::new(url)
        };
        let transport =
            HttpCarrier::new(settings, driver.clone(), wish).map_err(|e| e.to_string())?;
        let error = measure(&driver, &transport, &server, effort, now).await?;
        Ok((transport.name(), error))
    });
    measured.map_err(|e| format!("cannot start: {e}"))?
}

async fn measure<T: Transport>(
    driver: &RealDriver,
    transport: &T,
    server: &BareServer,
    effort: Effort,
    now: &str,
) -> Result<OwnError, String> {
    let (mut ttft, mut itl) = paced(driver, transport, server, effort).await?;
    let mut slow = lateness(driver, 5_000_000, effort.slow_sends).await;
    let mut fast = lateness(driver, 100_000, effort.fast_sends).await;
    let tokens_per_second = flood(driver, transport, effort).await?;
    let nothing = || "nothing was measured".to_owned();
    Ok(OwnError {
        measured_at: now.to_owned(),
        streams: effort.streams,
        ttft: spread(&mut ttft).ok_or_else(nothing)?,
        itl: spread(&mut itl).ok_or_else(nothing)?,
        timer_200: spread(&mut slow).ok_or_else(nothing)?,
        timer_10000: spread(&mut fast).ok_or_else(nothing)?,
        tokens_per_second,
    })
}

type Seen = Rc<RefCell<Vec<(u64, Observation)>>>;

/// Errors of `ttft` and of gaps, in ms, of all streams at a pace that is known.
async fn paced<T: Transport>(
    driver: &RealDriver,
    transport: &T,
    server: &BareServer,
    effort: Effort,
) -> Result<(Vec<f64>, Vec<f64>), String> {
    let seen = Seen::default();
    let streams = (0..effort.streams).map(|stream| {
        let (driver, transport, seen) = (driver.clone(), transport.clone(), seen.clone());
        async move {
            // Connections are opened, and the code is warm, before anything counts; starts are spread.
            let start = driver.now() + u64::from(stream) * 500_000;
            driver.at(start).await;
            one(&driver, &transport, order(0, 1, 1)).await;
            for round in 0..effort.rounds {
                let id = u64::from(stream) * u64::from(effort.rounds) + u64::from(round) + 1;
                let order = Order {
                    first_us: FIRST_US,
                    gap_us: GAP_US,
                    ..order(id, TOKENS, 1)
                };
                let observed = one(&driver, &transport, order).await;
                seen.borrow_mut().push((id, observed));
            }
        }
    });
    all(driver, streams).await;
    let (mut ttft, mut itl) = (Vec::new(), Vec::new());
    for (id, observed) in seen.take() {
        if let Some(error) = observed.error {
            return Err(format!(
                "a request to prony's own server failed: {}",
                error.message
            ));
        }
        let Some(served) = server.served(id) else {
            continue;
        };
        let errors = errors(&observed, &served);
        ttft.extend(errors.0);
        itl.extend(errors.1);
    }
    Ok((ttft, itl))
}

/// By how much, in ms, the client's `ttft` and gaps differ from the server's.
fn errors(seen: &Observation, served: &Served) -> (Option<f64>, Vec<f64>) {
    let ms = |ns: u64| ns as f64 / 1e6;
    let truly = |a: Instant, b: Instant| b.duration_since(a).as_secs_f64() * 1e3;
    let sent = seen.timing.map(|t| t.sent);
    let ttft = seen
        .first
        .zip(sent)
        .zip(served.written.first())
        .map(|((first, sent), written)| {
            (ms(first.saturating_sub(sent)) - truly(served.read, *written)).abs()
        });
    let gaps = seen
        .chunks
        .windows(2)
        .zip(served.written.windows(2))
        .map(|(seen, true_)| {
            (ms(seen[1].at.saturating_sub(seen[0].at)) - truly(true_[0], true_[1])).abs()
        })
        .collect();
    (ttft, gaps)
}

/// How late, in ms, a wake-up comes that is asked for every `every_ns`.
async fn lateness(driver: &RealDriver, every_ns: u64, n: u32) -> Vec<f64> {
    let start = driver.now() + every_ns;
    let mut late = Vec::with_capacity(n as usize);
    for i in 0..u64::from(n) {
        let due = start + i * every_ns;
        driver.at_exactly(due).await;
        late.push(driver.now().saturating_sub(due) as f64 / 1e6);
    }
    late
}

/// Tokens per second, several to a write, from a server that writes as fast as it is read.
async fn flood<T: Transport>(
    driver: &RealDriver,
    transport: &T,
    effort: Effort,
) -> Result<f64, String> {
    let began = driver.now();
    let until = began + u64::try_from(effort.flood.as_nanos()).unwrap_or(u64::MAX);
    let tokens = Rc::new(RefCell::new(Ok::<usize, String>(0)));
    let streams = (0..effort.streams.min(16)).map(|_| {
        let (driver, transport, tokens) = (driver.clone(), transport.clone(), tokens.clone());
        async move {
            while driver.now() < until {
                let seen = one(&driver, &transport, order(0, 32, 16)).await;
                let mut tokens = tokens.borrow_mut();
                match (&seen.error, tokens.as_mut()) {
                    (Some(error), Ok(_)) => {
                        *tokens = Err(format!(
                            "a request to prony's own server failed: {}",
                            error.message
                        ));
                        return;
                    }
                    (None, Ok(n)) => *n += seen.chunks.len(),
                    (_, Err(_)) => return,
                }
            }
        }
    });
    all(driver, streams).await;
    let seconds = driver.now().saturating_sub(began) as f64 / 1e9;
    let tokens = tokens.borrow().clone()?;
    Ok(tokens as f64 / seconds)
}

fn order(id: u64, writes: u64, tokens: u64) -> Order {
    Order {
        id,
        first_us: 0,
        gap_us: 0,
        writes,
        tokens,
    }
}

async fn one<T: Transport>(driver: &RealDriver, transport: &T, order: Order) -> Observation {
    let chat = Chat::new("bare", true, &Map::new());
    let body: Bytes = chat.encode(&PlannedRequest {
        prompt: Prompt::Text(order.prompt()),
        input_tokens: None,
        counted: false,
        output_tokens: None,
        labels: BTreeMap::new(),
    });
    perform(driver, transport, &chat, body, PATIENCE).await
}

/// Runs all on tasks of their own, as a run does, until each has ended.
async fn all<F: Future<Output = ()> + 'static>(
    driver: &RealDriver,
    futures: impl Iterator<Item = F>,
) {
    let ends: Vec<_> = futures
        .map(|future| {
            let (done, end) = futures_channel::oneshot::channel::<()>();
            driver.spawn(async move {
                future.await;
                let _ = done.send(());
            });
            end
        })
        .collect();
    for end in ends {
        let _ = end.await;
    }
}

fn spread(values: &mut [f64]) -> Option<Spread> {
    values.sort_by(f64::total_cmp);
    Some(Spread {
        p50: quantile(values, 0.5)?,
        p99: quantile(values, 0.99)?,
        max: *values.last()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_is_the_difference_between_both_clocks() {
        let read = Instant::now();
        let at = |ms: u64| read + Duration::from_millis(ms);
        let served = Served {
            read,
            written: vec![at(20), at(30), at(40)],
        };
        let chunk = |ms: f64| crate::endpoint::OutputChunk {
            at: (ms * 1e6) as u64,
            tokens: None,
        };
        let seen = Observation {
            timing: Some(crate::endpoint::SendTiming {
                sent: 5_000_000,
                connect: None,
            }),
            first: Some(26_000_000),
            chunks: vec![chunk(26.0), chunk(35.0), chunk(45.5)],
            ..Observation::default()
        };
        let (ttft, gaps) = errors(&seen, &served);
        assert!((ttft.unwrap() - 1.0).abs() < 1e-6);
        assert!((gaps[0] - 1.0).abs() < 1e-6 && (gaps[1] - 0.5).abs() < 1e-6);
    }

    #[test]
    fn everything_is_measured() {
        let effort = Effort {
            streams: 4,
            rounds: 2,
            slow_sends: 3,
            fast_sends: 20,
            flood: Duration::from_millis(30),
        };
        for (wish, name) in [(None, "lean"), (Some(TransportKind::Reqwest), "reqwest")] {
            let (transport, error) = own_error(effort, "2026-01-01T00:00:00Z", wish).unwrap();
            assert_eq!((transport, error.streams), (name, 4));
            assert!(error.ttft.p50 > 0.0 && error.ttft.p50 <= error.ttft.p99);
            assert!(error.itl.max >= error.itl.p99);
            assert!(error.timer_10000.max >= 0.0);
            assert!(error.tokens_per_second > 0.0);
        }
    }
}
