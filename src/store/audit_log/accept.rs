//! Going on behind a log that is broken, once a person has accepted that it is.

use std::io::{self, Read};

use rustix::fs::{FlockOperation, OFlags};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::name::Remark;
use crate::seal::digest::{Digest, Digester};
use crate::seal::random;
use crate::store::audit_log::append::{put, settle, write_head, write_whole};
use crate::store::audit_log::head::Head;
use crate::store::audit_log::line::{Acceptance, Line};
use crate::store::audit_log::read::RawLines;
use crate::store::audit_log::record::Parts;
use crate::store::audit_log::verify::Known;
use crate::store::audit_log::{
    Appended, AuditLog, HEAD, Writer, append, lock, open, read_head, segment_name, segments,
};
use crate::store::folder::{Folder, is_regular_file};
use crate::timestamp::Timestamp;

/// A log that was accepted as broken, and the line that says so.
#[derive(Clone, Debug, Serialize)]
pub struct Accepted {
    /// The number of that line, behind what is broken.
    pub line: u64,
    /// When that was.
    pub time: Timestamp,
    /// Why, in the words of whoever did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Remark>,
    /// What was accepted.
    #[serde(flatten)]
    pub broken: Acceptance,
}

impl AuditLog {
    /// Returns the digest of all that the log has.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn digest(&self) -> Result<Digest> {
        match self.folder()? {
            Some(folder) => digest_of(&folder, &segments(&folder)?),
            None => Ok(Digester::default().finish()),
        }
    }

    /// Begins the log anew behind what is there, by a line with an acceptance of it. Does
    /// nothing, and returns `None`, where what is there is no more what was accepted.
    ///
    /// # Errors
    ///
    /// As [`AuditLog::append`].
    pub fn accept(&self, line: Line, writer: &Writer<'_>) -> Result<Option<Appended>> {
        let accepted = line.accepted.as_ref();
        let accepted = accepted.expect("an acceptance is accepted").digest;
        let path = self.path()?;
        let folder = match Folder::open(path, true)? {
            Some(folder) => folder,
            None => Folder::create(path)?,
        };
        lock(&folder, self.patience)?;
        let found = segments(&folder)?;
        if digest_of(&folder, &found)? != accepted {
            return Ok(None);
        }
        // By its files: what a head says that is not believed would stay.
        let last = match found.as_slice() {
            [] => 0,
            found => self.find_end(found)?.line,
        };
        let mut end = Head {
            line: last,
            segment: last + 1,
            ..Head::begin(random::bytes()?)
        };
        let failed = |error: io::Error| Error::io("write", path)(error);
        let head = append::open_or_create(&folder, HEAD, OFlags::RDWR);
        let head = head.map_err(|error| failed(error.into()))?;
        let us = writer.introduce(read_head(&head).map_err(failed)?.1);
        // First of all, so that a line which is not followed by its head is found.
        write_head(&head, end, us.as_ref()).map_err(failed)?;
        let segment = settle(&folder, &mut end)?;
        let line = Line {
            identity: us.as_ref().map(|us| us.recipient.clone()),
            ..line
        };
        let mut bytes = Vec::new();
        put(&mut end, line, &writer.key, &mut bytes);
        if let Err(error) = write_whole(&segment, &bytes) {
            let _ = segment.set_len(0);
            return Err(failed(error));
        }
        let without_head = write_head(&head, end, us.as_ref()).map_err(failed).err();
        let _ = rustix::fs::flock(&folder, FlockOperation::Unlock);
        Ok(Some(Appended {
            log: end.log,
            line: end.line,
            mac: end.mac,
            without_head,
            segment,
            folder,
        }))
    }

    /// Finds the lines that accept what stands before them: each the first of its segment,
    /// and of our identity.
    pub(super) fn accepted(&self, segments: &[u64], known: &Known) -> Result<Vec<Accepted>> {
        let mut all = Vec::new();
        for segment in segments {
            let mut lines = RawLines::new(self.folder_again()?, vec![*segment], None);
            let Some(raw) = lines.next().transpose()?.filter(|raw| raw.is_ended) else {
                continue;
            };
            let Some(parts) = Parts::of(&raw.bytes) else {
                continue;
            };
            if parts.line.line != *segment || !known.is_ours(&parts) {
                continue;
            }
            all.extend(parts.line.accepted.map(|broken| Accepted {
                line: *segment,
                time: parts.line.time,
                reason: parts.line.reason,
                broken,
            }));
        }
        Ok(all)
    }

    /// Tells whether what was accepted is what it was then.
    pub(super) fn is_as_accepted(&self, segments: &[u64], accepted: &Accepted) -> Result<bool> {
        let before = segments.partition_point(|segment| *segment < accepted.line);
        let digest = digest_of(&self.folder_again()?, &segments[..before])?;
        Ok(digest == accepted.broken.digest)
    }
}

/// Hashes segments: of each the name, the length and the bytes.
fn digest_of(folder: &Folder, segments: &[u64]) -> Result<Digest> {
    let mut digester = Digester::default();
    let mut buffer = vec![0; 64 << 10];
    for segment in segments {
        let name = segment_name(*segment);
        let failed = |error: io::Error| Error::io("read", &folder.path().join(&name))(error);
        let file = open(folder, &name, OFlags::RDONLY).map_err(|no| failed(no.into()))?;
        let status = rustix::fs::fstat(&file).map_err(|no| failed(no.into()))?;
        if !is_regular_file(&status) {
            return Err(failed(io::Error::other("it is not a regular file")));
        }
        let size = u64::try_from(status.st_size).unwrap_or(0);
        digester.update(name.as_bytes());
        digester.update(&size.to_be_bytes());
        let mut file = file.take(size);
        loop {
            match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => digester.update(&buffer[..read]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(error)),
            }
        }
    }
    Ok(digester.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::LogFault;
    use crate::seal::identity::Identity;
    use crate::store::audit_log::place::{Place, line};
    use std::fs;

    /// What is done to a log.
    type Damage<'a> = &'a dyn Fn(&Place);

    /// A line that accepts what there is.
    fn accepting(place: &Place) -> Line {
        let verified = place.verify();
        let fault = verified.fault.expect("it is broken");
        Line {
            accepted: Some(Acceptance {
                held: verified.lines,
                fault: fault.kind().to_owned(),
                message: fault.to_string(),
                digest: place.log.digest().expect("read"),
                logs: (place.known.own.iter().copied())
                    .chain(verified.log)
                    .collect(),
            }),
            ..line()
        }
    }

    /// Accepts what there is. Returns the number of the line that says so.
    fn accept(place: &Place) -> u64 {
        let writer = Writer::of(Some(&place.us));
        let appended = place.log.accept(accepting(place), &writer);
        let appended = appended.expect("written").expect("it is the same still");
        assert!(appended.without_head.is_none());
        appended.line
    }

    /// A log of ours whose fourth line is torn, accepted by the sixth.
    fn torn() -> Place {
        let place = Place::with("ons");
        place.write(&[&place.bytes()[..], b"{\"line\":4"].concat());
        place.append();
        assert_eq!(place.fault(), Some(LogFault::Torn { line: 4 }));
        assert_eq!(accept(&place), 6);
        place
    }

    #[test]
    fn each_break_may_be_accepted_and_the_log_goes_on() {
        let damages: [(&str, Damage<'_>); 7] = [
            ("torn", &|place| {
                place.write(&[&place.bytes()[..], b"{"].concat());
            }),
            ("edited", &|place| {
                let text = String::from_utf8(place.bytes()).expect("text");
                place.write(text.replacen("get", "got", 1).as_bytes());
            }),
            ("removed", &|place| {
                place.write(&place.lines()[1..].concat())
            }),
            ("cut", &|place| place.write(&place.lines()[..2].concat())),
            ("head-lost", &|place| {
                fs::remove_file(place.head()).expect("removed");
            }),
            ("head-edited", &|place| {
                let head = fs::read_to_string(place.head()).expect("read");
                let (format, rest) = head.split_once(' ').expect("words");
                let edited = format!("{format} {}{}", "0".repeat(16), &rest[16..]);
                fs::write(place.head(), edited).expect("written");
            }),
            ("begun-anew", &|place| {
                fs::remove_dir_all(place.log.path().expect("a home")).expect("removed");
            }),
        ];
        for (kind, damage) in damages {
            let mut place = Place::with("oooo");
            place.known.heads = vec![place.append()];
            place.known.own = vec![place.known.heads[0].log];
            damage(&place);
            let fault = place.fault().expect("it is broken");
            assert_eq!(fault.kind(), kind);

            let line = accept(&place);

            let verified = place.verify();
            assert_eq!((verified.lines, verified.fault), (1, None), "{kind}");
            assert_eq!(verified.accepted[0].broken.message, fault.to_string());
            // From there on it is a log like any other, also for what was noted of it.
            place.known.heads.push(place.append());
            place.known.own.push(place.known.heads[1].log);
            place.append();
            assert_eq!((place.verify().lines, place.fault()), (3, None), "{kind}");
            let path = place.segment(line);
            let whole = fs::read_to_string(&path).expect("read");
            let two: String = whole.split_inclusive('\n').take(2).collect();
            fs::write(&path, &two).expect("written");
            let (first, last) = (line + 2, line + 2);
            assert_eq!(place.fault(), Some(LogFault::Cut { first, last }), "{kind}");
            accept(&place);
            let verified = place.verify();
            assert_eq!(
                (verified.accepted.len(), verified.fault),
                (2, None),
                "{kind}"
            );
        }
    }

    #[test]
    fn each_byte_before_an_acceptance_is_held_by_it() {
        let place = torn();
        place.append();
        let bytes = place.bytes();
        for at in 0..bytes.len() {
            let mut edited = bytes.clone();
            edited[at] ^= 1;
            place.write(&edited);
            let line = 6;
            assert_eq!(place.fault(), Some(LogFault::PastChanged { line }), "{at}");
        }
        for changed in [&bytes[..bytes.len() - 1], &[&bytes[..], b"\n"].concat()] {
            place.write(changed);
            assert_eq!(place.fault(), Some(LogFault::PastChanged { line: 6 }));
        }
        place.write(&bytes);
        assert_eq!(place.fault(), None);
        fs::remove_file(place.segment(5)).expect("removed");
        assert_eq!(place.fault(), Some(LogFault::PastChanged { line: 6 }));
    }

    #[test]
    fn each_byte_of_an_acceptance_counts() {
        let place = torn();
        place.append();
        let path = place.segment(6);
        let bytes = fs::read(&path).expect("read");
        let length = bytes
            .iter()
            .position(|byte| *byte == b'\n')
            .expect("a line");
        for at in 0..=length {
            let mut edited = bytes.clone();
            edited[at] ^= 1;
            fs::write(&path, &edited).expect("written");
            assert!(place.fault().is_some(), "{at}");
        }
        // Without it the log is broken where it was.
        fs::write(&path, &bytes[length + 1..]).expect("written");
        assert_eq!(place.fault(), Some(LogFault::Torn { line: 4 }));
        fs::remove_file(&path).expect("removed");
        assert_eq!(place.fault(), Some(LogFault::Torn { line: 4 }));
    }

    #[test]
    fn nobody_else_accepts_for_us() {
        for somebody in [None, Some(Identity::generate())] {
            let place = Place::with("oo");
            place.write(&place.lines()[1..].concat());
            let line = accepting(&place);
            let writer = Writer::of(somebody.as_ref());
            let appended = place.log.accept(line, &writer).expect("written");
            assert!(appended.is_some());
            let (first, last) = (1, 1);
            assert_eq!(place.fault(), Some(LogFault::Removed { first, last }));
        }
    }

    #[test]
    fn what_was_changed_since_it_was_verified_is_not_accepted() {
        let place = Place::with("oo");
        place.write(&place.lines()[1..].concat());
        let line = accepting(&place);
        place.append();
        let before = fs::read(place.head()).expect("read");
        let writer = Writer::of(Some(&place.us));
        let appended = place.log.accept(line, &writer).expect("read");
        assert!(appended.is_none());
        assert_eq!(fs::read(place.head()).expect("read"), before);
    }

    #[test]
    fn an_acceptance_that_was_killed_is_one_or_none() {
        let place = torn();
        let path = place.segment(6);
        let bytes = fs::read(&path).expect("read");
        let parts = Parts::of(bytes.strip_suffix(b"\n").expect("a line")).expect("a line");
        let root = <[u8; 32]>::try_from(parts.previous.as_ref()).expect("32 bytes");
        let begun = Head {
            segment: 6,
            line: 5,
            ..Head::begin(root)
        };
        // Its line was written, and the head was not.
        fs::write(place.head(), begun.to_text()).expect("written");
        assert_eq!(place.fault(), None);
        place.append();
        assert_eq!((place.verify().lines, place.fault()), (2, None));
        // Its line was not written.
        for file in [Some(""), None] {
            fs::write(place.head(), begun.to_text()).expect("written");
            match file {
                Some(text) => fs::write(&path, text).expect("written"),
                None => fs::remove_file(&path).expect("removed"),
            }
            assert_eq!(place.fault(), Some(LogFault::Torn { line: 4 }));
            place.append();
            assert_eq!(place.fault(), Some(LogFault::Torn { line: 4 }));
        }
        accept(&place);
        assert_eq!(place.fault(), None);
    }
}
