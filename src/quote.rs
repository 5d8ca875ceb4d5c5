//! How a value is written so that a reader of another format finds the same bytes:
//! quoted, escaped or encoded. Only the writing; who carries what is for the caller.
//!
//! Everything goes to a writer piece by piece, so that no copy of a value stays in
//! a buffer that nobody wipes; [`wiped`] is where it ends.

use std::io::{self, Write};

use zeroize::Zeroizing;

/// Gathers what is written, in a buffer that is wiped. `write` is called twice and
/// has to write the same both times: first to learn how much it is, because a
/// buffer that grows leaves copies behind.
pub fn wiped(write: impl Fn(&mut dyn Write) -> io::Result<()>) -> Zeroizing<Vec<u8>> {
    let mut length = ByteCount(0);
    write(&mut length).expect("counting does not fail");
    let mut bytes = Zeroizing::new(Vec::with_capacity(length.0));
    write(&mut *bytes).expect("memory does not fail");
    bytes
}

/// Counts what would be written.
pub struct ByteCount(pub usize);

impl Write for ByteCount {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes one word of a POSIX shell, in single quotes (POSIX.1-2017, Shell Command
/// Language, 2.2.2). Any bytes but NUL.
///
/// # Errors
///
/// As `out` does; so for all of these.
pub fn shell(bytes: &[u8], out: &mut dyn Write) -> io::Result<()> {
    between(b"'", bytes, out, |byte| {
        (byte == b'\'').then_some(&br"'\''"[..])
    })
}

/// Writes one word of fish, in single quotes, in which `\\` and `\'` are the only
/// escapes (fish's documentation, "Quotes"). Any bytes but NUL.
///
/// # Errors
///
/// As `out` does.
pub fn fish(bytes: &[u8], out: &mut dyn Write) -> io::Result<()> {
    between(b"'", bytes, out, |byte| match byte {
        b'\'' => Some(br"\'"),
        b'\\' => Some(br"\\"),
        _ => None,
    })
}

/// Writes bytes between quotes, and for some of them something else.
fn between(
    quote: &[u8],
    bytes: &[u8],
    out: &mut dyn Write,
    escape: impl Fn(u8) -> Option<&'static [u8]>,
) -> io::Result<()> {
    out.write_all(quote)?;
    let mut plain = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if let Some(escaped) = escape(*byte) {
            out.write_all(&bytes[plain..at])?;
            out.write_all(escaped)?;
            plain = at + 1;
        }
    }
    out.write_all(&bytes[plain..])?;
    out.write_all(quote)
}
