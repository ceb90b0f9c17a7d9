//! TLS, the same towards all servers: whom we trust, how we prove who we are, and (in `fault`) what
//! it means when it fails.
//!
//! rustls with ring: both build for one static binary without a C library beside it.

mod fault;

use std::{
    fmt,
    fs::File,
    io::{self, Read},
    path::Path,
    sync::Arc,
};

use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor,
    },
    crypto::{self, CryptoProvider},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
    server::ParsedCertificate,
    sign::{CertifiedKey, SingleCertAndKey},
};

pub use fault::{Fault, Remedies};

/// More than all public authorities together take, less than a file named by mistake.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// Why a file does not serve. None of these quotes it, since it may hold a key.
#[derive(Debug, thiserror::Error)]
pub enum MaterialError {
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(#[from] io::Error),
    /// It holds no certificate, or a damaged one.
    #[error("it holds no certificate in PEM (-----BEGIN CERTIFICATE-----)")]
    NoCertificate,
    /// It holds no key, or one that is encrypted or damaged.
    #[error(
        "it holds no private key in PEM (-----BEGIN PRIVATE KEY-----), or an encrypted one, which \
         `openssl pkey` decrypts"
    )]
    NoKey,
    /// A certificate in it cannot be used.
    #[error("it holds a certificate that cannot be used: {0}")]
    BadCertificate(rustls::Error),
    /// The key is another certificate's, or of a kind that is not known here.
    #[error("this key and the certificate make no pair: {0}")]
    NoPair(rustls::Error),
}

/// Certificates, each signed by the next one's key.
pub struct Chain(Vec<CertificateDer<'static>>);

impl Chain {
    /// All certificates of a PEM file, in their order.
    ///
    /// # Errors
    /// [`MaterialError`], also if there are none.
    pub fn from_file(path: &Path) -> Result<Self, MaterialError> {
        let content = read(path)?;
        let chain = CertificateDer::pem_slice_iter(&content)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| MaterialError::NoCertificate)?;
        if chain.is_empty() { Err(MaterialError::NoCertificate) } else { Ok(Self(chain)) }
    }
}

/// The authorities whose word is taken.
#[derive(Clone)]
pub struct Authorities(Arc<RootCertStore>);

impl Authorities {
    /// Those of a PEM file, and no others.
    ///
    /// # Errors
    /// [`MaterialError`]
    pub fn from_file(path: &Path) -> Result<Self, MaterialError> {
        let mut roots = RootCertStore::empty();
        for certificate in Chain::from_file(path)?.0 {
            roots.add(certificate).map_err(MaterialError::BadCertificate)?;
        }
        Ok(Self(Arc::new(roots)))
    }

    /// Those that this machine trusts, to which its administrator may have added the company's own.
    /// Where it names none, as in an image that holds this program alone, those that Mozilla trusts,
    /// which are built in.
    #[must_use]
    pub fn of_this_machine() -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        Self(Arc::new(roots))
    }
}

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

/// Our own certificate and its key.
#[derive(Clone)]
pub struct Identity(Arc<CertifiedKey>);

impl Identity {
    /// `key` is a PEM file with the key of the first certificate of `chain`.
    ///
    /// # Errors
    /// [`MaterialError`] about that file.
    pub fn new(chain: Chain, key: &Path) -> Result<Self, MaterialError> {
        let key = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|_| MaterialError::NoKey)?;
        CertifiedKey::from_der(chain.0, key, &provider())
            .map(|certified| Self(Arc::new(certified)))
            .map_err(MaterialError::NoPair)
    }
}

/// How TLS is spoken to one server. Cheap to clone.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ClientConfig>,
    has_identity: bool,
}

impl Tls {
    /// TLS 1.2 or 1.3.
    #[must_use]
    pub fn new(trust: Trust, identity: Option<Identity>) -> Self {
        let provider = Arc::new(provider());
        #[expect(clippy::expect_used, reason = "ring has cipher suites for both versions")]
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("ring knows TLS 1.2 and 1.3");
        let verifier = match trust {
            Trust::Host(authorities) => builder.with_root_certificates(authorities.0),
            Trust::Chain(authorities) => builder
                .dangerous()
                .with_custom_certificate_verifier(Nameless::new(Some(authorities), provider)),
            Trust::Anyone => {
                builder.dangerous().with_custom_certificate_verifier(Nameless::new(None, provider))
            }
        };
        let has_identity = identity.is_some();
        let config = match identity {
            Some(identity) => {
                verifier.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity.0)))
            }
            None => verifier.with_no_client_auth(),
        };
        Self { config: Arc::new(config), has_identity }
    }

    /// As rustls takes it.
    #[must_use]
    pub const fn config(&self) -> &Arc<ClientConfig> {
        &self.config
    }

    /// Whether the server is shown a certificate if it asks for one.
    #[must_use]
    pub const fn has_identity(&self) -> bool {
        self.has_identity
    }
}

/// Without keys.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("has_identity", &self.has_identity).finish_non_exhaustive()
    }
}

/// Takes a certificate whatever host it is for; if there are authorities, one of them has to vouch
/// for it.
#[derive(Debug)]
struct Nameless {
    authorities: Option<Arc<RootCertStore>>,
    provider: Arc<CryptoProvider>,
}

impl Nameless {
    fn new(authorities: Option<Authorities>, provider: Arc<CryptoProvider>) -> Arc<Self> {
        let authorities = authorities.map(|authorities| authorities.0);
        Arc::new(Self { authorities, provider })
    }
}

impl ServerCertVerifier for Nameless {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Some(roots) = &self.authorities {
            let certificate = ParsedCertificate::try_from(end_entity)?;
            let algorithms = self.provider.signature_verification_algorithms.all;
            verify_server_cert_signed_by_trust_anchor(
                &certificate,
                roots,
                intermediates,
                now,
                algorithms,
            )?;
        }
        Ok(ServerCertVerified::assertion())
    }

    // Also where nobody vouches for the certificate: PostgreSQL's channel binding is a promise about
    // it, which would be worth nothing if whoever shows it need not hold its key.
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn provider() -> CryptoProvider {
    crypto::ring::default_provider()
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?.take(MAX_FILE_BYTES).read_to_end(&mut content)?;
    Ok(content)
}
