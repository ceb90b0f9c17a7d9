//! The examples at the end of each command's help; a test parses every line of them as a command.

/// For `vendas` itself.
pub(super) const ALL: &str = "\
Settings are read from vendas.toml. Environment variables override the file \
(VENDAS_DATABASE__HOST sets database.host), and flags override both. Exit codes: 0 done, 1 failed, \
2 usage or configuration.

Examples:
  vendas run                                  process the topic `sales` until stopped
  vendas run --until-end --topics a,b         process the current backlog, then exit
  vendas produce orders.json                  send the orders of a file to the topic
  vendas simulate --rate 100/s                generate simulated orders
  vendas init --topics pedidos --write        propose a mapping for the records of a topic
  vendas check                                check configuration, servers and tables
  vendas offsets show --format json           next offset and lag of each partition
  vendas dead-letters list --counts           rejected records by reason
  vendas dead-letters replay --all            retry with the corrected settings
  vendas report --watch --top 10              best-selling products, live
  vendas report --format csv > totals.csv     all products, exact amounts
  vendas verify                               compare the totals with the orders
  vendas completions bash                     generate shell completions";

pub(super) const RUN: &str = "\
Examples:
  vendas run                                          the topic `sales`, until stopped
  vendas run --until-end                              the current backlog, then exit
  vendas run --topics sales,vendas_ecommerce          several topics
  vendas run --set kafka.group=vendas                 share the partitions with other instances
  vendas run --set 'kafka.partitions=sales:0-3'       only these partitions
  vendas run --on-dead-letter halt                    stop at a record that is rejected
  vendas run --log-format json                        log as JSON";

pub(super) const CHECK: &str = "\
Changes nothing. Exit code 1 if a check fails.

Examples:
  vendas check                                        with the current settings
  vendas check --config /etc/vendas/vendas.toml       with the settings of a file
  vendas check --set database.host=db.example         check another server
  vendas check --sample 200                           process 200 records, write nothing";

pub(super) const INIT: &str = "\
Reads up to 200 records of each topic, the newest of each partition. Writes nothing without --write.

Examples:
  vendas init --topics pedidos                        propose, and ask about open questions
  vendas init --topics pedidos --yes --write          accept what is certain, write vendas.toml
  vendas init --write new.toml                        write another file
  vendas init --file orders.json                      from the records of a file";

pub(super) const HEALTHCHECK: &str = "\
Examples:
  vendas healthcheck                                  is the instance ready?
  vendas healthcheck --alive                          is the process alive?
  vendas healthcheck --set http.listen=127.0.0.1:8080";

pub(super) const PRODUCE: &str = "\
Examples:
  vendas produce orders.json                          a JSON array, or one order per line
  vendas produce --topic other orders.json            to another topic
  vendas produce --as-is -                            each line of standard input, unchanged
  vendas produce --subject sales-value orders.json    as Avro, with the subject's latest schema";

pub(super) const SIMULATE: &str = "\
Examples:
  vendas simulate --rate 100/s                        until stopped
  vendas simulate --count 1000 --invalid 1%           with 1% invalid records
  vendas simulate --shape numbered --count 100        for the table `sales`
  vendas simulate --past 30d --count 20000            a month of past sales
  vendas simulate --count 100 --seed 7                the same records each time
  vendas simulate --rate 90/min --corrections 2%      with 2% corrected orders";

pub(super) const OFFSETS: &str = "\
Examples:
  vendas offsets show                                 all partitions, with their lag
  vendas offsets reset --partition 0 --to earliest --because 'the topic was recreated'";

pub(super) const OFFSETS_SHOW: &str = "\
Examples:
  vendas offsets show                                 all partitions of the topics, with their lag
  vendas offsets show --topics vendas_ecommerce       partitions of another topic
  vendas offsets show --format json                   as JSON";

pub(super) const OFFSETS_RESET: &str = "\
Shows the changes and asks for confirmation. Orders that are processed again are upserted.

Examples:
  vendas offsets reset --to earliest --because 'the mapping was wrong'
  vendas offsets reset --partition 2 --to 4711 --because 'retention deleted the rest' --yes
  vendas offsets reset --topics sales --to latest --because 'only new orders count' --yes";

pub(super) const DEAD_LETTERS: &str = "\
Examples:
  vendas dead-letters list --counts                   how many by reason
  vendas dead-letters show 17                         one dead letter, with its bytes
  vendas dead-letters replay --all                    retry all open ones
  vendas dead-letters discard 17 --because 'a test'   mark as not to be replayed
  vendas dead-letters purge --older-than 90d          show what would be deleted";

pub(super) const LIST: &str = "\
Examples:
  vendas dead-letters list                            the open ones, newest first
  vendas dead-letters list --counts                   how many by reason
  vendas dead-letters list --reason out_of_range --since 2d
  vendas dead-letters list --all --format csv > dead-letters.csv";

pub(super) const SHOW: &str = "\
Examples:
  vendas dead-letters show 17                         escaped for the terminal
  vendas dead-letters show 17 --raw > record          the record's value, unchanged";

pub(super) const REPLAY: &str = "\
Examples:
  vendas dead-letters replay --all
  vendas dead-letters replay 17 18
  vendas dead-letters replay --reason missing_quantity --set mapping.quantity=amount
  vendas dead-letters replay 17 --force               even if a newer version was processed";

pub(super) const DISCARD: &str = "\
Examples:
  vendas dead-letters discard 17 18 --because 'tests of the shop'
  vendas dead-letters discard --reason tombstone --until 2026-11-22 --because 'old deletions'";

pub(super) const PURGE: &str = "\
Examples:
  vendas dead-letters purge --older-than 90d          show what would be deleted
  vendas dead-letters purge --older-than 90d --yes    delete it";

pub(super) const ORDERS: &str = "\
Examples:
  vendas orders purge --older-than 400d --because 'kept for 400 days'
  vendas orders roll-up --older-than 2y --because 'fewer rows'";

pub(super) const ORDERS_PURGE: &str = "\
Shows the changes and asks for confirmation. Deletes whole days in the shop's time zone and keeps their sums.

Examples:
  vendas orders purge --older-than 400d --because 'kept for 400 days'
  vendas orders purge --before 2025-01-01 --because 'year closed' --yes
  vendas orders purge --older-than 5y --forget-sums --because 'no longer needed'";

pub(super) const ORDERS_ROLL_UP: &str = "\
Shows the changes and asks for confirmation. Rolls up only months that end before the boundary.

Examples:
  vendas orders roll-up --older-than 2y --because 'fewer rows'
  vendas orders roll-up --before 2025-01-01 --because 'year closed' --yes";

pub(super) const REPORT: &str = "\
Examples:
  vendas report --top 10                              best-selling products
  vendas report --by day --last 7d --compare          each day, compared with a week before
  vendas report --from 2026-11-01 --to 2026-11-30     products of a month
  vendas report --by hour --last 24h                  orders and total of each hour
  vendas report --watch --interval 500ms              live
  vendas report --locale pt-BR                        1.234,56
  vendas report --format csv > totals.csv             all products, exact amounts";

pub(super) const VERIFY: &str = "\
Examples:
  vendas verify                                       compare the totals with the orders
  vendas verify --format json                         as JSON
  vendas verify --timeout 5m                          give up after five minutes instead of an hour";

pub(super) const SCHEMA: &str = "\
Examples:
  vendas schema                                       print the SQL
  vendas schema --apply                               create what is missing
  vendas schema --apply --set database.schema=shop    in a separate schema";

pub(super) const COMPLETIONS: &str = "\
Examples:
  vendas completions bash > /etc/bash_completion.d/vendas
  vendas completions zsh > ~/.zfunc/_vendas
  vendas completions fish > ~/.config/fish/completions/vendas.fish";

pub(super) const MAN: &str = "\
Examples:
  vendas man > vendas.1                               read it with: man ./vendas.1
  vendas man offsets reset                            the page of one command";
