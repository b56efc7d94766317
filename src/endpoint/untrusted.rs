//! Why no TLS connection came about, in words that say what to do.

use std::error::Error;
use std::io;

use rustls::{AlertDescription, CertificateError, Error as TlsError};

/// Words for the TLS error among the causes of `error`; absent where TLS is not to blame.
pub(super) fn refused_by_tls(error: &(dyn Error + 'static)) -> Option<String> {
    cause_in_tls(error).map(words)
}

/// The same, where waiting will not help: the certificate, or that TLS is not spoken there.
pub(super) fn refused_for_good(error: &(dyn Error + 'static)) -> Option<String> {
    let lasting = |tls: &&TlsError| {
        matches!(
            tls,
            TlsError::InvalidCertificate(_) | TlsError::InvalidMessage(_)
        )
    };
    cause_in_tls(error).filter(lasting).map(words)
}

fn cause_in_tls<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a TlsError> {
    let mut cause = Some(error);
    while let Some(current) = cause {
        if let Some(tls) = tls_error(current) {
            return Some(tls);
        }
        cause = current.source();
    }
    None
}

/// An error of TLS, bare or carried by one of input and output, whose `source` skips it.
fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a TlsError> {
    if let Some(io) = error.downcast_ref::<io::Error>() {
        let inner: &(dyn Error + 'static) = io.get_ref()?;
        return tls_error(inner);
    }
    error.downcast_ref()
}

const TRUST: &str =
    "name the PEM file of its authority under `ca` of the target, or set `insecure_tls: true`";

fn words(error: &TlsError) -> String {
    match error {
        TlsError::InvalidCertificate(why) => of_certificate(why),
        TlsError::InvalidMessage(_) => {
            "the server does not speak TLS there: should the url begin with http://?".to_owned()
        }
        TlsError::AlertReceived(
            AlertDescription::CertificateRequired | AlertDescription::BadCertificate,
        ) => "the server wants a certificate of the client, which prony has none of".to_owned(),
        TlsError::AlertReceived(alert) => format!("the server ended TLS: {alert:?}"),
        TlsError::PeerIncompatible(why) => {
            format!("the server and prony have no version or cipher of TLS in common: {why:?}")
        }
        other => format!("TLS failed: {other}"),
    }
}

fn of_certificate(why: &CertificateError) -> String {
    match why {
        CertificateError::UnknownIssuer => {
            format!("the server's certificate is of an authority that is not trusted: {TRUST}")
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the server's certificate is for another name: use one of its names in the url, or set \
             `insecure_tls: true`"
                .to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the server's certificate has expired: renew it, or set `insecure_tls: true`".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet: check the clocks of both machines"
                .to_owned()
        }
        other => format!("the server's certificate cannot be trusted ({other}): {TRUST}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_found_under_what_carries_it() {
        let tls = || TlsError::InvalidCertificate(CertificateError::UnknownIssuer);
        let carried = io::Error::new(io::ErrorKind::InvalidData, tls());
        for error in [
            Box::new(tls()) as Box<dyn Error>,
            Box::new(carried),
            Box::new(io::Error::other(io::Error::other(tls()))),
        ] {
            let words = refused_by_tls(error.as_ref()).unwrap();
            assert!(words.contains("`ca` of the target"), "{words}");
        }
        let named = TlsError::InvalidCertificate(CertificateError::NotValidForName);
        let words = refused_by_tls(&named).unwrap();
        assert!(words.contains("another name"), "{words}");
        let ended = TlsError::AlertReceived(AlertDescription::InternalError);
        assert!(refused_by_tls(&ended).is_some() && refused_for_good(&ended).is_none());
        let other: Box<dyn Error> = Box::new(io::Error::other("closed"));
        assert_eq!(refused_by_tls(other.as_ref()), None);
        assert_eq!(refused_by_tls(&io::Error::from_raw_os_error(104)), None);
    }
}
