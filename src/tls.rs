//! TLS, the same towards all servers: whom we trust, how we prove who we are (`material`), and (in
//! `fault`) what it means when it fails.
//!
//! rustls with ring: both build for one static binary without a C library beside it.

mod fault;
mod material;
mod nameless;

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use rustls::{
    ClientConfig,
    crypto::{self, CryptoProvider},
    sign::SingleCertAndKey,
};
use tracing::{info, warn};

pub use fault::{Fault, Remedies};
pub use material::{Authorities, Chain, Identity, MaterialError};

use material::Watched;
use nameless::Nameless;

/// What a server's certificate has to show. Whatever that is, the server has to hold its key.
#[derive(Clone)]
pub enum Trust {
    /// That one of these vouches for it, and that it is for the host that was asked for.
    Host(Authorities),
    /// That one of these vouches for it, whatever host it is for.
    Chain(Authorities),
    /// Nothing. That keeps out who listens, but not who pretends to be the server.
    Anyone,
}

impl Trust {
    const fn file(&self) -> Option<&Watched> {
        match self {
            Self::Host(authorities) | Self::Chain(authorities) => authorities.file.as_ref(),
            Self::Anyone => None,
        }
    }

    fn reread(&self) -> Result<Self, (PathBuf, MaterialError)> {
        Ok(match self {
            Self::Host(authorities) => Self::Host(authorities.reread()?),
            Self::Chain(authorities) => Self::Chain(authorities.reread()?),
            Self::Anyone => Self::Anyone,
        })
    }
}

/// How TLS is spoken to one server. Cheap to clone; all clones share what was read from files.
#[derive(Clone)]
pub struct Tls {
    current: Arc<Mutex<Current>>,
    has_identity: bool,
}

/// What is in use, and the files as they were when they were last looked at.
struct Current {
    config: Arc<ClientConfig>,
    trust: Trust,
    identity: Option<Identity>,
    files: Vec<Watched>,
}

impl Tls {
    /// TLS 1.2 or 1.3.
    #[must_use]
    pub fn new(trust: Trust, identity: Option<Identity>) -> Self {
        let has_identity = identity.is_some();
        let own = identity.iter().flat_map(|identity| [&identity.chain, &identity.key]);
        let files = trust.file().into_iter().chain(own).cloned().collect();
        let config = Arc::new(config(&trust, identity.as_ref()));
        let current = Current { config, trust, identity, files };
        Self { current: Arc::new(Mutex::new(current)), has_identity }
    }

    /// As rustls takes it, for one new connection: with the certificates and keys that the files hold
    /// now. Files that do not serve, as while they are being replaced, are logged once, and leave in
    /// use what they held before.
    #[must_use]
    pub fn config(&self) -> Arc<ClientConfig> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.look_again();
        Arc::clone(&current.config)
    }

    /// Whether the server is shown a certificate if it asks for one.
    #[must_use]
    pub const fn has_identity(&self) -> bool {
        self.has_identity
    }
}

impl Current {
    fn look_again(&mut self) {
        let mut is_changed = false;
        for file in &mut self.files {
            if let Some(changed) = file.changed() {
                *file = changed;
                is_changed = true;
            }
        }
        if !is_changed {
            return;
        }
        let reread = || {
            let trust = self.trust.reread()?;
            Ok((trust, self.identity.as_ref().map(Identity::reread).transpose()?))
        };
        match reread() {
            Ok((trust, identity)) => {
                self.config = Arc::new(config(&trust, identity.as_ref()));
                let files = self.files.iter().map(|file| file.path.display().to_string());
                let files = files.collect::<Vec<_>>().join(", ");
                info!(files, "using the new content of the certificate files");
            }
            Err((file, error)) => {
                let (file, error): (_, MaterialError) = (file.display(), error);
                warn!(%file, %error, "cannot use the file, the certificates read before stay in use");
            }
        }
    }
}

fn config(trust: &Trust, identity: Option<&Identity>) -> ClientConfig {
    let provider = Arc::new(provider());
    #[expect(clippy::expect_used, reason = "ring has cipher suites for both versions")]
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("ring knows TLS 1.2 and 1.3");
    let verifier = match trust {
        Trust::Host(authorities) => builder.with_root_certificates(Arc::clone(&authorities.roots)),
        Trust::Chain(authorities) => builder
            .dangerous()
            .with_custom_certificate_verifier(Nameless::new(Some(authorities.clone()), provider)),
        Trust::Anyone => {
            builder.dangerous().with_custom_certificate_verifier(Nameless::new(None, provider))
        }
    };
    match identity {
        Some(identity) => {
            let certified = Arc::clone(&identity.certified);
            verifier.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(certified)))
        }
        None => verifier.with_no_client_auth(),
    }
}

/// Without keys.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("has_identity", &self.has_identity).finish_non_exhaustive()
    }
}

fn provider() -> CryptoProvider {
    crypto::ring::default_provider()
}

#[cfg(test)]
mod tests;
