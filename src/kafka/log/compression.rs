//! Decompresses record batches up to a size limit.

use std::io::{self, Read};

use bytes::Bytes;

use crate::kafka::log::header::Fault;

/// The framing of snappy-java: this magic, two version numbers, then blocks with their lengths.
const XERIAL_MAGIC: &[u8] = b"\x82SNAPPY\0";
const XERIAL_HEADER_BYTES: usize = 16;

/// The minimum limit of a zstd frame's window, whatever `limit` is: that of level 19.
const ZSTD_WINDOW_BYTES: u64 = 8 << 20;

/// Decompresses `data` with `codec` (0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd).
///
/// [`Fault::TooLarge`] as soon as the result exceeds `limit` bytes. Without compression, nothing is
/// copied.
pub(in crate::kafka) fn decompress(codec: u8, data: &Bytes, limit: usize) -> Result<Bytes, Fault> {
    match codec {
        0 => Ok(data.clone()),
        1 => read_bounded("gzip", flate2::bufread::MultiGzDecoder::new(&data[..]), limit),
        2 => snappy(data, limit),
        3 => read_bounded("lz4", lz4_flex::frame::FrameDecoder::new(&data[..]), limit),
        4 => zstd(data, limit),
        _ => Err(Fault::Unsupported(format!("unknown compression codec {codec}: upgrade vendas"))),
    }
}

fn read_bounded(codec: &str, reader: impl Read, limit: usize) -> Result<Bytes, Fault> {
    let mut out = Vec::new();
    read_into(codec, reader, limit, &mut out)?;
    Ok(out.into())
}

/// Appends to `out`, up to `limit` bytes in all.
fn read_into(codec: &str, reader: impl Read, limit: usize, out: &mut Vec<u8>) -> Result<(), Fault> {
    // One byte more than allowed distinguishes a full buffer from an overflow.
    let room = u64::try_from(limit.saturating_sub(out.len())).unwrap_or(u64::MAX);
    reader
        .take(room.saturating_add(1))
        .read_to_end(out)
        .map_err(|error: io::Error| damaged(codec, &error))?;
    if out.len() > limit { Err(Fault::TooLarge) } else { Ok(()) }
}

fn damaged(codec: &str, error: &dyn std::fmt::Display) -> Fault {
    Fault::corrupt(format!("{codec} decompression failed: {error}"))
}

fn zstd(data: &[u8], limit: usize) -> Result<Bytes, Fault> {
    let window = u64::try_from(limit).unwrap_or(u64::MAX).max(ZSTD_WINDOW_BYTES);
    let mut out = Vec::new();
    let mut rest = data;
    // A stream can consist of several frames.
    while !rest.is_empty() {
        let before = rest.len();
        let decoder =
            ruzstd::decoding::StreamingDecoder::new_with_max_window_size(&mut rest, window)
                .map_err(|error| damaged("zstd", &error))?;
        read_into("zstd", decoder, limit, &mut out)?;
        if rest.len() == before {
            return Err(Fault::corrupt("incomplete zstd data"));
        }
    }
    Ok(out.into())
}

fn snappy(data: &[u8], limit: usize) -> Result<Bytes, Fault> {
    let mut out = Vec::new();
    if !data.starts_with(XERIAL_MAGIC) {
        snappy_block(data, limit, &mut out)?;
        return Ok(out.into());
    }
    let truncated = || Fault::corrupt("truncated snappy data");
    let mut rest = data.get(XERIAL_HEADER_BYTES..).ok_or_else(truncated)?;
    while let Some((length, blocks)) = rest.split_first_chunk() {
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| truncated())?;
        let (block, behind) = blocks.split_at_checked(length).ok_or_else(truncated)?;
        snappy_block(block, limit, &mut out)?;
        rest = behind;
    }
    if rest.is_empty() { Ok(out.into()) } else { Err(truncated()) }
}

fn snappy_block(block: &[u8], limit: usize, out: &mut Vec<u8>) -> Result<(), Fault> {
    let length = snap::raw::decompress_len(block).map_err(|error| damaged("snappy", &error))?;
    let start = out.len();
    let end = start.checked_add(length).filter(|end| *end <= limit).ok_or(Fault::TooLarge)?;
    out.resize(end, 0);
    let target = out.get_mut(start..).unwrap_or_default();
    snap::raw::Decoder::new()
        .decompress(block, target)
        .map_err(|error| damaged("snappy", &error))?;
    Ok(())
}
