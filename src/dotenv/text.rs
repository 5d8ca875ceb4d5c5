//! What all readers need of a text: its checks, its lines, and walking along it.

use zeroize::Zeroizing;

use super::{Failure, LINE_MAX, What};

/// How much of a file is looked at to tell UTF-16 from a stray NUL.
const SAMPLE: usize = 64;

/// Checks what no dialect takes, and passes the byte order mark over.
///
/// # Errors
///
/// The first line with what is refused.
pub fn check(bytes: &[u8]) -> Result<&str, Failure> {
    if is_utf16(bytes) {
        let what = What::Utf16;
        return Err(Failure { line: 1, what });
    }
    let at = |end: usize, what| Failure {
        line: 1 + breaks(&bytes[..end]),
        what,
    };
    let mut start = 0;
    for line in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
        if line.len() > LINE_MAX {
            return Err(at(start, What::LineTooLong { limit: LINE_MAX }));
        }
        start += line.len();
    }
    if let Some(nul) = memchr::memchr(0, bytes) {
        return Err(at(nul, What::Nul));
    }
    let text = std::str::from_utf8(bytes);
    let text = text.map_err(|error| at(error.valid_up_to(), What::NotUtf8))?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// Tells whether bytes are UTF-16: by its byte order mark, or because every second
/// byte at the beginning is NUL, as it is where the text is ASCII.
fn is_utf16(bytes: &[u8]) -> bool {
    let sample = &bytes[..bytes.len().min(SAMPLE)];
    let every_second = |first: usize| {
        let mut half = sample.iter().skip(first).step_by(2);
        sample.len() > 1 && half.all(|byte| *byte == 0)
    };
    matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) || every_second(0) || every_second(1)
}

/// Counts line breaks: `\n`, `\r\n`, and `\r` alone.
fn breaks(bytes: &[u8]) -> usize {
    let lone = |at: &usize| bytes[*at] == b'\n' || bytes.get(at + 1) != Some(&b'\n');
    memchr::memchr2_iter(b'\n', b'\r', bytes)
        .filter(lone)
        .count()
}

/// Makes all line breaks `\n`.
pub fn with_line_feeds(text: &str) -> Zeroizing<String> {
    // As long as it can get: a buffer that grows leaves copies behind.
    let mut lines = Zeroizing::new(String::with_capacity(text.len()));
    let mut rest = text;
    while let Some(at) = rest.find('\r') {
        lines.push_str(&rest[..at]);
        lines.push('\n');
        rest = &rest[at + 1..];
        rest = rest.strip_prefix('\n').unwrap_or(rest);
    }
    lines.push_str(rest);
    lines
}

/// Counts lines along a text, forward only, so that all of it is counted once.
pub struct Lines<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl<'a> Lines<'a> {
    /// Begins at the first line.
    pub fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            line: 1,
        }
    }

    /// Returns the line of a place, which is not before the last one asked for.
    pub fn line_of(&mut self, place: usize) -> usize {
        let between = &self.text.as_bytes()[self.at..place];
        self.line += breaks(between);
        self.at = place;
        self.line
    }
}

/// Returns where the characters that are meant end, from a place on.
pub fn skip(text: &str, from: usize, is_meant: impl Fn(char) -> bool) -> usize {
    let rest = &text[from..];
    let end = rest.find(|c| !is_meant(c)).unwrap_or(rest.len());
    from + end
}

/// Returns where a character stands, from a place on, or else the end of the text.
pub fn find(text: &str, from: usize, wanted: impl Fn(char) -> bool) -> usize {
    skip(text, from, |c| !wanted(c))
}

/// Returns the closing quotes that a regular expression of the form
/// `'((?:\\'|[^'])*)'` can end at, in the order in which it tries them: first the one
/// that no backslash stands before, then, from the back, those that one does.
/// `from` is behind the opening quote.
pub fn closings(text: &str, from: usize, quote: u8) -> impl Iterator<Item = usize> {
    let bytes = text.as_bytes();
    let mut escaped = Vec::new();
    let mut last = None;
    for at in memchr::memchr_iter(quote, &bytes[from..]) {
        let at = from + at;
        if at > from && bytes[at - 1] == b'\\' {
            escaped.push(at);
        } else {
            last = Some(at);
            break;
        }
    }
    last.into_iter().chain(escaped.into_iter().rev())
}
