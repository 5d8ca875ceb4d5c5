//! When secrets were used, as far as this machine knows.

use std::collections::BTreeMap;

use crate::name::{EnvironmentName, SecretName};
use crate::timestamp::Timestamp;

/// When secrets were given out last.
pub struct Uses {
    /// From when on that is known.
    pub since: Timestamp,
    last: BTreeMap<EnvironmentName, BTreeMap<SecretName, Timestamp>>,
}

impl Uses {
    /// Begins with nothing, known from `since` on.
    pub fn known_since(since: Timestamp) -> Self {
        Self {
            since,
            last: BTreeMap::new(),
        }
    }

    /// Takes note of a use.
    pub fn note(&mut self, environment: &EnvironmentName, name: &SecretName, at: Timestamp) {
        // Names are cloned once, and looked up for each line of a long log.
        if !self.last.contains_key(environment) {
            self.last.insert(environment.clone(), BTreeMap::new());
        }
        let secrets = self.last.get_mut(environment).expect("it is there by now");
        match secrets.get_mut(name) {
            Some(last) => *last = at.max(*last),
            None => drop(secrets.insert(name.clone(), at)),
        }
    }

    /// Returns when a secret was given out last.
    pub fn last(&self, environment: &EnvironmentName, name: &SecretName) -> Option<Timestamp> {
        self.last.get(environment)?.get(name).copied()
    }
}
