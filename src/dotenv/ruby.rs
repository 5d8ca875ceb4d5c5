//! The dialect of the Ruby gem `dotenv` 3: `lib/dotenv/parser.rb` and its substitutions, of
//! <https://github.com/bkeepers/dotenv>:
//!
//! - names are letters, digits, `_` and `.`, after `export` if need be; then `=` with space around
//!   it, or `:` with space behind it. The space may hold line breaks. A name alone is empty, but after
//!   `export` it is, as one with `=` and nothing behind it, taken from above or from Ruby's own environment;
//! - a value in `'` or `"` may have many lines, if nothing but a comment stands behind it. Otherwise it
//!   ends at `#` or with the line, and loses the space around it and one pair of quotes;
//! - but in single quotes, a backslash is taken off what stands behind it. `\n` and `\r` in double quotes stay
//!   what they are, unless `DOTENV_LINEBREAK_MODE=legacy` stands above, which makes line breaks of them;
//! - but in single quotes, `$NAME` and `${NAME}` are references and `\$` is a dollar sign. The
//!   environment comes before the file. `$(…)` is a command, and refused.

use zeroize::Zeroizing;

use super::scope::{First, Scope, extend};
use super::text::{Lines, closings, find, skip, with_line_feeds};
use super::{Statement, Statements, Value, What};

/// Reads a text.
pub fn read(text: &str, scope: &mut Scope<'_>) -> Statements {
    let text = with_line_feeds(text);
    let mut lines = Lines::new(&text);
    let mut statements = Statements::new();
    let mut is_legacy = false;
    let mut at = skip(&text, 0, is_space);
    while at < text.len() {
        let mut end = find(&text, at, |c| c == '\n');
        if !text[at..].starts_with('#') {
            let line = lines.line_of(at);
            let found = assignment(&text, at).ok_or(What::NotAnAssignment);
            let read = found.and_then(|assignment| {
                end = assignment.end;
                let value = assignment
                    .value
                    .map(|value| evaluate(value, is_legacy, scope));
                let value = value.transpose()?;
                if let Some(value) = value.as_ref().filter(|_| assignment.name == LINE_BREAKS) {
                    is_legacy = *value.bytes == b"legacy";
                }
                scope.remember(assignment.name, value.as_ref());
                Ok((assignment.name.to_owned(), value))
            });
            let last = lines.line_of(end);
            statements.push(Statement::new(line, last, read));
        }
        at = skip(&text, end, is_space);
    }
    statements
}

/// The variable that says what `\n` means.
const LINE_BREAKS: &str = "DOTENV_LINEBREAK_MODE";

struct Assignment<'a> {
    name: &'a str,
    /// With its quotes and the space around it; `None` behind `export` where the name stands
    /// alone.
    value: Option<&'a str>,
    /// The end of its last line.
    end: usize,
}

/// Returns the assignment that begins at a place.
fn assignment(text: &str, start: usize) -> Option<Assignment<'_>> {
    let export = text[start..].strip_prefix("export");
    let export = export.filter(|rest| rest.starts_with(is_space));
    let behind_export = export.map(|rest| skip(text, text.len() - rest.len(), is_space));
    let candidates = behind_export.map(|start| (start, None));
    for (start, alone) in candidates.into_iter().chain([(start, Some(""))]) {
        let name_end = skip(text, start, is_of_name);
        let name = &text[start..name_end];
        if name.is_empty() {
            continue;
        }
        if let Some(from) = separator(text, name_end) {
            let (value, end) = value(text, from);
            // Behind `export`, what is empty is not there.
            let value = Some(value).filter(|value| !value.is_empty()).or(alone);
            return Some(Assignment { name, value, end });
        }
        if let Some(end) = end_of_line(text, name_end) {
            let value = alone;
            return Some(Assignment { name, value, end });
        }
    }
    None
}

/// Returns where the value may begin, behind what separates it from a name.
fn separator(text: &str, from: usize) -> Option<usize> {
    let equals = skip(text, from, is_space);
    if text[equals..].starts_with('=') {
        return Some(equals + 1);
    }
    let behind = text[from..].strip_prefix(':')?;
    behind.starts_with(is_space).then_some(from + 2)
}

/// Returns a value as it is written, and the end of its last line.
fn value(text: &str, from: usize) -> (&str, usize) {
    let start = skip(text, from, is_space);
    if let Some(quote @ (b'\'' | b'"')) = text.as_bytes().get(start) {
        let mut closings = closings(text, start + 1, *quote);
        let closed = closings.find_map(|at| Some((at, end_of_line(text, at + 1)?)));
        if let Some((at, end)) = closed {
            return (&text[start..=at], end);
        }
    }
    let end = find(text, from, |c| matches!(c, '#' | '\n'));
    (&text[from..end], find(text, end, |c| c == '\n'))
}

/// Returns the end of the line, if there is nothing but a comment before it.
fn end_of_line(text: &str, from: usize) -> Option<usize> {
    let end = skip(text, from, |c| is_space(c) && c != '\n');
    let is_end = text[end..].is_empty() || text[end..].starts_with(['#', '\n']);
    is_end.then(|| find(text, end, |c| c == '\n'))
}

/// Takes space and quotes off a value, and resolves what is in it.
fn evaluate(value: &str, is_legacy: bool, scope: &mut Scope<'_>) -> Result<Value, What> {
    let value = value.trim_matches(is_space);
    let quote = value.chars().next().filter(|c| matches!(c, '\'' | '"'));
    let mut inside = value;
    let mut is_quoted_by = None;
    if let Some(quote) = quote {
        if !value[1..].contains(quote) {
            return Err(What::Unclosed);
        }
        if let Some(value) = value[1..].strip_suffix(quote) {
            inside = value;
            is_quoted_by = Some(quote);
        }
    }
    if is_quoted_by == Some('\'') {
        return Ok(Value::of(inside.as_bytes()));
    }
    let line_breaks = is_quoted_by.map(|_| is_legacy);
    let unescaped = unescaped(inside.as_bytes(), line_breaks);
    without_commands(&unescaped).and_then(|value| substitute(&value, scope))
}

/// Takes backslashes off, but those before `$`. `line_breaks` is there in double quotes and
/// tells whether `\n` is one.
fn unescaped(value: &[u8], line_breaks: Option<bool>) -> Zeroizing<Vec<u8>> {
    // The original does the one behind the other, and the first one's backslashes count
    // for the second.
    let mut prepared = Zeroizing::new(Vec::with_capacity(2 * value.len()));
    let mut rest = value;
    while let Some((byte, behind)) = rest.split_first() {
        let (length, made): (usize, &[u8]) = match (line_breaks, byte, behind.first()) {
            (Some(true), b'\\', Some(b'n')) => (1, b"\n"),
            (Some(true), b'\\', Some(b'r')) => (1, b"\r"),
            (Some(false), b'\\', Some(b'n')) => (1, b"\\\\n"),
            (Some(false), b'\\', Some(b'r')) => (1, b"\\\\r"),
            _ => (0, std::slice::from_ref(byte)),
        };
        prepared.extend_from_slice(made);
        rest = &behind[length..];
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(prepared.len()));
    let mut rest = prepared.as_slice();
    while let Some((byte, behind)) = rest.split_first() {
        let escaped = behind
            .first()
            .filter(|next| *byte == b'\\' && **next != b'$');
        bytes.push(*escaped.unwrap_or(byte));
        rest = &behind[usize::from(escaped.is_some())..];
    }
    bytes
}

/// Takes the backslashes off commands that are escaped.
///
/// # Errors
///
/// If one is not, or is never closed.
fn without_commands(value: &[u8]) -> Result<Zeroizing<Vec<u8>>, What> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(value.len()));
    let mut rest = value;
    while let Some(start) = memchr::memmem::find(rest, b"$(") {
        let before = rest[..start].strip_suffix(b"\\").ok_or(What::Command)?;
        bytes.extend_from_slice(before);
        let length = balanced(&rest[start + 1..]).ok_or(What::Command)?;
        let end = start + 1 + length;
        bytes.extend_from_slice(&rest[start..end]);
        rest = &rest[end..];
    }
    bytes.extend_from_slice(rest);
    Ok(bytes)
}

/// Returns the length of what stands in the parentheses that a text begins with, and of
/// them. Where there is nothing in one, they are none to the original.
fn balanced(text: &[u8]) -> Option<usize> {
    let mut open = 0_usize;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'(' => open += 1,
            b')' if text[at - 1] == b'(' => return None,
            b')' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return Some(at + 1);
        }
    }
    None
}

/// Resolves the references of a value, or says that it has some; `\$` becomes `$`
/// either way.
fn substitute(value: &[u8], scope: &mut Scope<'_>) -> Result<Value, What> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(value.len()));
    let mut refers = false;
    let mut rest = value;
    while let Some(start) = memchr::memchr(b'$', rest) {
        let is_of_name = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
        let open = usize::from(rest[start + 1..].starts_with(b"{"));
        let name = &rest[start + 1 + open..];
        let name = &name[..name.iter().take_while(is_of_name).count()];
        let end = start + 1 + open + name.len();
        let end = end + usize::from(rest[end..].starts_with(b"}"));
        if let Some(before) = rest[..start].strip_suffix(b"\\")
            && rest.get(start + 1) != Some(&b'(')
        {
            extend(&mut bytes, before);
            extend(&mut bytes, &rest[start..end]);
        } else if name.is_empty() || !scope.expands() {
            refers |= !name.is_empty();
            extend(&mut bytes, &rest[..end]);
        } else {
            extend(&mut bytes, &rest[..start]);
            let found = scope.look_up(name, First::Outside);
            scope.append(&mut bytes, &found.unwrap_or_default())?;
        }
        rest = &rest[end..];
    }
    extend(&mut bytes, rest);
    Ok(Value { bytes, refers })
}

/// Ruby's `[\w.]`.
fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.')
}

/// Ruby's `\s`.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n' | '\u{b}' | '\u{c}')
}
