use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Body, Client, Method, Request, Response};

use super::connect::{Clock, Scoped, TimedConnect};
use super::error::describe;
use super::settings::{HttpSettings, SettingsError};
use super::stamped_body::{StampedBody, UsedConnections};
use crate::driver::Driver;
use crate::endpoint::{
    Exchange, HandOver, SendTiming, Stamped, Stamps, Transport, TransportError, WireRequest,
};
use crate::record::ErrorKind;

/// Requests over TCP by reqwest, HTTP/1.1, stamped with the driver's clock.
///
/// One is made per target and measuring thread; clones share its connections. What it sends and what
/// it refuses to do (redirects, retries, proxies, decompression) is said at [`HttpSettings`].
#[derive(Clone)]
pub struct HttpTransport<D> {
    inner: Arc<Inner<D>>,
}

struct Inner<D> {
    /// Keeps connections.
    client: Client,
    /// Opens a connection for every request.
    fresh: Client,
    settings: HttpSettings,
    driver: D,
    clock: Clock,
    used: UsedConnections,
    stale: AtomicU32,
}

/// So many requests that met a kept connection already closed, and no more connections are kept.
///
/// Some servers (llama.cpp after a streamed answer) announce keep-alive and close all the same; a
/// request that follows at once finds the connection open and loses the race.
pub(in crate::endpoint) const MAX_STALE: u32 = 3;

impl<D: Driver + Send + Sync> HttpTransport<D> {
    /// A transport to `settings.base_url`, stamping with `driver`.
    ///
    /// # Errors
    /// When a header or the file of authorities cannot be used.
    pub fn new(settings: HttpSettings, driver: D) -> Result<Self, SettingsError> {
        let clock: Clock = {
            let driver = driver.clone();
            Arc::new(move || driver.now())
        };
        let client = |pool: usize| {
            settings
                .builder()?
                .pool_max_idle_per_host(pool)
                .connector_layer(TimedConnect {
                    clock: clock.clone(),
                })
                .build()
                .map_err(|e| SettingsError::Client(e.to_string()))
        };
        Ok(HttpTransport {
            inner: Arc::new(Inner {
                client: client(settings.pool)?,
                fresh: client(0)?,
                driver,
                clock: clock.clone(),
                used: UsedConnections::default(),
                stale: AtomicU32::new(0),
                settings,
            }),
        })
    }
}

impl<D: Driver + Send + Sync> Inner<D> {
    /// Hands `request` over once; an error says whether a kept connection turned out to be closed.
    async fn attempt(
        &self,
        client: &Client,
        request: &WireRequest,
    ) -> Result<Response, (TransportError, bool)> {
        let slot = &request.hand_over;
        let reused = Arc::new(AtomicBool::new(false));
        let mut post = Request::new(Method::POST, self.settings.url(request.path));
        post.headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        *post.body_mut() = Some(Body::wrap(StampedBody::new(
            request.body.clone(),
            slot.clone(),
            self.clock.clone(),
            self.used.clone(),
            reused.clone(),
        )));
        let sending = Scoped {
            slot: slot.clone(),
            inner: Box::pin(client.execute(post)),
        };
        sending.await.map_err(|error| {
            let at = self.driver.now();
            let timing = slot.timing();
            let (kind, message) = describe(error, timing.is_some());
            let stale = kind == ErrorKind::Transport && reused.load(Ordering::Acquire);
            let error = TransportError {
                kind,
                message,
                at,
                timing,
            };
            (error, stale)
        })
    }
}

impl<D: Driver + Send + Sync> Transport for HttpTransport<D> {
    type Exchange = HttpExchange<D>;

    fn send(
        &self,
        request: WireRequest,
    ) -> impl Future<Output = Result<HttpExchange<D>, TransportError>> + 'static {
        let inner = self.inner.clone();
        async move {
            let kept = inner.stale.load(Ordering::Relaxed) < MAX_STALE;
            let client = if kept { &inner.client } else { &inner.fresh };
            let mut result = inner.attempt(client, &request).await;
            if let Err((_, true)) = result {
                // Closed before a byte of an answer, on a connection that had answered before: the
                // server let go of it, and never took the request up. On a connection of its own the
                // same failure counts, so nothing that the server does is hidden.
                inner.stale.fetch_add(1, Ordering::Relaxed);
                request.hand_over.reset();
                result = inner.attempt(&inner.fresh, &request).await;
            }
            match result {
                Ok(response) => Ok(HttpExchange {
                    response,
                    slot: request.hand_over,
                    driver: inner.driver.clone(),
                }),
                Err((error, _)) => Err(error),
            }
        }
    }

    fn stale_connections(&self) -> u32 {
        self.inner.stale.load(Ordering::Relaxed)
    }

    fn stamps(&self) -> Option<Stamps> {
        Some(Stamps::User)
    }
}

/// A response of [`HttpTransport`].
pub struct HttpExchange<D> {
    response: Response,
    slot: HandOver,
    driver: D,
}

impl<D: Driver> Exchange for HttpExchange<D> {
    fn timing(&self) -> SendTiming {
        // A server may answer before it was asked, on a connection that was ready: then the request
        // counts as sent when its answer is seen.
        self.slot.timing().unwrap_or_else(|| SendTiming {
            sent: self.driver.now(),
            connect: None,
        })
    }

    fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    async fn next(&mut self) -> Result<Option<Stamped>, TransportError> {
        match self.response.chunk().await {
            Ok(Some(bytes)) => Ok(Some(Stamped {
                at: self.driver.now(),
                bytes,
            })),
            Ok(None) => Ok(None),
            Err(error) => {
                let (kind, message) = describe(error, true);
                Err(TransportError {
                    kind,
                    message,
                    at: self.driver.now(),
                    timing: self.slot.timing(),
                })
            }
        }
    }
}
