//! The allowed hosts of requests. They protect against DNS rebinding, where a web page lets its own
//! name resolve to this server's address to read the responses.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use super::{
    authority::{Authority, Host, is_below},
    settings::AllowedHost,
};

/// The maximum number of refused hosts that are logged, each once.
const LOGGED: usize = 32;

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
        let own = Authority::parse(listen).map(|own| AllowedHost::listening(own.host));
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
