use std::fs;

use testbed::Authority;

use crate::config::{Flag, Sources, load};

fn sources(settings: &[(&str, &str)]) -> Sources {
    let variable = |(key, value): &(&str, &str)| {
        (format!("VENDAS_{}", key.replace('.', "__").to_uppercase()), (*value).to_owned())
    };
    Sources { environment: settings.iter().map(variable).collect(), ..Sources::default() }
}

fn problems(settings: &[(&str, &str)]) -> String {
    load(&sources(settings)).unwrap_err().to_string()
}

#[test]
fn settings_that_seem_secure_but_are_not_are_problems() {
    let authority = Authority::new("a").unwrap();
    let file = authority.file().display().to_string();
    let oauth = [("kafka.sasl.mechanism", "OAUTHBEARER")];
    for (settings, expected) in [
        (
            vec![("kafka.tls.ca_file", file.as_str())],
            "kafka.tls.ca_file needs kafka.tls.enabled = true",
        ),
        (vec![("kafka.sasl.user", "a")], "kafka.sasl.user needs kafka.sasl.mechanism"),
        (vec![("kafka.sasl.password", "s3cret")], "kafka.sasl.password needs kafka.sasl.mechanism"),
        (
            vec![("kafka.sasl.mechanism", "PLAIN"), ("kafka.sasl.user", "a")],
            "kafka.sasl.mechanism needs kafka.sasl.password or kafka.sasl.password_file",
        ),
        (vec![("kafka.sasl.mechanism", "PLAIN")], "kafka.sasl.mechanism needs kafka.sasl.user"),
        (vec![("kafka.sasl.mechanism", "GSSAPI")], "must be \"PLAIN\" or \"SCRAM-SHA-256\""),
        (
            vec![("kafka.sasl.mechanism", "OAUTHBEARER")],
            "kafka.sasl.mechanism needs kafka.sasl.oauth.token_url or kafka.sasl.oauth.token_file",
        ),
        (
            vec![("kafka.sasl.mechanism", "OAUTHBEARER"), ("kafka.sasl.user", "a")],
            "kafka.sasl.user does not apply to kafka.sasl.mechanism = \"OAUTHBEARER\"",
        ),
        (
            vec![("kafka.sasl.oauth.scope", "a")],
            "kafka.sasl.oauth.scope needs kafka.sasl.mechanism = \"OAUTHBEARER\"",
        ),
        (
            [&oauth[..], &[("kafka.sasl.oauth.token_url", "https://a/token")]].concat(),
            "kafka.sasl.oauth.token_url needs kafka.sasl.oauth.client_id",
        ),
        (
            [&oauth[..], &[("kafka.sasl.oauth.token_url", "https://u:s3cret@a/token")]].concat(),
            "kafka.sasl.oauth.token_url must be a URL such as",
        ),
        (
            [
                &oauth[..],
                &[("kafka.sasl.oauth.token_url", "http://a"), ("kafka.sasl.oauth.ca_file", &file)],
            ]
            .concat(),
            "kafka.sasl.oauth.ca_file needs an address with https:// in kafka.sasl.oauth.token_url",
        ),
        (
            [
                &oauth[..],
                &[("kafka.sasl.oauth.token_file", &file), ("kafka.sasl.oauth.client_id", "a")],
            ]
            .concat(),
            "kafka.sasl.oauth.client_id needs kafka.sasl.oauth.token_url",
        ),
        (
            [
                &oauth[..],
                &[
                    ("kafka.sasl.oauth.token_file", &file),
                    ("kafka.sasl.oauth.token_url", "http://a"),
                ],
            ]
            .concat(),
            "kafka.sasl.oauth.token_file cannot be combined with kafka.sasl.oauth.token_url",
        ),
        (
            [
                &oauth[..],
                &[("kafka.sasl.oauth.token_file", &file), ("kafka.sasl.oauth.extensions", "a-b=c")],
            ]
            .concat(),
            "must be a list in which each element is a SASL extension",
        ),
        (vec![("database.sslrootcert", &file)], "database.sslrootcert has no effect while"),
        (vec![("database.sslmode", "verify-ca")], "database.sslmode does not verify the host name"),
        (
            vec![("database.sslmode", "verify-ca"), ("database.sslrootcert", "system")],
            "database.sslmode does not verify the host name",
        ),
        (
            vec![("database.sslmode", "require"), ("database.sslrootcert", "system")],
            "database.sslmode does not verify the host name",
        ),
        (vec![("http.user", "a")], "http.user needs http.listen"),
        (vec![("http.allowed_hosts", "a.example")], "http.allowed_hosts needs http.listen"),
    ] {
        let found = problems(&settings);
        assert!(found.contains(expected), "no {expected:?} in {found}");
        assert!(!found.contains("s3cret"), "{found}");
    }
}

#[test]
fn a_user_of_the_http_server_has_a_password_and_hosts_are_names() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty");
    fs::write(&empty, "\n").unwrap();
    let empty = empty.display().to_string();
    let listen = ("http.listen", "127.0.0.1:8080");
    for (settings, expected) in [
        (vec![("http.user", "a")], "http.user needs http.password_file or http.password"),
        (vec![("http.password", "s3cret")], "http.password needs http.user"),
        (vec![("http.password_file", empty.as_str())], "http.password_file needs http.user"),
        (
            vec![("http.user", "a"), ("http.password_file", &empty)],
            "http.password_file contains no password",
        ),
        (vec![("http.user", "a"), ("http.password", "")], "http.password contains no password"),
        (
            vec![("http.user", "a"), ("http.password_file", "no/such")],
            "http.password_file (no/such): ",
        ),
        (
            vec![("http.user", "a:b"), ("http.password", "s3cret")],
            "http.user must not contain a colon",
        ),
        (
            vec![("http.allowed_hosts", "a.example,*.example")],
            "http.allowed_hosts is \"a.example,*.example\", must be a list in which each element is a host",
        ),
    ] {
        let found = problems(&[&[listen], &settings[..]].concat());
        assert!(found.contains(expected), "no {expected:?} in {found}");
        assert_eq!(found.lines().count(), 1, "{found}");
        assert!(!found.contains("s3cret"), "{found}");
    }
    let settings = [listen, ("http.user", "a"), ("http.password", "s3cret")];
    let http = load(&sources(&settings)).unwrap().http.unwrap();
    assert!(http.credentials.is_some() && !format!("{http:?}").contains("s3cret"));
}

#[test]
fn unusable_files_are_problems_that_do_not_quote_them() {
    let authority = Authority::new("a").unwrap();
    let (one, other) = (authority.client("one").unwrap(), authority.client("other").unwrap());
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &str| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let encrypted = write("encrypted", &one.key.replace("PRIVATE", "ENCRYPTED PRIVATE"));
    let damaged = write("damaged", &one.key.replace("-----END", "-END"));
    let [certificate, key, others_key] = [&one.certificate_file, &one.key_file, &other.key_file]
        .map(|path| path.display().to_string());
    let tls = |file: &'static str, path: &str| {
        vec![("kafka.tls.enabled", "true".to_owned()), (file, path.to_owned())]
    };
    let pair = |certificate: &str, key: &str| {
        vec![("database.sslcert", certificate.to_owned()), ("database.sslkey", key.to_owned())]
    };
    for (settings, expected) in [
        (tls("kafka.tls.ca_file", "/no/such"), "kafka.tls.ca_file (/no/such): No such file"),
        (tls("kafka.tls.ca_file", &key), "contains no PEM certificate"),
        (tls("kafka.tls.ca_file", &damaged), "contains no PEM certificate"),
        (
            tls("kafka.tls.cert_file", &certificate),
            "kafka.tls.cert_file needs kafka.tls.key_file too",
        ),
        (tls("kafka.tls.key_file", &key), "kafka.tls.key_file needs kafka.tls.cert_file too"),
        (pair(&certificate, &others_key), "the private key does not match the certificate"),
        (pair(&certificate, &certificate), "database.sslkey ("),
        (pair(&certificate, &encrypted), "contains no unencrypted PEM private key"),
        (pair(&certificate, &damaged), "contains no unencrypted PEM private key"),
        (pair(&key, &key), "database.sslcert ("),
    ] {
        let settings: Vec<_> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let found = problems(&settings);
        assert!(found.contains(expected), "no {expected:?} in {found}");
        let secret = one.key.lines().nth(1).unwrap();
        assert!(!found.contains(secret), "{found}");
    }
    let fitting = pair(&certificate, &key);
    let fitting: Vec<_> = fitting.iter().map(|(key, value)| (*key, value.as_str())).collect();
    load(&sources(&fitting)).unwrap();
}

#[test]
fn a_password_among_the_arguments_is_refused_and_not_repeated() {
    for key in ["database.password", "kafka.sasl.password", "kafka.sasl.oauth.client_secret"] {
        let mut sources = Sources::default();
        sources.flags.push(Flag {
            name: format!("--set {key}"),
            key: key.to_owned(),
            value: "s3cret".to_owned(),
        });
        let found = load(&sources).unwrap_err().to_string();
        let expected = format!("--set {key}: {key} must not be set on the command line");
        assert!(found.contains(&expected), "{found}");
        assert!(found.contains(&format!("use {key}_file or VENDAS_")), "{found}");
        assert!(!found.contains("s3cret"), "{found}");
    }
}
