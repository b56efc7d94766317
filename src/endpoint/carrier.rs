use super::lean::{Choice, LeanExchange, LeanTransport, choose};
use super::{
    Exchange, HttpExchange, HttpSettings, HttpTransport, Lent, SendTiming, SettingsError, Stamped,
    Stamps, Transport, TransportError, WireRequest,
};
use crate::driver::{Driver, Nanos};
use crate::stats::Delays;
use crate::suite::TransportKind;

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
    /// The transport that is wished for, or the one that [`choose`] names.
    ///
    /// # Errors
    /// When the settings cannot be used, or the wish cannot be met.
    pub fn new(
        settings: HttpSettings,
        driver: D,
        wish: Option<TransportKind>,
    ) -> Result<Self, SettingsError> {
        let kind = wish.unwrap_or_else(|| match choose(&settings) {
            Choice::Lean => TransportKind::Lean,
            Choice::Reqwest(_) => TransportKind::Reqwest,
        });
        Ok(match kind {
            TransportKind::Lean => HttpCarrier::Lean(LeanTransport::new(settings, driver)?),
            TransportKind::Reqwest => HttpCarrier::Reqwest(HttpTransport::new(settings, driver)?),
        })
    }

    /// Which of the two it is.
    pub fn kind(&self) -> TransportKind {
        match self {
            HttpCarrier::Lean(_) => TransportKind::Lean,
            HttpCarrier::Reqwest(_) => TransportKind::Reqwest,
        }
    }

    /// Its name in results.
    pub fn name(&self) -> &'static str {
        self.kind().name()
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

    fn keeps_until_due(&self) -> bool {
        match self {
            HttpCarrier::Lean(lean) => lean.keeps_until_due(),
            HttpCarrier::Reqwest(http) => http.keeps_until_due(),
        }
    }

    fn stale_connections(&self) -> u32 {
        match self {
            HttpCarrier::Lean(lean) => lean.stale_connections(),
            HttpCarrier::Reqwest(http) => http.stale_connections(),
        }
    }

    async fn open_ahead(&self, n: usize) {
        match self {
            HttpCarrier::Lean(lean) => lean.open_ahead(n).await,
            HttpCarrier::Reqwest(http) => http.open_ahead(n).await,
        }
    }

    fn read_delays(&self) -> Option<Delays> {
        match self {
            HttpCarrier::Lean(lean) => lean.read_delays(),
            HttpCarrier::Reqwest(http) => http.read_delays(),
        }
    }

    fn stamps(&self) -> Option<Stamps> {
        match self {
            HttpCarrier::Lean(lean) => lean.stamps(),
            HttpCarrier::Reqwest(http) => http.stamps(),
        }
    }
}

/// A response of [`HttpCarrier`].
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
