use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
};

use jiff::{civil::DateTime, tz::TimeZone};
use rust_decimal::Decimal;
use serde_json::Value;

use super::{
    Before, Clock, Fault, Kind, Random, Shape, Share, Shop, ShopSettings, Simulated,
    catalogue::{HARD, PRODUCTS},
};
use crate::order::Rules;

const SHAPES: [Shape; 3] = [Shape::Ecommerce, Shape::EcommerceStatedTotal, Shape::Numbered];

fn rules() -> Rules {
    Rules::built_in(TimeZone::UTC)
}

fn share(text: &str) -> Share {
    text.parse().unwrap()
}

fn settings(shape: Shape, seed: u64, invalid: &str, corrections: &str) -> ShopSettings {
    let (invalid, corrections) = (share(invalid), share(corrections));
    let (clock, before) = (Clock::Drawn, None);
    ShopSettings { shape, seed, clock, before, first_number: 1, invalid, corrections, hard: false }
}

fn shop(shape: Shape, seed: u64, invalid: &str, corrections: &str) -> Shop {
    Shop::open(settings(shape, seed, invalid, corrections))
}

fn hard_shop(shape: Shape, seed: u64, invalid: &str, corrections: &str) -> Shop {
    Shop::open(ShopSettings { hard: true, ..settings(shape, seed, invalid, corrections) })
}

type Open = fn(Shape, u64, &str, &str) -> Shop;

fn records(mut shop: Shop, count: usize) -> Vec<Simulated> {
    (0..count).map(|_| shop.next_record().unwrap()).collect()
}

#[test]
fn the_same_seed_gives_the_same_records_and_another_gives_others() {
    for shape in SHAPES {
        let before = Some(Before { days: 30, until: Clock::BEGINNING, records: 1_000 });
        for (before, hard) in [(None, false), (None, true), (before, false)] {
            let texts = |seed| -> Vec<_> {
                let settings = settings(shape, seed, "5%", "5%");
                let shop = Shop::open(ShopSettings { before, hard, ..settings });
                let records = records(shop, 2_000);
                records.into_iter().map(|record| (record.key, record.payload)).collect()
            };
            assert_eq!(texts(7), texts(7));
            assert_ne!(texts(7), texts(8));
        }
    }
}

#[test]
fn what_is_said_to_be_an_order_is_one_and_what_is_not_is_none() {
    let rules = rules();
    for (shape, open) in
        SHAPES.into_iter().flat_map(|shape| [(shape, shop as Open), (shape, hard_shop)])
    {
        let mut kinds = HashMap::new();
        for record in records(open(shape, 1, "10%", "10%"), 20_000) {
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
    for (shape, hard) in SHAPES.into_iter().flat_map(|shape| [(shape, false), (shape, true)]) {
        let mut shop = Shop::open(ShopSettings { hard, ..settings(shape, 2, "0%", "0%") });
        for fault in Fault::of(shape) {
            for _ in 0..200 {
                let payload = fault.corrupt(shop.sell(), shape).unwrap();
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
        // The rule in its other common form: a sum with descending weights, times ten, modulo
        // eleven.
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

/// The frequency of each, the most frequent first.
fn counted<T: Eq + Hash>(all: impl Iterator<Item = T>) -> Vec<(T, usize)> {
    let mut counts = HashMap::new();
    for one in all {
        *counts.entry(one).or_insert(0) += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts
}

fn read(records: Vec<Simulated>) -> Vec<Value> {
    let read = |record: Simulated| serde_json::from_slice(&record.payload.unwrap()).unwrap();
    records.into_iter().map(read).collect()
}

fn decimal(value: &Value) -> Decimal {
    value.to_string().parse().unwrap()
}

fn sold_at(order: &Value) -> DateTime {
    DateTime::strptime("%d/%m/%Y %H:%M:%S", order["data_hora_venda"].as_str().unwrap()).unwrap()
}

#[test]
fn few_products_and_customers_make_most_sales_and_baskets_are_small() {
    let orders = read(records(shop(Shape::Ecommerce, 5, "0%", "0%"), 20_000));
    let baskets: Vec<_> =
        orders.iter().map(|order| order["produtos_comprados"].as_array().unwrap()).collect();
    let items: Vec<&Value> = baskets.iter().copied().flatten().collect();
    let per_mille = |part: usize, whole: usize| part * 1000 / whole;

    let products = counted(items.iter().map(|item| item["nome_produto"].as_str().unwrap()));
    assert_eq!(products.len(), PRODUCTS.len(), "each is sold, and no other");
    assert_eq!(products[0].0, PRODUCTS[0].0);
    // A uniform draw up to a uniform draw: the first x account for x·(1 − ln x).
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

    let listed: HashMap<_, _> = PRODUCTS.into_iter().collect();
    let cent = Decimal::new(1, 2);
    let (mut reduced, mut counted) = (0, [0; 7]);
    for item in &items {
        let (quantity, price) = (decimal(&item["quantidade"]), decimal(&item["preco_unitario"]));
        let cents = listed[item["nome_produto"].as_str().unwrap()];
        let full = Decimal::new(cents, 2);
        assert!(price <= full && price >= full * Decimal::new(8, 1) - cent, "{item}");
        let last_digit = price * Decimal::ONE_HUNDRED % Decimal::TEN;
        assert!([0, 9].map(Decimal::from).contains(&last_digit), "{item}");
        reduced += usize::from(price < full);
        counted[usize::try_from(quantity).unwrap()] += usize::from(cents < 15_000);
        assert!(cents < 15_000 || quantity == Decimal::ONE, "{item}");
    }
    assert!((185..=215).contains(&per_mille(reduced, items.len())), "{reduced}");
    let cheap: usize = counted.iter().sum();
    assert!((690..=710).contains(&per_mille(counted[1], cheap)), "{counted:?}");
    assert!((960..=980).contains(&per_mille(counted[1..4].iter().sum(), cheap)), "{counted:?}");
    // Sales to a customer of a shop of this kind.
    let worth: Decimal =
        items.iter().map(|it| decimal(&it["quantidade"]) * decimal(&it["preco_unitario"])).sum();
    let average = worth / Decimal::from(orders.len());
    assert!(average > Decimal::from(150) && average < Decimal::from(600), "{average}");

    let times: Vec<_> = orders.iter().map(sold_at).collect();
    let took = times[times.len() - 1].duration_since(times[0]).as_secs();
    assert!(times.is_sorted() && (185_000..=195_000).contains(&took), "{took} s");
}

#[test]
fn draws_do_not_depend_on_the_machine() {
    use fake::rand::{Rng, SeedableRng};
    assert_eq!(Random::seed_from_u64(42).next_u64(), 15_021_278_609_987_233_951);
}

#[test]
fn hard_cases_are_sold_only_where_they_are_asked_for() {
    let hard: HashSet<_> = HARD.iter().map(|product| product.0).collect();
    let sold = |shop: Shop| {
        let orders = read(records(shop, 5_000));
        let items = orders.iter().flat_map(|order| order["produtos_comprados"].as_array().unwrap());
        items.cloned().collect::<Vec<_>>()
    };
    let is_hard = |item: &Value| hard.contains(item["nome_produto"].as_str().unwrap());
    assert!(!sold(shop(Shape::Ecommerce, 9, "0%", "0%")).iter().any(is_hard));
    let items = sold(hard_shop(Shape::Ecommerce, 9, "0%", "0%"));
    let found =
        counted(items.iter().filter(|item| is_hard(item)).map(|item| &item["nome_produto"]));
    assert_eq!(found.len(), HARD.len(), "{found:?}");
    let amounts: Vec<_> = items
        .iter()
        .map(|item| decimal(&item["quantidade"]) * decimal(&item["preco_unitario"]))
        .collect();
    assert!(amounts.iter().any(|amount| amount.scale() == 8), "many decimals");
    assert!(amounts.iter().any(|amount| *amount > Decimal::from(10_000_000_000_i64)), "huge");
    assert!(amounts.iter().any(|amount| *amount < Decimal::new(1, 3)), "tiny");
}

#[test]
fn days_before_are_sold_in_as_in_a_shop() {
    const RECORDS: u64 = 40_000;
    // A Wednesday.
    let until = DateTime::constant(2026, 11, 25, 15, 30, 0, 0);
    let before = Some(Before { days: 28, until, records: RECORDS });
    let clock = Clock::Now(TimeZone::UTC);
    let settings = ShopSettings { clock, before, ..settings(Shape::Ecommerce, 10, "0%", "0%") };
    let count = usize::try_from(RECORDS).unwrap();
    let times: Vec<_> =
        read(records(Shop::open(settings.clone()), count)).iter().map(sold_at).collect();
    assert!(times.is_sorted() && times[0].date() == jiff::civil::date(2026, 10, 29));
    assert!(
        times[count - 1] < until
            && times[count - 1] > DateTime::constant(2026, 11, 25, 15, 25, 0, 0)
    );
    let whole = times.iter().filter(|time| time.date() != until.date());
    let by_hour: HashMap<_, _> =
        counted(whole.clone().map(|time| time.hour())).into_iter().collect();
    assert_eq!(by_hour.len(), 24);
    assert!(by_hour[&20] > 8 * by_hour[&4] && by_hour[&20] > by_hour[&15], "{by_hour:?}");
    let by_day = counted(whole.clone().map(|time| time.date()));
    assert_eq!(by_day.len(), 27);
    let on = |days: &[i8]| -> usize {
        let found =
            by_day.iter().filter(|(day, _)| days.contains(&day.weekday().to_monday_one_offset()));
        let (days, orders) =
            found.fold((0, 0), |(days, sum), (_, orders)| (days + 1, sum + orders));
        orders / days
    };
    assert!(on(&[1, 2]) * 10 > on(&[6, 7]) * 12, "{by_day:?}");
    let today = times.iter().filter(|time| time.date() == until.date()).count();
    assert!(today * 10 > on(&[3]) * 3 && today * 10 < on(&[3]) * 7, "{today}: {by_day:?}");

    // Corrections keep the time of their order, and orders after the past are sold now.
    let settings = ShopSettings { corrections: share("30%"), ..settings };
    let mut sent: HashMap<String, DateTime> = HashMap::new();
    for order in read(records(Shop::open(settings), count + 20)) {
        let first = sent.entry(order["id_ordem"].to_string()).or_insert_with(|| sold_at(&order));
        assert_eq!(*first, sold_at(&order));
    }
    let now = jiff::Timestamp::now().to_zoned(TimeZone::UTC).datetime();
    let is_now = |time: &&DateTime| time.duration_until(now).as_secs() < 60;
    assert!((8..=20).contains(&sent.values().filter(is_now).count()));
    assert!(sent.values().filter(|time| time.date() == until.date()).count() > 100);
}

#[test]
fn days_before_can_be_only_the_first_moments_of_one() {
    for until in [(0, 0, 0), (0, 0, 1), (23, 59, 59)] {
        let (hour, minute, second) = until;
        let until = DateTime::constant(2026, 3, 1, hour, minute, second, 0);
        let before = Some(Before { days: 1, until, records: 50 });
        let settings = ShopSettings { before, ..settings(Shape::Ecommerce, 11, "0%", "0%") };
        for order in read(records(Shop::open(settings), 50)) {
            let time = sold_at(&order);
            assert!(time.date() == until.date() && time <= until, "{time}");
        }
    }
}
