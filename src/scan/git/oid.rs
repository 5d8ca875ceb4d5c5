//! Names that git gives to objects.

use std::fmt;

/// The length of the longer of the two hashes.
const LENGTH_MAX: usize = 32;

/// The name of an object: a SHA-1, or in newer repositories a SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Oid {
    bytes: [u8; LENGTH_MAX],
    length: u8,
}

impl Oid {
    /// Reads one as git writes it, in full.
    pub fn parse(text: &[u8]) -> Option<Self> {
        if !matches!(text.len(), 40 | 64) {
            return None;
        }
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let mut bytes = [0; LENGTH_MAX];
        for (byte, digits) in bytes.iter_mut().zip(text.chunks_exact(2)) {
            *byte = digit(digits[0])? << 4 | digit(digits[1])?;
        }
        let length = u8::try_from(text.len() / 2).ok()?;
        Some(Self { bytes, length })
    }

    /// Tells whether it is the name of nothing, as git writes it where there is no object.
    pub fn is_null(&self) -> bool {
        self.bytes == [0; LENGTH_MAX]
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 2 * LENGTH_MAX];
        let bytes = &self.bytes[..usize::from(self.length)];
        for (digits, byte) in text.chunks_exact_mut(2).zip(bytes) {
            digits[0] = DIGITS[usize::from(byte >> 4)];
            digits[1] = DIGITS[usize::from(byte & 15)];
        }
        let text = &text[..2 * bytes.len()];
        f.pad(std::str::from_utf8(text).unwrap_or_default())
    }
}

impl fmt::Debug for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_hashes_are_read_and_written() {
        for text in [
            "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
            "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
        ] {
            let oid = Oid::parse(text.as_bytes()).expect("one");
            assert_eq!(oid.to_string(), text);
            assert!(!oid.is_null());
        }
        assert!(Oid::parse(&[b'0'; 40]).expect("one").is_null());
        for bad in [
            "",
            "4b825dc",
            &"g".repeat(40),
            &"A".repeat(40),
            &"0".repeat(41),
        ] {
            assert_eq!(Oid::parse(bad.as_bytes()), None, "{bad}");
        }
    }
}
