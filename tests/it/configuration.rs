use testbed::{Result, VendasCommand};

use crate::shop::{DEADLINE, VENDAS};

#[tokio::test]
async fn all_problems_are_reported_together_with_exit_code_2_before_any_server_is_contacted()
-> Result<()> {
    let ended = VendasCommand::new(VENDAS)
        .args(["run", "--brokers", "nowhere", "--set", "database.prot=1"])
        .env("VENDAS_PIPELINE__BATCH_SIZE", "0")
        .env("VENDAS_DATABASE__PASSWORD", "s3cret")
        .env("VENDAS_DATABASE__PASSWORD_FILE", "/no/such/file")
        .run(DEADLINE)
        .await?
        .expect_code(2)?;
    for problem in [
        "--brokers: kafka.brokers is \"nowhere\"",
        "--set database.prot: unknown key database.prot: did you mean database.port?",
        "VENDAS_PIPELINE__BATCH_SIZE: pipeline.batch_size is \"0\", must be an integer",
        "VENDAS_DATABASE__PASSWORD_FILE: database.password_file",
    ] {
        assert!(ended.stderr.contains(problem), "{problem} is not in {}", ended.stderr);
    }
    assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
    Ok(())
}

#[tokio::test]
async fn unknown_commands_exit_with_2_and_help_with_0() -> Result<()> {
    VendasCommand::new(VENDAS).args(["rnu"]).run(DEADLINE).await?.expect_code(2)?;
    let help = VendasCommand::new(VENDAS).args(["--help"]).run(DEADLINE).await?.expect_code(0)?;
    assert!(help.stdout.contains("Usage: vendas"), "{}", help.stdout);
    assert!(!help.stdout.contains('\u{1b}'), "colours in a pipe");
    Ok(())
}

#[tokio::test]
async fn a_named_configuration_file_must_exist() -> Result<()> {
    let ended = VendasCommand::new(VENDAS)
        .args(["run", "--config", "no-such.toml"])
        .run(DEADLINE)
        .await?
        .expect_code(2)?;
    assert!(ended.stderr.contains("no-such.toml: cannot be read"), "{}", ended.stderr);
    Ok(())
}
