//! When secrets were used, as far as this machine knows.

use std::collections::BTreeMap;

use crate::name::{EnvironmentName, SecretName};
use crate::timestamp::Timestamp;
use crate::vault::attention::UNUSED_AFTER;

/// A time in which nothing was heard of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Silence {
    /// From when on.
    pub from: Timestamp,
    /// Until when.
    pub to: Timestamp,
}

/// When secrets were given out last.
pub struct Uses {
    /// From when on that is known.
    pub since: Timestamp,
    seen: Timestamp,
    silence: Option<Silence>,
    last: BTreeMap<EnvironmentName, BTreeMap<SecretName, Timestamp>>,
}

impl Uses {
    /// Begins with nothing, known from `since` on.
    pub fn known_since(since: Timestamp) -> Self {
        Self {
            since,
            seen: since,
            silence: None,
            last: BTreeMap::new(),
        }
    }

    /// Takes note that the machine was at work at this time, in the order in which that
    /// was. Where there was nothing for longer than it takes to call a secret unused, either
    /// nobody worked there or the clock leapt: what was not used in between tells nothing,
    /// and all begins anew.
    pub fn hear(&mut self, at: Timestamp) {
        if self.seen.age(at) > UNUSED_AFTER {
            self.since = at;
            self.silence = Some(Silence {
                from: self.seen,
                to: at,
            });
        }
        // Where it was set back, what came before was not later.
        self.since = self.since.min(at);
        self.seen = at;
    }

    /// Returns the last time in which nothing was heard for so long that nothing is known
    /// of before.
    pub fn silence(&self) -> Option<Silence> {
        self.silence.filter(|silence| silence.to == self.since)
    }

    /// Takes note of a use.
    pub fn note(&mut self, environment: &EnvironmentName, name: &SecretName, at: Timestamp) {
        // Names are cloned once, and looked up for each line of a long log.
        if !self.last.contains_key(environment) {
            self.last.insert(environment.clone(), BTreeMap::new());
        }
        let secrets = self.last.get_mut(environment).expect("it is there by now");
        match secrets.get_mut(name) {
            Some(last) => *last = at.max(*last),
            None => drop(secrets.insert(name.clone(), at)),
        }
    }

    /// Returns when a secret was given out last.
    pub fn last(&self, environment: &EnvironmentName, name: &SecretName) -> Option<Timestamp> {
        self.last.get(environment)?.get(name).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(times: &[&str]) -> Uses {
        let mut times = times.iter().map(|text| text.parse().expect("a time"));
        let mut uses = Uses::known_since(times.next().expect("one"));
        times.for_each(|at| uses.hear(at));
        uses
    }

    #[test]
    fn it_is_known_from_the_last_leap_of_the_clock_on() {
        let since = |times: &[&str]| {
            let uses = heard(times);
            (uses.since.to_string(), uses.silence().is_some())
        };
        let expected = |time: &str, is_silent| (time.to_owned(), is_silent);
        let (begin, next) = ("2026-01-01T00:00:00Z", "2026-04-01T00:00:00Z");
        assert_eq!(since(&[begin]), expected(begin, false));
        // 90 days, and a second more.
        assert_eq!(since(&[begin, next]), expected(begin, false));
        let late = "2026-04-01T00:00:01Z";
        assert_eq!(since(&[begin, late]), expected(late, true));
        // It goes on from there.
        let later = "2026-06-01T00:00:00Z";
        assert_eq!(since(&[begin, late, later]), expected(late, true));
        let leapt = "2099-01-01T00:00:00Z";
        assert_eq!(since(&[begin, next, leapt]), expected(leapt, true));
        // And is set right again.
        assert_eq!(since(&[begin, next, leapt, later]), expected(later, false));
    }
}
