//! All that is due: rotations that were interrupted, secrets past their period, and old
//! values past their grace. One that fails does not keep the others from being done.

use serde::Serialize;

use crate::context::Context;
use crate::context::rotation::{Rotating, Stepped};
use crate::error::{Code, Error, Result};
use crate::name::{EnvironmentName, SecretName};
use crate::store::VaultStore;
use crate::timestamp::Timestamp;
use crate::vault::Environment;
use crate::vault::rotation::Stage;

/// What was done about a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Deed {
    /// A rotation that was interrupted came to its end.
    Resumed,
    /// It has a new value.
    Rotated,
    /// An old value was given back and destroyed.
    Retired,
    /// It wants a person.
    Left,
    /// It was tried, and did not come to its end.
    Failed,
}

impl Deed {
    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Resumed => "resumed",
            Self::Rotated => "rotated",
            Self::Retired => "retired",
            Self::Left => "left",
            Self::Failed => "failed",
        }
    }
}

/// One thing that was due.
#[derive(Debug, Serialize)]
pub struct Entry {
    /// Which secret; none where its environment could not even be opened.
    pub name: Option<SecretName>,
    /// Where.
    pub environment: EnvironmentName,
    /// What was done.
    pub done: Deed,
    /// The version that is in use from here on.
    pub version: Option<u32>,
    /// The versions that were destroyed.
    pub retired: Vec<u32>,
    /// Why it was not done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What to do about that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// What a secret has coming.
enum Chore {
    /// A rotation to go on with.
    Resume,
    /// Old values to give back.
    Retire,
    /// A new value, which the `create` hook makes.
    Rotate,
    /// A new value, since then, which only a person can get.
    Ask(Timestamp),
}

impl Chore {
    /// Finds what is first.
    fn of(environment: &Environment, name: &SecretName, now: Timestamp) -> Result<Option<Self>> {
        let secret = environment.secret(name)?;
        if secret.stage() != Stage::Idle {
            return Ok(Some(Self::Resume));
        }
        if environment.owed(name)?.iter().any(|owed| owed.at <= now) {
            return Ok(Some(Self::Retire));
        }
        let due = environment.due_at(secret).filter(|due| *due <= now);
        Ok(due.map(|due| match secret.hooks.create {
            Some(_) => Self::Rotate,
            None => Self::Ask(due),
        }))
    }
}

/// All that was due in some environments.
#[derive(Debug, Default, Serialize)]
pub struct Due {
    /// Each thing, by environment and name.
    pub due: Vec<Entry>,
    /// Whether something is being done by another keyvault.
    #[serde(skip)]
    pub is_under_way: bool,
}

impl Due {
    /// Returns what to exit with.
    pub fn code(&self) -> Code {
        let any = |deed| self.due.iter().any(|entry| entry.done == deed);
        match (any(Deed::Failed), any(Deed::Left)) {
            (true, _) => Code::Other,
            (false, true) => Code::Attention,
            (false, false) => Code::Ok,
        }
    }
}

impl Context {
    /// Does all that is due in these environments.
    ///
    /// # Errors
    ///
    /// [`Error::ClockDoubted`], where anything is due by a clock that looks wrong and is not
    /// to be trusted: a save by it would make it look right. [`Error::Interrupted`]: what
    /// was done until then is saved. Whatever else fails is told in the outcome.
    pub fn do_what_is_due(
        &self,
        store: &VaultStore,
        environments: &[EnvironmentName],
        trusts_clock: bool,
    ) -> Result<Due> {
        let mut all = Due::default();
        let mut found = Vec::new();
        for environment in environments {
            let chores = self.open(store, environment).and_then(|opened| {
                let opened = opened.environment()?;
                let mut chores = Vec::new();
                for name in opened.secrets.keys() {
                    if Chore::of(&opened, name, self.system_time())?.is_some() {
                        chores.push(name.clone());
                    }
                }
                if !chores.is_empty() {
                    self.check_writer(&opened)?;
                }
                Ok(chores)
            });
            match chores {
                Ok(names) => found.push((environment, names)),
                Err(error) => all.due.push(undone(environment, None, &error)),
            }
        }
        let is_due = found.iter().any(|(_, names)| !names.is_empty());
        match self.clock_to_destroy_by().may_destroy() {
            Err(oddity) if is_due && !trusts_clock => {
                let doubt = oddity.to_string();
                return Err(Error::ClockDoubted { doubt });
            }
            Err(_) if !trusts_clock => {}
            // So that a timer goes on where nothing was due, and so nothing saved, for long.
            _ => self.note_right_clock(),
        }
        for (environment, names) in found {
            for name in names {
                self.do_chores_of(store, environment, &name, &mut all)?;
            }
        }
        Ok(all)
    }

    /// Does what a secret has coming, one after the other.
    fn do_chores_of(
        &self,
        store: &VaultStore,
        environment: &EnvironmentName,
        name: &SecretName,
        all: &mut Due,
    ) -> Result<()> {
        let mut rotating = Rotating::of(self, store, environment, name, true);
        // It was looked at before anything was saved.
        rotating.trusts_clock = true;
        let find = || -> Result<_> {
            let opened = self.open(store, environment)?.environment()?;
            Chore::of(&opened, name, self.system_time())
        };
        // A rotation may be followed by what it owes, and that by the next rotation.
        const CHORES_MAX: usize = 3;
        for _ in 0..CHORES_MAX {
            let done = find().and_then(|chore| match chore {
                None => Ok(None),
                Some(Chore::Resume) => Ok(Some((Deed::Resumed, rotating.resume()?))),
                Some(Chore::Retire) => Ok(Some((Deed::Retired, rotating.resume()?))),
                Some(Chore::Rotate) => Ok(Some((Deed::Rotated, rotating.begin(None, None)?))),
                Some(Chore::Ask(since)) => {
                    all.due.push(left(environment, name, since));
                    Ok(None)
                }
            });
            match done {
                Ok(None) => return Ok(()),
                Ok(Some((deed, stepped))) => all.due.push(entry(deed, stepped)),
                // It is being done.
                Err(error @ Error::RotationRunning { .. }) => {
                    all.is_under_way = true;
                    self.ui.note(&error.to_string());
                    return Ok(());
                }
                Err(error) if error.code() == Code::Interrupted => return Err(error),
                Err(error) => {
                    all.due.push(undone(environment, Some(name), &error));
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

fn entry(done: Deed, stepped: Stepped) -> Entry {
    Entry {
        name: Some(stepped.name),
        environment: stepped.environment,
        done,
        version: stepped.version,
        retired: stepped.retired,
        why: None,
        hint: None,
    }
}

fn left(environment: &EnvironmentName, name: &SecretName, since: Timestamp) -> Entry {
    Entry {
        name: Some(name.clone()),
        environment: environment.clone(),
        done: Deed::Left,
        version: None,
        retired: Vec::new(),
        why: Some(format!("due since {since}, and there is no `create` hook")),
        hint: Some(format!(
            "run `keyvault rotate {name} --env {environment}` with a new value"
        )),
    }
}

fn undone(environment: &EnvironmentName, name: Option<&SecretName>, error: &Error) -> Entry {
    Entry {
        name: name.cloned(),
        environment: environment.clone(),
        done: match error.inner() {
            // Nothing was tried: who looks at them decides.
            Error::HookNotAccepted { .. } => Deed::Left,
            _ => Deed::Failed,
        },
        version: None,
        retired: Vec::new(),
        why: Some(error.to_string()),
        hint: error.hint(),
    }
}
