//! Revoking: what is destroyed here is given back first to where it came from.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::context::Context;
use crate::context::rotation::Rotating;
use crate::error::Result;
use crate::name::{EnvironmentName, Remark};
use crate::seal::digest::Fingerprint;
use crate::store::VaultStore;
use crate::vault::rotation::Stage;
use crate::vault::secret::SecretReference;
use crate::vault::{Revoked, Sharer};

/// What is to be revoked.
pub struct Revocation<'a> {
    /// The secret, or one version of it.
    pub secret: &'a SecretReference,
    /// Why.
    pub reason: Option<&'a Remark>,
    /// Whether the `revoke` hook is run.
    pub hooks: bool,
}

/// What was revoked in other places than the one that was named.
#[derive(Debug, Default, Serialize)]
pub struct Elsewhere {
    /// Each environment in which the value was, with the versions that had it.
    pub environments: Vec<Found>,
    /// Environments that could not be searched.
    pub unsearched: Vec<Unsearched>,
}

/// An environment in which a value was found and destroyed.
#[derive(Debug, Serialize)]
pub struct Found {
    /// Which.
    pub environment: EnvironmentName,
    /// The versions that had it.
    pub versions: Vec<Sharer>,
}

/// An environment that could not be searched, or not be written.
#[derive(Debug, Serialize)]
pub struct Unsearched {
    /// Which.
    pub environment: EnvironmentName,
    /// Why.
    pub why: String,
}

impl Context {
    /// Revokes versions of a secret: their values are given back by its hook, and then
    /// destroyed.
    ///
    /// # Errors
    ///
    /// [`Error::HookFailed`]; [`Error::RotationRunning`]; [`Error::RotationOvertaken`] where there is a value by now
    /// that was not given back; and whatever keeps it from being saved. Then nothing was
    /// destroyed.
    pub fn revoke(
        &self,
        store: &VaultStore,
        environment: &EnvironmentName,
        revocation: &Revocation<'_>,
    ) -> Result<(Revoked, BTreeSet<Fingerprint>)> {
        let SecretReference { name, version } = revocation.secret;
        let mut opened = self.open(store, environment)?.environment()?;
        let is_owed = !opened.revocable(name, *version)?.is_empty();
        let rotating = Rotating::of(self, store, environment, name, revocation.hooks);
        let secret = opened.secret(name)?;
        let has_steps = !secret.hooks.is_empty() || secret.stage() != Stage::Idle;
        // Without hooks it is done at once, whatever hook somebody else may wait for.
        let _turn = if revocation.hooks && has_steps {
            if is_owed {
                self.check_writer(&opened)?;
                // Before it is our turn: a person may take long.
                rotating.check_returnable(&opened)?;
            }
            let turn = rotating.take_turn(&opened)?;
            opened = self.open(store, environment)?.environment()?;
            turn
        } else {
            None
        };
        if version.is_none() {
            // The rotation ends with the secret, and what it made goes back as well.
            opened = rotating.recover(opened)?;
        }
        let runs = revocation.hooks && opened.secret(name)?.hooks.revoke.is_some();
        let owed = opened.revocable(name, *version)?;
        if runs {
            rotating.give_back_all(&opened, &owed)?;
        }
        let outcome = self.edit(store, environment, |environment, author| {
            let by_now = environment.revocable(name, *version)?;
            let was_given = |print| owed.iter().any(|owed| owed.fingerprint == print);
            if runs && !by_now.iter().all(|owed| was_given(owed.fingerprint)) {
                return Err(environment.overtaken(name, None));
            }
            let prints = environment.fingerprints(name, *version)?;
            let reason = revocation.reason.cloned();
            let revoked = environment.revoke(name, *version, reason, author)?;
            Ok((revoked, prints))
        });
        rotating.conclude(outcome)
    }

    /// Destroys values in every environment of a vault that opens, under whichever name.
    /// Each environment is saved for itself; done again, it finishes what is left.
    ///
    /// # Errors
    ///
    /// Those of the vault's folder. What keeps an environment from being searched is
    /// told in the outcome.
    pub fn revoke_everywhere(
        &self,
        store: &VaultStore,
        prints: &BTreeSet<Fingerprint>,
        reason: Option<&Remark>,
    ) -> Result<Elsewhere> {
        let mut elsewhere = Elsewhere::default();
        for environment in store.environments()? {
            let found = self.edit(store, &environment, |environment, author| {
                environment.revoke_values(prints, reason, author)
            });
            match found {
                Ok(versions) if versions.is_empty() => {}
                Ok(versions) => elsewhere.environments.push(Found {
                    environment,
                    versions,
                }),
                Err(error) => elsewhere.unsearched.push(Unsearched {
                    environment,
                    why: error.to_string(),
                }),
            }
        }
        Ok(elsewhere)
    }
}
