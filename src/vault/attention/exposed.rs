//! Values that were revoked, and are in use all the same under another name or in
//! another environment.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::name::Remark;
use crate::seal::digest::Fingerprint;
use crate::timestamp::Timestamp;
use crate::vault::Environment;
use crate::vault::attention::Place;
use crate::vault::rotation;

/// A version that was revoked, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RevokedAs {
    /// Which secret, and where.
    #[serde(flatten)]
    pub place: Place,
    /// Which version of it.
    pub version: u32,
    /// When that was.
    pub revoked_at: Timestamp,
    /// Why, in the words of whoever did it.
    pub reason: Option<Remark>,
}

impl RevokedAs {
    /// Tells whether a rotation did it, and so nobody said that the value is known to
    /// others.
    fn is_by_rotation(&self) -> bool {
        self.reason.as_ref().is_some_and(rotation::is_own_reason)
    }
}

/// What was revoked in some environments, by what its value is known by.
///
/// That counts whyever it was: one that a rotation gave back where it came from is
/// refused there, wherever else it is in use.
pub struct RevokedValues(BTreeMap<Fingerprint, Vec<RevokedAs>>);

impl RevokedValues {
    /// Collects them. Of those with the same value the ones that a person revoked come
    /// first, and then the one that was revoked first.
    pub fn of(environments: &[Environment]) -> Self {
        let mut all: BTreeMap<Fingerprint, Vec<RevokedAs>> = BTreeMap::new();
        for environment in environments {
            for (name, secret) in &environment.secrets {
                for version in &secret.versions {
                    let Some(record) = &version.revocation else {
                        continue;
                    };
                    all.entry(record.fingerprint).or_default().push(RevokedAs {
                        place: Place {
                            name: name.clone(),
                            environment: environment.name.clone(),
                        },
                        version: version.number,
                        revoked_at: record.at,
                        reason: record.reason.clone(),
                    });
                }
            }
        }
        for group in all.values_mut() {
            group.sort_by_key(|one| (one.is_by_rotation(), one.revoked_at));
        }
        Self(all)
    }

    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns as what a value was revoked.
    pub fn find(&self, print: &Fingerprint) -> Option<&[RevokedAs]> {
        self.0.get(print).map(Vec::as_slice)
    }
}
