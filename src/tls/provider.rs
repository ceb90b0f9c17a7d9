//! The cryptography of rustls: ring. Both can be linked into a static binary without a separate C
//! library.

use rustls::crypto::{self, CryptoProvider};

pub(super) fn provider() -> CryptoProvider {
    crypto::ring::default_provider()
}
