//! `keyvault rotate`.

use std::io::{self, ErrorKind, Write};

use anyhow::Result;

use crate::child::{SHELL, environment, outcome};
use crate::commands::options::lifetime::{LifetimeArgs, tell_destroyed, tell_retirement, until};
use crate::commands::options::value_source::{ValueArgs, secret_name};
use crate::context::Context;
use crate::context::due::{Due, Entry};
use crate::context::rotation::{Aborted, Rotating, Stepped};
use crate::error::{Code, Error, reason};
use crate::name::{EnvironmentName, SecretName};
use crate::secret_value::SecretValue;
use crate::timestamp::Period;
use crate::ui::{Format, Report, table};
use crate::vault::Rotated;

/// Give a secret a new value
///
/// The new value becomes the current version and the old one the previous, which
/// `get NAME@previous` still gives out.
///
/// With hooks (see `keyvault hook`) it goes in steps, each saved before the next: the
/// `create` hook makes the value, which is pending until the `verify` hook has tried it;
/// then it is current, and after the grace period the `revoke` hook gives the old one
/// back, which is destroyed. What was interrupted goes on with `--resume`. With `--abort`
/// a `create` whose answer was lost is asked once more, so that `revoke` gets to know it.
#[derive(clap::Args)]
pub struct RotateArgs {
    /// Name of the secret
    #[arg(value_parser = secret_name, required_unless_present = "due", conflicts_with = "due")]
    name: Option<SecretName>,

    #[command(flatten)]
    value: ValueArgs,

    /// Run a command of the shell with the new value in its environment first,
    /// and change nothing unless it succeeds
    #[arg(long, value_name = "CMD")]
    verify: Option<String>,

    #[command(flatten)]
    lifetime: LifetimeArgs,

    /// How long the old value is kept before it is given back and destroyed
    /// [default: 24h with a `revoke` hook, else for good]
    #[arg(long, value_name = "TIME")]
    grace: Option<Period>,

    /// Go on with a rotation that was interrupted, and with what it owes by now
    #[arg(long, group = "way", conflicts_with_all = ["source", "grace", "rotate_every", "keep_versions"])]
    resume: bool,

    /// Give a rotation up that was interrupted: its new value goes back where it came from
    #[arg(long, group = "way", conflicts_with_all = ["source", "grace", "verify", "expires", "rotate_every", "keep_versions"])]
    abort: bool,

    /// Do all that is due in the environments that are meant, as for cron: what was
    /// interrupted, secrets past their period, old values past their grace. Exit code 1 if
    /// anything failed, 8 if something is left for a person
    #[arg(long, group = "way", conflicts_with_all = ["source", "grace", "verify", "expires", "rotate_every", "keep_versions", "no_hooks"])]
    due: bool,

    /// Destroy what is due though the clock looks wrong
    #[arg(short, long)]
    yes: bool,

    /// Run no hooks
    #[arg(long)]
    no_hooks: bool,
}

/// Runs the command. Tells, for `--due`, whether anything failed or is left.
///
/// # Errors
///
/// Whatever kept the secret from being rotated. Then nothing was changed, or, where it
/// goes in steps, what was reached is saved.
pub fn run(args: &RotateArgs, cx: &Context) -> Result<Code> {
    let Some(name) = &args.name else {
        return run_due(args.yes, cx);
    };
    args.value.refuse_stray("rotate", name)?;
    // Before anything is asked, and again once the time is known for sure.
    args.lifetime.from(cx.now())?;
    refuse_blank(args.verify.as_deref())?;
    let store = cx.store()?;
    let environment = cx.environment(&store)?;
    let opened = cx.open(&store, &environment)?.environment()?;
    let secret = opened.secret(name)?;
    cx.check_writer(&opened)?;
    let try_out = |value: &SecretValue| match &args.verify {
        Some(command) => verify(cx, (&environment, name), value, command),
        None => Ok(()),
    };
    let mut rotating = Rotating::of(cx, &store, &environment, name, !args.no_hooks);
    rotating.verify = Some(&try_out);
    rotating.trusts_clock = args.yes;
    rotating.lifetime = args.lifetime.from(cx.now())?;
    if args.abort {
        cx.ui.outcome(&rotating.abort()?)?;
        return Ok(Code::Ok);
    }
    if args.resume {
        report(&rotating.resume()?, cx)?;
        return Ok(Code::Ok);
    }
    opened.check_at_rest(name)?;
    let hooks = rotating.hooks && !secret.hooks.is_empty();
    // Asked and tried before the vault is locked: nobody else should wait on it.
    let value = match hooks && secret.hooks.create.is_some() && !args.value.is_said() {
        true => None,
        false => Some((args.value).read(cx, &format!("New value of {name} in {environment}: "))?),
    };
    match value {
        Some(value) if !hooks && args.grace.is_none() => {
            try_out(&value)?;
            let rotated = cx.edit(&store, &environment, |environment, author| {
                environment.rotate_for(rotating.lifetime, name, value, author)
            })?;
            cx.ui.outcome(&rotated)?;
            warn_if_empty(rotated.empty, name, cx);
        }
        value => report(&rotating.begin(value, args.grace)?, cx)?,
    }
    Ok(Code::Ok)
}

fn run_due(trusts_clock: bool, cx: &Context) -> Result<Code> {
    let store = cx.store()?;
    let environments = cx.layers(&store)?;
    let due = cx.do_what_is_due(&store, &environments, trusts_clock)?;
    if cx.ui.format == Format::Json || !due.due.is_empty() {
        cx.ui.answer(&due)?;
    } else if !due.is_under_way {
        cx.ui.note("nothing is due");
    }
    Ok(due.code())
}

fn report(stepped: &Stepped, cx: &Context) -> Result<()> {
    cx.ui.outcome(stepped)?;
    let is_empty = stepped
        .rotated
        .as_ref()
        .is_some_and(|rotated| rotated.empty);
    warn_if_empty(is_empty, &stepped.name, cx);
    Ok(())
}

fn warn_if_empty(is_empty: bool, name: &SecretName, cx: &Context) {
    if is_empty {
        cx.ui.warn(&format!("the value of `{name}` is empty"));
    }
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
    (own, name): (&EnvironmentName, &SecretName),
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
    // Which version it will be, if any, is not known by now.
    cx.log_use([own], vec![name.to_string()], Some(SHELL.as_ref()))?;
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
        tell_rotated(self, out)?;
        tell_retirement(self.previous, self.retire_at, &self.environment, out)
    }
}

fn tell_rotated(rotated: &Rotated, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "rotated `{}` in `{}` (version {}{})",
        rotated.name,
        rotated.environment,
        rotated.version,
        until(rotated.expires_at)
    )?;
    tell_destroyed(&rotated.destroyed, out)
}

impl Report for Stepped {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self {
            name, environment, ..
        } = self;
        if let Some(rotated) = &self.rotated {
            tell_rotated(rotated, out)?;
            // What is due by now was given back already.
            tell_retirement(rotated.previous, self.retire_at, environment, out)?;
        }
        if !self.retired.is_empty() {
            let versions = numbered(&self.retired);
            writeln!(out, "destroyed `{name}` in `{environment}` ({versions})")?;
        }
        sharers(&self.shared_with, out)
    }
}

impl Report for Aborted {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self {
            name,
            environment,
            versions,
            ..
        } = self;
        write!(out, "gave up the rotation of `{name}` in `{environment}`")?;
        match versions.as_slice() {
            [] => writeln!(out),
            versions => writeln!(out, " ({} destroyed)", numbered(versions)),
        }?;
        sharers(&self.shared_with, out)
    }
}

impl Report for Due {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let rows = self.due.iter().map(|entry| {
            vec![
                entry
                    .name
                    .as_ref()
                    .map(ToString::to_string)
                    .unwrap_or_default(),
                entry.environment.to_string(),
                entry.done.as_str().to_owned(),
                about(entry),
            ]
        });
        table::write(out, &["NAME", "ENV", "DONE", "ABOUT"], rows.collect())
    }

    /// The names that something was done about, or should be.
    fn bare(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut names = self.due.iter().filter_map(|entry| entry.name.as_ref());
        names.try_for_each(|name| writeln!(out, "{name}"))
    }
}

fn about(entry: &Entry) -> String {
    let in_use = entry
        .version
        .map(|version| format!("version {version} is in use"));
    let destroyed = match entry.retired.as_slice() {
        [] => None,
        versions => Some(format!("{} destroyed", numbered(versions))),
    };
    let parts = [in_use, destroyed, entry.why.clone(), entry.hint.clone()];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// Names versions in words.
pub fn numbered(versions: &[u32]) -> String {
    let numbers: Vec<String> = versions.iter().map(u32::to_string).collect();
    match versions {
        [one] => format!("version {one}"),
        _ => format!("versions {}", numbers.join(", ")),
    }
}

/// Names the versions of other secrets that have a value still that was destroyed.
pub fn sharers(sharers: &[crate::vault::Sharer], out: &mut dyn Write) -> io::Result<()> {
    if sharers.is_empty() {
        return Ok(());
    }
    let sharers: Vec<String> = sharers.iter().map(|one| format!("`{one}`")).collect();
    writeln!(
        out,
        "the same value is still in {}: revoke it there, too, if it leaked",
        sharers.join(", ")
    )
}
