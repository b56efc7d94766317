use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::time::Duration;

use url::{Host, Url};

/// How long to wait for somebody to take a connection.
const ANSWER: Duration = Duration::from_millis(500);

/// `host:port` of a target.
pub fn address(url: &Url) -> Option<(String, u16)> {
    // A literal IPv6 address stands in brackets in the text, and must not for a resolver.
    let host = match url.host()? {
        Host::Domain(name) => name.to_owned(),
        Host::Ipv4(ip) => ip.to_string(),
        Host::Ipv6(ip) => ip.to_string(),
    };
    Some((host, url.port_or_known_default()?))
}

/// A port that nothing listens on where `url` points to.
///
/// # Errors
/// When there is none.
pub fn free_port(url: &Url) -> std::io::Result<u16> {
    let local = address(url).and_then(|(host, _)| TcpListener::bind((host.as_str(), 0)).ok());
    let listener = match local {
        Some(listener) => listener,
        // Not an address of this machine: a port that is free here is as good a guess as any.
        None => TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0))?,
    };
    Ok(listener.local_addr()?.port())
}

/// Who listens at `url` already, in words; `None` when nobody does.
pub fn occupant(url: &Url) -> Option<String> {
    let (host, port) = address(url)?;
    let addresses: Vec<SocketAddr> = (host.as_str(), port).to_socket_addrs().ok()?.collect();
    let taken = addresses
        .into_iter()
        .find(|to| TcpStream::connect_timeout(to, ANSWER).is_ok())?;
    Some(listener(taken).unwrap_or_else(|| "another process".to_owned()))
}

/// The process that listens at `address` on this machine, where it can be told.
fn listener(address: SocketAddr) -> Option<String> {
    let inodes: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| std::fs::read_to_string(table).ok())
        .flat_map(|table| listening(&table, address.port(), address.ip()))
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    let processes = std::fs::read_dir("/proc").ok()?;
    for process in processes.flatten() {
        let pid = process.file_name().to_string_lossy().into_owned();
        if !pid.bytes().all(|b| b.is_ascii_digit()) {
            continue;
        }
        let Ok(files) = std::fs::read_dir(process.path().join("fd")) else {
            continue;
        };
        let holds = files.flatten().any(|file| {
            std::fs::read_link(file.path())
                .is_ok_and(|to| inodes.iter().any(|inode| to.as_os_str() == inode.as_str()))
        });
        if holds {
            let name = std::fs::read_to_string(process.path().join("comm")).ok();
            let name = name.as_deref().map_or("?", str::trim);
            return Some(format!("process {pid} ({name})"));
        }
    }
    None
}

/// Inodes of the sockets that listen on `port` in a table of `/proc/net`, at `ip` or at any address.
fn listening(table: &str, port: u16, ip: IpAddr) -> Vec<String> {
    const LISTEN: &str = "0A";
    let loopback = ip.is_loopback();
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let mut words = line.split_ascii_whitespace().skip(1);
            let (own, local) = words.next()?.rsplit_once(':')?;
            let matches = u16::from_str_radix(local, 16).ok()? == port;
            let state = words.nth(1)?;
            let inode = words.nth(5)?;
            // The kernel writes addresses in an order of its own; all but loopback are told apart
            // well enough by the port.
            let any = own.bytes().all(|b| b == b'0');
            let near = any || !loopback || own.ends_with("7F") || own.ends_with("01000000");
            (matches && state == LISTEN && near).then(|| inode.to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a URL")
    }

    #[test]
    fn who_listens_is_told() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let here = url(&format!("http://127.0.0.1:{port}/v1"));
        let who = occupant(&here).expect("somebody listens");
        if cfg!(target_os = "linux") {
            assert!(
                who.starts_with(&format!("process {} (", std::process::id())),
                "{who}"
            );
        }
        drop(listener);
        assert_eq!(occupant(&here), None);
    }

    #[test]
    fn a_free_port_is_free() {
        let base = url("http://127.0.0.1:0/v1");
        let port = free_port(&base).expect("a port");
        TcpListener::bind(("127.0.0.1", port)).expect("it is free");
        assert!(free_port(&url("http://192.0.2.1:0/v1")).is_ok());
    }

    #[test]
    fn hosts_and_ports_of_addresses() {
        assert_eq!(
            address(&url("http://[::1]:8000/v1")),
            Some(("::1".to_owned(), 8000))
        );
        assert_eq!(
            address(&url("https://host/v1")),
            Some(("host".to_owned(), 443))
        );
    }
}
