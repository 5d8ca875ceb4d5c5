//! How long values last, for `add`, `rotate`, `expire` and `policy`.

use std::io::{self, Write};
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::name::EnvironmentName;
use crate::timestamp::{Period, Timestamp, When};
use crate::vault::expiry::Lifetime;
use crate::vault::import::Retiring;
use crate::vault::policy::{KeepVersions, PolicyChange, Surplus};

/// How long a new value lasts.
#[derive(clap::Args)]
pub struct LifetimeArgs {
    /// Serve the value until then: for a time, as in 90d, or up to the first second (UTC)
    /// of a date, as in 2026-12-31
    #[arg(long, value_name = "WHEN")]
    expires: Option<When>,

    #[command(flatten)]
    policy: PolicySettings,
}

/// What is wanted of a secret.
#[derive(clap::Args)]
pub struct PolicySettings {
    /// How often a new value is wanted, as in 90d; `none` takes that back
    #[arg(long, value_name = "TIME", value_parser = period)]
    rotate_every: Option<OrNone<Period>>,

    /// How many versions keep their values; those of older ones are destroyed [default:
    /// as the environment's policy says, or 10]. `none` goes back to that
    #[arg(long, value_name = "N")]
    keep_versions: Option<OrNone<KeepVersions>>,
}

/// Something, or the word `none`, by which what was said before is taken back.
#[derive(Clone, Copy)]
pub struct OrNone<T>(Option<T>);

impl<T: FromStr> FromStr for OrNone<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "none" => Ok(Self(None)),
            text => text.parse().map(Some).map(Self),
        }
    }
}

fn period(text: &str) -> Result<OrNone<Period>, &'static str> {
    let period: OrNone<Period> = text.parse()?;
    match period.0 {
        Some(period) if period.as_seconds() == 0 => {
            Err("a period is longer than nothing; `none` takes it back")
        }
        _ => Ok(period),
    }
}

impl PolicySettings {
    /// Returns what is said anew.
    pub fn change(&self) -> PolicyChange {
        PolicyChange {
            rotate_every: self.rotate_every.map(|period| period.0),
            keep_versions: self.keep_versions.map(|number| number.0),
        }
    }
}

impl LifetimeArgs {
    /// Returns what is meant at this time.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] for a date that is past.
    pub fn from(&self, now: Timestamp) -> Result<Lifetime> {
        let expires_at = self.expires.map(|when| to_come(when, now)).transpose()?;
        Ok(Lifetime {
            expires_at,
            policy: self.policy.change(),
        })
    }
}

/// Returns the time that is meant, which must not be past.
///
/// # Errors
///
/// [`Error::Usage`].
pub fn to_come(when: When, now: Timestamp) -> Result<Timestamp> {
    let at = when.from(now);
    if at > now {
        return Ok(at);
    }
    Err(Error::Usage {
        message: format!("a value cannot expire at {at}, which is past: it is {now}"),
        hint: "nothing was changed; name a later date, or run `keyvault revoke NAME` for a value that must not be used any more"
            .to_owned(),
    })
}

/// Says until when a value is served, behind its version.
pub fn until(expires_at: Option<Timestamp>) -> String {
    expires_at.map_or_else(String::new, |at| format!(", expires at {at}"))
}

/// Says which versions lost their values because newer ones took their place, if any did.
pub fn destroyed(destroyed: &[Surplus]) -> Option<String> {
    let names: Vec<String> = destroyed.iter().map(|one| format!("`{one}`")).collect();
    match names.as_slice() {
        [] => None,
        [one] => Some(format!(
            "the value of {one} is kept no more, and was destroyed"
        )),
        all => Some(format!(
            "the values of {} are kept no more, and were destroyed",
            all.join(", ")
        )),
    }
}

/// Says until when a version is accepted that another one took the place of.
pub fn retiring(one: &Retiring, environment: &EnvironmentName) -> String {
    let version = format!("`{}@{}`", one.name, one.version);
    accepted(&version, one.retire_at, environment)
}

fn accepted(version: &str, until: Timestamp, environment: &EnvironmentName) -> String {
    format!(
        "{version} is accepted until {until}; `keyvault rotate --due --env {environment}` then gives it back and destroys it"
    )
}

/// Writes it for several versions, a line for each.
///
/// # Errors
///
/// As `out` does.
pub fn tell_retiring(
    all: &[Retiring],
    environment: &EnvironmentName,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut all = all.iter();
    all.try_for_each(|one| writeln!(out, "{}", retiring(one, environment)))
}

/// Writes it for the version that was in use before, if it is to be given back.
///
/// # Errors
///
/// As `out` does.
pub fn tell_retirement(
    previous: Option<u32>,
    retire_at: Option<Timestamp>,
    environment: &EnvironmentName,
    out: &mut dyn Write,
) -> io::Result<()> {
    previous.zip(retire_at).map_or(Ok(()), |(version, at)| {
        let version = format!("version {version}");
        writeln!(out, "{}", accepted(&version, at, environment))
    })
}

/// Writes what [`destroyed`] says, as a line.
///
/// # Errors
///
/// As `out` does.
pub fn tell_destroyed(surplus: &[Surplus], out: &mut dyn Write) -> io::Result<()> {
    destroyed(surplus).map_or(Ok(()), |line| writeln!(out, "{line}"))
}
