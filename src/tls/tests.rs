use std::{fs, path::Path, sync::Arc};

use testbed::{Authority, Certificate};

use super::{Authorities, Chain, Identity, Tls, Trust};

fn put(certificate: &Certificate, folder: &Path) {
    fs::write(folder.join("cert.pem"), &certificate.certificate).unwrap();
    fs::write(folder.join("key.pem"), &certificate.key).unwrap();
}

#[test]
fn changed_files_are_read_again_and_broken_ones_are_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let authority = Authority::new("a").unwrap();
    fs::write(path("ca.pem"), authority.pem()).unwrap();
    put(&authority.client("first").unwrap(), folder.path());
    let chain = Chain::from_file(&path("cert.pem")).unwrap();
    let identity = Identity::new(chain, &path("key.pem")).unwrap();
    let authorities = Authorities::from_file(&path("ca.pem")).unwrap();
    let tls = Tls::new(Trust::Host(authorities), Some(identity));
    let first = tls.config();
    assert!(Arc::ptr_eq(&first, &tls.config()));

    // The certificate is replaced before its key, and is incomplete at first.
    let second = authority.client("second").unwrap();
    let (half, _) = second.certificate.split_at(second.certificate.len() / 2);
    fs::write(path("cert.pem"), half).unwrap();
    assert!(Arc::ptr_eq(&first, &tls.config()));
    fs::write(path("cert.pem"), &second.certificate).unwrap();
    assert!(Arc::ptr_eq(&first, &tls.config()));
    fs::write(path("key.pem"), &second.key).unwrap();
    let renewed = tls.config();
    assert!(!Arc::ptr_eq(&first, &renewed));
    assert!(Arc::ptr_eq(&renewed, &tls.config()));

    // As in Kubernetes: the target of a symbolic link is replaced.
    fs::write(path("other.pem"), Authority::new("b").unwrap().pem()).unwrap();
    fs::remove_file(path("ca.pem")).unwrap();
    assert!(Arc::ptr_eq(&renewed, &tls.config()));
    std::os::unix::fs::symlink(path("other.pem"), path("ca.pem")).unwrap();
    let trusting = tls.config();
    assert!(!Arc::ptr_eq(&renewed, &trusting));
    fs::write(path("another.pem"), authority.pem()).unwrap();
    fs::rename(path("another.pem"), path("other.pem")).unwrap();
    assert!(!Arc::ptr_eq(&trusting, &tls.config()));
}
