//! A WebDriver session (W3C Recommendation "WebDriver"): commands in JSON over HTTP/1.1.

use anyhow::{Context, Result, bail};
use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, StatusCode,
    body::Bytes,
    client::conn::http1::handshake,
    header::{CONTENT_TYPE, HOST},
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

/// The key of an element's reference ("Elements").
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A session of the driver. It ends with the driver.
#[derive(Debug)]
pub(super) struct Session {
    port: u16,
    id: String,
}

impl Session {
    /// Starts a session with these capabilities, with the driver that listens on `port` of
    /// 127.0.0.1.
    pub(super) async fn start(port: u16, capabilities: &Value) -> Result<Self> {
        let body = json!({"capabilities": {"alwaysMatch": capabilities}});
        let value = call(port, Method::POST, "/session", &body).await?;
        let id = value["sessionId"].as_str().context("the driver returned no session id")?;
        Ok(Self { port, id: id.to_owned() })
    }

    /// The result of a command with these parameters.
    pub(super) async fn post(&self, command: &str, parameters: &Value) -> Result<Value> {
        let path = format!("/session/{}/{command}", self.id);
        call(self.port, Method::POST, &path, parameters).await
    }

    /// The result of a command without parameters.
    pub(super) async fn get(&self, command: &str) -> Result<Value> {
        let path = format!("/session/{}/{command}", self.id);
        call(self.port, Method::GET, &path, &Value::Null).await
    }

    /// The path of the commands for the first element that matches a CSS selector.
    pub(super) async fn element(&self, selector: &str) -> Result<String> {
        let parameters = json!({"using": "css selector", "value": selector});
        let found = self.post("element", &parameters).await;
        let found = found.with_context(|| format!("no {selector}"))?;
        let id = found[ELEMENT].as_str().context("the driver returned no element")?;
        Ok(format!("element/{id}"))
    }
}

/// Sends one command over a new connection. A body of `null` is not sent.
async fn call(port: u16, method: Method, path: &str, body: &Value) -> Result<Value> {
    let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
    let connection = TcpStream::connect(("127.0.0.1", port)).await?;
    let (mut sender, connection) = handshake(TokioIo::new(connection)).await?;
    // It ends with its sender.
    tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, format!("127.0.0.1:{port}"))
        .header(CONTENT_TYPE, "application/json; charset=utf-8")
        .body(Full::new(body))?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let answer = response.into_body().collect().await?.to_bytes();
    let mut answer: Value = serde_json::from_slice(&answer)
        .with_context(|| format!("the driver answered {status} without JSON"))?;
    let value = answer["value"].take();
    if status != StatusCode::OK {
        bail!("{}: {}", value["error"], value["message"]);
    }
    Ok(value)
}
