//! `keyvault revoke`.

use std::io::{self, Write};

use anyhow::Result;
use serde::Serialize;

use crate::commands::rotate::{numbered, sharers};
use crate::context::Context;
use crate::context::revocation::{Elsewhere, Revocation};
use crate::error::Code;
use crate::ui::Report;
use crate::vault::Revoked;
use crate::vault::secret::SecretReference;

/// Destroy a secret's value and refuse to serve it
///
/// The record stays, with the `--reason`, and the same value is not taken again.
/// `NAME` revokes every version, `NAME@N` or `NAME@previous` one and those of this
/// secret with the same value. Other secrets that have it are named.
///
/// A `revoke` hook of the secret (see `keyvault hook`) is run first, once for each value.
/// If it fails, nothing is destroyed.
#[derive(clap::Args)]
pub struct RevokeArgs {
    /// The secret, or one version of it
    #[arg(value_name = "NAME[@N]")]
    secret: SecretReference,

    /// Destroy the same value in every environment that you can open, under any name
    #[arg(long)]
    all_envs: bool,

    /// Run no hooks
    #[arg(long)]
    no_hooks: bool,
}

/// Runs the command. Tells whether there are environments that `--all-envs` could not
/// search.
///
/// # Errors
///
/// Whatever kept the secret from being revoked; then nothing was destroyed.
pub fn run(args: &RevokeArgs, cx: &Context) -> Result<Code> {
    let store = cx.store()?;
    let environment = cx.environment(&store)?;
    let reason = cx.reason();
    let revocation = Revocation {
        secret: &args.secret,
        reason: reason.as_ref(),
        hooks: !args.no_hooks,
    };
    let (mut revoked, prints) = cx.revoke(&store, &environment, &revocation)?;
    if !args.all_envs {
        cx.ui.outcome(&revoked)?;
        return Ok(Code::Ok);
    }
    let elsewhere = cx.revoke_everywhere(&store, &prints, reason.as_ref())?;
    // They are dealt with, and stand among the others.
    revoked.shared_with.clear();
    cx.ui.outcome(&Everywhere {
        revoked: &revoked,
        elsewhere: &elsewhere,
    })?;
    for left in &elsewhere.unsearched {
        cx.ui.warn(&format!(
            "the value may still be in environment `{}`, which was not searched: {}",
            left.environment, left.why
        ));
    }
    Ok(match elsewhere.unsearched.as_slice() {
        [] => Code::Ok,
        _ => Code::Attention,
    })
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
        match versions.as_slice() {
            [] => writeln!(out, "`{name}` in `{environment}` was revoked before"),
            versions => {
                let versions = numbered(versions);
                writeln!(out, "revoked `{name}` in `{environment}` ({versions})")
            }
        }?;
        sharers(shared_with, out)
    }
}

#[derive(Serialize)]
struct Everywhere<'a> {
    #[serde(flatten)]
    revoked: &'a Revoked,
    #[serde(flatten)]
    elsewhere: &'a Elsewhere,
}

impl Report for Everywhere<'_> {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        self.revoked.human(out)?;
        self.elsewhere.environments.iter().try_for_each(|found| {
            let versions: Vec<String> = found
                .versions
                .iter()
                .map(|one| format!("`{one}`"))
                .collect();
            let environment = &found.environment;
            writeln!(out, "revoked {} in `{environment}`", versions.join(", "))
        })
    }
}
