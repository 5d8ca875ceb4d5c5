//! A folder held open, in which files are read whole and replaced whole.
//!
//! Every step goes through the folder's own handle, so a folder that is moved
//! or replaced meanwhile is not written to by mistake. Files are created 0600
//! and folders 0700, whatever the umask, which is never changed: it would be
//! handed on to a child.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RenameFlags, Stat};
use rustix::io::Errno;

use crate::error::{Error, Result};
use crate::seal::digest::ShortDigest;
use crate::seal::random;

/// How long a writer waits for another: fifty of them, each waiting for a slow
/// disk three times, are done by then.
const LOCK_PATIENCE: Duration = Duration::from_secs(30);

/// After how long a person is told what the wait is for.
const LOCK_SILENCE: Duration = Duration::from_secs(1);

/// How often the lock is tried. The kernel wakes no waiter after a set time.
const LOCK_RETRY: Duration = Duration::from_millis(10);

const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);
const FOLDER_MODE: Mode = Mode::RWXU;

/// Tells whether anybody but its owner may read, write or enter a file or folder.
pub fn is_open_to_others(status: &Stat) -> bool {
    Mode::from_raw_mode(status.st_mode).intersects(Mode::RWXG | Mode::RWXO)
}

/// Tells whether anybody but its owner may write in a file or folder.
pub fn is_writable_by_others(status: &Stat) -> bool {
    Mode::from_raw_mode(status.st_mode).intersects(Mode::WGRP | Mode::WOTH)
}

/// Tells whether it is a file, and not a folder, a link, a pipe or a device.
pub fn is_regular_file(status: &Stat) -> bool {
    FileType::from_raw_mode(status.st_mode) == FileType::RegularFile
}

/// A folder held open.
pub struct Folder {
    handle: File,
    path: PathBuf,
}

/// The exclusive right to write in a folder, until it is dropped.
pub struct Lock<'a> {
    folder: &'a Folder,
}

/// Why a file was not read.
#[derive(Debug)]
pub enum Unread {
    /// There is none of this name.
    Missing,
    /// It is a symbolic link.
    Symlink,
    /// It is a folder, a device, a pipe or a socket.
    NotAFile,
    /// It has more bytes than were asked for.
    TooLarge,
    /// The system refused it.
    Io(io::Error),
}

impl Folder {
    /// Opens a folder; `None` if there is none. A symbolic link in the last part
    /// of the path is followed only if the caller says so.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], also where the path leads to something else.
    pub fn open(path: &Path, follow: bool) -> Result<Option<Self>> {
        let mut flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        if !follow {
            flags |= OFlags::NOFOLLOW;
        }
        match rustix::fs::open(path, flags, Mode::empty()) {
            Ok(handle) => Ok(Some(Self {
                handle: handle.into(),
                path: path.to_owned(),
            })),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(Error::io("open the folder", path)(error.into())),
        }
    }

    /// Opens a folder, making it and those above it that are missing, 0700.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn create(path: &Path) -> Result<Self> {
        for _ in 0..2 {
            if let Some(folder) = Self::open(path, true)? {
                return Ok(folder);
            }
            let made = match (rustix::fs::mkdir(path, FOLDER_MODE), path.parent()) {
                (Err(Errno::NOENT), Some(parent)) => {
                    Self::create(parent)?;
                    rustix::fs::mkdir(path, FOLDER_MODE)
                }
                (made, _) => made,
            };
            let whole = match made {
                Ok(()) => {
                    // The new name, too, is to outlive a power failure.
                    if let Some(Ok(parent)) = path.parent().map(File::open) {
                        parent
                            .sync_all()
                            .map_err(Error::io("make the folder", path))?;
                    }
                    // Where the umask took away even the owner's rights.
                    rustix::fs::chmod(path, FOLDER_MODE)
                }
                Err(Errno::EXIST) => Ok(()),
                Err(error) => Err(error),
            };
            whole.map_err(|error| Error::io("make the folder", path)(error.into()))?;
        }
        Err(Error::io("make the folder", path)(Errno::NOENT.into()))
    }

    /// Returns where it was found.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the permissions and owner of the folder itself.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn status(&self) -> Result<Stat> {
        rustix::fs::fstat(&self.handle)
            .map_err(|error| Error::io("read the folder", &self.path)(error.into()))
    }

    /// Returns the permissions of a file, without following a link; `None` if
    /// there is none.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]: what cannot be seen may still be there.
    pub fn file_status(&self, name: &str) -> Result<Option<Stat>> {
        match rustix::fs::statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(status) => Ok(Some(status)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(Error::io("look for", &self.path.join(name))(error.into())),
        }
    }

    /// Returns the names of everything in the folder, sorted, without those that
    /// are not text.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn names(&self) -> Result<Vec<String>> {
        let failed = |error: Errno| Error::io("list", &self.path)(error.into());
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.handle).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            names.extend(entry.file_name().to_str().ok().map(str::to_owned));
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Reads a regular file of at most `limit` bytes. It is opened once and its
    /// links are not followed.
    ///
    /// # Errors
    ///
    /// [`Unread`].
    pub fn read(&self, name: &str, limit: u64) -> Result<Vec<u8>, Unread> {
        read_at(&self.handle, Path::new(name), limit)
    }

    /// Waits for the right to write here. `waiting` is called once, after a
    /// second. The lock is on the folder itself, so it leaves no file, and it
    /// excludes people with different homes as well.
    ///
    /// # Errors
    ///
    /// [`Error::LockHeld`] after 30 seconds; [`Error::Io`].
    pub fn lock(&self, waiting: &mut dyn FnMut()) -> Result<Lock<'_>> {
        let start = Instant::now();
        let mut told = false;
        loop {
            if let Some(lock) = self.try_lock()? {
                return Ok(lock);
            }
            let waited = start.elapsed();
            if waited >= LOCK_PATIENCE {
                let (path, seconds) = (self.path.clone(), LOCK_PATIENCE.as_secs());
                return Err(Error::LockHeld { path, seconds });
            }
            if waited >= LOCK_SILENCE && !told {
                waiting();
                told = true;
            }
            thread::sleep(LOCK_RETRY);
        }
    }

    /// Takes the right to write, unless another has it.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn try_lock(&self) -> Result<Option<Lock<'_>>> {
        match self.handle.try_lock() {
            Ok(()) => Ok(Some(Lock { folder: self })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(Error::io("lock", &self.path)(error)),
        }
    }
}

impl AsFd for Folder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }
}

impl Lock<'_> {
    /// Puts a file in the place of the one of this name, or where none was. At
    /// any point a crash leaves the old file or the new one, whole.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; then the old file is still there. [`Error::Unconfirmed`],
    /// where only the last step failed, which waits for the disk.
    pub fn replace(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.put(name, &mut all(bytes), FILE_MODE, RenameFlags::empty())
    }

    /// The same for a file that is too large to be held in memory: `write` writes it.
    /// Where that fails, the old file is still there.
    ///
    /// # Errors
    ///
    /// As [`Lock::replace`], and those of `write`.
    pub fn replace_by(
        &self,
        name: &str,
        write: &mut dyn FnMut(&mut File) -> Result<()>,
    ) -> Result<()> {
        let mut failure = None;
        let mut write = |file: &mut File| {
            write(file).map_err(|error| {
                failure = Some(error);
                io::ErrorKind::Other.into()
            })
        };
        let put = self.put(name, &mut write, FILE_MODE, RenameFlags::empty());
        match failure {
            Some(error) => Err(error),
            None => put,
        }
    }

    /// The same for a file that others may see.
    ///
    /// # Errors
    ///
    /// As [`Lock::replace`].
    pub fn replace_with_mode(&self, name: &str, bytes: &[u8], mode: Mode) -> Result<()> {
        self.put(name, &mut all(bytes), mode, RenameFlags::empty())
    }

    /// Makes a file, whole or not at all.
    ///
    /// # Errors
    ///
    /// As [`Lock::replace`]; of the kind [`io::ErrorKind::AlreadyExists`] where
    /// there is anything of this name, which is left as it is.
    pub fn create(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.put(name, &mut all(bytes), FILE_MODE, RenameFlags::NOREPLACE)
    }

    fn put(&self, name: &str, write: Writing<'_>, mode: Mode, flags: RenameFlags) -> Result<()> {
        let folder = &self.folder.handle;
        let path = self.folder.path.join(name);
        let failed = |error: io::Error| Error::io("write", &path)(error);
        self.clear_temporaries(|target| target == name);
        let temporary = temporary_name(name, random::bytes()?.into());
        let opening =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(folder, &temporary, opening, FILE_MODE)
            .map_err(|error| failed(error.into()))?;
        let written = fill(file.into(), write, mode)
            .and_then(|()| Ok(rename(folder, &temporary, name, flags)?));
        if let Err(error) = written {
            // It may be renamed already or not there: then nothing is lost.
            let _ = rustix::fs::unlinkat(folder, &temporary, AtFlags::empty());
            return Err(failed(error));
        }
        folder
            .sync_all()
            .map_err(|source| Error::Unconfirmed { path, source })
    }

    /// Removes a file.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::Unconfirmed`].
    pub fn remove(&self, name: &str) -> Result<()> {
        let folder = &self.folder.handle;
        let path = self.folder.path.join(name);
        rustix::fs::unlinkat(folder, name, AtFlags::empty())
            .map_err(|error| Error::io("remove", &path)(error.into()))?;
        folder
            .sync_all()
            .map_err(|source| Error::Unconfirmed { path, source })
    }

    /// Removes what writers that were killed left behind of the files that `of`
    /// says. It is sealed like the rest, and in nobody's way; so if it cannot be
    /// removed, it stays.
    pub fn clear_temporaries(&self, of: impl Fn(&str) -> bool) {
        for name in self.folder.names().unwrap_or_default() {
            if target_of_temporary(&name).is_some_and(&of) {
                let _ = rustix::fs::unlinkat(&self.folder.handle, name, AtFlags::empty());
            }
        }
    }
}

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        // Closing the folder would unlock it as well.
        let _ = self.folder.handle.unlock();
    }
}

/// Reads a file as [`Folder::read`] does, where the folder is not needed for more.
///
/// # Errors
///
/// [`Unread`].
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Unread> {
    read_at(rustix::fs::CWD, path, limit)
}

fn read_at(folder: impl AsFd, path: &Path, limit: u64) -> Result<Vec<u8>, Unread> {
    // Without NONBLOCK, opening a pipe would wait for somebody to write.
    let flags =
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = match rustix::fs::openat(folder, path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::NOENT | Errno::NOTDIR) => return Err(Unread::Missing),
        Err(Errno::LOOP) => return Err(Unread::Symlink),
        Err(Errno::NXIO | Errno::NODEV) => return Err(Unread::NotAFile),
        Err(error) => return Err(Unread::Io(error.into())),
    };
    let status = rustix::fs::fstat(&file).map_err(|error| Unread::Io(error.into()))?;
    if !is_regular_file(&status) {
        return Err(Unread::NotAFile);
    }
    let size = u64::try_from(status.st_size).unwrap_or(u64::MAX);
    if size > limit {
        return Err(Unread::TooLarge);
    }
    // One more than its size: reading then ends without growing.
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0) + 1);
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(Unread::Io)?;
    if bytes.len() as u64 > limit {
        return Err(Unread::TooLarge);
    }
    Ok(bytes)
}

fn rename(folder: &File, from: &str, to: &str, flags: RenameFlags) -> Result<(), Errno> {
    if flags.is_empty() {
        return rustix::fs::renameat(folder, from, folder, to);
    }
    match rustix::fs::renameat_with(folder, from, folder, to, flags) {
        // Some file systems cannot; a second name for the same file does it, too.
        Err(Errno::INVAL | Errno::NOSYS) => {
            rustix::fs::linkat(folder, from, folder, to, AtFlags::empty())?;
            rustix::fs::unlinkat(folder, from, AtFlags::empty())
        }
        result => result,
    }
}

/// What writes a file.
type Writing<'a> = &'a mut dyn FnMut(&mut File) -> io::Result<()>;

fn all(bytes: &[u8]) -> impl FnMut(&mut File) -> io::Result<()> {
    move |file| file.write_all(bytes)
}

fn fill(mut file: File, write: Writing<'_>, mode: Mode) -> io::Result<()> {
    // Where the umask took away even the owner's rights.
    rustix::fs::fchmod(&file, mode)?;
    write(&mut file)?;
    file.sync_all()
}

const TEMPORARY_SUFFIX: &str = ".tmp";

fn temporary_name(name: &str, random: ShortDigest) -> String {
    format!(".{name}.{random}{TEMPORARY_SUFFIX}")
}

/// Returns what a file was to become, if its name is one of those that
/// [`temporary_name`] makes.
pub fn target_of_temporary(name: &str) -> Option<&str> {
    let stem = name.strip_prefix('.')?.strip_suffix(TEMPORARY_SUFFIX)?;
    let (target, random) = stem.rsplit_once('.')?;
    (!target.is_empty() && random.parse::<ShortDigest>().is_ok()).then_some(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_temporaries_are_taken_for_such() {
        let ours = temporary_name("dev.age", random::bytes().expect("random").into());
        assert_eq!(target_of_temporary(&ours), Some("dev.age"), "{ours}");
        for other in [
            ".tmp",
            "..0011223344556677.tmp",
            ".dev.age.tmp",
            "dev.age.0011223344556677.tmp",
            ".a.001122334455667.tmp",
            ".a.0011223344556677.tmp~",
        ] {
            assert_eq!(target_of_temporary(other), None, "{other}");
        }
    }

    #[test]
    fn a_file_is_replaced_whole_and_leaves_nothing_else() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join("a/b");
        let folder = Folder::create(&path).expect("made");
        assert_eq!(folder.status().expect("there").st_mode & 0o777, 0o700);
        let lock = folder.lock(&mut || {}).expect("nobody else has it");
        let stale = temporary_name("x", [7; 8].into());
        std::fs::write(path.join(&stale), "stale").expect("written");
        for text in ["one", "two"] {
            lock.replace("x", text.as_bytes()).expect("replaced");
            assert_eq!(folder.read("x", 10).expect("read"), text.as_bytes());
            let status = folder.file_status("x").expect("seen").expect("there");
            assert_eq!(status.st_mode & 0o777, 0o600);
        }
        assert!(folder.file_status("y").expect("seen").is_none());
        assert_eq!(folder.names().expect("listed"), [".", "..", "x"]);
        lock.remove("x").expect("removed");
        assert!(matches!(folder.read("x", 10), Err(Unread::Missing)));
    }

    #[test]
    fn a_file_that_is_there_is_not_created_over() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = Folder::create(place.path()).expect("opened");
        let lock = folder.lock(&mut || {}).expect("nobody else has it");
        lock.create("x", b"one").expect("there was none");
        let again = lock.create("x", b"two");
        assert!(
            matches!(again, Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists)
        );
        assert_eq!(folder.read("x", 10).expect("read"), b"one");
        assert_eq!(folder.names().expect("listed"), [".", "..", "x"]);
    }

    #[test]
    fn a_failed_replacement_leaves_nothing_behind() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = Folder::create(place.path()).expect("opened");
        std::fs::create_dir(place.path().join("x")).expect("made");
        let lock = folder.lock(&mut || {}).expect("nobody else has it");
        assert!(
            lock.replace("x", b"text").is_err(),
            "a folder is in the way"
        );
        assert_eq!(folder.names().expect("listed"), [".", "..", "x"]);
    }

    #[test]
    fn what_is_written_bit_by_bit_replaces_whole_or_not_at_all() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = Folder::create(place.path()).expect("opened");
        let lock = folder.lock(&mut || {}).expect("nobody else has it");
        let half = |file: &mut File| file.write_all(b"one").map_err(Error::Output);
        lock.replace_by("x", &mut |file| half(file))
            .expect("replaced");
        let failed = lock.replace_by("x", &mut |file| {
            half(file)?;
            Err(Error::NoHome)
        });
        assert!(matches!(failed, Err(Error::NoHome)));
        assert_eq!(folder.read("x", 10).expect("read"), b"one");
        assert_eq!(folder.names().expect("listed"), [".", "..", "x"]);
    }

    #[test]
    fn what_is_no_plain_small_file_is_not_read() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path();
        let folder = Folder::open(path, false).expect("opened").expect("there");
        std::fs::write(path.join("five"), "12345").expect("written");
        std::os::unix::fs::symlink("five", path.join("link")).expect("linked");
        std::fs::create_dir(path.join("folder")).expect("made");
        rustix::fs::mknodat(&folder.handle, "pipe", FileType::Fifo, FILE_MODE, 0).expect("made");
        assert_eq!(folder.read("five", 5).expect("read"), b"12345");
        assert!(matches!(folder.read("five", 4), Err(Unread::TooLarge)));
        assert!(matches!(folder.read("link", 5), Err(Unread::Symlink)));
        assert!(matches!(folder.read("folder", 5), Err(Unread::NotAFile)));
        assert!(matches!(folder.read("pipe", 5), Err(Unread::NotAFile)));
        assert!(matches!(folder.read("none", 5), Err(Unread::Missing)));
        std::os::unix::fs::symlink(path, path.join("self")).expect("linked");
        assert!(Folder::open(&path.join("self"), false).is_err());
        assert!(
            Folder::open(&path.join("self"), true)
                .expect("opened")
                .is_some()
        );
        assert!(
            Folder::open(&path.join("nowhere"), true)
                .expect("no error")
                .is_none()
        );
    }

    #[test]
    fn a_lock_excludes_another_handle_of_the_same_folder() {
        let place = tempfile::tempdir().expect("a folder");
        let (one, two) = (
            Folder::create(place.path()).expect("opened"),
            Folder::create(place.path()).expect("opened"),
        );
        let lock = one.lock(&mut || {}).expect("nobody else has it");
        assert!(two.handle.try_lock().is_err());
        drop(lock);
        assert!(two.lock(&mut || {}).is_ok());
    }
}
