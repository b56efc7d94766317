use std::future::Future;
use std::sync::Arc;

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Body, Client, Method, Request, Response};
use url::Url;

use super::connect::{Clock, Scoped, TimedConnect};
use super::error::describe;
use super::settings::{HttpSettings, SettingsError};
use super::stamped_body::StampedBody;
use crate::driver::Driver;
use crate::endpoint::{
    Exchange, HandOver, SendTiming, Stamped, Transport, TransportError, WireRequest,
};

/// Requests over TCP by reqwest, HTTP/1.1, stamped with the driver's clock.
///
/// One is made per target and measuring thread; clones share its connections. What it sends and what
/// it refuses to do (redirects, retries, proxies, decompression) is said at [`HttpSettings`].
#[derive(Clone)]
pub struct HttpTransport<D> {
    inner: Arc<Inner<D>>,
}

struct Inner<D> {
    client: Client,
    settings: HttpSettings,
    driver: D,
    clock: Clock,
}

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
        let client = settings
            .builder()?
            .connector_layer(TimedConnect {
                clock: clock.clone(),
            })
            .build()
            .map_err(|e| SettingsError::Client(e.to_string()))?;
        Ok(HttpTransport {
            inner: Arc::new(Inner {
                client,
                settings,
                driver,
                clock,
            }),
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
        let slot = request.hand_over.clone();
        let url: Url = inner.settings.url(request.path);
        let mut post = Request::new(Method::POST, url);
        post.headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        *post.body_mut() = Some(Body::wrap(StampedBody::new(
            request.body,
            slot.clone(),
            inner.clock.clone(),
        )));
        let sending = Scoped {
            slot: slot.clone(),
            inner: Box::pin({
                let client = inner.client.clone();
                async move { client.execute(post).await }
            }),
        };
        async move {
            match sending.await {
                Ok(response) => Ok(HttpExchange {
                    response,
                    slot,
                    driver: inner.driver.clone(),
                }),
                Err(error) => {
                    let at = inner.driver.now();
                    let timing = slot.timing();
                    let (kind, message) = describe(error, timing.is_some());
                    Err(TransportError {
                        kind,
                        message,
                        at,
                        timing,
                    })
                }
            }
        }
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
