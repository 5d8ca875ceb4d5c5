//! What this machine last saw of each environment.
//!
//! A signature tells that a member wrote a file, and not that it is the latest
//! one. So the machine remembers, per vault folder and environment, the state
//! that it saw last, and judges each later file by it.
//!
//! A pin also makes reading fast: a file whose digest is the pinned one was
//! verified when it was pinned, and is not verified again.

use std::cell::Cell;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, Surprise, shown};
use crate::name::EnvironmentName;
use crate::seal::digest::{Digest, LogId, ShortDigest};
use crate::seal::signature::SignerKey;
use crate::store::folder::{self, Folder, Unread};
use crate::timestamp::Timestamp;
use crate::vault::log_head::{self, LogHead};
use crate::vault::roster::Member;
use crate::vault::{ANCESTORS_MAX, Environment, VaultId};

/// A pin takes about 2 KiB, and 200 bytes more for each member.
const PIN_MAX: u64 = 1 << 20;

/// How many notes a pin keeps: more branches than anyone goes to and fro between.
const NOTED_MAX: usize = 16;

/// How many audit logs of its own a machine remembers: each was begun where there should
/// have been one.
const OWN_LOGS_MAX: usize = 8;

/// The state of an environment that this machine saw last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    format: Format,
    /// Where the vault is, for a person who looks into the file.
    path: String,
    pub vault: VaultId,
    pub environment: EnvironmentName,
    pub revision: u64,
    /// Of the file.
    pub digest: Digest,
    /// Of the file without its header.
    pub payload: Digest,
    ancestors: Vec<ShortDigest>,
    /// The roster's links, oldest first.
    roster: Vec<Digest>,
    pub members: Vec<Member>,
    /// Who signed the first link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub founder: Option<SignerKey>,
    /// When the newest save was made that was seen: it never goes back, though the
    /// state may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
    /// Earlier states and branches that were read in a git work tree, and that a
    /// person was told of; each is told once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    noted: Vec<ShortDigest>,
    /// How far audit logs had come, each at the most that was seen here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logs: Vec<LogHead>,
    /// The audit logs that were this machine's own, the last one the latest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub own_logs: Vec<LogId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Format {
    #[serde(rename = "keyvault-pin/1")]
    V1,
}

/// A verified file, as far as a pin is concerned.
pub struct Sighting<'a> {
    pub path: &'a Path,
    pub environment: &'a Environment,
    pub links: &'a [Digest],
    pub digest: Digest,
    pub payload: Digest,
}

/// How a file stands to a pin.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the pinned one.
    Same,
    /// It comes from the pinned one.
    Newer,
    /// It is an earlier state or a branch, by someone who may still write: what
    /// checking out another commit brings about, and an attacker too.
    Elsewhere(Surprise, Membership),
    /// It is not to be believed without a person's word.
    Refused(Surprise),
}

/// How the roster of a file stands to the pinned one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    /// It is the same or continues it.
    Continued,
    /// It is an earlier one: it may have members who were removed since.
    Earlier,
}

impl Pin {
    /// Makes the pin of a file.
    pub fn of(seen: &Sighting<'_>) -> Self {
        Self {
            format: Format::V1,
            path: shown(seen.path),
            vault: seen.environment.vault,
            environment: seen.environment.name.clone(),
            revision: seen.environment.revision,
            digest: seen.digest,
            payload: seen.payload,
            ancestors: seen.environment.ancestors.clone(),
            roster: seen.links.to_vec(),
            members: seen.environment.roster.members().to_vec(),
            founder: seen.environment.founder_key().copied(),
            updated_at: Some(seen.environment.updated_at),
            noted: Vec::new(),
            logs: seen.environment.logs.clone(),
            own_logs: Vec::new(),
        }
    }

    /// Takes over what the pin before has of audit logs, and notes the one that is this
    /// machine's own.
    fn following(mut self, before: Option<&Self>, own: Option<LogId>) -> Self {
        // Of another vault, its logs tell nothing of this one's.
        let before = before.filter(|before| before.vault == self.vault);
        if let Some(before) = before {
            log_head::note_highest(&mut self.logs, &before.logs);
        }
        let known = before.into_iter().flat_map(|before| &before.own_logs);
        for log in known.copied().chain(own) {
            if !self.own_logs.contains(&log) {
                self.own_logs.push(log);
            }
        }
        let surplus = self.own_logs.len().saturating_sub(OWN_LOGS_MAX);
        self.own_logs.drain(..surplus);
        self
    }

    /// Returns this pin with a note of a file that is not the pinned one, or
    /// `None` if the note is there.
    pub fn noting(&self, seen: &Sighting<'_>) -> Option<Self> {
        let digest = seen.digest.short();
        if self.noted.contains(&digest) {
            return None;
        }
        let mut pin = self.clone();
        pin.noted.push(digest);
        let surplus = pin.noted.len().saturating_sub(NOTED_MAX);
        pin.noted.drain(..surplus);
        Some(pin)
    }

    /// Judges a file by this pin.
    pub fn judge(&self, seen: &Sighting<'_>) -> Verdict {
        let environment = seen.environment;
        if seen.digest == self.digest {
            return Verdict::Same;
        }
        if environment.vault != self.vault {
            return Verdict::Refused(other_vault(environment.vault, self.vault));
        }
        let continued = self
            .roster
            .last()
            .is_some_and(|link| seen.links.contains(link));
        let earlier = seen
            .links
            .last()
            .is_some_and(|link| self.roster.contains(link));
        if !continued && !earlier {
            return Verdict::Refused(other_roster(environment));
        }
        let membership = if continued {
            Membership::Continued
        } else {
            Membership::Earlier
        };
        let (found, pinned) = (environment.revision, self.revision);
        let descends = environment.parents.contains(&self.digest)
            || environment.ancestors.contains(&self.digest.short());
        let forgotten = found > pinned.saturating_add(ANCESTORS_MAX as u64);
        if continued && (descends || forgotten) {
            return Verdict::Newer;
        }
        if self.ancestors.contains(&seen.digest.short()) {
            let surprise = Surprise::RolledBack {
                found,
                seen: pinned,
            };
            return Verdict::Elsewhere(surprise, membership);
        }
        // It was never seen here. Whoever wrote it must be a writer still, or one
        // who left could go on writing by pretending not to have.
        let signer = environment.roster.writer(&environment.updated_by);
        let still = self.members.iter().any(|member| {
            member.name == environment.updated_by
                && signer.is_some()
                && member.signer.as_ref() == signer
        });
        if still {
            let surprise = Surprise::Diverged {
                found,
                seen: pinned,
            };
            Verdict::Elsewhere(surprise, membership)
        } else {
            Verdict::Refused(other_roster(environment))
        }
    }
}

fn other_vault(found: VaultId, seen: VaultId) -> Surprise {
    Surprise::OtherVault {
        found: found.to_string(),
        seen: seen.to_string(),
    }
}

fn other_roster(environment: &Environment) -> Surprise {
    let founder = environment
        .roster
        .founder()
        .map(|member| member.name.clone());
    Surprise::OtherRoster {
        founder: founder.unwrap_or_else(|| environment.updated_by.clone()),
    }
}

/// The pins of one vault folder.
pub struct Pins {
    /// Where they are, if anywhere.
    path: Option<PathBuf>,
    /// The audit log of this machine, once a line was written there.
    log: Cell<Option<LogId>>,
}

impl Pins {
    /// Names the place, below the state folder, of the pins of the vault at this
    /// path. Nothing is created before a pin is kept.
    pub fn of_vault(state: Option<&Path>, vault: &Path) -> Self {
        let digest = Digest::of(vault.as_os_str().as_encoded_bytes()).to_string();
        Self {
            path: state.map(|state| state.join("pins").join(&digest[..32])),
            log: Cell::new(None),
        }
    }

    /// Notes, in pins that are kept from here on, which audit log is this machine's.
    pub fn note_log(&self, log: LogId) {
        self.log.set(Some(log));
    }

    /// Returns the pin of an environment, if there is one.
    ///
    /// # Errors
    ///
    /// [`BadPin`].
    pub fn load(&self, name: &EnvironmentName) -> Result<Option<Pin>, BadPin> {
        match &self.path {
            Some(path) => read(&path.join(file_name(name))),
            None => Ok(None),
        }
    }

    /// Returns the pins of the vault.
    ///
    /// # Errors
    ///
    /// [`BadPin`]: one that cannot be used may be the one that would object.
    pub fn load_all(&self) -> Result<Vec<Pin>, BadPin> {
        let pins = self.load_each().map_err(BadPin::Error)?;
        pins.into_iter().filter_map(Result::transpose).collect()
    }

    /// Returns those pins of the vault that can be used, for what they tell
    /// and where nothing is judged by them.
    pub fn load_usable(&self) -> Vec<Pin> {
        let pins = self.load_each().unwrap_or_default();
        pins.into_iter().flatten().flatten().collect()
    }

    fn load_each(&self) -> Result<Vec<Result<Option<Pin>, BadPin>>> {
        let Some(path) = &self.path else {
            return Ok(Vec::new());
        };
        let folder = match Folder::open(path, true) {
            Ok(Some(folder)) => folder,
            Ok(None) => return Ok(Vec::new()),
            // Something is in the place of a folder above, so no pin is there.
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotADirectory => {
                return Ok(Vec::new());
            }
            Err(error) => return Err(error),
        };
        let names = folder.names()?;
        let pins = names.iter().filter(|name| name.ends_with(SUFFIX));
        Ok(pins.map(|name| read(&path.join(name))).collect())
    }

    /// Judges the first file of an environment by the vault's other pins: it must
    /// be of the same vault, and started by someone known from there.
    pub fn judge_new(others: &[Pin], seen: &Sighting<'_>) -> Verdict {
        let (Some(known), environment) = (others.first(), seen.environment) else {
            return Verdict::Newer;
        };
        if environment.vault != known.vault {
            return Verdict::Refused(other_vault(environment.vault, known.vault));
        }
        let Some(founder) = environment.roster.founder() else {
            return Verdict::Refused(other_roster(environment));
        };
        let is_founder =
            |member: &Member| member.name == founder.name && member.signer == founder.signer;
        if others.iter().any(|pin| pin.members.iter().any(is_founder)) {
            Verdict::Newer
        } else {
            Verdict::Refused(Surprise::UnknownFounder {
                founder: founder.name.clone(),
            })
        }
    }

    /// Forgets the other environments of a vault: those of one that was here
    /// before. What cannot be removed stays.
    pub fn forget_others(&self, name: &EnvironmentName) {
        let Some(path) = &self.path else { return };
        let Ok(Some(folder)) = Folder::open(path, true) else {
            return;
        };
        let Ok(lock) = folder.lock(&mut || {}) else {
            return;
        };
        let kept = file_name(name);
        for name in folder.names().unwrap_or_default() {
            if name.ends_with(SUFFIX) && name != kept {
                let _ = lock.remove(&name);
            }
        }
    }

    /// Keeps a pin, unless another process has changed the one that the file was
    /// judged by: then that one has seen as much or more.
    ///
    /// # Errors
    ///
    /// [`Error::Io`](crate::error::Error::Io) and the like; the pin is the old
    /// one then.
    pub fn advance(&self, judged_by: Option<&Pin>, new: &Pin) -> Result<()> {
        self.write(new, |now| now == judged_by)
    }

    /// Keeps a pin whatever was there: after our own save, and for `trust`.
    ///
    /// # Errors
    ///
    /// As [`Pins::advance`].
    pub fn set(&self, new: &Pin) -> Result<()> {
        self.write(new, |_| true)
    }

    /// Forgets when the newest save was made: a person said that its clock was wrong.
    ///
    /// # Errors
    ///
    /// As [`Pins::advance`].
    pub fn forget_newest_save(&self, name: &EnvironmentName) -> Result<()> {
        let path = self.path.as_ref().ok_or(Error::NoHome)?;
        let folder = Folder::create(path)?;
        let lock = folder.lock(&mut || {})?;
        let name = file_name(name);
        let Some(mut pin) = read(&path.join(&name)).ok().flatten() else {
            return Ok(());
        };
        pin.updated_at = None;
        let mut text = serde_json::to_vec(&pin).expect("a pin has a JSON form");
        text.push(b'\n');
        lock.replace(&name, &text)
    }

    fn write(&self, new: &Pin, condition: impl FnOnce(Option<&Pin>) -> bool) -> Result<()> {
        let path = self.path.as_ref().ok_or(Error::NoHome)?;
        let folder = Folder::create(path)?;
        let lock = folder.lock(&mut || {})?;
        let name = file_name(&new.environment);
        let now = read(&path.join(&name)).ok().flatten();
        if condition(now.as_ref()) {
            let mut new = new.clone().following(now.as_ref(), self.log.get());
            // Of another vault, its saves tell nothing of this one's.
            if let Some(before) = now.filter(|before| before.vault == new.vault) {
                new.updated_at = new.updated_at.max(before.updated_at);
            }
            let mut text = serde_json::to_vec(&new).expect("a pin has a JSON form");
            text.push(b'\n');
            lock.replace(&name, &text)?;
        }
        Ok(())
    }
}

/// Why a pin cannot be used.
#[derive(Debug)]
pub enum BadPin {
    /// It does not read.
    Damaged(PathBuf),
    /// It was not read.
    Error(Error),
}

const SUFFIX: &str = ".json";

fn file_name(name: &EnvironmentName) -> String {
    format!("{name}{SUFFIX}")
}

fn read(path: &Path) -> Result<Option<Pin>, BadPin> {
    let damaged = || BadPin::Damaged(path.to_owned());
    match folder::read(path, PIN_MAX) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|_| damaged()),
        Err(Unread::Missing) => Ok(None),
        Err(Unread::Symlink | Unread::NotAFile | Unread::TooLarge) => Err(damaged()),
        Err(Unread::Io(error)) => Err(BadPin::Error(Error::io("read", path)(error))),
    }
}
