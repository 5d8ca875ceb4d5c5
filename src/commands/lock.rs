//! `keyvault lock`.

use std::io::{self, Write};

use anyhow::Result;
use serde::Serialize;

use crate::context::Context;
use crate::ui::Report;

/// Forget the identities that were unlocked in this session
///
/// Files of `exec --file` that a keyvault left behind which was killed are removed.
#[derive(clap::Args)]
pub struct LockArgs {}

/// Runs the command.
///
/// # Errors
///
/// Where the kernel refuses to forget.
pub fn run(_: &LockArgs, cx: &Context) -> Result<()> {
    // First, since it needs nothing of the kernel.
    cx.clear_secret_files();
    Ok(cx.ui.outcome(&Locked {
        was_unlocked: cx.lock()?,
    })?)
}

#[derive(Serialize)]
struct Locked {
    was_unlocked: bool,
}

impl Report for Locked {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let text = if self.was_unlocked {
            "locked"
        } else {
            "nothing was unlocked in this session"
        };
        writeln!(out, "{text}")
    }
}
