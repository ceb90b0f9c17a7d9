//! Understands a record: vocabulary, validation and total. Pure: no I/O, no clock.
