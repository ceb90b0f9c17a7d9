//! A disk that can be filled.

use std::{
    fs::{self, File},
    io::{ErrorKind, Write},
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use rustix::process::geteuid;

use crate::{guard::Folder, postgres};

/// A small file system in memory, with an empty folder that belongs to PostgreSQL's user. It is
/// unmounted when dropped, or when this process ends.
#[derive(Debug)]
pub struct SmallDisk {
    folder: Folder,
}

impl SmallDisk {
    /// `None` if this process may not mount file systems.
    ///
    /// # Errors
    /// If it cannot be prepared.
    pub fn mount(mebibytes: u32) -> Result<Option<Self>> {
        if !geteuid().is_root() {
            return Ok(None);
        }
        let folder = Folder::new("disk")?;
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m,mode=755"), "testbed"])
            .arg(folder.path())
            .output()
            .context("no mount")?;
        if !mounted.status.success() {
            return Ok(None);
        }
        let disk = Self { folder };
        fs::create_dir(disk.path())?;
        if let Some(user) = postgres::unprivileged()? {
            chown(disk.path(), Some(user.uid), Some(user.gid))?;
        }
        Ok(Some(disk))
    }

    /// The empty folder.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("files")
    }

    fn ballast(&self) -> PathBuf {
        self.folder.path().join("ballast")
    }

    /// Fills it completely.
    ///
    /// # Errors
    /// If writing fails for another reason.
    pub fn fill(&self) -> Result<()> {
        let mut file = File::options().create(true).append(true).open(self.ballast())?;
        loop {
            match file.write_all(&[0; 4096]) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => return Ok(()),
                Err(error) => return Err(error).context("cannot fill the disk"),
            }
        }
    }

    /// Frees the space again.
    ///
    /// # Errors
    /// If it was not full.
    pub fn free(&self) -> Result<()> {
        fs::remove_file(self.ballast()).context("the disk was not full")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        unmount(self.folder.path());
    }
}

/// Even while it is in use.
fn unmount(path: &Path) {
    let _ = Command::new("umount").arg("--lazy").arg(path).output();
}
