//! What was refused, and what was allowed that is not so by itself.

use std::collections::{BTreeMap, BTreeSet};

use crate::store::audit_log::HEAD_LOST;
use crate::store::audit_log::line::{Line, Outcome};
use crate::store::audit_log::report::{Finding, Incident, Kind, count, quoted, reader};
use crate::timestamp::Period;

/// The error of a passphrase that does not open the identity.
const WRONG_PASSPHRASE: &str = "wrong-passphrase";

/// The errors of a file or vault that is not believed.
const UNTRUSTED: [&str; 6] = [
    "untrusted",
    "other-vault",
    "other-founder",
    "unexpected",
    "foreign-vault",
    "linked-vault",
];

/// How many wrong passphrases no typing errors are. Once or twice happens to everybody.
const UNLOCKS_MIN: u64 = 3;

/// Wrong passphrases that are no further apart are one attempt.
const GAP: Period = Period::from_seconds(10 * 60);

/// How many readers of one refusal are named.
const NAMED: usize = 3;

/// Tells what is refused, at any age of the log. Three wrong passphrases, each within
/// ten minutes of the one before, are told with whether the identity was used after
/// them, as it is by who has guessed; a file that is not believed is told always; and of
/// other refusals, and of what was allowed by an option, each kind of each secret once,
/// with how often and to whom: a revoked value that is still asked for is a program that
/// nobody thought of, or a copy in the wrong hands.
#[derive(Default)]
pub struct Refusals {
    attempt: Option<Attempt>,
    found: Vec<Finding>,
    others: BTreeMap<(Kind, String, Vec<String>), Other>,
}

struct Attempt {
    incident: Incident,
    is_used: bool,
}

struct Other {
    incident: Incident,
    readers: BTreeSet<String>,
}

impl Refusals {
    /// Judges any line.
    pub fn take(&mut self, line: &Line, is_meant: bool) {
        self.follow_attempt(line);
        if !is_meant {
            return;
        }
        for allowed in &line.allowed {
            self.count(Kind::Allowed, allowed, line);
        }
        let error = line.error.as_deref().unwrap_or("refused");
        if error == HEAD_LOST {
            return self.count(Kind::Untrusted, HEAD_LOST, line);
        }
        if line.outcome != Outcome::Refused {
            return;
        }
        match error {
            WRONG_PASSPHRASE => match &mut self.attempt {
                Some(attempt) => attempt.incident.take(line),
                None => {
                    self.attempt = Some(Attempt {
                        incident: Incident::of(line),
                        is_used: false,
                    });
                }
            },
            error if UNTRUSTED.contains(&error) => self.count(Kind::Untrusted, error, line),
            error => self.count(Kind::Refused, error, line),
        }
    }

    /// Looks what comes after wrong passphrases. A use does not end them: in another
    /// session the identity may be open all the time.
    fn follow_attempt(&mut self, line: &Line) {
        let Some(attempt) = &mut self.attempt else {
            return;
        };
        let last = attempt.incident.to;
        if last.age(line.time) > GAP || line.time < last {
            self.end_attempt();
        } else if line.outcome == Outcome::Ok && line.identity.is_some() {
            attempt.is_used |= attempt.incident.lines >= UNLOCKS_MIN;
        }
    }

    fn end_attempt(&mut self) {
        let Some(Attempt { incident, is_used }) = self.attempt.take() else {
            return;
        };
        if incident.lines < UNLOCKS_MIN {
            return;
        }
        let end = if is_used {
            "and then it was used"
        } else {
            "and it was not used in the ten minutes behind them"
        };
        let took = incident.from.age(incident.to).rounded();
        let why = format!(
            "{} passphrases within {took} did not open the identity, {end}",
            incident.lines
        );
        self.found.push(incident.found(Kind::FailedUnlocks, why));
    }

    fn count(&mut self, kind: Kind, what: &str, line: &Line) {
        let key = (kind, what.to_owned(), line.names.clone());
        let other = self.others.entry(key);
        let other = other
            .and_modify(|other| other.incident.take(line))
            .or_insert_with(|| Other {
                incident: Incident::of(line),
                readers: BTreeSet::new(),
            });
        other.readers.extend(reader(line).map(str::to_owned));
    }

    /// Returns what was found.
    pub fn findings(mut self) -> Vec<Finding> {
        self.end_attempt();
        let others = self.others.into_iter().map(|((kind, what, _), other)| {
            let secrets = match other.incident.names.len() {
                0 => String::new(),
                _ => format!(": {}", other.incident.secrets()),
            };
            let readers = other
                .readers
                .iter()
                .take(NAMED)
                .map(|reader| quoted(reader));
            let readers = readers.collect::<Vec<_>>().join(", ");
            let readers = match other.readers.len() {
                0 => String::new(),
                named if named <= NAMED => format!(", to {readers}"),
                all => format!(", to {readers} and {} more", all - NAMED),
            };
            let verb = match kind {
                Kind::Allowed => "allowed",
                _ if what == HEAD_LOST => "noted",
                _ => "refused",
            };
            let times = count(other.incident.lines, "time", "times");
            let why = format!("{verb} {times} as {}{secrets}{readers}", quoted(&what));
            other.incident.found(kind, why)
        });
        self.found.extend(others);
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Code, Error};

    /// A variant that gets another name, or a new one of this exit code, is to be
    /// counted here still.
    #[test]
    fn the_words_are_those_of_all_errors_that_are_meant() {
        let is_meant = |error: &Error| error.code() == Code::Untrusted;
        let errors = crate::error::wording::errors();
        let meant = errors.iter().filter(|error| is_meant(error));
        // It is what `audit verify` says, which is no use.
        let meant = meant.filter(|error| !matches!(error, Error::BrokenLog { .. }));
        let words: BTreeSet<String> = meant.map(Error::kind).collect();
        assert_eq!(words, UNTRUSTED.map(str::to_owned).into());

        let wrong = |error: &Error| matches!(error, Error::WrongPassphrase { .. });
        let wrong = errors.iter().find(|error| wrong(error)).map(Error::kind);
        assert_eq!(wrong.as_deref(), Some(WRONG_PASSPHRASE));
    }
}
