//! `keyvault expire`.

use std::io::{self, Write};
use std::str::FromStr;

use anyhow::Result;

use crate::commands::options::lifetime::to_come;
use crate::context::Context;
use crate::error::Error;
use crate::timestamp::{Timestamp, When};
use crate::ui::Report;
use crate::vault::expiry::Dated;
use crate::vault::secret::SecretReference;

/// Say until when a value is served
///
/// From then on `get`, `exec`, `export` and `render` refuse it, unless they are given
/// --allow-expired. `exec` warns from 14 days before.
#[derive(clap::Args)]
pub struct ExpireArgs {
    /// The secret, or one version of it
    #[arg(value_name = "NAME[@N]")]
    secret: SecretReference,

    /// For a time, as in 90d, up to the first second (UTC) of a date, as in 2026-12-31,
    /// or for ever: `never`
    when: Until,
}

/// Until when.
#[derive(Clone, Copy)]
enum Until {
    Ever,
    Then(When),
}

impl Until {
    /// Returns the time that is meant, if there is one.
    fn from(self, now: Timestamp) -> Result<Option<Timestamp>, Error> {
        match self {
            Self::Ever => Ok(None),
            Self::Then(when) => to_come(when, now).map(Some),
        }
    }
}

impl FromStr for Until {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "never" | "none" => Ok(Self::Ever),
            text => text.parse().map(Self::Then),
        }
    }
}

/// Runs the command.
///
/// # Errors
///
/// Whatever kept the date from being set; then nothing was changed.
pub fn run(args: &ExpireArgs, cx: &Context) -> Result<()> {
    // Before a passphrase is asked for, and again once the time is known for sure.
    args.when.from(cx.now())?;
    let store = cx.store()?;
    let environment = cx.environment(&store)?;
    let dated = cx.edit(&store, &environment, |environment, _| {
        let expires_at = args.when.from(cx.now())?;
        environment.expire(&args.secret.name, args.secret.selector(), expires_at)
    })?;
    Ok(cx.ui.outcome(&dated)?)
}

impl Report for Dated {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self {
            name,
            environment,
            version,
            expires_at,
        } = self;
        match expires_at {
            Some(at) => writeln!(
                out,
                "`{name}` in `{environment}` expires at {at} (version {version})"
            ),
            None => writeln!(
                out,
                "`{name}` in `{environment}` does not expire (version {version})"
            ),
        }
    }
}
