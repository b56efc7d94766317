//! TLS between the socket and HTTP: what came is decrypted where it was read, so that a chunk has the
//! stamp of the read that completed its record.

use std::cell::RefCell;
use std::io::{self, Read as _, Write as _};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};
use rustls_platform_verifier::Verifier;
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::socket::{self, Read};
use crate::driver::{Driver, Nanos};
use crate::endpoint::{HttpSettings, SettingsError};

/// Encrypted bytes that one read may take. What is left of an earlier record (18 KiB at the most) comes
/// on top of it when it is decrypted, and both fit where answers are read.
const READ: usize = 32 << 10;

thread_local! {
    /// Where encrypted bytes of all connections of a thread are read.
    static CIPHER: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ].into_boxed_slice());
}

/// What connections to one target have in common, tickets to resume sessions included.
pub(super) struct Tls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Tls {
    /// For the target of `settings`; `None` where it speaks no TLS. It trusts what reqwest trusts: the
    /// system's authorities and those of `ca`, or anybody with `insecure_tls`.
    pub(super) fn new(settings: &HttpSettings) -> Result<Option<Tls>, SettingsError> {
        if settings.base_url.scheme() != "https" {
            return Ok(None);
        }
        let client = |e: &dyn std::fmt::Display| SettingsError::Client(e.to_string());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier: Arc<dyn ServerCertVerifier> = if settings.insecure_tls {
            Arc::new(Anybody(provider.signature_verification_algorithms))
        } else {
            let verifier = trusting(settings, provider.clone())?;
            Arc::new(verifier.map_err(|e| client(&e))?)
        };
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| client(&e))?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let host = settings.base_url.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Ok(Some(Tls {
            config: Arc::new(config),
            name: ServerName::try_from(host.to_owned()).map_err(|e| client(&e))?,
        }))
    }

    /// Shakes hands over `stream`.
    pub(super) async fn handshake(&self, stream: &TcpStream) -> io::Result<Session> {
        let connection = ClientConnection::new(self.config.clone(), self.name.clone());
        let session = Session(RefCell::new(connection.map_err(io::Error::other)?));
        loop {
            while session.wants_write() {
                match session.write_some(stream) {
                    Ok(()) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        stream.writable().await?;
                    }
                    Err(error) => return Err(error),
                }
            }
            if !session.0.borrow().is_handshaking() {
                return Ok(session);
            }
            stream.readable().await?;
            let result = CIPHER.with_borrow_mut(|cipher| {
                let n = stream.try_read(cipher)?;
                if n == 0 {
                    let words = "closed in the middle of the TLS handshake";
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, words));
                }
                session.take_in(&cipher[..n], &mut [])?;
                Ok(())
            });
            match result {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => {
                    // An alert for the server, if there is one to send.
                    if other.is_err() && session.wants_write() {
                        let _ = session.write_some(stream);
                    }
                    other?;
                }
            }
        }
    }
}

fn trusting(
    settings: &HttpSettings,
    provider: Arc<CryptoProvider>,
) -> Result<Result<Verifier, rustls::Error>, SettingsError> {
    let Some(pem) = &settings.ca else {
        return Ok(Verifier::new(provider));
    };
    let authorities: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|_| SettingsError::Ca("is not a PEM file of certificates"))?;
    if authorities.is_empty() {
        return Err(SettingsError::Ca("holds no certificate"));
    }
    extended(authorities, provider)
}

#[cfg(any(all(unix, not(target_os = "android")), windows))]
fn extended(
    authorities: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
) -> Result<Result<Verifier, rustls::Error>, SettingsError> {
    Ok(Verifier::new_with_extra_roots(authorities, provider))
}

#[cfg(not(any(all(unix, not(target_os = "android")), windows)))]
fn extended(
    _: Vec<CertificateDer<'static>>,
    _: Arc<CryptoProvider>,
) -> Result<Result<Verifier, rustls::Error>, SettingsError> {
    Err(SettingsError::Ca("cannot be trusted on this system"))
}

/// One connection's state.
pub(super) struct Session(RefCell<ClientConnection>);

impl Session {
    /// Encrypts what is to be written.
    pub(super) fn queue(&self, parts: [&[u8]; 2]) -> io::Result<()> {
        let mut connection = self.0.borrow_mut();
        connection.set_buffer_limit(None);
        let mut writer = connection.writer();
        parts.iter().try_for_each(|part| writer.write_all(part))
    }

    /// Whether something encrypted has not been written yet.
    pub(super) fn wants_write(&self) -> bool {
        self.0.borrow().wants_write()
    }

    /// Writes as much as one call takes.
    pub(super) fn write_some(&self, stream: &TcpStream) -> io::Result<()> {
        self.0
            .borrow_mut()
            .write_tls(&mut Unwaiting(stream))
            .map(drop)
    }

    /// [`socket::poll_read`] of what was encrypted. It ends only with the server's word that it has; a
    /// connection that just closes is an error (`UnexpectedEof`), as anybody could have cut it.
    pub(super) fn poll_read<D: Driver>(
        &self,
        stream: &TcpStream,
        cx: &mut Context<'_>,
        driver: &D,
        buffer: &mut [u8],
        stamped: bool,
        floor: Nanos,
    ) -> Poll<io::Result<Read>> {
        // What came while something else was looked for.
        let early = self.0.borrow_mut().reader().read(buffer);
        match early {
            Ok(n) => {
                return Poll::Ready(Ok(Read {
                    n,
                    at: driver.now().max(floor),
                    lay: None,
                }));
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Poll::Ready(Err(error)),
        }
        CIPHER.with_borrow_mut(|cipher| {
            loop {
                let read = ready!(socket::poll_read(
                    stream, cx, driver, cipher, stamped, floor
                ))?;
                if read.n == 0 {
                    let words = "closed without TLS's word that it is the end";
                    let cut = io::Error::new(io::ErrorKind::UnexpectedEof, words);
                    return Poll::Ready(Err(cut));
                }
                let (n, ended) = self.take_in(&cipher[..read.n], buffer)?;
                if self.wants_write() {
                    // Of no consequence to this answer; what is left goes with the next request.
                    let _ = self.write_some(stream);
                }
                if n > 0 || ended {
                    return Poll::Ready(Ok(Read { n, ..read }));
                }
            }
        })
    }

    /// Decrypts `cipher` into `plain`: how much there was, and whether the server said that it is the
    /// end. What does not fit stays for the next read.
    fn take_in(&self, mut cipher: &[u8], plain: &mut [u8]) -> io::Result<(usize, bool)> {
        let mut connection = self.0.borrow_mut();
        let (mut filled, mut ended) = (0, false);
        while !cipher.is_empty() && !ended {
            connection.read_tls(&mut cipher)?;
            let state = connection
                .process_new_packets()
                .map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
            ended = state.peer_has_closed();
            while filled < plain.len() {
                match connection.reader().read(&mut plain[filled..]) {
                    Ok(0) | Err(_) => break,
                    Ok(n) => filled += n,
                }
            }
        }
        Ok((filled, ended))
    }

    /// [`socket::is_quiet`]: tickets for later sessions may have come, an answer may not.
    pub(super) fn is_quiet(&self, stream: &TcpStream) -> bool {
        CIPHER.with_borrow_mut(|cipher| {
            loop {
                match socket::receive_plain(stream, cipher) {
                    Ok((0, _)) => return false,
                    Ok((n, _)) => {
                        if self.take_in(&cipher[..n], &mut []).is_err() || self.has_plain() {
                            return false;
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => {
                        // Nothing is left to read, and tokio is to know it.
                        let nothing = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
                        let _ = stream.try_io(Interest::READABLE, nothing);
                        return error.kind() == io::ErrorKind::WouldBlock;
                    }
                }
            }
        })
    }

    /// Whether bytes of an answer, or its end, wait to be read.
    fn has_plain(&self) -> bool {
        let state = self.0.borrow_mut().process_new_packets();
        state.is_ok_and(|s| s.plaintext_bytes_to_read() > 0 || s.peer_has_closed())
    }
}

/// A socket as rustls writes to it, without waiting.
struct Unwaiting<'a>(&'a TcpStream);

impl io::Write for Unwaiting<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, parts: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(parts)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whoever the server says it is: `insecure_tls`.
#[derive(Debug)]
struct Anybody(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signed, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
