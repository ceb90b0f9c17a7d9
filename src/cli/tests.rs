//! Every example in the help is a valid command.

use clap::{Command, CommandFactory, Parser};

use super::Cli;

/// All commands with their full names.
fn all(command: &Command, name: &str, found: &mut Vec<(String, String)>) {
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    found.push((name.to_owned(), help));
    for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
        all(inner, &format!("{name} {}", inner.get_name()), found);
    }
}

#[test]
fn every_command_has_examples_and_each_is_a_command() {
    let mut commands = Vec::new();
    all(&Cli::command(), "vendas", &mut commands);
    assert!(commands.len() > 15, "{commands:?}");
    for (name, help) in commands {
        let examples: Vec<_> =
            help.lines().filter_map(|line| line.strip_prefix("  vendas ")).collect();
        assert!(!examples.is_empty(), "{name} has no examples");
        for example in examples {
            // The description is in a column of its own; strip it and the redirection of output
            // from the command.
            let words = example.split_once("   ").map_or(example, |(words, _)| words);
            let words = words.split_once(" > ").map_or(words, |(words, _)| words);
            let words = shlex::split(&format!("vendas {words}")).unwrap();
            assert!(words.join(" ").starts_with(&name), "{name}: {example}");
            if let Err(error) = Cli::try_parse_from(&words) {
                panic!("{name}: {example}: {error}");
            }
        }
    }
}

#[test]
fn the_command_line_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn no_line_of_help_is_wider_than_a_page() {
    let mut commands = Vec::new();
    all(&Cli::command(), "vendas", &mut commands);
    for (name, help) in commands {
        for line in help.lines().filter(|line| line.starts_with("  ")) {
            assert!(line.chars().count() <= 100, "{name}: {line}");
        }
    }
}
