//! Where a log ends, so that a line can be added without reading any.

use std::str::FromStr;

use crate::seal::digest::{Digest, LogId, LogMac};

/// The first words of a head.
const FORMAT: &str = "keyvault-log/1";

/// Digits of a number, so that every head has the same length and is overwritten whole.
const DIGITS: usize = 16;

/// The bytes of a head: six fields behind the format, and white space between them.
pub const LENGTH: usize = FORMAT.len() + 1 + 16 + 3 * (1 + DIGITS) + 2 * (1 + 64) + 1;

/// Where a log ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Which log.
    pub log: LogId,
    /// The file that it ends in, by the number of its first line.
    pub segment: u64,
    /// The number of the last line; 0 where there is none.
    pub line: u64,
    /// Where that line ends in its file.
    pub end: u64,
    /// The digest of that line, or the root of a log without lines.
    pub digest: Digest,
    /// The MAC of that line.
    pub mac: LogMac,
}

impl Head {
    /// Begins a log at its root: random bytes, of which the first are its id.
    pub fn begin(root: [u8; 32]) -> Self {
        Self {
            log: log_id(&root.into()),
            segment: 1,
            line: 0,
            end: 0,
            digest: root.into(),
            mac: [0; 32].into(),
        }
    }

    /// Writes it down.
    pub fn to_text(self) -> String {
        let Self {
            log,
            segment,
            line,
            end,
            digest,
            mac,
        } = self;
        let width = DIGITS;
        format!("{FORMAT} {log} {segment:0width$} {line:0width$} {end:0width$} {digest} {mac}\n")
    }
}

/// Returns the id of the log that begins at a root.
pub fn log_id(root: &Digest) -> LogId {
    let (first, _) = root.as_ref().split_first_chunk().expect("it has 32 bytes");
    LogId::from(*first)
}

/// The recipient of whoever wrote last, so that the next line of the same identity needs
/// not compute it: that would take as long as all else together. It stands behind the
/// head, and is believed by its tag alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastWriter {
    /// As the line has it.
    pub recipient: String,
    /// By [`AuditKey::tag`](crate::seal::audit::AuditKey::tag).
    pub tag: LogMac,
}

impl LastWriter {
    /// The longest recipient that is kept, of an age or ssh key; and its length here.
    const WIDTH: usize = 100;

    /// The bytes of one.
    pub const LENGTH: usize = 64 + 1 + Self::WIDTH + 1;

    /// Writes it down.
    pub fn to_text(&self) -> String {
        let Self { recipient, tag } = self;
        format!("{tag} {recipient:width$}\n", width = Self::WIDTH)
    }
}

impl FromStr for LastWriter {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (tag, recipient) = text.split_once(' ').ok_or(())?;
        Ok(Self {
            recipient: recipient.trim_end().to_owned(),
            tag: tag.parse().map_err(drop)?,
        })
    }
}

impl FromStr for Head {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut fields = text.strip_suffix('\n').ok_or(())?.split(' ');
        let mut next = || fields.next().ok_or(());
        if text.len() != LENGTH || next()? != FORMAT {
            return Err(());
        }
        let log = next()?.parse().map_err(drop)?;
        let mut number = || {
            let digits = fields.next().filter(|text| text.len() == DIGITS);
            digits.and_then(|text| text.parse().ok()).ok_or(())
        };
        let (segment, line, end) = (number()?, number()?, number()?);
        let mut next = || fields.next().ok_or(());
        Ok(Self {
            log,
            segment,
            line,
            end,
            digest: next()?.parse().map_err(drop)?,
            mac: next()?.parse().map_err(drop)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_reads_back_and_has_one_length() {
        let begun = Head::begin([7; 32]);
        let far = Head {
            segment: 1 << 40,
            line: (1 << 40) + 5,
            end: 8 << 20,
            ..begun
        };
        for head in [begun, far] {
            let text = head.to_text();
            assert_eq!((text.len(), text.parse()), (LENGTH, Ok(head)));
        }
        let text = begun.to_text();
        for bad in ["", &text[1..], &text[..LENGTH - 1], &text.replace('7', "g")] {
            assert_eq!(bad.parse::<Head>(), Err(()), "{bad}");
        }
    }
}
