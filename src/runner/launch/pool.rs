use std::sync::{Arc, Mutex, PoisonError};

use url::Url;

use super::server::{LaunchedServer, LogPlace};
use crate::suite::{Launch, Restart};

/// The targets that outlive a case: those of `restart: never`.
#[derive(Debug, Default)]
pub struct LaunchPool {
    kept: Mutex<Vec<Arc<LaunchedServer>>>,
}

impl LaunchPool {
    /// The target that `launch` at `url` asks for: one that an earlier case has left running under
    /// `restart: never`, or a new one. Whether it is new is the second value. One of an earlier case
    /// that listens at the same address and is not wanted any more is stopped first.
    ///
    /// # Errors
    /// When it cannot be started, or its log cannot be written.
    pub fn open(
        &self,
        launch: &Launch,
        url: &Url,
        restart: Restart,
        place: LogPlace<'_>,
    ) -> Result<(Arc<LaunchedServer>, bool), String> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if restart == Restart::Never
            && let Some(server) = kept.iter().find(|s| s.serves(launch, url))
        {
            server.log_to(place)?;
            return Ok((server.clone(), false));
        }
        kept.retain(|server| {
            let unwanted = server.exit().is_some() || server.occupies(url);
            if unwanted {
                server.stop();
            }
            !unwanted
        });
        let server = Arc::new(LaunchedServer::start(launch, url, place)?);
        if restart == Restart::Never {
            kept.push(server.clone());
        }
        Ok((server, true))
    }

    /// Stops `server` unless it is kept for the cases to come. One that has ended is not kept.
    pub fn close(&self, server: &Arc<LaunchedServer>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if server.exit().is_some() {
            kept.retain(|s| !Arc::ptr_eq(s, server));
        }
        if !kept.iter().any(|s| Arc::ptr_eq(s, server)) {
            drop(kept);
            server.stop();
        }
    }

    /// Stops everything that is kept.
    pub fn stop_all(&self) {
        let kept = std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner));
        for server in kept {
            server.stop();
        }
    }
}
