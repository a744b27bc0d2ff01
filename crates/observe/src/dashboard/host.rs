//! Which addresses are listened on, and which hosts requests may name.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};

use hyper::http::uri::Authority;

use super::DashboardError;

/// `HOST:PORT`, `:PORT` or a port.
pub(super) fn parse_address(text: &str) -> Result<SocketAddr, DashboardError> {
    let wrong = || DashboardError::Address { text: text.to_owned() };
    let loopback = |port: u16| SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port);
    if let Ok(port) = text.strip_prefix(':').unwrap_or(text).parse::<u16>() {
        return Ok(loopback(port));
    }
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let port: u16 = port.parse().map_err(|_| wrong())?;
    if host == "localhost" {
        return Ok(loopback(port));
    }
    (host, port).to_socket_addrs().ok().and_then(|mut found| found.next()).ok_or_else(wrong)
}

/// Whether a request may name this host, on a connection to this address. A page from elsewhere that has its own name
/// point here (DNS rebinding) cannot: names other than those of this machine itself are refused. The port may be any,
/// as it is where the connection goes through a tunnel.
pub(super) fn is_own(host: &str, local: SocketAddr) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    // A name before an @ belongs in no Host header.
    if host.contains('@') {
        return false;
    }
    let name = authority.host();
    if name.eq_ignore_ascii_case("localhost") {
        return true;
    }
    let address: Option<IpAddr> = name.trim_start_matches('[').trim_end_matches(']').parse().ok();
    address.is_some_and(|address| address.is_loopback() || address == local.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_on_this_machine_unless_another_is_named() {
        let parsed = |text: &str| parse_address(text).map(|address| address.to_string()).ok();
        assert_eq!(parsed("8787").as_deref(), Some("127.0.0.1:8787"));
        assert_eq!(parsed(":8787").as_deref(), Some("127.0.0.1:8787"));
        assert_eq!(parsed("localhost:0").as_deref(), Some("127.0.0.1:0"));
        assert_eq!(parsed("0.0.0.0:80").as_deref(), Some("0.0.0.0:80"));
        assert_eq!(parsed("[::1]:80").as_deref(), Some("[::1]:80"));
        for wrong in ["", "host", "127.0.0.1", "127.0.0.1:x", "1:99999", "99999"] {
            assert_eq!(parsed(wrong), None, "{wrong}");
        }
        let message = parse_address("x").unwrap_err().to_string();
        assert!(message.contains("127.0.0.1:8787"), "{message}");
    }

    #[test]
    fn only_this_machine_s_own_names_are_taken() {
        let local: SocketAddr = "192.0.2.7:8787".parse().unwrap();
        for own in
            ["localhost", "localhost:8787", "LOCALHOST:1", "127.0.0.1:8787", "[::1]:9000", "192.0.2.7:8787"]
        {
            assert!(is_own(own, local), "{own}");
        }
        for foreign in [
            "example.org",
            "example.org:8787",
            "localhost.example.org",
            "192.0.2.8:8787",
            "",
            "x@localhost",
            "127.0.0.1.nip.io",
        ] {
            assert!(!is_own(foreign, local), "{foreign}");
        }
    }
}
