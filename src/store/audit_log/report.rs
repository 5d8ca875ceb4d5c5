//! What stands out in a log: how often each secret was read, and what security guides
//! call anomalies, each with the numbers for which it is told.
//!
//! A log is read once, from its first line to its last, and each line is judged by
//! what was known before it. So the same lines always say the same, and what was new
//! last month is not new today. Three rules compare with the past and say nothing
//! before there is one ([`Experience`]): [`newcomers`], [`hours`] and [`bursts`].
//! What was refused ([`refusals`]) and a clock that went back ([`clock`]) are facts,
//! however young the log is.

mod bursts;
mod clock;
mod days;
mod experience;
mod hours;
mod newcomers;
mod reads;
mod refusals;

use std::collections::BTreeSet;

use serde::Serialize;

use crate::error::printable;
use crate::store::audit_log::filter::without_version;
use crate::store::audit_log::line::{Line, Outcome};
use crate::store::audit_log::report::bursts::Bursts;
use crate::store::audit_log::report::clock::Clock;
pub use crate::store::audit_log::report::experience::Experience;
use crate::store::audit_log::report::hours::Hours;
use crate::store::audit_log::report::newcomers::Newcomers;
pub use crate::store::audit_log::report::reads::{Columns, Reads, SecretReads};
use crate::store::audit_log::report::refusals::Refusals;
use crate::timestamp::Timestamp;

/// The subcommands that give values out.
pub const READING: [&str; 5] = ["get", "exec", "export", "render", "shell"];

/// How many findings of one kind are listed: whoever needs more has a question to the
/// log itself.
const FINDINGS_MAX: usize = 20;

/// Longest text out of a line that is repeated for a person, in letters.
const TEXT_MAX: usize = 48;

/// How many names a sentence has room for.
const NAMED: usize = 3;

/// What a log says of a time.
#[derive(Debug, Serialize)]
pub struct AuditReport {
    /// From when on.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// How many lines of the log are of that time.
    pub lines: u64,
    /// How often each secret was read, the most read first.
    pub reads: Vec<SecretReads>,
    /// What stands out, the worst kind first.
    pub findings: Vec<Finding>,
    /// How many more there are of the kinds that have too many.
    pub more_findings: u64,
    /// What the log knows of usual days.
    pub experience: Experience,
}

/// Something that stands out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is.
    pub kind: Kind,
    /// When it began.
    pub from: Timestamp,
    /// When it was seen last.
    pub to: Timestamp,
    /// The number of its first line.
    pub line: u64,
    /// How many lines it is made of.
    pub lines: u64,
    /// The secrets, as the lines have them.
    pub names: BTreeSet<String>,
    /// Why it is told, with the numbers. Can be shown on a terminal.
    pub why: String,
}

/// What stands out, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A file or vault that is not believed.
    Untrusted,
    /// Passphrases that did not open the identity.
    FailedUnlocks,
    /// Far more reads than ever in so short a time.
    Burst,
    /// A program, agent, CI system or identity that read for the first time.
    FirstSeen,
    /// Reads at hours at which hardly anything is read.
    OffHours,
    /// Another refusal: something asks for what it is not served.
    Refused,
    /// What is not allowed by itself and was.
    Allowed,
    /// Lines that are older than the one before.
    ClockBack,
}

impl Kind {
    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Untrusted => "untrusted",
            Self::FailedUnlocks => "failed-unlocks",
            Self::Burst => "burst",
            Self::FirstSeen => "first-seen",
            Self::OffHours => "off-hours",
            Self::Refused => "refused",
            Self::Allowed => "allowed",
            Self::ClockBack => "clock-back",
        }
    }
}

/// Where and when it happened, as it is counted together.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Incident {
    from: Timestamp,
    to: Timestamp,
    line: u64,
    lines: u64,
    names: BTreeSet<String>,
}

impl Incident {
    /// Begins with a line.
    fn of(line: &Line) -> Self {
        let mut incident = Self {
            from: line.time,
            to: line.time,
            line: line.line,
            lines: 0,
            names: BTreeSet::new(),
        };
        incident.take(line);
        incident
    }

    /// Counts one more line.
    fn take(&mut self, line: &Line) {
        self.from = self.from.min(line.time);
        self.to = self.to.max(line.time);
        self.lines += 1;
        self.names.extend(line.names.iter().cloned());
    }

    /// Gives it a kind and a reason.
    fn found(self, kind: Kind, why: String) -> Finding {
        Finding {
            kind,
            from: self.from,
            to: self.to,
            line: self.line,
            lines: self.lines,
            names: self.names,
            why,
        }
    }

    /// Names its secrets in a sentence.
    fn secrets(&self) -> String {
        let named = self.names.iter().take(NAMED).map(|name| quoted(name));
        let named = named.collect::<Vec<_>>().join(", ");
        match self.names.len().saturating_sub(NAMED) {
            0 => named,
            more => format!("{named} and {more} more"),
        }
    }
}

/// Tells whether a line is of values that were given out: by a command that does
/// nothing else, to a program, as a hook of `rotate` is one, or, as by `env copy`, by
/// their versions.
pub fn is_read(line: &Line) -> bool {
    let command = line.command.split(' ').next().unwrap_or_default();
    let has_version = |name: &String| without_version(name).len() < name.len();
    let gives =
        READING.contains(&command) || line.program.is_some() || line.names.iter().any(has_version);
    // `shell allow` and its like name no secret.
    line.outcome == Outcome::Ok && gives && !line.names.is_empty()
}

/// Returns who got the values: the program that `exec` became, or else the one that
/// started keyvault.
fn reader(line: &Line) -> Option<&str> {
    let nearest = || line.parents.first();
    line.program.as_ref().or_else(nearest).map(String::as_str)
}

/// Reads a log and says what stands out since a time. Lines after `now` are of the time
/// as well: a clock that went wrong hides nothing.
pub fn of(lines: impl Iterator<Item = Line>, since: Timestamp, now: Timestamp) -> AuditReport {
    let mut judge = Judge::default();
    for line in lines {
        judge.take(&line, since);
    }
    judge.report(since, now)
}

#[derive(Default)]
struct Judge {
    lines: u64,
    experience: Experience,
    reads: Reads,
    newcomers: Newcomers,
    hours: Hours,
    bursts: Bursts,
    refusals: Refusals,
    clock: Clock,
}

impl Judge {
    fn take(&mut self, line: &Line, since: Timestamp) {
        let is_meant = since <= line.time;
        self.lines += u64::from(is_meant);
        self.clock.take(line, since);
        self.refusals.take(line, is_meant);
        if !is_read(line) {
            return;
        }
        if is_meant {
            self.reads.take(line);
        }
        let past = Some(&self.experience).filter(|past| is_meant && past.suffices(line.time));
        self.newcomers.take(line, past);
        self.hours.take(line, past.is_some());
        self.bursts.take(line, past.is_some());
        self.experience.take(line);
    }

    fn report(self, since: Timestamp, now: Timestamp) -> AuditReport {
        let mut all = self.newcomers.findings();
        all.extend(self.hours.findings());
        all.extend(self.bursts.findings());
        all.extend(self.refusals.findings());
        all.extend(self.clock.findings());
        all.sort_by_key(|finding| (finding.kind, finding.from, finding.line));
        let total = all.len();
        let mut findings: Vec<Finding> = Vec::new();
        for finding in all {
            let same = findings.iter().rev();
            let same = same.take_while(|before| before.kind == finding.kind);
            if same.count() < FINDINGS_MAX {
                findings.push(finding);
            }
        }
        AuditReport {
            since,
            until: now,
            lines: self.lines,
            reads: self.reads.by_secret(),
            more_findings: (total - findings.len()) as u64,
            findings,
            experience: self.experience,
        }
    }
}

/// Writes a text out of a line for a person: what a terminal would obey is escaped, and
/// what is too long for a sentence cut. Anybody may have written the file.
pub fn quoted(text: &str) -> String {
    format!("`{}`", brief(text))
}

/// The same without quotes, for a table.
pub fn brief(text: &str) -> String {
    let mut letters = text.chars();
    let start: String = letters.by_ref().take(TEXT_MAX).collect();
    let cut = if letters.next().is_some() { "…" } else { "" };
    format!("{}{cut}", printable(&start))
}

/// Writes a number with what it counts.
fn count(number: u64, one: &str, many: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        number => format!("{number} {many}"),
    }
}

#[cfg(test)]
mod scenes;
