//! Proving that a log is what was written, or finding the first line that is not.

use std::collections::BTreeMap;
use std::iter::Peekable;

use rustix::fs::OFlags;
use serde::Serialize;

use crate::error::{Error, LogFault, Result};
use crate::seal::audit::AuditKey;
use crate::seal::digest::{Digest, LogId};
use crate::store::audit_log::accept::Accepted;
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
    /// What was accepted as broken before that, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accepted: Vec<Accepted>,
    /// How many lines hold, from the first on, or from the last acceptance.
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
    /// Tells whether a line has the MAC of our identity.
    pub(super) fn is_ours(&self, parts: &Parts<'_>) -> bool {
        self.belief(parts) == Belief::Ours
    }

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
    segments: Vec<u64>,
    /// How much of the newest segment there was.
    limit: Option<(u64, u64)>,
}

/// Where the proof has come to.
struct Proof<'a> {
    known: &'a Known,
    head: Option<Head>,
    verified: Verified,
    /// How many lines stand before those that are proven: what was accepted as broken.
    before: u64,
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
            before: 0,
            segment: 0,
            digest: None,
        };
        let Some(moment) = self.moment()? else {
            proof.verified.fault = proof.replaced();
            return Ok(proof.verified);
        };
        let segments = moment.segments;
        proof.head = moment.head;
        proof.verified.accepted = self.accepted(&segments, known)?;
        if let Some(last) = proof.verified.accepted.last() {
            proof.before = last.line - 1;
        }
        let rest = segments.iter().copied();
        let rest = rest.filter(|first| *first > proof.before);
        let lines = RawLines::new(self.folder_again()?, rest.collect(), moment.limit);
        let mut lines = lines.peekable();
        while let Some(raw) = lines.next() {
            if let Err(fault) = proof.line(&raw?, &mut lines) {
                proof.verified.fault = Some(fault);
                return Ok(proof.verified);
            }
        }
        let mut verified = Verified {
            fault: proof.end(),
            ..proof.verified
        };
        if let Some(last) = verified
            .accepted
            .last()
            .filter(|_| verified.fault.is_none())
            && !self.is_as_accepted(&segments, last)?
        {
            verified.fault = Some(LogFault::PastChanged { line: last.line });
        }
        Ok(verified)
    }

    /// Takes down where the log ends, so that what others write meanwhile is not missed
    /// or met by half.
    fn moment(&self) -> Result<Option<Moment>> {
        let Some(folder) = self.folder()? else {
            return Ok(None);
        };
        lock(&folder, self.patience)?;
        let failed = |error: std::io::Error| Error::io("read", folder.path())(error);
        let head = match open(&folder, HEAD, OFlags::RDONLY) {
            Ok(file) => read_head(file).map_err(failed)?.0,
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
        Ok(Some(Moment {
            head,
            segments,
            limit,
        }))
    }
}

impl Proof<'_> {
    /// Checks the next line. `rest` is what stands behind it.
    fn line(&mut self, raw: &RawLine, rest: &mut Peekable<RawLines>) -> Result<(), LogFault> {
        let line = self.last() + 1;
        if let Some(begins) = raw.begins {
            self.begin_segment(begins, line)?;
        }
        let head = self.head;
        let is_end = head.is_some_and(|head| head.line == line);
        if !raw.is_ended {
            return Err(match head {
                Some(head) if is_end && raw.end == head.end => LogFault::Edited { line },
                // A new segment was begun behind it.
                _ if rest.peek().is_some() => LogFault::Torn { line },
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

    /// Returns the number of the last line that holds.
    fn last(&self) -> u64 {
        self.before + self.verified.lines
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
        let last = self.last();
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
        let accepted = &self.verified.accepted;
        let is_accepted = |log| accepted.iter().any(|all| all.broken.logs.contains(log));
        let mut gone = own.filter(|log| Some(**log) != self.verified.log && !is_accepted(log));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::identity::Identity;
    use crate::store::audit_log::Writer;
    use crate::store::audit_log::head::LENGTH;
    use crate::store::audit_log::line::Line;
    use crate::store::audit_log::place::{Place, line};
    use std::fs;

    /// The number of the line that a byte is in.
    fn line_at(bytes: &[u8], at: usize) -> u64 {
        1 + bytes[..at].iter().filter(|byte| **byte == b'\n').count() as u64
    }

    #[test]
    fn a_log_that_nobody_touched_holds() {
        let place = Place::new();
        let verified = place.verify();
        assert_eq!((verified.lines, verified.fault), (0, None));

        let place = Place::with("onsonsns");
        let verified = place.verify();
        assert_eq!(verified.fault, None);
        let Verified {
            lines,
            others,
            unkeyed,
            unheld,
            ..
        } = verified;
        assert_eq!((lines, others, unkeyed, unheld), (8, 3, 3, 4));
        let read: Vec<_> = place.log.lines().expect("opened").collect();
        assert_eq!(read.len(), 8);
        assert!(read.iter().zip(1..).all(|(read, number)| {
            let line = read.as_ref().expect("read").as_ref();
            line.is_ok_and(|line: &Line| line.line == number)
        }));
    }

    #[test]
    fn each_byte_that_is_edited_is_named_by_its_line() {
        let place = Place::with("nosonso");
        let bytes = place.bytes();
        for at in 0..bytes.len() {
            // Another letter, another digit, and the end of a line in the midst of it.
            for edit in [bytes[at] ^ 1, b'7', b'\n'] {
                if edit == bytes[at] {
                    continue;
                }
                let mut edited = bytes.clone();
                edited[at] = edit;
                place.write(&edited);
                let line = place.fault().map(|fault| fault.line());
                assert_eq!(line, Some(Some(line_at(&bytes, at))), "byte {at} is {edit}");
            }
        }
        place.write(&bytes);
        assert_eq!(place.fault(), None);
    }

    #[test]
    fn each_byte_of_the_head_that_is_edited_is_noticed() {
        let place = Place::with("oso");
        let head = fs::read(place.head()).expect("read");
        // Behind it stands who wrote last, of which it is said whether it is so.
        for at in 0..LENGTH {
            let mut edited = head.clone();
            edited[at] ^= 1;
            fs::write(place.head(), &edited).expect("written");
            assert!(place.fault().is_some(), "byte {at}");
        }
    }

    #[test]
    fn whoever_is_said_to_have_written_last_is_not_believed() {
        let place = Place::with("o");
        let head = fs::read_to_string(place.head()).expect("read");
        let (us, somebody) = (place.us.first_recipient(), Identity::generate());
        let somebody = somebody.first_recipient().to_string();
        let planted = head.replace(&us.to_string(), &somebody);
        assert_ne!(planted, head);
        for text in [
            planted.as_str(),
            &planted[..LENGTH],
            &planted[..LENGTH + 70],
            &head,
        ] {
            fs::write(place.head(), text).expect("written");
            place.append();
            fs::write(place.head(), &head[..LENGTH]).expect("written");
        }
        let lines = place.log.lines().expect("opened");
        let all_ours = lines
            .map(|line| line.expect("read").expect("a line"))
            .all(|line| line.identity == Some(us.to_string()));
        assert!(all_ours);
    }

    #[test]
    fn lines_that_are_dropped_swapped_or_cut_off_are_named() {
        let place = Place::with("nosonso");
        let lines = place.lines();
        let count = lines.len();
        for at in 0..count {
            let number = at as u64 + 1;
            let mut dropped = lines.clone();
            dropped.remove(at);
            place.write(&dropped.concat());
            let (first, last) = (number, number);
            let expected = if at + 1 == count {
                LogFault::Cut { first, last }
            } else {
                LogFault::Removed { first, last }
            };
            assert_eq!(place.fault(), Some(expected), "line {number}");

            let mut repeated = lines.clone();
            repeated.insert(at, lines[at].clone());
            place.write(&repeated.concat());
            let fault = place.fault().and_then(|fault| fault.line());
            assert_eq!(fault, Some(number + 1), "line {number} twice");

            for other in at + 1..count {
                let mut swapped = lines.clone();
                swapped.swap(at, other);
                place.write(&swapped.concat());
                let fault = place.fault();
                let line = fault.as_ref().and_then(LogFault::line);
                assert_eq!(line, Some(number), "{number} with {}: {fault:?}", other + 1);
            }
        }
        let bytes = lines.concat();
        for end in 0..bytes.len() {
            place.write(&bytes[..end]);
            let (first, last) = (line_at(&bytes, end), count as u64);
            assert_eq!(
                place.fault(),
                Some(LogFault::Cut { first, last }),
                "at {end}"
            );
        }
    }

    #[test]
    fn of_ten_thousand_lines_the_bad_one_is_named() {
        const LINES: usize = 10_000;
        let place = Place::new();
        let writer = Writer::of(Some(&place.us));
        for _ in 0..LINES {
            place.append_with(&writer, line());
        }
        let verified = place.verify();
        assert_eq!((verified.lines, verified.fault), (LINES as u64, None));
        let (bytes, lines) = (place.bytes(), place.lines());
        // Some places, all over the log.
        for at in (0..5).map(|n| (n * 1_299_721 + 17) % bytes.len()) {
            let mut edited = bytes.clone();
            edited[at] ^= 2;
            place.write(&edited);
            let line = place.fault().and_then(|fault| fault.line());
            assert_eq!(line, Some(line_at(&bytes, at)), "byte {at}");
        }
        for at in [0, LINES / 2] {
            let (first, last) = (at as u64 + 1, at as u64 + 1);
            let mut dropped = lines.clone();
            dropped.remove(at);
            place.write(&dropped.concat());
            assert_eq!(place.fault(), Some(LogFault::Removed { first, last }));
            let mut swapped = lines.clone();
            swapped.swap(at, at + 1);
            place.write(&swapped.concat());
            let line = first;
            assert_eq!(place.fault(), Some(LogFault::Reordered { line }));
        }
        place.write(&lines[..LINES - 5].concat());
        let (first, last) = (LINES as u64 - 4, LINES as u64);
        assert_eq!(place.fault(), Some(LogFault::Cut { first, last }));
    }

    #[test]
    fn whoever_writes_next_covers_nothing_up() {
        let place = Place::with("ooooo");
        let (bytes, head) = (place.bytes(), fs::read(place.head()).expect("read"));
        let lines = place.lines();
        let put_back = || {
            let folder = place.log.path().expect("there is a home");
            fs::remove_dir_all(folder).expect("removed");
            fs::create_dir(folder).expect("made");
            place.write(&bytes);
            fs::write(place.head(), &head).expect("written");
        };

        place.write(&lines[..3].concat());
        place.append();
        let (first, last) = (4, 5);
        assert_eq!(place.fault(), Some(LogFault::Removed { first, last }));

        put_back();
        fs::remove_file(place.segment(1)).expect("removed");
        place.append();
        let (first, last) = (1, 5);
        assert_eq!(place.fault(), Some(LogFault::Removed { first, last }));

        put_back();
        place.write(&[&bytes[..], b"{\"line\":6"].concat());
        assert_eq!(place.fault(), Some(LogFault::Torn { line: 6 }));
        place.append();
        assert_eq!(place.fault(), Some(LogFault::Torn { line: 6 }));
        let last = place.log.lines().expect("opened").last();
        let last = last.expect("a line").expect("read");
        assert_eq!(last.map(|line| line.line), Ok(7));

        put_back();
        place.write(&[&bytes[..], b"{\"line\":6}\n"].concat());
        place.append();
        assert_eq!(place.fault(), Some(LogFault::Edited { line: 6 }));

        put_back();
        fs::remove_file(place.head()).expect("removed");
        assert_eq!(place.fault(), Some(LogFault::HeadLost { line: 5 }));
        place.append();
        assert_eq!(place.fault(), Some(LogFault::HeadLost { line: 6 }));
        place.write(&lines[..3].concat());
        place.append();
        assert!(place.fault().is_some());

        put_back();
        place.append();
        assert_eq!(place.fault(), None);
    }

    /// It would be read for an hour, while others wait.
    #[test]
    fn what_no_segment_can_be_is_not_read_to_its_end() {
        for (has_head, last) in [(true, 8), (false, 9)] {
            let place = Place::with("ooooo");
            let segment = fs::OpenOptions::new().append(true).open(place.segment(1));
            let segment = segment.expect("opened");
            segment.set_len(1 << 42).expect("there are holes");
            if !has_head {
                fs::remove_file(place.head()).expect("removed");
            }
            place.append();
            assert_eq!(place.append().line, last);
        }
    }

    #[test]
    fn a_line_whose_writer_was_killed_before_the_head_is_a_line() {
        let place = Place::with("oo");
        let head = fs::read(place.head()).expect("read");
        place.append();
        place.append();
        fs::write(place.head(), head).expect("written");
        assert_eq!((place.verify().lines, place.fault()), (4, None));
        place.append();
        assert_eq!((place.verify().lines, place.fault()), (5, None));
    }

    #[test]
    fn the_chain_goes_through_all_segments() {
        let place = Place::new();
        let key = Writer::of(Some(&place.us));
        let long = || Line {
            names: vec!["X".repeat(3 << 20)],
            ..line()
        };
        for _ in 0..7 {
            place.append_with(&key, long());
        }
        assert_eq!((place.verify().lines, place.fault()), (7, None));
        let sizes = [1, 4, 7].map(|first| fs::metadata(place.segment(first)).is_ok());
        assert_eq!(sizes, [true; 3]);
        let numbers: Vec<_> = place
            .log
            .lines()
            .expect("opened")
            .map(|line| line.expect("read").map(|line| line.line))
            .collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7].map(Ok));

        // Killed when the segment was made, and when its line was written.
        fs::rename(place.segment(4), place.state.path().join("kept")).expect("renamed");
        let (first, last) = (4, 6);
        assert_eq!(place.fault(), Some(LogFault::Removed { first, last }));
        fs::rename(place.state.path().join("kept"), place.segment(4)).expect("renamed");
        place.append_with(&key, long());
        place.append_with(&key, long());
        let head = fs::read(place.head()).expect("read");
        place.append_with(&key, long());
        fs::write(place.head(), &head).expect("written");
        assert_eq!((place.verify().lines, place.fault()), (10, None));
        place.append_with(&key, long());
        assert_eq!((place.verify().lines, place.fault()), (11, None));
    }

    #[test]
    fn what_was_noted_elsewhere_shows_a_cut_that_the_head_does_not() {
        let mut place = Place::with("ooo");
        let (bytes, head) = (place.bytes(), fs::read(place.head()).expect("read"));
        let noted = place.append();
        let own = noted.log;
        place.known.heads = vec![noted.clone()];
        place.known.own = vec![own];
        assert_eq!(place.fault(), None);

        place.write(&bytes);
        fs::write(place.head(), &head).expect("written");
        let (first, last) = (4, 4);
        assert_eq!(place.fault(), Some(LogFault::Cut { first, last }));
        // The log grows again, by another line.
        place.append_by(None);
        assert_eq!(place.fault(), Some(LogFault::Edited { line: 4 }));

        fs::remove_dir_all(place.log.path().expect("there is a home")).expect("removed");
        let lines = 4;
        assert_eq!(place.fault(), Some(LogFault::BegunAnew { lines }));
        place.append();
        assert_eq!(place.fault(), Some(LogFault::BegunAnew { lines }));
    }

    #[test]
    fn what_cannot_be_read_is_no_line_that_does_not_read() {
        let place = Place::with("oo");
        let lines = || -> Vec<_> { place.log.lines().expect("opened").collect() };
        fs::create_dir(place.segment(3)).expect("made");
        let read = lines();
        assert_eq!(read.len(), 3);
        assert!(matches!(read[2], Err(Error::Io { .. })));

        fs::remove_dir(place.segment(3)).expect("removed");
        fs::write(place.segment(3), "no line\n").expect("written");
        assert!(matches!(lines()[2], Ok(Err(3))));
    }

    #[test]
    fn what_writes_at_once_makes_one_chain() {
        let place = Place::new();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..25).for_each(|_| drop(place.append())));
            }
        });
        assert_eq!((place.verify().lines, place.fault()), (200, None));
    }
}
