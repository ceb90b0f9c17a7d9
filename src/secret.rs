//! Secrets, and the files that contain them: these are read at each use, so rotation needs no
//! restart.

use std::{
    fmt,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use secrecy::{ExposeSecret, SecretString};
use tracing::{info, warn};

/// The limit for files: longer than any password or token, shorter than most files named by mistake.
const MAX_BYTES: u64 = 64 * 1024;

/// A password or token, given directly or from a file. Never printed. Cheap to clone.
#[derive(Clone)]
pub struct Secret(Arc<Source>);

enum Source {
    Given(SecretString),
    File { setting: String, path: PathBuf, last: Mutex<Last> },
}

struct Last {
    good: SecretString,
    /// Whether the last attempt to read the file failed.
    is_broken: bool,
}

impl Secret {
    /// The content of `path`, without trailing newlines. `setting` is the key that names the file,
    /// for messages.
    ///
    /// # Errors
    /// The file cannot be read, or is not UTF-8.
    pub fn from_file(setting: &str, path: &Path) -> io::Result<Self> {
        let last = Mutex::new(Last { good: read(path)?, is_broken: false });
        Ok(Self(Arc::new(Source::File {
            setting: setting.to_owned(),
            path: path.to_owned(),
            last,
        })))
    }

    /// The current secret; a file is read again. If the file is unreadable or empty, for example
    /// while it is being replaced, that is logged once and the last secret stays in use.
    #[must_use]
    pub fn current(&self) -> SecretString {
        let (setting, path, last) = match &*self.0 {
            Source::Given(secret) => return secret.clone(),
            Source::File { setting, path, last } => (setting, path, last),
        };
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        let trouble = match read(path) {
            Ok(new) if new.expose_secret().is_empty() && !is_empty(&last.good) => {
                "it is empty".to_owned()
            }
            Ok(new) => {
                if new.expose_secret() != last.good.expose_secret() {
                    info!(setting, file = %path.display(), "using the new content of the file");
                }
                *last = Last { good: new, is_broken: false };
                return last.good.clone();
            }
            Err(error) => error.to_string(),
        };
        if !last.is_broken {
            let file = path.display();
            warn!(setting, %file, error = trouble, "cannot use the file, its previous content stays in use");
        }
        last.is_broken = true;
        last.good.clone()
    }
}

fn is_empty(secret: &SecretString) -> bool {
    secret.expose_secret().is_empty()
}

fn read(path: &Path) -> io::Result<SecretString> {
    let mut content = String::new();
    File::open(path)?.take(MAX_BYTES).read_to_string(&mut content)?;
    Ok(content.trim_end_matches(['\r', '\n']).to_owned().into())
}

impl From<SecretString> for Secret {
    fn from(secret: SecretString) -> Self {
        Self(Arc::new(Source::Given(secret)))
    }
}

/// Shows the file, but not the secret.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Source::Given(_) => f.write_str("Secret"),
            Source::File { path, .. } => f.debug_tuple("Secret").field(path).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_is_read_at_each_use_and_a_broken_one_is_ignored() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        assert!(Secret::from_file("a.password_file", &path).is_err());
        fs::write(&path, "first\r\n").unwrap();
        let secret = Secret::from_file("a.password_file", &path).unwrap();
        let current = || secret.current().expose_secret().to_owned();
        assert_eq!(current(), "first");
        for broken in [&b""[..], b"\n", b"\xff\xfe"] {
            fs::write(&path, broken).unwrap();
            assert_eq!(current(), "first");
        }
        fs::remove_file(&path).unwrap();
        assert_eq!(current(), "first");
        fs::write(&path, "second").unwrap();
        assert_eq!(current(), "second");
        assert!(!format!("{secret:?}").contains("second"));
    }
}
