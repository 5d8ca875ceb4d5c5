//! Which vaults shells may load on `cd`: a file for each that a person decided on, in
//! the state folder.
//!
//! What is allowed is the vault at a path, by its id: another one in its place, as a
//! pulled commit or an unpacked archive may bring it, is not.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, shown};
use crate::seal::digest::Digest;
use crate::store::folder::{self, Folder};
use crate::vault::VaultId;

/// Most bytes of such a file: a path, and what is around it.
const FILE_MAX: u64 = 64 << 10;

/// What a person decided on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowance {
    /// The vault of this id may be loaded.
    Allowed(VaultId),
    /// None may.
    Denied,
}

/// The decisions of this machine's user.
pub struct Allowances {
    path: Option<PathBuf>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    format: Format,
    /// The vault's folder, for a person who looks.
    path: String,
    /// Which vault may be loaded; none if none may.
    vault: Option<VaultId>,
}

#[derive(Serialize, Deserialize)]
enum Format {
    #[serde(rename = "keyvault-shell/1")]
    V1,
}

impl Allowances {
    /// Names their place, below the state folder.
    pub fn below(state: Option<&Path>) -> Self {
        Self {
            path: state.map(|state| state.join("shell")),
        }
    }

    /// Returns what was decided on the vault at a canonical path; nothing where that
    /// cannot be read: then it is as if nobody had been asked.
    pub fn of(&self, vault: &Path) -> Option<Allowance> {
        let path = self.path.as_ref()?.join(file_name(vault));
        let bytes = folder::read(&path, FILE_MAX).ok()?;
        let record: Record = serde_json::from_slice(&bytes).ok()?;
        Some(record.vault.map_or(Allowance::Denied, Allowance::Allowed))
    }

    /// Remembers a decision on the vault at a canonical path.
    ///
    /// # Errors
    ///
    /// [`Error::NoHome`], [`Error::Io`].
    pub fn decide(&self, vault: &Path, allowance: Allowance) -> Result<()> {
        let path = self.path.as_ref().ok_or(Error::NoHome)?;
        let record = Record {
            format: Format::V1,
            path: shown(vault),
            vault: match allowance {
                Allowance::Allowed(id) => Some(id),
                Allowance::Denied => None,
            },
        };
        let mut text = serde_json::to_vec(&record).expect("it has a JSON form");
        text.push(b'\n');
        let folder = Folder::create(path)?;
        let lock = folder.lock(&mut || {})?;
        lock.replace(&file_name(vault), &text)
    }
}

fn file_name(vault: &Path) -> String {
    let digest = Digest::of(vault.as_os_str().as_encoded_bytes()).to_string();
    format!("{}.json", &digest[..32])
}
