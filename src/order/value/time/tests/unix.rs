//! Unix time, by example and compared with big integers.

use std::str::FromStr;

use num_bigint::BigInt;

use super::*;

pub(super) fn read(number: &str) -> Result<String, Rule> {
    shown(&Value::Number(number), &times(None, None))
}

#[test]
fn the_magnitude_of_unix_time_determines_its_unit() {
    for (number, expected) in [
        ("1795000000", "2026-11-18T08:06:40"),
        ("1795000000123", "2026-11-18T08:06:40.123"),
        ("1795000000123456", "2026-11-18T08:06:40.123456"),
        ("1795000000123456789", "2026-11-18T08:06:40.123456"),
        ("1795000000.25", "2026-11-18T08:06:40.25"),
        ("1795000000.123456789012345678901", "2026-11-18T08:06:40.123456"),
        ("1795000000123.4567", "2026-11-18T08:06:40.123456"),
        ("1795000000123456.999", "2026-11-18T08:06:40.123456"),
        ("1.795e9", "2026-11-18T08:06:40"),
        ("1.795000000123E+12", "2026-11-18T08:06:40.123"),
        ("17950000000e-1", "2026-11-18T08:06:40"),
        ("631152000", "1989-12-31T22:00:00"),
        ("631152000000", "1989-12-31T22:00:00"),
        ("7258118399.999999", "2199-12-31T20:59:59.999999"),
        ("7258118399999.999", "2199-12-31T20:59:59.999999"),
        ("7258118399999999", "2199-12-31T20:59:59.999999"),
        ("7258118399999999999", "2199-12-31T20:59:59.999999"),
    ] {
        assert_eq!(read(number).as_deref(), Ok(expected), "{number}");
    }
    // Other numbers may be dates without separators, or not times at all.
    for number in [
        "0",
        "-0.0",
        "-1",
        "-1795000000",
        "0e99999999999999999999",
        "1e-99999999999999999999",
        "631151999.999999",
        "7258118400",
        "20261122",
        "202611221011",
        "20261122101112",
        "100000000000000000000",
        "-1e20",
        "1e400",
        "1e99999999999999999999",
    ] {
        assert_eq!(read(number), Err(MAGNITUDE), "{number}");
    }
    for number in ["", "-", "01", "1.", ".5", "NaN", "+1", "1795000000Z"] {
        assert_eq!(read(number), Err(FORM), "{number}");
    }
    // A format and the zone of times without an offset do not apply to numbers.
    let other = times(Some("Asia/Tokyo"), Some("%d.%m.%Y"));
    assert_eq!(
        shown(&Value::Number("1795000000.25"), &other).as_deref(),
        Ok("2026-11-18T08:06:40.25")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn unix_time_is_what_big_integers_say(
        negative: bool,
        whole in "0|[1-9][0-9]{0,20}|1[5-9][0-9]{8,17}",
        fraction in "[0-9]{1,12}",
        exponent in -12..12_i32,
    ) {
        let number = format!("{}{whole}.{fraction}e{exponent}", if negative { "-" } else { "" });
        // In units of 10^-24.
        let power = u32::try_from(exponent + 24).unwrap() - u32::try_from(fraction.len()).unwrap();
        let digits = BigInt::from_str(&format!("{whole}{fraction}")).unwrap();
        let value = digits * BigInt::from(10).pow(power);
        let below = |digits: u32| value < BigInt::from(10).pow(24 + digits);
        let worth = match () {
            () if below(11) => 18,
            () if below(14) => 21,
            () if below(17) => 24,
            () if below(20) => 27,
            () => {
                prop_assert_eq!(read(&number), Err(MAGNITUDE), "{}", number);
                return Ok(());
            }
        };
        let microseconds = &value / BigInt::from(10).pow(worth);
        let expected = i64::try_from(microseconds).ok()
            .filter(|it| !negative && UNIX_TIMES.contains(it))
            .and_then(|it| Timestamp::from_microsecond(it).ok())
            .map(|moment| TimeZone::get("America/Sao_Paulo").unwrap().to_datetime(moment))
            .map(|at| at.to_string())
            .ok_or(MAGNITUDE);
        prop_assert_eq!(read(&number), expected, "{}", number);
    }
}
