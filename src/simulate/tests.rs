use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
};

use jiff::{civil::DateTime, tz::TimeZone};
use rust_decimal::Decimal;
use serde_json::Value;

use super::{
    Clock, Fault, Habits, Kind, Random, Shape, Share, Shop, Simulated, catalogue::PRODUCTS,
};
use crate::order::Rules;

const SHAPES: [Shape; 3] = [Shape::Ecommerce, Shape::EcommerceStatedTotal, Shape::Numbered];

fn rules() -> Rules {
    Rules::built_in(TimeZone::UTC)
}

fn share(text: &str) -> Share {
    text.parse().unwrap()
}

fn shop(shape: Shape, seed: u64, invalid: &str, corrections: &str) -> Shop {
    let (invalid, corrections) = (share(invalid), share(corrections));
    Shop::open(Habits { shape, seed, clock: Clock::Drawn, first_number: 1, invalid, corrections })
}

fn records(mut shop: Shop, count: usize) -> Vec<Simulated> {
    (0..count).map(|_| shop.next_record().unwrap()).collect()
}

#[test]
fn the_same_seed_gives_the_same_records_and_another_gives_others() {
    for shape in SHAPES {
        let texts = |seed| -> Vec<_> {
            let records = records(shop(shape, seed, "5%", "5%"), 2_000);
            records.into_iter().map(|record| (record.key, record.payload)).collect()
        };
        assert_eq!(texts(7), texts(7));
        assert_ne!(texts(7), texts(8));
    }
}

#[test]
fn what_is_said_to_be_an_order_is_one_and_what_is_not_is_none() {
    let rules = rules();
    for shape in SHAPES {
        let mut kinds = HashMap::new();
        for record in records(shop(shape, 1, "10%", "10%"), 20_000) {
            let understood = rules.understand_value(record.payload.as_deref());
            let expected = record.kind != Kind::Invalid;
            assert_eq!(understood.is_ok(), expected, "{:?}: {understood:?}", record.payload);
            *kinds.entry(format!("{:?}", record.kind)).or_insert(0) += 1;
        }
        assert!((1_800..=2_200).contains(&kinds["Invalid"]), "{kinds:?}");
        assert!((1_800..=2_200).contains(&kinds["Correction"]), "{kinds:?}");
    }
}

#[test]
fn every_fault_of_every_shape_makes_a_dead_letter() {
    let rules = rules();
    for shape in SHAPES {
        let mut shop = shop(shape, 2, "0%", "0%");
        for fault in Fault::of(shape) {
            for _ in 0..200 {
                let payload = fault.spoil(shop.sell(), shape).unwrap();
                assert!(
                    rules.understand_value(payload.as_deref()).is_err(),
                    "{fault:?}: {payload:?}"
                );
            }
        }
    }
}

#[test]
fn a_correction_changes_an_order_that_was_sent() {
    let rules = rules();
    for shape in SHAPES {
        let mut sent = HashMap::new();
        for record in records(shop(shape, 3, "0%", "20%"), 5_000) {
            let order = rules.understand_value(record.payload.as_deref()).unwrap();
            let earlier = sent.insert(record.key, order.clone());
            assert_eq!(earlier.is_some(), record.kind == Kind::Correction);
            assert!(earlier.is_none_or(|earlier| earlier != order));
        }
    }
}

#[test]
fn documents_are_valid_and_of_many_customers() {
    let mut documents = HashSet::new();
    for record in records(shop(Shape::Ecommerce, 4, "0%", "0%"), 5_000) {
        let order: serde_json::Value = serde_json::from_slice(&record.payload.unwrap()).unwrap();
        let document = order["documento_cliente"].as_str().unwrap().to_owned();
        let digits: Vec<u32> = document.chars().filter_map(|c| c.to_digit(10)).collect();
        assert_eq!((document.len(), digits.len()), (14, 11), "{document}");
        // The rule in its other usual form: a sum by falling weights, times ten, modulo eleven.
        for (checked, heaviest) in [(9, 10), (10, 11)] {
            let weights = (2..=heaviest).rev();
            let sum: u32 = digits.iter().zip(weights).map(|(digit, weight)| digit * weight).sum();
            assert_eq!(sum * 10 % 11 % 10, digits[checked], "{document}");
        }
        assert!(digits.iter().any(|digit| *digit != digits[0]), "{document}");
        documents.insert(document);
    }
    assert!(documents.len() > 500, "{}", documents.len());
}

/// How often each came, the most frequent first.
fn counted<T: Eq + Hash>(all: impl Iterator<Item = T>) -> Vec<(T, usize)> {
    let mut counts = HashMap::new();
    for one in all {
        *counts.entry(one).or_insert(0) += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts
}

#[test]
fn few_products_and_customers_make_most_sales_and_baskets_are_small() {
    let read = |record: Simulated| serde_json::from_slice(&record.payload.unwrap()).unwrap();
    let orders: Vec<Value> =
        records(shop(Shape::Ecommerce, 5, "0%", "0%"), 20_000).into_iter().map(read).collect();
    let baskets: Vec<_> =
        orders.iter().map(|order| order["produtos_comprados"].as_array().unwrap()).collect();
    let items: Vec<&Value> = baskets.iter().copied().flatten().collect();
    let per_mille = |part: usize, whole: usize| part * 1000 / whole;

    let products = counted(items.iter().map(|item| item["nome_produto"].as_str().unwrap()));
    assert_eq!(products.len(), PRODUCTS.len(), "each is sold, and no other");
    assert_eq!(products[0].0, PRODUCTS[0].0);
    // An even draw up to an even draw: the first x of them make x·(1 − ln x).
    let best: usize = products[..5].iter().map(|(_, count)| count).sum();
    assert!((310..=335).contains(&per_mille(best, items.len())), "{products:?}");
    let customers = counted(orders.iter().map(|order| &order["documento_cliente"]));
    let best: usize = customers[..customers.len() / 10].iter().map(|(_, count)| count).sum();
    assert!((300..=400).contains(&per_mille(best, orders.len())), "{best}");

    let sizes: HashMap<_, _> =
        counted(baskets.iter().map(|items| items.len())).into_iter().collect();
    assert_eq!(sizes.len(), 8, "{sizes:?}");
    for (size, expected) in [(1, 350), (2, 300), (3, 200), (4, 100)] {
        let share = per_mille(sizes[&size], orders.len());
        assert!((expected - 15..=expected + 15).contains(&share), "{sizes:?}");
    }

    let listed: HashMap<_, _> = PRODUCTS.iter().map(|product| (product.0, product)).collect();
    let decimal = |value: &Value| value.to_string().parse::<Decimal>().unwrap();
    let (mut reduced, mut single, mut by_piece) = (0, 0, 0);
    for item in &items {
        let (quantity, price) = (decimal(&item["quantidade"]), decimal(&item["preco_unitario"]));
        let (_, cents, by_weight) = listed[item["nome_produto"].as_str().unwrap()];
        let full = Decimal::new(*cents, 2);
        let cent = Decimal::new(1, 2);
        assert!(price <= full && price + cent >= full * Decimal::new(8, 1), "{item}");
        reduced += usize::from(price < full);
        if *by_weight {
            assert!(quantity <= Decimal::from(3) && quantity % Decimal::new(5, 2) == Decimal::ZERO);
        } else {
            assert!(quantity.is_integer() && quantity <= Decimal::from(24), "{item}");
            by_piece += 1;
            single += usize::from(quantity == Decimal::ONE);
        }
    }
    assert!((235..=265).contains(&per_mille(reduced, items.len())), "{reduced}");
    assert!((585..=615).contains(&per_mille(single, by_piece)), "{single} of {by_piece}");

    let sold_at = |order: &Value| {
        DateTime::strptime("%d/%m/%Y %H:%M:%S", order["data_hora_venda"].as_str().unwrap()).unwrap()
    };
    let times: Vec<_> = orders.iter().map(sold_at).collect();
    let took = times[times.len() - 1].duration_since(times[0]).as_secs();
    assert!(times.is_sorted() && (185_000..=195_000).contains(&took), "{took} s");
}

#[test]
fn draws_do_not_depend_on_the_machine() {
    use fake::rand::{Rng, SeedableRng};
    assert_eq!(Random::seed_from_u64(42).next_u64(), 15_021_278_609_987_233_951);
}
