//! What keyvault is about: `Vault` ⊃ `Environment` ⊃ `Secret` ⊃
//! `SecretVersion`, and what may be done to them.
//!
//! Nothing here touches a file or a clock. A vault is no type of its own: it is
//! the [`VaultId`] that its environments share, because each environment is a
//! file with members of its own and is read and written alone.
//!
//! What happens to a secret in the course of time is in modules of its own: dates in
//! `expiry`, how often and how many in `policy`, steps in `rotation`, the way back in
//! `rollback`, by which clock in `clock`, and who has to do something in `attention`.

pub mod attention;
pub mod clock;
pub mod compare;
pub mod copy;
pub mod document;
pub mod expiry;
pub mod import;
pub mod layers;
pub mod leak;
pub mod log_head;
pub mod policy;
pub mod rollback;
pub mod roster;
pub mod rotation;
#[cfg(test)]
mod sample;
pub mod secret;
pub mod selection;
pub mod snooze;
mod strict;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::slice;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::name::{EnvironmentName, MemberName, Remark, SecretName, Tag, closest};
use crate::seal::digest::{Digest, Fingerprint, ShortDigest, hex_text};
use crate::seal::signature::{Signer, SignerKey};
use crate::secret_value::SecretValue;
use crate::timestamp::Timestamp;
use crate::vault::log_head::LogHead;
use crate::vault::policy::{Policy, Surplus};
use crate::vault::roster::{Member, Roster, Scope};
use crate::vault::rotation::Hooks;
use crate::vault::secret::{Destruction, Secret, SecretVersion, VersionSelector, VersionState};

/// How many earlier states an environment remembers. Someone who was away for
/// more saves than this is shown a newer file as such, and not as a branch.
pub const ANCESTORS_MAX: usize = 64;

hex_text!(
    /// Tells one vault from another: 128 random bits that its environments
    /// share. It is no secret.
    VaultId,
    16
);

/// Who makes a change, and when.
#[derive(Clone, Copy)]
pub struct Author<'a> {
    /// The member.
    pub name: &'a MemberName,
    /// The time.
    pub now: Timestamp,
}

/// One environment: its members, its secrets and where it stands in history.
pub struct Environment {
    /// The vault it belongs to.
    pub vault: VaultId,
    /// Its name.
    pub name: EnvironmentName,
    /// Counts the saves, from 1.
    pub revision: u64,
    /// The file or files that this state was made from.
    pub parents: Vec<Digest>,
    /// The last states before this one, oldest first, parents included.
    pub ancestors: Vec<ShortDigest>,
    /// When it was saved.
    pub updated_at: Timestamp,
    /// By whom, and so by whom the file is signed.
    pub updated_by: MemberName,
    /// Who may open and write it.
    pub roster: Roster,
    /// What is wanted of secrets that say nothing else themselves.
    pub policy: Policy,
    /// How far members' audit logs had come.
    pub logs: Vec<LogHead>,
    /// The secrets by name.
    pub secrets: BTreeMap<SecretName, Secret>,
    /// What was changed since it was read.
    changes: Changes,
}

/// What was changed in an environment.
#[derive(Debug, Default)]
struct Changes {
    /// Something that belongs to no secret, or the whole is new.
    whole: bool,
    /// The secrets.
    secrets: BTreeSet<SecretName>,
}

/// A secret to be added.
pub struct NewSecret {
    /// Its name.
    pub name: SecretName,
    /// The value of its first version.
    pub value: SecretValue,
    /// What it is, in a person's words.
    pub description: Option<Remark>,
    /// What it is filed under.
    pub tags: Vec<Tag>,
}

/// A secret was added.
#[derive(Debug, Serialize)]
pub struct Added {
    /// Which.
    pub name: SecretName,
    /// Where.
    pub environment: EnvironmentName,
    /// Its first version.
    pub version: u32,
    /// Until when it is served, where that was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Whether its value has no byte, which is seldom meant.
    pub empty: bool,
}

/// A secret has a new value.
#[derive(Debug, Serialize)]
pub struct Rotated {
    /// Which.
    pub name: SecretName,
    /// Where.
    pub environment: EnvironmentName,
    /// The version now current.
    pub version: u32,
    /// The version that was current, if one was.
    pub previous: Option<u32>,
    /// When that one is to be given back where it came from, if ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retire_at: Option<Timestamp>,
    /// Until when the new one is served, where that was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The versions whose values were destroyed because newer ones took their place.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub destroyed: Vec<Surplus>,
    /// Whether the new value has no byte, which is seldom meant.
    pub empty: bool,
}

/// Versions of a secret were revoked.
#[derive(Debug, Serialize)]
pub struct Revoked {
    /// Which secret.
    pub name: SecretName,
    /// Where.
    pub environment: EnvironmentName,
    /// The versions that were revoked; none if that was done before.
    pub versions: Vec<u32>,
    /// Versions of other secrets that have one of these values still.
    pub shared_with: Vec<Sharer>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Remark>,
}

/// A version of another secret with the same value.
#[derive(Debug, Serialize)]
pub struct Sharer {
    /// Which secret.
    pub name: SecretName,
    /// Which of its versions.
    pub version: u32,
}

impl fmt::Display for Sharer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

/// A secret was forgotten.
#[derive(Debug, Serialize)]
pub struct Removed {
    /// Which.
    pub name: SecretName,
    /// Where.
    pub environment: EnvironmentName,
    /// How many versions it had.
    pub versions: usize,
}

impl Environment {
    /// Begins an environment, with its creator as the only member.
    pub fn found(vault: VaultId, name: EnvironmentName, founder: Member, signer: &Signer) -> Self {
        let (updated_by, updated_at) = (founder.name.clone(), founder.added_at);
        let roster = Roster::found(
            Scope {
                vault,
                environment: &name,
            },
            founder,
            signer,
        );
        Self {
            vault,
            name,
            revision: 1,
            parents: Vec::new(),
            ancestors: Vec::new(),
            updated_at,
            updated_by,
            roster,
            policy: Policy::default(),
            logs: Vec::new(),
            secrets: BTreeMap::new(),
            changes: Changes {
                whole: true,
                secrets: BTreeSet::new(),
            },
        }
    }

    /// Tells whether there is anything to save.
    pub fn is_changed(&self) -> bool {
        self.changes.whole || !self.changes.secrets.is_empty()
    }

    /// Returns the secrets that were changed, or removed, since it was read.
    pub fn changed_secrets(&self) -> impl Iterator<Item = &SecretName> {
        self.changes.secrets.iter()
    }

    /// Notes that a secret was changed.
    fn touch(&mut self, name: &SecretName) {
        self.changes.secrets.insert(name.clone());
    }

    /// Returns what its roster belongs to.
    pub fn scope(&self) -> Scope<'_> {
        Scope {
            vault: self.vault,
            environment: &self.name,
        }
    }

    /// Returns the signer of whoever began it.
    pub fn founder_key(&self) -> Option<&SignerKey> {
        self.roster.founder()?.signer.as_ref()
    }

    /// Makes this the state that follows the one in the file of this digest.
    pub fn advance(&mut self, from: Digest, author: Author<'_>) {
        self.revision += 1;
        self.parents = vec![from];
        self.ancestors.push(from.short());
        let surplus = self.ancestors.len().saturating_sub(ANCESTORS_MAX);
        self.ancestors.drain(..surplus);
        self.updated_at = author.now;
        self.updated_by = author.name.clone();
    }

    /// Returns a secret.
    ///
    /// # Errors
    ///
    /// [`Error::NoSecret`], with the name that was most likely meant.
    pub fn secret(&self, name: &SecretName) -> Result<&Secret> {
        self.secrets.get(name).ok_or_else(|| self.unknown(name))
    }

    /// Takes a secret out, where the others are not needed.
    ///
    /// # Errors
    ///
    /// As [`Environment::secret`].
    pub fn into_secret(mut self, name: &SecretName) -> Result<Secret> {
        self.secrets.remove(name).ok_or_else(|| self.unknown(name))
    }

    fn secret_mut(&mut self, name: &SecretName) -> Result<&mut Secret> {
        if !self.secrets.contains_key(name) {
            return Err(self.unknown(name));
        }
        Ok(self.secrets.get_mut(name).expect("it was found just now"))
    }

    fn unknown(&self, name: &SecretName) -> Error {
        Error::NoSecret {
            name: name.clone(),
            environment: self.name.clone(),
            closest: closest(name.as_str(), self.secrets.keys()).cloned(),
        }
    }

    /// Adds a secret.
    ///
    /// # Errors
    ///
    /// [`Error::SecretExists`], also for one that was revoked;
    /// [`Error::RevokedValue`].
    pub fn add(&mut self, new: NewSecret, author: Author<'_>) -> Result<Added> {
        self.check_addable(&new.name)?;
        self.refuse_revoked(&new.name, &new.value)?;
        Ok(self.insert(new, author))
    }

    /// Adds a secret that was found to be addable.
    fn insert(&mut self, new: NewSecret, author: Author<'_>) -> Added {
        let added = Added {
            name: new.name.clone(),
            environment: self.name.clone(),
            version: 1,
            expires_at: None,
            empty: new.value.is_empty(),
        };
        let versions = vec![current_version(added.version, new.value, author)];
        let secret = Secret {
            description: new.description,
            tags: new.tags,
            policy: Policy::default(),
            hooks: Hooks::default(),
            rotation: None,
            snoozed_until: None,
            versions,
        };
        self.touch(&new.name);
        self.secrets.insert(new.name, secret);
        added
    }

    /// Tells whether a secret of this name can be added, so that nobody types a
    /// value in vain.
    ///
    /// # Errors
    ///
    /// [`Error::SecretExists`].
    pub fn check_addable(&self, name: &SecretName) -> Result<()> {
        if self.secrets.contains_key(name) {
            let (name, environment) = (name.clone(), self.name.clone());
            return Err(Error::SecretExists { name, environment });
        }
        Ok(())
    }

    /// Gives a secret a new value: a new version becomes current, and the one
    /// that was is previous, and owed where a `revoke` hook gives it back.
    ///
    /// # Errors
    ///
    /// [`Error::NoSecret`], [`Error::RotationUnderWay`], [`Error::RevokedValue`], or
    /// [`Error::SameValue`].
    pub fn rotate(
        &mut self,
        name: &SecretName,
        value: SecretValue,
        author: Author<'_>,
    ) -> Result<Rotated> {
        self.check_at_rest(name)?;
        self.refuse_revoked(name, &value)?;
        self.put_version(name, value, author)
    }

    /// Gives a secret a value that was found not to be revoked.
    fn put_version(
        &mut self,
        name: &SecretName,
        value: SecretValue,
        author: Author<'_>,
    ) -> Result<Rotated> {
        let (environment, vault) = (self.name.clone(), self.vault);
        let secret = self.secret_mut(name)?;
        if let Some(old) = secret.current().filter(|old| old.has(&value)) {
            let (name, version) = (name.clone(), old.number);
            return Err(Error::SameValue {
                name,
                version,
                environment,
            });
        }
        let replaced = secret.replace_current(None, vault, author);
        let newest = secret.versions.last().map_or(0, |newest| newest.number);
        let (version, empty) = (newest + 1, value.is_empty());
        secret
            .versions
            .push(current_version(version, value, author));
        self.touch(name);
        let destroyed = self.settle(name, author)?;
        Ok(Rotated {
            name: name.clone(),
            environment,
            version,
            previous: replaced.map(|old| old.number),
            retire_at: replaced.and_then(|old| old.retire_at),
            expires_at: None,
            destroyed,
            empty,
        })
    }

    /// Puts a secret's versions in order after one came into use, or fewer are to be
    /// kept. A value that is in use is owed to nobody. Of the others those are destroyed
    /// that are older than as many as are kept; their records stay. Pending versions do
    /// not count, and what is still to be given back where it came from is needed for
    /// that. Returns the versions that lost their values.
    ///
    /// # Errors
    ///
    /// [`Error::NoSecret`].
    fn settle(&mut self, name: &SecretName, author: Author<'_>) -> Result<Vec<Surplus>> {
        let (vault, default) = (self.vault, self.policy);
        let secret = self.secret_mut(name)?;
        secret.keep_current_value();
        let kept = secret.policy.or(default).keep_versions.unwrap_or_default();
        let in_turn = secret.versions.iter_mut().rev().filter(|version| {
            matches!(
                version.state,
                VersionState::Current | VersionState::Previous
            ) && version.value.is_some()
        });
        let mut destroyed = Vec::new();
        for version in in_turn.skip(kept.get()) {
            if version.state == VersionState::Current || version.retirement.is_some() {
                continue;
            }
            let value = version.value.take().expect("it was found to have one");
            version.destruction = Some(Box::new(Destruction {
                at: author.now,
                fingerprint: Fingerprint::of(&value, vault.as_ref()),
            }));
            destroyed.push(Surplus {
                name: name.clone(),
                version: version.number,
            });
        }
        destroyed.reverse();
        if !destroyed.is_empty() {
            self.touch(name);
        }
        Ok(destroyed)
    }

    /// Destroys the value of one version, or of all where none is named, and
    /// keeps their records. Every other version of the secret with the same value
    /// goes with it: it is the value that must not be used any more. What was
    /// revoked before stays as it is.
    ///
    /// # Errors
    ///
    /// [`Error::NoSecret`] or [`Error::NoVersion`].
    pub fn revoke(
        &mut self,
        name: &SecretName,
        version: Option<VersionSelector>,
        reason: Option<Remark>,
        author: Author<'_>,
    ) -> Result<Revoked> {
        let (vault, meant) = (self.vault, self.fingerprints(name, version)?);
        let pending = self.secret(name)?.pending().next();
        let pending = pending.map(|pending| pending.number);
        let mut versions = Vec::new();
        for version in &mut self.secret_mut(name)?.versions {
            let fingerprint = version.fingerprint(vault.as_ref());
            let Some(fingerprint) = fingerprint.filter(|print| meant.contains(print)) else {
                continue;
            };
            // What only lost its value could still be taken again.
            if version.state != VersionState::Revoked {
                version.revoke(fingerprint, reason.clone(), author);
                versions.push(version.number);
            }
        }
        let secret = self.secret_mut(name)?;
        // A rotation has nothing left to go on with once its new value is gone, and with
        // the whole secret whatever was under way is over.
        let is_over = match version {
            None => true,
            Some(_) => pending.is_some_and(|pending| versions.contains(&pending)),
        };
        let ended = secret.rotation.take_if(|_| is_over).is_some();
        if ended || !versions.is_empty() {
            self.touch(name);
        }
        Ok(Revoked {
            name: name.clone(),
            environment: self.name.clone(),
            versions,
            shared_with: self.sharers(&meant),
            reason,
        })
    }

    /// Destroys values wherever they are: under whichever name, in whichever version.
    /// Returns where that was.
    ///
    /// # Errors
    ///
    /// None, as long as the environment is as it was read.
    pub fn revoke_values(
        &mut self,
        prints: &BTreeSet<Fingerprint>,
        reason: Option<&Remark>,
        author: Author<'_>,
    ) -> Result<Vec<Sharer>> {
        let sharers = self.sharers(prints);
        for sharer in &sharers {
            let version = VersionSelector::Number(sharer.version);
            self.revoke(&sharer.name, Some(version), reason.cloned(), author)?;
        }
        Ok(sharers)
    }

    /// Returns what the values of one version, or of all where none is named, are
    /// or were known by.
    ///
    /// # Errors
    ///
    /// [`Error::NoSecret`] or [`Error::NoVersion`].
    pub fn fingerprints(
        &self,
        name: &SecretName,
        version: Option<VersionSelector>,
    ) -> Result<BTreeSet<Fingerprint>> {
        let secret = self.secret(name)?;
        let versions = match version {
            None => &secret.versions[..],
            Some(selector) => {
                let missing = || Error::NoVersion {
                    name: name.clone(),
                    environment: self.name.clone(),
                    wanted: selector.to_string(),
                };
                slice::from_ref(secret.select(selector).ok_or_else(missing)?)
            }
        };
        let prints = versions
            .iter()
            .filter_map(|version| version.fingerprint(self.vault.as_ref()));
        Ok(prints.collect())
    }

    /// Finds the versions that have a value of one of these fingerprints.
    fn sharers(&self, prints: &BTreeSet<Fingerprint>) -> Vec<Sharer> {
        let mut sharers = Vec::new();
        for (name, secret) in &self.secrets {
            for version in &secret.versions {
                let print = version.fingerprint(self.vault.as_ref());
                let shares = print.is_some_and(|print| prints.contains(&print));
                if version.value.is_some() && shares {
                    let (name, version) = (name.clone(), version.number);
                    sharers.push(Sharer { name, version });
                }
            }
        }
        sharers
    }

    /// Forgets a secret, its versions and their records.
    ///
    /// # Errors
    ///
    /// [`Error::NoSecret`]; [`Error::RotationUnderWay`], as nobody would know of the value
    /// that was made.
    pub fn remove(&mut self, name: &SecretName) -> Result<Removed> {
        self.check_at_rest(name)?;
        let removed = self.secrets.remove(name);
        let removed = removed.ok_or_else(|| self.unknown(name))?;
        self.touch(name);
        Ok(Removed {
            name: name.clone(),
            environment: self.name.clone(),
            versions: removed.versions.len(),
        })
    }

    /// Refuses a value that was revoked in this environment, whichever secret
    /// had it.
    fn refuse_revoked(&self, name: &SecretName, value: &SecretValue) -> Result<()> {
        let fingerprint = Fingerprint::of(value, self.vault.as_ref());
        for (revoked, secret) in &self.secrets {
            for version in &secret.versions {
                let record = version.revocation.as_ref();
                if record.is_some_and(|record| record.fingerprint == fingerprint) {
                    return Err(Error::RevokedValue {
                        name: name.clone(),
                        revoked: revoked.clone(),
                        version: version.number,
                        environment: self.name.clone(),
                    });
                }
            }
        }
        Ok(())
    }
}

fn current_version(number: u32, value: SecretValue, author: Author<'_>) -> SecretVersion {
    SecretVersion {
        number,
        state: VersionState::Current,
        created_at: author.now,
        created_by: author.name.clone(),
        expires_at: None,
        leaked_at: None,
        retirement: None,
        revocation: None,
        destruction: None,
        value: Some(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::sample::{alice, founded};

    fn value(text: &str) -> SecretValue {
        SecretValue::from_text(text.to_owned())
    }

    fn name(text: &str) -> SecretName {
        text.parse().expect("a name")
    }

    fn environment() -> Environment {
        let mut environment = founded("dev");
        environment.changes = Changes::default();
        environment
    }

    fn author(name: &MemberName) -> Author<'_> {
        Author {
            name,
            now: "2026-11-23T12:00:00Z".parse().expect("a time"),
        }
    }

    fn add(environment: &mut Environment, secret: &str, text: &str) -> Result<Added> {
        let new = NewSecret {
            name: name(secret),
            value: value(text),
            description: None,
            tags: Vec::new(),
        };
        environment.add(new, author(&alice()))
    }

    fn rotate(environment: &mut Environment, secret: &str, text: &str) -> Result<Rotated> {
        environment.rotate(&name(secret), value(text), author(&alice()))
    }

    fn revoke(environment: &mut Environment, reference: &str) -> Result<Revoked> {
        let (secret, version) = match reference.split_once('@') {
            None => (reference, None),
            Some((secret, number)) => (secret, number.parse().ok().map(VersionSelector::Number)),
        };
        let reason = "leaked".parse().ok();
        environment.revoke(&name(secret), version, reason, author(&alice()))
    }

    fn revoked(environment: &mut Environment, reference: &str) -> Vec<u32> {
        revoke(environment, reference).expect("revoked").versions
    }

    fn sharers(environment: &mut Environment, reference: &str) -> Vec<String> {
        let revoked = revoke(environment, reference).expect("revoked");
        let sharers = revoked.shared_with.iter();
        sharers.map(ToString::to_string).collect()
    }

    fn states(environment: &Environment, secret: &str) -> Vec<VersionState> {
        let secret = environment.secret(&name(secret)).expect("it is there");
        secret
            .versions
            .iter()
            .map(|version| version.state)
            .collect()
    }

    #[test]
    fn rotating_keeps_the_old_value_as_previous() {
        use VersionState::{Current, Previous};
        let mut dev = environment();
        add(&mut dev, "A", "one").expect("added");
        let rotated = rotate(&mut dev, "A", "two").expect("rotated");
        assert_eq!((rotated.version, rotated.previous), (2, Some(1)));
        rotate(&mut dev, "A", "three").expect("rotated");
        assert_eq!(states(&dev, "A"), [Previous, Previous, Current]);
        let secret = dev.secret(&name("A")).expect("it is there");
        assert_eq!(
            secret
                .select(VersionSelector::Previous)
                .expect("there")
                .number,
            2
        );
    }

    #[test]
    fn a_secret_is_added_once_and_rotated_to_something_else() {
        let mut dev = environment();
        add(&mut dev, "A", "one").expect("added");
        assert!(matches!(
            add(&mut dev, "A", "two"),
            Err(Error::SecretExists { .. })
        ));
        assert!(matches!(
            rotate(&mut dev, "A", "one"),
            Err(Error::SameValue { version: 1, .. })
        ));
        add(&mut dev, "API_KEY", "three").expect("added");
        let Err(Error::NoSecret { closest, .. }) = rotate(&mut dev, "API_KYE", "two") else {
            panic!("it was found")
        };
        assert_eq!(closest, Some(name("API_KEY")));
    }

    #[test]
    fn revoking_destroys_values_and_keeps_records() {
        use VersionState::{Current, Previous, Revoked};
        let mut dev = environment();
        add(&mut dev, "A", "one").expect("added");
        rotate(&mut dev, "A", "two").expect("rotated");
        rotate(&mut dev, "A", "three").expect("rotated");
        assert_eq!(revoked(&mut dev, "A@2"), [2]);
        assert_eq!(states(&dev, "A"), [Previous, Revoked, Current]);
        assert_eq!(revoked(&mut dev, "A"), [1, 3]);
        let secret = dev.secret(&name("A")).expect("it is there");
        assert!(
            secret
                .versions
                .iter()
                .all(|version| version.value.is_none())
        );
        assert!(
            secret
                .versions
                .iter()
                .all(|version| version.revocation.is_some())
        );
        assert!(matches!(
            revoke(&mut dev, "A@9"),
            Err(Error::NoVersion { .. })
        ));
    }

    #[test]
    fn revoking_a_version_revokes_each_with_the_same_value() {
        use VersionState::{Previous, Revoked};
        let mut dev = environment();
        add(&mut dev, "A", "one").expect("added");
        rotate(&mut dev, "A", "two").expect("rotated");
        rotate(&mut dev, "A", "one").expect("rotated");
        assert_eq!(revoked(&mut dev, "A@1"), [1, 3]);
        assert_eq!(states(&dev, "A"), [Revoked, Previous, Revoked]);
    }

    #[test]
    fn what_was_revoked_when_others_were_not_is_revoked_with_them_now() {
        let mut dev = environment();
        add(&mut dev, "A", "one").expect("added");
        rotate(&mut dev, "A", "two").expect("rotated");
        revoke(&mut dev, "A@1").expect("revoked");
        // As it could be left before all of the same value were revoked together.
        let secret = dev.secret_mut(&name("A")).expect("it is there");
        secret.versions[1].value = Some(value("one"));
        assert_eq!(revoked(&mut dev, "A@1"), [2]);
    }

    #[test]
    fn revoking_tells_which_other_secrets_have_the_value() {
        let mut dev = environment();
        for (name, value) in [("A", "one"), ("B", "one"), ("C", "three")] {
            add(&mut dev, name, value).expect("added");
        }
        rotate(&mut dev, "A", "two").expect("rotated");
        rotate(&mut dev, "C", "one").expect("rotated");
        rotate(&mut dev, "C", "four").expect("rotated");
        assert_eq!(sharers(&mut dev, "A@2"), [""; 0]);
        assert_eq!(sharers(&mut dev, "A"), ["B@1", "C@2"]);
        assert_eq!(sharers(&mut dev, "B"), ["C@2"]);
        // Told again, as long as it is so.
        assert_eq!(sharers(&mut dev, "A"), ["C@2"]);
        assert_eq!(sharers(&mut dev, "C@2"), [""; 0]);
        assert_eq!(sharers(&mut dev, "A"), [""; 0]);
    }

    #[test]
    fn revoking_twice_changes_nothing_the_second_time() {
        let mut dev = environment();
        add(&mut dev, "A", "one").expect("added");
        revoke(&mut dev, "A").expect("revoked");
        dev.changes = Changes::default();
        assert_eq!(revoked(&mut dev, "A"), [0; 0]);
        assert!(!dev.is_changed());
    }

    #[test]
    fn a_revoked_value_is_not_taken_again_under_any_name() {
        let mut dev = environment();
        add(&mut dev, "A", "one").expect("added");
        revoke(&mut dev, "A").expect("revoked");
        assert!(matches!(
            rotate(&mut dev, "A", "one"),
            Err(Error::RevokedValue { version: 1, .. })
        ));
        assert!(matches!(
            add(&mut dev, "B", "one"),
            Err(Error::RevokedValue { .. })
        ));
        assert_eq!(rotate(&mut dev, "A", "two").expect("rotated").version, 2);
    }

    #[test]
    fn a_number_is_never_used_again() {
        let mut dev = environment();
        add(&mut dev, "A", "one").expect("added");
        revoke(&mut dev, "A").expect("revoked");
        let rotated = rotate(&mut dev, "A", "two").expect("rotated");
        assert_eq!((rotated.version, rotated.previous), (2, None));
    }

    #[test]
    fn a_failed_change_leaves_nothing_to_save() {
        let mut dev = environment();
        add(&mut dev, "A", "one").expect("added");
        rotate(&mut dev, "A", "two").expect("rotated");
        revoke(&mut dev, "A@1").expect("revoked");
        let before = states(&dev, "A");
        dev.changes = Changes::default();

        assert!(add(&mut dev, "A", "three").is_err(), "it is there");
        assert!(add(&mut dev, "B", "one").is_err(), "it was revoked");
        assert!(rotate(&mut dev, "A", "one").is_err(), "it was revoked");
        assert!(rotate(&mut dev, "A", "two").is_err(), "it is the same");
        assert!(rotate(&mut dev, "B", "three").is_err(), "it is not there");
        assert!(revoke(&mut dev, "A@3").is_err(), "it is not there");
        assert!(revoke(&mut dev, "B").is_err(), "it is not there");
        assert!(dev.remove(&name("B")).is_err(), "it is not there");

        assert!(!dev.is_changed());
        assert_eq!(states(&dev, "A"), before);
    }

    #[test]
    fn each_change_is_something_to_save() {
        let changes: [fn(&mut Environment) -> bool; 4] = [
            |dev| add(dev, "A", "one").is_ok(),
            |dev| rotate(dev, "A", "two").is_ok(),
            |dev| revoke(dev, "A@1").is_ok(),
            |dev| dev.remove(&name("A")).is_ok(),
        ];
        let mut dev = environment();
        for change in changes {
            dev.changes = Changes::default();
            assert!(change(&mut dev) && dev.is_changed());
        }
    }

    #[test]
    fn only_the_last_ancestors_are_remembered() {
        let mut dev = environment();
        for n in 0..=ANCESTORS_MAX {
            dev.advance(Digest::of(&n.to_le_bytes()), author(&alice()));
        }
        assert_eq!(dev.revision, 2 + ANCESTORS_MAX as u64);
        assert_eq!(dev.ancestors.len(), ANCESTORS_MAX);
        assert_eq!(dev.ancestors[0], Digest::of(&1_usize.to_le_bytes()).short());
        assert_eq!(
            dev.ancestors.last(),
            dev.parents.first().map(Digest::short).as_ref()
        );
    }
}
