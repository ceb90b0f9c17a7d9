//! Free ports of the loopback address.

use std::{
    fs,
    hash::{BuildHasher, RandomState},
    net::{Ipv4Addr, TcpListener},
};

use anyhow::{Result, bail};

/// A port that nobody listens at, below those that the kernel hands to outgoing connections: one of
/// those could take the port while its server is down, and a client that knocks at it until then
/// could even be connected to itself.
///
/// # Errors
/// Where there is none.
pub fn free() -> Result<u16> {
    const FIRST: u16 = 15_000;
    let ephemeral = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")
        .ok()
        .and_then(|range| range.split_whitespace().next()?.parse::<u16>().ok())
        .filter(|first| *first > FIRST + 1_000)
        .unwrap_or(32_768);
    for attempt in 0..1_000 {
        // Every `RandomState` has keys of its own.
        let random = RandomState::new().hash_one(attempt) % u64::from(ephemeral - FIRST);
        let port = FIRST + u16::try_from(random)?;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no free port from {FIRST} to {ephemeral}")
}
