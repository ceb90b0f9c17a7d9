//! The many ways to write the same value in JSON.

use super::{Dice, Moment};

/// The fields of one object.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<String>);

impl Fields {
    pub(super) fn add(&mut self, name: &str, json: String, dice: &mut Dice) {
        let name = if dice.one_in(30) { text(name, dice) } else { format!("\"{name}\"") };
        self.0.push(format!("{name}{}:{}{json}{}", white(dice), white(dice), white(dice)));
    }

    /// Unchanged, with its name.
    pub(super) fn add_raw(&mut self, field: &str) {
        self.0.push(field.to_owned());
    }

    /// An absent field may also be null.
    pub(super) fn maybe_null(&mut self, names: &[&str], dice: &mut Dice) {
        if dice.one_in(6) {
            self.add(dice.pick(names), "null".to_owned(), dice);
        }
    }

    /// The object, with its fields in any order.
    pub(super) fn written(mut self, dice: &mut Dice) -> String {
        for index in (1..self.0.len()).rev() {
            self.0.swap(index, dice.below(index + 1));
        }
        format!("{{{}{}}}", white(dice), self.0.join(","))
    }
}

/// White space, mostly none.
pub(super) fn white(dice: &mut Dice) -> &'static str {
    match dice.below(12) {
        0 => " ",
        1 => "\r\n\t ",
        _ => "",
    }
}

/// A string, with some unnecessary escapes.
pub(super) fn text(text: &str, dice: &mut Dice) -> String {
    let escaping = dice.one_in(3);
    let mut json = String::from('"');
    for character in text.chars() {
        match character {
            '"' => json.push_str(r#"\""#),
            '\\' => json.push_str(r"\\"),
            '/' if escaping => json.push_str(r"\/"),
            '\n' if escaping => json.push_str(r"\n"),
            _ if character < ' ' || escaping && dice.one_in(3) => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    json.push_str(&match dice.one_in(2) {
                        true => format!("\\u{unit:04x}"),
                        false => format!("\\u{unit:04X}"),
                    });
                }
            }
            _ => json.push(character),
        }
    }
    json.push('"');
    json
}

/// A number, or a string with a number, with the value `units` × 10^-4.
pub(super) fn decimal(units: i128, dice: &mut Dice) -> String {
    let literal = match dice.below(12) {
        0 => noisy(units, dice),
        1 => scientific(units, dice),
        2 => format!("{}.{:04}{}", units / 10_000, units % 10_000, "0".repeat(dice.below(20))),
        _ => plain(units),
    };
    if dice.one_in(6) { text(&literal, dice) } else { literal }
}

fn plain(units: i128) -> String {
    let literal = format!("{}.{:04}", units / 10_000, units % 10_000);
    literal.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn scientific(units: i128, dice: &mut Dice) -> String {
    let digits = units.to_string();
    let e = dice.pick(&["e", "E"]);
    match dice.below(4) {
        0 => format!("{digits}{e}-4"),
        1 => format!("{digits}.00{e}-04"),
        _ => {
            let zeros = dice.below(6);
            let exponent = i64::try_from(digits.len() + zeros).unwrap_or_default() - 4;
            let sign = if exponent >= 0 && dice.one_in(2) { "+" } else { "" };
            format!("0.{}{digits}{e}{sign}{exponent}", "0".repeat(zeros))
        }
    }
}

/// As another program prints a binary float, with an error of at most 0.000001.
fn noisy(units: i128, dice: &mut Dice) -> String {
    let decimals = u32::try_from(dice.between(6, 17)).unwrap_or(17);
    let most = 10_i128.pow(decimals - 6);
    let off = match dice.below(3) {
        0 => most,
        1 => 1,
        _ => dice.between(0, most),
    };
    let off = if dice.one_in(2) { off } else { -off };
    let scaled = units * 10_i128.pow(decimals - 4) + off;
    let (one, sign) = (10_i128.pow(decimals), if scaled < 0 { "-" } else { "" });
    let (whole, fraction) = (scaled.abs() / one, scaled.abs() % one);
    format!("{sign}{whole}.{fraction:0width$}", width = decimals as usize)
}

/// In the first form if that can express it, otherwise in the second.
pub(super) fn date(moment: Moment, dice: &mut Dice) -> String {
    let Moment { year, month, day, second_of_day, microsecond, offset } = moment;
    let (hour, minute, second) =
        (second_of_day / 3_600, second_of_day / 60 % 60, second_of_day % 60);
    let time = format!("{hour:02}:{minute:02}:{second:02}");
    if offset.is_none() && microsecond == 0 && !dice.one_in(3) {
        return format!("{day:02}/{month:02}/{year:04} {time}");
    }
    let fraction = match microsecond {
        0 if dice.one_in(2) => String::new(),
        _ => {
            let six = format!("{microsecond:06}");
            let short = six.trim_end_matches('0');
            if short.is_empty() || dice.one_in(2) { format!(".{six}") } else { format!(".{short}") }
        }
    };
    let offset = offset.map_or_else(String::new, |minutes| {
        let sign = if minutes < 0 { '-' } else { '+' };
        let (hours, rest) = (minutes.abs() / 60, minutes.abs() % 60);
        match (minutes, rest, dice.below(3)) {
            (0, _, 0 | 1) => "Z".to_owned(),
            (_, 0, 2) => format!("{sign}{hours:02}"),
            (_, _, 1) => format!("{sign}{hours:02}{rest:02}"),
            _ => format!("{sign}{hours:02}:{rest:02}"),
        }
    });
    format!("{year:04}-{month:02}-{day:02}T{time}{fraction}{offset}")
}
