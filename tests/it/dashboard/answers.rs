//! The answers of the dashboard's routes.

use testbed::{Context, Result, ensure, eventually};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{Dashboard, sold};
use crate::shop::{DEADLINE, Shop};

/// The head of an answer, with header names in lower case, and the connection for the rest.
pub(super) async fn ask(port: u16, method: &str, path: &str) -> Result<(String, TcpStream)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let request =
        format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let head = until(&mut stream, "\r\n\r\n").await?;
    Ok((head.to_lowercase(), stream))
}

async fn until(stream: &mut TcpStream, end: &str) -> Result<String> {
    let mut text = Vec::new();
    let read = async {
        while !text.ends_with(end.as_bytes()) {
            text.push(stream.read_u8().await?);
        }
        Ok(())
    };
    let read: Result<()> = timeout(DEADLINE, read).await.context("no end of the answer")?;
    let text = String::from_utf8_lossy(&text).into_owned();
    read.with_context(|| text.clone())?;
    Ok(text)
}

pub(super) async fn served(shop: &Shop) -> Result<Dashboard> {
    let served = Dashboard::start(shop)?;
    eventually("server", DEADLINE, async || ask(served.port, "GET", "/").await).await?;
    Ok(served)
}

#[tokio::test]
async fn every_answer_has_security_headers_and_all_methods_but_get_are_refused() -> Result<()> {
    let shop = Shop::open(1).await?;
    let served = served(&shop).await?;
    for (path, media_type) in [
        ("/", "text/html; charset=utf-8"),
        ("/assets/style.css", "text/css; charset=utf-8"),
        ("/assets/main.js", "text/javascript; charset=utf-8"),
        ("/assets/icon.svg", "image/svg+xml"),
        ("/?period=30d", "text/html; charset=utf-8"),
        ("/events", "text/event-stream"),
        ("/events?period=yesterday", "text/event-stream"),
    ] {
        for method in ["GET", "HEAD"] {
            let (head, _) = ask(served.port, method, path).await?;
            for line in [
                "http/1.1 200 ok\r\n",
                &format!("\r\ncontent-type: {media_type}\r\n"),
                "\r\ncontent-security-policy: default-src 'none'; script-src 'self'; \
                 style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; \
                 form-action 'none'; frame-ancestors 'none'\r\n",
                "\r\nx-content-type-options: nosniff\r\n",
                "\r\nreferrer-policy: no-referrer\r\n",
                "\r\ncache-control: no-store\r\n",
            ] {
                ensure!(head.contains(line), "{method} {path} without {line:?}: {head}");
            }
        }
        for method in ["POST", "PUT", "DELETE", "PATCH"] {
            let (head, _) = ask(served.port, method, path).await?;
            ensure!(head.starts_with("http/1.1 405 "), "{method} {path}: {head}");
        }
    }
    let (head, _) = ask(served.port, "GET", "/events?period=tomorrow").await?;
    ensure!(head.starts_with("http/1.1 400 "), "{head}");
    Ok(())
}

#[tokio::test]
async fn all_viewers_see_the_same_and_their_number_is_limited() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.send(0, &[&sold("a", "café", "3", "1.10")]).await?;
    let served = served(&shop).await?;
    let mut viewers = Vec::new();
    loop {
        let (head, stream) = ask(served.port, "GET", "/events?period=all").await?;
        if !head.starts_with("http/1.1 200 ") {
            ensure!(head.starts_with("http/1.1 503 ") && head.contains("retry-after: "), "{head}");
            break;
        }
        viewers.push(stream);
        ensure!(viewers.len() <= 1000, "no end");
    }
    ensure!(viewers.len() >= 200, "only {}", viewers.len());
    let wanted =
        r#""products":[{"product":"café","quantity":"3","amount":"3.30","share_percent":"100.0"}]"#;
    for viewer in [0, viewers.len() - 1] {
        eventually("totals", DEADLINE, async || {
            let event = until(&mut viewers[viewer], "\n\n").await?;
            ensure!(event.contains(wanted), "{event}");
            Ok(())
        })
        .await?;
    }
    // A viewer that leaves frees a place, which is noticed at the next event.
    drop(viewers);
    eventually("free place", DEADLINE, async || {
        let (head, _) = ask(served.port, "GET", "/events").await?;
        ensure!(head.starts_with("http/1.1 200 "), "{head}");
        Ok(())
    })
    .await
}
