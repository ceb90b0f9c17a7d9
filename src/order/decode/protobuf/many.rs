//! Repeated fields and maps.

use std::{borrow::Cow, collections::BTreeMap};

use super::*;

/// The values of a repeated field, packed or not.
struct Elements<'r, 'p> {
    kind: Kind,
    within: Within<'p>,
    run: std::slice::Iter<'r, Occurrence>,
    values: Option<Values<'p>>,
}

impl Elements<'_, '_> {
    fn next(&mut self) -> Result<Option<Wire>, Broken> {
        loop {
            if let Some(wire) = self.values.as_mut().map(Values::next).transpose()?.flatten() {
                return Ok(Some(wire));
            }
            let Some(occurrence) = self.run.next() else { return Ok(None) };
            let wire = self.within.wire(*occurrence)?;
            self.values = Some(Values::of(self.kind, wire, self.within.whole));
        }
    }
}

impl<'m, 'p> Walker<'_, 'm, 'p> {
    pub(super) fn list(
        &mut self,
        field: &'p Field,
        within: Within<'p>,
        run: &[Occurrence],
        spot: &'m Spot,
    ) -> Result<(), Error> {
        let elements = || Elements { kind: field.kind, within, run: run.iter(), values: None };
        // A packed field may be empty.
        if elements().next()?.is_none() {
            return Ok(());
        }
        match spot.handling {
            Handling::Suspect => self.shape.sink.suspect(spot, None),
            Handling::Take => {
                let found = self.whole_list(field, elements())?;
                self.shape.sink.take(spot, found.unwrap_or(Found::Value(&Value::Other)));
            }
            Handling::Enter => self.enter_list(field, elements(), spot)?,
            Handling::Both => {
                let found = self.whole_list(field, elements())?;
                let enters = spot.enters(Made::List);
                if !enters || found.is_some() {
                    self.shape.sink.take(spot, found.unwrap_or(Found::Value(&Value::Other)));
                }
                if enters {
                    self.enter_list(field, elements(), spot)?;
                }
            }
        }
        Ok(())
    }

    /// A list that is a single value: a date in Java's list form.
    fn whole_list(
        &self,
        field: &'p Field,
        mut elements: Elements<'_, 'p>,
    ) -> Result<Option<Found<'p>>, Error> {
        let mut list = NumberList { numbers: [0; 7], count: 0 };
        if !field.kind.is_whole_number() {
            return Ok(None);
        }
        while let Some(wire) = elements.next()? {
            let number = match self.scalar(field, elements.within, wire)? {
                Some(Scalar::Signed(number)) => i32::try_from(number).ok(),
                Some(Scalar::Unsigned(number)) => i32::try_from(number).ok(),
                _ => None,
            };
            let place = list.numbers.get_mut(usize::from(list.count));
            let (Some(number), Some(place)) = (number, place) else { return Ok(None) };
            *place = number;
            list.count += 1;
        }
        Ok((list.count >= 3).then(|| Found::Value(self.arena.alloc(Value::Numbers(list)))))
    }

    fn enter_list(
        &mut self,
        field: &'p Field,
        mut elements: Elements<'_, 'p>,
        spot: &'m Spot,
    ) -> Result<(), Error> {
        let Some(element) = spot.each.as_deref() else {
            self.shape.other(spot, From::Field, false);
            return Ok(());
        };
        let is_items = element.opens == Some(Opens::Item);
        if is_items {
            let counts = spot.items.is_some_and(|items| self.shape.sink.begin_items(items, false));
            if !counts {
                return Ok(());
            }
        }
        if element.opens == Some(Opens::Order) {
            self.shape.sink.begin_orders();
        }
        let mut index = 0;
        while let Some(wire) = elements.next()? {
            if is_items && index == ELEMENTS_LIMIT {
                self.shape.sink.items_fault(Reason::OutOfRange, |items| {
                    format!("{items} must contain at most {ELEMENTS_LIMIT} items")
                });
                break;
            }
            if is_items {
                self.shape.at = At::Item(index);
            }
            self.value(field, elements.within, wire, &[], (element, From::List))?;
            index += 1;
        }
        if is_items {
            self.shape.at = At::Value;
        }
        Ok(())
    }

    /// Reads a map as an object with its keys as names.
    pub(super) fn map(
        &mut self,
        field: &'p Field,
        within: Within<'p>,
        run: &[Occurrence],
        spot: &'m Spot,
    ) -> Result<(), Error> {
        let tree = spot.object.as_deref();
        let Some(tree) = tree.filter(|_| matches!(spot.handling, Handling::Enter | Handling::Both))
        else {
            self.leaf(Leaf::OTHER, spot, From::Field);
            return Ok(());
        };
        let Kind::Message(id) = field.kind else { return Ok(()) };
        let fields = self.graph.node(id).map(|node| node.fields.as_slice());
        let Some([key, value]) = fields else { return Ok(()) };
        let within = within.deeper()?;
        // The last entry of a key counts.
        let mut entries: BTreeMap<Cow<'p, str>, (&'m Spot, Entry)> = BTreeMap::new();
        for occurrence in run {
            let Wire::Length(span) = within.wire(*occurrence)? else { continue };
            let entry = Entry::read(within, span, (key, value))?;
            let name = entry.key((key, self.graph), within.whole)?;
            if let Some(spot) = tree.names.get(&name) {
                entries.insert(name, (spot, entry));
            }
        }
        let opened = self.shape.sink.open(spot, false);
        for (spot, entry) in entries.into_values() {
            match (value.kind, entry.value) {
                (_, Some(wire)) => {
                    self.value(value, within, wire, &entry.segments, (spot, From::Field))?;
                }
                // An empty message.
                (Kind::Message(id) | Kind::Group(id), None) => {
                    self.message(id, within.deeper()?, &[], spot, From::Field)?;
                }
                (kind, None) => {
                    let scalar = Scalar::default_of(kind, self.graph);
                    self.leaf(scalar.map_or(Leaf::OTHER, Leaf::of), spot, From::Field);
                }
            }
        }
        self.shape.sink.close(opened);
        Ok(())
    }
}
