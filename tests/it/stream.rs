//! A generated stream of valid and invalid records in the forms that shops send; the same seed
//! gives the same stream.
//!
//! Every record is generated together with its meaning, so that no parser is needed to know it.

mod json;
mod malformed;

use testbed::{Record, samples::Random};

use json::{Fields, white};

/// The customer's document number, in every record with additional fields: it must never be logged.
pub(crate) const DOCUMENT: &str = "123.456.789-09";

const ORDER_NUMBER: &[&str] = &["order_number", "numero_pedido"];
const ORDER_ID: &[&str] = &["order_id", "id_ordem", "id_pedido"];
const ITEMS: &[&str] = &["order_items", "items", "produtos_comprados", "itens"];
const TOTAL: &[&str] = &["total", "valor_total"];
const SOLD_AT: &[&str] = &["sold_at", "data_hora_venda"];
const PRODUCT: &[&str] = &["product", "nome_produto", "produto"];
const QUANTITY: &[&str] = &["qty", "quantity", "quantidade"];
const UNIT_PRICE: &[&str] = &["value_unit", "unit_price", "preco_unitario"];

/// The identity of an order. Number 17 and id "17" are two orders.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    Number(i32),
    Id(String),
}

/// An order as its record states it. Decimals are in units of 10^-4.
#[derive(Clone, Debug)]
pub(crate) struct Stated {
    pub(crate) key: Key,
    pub(crate) items: Vec<StatedItem>,
    pub(crate) total: Option<i128>,
    pub(crate) sold_at: Option<Moment>,
}

#[derive(Clone, Debug)]
pub(crate) struct StatedItem {
    pub(crate) product: Option<String>,
    pub(crate) quantity: i128,
    pub(crate) unit_price: Option<i128>,
}

/// A date and time, with the offset from UTC in minutes if it is stated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) year: i64,
    pub(crate) month: i64,
    pub(crate) day: i64,
    pub(crate) second_of_day: i64,
    pub(crate) microsecond: i64,
    pub(crate) offset: Option<i64>,
}

/// The meaning of a record.
#[derive(Clone, Debug)]
pub(crate) enum Meaning {
    /// An order, if its own numbers agree.
    Order(Stated),
    /// Not a valid order, for this reason.
    DeadLetter(&'static str),
}

#[derive(Clone, Debug)]
pub(crate) struct Generated {
    pub(crate) record: Record,
    pub(crate) meaning: Meaning,
}

/// The records of each partition, in order. All versions of an order are in the same partition.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) lanes: Vec<Vec<Generated>>,
}

impl Stream {
    /// `lanes` partitions of `records` records each.
    pub(crate) fn new(seed: u64, lanes: usize, records: usize) -> Self {
        let mut shop = Generator { dice: Dice::new(seed), numbers: 0, ids: 0 };
        let mut all: Vec<_> =
            (0..lanes).map(|lane| shop.lane(records, Again::of_lane(lane))).collect();
        // The few large records are distributed over the partitions in turn.
        for (index, outsized) in malformed::outsized(&mut shop).into_iter().enumerate() {
            let at = (37 * (index + 1)) % records;
            let lane = index % lanes;
            if let Some(place) = all.get_mut(lane).and_then(|lane| lane.get_mut(at)) {
                *place = outsized;
            }
        }
        Self { lanes: all }
    }
}

/// A random number generator: the same seed gives the same numbers.
#[derive(Debug)]
pub(crate) struct Dice(Random);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(Random(seed))
    }

    /// From 0 to `end`, exclusive.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0.below(end)
    }

    pub(crate) fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// From `from` to `to`, inclusive.
    pub(crate) fn between(&mut self, from: i128, to: i128) -> i128 {
        from + i128::from(self.0.bits()) % (to - from + 1)
    }

    pub(crate) fn pick<'a, T: ?Sized>(&mut self, among: &[&'a T]) -> &'a T {
        among[self.below(among.len())]
    }
}

/// How often a lane repeats or corrects an order that it contains already. Commits insert if no order
/// comes again, and upsert for a while after each that does.
#[derive(Clone, Copy, Debug)]
enum Again {
    Often,
    Seldom,
    Never,
}

impl Again {
    const fn of_lane(lane: usize) -> Self {
        match lane % 4 {
            1 => Self::Never,
            3 => Self::Seldom,
            _ => Self::Often,
        }
    }

    fn draw(self, dice: &mut Dice) -> bool {
        match self {
            Self::Often => true,
            Self::Seldom => dice.one_in(30),
            Self::Never => false,
        }
    }
}

/// The generator of the records.
struct Generator {
    dice: Dice,
    numbers: i32,
    ids: u32,
}

impl Generator {
    fn lane(&mut self, records: usize, again: Again) -> Vec<Generated> {
        let mut keys = Vec::new();
        let mut lane: Vec<Generated> = Vec::with_capacity(records);
        while lane.len() < records {
            let next = match (self.dice.below(100), lane.last()) {
                // The same record again, close enough to be in the same batch.
                (0..8, Some(last)) if again.draw(&mut self.dice) => last.clone(),
                (8..24, _) => {
                    let key = self.earlier(&keys).unwrap_or(Key::Number(-1));
                    malformed::one(&key, &mut self.dice)
                }
                (70.., _) if again.draw(&mut self.dice) => match self.earlier(&keys) {
                    Some(key) => self.order(key),
                    None => continue,
                },
                _ => {
                    let key = self.new_key();
                    keys.push(key.clone());
                    self.order(key)
                }
            };
            lane.push(next);
        }
        lane
    }

    /// An order of this partition that gets a correction: mostly one of the newest.
    fn earlier(&mut self, keys: &[Key]) -> Option<Key> {
        let back = if self.dice.one_in(3) { keys.len() } else { keys.len().min(6) };
        (back > 0).then(|| keys[keys.len() - 1 - self.dice.below(back)].clone())
    }

    fn new_key(&mut self) -> Key {
        if self.dice.one_in(2) {
            self.numbers += 1;
            return Key::Number(match self.numbers {
                3 => i32::MAX,
                5 => i32::MIN,
                7 => 0,
                number if number % 10 == 9 => -number,
                number => number,
            });
        }
        self.ids += 1;
        let n = self.ids;
        Key::Id(match self.dice.below(8) {
            // Digits, which can also be an order number.
            0 | 1 => format!("{n}"),
            2 => format!("-{n}"),
            3 => format!("340282366920938463463374607431768211456{n}"),
            4 => format!(" pedido nº {n}: \"ação\" \\ (a, b) {{}} "),
            5 => format!("{n}{}", "ç".repeat(200 - n.to_string().len())),
            _ => format!("{:016x}-{n}", self.dice.between(0, i128::from(u64::MAX))),
        })
    }

    fn order(&mut self, key: Key) -> Generated {
        let stated = self.stated(key);
        let payload = write(&stated, &mut self.dice);
        let record = self.record(payload);
        Generated { record, meaning: Meaning::Order(stated) }
    }

    fn record(&mut self, payload: impl Into<Vec<u8>>) -> Record {
        keyed(Some(payload.into()), &mut self.dice)
    }

    fn stated(&mut self, key: Key) -> Stated {
        let dice = &mut self.dice;
        let sold_at = (!dice.one_in(3)).then(|| moment(dice));
        // Products for all items, for some, or for none.
        let named = [0, 0, 2, 1, 1][dice.below(5)];
        let count = if dice.one_in(20) { dice.below(40) + 1 } else { dice.below(4) + 1 };
        let mut items: Vec<_> = (0..count)
            .map(|_| StatedItem {
                product: (named > 0 && dice.one_in(named)).then(|| product(dice)),
                quantity: quantity(dice),
                unit_price: Some(unit_price(dice)),
            })
            .collect();
        let total = match dice.below(10) {
            0..5 => None,
            // Stated and priced: within, at and beyond the accepted difference.
            5 | 6 => {
                let sum: i128 =
                    items.iter().map(|i| i.quantity * i.unit_price.unwrap_or_default()).sum();
                let tolerance = 50 * i128::try_from(count).unwrap_or_default();
                let near = sum / 10_000;
                let stated = match dice.below(4) {
                    0 => near + dice.between(-tolerance - 3, tolerance + 3),
                    1 => near + tolerance,
                    2 => near - tolerance,
                    _ => near,
                };
                Some(stated.clamp(0, 10_i128.pow(20) - 1))
            }
            // A stated total, over items without a price.
            7 | 8 => {
                items.iter_mut().for_each(|item| item.unit_price = None);
                Some(stated_total(dice))
            }
            _ => {
                items.clear();
                Some(stated_total(dice))
            }
        };
        Stated { key, items, total, sold_at }
    }
}

/// With one of the keys that Kafka defines for its own purposes. Keys have no meaning here.
fn keyed(payload: Option<Vec<u8>>, dice: &mut Dice) -> Record {
    let key = match dice.below(5) {
        0 => Some(Vec::new()),
        1 => Some(b"\xff\x00\xfe".to_vec()),
        2 => Some(dice.below(1_000).to_string().into_bytes()),
        _ => None,
    };
    Record { key, payload, ..Record::default() }
}

fn quantity(dice: &mut Dice) -> i128 {
    match dice.below(12) {
        0 => dice.between(1, 9_999),
        1 => dice.between(1, 99_999_999),
        2 => 10_i128.pow(10) - 1,
        3 | 4 => dice.between(1, 9_999) * 10,
        // Equal quantities, so that remainders tie.
        5..8 => 10_000,
        _ => dice.between(1, 9) * 10_000,
    }
}

fn unit_price(dice: &mut Dice) -> i128 {
    match dice.below(16) {
        0 => 0,
        1 => dice.between(0, 9_999),
        2 => 10_i128.pow(14) - 1,
        3..6 => dice.between(0, 99_999_999),
        _ => dice.between(0, 999_999) * 100,
    }
}

fn stated_total(dice: &mut Dice) -> i128 {
    match dice.below(12) {
        0 => 0,
        1 => 10_i128.pow(20) - 1,
        2 => dice.between(0, 99_999_999),
        3 => dice.between(0, 99_999_999) * 10,
        4 => dice.between(0, 9) * 100,
        _ => dice.between(0, 99_999_999) * 100,
    }
}

fn product(dice: &mut Dice) -> String {
    let longest = "ç".repeat(200);
    dice.pick(&[
        "Notebook",
        "Notebook",
        "Café torrado 500 g",
        "Pão de queijo",
        "NULL",
        "null",
        " spaces around ",
        r#"quoted "A", 'B' and ''C''"#,
        r"back\slash \\N \",
        "(a,b),{c,d}",
        "\u{1}\t\n\r\u{7f}",
        "😀\u{301}\u{a0}x",
        "$1 %s {} --",
        &longest,
    ])
    .to_owned()
}

/// Times in years with daylight saving time in São Paulo, and in others.
fn moment(dice: &mut Dice) -> Moment {
    let year = dice.between(2015, 2031);
    let month = dice.between(1, 12);
    let leap = year % 4 == 0;
    let last = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 31,
    };
    let mut drawn = |from, to| i64::try_from(dice.between(from, to)).unwrap_or_default();
    let (year, month, day) = (drawn(year, year), drawn(month, month), drawn(1, last));
    let second_of_day = drawn(0, 86_399);
    let microsecond = [0, 0, 0, drawn(0, 999_999), drawn(0, 9) * 100_000][dice.below(5)];
    let offset = match dice.below(6) {
        0 => Some(0),
        1 => Some(-180),
        2 => Some(i64::try_from(dice.between(-23 * 60 - 59, 23 * 60 + 59)).unwrap_or_default()),
        _ => None,
    };
    Moment { year, month, day, second_of_day, microsecond, offset }
}

/// Writes an order in one of the many possible forms.
fn write(order: &Stated, dice: &mut Dice) -> String {
    let mut fields = Fields::default();
    let other = match &order.key {
        Key::Number(number) => {
            let digits = number.to_string();
            let json = if dice.one_in(5) { json::text(&digits, dice) } else { digits };
            fields.add(dice.pick(ORDER_NUMBER), json, dice);
            ORDER_ID
        }
        Key::Id(id) => {
            let digits = id.strip_prefix('-').unwrap_or(id);
            let integer = digits.bytes().all(|byte| byte.is_ascii_digit());
            let json = if integer && dice.one_in(2) { id.clone() } else { json::text(id, dice) };
            fields.add(dice.pick(ORDER_ID), json, dice);
            ORDER_NUMBER
        }
    };
    fields.maybe_null(other, dice);
    match order.total {
        Some(total) => fields.add(dice.pick(TOTAL), json::decimal(total, dice), dice),
        None => fields.maybe_null(TOTAL, dice),
    }
    match order.sold_at {
        Some(moment) => {
            let date = json::date(moment, dice);
            fields.add(dice.pick(SOLD_AT), json::text(&date, dice), dice);
        }
        None => fields.maybe_null(SOLD_AT, dice),
    }
    if order.items.is_empty() {
        match dice.below(3) {
            0 => fields.add(dice.pick(ITEMS), format!("[{}]", white(dice)), dice),
            _ => fields.maybe_null(ITEMS, dice),
        }
    } else {
        let items: Vec<_> = order.items.iter().map(|item| write_item(item, dice)).collect();
        fields.add(dice.pick(ITEMS), format!("[{}]", items.join(",")), dice);
    }
    for _ in 0..dice.below(3) {
        let deep = format!(r#""deep":{}{}"#, "[".repeat(127), "]".repeat(127));
        fields.add_raw(dice.pick(&[
            r#""documento_cliente": "123.456.789-09""#,
            r#""documento_cliente": "123.456.789-09""#,
            r#""canal": {"nome": "balcão", "tags": ["loja 3", null, {"qty": -5, "qty": 1}]}"#,
            r#""Total": 1, "ORDER_ID": 2, "order_number ": 3"#,
            r#""qty": -1, "value_unit": "abc", "product": null"#,
            r#""shipping": "express", "tax": {"included": true}, "discount": null"#,
            r#""x": 1e400, "x": -0.0, "": [[], {}]"#,
            r#""nul": "a\u0000b", "half": "\ud800", "\udc00": 1"#,
            r#""total\u0000": 666.66"#,
            &deep,
        ]));
    }
    let object = fields.written(dice);
    format!("{}{object}{}", white(dice), white(dice))
}

fn write_item(item: &StatedItem, dice: &mut Dice) -> String {
    let mut fields = Fields::default();
    match &item.product {
        Some(product) => fields.add(dice.pick(PRODUCT), json::text(product, dice), dice),
        None => fields.maybe_null(PRODUCT, dice),
    }
    fields.add(dice.pick(QUANTITY), json::decimal(item.quantity, dice), dice);
    match item.unit_price {
        Some(price) => fields.add(dice.pick(UNIT_PRICE), json::decimal(price, dice), dice),
        None => fields.maybe_null(UNIT_PRICE, dice),
    }
    if dice.one_in(8) {
        fields.add_raw(dice.pick(&[
            r#""colour": "azul", "desconto": null"#,
            r#""total": 666.66, "order_number": 1, "sold_at": """#,
            r#""Qty": 0, "nested": {"qty": 1, "items": [1]}"#,
        ]));
    }
    fields.written(dice)
}
