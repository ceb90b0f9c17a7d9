//! Compiles settings into a mapping: validates them, reporting all problems, and builds the tree.

use super::{
    Composite, Level, Mapping, MappingError, MappingSettings, Opens, OutsidePlace, Place, Role,
    Shown, Spot, Step, Taker, suspects,
    tree::{spot, spot_below},
};

impl Mapping {
    /// Validates the settings and compiles them.
    ///
    /// # Errors
    /// All problems.
    pub fn compile(settings: MappingSettings) -> Result<Self, Vec<MappingError>> {
        let mut compiler = Compiler::new(&settings);
        compiler.check();
        compiler.orders();
        suspects::mark(&mut compiler.root, &settings);
        let Compiler { errors, places, mut root, key, outside, composites, .. } = compiler;
        if !errors.is_empty() {
            return Err(errors);
        }
        root.settle();
        let key = key.map(|mut key| {
            key.settle();
            key
        });
        Ok(Self { settings, root, key, places, outside, composites })
    }
}

/// The origin of a name or path, in order of priority.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Mapping,
    Vocabulary,
    BuiltIn,
}

/// A place of a role to be added to the tree.
struct Found<'s> {
    role: Role,
    origin: Origin,
    rank: u8,
    /// Its index among all places.
    place: u16,
    steps: &'s [Step],
}

pub(super) struct Compiler<'s> {
    pub(super) settings: &'s MappingSettings,
    errors: Vec<MappingError>,
    places: Vec<Shown>,
    root: Spot,
    key: Option<Spot>,
    outside: Vec<OutsidePlace>,
    composites: Vec<Composite>,
}

impl<'s> Compiler<'s> {
    const fn new(settings: &'s MappingSettings) -> Self {
        Self {
            settings,
            errors: Vec::new(),
            places: Vec::new(),
            root: Spot {
                takers: Vec::new(),
                object: None,
                each: None,
                text: None,
                opens: Some(Opens::Order),
                items: None,
                suspect: 0,
                handling: super::Handling::Enter,
            },
            key: None,
            outside: Vec::new(),
            composites: Vec::new(),
        }
    }

    pub(super) fn error(&mut self, key: &str, text: impl Into<String>) {
        self.errors.push(MappingError { key: key.to_owned(), text: text.into() });
    }

    /// Adds the places of all roles, for each position of an order in a record.
    fn orders(&mut self) {
        let settings = self.settings;
        let mut prefixes = vec![vec![], vec![Step::Each]];
        for steps in settings.records.iter().filter_map(Place::steps) {
            let mut one = steps.to_vec();
            if one.last() == Some(&Step::Each) {
                one.pop();
            }
            let mut each = one.clone();
            each.push(Step::Each);
            prefixes.extend([one, each]);
        }
        let names = self.names();
        let found = self.found(&names);
        for prefix in &prefixes {
            spot(&mut self.root, prefix, &[]).opens = Some(Opens::Order);
            self.items(prefix, &found);
            self.order(prefix, &found);
            for (index, (_, places)) in (0_u8..).zip(&settings.keep) {
                for (rank, place) in (0_u8..).zip(places) {
                    let shown = self.show(place.to_string(), None);
                    let shared = !place.is_of_order();
                    self.take(prefix, place, Taker::Keep { index, rank, place: shown, shared });
                }
            }
        }
        for (rank, place) in (0_u8..).zip(settings.only.iter().flat_map(|only| &only.at)) {
            let shown = self.show(place.to_string(), None);
            self.take(&[], place, Taker::Only { rank, place: shown });
        }
        // Places outside the value are the same for every prefix.
        let mut unique: Vec<OutsidePlace> = Vec::new();
        for outside in self.outside.drain(..) {
            if !unique.iter().any(|it| it.place == outside.place && it.taker.is_like(outside.taker))
            {
                unique.push(outside);
            }
        }
        self.outside = unique;
    }

    /// The names of the vocabulary and the built-in names, each as a path of one step.
    fn names(&self) -> Vec<(Role, Origin, [Step; 1])> {
        let named = |name: &str| [Step::Name(name.to_owned())];
        let added = self.settings.vocabulary.iter();
        let added = added.map(|(role, name)| (*role, Origin::Vocabulary, named(name)));
        let built_in = Role::ALL.into_iter().filter(|_| self.settings.built_in).flat_map(|role| {
            role.built_in_names().iter().map(move |name| (role, Origin::BuiltIn, named(name)))
        });
        added.chain(built_in).collect()
    }

    /// All places that are fields, in order of priority.
    fn found<'f>(&mut self, names: &'f [(Role, Origin, [Step; 1])]) -> Vec<Found<'f>>
    where
        's: 'f,
    {
        let settings = self.settings;
        let mut found = Vec::new();
        for (role, places) in &settings.places {
            for (rank, parts) in (0_u8..).zip(places) {
                let (role, origin) = (*role, Origin::Mapping);
                match parts.as_slice() {
                    [place @ Place::Field { from_record: false, steps }] => {
                        let place = self.show(place.to_string(), Some(role));
                        if let Some(shown) = self.places.last_mut() {
                            shown.repeats = steps.contains(&Step::Each);
                        }
                        found.push(Found { role, origin, rank, place, steps });
                    }
                    [place] => {
                        let shown = self.show(place.to_string(), Some(role));
                        if let Some(shown) = self.places.last_mut() {
                            shown.coordinates = *place == Place::Coordinates;
                        }
                        self.take(&[], place, Taker::Shared { role, rank, place: shown });
                    }
                    parts => self.composite(rank, parts),
                }
            }
        }
        for (role, origin, steps) in names {
            let (role, origin) = (*role, *origin);
            let own = settings.places.iter().find(|(own, _)| *own == role);
            let rank = own.map_or(0, |(_, places)| u8::try_from(places.len()).unwrap_or(u8::MAX));
            let [Step::Name(name)] = steps else { continue };
            let place = self.show(name.clone(), Some(role));
            if let Some(shown) = self.places.last_mut() {
                shown.lenient = role.is_charge() && origin == Origin::BuiltIn;
            }
            found.push(Found { role, origin, rank, place, steps });
        }
        found
    }

    fn show(&mut self, text: String, role: Option<Role>) -> u16 {
        let index = u16::try_from(self.places.len()).unwrap_or(u16::MAX);
        self.places.push(Shown {
            text: text.into(),
            role,
            lenient: false,
            repeats: false,
            coordinates: false,
        });
        index
    }

    fn composite(&mut self, rank: u8, parts: &[Place]) {
        let texts: Vec<_> = parts.iter().map(ToString::to_string).collect();
        let place = self.show(texts.join(" with "), Some(Role::OrderId));
        let index = u16::try_from(self.composites.len()).unwrap_or(u16::MAX);
        let count = u8::try_from(parts.len()).unwrap_or(u8::MAX);
        self.composites.push(Composite { rank, parts: count, place });
        // Its fields within the order are added with the order's roles.
        for (part, place) in (0_u8..).zip(parts).filter(|(_, place)| !place.is_of_order()) {
            self.take(&[], place, Taker::Part { composite: index, part, shared: true });
        }
    }

    /// Adds the list of items and the roles of an item.
    fn items(&mut self, prefix: &[Step], found: &[Found<'_>]) {
        for list in found.iter().filter(|found| found.role == Role::Items) {
            let steps = match list.steps {
                [steps @ .., Step::Each] => steps,
                steps => steps,
            };
            let spot = spot(&mut self.root, prefix, steps);
            if spot.items.is_some() {
                continue;
            }
            spot.items = Some((list.rank, list.place));
            let element: &mut Spot = spot.each.get_or_insert_default();
            element.opens = Some(Opens::Item);
            for item in found.iter().filter(|found| found.role.level() == Level::Item) {
                let spot = spot_below(element, item.steps);
                let taker = Taker::Role { role: item.role, rank: item.rank, place: item.place };
                if let Err(other) = add(spot, item.origin, taker) {
                    self.errors.push(shared_place(item, other));
                }
            }
        }
    }

    /// Adds the order's roles, and an item's roles in the order itself.
    fn order(&mut self, prefix: &[Step], found: &[Found<'_>]) {
        let of_level = |level| {
            let is_here = move |it: &&Found<'_>| it.role.level() == level && it.role != Role::Items;
            found.iter().filter(is_here)
        };
        for it in of_level(Level::Order) {
            let taker = match it.role.is_charge() {
                true => Taker::Charge { place: it.place },
                false => Taker::Role { role: it.role, rank: it.rank, place: it.place },
            };
            let spot = spot(&mut self.root, prefix, it.steps);
            if let Err(other) = add(spot, it.origin, taker) {
                self.errors.push(shared_place(it, other));
            }
        }
        let composites = self.settings.places.iter().filter(|(role, _)| *role == Role::OrderId);
        let composites = composites.flat_map(|(_, places)| places).filter(|parts| parts.len() > 1);
        for (composite, parts) in (0_u16..).zip(composites) {
            for (part, place) in (0_u8..).zip(parts) {
                if place.is_of_order() {
                    self.take(prefix, place, Taker::Part { composite, part, shared: false });
                }
            }
        }
        for it in of_level(Level::Item) {
            let spot = spot(&mut self.root, prefix, it.steps);
            // A place that can be both is the order's.
            if spot.items.is_none() && !spot.takers.iter().any(|taker| taker.is_of_order()) {
                let taker = Taker::Flat { role: it.role, rank: it.rank, place: it.place };
                // Two roles with one place are reported for the list of items.
                let _ = add(spot, it.origin, taker);
            }
        }
    }

    /// Adds `taker` to `place`.
    fn take(&mut self, prefix: &[Step], place: &Place, taker: Taker) {
        match place {
            Place::Field { from_record, steps } => {
                let prefix = if *from_record { &[] } else { prefix };
                let spot = spot(&mut self.root, prefix, steps);
                if !spot.takers.iter().any(|have| have.is_like(taker)) {
                    spot.takers.push(taker);
                }
            }
            Place::Key(Some(steps)) => {
                let spot = spot_below(self.key.get_or_insert_default(), steps);
                if !spot.takers.iter().any(|have| have.is_like(taker)) {
                    spot.takers.push(taker);
                }
            }
            _ => self.outside.push(OutsidePlace { place: place.clone(), taker }),
        }
    }
}

fn shared_place(found: &Found<'_>, other: Role) -> MappingError {
    let name = match found.steps {
        [Step::Name(name)] => name.clone(),
        steps => Place::Field { from_record: false, steps: steps.to_vec() }.to_string(),
    };
    MappingError {
        key: format!("mapping.{}", found.role),
        text: format!("contains {name:?}, already used for {other}"),
    }
}

/// Adds a role's taker, unless one with priority already takes the same place.
///
/// # Errors
/// The other role, if the mapping assigns one place to two roles.
fn add(spot: &mut Spot, origin: Origin, taker: Taker) -> Result<(), Role> {
    if spot.takers.iter().any(|have| have.is_like(taker)) {
        return Ok(());
    }
    let other = spot.takers.iter().find_map(|have| have.role());
    match (origin, other) {
        (Origin::Mapping, Some(other))
            if taker.role().is_some_and(|role| role != Role::Status)
                && other != Role::Status
                && !matches!(taker, Taker::Flat { .. }) =>
        {
            return Err(other);
        }
        (Origin::Vocabulary | Origin::BuiltIn, _) if spot.takers.iter().any(Taker::is_claim) => {}
        (Origin::Vocabulary | Origin::BuiltIn, _) if spot.items.is_some() => {}
        _ => spot.takers.push(taker),
    }
    Ok(())
}
