//! The rules that a mapping's settings result in.

use std::sync::Arc;

use crate::{
    config::{self, Problems, Sources},
    init::{
        proposal::{Setting, Table},
        render::toml,
    },
    order::Rules,
};

/// The rules from `settings`, for a shop in time zone `zone`, with `currency` unless the settings
/// contain one.
///
/// # Errors
/// The problems of the settings.
pub(crate) fn rules(
    settings: &[Setting],
    zone: &str,
    currency: &str,
) -> Result<Arc<Rules>, Problems> {
    let sets_currency =
        settings.iter().any(|setting| setting.table == Table::Orders && setting.key == "currency");
    let (orders, mapping): (Vec<Setting>, Vec<Setting>) =
        settings.iter().cloned().partition(|setting| setting.table == Table::Orders);
    let mut text = format!("[orders]\nshop_timezone = {zone:?}\n");
    if !sets_currency {
        text.push_str(&format!("currency = {currency:?}\n"));
    }
    for setting in orders {
        text.push_str(&format!("{}\n", setting.line()));
    }
    text.push_str(&toml(&mapping, None));
    let config = config::load(&Sources { text: Some(text), ..Sources::default() })?;
    Ok(Arc::clone(&config.rules.general))
}
