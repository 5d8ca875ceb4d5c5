//! What the time is, where a machine's clock may be wrong.
//!
//! A clock that was set back would give out again what has expired, and one that was
//! set forward would have values destroyed before their time. What is known beside it
//! are times that have been: of the saves that this machine has seen, and when the clock
//! was last known to be right.

use std::fmt;

use crate::timestamp::{Period, Timestamp};

/// By how much clocks of machines may differ without a word: so much is seen where
/// nothing sets them.
const TOLERANCE: Period = Period::from_seconds(60 * 60);

/// How far a clock may be ahead of all that is known, where something is destroyed
/// because its time has come and nobody looks on. A vault that was left alone for
/// longer is one that a person should look at first.
const AHEAD_MAX: Period = Period::from_seconds(90 * 24 * 60 * 60);

/// A clock, and the newest time that is known to have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    system: Timestamp,
    newest: Option<Timestamp>,
    right_at: Option<Timestamp>,
}

/// What is odd about a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oddity {
    /// It tells a time from before there was a keyvault.
    TooEarly { system: Timestamp },
    /// It is behind what is known to have been.
    Behind {
        system: Timestamp,
        newest: Timestamp,
    },
    /// It is far ahead of when it was last known to be right, which is odd only where
    /// something would be destroyed.
    Ahead {
        system: Timestamp,
        right_at: Timestamp,
    },
}

impl Clock {
    /// Takes what the machine's clock tells.
    pub fn new(system: Timestamp) -> Self {
        Self {
            system,
            newest: None,
            right_at: None,
        }
    }

    /// Returns the same clock where it is known to have been right when it told this
    /// time.
    pub fn right_at(self, right_at: Option<Timestamp>) -> Self {
        Self { right_at, ..self }
    }

    /// Returns the same clock where a time is known to have been.
    pub fn knowing(self, been: Option<Timestamp>) -> Self {
        Self {
            newest: self.newest.max(been),
            ..self
        }
    }

    /// Returns what the machine's clock tells, right or wrong.
    pub fn system(self) -> Timestamp {
        self.system
    }

    /// Returns the time by which dates are judged: never one before what has been.
    pub fn now(self) -> Timestamp {
        self.newest
            .map_or(self.system, |newest| newest.max(self.system))
    }

    /// Tells what is odd about it whatever is done.
    pub fn oddity(self) -> Option<Oddity> {
        let Self { system, newest, .. } = self;
        let behind = newest.filter(|newest| newest.until(system) > TOLERANCE);
        match behind {
            _ if system < Timestamp::BEGINNING => Some(Oddity::TooEarly { system }),
            Some(newest) => Some(Oddity::Behind { system, newest }),
            None => None,
        }
    }

    /// Tells whether something may be destroyed because its time has come.
    ///
    /// # Errors
    ///
    /// The [`Oddity`] because of which a person should say so first.
    pub fn may_destroy(self) -> Result<(), Oddity> {
        let system = self.system;
        // A save vouches for a clock that nobody looked at yet: one that went wrong since
        // may have made it.
        let right_at = self.right_at.or(self.newest);
        let ahead = right_at.filter(|right_at| right_at.age(system) > AHEAD_MAX);
        match (self.oddity(), ahead) {
            (Some(oddity), _) => Err(oddity),
            (None, Some(right_at)) => Err(Oddity::Ahead { system, right_at }),
            (None, None) => Ok(()),
        }
    }
}

impl fmt::Display for Oddity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooEarly { system } => write!(
                f,
                "this machine's clock cannot be right: it says {system}, and keyvault was begun in 2026"
            ),
            Self::Behind { system, newest } => write!(
                f,
                "this machine's clock says {system}, {} before the newest save that it has seen, of {newest}",
                newest.until(*system).rounded()
            ),
            Self::Ahead { system, right_at } => write!(
                f,
                "this machine's clock says {system}, {} after it was last known to be right, at {right_at}",
                right_at.age(*system).rounded()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn clock(system: &str, newest: Option<&str>) -> Clock {
        Clock::new(at(system)).knowing(newest.map(at))
    }

    #[test]
    fn the_time_is_never_one_before_what_has_been() {
        for (system, newest, now) in [
            ("2026-12-01T00:00:00Z", None, "2026-12-01T00:00:00Z"),
            (
                "2026-12-01T00:00:00Z",
                Some("2026-11-22T12:00:00Z"),
                "2026-12-01T00:00:00Z",
            ),
            // Set back: by a second, to the year before, to where clocks begin.
            (
                "2026-12-31T23:59:59Z",
                Some("2027-01-01T00:00:00Z"),
                "2027-01-01T00:00:00Z",
            ),
            (
                "2027-02-28T12:00:00Z",
                Some("2028-02-29T12:00:00Z"),
                "2028-02-29T12:00:00Z",
            ),
            (
                "1970-01-01T00:00:00Z",
                Some("2026-11-22T12:00:00Z"),
                "2026-11-22T12:00:00Z",
            ),
        ] {
            assert_eq!(clock(system, newest).now(), at(now), "{system} {newest:?}");
        }
        let known = clock("2026-12-01T00:00:00Z", Some("2027-01-01T00:00:00Z"));
        let older = known
            .knowing(Some(at("2026-12-15T00:00:00Z")))
            .knowing(None);
        assert_eq!(older, known, "what is known is not forgotten");
    }

    #[test]
    fn a_clock_that_is_behind_is_odd() {
        let odd = |system: &str, newest| clock(system, newest).oddity().is_some();
        let save = Some("2026-11-22T12:00:00Z");
        assert!(!odd("2026-11-22T12:00:00Z", save));
        assert!(!odd("2026-11-22T11:00:00Z", save), "an hour is nothing");
        assert!(odd("2026-11-22T10:59:59Z", save));
        assert!(
            !odd("2036-11-22T12:00:00Z", save),
            "a vault may lie for long"
        );
        // The hours that walls repeat or leave out are none of ours: 02:30 in New York
        // on the days when clocks change.
        assert!(!odd("2026-11-01T06:30:00Z", Some("2026-11-01T07:30:00Z")));
        assert!(!odd("2026-03-08T07:30:00Z", Some("2026-03-08T06:30:00Z")));
    }

    #[test]
    fn a_clock_of_before_keyvault_is_named_so_whatever_is_known() {
        for newest in [None, Some("2026-11-22T12:00:00Z")] {
            for system in ["1970-01-01T00:00:00Z", "2025-12-31T23:59:59Z"] {
                let oddity = clock(system, newest).oddity();
                assert!(
                    matches!(oddity, Some(Oddity::TooEarly { .. })),
                    "{system} {newest:?}: {oddity:?}"
                );
            }
            assert_eq!(clock("2026-11-22T12:00:00Z", newest).oddity(), None);
        }
    }

    #[test]
    fn nothing_is_destroyed_on_the_word_of_an_odd_clock() {
        let save = Some("2026-11-22T12:00:00Z");
        let word = |system: &str, newest| clock(system, newest).may_destroy();
        assert_eq!(word("2026-11-22T12:00:00Z", save), Ok(()));
        assert_eq!(word("2027-02-20T12:00:00Z", save), Ok(()), "90 days");
        assert!(matches!(
            word("2027-02-20T12:00:01Z", save),
            Err(Oddity::Ahead { .. })
        ));
        assert!(matches!(
            word("2026-11-22T10:00:00Z", save),
            Err(Oddity::Behind { .. })
        ));
        assert!(matches!(
            word("1970-01-01T00:00:00Z", None),
            Err(Oddity::TooEarly { .. })
        ));
        // A look of yesterday vouches for the clock where the last save is old.
        let right_at = |text| Some(at(text));
        let old_save = clock("2027-06-01T00:00:00Z", save);
        assert!(old_save.may_destroy().is_err());
        let vouched = old_save.right_at(right_at("2027-05-31T00:00:00Z"));
        assert_eq!(vouched.may_destroy(), Ok(()));
        // A save by the clock that leapt does not.
        let leapt = clock("2099-06-01T00:00:00Z", Some("2099-05-31T00:00:00Z"));
        assert_eq!(leapt.may_destroy(), Ok(()));
        let doubted = leapt.right_at(right_at("2027-05-31T00:00:00Z"));
        assert!(matches!(doubted.may_destroy(), Err(Oddity::Ahead { .. })));
    }
}
