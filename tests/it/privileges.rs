//! Vendas works with the documented privileges, and needs each of them.

use testbed::{Context, Database, Ended, Result, Signal, VendasCommand, ensure, eventually};

use crate::{
    shop::{DEADLINE, Shop, numbered},
    wait::until_line,
};

const ROLES: &str = include_str!("../../packaging/roles.sql");
const GRANTS: &str = include_str!("../../packaging/grants.sql");
const GRANTS_PURGE: &str = include_str!("../../packaging/grants-purge.sql");

/// The two roles of packaging/roles.sql, with names of this test's own, since roles belong to the
/// server.
struct Roles {
    shop: Shop,
    owner: Database,
    app: Database,
}

/// One of the privileges of packaging/grants.sql.
#[derive(Debug)]
struct Privilege {
    name: String,
    /// A table, or `SCHEMA shop`.
    on: String,
}

impl Roles {
    async fn open() -> Result<Self> {
        let shop = Shop::open(1).await?;
        let role = |name: &str| format!("{name}_of_{}", shop.database.name());
        let owner = shop.database.as_user(&role("shop_owner"), "0wner");
        let app = shop.database.as_user(&role("app"), "4pp");
        let roles = Self { shop, owner, app };
        let mut made = roles.named(&statements(ROLES));
        for (variable, database) in
            [(":'owner_password'", &roles.owner), (":'app_password'", &roles.app)]
        {
            made = made.replace(variable, &format!("'{}'", database.password()));
        }
        roles.shop.database.execute(&made).await?;
        Ok(roles)
    }

    fn named(&self, sql: &str) -> String {
        sql.replace("shop_owner", self.owner.user())
            .replace(" app ", &format!(" {} ", self.app.user()))
            .replace(" app;", &format!(" {};", self.app.user()))
    }

    fn vendas(&self, as_whom: &Database, args: &[&str]) -> VendasCommand {
        self.shop.vendas(args).database(as_whom).env("VENDAS_DATABASE__SCHEMA", "shop")
    }

    async fn run(&self, args: &[&str], code: i32) -> Result<Ended> {
        self.vendas(&self.app, args).run(DEADLINE).await?.expect_code(code)
    }

    /// Grants or revokes one.
    async fn set_granted(&self, what: &str, privilege: &Privilege, to_or_from: &str) -> Result<()> {
        let Privilege { name, on } = privilege;
        let sql = format!("{what} {name} ON {on} {to_or_from} {}", self.app.user());
        self.owner.execute(&sql).await
    }
}

/// The SQL statements of a file, without comments.
fn statements(sql: &str) -> String {
    sql.lines().filter(|line| !line.starts_with("--")).collect::<Vec<_>>().join(" ")
}

/// `GRANT a, b ON x, y TO app;` is four privileges.
fn privileges(grants: &str) -> Result<Vec<Privilege>> {
    let mut all = Vec::new();
    for line in grants.lines() {
        let Some(grant) = line.strip_prefix("GRANT ") else { continue };
        let grant = grant.strip_suffix(" TO app;").with_context(|| line.to_owned())?;
        let (names, objects) = grant.split_once(" ON ").with_context(|| line.to_owned())?;
        for name in names.split(", ") {
            let one = |on: &str| Privilege { name: name.to_owned(), on: on.to_owned() };
            all.extend(objects.split(", ").map(one));
        }
    }
    Ok(all)
}

#[tokio::test]
async fn the_grants_of_packaging_are_sufficient_and_each_is_necessary() -> Result<()> {
    let roles = Roles::open().await?;
    let stated = r#"{"id_ordem": "a", "valor_total": 2, "itens": [{"produto": "p", "qty": 1}]}"#;
    let orders = [&numbered(1), stated, "rubbish", &numbered(1), stated];
    roles.shop.send(0, &orders).await?;

    // The role of `run` does not create tables.
    let refused = roles.run(&["run", "--until-end"], 1).await?;
    ensure!(refused.stderr.contains("missing: run `vendas schema --apply`"), "{}", refused.stderr);
    roles.vendas(&roles.owner, &["schema", "--apply"]).run(DEADLINE).await?.expect_code(0)?;
    let refused = roles.run(&["run", "--until-end"], 1).await?;
    ensure!(refused.stderr.contains("lacks USAGE: GRANT USAGE ON SCHEMA"), "{}", refused.stderr);

    roles.owner.execute(&roles.named(&statements(GRANTS))).await?;
    let everything: [&[&str]; 6] = [
        &["check"],
        &["run", "--until-end"],
        &["report"],
        &["verify"],
        &["offsets", "show"],
        &["offsets", "reset", "--to", "earliest", "--because", "a test", "--yes"],
    ];
    for args in everything {
        roles.run(args, 0).await?;
    }
    roles.run(&["run", "--until-end"], 0).await?;
    let counts = "SELECT (SELECT count(*) FROM shop.sales), (SELECT count(*) FROM shop.orders), \
                  (SELECT count(*) FROM shop.dead_letters)";
    ensure!(roles.shop.rows(counts).await? == ["1|1|1"], "{:?}", roles.shop.rows(counts).await?);

    let privileges = privileges(GRANTS)?;
    ensure!(privileges.len() == 29, "{privileges:?}");
    for privilege in privileges {
        roles.set_granted("REVOKE", &privilege, "FROM").await?;
        let checked = roles.run(&["check"], 1).await?;
        let lacks = format!("lacks {}: GRANT {}", privilege.name, privilege.name);
        let table = privilege.on.rsplit(['.', ' ']).next().unwrap_or_default();
        let line = checked.stdout.lines().find(|line| line.contains(&lacks));
        ensure!(line.is_some_and(|line| line.contains(table)), "{privilege:?}: {}", checked.stdout);
        let refused = roles.run(&["run", "--until-end"], 1).await?;
        ensure!(refused.stderr.contains(&lacks), "{privilege:?}: {}", refused.stderr);
        roles.set_granted("GRANT", &privilege, "TO").await?;
    }
    roles.run(&["check"], 0).await?;
    Ok(())
}

#[tokio::test]
async fn purges_need_their_own_grants_and_each_of_them() -> Result<()> {
    let roles = Roles::open().await?;
    roles.vendas(&roles.owner, &["schema", "--apply"]).run(DEADLINE).await?.expect_code(0)?;
    roles.owner.execute(&roles.named(&statements(GRANTS))).await?;
    // Rows to read.
    let stated = r#"{"id_ordem": "a", "valor_total": 2}"#;
    roles.shop.send(0, &[&numbered(1), stated, "rubbish"]).await?;
    roles.run(&["run", "--until-end"], 0).await?;
    let purge = [
        &["orders", "purge", "--before", "2024-01-01", "--because", "a test", "--yes"][..],
        &[
            "orders",
            "purge",
            "--before",
            "2024-01-01",
            "--because",
            "a test",
            "--yes",
            "--forget-sums",
        ],
        &["orders", "roll-up", "--before", "2024-01-01", "--because", "a test", "--yes"],
        &["dead-letters", "purge", "--older-than", "1s", "--yes"],
    ];
    for args in purge {
        let refused = roles.run(args, 1).await?;
        ensure!(refused.stderr.contains("permission denied"), "{args:?}: {}", refused.state());
    }
    roles.owner.execute(&roles.named(&statements(GRANTS_PURGE))).await?;
    for args in purge {
        roles.run(args, 0).await?;
    }
    let privileges = privileges(GRANTS_PURGE)?;
    ensure!(privileges.len() == 11, "{privileges:?}");
    for privilege in privileges {
        // The first purge needs INSERT, later ones UPDATE.
        roles.owner.execute("TRUNCATE shop.retention").await?;
        roles.set_granted("REVOKE", &privilege, "FROM").await?;
        let mut refused = 0;
        for args in purge.iter().chain(&purge) {
            let ended = roles.vendas(&roles.app, args).run(DEADLINE).await?;
            refused += i32::from(ended.stderr.contains("permission denied"));
        }
        ensure!(refused > 0, "{privilege:?} is not needed");
        roles.set_granted("GRANT", &privilege, "TO").await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_privilege_revoked_while_running_is_waited_for() -> Result<()> {
    let roles = Roles::open().await?;
    roles.vendas(&roles.owner, &["schema", "--apply"]).run(DEADLINE).await?.expect_code(0)?;
    roles.owner.execute(&roles.named(&statements(GRANTS))).await?;
    let work = roles.vendas(&roles.app, &["run"]).start()?;
    until_line(&work, &["processing partition"]).await?;
    // Stored orders are upserted, for which every privilege is needed; new orders are inserted.
    let (number, stated) = (numbered(0), r#"{"id_ordem": "a", "valor_total": 2}"#);
    let send = async || roles.shop.send(0, &[&number, stated, "rubbish"]).await;
    send().await?;
    let mut records = 3;
    eventually("the first orders", DEADLINE, async || {
        let next = roles.shop.rows("SELECT next_offset FROM shop.partitions").await?;
        ensure!(next == ["3"], "{next:?}, {}", work.state());
        Ok(())
    })
    .await?;
    for privilege in privileges(GRANTS)? {
        // Privileges that are needed only at the start, or by the report.
        let Privilege { name, on } = &privilege;
        let is_written =
            ["sales", "orders", "dead_letters"].iter().any(|table| on.ends_with(table));
        if !is_written && (!on.ends_with("partitions") || name == "INSERT") {
            continue;
        }
        roles.set_granted("REVOKE", &privilege, "FROM").await?;
        send().await?;
        records += 3;
        let pauses = |log: &str| log.matches("paused, needs attention").count();
        let goings_on = |log: &str| log.matches("resumed").count();
        eventually("a log line about it", DEADLINE, async || {
            let log = work.stderr()?;
            ensure!(pauses(&log) == goings_on(&log) + 1, "{privilege:?}: {log}");
            Ok(())
        })
        .await?;
        roles.set_granted("GRANT", &privilege, "TO").await?;
        eventually("all records", DEADLINE, async || {
            let next = roles.shop.rows("SELECT next_offset FROM shop.partitions").await?;
            ensure!(next == [records.to_string()], "{privilege:?}: {next:?}, {}", work.state());
            let log = work.stderr()?;
            ensure!(pauses(&log) == goings_on(&log), "{privilege:?}: {log}");
            Ok(())
        })
        .await?;
    }
    ensure!(records == 39, "{records} records");
    work.signal(Signal::TERM)?;
    work.wait_exit(DEADLINE).await?.expect_code(0).map(drop)
}

#[tokio::test]
async fn nothing_is_written_to_the_file_system() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.send_numbers(0, 1..=500).await?;
    for args in
        [&["run", "--until-end"][..], &["report"], &["verify"], &["offsets", "show"], &["check"]]
    {
        shop.vendas(args).confined().run(DEADLINE).await?.expect_code(0)?;
    }
    ensure!(shop.database.count("sales").await? == 500, "sales are missing");
    Ok(())
}
