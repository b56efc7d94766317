use std::cell::Cell;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use futures_util::future::{Either, select};
use sha2::{Digest, Sha256};
use url::Url;

use super::context::Context;
use super::crew::Equipment;
use super::launch::LaunchedServer;
use super::progress::WaitingLine;
use super::tokens::local_tokenizer;
use crate::driver::{Driver, RealDriver, VirtualDriver};
use crate::endpoint::{
    Asker, EngineTransport, HttpCarrier, HttpSettings, Protocol, ReadyCheck, ReadyWhen, ServerKind,
    Transport, openai::Chat, openai::Completions, openai::KeepText, perform, probe_until,
};
use crate::load::Signal;
use crate::plan::{Case, PhasePlan};
use crate::sim::{Face, SimConfig, SimServer};
use crate::suite::{
    Api, Probe, PromptSource, Restart, Scrape, Secret, SimOverrides, Target, TargetUrl, Timeouts,
};
use crate::telemetry::server::ScrapeSource;
use crate::text::seconds;
use crate::workload::{PlannedRequest, Prompt};

/// Why a case could not be measured; makes it `error`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotMeasured(pub String);

/// Connections kept where nothing bounds the requests in flight.
const POOL: usize = 4096;

/// A target that is up: requests can go to it.
pub struct LiveTarget<T> {
    /// Base URL of its API; absent in process.
    url: Option<Url>,
    /// Its address for people.
    pub shown: String,
    /// The model asked for.
    pub model: String,
    /// Its accelerators.
    pub gpus: Option<u32>,
    /// What carries requests.
    pub transport: T,
    /// The transport's name in results.
    pub transport_name: &'static str,
    /// How requests are written and read.
    pub protocol: Arc<dyn Protocol>,
    engine: Engine,
    /// For questions that are not timed; absent in process.
    asker: Option<Asker>,
    /// How it is reached over HTTP; absent in process.
    settings: Option<HttpSettings>,
    /// What further measuring threads reach it with; absent in process, where there is one.
    pub(super) equipment: Option<Equipment>,
    /// Kept connections of further measuring threads that it had closed.
    pub(super) stale_elsewhere: Cell<u32>,
}

/// The embedded engine, where it is the target.
enum Engine {
    None,
    /// Over TCP; stops with this value.
    Server(SimServer),
    InProcess(EngineTransport<VirtualDriver>),
}

/// Where a case is measured: a clock, and the network that goes with it.
pub trait World {
    /// The clock.
    type Driver: Driver;
    /// The network.
    type Transport: Transport;

    /// Starts the target of `phase` where it is the embedded engine, and waits until it is ready.
    ///
    /// # Errors
    /// When it does not become ready, or its settings cannot be used.
    fn open(
        case: &Case,
        phase: &PhasePlan,
        at: Whereabouts,
        driver: &Self::Driver,
        context: &Context,
    ) -> impl Future<Output = Result<LiveTarget<Self::Transport>, NotMeasured>>;
}

/// Real time and sockets.
pub struct RealWorld;

/// Virtual time and the embedded engine in process.
pub struct VirtualWorld;

/// Where a target is found, and how to know that it will not come any more.
#[derive(Clone, Debug, Default)]
pub struct Whereabouts {
    /// The program that should serve it, where prony has started one.
    pub server: Option<Arc<LaunchedServer>>,
    /// Index of the session within the case.
    pub session: u32,
}

impl World for RealWorld {
    type Driver = RealDriver;
    type Transport = HttpCarrier<RealDriver>;

    async fn open(
        case: &Case,
        phase: &PhasePlan,
        at: Whereabouts,
        driver: &RealDriver,
        context: &Context,
    ) -> Result<LiveTarget<Self::Transport>, NotMeasured> {
        let target = phase.target(case);
        let (base_url, engine) = match (&at.server, &target.url) {
            (Some(server), _) => (server.url().clone(), Engine::None),
            (None, TargetUrl::Http(url)) => (url.clone(), Engine::None),
            (None, TargetUrl::Sim(which)) => {
                let (url, server) = start_engine(case, phase, which, at.session)?;
                (url, Engine::Server(server))
            }
        };
        let shown = shown(target);
        let settings = HttpSettings {
            headers: secret_headers(&target.headers)?,
            pool: phase.max_in_flight().map_or(POOL, |n| n as usize),
            ca: authority(target.ca.as_deref())?,
            insecure_tls: target.insecure_tls,
            ..HttpSettings::new(base_url)
        };
        let line = WaitingLine::start(match target.launch {
            Some(_) => "starting the target",
            None => "waiting for the target",
        });
        let redactor = context.redactor(case);
        // What a program says while it starts tells more than that it does not answer yet.
        let say = |why: &str| {
            let said = at.server.as_ref().and_then(|server| server.last_line());
            line.say(said.unwrap_or_else(|| redactor.apply(why).into_owned()));
        };
        let synthetic = is_synthetic(case);
        let asking = until_ready(
            (target, synthetic),
            settings,
            shown.clone(),
            driver,
            &say,
            engine,
        );
        let ended = match &at.server {
            Some(server) => server.ended().clone(),
            None => Signal::new(),
        };
        let stop = select(context.interrupt.signal.reached(1), ended.reached(1));
        match select(Box::pin(asking), stop).await {
            Either::Left((live, _)) => live,
            Either::Right((Either::Left(_), _)) => Err(NotMeasured(format!(
                "{shown} never became ready: interrupted while waiting"
            ))),
            Either::Right((Either::Right(_), _)) => Err(NotMeasured(format!(
                "{shown} never became ready: its program has ended"
            ))),
        }
    }
}

impl World for VirtualWorld {
    type Driver = VirtualDriver;
    type Transport = EngineTransport<VirtualDriver>;

    async fn open(
        case: &Case,
        phase: &PhasePlan,
        at: Whereabouts,
        driver: &VirtualDriver,
        _: &Context,
    ) -> Result<LiveTarget<Self::Transport>, NotMeasured> {
        let target = phase.target(case);
        let shown = shown(target);
        let TargetUrl::Sim(which) = &target.url else {
            return Err(NotMeasured(format!(
                "{shown} cannot be measured in virtual time: only sim:// targets can"
            )));
        };
        let (config, session) = engine_of(case, phase, which, at.session)?;
        let transport = EngineTransport::new(driver.clone(), Face::new(config, session, 0));
        let models = listed_models(&transport.ask("GET", "/v1/models").1);
        let synthetic = is_synthetic(case);
        let model = model(target, &shown, models)?;
        Ok(LiveTarget {
            url: None,
            transport_name: "in process",
            gpus: target.gpus,
            protocol: protocol(target, &model, ServerKind::Prony, synthetic),
            shown,
            model,
            engine: Engine::InProcess(transport.clone()),
            asker: None,
            transport,
            settings: None,
            equipment: None,
            stale_elsewhere: Cell::new(0),
        })
    }
}

/// Asks `target` until it is ready.
async fn until_ready(
    (target, synthetic): (&Target, bool),
    settings: HttpSettings,
    shown: String,
    driver: &RealDriver,
    say: &dyn Fn(&str),
    engine: Engine,
) -> Result<LiveTarget<HttpCarrier<RealDriver>>, NotMeasured> {
    let began = Instant::now();
    let check = ReadyCheck {
        when: match &target.ready.probe {
            Probe::Auto | Probe::Token => ReadyWhen::NotLoading,
            Probe::Models => ReadyWhen::Models,
            Probe::Path(path) => ReadyWhen::Path(path.clone()),
        },
        timeout: target.ready.timeout,
        interval: target.ready.interval,
    };
    let info = probe_until(&settings, &check, &mut |why| say(&why.to_string()))
        .await
        .map_err(|why| never_ready(&shown, target, &why.to_string()))?;
    let kind = ServerKind::of(info.owner.as_deref(), info.server.as_deref());
    let model = model(target, &shown, info.models)?;
    let asker = Asker::new(settings.clone()).map_err(|e| NotMeasured(e.to_string()))?;
    let url = settings.base_url.clone();
    let transport = HttpCarrier::new(settings.clone(), driver.clone(), target.transport)
        .map_err(|e| NotMeasured(e.to_string()))?;
    let equipment = Equipment {
        epoch: driver.epoch(),
        settings: settings.clone(),
        transport: transport.kind(),
    };
    let live = LiveTarget {
        url: Some(url),
        settings: Some(settings),
        equipment: Some(equipment),
        stale_elsewhere: Cell::new(0),
        transport_name: transport.name(),
        transport,
        gpus: target.gpus,
        protocol: protocol(target, &model, kind, synthetic),
        shown,
        model,
        engine,
        asker: Some(asker),
    };
    if target.ready.probe == Probe::Token {
        live.until_a_token(target, began, driver, say).await?;
    }
    Ok(live)
}

fn never_ready(shown: &str, target: &Target, why: &str) -> NotMeasured {
    NotMeasured(format!(
        "{shown} never became ready: {why} (waited at most {}; `ready: {{ timeout: … }}` says how long)",
        seconds(Some(target.ready.timeout.as_secs_f64()))
    ))
}

impl LiveTarget<HttpCarrier<RealDriver>> {
    /// Sends small requests until one is answered.
    async fn until_a_token(
        &self,
        target: &Target,
        began: Instant,
        driver: &RealDriver,
        say: &dyn Fn(&str),
    ) -> Result<(), NotMeasured> {
        let request = PlannedRequest {
            prompt: Prompt::Text("Say hello.".to_owned()),
            input_tokens: None,
            counted: false,
            output_tokens: Some(1),
            labels: BTreeMap::new(),
        };
        let body = self.protocol.encode(&request);
        let mut why = "no token came".to_owned();
        loop {
            let left = target.ready.timeout.saturating_sub(began.elapsed());
            if left.is_zero() {
                return Err(never_ready(&self.shown, target, &why));
            }
            let timeouts = Timeouts {
                connect: left,
                first_token: left,
                total: left,
            };
            let seen = perform(
                driver,
                &self.transport,
                self.protocol.as_ref(),
                body.clone(),
                timeouts,
            )
            .await;
            match seen.error {
                None => return Ok(()),
                // A first token is all that is asked for, whatever became of the rest.
                Some(_) if seen.output => return Ok(()),
                Some(error) => why = format!("no token came: {}", error.message),
            }
            say(&why);
            tokio::time::sleep(target.ready.interval.min(left)).await;
        }
    }
}

impl<T: Transport> LiveTarget<T> {
    /// Kept connections that the target had closed, on any measuring thread.
    pub fn stale_connections(&self) -> u32 {
        self.stale_elsewhere
            .get()
            .saturating_add(self.transport.stale_connections())
    }
}

impl<T> LiveTarget<T> {
    /// Base URL of its API; absent in process.
    pub fn url(&self) -> Option<&Url> {
        self.url.as_ref()
    }

    /// The engine that answers in process, where there is one.
    pub fn in_process(&self) -> Option<&EngineTransport<VirtualDriver>> {
        match &self.engine {
            Engine::InProcess(transport) => Some(transport),
            Engine::None | Engine::Server(_) => None,
        }
    }

    /// The status and body of the answer to `body`, posted to `path` below the server's root. Not timed.
    ///
    /// # Errors
    /// When there is no answer, in words.
    pub async fn ask(
        &self,
        path: &str,
        body: &serde_json::Value,
    ) -> Result<(u16, Vec<u8>), String> {
        match (&self.engine, &self.asker) {
            (Engine::InProcess(engine), _) => {
                Ok(engine.ask_with("POST", path, body.to_string().as_bytes()))
            }
            (_, Some(asker)) => asker.post(path, body).await.map_err(|e| e.to_string()),
            (_, None) => Err("there is nobody to ask".to_owned()),
        }
    }

    /// Tells the embedded engine that a run of a phase begins, so that it draws its speed anew.
    pub fn begin_run(&self, run: u64) {
        match &self.engine {
            Engine::None => {}
            Engine::Server(server) => server.begin_run(run),
            Engine::InProcess(transport) => transport.begin_run(run),
        }
    }
}

/// Where the counters of a target that is reached over HTTP are.
pub fn scrape_source<T>(live: &LiveTarget<T>, setting: &Scrape) -> Option<ScrapeSource> {
    let settings = live.settings.clone()?;
    let urls = match &setting.urls {
        Some(urls) => urls.clone(),
        None => vec![settings.beside("/metrics")],
    };
    Some(ScrapeSource { settings, urls })
}

/// The model to ask for.
fn model(target: &Target, shown: &str, listed: Vec<String>) -> Result<String, NotMeasured> {
    let first = || listed.into_iter().next();
    target.model.clone().or_else(first).ok_or_else(|| {
        NotMeasured(format!(
            "{shown} lists no model under `models`; name one with `model:` in the target"
        ))
    })
}

fn listed_models(body: &[u8]) -> Vec<String> {
    let list: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let ids = list["data"].as_array().into_iter().flatten();
    ids.filter_map(|m| m["id"].as_str().map(str::to_owned))
        .collect()
}

/// Whether the lengths of a case's answers are prony's to choose.
fn is_synthetic(case: &Case) -> bool {
    matches!(case.scenario.prompts.source, PromptSource::Synthetic { .. })
}

/// How requests are written, with what the server is known to understand beyond the protocol: answers
/// to made-up prompts are as long as asked for, chunks say how many tokens they hold.
fn protocol(target: &Target, model: &str, kind: ServerKind, synthetic: bool) -> Arc<dyn Protocol> {
    let own = kind.beyond(synthetic);
    let (stream, body) = (target.stream, &target.body);
    let protocol: Arc<dyn Protocol> = match target.api {
        Api::Chat => Arc::new(Chat::asking(model, stream, &own, body)),
        Api::Completions => Arc::new(Completions::asking(model, stream, &own, body)),
    };
    // Servers that are known count for themselves.
    if kind == ServerKind::Other && local_tokenizer(target).is_some() {
        return Arc::new(KeepText(protocol));
    }
    protocol
}

/// The target's address as a person may see it: without user, password, query.
pub fn shown(target: &Target) -> String {
    match &target.url {
        TargetUrl::Sim(which) => format!("sim://{}", which.preset),
        TargetUrl::Http(url) => {
            let mut url = url.clone();
            // Both fail only for URLs that cannot have a host, which a target's cannot be.
            let _ = url.set_username("");
            let _ = url.set_password(None);
            url.set_query(None);
            TargetUrl::Http(url).shown()
        }
    }
}

/// The engine's configuration and the seed of its session, so that each session has a speed of its
/// own, and so has each of several engines of a case. Under `restart: never` all cases draw the same
/// one, as if one engine had served them.
fn engine_of(
    case: &Case,
    phase: &PhasePlan,
    which: &SimOverrides,
    session: u32,
) -> Result<(SimConfig, u64), NotMeasured> {
    let config = SimConfig::resolve(&which.preset, &which.overrides)
        .map_err(|e| NotMeasured(format!("the embedded engine did not start: {e}")))?;
    let mut hash = Sha256::new();
    hash.update(case.scenario.seed.to_le_bytes());
    if case.scenario.restart != Restart::Never {
        hash.update(case.full_name());
    }
    if session > 0 {
        hash.update(session.to_le_bytes());
    }
    if let Some(name) = phase.target_name() {
        hash.update([0]);
        hash.update(name);
    }
    let digest = hash.finalize();
    let mut session = [0; 8];
    session.copy_from_slice(&digest[..8]);
    Ok((config, u64::from_le_bytes(session)))
}

/// Starts the embedded engine on a free port.
fn start_engine(
    case: &Case,
    phase: &PhasePlan,
    which: &SimOverrides,
    session: u32,
) -> Result<(Url, SimServer), NotMeasured> {
    let failed = |what: String| NotMeasured(format!("the embedded engine did not start: {what}"));
    let (config, session) = engine_of(case, phase, which, session)?;
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let server = SimServer::start(config, session, listen).map_err(|e| failed(e.to_string()))?;
    let url = Url::parse(&server.base_url()).map_err(|e| failed(e.to_string()))?;
    Ok((url, server))
}

/// Headers with their values; variables that are not set stop the case here.
pub fn secret_headers(headers: &[(String, Secret)]) -> Result<Vec<(String, String)>, NotMeasured> {
    headers
        .iter()
        .map(|(name, secret)| match &secret.value {
            Ok(value) => Ok((name.clone(), value.clone())),
            Err(variable) => Err(NotMeasured(format!(
                "header `{name}` needs the environment variable {variable}, which is not set"
            ))),
        })
        .collect()
}

/// The certificates of `ca:`.
pub fn authority(ca: Option<&Path>) -> Result<Option<Vec<u8>>, NotMeasured> {
    let Some(path) = ca else {
        return Ok(None);
    };
    std::fs::read(path).map(Some).map_err(|e| {
        NotMeasured(format!(
            "cannot read the certificate authority {}: {e}",
            path.display()
        ))
    })
}
