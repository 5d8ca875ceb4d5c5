//! The clipboard of the terminal: xterm's control sequence OSC 52 ("XTerm Control
//! Sequences", Operating System Commands, 52), which many others know. It reaches the
//! person's own machine through ssh as well.
//!
//! A terminal says nothing to it, and most do not tell what is on the clipboard: so it
//! is not known whether a value arrived, nor whether it is still there.

use std::fs::File;
use std::io::{self, Write};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use zeroize::Zeroizing;

use crate::secret_value::SecretValue;
use crate::ui::prompt::terminal;

/// The longest value: terminals cut sequences of more than 100,000 bytes (hterm,
/// tmux), of which eight are not the value's base64.
pub const VALUE_MAX: usize = 74_994;

const BEGIN: &[u8] = b"\x1b]52;c;";
const END: &[u8] = b"\x07";

/// A terminal that can be told what its clipboard is to hold.
pub struct TerminalClipboard(File);

impl TerminalClipboard {
    /// Finds the terminal of this process, if it has one.
    pub fn find() -> Option<Self> {
        terminal().map(Self)
    }

    /// Puts a value on it.
    ///
    /// # Errors
    ///
    /// As the terminal does.
    pub fn copy(&self, value: &SecretValue) -> io::Result<()> {
        let bytes = value.expose();
        let mut text = Zeroizing::new(vec![0; bytes.len().div_ceil(3) * 4]);
        let length = BASE64_STANDARD.encode_slice(bytes, &mut text);
        self.send(&text[..length.expect("it has the length of base64")])
    }

    /// Empties it, whatever it holds.
    ///
    /// # Errors
    ///
    /// As the terminal does.
    pub fn clear(&self) -> io::Result<()> {
        self.send(b"")
    }

    fn send(&self, base64: &[u8]) -> io::Result<()> {
        // In one piece: a program may be drawing at the same time.
        let length = BEGIN.len() + base64.len() + END.len();
        let mut sequence = Zeroizing::new(Vec::with_capacity(length));
        for part in [BEGIN, base64, END] {
            sequence.extend_from_slice(part);
        }
        (&self.0).write_all(&sequence)
    }
}
