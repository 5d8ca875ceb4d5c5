//! Until when values are served.

use serde::Serialize;

use crate::error::Result;
use crate::name::{EnvironmentName, SecretName};
use crate::secret_value::SecretValue;
use crate::timestamp::Timestamp;
use crate::vault::policy::PolicyChange;
use crate::vault::secret::{Serving, VersionSelector};
use crate::vault::{Added, Author, Environment, NewSecret, Rotated};

/// How long a new value lasts, and those after it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lifetime {
    /// Until when it is served; for ever, if nothing is said.
    pub expires_at: Option<Timestamp>,
    /// What is wanted of the secret from here on.
    pub policy: PolicyChange,
}

/// A version has a date, or none any more.
#[derive(Debug, Serialize)]
pub struct Dated {
    /// Which secret.
    pub name: SecretName,
    /// Where.
    pub environment: EnvironmentName,
    /// Which of its versions.
    pub version: u32,
    /// Until when it is served; for ever, if nothing is said.
    pub expires_at: Option<Timestamp>,
}

impl Environment {
    /// Adds a secret, as [`Environment::add`] does, whose value lasts so long.
    ///
    /// # Errors
    ///
    /// As [`Environment::add`].
    pub fn add_for(
        &mut self,
        lifetime: Lifetime,
        new: NewSecret,
        author: Author<'_>,
    ) -> Result<Added> {
        let name = new.name.clone();
        let mut added = self.add(new, author)?;
        self.set_policy(&name, lifetime.policy, author)?;
        self.version_mut(&name, added.version)?.expires_at = lifetime.expires_at;
        added.expires_at = lifetime.expires_at;
        Ok(added)
    }

    /// Gives a secret a new value, as [`Environment::rotate`] does, which lasts so long.
    ///
    /// # Errors
    ///
    /// As [`Environment::rotate`].
    pub fn rotate_for(
        &mut self,
        lifetime: Lifetime,
        name: &SecretName,
        value: SecretValue,
        author: Author<'_>,
    ) -> Result<Rotated> {
        // First, so that nothing is destroyed that is kept from here on.
        let surplus = self.set_policy(name, lifetime.policy, author)?;
        let mut rotated = self.rotate(name, value, author)?;
        self.version_mut(name, rotated.version)?.expires_at = lifetime.expires_at;
        rotated.expires_at = lifetime.expires_at;
        rotated.destroyed.splice(..0, surplus);
        Ok(rotated)
    }

    /// Says until when a version is served, or that it is served for ever. One that has
    /// expired may be served again.
    ///
    /// # Errors
    ///
    /// [`Error::NoSecret`](crate::error::Error::NoSecret),
    /// [`Error::NoVersion`](crate::error::Error::NoVersion), and
    /// [`Error::Revoked`](crate::error::Error::Revoked) or
    /// [`Error::Destroyed`](crate::error::Error::Destroyed) for what is served no more
    /// anyway.
    pub fn expire(
        &mut self,
        name: &SecretName,
        selector: VersionSelector,
        expires_at: Option<Timestamp>,
    ) -> Result<Dated> {
        // Whether it has expired is what is about to change.
        let serving = Serving {
            now: self.updated_at,
            allow_expired: true,
        };
        let served = self
            .secret(name)?
            .serve(name, selector, &self.name, serving)?;
        let version = served.0.number;
        let found = self.version_mut(name, version)?;
        if found.expires_at != expires_at {
            found.expires_at = expires_at;
            self.touch(name);
        }
        Ok(Dated {
            name: name.clone(),
            environment: self.name.clone(),
            version,
            expires_at,
        })
    }
}
