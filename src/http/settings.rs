//! The settings of the HTTP server: its address, and which requests it answers.

use super::authority::{Authority, Host, is_below};
use crate::secret::Secret;

/// The ports that a URL omits: the defaults of `http` and `https` (RFC 9110, 4.2).
const DEFAULT_PORTS: [u16; 2] = [80, 443];

/// The address and the access rules of the HTTP server.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `host:port`.
    pub listen: String,
    /// Allowed names in `Host`, in addition to addresses, `localhost` and the host of `listen`.
    pub allowed_hosts: Vec<AllowedHost>,
    /// The required user and password; without them, there is no authentication.
    pub credentials: Option<Credentials>,
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

    /// The host of `listen`, with any port: a container's port can have another number outside.
    pub(super) const fn listening(host: Host) -> Self {
        Self { host, with_subdomains: false, port: None }
    }

    pub(super) fn allows(&self, name: &str, port: Option<u16>) -> bool {
        let Host::Name(allowed) = &self.host else { return false };
        let is_below = || is_below(name, allowed);
        let is_port = |allowed| match port {
            Some(port) => port == allowed,
            None => DEFAULT_PORTS.contains(&allowed),
        };
        (name == allowed || self.with_subdomains && is_below()) && self.port.is_none_or(is_port)
    }
}

/// The user and the password for the dashboard and the metrics.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Without a colon (RFC 7617, 2).
    pub user: String,
    /// Read again for each request.
    pub password: Secret,
}

#[cfg(test)]
mod tests {
    use super::AllowedHost;

    #[test]
    fn anything_but_a_name_or_an_address_is_invalid() {
        for text in ["*", "*.example", ".", "..a", ".127.0.0.1", ".[::1]", "http://a", "a/"] {
            assert_eq!(AllowedHost::parse(text), None, "{text}");
        }
    }
}
