//! Random mappings and random messages for them: mutated orders.

use base64::{Engine, engine::general_purpose::STANDARD};
use prost_reflect::prost::Message as _;

use super::{
    super::*,
    mutate::{damage, twisted},
};
use crate::order::{Mapping, MappingSettings, Place, Role};
use testbed::samples::Random;

/// The maximum size of a generated message.
const LARGEST: usize = 16 << 10;

/// A schema, a mapping for it, and orders in the text format. The first schema has field presence,
/// so its messages can be compared with their JSON; its mapping does not misinterpret bytes and
/// times.
const KINDS: [(&str, &str, &[&str], bool); 4] = [
    (
        r#"syntax = "proto2"; import "google/protobuf/timestamp.proto"; import "google/type/money.proto";
        import "google/protobuf/wrappers.proto"; import "confluent/type/decimal.proto"; import "google/type/date.proto";
        enum Status { UNKNOWN = 0; PAID = 1; CANCELLED = 2; MINUS = -5; }
        message M {
            optional string order_id = 1; optional int64 order_number = 2; repeated Item items = 3;
            optional double total = 4; optional Money price = 5; optional google.protobuf.Timestamp at = 6;
            optional Status status = 7; optional sint32 small = 8; optional fixed64 large = 9;
            repeated double shipping = 10; map<string, Item> map = 11; optional M inner = 12;
            oneof event { Item one = 13; Other two = 14; string three = 15; sfixed32 four = 16; }
            optional group Group = 17 { optional string id = 1; repeated group Line = 2 {
                optional string product = 1; optional int32 qty = 2; optional float unit_price = 3; } }
            repeated int32 date = 18; optional google.protobuf.DoubleValue wrapped = 19;
            optional confluent.type.Decimal exact = 20; repeated M orders = 21; optional bool flag = 22;
            map<int32, string> numbered = 23; optional google.type.Date day = 24; optional float float = 25;
        }
        message Money { optional string currency = 1; optional int64 units = 2; optional sint32 nanos = 3; }
        message Item { optional string product = 1; optional int32 qty = 2; optional double unit_price = 3;
            optional Money cost = 4; optional uint64 count = 5; repeated Item items = 6; }
        message Other { optional string id = 1; optional string data = 2; }"#,
        "",
        &[
            r#"order_id: "SECRET" items { product: "SECRET" qty: 2 unit_price: 1.5 } items { product: "p" qty: 1 unit_price: 0.1 }
               price { units: 3 nanos: 100000000 } at { seconds: 1795356672 nanos: 5000 } status: PAID"#,
            r#"order_number: 17 total: 12.5 one { product: "p" count: 7 } shipping: 1.5 shipping: 2 small: -3 large: 9 flag: true"#,
            r#"inner { inner { order_id: "SECRET" } total: 4 } exact { value: "\x30\x39" scale: 2 } wrapped { value: 3.5 } float: 349.9"#,
            r#"order_id: "a" Group { id: "g" Line { product: "p" qty: 1 unit_price: 349.9 } Line { product: "q" qty: 3 } } total: 400"#,
            r#"map { key: "a" value { product: "p" qty: 2 } } map { key: "b" value {} } numbered { key: -3 value: "n" }
               date: 2026 date: 11 date: 22 total: 3 order_id: "x" day { year: 2026 month: 11 day: 22 }"#,
            r#"orders { order_id: "a" total: 1 } orders { order_number: 2 total: 2 items { product: "p" qty: 1 cost { units: 2 } } }"#,
            r#"two { id: "SECRET" data: '{"id": "SECRET", "total": 1.50}' } total: 7"#,
        ],
        true,
    ),
    (
        r#"syntax = "proto3"; import "google/type/money.proto"; import "google/type/decimal.proto";
        import "google/protobuf/timestamp.proto"; enum Status { UNKNOWN = 0; PAID = 1; CANCELLED = 2; }
        message M { string order_id = 1; int32 order_number = 2; repeated Item items = 3; double total = 4;
            google.type.Money price = 5; google.protobuf.Timestamp at = 6; Status status = 7; bytes data = 8;
            google.type.Decimal exact = 9; oneof event { Item one = 13; string three = 15; }
            repeated M orders = 21; M inner = 22; map<bool, int64> map = 23; }
        message Item { string product = 1; uint32 qty = 2; float unit_price = 3; google.type.Money cost = 4;
            repeated Item items = 5; }"#,
        "",
        &[
            r#"order_id: "SECRET" items { product: "SECRET" qty: 2 unit_price: 1.5 } total: 3 status: PAID"#,
            r#"order_number: 17 price { currency_code: "BRL" units: 3 nanos: 100000000 } at { seconds: 1795356672 } total: 3"#,
            r#"exact { value: "12.30" } order_id: "x" three: "t" data: '{"id": 5}'"#,
            r#"orders { order_id: "a" total: 1 } orders { order_number: 2 total: 2 } orders { } inner { inner { total: 1 } }"#,
        ],
        false,
    ),
    (
        r#"syntax = "proto3"; message M { string order_id = 1; string shipping_tracking_id = 2; Money shipping_cost = 3;
            repeated OrderItem items = 5; }
        message CartItem { string product_id = 1; int32 quantity = 2; }
        message Money { string currency_code = 1; int64 units = 2; int32 nanos = 3; }
        message OrderItem { CartItem item = 1; Money cost = 2; }"#,
        "product = \"$.item.product_id\"\nquantity = \"$.item.quantity\"\nunit_price = \"cost\"\nshipping = \"shipping_cost\"",
        &[r#"order_id: "SECRET" shipping_cost { units: 8 nanos: 990000000 }
               items { item { product_id: "SECRET" quantity: 2 } cost { currency_code: "BRL" units: 10 } }
               items { item { product_id: "q" quantity: 1 } cost { nanos: 500000000 } }"#],
        false,
    ),
    (
        r#"syntax = "proto2"; message M { required int32 order_number = 1; optional double total = 2 [default = 3.5];
            repeated group Items = 3 { optional string product = 1; optional int32 qty = 2 [default = 1]; }
            optional string status = 4 [default = "paid"]; repeated Items lists = 5; optional M m = 6; }"#,
        "",
        &[
            r#"order_number: 5 Items { product: "SECRET" } Items { qty: 2 } m { order_number: 1 } status: "x""#,
        ],
        false,
    ),
];

/// Places of all kinds. The last ones do not have the same meaning in JSON.
const PLACES: [&str; 39] = [
    "order_id",
    "order_number",
    "total",
    "$.price",
    "$.price.units",
    "$.items[*]",
    "$.one.items[*]",
    "$.items[*].unit_price",
    "$.items[*].product",
    "product",
    "qty",
    "unit_price",
    "cost",
    "$.cost.units",
    "count",
    "small",
    "large",
    "$.shipping[*]",
    "shipping",
    "$.map.a.product",
    "$.map.b",
    "$.map.a.qty",
    "$.inner.inner.order_id",
    "$.inner.total",
    "$.inner",
    "$.one",
    "$.one.product",
    "$.two.id",
    "$.two.data~.id",
    "three",
    "four",
    "$.group.id",
    "$.group.line[*]",
    "date",
    "wrapped",
    "exact",
    "$.numbered['-3']",
    "flag",
    "float",
];

/// The place of a time.
const TIMES: [&str; 4] = ["at", "date", "day", "large"];

/// A schema with its orders.
pub(super) struct Kind {
    pub(super) sample: Sample,
    text: &'static str,
    mapping: &'static str,
    orders: Vec<Vec<u8>>,
    /// Whether all messages have field presence.
    pub(super) has_presence: bool,
}

impl Kind {
    pub(super) fn all() -> Vec<Self> {
        let kind = |(text, mapping, orders, has_presence): (&'static str, _, &[&str], _)| {
            let sample = Sample::of(text);
            let orders = orders.iter().map(|order| sample.encode("M", order)).collect();
            Self { sample, text, mapping, orders, has_presence }
        };
        KINDS.into_iter().map(kind).collect()
    }

    /// The schema's mapping with up to five changes; changes that do not compile are left out.
    pub(super) fn rules(&self, random: &mut Random) -> Rules {
        let own = rules_by(self.mapping, &self.sample);
        let mut settings = own.mapping.settings().clone();
        for _ in 0..[0, 1, 1, 2, 3, 5, 8][random.below(7)] {
            let mut changed = settings.clone();
            change(&mut changed, random);
            if Mapping::compile(changed.clone()).is_ok() {
                settings = changed;
            }
        }
        let mapping = Mapping::compile(settings).unwrap();
        Rules::new(mapping, own.shop_timezone.clone(), own.currency).reading(own.reading)
    }

    /// A mutated order, or sometimes random bytes.
    pub(super) fn record(&self, random: &mut Random) -> Vec<u8> {
        if random.below(50) == 0 {
            return (0..random.below(100)).map(|_| random.bits().to_le_bytes()[0]).collect();
        }
        let mut payload = self.orders[random.below(self.orders.len())].clone();
        for _ in 0..[0, 1, 1, 2, 3, 5][random.below(6)] {
            let other = self.orders[random.below(self.orders.len())].clone();
            payload = twisted(&payload, &other, random, 0);
        }
        for _ in 0..[0, 0, 0, 0, 1, 3][random.below(6)] {
            damage(&mut payload, random);
        }
        payload.truncate(LARGEST);
        payload
    }

    /// The mutated schema, as text or descriptor.
    pub(super) fn schema(&self, random: &mut Random) -> String {
        let mut bytes = self.text.as_bytes().to_vec();
        let is_descriptor = random.below(2) == 0;
        if is_descriptor {
            let file = self.sample.descriptor("M").parent_file();
            bytes = file.file_descriptor_proto().encode_to_vec();
        }
        for _ in 0..random.below(4) {
            damage(&mut bytes, random);
        }
        if is_descriptor {
            return STANDARD.encode(bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

fn place(random: &mut Random) -> Place {
    Place::parse(PLACES[random.below(PLACES.len())]).unwrap()
}

/// Changes one setting.
fn change(settings: &mut MappingSettings, random: &mut Random) {
    match random.below(12) {
        0 => settings.built_in ^= true,
        1 => settings.returns ^= true,
        2 => settings.minor_units ^= true,
        3 => settings.round ^= true,
        4 => settings.default_quantity = [None, Some(1)][random.below(2)],
        5 => settings.records = vec![Place::parse("$.orders[*]").unwrap()],
        6 => {
            settings.places.push((Role::Status, vec![vec![Place::parse("status").unwrap()]]));
            settings.cancelled = vec!["CANCELLED".to_owned(), "2".to_owned()];
        }
        7 => {
            let field = |at| (format!("field {at}"), vec![place(random)]);
            settings.keep = (0..4).map(field).collect();
        }
        8 => {
            let at = Place::parse(TIMES[random.below(TIMES.len())]).unwrap();
            settings.places.retain(|(role, _)| *role != Role::SoldAt);
            settings.places.push((Role::SoldAt, vec![vec![at]]));
        }
        _ => {
            let role = Role::ALL[random.below(Role::ALL.len())];
            if role == Role::SoldAt {
                return;
            }
            settings.places.retain(|(own, _)| *own != role);
            let places = (0..=random.below(2)).map(|_| vec![place(random)]).collect();
            settings.places.push((role, places));
        }
    }
}
