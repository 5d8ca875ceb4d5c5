//! The dialect of Docker Compose: `dotenv/parser.go` and `template/template.go` of
//! <https://github.com/compose-spec/compose-go>:
//!
//! - names are letters, digits, `_`, `.`, `-`, `[` and `]`, after `export` if need be; then `=` or `:`
//!   with space around it. A name alone is taken from Compose's own environment;
//! - a value in `'` or `"` may have many lines; a quote in it is escaped by `\`. Otherwise it ends
//!   with the line or at ` #`, and loses the space around it;
//! - in double quotes the escapes are Go's: `\a`, `\b`, `\f`, `\n`, `\r`, `\t`, `\v`, `\\`, `\"` and `\0ddd`, and `\$`;
//! - `$NAME` and `${NAME}`, with `:-`, `-`, `:+`, `+`, `:?` and `?`, are references but in single
//!   quotes; `$$` is a dollar sign. The environment comes before the file.
//!
//! Stricter than it: behind a closing quote nothing but a comment may stand, where
//! Compose reads on as if on the next line. At the end of a file without a line feed, a name
//! alone is one, where Compose takes it for the value of a variable without a name.

use zeroize::Zeroizing;

use super::scope::{DEPTH_MAX, First, Scope, extend};
use super::text::{Lines, find, skip};
use super::{Statement, Statements, Value, What};

/// Reads a text.
pub fn read(text: &str, scope: &mut Scope<'_>) -> Statements {
    let mut lines = Lines::new(text);
    let mut statements = Statements::new();
    let mut at = skip(text, 0, char::is_whitespace);
    while at < text.len() {
        let mut end = find(text, at, |c| c == '\n');
        if !text[at..].starts_with('#') {
            let line = lines.line_of(at);
            let read = name(text, at).and_then(|(name, behind)| {
                let value = match behind {
                    Some(from) => Some(value(text, from, &mut end, scope)?),
                    None => None,
                };
                scope.remember(name, value.as_ref());
                Ok((name.to_owned(), value))
            });
            let last = lines.line_of(end);
            statements.push(Statement::new(line, last, read));
        }
        at = skip(text, end, char::is_whitespace);
    }
    statements
}

/// Returns a name, and where its value begins if it has one.
fn name(text: &str, start: usize) -> Result<(&str, Option<usize>), What> {
    let export = text[start..].strip_prefix("export");
    let export = export.filter(|rest| rest.starts_with(['\t', '\n', '\u{c}', '\r', ' ']));
    let start = export.map_or(start, |rest| {
        skip(text, text.len() - rest.len(), is_inline_space)
    });
    let is_of_name = |c: char| {
        is_inline_space(c) || c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '[' | ']')
    };
    let end = skip(text, start, is_of_name);
    let name = text[start..end].trim_end();
    let behind = match text.as_bytes().get(end) {
        Some(b'=' | b':') => Some(skip(text, end + 1, is_inline_space)),
        Some(b'\n') | None => None,
        Some(_) => return Err(What::NotAnAssignment),
    };
    if name.contains(' ') || (name.is_empty() && behind.is_none()) {
        return Err(What::NotAnAssignment);
    }
    Ok((name, behind))
}

/// Reads a value; `end` becomes the end of its last line.
fn value(text: &str, from: usize, end: &mut usize, scope: &mut Scope<'_>) -> Result<Value, What> {
    let Some(quote @ (b'\'' | b'"')) = text.as_bytes().get(from) else {
        *end = find(text, from, |c| c == '\n');
        let line = &text[from..*end];
        let value = line.split_once(" #").map_or(line, |(value, _)| value);
        return substitute(value.trim_end().as_bytes(), scope);
    };
    let (quoted, behind) = quoted(&text.as_bytes()[from + 1..], *quote).ok_or(What::Unclosed)?;
    let behind = skip(text, from + 1 + behind, is_inline_space);
    *end = find(text, behind, |c| c == '\n');
    if behind < *end && !text[behind..].starts_with('#') {
        return Err(What::BehindQuote);
    }
    if *quote == b'\'' {
        return Ok(Value::from(quoted));
    }
    substitute(&unescaped(&quoted), scope)
}

/// Returns what stands before a closing quote, each escaped one as the quote
/// itself, and the place behind it.
fn quoted(text: &[u8], quote: u8) -> Option<(Zeroizing<Vec<u8>>, usize)> {
    let mut closing = None;
    let mut is_escaped = false;
    for (at, byte) in text.iter().enumerate() {
        if *byte == quote && !is_escaped {
            closing = Some(at);
            break;
        }
        is_escaped = *byte == b'\\' && !is_escaped;
    }
    let closing = closing?;
    let mut value = Zeroizing::new(Vec::with_capacity(closing));
    let mut is_escaped = false;
    for byte in &text[..closing] {
        if is_escaped && *byte == quote {
            value.pop();
        }
        value.push(*byte);
        is_escaped = *byte == b'\\' && !is_escaped;
    }
    Some((value, closing + 1))
}

/// Resolves the escapes of double quotes; `\$` becomes `$$`, which is one dollar
/// sign to [`substitute`].
fn unescaped(value: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(value.len()));
    let mut rest = value;
    while let Some((byte, behind)) = rest.split_first() {
        let (length, escaped): (usize, &[u8]) = match (byte, behind.first()) {
            (b'\\', Some(b'a')) => (1, b"\x07"),
            (b'\\', Some(b'b')) => (1, b"\x08"),
            (b'\\', Some(b'f')) => (1, b"\x0c"),
            (b'\\', Some(b'n')) => (1, b"\n"),
            (b'\\', Some(b'r')) => (1, b"\r"),
            (b'\\', Some(b't')) => (1, b"\t"),
            (b'\\', Some(b'v')) => (1, b"\x0b"),
            (b'\\', Some(b'\\')) => (1, b"\\"),
            (b'\\', Some(b'"')) => (1, b"\""),
            (b'\\', Some(b'$')) => (1, b"$$"),
            (b'\\', Some(b'0')) => {
                let digits = behind[1..].iter().take(3);
                let digits = digits.take_while(|digit| digit.is_ascii_digit()).count();
                let mut utf8 = [0; 2];
                match octal(&behind[1..=digits]) {
                    Some(c) => extend(&mut bytes, c.encode_utf8(&mut utf8).as_bytes()),
                    None => extend(&mut bytes, &rest[..digits + 2]),
                }
                (digits + 1, b"")
            }
            _ => (0, std::slice::from_ref(byte)),
        };
        extend(&mut bytes, escaped);
        rest = &behind[length..];
    }
    bytes
}

/// Reads the three octal digits of a character up to U+00FF.
fn octal(digits: &[u8]) -> Option<char> {
    let is_octal = |digit: &u8| matches!(digit, b'0'..=b'7');
    if digits.len() != 3 || !digits.iter().all(is_octal) {
        return None;
    }
    let number = digits
        .iter()
        .fold(0_u32, |number, digit| 8 * number + u32::from(digit - b'0'));
    u8::try_from(number).ok().map(char::from)
}

/// Resolves the references of a value, or says that it has some; `$$` becomes `$`
/// either way.
fn substitute(value: &[u8], scope: &mut Scope<'_>) -> Result<Value, What> {
    let mut substitution = Substitution {
        scope,
        bytes: Zeroizing::new(Vec::with_capacity(value.len())),
        refers: false,
    };
    substitution.append(value, 0)?;
    let value = Value {
        bytes: substitution.bytes,
        refers: substitution.refers,
    };
    if value.bytes.contains(&0) {
        return Err(What::Nul);
    }
    Ok(value)
}

struct Substitution<'a, 'b> {
    scope: &'a mut Scope<'b>,
    bytes: Zeroizing<Vec<u8>>,
    refers: bool,
}

impl Substitution<'_, '_> {
    fn append(&mut self, text: &[u8], depth: usize) -> Result<(), What> {
        if depth > DEPTH_MAX {
            return Err(What::Reference);
        }
        let mut rest = text;
        while let Some(start) = memchr::memchr(b'$', rest) {
            extend(&mut self.bytes, &rest[..start]);
            rest = &rest[start..];
            let length = match rest.get(1) {
                Some(b'$') => {
                    extend(&mut self.bytes, b"$");
                    2
                }
                Some(b'{') => self.braced(rest, depth)?,
                _ => self.named(rest)?,
            };
            rest = &rest[length..];
        }
        extend(&mut self.bytes, rest);
        Ok(())
    }

    /// Appends what `$NAME` stands for, or the `$` itself, and returns its length.
    fn named(&mut self, text: &[u8]) -> Result<usize, What> {
        let length = 1 + name_length(&text[1..]);
        if length == 1 || !self.scope.expands() {
            self.refers |= length > 1;
            extend(&mut self.bytes, &text[..length]);
            return Ok(length);
        }
        let value = self.scope.look_up(&text[1..length], First::Outside);
        self.scope
            .append(&mut self.bytes, &value.unwrap_or_default())?;
        Ok(length)
    }

    /// Appends what `${…}` stands for and returns its length.
    fn braced(&mut self, text: &[u8], depth: usize) -> Result<usize, What> {
        let inside = &text[2..];
        let (name, behind) = inside.split_at(name_length(inside));
        let length = match behind.first() {
            _ if name.is_empty() => None,
            Some(b'}') => Some(2 + name.len() + 1),
            _ => operator(behind).and_then(|_| whole(text)),
        };
        if !self.scope.expands() {
            self.refers = true;
            let length = length.unwrap_or(2);
            extend(&mut self.bytes, &text[..length]);
            return Ok(length);
        }
        let length = length.ok_or(What::Reference)?;
        let found = self.scope.look_up(name, First::Outside);
        let Some((operator, operator_length)) = operator(behind) else {
            self.scope
                .append(&mut self.bytes, &found.unwrap_or_default())?;
            return Ok(length);
        };
        let word = &text[2 + name.len() + operator_length..length - 1];
        let needs_text = operator_length == 2;
        let is_there = found
            .as_ref()
            .is_some_and(|found| !needs_text || !found.is_empty());
        match (operator, is_there) {
            (b'?', false) => return Err(What::Reference),
            (b'-', false) | (b'+', true) => self.append(word, depth + 1)?,
            _ => self
                .scope
                .append(&mut self.bytes, &found.unwrap_or_default())?,
        }
        Ok(length)
    }
}

fn name_length(text: &[u8]) -> usize {
    let is_of_name = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
    match text.first() {
        Some(first) if !first.is_ascii_digit() => text.iter().take_while(is_of_name).count(),
        _ => 0,
    }
}

/// Returns the operator that a text begins with, and its length with a colon.
fn operator(text: &[u8]) -> Option<(u8, usize)> {
    let colon = usize::from(text.starts_with(b":"));
    let operator = text.get(colon).filter(|byte| b"-+?".contains(byte))?;
    Some((*operator, colon + 1))
}

/// Returns the length of `${NAME-…}`: up to the brace that closes the first one. One
/// has to be on the line; where they do not pair, it is the last one of the line.
fn whole(text: &[u8]) -> Option<usize> {
    let line = memchr::memchr(b'\n', text).map_or(text, |end| &text[..end]);
    let last = memchr::memrchr(b'}', line)? + 1;
    let mut open = 0_usize;
    let mut at = 0;
    while at < last {
        match text[at] {
            b'}' => {
                open = open.saturating_sub(1);
                if open == 0 {
                    return Some(at + 1);
                }
            }
            // The original passes over what stands behind an opening brace.
            b'{' => {
                open += 1;
                at += 1;
            }
            _ => {}
        }
        at += 1;
    }
    Some(last)
}

/// The space that ends no line, as Compose has it.
fn is_inline_space(c: char) -> bool {
    matches!(
        c,
        '\t' | '\u{b}' | '\u{c}' | '\r' | ' ' | '\u{85}' | '\u{a0}'
    )
}
