//! The products of the shop.

use fake::rand::RngExt;
use rust_decimal::Decimal;

use super::{order::Line, random::Random};

/// Names and prices in cents, best sellers first.
pub(super) const PRODUCTS: [(&str, i64); 48] = [
    ("Café torrado em grãos 500 g", 3_990),
    ("Capinha para celular", 3_490),
    ("Carregador USB-C 20 W", 7_990),
    ("Fone de ouvido Bluetooth", 15_990),
    ("Garrafa térmica 1 L", 8_990),
    ("Camiseta básica de algodão", 4_990),
    ("Kit de 3 panos de prato", 2_990),
    ("Caneca de cerâmica 300 mL", 3_490),
    ("Chinelo de dedo", 3_999),
    ("Livro: Dom Casmurro", 2_990),
    ("Luminária de mesa LED", 8_990),
    ("Mouse sem fio", 6_990),
    ("Toalha de banho", 4_590),
    ("Erva-mate 1 kg", 2_490),
    ("Mel silvestre 500 g", 3_290),
    ("Chocolate 70% 100 g", 1_890),
    ("Cabo HDMI 2 m", 3_990),
    ("Caderno universitário 10 matérias", 2_890),
    ("Mochila escolar", 12_990),
    ("Jogo de lençol de casal", 15_990),
    ("Faca do chef 20 cm", 9_990),
    ("Frigideira antiaderente 24 cm", 10_990),
    ("Bola de futebol", 9_990),
    ("Calça jeans", 13_990),
    ("Azeite de oliva extravirgem 500 mL", 4_490),
    ("Doce de leite 400 g", 2_190),
    ("Castanha-do-pará 250 g", 3_990),
    ("Lápis de cor 24 cores", 3_990),
    ("Teclado sem fio ABNT2", 14_990),
    ("Travesseiro de espuma", 5_990),
    ("Vestido midi", 15_990),
    ("Tênis de corrida", 29_990),
    ("Panela de pressão 4,5 L", 13_990),
    ("Cafeteira italiana 6 xícaras", 11_990),
    ("Liquidificador 900 W", 17_990),
    ("Rede de dormir", 18_990),
    ("Ventilador de mesa 40 cm", 19_990),
    ("Furadeira de impacto", 27_990),
    ("Chuveiro elétrico", 9_990),
    ("Violão acústico", 49_990),
    ("Cadeira de escritório", 59_990),
    ("Fritadeira sem óleo 4 L", 39_990),
    ("Smartwatch", 34_990),
    ("Micro-ondas 20 L", 54_990),
    ("Celular 128 GB", 129_990),
    ("Bicicleta aro 29", 149_990),
    ("Smart TV 50 polegadas", 219_990),
    ("Notebook 15 polegadas", 299_990),
];

/// From this price in cents, customers rarely buy more than one.
const DEAR: i64 = 15_000;

/// The distribution of quantities of a [`HARD`] product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    /// From 1 to 24.
    Piece,
    /// In steps of 50 g, up to 3 kg.
    Weight,
    /// With four decimals, below 100.
    Meter,
}

/// Names, prices (digits and decimals) and measures of products for tests: money that floats cannot
/// represent, tiny and huge amounts, and names that break careless programs.
pub(super) const HARD: [(&str, i64, u32, Measure); 16] = [
    ("Pão de queijo", 4_290, 2, Measure::Weight),
    ("Queijo minas", 5_490, 2, Measure::Weight),
    ("Camiseta \"Brasil\" ⚽", 7_990, 2, Measure::Piece),
    ("Maçã Fuji", 1_299, 2, Measure::Weight),
    ("Lápis de cor {36 cores}", 4_590, 2, Measure::Piece),
    ("Energia elétrica, kWh", 6_563, 4, Measure::Meter),
    ("Jogo de copos 'Americano' c/ 6", 2_400, 2, Measure::Piece),
    ("Cabo HDMI\\USB-C 2 m", 4_990, 2, Measure::Piece),
    ("Parafuso; porca, arruela", 375, 4, Measure::Piece),
    ("Gasolina comum, L", 5_899, 3, Measure::Meter),
    ("TV 50\" 4K", 239_900, 2, Measure::Piece),
    ("Chip – lote", 1, 4, Measure::Piece),
    ("Fone de ouvido Bluetooth 🎧", 19_990, 2, Measure::Piece),
    ("=SOMA(A1)", 1, 2, Measure::Piece),
    ("Prédio comercial", 99_999_999_000_001, 4, Measure::Piece),
    ("Brinde", 0, 2, Measure::Piece),
];

/// Draws a line of an order: a product, its quantity, and its price or less.
pub(super) fn line(random: &mut Random, hard: bool) -> Line {
    if hard && random.random_range(0..2) == 0 {
        return hard_line(random);
    }
    let (product, cents) =
        PRODUCTS.get(skewed(PRODUCTS.len(), random)).copied().unwrap_or(("Café", 3_990));
    // One in five is on offer, at a price that also ends in 9.
    let price = match random.random_range(0..5) {
        0 => {
            let reduced = cents - cents * random.random_range(1..=4) * 5 / 100;
            reduced - reduced % 10 + 9
        }
        _ => cents,
    };
    let quantity = match random.random_range(0..100) {
        0..70 => 1,
        _ if cents >= DEAR => 1,
        70..90 => 2,
        90..97 => 3,
        _ => random.random_range(4..=6),
    };
    Line { product, quantity: quantity.into(), unit_price: Decimal::new(price, 2) }
}

fn hard_line(random: &mut Random) -> Line {
    let (product, digits, decimals, measure) =
        HARD.get(skewed(HARD.len(), random)).copied().unwrap_or(("Chip", 1, 4, Measure::Piece));
    let quantity = match measure {
        Measure::Piece => Decimal::from(random.random_range(1..=24)),
        Measure::Weight => Decimal::new(random.random_range(2..=60) * 50, 3).normalize(),
        Measure::Meter => Decimal::new(random.random_range(1..1_000_000), 4),
    };
    Line { product, quantity, unit_price: Decimal::new(digits, decimals) }
}

/// A number below `end`; small ones are much more frequent.
pub(super) fn skewed(end: usize, random: &mut Random) -> usize {
    let end = end.max(1);
    let below = random.random_range(0..end);
    random.random_range(0..=below)
}
