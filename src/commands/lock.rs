//! `keyvault lock`.

use std::io::{self, Write};

use anyhow::Result;
use serde::Serialize;

use crate::context::Context;
use crate::ui::Report;

/// Forget the identities that were unlocked in this session
#[derive(clap::Args)]
pub struct LockArgs {}

/// Runs the command.
///
/// # Errors
///
/// Where the kernel refuses to forget.
pub fn run(_: &LockArgs, cx: &Context) -> Result<()> {
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
