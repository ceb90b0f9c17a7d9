//! Addresses of servers.

/// Whether `text` is `host:port`, with a port that can be connected to.
pub(super) fn is_host_and_port(text: &str) -> bool {
    let is_host = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    text.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty()
            && host.chars().all(is_host)
            && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
}
