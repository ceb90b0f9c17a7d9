//! Compression of screenshots.

use std::io::Cursor;

use anyhow::{Context, Result};
use color_quant::NeuQuant;
use png::{BitDepth, ColorType, Compression, Decoder, Encoder, Filter};

/// The sampling rate for choosing colours: every pixel.
const SAMPLE: i32 = 1;

/// The most colours of an indexed PNG (PNG specification, 11.2.2).
const COLOURS: usize = 256;

/// The same PNG with 256 colours and without filters, which do not help for text on one colour: a
/// third of the size that a browser writes.
///
/// # Errors
/// If it is not a PNG of 8-bit colours.
pub(crate) fn smaller(png: &[u8]) -> Result<Vec<u8>> {
    let mut reader = Decoder::new(Cursor::new(png)).read_info()?;
    let mut pixels = vec![0; reader.output_buffer_size().context("the picture is too large")?];
    let frame = reader.next_frame(&mut pixels)?;
    anyhow::ensure!(frame.bit_depth == BitDepth::Eight, "{frame:?}");
    let pixels = &pixels[..frame.buffer_size()];
    let pixels: Vec<[u8; 4]> = match frame.color_type {
        ColorType::Rgb => pixels.chunks_exact(3).map(|rgb| [rgb[0], rgb[1], rgb[2], 255]).collect(),
        ColorType::Rgba => {
            pixels.chunks_exact(4).map(|rgb| [rgb[0], rgb[1], rgb[2], 255]).collect()
        }
        other => anyhow::bail!("a picture in {other:?}"),
    };
    let colours = NeuQuant::new(SAMPLE, COLOURS, pixels.as_flattened());
    let indices: Vec<u8> = pixels
        .iter()
        .map(|pixel| u8::try_from(colours.index_of(pixel)))
        .collect::<Result<_, _>>()?;
    let mut written = Vec::new();
    let mut encoder = Encoder::new(&mut written, frame.width, frame.height);
    encoder.set_color(ColorType::Indexed);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_palette(colours.color_map_rgb());
    encoder.set_compression(Compression::High);
    encoder.set_filter(Filter::NoFilter);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&indices)?;
    writer.finish()?;
    Ok(written)
}
