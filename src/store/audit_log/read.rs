//! Reading a log, line by line.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use rustix::fs::OFlags;

use crate::error::{Error, Result};
use crate::seal::digest::LogMac;
use crate::store::audit_log::line::Line;
use crate::store::audit_log::record::Parts;
use crate::store::audit_log::{AuditLog, LINE_MAX, SEGMENT_READ_MAX, open, segment_name, segments};
use crate::store::folder::{Folder, is_regular_file};

/// A line as it stands in a file.
pub(super) struct RawLine {
    /// The segment that it is in, where it is the first there.
    pub begins: Option<u64>,
    /// Its bytes, without the line feed; of one that is too long, the first.
    pub bytes: Vec<u8>,
    /// Where it ends in its segment, with its line feed.
    pub end: u64,
    /// Whether there is a line feed behind it.
    pub is_ended: bool,
}

/// The lines of some segments, as they stand there.
pub(super) struct RawLines {
    folder: Folder,
    segments: std::vec::IntoIter<u64>,
    /// Where to stop in which segment: what is behind it was written since.
    limit: Option<(u64, u64)>,
    segment: Option<(BufReader<io::Take<File>>, u64)>,
    begins: Option<u64>,
}

impl RawLines {
    pub fn new(folder: Folder, segments: Vec<u64>, limit: Option<(u64, u64)>) -> Self {
        Self {
            folder,
            segments: segments.into_iter(),
            limit,
            segment: None,
            begins: None,
        }
    }

    fn advance(&mut self) -> Result<Option<RawLine>> {
        loop {
            let Some((reader, at)) = &mut self.segment else {
                let Some(number) = self.segments.next() else {
                    return Ok(None);
                };
                self.segment = Some((self.open(number)?, 0));
                self.begins = Some(number);
                continue;
            };
            let mut bytes = Vec::new();
            let failed = |error| Error::io("read", self.folder.path())(error);
            let mut read = read_line(reader, &mut bytes).map_err(failed)?;
            if read == 0 {
                self.segment = None;
                continue;
            }
            let is_ended = bytes.last() == Some(&b'\n');
            if is_ended {
                bytes.pop();
            } else if read == LINE_MAX {
                read += skip_line(reader).map_err(failed)?;
            }
            *at += read as u64;
            return Ok(Some(RawLine {
                begins: self.begins.take(),
                bytes,
                end: *at,
                is_ended,
            }));
        }
    }

    fn open(&self, number: u64) -> Result<BufReader<io::Take<File>>> {
        let name = segment_name(number);
        let failed = |error: io::Error| Error::io("read", &self.folder.path().join(&name))(error);
        let file = open(&self.folder, &name, OFlags::RDONLY).map_err(|no| failed(no.into()))?;
        let status = rustix::fs::fstat(&file).map_err(|no| failed(no.into()))?;
        if !is_regular_file(&status) {
            return Err(failed(io::Error::other("it is not a regular file")));
        }
        let limit = self.limit.filter(|(segment, _)| *segment == number);
        let limit = limit.map_or(u64::MAX, |(_, size)| size);
        Ok(BufReader::with_capacity(64 << 10, file.take(limit)))
    }
}

impl Iterator for RawLines {
    type Item = Result<RawLine>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}

fn read_line(reader: &mut impl BufRead, bytes: &mut Vec<u8>) -> io::Result<usize> {
    reader.take(LINE_MAX as u64).read_until(b'\n', bytes)
}

/// Skips the rest of a line. Returns how long that was.
fn skip_line(reader: &mut impl BufRead) -> io::Result<usize> {
    let mut skipped = 0;
    loop {
        let available = reader.fill_buf()?;
        let end = memchr::memchr(b'\n', available);
        let length = end.map_or(available.len(), |at| at + 1);
        reader.consume(length);
        skipped += length;
        if end.is_some() || length == 0 {
            return Ok(skipped);
        }
    }
}

/// The lines of a log, oldest first, read as they are asked for and not verified: of one
/// that does not read, its number comes instead. An error is the last that comes, and
/// there may be more lines behind it.
pub struct Lines {
    raw: Option<RawLines>,
    number: u64,
}

impl Iterator for Lines {
    type Item = Result<Result<Line, u64>>;

    fn next(&mut self) -> Option<Self::Item> {
        let raw = match self.raw.as_mut()?.next()? {
            Ok(raw) => raw,
            Err(error) => {
                // What cannot be read once is not tried for ever.
                self.raw = None;
                return Some(Err(error));
            }
        };
        self.number = raw.begins.unwrap_or(self.number + 1);
        Some(Ok(
            serde_json::from_slice(&raw.bytes).map_err(|_| self.number)
        ))
    }
}

impl AuditLog {
    /// Reads all lines, oldest first, without asking whether they are what was written.
    /// None where there is no log.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], where the folder cannot be read.
    pub fn lines(&self) -> Result<Lines> {
        let raw = match self.folder()? {
            Some(folder) => {
                let segments = segments(&folder)?;
                Some(RawLines::new(folder, segments, None))
            }
            None => None,
        };
        Ok(Lines { raw, number: 0 })
    }

    /// Returns the MAC of a line, as it stands there; `None` where there is no such line.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn mac_of(&self, line: u64) -> Result<Option<LogMac>> {
        let Some(folder) = self.folder()? else {
            return Ok(None);
        };
        let mut segments = segments(&folder)?;
        segments.retain(|first| *first <= line);
        let Some(segment) = segments.pop() else {
            return Ok(None);
        };
        let index = usize::try_from(line - segment).unwrap_or(usize::MAX);
        let limit = Some((segment, SEGMENT_READ_MAX));
        let raw = RawLines::new(folder, vec![segment], limit).nth(index);
        let raw = raw.transpose()?;
        Ok(raw.and_then(|raw| Some(Parts::of(&raw.bytes)?.mac)))
    }
}
