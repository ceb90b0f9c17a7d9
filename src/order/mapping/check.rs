//! Validates a mapping's settings before compiling them.

use super::{DecimalForm, Level, PLACES_LIMIT, Place, Role, Step, Tombstones, compile::Compiler};

/// The maximum number of parts of a key of several fields.
const PARTS_LIMIT: usize = 8;

/// The maximum number of kept fields.
const KEPT_LIMIT: usize = 32;

/// The largest scale of a decimal in base64.
const SCALE_LIMIT: u32 = 8;

impl Compiler<'_> {
    /// Checks the individual settings.
    pub(super) fn check(&mut self) {
        let settings = self.settings;
        for (role, places) in &settings.places {
            self.check_role(*role, places);
        }
        for place in &settings.records {
            let inner = place.steps().and_then(<[Step]>::split_last).map(|(_, inner)| inner);
            let from_record = matches!(place, Place::Field { from_record: true, .. });
            if from_record || inner.is_none_or(|inner| inner.contains(&Step::Each)) {
                self.error(
                    "mapping.records",
                    "must be paths such as \"$.orders[*]\" or \"$.payload\", with [*] at the end only",
                );
            }
        }
        if let Some(only) = &settings.only {
            if only.at.is_empty() || only.at.len() > PLACES_LIMIT || only.is.is_empty() {
                self.error(
                    "mapping.only",
                    "must have a place and values, such as { at = \"$.eventType\", is = [\"order.created\"] }",
                );
            }
            self.check_single("mapping.only", only.at.iter());
        }
        let has_role = |role| {
            let own = settings.places.iter().find(|(own, _)| *own == role);
            own.is_some_and(|(_, places)| !places.is_empty())
        };
        if !settings.cancelled.is_empty() && !has_role(Role::Status) {
            self.error("mapping.cancelled", "needs mapping.status, the place of the status");
        }
        let by_key = settings.places.iter().any(|(role, places)| {
            matches!(role, Role::OrderId | Role::OrderNumber)
                && places.iter().any(|place| place.iter().all(Place::is_outside_value))
        });
        if settings.tombstones == Tombstones::Cancel && !by_key {
            self.error(
                "mapping.tombstones",
                "is \"cancel\" and needs mapping.order_id or mapping.order_number in the record's \
                              key, such as order_id = \"key\"",
            );
        }
        if settings.keep.len() > KEPT_LIMIT {
            self.error("mapping.keep", format!("must have at most {KEPT_LIMIT} fields"));
        }
        for (name, places) in &settings.keep {
            let key = format!("mapping.keep.{name}");
            if places.is_empty() || places.len() > PLACES_LIMIT {
                self.error(&key, "must be a place, or a list of places");
            }
            self.check_single(&key, places.iter());
        }
        if settings.default_quantity.is_some_and(|quantity| !(1..1_000_000).contains(&quantity)) {
            self.error("mapping.default_quantity", "must be between 1 and 999999");
        }
        if matches!(settings.decimal, DecimalForm::Base64(scale) if scale > SCALE_LIMIT) {
            self.error("mapping.base64_scale", format!("must be between 0 and {SCALE_LIMIT}"));
        }
        if let Some(format) = &settings.sold_at_format {
            let sample = jiff::Timestamp::UNIX_EPOCH.to_zoned(jiff::tz::TimeZone::UTC);
            if let Err(error) = jiff::fmt::strtime::format(format, &sample) {
                self.error(
                    "mapping.sold_at_format",
                    format!("must be a strftime format, such as \"%d.%m.%Y %H:%M\": {error}"),
                );
            }
        }
        self.check_vocabulary();
    }

    fn check_role(&mut self, role: Role, places: &[Vec<Place>]) {
        let key = format!("mapping.{role}");
        if places.len() > PLACES_LIMIT {
            self.error(&key, format!("must have at most {PLACES_LIMIT} places"));
        }
        for parts in places {
            match parts.as_slice() {
                [place] => self.check_place(&key, role, place),
                [] => self.error(&key, "must not contain an empty list"),
                _ if role != Role::OrderId => {
                    self.error(
                        &key,
                        "must not contain a list of places: only order_id can have several fields",
                    );
                }
                parts if parts.len() > PARTS_LIMIT => {
                    self.error(&key, format!("must have at most {PARTS_LIMIT} fields"));
                }
                parts => self.check_single(&key, parts.iter()),
            }
        }
    }

    fn check_place(&mut self, key: &str, role: Role, place: &Place) {
        let Some(steps) = place.steps() else {
            let has_one_value = role.level() == Level::Order && role != Role::Items;
            if !has_one_value || role.is_charge() {
                self.error(key, format!("is {place}, must be a field"));
            }
            return;
        };
        let from_record = matches!(place, Place::Field { from_record: true, .. });
        let is_single = role.level() == Level::Order && role != Role::Items && !role.is_charge();
        if from_record && !is_single {
            self.error(
                key,
                "must not begin with \"record:\": it is for values shared by all orders of a record",
            );
        }
        let each = steps.iter().position(|step| *step == Step::Each);
        match (role, each) {
            (_, None) => {}
            (Role::Items, Some(at)) if at + 1 == steps.len() => {}
            (Role::Items, Some(_)) => self.error(key, "must have [*] at its end only"),
            (role, Some(_)) if role.is_charge() => {}
            (_, Some(_)) => {
                self.error(key, format!("is {place}, must be one value: remove [*]"));
            }
        }
        if steps.is_empty() && role == Role::Items {
            self.error(key, "must be a list within the order");
        }
    }

    fn check_single<'p>(&mut self, key: &str, places: impl Iterator<Item = &'p Place>) {
        for place in places {
            if place.steps().is_some_and(|steps| steps.contains(&Step::Each)) {
                self.error(key, format!("is {place}, must be one value: remove [*]"));
            }
        }
    }

    fn check_vocabulary(&mut self) {
        let settings = self.settings;
        for (index, (role, name)) in settings.vocabulary.iter().enumerate() {
            let key = format!("vocabulary.{role}");
            if name.trim().is_empty() {
                self.error(&key, "contains an empty name");
                continue;
            }
            let earlier =
                settings.vocabulary.iter().take(index).map(|(role, name)| (*role, &**name));
            let built_in = Role::VOCABULARY
                .iter()
                .filter(|_| settings.built_in)
                .flat_map(|role| role.built_in_names().iter().map(|name| (*role, *name)));
            let other = built_in
                .chain(earlier)
                .find(|(other, known)| known == name && other.level() == role.level());
            if let Some((other, _)) = other.filter(|(other, _)| other != role) {
                self.error(&key, format!("contains {name:?}, already used for {other}"));
            }
        }
    }
}
