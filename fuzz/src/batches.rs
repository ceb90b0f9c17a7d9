//! Record batches.

use bytes::Bytes;
use vendas::kafka::records_in;

/// Where a batch's header ends.
const HEADER: usize = 61;

/// Where the length of the rest of a batch is stated, and its checksum.
const LENGTH: std::ops::Range<usize> = 8..12;
const CHECKSUM: std::ops::Range<usize> = 17..21;

/// Record batches as a broker sends them; as they are, and with a length and a checksum that are right.
pub fn batch(data: &[u8]) {
    read(data.to_vec());
    if data.len() > HEADER {
        read(sealed(data.to_vec()));
    }
}

fn read(data: Vec<u8>) {
    let Some(records) = records_in(&Bytes::from(data)) else { return };
    for record in &records {
        // They were checked, so that all of them are there.
        assert!(record.headers.iter().all(|(name, _)| name.len() <= record.headers.0.len()));
    }
    let offsets: Vec<_> = records.iter().map(|record| record.offset).collect();
    assert!(offsets.is_sorted_by(|before, after| before < after), "offsets do not ascend");
}

/// The same batch, of the length and with the checksum that it really has.
pub(crate) fn sealed(mut batch: Vec<u8>) -> Vec<u8> {
    if let (Ok(length), Some(field)) =
        (u32::try_from(batch.len() - LENGTH.end), batch.get_mut(LENGTH))
    {
        field.copy_from_slice(&length.to_be_bytes());
    }
    let checksum = crc32c::crc32c(&batch[CHECKSUM.end..]);
    batch[CHECKSUM].copy_from_slice(&checksum.to_be_bytes());
    batch
}
