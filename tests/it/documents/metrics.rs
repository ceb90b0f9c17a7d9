//! Metrics in the documents exist.

use std::collections::BTreeSet;

use testbed::{Result, Signal, ensure, eventually, free_port};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::documents;
use crate::shop::{DEADLINE, Shop};

async fn scrape(address: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn every_documented_metric_exists() -> Result<()> {
    let mut named = BTreeSet::new();
    for document in documents()? {
        let code = document.code.into_iter().filter(|code| code.starts_with("vendas_"));
        // This is a topic.
        named.extend(code.filter(|name| name != "vendas_ecommerce"));
    }
    ensure!(named.len() > 5, "{named:?}");
    let shop = Shop::open(1).await?;
    shop.send(0, &["rubbish"]).await?;
    let address = format!("127.0.0.1:{}", free_port()?);
    // JSON records do not need the registry, so that it need not be available.
    let run = shop.vendas(&["run", "--set", &format!("http.listen={address}")]);
    let running = run.env("VENDAS_REGISTRY__URL", "http://127.0.0.1:1").start()?;
    eventually("all metrics", DEADLINE, async || {
        let scraped = scrape(&address).await?;
        for name in &named {
            ensure!(scraped.contains(&format!("# TYPE {name} ")), "no {name} in {scraped}");
        }
        Ok(())
    })
    .await?;
    running.signal(Signal::TERM)?;
    running.wait_exit(DEADLINE).await?.expect_code(0)?;
    Ok(())
}
