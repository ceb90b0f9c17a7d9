//! The random numbers of a shop.

use fake::rand::rngs::Xoshiro256PlusPlus;

/// The random number generator. Its output is the same on every machine and in every version.
pub(super) type Random = Xoshiro256PlusPlus;
