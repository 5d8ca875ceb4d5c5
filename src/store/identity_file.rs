//! The file that holds the private key.

use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use crate::error::{Error, Origin, Result};
use crate::store::folder::Folder;

/// Most bytes of an identity file: age keys take 75 bytes each, an OpenSSH key
/// 400.
const IDENTITY_MAX: u64 = 64 << 10;

/// How long a script waits for another keyvault that asks for the passphrase: for
/// several that were started at once, each of which takes a second. One that asks a
/// person may take for ever.
const SCRIPT_PATIENCE: Duration = Duration::from_secs(5);

/// How often the lock is tried. The kernel wakes no waiter after a set time.
const LOCK_RETRY: Duration = Duration::from_millis(10);

/// The rights of others on an identity file, none of which it may have.
const OTHERS: u32 = 0o077;

/// An identity file's contents, and the file, held open so that it can be
/// locked while a passphrase is asked for.
pub struct FoundIdentity {
    /// What it holds, still to be parsed.
    pub contents: Zeroizing<Vec<u8>>,
    file: File,
}

impl FoundIdentity {
    /// Waits until no other keyvault asks for this identity's passphrase:
    /// `for_person`, who would only be asked twice, as long as it takes, after
    /// `waiting` was called; for a script no longer than [`SCRIPT_PATIENCE`]. Then,
    /// or where files cannot be locked, it goes on all the same.
    pub fn lock(&self, for_person: bool, waiting: &mut dyn FnMut()) {
        let start = Instant::now();
        let mut told = !for_person;
        while let Err(TryLockError::WouldBlock) = self.file.try_lock() {
            if !for_person && start.elapsed() >= SCRIPT_PATIENCE {
                return;
            }
            if !told {
                waiting();
                told = true;
            }
            thread::sleep(LOCK_RETRY);
        }
    }
}

/// Tells whether what is there is no file, but a pipe: of which nobody knows when it
/// will speak, and which does so once.
pub fn is_pipe(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|status| !status.is_file())
}

/// Reads an identity file. Links are followed: it is the user's own, and may
/// well be kept elsewhere. A pipe is read too, as in `-i <(…)`.
///
/// # Errors
///
/// [`Error::NoIdentity`]; [`Error::IdentityExposed`] where others may read or
/// write it; [`Error::BadIdentity`] where it is too large; [`Error::Io`].
pub fn read(path: &Path) -> Result<FoundIdentity> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(Error::NoIdentity {
                path: path.to_owned(),
            });
        }
        Err(error) => return Err(Error::io("read", path)(error)),
    };
    let metadata = file.metadata().map_err(Error::io("read", path))?;
    let mode = metadata.permissions().mode() & 0o7777;
    if metadata.is_file() && mode & OTHERS != 0 {
        return Err(Error::IdentityExposed {
            path: path.to_owned(),
            mode,
        });
    }
    // The whole size first: a buffer that grows leaves copies behind.
    let size = usize::try_from(metadata.size().min(IDENTITY_MAX)).unwrap_or(0);
    let pipe_size = usize::try_from(IDENTITY_MAX).unwrap_or(0);
    let capacity = if metadata.is_file() { size } else { pipe_size } + 1;
    let mut contents = Zeroizing::new(Vec::with_capacity(capacity));
    (&file)
        .take(IDENTITY_MAX + 1)
        .read_to_end(&mut contents)
        .map_err(Error::io("read", path))?;
    if contents.len() as u64 > IDENTITY_MAX {
        let origin = Origin::File(path.to_owned());
        return Err(Error::BadIdentity {
            origin,
            what: "it is larger than 64 KiB".to_owned(),
        });
    }
    Ok(FoundIdentity { contents, file })
}

/// Writes a new identity file, 0600, and the folders that it needs, 0700.
///
/// # Errors
///
/// [`Error::Io`], of the kind [`ErrorKind::AlreadyExists`] where there is a file.
pub fn create(path: &Path, contents: &[u8]) -> Result<()> {
    write(path, contents, false)
}

/// Puts an identity file in the place of the one that is there.
///
/// # Errors
///
/// [`Error::Io`]; the old one is still there then.
pub fn replace(path: &Path, contents: &[u8]) -> Result<()> {
    write(path, contents, true)
}

fn write(path: &Path, contents: &[u8], replace: bool) -> Result<()> {
    let failed = |kind| Error::io("write", path)(std::io::Error::from(kind));
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .ok_or_else(|| failed(ErrorKind::InvalidInput))?;
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let folder = Folder::create(parent)?;
    let lock = folder.lock(&mut || {})?;
    if replace {
        lock.replace(name, contents)
    } else {
        lock.create(name, contents)
    }
}
