//! What is on disk: vaults, the identity, what this machine remembers (pins, accepted
//! hooks, the audit log), and the session's cache.
//!
//! A [`VaultStore`] is a vault's folder. Reading takes no lock: a file is
//! replaced as a whole, so whoever opened it reads one state to its end. A
//! writer holds the folder's lock from before it reads until after it saved.

pub mod acceptance;
pub mod allowance;
pub mod audit_log;
pub mod clock_record;
pub mod folder;
pub mod hook_script;
pub mod identity_file;
pub mod ignore_file;
pub mod manifest;
pub mod output_file;
pub mod pin;
pub mod plaintext;
pub mod project;
pub mod reminders;
pub mod session;
pub mod turn;

use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::Stat;
use rustix::process::geteuid;

use crate::error::{Error, Fault, Result, Surprise, shown};
use crate::name::{EnvironmentName, MemberName, SecretName, closest};
use crate::seal::digest::Digest;
use crate::seal::identity::Identity;
use crate::seal::recipient::Recipient;
use crate::seal::signature::{Signer, SignerKey};
use crate::seal::{self, Envelope, Unopened};
use crate::store::audit_log::AuditLog;
use crate::store::folder::{Folder, Lock, Unread};
use crate::store::pin::{BadPin, Membership, Pin, Pins, Sighting, Verdict};
use crate::timestamp::Timestamp;
use crate::vault::document::{Plaintext, Seeker};
use crate::vault::secret::Secret;
use crate::vault::{Environment, VaultId};

/// The folder of a project's vault.
pub const PROJECT_FOLDER: &str = ".keyvault";

/// Most bytes of a vault file: a hundred thousand secrets with some versions.
const FILE_MAX: u64 = 64 << 20;

const SUFFIX: &str = ".age";

/// Most bytes of a `.git` that is a file: a path.
const GIT_FILE_MAX: u64 = 64 << 10;

/// A vault's folder.
pub struct VaultStore {
    folder: Folder,
    pins: Pins,
}

/// What is saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saving {
    /// An environment that has no file yet.
    New,
    /// One that was read under the same lock.
    Changed,
}

/// A file that was read, opened and found to be what it should be.
pub struct OpenedFile {
    /// Of the file.
    pub digest: Digest,
    path: PathBuf,
    plaintext: Plaintext,
    /// The whole, once it was needed: to verify the file, where no pin vouched
    /// for it, or to look through it.
    environment: Option<Environment>,
    /// How its roster stands to the pinned one.
    membership: Membership,
    /// When the newest save of this environment was made that this machine has seen.
    pub newest_save: Option<Timestamp>,
}

/// The vault that a caller knows beforehand.
#[derive(Clone, Debug)]
pub struct ExpectedVault {
    /// Its id.
    pub id: VaultId,
    /// The signers by one of whom each environment must have been begun; anyone,
    /// if there are none.
    pub founders: Vec<SignerKey>,
}

impl ExpectedVault {
    fn accepts(&self, vault: VaultId, founder: Option<&SignerKey>) -> bool {
        vault == self.id
            && (self.founders.is_empty()
                || founder.is_some_and(|founder| self.founders.contains(founder)))
    }
}

/// Something a person should know about a file that was opened all the same.
#[derive(Debug)]
pub enum Notice {
    /// The first file of a vault that this machine sees.
    FirstSight {
        path: PathBuf,
        vault: VaultId,
        members: Vec<MemberName>,
    },
    /// An earlier state or a branch, in a git work tree. Once a person was told,
    /// the noted pin takes the place of the one before.
    Elsewhere {
        path: PathBuf,
        surprise: Surprise,
        before: Box<Pin>,
        noted: Box<Pin>,
    },
    /// The state could not be remembered.
    Unpinned { error: Error },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FirstSight {
                path,
                vault,
                members,
            } => {
                let members: Vec<&str> = members.iter().map(MemberName::as_str).collect();
                let members = members.join(", ");
                write!(
                    f,
                    "first sight of `{}`: trusting vault {vault}, members {members}",
                    shown(path)
                )
            }
            Self::Elsewhere { path, surprise, .. } => write!(
                f,
                "`{}` {surprise}; in a git work tree this is taken for another commit",
                shown(path)
            ),
            Self::Unpinned { error } => {
                write!(f, "this state of the vault is not remembered: {error}")
            }
        }
    }
}

/// A file and how it stands to what this machine saw, for `trust` and `doctor`.
pub struct Inspected {
    /// How it stands.
    pub verdict: Verdict,
    /// What was pinned before.
    pub before: Option<Pin>,
    /// What would be pinned.
    pub after: Pin,
    /// What is in it.
    pub environment: Environment,
}

impl VaultStore {
    /// Opens the vault at a path; `None` if there is no folder. Without a folder for
    /// state nothing is remembered.
    ///
    /// # Errors
    ///
    /// [`Error::LinkedVault`], where the last part of the path is a symbolic link
    /// and `follow` is not set; [`Error::Io`].
    pub fn open(path: &Path, follow: bool, state: Option<&Path>) -> Result<Option<Self>> {
        let folder = Folder::open(path, follow).map_err(|error| {
            if !follow && path.is_symlink() {
                let path = path.to_owned();
                return Error::LinkedVault { path };
            }
            error
        })?;
        Ok(folder.map(|folder| Self::of(folder, state)))
    }

    /// Opens the vault at a path, making its folder where there is none.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn create(path: &Path, state: Option<&Path>) -> Result<Self> {
        Folder::create(path).map(|folder| Self::of(folder, state))
    }

    /// Removes the folder again, if nothing is in it.
    pub fn discard_if_empty(self) {
        let _ = std::fs::remove_dir(self.folder.path());
    }

    fn of(folder: Folder, state: Option<&Path>) -> Self {
        let pins = Pins::of_vault(state, folder.path());
        Self { folder, pins }
    }

    /// Looks for a project's vault in a folder and those above it, nearest first:
    /// a folder, or a link in the place of one, which does not open.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]: what cannot be seen may be the one that is meant.
    pub fn find(from: &Path) -> Result<Option<PathBuf>> {
        for folder in from.ancestors() {
            let path = folder.join(PROJECT_FOLDER);
            match path.symlink_metadata() {
                Ok(found) if found.is_dir() || found.is_symlink() => return Ok(Some(path)),
                Ok(_) => {}
                Err(error) if is_absence(&error) => {}
                Err(error) => return Err(Error::io("look for", &path)(error)),
            }
        }
        Ok(None)
    }

    /// Returns the folder's path.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the folder, for what is said of its permissions.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Returns the vault's pins.
    pub fn pins(&self) -> &Pins {
        &self.pins
    }

    /// Returns the vault's audit log on this machine, below the state folder.
    pub fn audit_log(&self, state: Option<&Path>) -> AuditLog {
        AuditLog::of_vault(state, self.folder.path())
    }

    /// Returns the path of an environment's file.
    pub fn file_path(&self, name: &EnvironmentName) -> PathBuf {
        self.folder.path().join(file_name(name))
    }

    /// Returns the names of the environments, sorted.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn environments(&self) -> Result<Vec<EnvironmentName>> {
        let names = self.folder.names()?;
        let names = names
            .iter()
            .filter_map(|name| name.strip_suffix(SUFFIX)?.parse().ok());
        Ok(names.collect())
    }

    /// Tells whether there is a file for an environment, of whatever kind.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn has(&self, name: &EnvironmentName) -> Result<bool> {
        Ok(self.status(name)?.is_some())
    }

    /// Returns the permissions of an environment's file, if there is one.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn status(&self, name: &EnvironmentName) -> Result<Option<Stat>> {
        self.folder.file_status(&file_name(name))
    }

    /// Waits for the right to write; `waiting` is called once, after a second.
    ///
    /// # Errors
    ///
    /// [`Error::LockHeld`], [`Error::Io`].
    pub fn lock(&self, waiting: &mut dyn FnMut()) -> Result<Lock<'_>> {
        self.folder.lock(waiting)
    }

    fn read(&self, name: &EnvironmentName) -> Result<Envelope> {
        let path = self.file_path(name);
        let fault = |fault| Error::Untrusted {
            path: path.clone(),
            fault,
        };
        let bytes =
            self.folder
                .read(&file_name(name), FILE_MAX)
                .map_err(|unread| match unread {
                    Unread::Missing => self.no_environment(name),
                    Unread::Symlink => fault(Fault::Symlink),
                    Unread::NotAFile => fault(Fault::NotAFile),
                    Unread::TooLarge => fault(Fault::TooLarge { limit: FILE_MAX }),
                    Unread::Io(error) => Error::io("read", &path)(error),
                })?;
        Envelope::read(bytes).map_err(fault)
    }

    /// Makes sure that there is a file for an environment, of whatever kind.
    ///
    /// # Errors
    ///
    /// [`Error::NoEnvironment`], [`Error::Io`].
    pub fn require(&self, name: &EnvironmentName) -> Result<()> {
        if self.has(name)? {
            Ok(())
        } else {
            Err(self.no_environment(name))
        }
    }

    /// Says that there is an environment of this name.
    pub fn environment_exists(&self, name: &EnvironmentName) -> Error {
        Error::EnvironmentExists {
            name: name.clone(),
            vault: self.folder.path().to_owned(),
        }
    }

    fn no_environment(&self, name: &EnvironmentName) -> Error {
        let others = self.environments().unwrap_or_default();
        Error::NoEnvironment {
            name: name.clone(),
            vault: self.folder.path().to_owned(),
            closest: closest(name.as_str(), &others).cloned(),
        }
    }

    fn decrypt(
        &self,
        name: &EnvironmentName,
        envelope: &Envelope,
        identity: &Identity,
        pin: Option<&Pin>,
    ) -> Result<(Plaintext, Digest)> {
        let path = self.file_path(name);
        let opened = envelope.open(identity).map_err(|unopened| match unopened {
            Unopened::Fault(fault) => Error::Untrusted {
                path: path.clone(),
                fault,
            },
            // The payload is the one we could open: only the header has changed.
            // (If it has not, it is the identity that is another.)
            Unopened::NotForUs
                if pin.is_some_and(|pin| {
                    pin.payload == envelope.payload_digest() && pin.digest != envelope.digest()
                }) =>
            {
                Error::Untrusted {
                    path: path.clone(),
                    fault: Fault::CorruptHeader,
                }
            }
            Unopened::NotForUs => Error::NotAMember {
                environment: name.clone(),
                path: path.clone(),
            },
        })?;
        let plaintext =
            Plaintext::split(opened.plaintext).map_err(|fault| Error::Untrusted { path, fault })?;
        Ok((plaintext, opened.digest))
    }

    /// Reads and opens an environment's file, checks who wrote it and compares it
    /// with what this machine saw last and with what the caller expects.
    ///
    /// # Errors
    ///
    /// [`Error::NoEnvironment`], [`Error::NotAMember`], [`Error::Untrusted`],
    /// [`Error::OtherVault`], [`Error::OtherFounder`], [`Error::Unexpected`],
    /// [`Error::Io`].
    pub fn read_environment(
        &self,
        name: &EnvironmentName,
        identity: &Identity,
        expected: Option<&ExpectedVault>,
        notices: &mut Vec<Notice>,
    ) -> Result<OpenedFile> {
        let path = self.file_path(name);
        // Before the file: a writer who comes between has seen more than the pin
        // and not less.
        let pin = self.pin(name)?;
        let envelope = self.read(name)?;
        let (plaintext, digest) = self.decrypt(name, &envelope, identity, pin.as_ref())?;
        if let Some(pin) = &pin
            && pin.digest == digest
            && expected.is_none_or(|expected| expected.accepts(pin.vault, pin.founder.as_ref()))
        {
            return Ok(OpenedFile {
                digest,
                path,
                plaintext,
                environment: None,
                membership: Membership::Continued,
                newest_save: pin.updated_at,
            });
        }
        let (environment, links) = self.verify(name, &plaintext)?;
        let payload = envelope.payload_digest();
        let seen = Sighting {
            path: &path,
            environment: &environment,
            links: &links,
            digest,
            payload,
        };
        let unexpected = |surprise| {
            let (path, environment) = (path.clone(), name.clone());
            Err(Error::Unexpected {
                path,
                environment,
                surprise,
            })
        };
        check_expected(&path, &environment, expected)?;
        let mut membership = Membership::Continued;
        let new_pin = match self.verdict(pin.as_ref(), &seen)? {
            Verdict::Same => None,
            Verdict::Refused(surprise) => return unexpected(surprise),
            Verdict::Newer => {
                if pin.is_none() && expected.is_none() {
                    notices.push(first_sight(&path, &environment));
                }
                Some(Pin::of(&seen))
            }
            Verdict::Elsewhere(surprise, _) if !in_git_work_tree(self.path()) => {
                return unexpected(surprise);
            }
            Verdict::Elsewhere(surprise, found) => {
                membership = found;
                if let Some(pin) = &pin
                    && let Some(noted) = pin.noting(&seen)
                {
                    notices.push(Notice::Elsewhere {
                        path: path.clone(),
                        surprise,
                        before: Box::new(pin.clone()),
                        noted: Box::new(noted),
                    });
                }
                None
            }
        };
        if let Some(new_pin) = new_pin
            && let Err(error) = self.pins.advance(pin.as_ref(), &new_pin)
        {
            notices.push(Notice::Unpinned { error });
        }
        let seen_before = pin.and_then(|pin| pin.updated_at);
        Ok(OpenedFile {
            digest,
            path,
            plaintext,
            newest_save: seen_before.max(Some(environment.updated_at)),
            environment: Some(environment),
            membership,
        })
    }

    /// Tells whether an environment's file is large, if there is one.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn is_large(&self, name: &EnvironmentName) -> Result<bool> {
        let size = self.status(name)?.map(|status| status.st_size);
        Ok(size.is_some_and(|size| usize::try_from(size).is_ok_and(|size| size >= seal::LARGE)))
    }

    /// Finds one secret in a file that is the pinned one, and was verified
    /// when it was pinned, and tells when the newest save that was seen was made. `None` tells nothing: then the file is to be read as a
    /// whole, which has the words for what is wrong with it.
    pub fn seek(
        &self,
        name: &EnvironmentName,
        secret: &SecretName,
        identity: &Identity,
        expected: Option<&ExpectedVault>,
    ) -> Option<(Secret, Option<Timestamp>)> {
        let pin = self.pin(name).ok()??;
        let is_expected =
            |expected: &ExpectedVault| expected.accepts(pin.vault, pin.founder.as_ref());
        if !expected.is_none_or(is_expected) {
            return None;
        }
        let envelope = self.read(name).ok()?;
        let mut seeker = Seeker::new(secret);
        let overlap = seeker.overlap();
        let look = |window: &[u8], known| seeker.look(window, known);
        let digest = envelope.open_in_windows(identity, overlap, look).ok()?;
        let secret = seeker.into_secret().filter(|_| digest == pin.digest)?;
        Some((secret, pin.updated_at))
    }

    /// Reads, opens and verifies an environment's file, and tells how it stands
    /// to what this machine saw, without acting on it.
    ///
    /// # Errors
    ///
    /// As [`VaultStore::read_environment`], without [`Error::Unexpected`].
    pub fn inspect(
        &self,
        name: &EnvironmentName,
        identity: &Identity,
        expected: Option<&ExpectedVault>,
    ) -> Result<Inspected> {
        let path = self.file_path(name);
        let (before, damaged) = match self.pins.load(name) {
            Ok(before) => (before, None),
            Err(BadPin::Damaged(pin)) => (None, Some(Surprise::PinDamaged { pin })),
            Err(BadPin::Error(error)) => return Err(error),
        };
        let envelope = self.read(name)?;
        let (plaintext, digest) = self.decrypt(name, &envelope, identity, before.as_ref())?;
        let (environment, links) = self.verify(name, &plaintext)?;
        let payload = envelope.payload_digest();
        let seen = Sighting {
            path: &path,
            environment: &environment,
            links: &links,
            digest,
            payload,
        };
        check_expected(&path, &environment, expected)?;
        let verdict = match damaged {
            Some(surprise) => Verdict::Refused(surprise),
            None => self.verdict(before.as_ref(), &seen)?,
        };
        let after = Pin::of(&seen);
        Ok(Inspected {
            verdict,
            before,
            after,
            environment,
        })
    }

    fn pin(&self, name: &EnvironmentName) -> Result<Option<Pin>> {
        let pin = self.pins.load(name);
        pin.map_err(|bad| self.bad_pin(bad, name))
    }

    fn bad_pin(&self, bad: BadPin, name: &EnvironmentName) -> Error {
        match bad {
            BadPin::Error(error) => error,
            BadPin::Damaged(pin) => Error::Unexpected {
                path: self.file_path(name),
                environment: name.clone(),
                surprise: Surprise::PinDamaged { pin },
            },
        }
    }

    fn verify(
        &self,
        name: &EnvironmentName,
        plaintext: &Plaintext,
    ) -> Result<(Environment, Vec<Digest>)> {
        let fault = |fault| Error::Untrusted {
            path: self.file_path(name),
            fault,
        };
        let (environment, links) = plaintext.verify().map_err(fault)?;
        if environment.name != *name {
            return Err(fault(Fault::WrongEnvironment {
                found: environment.name,
            }));
        }
        Ok((environment, links))
    }

    fn verdict(&self, pin: Option<&Pin>, seen: &Sighting<'_>) -> Result<Verdict> {
        match pin {
            Some(pin) => Ok(pin.judge(seen)),
            None => {
                let pins = self.pins.load_all();
                let pins = pins.map_err(|bad| self.bad_pin(bad, &seen.environment.name))?;
                Ok(Pins::judge_new(&pins, seen))
            }
        }
    }

    /// Signs, seals and saves an environment, and remembers the new state. What
    /// was sealed is opened again before it takes the old file's place, or the
    /// place where none is yet.
    ///
    /// # Errors
    ///
    /// [`Error::EnvironmentExists`]; [`Error::EnvironmentFull`] or [`Error::Io`],
    /// and the old file is still there then; [`Error::Unconfirmed`].
    pub fn save(
        &self,
        lock: &Lock<'_>,
        saving: Saving,
        environment: &Environment,
        identity: &Identity,
        signer: &Signer,
        notices: &mut Vec<Notice>,
    ) -> Result<()> {
        let path = self.file_path(&environment.name);
        let plaintext = Plaintext::sign(environment, signer);
        let members = environment.roster.members().iter();
        let recipients: Vec<Recipient> = members.map(|member| member.recipient.clone()).collect();
        let envelope = Envelope::seal(plaintext.as_bytes(), &recipients);
        let untrusted = |fault| Error::Untrusted {
            path: path.clone(),
            fault,
        };
        let reopened = envelope.open(identity).map_err(|unopened| match unopened {
            Unopened::Fault(fault) => untrusted(fault),
            Unopened::NotForUs => Error::NotAMember {
                environment: environment.name.clone(),
                path: path.clone(),
            },
        })?;
        if *reopened.plaintext != plaintext.as_bytes() {
            return Err(untrusted(Fault::Corrupt));
        }
        let (environment, links) = plaintext.verify().map_err(untrusted)?;
        let bytes = envelope.as_bytes();
        if bytes.len() as u64 > FILE_MAX {
            return Err(Error::EnvironmentFull {
                environment: environment.name,
                limit: FILE_MAX,
            });
        }
        lock.clear_temporaries(|target| target.ends_with(SUFFIX));
        let file = file_name(&environment.name);
        match saving {
            Saving::Changed => lock.replace(&file, bytes)?,
            Saving::New => lock.create(&file, bytes).map_err(|error| match error {
                Error::Io { source, .. } if source.kind() == io::ErrorKind::AlreadyExists => {
                    self.environment_exists(&environment.name)
                }
                other => other,
            })?,
        }
        let (digest, payload) = (reopened.digest, envelope.payload_digest());
        let seen = Sighting {
            path: &path,
            environment: &environment,
            links: &links,
            digest,
            payload,
        };
        if let Err(error) = self.pins.set(&Pin::of(&seen)) {
            notices.push(Notice::Unpinned { error });
        }
        Ok(())
    }

    /// Removes an environment's file. Its pin stays: what comes back under this
    /// name without being made here is a surprise.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn remove(&self, lock: &Lock<'_>, name: &EnvironmentName) -> Result<()> {
        lock.remove(&file_name(name))
    }
}

impl OpenedFile {
    /// Makes sure that the file may be written on: not if that would give it back
    /// to members who were removed since.
    ///
    /// # Errors
    ///
    /// [`Error::Unexpected`].
    pub fn check_writable(&self, name: &EnvironmentName) -> Result<()> {
        match self.membership {
            Membership::Continued => Ok(()),
            Membership::Earlier => Err(Error::Unexpected {
                path: self.path.clone(),
                environment: name.clone(),
                surprise: Surprise::EarlierRoster,
            }),
        }
    }

    /// Returns one secret, read alone where that is possible.
    ///
    /// # Errors
    ///
    /// [`Error::NoSecret`], [`Error::Untrusted`].
    pub fn secret(self, name: &SecretName) -> Result<Secret> {
        if self.environment.is_none()
            && let Some(secret) = self.plaintext.seek(name)
        {
            return Ok(secret);
        }
        self.environment()?.into_secret(name)
    }

    /// Returns the environment.
    ///
    /// # Errors
    ///
    /// [`Error::Untrusted`].
    pub fn environment(mut self) -> Result<Environment> {
        match self.environment.take() {
            Some(environment) => Ok(environment),
            None => self.read(),
        }
    }

    fn read(&self) -> Result<Environment> {
        let fault = |fault| Error::Untrusted {
            path: self.path.clone(),
            fault,
        };
        self.plaintext.read().map_err(fault)
    }
}

fn file_name(name: &EnvironmentName) -> String {
    format!("{name}{SUFFIX}")
}

fn first_sight(path: &Path, environment: &Environment) -> Notice {
    let members = environment
        .roster
        .members()
        .iter()
        .map(|member| member.name.clone());
    Notice::FirstSight {
        path: path.to_owned(),
        vault: environment.vault,
        members: members.collect(),
    }
}

fn check_expected(
    path: &Path,
    environment: &Environment,
    expected: Option<&ExpectedVault>,
) -> Result<()> {
    let path = path.to_owned();
    match expected {
        Some(expected) if expected.id != environment.vault => Err(Error::OtherVault {
            path,
            found: environment.vault.to_string(),
            expected: expected.id.to_string(),
        }),
        Some(expected) if !expected.accepts(environment.vault, environment.founder_key()) => {
            let founder = environment.roster.founder();
            let founder = founder.map_or(&environment.updated_by, |member| &member.name);
            Err(Error::OtherFounder {
                path,
                founder: founder.clone(),
            })
        }
        _ => Ok(()),
    }
}

/// Tells whether a vault's folder lies in a git work tree, where checking out
/// another commit is ordinary life. Somebody else's is none: whoever may write in
/// a folder above could put one there. Nor is a folder that only has the name.
pub fn in_git_work_tree(vault: &Path) -> bool {
    let ours = geteuid().as_raw();
    let is_repository = |git: PathBuf| match git.metadata() {
        Ok(found) if found.uid() != ours => false,
        Ok(found) if found.is_dir() => git.join("HEAD").is_file(),
        // Of a linked work tree or a submodule (gitrepository-layout(5)).
        Ok(_) => folder::read(&git, GIT_FILE_MAX).is_ok_and(|text| text.starts_with(b"gitdir:")),
        Err(_) => false,
    };
    let above = vault.ancestors().skip(1);
    above
        .into_iter()
        .any(|folder| is_repository(folder.join(".git")))
}

/// Tells whether an error means that there is nothing of that name.
fn is_absence(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory)
}
