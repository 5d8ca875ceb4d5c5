//! Points in time and lengths of time, as files and the command line write
//! them. Nothing here reads a clock: `now` comes from `context`.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use crate::text::serde_as_text;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const WEEK: u64 = 7 * DAY;
/// Julian year, which is near enough for an age that is shown as `2y`.
const YEAR: u64 = 365 * DAY + 6 * HOUR;

/// A point in time: UTC, whole seconds, written as RFC 3339
/// (`2026-11-22T12:00:00Z`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(jiff::Timestamp);

impl Timestamp {
    /// The beginning of the year in which keyvault did: an earlier time is that of a
    /// clock gone wrong.
    pub const BEGINNING: Self = Self(jiff::Timestamp::constant(1_767_225_600, 0));

    /// Converts the system's time, dropping what is below a second.
    ///
    /// A clock outside the years -9999 to 9999 counts as 1970.
    pub fn from_system(time: SystemTime) -> Self {
        let seconds = jiff::Timestamp::try_from(time).map_or(0, |time| time.as_second());
        Self(jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::UNIX_EPOCH))
    }

    /// Returns how long before `now` this was; nothing for a time to come.
    pub fn age(self, now: Timestamp) -> Period {
        Period(u64::try_from(now.0.as_second() - self.0.as_second()).unwrap_or(0))
    }

    /// Returns how long after `now` this is; nothing for a time that is past.
    pub fn until(self, now: Timestamp) -> Period {
        now.age(self)
    }

    /// Returns the point that lies `period` later, or the last one there is.
    pub fn after(self, period: Period) -> Self {
        let length = Duration::from_secs(period.0);
        let last = jiff::Timestamp::MAX.as_second();
        let later = self.0.checked_add(length);
        let seconds = later.map_or(last, |later| later.as_second());
        Self(jiff::Timestamp::from_second(seconds).expect("it is in range"))
    }

    /// Returns the point that lies `period` earlier, or the first one there is.
    pub fn before(self, period: Period) -> Self {
        let length = Duration::from_secs(period.0);
        Self(self.0.checked_sub(length).unwrap_or(jiff::Timestamp::MIN))
    }

    /// Returns the date of the day that it is in (UTC).
    pub fn date(self) -> Day {
        Day(self.0.as_second().div_euclid(DAY as i64))
    }

    /// Returns the hour of that day, 0 to 23 (UTC).
    pub fn hour(self) -> u32 {
        let hour = self.0.as_second().div_euclid(HOUR as i64).rem_euclid(24);
        u32::try_from(hour).expect("below 24")
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl FromStr for Timestamp {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let time: jiff::Timestamp = text
            .parse()
            .map_err(|_| "a time is written as 2026-12-31T12:00:00Z")?;
        let time = jiff::Timestamp::from_second(time.as_second());
        time.map(Self).map_err(|_| "the time is out of range")
    }
}

serde_as_text!(Timestamp);

/// A day of the calendar (UTC), written as `2026-12-31`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(i64);

impl Day {
    /// Returns how many days later than `other` it is; less than none where it is
    /// earlier.
    pub fn since(self, other: Day) -> i64 {
        self.0 - other.0
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // It came from a timestamp, so that its first second is one as well, but for
        // the first day that there is.
        let midnight = jiff::Timestamp::from_second(self.0 * DAY as i64);
        let midnight = midnight.unwrap_or(jiff::Timestamp::MIN).to_string();
        let date = midnight.split('T').next().unwrap_or_default();
        f.pad(date)
    }
}

impl serde::Serialize for Day {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A length of time in whole seconds, written as a number and a unit: `45s`,
/// `15m`, `12h`, `90d`, `2w`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(u64);

impl Period {
    /// The length of so many seconds.
    pub const fn from_seconds(seconds: u64) -> Self {
        Self(seconds)
    }

    /// Returns the length in seconds.
    pub const fn as_seconds(self) -> u64 {
        self.0
    }

    /// Returns the length in its largest unit, for a table: `41s`, `7m`, `3h`,
    /// `12d`, `2y`. What is left over is dropped.
    pub fn rounded(self) -> impl fmt::Display {
        let (count, unit) = match self.0 {
            seconds if seconds < MINUTE => (seconds, 's'),
            seconds if seconds < HOUR => (seconds / MINUTE, 'm'),
            seconds if seconds < DAY => (seconds / HOUR, 'h'),
            seconds if seconds < 2 * YEAR => (seconds / DAY, 'd'),
            seconds => (seconds / YEAR, 'y'),
        };
        format!("{count}{unit}")
    }
}

impl fmt::Display for Period {
    /// Writes the largest unit that loses nothing, so that it reads back equal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(DAY, 'd'), (HOUR, 'h'), (MINUTE, 'm')];
        match units
            .iter()
            .find(|(length, _)| self.0 != 0 && self.0.is_multiple_of(*length))
        {
            Some((length, unit)) => write!(f, "{}{unit}", self.0 / length),
            None => write!(f, "{}s", self.0),
        }
    }
}

impl FromStr for Period {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const RULE: &str =
            "a length of time is a number and `s`, `m`, `h`, `d` or `w`, as in `90d`";
        let unit = match text.as_bytes().last() {
            Some(b's') => 1,
            Some(b'm') => MINUTE,
            Some(b'h') => HOUR,
            Some(b'd') => DAY,
            Some(b'w') => WEEK,
            _ => return Err(RULE),
        };
        let digits = &text[..text.len() - 1];
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(RULE);
        }
        let count: u64 = digits.parse().map_err(|_| RULE)?;
        count.checked_mul(unit).map(Self).ok_or(RULE)
    }
}

serde_as_text!(Period);

/// A point in time as a person names it: `90d` from now, or `2026-12-31`, which is
/// its first second (UTC), or a whole timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// After this time from now.
    In(Period),
    /// At this time.
    At(Timestamp),
}

impl When {
    /// Returns the point that is meant now.
    pub fn from(self, now: Timestamp) -> Timestamp {
        match self {
            Self::In(period) => now.after(period),
            Self::At(time) => time,
        }
    }
}

impl FromStr for When {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const RULE: &str = "a time is `90d` from now, or a date as in `2026-12-31`, which begins at midnight UTC, or `2026-12-31T12:00:00Z`";
        if let Ok(period) = text.parse() {
            return Ok(Self::In(period));
        }
        let is_date = text.len() == "2026-12-31".len();
        let whole = if is_date {
            format!("{text}T00:00:00Z")
        } else {
            text.to_owned()
        };
        whole.parse().map(Self::At).map_err(|_| RULE)
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::In(period) => period.fmt(f),
            Self::At(time) => time.fmt(f),
        }
    }
}

/// A point in time that is past, as a person names it: `7d` ago, or `2026-12-31`, which
/// is its first second (UTC), or a whole timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Past {
    /// This time ago.
    Ago(Period),
    /// At this time.
    At(Timestamp),
}

impl Past {
    /// Returns the point that is meant now.
    pub fn from(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(period) => now.before(period),
            Self::At(time) => time,
        }
    }
}

impl FromStr for Past {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const RULE: &str = "a time is `7d` ago, or a date as in `2026-12-31`, which begins at midnight UTC, or `2026-12-31T12:00:00Z`";
        // The forms are those of a time to come; only a length counts the other way.
        match text.parse() {
            Ok(When::In(period)) => Ok(Self::Ago(period)),
            Ok(When::At(time)) => Ok(Self::At(time)),
            Err(_) => Err(RULE),
        }
    }
}

impl fmt::Display for Past {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ago(period) => period.fmt(f),
            Self::At(time) => time.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn a_timestamp_reads_back_as_written() {
        for text in [
            "2026-11-22T12:00:00Z",
            "1970-01-01T00:00:00Z",
            "2028-02-29T23:59:59Z",
        ] {
            assert_eq!(at(text).to_string(), text);
        }
        assert_eq!(
            at("2026-11-22T13:00:00.9+01:00").to_string(),
            "2026-11-22T12:00:00Z"
        );
        assert!("yesterday".parse::<Timestamp>().is_err());
        assert!("2026-02-29T00:00:00Z".parse::<Timestamp>().is_err());
    }

    #[test]
    fn there_was_no_keyvault_before_its_year() {
        assert_eq!(Timestamp::BEGINNING, at("2026-01-01T00:00:00Z"));
    }

    #[test]
    fn the_system_clock_may_show_anything() {
        let epoch = SystemTime::UNIX_EPOCH;
        assert_eq!(
            Timestamp::from_system(epoch).to_string(),
            "1970-01-01T00:00:00Z"
        );
        let late = epoch + Duration::new(1_795_348_800, 999_999_999);
        assert_eq!(
            Timestamp::from_system(late).to_string(),
            "2026-11-22T12:00:00Z"
        );
        let absurd = epoch + Duration::from_secs(1 << 50);
        assert_eq!(
            Timestamp::from_system(absurd).to_string(),
            "1970-01-01T00:00:00Z"
        );
    }

    #[test]
    fn an_age_is_never_negative() {
        let (early, late) = (at("2026-01-01T00:00:00Z"), at("2026-01-13T05:00:00Z"));
        assert_eq!(early.age(late).rounded().to_string(), "12d");
        assert_eq!(late.age(early).as_seconds(), 0);
        assert_eq!(
            early
                .after("12d".parse().expect("a period"))
                .age(late)
                .rounded()
                .to_string(),
            "5h"
        );
    }

    #[test]
    fn a_period_reads_back_as_written() {
        for text in ["0s", "45s", "15m", "12h", "90d"] {
            assert_eq!(text.parse::<Period>().expect("a period").to_string(), text);
        }
        assert_eq!("2w".parse::<Period>().expect("a period").to_string(), "14d");
        for bad in [
            "",
            "d",
            "90",
            "-1d",
            "+1d",
            "1.5h",
            "1y",
            "d90",
            "99999999999999999999d",
            "9é",
        ] {
            assert!(bad.parse::<Period>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_time_is_named_by_a_length_a_date_or_in_full() {
        let now = at("2028-02-28T23:00:00Z");
        let meant = |text: &str| text.parse::<When>().map(|when| when.from(now).to_string());
        // A day has 24 hours, whatever clocks on walls do.
        for (text, expected) in [
            ("1d", "2028-02-29T23:00:00Z"),
            ("366d", "2029-02-28T23:00:00Z"),
            ("2028-02-29", "2028-02-29T00:00:00Z"),
            ("2026-03-29T03:30:00+02:00", "2026-03-29T01:30:00Z"),
            ("2026-12-31T12:00:00Z", "2026-12-31T12:00:00Z"),
        ] {
            assert_eq!(meant(text).as_deref(), Ok(expected), "{text}");
        }
        for bad in [
            "",
            "2026-02-29",
            "2026-13-01",
            "31.12.2026",
            "tomorrow",
            "2026-1-1",
            "2026-12-31T12:00:00",
        ] {
            assert!(bad.parse::<When>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_last_time_there_is_has_no_fraction() {
        let last = at("2026-11-22T12:00:00Z").after(Period::from_seconds(u64::MAX));
        assert_eq!(last.to_string(), "9999-12-30T22:00:00Z");
        assert_eq!(last.to_string().parse(), Ok(last));
    }

    #[test]
    fn a_time_that_is_past_is_named_in_the_same_ways() {
        let now = at("2028-03-01T23:00:00Z");
        let meant = |text: &str| text.parse::<Past>().map(|past| past.from(now).to_string());
        for (text, expected) in [
            ("0s", "2028-03-01T23:00:00Z"),
            ("1d", "2028-02-29T23:00:00Z"),
            ("2w", "2028-02-16T23:00:00Z"),
            ("2028-02-29", "2028-02-29T00:00:00Z"),
            ("2028-02-29T12:00:00+01:00", "2028-02-29T11:00:00Z"),
            // Longer ago than there is time.
            ("9999999999999999s", "-009999-01-02T01:59:59Z"),
        ] {
            assert_eq!(meant(text).as_deref(), Ok(expected), "{text}");
        }
        for bad in ["", "7", "-7d", "yesterday", "2028-02-30", "7d ago"] {
            assert!(bad.parse::<Past>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_time_is_in_a_day_and_an_hour_of_utc() {
        for (time, day, hour) in [
            ("2026-11-22T00:00:00Z", "2026-11-22", 0),
            ("2026-11-22T23:59:59Z", "2026-11-22", 23),
            ("2026-11-22T23:30:00-01:00", "2026-11-23", 0),
            ("2027-01-01T00:30:00+02:00", "2026-12-31", 22),
            ("2028-02-29T23:59:59Z", "2028-02-29", 23),
            ("1969-12-31T23:00:00Z", "1969-12-31", 23),
        ] {
            assert_eq!(at(time).date().to_string(), day);
            assert_eq!(at(time).hour(), hour);
        }
        let (first, last) = (at("2028-02-28T23:00:00Z"), at("2028-03-01T01:00:00Z"));
        assert_eq!(last.date().since(first.date()), 2);
        assert_eq!(first.date().since(last.date()), -2);
    }

    #[test]
    fn an_age_is_shown_in_its_largest_unit() {
        let shown = |seconds| Period::from_seconds(seconds).rounded().to_string();
        assert_eq!(shown(59), "59s");
        assert_eq!(shown(60), "1m");
        assert_eq!(shown(DAY - 1), "23h");
        assert_eq!(shown(400 * DAY), "400d");
        assert_eq!(shown(3 * YEAR), "3y");
    }
}
