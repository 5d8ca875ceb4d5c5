//! How a value is written so that a reader of another format finds the same bytes:
//! quoted, escaped or encoded. Only the writing; who carries what is for the caller.
//!
//! Everything goes to a writer piece by piece, so that no copy of a value stays in
//! a buffer that nobody wipes; [`wiped`] is where it ends.

use std::io::{self, Write};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use zeroize::Zeroizing;

/// How many bytes are encoded at a time: whole groups of three.
const BASE64_CHUNK: usize = 768;

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

/// Writes a value of systemd's environment files, in double quotes, in which a
/// backslash keeps `"`, `\`, `` ` `` and `$` (systemd.exec(5), `EnvironmentFile=`).
///
/// # Errors
///
/// As `out` does.
pub fn systemd(bytes: &[u8], out: &mut dyn Write) -> io::Result<()> {
    between(b"\"", bytes, out, |byte| match byte {
        b'"' => Some(br#"\""#),
        b'\\' => Some(br"\\"),
        b'`' => Some(br"\`"),
        b'$' => Some(br"\$"),
        _ => None,
    })
}

/// Writes a JSON string with its quotes (RFC 8259, section 7).
///
/// # Errors
///
/// As `out` does.
pub fn json(text: &str, out: &mut dyn Write) -> io::Result<()> {
    Ok(serde_json::to_writer(out, text)?)
}

/// Writes what stands between the quotes of a JSON string.
///
/// # Errors
///
/// As `out` does.
pub fn json_inner(text: &str, out: &mut dyn Write) -> io::Result<()> {
    let quoted = wiped(|out| json(text, out));
    out.write_all(&quoted[1..quoted.len() - 1])
}

/// Writes a double-quoted scalar of YAML (1.2.2, section 7.3.1; 1.1 reads it
/// alike), which is a basic string of TOML, too (1.0.0, "String").
///
/// Only what is a letter, a digit or ASCII's punctuation stays as it is. Whatever
/// one of the readers would refuse, fold or take for a line's end (control
/// characters, NEL, U+2028, the byte order mark, noncharacters) is none of these.
///
/// # Errors
///
/// As `out` does.
pub fn yaml(text: &str, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(b"\"")?;
    let mut plain = 0;
    for (at, c) in text.char_indices() {
        if is_plain(c) {
            continue;
        }
        out.write_all(&text.as_bytes()[plain..at])?;
        plain = at + c.len_utf8();
        match c {
            '"' => out.write_all(br#"\""#)?,
            '\\' => out.write_all(br"\\")?,
            '\n' => out.write_all(br"\n")?,
            '\r' => out.write_all(br"\r")?,
            '\t' => out.write_all(br"\t")?,
            c if u32::from(c) > 0xffff => write!(out, "\\U{:08X}", u32::from(c))?,
            c => write!(out, "\\u{:04X}", u32::from(c))?,
        }
    }
    out.write_all(&text.as_bytes()[plain..])?;
    out.write_all(b"\"")
}

fn is_plain(c: char) -> bool {
    match c {
        '"' | '\\' => false,
        ' '..='~' => true,
        c => c.is_alphanumeric(),
    }
}

/// Writes bytes for any part of a URL: all but the unreserved characters is
/// percent-encoded (RFC 3986, sections 2.1 and 2.3).
///
/// # Errors
///
/// As `out` does.
pub fn url(bytes: &[u8], out: &mut dyn Write) -> io::Result<()> {
    bytes.iter().try_for_each(|byte| match byte {
        byte if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) => out.write_all(&[*byte]),
        byte => write!(out, "%{byte:02X}"),
    })
}

/// Writes bytes in base64 with padding, in one line (RFC 4648, section 4).
///
/// # Errors
///
/// As `out` does.
pub fn base64(bytes: &[u8], out: &mut dyn Write) -> io::Result<()> {
    let mut encoded = Zeroizing::new([0; BASE64_CHUNK / 3 * 4]);
    bytes.chunks(BASE64_CHUNK).try_for_each(|chunk| {
        let length = BASE64_STANDARD
            .encode_slice(chunk, &mut *encoded)
            .expect("there is room for a chunk");
        out.write_all(&encoded[..length])
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(write: impl Fn(&mut dyn Write) -> io::Result<()>) -> String {
        String::from_utf8(wiped(write).to_vec()).expect("text")
    }

    #[test]
    fn a_quote_does_not_end_a_word() {
        let text = br#"it's a "\$`"#;
        assert_eq!(written(|out| shell(text, out)), r#"'it'\''s a "\$`'"#);
        assert_eq!(written(|out| fish(text, out)), r#"'it\'s a "\\$`'"#);
        assert_eq!(written(|out| systemd(text, out)), r#""it's a \"\\\$\`""#);
        for quoted in [
            written(|out| shell(b"", out)),
            written(|out| fish(b"", out)),
        ] {
            assert_eq!(quoted, "''");
        }
    }

    #[test]
    fn what_readers_take_in_different_ways_is_escaped() {
        let text = "é\u{85}\u{2028}\u{feff}\u{7f}\u{1f511}\u{e000}\t\"";
        assert_eq!(
            written(|out| yaml(text, out)),
            r#""é\u0085\u2028\uFEFF\u007F\U0001F511\uE000\t\"""#
        );
        assert_eq!(written(|out| json("a\"\n", out)), r#""a\"\n""#);
        assert_eq!(written(|out| json_inner("a\"\n", out)), r#"a\"\n"#);
        assert_eq!(written(|out| json_inner("", out)), "");
    }

    #[test]
    fn bytes_go_into_a_url_whatever_they_are() {
        assert_eq!(
            written(|out| url(b"a-._~/ @:%\xff\n", out)),
            "a-._~%2F%20%40%3A%25%FF%0A"
        );
    }

    proptest! {
        #[test]
        fn base64_in_chunks_is_base64(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
            prop_assert_eq!(written(|out| base64(&bytes, out)), BASE64_STANDARD.encode(&bytes));
        }

        #[test]
        fn what_is_written_for_yaml_is_json_too_but_for_what_json_has_no_escape_for(text in "[^\u{10000}-\u{10ffff}]*") {
            let quoted = written(|out| yaml(&text, out));
            let read: String = serde_json::from_str(&quoted).expect("a string of JSON");
            prop_assert_eq!(read, text);
        }
    }
}
