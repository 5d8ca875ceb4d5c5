//! Environments laid over each other: a later one's secrets hide those of the
//! same name in the ones before, revoked ones included.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::name::{EnvironmentName, SecretName, closest};
use crate::secret_value::SecretValue;
use crate::vault::Environment;
use crate::vault::secret::{Secret, SecretVersion, Serving, VersionSelector};

/// At least one environment, the last on top.
pub struct Layers(Vec<Environment>);

/// A secret and where it is from.
#[derive(Clone, Copy)]
pub struct Layered<'a> {
    /// The environment.
    pub environment: &'a Environment,
    /// The secret's name.
    pub name: &'a SecretName,
    /// The secret.
    pub secret: &'a Secret,
}

/// A value that may be given out, and where it is from.
#[derive(Clone, Copy)]
pub struct Served<'a> {
    /// The environment.
    pub environment: &'a EnvironmentName,
    /// The version.
    pub version: &'a SecretVersion,
    /// The value.
    pub value: &'a SecretValue,
}

impl Served<'_> {
    /// Returns which version of a secret it is, as `NAME@3`.
    pub fn reference(&self, name: &SecretName) -> String {
        format!("{name}@{}", self.version.number)
    }
}

impl Layers {
    /// Lays environments over each other.
    pub fn new(environments: Vec<Environment>) -> Self {
        Self(environments)
    }

    /// Tells whether there is more than one.
    pub fn are_several(&self) -> bool {
        self.0.len() > 1
    }

    /// Returns all of them, the one on top last.
    pub fn environments(&self) -> impl Iterator<Item = &Environment> {
        self.0.iter()
    }

    /// Returns the names of all of them, the one on top last.
    pub fn names(&self) -> impl Iterator<Item = &EnvironmentName> {
        self.0.iter().map(|environment| &environment.name)
    }

    /// Returns the version in use of a secret that can be seen, as `NAME@3`.
    pub fn version_in_use(&self, name: &SecretName) -> Option<String> {
        let current = self.secret(name).ok()?.secret.current()?;
        Some(format!("{name}@{}", current.number))
    }

    /// Returns the one on top.
    pub fn top(&self) -> &Environment {
        self.0.last().expect("there is at least one environment")
    }

    /// Takes the one on top, where the others are not needed.
    pub fn into_top(mut self) -> Environment {
        self.0.pop().expect("there is at least one environment")
    }

    /// Returns the secrets that can be seen from the top, by name.
    pub fn secrets(&self) -> BTreeMap<&SecretName, Layered<'_>> {
        let layered = self.0.iter().flat_map(|environment| {
            environment.secrets.iter().map(move |(name, secret)| {
                (
                    name,
                    Layered {
                        environment,
                        name,
                        secret,
                    },
                )
            })
        });
        layered.collect()
    }

    /// Tells whether a secret can be seen that has a version in use.
    pub fn has(&self, name: &SecretName) -> bool {
        let found = self
            .0
            .iter()
            .rev()
            .find_map(|layer| layer.secrets.get(name));
        found.is_some_and(|secret| secret.current().is_some())
    }

    /// Returns one secret.
    ///
    /// # Errors
    ///
    /// [`Error::NoSecret`], with the name that was most likely meant in any layer.
    pub fn secret(&self, name: &SecretName) -> Result<Layered<'_>> {
        let found = self.0.iter().rev().find_map(|environment| {
            let (name, secret) = environment.secrets.get_key_value(name)?;
            Some(Layered {
                environment,
                name,
                secret,
            })
        });
        found.ok_or_else(|| Error::NoSecret {
            name: name.clone(),
            environment: self.top().name.clone(),
            closest: closest(
                name.as_str(),
                self.0.iter().flat_map(|layer| layer.secrets.keys()),
            )
            .cloned(),
        })
    }

    /// Returns the value that a reference means: one seen from the top, or one of
    /// the layer that it names. No other environment is opened for it: who wrote the
    /// reference would decide what is taken from the vault.
    ///
    /// # Errors
    ///
    /// [`Error::NotALayer`]; [`Error::NoSecret`]; [`Error::Revoked`] and the others
    /// for what is not served.
    pub fn serve(
        &self,
        environment: Option<&EnvironmentName>,
        name: &SecretName,
        serving: impl Into<Serving>,
    ) -> Result<Served<'_>> {
        let (secret, environment) = match environment {
            None => {
                let found = self.secret(name)?;
                (found.secret, &found.environment.name)
            }
            Some(wanted) => {
                let layer = self.0.iter().find(|layer| layer.name == *wanted);
                let layer = layer.ok_or_else(|| Error::NotALayer {
                    environment: wanted.clone(),
                    layers: self.0.iter().map(|layer| layer.name.clone()).collect(),
                })?;
                (layer.secret(name)?, &layer.name)
            }
        };
        let (version, value) =
            secret.serve(name, VersionSelector::Current, environment, serving)?;
        Ok(Served {
            environment,
            version,
            value,
        })
    }
}
