//! The chart of orders per second, as SVG. Its colours only say what is what: the page's style, which
//! follows the theme, puts others in their place.

use plotters::{coord::Shift, prelude::*};

use super::pace::{HISTORY, Rate};

/// What a browser asks for, in its pixels.
#[derive(Clone, Copy, Debug, serde::Deserialize)]
pub(super) struct Measure {
    width: u32,
    height: u32,
    text: u32,
}

/// Rates are drawn in tenths of an order per second; the axis goes up to 10 at least, so that its
/// labels are whole numbers.
const LOWEST_TOP: u64 = 100;

const GRID: RGBColor = BLACK;
const SERIES: RGBColor = BLUE;

/// Draws rates, each with how many seconds ago it was. `None` if nothing can be drawn.
pub(super) fn chart(history: &[(u64, Rate)], measure: Measure) -> Option<String> {
    // Whatever is asked for, drawing takes little time.
    let (width, height) = (measure.width.clamp(240, 4_000), measure.height.clamp(80, 2_000));
    // Labels leave room for what they are labels of.
    let text = measure.text.clamp(8, height / 8);
    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, (width, height)).into_drawing_area();
    draw(&area, history, text).ok()?;
    drop(area);
    Some(svg)
}

type Failure<'a> = DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>;

fn draw<'a>(
    area: &DrawingArea<SVGBackend<'a>, Shift>,
    history: &[(u64, Rate)],
    text: u32,
) -> Result<(), Failure<'a>> {
    let peak = history.iter().map(|(_, Rate(tenths))| *tenths).max().unwrap_or(0);
    // A little room above the highest point.
    let top = peak.saturating_add(peak / 10).max(LOWEST_TOP);
    let label = |tenths: &u64| grouped(tenths / 10);
    let longest = u32::try_from(label(&top).chars().count()).unwrap_or(u32::MAX);
    let span = i64::try_from(HISTORY.as_secs()).unwrap_or(i64::MAX);
    let minutes: Vec<i64> = (-span..=0).step_by(60).collect();
    let mut chart = ChartBuilder::on(area)
        .margin_top(text)
        .margin_right(text)
        .x_label_area_size(text * 2)
        .y_label_area_size(longest.saturating_mul(text) * 6 / 10 + text)
        .build_cartesian_2d((-span..0).with_key_points(minutes), 0..top)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .max_light_lines(1)
        .bold_line_style(GRID)
        .axis_style(GRID)
        .x_labels(6)
        .y_labels(4)
        .label_style(("sans-serif", text))
        .x_label_formatter(&|seconds| minutes_ago(*seconds))
        .y_label_formatter(&label)
        .draw()?;
    let point = |(ago, rate): &(u64, Rate)| (-i64::try_from(*ago).unwrap_or(span), rate.0);
    let points = history.iter().map(point);
    chart.draw_series(AreaSeries::new(points, 0, SERIES).border_style(SERIES.stroke_width(2)))?;
    area.present()
}

/// Minutes are written alike in all languages: `−5 min`.
fn minutes_ago(seconds: i64) -> String {
    match seconds.unsigned_abs() / 60 {
        0 => "0".to_owned(),
        minutes => format!("\u{2212}{minutes} min"),
    }
}

/// Digits in threes with a narrow space between, which no language takes for a decimal sign.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut written = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            written.push('\u{202f}');
        }
        written.push(digit);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_asked_for_is_drawn_without_a_style_of_its_own() {
        for width in [0, 320, u32::MAX] {
            for height in [0, 150, u32::MAX] {
                for text in [0, 12, u32::MAX] {
                    for rates in [&[][..], &[0], &[0, 3, 1_234_567, 12], &[u64::MAX, 0]] {
                        let history: Vec<_> =
                            (0..).zip(rates).map(|(ago, rate)| (ago, Rate(*rate))).collect();
                        let svg = chart(&history, Measure { width, height, text }).unwrap();
                        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"), "{svg}");
                        assert!(!svg.contains("style") && svg.len() < 10_000, "{svg}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_axes_are_in_minutes_and_whole_orders() {
        let history = [(120, Rate(0)), (60, Rate(25_000)), (0, Rate(12_345))];
        let svg = chart(&history, Measure { width: 800, height: 300, text: 12 }).unwrap();
        for label in ["\u{2212}5 min", "\u{2212}1 min", "2\u{202f}000", "1\u{202f}000"] {
            assert!(svg.contains(&format!("\n{label}\n")), "no {label} in {svg}");
        }
    }
}
