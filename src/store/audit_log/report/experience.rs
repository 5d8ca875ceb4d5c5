//! How much a log knows of usual days.

use std::fmt;

use serde::Serialize;

use crate::store::audit_log::line::Line;
use crate::store::audit_log::report::count;
use crate::timestamp::{Day, Period, Timestamp};

/// How old a log has to be before anything in it is called unusual: two weeks have
/// each day of the week twice, and are what those who sell such reports wait for, too.
const AGE_MIN: Period = Period::from_seconds(14 * 24 * 60 * 60);

/// On how many days it has to have reads by then: on fewer it is the days with a read
/// that are unusual.
const DAYS_MIN: u64 = 7;

/// How many reads it has to have.
const READS_MIN: u64 = 50;

/// What was seen so far of usual days.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Experience {
    /// The first read.
    pub since: Option<Timestamp>,
    /// On how many days something was read.
    pub days: u64,
    /// How often.
    pub reads: u64,
    /// What it was when the day began that is under way: a burst does not vouch for
    /// itself.
    #[serde(skip)]
    before_today: (u64, u64),
    #[serde(skip)]
    today: Option<Day>,
}

impl Experience {
    /// Learns from a read. What a clock gone wrong says is not learned: it would make
    /// the log old at once.
    pub fn take(&mut self, line: &Line) {
        if line.time < Timestamp::BEGINNING {
            return;
        }
        self.begin(line.time.date());
        self.since = Some(self.since.map_or(line.time, |since| since.min(line.time)));
        self.reads += 1;
    }

    /// Begins a day. Those that come back after a clock was set back were counted.
    fn begin(&mut self, day: Day) {
        if self.today.is_none_or(|today| today < day) {
            self.before_today = (self.days, self.reads);
            self.days += 1;
            self.today = Some(day);
        }
    }

    /// Tells whether it is enough to call something of that time unusual.
    pub fn suffices(&self, at: Timestamp) -> bool {
        let is_new_day = self.today.is_none_or(|today| today < at.date());
        let (days, reads) = if is_new_day {
            (self.days, self.reads)
        } else {
            self.before_today
        };
        let is_old = self.since.is_some_and(|since| since.age(at) >= AGE_MIN);
        is_old && days >= DAYS_MIN && reads >= READS_MIN
    }

    /// Says what it takes.
    pub fn needed() -> String {
        let days = AGE_MIN.as_seconds() / (24 * 60 * 60);
        format!("{READS_MIN} reads on {DAYS_MIN} days, the first {days} days ago")
    }
}

impl fmt::Display for Experience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reads = count(self.reads, "read", "reads");
        write!(f, "{reads} on {}", count(self.days, "day", "days"))
    }
}
