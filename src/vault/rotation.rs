//! Rotation in steps, as AWS Secrets Manager has it: a new value is made (`create`) and
//! saved as pending, tried (`verify`), made current, and when the grace period is over
//! the old one is given back to where it came from (`revoke`) and destroyed.
//!
//! What is saved here is what it takes to go on after a crash: which rotation is under
//! way, and what is still owed to a version that was current.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::name::{MemberName, Remark, SecretName};
use crate::seal::digest::{Digest, Fingerprint, hex_text};
use crate::secret_value::SecretValue;
use crate::timestamp::{Period, Timestamp};
use crate::vault::secret::{Secret, SecretVersion, VersionSelector, VersionState};
use crate::vault::{Author, Environment, Rotated, Sharer, VaultId, current_version, strict};

/// Most words of a hook's command, and most secrets that it gets.
const WORDS_MAX: usize = 256;

/// Longest word of a hook's command, in bytes: scripts belong in files.
const WORD_LENGTH_MAX: usize = 4096;

/// Why a value was revoked that a rotation replaced.
const ROTATED: &str = "rotated";

/// Why a value was revoked that never was in use.
const ABORTED: &str = "aborted";

/// How long an old value is accepted beside the new one where nobody said: time enough to
/// bring the new one everywhere.
pub const GRACE: Period = Period::from_seconds(24 * 60 * 60);

/// Tells whether a value was revoked by a rotation, and not because somebody had a reason.
pub fn is_own_reason(reason: &Remark) -> bool {
    [ROTATED, ABORTED].contains(&reason.as_str())
}

hex_text!(
    /// Tells one rotation from another: 128 random bits that stay the same however
    /// often a step is repeated, so that a provider can know a repeated request.
    RotationId,
    16
);

/// A step of a rotation that a hook does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// Makes a new value.
    Create,
    /// Tries the new value.
    Verify,
    /// Gives the old value back to where it came from.
    Revoke,
}

impl Step {
    /// All of them, in their order.
    pub const ALL: [Self; 3] = [Self::Create, Self::Verify, Self::Revoke];

    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Verify => "verify",
            Self::Revoke => "revoke",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Step {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let step = Self::ALL.into_iter().find(|step| step.as_str() == text);
        step.ok_or("a step is `create`, `verify` or `revoke`")
    }
}

/// A word of a command: text without NUL, at most 4 KiB. It may hold escapes, and is
/// shown quoted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word(Box<str>);

impl Word {
    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Word {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.contains('\0') || text.len() > WORD_LENGTH_MAX {
            return Err("a word of a command has no NUL and at most 4096 bytes");
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

crate::text::serde_as_text!(Word);

/// A command that does a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hook {
    /// The program and its arguments, at least the program.
    #[serde(deserialize_with = "words")]
    pub command: Vec<Word>,
    /// Other secrets of the environment that it gets as variables.
    #[serde(
        default,
        deserialize_with = "strict::at_most::<WORDS_MAX, _, _>",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub with: Vec<SecretName>,
    /// How long it may take, where that is not the usual.
    #[serde(
        default,
        deserialize_with = "strict::present",
        skip_serializing_if = "Option::is_none"
    )]
    pub timeout: Option<Period>,
}

fn words<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Word>, D::Error> {
    let words: Vec<Word> = strict::at_most::<WORDS_MAX, _, _>(deserializer)?;
    if words.is_empty() {
        return Err(strict::ours("a hook without a command"));
    }
    Ok(words)
}

/// The hooks of a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hooks {
    /// Makes a new value.
    #[serde(
        default,
        deserialize_with = "strict::part",
        skip_serializing_if = "Option::is_none"
    )]
    pub create: Option<Hook>,
    /// Tries the new value.
    #[serde(
        default,
        deserialize_with = "strict::part",
        skip_serializing_if = "Option::is_none"
    )]
    pub verify: Option<Hook>,
    /// Gives the old value back.
    #[serde(
        default,
        deserialize_with = "strict::part",
        skip_serializing_if = "Option::is_none"
    )]
    pub revoke: Option<Hook>,
}

impl Hooks {
    /// Tells whether there is none.
    pub fn is_empty(&self) -> bool {
        Step::ALL.into_iter().all(|step| self.of(step).is_none())
    }

    /// Returns the hook of a step.
    pub fn of(&self, step: Step) -> Option<&Hook> {
        match step {
            Step::Create => self.create.as_ref(),
            Step::Verify => self.verify.as_ref(),
            Step::Revoke => self.revoke.as_ref(),
        }
    }

    /// Returns the place of a step's hook.
    pub fn of_mut(&mut self, step: Step) -> &mut Option<Hook> {
        match step {
            Step::Create => &mut self.create,
            Step::Verify => &mut self.verify,
            Step::Revoke => &mut self.revoke,
        }
    }
}

/// A rotation that has begun and whose new value is not current yet. Once there is a
/// pending version, that is its new value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// Which.
    pub id: RotationId,
    /// When it began.
    pub started_at: Timestamp,
    /// By whom.
    pub started_by: MemberName,
    /// For how long the old value is to be accepted, from when the new one is current;
    /// where it is missing the old value is kept, unless there is a `revoke` hook by then.
    #[serde(
        default,
        deserialize_with = "strict::present",
        skip_serializing_if = "Option::is_none"
    )]
    pub grace: Option<Period>,
}

/// What is owed to a version that was current: from then on it is to be given back and
/// destroyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retirement {
    /// From when on.
    pub at: Timestamp,
    /// The rotation that replaced it.
    pub rotation: RotationId,
}

/// Where a secret stands in a rotation: from here it goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// None is under way.
    Idle,
    /// It has begun, and has no new value yet.
    Begun(Rotation),
    /// It has a new value, which is not in use yet.
    Proposed {
        /// Which rotation; none where that has ended and left a value behind.
        rotation: Option<Rotation>,
        /// The version that is pending.
        version: u32,
    },
}

/// A version that was in use, and is no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replaced {
    /// Which.
    pub number: u32,
    /// When it is to be given back where it came from, if ever.
    pub retire_at: Option<Timestamp>,
}

/// What became of a new value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proposed {
    /// It is the pending version of its rotation.
    Pending(u32),
    /// Somebody else has ended or overtaken the rotation. Where the value is not known
    /// here, it was made a pending version of its own, so that it is not lost.
    Overtaken(Option<u32>),
}

/// A value that is to be given back to where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owed {
    /// What it is known by.
    pub fingerprint: Fingerprint,
    /// The rotation that the giving back belongs to.
    pub rotation: RotationId,
    /// From when on.
    pub at: Timestamp,
    /// The versions that have it.
    pub versions: Vec<u32>,
}

/// Values of a secret were given back, and are destroyed.
#[derive(Debug, Serialize)]
pub struct Retired {
    /// The versions that had them.
    pub versions: Vec<u32>,
    /// Versions of other secrets that have one of them still.
    pub shared_with: Vec<Sharer>,
}

impl RotationId {
    /// Returns the id by which a value is given back that no rotation owes: the same
    /// as often as it is tried.
    pub fn of_value(vault: VaultId, fingerprint: Fingerprint) -> Self {
        const DOMAIN: &[u8] = b"keyvault/rotation/v1";
        let digest = Digest::of(&[DOMAIN, vault.as_ref(), fingerprint.as_ref()].concat());
        let (first, _) = digest
            .as_ref()
            .split_first_chunk()
            .expect("it has 32 bytes");
        Self(*first)
    }
}

impl Secret {
    /// Returns where it stands in a rotation. Of several pending versions the oldest is
    /// the rotation's; the others were left behind by rotations that were overtaken.
    pub fn stage(&self) -> Stage {
        let rotation = self.rotation.as_deref().cloned();
        match (rotation, self.pending().next()) {
            (rotation, Some(pending)) => Stage::Proposed {
                rotation,
                version: pending.number,
            },
            (Some(rotation), None) => Stage::Begun(rotation),
            (None, None) => Stage::Idle,
        }
    }

    /// Returns the versions that are not in use yet, oldest first.
    pub fn pending(&self) -> impl Iterator<Item = &SecretVersion> {
        let versions = self.versions.iter();
        versions.filter(|version| version.state == VersionState::Pending)
    }

    /// Takes the version in use out of use, whatever comes in its place: the new value of
    /// a rotation, or one that somebody had already. It is owed when the rotation's grace
    /// is over. Where a `revoke` hook could give it back it is always owed, as nobody would
    /// think of it again: after the usual grace if none was named, and by an id of its own
    /// if no rotation replaced it.
    pub(super) fn replace_current(
        &mut self,
        rotation: Option<&Rotation>,
        vault: VaultId,
        author: Author<'_>,
    ) -> Option<Replaced> {
        let usual = self.hooks.revoke.as_ref().map(|_| GRACE);
        let grace = rotation.and_then(|rotation| rotation.grace).or(usual);
        let mut versions = self.versions.iter_mut();
        let old = versions.find(|version| version.state == VersionState::Current)?;
        old.state = VersionState::Previous;
        let fingerprint = old.fingerprint(vault.as_ref());
        if let (Some(grace), Some(fingerprint)) = (grace, fingerprint) {
            let of_value = || RotationId::of_value(vault, fingerprint);
            old.retirement.get_or_insert_with(|| {
                Box::new(Retirement {
                    at: author.now.after(grace),
                    rotation: rotation.map_or_else(of_value, |rotation| rotation.id),
                })
            });
        }
        Some(Replaced {
            number: old.number,
            retire_at: old.retirement.as_ref().map(|owed| owed.at),
        })
    }

    /// Tells whether the version in use, or one that is to be, has the value of this
    /// fingerprint.
    fn needs(&self, fingerprint: Fingerprint, vault: VaultId) -> bool {
        let needed = [VersionState::Current, VersionState::Pending];
        let mut versions = self.versions.iter();
        versions.any(|version| {
            needed.contains(&version.state)
                && version.fingerprint(vault.as_ref()) == Some(fingerprint)
        })
    }
}

impl Environment {
    /// Begins a rotation. Nothing else is changed yet.
    ///
    /// # Errors
    ///
    /// [`Error::NoSecret`], [`Error::RotationUnderWay`].
    pub fn begin(
        &mut self,
        name: &SecretName,
        id: RotationId,
        grace: Option<Period>,
        author: Author<'_>,
    ) -> Result<()> {
        self.check_at_rest(name)?;
        self.note_rotation(name, id, grace, author)
    }

    /// Begins a rotation for a value that one before it left behind.
    ///
    /// # Errors
    ///
    /// [`Error::NoSecret`]; [`Error::RotationOvertaken`] where there is no such value by
    /// now.
    pub fn adopt(
        &mut self,
        name: &SecretName,
        id: RotationId,
        grace: Option<Period>,
        author: Author<'_>,
    ) -> Result<()> {
        match self.secret(name)?.stage() {
            Stage::Proposed { rotation: None, .. } => self.note_rotation(name, id, grace, author),
            _ => Err(self.overtaken(name, None)),
        }
    }

    fn note_rotation(
        &mut self,
        name: &SecretName,
        id: RotationId,
        grace: Option<Period>,
        author: Author<'_>,
    ) -> Result<()> {
        self.secret_mut(name)?.rotation = Some(Box::new(Rotation {
            id,
            started_at: author.now,
            started_by: author.name.clone(),
            grace,
        }));
        self.touch(name);
        Ok(())
    }

    /// Makes sure that no rotation of a secret is under way.
    ///
    /// # Errors
    ///
    /// [`Error::NoSecret`], [`Error::RotationUnderWay`].
    pub fn check_at_rest(&self, name: &SecretName) -> Result<()> {
        let pending = match self.secret(name)?.stage() {
            Stage::Idle => return Ok(()),
            Stage::Begun(_) => None,
            Stage::Proposed { version, .. } => Some(version),
        };
        Err(Error::RotationUnderWay {
            name: name.clone(),
            environment: self.name.clone(),
            pending,
        })
    }

    /// Saves a new value, which is not in use yet, and how long it lasts. One that was made is never lost:
    /// where its rotation is no more what it was, it is kept as a pending version
    /// beside it.
    ///
    /// # Errors
    ///
    /// [`Error::NoSecret`]; [`Error::RevokedValue`] and [`Error::SameValue`] for what is no
    /// new value.
    pub fn propose(
        &mut self,
        name: &SecretName,
        id: RotationId,
        value: SecretValue,
        expires_at: Option<Timestamp>,
        author: Author<'_>,
    ) -> Result<Proposed> {
        let secret = self.secret(name)?;
        let is_ours = secret.rotation.as_ref().is_some_and(|ours| ours.id == id);
        let pending = secret.pending().next();
        if is_ours && let Some(pending) = pending.filter(|pending| pending.has(&value)) {
            return Ok(Proposed::Pending(pending.number));
        }
        if !is_ours || pending.is_some() {
            let is_known = secret.versions.iter().any(|version| version.has(&value))
                || self.refuse_revoked(name, &value).is_err();
            if is_known {
                return Ok(Proposed::Overtaken(None));
            }
            let version = self.push_pending(name, value, author)?;
            return Ok(Proposed::Overtaken(Some(version)));
        }
        if let Some(current) = secret.current().filter(|current| current.has(&value)) {
            return Err(Error::SameValue {
                name: name.clone(),
                version: current.number,
                environment: self.name.clone(),
            });
        }
        self.refuse_revoked(name, &value)?;
        let version = self.push_pending(name, value, author)?;
        self.version_mut(name, version)?.expires_at = expires_at;
        Ok(Proposed::Pending(version))
    }

    fn push_pending(
        &mut self,
        name: &SecretName,
        value: SecretValue,
        author: Author<'_>,
    ) -> Result<u32> {
        let versions = &mut self.secret_mut(name)?.versions;
        let number = versions.last().map_or(0, |newest| newest.number) + 1;
        versions.push(SecretVersion {
            state: VersionState::Pending,
            ..current_version(number, value, author)
        });
        self.touch(name);
        Ok(number)
    }

    /// Makes the new value of a rotation current, by which the rotation is over. The old
    /// one is previous, and owed to be given back when the grace period is over.
    ///
    /// # Errors
    ///
    /// [`Error::NoSecret`]; [`Error::RotationOvertaken`] where the rotation is no more at
    /// this version; [`Error::RevokedValue`].
    pub fn promote(
        &mut self,
        name: &SecretName,
        id: RotationId,
        version: u32,
        expires_at: Option<Timestamp>,
        author: Author<'_>,
    ) -> Result<Rotated> {
        let secret = self.secret(name)?;
        let rotation = match secret.stage() {
            Stage::Proposed {
                rotation: Some(rotation),
                version: pending,
            } if rotation.id == id && pending == version => rotation,
            _ => return Err(self.overtaken(name, None)),
        };
        let value = secret
            .pending()
            .next()
            .and_then(|pending| pending.value.as_ref());
        if let Some(value) = value {
            // Another secret's version may have been revoked with it since.
            self.refuse_revoked(name, value)?;
        }
        let (environment, vault) = (self.name.clone(), self.vault);
        let secret = self.secret_mut(name)?;
        let replaced = secret.replace_current(Some(&rotation), vault, author);
        let mut outcome = Rotated {
            name: name.clone(),
            environment,
            version,
            previous: replaced.map(|old| old.number),
            retire_at: replaced.and_then(|old| old.retire_at),
            expires_at: None,
            destroyed: Vec::new(),
            empty: false,
        };
        let mut versions = secret.versions.iter_mut();
        if let Some(new) = versions.find(|new| new.number == version) {
            new.state = VersionState::Current;
            new.expires_at = expires_at.or(new.expires_at);
            outcome.expires_at = new.expires_at;
            outcome.empty = new.value.as_ref().is_some_and(SecretValue::is_empty);
        }
        secret.rotation = None;
        self.touch(name);
        outcome.destroyed = self.settle(name, author)?;
        Ok(outcome)
    }

    /// Returns the values of a secret that are owed to be given back, now or later. What
    /// is in use, or about to be, is not among them.
    ///
    /// # Errors
    ///
    /// [`Error::NoSecret`].
    pub fn owed(&self, name: &SecretName) -> Result<Vec<Owed>> {
        let secret = self.secret(name)?;
        let mut all: Vec<Owed> = Vec::new();
        for version in &secret.versions {
            let fingerprint = version.fingerprint(self.vault.as_ref());
            let (Some(retirement), Some(fingerprint)) = (&version.retirement, fingerprint) else {
                continue;
            };
            if secret.needs(fingerprint, self.vault) {
                continue;
            }
            let one = Owed {
                fingerprint,
                rotation: retirement.rotation,
                at: retirement.at,
                versions: vec![version.number],
            };
            match all.iter_mut().find(|owed| owed.fingerprint == fingerprint) {
                None => all.push(one),
                // The value was in use twice: the later time counts.
                Some(owed) => {
                    owed.versions.push(version.number);
                    if owed.at <= one.at {
                        (owed.at, owed.rotation) = (one.at, one.rotation);
                    }
                }
            }
        }
        Ok(all)
    }

    /// Destroys a value that was given back, unless it is in use again: then it is owed
    /// no more.
    ///
    /// # Errors
    ///
    /// [`Error::NoSecret`].
    pub fn retire(
        &mut self,
        name: &SecretName,
        fingerprint: Fingerprint,
        author: Author<'_>,
    ) -> Result<Retired> {
        let (vault, mut versions, mut is_changed) = (self.vault, Vec::new(), false);
        let secret = self.secret_mut(name)?;
        let is_needed = secret.needs(fingerprint, vault);
        for version in &mut secret.versions {
            let is_meant = version.state == VersionState::Previous
                && version.fingerprint(vault.as_ref()) == Some(fingerprint);
            if !is_meant {
                continue;
            }
            if is_needed {
                is_changed |= version.retirement.take().is_some();
            } else {
                version.revoke(fingerprint, ROTATED.parse().ok(), author);
                versions.push(version.number);
                is_changed = true;
            }
        }
        if is_changed {
            self.touch(name);
        }
        let shared_with = match versions.as_slice() {
            [] => Vec::new(),
            _ => self.sharers(&BTreeSet::from([fingerprint])),
        };
        Ok(Retired {
            versions,
            shared_with,
        })
    }

    /// Returns the new values that go back where they came from when the rotation is
    /// given up.
    ///
    /// # Errors
    ///
    /// [`Error::NoSecret`]; [`Error::NoRotation`] where there is nothing to give up.
    pub fn unwanted(&self, name: &SecretName) -> Result<Vec<Owed>> {
        let secret = self.secret(name)?;
        if secret.stage() == Stage::Idle {
            return Err(self.no_rotation(name));
        }
        let states = [VersionState::Current, VersionState::Previous];
        let mut all: Vec<Owed> = Vec::new();
        for (at, version) in secret.pending().enumerate() {
            let Some(fingerprint) = version.fingerprint(self.vault.as_ref()) else {
                continue;
            };
            let mut others = secret.versions.iter();
            let is_needed = others.any(|other| {
                states.contains(&other.state)
                    && other.fingerprint(self.vault.as_ref()) == Some(fingerprint)
            });
            // The first one is the rotation's.
            let rotation = secret.rotation.as_ref().filter(|_| at == 0);
            if !is_needed {
                all.push(Owed {
                    fingerprint,
                    rotation: rotation.map_or_else(
                        || RotationId::of_value(self.vault, fingerprint),
                        |ours| ours.id,
                    ),
                    at: version.created_at,
                    versions: vec![version.number],
                });
            }
        }
        Ok(all)
    }

    /// Gives a rotation up whose new values were given back. One that a version which was
    /// in use has as well stays, as a previous one.
    ///
    /// # Errors
    ///
    /// [`Error::NoSecret`]; [`Error::NoRotation`]; [`Error::RotationOvertaken`] where there
    /// are other new values by now.
    pub fn abort(
        &mut self,
        name: &SecretName,
        given_back: &[Owed],
        author: Author<'_>,
    ) -> Result<Retired> {
        let unwanted = self.unwanted(name)?;
        let is_given = |owed: &Owed| {
            let mut given = given_back.iter();
            given.any(|given| given.fingerprint == owed.fingerprint)
        };
        if !unwanted.iter().all(is_given) {
            return Err(self.overtaken(name, None));
        }
        let vault = self.vault;
        let prints: BTreeSet<_> = unwanted.iter().map(|owed| owed.fingerprint).collect();
        let secret = self.secret_mut(name)?;
        secret.rotation = None;
        let mut versions = Vec::new();
        for version in &mut secret.versions {
            if version.state != VersionState::Pending {
                continue;
            }
            match version.fingerprint(vault.as_ref()) {
                Some(print) if prints.contains(&print) => {
                    version.revoke(print, ABORTED.parse().ok(), author);
                    versions.push(version.number);
                }
                _ => version.state = VersionState::Previous,
            }
        }
        self.touch(name);
        Ok(Retired {
            shared_with: self.sharers(&prints),
            versions,
        })
    }

    /// Returns the values that go when versions of a secret are revoked, each with the
    /// rotation that its giving back belongs to.
    ///
    /// # Errors
    ///
    /// [`Error::NoSecret`], [`Error::NoVersion`].
    pub fn revocable(
        &self,
        name: &SecretName,
        version: Option<VersionSelector>,
    ) -> Result<Vec<Owed>> {
        let meant = self.fingerprints(name, version)?;
        let secret = self.secret(name)?;
        let rotation = secret.rotation.as_ref().map(|rotation| rotation.id);
        let first_pending = secret.pending().next().map(|pending| pending.number);
        let mut all: Vec<Owed> = Vec::new();
        for version in &secret.versions {
            let Some(fingerprint) = version.fingerprint(self.vault.as_ref()) else {
                continue;
            };
            if version.value.is_none() || !meant.contains(&fingerprint) {
                continue;
            }
            let owed = version.retirement.as_ref().map(|owed| owed.rotation);
            let own = owed.or(rotation.filter(|_| first_pending == Some(version.number)));
            match all.iter_mut().find(|one| one.fingerprint == fingerprint) {
                None => all.push(Owed {
                    fingerprint,
                    rotation: own.unwrap_or_else(|| RotationId::of_value(self.vault, fingerprint)),
                    at: version.created_at,
                    versions: vec![version.number],
                }),
                Some(one) => {
                    one.rotation = own.unwrap_or(one.rotation);
                    one.versions.push(version.number);
                }
            }
        }
        Ok(all)
    }

    /// Sets the hook of a step, or takes it away. Returns whether that changes anything.
    ///
    /// # Errors
    ///
    /// [`Error::NoSecret`], also for one that the hook is to get.
    pub fn set_hook(&mut self, name: &SecretName, step: Step, hook: Option<Hook>) -> Result<bool> {
        for with in hook.iter().flat_map(|hook| &hook.with) {
            self.secret(with)?;
        }
        let place = self.secret_mut(name)?.hooks.of_mut(step);
        let is_changed = *place != hook;
        *place = hook;
        if is_changed {
            self.touch(name);
        }
        Ok(is_changed)
    }

    /// Says that somebody else went on with a rotation, or ended it.
    pub fn overtaken(&self, name: &SecretName, kept: Option<u32>) -> Error {
        Error::RotationOvertaken {
            name: name.clone(),
            environment: self.name.clone(),
            kept,
        }
    }

    /// Says that no rotation is under way.
    pub fn no_rotation(&self, name: &SecretName) -> Error {
        Error::NoRotation {
            name: name.clone(),
            environment: self.name.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::sample::{alice, founded};
    use crate::vault::{Changes, NewSecret};
    use VersionState::{Current, Pending, Previous, Revoked};

    const ID: [u8; 16] = [1; 16];
    const OTHER_ID: [u8; 16] = [2; 16];

    fn value(text: &str) -> SecretValue {
        SecretValue::from_text(text.to_owned())
    }

    fn a() -> SecretName {
        "A".parse().expect("a name")
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn author(name: &MemberName) -> Author<'_> {
        Author {
            name,
            now: at("2026-11-23T12:00:00Z"),
        }
    }

    /// An environment in which `A` has the value `one`.
    fn environment() -> Environment {
        let mut dev = founded("dev");
        add(&mut dev, "A", "one");
        dev
    }

    fn add(environment: &mut Environment, name: &str, text: &str) {
        let new = NewSecret {
            name: name.parse().expect("a name"),
            value: value(text),
            description: None,
            tags: Vec::new(),
        };
        environment.add(new, author(&alice())).expect("added");
        environment.changes = Changes::default();
    }

    fn begin(dev: &mut Environment, id: [u8; 16], grace: Option<&str>) -> Result<()> {
        let grace = grace.and_then(|grace| grace.parse().ok());
        dev.begin(&a(), id.into(), grace, author(&alice()))
    }

    fn propose(dev: &mut Environment, id: [u8; 16], text: &str) -> Result<Proposed> {
        dev.propose(&a(), id.into(), value(text), None, author(&alice()))
    }

    fn promote(dev: &mut Environment, id: [u8; 16], version: u32) -> Result<Rotated> {
        dev.promote(&a(), id.into(), version, None, author(&alice()))
    }

    fn abort(dev: &mut Environment) -> Result<Vec<u32>> {
        let unwanted = dev.unwanted(&a())?;
        let aborted = dev.abort(&a(), &unwanted, author(&alice()))?;
        Ok(aborted.versions)
    }

    /// Rotates from begin to end.
    fn rotated(dev: &mut Environment, id: [u8; 16], text: &str, grace: Option<&str>) {
        begin(dev, id, grace).expect("begun");
        let Proposed::Pending(version) = propose(dev, id, text).expect("proposed") else {
            panic!("nobody else is there")
        };
        promote(dev, id, version).expect("promoted");
    }

    fn states(dev: &Environment) -> Vec<VersionState> {
        let versions = &dev.secret(&a()).expect("it is there").versions;
        versions.iter().map(|version| version.state).collect()
    }

    fn current(dev: &Environment) -> u32 {
        let secret = dev.secret(&a()).expect("it is there");
        secret.current().expect("one is in use").number
    }

    fn reason(dev: &Environment, number: u32) -> String {
        let secret = dev.secret(&a()).expect("it is there");
        let version = secret.select(VersionSelector::Number(number));
        let record = version.and_then(|version| version.revocation.as_ref());
        let reason = record.and_then(|record| record.reason.as_ref());
        reason.expect("it has one").to_string()
    }

    fn owed(dev: &Environment) -> Vec<(Vec<u32>, [u8; 16])> {
        let owed = dev.owed(&a()).expect("it is there").into_iter();
        owed.map(|owed| {
            let id = owed.rotation.as_ref().try_into().expect("16 bytes");
            (owed.versions, id)
        })
        .collect()
    }

    /// Whether a change failed and left nothing to save.
    fn is_refused<T>(
        dev: &mut Environment,
        change: impl Fn(&mut Environment) -> Result<T>,
    ) -> bool {
        dev.changes = Changes::default();
        let before = states(dev);
        change(dev).is_err() && !dev.is_changed() && states(dev) == before
    }

    #[test]
    fn each_step_leads_to_the_next() {
        let mut dev = environment();
        let stage = |dev: &Environment| dev.secret(&a()).expect("there").stage();
        assert_eq!(stage(&dev), Stage::Idle);

        begin(&mut dev, ID, Some("1d")).expect("begun");
        assert!(dev.is_changed());
        assert!(matches!(stage(&dev), Stage::Begun(rotation) if rotation.id == ID.into()));
        assert_eq!(states(&dev), [Current]);

        let proposed = propose(&mut dev, ID, "two").expect("proposed");
        assert_eq!(proposed, Proposed::Pending(2));
        assert!(matches!(
            stage(&dev),
            Stage::Proposed {
                rotation: Some(_),
                version: 2
            }
        ));
        assert_eq!((states(&dev), current(&dev)), (vec![Current, Pending], 1));

        let rotated = promote(&mut dev, ID, 2).expect("promoted");
        assert_eq!((rotated.version, rotated.previous), (2, Some(1)));
        assert_eq!(stage(&dev), Stage::Idle);
        assert_eq!(states(&dev), [Previous, Current]);
        assert_eq!(owed(&dev), [(vec![1], ID)]);
        let due = dev.owed(&a()).expect("there")[0].at;
        assert_eq!(due, at("2026-11-24T12:00:00Z"));

        let print = dev.owed(&a()).expect("there")[0].fingerprint;
        let retired = dev.retire(&a(), print, author(&alice())).expect("retired");
        assert_eq!(retired.versions, [1]);
        assert_eq!(states(&dev), [Revoked, Current]);
        assert_eq!(reason(&dev, 1), "rotated");
        assert_eq!(owed(&dev), []);
    }

    #[test]
    fn without_a_grace_the_old_value_is_kept_and_nothing_is_owed() {
        let mut dev = environment();
        rotated(&mut dev, ID, "two", None);
        assert_eq!(
            (states(&dev), owed(&dev)),
            (vec![Previous, Current], vec![])
        );
    }

    #[test]
    fn a_second_rotation_waits_for_the_end_of_the_first() {
        let mut dev = environment();
        let rotate = |dev: &mut Environment| dev.rotate(&a(), value("three"), author(&alice()));
        begin(&mut dev, ID, None).expect("begun");
        for _ in 0..2 {
            assert!(is_refused(&mut dev, |dev| begin(dev, OTHER_ID, None)));
            assert!(is_refused(&mut dev, rotate));
            propose(&mut dev, ID, "two").expect("proposed");
        }
        promote(&mut dev, ID, 2).expect("promoted");
        rotate(&mut dev).expect("rotated");
    }

    #[test]
    fn what_is_no_new_value_is_not_taken() {
        let mut dev = environment();
        dev.rotate(&a(), value("leaked"), author(&alice()))
            .expect("rotated");
        let second = Some(VersionSelector::Number(2));
        dev.revoke(&a(), second, None, author(&alice()))
            .expect("revoked");
        dev.rotate(&a(), value("two"), author(&alice()))
            .expect("rotated");
        begin(&mut dev, ID, None).expect("begun");
        assert!(is_refused(&mut dev, |dev| propose(dev, ID, "two")));
        assert!(is_refused(&mut dev, |dev| propose(dev, ID, "leaked")));
        // One that was in use before may come back.
        assert_eq!(
            propose(&mut dev, ID, "one").expect("taken"),
            Proposed::Pending(4)
        );
    }

    #[test]
    fn the_same_value_twice_is_one_version() {
        let mut dev = environment();
        begin(&mut dev, ID, None).expect("begun");
        for _ in 0..2 {
            assert_eq!(
                propose(&mut dev, ID, "two").expect("taken"),
                Proposed::Pending(2)
            );
        }
        assert_eq!(states(&dev), [Current, Pending]);
    }

    #[test]
    fn a_value_that_comes_too_late_is_not_lost() {
        // Somebody else has made another one.
        let mut dev = environment();
        begin(&mut dev, ID, None).expect("begun");
        propose(&mut dev, ID, "two").expect("proposed");
        let late = propose(&mut dev, ID, "three").expect("kept");
        assert_eq!(late, Proposed::Overtaken(Some(3)));
        assert!(is_refused(&mut dev, |dev| promote(dev, ID, 3)));
        promote(&mut dev, ID, 2).expect("promoted");
        assert_eq!(states(&dev), [Previous, Current, Pending]);
        assert!(is_refused(&mut dev, |dev| begin(dev, OTHER_ID, None)));
        assert_eq!(abort(&mut dev).expect("aborted"), [3]);
        assert_eq!(states(&dev), [Previous, Current, Revoked]);

        // Or has given up, and then begun anew.
        for has_begun_anew in [false, true] {
            let mut dev = environment();
            begin(&mut dev, ID, None).expect("begun");
            abort(&mut dev).expect("aborted");
            if has_begun_anew {
                begin(&mut dev, OTHER_ID, None).expect("begun");
            }
            let late = propose(&mut dev, ID, "two").expect("kept");
            assert_eq!(late, Proposed::Overtaken(Some(2)));
            assert_eq!((states(&dev), current(&dev)), (vec![Current, Pending], 1));
        }
    }

    #[test]
    fn a_value_that_is_known_is_not_kept_twice() {
        // The other one got the same from the provider, and is done.
        let mut dev = environment();
        rotated(&mut dev, ID, "two", None);
        assert_eq!(
            propose(&mut dev, ID, "two").expect("known"),
            Proposed::Overtaken(None)
        );
        // Or gave it back.
        begin(&mut dev, OTHER_ID, None).expect("begun");
        propose(&mut dev, OTHER_ID, "three").expect("proposed");
        abort(&mut dev).expect("aborted");
        dev.changes = Changes::default();
        let late = propose(&mut dev, OTHER_ID, "three").expect("known");
        assert_eq!(late, Proposed::Overtaken(None));
        assert!(!dev.is_changed());
    }

    #[test]
    fn a_value_that_was_left_behind_may_be_taken_into_use() {
        let mut dev = environment();
        let adopt = |dev: &mut Environment| {
            dev.adopt(&a(), OTHER_ID.into(), "1d".parse().ok(), author(&alice()))
        };
        assert!(is_refused(&mut dev, adopt), "there is none");
        propose(&mut dev, ID, "two").expect("kept");
        adopt(&mut dev).expect("adopted");
        assert!(is_refused(&mut dev, adopt), "it has a rotation");
        promote(&mut dev, OTHER_ID, 2).expect("promoted");
        assert_eq!(owed(&dev), [(vec![1], OTHER_ID)]);
    }

    #[test]
    fn only_the_rotation_itself_is_promoted() {
        let mut dev = environment();
        assert!(is_refused(&mut dev, |dev| promote(dev, ID, 1)), "idle");
        begin(&mut dev, ID, None).expect("begun");
        assert!(is_refused(&mut dev, |dev| promote(dev, ID, 2)), "no value");
        propose(&mut dev, ID, "two").expect("proposed");
        assert!(
            is_refused(&mut dev, |dev| promote(dev, OTHER_ID, 2)),
            "another"
        );
        promote(&mut dev, ID, 2).expect("promoted");
        assert!(is_refused(&mut dev, |dev| promote(dev, ID, 2)), "again");
    }

    #[test]
    fn a_value_that_was_revoked_meanwhile_is_not_promoted() {
        let mut dev = environment();
        add(&mut dev, "B", "two");
        begin(&mut dev, ID, None).expect("begun");
        propose(&mut dev, ID, "two").expect("proposed");
        let b = "B".parse().expect("a name");
        dev.revoke(&b, None, None, author(&alice()))
            .expect("revoked");
        assert!(is_refused(&mut dev, |dev| promote(dev, ID, 2)));
    }

    #[test]
    fn what_is_aborted_is_revoked_and_not_taken_again() {
        let mut dev = environment();
        assert!(is_refused(&mut dev, abort), "nothing is under way");
        begin(&mut dev, ID, None).expect("begun");
        assert_eq!(abort(&mut dev).expect("aborted"), [0; 0]);
        begin(&mut dev, ID, None).expect("begun");
        propose(&mut dev, ID, "two").expect("proposed");
        let unwanted = dev.unwanted(&a()).expect("one");
        assert_eq!((unwanted.len(), unwanted[0].rotation), (1, ID.into()));
        assert_eq!(abort(&mut dev).expect("aborted"), [2]);
        assert_eq!((states(&dev), current(&dev)), (vec![Current, Revoked], 1));
        assert_eq!(reason(&dev, 2), "aborted");
        assert!(is_refused(&mut dev, |dev| dev.rotate(
            &a(),
            value("two"),
            author(&alice())
        )));
    }

    #[test]
    fn a_value_that_was_not_given_back_is_not_aborted() {
        let mut dev = environment();
        begin(&mut dev, ID, None).expect("begun");
        propose(&mut dev, ID, "two").expect("proposed");
        let unwanted = dev.unwanted(&a()).expect("one");
        propose(&mut dev, ID, "three").expect("kept");
        assert!(is_refused(&mut dev, |dev| {
            dev.abort(&a(), &unwanted, author(&alice()))
        }));
        assert_eq!(abort(&mut dev).expect("aborted"), [2, 3]);
    }

    #[test]
    fn a_value_in_use_is_never_given_back() {
        // Pending, and then taken into use by an import.
        let mut dev = environment();
        begin(&mut dev, ID, None).expect("begun");
        propose(&mut dev, ID, "two").expect("proposed");
        dev.put_version(&a(), value("two"), author(&alice()))
            .expect("put");
        assert_eq!(dev.unwanted(&a()).expect("none"), []);
        assert_eq!(abort(&mut dev).expect("aborted"), [0; 0]);
        assert_eq!(states(&dev), [Previous, Previous, Current]);

        // Owed, and then taken into use again.
        let mut dev = environment();
        rotated(&mut dev, ID, "two", Some("0s"));
        let print = dev.owed(&a()).expect("one")[0].fingerprint;
        rotated(&mut dev, OTHER_ID, "one", Some("0s"));
        assert_eq!(owed(&dev), [(vec![2], OTHER_ID)]);
        let retired = dev
            .retire(&a(), print, author(&alice()))
            .expect("looked at");
        assert_eq!((retired.versions, current(&dev)), (vec![], 3));
        assert_eq!(states(&dev), [Previous, Previous, Current]);
    }

    #[test]
    fn a_value_that_is_about_to_be_used_again_is_not_given_back() {
        let mut dev = environment();
        rotated(&mut dev, ID, "two", Some("0s"));
        begin(&mut dev, OTHER_ID, Some("0s")).expect("begun");
        propose(&mut dev, OTHER_ID, "one").expect("proposed");
        assert_eq!(owed(&dev), []);
        // Nor when that is given up: it was in use before, and is owed as it was.
        assert_eq!(abort(&mut dev).expect("aborted"), [0; 0]);
        assert_eq!(owed(&dev), [(vec![1], ID)]);
    }

    #[test]
    fn a_value_that_was_in_use_twice_is_given_back_once() {
        let mut dev = environment();
        rotated(&mut dev, ID, "two", None);
        rotated(&mut dev, ID, "one", Some("1d"));
        rotated(&mut dev, OTHER_ID, "three", Some("1d"));
        assert_eq!(owed(&dev), [(vec![2], ID), (vec![3], OTHER_ID)]);
        let print = dev.owed(&a()).expect("two")[1].fingerprint;
        let retired = dev.retire(&a(), print, author(&alice())).expect("retired");
        assert_eq!(retired.versions, [1, 3]);
        let again = dev.retire(&a(), print, author(&alice())).expect("done");
        assert_eq!(again.versions, [0; 0]);
    }

    #[test]
    fn revoking_ends_a_rotation_and_whatever_is_owed() {
        for version in [None, Some(VersionSelector::Pending)] {
            let mut dev = environment();
            rotated(&mut dev, ID, "two", Some("1d"));
            begin(&mut dev, OTHER_ID, None).expect("begun");
            propose(&mut dev, OTHER_ID, "three").expect("proposed");
            dev.revoke(&a(), version, None, author(&alice()))
                .expect("revoked");
            let stage = dev.secret(&a()).expect("there").stage();
            assert_eq!(stage, Stage::Idle);
            let is_owed = version.is_some();
            assert_eq!(!owed(&dev).is_empty(), is_owed);
        }
        let mut dev = environment();
        begin(&mut dev, ID, None).expect("begun");
        let first = Some(VersionSelector::Number(1));
        dev.revoke(&a(), first, None, author(&alice()))
            .expect("revoked");
        let stage = dev.secret(&a()).expect("there").stage();
        assert!(matches!(stage, Stage::Begun(_)), "it gets a new value yet");
    }

    #[test]
    fn each_value_that_is_revoked_is_given_back_by_an_id_of_its_own() {
        let mut dev = environment();
        rotated(&mut dev, ID, "two", Some("1d"));
        rotated(&mut dev, ID, "one", None);
        begin(&mut dev, OTHER_ID, None).expect("begun");
        propose(&mut dev, OTHER_ID, "three").expect("proposed");
        let revocable = dev.revocable(&a(), None).expect("three");
        let numbers: Vec<_> = revocable.iter().map(|owed| owed.versions.clone()).collect();
        assert_eq!(numbers, [vec![1, 3], vec![2], vec![4]]);
        assert_eq!(revocable[2].rotation, OTHER_ID.into());
        let again = dev.revocable(&a(), None).expect("three");
        assert_eq!(revocable, again);
        dev.revoke(&a(), None, None, author(&alice()))
            .expect("revoked");
        assert_eq!(dev.revocable(&a(), None).expect("none"), []);
    }

    #[test]
    fn a_hook_is_set_changed_and_taken_away() {
        let mut dev = environment();
        let hook = |with: &str| Hook {
            command: vec!["./new".parse().expect("a word")],
            with: vec![with.parse().expect("a name")],
            timeout: None,
        };
        let set = |dev: &mut Environment, hook| dev.set_hook(&a(), Step::Create, hook);
        assert!(is_refused(&mut dev, |dev| set(dev, Some(hook("MISSING")))));
        assert!(set(&mut dev, Some(hook("A"))).expect("set"));
        assert!(!set(&mut dev, Some(hook("A"))).expect("the same"));
        assert!(set(&mut dev, None).expect("gone"));
        assert!(!set(&mut dev, None).expect("there is none"));
    }
}
