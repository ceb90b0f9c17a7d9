//! The allowed hosts of requests. They protect against DNS rebinding, where a web page lets its own
//! name resolve to this server's address to read the responses.

use std::{
    collections::BTreeSet,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::{Mutex, PoisonError},
};

/// The maximum length of a DNS name in characters (RFC 1035, 2.3.4, without the root's dot).
const MAX_NAME: usize = 253;

/// The ports that a URL omits: the defaults of `http` and `https` (RFC 9110, 4.2).
const DEFAULT_PORTS: [u16; 2] = [80, 443];

/// The maximum number of refused hosts that are logged, each once.
const LOGGED: usize = 32;

/// The value of a Host field: `host[:port]` (RFC 9110, 7.2), an IPv6 address in brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Authority {
    pub(super) host: Host,
    pub(super) port: Option<u16>,
}

/// A host in normalized form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host {
    Address(IpAddr),
    /// In lower case, without the root's dot.
    Name(String),
}

impl Authority {
    /// `None` if `text` is neither an address nor a name of letters, digits, hyphens and underscores.
    /// Names with other characters must be in the `xn--` form, as browsers send them.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if let Some(rest) = text.strip_prefix('[') {
            let (address, rest) = rest.split_once(']')?;
            let host = Host::Address(address.parse::<Ipv6Addr>().ok()?.into());
            let port = if rest.is_empty() { None } else { port(rest.strip_prefix(':')?)? };
            return Some(Self { host, port });
        }
        let (host, rest) = text.split_once(':').unwrap_or((text, ""));
        Some(Self { host: Host::parse(host)?, port: port(rest)? })
    }
}

/// A port may be empty (RFC 3986, 3.2.3): the inner `None`.
#[expect(clippy::option_option, reason = "the outer one means that the port is invalid")]
fn port(digits: &str) -> Option<Option<u16>> {
    if digits.is_empty() {
        return Some(None);
    }
    let are_digits = digits.bytes().all(|digit| digit.is_ascii_digit());
    if are_digits { digits.parse().ok().map(Some) } else { None }
}

impl Host {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.strip_suffix('.').unwrap_or(text);
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Some(Self::Address(address.into()));
        }
        let is_label = |label: &str| {
            let is_allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_');
            !label.is_empty() && label.bytes().all(is_allowed)
        };
        let is_name = text.len() <= MAX_NAME && text.split('.').all(is_label);
        is_name.then(|| Self::Name(text.to_ascii_lowercase()))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// An entry of `http.allowed_hosts`: a name, with a leading dot for the domain and its subdomains,
/// as in Vite's `server.allowedHosts` and Django's `ALLOWED_HOSTS`. With a port, it matches only
/// that port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedHost {
    host: Host,
    with_subdomains: bool,
    port: Option<u16>,
}

impl AllowedHost {
    /// `None` if `text` is neither `host[:port]` nor `.name[:port]`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (text, with_subdomains) = match text.strip_prefix('.') {
            Some(name) => (name, true),
            None => (text, false),
        };
        let Authority { host, port } = Authority::parse(text)?;
        let is_name = matches!(host, Host::Name(_));
        (is_name || !with_subdomains).then_some(Self { host, with_subdomains, port })
    }

    fn allows(&self, name: &str, port: Option<u16>) -> bool {
        let Host::Name(allowed) = &self.host else { return false };
        let is_below = || is_below(name, allowed);
        let is_port = |allowed| match port {
            Some(port) => port == allowed,
            None => DEFAULT_PORTS.contains(&allowed),
        };
        (name == allowed || self.with_subdomains && is_below()) && self.port.is_none_or(is_port)
    }
}

fn is_below(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

/// The allowed hosts of requests.
///
/// As in Vite's `server.allowedHosts`, IP addresses, `localhost` and its subdomains are always
/// allowed: DNS rebinding needs a name, and `localhost` always resolves to this machine (RFC 6761,
/// 6.3).
#[derive(Debug)]
pub(super) struct Hosts {
    allowed: Vec<AllowedHost>,
    refused: Mutex<BTreeSet<String>>,
}

/// Whether a refused host is to be logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Logging {
    Once,
    /// It is the last one that is logged.
    Last,
    Silent,
}

impl Hosts {
    /// The hosts of `http.allowed_hosts`, and the host of `listen` (`host:port`).
    pub(super) fn new(listen: &str, allowed: &[AllowedHost]) -> Self {
        let own = Authority::parse(listen).map(|Authority { host, .. }| AllowedHost {
            host,
            with_subdomains: false,
            // A container's port can have another number outside.
            port: None,
        });
        let allowed = allowed.iter().cloned().chain(own).collect();
        Self { allowed, refused: Mutex::default() }
    }

    pub(super) fn allow(&self, Authority { host, port }: &Authority) -> bool {
        match host {
            Host::Address(_) => true,
            Host::Name(name) => {
                name == "localhost"
                    || is_below(name, "localhost")
                    || self.allowed.iter().any(|allowed| allowed.allows(name, *port))
            }
        }
    }

    /// Records a refused host. Clients that send many names cannot fill the memory or the log.
    pub(super) fn note_refused(&self, host: &Host) -> Logging {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.len() >= LOGGED || !refused.insert(host.to_string()) {
            return Logging::Silent;
        }
        if refused.len() == LOGGED { Logging::Last } else { Logging::Once }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority(text: &str) -> Authority {
        Authority::parse(text).unwrap_or_else(|| panic!("{text} is no authority"))
    }

    fn hosts(listen: &str, allowed: &[&str]) -> Hosts {
        let allowed: Vec<_> =
            allowed.iter().map(|text| AllowedHost::parse(text).unwrap()).collect();
        Hosts::new(listen, &allowed)
    }

    #[test]
    fn addresses_and_localhost_are_always_allowed_and_other_names_are_not() {
        for listen in ["127.0.0.1:8080", "0.0.0.0:8080", "[::]:8080", "10.0.0.5:8080"] {
            let hosts = hosts(listen, &[]);
            for host in [
                "127.0.0.1:8080",
                "127.8.9.10",
                "127.0.0.1.",
                "192.168.1.1:9000",
                "[::1]:8080",
                "[::1]",
                "[2001:DB8::5]:",
                "localhost",
                "LOCALHOST.:8080",
                "vendas.localhost:1",
            ] {
                assert!(hosts.allow(&authority(host)), "{host} at {listen}");
            }
            for host in [
                "evil.example",
                "localhost.evil.example",
                "evillocalhost",
                "127.0.0.1.evil.example",
                "2130706433",
                "0x7f.1",
                "0.0.0.0.evil.example:8080",
            ] {
                assert!(!hosts.allow(&authority(host)), "{host} at {listen}");
            }
        }
    }

    #[test]
    fn the_name_of_the_listening_address_is_allowed_with_any_port() {
        let hosts = hosts("Shop.example:8080", &[]);
        for host in ["shop.example:8080", "SHOP.EXAMPLE.", "shop.example:80"] {
            assert!(hosts.allow(&authority(host)), "{host}");
        }
        assert!(!hosts.allow(&authority("a.shop.example:8080")));
    }

    #[test]
    fn allowed_names_are_compared_without_case_or_final_dot_and_with_their_port() {
        let hosts = hosts(
            "0.0.0.0:8080",
            &["A.example.", "b.example:8443", "c.example:443", ".d.example", ".e.example:81"],
        );
        for (host, expected) in [
            ("a.example", true),
            ("A.EXAMPLE.:1", true),
            ("x.a.example", false),
            ("b.example:8443", true),
            ("b.example:8444", false),
            ("b.example", false),
            ("c.example", true),
            ("c.example:443", true),
            ("c.example:80", false),
            ("d.example", true),
            ("x.y.D.example:5", true),
            ("evil-d.example", false),
            ("d.example.evil", false),
            ("x.e.example:81", true),
            ("x.e.example", false),
        ] {
            assert_eq!(hosts.allow(&authority(host)), expected, "{host}");
        }
    }

    #[test]
    fn invalid_hosts_are_distinguished_from_wrong_ones() {
        let long = "a".repeat(254);
        for text in [
            "",
            ":80",
            ".",
            "a..b",
            ".a",
            "a b",
            "a@127.0.0.1",
            "a/b",
            "é.example",
            "a:b",
            "a:+8",
            "a:65536",
            "a:1:2",
            "::1",
            "[::1",
            "[::1]8",
            "[127.0.0.1]",
            "[fe80::1%25eth0]",
            "*",
            long.as_str(),
        ] {
            assert_eq!(Authority::parse(text), None, "{text}");
        }
        for text in ["*", "*.example", ".", "..a", ".127.0.0.1", ".[::1]", "http://a", "a/"] {
            assert_eq!(AllowedHost::parse(text), None, "{text}");
        }
    }

    #[test]
    fn each_refused_host_is_logged_once_and_not_too_many_are() {
        let hosts = hosts("0.0.0.0:8080", &[]);
        let note = |name: &str| hosts.note_refused(&authority(name).host);
        assert_eq!(note("a.example"), Logging::Once);
        assert_eq!(note("A.example:81"), Logging::Silent);
        let noted: Vec<_> = (0..100).map(|number| note(&format!("b{number}.example"))).collect();
        let logged = noted.iter().filter(|logging| **logging != Logging::Silent).count();
        assert_eq!(
            (logged, noted[LOGGED - 2], noted[LOGGED - 1]),
            (31, Logging::Last, Logging::Silent)
        );
    }
}
