//! Access to the HTTP server: by host, by origin and by password.

use std::fs;

use testbed::{Browser, Context, Result, Vendas, VendasCommand, ensure, eventually};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{listen, scrape::Scrape};
use crate::shop::{DEADLINE, VENDAS};

const SCRIPT: &str = "/assets/main.js";
const EVIL: &str = "Host: evil.example";

/// A run without servers, and its answers.
struct Run {
    listen: String,
    command: VendasCommand,
    vendas: Vendas,
}

/// A status and the whole answer; only the head if the answer never ends.
struct Answer {
    status: u16,
    text: String,
}

impl Run {
    async fn start(settings: &[(&str, &str)]) -> Result<Self> {
        let listen = listen()?;
        let mut command = VendasCommand::new(VENDAS)
            .env("VENDAS_HTTP__LISTEN", listen.replace("127.0.0.1", "0.0.0.0"))
            .env("VENDAS_KAFKA__BROKERS", "127.0.0.1:1")
            .env("VENDAS_DATABASE__HOST", "127.0.0.1")
            .env("VENDAS_DATABASE__PORT", "1");
        for (name, value) in settings {
            command = command.env(format!("VENDAS_HTTP__{name}"), *value);
        }
        let run = Self { listen, vendas: command.clone().args(["run"]).start()?, command };
        eventually("server", DEADLINE, async || run.expect("/healthz", &[], 200).await).await?;
        Ok(run)
    }

    /// Requests `path` with these header lines.
    async fn ask(&self, path: &str, lines: &[&str]) -> Result<Answer> {
        let mut stream = TcpStream::connect(&self.listen).await?;
        let mut request = format!("GET {path} HTTP/1.1\r\nConnection: close\r\n");
        for line in lines {
            request.push_str(line);
            request.push_str("\r\n");
        }
        stream.write_all((request + "\r\n").as_bytes()).await?;
        let mut bytes = Vec::new();
        let read = async {
            while !bytes.ends_with(b"\r\n\r\n") {
                bytes.push(stream.read_u8().await?);
            }
            if !String::from_utf8_lossy(&bytes).contains("text/event-stream") {
                stream.read_to_end(&mut bytes).await?;
            }
            Ok::<_, testbed::Error>(())
        };
        timeout(DEADLINE, read).await.context("no end of the answer")??;
        let text = String::from_utf8(bytes)?;
        let status = text.split(' ').nth(1).context("no status")?.parse()?;
        Ok(Answer { status, text })
    }

    async fn expect(&self, path: &str, lines: &[&str], status: u16) -> Result<String> {
        let answer = self.ask(path, lines).await?;
        ensure!(answer.status == status, "{path} with {lines:?}: {}", answer.text);
        Ok(answer.text)
    }

    fn lines_with(&self, text: &str) -> Result<usize> {
        Ok(self.vendas.stderr()?.lines().filter(|line| line.contains(text)).count())
    }
}

#[tokio::test]
async fn dns_rebinding_reads_no_figures() -> Result<()> {
    let run = Run::start(&[("ALLOWED_HOSTS", "vendas.example,.shop.example:8443")]).await?;
    for path in ["/", SCRIPT, "/events", "/metrics", "/no-such-page"] {
        for host in [
            EVIL,
            "Host: evil.example:8080",
            "host: EVIL.example.",
            "Host: localhost.evil.example",
            "Host: x.vendas.example",
            "Host: a.shop.example",
        ] {
            let answer = run.expect(path, &[host], 421).await?;
            ensure!(answer.contains("add it to http.allowed_hosts"), "{answer}");
            ensure!(!answer.contains("vendas_") && !answer.contains("<"), "{answer}");
        }
        for lines in [
            &[][..],
            &["Host:"],
            &["Host: vendas.example", "Host: vendas.example"],
            &["Host: vendas.example", EVIL],
            &["Host: vendas.example@evil.example"],
        ] {
            run.expect(path, lines, 400).await?;
        }
    }
    // A target with a host is for that host, whatever the header says.
    run.expect("http://evil.example/metrics", &["Host: vendas.example"], 421).await?;
    for host in [
        "127.0.0.1",
        &run.listen,
        "[::1]:8080",
        "192.168.7.8:80",
        "localhost:1",
        "vendas.localhost",
        "VENDAS.example.:81",
        "shop.example:8443",
        "a.b.shop.example:8443",
    ] {
        for path in ["/", SCRIPT, "/events", "/metrics"] {
            run.expect(path, &[&format!("Host: {host}")], 200).await?;
        }
    }
    // Probes and load balancers send other hosts.
    for lines in [&[][..], &[EVIL], &[EVIL, EVIL]] {
        run.expect("/healthz", lines, 200).await?;
        run.expect("/readyz", lines, 503).await?;
    }
    ensure!(run.lines_with("host=evil.example ")? == 1, "{}", run.vendas.stderr()?);
    ensure!(run.lines_with("add it to http.allowed_hosts")? == 4, "{}", run.vendas.stderr()?);
    run.vendas.kill()
}

#[tokio::test]
async fn a_page_of_another_site_reads_nothing_and_occupies_no_place() -> Result<()> {
    let run = Run::start(&[]).await?;
    let host = format!("Host: {}", run.listen);
    let own = format!("Origin: http://{}", run.listen);
    for path in ["/events", SCRIPT, "/metrics"] {
        for lines in [
            &["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"][..],
            &["Sec-Fetch-Site: same-site"],
            &["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"],
            &["Origin: http://evil.example"],
            &["Origin: null"],
            &["Origin: http://127.0.0.1:1"],
        ] {
            run.expect(path, &[&[&*host], lines].concat(), 403).await?;
        }
        for lines in [
            &["Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"][..],
            &["Sec-Fetch-Site: none", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"],
            &[&own],
        ] {
            run.expect(path, &[&[&*host], lines].concat(), 200).await?;
        }
    }
    let link =
        ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"];
    run.expect("/", &[&[&*host], &link[..]].concat(), 200).await?;
    run.vendas.kill()
}

/// `shop:first`, `shop:second` and `shop:wrong` in Basic authentication (RFC 7617).
const FIRST: &str = "Authorization: Basic c2hvcDpmaXJzdA==";
const SECOND: &str = "Authorization: Basic c2hvcDpzZWNvbmQ=";
const WRONG: &str = "Authorization: Basic c2hvcDp3cm9uZw==";

#[tokio::test]
async fn with_a_password_clients_without_it_see_only_the_health() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("password");
    fs::write(&file, "first\n")?;
    let settings = [("USER", "shop"), ("PASSWORD_FILE", &*file.display().to_string())];
    let run = Run::start(&settings).await?;
    let host = "Host: localhost";
    for path in ["/", SCRIPT, "/events", "/metrics", "/no-such-page"] {
        for lines in
            [&[host][..], &[host, WRONG], &[host, "Authorization: Bearer c2hvcDpmaXJzdA=="]]
        {
            let answer = run.expect(path, lines, 401).await?.to_lowercase();
            let challenge = "\r\nwww-authenticate: basic realm=\"vendas\", charset=\"utf-8\"\r\n";
            ensure!(answer.contains(challenge) && !answer.contains("vendas_"), "{answer}");
        }
        // The password does not permit other hosts.
        run.expect(path, &[EVIL, FIRST], 421).await?;
        if path != "/no-such-page" {
            run.expect(path, &[host, FIRST], 200).await?;
        }
    }
    run.expect("/healthz", &[host], 200).await?;
    run.expect("/readyz", &[host, WRONG], 503).await?;
    run.command.clone().args(["healthcheck", "--alive"]).run(DEADLINE).await?.expect_code(0)?;

    // Two wrong passwords for each of the five; requests without any are not counted.
    let metrics = "Accept: application/openmetrics-text";
    let scrape = run.expect("/metrics", &[host, FIRST, metrics], 200).await?;
    let (_, body) = scrape.split_once("\r\n\r\n").context("no body")?;
    Scrape::of(body)?.expect("vendas_http_wrong_passwords", &[], 10.0)?;
    ensure!(run.lines_with("wrong user or password")? == 1, "{}", run.vendas.stderr()?);

    fs::write(&file, "second\n")?;
    run.expect("/metrics", &[host, FIRST], 401).await?;
    run.expect("/metrics", &[host, SECOND], 200).await?;
    // As while the password is being replaced.
    fs::write(&file, "")?;
    run.expect("/metrics", &[host, "Authorization: Basic c2hvcDo="], 401).await?;
    run.expect("/metrics", &[host, SECOND], 200).await?;
    let log = run.vendas.stderr()?;
    ensure!(!["first", "second", "d3Jvbmc"].iter().any(|secret| log.contains(secret)), "{log}");
    run.vendas.kill()
}

#[tokio::test]
async fn a_browser_with_the_password_shows_the_figures() -> Result<()> {
    let run = Run::start(&[("USER", "shop"), ("PASSWORD", "first")]).await?;
    let browser = Browser::start("en-US").await?;
    browser.open(&format!("http://shop:first@{}/", run.listen)).await?;
    browser.open(&format!("http://{}/", run.listen)).await?;
    eventually("the reasons in the stream", DEADLINE, async || {
        let notices = browser.text("#notices").await?;
        ensure!(notices.contains("Kafka has been unavailable since "), "{notices}");
        Ok(())
    })
    .await?;
    run.vendas.kill()
}
