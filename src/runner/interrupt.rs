use std::sync::atomic::{AtomicI32, Ordering};

use crate::exit;
use crate::load::Signal;

/// What the user wants of a run under way. The first SIGINT or SIGTERM asks it to end in order, the
/// second ends the process at once, with the records on disk.
#[derive(Debug)]
pub struct Interrupt {
    /// Level 1 after the first signal.
    pub signal: Signal,
    code: AtomicI32,
}

impl Interrupt {
    /// One that no signal raises, for tests and for harnesses that handle signals themselves.
    pub fn none() -> Self {
        Interrupt {
            signal: Signal::new(),
            code: AtomicI32::new(exit::OK),
        }
    }

    /// The exit code that the first signal asks for; [`exit::OK`] without one.
    pub fn code(&self) -> i32 {
        self.code.load(Ordering::Acquire)
    }

    /// Whether a signal has come.
    pub fn raised(&self) -> bool {
        self.signal.level() > 0
    }

    /// Listens for SIGINT and SIGTERM on a thread of its own, for as long as the process lives.
    ///
    /// # Errors
    /// When the handlers cannot be installed.
    #[cfg(unix)]
    pub fn install() -> std::io::Result<std::sync::Arc<Self>> {
        use tokio::signal::unix::{SignalKind, signal};
        let interrupt = std::sync::Arc::new(Self::none());
        let shared = interrupt.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()?;
        let (mut int, mut term) = {
            let _inside = runtime.enter();
            (
                signal(SignalKind::interrupt())?,
                signal(SignalKind::terminate())?,
            )
        };
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                runtime.block_on(async move {
                    loop {
                        let code = tokio::select! {
                            _ = int.recv() => exit::SIGINT,
                            _ = term.recv() => exit::SIGTERM,
                        };
                        if shared.raised() {
                            super::launch::kill_all();
                            std::process::exit(code);
                        }
                        shared.code.store(code, Ordering::Release);
                        super::say::tell(
"\ninterrupted: no new requests; saving what was measured (once more to leave at once)",
);
                        shared.signal.raise(1);
                    }
                });
            })?;
        Ok(interrupt)
    }

    /// Listens for Ctrl-C on a thread of its own, for as long as the process lives.
    ///
    /// # Errors
    /// When no thread can be started.
    #[cfg(not(unix))]
    pub fn install() -> std::io::Result<std::sync::Arc<Self>> {
        let interrupt = std::sync::Arc::new(Self::none());
        let shared = interrupt.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        std::thread::Builder::new().spawn(move || {
            runtime.block_on(async move {
                while tokio::signal::ctrl_c().await.is_ok() {
                    if shared.raised() {
                        std::process::exit(exit::SIGINT);
                    }
                    shared.code.store(exit::SIGINT, Ordering::Release);
                    shared.signal.raise(1);
                }
            });
        })?;
        Ok(interrupt)
    }
}
