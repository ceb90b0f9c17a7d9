//! The settings of the schema registry.

use std::time::Duration;

use crate::{http_client::Address, secret::Secret, tls::Tls};

/// The connection settings of the registry.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its addresses: the first that answers is used.
    pub addresses: Vec<Address>,
    /// The user and the password of basic authentication (RFC 7617).
    pub credentials: Option<(String, Secret)>,
    /// The TLS settings for `https` addresses; needed only if there is one.
    pub tls: Option<Tls>,
    /// The timeout of a request.
    pub timeout: Duration,
}
