//! The proxy's network faults.

use std::time::Duration;

use testbed::{Direction, Proxy, Result};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

/// Longer than any answer takes, even on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);
/// The shortest time without an answer that counts as silence.
const SILENCE: Duration = Duration::from_millis(200);

/// A proxy in front of a server that sends everything twice.
async fn proxy() -> Result<Proxy> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let proxy = Proxy::start().await?;
    proxy.lead_to(&listener.local_addr()?.to_string());
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                while let Ok(byte) = client.read_u8().await {
                    let _ = client.write_all(&[byte, byte]).await;
                }
            });
        }
    });
    Ok(proxy)
}

async fn says_twice(client: &mut TcpStream, byte: u8) -> Result<bool> {
    client.write_u8(byte).await?;
    is_answered(client, byte).await
}

/// An error if nothing arrives, or if the connection is closed.
async fn is_answered(client: &mut TcpStream, byte: u8) -> Result<bool> {
    let mut answer = [0; 2];
    timeout(DEADLINE, client.read_exact(&mut answer)).await??;
    Ok(answer == [byte, byte])
}

/// Nothing arrives for a while.
async fn is_silent(client: &mut TcpStream) -> bool {
    timeout(SILENCE, client.read_u8()).await.is_err()
}

#[tokio::test]
async fn severed_connections_are_closed_and_new_ones_work() -> Result<()> {
    let proxy = proxy().await?;
    let mut client = TcpStream::connect(proxy.address()).await?;
    assert!(says_twice(&mut client, 1).await?);
    proxy.sever();
    assert_eq!(client.read(&mut [0]).await?, 0);
    let mut client = TcpStream::connect(proxy.address()).await?;
    assert!(says_twice(&mut client, 2).await?);
    Ok(())
}

#[tokio::test]
async fn forgotten_connections_stay_silent_and_new_ones_work() -> Result<()> {
    let proxy = proxy().await?;
    let mut client = TcpStream::connect(proxy.address()).await?;
    assert!(says_twice(&mut client, 1).await?);
    proxy.forget();
    client.write_u8(2).await?;
    assert!(is_silent(&mut client).await);
    assert!(says_twice(&mut TcpStream::connect(proxy.address()).await?, 3).await?);
    assert!(is_silent(&mut client).await);
    Ok(())
}

#[tokio::test]
async fn data_that_was_held_back_arrives_late() -> Result<()> {
    let proxy = proxy().await?;
    for direction in [Direction::ToServer, Direction::ToClient, Direction::Both] {
        let mut client = TcpStream::connect(proxy.address()).await?;
        assert!(says_twice(&mut client, 1).await?);
        proxy.block(direction);
        client.write_u8(2).await?;
        assert!(is_silent(&mut client).await, "{direction:?}");
        proxy.unblock();
        assert!(is_answered(&mut client, 2).await?, "{direction:?}");
    }
    Ok(())
}
