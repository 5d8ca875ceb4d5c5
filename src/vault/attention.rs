//! What needs somebody's attention in an environment.

use serde::Serialize;

use crate::error::Error;
use crate::name::{EnvironmentName, SecretName};
use crate::timestamp::Timestamp;
use crate::vault::layers::Layers;
use crate::vault::secret::VersionSelector;

/// Something that needs attention, the worst kind first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Attention {
    /// What it is.
    pub kind: Kind,
    /// The secret.
    pub name: SecretName,
    /// The environment that it is in, or should be.
    pub environment: EnvironmentName,
    /// Since when, where that is known.
    pub since: Option<Timestamp>,
}

/// What can need attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Past its date: `get` and `exec` refuse it.
    Expired,
    /// The project's manifest lists it, and it is not there or not served.
    Missing,
}

/// Looks through environments for what needs attention, the worst first. `listed` are
/// the names that the project needs.
pub fn of(layers: &Layers, listed: Vec<SecretName>, now: Timestamp) -> Vec<Attention> {
    let expired = layers.secrets().into_values().filter_map(|found| {
        let environment = &found.environment.name;
        let served = found
            .secret
            .serve(found.name, VersionSelector::Current, environment, now);
        match served {
            Err(Error::Expired {
                name,
                environment,
                at,
                ..
            }) => Some(Attention {
                kind: Kind::Expired,
                name,
                environment,
                since: Some(at),
            }),
            _ => None,
        }
    });
    let missing = listed.into_iter().map(|name| Attention {
        kind: Kind::Missing,
        name,
        environment: layers.top().name.clone(),
        since: None,
    });
    let mut all: Vec<Attention> = expired.chain(missing).collect();
    all.sort();
    all
}
