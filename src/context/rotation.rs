//! Rotation in steps: each is saved before the next begins, so that it can go on
//! wherever it was interrupted. How a step's hook is run is in `hooks`.
//!
//! No lock is held while a hook runs, which may take long and may run keyvault itself:
//! each save looks at the state anew.

use std::cell::Cell;

use serde::{Serialize, Serializer};

use crate::child::environment;
use crate::context::Context;
use crate::context::hooks::{ROTATION_ID, Run};
use crate::error::{Errand, Error, FailedHook, Result};
use crate::name::{EnvironmentName, SecretName};
use crate::seal::random;
use crate::secret_value::SecretValue;
use crate::store::VaultStore;
use crate::store::turn::Turn;
use crate::timestamp::{Period, Timestamp};
use crate::vault::clock::Oddity;
use crate::vault::expiry::Lifetime;
use crate::vault::policy::Surplus;
use crate::vault::rotation::{GRACE, Owed, Proposed, Retired, RotationId, Stage, Step};
use crate::vault::secret::VersionSelector;
use crate::vault::{Environment, Rotated, Sharer};

/// How often a new value is tried to be saved while others keep the vault locked.
const ATTEMPTS: usize = 3;

/// Tries a new value out.
pub type TryOut<'a> = dyn Fn(&SecretValue) -> Result<()> + 'a;

/// A secret whose rotation goes through its steps.
pub struct Rotating<'a> {
    /// Where from.
    pub cx: &'a Context,
    /// The vault.
    pub store: &'a VaultStore,
    /// The environment.
    pub environment: &'a EnvironmentName,
    /// The secret.
    pub name: &'a SecretName,
    /// Whether its hooks are run.
    pub hooks: bool,
    /// What tries the new value beside the `verify` hook.
    pub verify: Option<&'a TryOut<'a>>,
    /// How long the new value lasts.
    pub lifetime: Lifetime,
    /// Whether old values are destroyed because their time has come though the clock
    /// looks wrong.
    pub trusts_clock: bool,
    /// What was odd about the clock before our own saves made it look right.
    clock_doubt: Cell<Option<Oddity>>,
    /// Whether we were told to end, and only save yet what was done.
    pub(super) is_interrupted: Cell<bool>,
    /// What a hook gave values back for, which is to be saved.
    given_for: Cell<Option<Errand>>,
}

/// What a rotation came to.
#[derive(Debug)]
pub struct Stepped {
    /// Which secret.
    pub name: SecretName,
    /// Where.
    pub environment: EnvironmentName,
    /// The version that is current, if one is.
    pub version: Option<u32>,
    /// What became current just now; nothing where that was done before.
    pub rotated: Option<Rotated>,
    /// When the old value is to be given back and destroyed.
    pub retire_at: Option<Timestamp>,
    /// The versions that were given back and are destroyed.
    pub retired: Vec<u32>,
    /// Versions of other secrets that have one of their values still.
    pub shared_with: Vec<Sharer>,
}

impl Serialize for Stepped {
    /// As of a rotation without steps, and what became of old values.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Flat<'a> {
            name: &'a SecretName,
            environment: &'a EnvironmentName,
            version: Option<u32>,
            previous: Option<u32>,
            #[serde(skip_serializing_if = "Option::is_none")]
            expires_at: Option<Timestamp>,
            #[serde(skip_serializing_if = "<[Surplus]>::is_empty")]
            destroyed: &'a [Surplus],
            empty: bool,
            #[serde(skip_serializing_if = "Option::is_none")]
            retire_at: Option<Timestamp>,
            retired: &'a [u32],
            shared_with: &'a [Sharer],
        }
        let rotated = self.rotated.as_ref();
        let flat = Flat {
            name: &self.name,
            environment: &self.environment,
            version: self.version,
            previous: rotated.and_then(|rotated| rotated.previous),
            expires_at: rotated.and_then(|rotated| rotated.expires_at),
            destroyed: rotated.map_or(&[], |rotated| &rotated.destroyed),
            empty: rotated.is_some_and(|rotated| rotated.empty),
            retire_at: self.retire_at,
            retired: &self.retired,
            shared_with: &self.shared_with,
        };
        flat.serialize(serializer)
    }
}

/// A rotation was given up.
#[derive(Debug, Serialize)]
pub struct Aborted {
    /// Which secret.
    pub name: SecretName,
    /// Where.
    pub environment: EnvironmentName,
    /// The versions that were to be current, and are destroyed.
    pub versions: Vec<u32>,
    /// Versions of other secrets that have one of their values still.
    pub shared_with: Vec<Sharer>,
}

impl<'a> Rotating<'a> {
    /// A secret with its hooks, as far as they are run.
    pub fn of(
        cx: &'a Context,
        store: &'a VaultStore,
        environment: &'a EnvironmentName,
        name: &'a SecretName,
        hooks: bool,
    ) -> Self {
        Self {
            cx,
            store,
            environment,
            name,
            hooks,
            verify: None,
            lifetime: Lifetime::default(),
            trusts_clock: false,
            clock_doubt: Cell::new(None),
            is_interrupted: Cell::new(false),
            given_for: Cell::new(None),
        }
    }

    /// Rotates the secret: to this value, or to the one that the `create` hook makes.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from going on. What was reached is saved, and
    /// [`Rotating::resume`] goes on from there.
    pub fn begin(&self, value: Option<SecretValue>, grace: Option<Period>) -> Result<Stepped> {
        let opened = self.open()?;
        self.look_at_clock();
        let hooks = &opened.secret(self.name)?.hooks;
        let needed = [
            (Step::Create, value.is_none()),
            (Step::Verify, true),
            (Step::Revoke, true),
        ];
        let needed = needed.into_iter().filter(|(_, needed)| *needed);
        self.check_accepted(&opened, needed.map(|(step, _)| step))?;
        let grace = grace.or_else(|| self.runs(hooks.revoke.as_ref()).map(|_| GRACE));
        let id = RotationId::from(random::bytes()?);
        let _turn = self.take_turn(&opened)?;
        let surplus = (self.cx).edit(self.store, self.environment, |environment, author| {
            // First, so that nothing is destroyed that is kept from here on.
            let surplus = environment.set_policy(self.name, self.lifetime.policy, author)?;
            environment.begin(self.name, id, grace, author)?;
            if let Some(value) = value {
                // Nobody else can have come between.
                environment.propose(self.name, id, value, self.lifetime.expires_at, author)?;
            }
            Ok(surplus)
        })?;
        let mut stepped = self.go_on()?;
        if let Some(rotated) = &mut stepped.rotated {
            rotated.destroyed.splice(..0, surplus);
        }
        Ok(stepped)
    }

    /// Keeps other keyvaults on this machine from rotating or revoking the secret meanwhile. Where
    /// there is no place for that, what is saved tells.
    ///
    /// # Errors
    ///
    /// [`Error::RotationRunning`].
    pub fn take_turn(&self, opened: &Environment) -> Result<Option<Turn>> {
        let Some(state) = self.cx.state_folder() else {
            return Ok(None);
        };
        match Turn::take(&state, opened.vault, self.environment, self.name) {
            Ok(Some(turn)) => Ok(Some(turn)),
            Ok(None) => Err(Error::RotationRunning {
                name: self.name.clone(),
                environment: self.environment.clone(),
            }),
            Err(_) => Ok(None),
        }
    }

    fn look_at_clock(&self) {
        let doubt = self.cx.clock_to_destroy_by().may_destroy().err();
        self.clock_doubt.set(doubt.filter(|_| !self.trusts_clock));
    }

    /// Goes on with a rotation from where it is, and with what it owes by now.
    ///
    /// # Errors
    ///
    /// [`Error::NoRotation`] where there is nothing to go on with, and those of
    /// [`Rotating::begin`].
    pub fn resume(&self) -> Result<Stepped> {
        let opened = self.open()?;
        self.look_at_clock();
        let secret = opened.secret(self.name)?;
        let now = self.cx.system_time();
        if secret.stage() == Stage::Idle {
            if opened.owed(self.name)?.iter().all(|owed| owed.at > now) {
                return Err(opened.no_rotation(self.name));
            }
            if let Some(doubt) = self.clock_doubt.get() {
                return Err(Error::ClockDoubted {
                    doubt: doubt.to_string(),
                });
            }
        }
        let steps = match secret.stage() {
            Stage::Begun(_) => &Step::ALL[..],
            Stage::Proposed { .. } => &Step::ALL[1..],
            Stage::Idle => &Step::ALL[2..],
        };
        self.check_accepted(&opened, steps.iter().copied())?;
        let _turn = self.take_turn(&opened)?;
        self.go_on()
    }

    /// Does step after step until there is none left.
    fn go_on(&self) -> Result<Stepped> {
        let mut rotated = None;
        loop {
            let opened = self.open()?;
            match opened.secret(self.name)?.stage() {
                Stage::Begun(rotation) => self.create(&opened, rotation.id)?,
                Stage::Proposed { rotation: None, .. } if rotated.is_some() => {
                    // Left behind by one that was overtaken: not for us to take into use.
                    self.cx.ui.warn(&format!(
                        "another new value of `{}` is pending: run `keyvault rotate {} --abort --env {}` to give it back",
                        self.name, self.name, self.environment
                    ));
                    break;
                }
                Stage::Proposed { rotation: None, .. } => self.adopt(&opened)?,
                Stage::Proposed {
                    rotation: Some(rotation),
                    version,
                } => {
                    let outcome = self.promote(&opened, rotation.id, version)?;
                    rotated = Some((rotation.id, outcome));
                }
                Stage::Idle => break,
            }
        }
        self.retire(rotated)
    }

    fn adopt(&self, opened: &Environment) -> Result<()> {
        let hooks = &opened.secret(self.name)?.hooks;
        let grace = self.runs(hooks.revoke.as_ref()).map(|_| GRACE);
        let id = RotationId::from(random::bytes()?);
        (self.cx).edit(self.store, self.environment, |environment, author| {
            environment.adopt(self.name, id, grace, author)
        })
    }

    /// Has a new value made, and saves it before anything else happens.
    fn create(&self, opened: &Environment, id: RotationId) -> Result<()> {
        let secret = opened.secret(self.name)?;
        let current = secret.current().and_then(|current| current.value.as_ref());
        let run = Run {
            step: Step::Create,
            value: current,
            id,
            errand: Errand::Create,
        };
        let Some(mut ended) = self.run_hook(opened, &run)? else {
            return Err(Error::NoCreateHook {
                name: self.name.clone(),
                environment: self.environment.clone(),
            });
        };
        let what = match (ended.failure(), &ended.output) {
            (Some(failure), _) => Some(failure),
            (None, _) if ended.is_too_large => {
                Some("printed more than a value can be, 1 MiB".to_owned())
            }
            (None, None) => Some("printed nothing".to_owned()),
            (None, Some(value)) if value.is_empty() => Some("printed nothing".to_owned()),
            (None, Some(value)) if !environment::can_carry(value) => {
                Some("printed a NUL byte, which no variable can carry".to_owned())
            }
            _ => None,
        };
        if let Some(what) = what {
            return Err(self.failed(&run, what, ended));
        }
        let proposed = match self.propose(id, ended.output.take()) {
            // What it printed is no new value.
            Err(error @ (Error::SameValue { .. } | Error::RevokedValue { .. })) => {
                let what = match error {
                    Error::SameValue { version, .. } => {
                        format!("printed the value that it has already (version {version})")
                    }
                    _ => "printed a value that was revoked before".to_owned(),
                };
                return Err(self.failed(&run, what, ended));
            }
            proposed => proposed?,
        };
        let version = match proposed {
            Proposed::Pending(version) => version,
            Proposed::Overtaken(kept) => {
                drop(ended);
                return Err(opened.overtaken(self.name, kept));
            }
        };
        match ended.interruption() {
            None => Ok(()),
            Some(_) => {
                let errand = Errand::Try(version);
                let what = "has made a new value, and was interrupted".to_owned();
                Err(self.failed(&Run { errand, ..run }, what, ended))
            }
        }
    }

    /// Saves a new value. It is not given up where others only take their time.
    fn propose(&self, id: RotationId, mut value: Option<SecretValue>) -> Result<Proposed> {
        let mut attempts = 1..=ATTEMPTS;
        loop {
            attempts.next();
            let saved = (self.cx).edit(self.store, self.environment, |environment, author| {
                let value = value.take().expect("it is saved once");
                environment.propose(self.name, id, value, self.lifetime.expires_at, author)
            });
            match saved {
                Err(Error::LockHeld { .. }) if !attempts.is_empty() && value.is_some() => {}
                Err(error @ (Error::SameValue { .. } | Error::RevokedValue { .. })) => {
                    return Err(error);
                }
                Err(error) => {
                    self.cx.ui.warn(&format!(
                        "the new value of `{}` could not be saved: `keyvault rotate {} --resume --env {}` asks the hook for it again, with the same `{ROTATION_ID}`",
                        self.name, self.name, self.environment
                    ));
                    return Err(error);
                }
                saved => return saved,
            }
        }
    }

    /// Tries the new value, and takes it into use.
    fn promote(&self, opened: &Environment, id: RotationId, version: u32) -> Result<Rotated> {
        let secret = opened.secret(self.name)?;
        let pending = secret.select(VersionSelector::Number(version));
        let run = Run {
            step: Step::Verify,
            value: pending.and_then(|pending| pending.value.as_ref()),
            id,
            errand: Errand::Try(version),
        };
        self.run_to_success(opened, &run)?;
        if let (Some(verify), Some(value)) = (self.verify, run.value) {
            verify(value).map_err(|error| match error {
                Error::VerifyFailed { outcome, .. } => Error::HookFailed(Box::new(FailedHook {
                    step: "--verify",
                    ..self.words(&run, outcome)
                })),
                error => error,
            })?;
        }
        (self.cx).edit(self.store, self.environment, |environment, author| {
            environment.promote(self.name, id, version, self.lifetime.expires_at, author)
        })
    }

    /// Gives back and destroys what is owed by now: what this rotation owes, and, where the
    /// clock can be believed, what others before it do.
    fn retire(&self, rotated: Option<(RotationId, Rotated)>) -> Result<Stepped> {
        let opened = self.open()?;
        // Not by the time of a save that was seen: that could be another machine's error.
        let now = self.cx.system_time();
        let own = rotated.as_ref().map(|(id, _)| *id);
        let rotated = rotated.map(|(_, rotated)| rotated);
        let current = opened.secret(self.name)?.current();
        let mut stepped = Stepped {
            name: self.name.clone(),
            environment: self.environment.clone(),
            version: current.map(|current| current.number),
            rotated,
            retire_at: None,
            retired: Vec::new(),
            shared_with: Vec::new(),
        };
        for owed in opened.owed(self.name)? {
            let is_own = own == Some(owed.rotation);
            if owed.at > now {
                stepped.retire_at = stepped.retire_at.or(is_own.then_some(owed.at));
            } else if is_own || self.clock_doubt.get().is_none() {
                let retired = self.give_back_and_retire(&opened, &owed)?;
                stepped.retired.extend(retired.versions);
                stepped.shared_with.extend(retired.shared_with);
            }
        }
        Ok(stepped)
    }

    fn give_back_and_retire(&self, opened: &Environment, owed: &Owed) -> Result<Retired> {
        self.give_back(opened, owed, Errand::Retire)?;
        let retired = (self.cx).edit(self.store, self.environment, |environment, author| {
            environment.retire(self.name, owed.fingerprint, author)
        });
        self.conclude(retired)
    }

    /// Returns what was saved of values that were given back, or tells how it is done again.
    ///
    /// # Errors
    ///
    /// That of saving; [`Error::Interrupted`] where it is saved, and we were told to end.
    pub fn conclude<T>(&self, saved: Result<T>) -> Result<T> {
        if let (Err(_), Some(errand)) = (&saved, self.given_for.take()) {
            let Self {
                name, environment, ..
            } = self;
            let again = match errand {
                Errand::Retire => format!("`keyvault rotate {name} --resume --env {environment}`"),
                _ => "the same command again".to_owned(),
            };
            self.cx.ui.warn(&format!(
                "`{name}` was given back, and that could not be saved: {again} runs the `revoke` hook once more, with the same `{ROTATION_ID}`"
            ));
        }
        let saved = saved?;
        if self.is_interrupted.get() {
            return Err(Error::Interrupted);
        }
        Ok(saved)
    }

    /// Gives a rotation up: its new value goes back where it came from, and is destroyed,
    /// also one that was made and never saved.
    ///
    /// # Errors
    ///
    /// [`Error::NoRotation`], [`Error::HookFailed`], and whatever keeps it from being saved;
    /// then nothing was destroyed, and it can be done again.
    pub fn abort(&self) -> Result<Aborted> {
        let opened = self.open()?;
        opened.unwanted(self.name)?;
        // Before it is our turn: a person may take long.
        self.check_returnable(&opened)?;
        let _turn = self.take_turn(&opened)?;
        // It may have come to its end until it was our turn.
        let opened = self.recover(self.open()?)?;
        let unwanted = opened.unwanted(self.name)?;
        if !unwanted.is_empty() {
            self.check_accepted(&opened, [Step::Revoke].into_iter())?;
        }
        for owed in &unwanted {
            self.give_back(&opened, owed, Errand::Abort)?;
        }
        let aborted = (self.cx).edit(self.store, self.environment, |environment, author| {
            environment.abort(self.name, &unwanted, author)
        });
        let aborted = self.conclude(aborted)?;
        Ok(Aborted {
            name: self.name.clone(),
            environment: self.environment.clone(),
            versions: aborted.versions,
            shared_with: aborted.shared_with,
        })
    }

    /// Makes sure that the hooks may run here by which new values are given back, also one
    /// that was made and never saved.
    ///
    /// # Errors
    ///
    /// [`Error::HookNotAccepted`].
    pub fn check_returnable(&self, opened: &Environment) -> Result<()> {
        let secret = opened.secret(self.name)?;
        let steps = match (secret.stage(), &secret.hooks.revoke) {
            (_, None) => &[][..],
            (Stage::Begun(_), Some(_)) => &[Step::Create, Step::Revoke],
            (_, Some(_)) => &[Step::Revoke],
        };
        self.check_accepted(opened, steps.iter().copied())
    }

    /// Asks for the value once more that a rotation may have made, where none was saved, so
    /// that it can be given back: a provider gives it again for the same rotation, or has
    /// none of it left. Where that cannot be done, a person is told.
    ///
    /// # Errors
    ///
    /// [`Error::HookNotAccepted`]; [`Error::HookFailed`] where we were told to end meanwhile;
    /// and whatever keeps the value from being saved.
    pub fn recover(&self, opened: Environment) -> Result<Environment> {
        let secret = opened.secret(self.name)?;
        let Stage::Begun(rotation) = secret.stage() else {
            return Ok(opened);
        };
        let [create, revoke] =
            [&secret.hooks.create, &secret.hooks.revoke].map(|hook| self.runs(hook.as_ref()));
        if create.is_some() && revoke.is_some() {
            // What is made could not be saved else.
            self.cx.check_writer(&opened)?;
            self.check_returnable(&opened)?;
            match self.create(&opened, rotation.id) {
                Ok(()) => return self.open(),
                Err(Error::HookFailed(failed)) if !failed.is_interrupted => {
                    let error = Error::HookFailed(failed);
                    self.cx.ui.warn(&error.to_string());
                }
                Err(error) => return Err(error),
            }
        }
        // Nobody knows whether the hook came to make one.
        self.cx.ui.warn(&format!(
            "no new value was saved; if the `create` hook has made one all the same, it is known by the rotation {} where it was made",
            rotation.id
        ));
        Ok(opened)
    }

    /// Gives values back before they are revoked. Each of them once.
    ///
    /// # Errors
    ///
    /// [`Error::HookFailed`], [`Error::HookNotAccepted`].
    pub fn give_back_all(&self, opened: &Environment, all: &[Owed]) -> Result<()> {
        if !all.is_empty() {
            self.check_accepted(opened, [Step::Revoke].into_iter())?;
        }
        let mut all = all.iter();
        all.try_for_each(|owed| self.give_back(opened, owed, Errand::Revoke))
    }

    fn give_back(&self, opened: &Environment, owed: &Owed, errand: Errand) -> Result<()> {
        let versions = &opened.secret(self.name)?.versions;
        let mut versions = versions
            .iter()
            .filter(|version| owed.versions.contains(&version.number));
        let value = versions.find_map(|version| version.value.as_ref());
        let run = Run {
            step: Step::Revoke,
            value,
            id: owed.rotation,
            errand,
        };
        // Without its value nobody can give it back; only its record is left to mend.
        if value.is_some() && self.run_to_success(opened, &run)? {
            self.given_for.set(Some(errand));
        }
        Ok(())
    }

    fn open(&self) -> Result<Environment> {
        self.cx.open(self.store, self.environment)?.environment()
    }
}
