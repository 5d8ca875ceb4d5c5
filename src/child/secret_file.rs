//! Secrets as files, for programs that want a path: keys, certificates,
//! kubeconfigs.
//!
//! They are in a folder of their own, which only its owner can enter and whose
//! name nobody can guess, on a file system in memory where there is one. It goes
//! when the program has ended. While keyvault runs it holds a lock on the folder,
//! which no child inherits: a folder without one was left behind by a keyvault
//! that was killed, and the next that makes one removes it, even if the program
//! should still run.

use std::ffi::{CStr, CString};
use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::geteuid;

use crate::error::{Error, Result};
use crate::name::SecretName;
use crate::seal::digest::ShortDigest;
use crate::seal::random;
use crate::secret_value::SecretValue;

/// Memory that everybody has on Linux, shm_overview(7).
const SHARED_MEMORY: &str = "/dev/shm";

/// What the names of our folders begin with. Behind it stand 16 random digits.
const PREFIX: &str = "keyvault-files-";

/// How often a folder is made anew because another keyvault took it for one that
/// was left behind, before it was locked. Once is rare.
const ATTEMPTS: usize = 10;

const FOLDER_FLAGS: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);
const FOLDER_MODE: Mode = Mode::RWXU;
const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);

/// Where folders can be.
pub struct Places(Vec<Place>);

/// A folder in which only we can change what is ours.
struct Place {
    path: PathBuf,
    handle: File,
    is_in_memory: bool,
}

impl Places {
    /// Finds the places that there are, the better ones first: in memory the user's
    /// runtime folder and the one that all share, and then, wherever it is, the
    /// folder for temporary files.
    pub fn find(runtime: Option<&Path>, temporary: &Path) -> Self {
        let runtime = runtime.filter(|path| path.is_absolute());
        let in_memory = runtime.into_iter().chain([Path::new(SHARED_MEMORY)]);
        let in_memory = in_memory
            .filter_map(Place::open)
            .filter(|place| place.is_in_memory);
        Self(in_memory.chain(Place::open(temporary)).collect())
    }

    /// Removes the folders that were left behind. What cannot be removed stays, and
    /// is in nobody's way.
    pub fn clear(&self) {
        for place in &self.0 {
            for name in names(&place.handle).unwrap_or_default() {
                if let Some(name) = name.to_str().ok().filter(|name| is_ours(name)) {
                    let _ = place.clear(name);
                }
            }
        }
    }

    /// Makes a folder in the best of them.
    ///
    /// # Errors
    ///
    /// [`Error::NoPlaceForFiles`], [`Error::Io`].
    pub fn make_folder(self) -> Result<SecretFiles> {
        let best = self.0.into_iter().next();
        best.ok_or(Error::NoPlaceForFiles)?.make_folder()
    }
}

impl Place {
    /// Opens a folder, if it is a place where others cannot meddle.
    fn open(path: &Path) -> Option<Self> {
        let path = path.canonicalize().ok()?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle: File = rustix::fs::open(&path, flags, Mode::empty()).ok()?.into();
        let status = handle.metadata().ok()?;
        let (us, mode) = (geteuid().as_raw(), Mode::from_raw_mode(status.mode()));
        let is_private = !mode.intersects(Mode::WGRP | Mode::WOTH) || mode.contains(Mode::SVTX);
        let is_trusted = [us, 0].contains(&status.uid()) && is_private;
        let is_writable = rustix::fs::access(&path, rustix::fs::Access::WRITE_OK).is_ok();
        (is_trusted && is_writable).then(|| Self {
            is_in_memory: is_in_memory(&handle),
            path,
            handle,
        })
    }

    fn make_folder(self) -> Result<SecretFiles> {
        for _ in 0..ATTEMPTS {
            let name = format!("{PREFIX}{}", ShortDigest::from(random::bytes()?));
            let path = self.path.join(&name);
            let failed = |error: io::Error| Error::io("make", &path)(error);
            rustix::fs::mkdirat(&self.handle, &name, FOLDER_MODE)
                .map_err(|error| failed(error.into()))?;
            // Whatever the mask for new files takes from it. It may be gone by now.
            let _ = rustix::fs::chmodat(&self.handle, &name, FOLDER_MODE, AtFlags::empty());
            if let Some(handle) = self.lock(&name).map_err(failed)? {
                return Ok(SecretFiles {
                    place: self,
                    name,
                    handle,
                });
            }
        }
        Err(Error::io("make a private folder in", &self.path)(
            io::ErrorKind::ResourceBusy.into(),
        ))
    }

    /// Locks a folder of ours. Returns `None` for one that another keyvault has, or
    /// that is not there any more.
    fn lock(&self, name: &str) -> io::Result<Option<File>> {
        let opened = rustix::fs::openat(&self.handle, name, FOLDER_FLAGS, Mode::empty());
        let handle: File = match opened {
            Ok(handle) => handle.into(),
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        match handle.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // Who had the lock before may have removed it.
        let ours = handle.metadata()?;
        let there = rustix::fs::statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW);
        let is_there = there.is_ok_and(|there| {
            (there.st_dev, there.st_ino) == (ours.dev(), ours.ino())
                && there.st_uid == geteuid().as_raw()
        });
        Ok(is_there.then_some(handle))
    }

    fn clear(&self, name: &str) -> io::Result<()> {
        match self.lock(name)? {
            Some(handle) => self.remove(name, &handle),
            None => Ok(()),
        }
    }

    /// Removes a folder, whole or as far as can be.
    fn remove(&self, name: &str, handle: &File) -> io::Result<()> {
        let emptied = empty(handle);
        rustix::fs::unlinkat(&self.handle, name, AtFlags::REMOVEDIR)?;
        emptied
    }
}

/// A folder with secrets, there until this is dropped.
pub struct SecretFiles {
    place: Place,
    name: String,
    /// Locked.
    handle: File,
}

impl SecretFiles {
    /// Returns the folder.
    pub fn path(&self) -> PathBuf {
        self.place.path.join(&self.name)
    }

    /// Tells whether it is in memory; else it is on a disk.
    pub fn is_in_memory(&self) -> bool {
        self.place.is_in_memory
    }

    /// Writes a secret, byte for byte. Returns where it is.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn write(&self, name: &SecretName, value: &SecretValue) -> Result<PathBuf> {
        let path = self.path().join(name.as_str());
        let failed = |error: io::Error| Error::io("write", &path)(error);
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.handle, name.as_str(), flags, FILE_MODE)
            .map_err(|error| failed(error.into()))?;
        rustix::fs::fchmod(&file, FILE_MODE).map_err(|error| failed(error.into()))?;
        File::from(file).write_all(value.expose()).map_err(failed)?;
        Ok(path)
    }

    /// Removes the folder and all that is in it, also what the program put there.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn remove(self) -> Result<()> {
        let removed = self.place.remove(&self.name, &self.handle);
        removed.map_err(|error| Error::io("remove", &self.path())(error))
    }
}

impl Drop for SecretFiles {
    fn drop(&mut self) {
        // It may be done already.
        let _ = self.place.remove(&self.name, &self.handle);
    }
}

/// Returns the names in a folder.
fn names(folder: &File) -> io::Result<Vec<CString>> {
    let entries = rustix::fs::Dir::read_from(folder)?;
    let names = entries.map(|entry| Ok(entry?.file_name().to_owned()));
    names.collect()
}

/// Removes all that is in a folder, as far as can be, and follows no links.
fn empty(folder: &File) -> io::Result<()> {
    let mut outcome = Ok(());
    for name in names(folder)? {
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let removed = match rustix::fs::unlinkat(folder, &*name, AtFlags::empty()) {
            // The one on Linux, the other as POSIX has it.
            Err(Errno::ISDIR | Errno::PERM) => remove_inner(folder, &name),
            removed => removed.map_err(io::Error::from),
        };
        outcome = outcome.and(removed);
    }
    outcome
}

fn remove_inner(folder: &File, name: &CStr) -> io::Result<()> {
    let inner = rustix::fs::openat(folder, name, FOLDER_FLAGS, Mode::empty())?;
    empty(&inner.into())?;
    Ok(rustix::fs::unlinkat(folder, name, AtFlags::REMOVEDIR)?)
}

/// Tells whether a folder's name is one that we make.
fn is_ours(name: &str) -> bool {
    let random = name.strip_prefix(PREFIX);
    random.is_some_and(|random| random.parse::<ShortDigest>().is_ok())
}

#[cfg(target_os = "linux")]
fn is_in_memory(folder: &File) -> bool {
    // statfs(2). How wide the field is depends on the machine.
    const TMPFS: u32 = 0x0102_1994;
    const RAMFS: u32 = 0x8584_58f6;
    let status = rustix::fs::fstatfs(folder);
    status.is_ok_and(|status| [TMPFS, RAMFS].contains(&(status.f_type as u32)))
}

#[cfg(not(target_os = "linux"))]
fn is_in_memory(_: &File) -> bool {
    false
}
