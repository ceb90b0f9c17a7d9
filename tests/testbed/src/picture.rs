//! Pictures as small files.

use std::io::Cursor;

use anyhow::{Context, Result};
use png::{BitDepth, ColorType, Compression, Decoder, Encoder, Filter};

/// The same PNG without filters, which have nothing to foretell where text stands on one colour: two
/// thirds to three quarters of what a browser writes.
///
/// # Errors
/// Where it is no PNG of 8-bit colours.
pub(crate) fn smaller(png: &[u8]) -> Result<Vec<u8>> {
    let mut reader = Decoder::new(Cursor::new(png)).read_info()?;
    let mut pixels = vec![0; reader.output_buffer_size().context("too large a picture")?];
    let frame = reader.next_frame(&mut pixels)?;
    anyhow::ensure!(frame.bit_depth == BitDepth::Eight, "{frame:?}");
    let mut written = Vec::new();
    let mut encoder = Encoder::new(&mut written, frame.width, frame.height);
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(Compression::High);
    encoder.set_filter(Filter::NoFilter);
    let mut writer = encoder.write_header()?;
    let pixels = &pixels[..frame.buffer_size()];
    match frame.color_type {
        ColorType::Rgb => writer.write_image_data(pixels)?,
        ColorType::Rgba => {
            let opaque: Vec<u8> =
                pixels.chunks_exact(4).flat_map(|pixel| pixel[..3].to_owned()).collect();
            writer.write_image_data(&opaque)?;
        }
        other => anyhow::bail!("a picture in {other:?}"),
    }
    writer.finish()?;
    Ok(written)
}
