use std::time::Duration;

use reqwest::Client;
use serde_json::Value;

use super::probe::{ProbeError, broken, read};
use super::settings::{HttpSettings, SettingsError};

/// Longest wait for an answer.
const WAIT: Duration = Duration::from_secs(30);

/// Asks a target for things that are not timed, on a client of its own.
#[derive(Clone, Debug)]
pub struct Asker {
    client: Client,
    settings: HttpSettings,
}

impl Asker {
    /// For the target of `settings`.
    ///
    /// # Errors
    /// When the settings cannot be used.
    pub fn new(settings: HttpSettings) -> Result<Self, SettingsError> {
        Ok(Asker {
            client: settings.plain_client()?,
            settings,
        })
    }

    /// The status and body of the answer to `body`, posted to `path` below the server's root.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn post(&self, path: &str, body: &Value) -> Result<(u16, Vec<u8>), ProbeError> {
        let send = || {
            self.client
                .post(self.settings.beside(path))
                .header("content-type", "application/json")
                .body(body.to_string())
                .timeout(WAIT)
                .send()
        };
        let response = match send().await {
            Ok(response) => response,
            // A kept connection may have been closed meanwhile; asking twice does no harm.
            Err(_) => send().await.map_err(broken)?,
        };
        let status = response.status().as_u16();
        Ok((status, read(response, WAIT).await?))
    }
}
