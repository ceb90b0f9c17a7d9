//! Random mappings and random records for them: samples/shapes with their mappings, both mutated
//! repeatedly.

use std::{fs, path::Path};

use bytes::Bytes;
use jiff::tz::TimeZone;
use testbed::samples::Random;

use super::super::mutations::{LARGEST, ORDERS, Tree, damage};
use crate::{
    config::{self, Sources},
    kafka::Record,
    order::{
        Currency, DecimalForm, Identity, Mapping, MappingSettings, Only, PLACES_LIMIT, Place, Role,
        Tombstones,
    },
};

/// A field for each item's product that no sample has.
const ALWAYS: &str = "named";

/// Places of all kinds, many of which are in the samples.
const PLACES: [&str; 48] = [
    "id",
    "order_id",
    "orderId",
    "order_item_id",
    "order_number",
    "total",
    "valor_total",
    "amount",
    "amount_cents",
    "price",
    "unit_price",
    "quantity",
    "qty",
    "product",
    "name",
    "nome",
    "items",
    "order_items",
    "products",
    "status",
    "currency",
    "sold_at",
    "discount",
    "shipping",
    "cost",
    "$",
    "$~",
    "$[*]",
    "$.orders[*]",
    "$.payload",
    "$.payload~",
    "$.payload.id",
    "$.payload.orderId",
    "$.payload.order_items[*]",
    "$.after.id",
    "$.items[*]",
    "$.items~[*]",
    "$.items[*].price",
    "$.product.name",
    "$.item.quantity",
    "$['odd name'].x",
    "record:$.timestamp",
    "record:$.batch",
    "key",
    "key:$.id",
    "header:kind",
    "timestamp",
    "coordinates",
];

/// A shape: its mapping, and the records for which it was made.
pub(in crate::order::tests) struct Seed {
    settings: MappingSettings,
    currency: Currency,
    records: Vec<Tree>,
}

/// A mapping to process records with.
pub(in crate::order::tests) struct Drawn {
    pub(in crate::order::tests) mapping: Mapping,
    pub(in crate::order::tests) currency: Currency,
    /// Whether records have a product in every object and the mapping reads it.
    pub(in crate::order::tests) names_all_products: bool,
    seed: usize,
}

impl Seed {
    /// The orders that need no mapping, and the shapes with theirs.
    pub(in crate::order::tests) fn all() -> Vec<Self> {
        let tree = |json: &str| Tree::of(&serde_json::from_str(json).unwrap());
        let mut seeds = vec![Self {
            settings: MappingSettings::default(),
            currency: Currency::default(),
            records: ORDERS.iter().map(|json| tree(json)).collect(),
        }];
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/samples/shapes"));
        let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut paths: Vec<_> =
            paths.filter(|path| path.extension().is_some_and(|it| it == "toml")).collect();
        paths.sort();
        for path in paths {
            let records = fs::read_to_string(path.with_extension("jsonl")).unwrap();
            let config = config::load(&Sources { file: Some(path), ..Sources::default() }).unwrap();
            let rules = &config.rules.general;
            seeds.push(Self {
                settings: rules.mapping.settings().clone(),
                currency: rules.currency,
                records: records.lines().filter(|line| *line != "null-value").map(tree).collect(),
            });
        }
        seeds
    }
}

/// The mapping of one of the seeds with up to five changes; changes that do not compile are left
/// out.
pub(in crate::order::tests) fn mapping(random: &mut Random, seeds: &[Seed]) -> Drawn {
    let seed = random.below(seeds.len());
    let Seed { mut settings, currency, .. } = seeds[seed].clone_settings();
    for _ in 0..[0, 1, 1, 2, 3, 5][random.below(6)] {
        let mut changed = settings.clone();
        change(&mut changed, random);
        if Mapping::compile(changed.clone()).is_ok() {
            settings = changed;
        }
    }
    let mut names_all_products = false;
    if random.below(2) == 0 {
        let mut changed = settings.clone();
        let products = places(&mut changed, Role::Product);
        products.push(vec![Place::parse(ALWAYS).unwrap()]);
        if Mapping::compile(changed.clone()).is_ok() {
            settings = changed;
            names_all_products = true;
        }
    }
    let mapping = Mapping::compile(settings).unwrap();
    Drawn { mapping, currency, names_all_products, seed }
}

impl Seed {
    fn clone_settings(&self) -> Self {
        Self { settings: self.settings.clone(), currency: self.currency, records: Vec::new() }
    }
}

/// The places that the mapping has for a role.
fn places(settings: &mut MappingSettings, role: Role) -> &mut Vec<Vec<Place>> {
    let at = settings.places.iter().position(|(own, _)| *own == role).unwrap_or_else(|| {
        settings.places.push((role, Vec::new()));
        settings.places.len() - 1
    });
    &mut settings.places[at].1
}

fn place(random: &mut Random) -> Place {
    Place::parse(PLACES[random.below(PLACES.len())]).unwrap()
}

fn some_places(random: &mut Random) -> Vec<Place> {
    (0..=random.below(2)).map(|_| place(random)).collect()
}

fn text(random: &mut Random) -> String {
    ["d", "paid", "CANCELLED", "cancelled", "order.created", "c", "order"][random.below(7)]
        .to_owned()
}

/// Changes one setting.
fn change(settings: &mut MappingSettings, random: &mut Random) {
    match random.below(20) {
        0 => settings.built_in ^= true,
        1 => settings.returns ^= true,
        2 => settings.minor_units ^= true,
        3 => settings.round ^= true,
        4 => settings.float32 ^= true,
        5 if random.below(2) == 0 => {
            settings.records = vec![Place::parse("$.orders[*]").unwrap()];
        }
        5 => settings.records = (0..random.below(3)).map(|_| place(random)).collect(),
        6 => {
            let only = Only { at: some_places(random), is: vec![text(random), text(random)] };
            settings.only = (random.below(3) > 0).then_some(only);
        }
        7 => {
            settings.tombstones =
                [Tombstones::DeadLetter, Tombstones::Cancel, Tombstones::Ignore][random.below(3)];
        }
        8 => {
            settings.identity =
                [None, Some(Identity::OrderNumber), Some(Identity::OrderId)][random.below(3)];
        }
        9 => settings.default_quantity = [None, Some(1), Some(999_999)][random.below(3)],
        10 => settings.cancelled = (0..random.below(3)).map(|_| text(random)).collect(),
        11 => {
            let count = [0, 1, 3, 32][random.below(4)];
            let field = |at| (format!("field {at}"), some_places(random));
            settings.keep = (0..count).map(field).collect();
        }
        12 => {
            let scale = u32::try_from(random.below(9)).unwrap();
            settings.decimal = [DecimalForm::Point, DecimalForm::Comma, DecimalForm::Base64(scale)]
                [random.below(3)];
        }
        13 => {
            let formats = [None, Some("%d.%m.%Y %H:%M"), Some("%s"), Some("%Y-%m-%dT%H:%M:%S%z")];
            settings.sold_at_format = formats[random.below(4)].map(str::to_owned);
        }
        14 => {
            let zones = [None, Some("UTC"), Some("Asia/Kathmandu")];
            settings.times_without_zone =
                zones[random.below(3)].map(|name| TimeZone::get(name).unwrap());
        }
        15 => {
            let parts = (0..2 + random.below(2)).map(|_| place(random)).collect();
            places(settings, Role::OrderId).insert(0, parts);
        }
        _ => {
            let role = Role::ALL[random.below(Role::ALL.len())];
            let own = places(settings, role);
            match random.below(4) {
                0 => own.clear(),
                1 => own.push(vec![place(random)]),
                2 if own.len() < PLACES_LIMIT => own.insert(0, vec![place(random)]),
                _ => *own = vec![vec![place(random)]],
            }
        }
    }
}

/// A mutated record of the mapping's shape, or sometimes of another one, and whether its tree is
/// still valid JSON.
pub(in crate::order::tests) fn record(
    random: &mut Random,
    drawn: &Drawn,
    seeds: &[Seed],
) -> (Record, bool) {
    let seed = if random.below(8) == 0 { random.below(seeds.len()) } else { drawn.seed };
    let trees = &seeds[seed].records;
    let mut tree = trees[random.below(trees.len())].clone();
    for _ in 0..[0, 0, 1, 1, 2, 3][random.below(6)] {
        tree.mutate(random);
    }
    if random.below(10) == 0 {
        let orders = Tree::List(vec![tree; random.below(4)]);
        tree = match random.below(2) {
            0 => orders,
            _ => Tree::Object(vec![("orders".to_owned(), orders)]),
        };
    }
    if drawn.names_all_products {
        tree.everywhere(ALWAYS, "\"SECRET\"");
    }
    let mut json = String::new();
    tree.write(random, &mut json);
    let mut payload = json.into_bytes();
    let damages = [0, 0, 0, 0, 0, 0, 1, 3][random.below(8)];
    for _ in 0..damages {
        damage(&mut payload, random);
    }
    let is_whole = damages == 0 && payload.len() < LARGEST / 2;
    payload.truncate(LARGEST);
    let keys = [
        "k1",
        "SECRET",
        "",
        r#"{"id": 17}"#,
        r#"{"id": {"SECRET": 1}}"#,
        "\"SECRET\"",
        "{\"id\": ",
        "\0",
    ];
    let timestamps = [None, Some(0), Some(1_795_000_000_000), Some(i64::MAX), Some(i64::MIN)];
    let headers: [&[u8]; 4] = [
        b"",
        // One header, `kind`: a text, null, or bytes that are not text.
        b"\x02\x08kind\x0acreated",
        b"\x02\x08kind\x01",
        b"\x02\x08kind\x04\xff\xfe",
    ];
    let mut record = Record {
        offset: [0, 17, i64::MAX][random.below(3)],
        key: (random.below(4) > 0)
            .then(|| Bytes::from_static(keys[random.below(keys.len())].as_bytes())),
        payload: (random.below(40) > 0).then(|| payload.into()),
        timestamp: timestamps[random.below(timestamps.len())],
        ..Record::default()
    };
    record.headers.0 = Bytes::from_static(headers[random.below(headers.len())]);
    (record, is_whole)
}
