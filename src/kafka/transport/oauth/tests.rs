use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures::future::join_all;
use secrecy::ExposeSecret;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::Instant,
};

use super::*;
use crate::http_client::Address;

/// An endpoint with responses of `status` and `body`, in which `{n}` is a counter; and its request
/// count.
async fn endpoint(answers: &'static [(u16, &'static str)]) -> (Arc<Tokens>, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/token", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let n = usize::try_from(count.fetch_add(1, Ordering::Relaxed)).unwrap();
            let (status, body) = answers[n.min(answers.len() - 1)];
            let body = body.replace("{n}", &n.to_string());
            let mut request = vec![0; 4096];
            let read = stream.read(&mut request).await.unwrap();
            let request = String::from_utf8_lossy(&request[..read]).into_owned();
            assert!(request.starts_with("POST /token HTTP/1.1\r\n"), "{request}");
            // `a:b c`, encoded twice.
            assert!(request.contains("authorization: Basic YSUzQWI6YyUyMGQ="), "{request}");
            let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n", body.len());
            stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        }
    });
    let (id, secret) = ("a:b".to_owned(), SecretString::from("c d").into());
    let address = Address::parse(&address).unwrap();
    (Arc::new(Tokens::new(TokenEndpoint::new(address, id, secret, None, None))), asked)
}

async fn token(tokens: &Tokens) -> Result<String, CallError> {
    let deadline = Instant::now() + Duration::from_secs(10);
    tokens.token(deadline).await.map(|token| token.expose_secret().to_owned())
}

#[tokio::test]
async fn a_token_is_fetched_once_for_all_and_renewed_after_four_fifths_of_its_life() {
    let (tokens, asked) =
        endpoint(&[(200, r#"{"access_token": "t{n}", "expires_in": 1000}"#)]).await;
    let all = join_all((0..20).map(|_| token(&tokens))).await;
    assert!(all.iter().all(|token| matches!(token.as_deref(), Ok("t0"))), "{all:?}");
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    let mut cache = tokens.cache.lock().await;
    let held = cache.held.as_mut().unwrap();
    assert_eq!(held.ends - held.renew_at, Duration::from_secs(200));
    held.renew_at = Instant::now();
    drop(cache);
    assert_eq!(token(&tokens).await.unwrap(), "t1");
    // A rejected token is not used again.
    let source = TokenSource::Endpoint(Arc::clone(&tokens));
    source.refused(&"t0".into()).await;
    assert_eq!(token(&tokens).await.unwrap(), "t1");
    source.refused(&"t1".into()).await;
    assert_eq!(token(&tokens).await.unwrap(), "t2");
}

#[tokio::test]
async fn a_token_that_cannot_be_renewed_is_used_until_it_expires() {
    let (tokens, asked) = endpoint(&[
        (200, r#"{"access_token": "t{n}", "expires_in": 1000}"#),
        (503, ""),
        (503, ""),
        (401, r#"{"error": "invalid_client", "error_description": "who?"}"#),
    ])
    .await;
    let set = async |change: fn(&mut Held)| {
        change(tokens.cache.lock().await.held.as_mut().unwrap());
    };
    assert_eq!(token(&tokens).await.unwrap(), "t0");
    set(|held| held.renew_at = Instant::now()).await;
    assert_eq!(token(&tokens).await.unwrap(), "t0");
    // It is not retried immediately.
    assert_eq!(token(&tokens).await.unwrap(), "t0");
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    set(|held| held.ends = Instant::now()).await;
    let error = token(&tokens).await.unwrap_err();
    assert!(matches!(&error, CallError::Broken(text) if text.contains("answers 503")), "{error}");
    let error = token(&tokens).await.unwrap_err();
    let expected = "rejects kafka.sasl.oauth.client_id \"a:b\" (invalid_client who?): check it, \
                    kafka.sasl.oauth.client_secret";
    assert!(matches!(&error, CallError::Denied(text) if text.contains(expected)), "{error}");
}

#[test]
fn a_jwt_has_its_expiry_time() {
    let life = |claims: &str| {
        remaining_life(&format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(claims)).into())
    };
    let soon = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() + 100;
    let found = life(&format!(r#"{{"sub": "a", "exp": {soon}}}"#)).unwrap();
    assert!((98..=100).contains(&found.as_secs()), "{found:?}");
    assert_eq!(life(r#"{"exp": 1}"#), Some(Duration::ZERO));
    assert_eq!(life("{}"), None);
    assert_eq!(remaining_life(&"opaque".into()), None);
}
