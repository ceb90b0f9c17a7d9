//! The roles of fields, and their built-in names.

use std::fmt;

/// The meaning of a field, independent of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The order's number, an integer that fits the column `sales.order_number`.
    OrderNumber,
    /// The order's id, a text.
    OrderId,
    /// The list of items.
    Items,
    /// The order's total.
    Total,
    /// When it was sold.
    SoldAt,
    /// Its status: `mapping.cancelled` lists the statuses that cancel an order.
    Status,
    /// The currency of its amounts.
    Currency,
    /// Shipping costs.
    Shipping,
    /// Tax that is not included in the prices.
    Tax,
    /// A discount on the whole order.
    Discount,
    /// An item's product.
    Product,
    /// An item's quantity.
    Quantity,
    /// An item's unit price.
    UnitPrice,
    /// An item's amount, after its discount.
    Amount,
    /// A discount on an item.
    ItemDiscount,
}

/// The object that contains a role's field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::order) enum Level {
    Order,
    Item,
}

impl Role {
    /// Every role, those of the order before those of an item.
    pub const ALL: [Self; 15] = [
        Self::OrderNumber,
        Self::OrderId,
        Self::Items,
        Self::Total,
        Self::SoldAt,
        Self::Status,
        Self::Currency,
        Self::Shipping,
        Self::Tax,
        Self::Discount,
        Self::Product,
        Self::Quantity,
        Self::UnitPrice,
        Self::Amount,
        Self::ItemDiscount,
    ];

    /// The roles to which the configuration's `[vocabulary]` can add names.
    pub const VOCABULARY: [Self; 8] = [
        Self::OrderNumber,
        Self::OrderId,
        Self::Items,
        Self::Total,
        Self::SoldAt,
        Self::Product,
        Self::Quantity,
        Self::UnitPrice,
    ];

    /// The role's key in the configuration's `[mapping]` and `[vocabulary]`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::OrderNumber => "order_number",
            Self::OrderId => "order_id",
            Self::Items => "items",
            Self::Total => "total",
            Self::SoldAt => "sold_at",
            Self::Status => "status",
            Self::Currency => "currency",
            Self::Shipping => "shipping",
            Self::Tax => "tax",
            Self::Discount => "discount",
            Self::Product => "product",
            Self::Quantity => "quantity",
            Self::UnitPrice => "unit_price",
            Self::Amount => "amount",
            Self::ItemDiscount => "item_discount",
        }
    }

    /// The built-in names of the role, in English and Portuguese.
    #[must_use]
    pub const fn built_in_names(self) -> &'static [&'static str] {
        match self {
            Self::OrderNumber => &["order_number", "numero_pedido"],
            Self::OrderId => &["order_id", "id_ordem", "id_pedido"],
            Self::Items => &["order_items", "items", "produtos_comprados", "itens"],
            Self::Total => &["total", "valor_total"],
            Self::SoldAt => &["sold_at", "data_hora_venda"],
            // Only a mapping can define which statuses cancel an order, and which currency a shop
            // uses.
            Self::Status | Self::Currency => &[],
            Self::Shipping => &["shipping", "freight", "frete"],
            Self::Tax => &["tax", "imposto"],
            Self::Discount | Self::ItemDiscount => &["discount", "desconto"],
            Self::Product => &["product", "nome_produto", "produto"],
            Self::Quantity => &["qty", "quantity", "quantidade"],
            Self::UnitPrice => &["value_unit", "unit_price", "preco_unitario"],
            Self::Amount => &["amount", "subtotal"],
        }
    }

    pub(in crate::order) const fn level(self) -> Level {
        match self {
            Self::Product
            | Self::Quantity
            | Self::UnitPrice
            | Self::Amount
            | Self::ItemDiscount => Level::Item,
            _ => Level::Order,
        }
    }

    /// Whether it changes the order's total in addition to the lines.
    pub(in crate::order) const fn is_charge(self) -> bool {
        matches!(self, Self::Shipping | Self::Tax | Self::Discount)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_built_in_name_stands_for_one_role_of_its_level() {
        for level in [Level::Order, Level::Item] {
            let roles = Role::ALL.into_iter().filter(|role| role.level() == level);
            let names: Vec<_> = roles.flat_map(Role::built_in_names).collect();
            assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
        }
    }
}
