//! Far more reads than usual in a short time.

use std::collections::VecDeque;

use crate::store::audit_log::line::Line;
use crate::store::audit_log::report::days::Days;
use crate::store::audit_log::report::{Finding, Incident, Kind, count, quoted, reader};
use crate::timestamp::{Period, Timestamp};

/// In how short a time reads are counted together.
const WINDOW: Period = Period::from_seconds(10 * 60);
const WINDOW_WORDS: &str = "ten minutes";

/// How many reads are no burst, whatever was before: a person at work, or a script.
const READS_MIN: u64 = 20;

/// How many times the most that there was.
const FACTOR: u64 = 3;

/// How far back the most is looked for. After that a loop which ran once no longer
/// hides another.
const LOOK_BACK_DAYS: i64 = 30;

/// Tells ten minutes with at least 20 reads, and more than three times as many as the
/// busiest ten minutes of the 30 days before had: whoever gets at an identity reads
/// first whatever it opens.
///
/// It is compared with the busiest and not with the average, so that the build which
/// reads 500 times every night is told once and never again. One line is one read: an
/// `exec` that hands over all secrets is as usual as one that hands over two.
#[derive(Default)]
pub struct Bursts {
    /// The lines of the last ten minutes.
    recent: VecDeque<Line>,
    /// The most of each day.
    days: Days<u64>,
    found: Vec<Burst>,
}

struct Burst {
    incident: Incident,
    /// The last line that belongs to it.
    last: Timestamp,
    reader: Option<String>,
    most: u64,
    before: u64,
}

impl Bursts {
    /// Judges a read, where the log is old enough.
    pub fn take(&mut self, line: &Line, is_judged: bool) {
        self.days.begin(line.time.date(), LOOK_BACK_DAYS);
        // A clock that was set back says nothing about how fast reads come.
        if self.recent.back().is_some_and(|last| line.time < last.time) {
            self.recent.clear();
        }
        let is_over = |first: &Line| first.time.age(line.time) >= WINDOW;
        while self.recent.front().is_some_and(is_over) {
            self.recent.pop_front();
        }
        self.recent.push_back(line.clone());
        let reads = self.recent.len() as u64;
        if let Some(most) = self.days.today() {
            *most = reads.max(*most);
        }
        let before = self.days.past().copied().max().unwrap_or(0);
        if is_judged && reads >= READS_MIN && reads > FACTOR * before {
            self.note(line, reads, before);
        }
    }

    fn note(&mut self, line: &Line, reads: u64, before: u64) {
        let under_way = self.found.last_mut();
        let under_way = under_way.filter(|burst| burst.last.age(line.time) < WINDOW);
        match under_way.filter(|burst| burst.last <= line.time) {
            Some(burst) => {
                burst.incident.take(line);
                burst.last = line.time;
                burst.most = reads.max(burst.most);
            }
            None => {
                let mut lines = self.recent.iter();
                let first = lines.next().unwrap_or(line);
                let mut incident = Incident::of(first);
                lines.for_each(|line| incident.take(line));
                self.found.push(Burst {
                    incident,
                    last: line.time,
                    reader: reader(line).map(str::to_owned),
                    most: reads,
                    before,
                });
            }
        }
    }

    /// Returns what was found.
    pub fn findings(self) -> Vec<Finding> {
        let found = self.found.into_iter().map(|burst| {
            let by = burst.reader.as_deref().map(quoted);
            let by = by.map_or_else(String::new, |by| format!(", among others by {by}"));
            let secrets = burst.incident.names.len() as u64;
            let why = format!(
                "{} in {WINDOW_WORDS}, of {}{by}; the busiest {WINDOW_WORDS} of the {LOOK_BACK_DAYS} days before had {}",
                count(burst.most, "read", "reads"),
                count(secrets, "secret", "secrets"),
                burst.before,
            );
            burst.incident.found(Kind::Burst, why)
        });
        found.collect()
    }
}
