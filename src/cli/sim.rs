use std::path::Path;

use super::args::SimArgs;
use crate::exit;
use crate::runner::{Interrupt, print, stderr_color, tell};
use crate::sim::{PRESETS, SimConfig, SimServer};

/// `prony sim`: the embedded engine as a server, until Ctrl-C.
pub fn sim(args: &SimArgs) -> i32 {
    if args.list_presets {
        let lines = PRESETS.map(|p| format!("{:14} {}\n", p.name, p.about));
        return print(lines.concat());
    }
    let overrides = match args.config.as_deref().map(read_config).transpose() {
        Ok(overrides) => overrides.unwrap_or_default(),
        Err(e) => return usage(&e),
    };
    let config = match SimConfig::resolve(&args.preset, &overrides) {
        Ok(config) => config,
        Err(e) => return usage(&e.to_string()),
    };
    let interrupt = match Interrupt::install() {
        Ok(interrupt) => interrupt,
        Err(e) => return internal(&format!("cannot listen for signals: {e}")),
    };
    let server = match SimServer::start(config, args.seed, args.listen) {
        Ok(server) => server,
        Err(e) => return internal(&format!("cannot listen on {}: {e}", args.listen)),
    };
    print(format!("serving {} (Ctrl-C to stop)\n", server.base_url()));
    futures_executor(interrupt.signal.reached(1));
    exit::OK
}

/// Waits for `future` on this thread.
fn futures_executor(future: impl Future<Output = ()>) {
    match tokio::runtime::Builder::new_current_thread().build() {
        Ok(runtime) => runtime.block_on(future),
        Err(_) => std::thread::park(),
    }
}

fn read_config(path: &Path) -> Result<serde_json::Map<String, serde_json::Value>, String> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|e| format!("cannot read {shown}: {e}"))?;
    crate::suite::plain_mapping(&shown, &text).map_err(|e| e.render(stderr_color()))
}

fn usage(what: &str) -> i32 {
    tell(format_args!("error: {what}"));
    exit::USAGE
}

fn internal(what: &str) -> i32 {
    tell(format_args!("error: {what}"));
    exit::INTERNAL
}
