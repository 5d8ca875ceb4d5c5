//! Proving that a log is what was written, or finding the first line that is not.

use std::collections::BTreeMap;
use std::iter::Peekable;

use rustix::fs::OFlags;
use serde::Serialize;

use crate::error::{Error, LogFault, Result};
use crate::seal::audit::AuditKey;
use crate::seal::digest::{Digest, LogId};
use crate::store::audit_log::head::{Head, log_id};
use crate::store::audit_log::read::{RawLine, RawLines};
use crate::store::audit_log::record::Parts;
use crate::store::audit_log::{
    AuditLog, HEAD, HEAD_LOST, OWN_COMMAND, lock, open, read_head, segment_name, segments,
};
use crate::timestamp::Timestamp;
use crate::vault::log_head::LogHead;

/// What is known of a log beside itself.
#[derive(Default)]
pub struct Known {
    /// What makes the MACs of our identity, by recipient.
    pub keys: BTreeMap<String, AuditKey>,
    /// How far logs had come when an environment was saved, of whichever log.
    pub heads: Vec<LogHead>,
    /// The logs that were this machine's.
    pub own: Vec<LogId>,
}

/// What was found out about a log.
#[derive(Debug, Default, Serialize)]
pub struct Verified {
    /// Which log, if there is any.
    pub log: Option<LogId>,
    /// How many lines hold, from the first on.
    pub lines: u64,
    /// When the first of them was written.
    pub from: Option<Timestamp>,
    /// When the last of them was written.
    pub to: Option<Timestamp>,
    /// How many of them are by other identities.
    pub others: u64,
    /// How many of them were written without an identity.
    pub unkeyed: u64,
    /// How many lines of those two kinds stand at the end, where no line of ours holds
    /// them yet.
    pub unheld: u64,
    /// What is wrong with the first line that does not hold.
    #[serde(skip)]
    pub fault: Option<LogFault>,
}

/// How far a line can be believed by itself.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Belief {
    /// It has the MAC of our identity.
    Ours,
    /// Of another one.
    Others,
    /// Of none.
    Nobodys,
    /// It names an identity whose MAC it does not have.
    False,
}

impl Known {
    fn belief(&self, parts: &Parts<'_>) -> Belief {
        let is_by = |key: &AuditKey, belief| {
            if parts.is_by(key) {
                belief
            } else {
                Belief::False
            }
        };
        match &parts.line.identity {
            None => is_by(&AuditKey::public(), Belief::Nobodys),
            Some(identity) => match self.keys.get(identity) {
                Some(key) => is_by(key, Belief::Ours),
                None => Belief::Others,
            },
        }
    }
}

/// The lines of a log as they were at one moment.
struct Moment {
    head: Option<Head>,
    lines: Peekable<RawLines>,
}

/// Where the proof has come to.
struct Proof<'a> {
    known: &'a Known,
    head: Option<Head>,
    verified: Verified,
    /// The segment that the last line is in.
    segment: u64,
    /// The digest of the last line.
    digest: Option<Digest>,
}

impl AuditLog {
    /// Verifies the log, up to the first line that is not what was written.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], [`Error::LockHeld`], where it cannot be read.
    pub fn verify(&self, known: &Known) -> Result<Verified> {
        let mut proof = Proof {
            known,
            head: None,
            verified: Verified::default(),
            segment: 0,
            digest: None,
        };
        let Some(Moment { head, mut lines }) = self.moment()? else {
            proof.verified.fault = proof.replaced();
            return Ok(proof.verified);
        };
        proof.head = head;
        while let Some(raw) = lines.next() {
            if let Err(fault) = proof.line(&raw?, &mut lines) {
                proof.verified.fault = Some(fault);
                return Ok(proof.verified);
            }
        }
        proof.verified.fault = proof.end();
        Ok(proof.verified)
    }

    /// Takes down where the log ends, so that what others write meanwhile is not missed
    /// or met by half.
    fn moment(&self) -> Result<Option<Moment>> {
        let Some(folder) = self.folder()? else {
            return Ok(None);
        };
        lock(&folder)?;
        let failed = |error: std::io::Error| Error::io("read", folder.path())(error);
        let head = match open(&folder, HEAD, OFlags::RDONLY) {
            Ok(file) => read_head(file).map_err(failed)?,
            Err(rustix::io::Errno::NOENT) => None,
            Err(error) => return Err(failed(error.into())),
        };
        let segments = segments(&folder)?;
        let limit = segments.last().map(|newest| {
            let status = rustix::fs::statat(
                &folder,
                segment_name(*newest),
                rustix::fs::AtFlags::SYMLINK_NOFOLLOW,
            );
            let size = status.map_or(0, |status| status.st_size);
            (*newest, u64::try_from(size).unwrap_or(0))
        });
        // Another handle, or it would stay locked while it is read.
        let Some(again) = self.folder()? else {
            return Ok(None);
        };
        let lines = RawLines::new(again, segments, limit).peekable();
        Ok(Some(Moment { head, lines }))
    }
}

impl Proof<'_> {
    /// Checks the next line. `rest` is what stands behind it.
    fn line(&mut self, raw: &RawLine, rest: &mut Peekable<RawLines>) -> Result<(), LogFault> {
        let line = self.verified.lines + 1;
        if let Some(begins) = raw.begins {
            self.begin_segment(begins, line)?;
        }
        let head = self.head;
        let is_end = head.is_some_and(|head| head.line == line);
        if !raw.is_ended {
            return Err(match head {
                Some(head) if is_end && raw.end == head.end => LogFault::Edited { line },
                Some(head) if line <= head.line => LogFault::Cut {
                    first: line,
                    last: head.line,
                },
                _ => LogFault::Torn { line },
            });
        }
        let parts = Parts::of(&raw.bytes).ok_or(LogFault::Edited { line })?;
        let belief = self.known.belief(&parts);
        if belief == Belief::False {
            return Err(LogFault::Edited { line });
        }
        let digest = Digest::of(&raw.bytes);
        let next = next_parts(rest);
        if parts.line.line != line {
            return Err(misplaced(
                line,
                parts.line.line,
                belief,
                next.as_ref(),
                rest,
            ));
        }
        let is_head = head.is_some_and(|head| is_end && head.digest == digest);
        // What stands behind it was written behind it as it is.
        let is_intact = belief == Belief::Ours
            || is_head
            || next.is_some_and(|(_, previous)| previous == digest);
        match self.digest {
            Some(before) if before != parts.previous && is_intact => {
                return Err(LogFault::Edited { line: line - 1 });
            }
            Some(before) if before != parts.previous => return Err(LogFault::Edited { line }),
            _ => {}
        }
        let log = *self.verified.log.get_or_insert(log_id(&parts.previous));
        let mut noted = self.known.heads.iter();
        if noted.any(|noted| noted.log == log && noted.line == line && noted.mac != parts.mac) {
            return Err(LogFault::Edited { line });
        }
        if let Some(head) = head.filter(|_| is_end) {
            if head.digest != digest && belief != Belief::Ours {
                return Err(LogFault::Edited { line });
            }
            let expected = Head {
                log,
                segment: self.segment,
                line,
                end: raw.end,
                digest,
                mac: parts.mac,
            };
            if head != expected {
                return Err(LogFault::HeadEdited);
            }
        }
        if parts.line.command == OWN_COMMAND && parts.line.error.as_deref() == Some(HEAD_LOST) {
            return Err(LogFault::HeadLost { line });
        }
        self.take(&parts, belief, digest);
        Ok(())
    }

    fn begin_segment(&mut self, begins: u64, line: u64) -> Result<(), LogFault> {
        self.segment = begins;
        if begins > line {
            let (first, last) = (line, begins - 1);
            return Err(LogFault::Removed { first, last });
        }
        if begins < line {
            // The one before has more lines than it had.
            return Err(LogFault::Reordered { line: begins });
        }
        Ok(())
    }

    fn take(&mut self, parts: &Parts<'_>, belief: Belief, digest: Digest) {
        let verified = &mut self.verified;
        verified.lines += 1;
        verified.from.get_or_insert(parts.line.time);
        verified.to = Some(parts.line.time);
        verified.unheld = match belief {
            Belief::Ours => 0,
            _ => verified.unheld + 1,
        };
        verified.others += u64::from(belief == Belief::Others);
        verified.unkeyed += u64::from(belief == Belief::Nobodys);
        self.digest = Some(digest);
    }

    /// Finds what is wrong behind the last line.
    fn end(&self) -> Option<LogFault> {
        let last = self.verified.lines;
        let cut = |to: u64| LogFault::Cut {
            first: last + 1,
            last: to,
        };
        match self.head {
            None if last > 0 => return Some(LogFault::HeadLost { line: last }),
            Some(head) if head.line > last => return Some(cut(head.line)),
            _ => {}
        }
        let log = self.verified.log;
        let noted = self.known.heads.iter();
        let noted = noted.filter(|noted| Some(noted.log) == log);
        let noted = noted.map(|noted| noted.line).max();
        match noted.filter(|noted| *noted > last) {
            Some(noted) => Some(cut(noted)),
            None => self.replaced(),
        }
    }

    /// Finds a log that was this machine's before the one that there is.
    fn replaced(&self) -> Option<LogFault> {
        let own = self.known.own.iter();
        let mut gone = own.filter(|log| Some(**log) != self.verified.log);
        let gone = gone.next()?;
        let heads = self.known.heads.iter().filter(|head| head.log == *gone);
        let lines = heads.map(|head| head.line).max().unwrap_or(1);
        Some(LogFault::BegunAnew { lines })
    }
}

/// Returns the number and the digest before of the line that comes next.
fn next_parts(rest: &mut Peekable<RawLines>) -> Option<(u64, Digest)> {
    let next = rest.peek()?.as_ref().ok()?;
    let parts = Parts::of(&next.bytes)?;
    Some((parts.line.line, parts.previous))
}

/// Tells why a line has another number than its place.
fn misplaced(
    line: u64,
    number: u64,
    belief: Belief,
    next: Option<&(u64, Digest)>,
    rest: &mut Peekable<RawLines>,
) -> LogFault {
    if belief != Belief::Ours && next.is_some_and(|(next, _)| *next == line + 1) {
        return LogFault::Edited { line };
    }
    if number < line {
        return LogFault::Reordered { line };
    }
    let is_missing_one = |raw: Result<RawLine>| {
        raw.is_ok_and(|raw| Parts::of(&raw.bytes).is_some_and(|parts| parts.line.line == line))
    };
    if rest.any(is_missing_one) {
        return LogFault::Reordered { line };
    }
    let (first, last) = (line, number - 1);
    LogFault::Removed { first, last }
}
