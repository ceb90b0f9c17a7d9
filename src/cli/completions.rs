//! `vendas completions` and `vendas man`: generated from the definition of the command line.

use clap::CommandFactory;

use super::{Cli, CliError, print};

pub(super) fn completions(shell: clap_complete::Shell) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "vendas", &mut script);
    print(&String::from_utf8_lossy(&script))
}

/// Prints the page of the command with these names; without names, that of `vendas` itself.
pub(super) fn man(names: &[String]) -> Result<(), CliError> {
    let mut command = Cli::command();
    // Sets the full name of each command and adds the global flags.
    command.build();
    for name in names {
        let Some(found) = command.find_subcommand(name) else {
            let text = format!("there is no command `{}`: see `vendas --help`", names.join(" "));
            return Err(CliError::Usage(
                Cli::command().error(clap::error::ErrorKind::InvalidSubcommand, text),
            ));
        };
        command = found.clone();
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    print(&String::from_utf8_lossy(&page))
}
