//! Plaintext that a person names: read once, and removed once it is in the vault.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{Access, AtFlags, CWD, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use rustix::process::geteuid;
use zeroize::Zeroizing;

use crate::error::{Error, Result, shown};

/// How long a pipe may stay silent before a person is told what the wait is for.
const PIPE_SILENCE: Timespec = Timespec {
    tv_sec: 1,
    tv_nsec: 0,
};

/// Zeros are written in pieces of this size.
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// What stdin is called in messages.
const STDIN: &str = "stdin";

/// What was read.
pub struct Plaintext {
    path: PathBuf,
    bytes: Zeroizing<Vec<u8>>,
    /// What it was read from, unless that was a pipe.
    file: Option<Stat>,
}

impl Plaintext {
    /// Reads a file, or a pipe to its end. `waiting` is called once, where nobody
    /// writes into the pipe for a second.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::Usage`] for a folder or a terminal;
    /// [`Error::BadImport`] for more than `limit` bytes.
    pub fn read(path: &Path, limit: u64, waiting: &mut dyn FnMut()) -> Result<Self> {
        let failed = |error: io::Error| Error::io("read", path)(error);
        // Without NONBLOCK, opening a pipe would wait for somebody to write, and
        // nobody could be told.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = rustix::fs::open(path, flags, Mode::empty());
        let file = File::from(file.map_err(|error| failed(error.into()))?);
        let status = rustix::fs::fstat(&file).map_err(|error| failed(error.into()))?;
        let usage = |what: &str| Error::Usage {
            message: format!("`{}` is {what}", shown(path)),
            hint: "name a file, or pipe it in and name `-`".to_owned(),
        };
        let kind = FileType::from_raw_mode(status.st_mode);
        match kind {
            FileType::Directory => return Err(usage("a folder")),
            FileType::CharacterDevice if file.is_terminal() => return Err(usage("a terminal")),
            FileType::Fifo => await_writer(&file, waiting).map_err(failed)?,
            _ => {}
        }
        rustix::fs::fcntl_setfl(&file, OFlags::empty()).map_err(|error| failed(error.into()))?;
        let file_read = (kind == FileType::RegularFile).then_some(status);
        let size = file_read.map_or(0, |status| {
            u64::try_from(status.st_size).unwrap_or(u64::MAX)
        });
        Self::take(path, file, size, limit, file_read)
    }

    /// Reads stdin to its end.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] where it is a terminal, which would show what is typed; else
    /// as [`Plaintext::read`].
    pub fn read_stdin(limit: u64) -> Result<Self> {
        let stdin = io::stdin().lock();
        if stdin.is_terminal() {
            return Err(Error::Usage {
                message: "stdin is a terminal, which shows what is typed".to_owned(),
                hint: "name a file, or pipe it in".to_owned(),
            });
        }
        Self::take(STDIN.as_ref(), stdin, 0, limit, None)
    }

    fn take(
        path: &Path,
        from: impl Read,
        size: u64,
        limit: u64,
        file: Option<Stat>,
    ) -> Result<Self> {
        // The whole size first: a buffer that grows leaves copies behind. A size of 0
        // is that of a pipe, or of a file that the kernel makes up.
        let most = if size == 0 { limit } else { size.min(limit) };
        let capacity = usize::try_from(most)
            .unwrap_or(usize::MAX)
            .saturating_add(2);
        let mut bytes = Zeroizing::new(Vec::with_capacity(capacity));
        let read = from.take(most + 1).read_to_end(&mut bytes);
        read.map_err(Error::io("read", path))?;
        if bytes.len() as u64 > most {
            let what = if most == limit {
                format!("more than {} MiB", limit >> 20)
            } else {
                "it grew while it was read".to_owned()
            };
            return Err(Error::BadImport {
                path: path.to_owned(),
                place: None,
                what,
                hint: Some("nothing was done; name the right file"),
            });
        }
        Ok(Self {
            path: path.to_owned(),
            bytes,
            file,
        })
    }

    /// Returns where it was read from, as it was named.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns what was read.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Tells whether it lies in a file, and not in a pipe.
    pub fn is_file(&self) -> bool {
        self.file.is_some()
    }

    /// Makes sure that it is a file which can be removed without harm to another.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`], [`Error::Io`].
    pub fn check_removable(&self) -> Result<()> {
        let found = rustix::fs::lstat(&self.path);
        let found = found.map_err(|error| Error::io("read", &self.path)(error.into()));
        let (what, hint) = match &self.file {
            None => ("is no file", "leave out `--shred`, or name a file"),
            Some(_) if is_link(&found?) => (
                "is a symbolic link",
                "name the file that it leads to, which others may use as well",
            ),
            Some(file) if file.st_nlink > 1 => (
                "has another name, a hard link, and what it holds would be gone there as well",
                "remove one of the two names first",
            ),
            Some(file) if file.st_uid != geteuid().as_raw() => (
                "belongs to another user",
                "leave out `--shred`, and let its owner remove it",
            ),
            // Overwritten and not removed, it would be read by programs as it is then.
            Some(_) if !may_write(&self.path) => (
                "is read-only",
                "make it writable first, or leave out `--shred`",
            ),
            Some(_) if !may_write(self.folder()) => (
                "lies in a read-only folder",
                "make that writable first, or leave out `--shred`",
            ),
            Some(_) => return Ok(()),
        };
        Err(Error::Usage {
            message: format!("`{}` {what}, and is not removed", shown(&self.path)),
            hint: format!("nothing was imported; {hint}"),
        })
    }

    /// Overwrites the file and removes it, if it is still what was read.
    ///
    /// Its blocks are written over where they are. A disk that writes elsewhere (SSDs,
    /// file systems that copy on write, snapshots) may keep the old ones.
    ///
    /// # Errors
    ///
    /// [`Error::NotShredded`], where it has changed; [`Error::Io`].
    pub fn shred(&self) -> Result<()> {
        let path = &self.path;
        let failed = |error: io::Error| Error::io("overwrite", path)(error);
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::open(path, flags, Mode::empty());
        let mut file = File::from(file.map_err(|error| failed(error.into()))?);
        let status = rustix::fs::fstat(&file).map_err(|error| failed(error.into()))?;
        if !self.is_same(&status) || !self.has_same_bytes(&mut file).map_err(failed)? {
            return Err(Error::NotShredded { path: path.clone() });
        }
        self.overwrite(&mut file).map_err(failed)?;
        let now = rustix::fs::lstat(path).map_err(|error| failed(error.into()))?;
        if !self.is_same(&now) {
            return Err(Error::NotShredded { path: path.clone() });
        }
        let removing = |error: io::Error| Error::io("remove", path)(error);
        std::fs::remove_file(path).map_err(removing)?;
        let synced = File::open(self.folder()).and_then(|folder| folder.sync_all());
        synced.map_err(|source| {
            let path = path.clone();
            Error::Unconfirmed { path, source }
        })
    }

    fn folder(&self) -> &Path {
        let folder = self.path.parent();
        let folder = folder.filter(|folder| !folder.as_os_str().is_empty());
        folder.unwrap_or(".".as_ref())
    }

    fn is_same(&self, status: &Stat) -> bool {
        self.file.as_ref().is_some_and(|file| {
            (file.st_dev, file.st_ino, file.st_nlink, file.st_uid)
                == (status.st_dev, status.st_ino, status.st_nlink, status.st_uid)
        })
    }

    fn has_same_bytes(&self, file: &mut File) -> io::Result<bool> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(self.bytes.len() + 2));
        file.take(self.bytes.len() as u64 + 1)
            .read_to_end(&mut bytes)?;
        Ok(*bytes == *self.bytes)
    }

    fn overwrite(&self, file: &mut File) -> io::Result<()> {
        file.seek(SeekFrom::Start(0))?;
        let mut left = self.bytes.len();
        while left > 0 {
            let piece = left.min(ZEROS.len());
            file.write_all(&ZEROS[..piece])?;
            left -= piece;
        }
        file.sync_all()
    }
}

fn is_link(status: &Stat) -> bool {
    FileType::from_raw_mode(status.st_mode) == FileType::Symlink
}

fn may_write(path: &Path) -> bool {
    rustix::fs::accessat(CWD, path, Access::WRITE_OK, AtFlags::EACCESS).is_ok()
}

/// Waits until somebody has written into a pipe, or closed it.
fn await_writer(pipe: impl AsFd, waiting: &mut dyn FnMut()) -> io::Result<()> {
    let mut patience = Some(&PIPE_SILENCE);
    loop {
        let mut pipes = [PollFd::new(&pipe, PollFlags::IN)];
        match rustix::event::poll(&mut pipes, patience) {
            Ok(0) => {
                waiting();
                patience = None;
            }
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    const LIMIT: u64 = 64;

    fn read(path: &Path) -> Result<Plaintext> {
        Plaintext::read(path, LIMIT, &mut || panic!("nobody waits"))
    }

    #[test]
    fn a_file_is_read_up_to_its_limit_and_not_beyond() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join("x");
        for size in [0, 1, 63, 64] {
            fs::write(&path, "x".repeat(size)).expect("written");
            assert_eq!(read(&path).expect("read").bytes().len(), size);
        }
        fs::write(&path, "x".repeat(65)).expect("written");
        assert!(matches!(read(&path), Err(Error::BadImport { .. })));
        assert!(matches!(
            read("/dev/zero".as_ref()),
            Err(Error::BadImport { .. })
        ));
        assert!(matches!(read(place.path()), Err(Error::Usage { .. })));
        assert!(read("/dev/null".as_ref()).expect("read").bytes().is_empty());
        assert!(matches!(read(&path.join("y")), Err(Error::Io { .. })));
    }

    #[test]
    fn only_what_was_read_is_removed() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join("x");
        fs::write(&path, "A=1").expect("written");
        let plaintext = read(&path).expect("read");
        plaintext.check_removable().expect("it is");

        fs::write(&path, "A=2").expect("written");
        assert!(matches!(plaintext.shred(), Err(Error::NotShredded { .. })));
        fs::write(&path, "A=1\n").expect("written");
        assert!(matches!(plaintext.shred(), Err(Error::NotShredded { .. })));
        fs::rename(&path, place.path().join("y")).expect("moved");
        fs::write(&path, "A=1").expect("written");
        assert!(matches!(plaintext.shred(), Err(Error::NotShredded { .. })));
        assert_eq!(fs::read(&path).expect("it is there"), b"A=1");

        let plaintext = read(&path).expect("read");
        // Whoever still has it open sees what is left of it.
        let mut open = File::open(&path).expect("opened");
        plaintext.shred().expect("done");
        assert!(!path.exists());
        let mut left = Vec::new();
        open.read_to_end(&mut left).expect("read");
        assert_eq!(left, [0; 3]);
    }

    #[test]
    fn what_has_another_name_is_not_removed() {
        let place = tempfile::tempdir().expect("a folder");
        let (path, link) = (place.path().join("x"), place.path().join("link"));
        fs::write(&path, "A=1").expect("written");
        symlink(&path, &link).expect("linked");
        let linked = read(&link).expect("read");
        assert!(matches!(linked.check_removable(), Err(Error::Usage { .. })));
        assert!(linked.shred().is_err());
        fs::hard_link(&path, place.path().join("y")).expect("linked");
        let doubled = read(&path).expect("read");
        assert!(matches!(
            doubled.check_removable(),
            Err(Error::Usage { .. })
        ));
        let null = read("/dev/null".as_ref()).expect("read");
        assert!(matches!(null.check_removable(), Err(Error::Usage { .. })));
        assert_eq!(fs::read(&path).expect("it is there"), b"A=1");
    }
}
