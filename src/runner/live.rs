use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use sha2::{Digest, Sha256};
use url::Url;

use super::context::Context;
use crate::driver::RealDriver;
use crate::endpoint::{
    HttpSettings, HttpTransport, Protocol, ServerInfo, openai::Chat, openai::Completions,
    probe_ready,
};
use crate::plan::{Case, PhasePlan};
use crate::sim::{SimConfig, SimServer};
use crate::suite::{Api, SimOverrides, Target, TargetUrl};

/// Why a case could not be measured; makes it `error`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotMeasured(pub String);

/// Connections kept where nothing bounds the requests in flight.
const POOL: usize = 4096;

/// A target that is up: requests can go to it.
pub struct LiveTarget {
    /// Its address for people.
    pub shown: String,
    /// The model asked for.
    pub model: String,
    /// Its accelerators.
    pub gpus: Option<u32>,
    /// What carries requests.
    pub transport: HttpTransport<RealDriver>,
    /// The transport's name in results.
    pub transport_name: &'static str,
    /// How requests are written and read.
    pub protocol: Arc<dyn Protocol>,
    /// The embedded engine, where it is the target; stops with this value.
    sim: Option<SimServer>,
}

impl LiveTarget {
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
        let (base_url, sim) = match &target.url {
            TargetUrl::Http(url) => (url.clone(), None),
            TargetUrl::Sim(which) => {
                let (url, server) = start_engine(case, which)?;
                (url, Some(server))
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
        let protocol: Arc<dyn Protocol> = match target.api {
            Api::Chat => Arc::new(Chat::new(&model, target.stream, &target.body)),
            Api::Completions => Arc::new(Completions::new(&model, target.stream, &target.body)),
        };
        Ok(LiveTarget {
            transport: HttpTransport::new(settings, driver.clone())
                .map_err(|e| NotMeasured(e.to_string()))?,
            transport_name: "reqwest",
            shown,
            model,
            gpus: target.gpus,
            protocol,
            sim,
        })
    }
}

impl LiveTarget {
    /// Tells the embedded engine that a run of a phase begins, so that it draws its speed anew.
    pub fn begin_run(&self, run: u64) {
        if let Some(engine) = &self.sim {
            engine.begin_run(run);
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

/// Starts the embedded engine on a free port, with a speed of its own per session.
fn start_engine(case: &Case, which: &SimOverrides) -> Result<(Url, SimServer), NotMeasured> {
    let failed = |what: String| NotMeasured(format!("the embedded engine did not start: {what}"));
    let config =
        SimConfig::resolve(&which.preset, &which.overrides).map_err(|e| failed(e.to_string()))?;
    let mut hash = Sha256::new();
    hash.update(case.scenario.seed.to_le_bytes());
    hash.update(case.full_name());
    let digest = hash.finalize();
    let mut session = [0; 8];
    session.copy_from_slice(&digest[..8]);
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let server = SimServer::start(config, u64::from_le_bytes(session), listen)
        .map_err(|e| failed(e.to_string()))?;
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
