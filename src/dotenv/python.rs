//! The dialect of python-dotenv: `src/dotenv/parser.py` and `variables.py` of
//! <https://github.com/theskumar/python-dotenv>, read from a file, which makes all
//! line breaks `\n`:
//!
//! - a name is anything without space, `=` and `#`, or anything in single quotes, after
//!   `export` if need be; without `=` it has no value;
//! - a value in `'` or `"` may have many lines, and nothing but a comment behind it. Otherwise it
//!   ends with the line or at a `#` with space before it, and loses the space around it;
//! - in single quotes `\\` and `\'` are escapes, in double quotes also `\"`, `\a`, `\b`, `\f`, `\n`,
//!   `\r`, `\t` and `\v`;
//! - `${NAME}` and `${NAME:-default}` are references, in single quotes too; the
//!   environment comes before the file, as in `load_dotenv()`.

use zeroize::Zeroizing;

use super::scope::{First, Scope, extend};
use super::text::{Lines, closings, find, skip, with_line_feeds};
use super::{Statement, Statements, Value, What};

/// Reads a text.
pub fn read(text: &str, scope: &mut Scope<'_>) -> Statements {
    let text = with_line_feeds(text);
    let mut lines = Lines::new(&text);
    let mut statements = Statements::new();
    let mut at = skip(&text, 0, is_space);
    while at < text.len() {
        let line = lines.line_of(at);
        let mut end = at;
        let binding = binding(&text, at, &mut end);
        if binding.is_err() {
            end = find(&text, end, |c| c == '\n');
        }
        let last = lines.line_of(end);
        if let Some(binding) = binding.transpose() {
            let read = binding.and_then(|(name, value)| {
                let value = value.map(|value| resolve(value, scope)).transpose()?;
                // A name alone is empty to references, which then have no default.
                scope.remember(name, Some(value.as_ref().unwrap_or(&Value::of(&[]))));
                Ok((name.to_owned(), value))
            });
            statements.push(Statement::new(line, last, read));
        }
        at = skip(&text, end, is_space);
    }
    statements
}

type Binding<'a> = (&'a str, Option<Zeroizing<Vec<u8>>>);

/// Reads a binding, or a comment, which is none. `at` ends where it ends, or where
/// it is not understood.
fn binding<'a>(text: &'a str, start: usize, at: &mut usize) -> Result<Option<Binding<'a>>, What> {
    *at = start;
    if text[*at..].starts_with("export") {
        let behind = *at + "export".len();
        let end = skip(text, behind, is_inline_space);
        *at = if end > behind { end } else { *at };
    }
    let name = name(text, at)?;
    *at = skip(text, *at, is_inline_space);
    let mut value = None;
    let mut unfit = What::NotAnAssignment;
    if text[*at..].starts_with('=') {
        *at = skip(text, *at + 1, is_inline_space);
        if text[*at..].starts_with(['\'', '"']) {
            unfit = What::BehindQuote;
        }
        value = Some(self::value(text, at)?);
    }
    let end = skip(text, *at, is_inline_space);
    if !text[end..].is_empty() && !text[end..].starts_with(['\n', '#']) {
        return Err(unfit);
    }
    *at = find(text, end, |c| c == '\n');
    Ok(name.map(|name| (name, value)))
}

/// Reads a name; a comment has none.
fn name<'a>(text: &'a str, at: &mut usize) -> Result<Option<&'a str>, What> {
    let start = *at;
    if text[start..].starts_with('#') {
        return Ok(None);
    }
    if let Some(quoted) = text[start..].strip_prefix('\'') {
        let (name, _) = quoted.split_once('\'').ok_or(What::NotAnAssignment)?;
        if !name.is_empty() {
            *at = start + name.len() + 2;
        }
        return some(name);
    }
    let end = skip(text, start, |c| !is_space(c) && !matches!(c, '=' | '#'));
    *at = end;
    some(&text[start..end])
}

fn some(name: &str) -> Result<Option<&str>, What> {
    if name.is_empty() {
        return Err(What::NotAnAssignment);
    }
    Ok(Some(name))
}

/// Reads a value, behind `=` and space.
fn value(text: &str, at: &mut usize) -> Result<Zeroizing<Vec<u8>>, What> {
    let start = *at;
    if let Some(quote @ (b'\'' | b'"')) = text.as_bytes().get(start) {
        let closing = closings(text, start + 1, *quote).next();
        let closing = closing.ok_or(What::Unclosed)?;
        *at = closing + 1;
        return Ok(unescaped(&text[start + 1..closing], *quote == b'"'));
    }
    *at = find(text, start, |c| c == '\n');
    let value = &text[start..*at];
    let comment = |(hash, _): (usize, &str)| {
        let before = &value[..hash];
        before.ends_with(is_space).then_some(before)
    };
    let value = value.match_indices('#').find_map(comment).unwrap_or(value);
    let value = value.trim_end_matches(is_space);
    Ok(Zeroizing::new(value.as_bytes().to_vec()))
}

/// Resolves the escapes of a quoted value.
fn unescaped(value: &str, is_double: bool) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(value.len()));
    let mut rest = value.as_bytes();
    while let Some((byte, behind)) = rest.split_first() {
        let escaped = match (byte, behind.first()) {
            (b'\\', Some(c @ (b'\\' | b'\''))) => Some(*c),
            (b'\\', Some(c)) if is_double => match c {
                b'"' => Some(b'"'),
                b'a' => Some(0x07),
                b'b' => Some(0x08),
                b'f' => Some(0x0c),
                b'n' => Some(b'\n'),
                b'r' => Some(b'\r'),
                b't' => Some(b'\t'),
                b'v' => Some(0x0b),
                _ => None,
            },
            _ => None,
        };
        bytes.push(escaped.unwrap_or(*byte));
        rest = &behind[usize::from(escaped.is_some())..];
    }
    bytes
}

/// Resolves the references of a value, or says that it has some.
fn resolve(value: Zeroizing<Vec<u8>>, scope: &mut Scope<'_>) -> Result<Value, What> {
    let mut resolved = Zeroizing::new(Vec::with_capacity(value.len()));
    let mut refers = false;
    let mut rest = value.as_slice();
    while let Some(start) = memchr::memmem::find(rest, b"${") {
        let Some(reference) = reference(&rest[start..]) else {
            extend(&mut resolved, &rest[..start + 1]);
            rest = &rest[start + 1..];
            continue;
        };
        refers = true;
        extend(&mut resolved, &rest[..start]);
        let end = start + reference.length;
        if scope.expands() {
            let found = scope.look_up(reference.name, First::Outside);
            let value = found.as_ref().map(|found| found.as_slice());
            let value = value.or(reference.default).unwrap_or_default();
            scope.append(&mut resolved, value)?;
        } else {
            extend(&mut resolved, &rest[start..end]);
        }
        rest = &rest[end..];
    }
    extend(&mut resolved, rest);
    Ok(Value {
        bytes: resolved,
        refers: refers && !scope.expands(),
    })
}

struct Reference<'a> {
    name: &'a [u8],
    default: Option<&'a [u8]>,
    length: usize,
}

/// Reads `${NAME}` or `${NAME:-default}`, at whose `$` the text begins.
fn reference(text: &[u8]) -> Option<Reference<'_>> {
    let inside = &text[2..];
    let end = memchr::memchr2(b'}', b':', inside)?;
    let (name, behind) = inside.split_at(end);
    if behind.starts_with(b"}") {
        let length = 2 + end + 1;
        return Some(Reference {
            name,
            default: None,
            length,
        });
    }
    let default = behind.strip_prefix(b":-")?;
    let closing = memchr::memchr(b'}', default)?;
    Some(Reference {
        name,
        default: Some(&default[..closing]),
        length: 2 + end + 2 + closing + 1,
    })
}

/// Python's `\s`.
fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}')
}

/// The space that ends no line: `[^\S\r\n]`.
fn is_inline_space(c: char) -> bool {
    is_space(c) && !matches!(c, '\r' | '\n')
}
