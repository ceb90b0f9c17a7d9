//! Certificate authorities of a test, and the certificates that they sign.

use std::{fs, path::PathBuf};

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P384_SHA384, date_time_ymd,
};

use crate::guard::Folder;

/// An authority, and a folder for its files.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    folder: Folder,
}

/// A certificate and its key, in PEM.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The certificate's text.
    pub certificate: String,
    /// The key's text.
    pub key: String,
    /// A file with the certificate.
    pub certificate_file: PathBuf,
    /// A file with the key.
    pub key_file: PathBuf,
    /// A file with both, as Kafka takes it.
    pub both_file: PathBuf,
}

impl Authority {
    /// A new authority that no program trusts.
    ///
    /// # Errors
    /// If its folder cannot be created.
    pub fn new(name: &str) -> Result<Self> {
        // 384 bits, so that PostgreSQL's channel binding uses another hash than SHA-256.
        let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384)?;
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name = named(name);
        let pem = params.self_signed(&key)?.pem();
        let folder = Folder::new("certificates")?;
        fs::write(folder.path().join("ca.pem"), &pem)?;
        Ok(Self { issuer: Issuer::new(params, key), pem, folder })
    }

    /// Its own certificate in PEM.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A file with its own certificate.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Signs a certificate for the host `host`.
    ///
    /// # Errors
    /// If its files cannot be written.
    pub fn server(&self, host: &str) -> Result<Certificate> {
        let mut params = CertificateParams::new(vec![host.to_owned()])?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.distinguished_name = named(host);
        self.sign(params, host)
    }

    /// Signs a certificate that was valid until the end of 2020.
    ///
    /// # Errors
    /// If its files cannot be written.
    pub fn expired_server(&self, host: &str) -> Result<Certificate> {
        let mut params = CertificateParams::new(vec![host.to_owned()])?;
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2020, 12, 31);
        params.distinguished_name = named(host);
        self.sign(params, &format!("expired-{host}"))
    }

    /// Signs a client certificate for `user`.
    ///
    /// # Errors
    /// If its files cannot be written.
    pub fn client(&self, user: &str) -> Result<Certificate> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.distinguished_name = named(user);
        self.sign(params, &format!("client-{user}"))
    }

    fn sign(&self, params: CertificateParams, file: &str) -> Result<Certificate> {
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?.pem();
        let key = key.serialize_pem();
        let write = |suffix: &str, content: &str| -> Result<PathBuf> {
            let path = self.folder.path().join(format!("{file}{suffix}"));
            fs::write(&path, content)?;
            Ok(path)
        };
        Ok(Certificate {
            certificate_file: write(".pem", &certificate)?,
            key_file: write(".key", &key)?,
            both_file: write(".both", &format!("{key}{certificate}"))?,
            certificate,
            key,
        })
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}
