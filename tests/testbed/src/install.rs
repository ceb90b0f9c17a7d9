//! Installs servers with Maven or from Debian's packages, and Python packages with pip, when they
//! are first needed.

use std::{
    env,
    fs::{self, File},
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use rustix::fs::{FlockOperation, flock};

use crate::guard::Folder;

const POM: &str = include_str!("../pom.xml");
const OLDER_KAFKA_POM: &str = include_str!("../kafka/pom.xml");
/// The version of Kafka in [`POM`].
const NEWEST_KAFKA: &str = "4.3.1";
const REGISTRY_POM: &str = include_str!("../registry/pom.xml");
const AXE_POM: &str = include_str!("../axe/pom.xml");
/// The packages for librdkafka.
const LIBRDKAFKA: &str = include_str!("../requirements.txt");
/// The packages for Confluent's serializers.
const SERIALIZERS: &str = include_str!("../registry/requirements.txt");
/// The path of the interpreter in a virtual environment.
const PYTHON: &str = "bin/python";
/// The platform in the name of PostgreSQL's archive.
const PLATFORM: &str = if cfg!(target_arch = "aarch64") { "linux-arm64v8" } else { "linux-amd64" };

/// The jars of a version of Kafka, as a class path.
///
/// # Errors
/// If a program is missing (the error names the package to install) or Maven fails.
pub(crate) fn kafka(version: &str) -> Result<PathBuf> {
    ensure_java()?;
    if version == NEWEST_KAFKA {
        return Ok(installed()?.join("kafka/*"));
    }
    let announcement = format!("Maven installs Kafka {version} (40 MB, once)");
    let folder = once(&(OLDER_KAFKA_POM, version), &announcement, |partial| {
        package(OLDER_KAFKA_POM, partial, &[("kafka.version", version)])
    })?;
    Ok(folder.join("kafka/*"))
}

/// The folder of PostgreSQL's programs, unpacked where every user can access it.
///
/// # Errors
/// If a program is missing (the error names the package to install) or Maven fails.
pub(crate) fn postgres() -> Result<PathBuf> {
    static UNPACKED: OnceLock<Result<Folder, String>> = OnceLock::new();
    let unpack = || -> Result<Folder> {
        let jar = installed()?.join("postgres");
        let archive = fs::read_dir(&jar)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|path| path.extension().is_some_and(|extension| extension == "txz"))
            .with_context(|| format!("no .txz in {}", jar.display()))?;
        let folder = Folder::new("postgresql")?;
        ensure_program("xz", "xz-utils")?;
        run(
            Command::new("tar")
                .args(["--extract", "--xz", "--no-same-owner", "--file"])
                .arg(archive)
                .arg("--directory")
                .arg(folder.path()),
            "tar",
        )?;
        Ok(folder)
    };
    match UNPACKED.get_or_init(|| unpack().map_err(|error| format!("{error:#}"))) {
        Ok(folder) => Ok(folder.path().join("bin")),
        Err(error) => Err(anyhow!("{error}")),
    }
}

/// The Java program, of `JAVA_HOME` if that is set.
pub(crate) fn java() -> PathBuf {
    env::var_os("JAVA_HOME")
        .map(|home| Path::new(&home).join("bin/java"))
        .filter(|java| java.exists())
        .unwrap_or_else(|| "java".into())
}

/// The jar of Apicurio Registry, with its dependencies in folders next to it.
///
/// # Errors
/// If a program is missing (the error names the package to install) or Maven fails.
pub(crate) fn registry() -> Result<PathBuf> {
    ensure_java()?;
    let announcement = "Maven installs Apicurio Registry (142 MB, once)";
    let folder = once(&REGISTRY_POM, announcement, |partial| package(REGISTRY_POM, partial, &[]))?;
    let jar = fs::read_dir(folder.join("registry"))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "jar"));
    jar.with_context(|| format!("no registry in {}", folder.display()))
}

/// The script of axe-core, which checks the accessibility of a page.
///
/// # Errors
/// If a program is missing (the error names the package to install) or Maven fails.
pub(crate) fn axe() -> Result<PathBuf> {
    ensure_java()?;
    let announcement = "Maven installs axe-core (1 MB, once)";
    let folder = once(&AXE_POM, announcement, |partial| package(AXE_POM, partial, &[]))?;
    Ok(folder.join("axe/axe.min.js"))
}

/// The folder of `prometheus` and `promtool`: those on the PATH, otherwise Debian's.
///
/// Debian's package is unpacked and not installed, since its installation would start a server that
/// listens at all addresses of the machine.
///
/// # Errors
/// If they are missing and unavailable from Debian: the error names the remedy.
pub(crate) fn prometheus() -> Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let has_both =
        |folder: &PathBuf| ["prometheus", "promtool"].iter().all(|it| folder.join(it).exists());
    if let Some(folder) = env::split_paths(&path).find(has_both) {
        return Ok(folder);
    }
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let announcement = "apt-get downloads Prometheus (19 MB, once)";
    let folder = once(&("prometheus", &release), announcement, |partial| {
        let mut download = Command::new("apt-get");
        // By default apt downloads as another user, who may not write here.
        download.args(["--quiet", "--option", "APT::Sandbox::User=root", "download", "prometheus"]);
        run(download.current_dir(partial), "apt")?;
        let package = fs::read_dir(partial)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
            .context("apt-get has downloaded no package")?;
        run(Command::new("dpkg-deb").arg("--extract").arg(&package).arg(partial), "dpkg")?;
        fs::remove_file(package).map_err(Into::into)
    })
    .context(
        "the tests need Prometheus: put prometheus and promtool on the PATH, or on Debian and Ubuntu \
         run `apt-get update`",
    )?;
    Ok(folder.join("usr/bin"))
}

/// A Python with librdkafka.
///
/// # Errors
/// If Python or its venv is missing (the error names the package to install) or pip fails.
pub(crate) fn librdkafka() -> Result<PathBuf> {
    python(LIBRDKAFKA, "pip installs librdkafka (5 MB, once)")
}

/// A Python with librdkafka, Confluent's serializers and protoc.
///
/// # Errors
/// If Python or its venv is missing (the error names the package to install) or pip fails.
pub(crate) fn serializers() -> Result<PathBuf> {
    python(SERIALIZERS, "pip installs Confluent's serializers (30 MB, once)")
}

/// A Python with the packages in `requirements`, a file for pip.
fn python(requirements: &str, announcement: &str) -> Result<PathBuf> {
    let about = r#"import sys; print("{}.{}".format(*sys.version_info), sys.version, sys.prefix)"#;
    let about = run(Command::new("python3").args(["-c", about]), "python3 python3-venv")?.stdout;
    let folder = once(&(requirements, &about), announcement, |partial| {
        run(Command::new("python3").args(["-c", "import ensurepip, venv"]), "python3-venv")
            .context("Python has no venv: apt-get install python3-venv")?;
        run(Command::new("python3").args(["-m", "venv"]).arg(partial), "python3-venv")?;
        let file = partial.join("requirements.txt");
        fs::write(&file, requirements)?;
        // Through Python, since the `pip` script contains the folder's current name.
        run(
            Command::new(partial.join(PYTHON))
                .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
                .args(["--only-binary", ":all:", "--requirement"])
                .arg(file),
            "python3-venv",
        )
        .map(drop)
    })?;
    Ok(folder.join(PYTHON))
}

fn installed() -> Result<PathBuf> {
    let announcement = "Maven installs Kafka and PostgreSQL (85 MB, once)";
    once(&(POM, PLATFORM), announcement, |partial| {
        package(POM, partial, &[("postgres.platform", PLATFORM)])
    })
}

/// Has Maven install the dependencies of a `pom.xml` into `partial`, with these properties.
fn package(pom: &str, partial: &Path, properties: &[(&str, &str)]) -> Result<()> {
    let file = partial.join("pom.xml");
    fs::write(&file, pom)?;
    run(
        Command::new("mvn")
            .args(["--batch-mode", "--quiet", "--file"])
            .arg(&file)
            .arg(format!("-Dtestbed.folder={}", partial.display()))
            .args(properties.iter().map(|(name, value)| format!("-D{name}={value}")))
            .arg("package"),
        "maven",
    )
    .map(drop)
}

/// One folder for each content of the installation file: after a change it is installed again.
/// `install` gets a new folder, which is moved to its final path when complete.
fn once(
    content: &impl Hash,
    announcement: &str,
    install: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    let home = target()?.join("testbed");
    let folder = home.join(format!("{:016x}", hasher.finish()));
    fs::create_dir_all(&home)?;
    // Several test processes may do this at the same time. The lock is released when the file is
    // closed.
    let lock = File::create(home.join("lock"))?;
    flock(&lock, FlockOperation::LockExclusive)?;
    if !folder.exists() {
        // A closed standard error is not a failure.
        let _ = writeln!(io::stderr(), "testbed: {announcement}");
        let partial = home.join("partial");
        if partial.exists() {
            fs::remove_dir_all(&partial)?;
        }
        fs::create_dir_all(&partial)?;
        install(&partial)?;
        fs::rename(&partial, &folder)?;
    }
    Ok(folder)
}

/// Cargo's target folder of the workspace.
fn target() -> Result<PathBuf> {
    let program = env::current_exe()?;
    let marked = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").exists());
    let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    Ok(marked.map_or_else(usual, Path::to_owned))
}

fn ensure_java() -> Result<()> {
    static CHECKED: OnceLock<Result<(), String>> = OnceLock::new();
    let check = || -> Result<()> {
        let output = run(Command::new(java()).arg("-version"), "openjdk-17-jre-headless")?;
        // openjdk version "17.0.15" 2025-04-15
        let text = String::from_utf8_lossy(&output.stderr);
        let version = text.split('"').nth(1).unwrap_or_default();
        let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        ensure!(
            major.is_some_and(|major| major >= 17),
            "Kafka needs Java 17 or newer, and `{}` is `{version}`: \
             apt-get install openjdk-17-jre-headless",
            java().display(),
        );
        Ok(())
    };
    CHECKED
        .get_or_init(|| check().map_err(|error| format!("{error:#}")))
        .clone()
        .map_err(|error| anyhow!("{error}"))
}

fn ensure_program(program: &str, package: &str) -> Result<()> {
    run(Command::new(program).arg("--version"), package).map(drop)
}

/// Runs a program to its end; if it is missing, the error names the package to install.
pub(crate) fn run(command: &mut Command, package: &str) -> Result<Output> {
    let program = command.get_program().to_string_lossy().into_owned();
    match command.output() {
        Ok(output) if output.status.success() => Ok(output),
        Ok(output) => bail!(
            "{command:?} ended with {}:\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        ),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            bail!("there is no `{program}` on this machine: apt-get install {package}")
        }
        Err(error) => Err(error).with_context(|| format!("cannot start `{program}`")),
    }
}
