//! One rotation or revocation of a secret at a time on a machine: a file in the state
//! folder that is locked while it goes on, and that a crash unlocks.
//!
//! It keeps a timer from going on with what a person has only just begun. Whoever
//! rotates on another machine is noticed by what is saved.

use std::fs::{self, File, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use crate::error::{Error, Result};
use crate::name::{EnvironmentName, SecretName};
use crate::seal::digest::Digest;
use crate::store::folder::Folder;
use crate::vault::VaultId;

/// The right to rotate or revoke a secret, until it is dropped.
pub struct Turn {
    path: PathBuf,
    _lock: File,
}

impl Turn {
    /// Takes the turn, unless somebody else has it.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn take(
        state: &Path,
        vault: VaultId,
        environment: &EnvironmentName,
        name: &SecretName,
    ) -> Result<Option<Self>> {
        let folder = state.join("rotating");
        Folder::create(&folder)?;
        let digest = Digest::of(format!("{vault} {environment} {name}").as_bytes()).to_string();
        let path = folder.join(&digest[..32]);
        loop {
            let flags = OFlags::CREATE | OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW;
            let file = rustix::fs::open(&path, flags, Mode::RUSR | Mode::WUSR);
            let file = file.map_err(|error| Error::io("open", &path)(error.into()))?;
            let file = File::from(file);
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(Error::io("lock", &path)(error)),
            }
            // Whoever had it may have removed it meanwhile: then it keeps nobody out.
            let status = file.metadata().map_err(Error::io("look at", &path))?;
            if status.nlink() > 0 {
                return Ok(Some(Self { path, _lock: file }));
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // While it is locked, so that nobody else's is removed.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_taken_once_and_leaves_nothing_behind() {
        let state = tempfile::TempDir::new().expect("a folder");
        let (vault, dev) = (VaultId::from([7; 16]), "dev".parse().expect("a name"));
        let take = |name: &str| {
            let name = name.parse().expect("a name");
            Turn::take(state.path(), vault, &dev, &name).expect("looked at")
        };
        let turn = take("A").expect("free");
        assert!(take("A").is_none());
        assert!(take("B").is_some());
        drop(turn);
        assert!(take("A").is_some());
        let left = fs::read_dir(state.path().join("rotating")).expect("listed");
        assert_eq!(left.count(), 0);
    }
}
