//! `keyvault revoke`.

use std::io::{self, Write};

use anyhow::Result;

use crate::context::Context;
use crate::ui::Report;
use crate::vault::Revoked;
use crate::vault::secret::SecretReference;

/// Destroy a secret's value and refuse to serve it
///
/// The record stays, with the `--reason`, and the same value is not taken again.
/// `NAME` revokes every version, `NAME@N` or `NAME@previous` one and those of this
/// secret with the same value. Other secrets that have it are named.
#[derive(clap::Args)]
pub struct RevokeArgs {
    /// The secret, or one version of it
    #[arg(value_name = "NAME[@N]")]
    secret: SecretReference,
}

/// Runs the command.
///
/// # Errors
///
/// Whatever kept the secret from being revoked; then nothing was changed.
pub fn run(args: &RevokeArgs, cx: &Context) -> Result<()> {
    let store = cx.store()?;
    let environment = cx.environment(&store)?;
    let SecretReference { name, version } = &args.secret;
    let revoked = cx.edit(&store, &environment, |environment, author| {
        environment.revoke(name, *version, cx.reason(), author)
    })?;
    Ok(cx.ui.outcome(&revoked)?)
}

impl Report for Revoked {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self {
            name,
            environment,
            versions,
            shared_with,
            ..
        } = self;
        let numbers: Vec<String> = versions.iter().map(u32::to_string).collect();
        match numbers.as_slice() {
            [] => writeln!(out, "`{name}` in `{environment}` was revoked before"),
            [one] => writeln!(out, "revoked `{name}` in `{environment}` (version {one})"),
            _ => writeln!(
                out,
                "revoked `{name}` in `{environment}` (versions {})",
                numbers.join(", ")
            ),
        }?;
        if shared_with.is_empty() {
            return Ok(());
        }
        let sharers: Vec<String> = shared_with.iter().map(|one| format!("`{one}`")).collect();
        writeln!(
            out,
            "the same value is still in {}: revoke it there, too, if it leaked",
            sharers.join(", ")
        )
    }
}
