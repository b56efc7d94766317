use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use sha2::{Digest, Sha256};
use url::Url;

use super::context::Context;
use crate::driver::{RealDriver, VirtualDriver};
use crate::endpoint::{
    EngineTransport, HttpCarrier, HttpSettings, Protocol, ServerInfo, openai::Chat,
    openai::Completions, probe_ready,
};
use crate::plan::{Case, PhasePlan};
use crate::sim::{Face, SimConfig, SimServer};
use crate::suite::{Api, SimOverrides, Target, TargetUrl};

/// Why a case could not be measured; makes it `error`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotMeasured(pub String);

/// Connections kept where nothing bounds the requests in flight.
const POOL: usize = 4096;

/// A target that is up: requests can go to it.
pub struct LiveTarget<T> {
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
}

/// The embedded engine, where it is the target.
enum Engine {
    None,
    /// Over TCP; stops with this value.
    Server(SimServer),
    InProcess(EngineTransport<VirtualDriver>),
}

impl LiveTarget<HttpCarrier<RealDriver>> {
    /// Starts the target of `phase` where it is the embedded engine, and waits until it is ready.
    ///
    /// # Errors
    /// When it does not become ready, or its settings cannot be used.
    pub async fn open(
        case: &Case,
        phase: &PhasePlan,
        driver: &RealDriver,
        context: &Context,
    ) -> Result<Self, NotMeasured> {
        let target = phase.target(case);
        let (base_url, engine) = match &target.url {
            TargetUrl::Http(url) => (url.clone(), Engine::None),
            TargetUrl::Sim(which) => {
                let (url, server) = start_engine(case, which)?;
                (url, Engine::Server(server))
            }
        };
        let shown = shown(target);
        let settings = HttpSettings {
            headers: headers(target)?,
            pool: phase.max_in_flight().map_or(POOL, |n| n as usize),
            ca: authority(target)?,
            insecure_tls: target.insecure_tls,
            ..HttpSettings::new(base_url)
        };
        let info = ready(&settings, target.ready_timeout, context)
            .await
            .map_err(|why| NotMeasured(format!("{shown} never became ready: {why}")))?;
        let model = match target
            .model
            .clone()
            .or_else(|| info.models.first().cloned())
        {
            Some(model) => model,
            None => {
                return Err(NotMeasured(format!(
                    "{shown} lists no model under `models`; name one with `model:` in the target"
                )));
            }
        };
        let wish = std::env::var("PRONY_TRANSPORT").ok();
        let transport = HttpCarrier::new(settings, driver.clone(), wish.as_deref())
            .map_err(|e| NotMeasured(e.to_string()))?;
        transport
            .open_ahead(phase.max_in_flight().map_or(0, |n| n as usize))
            .await;
        Ok(LiveTarget {
            transport_name: transport.name(),
            transport,
            gpus: target.gpus,
            protocol: protocol(target, &model),
            shown,
            model,
            engine,
        })
    }
}

impl LiveTarget<EngineTransport<VirtualDriver>> {
    /// Starts the embedded engine in process, in virtual time.
    ///
    /// # Errors
    /// When the target is none, or its settings cannot be used.
    pub fn in_process(
        case: &Case,
        phase: &PhasePlan,
        driver: &VirtualDriver,
    ) -> Result<Self, NotMeasured> {
        let target = phase.target(case);
        let shown = shown(target);
        let TargetUrl::Sim(which) = &target.url else {
            return Err(NotMeasured(format!(
                "{shown} cannot be measured in virtual time: only sim:// targets can"
            )));
        };
        let (config, session) = engine_of(case, which)?;
        let transport = EngineTransport::new(driver.clone(), Face::new(config, session, 0));
        let models = listed_models(&transport.ask("GET", "/v1/models").1);
        let model = model(target, &shown, models)?;
        Ok(LiveTarget {
            transport_name: "in process",
            gpus: target.gpus,
            protocol: protocol(target, &model),
            shown,
            model,
            engine: Engine::InProcess(transport.clone()),
            transport,
        })
    }
}

impl<T> LiveTarget<T> {
    /// Tells the embedded engine that a run of a phase begins, so that it draws its speed anew.
    pub fn begin_run(&self, run: u64) {
        match &self.engine {
            Engine::None => {}
            Engine::Server(server) => server.begin_run(run),
            Engine::InProcess(transport) => transport.begin_run(run),
        }
    }
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
            url.to_string()
        }
    }
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

fn protocol(target: &Target, model: &str) -> Arc<dyn Protocol> {
    match target.api {
        Api::Chat => Arc::new(Chat::new(model, target.stream, &target.body)),
        Api::Completions => Arc::new(Completions::new(model, target.stream, &target.body)),
    }
}

/// The engine's configuration, and the seed of its session: each case has a start of its own.
fn engine_of(case: &Case, which: &SimOverrides) -> Result<(SimConfig, u64), NotMeasured> {
    let config = SimConfig::resolve(&which.preset, &which.overrides)
        .map_err(|e| NotMeasured(format!("the embedded engine did not start: {e}")))?;
    let mut hash = Sha256::new();
    hash.update(case.scenario.seed.to_le_bytes());
    hash.update(case.full_name());
    let digest = hash.finalize();
    let mut session = [0; 8];
    session.copy_from_slice(&digest[..8]);
    Ok((config, u64::from_le_bytes(session)))
}

/// Starts the embedded engine on a free port.
fn start_engine(case: &Case, which: &SimOverrides) -> Result<(Url, SimServer), NotMeasured> {
    let failed = |what: String| NotMeasured(format!("the embedded engine did not start: {what}"));
    let (config, session) = engine_of(case, which)?;
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let server = SimServer::start(config, session, listen).map_err(|e| failed(e.to_string()))?;
    let url = Url::parse(&server.base_url()).map_err(|e| failed(e.to_string()))?;
    Ok((url, server))
}

/// The target's headers with their values; variables that are not set stop the case here.
fn headers(target: &Target) -> Result<Vec<(String, String)>, NotMeasured> {
    target
        .headers
        .iter()
        .map(|(name, secret)| match &secret.value {
            Ok(value) => Ok((name.clone(), value.clone())),
            Err(variable) => Err(NotMeasured(format!(
                "header `{name}` needs the environment variable {variable}, which is not set"
            ))),
        })
        .collect()
}

fn authority(target: &Target) -> Result<Option<Vec<u8>>, NotMeasured> {
    let Some(path) = &target.ca else {
        return Ok(None);
    };
    std::fs::read(path).map(Some).map_err(|e| {
        NotMeasured(format!(
            "cannot read the certificate authority {}: {e}",
            path.display()
        ))
    })
}

async fn ready(
    settings: &HttpSettings,
    timeout: Duration,
    context: &Context,
) -> Result<ServerInfo, String> {
    let probe = Box::pin(probe_ready(settings, timeout));
    match select(probe, context.interrupt.signal.reached(1)).await {
        Either::Left((info, _)) => info.map_err(|e| e.to_string()),
        Either::Right(_) => Err("interrupted while waiting".to_owned()),
    }
}
