use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::net::TcpStream;
use url::{Host, Url};

use crate::driver::Driver;

/// How long one address may stay silent before the next is tried beside it (RFC 8305 §5).
const STAGGER: Duration = Duration::from_millis(250);

/// Opens a connection to the host of `url`: name look-up and TCP.
pub(super) async fn connect<D: Driver>(url: &Url, driver: &D) -> io::Result<TcpStream> {
    let port = url.port_or_known_default().unwrap_or(80);
    let stream = match url.host() {
        Some(Host::Ipv4(ip)) => TcpStream::connect((ip, port)).await?,
        Some(Host::Ipv6(ip)) => TcpStream::connect((ip, port)).await?,
        Some(Host::Domain(name)) => {
            let addresses = tokio::net::lookup_host((name, port)).await?.collect();
            first_of(addresses, driver).await?
        }
        None => return Err(io::Error::other("the URL names no host")),
    };
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The first connection that comes about: the addresses in the resolver's order, each given a head
/// start over the next.
async fn first_of<D: Driver>(addresses: Vec<SocketAddr>, driver: &D) -> io::Result<TcpStream> {
    let mut last = io::Error::other("the name has no address");
    let mut trying = FuturesUnordered::new();
    for address in addresses {
        trying.push(TcpStream::connect(address));
        // Until one is there, all have failed, or the newest has had its time.
        let mut patience = pin!(driver.after(STAGGER));
        while !trying.is_empty() {
            match select(trying.next(), patience.as_mut()).await {
                Either::Left((Some(Ok(stream)), _)) => return Ok(stream),
                Either::Left((Some(Err(error)), _)) => last = error,
                Either::Left((None, _)) | Either::Right(_) => break,
            }
        }
    }
    while let Some(result) = trying.next().await {
        match result {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}
