//! Texts and lists of numbers as times, by example.

use std::borrow::Cow;

use proptest::prelude::*;

use super::*;

mod formats;
mod unix;

fn times(zoneless: Option<&str>, format: Option<&str>) -> Times {
    Times {
        shop: TimeZone::get("America/Sao_Paulo").unwrap(),
        zoneless: zoneless.map(|zone| TimeZone::get(zone).unwrap()),
        format: format.map(str::to_owned),
    }
}

fn shown(value: &Value<'_>, times: &Times) -> Result<String, Rule> {
    parse(value, times).map(|at| at.to_string())
}

fn read_with(text: &str, times: &Times) -> Result<String, Rule> {
    shown(&Value::Text(Cow::Borrowed(text)), times)
}

fn read(text: &str) -> Result<String, Rule> {
    read_with(text, &times(None, None))
}

fn list(numbers: &[i32], times: &Times) -> Result<String, Rule> {
    let mut all = [-1; 7];
    all[..numbers.len()].copy_from_slice(numbers);
    let count = u8::try_from(numbers.len()).unwrap();
    shown(&Value::Numbers(NumberList { numbers: all, count }), times)
}

#[test]
fn local_times_are_unchanged() {
    for (text, expected) in [
        ("22/11/2026 10:11:12", "2026-11-22T10:11:12"),
        ("29/02/2024 23:59:59", "2024-02-29T23:59:59"),
        ("01/01/0001 00:00:00", "0001-01-01T00:00:00"),
        ("31/12/9999 23:59:59", "9999-12-31T23:59:59"),
        ("2026-11-22T10:11:12", "2026-11-22T10:11:12"),
        ("2026-11-22T10:11:12.5", "2026-11-22T10:11:12.5"),
        ("2026-11-22T10:11:12.123456", "2026-11-22T10:11:12.123456"),
        ("2018-11-04T00:30:00", "2018-11-04T00:30:00"), // a half hour that São Paulo skipped
    ] {
        assert_eq!(read(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn every_date_format_combines_with_every_time_and_offset_format() {
    for date in ["22/11/2026", "22-11-2026", "2026-11-22", "2026/11/22"] {
        assert_eq!(read(date).as_deref(), Ok("2026-11-22T00:00:00"), "{date}");
        for separator in ["T", " "] {
            for (time, expected) in [
                ("10:11", "10:11:00"),
                ("10:11:12", "10:11:12"),
                ("10:11:12.5", "10:11:12.5"),
                ("10:11:12.1234567", "10:11:12.123456"),
                ("10:11:12.123456789", "10:11:12.123456"),
                ("10:11:12.9999999999999999999999", "10:11:12.999999"),
                ("10:11:12.0000009", "10:11:12"),
            ] {
                let text = format!("{date}{separator}{time}");
                assert_eq!(read(&text), Ok(format!("2026-11-22T{expected}")), "{text}");
                for offset in ["Z", "+00:00", "-00:00", "+0000", "+00"] {
                    let text = format!("{text}{offset}");
                    let expected = expected.replacen("10:", "07:", 1);
                    assert_eq!(read(&text), Ok(format!("2026-11-22T{expected}")), "{text}");
                }
            }
        }
    }
}

#[test]
fn an_explicit_offset_is_converted_to_the_shops_time_zone() {
    for (text, expected) in [
        ("2026-11-22T10:11:12.000001Z", "2026-11-22T07:11:12.000001"),
        ("2026-11-22T10:11:12-03:00", "2026-11-22T10:11:12"),
        ("2026-11-22T10:11:12+0530", "2026-11-22T01:41:12"),
        ("2026-11-22T10:11-03", "2026-11-22T10:11:00"),
        ("2026-01-01T01:00:00Z", "2025-12-31T22:00:00"),
        ("2018-12-01T12:00:00Z", "2018-12-01T10:00:00"), // daylight saving time
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T20:59:59.999999"),
        ("0001-01-02T00:00:00Z", "0001-01-01T20:53:32"), // local mean time
    ] {
        assert_eq!(read(text).as_deref(), Ok(expected), "{text}");
        // `zoneless` does not apply to times with an offset.
        let elsewhere = times(Some("Asia/Tokyo"), None);
        assert_eq!(read_with(text, &elsewhere).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn a_date_stays_within_the_years_1_to_9999() {
    for text in [
        "01/01/0000 00:00:00",
        "01/01/0000",
        "0000-12-31T23:59:59",
        "0001-01-01T00:00:00Z",
        "9999-12-31T22:00:00-23:00",
    ] {
        assert_eq!(read(text), Err(YEARS), "{text}");
    }
    let tokyo = times(Some("Asia/Tokyo"), None);
    assert_eq!(read_with("0001-01-01T00:00:00", &tokyo), Err(YEARS));
    assert_eq!(
        read_with("9999-12-31T23:59:59", &tokyo).as_deref(),
        Ok("9999-12-31T11:59:59"),
        "the last day, of which jiff has no moments"
    );
    assert_eq!(read_with("9999-12-31T23:59:59", &times(Some("Etc/GMT+12"), None)), Err(YEARS));
}

#[test]
fn a_date_must_exist() {
    for text in [
        "31/02/2026 10:11:12",
        "31/02/2026",
        "29/02/2026 10:11:12",
        "31/04/2026 10:11:12",
        "00/01/2026 10:11:12",
        "01/00/2026 10:11:12",
        "01/13/2026 10:11:12",
        "11/22/2026",
        "22/11/2026 24:00:00",
        "22/11/2026 24:00",
        "22/11/2026 10:60:12",
        "22/11/2026 10:11:60",
        "2026-02-30T10:11:12",
        "2026-22-11",
        "2016-12-31T23:59:60Z",
        "2026-11-22T24:00:00",
    ] {
        assert_eq!(read(text), Err(EXISTS), "{text}");
    }
}

#[test]
fn other_formats_are_rejected() {
    for text in [
        "",
        " ",
        "22/11/26 10:11:12",
        "22/11/26",
        "22/11-2026",
        "2026-11/22",
        "2026/11-22",
        "22/11/2026  10:11:12",
        " 22/11/2026 10:11:12",
        "22/11/2026 10:11:12 ",
        "22/11/2026 ",
        "22/11/2026T",
        "22/11/2026Z",
        "22/11/2026+03:00",
        "22/11/2026 10",
        "22/11/2026 10:",
        "22/11/2026 10:11:",
        "22/11/2026 10:11.5",
        "22/11/2026 1:11",
        "22/11/2026 10:11 AM",
        "2/11/2026 10:11:12",
        "2/11/2026",
        "2026-1-2",
        "22.11.2026 10:11:12",
        "2026.11.22",
        "2026-11-22t10:11:12",
        "2026-11-22T10:11:12z",
        "2026-11-22T10:11:12 Z",
        "2026-11-22T10:11:12.",
        "2026-11-22T10:11:12.Z",
        "2026-11-22T10:11:12,5",
        "2026-11-22T10:11:12.123456x",
        "2026-11-22T10:11:12+3",
        "2026-11-22T10:11:12+03:",
        "2026-11-22T10:11:12+03:0",
        "2026-11-22T10:11:12+030",
        "2026-11-22T10:11:12+24:00",
        "2026-11-22T10:11:12+03:60",
        "2026-11-22T10:11:12+03:00Z",
        "2026-11-22T10:11:12[America/Sao_Paulo]",
        "-2026-11-22T10:11:12",
        "+002026-11-22T10:11:12",
        "20261122T101112",
        "20261122",
        "2026-W47-7T10:11:12",
        "2026-326T10:11:12",
        "1763800000",
        "1763800000000",
        "1763800000.5",
        "２２/11/2026 10:11:12",
        "22/11/２０２６ 10:11:12",
        "22/11/2026 10:11:1\u{0}",
        "22/11/2026\u{a0}10:11:12",
    ] {
        assert_eq!(read(text), Err(FORM), "{text}");
    }
    for value in [Value::Null, Value::Flag(true), Value::LoneSurrogate, Value::Other] {
        assert_eq!(shown(&value, &times(None, None)), Err(FORM));
        assert_eq!(shown(&value, &times(None, Some("%s"))), Err(FORMAT));
    }
    let money = Value::Units { units: Some("1795000000"), nanos: None };
    assert_eq!(shown(&money, &times(None, None)), Err(FORM));
}

#[test]
fn every_rule_completes_a_sentence() {
    for rule in [FORM, FORMAT, EXISTS, YEARS, MAGNITUDE] {
        assert!(rule.starts_with("must ") && !rule.contains("  "), "{rule}");
    }
}

#[test]
fn a_time_without_an_offset_is_converted_if_the_mapping_has_its_zone() {
    let utc = times(Some("UTC"), None);
    for (text, expected) in [
        ("2026-11-22T10:11:12.5", "2026-11-22T07:11:12.5"),
        ("22/11/2026 01:11", "2026-11-21T22:11:00"),
        ("2026-11-22T00:00", "2026-11-21T21:00:00"),
        ("2026-11-22", "2026-11-22T00:00:00"), // a date alone is never converted
        ("2026-11-22T10:11:12-05:00", "2026-11-22T12:11:12"),
    ] {
        assert_eq!(read_with(text, &utc).as_deref(), Ok(expected), "{text}");
    }
    assert_eq!(list(&[2026, 11, 22], &utc).as_deref(), Ok("2026-11-22T00:00:00"));
    assert_eq!(list(&[2026, 11, 22, 0, 0], &utc).as_deref(), Ok("2026-11-21T21:00:00"));
    // New York: 02:30 is skipped on 8 March, 01:30 exists twice on 1 November.
    let york = times(Some("America/New_York"), None);
    assert_eq!(read_with("2026-03-08T02:30", &york).as_deref(), Ok("2026-03-08T04:30:00"));
    assert_eq!(read_with("2026-11-01T01:30", &york).as_deref(), Ok("2026-11-01T02:30:00"));
}

#[test]
fn a_list_of_numbers_is_a_date_with_an_optional_time() {
    let times = times(None, None);
    for (numbers, expected) in [
        (&[2026, 11, 22][..], "2026-11-22T00:00:00"),
        (&[2026, 11, 22, 10, 11], "2026-11-22T10:11:00"),
        (&[2026, 11, 22, 10, 11, 12], "2026-11-22T10:11:12"),
        (&[2026, 11, 22, 10, 11, 12, 123_456_789], "2026-11-22T10:11:12.123456"),
        (&[9999, 12, 31, 23, 59, 59, 999_999_999], "9999-12-31T23:59:59.999999"),
    ] {
        assert_eq!(list(numbers, &times).as_deref(), Ok(expected), "{numbers:?}");
    }
    for (numbers, rule) in [
        (&[][..], FORM),
        (&[2026], FORM),
        (&[2026, 11], FORM),
        (&[2026, 11, 22, 10], FORM),
        (&[0, 11, 22], YEARS),
        (&[10_000, 11, 22], YEARS),
        (&[i32::MIN, 11, 22], YEARS),
        (&[2026, 13, 22], EXISTS),
        (&[2026, i32::MAX, 22], EXISTS),
        (&[2026, 2, 29], EXISTS),
        (&[2026, 11, 22, 24, 0], EXISTS),
        (&[2026, 11, 22, 10, 60], EXISTS),
        (&[2026, 11, 22, 10, 11, 60], EXISTS),
        (&[2026, 11, 22, 10, 11, 12, -1], EXISTS),
        (&[2026, 11, 22, 10, 11, 12, 1_000_000_000], EXISTS),
    ] {
        assert_eq!(list(numbers, &times), Err(rule), "{numbers:?}");
    }
    let beyond = NumberList { numbers: [1; 7], count: 255 };
    assert_eq!(shown(&Value::Numbers(beyond), &times), Err(FORM));
}

#[test]
fn megabytes_of_digits_are_read_once() {
    let zeros = "0".repeat(4_000_000);
    let expected = "2026-11-18T08:06:40";
    assert_eq!(unix::read(&format!("1795{zeros}e-3999994")).as_deref(), Ok(expected));
    assert_eq!(unix::read(&format!("1795000000.{zeros}1")).as_deref(), Ok(expected));
    assert_eq!(unix::read(&format!("1{zeros}")), Err(MAGNITUDE));
    let text = format!("2026-11-18T08:06:40.{zeros}");
    assert_eq!(read(&text).as_deref(), Ok(expected));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_text_makes_it_panic(
        text in "\\PC{0,40}|[0-9TZ:/+. -]{0,32}|[0-9]{2}[/-][0-9]{2}[/-][0-9]{4}[T ][0-9]{2}:[0-9]{2}.{0,9}",
        format in prop::option::of("(%[YmdHMSfszQTFIpyjUWVGga ]|[/: -]){0,8}"),
        zone in prop::option::of(prop::sample::select(vec!["UTC", "Asia/Tokyo"])),
    ) {
        let read = parse(&Value::Text(Cow::Borrowed(&text)), &times(zone, format.as_deref()));
        if let Ok(at) = read {
            prop_assert!((1..=9999).contains(&at.year()) && at.subsec_nanosecond() % 1_000 == 0);
        }
    }

    #[test]
    fn no_list_makes_it_panic(numbers: [i32; 7], count: u8) {
        let list = Value::Numbers(NumberList { numbers, count });
        let _ = parse(&list, &times(Some("UTC"), None));
    }
}
