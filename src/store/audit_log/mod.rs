//! The audit log of a vault on this machine: one JSON line per use, in the state folder.
//! This page is its specification.
//!
//! The log is a folder of *segments*, each named by the number of its first line, as
//! `000000000001.jsonl`, and of the file `head`, which tells where the log ends. Nothing
//! is ever deleted, and nothing but the head is ever overwritten.
//!
//! On the disk a line is the JSON of a [`Line`](line::Line) with two more fields at its
//! end, and a line feed:
//!
//! ```json
//! {"line":7, …, "prev":"<SHA-256, hexadecimal>","mac":"<HMAC-SHA256, hexadecimal>"}
//! ```
//!
//! - `prev` is the digest of the line before, all of it but its line feed. So whoever has
//!   one line can tell whether all those before it are what they were. In the first line
//!   it is the *root*: random bytes, of which the first 64 bits are the log's id.
//! - `mac` is made of the bytes in front of `,"mac"` and a closing brace, by
//!   [`AuditKey`](crate::seal::audit::AuditKey): of the identity whose recipient the line
//!   names, or of none, which proves nothing by itself. What others wrote, and what was
//!   written without an identity, is held by the next line that has a MAC of ours.
//!
//! Numbers count physical lines, through all segments. What was not written whole, or
//! does not fit, stays as it is, and a new segment is begun behind it; what a head tells
//! of and is not there leaves a gap. Of a file that is far larger than a segment can be, what is
//! too much counts as one line, whatever there is, so that nothing waits for it to be read. So nothing that [`verify`] should name is mended by
//! whoever writes next. A head that is lost is made anew, and a line says so
//! ([`HEAD_LOST`]).
//!
//! A log that is broken goes on where a person has accepted that ([`accept`]): in a new
//! segment, with a root and an id of its own, and a line that has the digest of all files
//! before it. The break stays what it was and is told; what breaks later is told apart
//! from it, and what is changed before it, too.
//!
//! Who can write in the folder can cut the end off, and put back the head of that time.
//! Therefore each save of an environment notes how far the log had come, in the
//! environment itself and in its pin.

mod accept;
mod append;
mod export;
pub mod filter;
mod head;
pub mod line;
mod look;
#[cfg(test)]
mod place;
mod read;
mod record;
pub mod report;
pub mod verify;

pub use append::{Appended, Writer};
pub use export::Exported;
pub use read::Lines;

use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use crate::error::{Error, Result};
use crate::seal::digest::Digest;
use crate::store::audit_log::head::{Head, LastWriter};
use crate::store::folder::Folder;

/// From this size on a segment is followed by another, which an editor opens at once.
const SEGMENT_MAX: u64 = 8 << 20;

/// The longest line that is read: one names each secret of a large environment.
const LINE_MAX: usize = 16 << 20;

/// More than a segment can have: it is begun anew once it has [`SEGMENT_MAX`], and one write
/// has two lines at most. What is larger is none of ours, and whoever writes does not read it
/// to its end.
const SEGMENT_READ_MAX: u64 = SEGMENT_MAX + 2 * LINE_MAX as u64;

/// How long is waited for others. Each has the log for some microseconds.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often it is tried: soon at first, and then at this distance.
const RETRY_MAX: Duration = Duration::from_millis(5);

/// What a line of this command says that fails with [`HEAD_LOST`].
pub const OWN_COMMAND: &str = "audit";

/// Says, as the error of a line, that the head was not there when it was written: lines
/// may have been cut off before it.
pub const HEAD_LOST: &str = "head-lost";

/// What a line says that accepts a log as broken: the command, and what it allows.
pub const ACCEPTING: (&str, &str) = ("audit accept", "broken-log");

const HEAD: &str = "head";
const SUFFIX: &str = ".jsonl";

/// Digits of a segment's name: enough for as many lines as there are bytes on a disk.
const NAME_DIGITS: usize = 12;

/// The log of one vault folder.
pub struct AuditLog {
    /// Where it is, if anywhere.
    path: Option<PathBuf>,
    /// How long is waited for others.
    patience: Duration,
}

impl AuditLog {
    /// Names the place, below the state folder, of the log of the vault at this path.
    /// Nothing is created before a line is written.
    pub fn of_vault(state: Option<&Path>, vault: &Path) -> Self {
        let digest = Digest::of(vault.as_os_str().as_encoded_bytes()).to_string();
        Self {
            path: state.map(|state| state.join("audit").join(&digest[..32])),
            patience: PATIENCE,
        }
    }

    /// Returns the same log for who has waited for others already, in vain.
    pub fn without_waiting(self) -> Self {
        Self {
            patience: Duration::ZERO,
            ..self
        }
    }

    /// Returns where it is.
    ///
    /// # Errors
    ///
    /// [`Error::NoHome`].
    pub fn path(&self) -> Result<&Path> {
        self.path.as_deref().ok_or(Error::NoHome)
    }

    /// Opens its folder once more, so that it can be locked and read apart.
    fn folder_again(&self) -> Result<Folder> {
        self.folder()?.ok_or(Error::NoHome)
    }

    /// Opens its folder, if there is one.
    fn folder(&self) -> Result<Option<Folder>> {
        match &self.path {
            Some(path) => Folder::open(path, true),
            None => Ok(None),
        }
    }
}

/// Waits until nobody else writes in a log. It is free again once the folder is closed.
fn lock(folder: &Folder, patience: Duration) -> Result<()> {
    let start = Instant::now();
    let mut pause = Duration::from_micros(50);
    loop {
        match rustix::fs::flock(folder, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(()),
            Err(Errno::WOULDBLOCK | Errno::INTR) => {}
            Err(error) => return Err(Error::io("lock", folder.path())(error.into())),
        }
        if start.elapsed() >= patience {
            let (path, seconds) = (folder.path().to_owned(), PATIENCE.as_secs());
            return Err(Error::LockHeld { path, seconds });
        }
        thread::sleep(pause);
        pause = (pause * 2).min(RETRY_MAX);
    }
}

/// Reads the head, and who wrote last. `None` where there is none, or what is there is
/// none.
fn read_head(file: impl AsFd) -> io::Result<(Option<Head>, Option<LastWriter>)> {
    let mut bytes = [0; head::LENGTH + LastWriter::LENGTH];
    let mut filled = 0;
    while filled < bytes.len() {
        match rustix::io::pread(&file, &mut bytes[filled..], filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let (head, writer) = bytes[..filled].split_at(filled.min(head::LENGTH));
    let head = std::str::from_utf8(head).ok();
    let writer = std::str::from_utf8(writer).ok();
    Ok((
        head.and_then(|text| text.parse().ok()),
        writer.and_then(|text| text.parse().ok()),
    ))
}

/// Opens a file of the log without following a link, and without waiting for anybody.
fn open(folder: &Folder, name: &str, flags: OFlags) -> Result<std::fs::File, Errno> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = rustix::fs::openat(folder, name, flags, Mode::RUSR | Mode::WUSR)?;
    Ok(file.into())
}

fn segment_name(first_line: u64) -> String {
    format!("{first_line:0width$}{SUFFIX}", width = NAME_DIGITS)
}

/// Returns the segments of a log, by the numbers of their first lines.
fn segments(folder: &Folder) -> Result<Vec<u64>> {
    let names = folder.names()?;
    let numbers = names.iter().filter_map(|name| {
        let digits = name.strip_suffix(SUFFIX)?;
        let number = digits.parse().ok()?;
        (segment_name(number) == *name).then_some(number)
    });
    Ok(numbers.collect())
}
