//! Dates, times and durations, as texts or as numbers.

use jiff::{
    Timestamp,
    civil::{Date, Time},
    tz::Offset,
};

use super::{Encoder, Json, Misfit, exact, json};
use crate::format::avro::Unit;

impl Encoder<'_> {
    pub(super) fn date(&mut self, value: Json<'_>) -> Result<(), Misfit> {
        let rule = || Misfit::new("must be a date (YYYY-MM-DD), or a whole number of days");
        match value {
            Json::Number(number) => self.int(number),
            Json::Text(text) => {
                let day: Date = text.parse().map_err(|_| rule())?;
                let midnight = Offset::UTC.to_timestamp(day.to_datetime(Time::midnight()));
                self.long(midnight.map_err(|_| rule())?.as_second().div_euclid(86_400));
                Ok(())
            }
            _ => Err(rule()),
        }
    }

    pub(super) fn time(&mut self, unit: Unit, value: Json<'_>) -> Result<(), Misfit> {
        let rule = || Misfit::new("must be a time of day (HH:MM:SS), or a whole number");
        let since = match value {
            Json::Number(number) if unit == Unit::Millis => return self.int(number),
            Json::Number(number) => exact::whole(number),
            Json::Text(text) => text.parse::<Time>().ok().map(|time| {
                let seconds = (i64::from(time.hour()) * 60 + i64::from(time.minute())) * 60
                    + i64::from(time.second());
                let nanosecond = i64::from(time.subsec_nanosecond());
                seconds * unit.per_second() + nanosecond / (1_000_000_000 / unit.per_second())
            }),
            _ => None,
        };
        self.long(since.ok_or_else(rule)?);
        Ok(())
    }

    pub(super) fn since_1970(
        &mut self,
        unit: Unit,
        value: &Json<'_>,
        moment: impl Fn(&str) -> Option<Timestamp>,
        rule: &str,
    ) -> Result<(), Misfit> {
        let since = match value {
            Json::Number(number) => exact::whole(number),
            Json::Text(text) => moment(text).and_then(|moment| {
                let nanoseconds = moment.as_nanosecond();
                i64::try_from(nanoseconds.div_euclid(1_000_000_000 / i128::from(unit.per_second())))
                    .ok()
            }),
            _ => None,
        };
        self.long(since.ok_or_else(|| Misfit::new(rule))?);
        Ok(())
    }

    pub(super) fn duration(&mut self, parts: &[json::Entry<'_>]) -> Result<(), Misfit> {
        for name in ["months", "days", "milliseconds"] {
            let part = parts.iter().find(|(key, _)| key == name);
            let part = part.and_then(|(_, value)| value.get().parse::<u32>().ok());
            let part = part.filter(|_| parts.len() == 3).ok_or_else(|| {
                Misfit::new("must have months, days and milliseconds, whole numbers of 32 bits")
            })?;
            self.bytes.extend(part.to_le_bytes());
        }
        Ok(())
    }
}
