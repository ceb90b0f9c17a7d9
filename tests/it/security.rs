//! TLS, authentication and authorization of Kafka and PostgreSQL.

mod acls;
mod kafka;
mod oauth;
mod postgres;
mod rotation;

use testbed::{
    Authority, Certificate, Context, Database, Ended, Kafka, KafkaOptions, Postgres,
    PostgresOptions, Record, Result, TokenIssuer, Vendas, VendasCommand, ensure, free_port,
};
use tokio::{net::TcpListener, sync::OnceCell};

use crate::{
    shop::{DEADLINE, VENDAS, numbered},
    wait::until_count,
};

/// The password of every user.
const PASSWORD: &str = "0pen-sesame";
/// The password of no user.
const WRONG_PASSWORD: &str = "abracadabra";

/// Listeners: name, protocol, host of the certificate, and another property.
const LISTENERS: [(&str, &str, &str, &str); 10] = [
    ("SEALED", "SSL", "localhost", ""),
    ("MUTUAL", "SSL", "localhost", "ssl.client.auth=required"),
    ("EXPIRED", "SSL", "localhost", ""),
    ("ELSEWHERE", "SSL", "elsewhere.example", ""),
    (
        "SECURED",
        "SASL_SSL",
        "localhost",
        "sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512,PLAIN",
    ),
    ("GUARDED", "SASL_PLAINTEXT", "localhost", ""),
    // Sessions must reauthenticate after three seconds.
    ("FORGETFUL", "SASL_PLAINTEXT", "localhost", "scram-sha-512.connections.max.reauth.ms=3000"),
    // The same with client certificates.
    ("ROTATING", "SASL_SSL", "localhost", "scram-sha-512.connections.max.reauth.ms=1000"),
    // Signed and unsigned tokens.
    ("SIGNED", "SASL_SSL", "localhost", "oauthbearer.connections.max.reauth.ms=3000"),
    ("UNSIGNED", "SASL_PLAINTEXT", "localhost", "oauthbearer.connections.max.reauth.ms=3000"),
];

struct SecureServers {
    kafka: Kafka,
    ports: Vec<(&'static str, u16)>,
    postgres: Postgres,
    authority: Authority,
    /// Another authority with the same name.
    stranger: Authority,
    /// The authority that replaces the first one on the `ROTATING` listener.
    next: Authority,
    client: Certificate,
    strangers_client: Certificate,
    issuer: TokenIssuer,
}

impl SecureServers {
    /// Shared by the tests of this process.
    async fn shared() -> Result<&'static Self> {
        static SERVERS: OnceCell<SecureServers> = OnceCell::const_new();
        SERVERS.get_or_try_init(Self::start).await
    }

    async fn start() -> Result<Self> {
        let (authority, stranger) = (Authority::new("shop")?, Authority::new("shop")?);
        let next = Authority::new("next")?;
        let issuer = TokenIssuer::start()?;
        let mut ports = Vec::new();
        let mut options = KafkaOptions::default();
        for (name, protocol, host, more) in LISTENERS {
            let port = free_port()?;
            ports.push((name, port));
            let certificate = match name {
                "EXPIRED" => authority.expired_server(host)?,
                _ => authority.server(host)?,
            };
            let key = |key: &str| format!("listener.name.{}.{key}", name.to_lowercase());
            let scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;";
            let bearer =
                "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;";
            let plain = format!(
                "org.apache.kafka.common.security.plain.PlainLoginModule required \
                 user_carol=\"{PASSWORD}\";"
            );
            options = options
                .listener(name, protocol, port)
                .property(&key("ssl.keystore.type"), "PEM")
                .property(&key("ssl.keystore.location"), &certificate.both_file.to_string_lossy())
                .property(&key("ssl.truststore.type"), "PEM")
                .property(&key("ssl.truststore.location"), &authority.file().to_string_lossy())
                .property(&key("scram-sha-256.sasl.jaas.config"), scram)
                .property(&key("scram-sha-512.sasl.jaas.config"), scram)
                .property(&key("plain.sasl.jaas.config"), &plain)
                .property(&key("oauthbearer.sasl.jaas.config"), bearer);
            let mechanism = if name.ends_with("SIGNED") { "OAUTHBEARER" } else { "SCRAM-SHA-512" };
            options = options.property(&key("sasl.enabled.mechanisms"), mechanism);
            if let Some((name, value)) = more.split_once('=') {
                options = options.property(&key(name), value);
            }
        }
        options = with_tokens(options, &issuer)
            .property("listener.name.rotating.ssl.client.auth", "required")
            .property(
                "authorizer.class.name",
                "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            )
            .property("allow.everyone.if.no.acl.found", "true")
            .property("super.users", "User:ANONYMOUS");
        let certificate = authority.server("localhost")?;
        let postgres = PostgresOptions::default()
            .file("server.pem", &certificate.certificate)
            .file("server.key", &certificate.key)
            .file("ca.pem", authority.pem())
            .file(
                "hba.conf",
                "host      all postgres  127.0.0.1/32 scram-sha-256\n\
                 host      all rotated   127.0.0.1/32 scram-sha-256\n\
                 hostssl   all sealed    127.0.0.1/32 scram-sha-256\n\
                 hostnossl all plain     127.0.0.1/32 scram-sha-256\n\
                 hostssl   all certified 127.0.0.1/32 cert\n",
            )
            .setting("hba_file", "hba.conf")
            .setting("ssl", "on")
            .setting("ssl_cert_file", "../server.pem")
            .setting("ssl_key_file", "../server.key")
            .setting("ssl_ca_file", "../ca.pem");
        let (kafka, postgres) = tokio::try_join!(options.start(), postgres.start())?;
        tokio::try_join!(
            set_password(&kafka, "SCRAM-SHA-256", "bob", PASSWORD),
            set_password(&kafka, "SCRAM-SHA-512", "alice", PASSWORD),
            set_password(&kafka, "SCRAM-SHA-512", "frank", PASSWORD),
        )?;
        for role in ["sealed", "plain", "certified"] {
            let sql = format!("CREATE ROLE {role} SUPERUSER LOGIN PASSWORD '{PASSWORD}'");
            postgres.postgres().execute(&sql).await?;
        }
        let (client, strangers_client) =
            (authority.client("certified")?, stranger.client("certified")?);
        Ok(Self {
            kafka,
            ports,
            postgres,
            authority,
            stranger,
            next,
            client,
            strangers_client,
            issuer,
        })
    }

    /// The program with a topic and a database on listeners without authentication.
    async fn vendas(&self, topic: &str) -> Result<VendasCommand> {
        Ok(self.vendas_with(&self.postgres.database().await?, topic))
    }

    fn vendas_with(&self, database: &Database, topic: &str) -> VendasCommand {
        VendasCommand::new(VENDAS).kafka(&self.kafka, &[topic]).database(database)
    }

    fn kafka_at(&self, name: &str) -> String {
        let port = self.ports.iter().find(|(listener, _)| *listener == name).map(|(_, port)| *port);
        format!("localhost:{}", port.unwrap_or_default())
    }
}

/// Sends the order with the next number, and waits until it is in `sales`.
async fn sell(
    servers: &SecureServers,
    (topic, partition): (&str, i32),
    number: i32,
    database: &Database,
    work: &Vendas,
) -> Result<()> {
    servers.kafka.produce(topic, partition, &[Record::new(numbered(number))]).await?;
    until_count(database, "sales", number.into(), work).await
}

/// A listener that validates signed tokens by the issuer's key. The other listener accepts unsigned
/// tokens, Kafka's default.
fn with_tokens(options: KafkaOptions, issuer: &TokenIssuer) -> KafkaOptions {
    let handler =
        "org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallbackHandler";
    let key = |key: &str| format!("listener.name.signed.oauthbearer.sasl.{key}");
    options
        .system_property("org.apache.kafka.sasl.oauthbearer.allowed.urls", &issuer.keys_url())
        .property(&key("server.callback.handler.class"), handler)
        .property(&key("oauthbearer.jwks.endpoint.url"), &issuer.keys_url())
        .property(&key("oauthbearer.expected.audience"), TokenIssuer::AUDIENCE)
        .property(&key("oauthbearer.clock.skew.seconds"), "0")
}

/// Sets a user's password for one mechanism, and waits until the broker uses it.
async fn set_password(kafka: &Kafka, mechanism: &str, user: &str, password: &str) -> Result<()> {
    let config = format!("{mechanism}=[password={password}]");
    let args =
        ["--alter", "--add-config", &config, "--entity-type", "users", "--entity-name", user];
    kafka.tool("kafka.admin.ConfigCommand", &args, b"").await?;
    kafka.settled().await
}

/// The program with more settings: keys without the prefix, and values.
fn with_settings(command: &VendasCommand, settings: &[(&str, String)]) -> VendasCommand {
    settings.iter().fold(command.clone(), |command, (key, value)| {
        command.env(format!("VENDAS_{}", key.replace('.', "__").to_uppercase()), value)
    })
}

/// Runs the program with the most verbose log, and checks that it contains no secret.
async fn run_traced(command: &VendasCommand, args: &[&str], code: i32) -> Result<Ended> {
    let command = command.clone().env("VENDAS_LOG__LEVEL", "trace").args(args.iter().copied());
    let ended = command.run(DEADLINE).await?;
    // Every token begins with the last of these.
    for secret in [PASSWORD, WRONG_PASSWORD, "PRIVATE KEY", "eyJ"] {
        let told = ended.stdout.contains(secret) || ended.stderr.contains(secret);
        ensure!(!told, "the output contains a secret: {}", ended.state());
    }
    let stdout = ended.stdout.clone();
    ended.expect_code(code).with_context(|| stdout)
}

/// An address that accepts connections and never answers.
async fn silent_server() -> Result<(String, u16)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    Ok((format!("localhost:{port}"), port))
}
