//! `keyvault remove`.

use std::io::{self, Write};

use anyhow::Result;

use crate::context::Context;
use crate::name::SecretName;
use crate::ui::Report;
use crate::vault::Removed;

/// Forget a secret, its versions and their records
///
/// To keep the record and only destroy the value, use `revoke`, which also gives it back
/// by the secret's `revoke` hook: this does not.
#[derive(clap::Args)]
pub struct RemoveArgs {
    /// Name of the secret
    name: SecretName,

    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

/// Runs the command.
///
/// # Errors
///
/// Whatever kept the secret from being removed; then nothing was changed.
pub fn run(args: &RemoveArgs, cx: &Context) -> Result<()> {
    let store = cx.store()?;
    let environment = cx.environment(&store)?;
    let opened = cx.open(&store, &environment)?.environment()?;
    // Before anything is asked.
    opened.check_at_rest(&args.name)?;
    let secret = opened.secret(&args.name)?;
    let versions = secret.versions.len();
    if secret.hooks.revoke.is_some() && secret.versions.iter().any(|one| one.value.is_some()) {
        let revoke = format!("`keyvault revoke {} --env {environment}`", args.name);
        cx.ui.warn(&format!(
            "the `revoke` hook of `{}` is not run, and its values stay good where they came from; {} gives them back first",
            args.name,
            cx.ui.as_typed(&revoke)
        ));
    }
    if !args.yes {
        let versions = if versions == 1 {
            "its version".to_owned()
        } else {
            format!("its {versions} versions")
        };
        cx.ui.confirm(
            &format!("Forget {} in {environment} with {versions}?", args.name),
            "--yes",
        )?;
    }
    let removed = cx.edit(&store, &environment, |environment, _| {
        environment.remove(&args.name)
    })?;
    Ok(cx.ui.outcome(&removed)?)
}

impl Report for Removed {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "removed `{}` from `{}`", self.name, self.environment)
    }
}
