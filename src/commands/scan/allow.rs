//! `keyvault scan allow`.

use std::io::{self, Write};

use anyhow::Result;
use serde::Serialize;

use crate::context::Context;
use crate::error::shown;
use crate::scan::config::FindingId;
use crate::ui::Report;

/// What is allowed.
#[derive(clap::Args)]
pub struct AllowArgs {
    /// The id of a finding, 16 hexadecimal digits
    #[arg(value_name = "ID", value_parser = finding_id)]
    id: FindingId,
}

fn finding_id(text: &str) -> Result<FindingId, &'static str> {
    let id = text.to_ascii_lowercase().parse();
    id.map_err(|_| "an id is 16 hexadecimal digits, as `keyvault scan` shows it")
}

/// Runs the command.
///
/// # Errors
///
/// Whatever kept it from being done; then nothing was changed.
pub fn run(args: &AllowArgs, cx: &Context) -> Result<()> {
    let (path, is_new) = cx.allow_finding(args.id, cx.reason().as_ref())?;
    let allowed = Allowed {
        id: args.id,
        path: shown(&path),
        brief: cx.brief(&path),
        is_new,
    };
    Ok(cx.ui.outcome(&allowed)?)
}

#[derive(Serialize)]
struct Allowed {
    id: FindingId,
    path: String,
    #[serde(skip)]
    brief: String,
    #[serde(rename = "added")]
    is_new: bool,
}

impl Report for Allowed {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self { id, brief, .. } = self;
        match self.is_new {
            true => writeln!(out, "allowed {id} in `{brief}`"),
            false => writeln!(out, "{id} is allowed in `{brief}` already"),
        }
    }
}
