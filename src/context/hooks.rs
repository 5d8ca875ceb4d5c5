//! Hooks: how they come to be accepted on this machine, and how they are run with what
//! they need and nothing else.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};

use serde::Serialize;

use crate::child::hook::{self, Ended};
use crate::child::{Variables, environment};
use crate::context::Context;
use crate::context::rotation::Rotating;
use crate::error::{Errand, Error, FailedHook, Result};
use crate::name::{EnvironmentName, MemberName, SecretName};
use crate::secret_value::SecretValue;
use crate::store::acceptance::{Acceptances, Candidate};
use crate::timestamp::Timestamp;
use crate::ui::Report;
use crate::vault::Environment;
use crate::vault::rotation::{Hook, RotationId, Step};
use crate::vault::secret::VersionSelector;

/// Tells a hook which step it is to do.
const STEP: &str = "KEYVAULT_STEP";
/// Tells a hook which rotation it works for.
pub(super) const ROTATION_ID: &str = "KEYVAULT_ROTATION_ID";
/// Tells a hook whose secret it is.
const ENVIRONMENT: &str = "KEYVAULT_ENVIRONMENT";

impl Rotating<'_> {
    /// Returns a hook that is to be run.
    pub(super) fn runs<'h>(&self, hook: Option<&'h Hook>) -> Option<&'h Hook> {
        hook.filter(|_| self.hooks)
    }

    /// Makes sure that hooks may run here, before anything is done by halves.
    pub(super) fn check_accepted(
        &self,
        opened: &Environment,
        steps: impl Iterator<Item = Step>,
    ) -> Result<()> {
        if !self.hooks {
            return Ok(());
        }
        let steps: Vec<Step> = steps.collect();
        self.cx
            .accept_hooks(opened, self.name, &steps, Asking::Person)?;
        Ok(())
    }

    /// Runs the hook of a step. Returns whether there is one.
    pub(super) fn run_to_success(&self, opened: &Environment, run: &Run<'_>) -> Result<bool> {
        let Some(mut ended) = self.run_hook(opened, run)? else {
            return Ok(false);
        };
        if let Some(what) = ended.failure() {
            return Err(self.failed(run, what, ended));
        }
        match ended.interruption() {
            // What it has done is done: it is told to the vault before we end.
            told @ Some(_) if run.step == Step::Revoke => {
                self.cx.note_interruption(told);
                self.is_interrupted.set(true);
            }
            Some(_) => return Err(self.failed(run, "was interrupted".to_owned(), ended)),
            None => {}
        }
        Ok(true)
    }

    /// Runs the hook of a step, if there is one.
    pub(super) fn run_hook(&self, opened: &Environment, run: &Run<'_>) -> Result<Option<Ended>> {
        let hooks = &opened.secret(self.name)?.hooks;
        let Some(hook) = self.runs(hooks.of(run.step)) else {
            return Ok(None);
        };
        // Another one than before may have been set meanwhile.
        self.cx
            .accept_hooks(opened, self.name, &[run.step], Asking::Person)?;
        let now = self.cx.now();
        let (mut secrets, mut used) = (Vec::new(), Vec::new());
        for with in &hook.with {
            let secret = opened.secret(with)?;
            let (version, value) =
                secret.serve(with, VersionSelector::Current, self.environment, now)?;
            used.push(format!("{with}@{}", version.number));
            secrets.push((with, value));
        }
        secrets.extend(run.value.map(|value| (self.name, value)));
        for (name, value) in &secrets {
            check_fit(name, value)?;
        }
        let own = opened.secret(self.name)?.versions.iter().find(|version| {
            let value = version.value.as_ref();
            value
                .zip(run.value)
                .is_some_and(|(one, other)| std::ptr::eq(one, other))
        });
        used.extend(own.map(|version| format!("{}@{}", self.name, version.number)));
        let program = hook.command.first().map(|word| OsStr::new(word.as_str()));
        self.cx.log_use([self.environment], used, program)?;
        let inherited = self.inherited(hook);
        let about = self.about(run);
        let about = about
            .iter()
            .map(|(name, value)| (OsStr::new(name), value.as_os_str()));
        let variables = environment::overlay(&inherited, secrets).chain(about);
        let takes_value = run.step == Step::Create;
        let ended = (self.cx).start_program(|| hook::run(hook, takes_value, variables));
        ended.map(Some).map_err(|error| {
            let what = format!("could not be run: {error}");
            Error::HookFailed(Box::new(self.words(run, what)))
        })
    }

    /// Returns what a hook inherits: nothing that opens the vault, and nothing under the
    /// names of its secrets, which it could take for them.
    fn inherited(&self, hook: &Hook) -> Variables {
        let mut inherited = environment::inherited(self.cx.inherited(), false);
        let is_secret = |name: &OsStr| {
            name == self.name.as_str() || hook.with.iter().any(|with| name == with.as_str())
        };
        inherited.retain(|(name, _)| !is_secret(name));
        inherited
    }

    fn about(&self, run: &Run<'_>) -> [(&'static str, OsString); 3] {
        [
            (STEP, run.step.as_str().into()),
            (ROTATION_ID, run.id.to_string().into()),
            (ENVIRONMENT, self.environment.as_str().into()),
        ]
    }

    pub(super) fn words(&self, run: &Run<'_>, outcome: String) -> FailedHook {
        FailedHook {
            name: self.name.clone(),
            environment: self.environment.clone(),
            step: run.step.as_str(),
            outcome,
            is_interrupted: false,
            errand: run.errand,
        }
    }

    /// Says how a hook failed, or that we were told to end meanwhile.
    pub(super) fn failed(&self, run: &Run<'_>, what: String, mut ended: Ended) -> Error {
        let interruption = ended.interruption();
        self.cx.note_interruption(interruption);
        // From here on signals count again: what there was to save is saved.
        drop(ended);
        let failed = FailedHook {
            is_interrupted: interruption.is_some(),
            ..self.words(run, what)
        };
        Error::HookFailed(Box::new(failed))
    }
}

/// What a hook is run for.
pub(super) struct Run<'a> {
    /// The step that it is to do.
    pub(super) step: Step,
    /// The value that it gets.
    pub(super) value: Option<&'a SecretValue>,
    /// The rotation that it works for.
    pub(super) id: RotationId,
    /// What is said where it fails.
    pub(super) errand: Errand,
}

/// Refuses what no hook can get, and what would take it over.
fn check_fit(name: &SecretName, value: &SecretValue) -> Result<()> {
    check_name(name)?;
    if environment::can_carry(value) {
        return Ok(());
    }
    Err(Error::UnfitForHook {
        name: name.clone(),
        what: "its value holds a NUL byte, which no variable can carry",
    })
}

/// Refuses a secret whose name would take a hook over: its value is not what was
/// accepted with the hook.
///
/// # Errors
///
/// [`Error::UnfitForHook`].
pub fn check_name(name: &SecretName) -> Result<()> {
    if !environment::is_dangerous(name.as_str()) {
        return Ok(());
    }
    Err(Error::UnfitForHook {
        name: name.clone(),
        what: "a variable of this name would take the program over",
    })
}

/// How hooks come to be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asking {
    /// A person is shown what is new and asked.
    Person,
    /// Somebody said yes beforehand.
    Nobody,
}

/// Hooks that are new on this machine.
#[derive(Serialize)]
struct NewHooks<'a> {
    /// Who signed the environment last, and so these.
    by: &'a MemberName,
    at: Timestamp,
    hooks: Vec<Candidate<'a>>,
}

impl Report for NewHooks<'_> {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self { by, at, hooks } = self;
        writeln!(out, "new on this machine, as signed by `{by}` on {at}:")?;
        let mut hooks = hooks.iter();
        hooks.try_for_each(|hook| {
            let line = hook_line(hook.environment, hook.secret, hook.step, hook.hook);
            writeln!(out, "  {line}")
        })
    }
}

impl Context {
    /// Returns the secrets with hooks that were not accepted on this machine.
    pub fn secrets_with_new_hooks<'e>(&self, opened: &'e Environment) -> Vec<&'e SecretName> {
        let accepted = Acceptances::below(self.state_folder().as_deref());
        let secrets = opened.secrets.iter().filter(|(name, secret)| {
            Step::ALL.into_iter().any(|step| {
                let hook = secret.hooks.of(step);
                hook.is_some_and(|hook| {
                    let candidate = Candidate::new(opened.vault, &opened.name, name, step, hook);
                    !accepted.has(&candidate)
                })
            })
        });
        secrets.map(|(name, _)| name).collect()
    }

    /// Makes sure that hooks of a secret were accepted on this machine. Those that were
    /// not are shown, and asked about. Returns how many are new here.
    ///
    /// # Errors
    ///
    /// [`Error::HookNotAccepted`] where nobody can be asked; [`Error::Declined`];
    /// [`Error::Io`] where it cannot be remembered.
    pub fn accept_hooks(
        &self,
        opened: &Environment,
        name: &SecretName,
        steps: &[Step],
        asking: Asking,
    ) -> Result<usize> {
        let hooks = &opened.secret(name)?.hooks;
        let accepted = Acceptances::below(self.state_folder().as_deref());
        let all = steps.iter().filter_map(|step| {
            let hook = hooks.of(*step)?;
            Some(Candidate::new(
                opened.vault,
                &opened.name,
                name,
                *step,
                hook,
            ))
        });
        let mut new: Vec<_> = all.filter(|hook| !accepted.has(hook)).collect();
        if new.is_empty() {
            return Ok(0);
        }
        if asking == Asking::Person {
            if !self.ui.can_ask() {
                return Err(Error::HookNotAccepted {
                    name: name.clone(),
                    environment: opened.name.clone(),
                });
            }
            let shown = NewHooks {
                by: &opened.updated_by,
                at: opened.updated_at,
                hooks: new,
            };
            self.ui.show(&shown);
            new = shown.hooks;
            let question = match new.len() {
                1 => "Accept this hook, to run with the secrets that it names?",
                _ => "Accept these hooks, to run with the secrets that they name?",
            };
            self.ui.confirm(question, "--yes")?;
        }
        new.iter().try_for_each(|hook| accepted.accept(hook))?;
        Ok(new.len())
    }
}

/// Writes the command that sets a hook, each word quoted where a shell, or a terminal,
/// would read anything else in it.
pub fn hook_line(
    environment: &EnvironmentName,
    name: &SecretName,
    step: Step,
    hook: &Hook,
) -> String {
    let mut line = format!("keyvault hook set {name} {step} --env {environment}");
    if !hook.with.is_empty() {
        let with: Vec<&str> = hook.with.iter().map(SecretName::as_str).collect();
        line.push_str(&format!(" --with {}", with.join(",")));
    }
    if let Some(timeout) = hook.timeout {
        line.push_str(&format!(" --timeout {timeout}"));
    }
    line.push_str(" --");
    for word in &hook.command {
        line.push(' ');
        line.push_str(&crate::error::shell_word(word.as_str().as_ref()));
    }
    line
}
