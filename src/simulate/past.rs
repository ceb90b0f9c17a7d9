//! Distributes past sales over time.

use fake::rand::RngExt;
use jiff::{ToSpan, civil::DateTime};

use super::random::Random;

/// The distribution of a day's orders over its hours: least before dawn, most in the evening.
const HOURS: [u64; 24] =
    [24, 12, 7, 5, 4, 6, 10, 18, 32, 46, 58, 62, 58, 56, 60, 62, 60, 56, 55, 62, 72, 70, 52, 36];

/// The distribution of a week's orders over its days, from Monday.
const WEEKDAYS: [u64; 7] = [112, 108, 106, 104, 102, 84, 76];

/// The resolution of a draw between two orders.
const STEPS: u64 = 1 << 20;

/// Past sales before the clock starts, distributed over hours as in a real shop.
#[derive(Clone, Copy, Debug)]
pub struct Before {
    /// The number of days; the last one is the day of `until`.
    pub days: u32,
    /// The end of the past.
    pub until: DateTime,
    /// The number of records distributed over these days; they come first.
    pub records: u64,
}

/// The hours of the past, with cumulative weights.
#[derive(Clone, Debug)]
pub(super) struct Past {
    hours: Vec<Hour>,
    before: Before,
}

#[derive(Clone, Copy, Debug)]
struct Hour {
    begins: DateTime,
    seconds: u64,
    /// The weight of all hours before it.
    sum: u64,
    weight: u64,
}

impl Past {
    /// Days vary: each has between 80 % and 120 % of its expected orders.
    pub(super) fn draw(before: Before, random: &mut Random) -> Self {
        let (mut hours, mut sum) = (Vec::new(), 0);
        for ago in (0..before.days).rev() {
            let Ok(day) = before.until.date().checked_sub(i64::from(ago).days()) else { continue };
            let nth = usize::try_from(day.weekday().to_monday_zero_offset()).unwrap_or(0);
            let of_day = WEEKDAYS.get(nth).unwrap_or(&100) * random.random_range(80..=120);
            for (hour, of_hour) in (0_i8..).zip(HOURS) {
                let begins = day.at(hour, 0, 0, 0);
                let left = begins.duration_until(before.until).as_secs().clamp(0, 3600);
                let seconds = u64::try_from(left).unwrap_or(0);
                let weight = of_day * of_hour * seconds / 3600;
                hours.push(Hour { begins, seconds, sum, weight });
                sum += weight;
            }
        }
        Self { hours, before }
    }

    /// The time of the `nth` record, counted from 0, in ascending order; `None` after the last one.
    pub(super) fn sold_at(&self, nth: u64, random: &mut Random) -> Option<DateTime> {
        let Before { records, until, .. } = self.before;
        if nth >= records {
            return None;
        }
        let step = u128::from(random.random_range(0..STEPS));
        let place = u128::from(nth) * u128::from(STEPS) + step;
        let all = self.hours.last().map_or(0, |hour| hour.sum + hour.weight);
        let place = place * u128::from(all) / (u128::from(records) * u128::from(STEPS));
        let place = u64::try_from(place).unwrap_or(u64::MAX);
        let which = self.hours.partition_point(|hour| hour.sum + hour.weight <= place);
        // There is none if the first day has just begun.
        let Some(hour) = self.hours.get(which) else { return Some(until) };
        let seconds = ((place - hour.sum) * hour.seconds).checked_div(hour.weight)?;
        let seconds = i64::try_from(seconds).unwrap_or_default().seconds();
        Some(hour.begins.checked_add(seconds).unwrap_or(until))
    }
}
