//! `keyvault rotate`.

use std::io::{self, ErrorKind, Write};

use anyhow::Result;

use crate::child::{environment, outcome};
use crate::commands::options::lifetime::{LifetimeArgs, tell_destroyed, until};
use crate::commands::options::value_source::{ValueArgs, secret_name};
use crate::context::Context;
use crate::error::{Error, reason};
use crate::name::SecretName;
use crate::secret_value::SecretValue;
use crate::ui::Report;
use crate::vault::Rotated;

/// Give a secret a new value
///
/// The new value becomes the current version and the old one the previous, which
/// `get NAME@previous` still gives out.
#[derive(clap::Args)]
pub struct RotateArgs {
    /// Name of the secret
    #[arg(value_parser = secret_name)]
    name: SecretName,

    #[command(flatten)]
    value: ValueArgs,

    /// Run a command of the shell with the new value in its environment first,
    /// and change nothing unless it succeeds
    #[arg(long, value_name = "CMD")]
    verify: Option<String>,

    #[command(flatten)]
    lifetime: LifetimeArgs,
}

/// Runs the command.
///
/// # Errors
///
/// Whatever kept the secret from being rotated; then nothing was changed.
pub fn run(args: &RotateArgs, cx: &Context) -> Result<()> {
    args.value.refuse_stray("rotate", &args.name)?;
    // Before anything is asked, and again once the time is known for sure.
    args.lifetime.from(cx.now())?;
    refuse_blank(args.verify.as_deref())?;
    let store = cx.store()?;
    let environment = cx.environment(&store)?;
    let opened = cx.open(&store, &environment)?.environment()?;
    opened.secret(&args.name)?;
    cx.check_writer(&opened)?;
    let lifetime = args.lifetime.from(cx.now())?;
    // Asked and tried before the vault is locked: nobody else should wait on it.
    let value = args.value.read(
        cx,
        &format!("New value of {} in {environment}: ", args.name),
    )?;
    if let Some(command) = &args.verify {
        verify(cx, &args.name, &value, command)?;
    }
    let rotated = cx.edit(&store, &environment, |environment, author| {
        environment.rotate_for(lifetime, &args.name, value, author)
    })?;
    cx.ui.outcome(&rotated)?;
    if rotated.empty {
        cx.ui
            .warn(&format!("the value of `{}` is empty", rotated.name));
    }
    Ok(())
}

/// Refuses a command that would accept any value.
fn refuse_blank(command: Option<&str>) -> Result<(), Error> {
    if command.is_none_or(|command| !command.trim().is_empty()) {
        return Ok(());
    }
    Err(Error::Usage {
        message: "the command of `--verify` is blank, and would verify nothing".to_owned(),
        hint: "nothing was changed; is a variable of the shell not set?".to_owned(),
    })
}

fn verify(
    cx: &Context,
    name: &SecretName,
    value: &SecretValue,
    command: &str,
) -> Result<(), Error> {
    let unverifiable = |what: String| Error::Unverifiable {
        name: name.clone(),
        what,
    };
    if !environment::can_carry(value) {
        let what = "it holds a NUL byte, which no environment variable can carry";
        return Err(unverifiable(what.to_owned()));
    }
    let inherited = environment::inherited(cx.inherited(), false);
    let variables = environment::overlay(&inherited, [(name, value)]);
    let outcome = match cx.run_command(command, variables) {
        Ok(status) if status.success() => return Ok(()),
        Ok(status) => outcome(status),
        Err(error) if error.kind() == ErrorKind::ArgumentListTooLong => {
            let size = value.len();
            let what = format!("its {size} bytes are too many for the system's environment");
            return Err(unverifiable(what));
        }
        Err(error) => format!("could not be started: {}", reason(&error)),
    };
    Err(Error::VerifyFailed {
        name: name.clone(),
        outcome,
    })
}

impl Report for Rotated {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "rotated `{}` in `{}` (version {}{})",
            self.name,
            self.environment,
            self.version,
            until(self.expires_at)
        )?;
        tell_destroyed(&self.destroyed, out)
    }
}
