//! `keyvault rollback`.

use std::io::{self, Write};

use anyhow::Result;

use crate::commands::options::lifetime::{tell_destroyed, tell_retirement, until};
use crate::context::Context;
use crate::name::{NameRule, SecretName};
use crate::ui::Report;
use crate::vault::rollback::RolledBack;
use crate::vault::secret::{SecretReference, VersionNumber, VersionSelector};

/// Give a secret a value that it had before
///
/// The old value becomes that of a new version. It expires, and is due for a new one, when
/// it would have as the old version.
/// What is in use now becomes the previous version, to which the same command goes back.
/// With a `revoke` hook it is given back where it came from, and destroyed, by
/// `rotate --due` after 24h, unless it is in use again by then.
#[derive(clap::Args)]
pub struct RollbackArgs {
    /// Name of the secret
    #[arg(value_parser = name_alone)]
    name: SecretName,

    /// The version to go back to [default: the newest previous one that has its value]
    #[arg(long, value_name = "N")]
    to: Option<VersionNumber>,
}

/// Takes a name, and says where its version goes if one stands behind it.
fn name_alone(text: &str) -> Result<SecretName, String> {
    match text.parse() {
        Ok(SecretReference {
            name,
            version: None,
        }) => Ok(name),
        Ok(SecretReference {
            name,
            version: Some(VersionSelector::Number(number)),
        }) => Err(format!(
            "the version to go back to is said by `--to`, as in `keyvault rollback {name} --to {number}`"
        )),
        _ => text.parse().map_err(|rule: NameRule| rule.to_string()),
    }
}

/// Runs the command.
///
/// # Errors
///
/// Whatever kept the secret from going back; then nothing was changed.
pub fn run(args: &RollbackArgs, cx: &Context) -> Result<()> {
    let store = cx.store()?;
    let environment = cx.environment(&store)?;
    let rolled_back = cx.edit(&store, &environment, |environment, author| {
        environment.roll_back(&args.name, args.to.map(|to| to.0), cx.now(), author)
    })?;
    Ok(cx.ui.outcome(&rolled_back)?)
}

impl Report for RolledBack {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "`{}` in `{}` has the value of version {} again (version {}{})",
            self.name,
            self.environment,
            self.from,
            self.version,
            until(self.expires_at)
        )?;
        if let Some(at) = self.due_at.filter(|_| self.is_due) {
            writeln!(
                out,
                "the value is as old as it was: a new one is due since {at}"
            )?;
        }
        tell_destroyed(&self.destroyed, out)?;
        tell_retirement(self.previous, self.retire_at, &self.environment, out)
    }
}
