use std::fmt;
use std::sync::Once;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, ClientBuilder};
use url::Url;

/// How long an idle connection is kept. uvicorn (vLLM, SGLang) and llama.cpp's server close theirs
/// after 5 s; a request on a connection that is being closed would fail through no fault of the
/// server. Reconnecting costs no measured time, so prony lets go first.
pub(in crate::endpoint) const IDLE: Duration = Duration::from_secs(4);

/// How an HTTP target is reached.
#[derive(Clone)]
pub struct HttpSettings {
    /// Base of the API, such as `http://127.0.0.1:8000/v1`.
    pub base_url: Url,
    /// Extra headers of every request. Values are secrets: they appear in no error and no `Debug`.
    pub headers: Vec<(String, String)>,
    /// Idle connections kept: the most requests that will be in flight.
    pub pool: usize,
    /// PEM certificates of authorities to trust besides the system's.
    pub ca: Option<Vec<u8>>,
    /// Accept any certificate.
    pub insecure_tls: bool,
    /// Use the proxy that the environment names. Off by default: a proxy in the way is measured too.
    pub proxy_from_env: bool,
}

impl HttpSettings {
    /// Plain settings for `base_url`.
    pub fn new(base_url: Url) -> Self {
        HttpSettings {
            base_url,
            headers: Vec::new(),
            pool: 64,
            ca: None,
            insecure_tls: false,
            proxy_from_env: false,
        }
    }

    /// `path` below the base; whether the base ends in a slash does not matter.
    pub(super) fn url(&self, path: &str) -> Url {
        let mut url = self.base_url.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}/{path}"));
        url
    }

    /// `path`, which begins with `/`, below the root of the server: the base without its `/v1`. It may
    /// have a query.
    pub fn beside(&self, path: &str) -> Url {
        let mut url = self.base_url.clone();
        let base = url.path().trim_end_matches('/');
        let root = base.strip_suffix("/v1").unwrap_or(base).to_owned();
        let (path, query) = match path.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path, None),
        };
        url.set_path(&format!("{root}{path}"));
        url.set_query(query);
        url
    }

    /// A client for calls that are not timed.
    ///
    /// # Errors
    /// When the settings cannot be used.
    pub fn plain_client(&self) -> Result<reqwest::Client, SettingsError> {
        let client = self.builder()?.build();
        client.map_err(|e| SettingsError::Client(e.to_string()))
    }

    /// The extra headers, checked.
    pub(in crate::endpoint) fn header_map(&self) -> Result<HeaderMap, SettingsError> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let bad = |what| SettingsError::Header {
                name: name.clone(),
                what,
            };
            let key: HeaderName = name.parse().map_err(|_| bad("is not a header name"))?;
            let mut value = HeaderValue::from_str(value)
                .map_err(|_| bad("has a value that no header may have, such as a line break"))?;
            value.set_sensitive(true);
            headers.append(key, value);
        }
        Ok(headers)
    }

    /// A client builder with everything but what measuring adds.
    ///
    /// Neither redirects nor retries: a redirect would carry the key elsewhere, and a retry would be
    /// one request in the records and two on the server. A request is handed over anew only where the
    /// server never took it up: hyper does so when the connection closed before a single byte was
    /// written, the transport when a kept connection closed before a single byte of an answer.
    pub(super) fn builder(&self) -> Result<ClientBuilder, SettingsError> {
        install_crypto();
        let headers = self.header_map()?;
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("prony/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .http1_only()
            .tcp_nodelay(true)
            .pool_max_idle_per_host(self.pool)
            .pool_idle_timeout(IDLE);
        if !self.proxy_from_env {
            builder = builder.no_proxy();
        }
        let mut extra = Vec::new();
        if let Some(pem) = &self.ca {
            extra = Certificate::from_pem_bundle(pem)
                .map_err(|_| SettingsError::Ca("is not a PEM file of certificates"))?;
            if extra.is_empty() {
                return Err(SettingsError::Ca("holds no certificate"));
            }
        }
        builder = if self.base_url.scheme() == "https" {
            builder
                .tls_certs_merge(extra)
                .tls_danger_accept_invalid_certs(self.insecure_tls)
        } else {
            // Reading the system's certificates takes tens of milliseconds that plain HTTP can save.
            builder.tls_certs_only(extra)
        };
        Ok(builder)
    }
}

impl fmt::Debug for HttpSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("HttpSettings")
            .field("base_url", &self.base_url.as_str())
            .field("headers", &names)
            .field("pool", &self.pool)
            .field("ca", &self.ca.is_some())
            .field("insecure_tls", &self.insecure_tls)
            .field("proxy_from_env", &self.proxy_from_env)
            .finish()
    }
}

/// Settings that no client can be made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingsError {
    /// A header; its value is not shown.
    Header {
        /// Its name.
        name: String,
        /// What is wrong.
        what: &'static str,
    },
    /// The file of certificate authorities.
    Ca(&'static str),
    /// The client itself, such as TLS without any certificate to trust.
    Client(String),
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SettingsError::Header { name, what } => write!(f, "header `{name}` {what}"),
            SettingsError::Ca(what) => write!(f, "the file under `ca` {what}"),
            SettingsError::Client(what) => write!(f, "no HTTP client could be made: {what}"),
        }
    }
}

impl std::error::Error for SettingsError {}

/// reqwest is built without a TLS provider of its own choosing; prony's is ring.
fn install_crypto() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // It fails only where the program that prony is part of has chosen one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}
