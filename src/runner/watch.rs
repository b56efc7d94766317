use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use super::context::Context;
use super::live::{LiveTarget, scrape_source};
use crate::driver::{Driver, Nanos, VirtualDriver};
use crate::endpoint::EngineTransport;
use crate::plan::{Case, Measure};
use crate::record::Scrape;
use crate::telemetry::server::{ScrapePlan, Scraped, Scraper, log_scrape, read_page};

/// Looks at the target's own counters while one run is on.
pub enum Watch<D> {
    /// Nobody looks.
    Off,
    /// Over the network, on a thread of its own.
    Http(Scraper),
    /// At the engine in process, on its own clock.
    InProcess(Rc<InProcess<D>>),
}

impl<D: Driver> Watch<D> {
    /// Looks for the first time, before the load, as the case wants it. `file` is `telemetry.jsonl`.
    pub async fn start<T>(
        driver: &D,
        case: &Case,
        measure: &Measure,
        live: &LiveTarget<T>,
        context: &Context,
        file: PathBuf,
    ) -> Watch<D> {
        let target = measure.phase.target(case);
        let setting = &case.scenario.scrape.over(&target.scrape);
        let Some(every) = setting.interval() else {
            return Watch::Off;
        };
        let warmup = measure.phase.warmup(&case.scenario);
        let end = measure.phase.duration.map(|d| warmup + d);
        let also_at: Vec<Duration> = [Some(warmup), end].into_iter().flatten().collect();
        let phase = measure.phase.name.clone();
        if let Some(engine) = live.in_process() {
            let watched = InProcess {
                driver: driver.clone(),
                engine: engine.clone(),
                phase,
                run: measure.run,
                every,
                epoch: Cell::new(driver.now()),
                file: RefCell::new(
                    OpenOptions::new()
                        .create(true)
                        .append(true)
                        .open(file)
                        .map_err(Some),
                ),
                scrapes: RefCell::default(),
                over: Cell::new(false),
            };
            let watched = Rc::new(watched);
            watched.look();
            driver.spawn(watched.clone().watch(also_at));
            return Watch::InProcess(watched);
        }
        let Some(source) = scrape_source(live, setting) else {
            return Watch::Off;
        };
        let redactor = context.redactor(case);
        let plan = ScrapePlan {
            source,
            every,
            also_at,
            phase,
            run: measure.run,
            file,
            redact: Box::new(move |text| redactor.apply(text).into_owned()),
        };
        match Scraper::start(plan) {
            Ok(mut scraper) => {
                scraper.first().await;
                Watch::Http(scraper)
            }
            Err(e) => {
                context.note_internal(format!("cannot look at the server's counters: {e}"));
                Watch::Off
            }
        }
    }

    /// The run begins now.
    pub fn begin(&self) {
        if let Watch::Http(scraper) = self {
            scraper.begin();
        }
    }

    /// Looks a last time, and gives every look of the run.
    pub async fn finish(self, context: &Context) -> Vec<Scrape> {
        let scraped = match self {
            Watch::Off => Scraped::default(),
            Watch::Http(scraper) => scraper.finish().await,
            Watch::InProcess(watched) => watched.finish(),
        };
        if let Some(e) = scraped.error {
            context.note_internal(format!("cannot write telemetry.jsonl: {e}"));
        }
        scraped.scrapes
    }
}

/// The engine in process, looked at on the driver's clock.
pub struct InProcess<D> {
    driver: D,
    engine: EngineTransport<VirtualDriver>,
    phase: String,
    run: u32,
    every: Duration,
    epoch: Cell<Nanos>,
    file: RefCell<Result<File, Option<std::io::Error>>>,
    scrapes: RefCell<Vec<Scrape>>,
    over: Cell<bool>,
}

impl<D: Driver> InProcess<D> {
    async fn watch(self: Rc<Self>, also_at: Vec<Duration>) {
        let mut edges: BTreeSet<Duration> = also_at.into_iter().collect();
        let mut next = self.every;
        loop {
            let due = edges.first().map_or(next, |edge| next.min(*edge));
            self.driver.at(self.epoch.get() + nanos(due)).await;
            if self.over.get() {
                return;
            }
            self.look();
            edges.remove(&due);
            if due == next {
                next += self.every;
            }
        }
    }

    fn look(&self) {
        let (status, body) = self.engine.ask("GET", "/metrics");
        let mut scrape = Scrape {
            phase: self.phase.clone(),
            run: self.run,
            at_us: ((self.driver.now() - self.epoch.get()) / 1000).cast_signed(),
            every_us: u64::try_from(self.every.as_micros()).unwrap_or(u64::MAX),
            ..Scrape::default()
        };
        match read_page(&String::from_utf8_lossy(&body)) {
            Ok(reading) if (200..300).contains(&status) => {
                scrape.engine = reading.engine.map(str::to_owned);
                scrape.replicas = reading.replicas;
            }
            Ok(_) => scrape.error = Some(format!("status {status}")),
            Err(why) => scrape.error = Some(why),
        }
        let mut file = self.file.borrow_mut();
        if let Ok(open) = &mut *file
            && let Err(e) = log_scrape(open, &scrape)
        {
            *file = Err(Some(e));
        }
        self.scrapes.borrow_mut().push(scrape);
    }

    fn finish(&self) -> Scraped {
        self.over.set(true);
        self.look();
        Scraped {
            scrapes: self.scrapes.take(),
            error: self.file.borrow_mut().as_mut().err().and_then(Option::take),
        }
    }
}

fn nanos(d: Duration) -> Nanos {
    u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)
}
