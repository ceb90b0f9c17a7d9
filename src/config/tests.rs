use std::{collections::BTreeSet, fs, path::PathBuf};

use secrecy::ExposeSecret;

use super::{Flag, Sources, keys, load};

fn environment(variables: &[(&str, &str)]) -> Sources {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Sources { environment: variables.iter().map(own).collect(), ..Sources::default() }
}

fn file(content: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vendas.toml");
    fs::write(&path, content).unwrap();
    (folder, path)
}

fn problems(sources: &Sources) -> Vec<String> {
    load(sources).unwrap_err().0.iter().map(ToString::to_string).collect()
}

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/vendas.example.toml");

#[test]
fn example_file_names_every_key_and_no_other() {
    let mut table = "";
    let mut named = BTreeSet::new();
    let text = fs::read_to_string(EXAMPLE).unwrap();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('[') {
            table = name.trim_end_matches(']');
        } else if let Some((key, _)) = line.split_once(" = ")
            && !key.contains(' ')
        {
            named.insert(format!("{table}.{}", key.trim_start_matches('#')));
        }
    }
    assert_eq!(named, keys().into_iter().collect());
}

#[test]
fn example_file_states_the_defaults() {
    let file = Some(PathBuf::from(EXAMPLE));
    let example = load(&Sources { file, ..Sources::default() }).unwrap();
    let default = load(&Sources::default()).unwrap();
    assert_eq!(format!("{example:?}"), format!("{default:?}"));
    let password =
        |config: &super::Config| config.database.password.current().expose_secret().to_owned();
    assert_eq!(password(&example), password(&default));
}

#[test]
fn environment_overrides_the_file_and_flags_override_both() {
    let (_folder, path) = file("[database]\nhost = 'a'\nuser = 'a'\ndbname = 'a'");
    let mut sources =
        environment(&[("VENDAS_DATABASE__USER", "b"), ("VENDAS_DATABASE__DBNAME", "b")]);
    sources.file = Some(path);
    sources.flags.push(Flag {
        name: "--set database.dbname".to_owned(),
        key: "database.dbname".to_owned(),
        value: "c".to_owned(),
    });
    let database = load(&sources).unwrap().database;
    assert_eq!((&*database.hosts[0].name, &*database.user, &*database.dbname), ("a", "b", "c"));
}

#[test]
fn every_problem_is_reported_at_once_with_its_source() {
    let (_folder, path) = file(
        "[database]\nprot = 1\nport = 'x'\npool_size = 2.5\n[kafka]\ntopics = ['a b']\n[pipeline]\ndepth = 0",
    );
    let mut sources = environment(&[
        ("VENDAS_PIPELINE__BATCH_SIZE", "0"),
        ("VENDAS_PIPELINE__SHUTDOWN_TIMEOUT", "soon"),
        ("VENDAS_ORDERS__SHOP_TIMEZONE", "Mars/Olympus"),
        ("VENDAS_VOCABULARY__QUANTITY", "produto"),
        ("VENDAS_LOG__LEVEL", "vendas=loud"),
        ("VENDAS_KAFAK__BROKERS", "x:1"),
        ("VENDAS_DATABASE__APPLY_SCHEMA", "yes"),
        ("VENDAS_HTTP__LISTEN", "8080"),
    ]);
    sources.file = Some(path.clone());
    sources.flags.push(Flag {
        name: "--brokers".to_owned(),
        key: "kafka.brokers".to_owned(),
        value: "nowhere".to_owned(),
    });
    let found = problems(&sources).join("\n");
    let path = path.display().to_string();
    for expected in [
        format!("{path}:2: unknown key database.prot: did you mean database.port?"),
        format!("{path}:3: database.port is \"x\", must be an integer from 1 to 65535, or a list with one for each host"),
        format!("{path}:4: database.pool_size is a floating-point number, must be an integer"),
        format!("{path}:6: kafka.topics is a list, must be a list in which each element is a topic name"),
        format!("{path}:8: pipeline.depth is 0, must be an integer from 1 to 64"),
        "VENDAS_PIPELINE__BATCH_SIZE: pipeline.batch_size is \"0\", must be".to_owned(),
        "VENDAS_PIPELINE__SHUTDOWN_TIMEOUT: pipeline.shutdown_timeout is \"soon\", must be a duration"
            .to_owned(),
        "VENDAS_ORDERS__SHOP_TIMEZONE: orders.shop_timezone is \"Mars/Olympus\"".to_owned(),
        "VENDAS_VOCABULARY__QUANTITY: vocabulary.quantity contains \"produto\", already used for product"
            .to_owned(),
        "VENDAS_LOG__LEVEL: log.level is \"vendas=loud\"".to_owned(),
        "VENDAS_KAFAK__BROKERS: unknown key kafak.brokers: did you mean kafka.brokers?".to_owned(),
        "VENDAS_DATABASE__APPLY_SCHEMA: database.apply_schema is \"yes\", must be true or false"
            .to_owned(),
        "VENDAS_HTTP__LISTEN: http.listen is \"8080\", must be host:port, such as".to_owned(),
        "--brokers: kafka.brokers is \"nowhere\", must be a list in which each element is host:port".to_owned(),
    ] {
        assert!(found.contains(&expected), "{expected}\nis not in\n{found}");
    }
    assert_eq!(found.lines().count(), 14, "{found}");
}

#[test]
fn a_missing_or_invalid_file_is_a_problem_that_names_it() {
    let missing = Sources { file: Some(PathBuf::from("no/such.toml")), ..Sources::default() };
    assert!(problems(&missing)[0].starts_with("no/such.toml: cannot be read"));
    let (_folder, path) = file("[kafka\nbrokers");
    let broken = Sources { file: Some(path.clone()), ..Sources::default() };
    assert!(problems(&broken)[0].starts_with(&path.display().to_string()));
}

#[test]
fn passwords_are_kept_unchanged_and_never_shown() {
    let sources = environment(&[("VENDAS_DATABASE__PASSWORD", "007")]);
    let config = load(&sources).unwrap();
    assert_eq!(config.database.password.current().expose_secret(), "007");
    assert!(!format!("{config:?}").contains("007"));
    let (_folder, path) = file("[database]\npassword = 90817263");
    let wrong = problems(&Sources { file: Some(path), ..Sources::default() });
    assert!(!wrong.concat().contains("90817263"), "{wrong:?}");
}

#[test]
fn an_invalid_file_is_not_quoted_since_it_may_contain_a_password() {
    for content in ["[database]\npassword = s3cr3t", "[database]\npassword = 's3cr3t"] {
        let (_folder, path) = file(content);
        let found = problems(&Sources { file: Some(path), ..Sources::default() }).concat();
        assert!(found.contains("line 2") && !found.contains("s3cr3t"), "{found}");
    }
}

#[test]
fn a_password_file_is_read_without_its_newline_and_excludes_a_password() {
    let (_folder, path) = file("s3cret\n");
    let name = path.display().to_string();
    let config = load(&environment(&[("VENDAS_DATABASE__PASSWORD_FILE", &name)])).unwrap();
    assert_eq!(config.database.password.current().expose_secret(), "s3cret");
    let both = environment(&[
        ("VENDAS_DATABASE__PASSWORD_FILE", &name),
        ("VENDAS_DATABASE__PASSWORD", "other"),
    ]);
    assert!(problems(&both)[0].contains("cannot be combined with"));
}

#[test]
fn conflicting_settings_of_formats_and_registries_are_reported() {
    let (_folder, avro) = file(r#"{"type": "record", "name": "O", "fields": []}"#);
    let avro = avro.display().to_string();
    let problem = |variables: &[(&str, &str)]| problems(&environment(variables)).join("\n");
    for (variables, expected) in [
        (vec![("VENDAS_MAPPING__FORMAT", "avro")], "which needs registry.url or schema_file"),
        (vec![("VENDAS_MAPPING__FORMAT", "protobuf")], "which needs registry.url or schema_file"),
        (vec![("VENDAS_MAPPING__FORMAT", "xml")], "mapping.format is \"xml\", must be \"auto\" or"),
        (
            vec![("VENDAS_MAPPING__SCHEMA_FILE", avro.as_str())],
            "mapping.schema_file needs format = \"avro\" or \"protobuf\"",
        ),
        (vec![("VENDAS_MAPPING__MESSAGE", "O")], "mapping.message needs schema_file"),
        (
            vec![
                ("VENDAS_MAPPING__FORMAT", "avro"),
                ("VENDAS_MAPPING__SCHEMA_FILE", &avro),
                ("VENDAS_MAPPING__MESSAGE", "O"),
            ],
            "mapping.message applies only to format = \"protobuf\"",
        ),
        (
            vec![("VENDAS_MAPPING__FORMAT", "avro"), ("VENDAS_MAPPING__SCHEMA_FILE", "no/such")],
            "mapping.schema_file (no/such): ",
        ),
        (vec![("VENDAS_REGISTRY__USER", "a")], "registry.user needs registry.url"),
        (vec![("VENDAS_REGISTRY__CA_FILE", "a")], "registry.ca_file needs registry.url"),
        (
            vec![("VENDAS_REGISTRY__URL", "http://a"), ("VENDAS_REGISTRY__USER", "a")],
            "registry.user needs registry.password or registry.password_file",
        ),
        (
            vec![("VENDAS_REGISTRY__URL", "http://a"), ("VENDAS_REGISTRY__PASSWORD", "s3cret")],
            "registry.password needs registry.user",
        ),
        (
            vec![("VENDAS_REGISTRY__URL", "http://a"), ("VENDAS_REGISTRY__CA_FILE", "a")],
            "registry.ca_file needs an address with https:// in registry.url",
        ),
        (
            vec![("VENDAS_REGISTRY__URL", "http://a:s3cret@b")],
            "registry.url must be a URL such as \"http://localhost:8081\" or a list of them, without",
        ),
    ] {
        let found = problem(&variables);
        assert!(found.contains(expected), "no {expected:?} in {found}");
        assert!(!found.contains("s3cret"), "{found}");
    }
    let by_file =
        environment(&[("VENDAS_MAPPING__FORMAT", "avro"), ("VENDAS_MAPPING__SCHEMA_FILE", &avro)]);
    assert!(load(&by_file).is_ok());
    // JSON after a header is read without its schema.
    assert!(load(&environment(&[("VENDAS_MAPPING__FORMAT", "json_schema")])).is_ok());
}

#[test]
fn a_registry_has_tls_where_an_address_begins_with_https() {
    for (urls, expected) in [
        ("http://a", false),
        ("http://a,http://b", false),
        ("https://a", true),
        ("http://a,https://b", true),
    ] {
        let config = load(&environment(&[("VENDAS_REGISTRY__URL", urls)])).unwrap();
        assert_eq!(config.registry.unwrap().tls.is_some(), expected, "{urls}");
    }
}

#[test]
fn a_problem_with_a_topics_format_is_reported_with_its_place() {
    let (_folder, path) = file(
        "[registry]\nurl = ['http://a', 'https://b/c']\n[topics.pedidos.mapping]\nmessage = 'O'",
    );
    let wrong = problems(&Sources { file: Some(path.clone()), ..Sources::default() });
    let place = path.display();
    assert_eq!(wrong, [format!("{place}:4: topics.pedidos.mapping.message needs schema_file")]);
}

#[test]
fn flags_set_keys_with_digits_and_of_any_topic() {
    let flag = |key: &str, value: &str| Flag {
        name: format!("--set {key}"),
        key: key.to_owned(),
        value: value.to_owned(),
    };
    let flags = vec![
        flag("kafka.topics", "orders-avro,orders.avro"),
        flag("mapping.float32", "true"),
        flag("topics.orders-avro.mapping.order_id", "x"),
        flag("topics.\"orders.avro\".mapping.order_id", "y"),
    ];
    let config = load(&Sources { flags, ..Sources::default() }).unwrap();
    let order_id = |topic: &str| {
        let (_, places) = &config.rules.of(topic).mapping().settings().places[0];
        places[0][0].to_string()
    };
    assert!(config.rules.general.mapping().settings().float32);
    assert_eq!((order_id("orders-avro"), order_id("orders.avro")), ("x".into(), "y".into()));

    let key = "topics.\"orders.avro\".mapping.order_i";
    let unknown = Sources { flags: vec![flag(key, "y")], ..Sources::default() };
    let messages = problems(&unknown);
    assert!(
        messages[0].starts_with(&format!("--set {key}: unknown key topics.orders.avro.")),
        "{messages:?}"
    );
}

#[test]
fn a_flag_narrows_the_topics_and_with_them_the_partitions() {
    let (_folder, path) =
        file("[kafka]\ntopics = [\"a\", \"b\"]\npartitions = [\"a:0-1\", \"b:0\"]\n");
    let with = |topics: &str| {
        let (name, key) = ("--topics".to_owned(), "kafka.topics".to_owned());
        let flags = vec![Flag { name, key, value: topics.to_owned() }];
        Sources { file: Some(path.clone()), flags, ..Sources::default() }
    };
    let partitions = load(&with("a")).unwrap().partitions;
    assert!(partitions.contain("a", 1) && !partitions.contain("a", 2));
    let told = problems(&with("c")).join("\n");
    assert!(told.contains("contains the topic \"a\", which is not in kafka.topics"), "{told}");
}

#[test]
fn settings_of_topics_that_are_not_processed_are_reported() {
    let idle = |text: &str| {
        let sources = Sources { text: Some(text.to_owned()), ..Sources::default() };
        load(&sources).unwrap().idle_mappings()
    };
    let own = "[topics.pedidos.mapping]\ntotal = 't'\n[topics.\"a.b\".mapping]\ntotal = 't'\n";
    let messages = idle(&format!("[kafka]\ntopics = ['pedido']\n{own}"));
    assert_eq!(messages.len(), 2);
    let expected =
        "[topics.\"a.b\"] has no effect, because kafka.topics (pedido) does not contain a.b";
    assert!(messages[0].starts_with(expected), "{messages:?}");
    let expected = "[topics.pedidos] has no effect, because kafka.topics (pedido)";
    assert!(messages[1].starts_with(expected), "{messages:?}");
    assert!(idle(&format!("[kafka]\ntopics = ['pedidos', 're:a.*']\n{own}")).is_empty());
}
