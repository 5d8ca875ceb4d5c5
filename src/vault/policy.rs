//! How long values last: how often a secret should get a new one, and how many of its
//! values are kept.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::timestamp::Period;
use crate::vault::strict;

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

    fn try_from(number: u32) -> Result<Self, Self::Error> {
        if (1..=Self::MAX).contains(&number) {
            Ok(Self(number))
        } else {
            Err("the versions that are kept are 1 to 1000")
        }
    }
}

impl FromStr for KeepVersions {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
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
}
