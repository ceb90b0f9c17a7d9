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
/// unmounted when dropped, or at this process's end.
#[derive(Debug)]
pub struct SmallDisk {
    folder: Folder,
}

impl SmallDisk {
    /// `None`: this process may not mount anything.
    ///
    /// # Errors
    /// Where it cannot be prepared.
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
        self.folder.path().join("tablespace")
    }

    fn ballast(&self) -> PathBuf {
        self.folder.path().join("ballast")
    }

    /// Leaves no room.
    ///
    /// # Errors
    /// Where writing fails for another reason than that.
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

    /// Makes room again.
    ///
    /// # Errors
    /// Where it was not full.
    pub fn free(&self) -> Result<()> {
        fs::remove_file(self.ballast()).context("the disk was not full")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        unmount(self.folder.path());
    }
}

/// Also while somebody still uses it.
fn unmount(path: &Path) {
    let _ = Command::new("umount").arg("--lazy").arg(path).output();
}
