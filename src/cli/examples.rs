//! What stands at the end of each command's help; a test reads every line of it as a command.

/// For `vendas` itself.
pub(super) const ALL: &str = "\
Settings come from vendas.toml, are overridden by the environment \
(VENDAS_DATABASE__HOST is database.host), and that by flags. Exit codes: 0 done, 1 failed, \
2 usage or configuration.

Examples:
  vendas run                                  work the topic `sales` until told to stop
  vendas run --until-end --topics a,b         work what is there now, then exit
  vendas produce orders.json                  send the orders of a file to the topic
  vendas simulate --rate 100/s                let a shop that doesn't exist sell
  vendas init --topics pedidos --write        propose a mapping for the records of a topic
  vendas check                                is everything in order?
  vendas offsets show --format json           how far is each partition, and what is its lag?
  vendas dead-letters list --counts           what became no order, and why?
  vendas dead-letters replay --all            understand it anew, with what is corrected now
  vendas report --watch --top 10              what sells best, live
  vendas report --format csv > totals.csv     all products, exact
  vendas verify                               are the totals what the orders come to?
  vendas completions bash                     let the shell complete all these";

pub(super) const RUN: &str = "\
Examples:
  vendas run                                          the topic `sales`, until told to stop
  vendas run --until-end                              what is there now, then exit 0
  vendas run --topics sales,vendas_ecommerce          several topics
  vendas run --set kafka.group=vendas                 share the partitions with other instances
  vendas run --set 'kafka.partitions=sales:0-3'       these partitions and no others
  vendas run --on-dead-letter halt                    stop where a record is no order
  vendas run --log-format json                        a log that programs read";

pub(super) const CHECK: &str = "\
Changes nothing; exit code 1 if something is not in order.

Examples:
  vendas check                                        with the settings as they are
  vendas check --config /etc/vendas/vendas.toml       with those of a file
  vendas check --set database.host=db.example         would that server do?
  vendas check --sample 200                           what do 200 records come to?";

pub(super) const INIT: &str = "\
Reads up to 200 records of each topic, the newest of each partition. Writes nothing without --write.

Examples:
  vendas init --topics pedidos                        propose, and ask about doubts
  vendas init --topics pedidos --yes --write          take what is certain, write vendas.toml
  vendas init --write new.toml                        write another file
  vendas init --file orders.json                      from the records of a file";

pub(super) const HEALTHCHECK: &str = "\
Examples:
  vendas healthcheck                                  does it work, and if not, why not?
  vendas healthcheck --alive                          does it live?
  vendas healthcheck --set http.listen=127.0.0.1:8080";

pub(super) const PRODUCE: &str = "\
Examples:
  vendas produce orders.json                          a JSON array, or an order a line
  vendas produce --topic other orders.json            to another topic
  vendas produce --as-is -                            each line of standard input, as it stands
  vendas produce --subject sales-value orders.json    in Avro, by the subject's newest schema";

pub(super) const SIMULATE: &str = "\
Examples:
  vendas simulate --rate 100/s                        until told to stop
  vendas simulate --count 1000 --invalid 1%           some that are no orders
  vendas simulate --shape numbered --count 100        for the table `sales`
  vendas simulate --past 30d --count 20000            a month of sales, for reports to show
  vendas simulate --count 100 --seed 7                the same records each time
  vendas simulate --rate 90/min --corrections 2%      some sent again, changed";

pub(super) const OFFSETS: &str = "\
Examples:
  vendas offsets show                                 all partitions, with their lag
  vendas offsets reset --partition 0 --to earliest --because 'the topic was created anew'";

pub(super) const OFFSETS_SHOW: &str = "\
Examples:
  vendas offsets show                                 all partitions of the topics, with their lag
  vendas offsets show --topics vendas_ecommerce       of another topic
  vendas offsets show --format json                   for programs";

pub(super) const OFFSETS_RESET: &str = "\
Shows what it would do, and asks. Orders that are read again replace themselves.

Examples:
  vendas offsets reset --to earliest --because 'the vocabulary was wrong'
  vendas offsets reset --partition 2 --to 4711 --because 'retention took the rest' --yes
  vendas offsets reset --topics sales --to latest --because 'only new orders count' --yes";

pub(super) const DEAD_LETTERS: &str = "\
Examples:
  vendas dead-letters list --counts                   what became no order, and why?
  vendas dead-letters show 17                         one, with its bytes
  vendas dead-letters replay --all                    understand all open ones anew
  vendas dead-letters discard 17 --because 'a test'   it is not to become an order
  vendas dead-letters purge --older-than 90d          what would be deleted?";

pub(super) const LIST: &str = "\
Examples:
  vendas dead-letters list                            the open ones, the newest first
  vendas dead-letters list --counts                   how many of each reason
  vendas dead-letters list --reason out_of_range --since 2d
  vendas dead-letters list --all --format csv > letters.csv";

pub(super) const SHOW: &str = "\
Examples:
  vendas dead-letters show 17                         safe to look at on a terminal
  vendas dead-letters show 17 --raw > record          its value, byte for byte";

pub(super) const REPLAY: &str = "\
Examples:
  vendas dead-letters replay --all
  vendas dead-letters replay 17 18
  vendas dead-letters replay --reason missing_quantity --set vocabulary.quantity=amount
  vendas dead-letters replay 17 --force               though a newer version has come";

pub(super) const DISCARD: &str = "\
Examples:
  vendas dead-letters discard 17 18 --because 'tests of the shop'
  vendas dead-letters discard --reason tombstone --until 2026-11-22 --because 'old deletions'";

pub(super) const PURGE: &str = "\
Examples:
  vendas dead-letters purge --older-than 90d          what would be deleted?
  vendas dead-letters purge --older-than 90d --yes    delete it";

pub(super) const REPORT: &str = "\
Examples:
  vendas report --top 10                              what sold best
  vendas report --by day --last 7d --compare          each day, and the one a week before
  vendas report --from 2026-11-01 --to 2026-11-30     products of a month
  vendas report --by hour --last 24h                  orders and total of each hour
  vendas report --watch --interval 500ms              live
  vendas report --locale pt-BR                        1.234,56
  vendas report --format csv > totals.csv             all products, exact";

pub(super) const VERIFY: &str = "\
Examples:
  vendas verify                                       are the totals what the orders come to?
  vendas verify --format json                         for programs";

pub(super) const SCHEMA: &str = "\
Examples:
  vendas schema                                       look at it
  vendas schema --apply                               make what is missing, as database.user
  vendas schema --apply --set database.schema=shop    in a schema of its own";

pub(super) const COMPLETIONS: &str = "\
Examples:
  vendas completions bash > /etc/bash_completion.d/vendas
  vendas completions zsh > ~/.zfunc/_vendas
  vendas completions fish > ~/.config/fish/completions/vendas.fish";

pub(super) const MAN: &str = "\
Examples:
  vendas man > vendas.1                               then: man ./vendas.1
  vendas man offsets reset                            the page of one command";
