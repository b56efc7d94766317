//! The whole path (load engine, protocol, engine in process) in one virtual world.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use prony::driver::VirtualDriver;
use prony::endpoint::EngineTransport;
use prony::endpoint::openai::Completions;
use prony::load::{RunInputs, RunPlan, Signal, drive};
use prony::record::{RequestRecord, RunRecords};
use prony::sim::{Face, SimConfig};
use prony::suite::{Arrivals, Length, Load, LoadShape, Start, Timeouts};
use prony::workload::{Synthetic, TokenModel};
use serde_json::{Map, Value};

/// A clock, and an engine that lives by it.
pub struct World {
    pub driver: VirtualDriver,
    pub transport: EngineTransport<VirtualDriver>,
}

impl World {
    /// An engine without noise, changed by `overrides`.
    pub fn new(overrides: &Value) -> World {
        let empty = Map::new();
        let overrides = overrides.as_object().unwrap_or(&empty);
        let config = SimConfig::resolve("exact", overrides).expect("a configuration");
        let driver = VirtualDriver::new();
        let transport = EngineTransport::new(driver.clone(), Face::new(config, 1, 0));
        World { driver, transport }
    }

    /// Drives one run to its end.
    pub fn run(&self, load: Run) -> RunRecords {
        self.driver.block_on(self.begin(load))
    }

    /// One run beside others on the same clock.
    pub fn begin(&self, load: Run) -> impl Future<Output = RunRecords> + use<> {
        let source = Synthetic::new(
            (load.seed, 0),
            None,
            load.input_tokens.clone(),
            load.output_tokens.clone(),
            Arc::new(TokenModel::assumed()),
        );
        self.begin_with(load, source)
    }

    /// The same with other prompts.
    pub fn begin_with(
        &self,
        load: Run,
        source: Synthetic,
    ) -> impl Future<Output = RunRecords> + use<> {
        let records: Rc<RefCell<Vec<RequestRecord>>> = Rc::default();
        let sink = records.clone();
        let inputs = RunInputs {
            plan: load.plan(),
            transport: self.transport.clone(),
            protocol: Arc::new(Completions::new("prony-sim", true, &Map::new())),
            source: Arc::new(source),
            ahead: false,
            beside: None,
            sink: Box::new(move |record| sink.borrow_mut().push(record)),
            crew: Vec::new(),
            progress: Arc::default(),
            interrupt: Signal::new(),
        };
        let driver = self.driver.clone();
        async move {
            let outcome = drive(driver, inputs).await;
            RunRecords {
                session: 0,
                open_loop: outcome.open_loop,
                window: outcome.window,
                records: records.take(),
                scrapes: Vec::new(),
                cache: None,
                stopped: None,
                beside: Vec::new(),
            }
        }
    }
}

/// What load, for how long.
#[derive(Clone)]
pub struct Run {
    pub shape: LoadShape,
    pub warmup: Duration,
    pub duration: Option<Duration>,
    pub requests: Option<u64>,
    pub seed: u64,
    pub input_tokens: Length,
    pub output_tokens: Length,
}

impl Run {
    pub fn new(shape: LoadShape) -> Run {
        Run {
            shape,
            warmup: Duration::ZERO,
            duration: None,
            requests: None,
            seed: 0,
            input_tokens: Length::Fixed(8),
            output_tokens: Length::Fixed(1),
        }
    }

    fn plan(&self) -> RunPlan {
        RunPlan {
            case: "virtual::world".to_owned(),
            phase: "main".to_owned(),
            run: 0,
            session: 0,
            load: Load {
                shape: self.shape.clone(),
                max_concurrency: None,
                start: Start::Spread,
            },
            requests: self.requests,
            duration: self.duration,
            warmup: self.warmup,
            drain: Duration::from_secs(300),
            brief_drain: Duration::from_secs(2),
            timeouts: Timeouts {
                connect: Duration::from_secs(5),
                first_token: Duration::from_secs(120),
                total: Duration::from_secs(300),
            },
            seed: self.seed,
        }
    }
}

pub fn rate(per_second: f64, arrivals: Arrivals) -> LoadShape {
    LoadShape::Rate {
        per_second,
        arrivals,
    }
}
