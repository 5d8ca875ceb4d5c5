//! `keyvault unlock`.

use std::io::{self, Write};

use anyhow::Result;
use serde::Serialize;

use crate::context::Context;
use crate::error::Error;
use crate::store::session::{AT_MOST, Term};
use crate::timestamp::{Period, Timestamp};
use crate::ui::Report;

/// Ask for the passphrase now, so that this session is not asked for a while
///
/// The opened identity stays in the kernel's session keyring: 15 minutes after
/// its last use, and 8 hours at most.
#[derive(clap::Args)]
pub struct UnlockArgs {
    /// For how long, used or not: `30m`, `2h`, 8 hours at most
    #[arg(long = "for", value_name = "TIME")]
    period: Option<Period>,
}

/// Runs the command.
///
/// # Errors
///
/// Those of opening an identity, and where the kernel keeps nothing.
pub fn run(args: &UnlockArgs, cx: &Context) -> Result<()> {
    if args
        .period
        .is_some_and(|period| period > AT_MOST || period.as_seconds() == 0)
    {
        return Err(Error::Usage {
            message: format!("an identity stays unlocked for {AT_MOST} at most"),
            hint: format!("pass a time up to that, as in `--for {AT_MOST}`"),
        }
        .into());
    }
    let Some(lease) = cx.unlock(args.period.map_or(Term::Usual, Term::For))? else {
        cx.ui
            .note("your identity has no passphrase, so there is nothing to unlock");
        return Ok(());
    };
    Ok(cx.ui.outcome(&Unlocked {
        until: lease.until,
        idle: lease.idle,
        fixed: args.period.is_some(),
    })?)
}

#[derive(Serialize)]
struct Unlocked {
    until: Timestamp,
    idle: Period,
    /// Whether it stays unlocked for the whole time, used or not.
    #[serde(skip)]
    fixed: bool,
}

impl Report for Unlocked {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.fixed {
            return writeln!(out, "unlocked for this session, for {}", self.idle);
        }
        writeln!(
            out,
            "unlocked for this session, until {} after its last use or {AT_MOST} at most",
            self.idle
        )
    }
}
