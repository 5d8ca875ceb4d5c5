//! `keyvault snooze`.

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use anyhow::Result;

use crate::context::Context;
use crate::error::Error;
use crate::name::SecretName;
use crate::timestamp::{Timestamp, When};
use crate::ui::Report;
use crate::vault::snooze::Snoozed;

/// What `forever` stands for: a date that reads back everywhere, and that nobody here
/// lives to see.
const FOREVER: &str = "9999-01-01T00:00:00Z";

/// Let `status` be silent about a secret for a while
///
/// It then names the secret, and exits with code 8 for it, only where the secret has
/// expired, its value was revoked elsewhere or a rotation of it was interrupted.
/// Colleagues see the same: until when is kept in the environment.
#[derive(clap::Args)]
pub struct SnoozeArgs {
    /// Name of the secret
    name: SecretName,

    /// For how long, as `30d`, or until when, as `2026-12-31`; `forever`, or `off` to end it
    #[arg(value_name = "WHEN")]
    until: Until,
}

/// Until when a secret is snoozed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Until {
    When(When),
    Forever,
    Off,
}

impl FromStr for Until {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "forever" => Ok(Self::Forever),
            "off" | "none" => Ok(Self::Off),
            // It could mean both.
            "never" => Err("write `forever` to snooze it for good, or `off` to end that"),
            _ => text.parse().map(Self::When).map_err(
                |_| "it takes `30d`, a date as in `2026-12-31`, `forever`, or `off` to end it",
            ),
        }
    }
}

impl Until {
    /// Returns the point that is meant now; nothing for `off`.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] for one that is past.
    fn from(self, now: Timestamp) -> Result<Option<Timestamp>, Error> {
        let until = match self {
            Self::Off => return Ok(None),
            Self::Forever => forever(),
            Self::When(when) => when.from(now).min(forever()),
        };
        if until <= now {
            return Err(Error::Usage {
                message: format!("`{until}` is not to come"),
                hint: "name a time to come, as `30d` or `2099-12-31`, or write `off`".to_owned(),
            });
        }
        Ok(Some(until))
    }
}

fn forever() -> Timestamp {
    FOREVER.parse().expect("a time")
}

/// Runs the command.
///
/// # Errors
///
/// Whatever kept it from being saved; then nothing was changed.
pub fn run(args: &SnoozeArgs, cx: &Context) -> Result<()> {
    // Before anybody types a passphrase in vain; and again once the vault is open, which
    // may know that the clock is behind.
    args.until.from(cx.now())?;
    let store = cx.store()?;
    let environment = cx.environment(&store)?;
    let snoozed = cx.edit(&store, &environment, |environment, _| {
        environment.snooze(&args.name, args.until.from(cx.now())?)
    })?;
    Ok(cx.ui.outcome(&snoozed)?)
}

/// Writes until when something is snoozed.
pub fn until(time: Timestamp) -> impl fmt::Display {
    if time >= forever() {
        "for good".to_owned()
    } else {
        format!("until {time}")
    }
}

impl Report for Snoozed {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self {
            name,
            environment,
            snoozed_until,
        } = self;
        match snoozed_until {
            Some(time) => writeln!(out, "snoozed `{name}` in `{environment}` {}", until(*time)),
            None => writeln!(out, "`status` names `{name}` in `{environment}` again"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(text: &str) -> Result<Option<String>, String> {
        let now = "2026-11-22T12:00:00Z".parse().expect("a time");
        let until: Until = text.parse().map_err(str::to_owned)?;
        let until = until.from(now).map_err(|error| error.to_string())?;
        Ok(until.map(|time| time.to_string()))
    }

    #[test]
    fn it_is_snoozed_for_a_time_or_until_one() {
        for (text, expected) in [
            ("30d", Some("2026-12-22T12:00:00Z")),
            ("2026-12-31", Some("2026-12-31T00:00:00Z")),
            ("forever", Some(FOREVER)),
            // As far as dates go.
            ("999999999999d", Some(FOREVER)),
            ("off", None),
            ("none", None),
        ] {
            assert_eq!(meant(text), Ok(expected.map(str::to_owned)), "{text}");
        }
        for bad in ["", "never", "0s", "2026-11-22", "2020-01-01", "30", "on"] {
            assert!(meant(bad).is_err(), "{bad}");
        }
    }
}
