//! Adding a line.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;

use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

use crate::error::{Error, Result};
use crate::seal::audit::AuditKey;
use crate::seal::digest::{Digest, LogId, LogMac};
use crate::seal::identity::Identity;
use crate::seal::random;
use crate::store::audit_log::head::{self, Head, LastWriter, log_id};
use crate::store::audit_log::line::{Line, Outcome};
use crate::store::audit_log::read::RawLines;
use crate::store::audit_log::record::{Parts, Record};
use crate::store::audit_log::{
    AuditLog, HEAD, HEAD_LOST, OWN_COMMAND, SEGMENT_MAX, SEGMENT_READ_MAX, lock, open, read_head,
    segment_name, segments,
};
use crate::store::folder::{Folder, is_regular_file};

/// The size of the file [`HEAD`].
const HEAD_MAX: u64 = (head::LENGTH + LastWriter::LENGTH) as u64;

const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);

/// A line that is in the log.
pub struct Appended {
    /// Which log.
    pub log: LogId,
    /// Its number.
    pub line: u64,
    /// Its MAC.
    pub mac: LogMac,
    /// What kept the head from telling of it, if anything did: then whoever writes next
    /// reads it.
    pub without_head: Option<Error>,
    pub(super) segment: File,
    pub(super) folder: Folder,
}

impl Appended {
    /// Waits until the line is on the disk, and outlives a power failure.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn sync(&self) -> Result<()> {
        let synced = self.segment.sync_data();
        synced.map_err(Error::io("write", self.folder.path()))?;
        rustix::fs::fsync(&self.folder)
            .map_err(|error| Error::io("write", self.folder.path())(error.into()))
    }
}

/// Who writes a line.
pub struct Writer<'a> {
    identity: Option<&'a Identity>,
    pub(super) key: AuditKey,
}

impl<'a> Writer<'a> {
    /// Takes an identity, or none where none is open.
    pub fn of(identity: Option<&'a Identity>) -> Self {
        let key = identity.map_or_else(AuditKey::public, Identity::first_audit_key);
        Self { identity, key }
    }

    /// Returns the recipient, and by which tag it is known the next time.
    pub(super) fn introduce(&self, last: Option<LastWriter>) -> Option<LastWriter> {
        let identity = self.identity?;
        let is_us = |last: &LastWriter| self.key.has_tagged(&last.recipient, &last.tag);
        last.filter(is_us).or_else(|| {
            let recipient = identity.first_recipient().to_string();
            let tag = self.key.tag(&recipient);
            Some(LastWriter { recipient, tag })
        })
    }
}

impl AuditLog {
    /// Adds a line, to which it gives the number and the identity. It is handed to the system, and not
    /// waited for; where it cannot be written whole nothing is.
    ///
    /// # Errors
    ///
    /// [`Error::NoHome`], [`Error::Io`], [`Error::LockHeld`], [`Error::NoRandomness`].
    pub fn append(&self, line: Line, writer: &Writer<'_>) -> Result<Appended> {
        let path = self.path()?;
        let folder = match Folder::open(path, true)? {
            Some(folder) => folder,
            None => Folder::create(path)?,
        };
        lock(&folder, self.patience)?;
        let failed = |error: io::Error| Error::io("write", path)(error);
        check_limit(HEAD_MAX).map_err(failed)?;
        let head_file = open_or_create(&folder, HEAD, OFlags::RDWR);
        let head_file = head_file.map_err(|error| failed(error.into()))?;
        let (head, last_writer) = read_head(&head_file).map_err(failed)?;
        let (mut end, is_lost) = match head {
            Some(head) => (head, false),
            None => match segments(&folder)?.as_slice() {
                [] => {
                    let head = Head::begin(random::bytes()?);
                    // Before there is a line: a log with lines has a head, so that it is
                    // noticed where it has none. It is the only time that it takes room.
                    write_head(&head_file, head, None).map_err(failed)?;
                    (head, false)
                }
                found => (self.find_end(found)?, true),
            },
        };
        let segment = settle(&folder, &mut end)?;
        let before = end.end;
        let us = writer.introduce(last_writer);
        let line = Line {
            identity: us.as_ref().map(|us| us.recipient.clone()),
            ..line
        };
        let mut bytes = Vec::new();
        if is_lost {
            put(&mut end, lost_head(&line), &writer.key, &mut bytes);
        }
        put(&mut end, line, &writer.key, &mut bytes);
        check_limit(end.end).map_err(failed)?;
        if let Err(error) = write_whole(&segment, &bytes) {
            // Under the lock what is behind the end is ours.
            let _ = segment.set_len(before);
            return Err(failed(error));
        }
        let without_head = write_head(&head_file, end, us.as_ref())
            .map_err(failed)
            .err();
        let _ = rustix::fs::flock(&folder, FlockOperation::Unlock);
        Ok(Appended {
            log: end.log,
            line: end.line,
            mac: end.mac,
            without_head,
            segment,
            folder,
        })
    }

    /// Finds out where a log ends that has no head.
    pub(super) fn find_end(&self, found: &[u64]) -> Result<Head> {
        let lines = |segment: u64| -> Result<RawLines> {
            let folder = self.folder()?.ok_or(Error::NoHome)?;
            let limit = Some((segment, SEGMENT_READ_MAX));
            Ok(RawLines::new(folder, vec![segment], limit))
        };
        let (first, last) = (found[0], found[found.len() - 1]);
        let root = lines(first)?.next().transpose()?;
        let root = root.and_then(|raw| Some(Parts::of(&raw.bytes)?.previous));
        let mut end = Head::begin(random::bytes()?);
        if let Some(root) = root.filter(|_| first == 1) {
            end.log = log_id(&root);
        }
        end.segment = last;
        end.line = last.saturating_sub(1);
        for raw in lines(last)? {
            let raw = raw?;
            end.line += 1;
            end.digest = Digest::of(&raw.bytes);
            end.end = raw.end;
            if !raw.is_ended {
                end.segment = end.line + 1;
                end.end = 0;
            }
        }
        Ok(end)
    }
}

/// Makes the line that says that the head was lost, by the process of another one.
fn lost_head(line: &Line) -> Line {
    Line {
        command: OWN_COMMAND.to_owned(),
        outcome: Outcome::Failed,
        error: Some(HEAD_LOST.to_owned()),
        names: Vec::new(),
        environments: Vec::new(),
        allowed: Vec::new(),
        program: None,
        reason: None,
        accepted: None,
        ..line.clone()
    }
}

/// Puts a line behind the end of a log, into what is to be written.
pub(super) fn put(end: &mut Head, line: Line, key: &AuditKey, bytes: &mut Vec<u8>) {
    end.line += 1;
    let line = Line {
        line: end.line,
        ..line
    };
    let record = Record::new(&line, &end.digest, key);
    bytes.extend_from_slice(&record.bytes);
    end.end += record.bytes.len() as u64;
    end.digest = record.digest;
    end.mac = record.mac;
}

/// Opens the segment in which a log goes on, and brings the end up to what stands there.
///
/// As a rule that is what the head tells of. A writer that was killed before it wrote the
/// head has left lines behind it. What does not fit stays as it is, and a new segment is
/// begun.
pub(super) fn settle(folder: &Folder, end: &mut Head) -> Result<File> {
    loop {
        if end.end >= SEGMENT_MAX {
            begin_segment(end);
        }
        let name = segment_name(end.segment);
        let failed = |error: io::Error| Error::io("write", &folder.path().join(&name))(error);
        let flags = OFlags::WRONLY | OFlags::APPEND;
        let segment = match open(folder, &name, flags) {
            Ok(segment) => segment,
            Err(Errno::NOENT) if end.end == 0 => {
                let made = open_or_create(folder, &name, flags);
                made.map_err(|error| failed(error.into()))?
            }
            Err(Errno::NOENT) => {
                begin_segment(end);
                continue;
            }
            Err(error) => return Err(failed(error.into())),
        };
        let status = rustix::fs::fstat(&segment).map_err(|error| failed(error.into()))?;
        if !is_regular_file(&status) {
            return Err(failed(io::ErrorKind::InvalidInput.into()));
        }
        let size = u64::try_from(status.st_size).unwrap_or(0);
        if size == end.end {
            return Ok(segment);
        }
        if size < end.end {
            begin_segment(end);
            continue;
        }
        if size > SEGMENT_READ_MAX {
            end.line += 1;
            begin_segment(end);
            continue;
        }
        catch_up(folder, end)?;
    }
}

/// Goes on, in a new segment, behind all that there is or should be.
fn begin_segment(end: &mut Head) {
    end.segment = end.line + 1;
    end.end = 0;
}

/// Brings the end behind what stands in its segment.
fn catch_up(folder: &Folder, end: &mut Head) -> Result<()> {
    let again = Folder::open(folder.path(), true)?.ok_or(Error::NoHome)?;
    let (segment, from) = (end.segment, end.end);
    let mut fits = true;
    for raw in RawLines::new(again, vec![segment], None) {
        let raw = raw?;
        if raw.end <= from {
            continue;
        }
        let parts = Parts::of(&raw.bytes).filter(|parts| {
            raw.is_ended && parts.previous == end.digest && parts.line.line == end.line + 1
        });
        fits &= parts.is_some();
        end.line += 1;
        end.end = raw.end;
        end.digest = Digest::of(&raw.bytes);
        if let Some(parts) = parts {
            end.mac = parts.mac;
        }
    }
    if !fits {
        begin_segment(end);
    }
    Ok(())
}

pub(super) fn open_or_create(folder: &Folder, name: &str, flags: OFlags) -> Result<File, Errno> {
    match open(folder, name, flags) {
        Err(Errno::NOENT) => {}
        opened => return opened,
    }
    let file = open(folder, name, flags | OFlags::CREATE | OFlags::EXCL)?;
    // Where the umask took away even the owner's rights.
    rustix::fs::fchmod(&file, FILE_MODE)?;
    Ok(file)
}

/// Makes sure that a file may have this size: whoever writes more than `ulimit -f` allows is
/// killed.
fn check_limit(size: u64) -> io::Result<()> {
    match getrlimit(Resource::Fsize).current {
        Some(limit) if limit < size => Err(Errno::FBIG.into()),
        _ => Ok(()),
    }
}

/// Writes all bytes by one call; less than all is a failure.
pub(super) fn write_whole(file: impl AsFd, bytes: &[u8]) -> io::Result<()> {
    match rustix::io::retry_on_intr(|| rustix::io::write(&file, bytes))? {
        written if written == bytes.len() => Ok(()),
        // What a disk does that has no room for the rest.
        _ => Err(Errno::NOSPC.into()),
    }
}

/// Writes the head, and who wrote last, if that is known; else what stands there stays.
pub(super) fn write_head(
    file: impl AsFd,
    head: Head,
    writer: Option<&LastWriter>,
) -> io::Result<()> {
    let mut text = head.to_text();
    text.extend(writer.map(LastWriter::to_text));
    match rustix::io::retry_on_intr(|| rustix::io::pwrite(&file, text.as_bytes(), 0))? {
        written if written == text.len() => Ok(()),
        _ => Err(Errno::NOSPC.into()),
    }
}
