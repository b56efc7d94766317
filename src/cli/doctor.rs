use serde_json::json;

use super::args::DoctorArgs;
use crate::doctor::{
    Effort, Known, TargetReport, about_client, about_target, cache_file, examine, known, own_error,
    remember,
};
use crate::driver::RealDriver;
use crate::endpoint::HttpSettings;
use crate::exit;
use crate::result::{Host, OwnError};
use crate::runner::{host, now, print, tell};
use crate::sim::{SimConfig, SimServer};
use crate::suite::{SimOverrides, TransportKind};

/// The variable that a key is taken from.
const KEY: &str = "API_KEY";

/// `prony doctor`: what this client can sustain here; with `--target`, what a target supports.
pub fn doctor(args: &DoctorArgs) -> i32 {
    let host = host();
    let file = cache_file();
    // Against a target, what is known of the client already is good enough.
    let before = file
        .as_deref()
        .filter(|_| args.target.is_some())
        .and_then(|file| known(file, &host, TransportKind::from(args.transport).name()));
    let (transport, error) = match before {
        Some(error) => (TransportKind::from(args.transport).name(), error),
        None => match own_error(Effort::default(), &now(), Some(args.transport.into())) {
            Ok(measured) => measured,
            Err(e) => {
                tell(format_args!("error: cannot measure this client: {e}"));
                return exit::INTERNAL;
            }
        },
    };
    if let Some(file) = &file {
        let entry = Known::new(host.clone(), transport, error.clone());
        if let Err(e) = remember(file, entry) {
            tell(format_args!(
                "warning: cannot keep this in {}: {e}; results will not state it",
                file.display()
            ));
        }
    }
    let report = match args.target.as_deref().map(|url| ask(url, args, &error)) {
        None => None,
        Some(Ok(report)) => Some(report),
        Some(Err((code, text))) => {
            tell(format_args!("error: {text}"));
            return code;
        }
    };
    let code = match &report {
        Some(report) if !report.usable() => exit::NOT_MEASURED,
        _ => exit::OK,
    };
    match print(text(args, &host, transport, &error, report.as_ref())) {
        exit::OK => code,
        failed => failed,
    }
}

fn text(
    args: &DoctorArgs,
    host: &Host,
    transport: &str,
    error: &OwnError,
    report: Option<&TargetReport>,
) -> String {
    if args.format == "json" {
        let mut all = json!({
            "schema": 1,
            "version": env!("CARGO_PKG_VERSION"),
            "host": host,
            "client": { "transport": transport, "own_error": error },
        });
        if let Some(report) = report {
            all["target"] = json!(report);
        }
        return format!("{all:#}\n");
    }
    let mut out = about_client(host, transport, error);
    if let Some(report) = report {
        out.push('\n');
        out += &about_target(report);
    }
    out
}

fn ask(url: &str, args: &DoctorArgs, error: &OwnError) -> Result<TargetReport, (i32, String)> {
    let usage = |text: String| (exit::USAGE, text);
    let mut engine = None;
    let base = match url.strip_prefix("sim://") {
        Some(preset) => {
            let overrides = SimOverrides::default().overrides;
            let config =
                SimConfig::resolve(preset, &overrides).map_err(|e| usage(e.to_string()))?;
            let listen = ([127, 0, 0, 1], 0).into();
            let server = SimServer::start(config, 0, listen)
                .map_err(|e| (exit::INTERNAL, format!("cannot start the engine: {e}")))?;
            engine.insert(server).base_url()
        }
        None => url.to_owned(),
    };
    let base: url::Url = base
        .parse()
        .map_err(|e| usage(format!("--target {url}: {e}; write http(s)://host:port/v1")))?;
    if !matches!(base.scheme(), "http" | "https") || base.host().is_none() {
        return Err(usage(format!(
            "--target {url} is no address; write http(s)://host:port/v1, or sim://PRESET"
        )));
    }
    let mut settings = HttpSettings::new(base);
    if let Some(key) = std::env::var(KEY).ok().filter(|k| !k.is_empty()) {
        let bearer = ("Authorization".to_owned(), format!("Bearer {key}"));
        settings.headers.push(bearer);
    }
    let model = args.model.as_deref();
    let report =
        RealDriver::run(
            |driver| async move { examine(&driver, &settings, model, Some(error)).await },
        );
    report.map_err(|e| (exit::INTERNAL, format!("cannot start: {e}")))
}
