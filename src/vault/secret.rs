//! A secret and its versions.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Renewal, Result};
use crate::name::{EnvironmentName, MemberName, NameRule, Remark, SecretName, Tag};
use crate::seal::digest::Fingerprint;
use crate::secret_value::SecretValue;
use crate::timestamp::Timestamp;
use crate::vault::Author;
use crate::vault::policy::Policy;
use crate::vault::rotation::{Hooks, Retirement, Rotation, Stage};

/// What a version is for, in the words of AWS Secrets Manager and Vault KV v2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VersionState {
    /// Made, and not yet in use.
    Pending,
    /// In use. A secret has at most one.
    Current,
    /// Was in use, and may still be accepted where it came from.
    Previous,
    /// Must not be used any more; its value is destroyed.
    Revoked,
}

impl fmt::Display for VersionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pending => "pending",
            Self::Current => "current",
            Self::Previous => "previous",
            Self::Revoked => "revoked",
        })
    }
}

/// One value that a secret has or had.
#[derive(Debug)]
pub struct SecretVersion {
    /// Counts from 1 and is never used again.
    pub number: u32,
    /// What it is for.
    pub state: VersionState,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: MemberName,
    /// From when on it is not served.
    pub expires_at: Option<Timestamp>,
    /// When its value was found where it should not be.
    pub leaked_at: Option<Timestamp>,
    /// What is owed to it, if it was replaced in a rotation: a previous one has it.
    pub retirement: Option<Box<Retirement>>,
    /// What is left of it after it was revoked.
    pub revocation: Option<Box<Revocation>>,
    /// What is left of a previous one whose value was destroyed because newer ones
    /// took its place.
    pub destruction: Option<Box<Destruction>>,
    /// The plaintext, unless it was destroyed.
    pub value: Option<SecretValue>,
}

impl SecretVersion {
    /// Tells whether this is its value.
    pub fn has(&self, value: &SecretValue) -> bool {
        let own = self.value.as_ref();
        own.is_some_and(|own| own.expose() == value.expose())
    }

    /// Returns what its value is known by in the vault of this id, also after it
    /// was destroyed, unless it was so without a record.
    pub fn fingerprint(&self, vault: &[u8]) -> Option<Fingerprint> {
        match (&self.revocation, &self.destruction) {
            (Some(record), _) => Some(record.fingerprint),
            (None, Some(record)) => Some(record.fingerprint),
            (None, None) => Some(Fingerprint::of(self.value.as_ref()?, vault)),
        }
    }

    /// Destroys its value, by which it owes nothing any more.
    pub fn revoke(&mut self, fingerprint: Fingerprint, reason: Option<Remark>, author: Author<'_>) {
        self.value = None;
        self.state = VersionState::Revoked;
        self.retirement = None;
        self.destruction = None;
        self.revocation = Some(Box::new(Revocation {
            at: author.now,
            reason,
            fingerprint,
        }));
    }

    /// Tells whether it is past its date.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}

/// By which time values are given out, and whether also past their dates.
#[derive(Clone, Copy, Debug)]
pub struct Serving {
    /// The time.
    pub now: Timestamp,
    /// Whether what has expired is given out all the same.
    pub allow_expired: bool,
}

impl From<Timestamp> for Serving {
    fn from(now: Timestamp) -> Self {
        Self {
            now,
            allow_expired: false,
        }
    }
}

/// The record of a revoked version.
#[derive(Debug)]
pub struct Revocation {
    /// When it was revoked.
    pub at: Timestamp,
    /// Why, in the words of whoever did it.
    pub reason: Option<Remark>,
    /// What its value is known by, should somebody offer it again.
    pub fingerprint: Fingerprint,
}

/// The record of a version whose value was destroyed, and which was not revoked.
#[derive(Debug)]
pub struct Destruction {
    /// When that was.
    pub at: Timestamp,
    /// What its value is known by, should it have to be revoked yet.
    pub fingerprint: Fingerprint,
}

/// A named secret with all its versions, oldest first.
#[derive(Debug)]
pub struct Secret {
    /// What it is, in a person's words.
    pub description: Option<Remark>,
    /// What it is filed under.
    pub tags: Vec<Tag>,
    /// How often it should get a new value, and how many are kept.
    pub policy: Policy,
    /// The commands that do the steps of a rotation.
    pub hooks: Hooks,
    /// The rotation that is under way.
    pub rotation: Option<Box<Rotation>>,
    /// Until when `status` does not name it.
    pub snoozed_until: Option<Timestamp>,
    /// The versions, oldest first, at least one.
    pub versions: Vec<SecretVersion>,
}

impl Secret {
    /// Returns the version in use, if there is one.
    pub fn current(&self) -> Option<&SecretVersion> {
        self.versions
            .iter()
            .find(|version| version.state == VersionState::Current)
    }

    /// Returns the version that stands for the secret in a list: the one in use,
    /// or else the newest.
    pub fn representative(&self) -> &SecretVersion {
        let newest = self.versions.last().expect("a secret has a version");
        self.current().unwrap_or(newest)
    }

    /// Returns the version that a selector means.
    ///
    /// `current` means the newest where none is in use, so that a secret that
    /// was revoked says so instead of seeming not to be there.
    pub fn select(&self, selector: VersionSelector) -> Option<&SecretVersion> {
        let newest = |state| {
            self.versions
                .iter()
                .rev()
                .find(|version| version.state == state)
        };
        match selector {
            VersionSelector::Current => self.current().or_else(|| newest(VersionState::Revoked)),
            VersionSelector::Previous => newest(VersionState::Previous),
            VersionSelector::Pending => newest(VersionState::Pending),
            VersionSelector::Number(number) => self
                .versions
                .iter()
                .find(|version| version.number == number),
        }
    }

    /// Takes from the versions with the current value what is owed to them: what is in
    /// use is not given back.
    pub fn keep_current_value(&mut self) {
        let current = VersionState::Current;
        let versions = self.versions.iter_mut();
        let (current, others): (Vec<_>, Vec<_>) =
            versions.partition(|version| version.state == current);
        let Some(value) = current.first().and_then(|current| current.value.as_ref()) else {
            return;
        };
        for version in others {
            if version.retirement.is_some() && version.has(value) {
                version.retirement = None;
            }
        }
    }

    /// Returns how to come by a value in the place of a version that has expired.
    fn renewal(&self, expired: &SecretVersion, now: Timestamp) -> Renewal {
        let is_served =
            |current: &SecretVersion| current.number != expired.number && !current.is_expired(now);
        if self.current().is_some_and(is_served) {
            Renewal::Current
        } else if self.stage() == Stage::Idle {
            Renewal::Rotate
        } else {
            Renewal::Resume
        }
    }

    /// Returns the version that a selector means and the value that may be given
    /// out for it. The names are for the error.
    ///
    /// # Errors
    ///
    /// [`Error::NoVersion`], [`Error::Revoked`], [`Error::Expired`] or
    /// [`Error::Destroyed`].
    pub fn serve(
        &self,
        name: &SecretName,
        selector: VersionSelector,
        environment: &EnvironmentName,
        serving: impl Into<Serving>,
    ) -> Result<(&SecretVersion, &SecretValue)> {
        let serving = serving.into();
        let names = || (name.clone(), environment.clone());
        let Some(version) = self.select(selector) else {
            let ((name, environment), wanted) = (names(), selector.to_string());
            return Err(Error::NoVersion {
                name,
                environment,
                wanted,
            });
        };
        let number = version.number;
        if version.state == VersionState::Revoked {
            let (name, environment) = names();
            let reason = version
                .revocation
                .as_ref()
                .and_then(|record| record.reason.clone());
            return Err(Error::Revoked {
                name,
                version: number,
                environment,
                reason,
                is_replaced: self.current().is_some(),
            });
        }
        if version.is_expired(serving.now)
            && !serving.allow_expired
            && let Some(at) = version.expires_at
        {
            let (name, environment) = names();
            return Err(Error::Expired {
                name,
                version: number,
                environment,
                at,
                others: Vec::new(),
                renewal: self.renewal(version, serving.now),
            });
        }
        let destroyed = || {
            let (name, environment) = names();
            Error::Destroyed {
                name,
                version: number,
                environment,
            }
        };
        version
            .value
            .as_ref()
            .map(|value| (version, value))
            .ok_or_else(destroyed)
    }
}

/// Which version of a secret is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionSelector {
    /// The one in use.
    Current,
    /// The newest of those that were in use before.
    Previous,
    /// The newest of those not yet in use.
    Pending,
    /// The one of this number.
    Number(u32),
}

impl fmt::Display for VersionSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Current => write!(f, "current version"),
            Self::Previous => write!(f, "previous version"),
            Self::Pending => write!(f, "pending version"),
            Self::Number(number) => write!(f, "version {number}"),
        }
    }
}

/// The number of a version as a person writes it: as `history` shows it, and in no
/// other form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionNumber(pub u32);

impl FromStr for VersionNumber {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // What parses and has no other first letter has no sign and no zero in front.
        let first = text.bytes().next();
        let is_plain = first.is_some_and(|byte| matches!(byte, b'1'..=b'9'));
        let number = text.parse().ok().filter(|_| is_plain);
        number
            .map(Self)
            .ok_or("a version is a number from 1 on, as `keyvault history` shows it")
    }
}

/// A secret as the command line names it: `NAME`, `NAME@3`, `NAME@previous`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretReference {
    /// Which secret.
    pub name: SecretName,
    /// Which of its versions, where that was said.
    pub version: Option<VersionSelector>,
}

impl SecretReference {
    /// Returns the version to give out: the current one unless another was said.
    pub fn selector(&self) -> VersionSelector {
        self.version.unwrap_or(VersionSelector::Current)
    }
}

impl FromStr for SecretReference {
    type Err = BadReference;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, version) = match text.split_once('@') {
            None => (text, None),
            Some((name, "current")) => (name, Some(VersionSelector::Current)),
            Some((name, "previous")) => (name, Some(VersionSelector::Previous)),
            Some((name, "pending")) => (name, Some(VersionSelector::Pending)),
            Some((name, number)) => {
                let number: VersionNumber = number.parse().map_err(|_| BadReference::Version)?;
                (name, Some(VersionSelector::Number(number.0)))
            }
        };
        let name = name.parse().map_err(BadReference::Name)?;
        Ok(Self { name, version })
    }
}

impl fmt::Display for SecretReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version {
            None => write!(f, "{}", self.name),
            Some(VersionSelector::Current) => write!(f, "{}@current", self.name),
            Some(VersionSelector::Previous) => write!(f, "{}@previous", self.name),
            Some(VersionSelector::Pending) => write!(f, "{}@pending", self.name),
            Some(VersionSelector::Number(number)) => write!(f, "{}@{number}", self.name),
        }
    }
}

/// Why a text is no [`SecretReference`].
#[derive(Debug, PartialEq, Eq)]
pub enum BadReference {
    /// The part before `@` is no name.
    Name(NameRule),
    /// The part behind `@` is no version.
    Version,
}

impl fmt::Display for BadReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(rule) => rule.fmt(f),
            Self::Version => write!(
                f,
                "behind `@` stands a version's number, `current`, `previous` or `pending`"
            ),
        }
    }
}

impl std::error::Error for BadReference {}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(number: u32, state: VersionState) -> SecretVersion {
        let at: Timestamp = "2026-11-22T12:00:00Z".parse().expect("a time");
        let value = SecretValue::from_text(format!("value {number}"));
        let revoked = state == VersionState::Revoked;
        SecretVersion {
            number,
            state,
            created_at: at,
            created_by: "alice".parse().expect("a name"),
            expires_at: None,
            leaked_at: None,
            retirement: None,
            destruction: None,
            revocation: revoked.then(|| {
                let fingerprint = Fingerprint::of(&value, b"vault");
                Box::new(Revocation {
                    at,
                    reason: "leaked".parse().ok(),
                    fingerprint,
                })
            }),
            value: (!revoked).then_some(value),
        }
    }

    fn secret(states: &[VersionState]) -> Secret {
        let numbered = states.iter().zip(1..);
        let versions = numbered
            .map(|(state, number)| version(number, *state))
            .collect();
        Secret {
            description: None,
            tags: Vec::new(),
            policy: Policy::default(),
            hooks: Hooks::default(),
            rotation: None,
            snoozed_until: None,
            versions,
        }
    }

    fn served(secret: &Secret, reference: &str) -> Result<u32> {
        let reference: SecretReference = reference.parse().expect("a reference");
        let now: Timestamp = "2026-12-01T00:00:00Z".parse().expect("a time");
        let dev = "dev".parse().expect("a name");
        let served = secret.serve(&reference.name, reference.selector(), &dev, now);
        served.map(|(version, _)| version.number)
    }

    #[test]
    fn a_reference_reads_back_as_written() {
        for text in ["A", "A@3", "A@current", "A@previous", "A@pending"] {
            assert_eq!(
                text.parse::<SecretReference>()
                    .expect("a reference")
                    .to_string(),
                text
            );
        }
        for bad in [
            "", "@", "A@", "A@-1", "A@+1", "A@01", "A@0", "A@latest", "A@1@2", "@1", "A-B@1",
        ] {
            assert!(bad.parse::<SecretReference>().is_err(), "{bad}");
        }
    }

    #[test]
    fn each_selector_finds_its_version() {
        use VersionState::{Current, Pending, Previous, Revoked};
        let secret = secret(&[Previous, Revoked, Previous, Current, Pending]);
        assert_eq!(served(&secret, "A").expect("served"), 4);
        assert_eq!(served(&secret, "A@previous").expect("served"), 3);
        assert_eq!(served(&secret, "A@pending").expect("served"), 5);
        assert_eq!(served(&secret, "A@1").expect("served"), 1);
        assert!(matches!(
            served(&secret, "A@2"),
            Err(Error::Revoked { version: 2, .. })
        ));
        assert!(matches!(
            served(&secret, "A@9"),
            Err(Error::NoVersion { .. })
        ));
    }

    #[test]
    fn a_revoked_secret_says_so_and_does_not_fall_back() {
        use VersionState::{Pending, Previous, Revoked};
        let revoked = secret(&[Previous, Revoked]);
        assert!(matches!(
            served(&revoked, "A"),
            Err(Error::Revoked { version: 2, .. })
        ));
        assert_eq!(revoked.representative().number, 2);
        assert!(matches!(
            served(&secret(&[Pending]), "A"),
            Err(Error::NoVersion { .. })
        ));
    }

    #[test]
    fn what_expired_or_was_destroyed_is_not_served() {
        let mut secret = secret(&[VersionState::Current]);
        secret.versions[0].expires_at = "2026-11-30T00:00:00Z".parse().ok();
        assert!(matches!(served(&secret, "A"), Err(Error::Expired { .. })));
        secret.versions[0].expires_at = "2026-12-02T00:00:00Z".parse().ok();
        assert_eq!(served(&secret, "A").expect("served"), 1);
        secret.versions[0].value = None;
        assert!(matches!(served(&secret, "A"), Err(Error::Destroyed { .. })));
    }

    #[test]
    fn what_expired_is_served_to_who_asks_for_it_so_and_what_was_revoked_is_not() {
        let (name, dev) = ("A".parse().expect("a name"), "dev".parse().expect("a name"));
        let allow_expired = |secret: &Secret, number| {
            let serving = Serving {
                now: "2026-12-01T00:00:00Z".parse().expect("a time"),
                allow_expired: true,
            };
            let selector = VersionSelector::Number(number);
            let served = secret.serve(&name, selector, &dev, serving);
            served.map(|(version, _)| version.number)
        };
        let mut secret = secret(&[VersionState::Revoked, VersionState::Current]);
        for version in &mut secret.versions {
            version.expires_at = "2026-11-30T00:00:00Z".parse().ok();
        }
        assert_eq!(allow_expired(&secret, 2).expect("served"), 2);
        let refused = allow_expired(&secret, 1);
        assert!(matches!(refused, Err(Error::Revoked { .. })));
        secret.versions[1].value = None;
        let refused = allow_expired(&secret, 2);
        assert!(matches!(refused, Err(Error::Destroyed { .. })));
    }
}
