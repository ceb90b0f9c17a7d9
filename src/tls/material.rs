//! Certificates and keys, and the files that they come from.

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

use super::provider;

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

/// A file, and by what it shows that it is another one now: a change of its inode (device, number,
/// time of change, size), also behind a symbolic link. `None` while there is no such file.
#[derive(Clone, Debug)]
pub(super) struct Watched {
    pub(super) path: PathBuf,
    stamp: Option<(u64, u64, i64, i64, u64)>,
}

impl Watched {
    /// To be called before the file is read, so that what is written during that shows.
    fn new(path: &Path) -> Self {
        let stamp = fs::metadata(path).ok().map(|inode| {
            (inode.dev(), inode.ino(), inode.ctime(), inode.ctime_nsec(), inode.size())
        });
        Self { path: path.to_owned(), stamp }
    }

    /// The same file as it is now; `None` if it has not changed.
    pub(super) fn changed(&self) -> Option<Self> {
        let now = Self::new(&self.path);
        (now.stamp != self.stamp).then_some(now)
    }
}

/// Certificates, each signed by the next one's key.
pub struct Chain {
    certificates: Vec<CertificateDer<'static>>,
    file: Watched,
}

impl Chain {
    /// All certificates of a PEM file, in their order.
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

/// The authorities whose word is taken.
#[derive(Clone)]
pub struct Authorities {
    pub(super) roots: Arc<RootCertStore>,
    pub(super) file: Option<Watched>,
}

impl Authorities {
    /// Those of a PEM file, and no others.
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
        Self { roots: Arc::new(roots), file: None }
    }

    /// As their file has them now.
    pub(super) fn reread(&self) -> Result<Self, (PathBuf, MaterialError)> {
        match &self.file {
            None => Ok(self.clone()),
            Some(Watched { path, .. }) => {
                Self::from_file(path).map_err(|error| (path.clone(), error))
            }
        }
    }
}

/// Our own certificate and its key.
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

    /// As its files have it now.
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
