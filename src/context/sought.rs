//! The values that a scan looks for: those of the project's vault and of the personal one,
//! in every environment and version that opens.

use std::collections::BTreeSet;

use crate::context::Context;
use crate::context::overview::Overview;
use crate::error::{Error, Result};
use crate::name::{EnvironmentName, SecretName};
use crate::scan::config::ScanConfig;
use crate::scan::findings::{Found, ValueState, What};
use crate::scan::search::Sought;
use crate::scan::values::{Unfit, searched_for, unfit};
use crate::store::VaultStore;
use crate::vault::Environment;
use crate::vault::leak::Leaked;
use crate::vault::secret::{SecretVersion, VersionState};

/// What could be had of the vaults.
#[derive(Default)]
pub struct VaultValues {
    vaults: Vec<(VaultStore, Vec<Environment>)>,
    /// Environments that this identity is no member of.
    pub closed: Vec<EnvironmentName>,
    /// Why values were not to be had, each reason once.
    pub lacking: Vec<String>,
}

/// A value that is not looked for.
pub struct LeftOut<'a> {
    /// Whose it is.
    pub secret: &'a SecretName,
    /// Of which version.
    pub version: u32,
    /// In which environment.
    pub environment: &'a EnvironmentName,
    /// Why.
    pub why: Unfit,
}

impl VaultValues {
    /// Returns the values to look for, and those that would be found everywhere.
    pub fn values(&self) -> (Vec<Sought<'_>>, Vec<LeftOut<'_>>) {
        let (mut sought, mut left_out) = (Vec::new(), Vec::new());
        for environment in self.all() {
            for (name, secret) in &environment.secrets {
                for version in &secret.versions {
                    let (Some(value), Some(state)) = (&version.value, state(version)) else {
                        continue;
                    };
                    let (secret, version) = (name, version.number);
                    let environment = &environment.name;
                    match unfit(secret, value) {
                        Some(why) => left_out.push(LeftOut {
                            secret,
                            version,
                            environment,
                            why,
                        }),
                        None => sought.push(Sought {
                            secret,
                            version,
                            state,
                            environment,
                            value,
                        }),
                    }
                }
            }
        }
        // Of equal values the one that matters most is told.
        sought.sort_by_key(|sought| sought.state);
        (sought, left_out)
    }

    /// Returns the environments whose values are looked for.
    pub fn environments(&self) -> impl Iterator<Item = &EnvironmentName> {
        self.all().map(|environment| &environment.name)
    }

    fn all(&self) -> impl Iterator<Item = &Environment> {
        self.vaults
            .iter()
            .flat_map(|(_, environments)| environments)
    }
}

fn state(version: &SecretVersion) -> Option<ValueState> {
    match version.state {
        VersionState::Current => Some(ValueState::Current),
        VersionState::Pending => Some(ValueState::Pending),
        VersionState::Previous => Some(ValueState::Previous),
        VersionState::Revoked => None,
    }
}

impl Context {
    /// Opens what there is. Where somebody would have to be asked for a passphrase and must
    /// not be, or something does not open, a scan goes on without: [`VaultValues::lacking`] says so.
    ///
    /// # Errors
    ///
    /// Where a vault was named, and is not there; [`Error::Interrupted`].
    pub fn values_in_reach(&self, may_ask: bool) -> Result<VaultValues> {
        let mut reach = VaultValues::default();
        for store in self.stores_in_reach()? {
            match self.is_unlocked() {
                Ok(false) if !may_ask => {
                    reach.lack("your identity is locked; `keyvault unlock` opens it".to_owned());
                    break;
                }
                Err(error) if !may_ask => {
                    reach.lack(error.to_string());
                    break;
                }
                _ => {}
            }
            match self.overview(&store) {
                Ok(Overview {
                    environments,
                    closed,
                    damage,
                }) => {
                    reach.vaults.push((store, environments));
                    reach.closed.extend(closed);
                    if let Some(error) = damage {
                        reach.lack(error.to_string());
                    }
                }
                Err(error @ Error::Interrupted) => return Err(error),
                Err(error) => reach.lack(error.to_string()),
            }
        }
        Ok(reach)
    }

    /// Marks the values that were found as leaked, in the vaults that they are of: `status`
    /// tells of them until they are others. Returns what is new.
    ///
    /// # Errors
    ///
    /// Whatever keeps an environment from being saved. Those before it are.
    pub fn mark_leaked(
        &self,
        reach: &VaultValues,
        found: &Found,
        config: &ScanConfig,
    ) -> Result<Vec<Leaked>> {
        let findings = found.findings.iter();
        let of_values = findings.filter(|finding| matches!(finding.what, What::Value { .. }));
        let ids: BTreeSet<_> = of_values.filter_map(|finding| finding.id).collect();
        // Wherever else the same value is, it leaked as well.
        let has_leaked = |version: &SecretVersion| {
            let value = version.value.as_ref();
            version.leaked_at.is_none()
                && value.is_some_and(|value| ids.contains(&config.id_of(searched_for(value))))
        };
        let leaked = |environment: &Environment| -> Vec<(SecretName, u32)> {
            let secrets = environment.secrets.iter();
            let versions = secrets.flat_map(|(name, secret)| {
                secret.versions.iter().map(move |version| (name, version))
            });
            let leaked = versions.filter(|(_, version)| has_leaked(version));
            let leaked = leaked.map(|(name, version)| (name.clone(), version.number));
            leaked.collect()
        };
        let mut marked = Vec::new();
        for (store, environments) in &reach.vaults {
            for environment in environments {
                if leaked(environment).is_empty() {
                    continue;
                }
                let new = self.edit(store, &environment.name, |environment, author| {
                    let mut new = Vec::new();
                    // As it is by now.
                    for (name, version) in leaked(environment) {
                        environment.mark_leaked(&name, version, author)?;
                        new.push(Leaked {
                            name,
                            environment: environment.name.clone(),
                            version,
                        });
                    }
                    Ok(new)
                })?;
                marked.extend(new);
            }
        }
        Ok(marked)
    }

    /// Returns the vault that is meant, and the personal one beside it.
    fn stores_in_reach(&self) -> Result<Vec<VaultStore>> {
        let meant = match self.store() {
            Ok(store) => store,
            Err(Error::NoVault { .. }) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let state = self.state_folder();
        let personal = self.personal_vault().ok();
        let personal = personal.filter(|path| self.named_vault().is_none() && path != meant.path());
        let personal = personal.map(|path| VaultStore::open(&path, true, state.as_deref()));
        let personal = personal.transpose()?.flatten();
        Ok([meant].into_iter().chain(personal).collect())
    }
}

impl VaultValues {
    fn lack(&mut self, why: String) {
        if !self.lacking.contains(&why) {
            self.lacking.push(why);
        }
    }
}
