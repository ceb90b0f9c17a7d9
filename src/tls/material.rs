//! Certificates and keys, and their files.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};

use super::provider::provider;

/// The limit for files: larger than all public authorities together, smaller than most files named
/// by mistake.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// Why a file cannot be used. No message quotes it, since it may contain a key.
#[derive(Debug, thiserror::Error)]
pub enum MaterialError {
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(#[from] io::Error),
    /// It contains no certificate, or a damaged one.
    #[error("contains no PEM certificate (-----BEGIN CERTIFICATE-----)")]
    NoCertificate,
    /// It contains no key, or an encrypted or damaged one.
    #[error(
        "contains no unencrypted PEM private key (-----BEGIN PRIVATE KEY-----): convert it with \
         `openssl pkey`"
    )]
    NoKey,
    /// A certificate in it cannot be used.
    #[error("contains an invalid certificate: {0}")]
    BadCertificate(rustls::Error),
    /// The key belongs to another certificate, or is of an unsupported type.
    #[error("the private key does not match the certificate: {0}")]
    NoPair(rustls::Error),
}

/// A file and its inode (device, number, time of change, size), by which changes are detected, also
/// through symbolic links. `None` if the file does not exist.
#[derive(Clone, Debug)]
pub(super) struct Watched {
    pub(super) path: PathBuf,
    stamp: Option<(u64, u64, i64, i64, u64)>,
}

impl Watched {
    /// Must be called before the file is read, so that changes during the read are detected.
    fn new(path: &Path) -> Self {
        let stamp = fs::metadata(path).ok().map(|inode| {
            (inode.dev(), inode.ino(), inode.ctime(), inode.ctime_nsec(), inode.size())
        });
        Self { path: path.to_owned(), stamp }
    }

    /// The new state of the file; `None` if it has not changed.
    pub(super) fn changed(&self) -> Option<Self> {
        let now = Self::new(&self.path);
        (now.stamp != self.stamp).then_some(now)
    }
}

/// A chain of certificates, each signed with the key of the next.
pub struct Chain {
    certificates: Vec<CertificateDer<'static>>,
    file: Watched,
}

impl Chain {
    /// All certificates of a PEM file, in order.
    ///
    /// # Errors
    /// [`MaterialError`], also if there are none.
    pub fn from_file(path: &Path) -> Result<Self, MaterialError> {
        let file = Watched::new(path);
        let content = read(path)?;
        let certificates = CertificateDer::pem_slice_iter(&content)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| MaterialError::NoCertificate)?;
        if certificates.is_empty() {
            return Err(MaterialError::NoCertificate);
        }
        Ok(Self { certificates, file })
    }
}

/// Trusted authorities.
#[derive(Clone)]
pub struct Authorities {
    pub(super) roots: Arc<RootCertStore>,
    pub(super) file: Option<Watched>,
}

impl Authorities {
    /// Only the authorities of a PEM file.
    ///
    /// # Errors
    /// [`MaterialError`]
    pub fn from_file(path: &Path) -> Result<Self, MaterialError> {
        let mut roots = RootCertStore::empty();
        let Chain { certificates, file } = Chain::from_file(path)?;
        for certificate in certificates {
            roots.add(certificate).map_err(MaterialError::BadCertificate)?;
        }
        Ok(Self { roots: Arc::new(roots), file: Some(file) })
    }

    /// The authorities that this machine trusts. If there are none, as in a container image that
    /// contains only this program, those that Mozilla trusts, which are built in.
    #[must_use]
    pub fn system() -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        Self { roots: Arc::new(roots), file: None }
    }

    /// The current content of the file.
    pub(super) fn reread(&self) -> Result<Self, (PathBuf, MaterialError)> {
        match &self.file {
            None => Ok(self.clone()),
            Some(Watched { path, .. }) => {
                Self::from_file(path).map_err(|error| (path.clone(), error))
            }
        }
    }
}

/// The client certificate and its key.
#[derive(Clone)]
pub struct Identity {
    pub(super) certified: Arc<CertifiedKey>,
    pub(super) chain: Watched,
    pub(super) key: Watched,
}

impl Identity {
    /// `key` is a PEM file with the key of the first certificate of `chain`.
    ///
    /// # Errors
    /// [`MaterialError`] about that file.
    pub fn new(chain: Chain, key: &Path) -> Result<Self, MaterialError> {
        let file = Watched::new(key);
        let key = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|_| MaterialError::NoKey)?;
        let certified = CertifiedKey::from_der(chain.certificates, key, &provider())
            .map_err(MaterialError::NoPair)?;
        Ok(Self { certified: Arc::new(certified), chain: chain.file, key: file })
    }

    /// The current content of the files.
    pub(super) fn reread(&self) -> Result<Self, (PathBuf, MaterialError)> {
        let (chain, key) = (&self.chain.path, &self.key.path);
        let chain = Chain::from_file(chain).map_err(|error| (chain.clone(), error))?;
        Self::new(chain, key).map_err(|error| (key.clone(), error))
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?.take(MAX_FILE_BYTES).read_to_end(&mut content)?;
    Ok(content)
}
