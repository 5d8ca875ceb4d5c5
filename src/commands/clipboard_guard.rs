//! `keyvault clipboard-guard`: what `get --clipboard` leaves behind for a while.

use anyhow::Result;

use crate::context::Context;
use crate::context::clipboard::Way;
use crate::timestamp::Period;

/// Clear the clipboard after some time: for `keyvault get -c`
#[derive(clap::Args)]
pub struct ClipboardGuardArgs {
    /// How the clipboard is reached
    way: Way,

    /// After how many seconds
    seconds: u64,
}

/// Runs the command.
///
/// # Errors
///
/// Where nobody started it who should.
pub fn run(args: &ClipboardGuardArgs, cx: &Context) -> Result<()> {
    Ok(cx.guard_clipboard(args.way, Period::from_seconds(args.seconds))?)
}
