//! Looks at `/metrics` while the load is on, on a thread and connections of its own.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use futures_channel::oneshot;
use futures_util::future::join_all;
use reqwest::{Client, Response};
use url::Url;

use super::read::{Reading, read_page};
use crate::endpoint::HttpSettings;
use crate::record::{ReplicaScrape, Scrape};
use crate::suite::PageUrl;

/// Most bytes read of a page.
const MAX_BYTES: usize = 8 << 20;
/// Bounds of the wait for a page.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Where pages of metrics are, and how they are reached.
#[derive(Clone, Debug)]
pub struct ScrapeSource {
    /// How the target is reached. Its headers go to its own origin and nowhere else.
    pub settings: HttpSettings,
    /// Pages of metrics: one, or one for each server behind the target.
    pub urls: Vec<PageUrl>,
}

/// What is looked at during one run, and when.
pub struct ScrapePlan {
    /// Where.
    pub source: ScrapeSource,
    /// The pause between two looks.
    pub every: Duration,
    /// Moments of the run at which there is a look besides: the edges of its window.
    pub also_at: Vec<Duration>,
    /// Phase, for the record.
    pub phase: String,
    /// Run, for the record.
    pub run: u32,
    /// `telemetry.jsonl`, to which every look is appended as it is made.
    pub file: PathBuf,
    /// Takes secrets out of what went wrong.
    pub redact: Box<dyn Fn(&str) -> String + Send>,
}

/// What a [`Scraper`] saw.
#[derive(Debug, Default)]
pub struct Scraped {
    /// Every look, in order of time.
    pub scrapes: Vec<Scrape>,
    /// The first error of writing.
    pub error: Option<io::Error>,
}

enum Order {
    /// The run begins at this moment.
    Begin(Instant),
    /// The run has ended: one more look.
    End,
}

/// A thread that looks at a target's counters during one run.
pub struct Scraper {
    orders: Sender<Order>,
    first: Option<oneshot::Receiver<()>>,
    scraped: oneshot::Receiver<Scraped>,
}

impl Scraper {
    /// Starts the thread, which looks for the first time at once.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(plan: ScrapePlan) -> io::Result<Scraper> {
        let (orders, inbox) = channel();
        let (done, scraped) = oneshot::channel();
        let (looked, first) = oneshot::channel();
        std::thread::Builder::new()
            .name("scraper".to_owned())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build();
                let scraped = match runtime {
                    Ok(runtime) => scrape_all(&plan, &runtime, &inbox, looked),
                    Err(e) => Scraped {
                        scrapes: Vec::new(),
                        error: Some(e),
                    },
                };
                // Nobody waits any more where the run was given up.
                let _ = done.send(scraped);
            })?;
        Ok(Scraper {
            orders,
            first: Some(first),
            scraped,
        })
    }

    /// Waits until the first look is made, so that it comes before the load.
    pub async fn first(&mut self) {
        if let Some(first) = self.first.take() {
            let _ = first.await;
        }
    }

    /// The run begins now.
    pub fn begin(&self) {
        let _ = self.orders.send(Order::Begin(Instant::now()));
    }

    /// Has the last look made, and gives them all.
    pub async fn finish(self) -> Scraped {
        let _ = self.orders.send(Order::End);
        self.scraped.await.unwrap_or_else(|_| Scraped {
            scrapes: Vec::new(),
            error: Some(io::Error::other("the scraper panicked")),
        })
    }
}

fn scrape_all(
    plan: &ScrapePlan,
    runtime: &tokio::runtime::Runtime,
    inbox: &Receiver<Order>,
    looked: oneshot::Sender<()>,
) -> Scraped {
    let mut scraped = Scraped::default();
    let mut log = match open(&plan.file) {
        Ok(file) => Some(file),
        Err(e) => {
            scraped.error = Some(e);
            None
        }
    };
    let pages = Pages::new(plan);
    let first = runtime.block_on(pages.look());
    // A server that has no such page will not have one in a second.
    let hopeless = first.hopeless;
    let _ = looked.send(());
    let Ok(Order::Begin(epoch)) = inbox.recv() else {
        return scraped;
    };
    let mut keep = |look: Look| {
        let scrape = look.scrape(plan, epoch);
        let written = log.as_mut().map(|file| log_scrape(file, &scrape));
        if let (None, Some(Err(e))) = (&scraped.error, written) {
            scraped.error = Some(e);
        }
        scraped.scrapes.push(scrape);
    };
    keep(first);
    let mut also: Vec<Duration> = plan.also_at.clone();
    also.sort();
    let mut next_regular = Duration::ZERO;
    loop {
        let due = match also.first() {
            _ if hopeless => None,
            Some(&edge) if edge <= next_regular => Some(edge),
            _ => Some(next_regular),
        };
        let order = match due {
            None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(due) => {
                inbox.recv_timeout((epoch + due).saturating_duration_since(Instant::now()))
            }
        };
        match order {
            Err(RecvTimeoutError::Timeout) => {
                keep(runtime.block_on(pages.look()));
                let now = epoch.elapsed();
                // Looks that fell into a slow one are left out, not made up for.
                also.retain(|edge| *edge > now);
                while next_regular <= now {
                    next_regular += plan.every;
                }
            }
            Ok(Order::Begin(_)) => {}
            Ok(Order::End) => break,
            Err(RecvTimeoutError::Disconnected) => return scraped,
        }
    }
    if !hopeless {
        keep(runtime.block_on(pages.look()));
    }
    scraped
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// Appends one look to `telemetry.jsonl`, whole lines only.
///
/// # Errors
/// When it cannot be written.
pub fn log_scrape(file: &mut File, scrape: &Scrape) -> io::Result<()> {
    let mut line = serde_json::to_vec(scrape)?;
    line.push(b'\n');
    file.write_all(&line)
}

/// The pages, each with a client of its own.
struct Pages {
    pages: Vec<(PageUrl, Result<Client, String>)>,
    wait: Duration,
}

struct Look {
    at: Instant,
    took: Duration,
    engine: Option<&'static str>,
    replicas: BTreeMap<String, ReplicaScrape>,
    gpus: BTreeMap<String, BTreeMap<String, f64>>,
    error: Option<String>,
    /// There will be nothing to see at any other time.
    hopeless: bool,
}

/// Why a page could not be read.
struct NoPage {
    why: String,
    hopeless: bool,
}

impl Pages {
    fn new(plan: &ScrapePlan) -> Pages {
        let ScrapeSource { settings, urls } = &plan.source;
        let client = |url: &Url| {
            let own = url.origin() == settings.base_url.origin();
            let settings = HttpSettings {
                base_url: url.clone(),
                headers: if own {
                    settings.headers.clone()
                } else {
                    Vec::new()
                },
                // A connection kept for a second is one that a server may just have closed.
                pool: 0,
                ..settings.clone()
            };
            settings.plain_client().map_err(|e| e.to_string())
        };
        Pages {
            pages: urls
                .iter()
                .map(|page| (page.clone(), client(&page.url)))
                .collect(),
            wait: plan.every.clamp(SHORTEST_WAIT, LONGEST_WAIT),
        }
    }

    async fn look(&self) -> Look {
        let before = Instant::now();
        let asked = self.pages.iter().map(|(page, client)| async {
            match client {
                Ok(client) => get(client, page, self.wait).await,
                Err(why) => Err(NoPage {
                    why: why.clone(),
                    hopeless: true,
                }),
            }
        });
        let answers = join_all(asked).await;
        let answered = answers
            .iter()
            .filter_map(|a| a.as_ref().ok())
            .map(|(at, _)| *at)
            .min();
        let took = answered.unwrap_or_else(Instant::now) - before;
        let mut look = Look {
            at: before + took / 2,
            took,
            engine: None,
            replicas: BTreeMap::new(),
            gpus: BTreeMap::new(),
            error: None,
            hopeless: true,
        };
        let several = self.pages.len() > 1;
        // The page of an exporter of GPUs is no other server: what stands alone beside it keeps its name.
        let exporters = answers
            .iter()
            .filter(|a| {
                a.as_ref()
                    .is_ok_and(|(_, reading)| reading.is_of_gpus_alone())
            })
            .count();
        let several_servers = self.pages.len() - exporters > 1;
        for ((page, _), answer) in self.pages.iter().zip(answers) {
            let url = &page.url;
            let problem = match answer {
                Ok((_, reading)) => {
                    // Another engine may have names once it has answered something.
                    look.hopeless = false;
                    let gpus_apart = exporters > 1;
                    look.add(url, several_servers, gpus_apart, reading);
                    None
                }
                Err(problem) => Some(problem),
            };
            if let Some(NoPage { why, hopeless }) = problem {
                look.hopeless &= hopeless;
                let shown = if several {
                    format!("{}: {why}", place(url))
                } else {
                    why
                };
                look.error.get_or_insert(shown);
            }
        }
        look
    }
}

impl Look {
    /// Adds what the page at `url` said; its place is part of names where several pages have some.
    fn add(&mut self, url: &Url, several_servers: bool, several_exporters: bool, reading: Reading) {
        self.engine = self.engine.or(reading.engine);
        let alone = reading.replicas.len() == 1;
        for (name, replica) in reading.replicas {
            let name = match (several_servers, alone) {
                (false, _) => name,
                (true, true) => place(url),
                (true, false) => format!("{}/{name}", place(url)),
            };
            self.replicas.insert(name, replica);
        }
        for (name, shares) in reading.gpus {
            let name = match several_exporters {
                false => name,
                true => format!("{}/{name}", place(url)),
            };
            self.gpus.insert(name, shares);
        }
    }

    fn scrape(self, plan: &ScrapePlan, epoch: Instant) -> Scrape {
        Scrape {
            phase: plan.phase.clone(),
            run: plan.run,
            at_us: match self.at.checked_duration_since(epoch) {
                Some(after) => signed(after),
                None => -signed(epoch - self.at),
            },
            took_us: u64::try_from(self.took.as_micros()).ok(),
            every_us: u64::try_from(plan.every.as_micros()).unwrap_or(u64::MAX),
            engine: self.engine.map(str::to_owned),
            replicas: self
                .replicas
                .into_iter()
                .map(|(name, replica)| ((plan.redact)(&name), replica))
                .collect(),
            gpus: self
                .gpus
                .into_iter()
                .map(|(name, shares)| ((plan.redact)(&name), shares))
                .collect(),
            error: self.error.map(|why| (plan.redact)(&why)),
        }
    }
}

fn signed(d: Duration) -> i64 {
    i64::try_from(d.as_micros()).unwrap_or(i64::MAX)
}

/// A page's server, for people and as the name of a replica.
fn place(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port_or_known_default() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// A page, and when its head came.
async fn get(
    client: &Client,
    page: &PageUrl,
    wait: Duration,
) -> Result<(Instant, Reading), NoPage> {
    let may_pass = |why: String| NoPage {
        why,
        hopeless: false,
    };
    let asked = async {
        let response = client
            .get(page.url.clone())
            .send()
            .await
            .map_err(|e| may_pass(in_words(&e)))?;
        let at = Instant::now();
        let status = response.status();
        if !status.is_success() {
            return Err(NoPage {
                why: refused(page.shown_path(), status.as_u16()),
                hopeless: status.is_client_error() || status.as_u16() == 501,
            });
        }
        let body = body(response).await.map_err(may_pass)?;
        let reading = read_page(&String::from_utf8_lossy(&body)).map_err(|why| NoPage {
            why,
            hopeless: true,
        })?;
        Ok((at, reading))
    };
    match tokio::time::timeout(wait, asked).await {
        Ok(answer) => answer,
        Err(_) => Err(may_pass(format!("no answer within {wait:?}"))),
    }
}

fn refused(path: &str, status: u16) -> String {
    let hint = match status {
        401 | 403 => "; it wants a key of its own",
        501 => "; llama.cpp's server wants `--metrics`",
        404 => "; the server has no such page, or it is elsewhere: `scrape: { url: … }`",
        _ => "",
    };
    format!("status {status} at {path}{hint}")
}

/// The reason at the bottom: the layers above name the address, which may hold what must not be shown.
fn in_words(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    let what = if error.is_connect() {
        "no connection"
    } else {
        "the connection broke"
    };
    format!("{what}: {cause}")
}

async fn body(mut response: Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| in_words(&e))? {
        if body.len() + chunk.len() > MAX_BYTES {
            return Err(format!("the page is larger than {} MiB", MAX_BYTES >> 20));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
