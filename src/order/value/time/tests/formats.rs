//! Times in the format of the mapping.

use super::*;

#[test]
fn a_format_reads_only_texts_in_its_format() {
    for (format, text, expected) in [
        ("%m/%d/%Y", "11/22/2026", "2026-11-22T00:00:00"),
        ("%m/%d/%Y %I:%M %p", "11/22/2026 3:04 PM", "2026-11-22T15:04:00"),
        ("%d.%m.%y %H:%M", "22.11.26 10:11", "2026-11-22T10:11:00"),
        ("%Y-%m-%dT%H:%M:%S%.f", "2026-11-22T10:11:12.1234567", "2026-11-22T10:11:12.123456"),
        ("%d/%b/%Y:%T %z", "22/Nov/2026:10:11:12 +0000", "2026-11-22T07:11:12"),
        ("%FT%T%.f%:z", "2026-11-22T10:11:12.9999999+00:00", "2026-11-22T07:11:12.999999"),
        ("%F %T %Q", "2026-11-22 10:11:12 Asia/Tokyo", "2026-11-21T22:11:12"),
        ("%F %T %Q", "2026-11-22 10:11:12 +0000", "2026-11-22T07:11:12"),
        ("%F %z", "2026-11-22 +0900", "2026-11-22T00:00:00"), // a date alone
        ("%F %Q", "2026-11-22 Asia/Tokyo", "2026-11-22T00:00:00"),
        ("%s", "1795000000", "2026-11-18T08:06:40"),
        ("%s%.f", "1795000000.1234567", "2026-11-18T08:06:40.123456"),
        ("%s%.f", "-1.25", "1969-12-31T20:59:58.75"),
        ("%Y%m%d", "20261122", "2026-11-22T00:00:00"),
        ("%FT%T%:z", "9999-12-31T23:59:59+00:00", "9999-12-31T20:59:59"),
    ] {
        let read = read_with(text, &times(None, Some(format)));
        assert_eq!(read.as_deref(), Ok(expected), "{format}: {text}");
    }
    for (format, text, rule) in [
        ("%m/%d/%Y", "22/11/2026", FORMAT),
        ("%m/%d/%Y", "2026-11-22", FORMAT),
        ("%m/%d/%Y", "11/22/2026 ", FORMAT),
        ("%m/%d/%Y", "", FORMAT),
        ("%", "2026", FORMAT),
        ("%c", "2026", FORMAT),
        ("%m/%d/%Y", "02/30/2026", EXISTS),
        ("%Y", "2026", EXISTS),
        ("%F %M", "2026-11-22 10", EXISTS),
        ("%F %T %Q", "2026-11-22 10:11:12 Nowhere/Else", EXISTS),
        ("%F", "0000-11-22", YEARS),
        ("%F", "-0001-11-22", YEARS),
        ("%FT%T%:z", "0001-01-01T00:00:00+00:00", YEARS),
        ("%s", "-99999999999", YEARS),
    ] {
        assert_eq!(read_with(text, &times(None, Some(format))), Err(rule), "{format}: {text}");
    }
}

#[test]
fn a_formatted_time_without_an_offset_is_converted_if_the_mapping_has_its_zone() {
    for (format, text, expected) in [
        ("%d.%m.%Y %H:%M", "22.11.2026 10:11", "2026-11-22T07:11:00"),
        ("%d.%m.%Y", "22.11.2026", "2026-11-22T00:00:00"),
        ("%FT%T%:z", "2026-11-22T10:11:12-03:00", "2026-11-22T10:11:12"),
        ("%F %T %Q", "2026-11-22 10:11:12 Asia/Tokyo", "2026-11-21T22:11:12"),
        ("%s", "1795000000", "2026-11-18T08:06:40"),
    ] {
        let read = read_with(text, &times(Some("UTC"), Some(format)));
        assert_eq!(read.as_deref(), Ok(expected), "{format}: {text}");
    }
}
