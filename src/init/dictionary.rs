//! The meanings of field names in English, Portuguese and Spanish.
//!
//! A name is split into words at separators and at changes of case (`orderId`, `order_id`,
//! `OrderID`, `nº pedido`). An unknown word is split into known words (`orderid`, `itemid`). Case
//! and accents are ignored. A word may have several meanings: `data` is a date in Portuguese and a
//! wrapper in English.

use super::path::Path;

mod words;

pub(crate) use words::Word;

use words::WORDS;

/// A set of meanings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Words(u64);

impl Words {
    pub(crate) const fn has(self, word: Word) -> bool {
        self.0 & word.bit() != 0
    }

    pub(crate) fn any(self, words: &[Word]) -> bool {
        words.iter().any(|word| self.has(*word))
    }

    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// The meanings of the names on a path.
#[derive(Clone, Debug, Default)]
pub(crate) struct Name {
    /// The meanings of each word of the last name.
    pub(crate) own: Vec<Words>,
    /// All meanings of the last name and of the names above it, except wrappers.
    pub(crate) all: Words,
    /// The number of unknown words of the last name.
    pub(crate) unknown: i32,
    /// Whether a name above the last one denotes something other than the order, such as a
    /// customer.
    pub(crate) foreign: bool,
    /// Whether a name above the last one denotes the payment, which may contain sums of the order.
    pub(crate) of_payment: bool,
    /// The number of names above the last one.
    pub(crate) depth: i32,
}

impl Name {
    /// The meanings of `path`.
    pub(crate) fn of(path: &Path) -> Self {
        let mut names: Vec<&str> = path.names().collect();
        let last = names.pop().unwrap_or_default();
        let mut name =
            Self { depth: i32::try_from(names.len()).unwrap_or(i32::MAX), ..Self::default() };
        for word in split(last) {
            let meanings = meanings(&word);
            if meanings.is_empty() {
                name.unknown += i32::from(word.chars().any(char::is_alphabetic));
            } else {
                name.own.push(meanings);
                name.all = name.all.and(meanings);
            }
        }
        for above in names {
            let meant: Vec<Words> = split(above).iter().map(|word| meanings(word)).collect();
            let all = meant.iter().fold(Words::default(), |all, words| all.and(*words));
            name.of_payment |= all.has(Word::Payment);
            name.foreign |= meant.iter().all(|words| words.is_empty()) || all.any(&Word::OTHERS);
            if !all.has(Word::Wrapper) || all.has(Word::Order) {
                name.all = name.all.and(all);
            }
        }
        name
    }

    /// Whether the last name has a word with this meaning.
    pub(crate) fn is(&self, word: Word) -> bool {
        self.own.iter().any(|words| words.has(word))
    }

    pub(crate) fn has(&self, word: Word) -> bool {
        self.all.has(word)
    }

    /// Whether each word of the last name has one of these meanings.
    pub(crate) fn is_only(&self, words: &[Word]) -> bool {
        self.unknown == 0 && !self.own.is_empty() && self.own.iter().all(|own| own.any(words))
    }
}

/// The meanings of a word: as listed, as a plural, or as a compound of known words.
fn meanings(word: &str) -> Words {
    let known = known(word);
    if !known.is_empty() {
        return known;
    }
    compound(word).unwrap_or_default()
}

/// The meanings of a word or of its singular.
fn known(word: &str) -> Words {
    let exact = listed(word);
    if !exact.is_empty() || word.len() < 4 {
        return exact;
    }
    let singular = |ending: &str| word.strip_suffix(ending).map(listed).unwrap_or_default();
    let short = singular("s");
    if short.is_empty() { singular("es") } else { short }
}

fn listed(word: &str) -> Words {
    let means = WORDS.iter().filter(|(_, names)| names.split(' ').any(|name| name == word));
    Words(means.fold(0, |all, (word, _)| all | word.bit()))
}

/// The meanings of the known words that form `word` as a compound. Longer first words are tried
/// first.
fn compound(word: &str) -> Option<Words> {
    if word.len() < 5 {
        return None;
    }
    split_compound(word)
        .map(|parts| parts.iter().fold(Words::default(), |all, part| all.and(*part)))
}

fn split_compound(word: &str) -> Option<Vec<Words>> {
    if word.is_empty() {
        return Some(Vec::new());
    }
    let ends = word.char_indices().map(|(at, _)| at).skip(1).chain([word.len()]);
    let ends: Vec<usize> = ends.collect();
    for end in ends.into_iter().rev() {
        let (first, rest) = word.split_at(end);
        let meaning = if first.len() >= 3 || matches!(first, "id" | "ts" | "dt") {
            known(first)
        } else {
            Words::default()
        };
        if !meaning.is_empty()
            && let Some(mut parts) = split_compound(rest)
        {
            parts.insert(0, meaning);
            return Some(parts);
        }
    }
    None
}

/// The words of a name, in lower case and without accents.
pub(crate) fn split(name: &str) -> Vec<String> {
    let characters: Vec<char> = name.chars().collect();
    let (mut words, mut word) = (Vec::new(), String::new());
    for (at, &c) in characters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| characters.get(at));
        let after = characters.get(at + 1);
        let begins = c.is_uppercase()
            && before.is_some_and(|before| {
                !before.is_uppercase() || after.is_some_and(|after| after.is_lowercase())
            });
        if begins || !c.is_alphanumeric() || c == 'º' {
            words.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty()));
        }
        match c {
            'º' | '°' | '#' => words.push("number".to_owned()),
            c if c.is_alphabetic() => word.extend(c.to_lowercase().map(plain)),
            c if c.is_numeric() && !word.is_empty() => {}
            _ => {}
        }
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    words
}

/// The letter without its accent.
const fn plain(c: char) -> char {
    match c {
        'á' | 'à' | 'â' | 'ã' | 'ä' => 'a',
        'é' | 'è' | 'ê' | 'ë' => 'e',
        'í' | 'ì' | 'î' | 'ï' => 'i',
        'ó' | 'ò' | 'ô' | 'õ' | 'ö' => 'o',
        'ú' | 'ù' | 'û' | 'ü' => 'u',
        'ç' => 'c',
        'ñ' => 'n',
        c => c,
    }
}

/// A status or event type that excludes an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The order was cancelled.
    Cancelled,
    /// The payment was refunded or failed.
    Reversed,
}

/// Whether and how a status excludes an order.
pub(crate) fn ending(status: &str) -> Option<Ending> {
    let words = split(status);
    let begins = |beginnings: &[&str]| {
        words.iter().any(|word| beginnings.iter().any(|beginning| word.starts_with(beginning)))
    };
    if words.iter().any(|word| matches!(word.as_str(), "not" | "nao" | "no" | "un" | "sem" | "sin"))
    {
        return None;
    }
    if begins(&["cancel", "anul", "annul", "void", "delet", "exclui", "elimin", "remov", "revok"]) {
        return Some(Ending::Cancelled);
    }
    begins(&[
        "refund",
        "reembols",
        "estorn",
        "devol",
        "devuel",
        "return",
        "chargeback",
        "charged",
        "reject",
        "rejeit",
        "recus",
        "rechaz",
        "declin",
        "deneg",
        "negad",
        "fail",
        "falh",
        "fall",
        "expir",
        "venc",
        "abandon",
        "revers",
        "contracarg",
    ])
    .then_some(Ending::Reversed)
}

/// Whether an event type means that the record contains an order as placed or paid.
pub(crate) fn is_placement(event: &str) -> bool {
    let known = [
        "create",
        "created",
        "creation",
        "place",
        "placed",
        "paid",
        "complete",
        "completed",
        "new",
        "criado",
        "criada",
        "criacao",
        "pago",
        "paga",
        "realizado",
        "concluido",
        "concluida",
        "novo",
        "nova",
        "aprovado",
        "creado",
        "creada",
        "pagado",
        "pagada",
        "realizada",
        "completado",
        "nuevo",
        "nueva",
        "confirmed",
        "confirmado",
        "confirmada",
        "approved",
        "submitted",
        "checkout",
    ];
    split(event).iter().any(|word| known.contains(&word.as_str()))
}

#[cfg(test)]
mod tests {
    use super::{super::path::Step, *};

    fn name(names: &[&str]) -> Name {
        Name::of(&Path(names.iter().map(|name| Step::Name((*name).to_owned())).collect()))
    }

    #[test]
    fn names_are_split_into_words_without_case_and_accents() {
        for (name, words) in [
            ("orderId", &["order", "id"][..]),
            ("order_id", &["order", "id"]),
            ("OrderID", &["order", "id"]),
            ("HTTPStatus", &["http", "status"]),
            ("nº pedido", &["n", "number", "pedido"]),
            ("Preço-Unitário", &["preco", "unitario"]),
            ("line1", &["line"]),
        ] {
            assert_eq!(split(name), words, "{name}");
        }
    }

    #[test]
    fn compounds_are_split_into_words() {
        for together in ["orderid", "idpedido", "transactionid"] {
            let name = name(&[together]);
            assert!(name.has(Word::Order) && name.has(Word::Id), "{together}: {name:?}");
        }
        assert!(name(&["orderunits"]).has(Word::Quantity));
        assert!(name(&["ordertime"]).has(Word::Time));
        assert!(!name(&["paid"]).has(Word::Id));
    }

    #[test]
    fn a_name_takes_its_meaning_from_the_names_above_it() {
        assert!(name(&["payload", "order", "id"]).has(Word::Order));
        assert!(!name(&["payload", "order", "id"]).foreign);
        for foreign in ["user", "customer", "restaurant", "cliente", "billing_address"] {
            assert!(name(&["payload", foreign, "id"]).foreign, "{foreign}");
        }
        assert!(!name(&["after", "id"]).foreign);
    }

    #[test]
    fn a_status_that_ends_an_order_is_known_in_three_languages() {
        for status in ["CANCELLED", "canceled", "Cancelado", "order.cancelled", "anulada", "voided"]
        {
            assert_eq!(ending(status), Some(Ending::Cancelled), "{status}");
        }
        for status in ["refunded", "ESTORNADO", "devuelto", "returned", "payment_failed"] {
            assert_eq!(ending(status), Some(Ending::Reversed), "{status}");
        }
        for status in ["paid", "created", "CLOSED", "entregue", "not cancelled"] {
            assert_eq!(ending(status), None, "{status}");
        }
    }
}
