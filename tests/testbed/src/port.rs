//! Free ports of the loopback address.

use std::{
    collections::HashSet,
    fs,
    hash::{BuildHasher, RandomState},
    net::{Ipv4Addr, TcpListener},
    sync::{Mutex, PoisonError},
};

use anyhow::{Result, bail};

/// A port without a listener, below the range of outgoing connections: an outgoing connection could
/// take the port while its server is down, and a client that connects to it then could even be
/// connected to itself. No port is returned twice: a broker with a dozen listeners requests all
/// ports before it listens.
///
/// # Errors
/// If there is none.
pub fn free() -> Result<u16> {
    const FIRST: u16 = 15_000;
    static GIVEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);
    let ephemeral = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")
        .ok()
        .and_then(|range| range.split_whitespace().next()?.parse::<u16>().ok())
        .filter(|first| *first > FIRST + 1_000)
        .unwrap_or(32_768);
    for attempt in 0..1_000 {
        // Every `RandomState` has other keys.
        let random = RandomState::new().hash_one(attempt) % u64::from(ephemeral - FIRST);
        let port = FIRST + u16::try_from(random)?;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_err() {
            continue;
        }
        let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
        if given.get_or_insert_default().insert(port) {
            return Ok(port);
        }
    }
    bail!("no free port from {FIRST} to {ephemeral}")
}

/// Starts a server on free ports. `start` returns `None` if another program has taken a port before
/// the start; it is called again then, and chooses other ports.
pub(crate) async fn start_on_free<T>(
    server: &str,
    mut start: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    const ATTEMPTS: usize = 4;
    for _ in 0..ATTEMPTS {
        if let Some(started) = start().await? {
            return Ok(started);
        }
    }
    bail!("ports of {server} were in use, {ATTEMPTS} times")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::free;

    #[test]
    fn no_port_is_returned_twice() {
        // With this number, random choice would return a duplicate in all but one of a thousand
        // runs.
        let ports: HashSet<u16> = (0..500).map(|_| free().unwrap()).collect();
        assert_eq!(ports.len(), 500);
    }
}
