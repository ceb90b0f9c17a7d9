//! A root folder that contains only the program.

use std::{env, fs, path::PathBuf, time::Duration};

use testbed::{Context, Database, Folder, Result, VendasCommand, bail};

/// Longer than any successful operation takes, even on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// The output of `./dev dist`.
pub(crate) fn dist() -> Result<PathBuf> {
    env::var_os("VENDAS_DIST").map(PathBuf::from).context("`./dev dist --check` runs these tests")
}

/// The program with failpoints.
pub(crate) fn failpoints() -> Result<PathBuf> {
    let path = env::var_os("VENDAS_DIST_FAILPOINTS");
    path.map(PathBuf::from).context("`./dev dist --check` runs these tests")
}

/// The root folder. It is deleted when this is dropped.
pub(crate) struct RootFolder {
    folder: Folder,
}

impl RootFolder {
    /// With the distributed program.
    pub(crate) fn new() -> Result<Self> {
        Self::with(dist()?.join("vendas"))
    }

    /// With another program.
    pub(crate) fn with(program: PathBuf) -> Result<Self> {
        let root = Self { folder: Folder::new("root")? };
        fs::copy(&program, root.folder.path().join("vendas"))
            .with_context(|| format!("cannot copy {}", program.display()))?;
        Ok(root)
    }

    /// With another file, such as `etc/hosts`.
    pub(crate) fn file(self, path: &str, content: &str) -> Result<Self> {
        let path = self.folder.path().join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, content)?;
        Ok(self)
    }

    /// The names in its `etc/hosts`, all with the address of this machine.
    pub(crate) fn hosts(self, names: &[&str]) -> Result<Self> {
        self.file("etc/hosts", &format!("127.0.0.1 {}\n", names.join(" ")))
    }

    /// The program's command line, in this root folder.
    pub(crate) fn vendas(&self, args: &[&str]) -> VendasCommand {
        let root = format!("--root={}", self.folder.path().display());
        // Without root privileges, a user namespace permits changing the root folder.
        let user =
            if rustix::process::geteuid().is_root() { None } else { Some("--map-root-user") };
        VendasCommand::new("/usr/bin/unshare")
            .args(user)
            .args([root.as_str(), "--wd=/", "--", "/vendas"])
            .args(args.iter().copied())
            // Neither the time zones of this machine nor its environment variables are available.
            .env("HOME", "/")
    }
}

/// The program with a broker's address, a topic, and a database with another name for its host.
pub(crate) fn at(
    command: VendasCommand,
    brokers: &str,
    topic: &str,
    database: &Database,
    host: &str,
) -> VendasCommand {
    command
        .database(database)
        .env("VENDAS_DATABASE__HOST", host)
        .env("VENDAS_KAFKA__BROKERS", brokers)
        .env("VENDAS_KAFKA__TOPICS", topic)
}

/// Another name for the host of an address.
pub(crate) fn renamed(address: &str, host: &str) -> Result<String> {
    let Some((_, port)) = address.rsplit_once(':') else { bail!("no port in {address}") };
    Ok(format!("{host}:{port}"))
}
