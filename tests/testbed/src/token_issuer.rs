//! A small OAuth 2.0 server: it issues signed tokens for client credentials, and publishes its key.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    net::TcpListener as StdTcpListener,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, SystemTime},
};

use anyhow::{Result, anyhow};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    header::AUTHORIZATION,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The id of its only key.
const KEY_ID: &str = "testbed-1";

/// Issues tokens at its own port, while the process lives, independent of the tests' runtimes.
#[derive(Debug)]
pub struct TokenIssuer {
    url: String,
    shared: Arc<Shared>,
}

/// A fault of a token, or of the whole issuer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenFault {
    /// None.
    #[default]
    None,
    /// Tokens have another audience.
    Audience,
    /// Tokens are signed with an unknown key.
    Signature,
    /// The answer is status 503.
    Unavailable,
    /// There is no answer.
    Silent,
}

#[derive(Debug)]
struct Shared {
    key: EcdsaKeyPair,
    others_key: EcdsaKeyPair,
    settings: Mutex<BTreeMap<String, Client>>,
}

/// The settings of one client, so that tests do not affect each other.
#[derive(Clone, Debug)]
struct Client {
    secret: String,
    scope: String,
    life: Duration,
    fault: TokenFault,
    granted: usize,
}

impl TokenIssuer {
    /// The audience of its tokens, without a fault.
    pub const AUDIENCE: &str = "kafka";

    /// Starts an issuer without clients.
    ///
    /// # Errors
    /// If there is no free port.
    pub fn start() -> Result<Self> {
        let key = || -> Result<EcdsaKeyPair> {
            let (random, kind) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
            let pkcs8 =
                EcdsaKeyPair::generate_pkcs8(kind, &random).map_err(|_| anyhow!("no key"))?;
            EcdsaKeyPair::from_pkcs8(kind, pkcs8.as_ref(), &random).map_err(|_| anyhow!("no key"))
        };
        let shared =
            Arc::new(Shared { key: key()?, others_key: key()?, settings: Mutex::default() });
        let listener = StdTcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let url = format!("http://localhost:{}", listener.local_addr()?.port());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let serving = Arc::clone(&shared);
        thread::spawn(move || runtime.block_on(serve(listener, serving)));
        Ok(Self { url, shared })
    }

    /// The token endpoint.
    #[must_use]
    pub fn token_url(&self) -> String {
        format!("{}/token", self.url)
    }

    /// The URL of its key (RFC 7517).
    #[must_use]
    pub fn keys_url(&self) -> String {
        format!("{}/keys", self.url)
    }

    /// Registers a client whose tokens are valid for `life`, in whole seconds, and may have the
    /// scope `scope` only.
    pub fn register(&self, id: &str, secret: &str, scope: &str, life: Duration) {
        let (secret, scope) = (secret.to_owned(), scope.to_owned());
        let client = Client { secret, scope, life, fault: TokenFault::None, granted: 0 };
        self.clients().insert(id.to_owned(), client);
    }

    /// From now on requests of this client have this fault.
    pub fn fail(&self, id: &str, fault: TokenFault) {
        if let Some(client) = self.clients().get_mut(id) {
            client.fault = fault;
        }
    }

    /// The number of tokens issued to this client.
    #[must_use]
    pub fn issued(&self, id: &str) -> usize {
        self.clients().get(id).map_or(0, |client| client.granted)
    }

    fn clients(&self) -> MutexGuard<'_, BTreeMap<String, Client>> {
        self.shared.clients()
    }
}

/// A token without a signature (RFC 7519, 6), as Kafka's validator for development accepts it.
#[must_use]
pub fn unsigned_token(user: &str, life: Duration) -> String {
    let now = now();
    let claims = json!({ "sub": user, "iat": now, "exp": now + life.as_secs() });
    format!("{}.{}.", encoded(&json!({ "alg": "none" })), encoded(&claims))
}

fn encoded(value: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(value.to_string())
}

fn now() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs()
}

async fn serve(listener: StdTcpListener, shared: Arc<Shared>) -> Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        let shared = Arc::clone(&shared);
        let service = service_fn(move |request| {
            let shared = Arc::clone(&shared);
            async move { Ok::<_, Infallible>(shared.answer(request).await) }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

impl Shared {
    fn clients(&self) -> MutexGuard<'_, BTreeMap<String, Client>> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (status, body) = match request.uri().path() {
            "/keys" => (200, self.keys()),
            "/token" => self.grant(request).await,
            _ => (404, json!({})),
        };
        let mut response = Response::new(Full::from(body.to_string()));
        *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
        response
    }

    fn keys(&self) -> Value {
        // An uncompressed point: 4, x, y.
        let (x, y) = self.key.public_key().as_ref().split_at(1).1.split_at(32);
        let [x, y] = [x, y].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part));
        json!({ "keys": [{
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": KEY_ID, "x": x, "y": y,
        }] })
    }

    /// Client credentials (RFC 6749, 4.4), the client authenticated by HTTP Basic.
    async fn grant(&self, request: Request<Incoming>) -> (u16, Value) {
        let basic = request.headers().get(AUTHORIZATION).and_then(|value| {
            let pair = BASE64_STANDARD.decode(value.to_str().ok()?.strip_prefix("Basic ")?).ok()?;
            let (id, secret) = std::str::from_utf8(&pair).ok()?.split_once(':')?;
            Some((id.to_owned(), secret.to_owned()))
        });
        let body = request.into_body().collect().await.map(|body| body.to_bytes());
        let form: BTreeMap<String, String> =
            form_urlencoded::parse(&body.unwrap_or_default()).into_owned().collect();
        let refused = |status, error: &str| (status, json!({ "error": error }));
        let (id, secret) = basic.unwrap_or_default();
        let Some(client) = self.clients().get(&id).cloned() else {
            return refused(401, "invalid_client");
        };
        match client.fault {
            TokenFault::Unavailable => return (503, json!({})),
            TokenFault::Silent => std::future::pending().await,
            TokenFault::None | TokenFault::Audience | TokenFault::Signature => {}
        }
        if client.secret != secret {
            return refused(401, "invalid_client");
        }
        if form.get("grant_type").is_none_or(|grant| grant != "client_credentials") {
            return refused(400, "unsupported_grant_type");
        }
        if form.get("scope").is_none_or(|scope| *scope != client.scope) {
            return refused(400, "invalid_scope");
        }
        let token = self.signed(&id, &client);
        if let Some(client) = self.clients().get_mut(&id) {
            client.granted += 1;
        }
        let life = client.life.as_secs();
        (200, json!({ "access_token": token, "token_type": "Bearer", "expires_in": life }))
    }

    fn signed(&self, id: &str, client: &Client) -> String {
        let now = now();
        let head = json!({ "alg": "ES256", "typ": "JWT", "kid": KEY_ID });
        let audience =
            if client.fault == TokenFault::Audience { "others" } else { TokenIssuer::AUDIENCE };
        let claims = json!({
            "iss": "testbed", "sub": id, "aud": audience, "scope": client.scope,
            "iat": now, "exp": now + client.life.as_secs(),
        });
        let text = format!("{}.{}", encoded(&head), encoded(&claims));
        let key = if client.fault == TokenFault::Signature { &self.others_key } else { &self.key };
        let signature = key.sign(&SystemRandom::new(), text.as_bytes());
        let signature = signature.map(|signature| BASE64_URL_SAFE_NO_PAD.encode(signature));
        format!("{text}.{}", signature.unwrap_or_default())
    }
}
