//! A connection of the bare server, with or without TLS. What is to be sent is encrypted when it is
//! queued, so that the server's clock is read right before the `write` in either case.

use std::io::{self, Read, Write};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::TcpStream;

use crate::machine;

/// The authority that the client is to trust.
pub const AUTHORITY: &[u8] = include_bytes!("../../tests/endpoint/tls/ca.pem");

/// How the server speaks TLS.
pub fn config() -> Arc<ServerConfig> {
    let certificate = include_bytes!("../../tests/endpoint/tls/server.pem");
    let key = include_bytes!("../../tests/endpoint/tls/server.key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions of TLS")
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(certificate).expect("a certificate")],
            PrivateKeyDer::from_pem_slice(key).expect("a key"),
        );
    Arc::new(config.expect("a server's TLS"))
}

pub struct Wire {
    stream: TcpStream,
    tls: Option<Box<ServerConnection>>,
    queue: Vec<u8>,
}

impl Wire {
    pub fn new(stream: TcpStream, config: Option<Arc<ServerConfig>>) -> Wire {
        let tls = config.map(|config| Box::new(ServerConnection::new(config).expect("TLS")));
        Wire {
            stream,
            tls,
            queue: Vec::new(),
        }
    }

    /// Makes `bytes` ready to be sent.
    pub fn queue(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(tls) = &mut self.tls else {
            self.queue.extend_from_slice(bytes);
            return Ok(());
        };
        tls.writer().write_all(bytes)?;
        while tls.wants_write() {
            tls.write_tls(&mut self.queue)?;
        }
        Ok(())
    }

    /// Writes all that is ready.
    pub async fn send(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.queue).await?;
        self.queue.clear();
        Ok(())
    }

    /// Appends what came to `bytes`; when the end of it came in, or `None` when the client has closed.
    pub async fn receive(&mut self, bytes: &mut Vec<u8>) -> io::Result<Option<u64>> {
        loop {
            self.stream.readable().await?;
            let mut raw = Vec::new();
            let into = match self.tls {
                None => &mut *bytes,
                Some(_) => &mut raw,
            };
            let stream = &self.stream;
            let read = stream.try_io(Interest::READABLE, || machine::receive(stream, into));
            let came = match read {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                other => other?,
            };
            let (Some(tls), Some(_)) = (&mut self.tls, came) else {
                return Ok(came);
            };
            let (mut raw, before) = (&raw[..], bytes.len());
            while !raw.is_empty() {
                tls.read_tls(&mut raw)?;
                tls.process_new_packets().map_err(io::Error::other)?;
                match tls.reader().read_to_end(bytes) {
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                    _ => {}
                }
            }
            while tls.wants_write() {
                tls.write_tls(&mut self.queue)?;
            }
            if !self.queue.is_empty() {
                self.send().await?;
            }
            if bytes.len() > before {
                return Ok(came);
            }
        }
    }
}
