//! TLS for connections to all servers: trusted authorities and client certificates (`material`), and
//! messages for failures (`fault`).

mod fault;
mod material;
mod nameless;
mod provider;

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use rustls::{ClientConfig, sign::SingleCertAndKey};
use tracing::{info, warn};

pub use fault::{Fault, Remedies};
pub use material::{Authorities, Chain, Identity, MaterialError};

use material::Watched;
use nameless::Nameless;
use provider::provider;

/// How a server's certificate is verified. In all cases the server has to prove that it has the key.
#[derive(Clone)]
pub enum Trust {
    /// It is signed by one of these authorities, and is for the requested host.
    Host(Authorities),
    /// It is signed by one of these authorities; the host is not verified.
    Chain(Authorities),
    /// It is not verified. This protects against eavesdropping, but not against impersonation.
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

/// The TLS settings for one server. Cheap to clone; all clones share the files' content.
#[derive(Clone)]
pub struct Tls {
    current: Arc<Mutex<Current>>,
    has_identity: bool,
}

/// The current configuration, and the state of the files when they were last checked.
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

    /// The rustls configuration for a new connection, with the certificates and keys that are in
    /// the files now. If a file is invalid, for example while it is being replaced, that is logged
    /// once and the previous content stays in use.
    #[must_use]
    pub fn config(&self) -> Arc<ClientConfig> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.refresh();
        Arc::clone(&current.config)
    }

    /// Whether there is a client certificate.
    #[must_use]
    pub const fn has_identity(&self) -> bool {
        self.has_identity
    }
}

impl Current {
    fn refresh(&mut self) {
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
                warn!(%file, %error, "cannot use the file, the previous certificates stay in use");
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

/// Does not show keys.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("has_identity", &self.has_identity).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
