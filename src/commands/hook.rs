//! `keyvault hook`: the commands that do the steps of a rotation.

use std::io::{self, Write};

use anyhow::Result;
use serde::Serialize;

use crate::context::Context;
use crate::context::hooks::{Asking, check_name, hook_line};
use crate::error::{Error, shell_word};
use crate::name::{EnvironmentName, SecretName};
use crate::store::acceptance::{Acceptances, Candidate};
use crate::timestamp::Period;
use crate::ui::{Report, table};
use crate::vault::Environment;
use crate::vault::rotation::{Hook, Step, Word};

/// Set the commands that do the steps of a rotation
///
/// `keyvault rotate NAME` then runs them. They are kept in the vault, signed with it; on a
/// machine where they were not set they are shown and accepted once before they run.
///
/// A command is run as it stands, without a shell, in the working folder. It gets the
/// secret under its own name: `create` the current value, `verify` the new one, `revoke`
/// the old one. KEYVAULT_STEP names the step, KEYVAULT_ENVIRONMENT the environment, and
/// KEYVAULT_ROTATION_ID the rotation: it stays the same when a step is repeated. What
/// `create` prints on stdout, less one line feed at the end, is the new value. It has no
/// terminal: what it would ask, cron could not answer.
#[derive(clap::Args)]
pub struct HookArgs {
    #[command(subcommand)]
    command: HookCommand,
}

#[derive(clap::Subcommand)]
enum HookCommand {
    /// Set the command of a step
    Set {
        /// Name of the secret
        name: SecretName,

        /// `create` makes a new value, `verify` tries it, `revoke` gives the old one back
        #[arg(value_name = "STEP")]
        step: Step,

        /// Other secrets that it gets as variables
        #[arg(long, value_name = "SECRET,…", value_delimiter = ',')]
        with: Vec<SecretName>,

        /// How long it may take [default: 60s]
        #[arg(long, value_name = "TIME", value_parser = timeout)]
        timeout: Option<Period>,

        /// The program and its arguments. Never a secret: it is shown
        #[arg(last = true, required = true, value_name = "CMD")]
        command: Vec<Word>,
    },
    /// Show the hooks of a secret, or of all
    Show {
        /// Name of the secret
        name: Option<SecretName>,
    },
    /// Take the hook of a step away
    Remove {
        /// Name of the secret
        name: SecretName,

        /// `create`, `verify` or `revoke`
        #[arg(value_name = "STEP")]
        step: Step,
    },
    /// Let the hooks of a secret run on this machine, as they are now
    ///
    /// Their commands are shown first. Whatever of these changes later is asked about anew;
    /// what changes in the script that one names is not noticed.
    Accept {
        /// Name of the secret
        name: SecretName,

        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}

fn timeout(text: &str) -> Result<Period, &'static str> {
    match text.parse() {
        Ok(period) if period == Period::from_seconds(0) => Err("a hook needs some time"),
        parsed => parsed,
    }
}

/// Runs the command.
///
/// # Errors
///
/// Whatever kept it from being done; then nothing was changed.
pub fn run(args: &HookArgs, cx: &Context) -> Result<()> {
    let store = cx.store()?;
    let environment = cx.environment(&store)?;
    match &args.command {
        HookCommand::Set {
            name,
            step,
            with,
            timeout,
            command,
        } => {
            [name].into_iter().chain(with).try_for_each(check_name)?;
            let hook = Hook {
                command: command.clone(),
                with: with.clone(),
                timeout: *timeout,
            };
            let vault = cx.edit(&store, &environment, |environment, _| {
                environment.set_hook(name, *step, Some(hook.clone()))?;
                Ok(environment.vault)
            })?;
            // Who sets it has seen it.
            let accepted = Acceptances::below(cx.state_folder().as_deref());
            let set = Candidate::new(vault, &environment, name, *step, &hook);
            if let Err(error) = accepted.accept(&set) {
                cx.ui.warn(&format!(
                    "it is set, and has to be accepted before it runs: {error}"
                ));
            }
            let done = Done::of(name, &environment, Some(*step), "set");
            Ok(cx.ui.outcome(&done)?)
        }
        HookCommand::Show { name } => {
            let opened = cx.open(&store, &environment)?.environment()?;
            let accepted = Acceptances::below(cx.state_folder().as_deref());
            let shown = Shown::of(&opened, name.as_ref(), &accepted)?;
            Ok(cx.ui.answer(&shown)?)
        }
        HookCommand::Remove { name, step } => {
            cx.edit(&store, &environment, |environment, _| {
                match environment.set_hook(name, *step, None)? {
                    true => Ok(()),
                    false => Err(Error::NoHook {
                        name: name.clone(),
                        environment: environment.name.clone(),
                        step: Some(step.as_str()),
                    }),
                }
            })?;
            let done = Done::of(name, &environment, Some(*step), "removed");
            Ok(cx.ui.outcome(&done)?)
        }
        HookCommand::Accept { name, yes } => {
            let opened = cx.open(&store, &environment)?.environment()?;
            if opened.secret(name)?.hooks.is_empty() {
                let (name, environment) = (name.clone(), environment.clone());
                return Err(Error::NoHook {
                    name,
                    environment,
                    step: None,
                }
                .into());
            }
            let asking = if *yes { Asking::Nobody } else { Asking::Person };
            cx.accept_hooks(&opened, name, &Step::ALL, asking)?;
            Ok(cx
                .ui
                .outcome(&Done::of(name, &environment, None, "accepted"))?)
        }
    }
}

/// What was done about a hook.
#[derive(Serialize)]
struct Done<'a> {
    name: &'a SecretName,
    environment: &'a EnvironmentName,
    /// Which one; none for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<Step>,
    done: &'static str,
}

impl<'a> Done<'a> {
    fn of(
        name: &'a SecretName,
        environment: &'a EnvironmentName,
        step: Option<Step>,
        done: &'static str,
    ) -> Self {
        Self {
            name,
            environment,
            step,
            done,
        }
    }
}

impl Report for Done<'_> {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self {
            name,
            environment,
            done,
            ..
        } = self;
        match self.step {
            Some(step) => writeln!(
                out,
                "{done} the `{step}` hook of `{name}` in `{environment}`"
            ),
            None => writeln!(
                out,
                "{done} the hooks of `{name}` in `{environment}` on this machine"
            ),
        }
    }
}

#[derive(Serialize)]
struct Shown<'a> {
    environment: &'a EnvironmentName,
    hooks: Vec<ShownHook<'a>>,
}

#[derive(Serialize)]
struct ShownHook<'a> {
    name: &'a SecretName,
    step: Step,
    #[serde(flatten)]
    hook: &'a Hook,
    /// Whether it may run on this machine.
    accepted: bool,
}

impl<'a> Shown<'a> {
    fn of(
        opened: &'a Environment,
        only: Option<&SecretName>,
        accepted: &Acceptances,
    ) -> Result<Self, Error> {
        if let Some(name) = only {
            opened.secret(name)?;
        }
        let is_meant = |name: &SecretName| only.is_none_or(|only| only == name);
        let secrets = opened.secrets.iter().filter(|(name, _)| is_meant(name));
        let hooks = secrets.flat_map(|(name, secret)| {
            Step::ALL.into_iter().filter_map(move |step| {
                let hook = secret.hooks.of(step)?;
                let candidate = Candidate::new(opened.vault, &opened.name, name, step, hook);
                Some(ShownHook {
                    name,
                    step,
                    hook,
                    accepted: accepted.has(&candidate),
                })
            })
        });
        Ok(Self {
            environment: &opened.name,
            hooks: hooks.collect(),
        })
    }
}

impl Report for Shown<'_> {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let rows = self.hooks.iter().map(|shown| {
            let with: Vec<&str> = shown.hook.with.iter().map(SecretName::as_str).collect();
            let words = shown.hook.command.iter();
            let words: Vec<_> = words
                .map(|word| shell_word(word.as_str().as_ref()))
                .collect();
            vec![
                shown.name.to_string(),
                shown.step.to_string(),
                if shown.accepted { "accepted" } else { "new" }.to_owned(),
                with.join(","),
                shown
                    .hook
                    .timeout
                    .map(|timeout| timeout.to_string())
                    .unwrap_or_default(),
                words.join(" "),
            ]
        });
        let head = ["NAME", "STEP", "HERE", "WITH", "TIMEOUT", "COMMAND"];
        table::write(out, &head, rows.collect())
    }

    /// The commands that set them as they are.
    fn bare(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut hooks = self.hooks.iter();
        hooks.try_for_each(|shown| {
            let line = hook_line(self.environment, shown.name, shown.step, shown.hook);
            writeln!(out, "{line}")
        })
    }
}
