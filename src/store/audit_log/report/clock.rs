//! Lines that are older than the one before.

use crate::store::audit_log::line::Line;
use crate::store::audit_log::report::{Finding, Incident, Kind};
use crate::timestamp::{Period, Timestamp};

/// How far a clock may go back unsaid: what a time server corrects, and two processes
/// that wrote at once.
const SLACK: Period = Period::from_seconds(60 * 60);

/// Tells a line whose time is more than an hour before that of the line it follows: the
/// clock was set back, by which what has expired would not have, or lines were put in.
/// (`audit verify` tells the two apart.)
#[derive(Default)]
pub struct Clock {
    last: Option<Timestamp>,
    found: Vec<Finding>,
}

impl Clock {
    /// Judges any line, and tells what is since a time.
    pub fn take(&mut self, line: &Line, since: Timestamp) {
        let Some(before) = self.last.replace(line.time) else {
            return;
        };
        // A line that was dated out of the time that is meant is of it all the same.
        if before < since || line.time.age(before) <= SLACK {
            return;
        }
        let back = line.time.age(before).rounded();
        let why = format!("{back} before the line that it follows, which is of {before}");
        self.found
            .push(Incident::of(line).found(Kind::ClockBack, why));
    }

    /// Returns what was found.
    pub fn findings(self) -> Vec<Finding> {
        self.found
    }
}
