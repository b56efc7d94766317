use super::lean::{Choice, LeanExchange, LeanTransport, choose};
use super::{
    Exchange, HttpExchange, HttpSettings, HttpTransport, Lent, SendTiming, SettingsError, Stamped,
    Transport, TransportError, WireRequest,
};
use crate::driver::{Driver, Nanos};

/// What carries requests to an HTTP target: the measuring transport, or reqwest for what that one
/// does not do.
#[derive(Clone)]
pub enum HttpCarrier<D> {
    /// Straight on TCP.
    Lean(LeanTransport<D>),
    /// By reqwest.
    Reqwest(HttpTransport<D>),
}

impl<D: Driver + Send + Sync> HttpCarrier<D> {
    /// The transport named `wish` (`lean` or `reqwest`), or the one that [`choose`] names.
    ///
    /// # Errors
    /// When the settings cannot be used, or the wish is unknown or cannot be met.
    pub fn new(
        settings: HttpSettings,
        driver: D,
        wish: Option<&str>,
    ) -> Result<Self, SettingsError> {
        let lean = match wish {
            None | Some("") => choose(&settings) == Choice::Lean,
            Some("lean") => true,
            Some("reqwest") => false,
            Some(_) => {
                return Err(SettingsError::Client(
                    "there is no such transport; use lean or reqwest".to_owned(),
                ));
            }
        };
        Ok(if lean {
            HttpCarrier::Lean(LeanTransport::new(settings, driver)?)
        } else {
            HttpCarrier::Reqwest(HttpTransport::new(settings, driver)?)
        })
    }

    /// Its name in results.
    pub fn name(&self) -> &'static str {
        match self {
            HttpCarrier::Lean(_) => "lean",
            HttpCarrier::Reqwest(_) => "reqwest",
        }
    }

    /// Opens connections until `n` are idle, where the transport can.
    pub async fn open_ahead(&self, n: usize) {
        if let HttpCarrier::Lean(lean) = self {
            lean.open_ahead(n).await;
        }
    }
}

impl<D: Driver + Send + Sync> Transport for HttpCarrier<D> {
    type Exchange = CarrierExchange<D>;

    fn send(
        &self,
        request: WireRequest,
    ) -> impl Future<Output = Result<CarrierExchange<D>, TransportError>> + 'static {
        let carrier = self.clone();
        async move {
            Ok(match carrier {
                HttpCarrier::Lean(lean) => CarrierExchange::Lean(lean.send(request).await?),
                HttpCarrier::Reqwest(http) => {
                    CarrierExchange::Reqwest(Box::pin(http.send(request)).await?)
                }
            })
        }
    }

    fn stale_connections(&self) -> u32 {
        match self {
            HttpCarrier::Lean(lean) => lean.stale_connections(),
            HttpCarrier::Reqwest(http) => http.stale_connections(),
        }
    }
}

/// A response of [`HttpCarrier`].
#[expect(
    clippy::large_enum_variant,
    reason = "one lives per request, where it was made; a box would cost each an allocation"
)]
pub enum CarrierExchange<D> {
    /// Of the measuring transport.
    Lean(LeanExchange<D>),
    /// Of reqwest.
    Reqwest(HttpExchange<D>),
}

impl<D: Driver + Send + Sync> Exchange for CarrierExchange<D> {
    fn timing(&self) -> SendTiming {
        match self {
            CarrierExchange::Lean(lean) => lean.timing(),
            CarrierExchange::Reqwest(http) => http.timing(),
        }
    }

    fn status(&self) -> u16 {
        match self {
            CarrierExchange::Lean(lean) => lean.status(),
            CarrierExchange::Reqwest(http) => http.status(),
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        match self {
            CarrierExchange::Lean(lean) => lean.header(name),
            CarrierExchange::Reqwest(http) => http.header(name),
        }
    }

    async fn next(&mut self) -> Result<Option<Stamped>, TransportError> {
        match self {
            CarrierExchange::Lean(lean) => lean.next().await,
            CarrierExchange::Reqwest(http) => http.next().await,
        }
    }

    async fn lend(&mut self, take: impl FnMut(&[u8], Nanos)) -> Result<Lent, TransportError> {
        match self {
            CarrierExchange::Lean(lean) => lean.lend(take).await,
            CarrierExchange::Reqwest(http) => http.lend(take).await,
        }
    }
}
