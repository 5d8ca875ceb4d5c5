//! How long values last: how often a secret should get a new one, and how many of its
//! values are kept.

use std::cell::LazyCell;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::name::SecretName;
use crate::seal::digest::Fingerprint;
use crate::timestamp::{Period, Timestamp};
use crate::vault::secret::Secret;
use crate::vault::{Author, Environment, strict};

/// How long before its date a value counts as expiring: time enough to get a new one
/// where a person has to ask another, holidays included.
pub const EXPIRES_SOON: Period = Period::from_seconds(14 * 24 * 60 * 60);

/// What is wanted of a secret, or of every secret of an environment that says nothing
/// else itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// How often it should get a new value.
    #[serde(
        default,
        deserialize_with = "strict::present",
        skip_serializing_if = "Option::is_none"
    )]
    pub rotate_every: Option<Period>,
    /// How many of its versions keep their values.
    #[serde(
        default,
        deserialize_with = "strict::present",
        skip_serializing_if = "Option::is_none"
    )]
    pub keep_versions: Option<KeepVersions>,
}

impl Policy {
    /// Tells whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns what this says, and what `default` says where this says nothing.
    pub fn or(self, default: Self) -> Self {
        Self {
            rotate_every: self.rotate_every.or(default.rotate_every),
            keep_versions: self.keep_versions.or(default.keep_versions),
        }
    }
}

/// What is said anew in a policy; what is not said stays as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct PolicyChange {
    /// How often a new value is wanted, or that nothing is said any more.
    pub rotate_every: Option<Option<Period>>,
    /// How many versions keep their values, or that nothing is said any more.
    pub keep_versions: Option<Option<KeepVersions>>,
}

impl PolicyChange {
    /// Tells whether nothing is said anew.
    pub fn is_empty(&self) -> bool {
        self.rotate_every.is_none() && self.keep_versions.is_none()
    }

    fn of(self, policy: Policy) -> Policy {
        Policy {
            rotate_every: self.rotate_every.unwrap_or(policy.rotate_every),
            keep_versions: self.keep_versions.unwrap_or(policy.keep_versions),
        }
    }
}

/// A version whose value was destroyed because no more are kept.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Surplus {
    /// Of which secret.
    pub name: SecretName,
    /// Which of its versions.
    pub version: u32,
}

impl fmt::Display for Surplus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

impl Environment {
    /// Says what is wanted of a secret. Where fewer versions are kept from here on, the
    /// values of older ones are destroyed; returns which.
    ///
    /// # Errors
    ///
    /// [`Error::NoSecret`](crate::error::Error::NoSecret).
    pub fn set_policy(
        &mut self,
        name: &SecretName,
        change: PolicyChange,
        author: Author<'_>,
    ) -> Result<Vec<Surplus>> {
        let secret = self.secret_mut(name)?;
        let policy = change.of(secret.policy);
        if policy != secret.policy {
            secret.policy = policy;
            self.touch(name);
        }
        match change.keep_versions {
            Some(_) => self.settle(name, author),
            None => Ok(Vec::new()),
        }
    }

    /// Says what is wanted of secrets that say nothing else themselves, and destroys what
    /// is kept no more, as [`Environment::set_policy`] does.
    pub fn set_default_policy(&mut self, change: PolicyChange, author: Author<'_>) -> Vec<Surplus> {
        let policy = change.of(self.policy);
        if policy != self.policy {
            self.policy = policy;
            self.changes.whole = true;
        }
        if change.keep_versions.is_none() {
            return Vec::new();
        }
        let names: Vec<SecretName> = self.secrets.keys().cloned().collect();
        let destroyed = names
            .iter()
            .map(|name| self.settle(name, author).expect("the secret is there"));
        destroyed.flatten().collect()
    }

    /// Tells when a secret is due for a new value: when the one in use is as old as its
    /// period. Without a period, or a version in use, it is never due.
    ///
    /// A value that came back, as by a rollback, is no younger for that: it is as old as
    /// the first version that had it.
    pub fn due_at(&self, secret: &Secret) -> Option<Timestamp> {
        let every = secret.policy.or(self.policy).rotate_every?;
        let current = secret.current()?;
        let value = current.value.as_ref()?;
        let print = LazyCell::new(|| Fingerprint::of(value, self.vault.as_ref()));
        let had_it = secret.versions.iter().filter(|version| {
            let destroyed = version.destruction.as_ref();
            version.has(value) || destroyed.is_some_and(|record| record.fingerprint == *print)
        });
        let made = had_it.map(|version| version.created_at).min();
        Some(made.unwrap_or(current.created_at).after(every))
    }
}

/// How many versions of a secret keep their values, the current one among them: 1 to
/// 1,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeepVersions(u32);

impl KeepVersions {
    /// More than anyone goes back, and few enough for a file that is read whole.
    const MAX: u32 = 1000;

    /// Returns the number.
    pub fn get(self) -> usize {
        self.0 as usize
    }
}

impl Default for KeepVersions {
    /// As Vault KV v2 has it.
    fn default() -> Self {
        Self(10)
    }
}

impl TryFrom<u32> for KeepVersions {
    type Error = &'static str;

    fn try_from(number: u32) -> Result<Self, &'static str> {
        if (1..=Self::MAX).contains(&number) {
            Ok(Self(number))
        } else {
            Err("the versions that are kept are 1 to 1000")
        }
    }
}

impl FromStr for KeepVersions {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|_| digits);
        Self::try_from(number.unwrap_or(0))
    }
}

impl fmt::Display for KeepVersions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for KeepVersions {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.0)
    }
}

impl<'de> Deserialize<'de> for KeepVersions {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u32::deserialize(deserializer)?;
        Self::try_from(number).map_err(strict::ours)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret_value::SecretValue;
    use crate::vault::rotation::Hooks;
    use crate::vault::sample::founded;
    use crate::vault::secret::{SecretVersion, VersionState};

    #[test]
    fn a_number_of_versions_is_1_to_1000() {
        for (text, number) in [("1", 1), ("10", 10), ("1000", 1000)] {
            let kept: KeepVersions = text.parse().expect("a number");
            assert_eq!((kept.get(), kept.to_string()), (number, text.to_owned()));
        }
        for bad in ["", "0", "1001", "-1", "+1", "1.0", "all", "99999999999"] {
            assert!(bad.parse::<KeepVersions>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_secret_s_own_policy_goes_before_the_environment_s() {
        let of = |every: Option<&str>, keep: Option<u32>| Policy {
            rotate_every: every.and_then(|every| every.parse().ok()),
            keep_versions: keep.and_then(|keep| keep.try_into().ok()),
        };
        let own = of(Some("30d"), None);
        assert_eq!(own.or(of(Some("90d"), Some(5))), of(Some("30d"), Some(5)));
        assert!(!own.is_empty() && Policy::default().is_empty());
    }

    fn secret(state: VersionState, created_at: &str, every: Option<&str>) -> Secret {
        let value = SecretValue::from_text("made-up".to_owned());
        Secret {
            description: None,
            tags: Vec::new(),
            policy: Policy {
                rotate_every: every.map(|every| every.parse().expect("a period")),
                keep_versions: None,
            },
            hooks: Hooks::default(),
            rotation: None,
            snoozed_until: None,
            versions: vec![SecretVersion {
                number: 1,
                state,
                created_at: created_at.parse().expect("a time"),
                created_by: "alice".parse().expect("a name"),
                expires_at: None,
                leaked_at: None,
                retirement: None,
                revocation: None,
                destruction: None,
                value: Some(value),
            }],
        }
    }

    #[test]
    fn a_secret_is_due_a_period_after_its_version_was_made() {
        use VersionState::{Current, Pending, Previous};
        let default = Policy {
            rotate_every: "90d".parse().ok(),
            keep_versions: None,
        };
        let mut environment = founded("dev");
        let mut due = |state, created_at: &str, every, default| {
            environment.policy = default;
            let due = environment.due_at(&secret(state, created_at, every));
            due.map(|at| at.to_string())
        };
        for (created_at, every, expected) in [
            // Clocks go forward in Europe and America: a day has 24 hours all the same.
            ("2026-03-28T12:00:00Z", "1d", "2026-03-29T12:00:00Z"),
            ("2026-03-08T06:59:59Z", "24h", "2026-03-09T06:59:59Z"),
            // And back.
            ("2026-10-24T12:00:00Z", "2d", "2026-10-26T12:00:00Z"),
            // A leap day, the lack of one, and a year's end.
            ("2028-02-28T12:00:00Z", "1d", "2028-02-29T12:00:00Z"),
            ("2027-02-28T12:00:00Z", "1d", "2027-03-01T12:00:00Z"),
            ("2100-02-28T12:00:00Z", "1d", "2100-03-01T12:00:00Z"),
            ("2026-12-31T23:59:59Z", "1s", "2027-01-01T00:00:00Z"),
        ] {
            let found = due(Current, created_at, Some(every), default);
            assert_eq!(found.as_deref(), Some(expected), "{created_at} {every}");
        }
        let at = "2026-01-01T00:00:00Z";
        let found = due(Current, at, None, default);
        assert_eq!(found.as_deref(), Some("2026-04-01T00:00:00Z"));
        assert_eq!(due(Current, at, None, Policy::default()), None);
        assert_eq!(due(Pending, at, Some("1d"), default), None);
        assert_eq!(due(Previous, at, Some("1d"), default), None);
    }
}
