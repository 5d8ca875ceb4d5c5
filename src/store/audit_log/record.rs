//! A line as it stands on the disk: with what it was written behind, and its MAC.

use crate::seal::audit::AuditKey;
use crate::seal::digest::{Digest, LogMac};
use crate::store::audit_log::line::Line;

/// What stands between a line's own fields and the digest of the line before.
const PREVIOUS: &[u8] = b",\"prev\":\"";

/// And what stands between that and the MAC.
const MAC: &[u8] = b"\",\"mac\":\"";

const END: &[u8] = b"\"}";

/// A SHA-256 in hexadecimal.
const HEX: usize = 64;

/// A line that was put into its form on the disk.
pub struct Record {
    /// Its bytes, with the line feed.
    pub bytes: Vec<u8>,
    /// The digest of its bytes without the line feed.
    pub digest: Digest,
    /// Its MAC.
    pub mac: LogMac,
}

impl Record {
    /// Puts a line behind the one of a digest.
    pub fn new(line: &Line, previous: &Digest, key: &AuditKey) -> Self {
        let mut bytes = serde_json::to_vec(line).expect("a line has a JSON form");
        bytes.pop();
        bytes.extend_from_slice(PREVIOUS);
        bytes.extend_from_slice(previous.to_string().as_bytes());
        let mac = key.mac(&[&bytes, END]);
        bytes.extend_from_slice(MAC);
        bytes.extend_from_slice(mac.to_string().as_bytes());
        bytes.extend_from_slice(END);
        let digest = Digest::of(&bytes);
        bytes.push(b'\n');
        Self { bytes, digest, mac }
    }
}

/// A line that was read, taken apart.
pub struct Parts<'a> {
    /// What was done.
    pub line: Line,
    /// The digest of the line that it was written behind.
    pub previous: Digest,
    /// Its MAC.
    pub mac: LogMac,
    /// All but its MAC.
    covered: &'a [u8],
}

impl<'a> Parts<'a> {
    /// Takes a line without its line feed apart; `None` where it is none.
    pub fn of(bytes: &'a [u8]) -> Option<Self> {
        let (before, mac) = field(bytes.strip_suffix(END)?, MAC)?;
        let (_, previous) = field(before, PREVIOUS)?;
        Some(Self {
            line: serde_json::from_slice(bytes).ok()?,
            previous: previous.parse().ok()?,
            mac: mac.parse().ok()?,
            covered: before,
        })
    }

    /// Tells whether its MAC is of this key.
    pub fn is_by(&self, key: &AuditKey) -> bool {
        key.verifies(&[self.covered, END], &self.mac)
    }
}

/// Splits a field off the end, with its name.
fn field<'a>(bytes: &'a [u8], name: &[u8]) -> Option<(&'a [u8], &'a str)> {
    let (before, text) = bytes.split_at_checked(bytes.len().checked_sub(HEX)?)?;
    Some((before.strip_suffix(name)?, std::str::from_utf8(text).ok()?))
}
