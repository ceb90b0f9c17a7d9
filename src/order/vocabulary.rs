//! Which names of fields stand for which role.

use std::fmt;

/// What a field means, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The order's number, an integer that fits PostgreSQL's INT.
    OrderNumber,
    /// The order's id, a text.
    OrderId,
    /// The list of items.
    Items,
    /// What the order is said to be worth.
    Total,
    /// When it was sold.
    SoldAt,
    /// An item's product.
    Product,
    /// An item's quantity.
    Quantity,
    /// What one of an item costs.
    UnitPrice,
}

/// The object in which a role's field stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Order,
    Item,
}

impl Role {
    /// Every role, those of the order before those of an item.
    pub const ALL: [Self; 8] = [
        Self::OrderNumber,
        Self::OrderId,
        Self::Items,
        Self::Total,
        Self::SoldAt,
        Self::Product,
        Self::Quantity,
        Self::UnitPrice,
    ];

    /// The role's key in the configuration's `[vocabulary]`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::OrderNumber => "order_number",
            Self::OrderId => "order_id",
            Self::Items => "items",
            Self::Total => "total",
            Self::SoldAt => "sold_at",
            Self::Product => "product",
            Self::Quantity => "quantity",
            Self::UnitPrice => "unit_price",
        }
    }

    /// The names that always stand for the role, in English and in Portuguese.
    #[must_use]
    pub const fn built_in_names(self) -> &'static [&'static str] {
        match self {
            Self::OrderNumber => &["order_number", "numero_pedido"],
            Self::OrderId => &["order_id", "id_ordem", "id_pedido"],
            Self::Items => &["order_items", "items", "produtos_comprados", "itens"],
            Self::Total => &["total", "valor_total"],
            Self::SoldAt => &["sold_at", "data_hora_venda"],
            Self::Product => &["product", "nome_produto", "produto"],
            Self::Quantity => &["qty", "quantity", "quantidade"],
            Self::UnitPrice => &["value_unit", "unit_price", "preco_unitario"],
        }
    }

    pub(super) const fn level(self) -> Level {
        match self {
            Self::OrderNumber | Self::OrderId | Self::Items | Self::Total | Self::SoldAt => {
                Level::Order
            }
            Self::Product | Self::Quantity | Self::UnitPrice => Level::Item,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

/// The names of fields and their roles; the built-in ones and those that were added.
///
/// Names are case-sensitive. One name may stand for a role of the order and for one of an item.
#[derive(Clone, Debug)]
pub struct Vocabulary {
    order: Names,
    item: Names,
}

/// Why a vocabulary cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VocabularyError {
    /// A name is empty or only blanks.
    #[error("holds a name that is empty")]
    EmptyName {
        /// The role that the name was to stand for.
        role: Role,
    },
    /// A name stands for two roles of the same object.
    #[error("holds {name:?}, which already stands for {other}")]
    Ambiguous {
        /// The name in question.
        name: String,
        /// The role that the name was to stand for.
        role: Role,
        /// The role that it stands for already.
        other: Role,
    },
}

impl VocabularyError {
    /// The role whose names are at fault.
    #[must_use]
    pub const fn role(&self) -> Role {
        match self {
            Self::EmptyName { role } | Self::Ambiguous { role, .. } => *role,
        }
    }
}

impl Default for Vocabulary {
    /// The built-in names alone.
    fn default() -> Self {
        let mut vocabulary = Self { order: Names::default(), item: Names::default() };
        for role in Role::ALL {
            for name in role.built_in_names() {
                vocabulary.names(role).add(name, role);
            }
        }
        vocabulary
    }
}

impl Vocabulary {
    /// The built-in names and `more`. A name that already stands for its role changes nothing.
    ///
    /// # Errors
    /// Every name that is empty (or only blanks), or that stands for two roles of the order or two
    /// roles of an item.
    pub fn with(
        more: impl IntoIterator<Item = (Role, String)>,
    ) -> Result<Self, Vec<VocabularyError>> {
        let mut vocabulary = Self::default();
        let mut errors = Vec::new();
        for (role, name) in more {
            if name.trim().is_empty() {
                errors.push(VocabularyError::EmptyName { role });
                continue;
            }
            match vocabulary.names(role).find(&name) {
                Some((other, _)) if other == role => {}
                Some((other, _)) => errors.push(VocabularyError::Ambiguous { name, role, other }),
                None => vocabulary.names(role).add(&name, role),
            }
        }
        if errors.is_empty() { Ok(vocabulary) } else { Err(errors) }
    }

    /// The role that `name` stands for at `level`, and the name as the vocabulary keeps it.
    pub(super) fn find(&self, level: Level, name: &str) -> Option<(Role, &str)> {
        match level {
            Level::Order => self.order.find(name),
            Level::Item => self.item.find(name),
        }
    }

    const fn names(&mut self, role: Role) -> &mut Names {
        match role.level() {
            Level::Order => &mut self.order,
            Level::Item => &mut self.item,
        }
    }
}

/// Names by their length in bytes: most lookups then compare with one or two names.
#[derive(Clone, Debug, Default)]
struct Names {
    by_length: Vec<Vec<(Box<str>, Role)>>,
}

impl Names {
    fn find(&self, name: &str) -> Option<(Role, &str)> {
        let (known, role) =
            self.by_length.get(name.len())?.iter().find(|(known, _)| **known == *name)?;
        Some((*role, known))
    }

    fn add(&mut self, name: &str, role: Role) {
        if self.by_length.len() <= name.len() {
            self.by_length.resize_with(name.len() + 1, Vec::new);
        }
        if let Some(names) = self.by_length.get_mut(name.len()) {
            names.push((name.into(), role));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_name_stands_for_one_role_of_its_level() {
        let vocabulary = Vocabulary::default();
        for role in Role::ALL {
            for name in role.built_in_names() {
                assert_eq!(vocabulary.find(role.level(), name), Some((role, *name)));
            }
        }
        assert_eq!(vocabulary.find(Level::Item, "order_number"), None);
        assert_eq!(vocabulary.find(Level::Order, "qty"), None);
    }

    #[test]
    fn names_are_case_sensitive() {
        assert_eq!(Vocabulary::default().find(Level::Order, "Order_Number"), None);
        assert_eq!(Vocabulary::default().find(Level::Item, "QTY"), None);
    }

    #[test]
    fn an_added_name_stands_beside_the_built_in_ones() {
        let added = [
            (Role::Quantity, "amount".to_owned()),
            (Role::Total, "amount".to_owned()), // of the order, so they do not meet
            (Role::Quantity, "qty".to_owned()), // says what is so already
        ];
        let vocabulary = Vocabulary::with(added).unwrap();
        assert_eq!(vocabulary.find(Level::Item, "amount"), Some((Role::Quantity, "amount")));
        assert_eq!(vocabulary.find(Level::Order, "amount"), Some((Role::Total, "amount")));
        assert_eq!(vocabulary.find(Level::Item, "qty"), Some((Role::Quantity, "qty")));
    }

    #[test]
    fn all_unusable_names_are_reported_at_once() {
        let added = [
            (Role::Total, String::new()),
            (Role::Product, " ".to_owned()),
            (Role::Total, "order_id".to_owned()),
            (Role::Product, "sku".to_owned()),
            (Role::UnitPrice, "sku".to_owned()),
        ];
        let errors = Vocabulary::with(added).unwrap_err();
        let texts: Vec<_> = errors.iter().map(|error| (error.role(), error.to_string())).collect();
        let expected = [
            (Role::Total, "holds a name that is empty"),
            (Role::Product, "holds a name that is empty"),
            (Role::Total, r#"holds "order_id", which already stands for order_id"#),
            (Role::UnitPrice, r#"holds "sku", which already stands for product"#),
        ];
        assert_eq!(texts, expected.map(|(role, text)| (role, text.to_owned())));
    }
}
