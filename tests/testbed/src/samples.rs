//! Orders in files: the hundred of samples/sales_sample.json as a shop sends them, of which eight
//! are malformed in different ways; and those of samples/hard_cases.json, with difficult numbers
//! and texts.

/// The number of orders in the shop's sample, including malformed ones.
const ORDERS: usize = 100;

/// The number of the first order; ordinary orders are numbered by their position.
const FIRST_NUMBER: usize = 1001;

/// Name, price in cents, and whether it is sold by weight.
const PRODUCTS: [(&str, u64, bool); 16] = [
    ("Café torrado 500 g", 2_490, false),
    ("Pão de queijo", 4_290, true),
    ("Feijão carioca 1 kg", 879, false),
    ("Queijo minas", 5_490, true),
    ("Guaraná 2 L", 999, false),
    ("Goiabada cascão", 1_890, false),
    ("Açaí 1 L", 3_250, false),
    ("Maçã Fuji", 1_290, true),
    ("Mamão formosa", 790, true),
    ("Sabão em pó 2 kg", 2_799, false),
    ("Bola de futebol", 7_990, false),
    ("Calça jeans", 12_990, false),
    ("Rede de algodão", 18_900, false),
    ("Violão", 64_950, false),
    ("Fogão de 4 bocas", 89_900, false),
    ("Notebook", 349_990, false),
];

/// Above this price, in cents, the quantity is always one.
const EXPENSIVE: u64 = 15_000;

/// The orders that are not generated: their positions, and their texts.
const POSITIONED: [(usize, &str); 17] = [
    // Malformed: no number.
    (10, r#"{"order_items": [{"qty": 1, "value_unit": 59.90}]}"#),
    // Prices and quantities as strings.
    (
        13,
        r#"{"order_number": 1014, "order_items": [{"qty": "3", "value_unit": "12.30"}, {"qty": "0.5", "value_unit": "79.90"}]}"#,
    ),
    // The field names in Portuguese.
    (
        17,
        r#"{"numero_pedido": 1018, "itens": [{"produto": "Café torrado 500 g", "quantidade": 4, "preco_unitario": 24.90}, {"produto": "Pão de queijo", "quantidade": 1.200, "preco_unitario": 42.90}]}"#,
    ),
    // Malformed: a negative quantity.
    (20, r#"{"order_number": 1021, "order_items": [{"qty": -2, "value_unit": 18.90}]}"#),
    // Malformed: a decimal comma.
    (29, r#"{"order_number": 1030, "order_items": [{"qty": 1, "value_unit": "12,30"}]}"#),
    // A correction of the order at position 30: the last version counts.
    (38, r#"{"order_number": 1031, "order_items": [{"qty": 1, "value_unit": 899.00}]}"#),
    // Malformed: a number beyond INT.
    (41, r#"{"order_number": 2147483648, "order_items": [{"qty": 1, "value_unit": 10.00}]}"#),
    // A gift: a price of zero.
    (
        52,
        r#"{"order_number": 1053, "order_items": [{"qty": 1, "value_unit": 129.90}, {"qty": 1, "value_unit": 0}]}"#,
    ),
    // Malformed: priced and unpriced items together.
    (
        55,
        r#"{"order_number": 1056, "order_items": [{"qty": 1, "value_unit": 649.50}, {"qty": 2}]}"#,
    ),
    // No prices but a total, which is distributed over the items by quantity.
    (
        59,
        r#"{"order_number": 1060, "order_items": [{"product": "Goiabada cascão", "qty": 1}, {"product": "Queijo minas", "qty": 2}], "total": 100.00}"#,
    ),
    // Only a total.
    (62, r#"{"order_number": 1063, "total": "73.45"}"#),
    // Malformed: one field with both of its names.
    (
        69,
        r#"{"order_number": 1070, "numero_pedido": 1071, "order_items": [{"qty": 1, "value_unit": 21.50}]}"#,
    ),
    // Fields that are not used.
    (
        73,
        r#"{"order_number": 1074, "channel": {"name": "balcão", "tags": ["loja 3", null]}, "order_items": [{"qty": 2, "value_unit": 79.90, "colour": "azul"}]}"#,
    ),
    // Malformed: the stated total is not the sum of the items.
    (
        76,
        r#"{"order_number": 1077, "order_items": [{"qty": 2, "value_unit": 129.90}], "total": 129.90}"#,
    ),
    // A number as a string.
    (80, r#"{"order_number": "1081", "order_items": [{"qty": 1, "value_unit": 189.00}]}"#),
    // `null` is the same as absent.
    (
        84,
        r#"{"order_number": 1085, "order_items": [{"product": null, "qty": 1, "value_unit": 27.99}], "total": null}"#,
    ),
    // Malformed: empty.
    (90, "{}"),
];

/// The hard cases.
const HARD: [&str; 10] = [
    // A total that binary floats do not represent: 0.1 + 0.2.
    r#"{"order_number": 1004, "order_items": [{"qty": 1, "value_unit": 0.1}, {"qty": 1, "value_unit": 0.2}]}"#,
    // 349.90 as another program's floats print it.
    r#"{"order_number": 1008, "order_items": [{"qty": 2, "value_unit": 349.90000000000003}]}"#,
    // Ten items.
    r#"{"order_number": 1025, "order_items": [{"qty": 1, "value_unit": 8.79}, {"qty": 2, "value_unit": 9.99}, {"qty": 3, "value_unit": 12.99}, {"qty": 4, "value_unit": 18.90}, {"qty": 5, "value_unit": 24.90}, {"qty": 6, "value_unit": 27.99}, {"qty": 7, "value_unit": 32.50}, {"qty": 8, "value_unit": 42.90}, {"qty": 9, "value_unit": 54.90}, {"qty": 10, "value_unit": 79.90}]}"#,
    // The largest quantity and the largest price.
    r#"{"order_number": 2147483647, "order_items": [{"qty": 999999.9999, "value_unit": 9999999999.9999}]}"#,
    // Negative numbers are valid too.
    r#"{"order_number": -46, "order_items": [{"qty": 1, "value_unit": 10.000}]}"#,
    // An exponent: 100.
    r#"{"order_number": 1049, "order_items": [{"qty": 3, "value_unit": 1e2}]}"#,
    // A stated total that differs by less than half a cent an item: 4.995 rounded up by the shop.
    r#"{"order_number": 1067, "order_items": [{"qty": 0.5, "value_unit": 9.99}], "total": 5.00}"#,
    // Four decimals each.
    r#"{"order_number": 1088, "order_items": [{"qty": 0.3333, "value_unit": 0.0001}, {"qty": 12.3456, "value_unit": 78.9012}]}"#,
    // The previous order again, as after a retry of its sender.
    r#"{"order_number": 1088, "order_items": [{"qty": 0.3333, "value_unit": 0.0001}, {"qty": 12.3456, "value_unit": 78.9012}]}"#,
    // A partly escaped text, with spaces where JSON allows them.
    r#"{ "order_number" : 1098 , "order_items" : [ { "product" : "A\u00e7a\u00ed 1 L" , "qty" : 6 , "value_unit" : 32.5 } ] }"#,
];

/// A file of orders, the same every time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sample {
    /// The orders of a shop.
    Shop,
    /// Money that binary floats do not represent, the largest and the smallest amounts, and rare
    /// spellings. Separate from the shop's orders, since one of them exceeds their sum.
    Hard,
}

impl Sample {
    /// Each order as its JSON text.
    #[must_use]
    pub fn orders(self) -> Vec<String> {
        if self == Self::Hard {
            return HARD.map(str::to_owned).to_vec();
        }
        let mut random = Random(2026);
        (0..ORDERS)
            .map(|position| {
                // Always generated, so that a change of the list does not change the other orders.
                let drawn = ordinary(FIRST_NUMBER + position, &mut random);
                let positioned = POSITIONED.iter().find(|(at, _)| *at == position);
                positioned.map_or(drawn, |(_, text)| (*text).to_owned())
            })
            .collect()
    }

    /// The whole file: a JSON array with an order per line.
    #[must_use]
    pub fn file(self) -> String {
        format!("[\n  {}\n]\n", self.orders().join(",\n  "))
    }
}

fn ordinary(number: usize, random: &mut Random) -> String {
    let with_products = random.below(3) == 0;
    let items: Vec<_> = (0..=random.below(3)).map(|_| item(with_products, random)).collect();
    format!(r#"{{"order_number": {number}, "order_items": [{}]}}"#, items.join(", "))
}

fn item(with_product: bool, random: &mut Random) -> String {
    // The expensive products are at the end, and are sold less often.
    let below = 1 + random.below(PRODUCTS.len());
    let (name, cents, by_weight) = PRODUCTS[random.below(below)];
    let quantity = match by_weight {
        true => format!("{}.{}00", random.below(2), 2 + random.below(8)),
        false if cents >= EXPENSIVE => "1".to_owned(),
        false => (1 + random.below(3)).to_string(),
    };
    let product = if with_product { format!(r#""product": "{name}", "#) } else { String::new() };
    let price = format!("{}.{:02}", cents / 100, cents % 100);
    format!(r#"{{{product}"qty": {quantity}, "value_unit": {price}}}"#)
}

/// SplitMix64: small, and the same on every machine and in every version of every library.
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    /// The next 64 bits.
    pub const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to `end`, exclusive, which must be above 0.
    pub fn below(&mut self, end: usize) -> usize {
        // A remainder of `end` fits where `end` does.
        usize::try_from(self.bits() % end as u64).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_files_match_the_generator() {
        for (sample, name, flag) in
            [(Sample::Shop, "sales_sample", ""), (Sample::Hard, "hard_cases", " --hard")]
        {
            let path = format!("{}/../../samples/{name}.json", env!("CARGO_MANIFEST_DIR"));
            let committed = std::fs::read_to_string(&path).unwrap_or_default();
            let remedy = format!("run: cargo run -p testbed -- samples{flag} > {path}");
            assert!(committed == sample.file(), "{remedy}");
        }
    }

    #[test]
    fn the_shop_sample_is_an_array_of_a_hundred_objects() {
        let orders: Vec<serde_json::Map<String, serde_json::Value>> =
            serde_json::from_str(&Sample::Shop.file()).unwrap();
        assert_eq!(orders.len(), ORDERS);
    }
}
