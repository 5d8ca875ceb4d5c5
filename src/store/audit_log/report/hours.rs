//! Reads at hours at which hardly anything is read.

use crate::store::audit_log::line::Line;
use crate::store::audit_log::report::days::Days;
use crate::store::audit_log::report::{Finding, Incident, Kind, count, quoted, reader};
use crate::timestamp::Period;

/// How far back usual hours are looked for: who moves or changes shifts has new ones
/// before long.
const LOOK_BACK_DAYS: i64 = 90;

/// On how many days within that something has to have been read: two weeks of work.
const DAYS_MIN: usize = 10;

/// An hour is unusual where fewer than one in so many days had a read near it: 5 %.
const DAYS_FOR_ONE: usize = 20;

/// Reads that are no further apart are told together.
const GAP: Period = Period::from_seconds(3 * 60 * 60);

/// Tells reads at an hour of the day near which, within an hour before or after it,
/// something was read on fewer than 5 % of the days of the last 90 that had a read.
///
/// Days are counted and not reads, so that one loop at night makes no usual hour, and
/// the cron job of every night, or of every Sunday, is none to be told. The hour on
/// either side takes in daylight saving time and a late evening; so UTC will do, and
/// the same log says the same wherever it is read.
#[derive(Default)]
pub struct Hours {
    /// Each day with a bit for each hour.
    days: Days<u32>,
    found: Vec<OddHours>,
}

struct OddHours {
    incident: Incident,
    reader: Option<String>,
    near: usize,
    days: usize,
}

impl Hours {
    /// Judges a read, where the log is old enough.
    pub fn take(&mut self, line: &Line, is_judged: bool) {
        let (day, hour) = (line.time.date(), line.time.hour());
        self.days.begin(day, LOOK_BACK_DAYS);
        if is_judged {
            let near_hour = near(hour);
            let past = self.days.past();
            let days = past.len();
            let near = past.filter(|hours| **hours & near_hour != 0).count();
            if days >= DAYS_MIN && near * DAYS_FOR_ONE < days {
                self.note(line, near, days);
            }
        }
        if let Some(hours) = self.days.today() {
            *hours |= 1 << hour;
        }
    }

    fn note(&mut self, line: &Line, near: usize, days: usize) {
        let last = self.found.last_mut().filter(|last| {
            let (to, time) = (last.incident.to, line.time);
            to.age(time) <= GAP && time.age(to) <= GAP
        });
        match last {
            Some(last) => last.incident.take(line),
            None => self.found.push(OddHours {
                incident: Incident::of(line),
                reader: reader(line).map(str::to_owned),
                near,
                days,
            }),
        }
    }

    /// Returns what was found.
    pub fn findings(self) -> Vec<Finding> {
        let found = self.found.into_iter().map(|odd| {
            let by = odd.reader.map_or_else(String::new, |reader| {
                let others = if odd.incident.lines > 1 { " first" } else { "" };
                format!(",{others} by {}", quoted(&reader))
            });
            let why = format!(
                "{} of {}{by}; on {} of the {} days with reads before was anything read within an hour of {:02}:00 UTC",
                count(odd.incident.lines, "read", "reads"),
                odd.incident.secrets(),
                odd.near,
                odd.days,
                odd.incident.from.hour(),
            );
            odd.incident.found(Kind::OffHours, why)
        });
        found.collect()
    }
}

/// The bits of an hour and of those beside it, round midnight.
fn near(hour: u32) -> u32 {
    [hour + 23, hour, hour + 1]
        .iter()
        .fold(0, |bits, hour| bits | 1 << (hour % 24))
}
