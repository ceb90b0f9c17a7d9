//! A root folder with the program in it and nothing else.

use std::{env, fs, path::PathBuf, time::Duration};

use testbed::{Context, Database, Folder, Result, VendasCommand, bail};

/// Longer than anything that works takes, also on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// What `./dev dist` made.
pub(crate) fn dist() -> Result<PathBuf> {
    env::var_os("VENDAS_DIST").map(PathBuf::from).context("`./dev dist --check` runs these tests")
}

/// The program that fails where it is told to.
pub(crate) fn failpoints() -> Result<PathBuf> {
    let path = env::var_os("VENDAS_DIST_FAILPOINTS");
    path.map(PathBuf::from).context("`./dev dist --check` runs these tests")
}

/// The root folder. It goes when this is dropped.
pub(crate) struct RootFolder {
    folder: Folder,
}

impl RootFolder {
    /// With the program that is handed out.
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

    /// With one more file, such as `etc/hosts`.
    pub(crate) fn file(self, path: &str, content: &str) -> Result<Self> {
        let path = self.folder.path().join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, content)?;
        Ok(self)
    }

    /// The names that its `etc/hosts` knows: they all are this machine.
    pub(crate) fn hosts(self, names: &[&str]) -> Result<Self> {
        self.file("etc/hosts", &format!("127.0.0.1 {}\n", names.join(" ")))
    }

    /// The program's command line, in this root.
    pub(crate) fn vendas(&self, args: &[&str]) -> VendasCommand {
        let root = format!("--root={}", self.folder.path().display());
        // Whoever is not root may have a root folder of his own as root of a namespace.
        let user =
            if rustix::process::geteuid().is_root() { None } else { Some("--map-root-user") };
        VendasCommand::new("/usr/bin/unshare")
            .args(user)
            .args([root.as_str(), "--wd=/", "--", "/vendas"])
            .args(args.iter().copied())
            // The time zones of this machine are not there anyway; nor is any of its settings.
            .env("HOME", "/")
    }
}

/// The program with a broker's address, a topic, and a database under another name of its host.
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

/// The rows that a query gives, each with its columns joined by `|`.
pub(crate) async fn rows(database: &Database, sql: &str) -> Result<Vec<String>> {
    let rows = database.table(sql).await?.rows.into_iter();
    let text = |row: Vec<Option<String>>| {
        row.into_iter().map(Option::unwrap_or_default).collect::<Vec<_>>().join("|")
    };
    Ok(rows.map(text).collect())
}
