//! The host and the port of a request.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// The maximum length of a DNS name in characters (RFC 1035, 2.3.4, without the root's dot).
const MAX_NAME: usize = 253;

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

/// Whether `name` is a subdomain of `domain`.
pub(super) fn is_below(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anything_but_a_host_and_a_port_is_invalid() {
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
    }
}
