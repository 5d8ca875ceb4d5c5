//! The dialect of Node: the npm package `dotenv`, `parse` in `lib/main.js` of
//! <https://github.com/motdotla/dotenv>, which is one regular expression:
//!
//! - names are letters, digits, `_`, `.` and `-`, after `export` if need be; then `=` with
//!   space around it, or `:` with space behind it. The space may hold line breaks;
//! - a value that is quoted with `'`, `"` or `` ` `` may have many lines, if nothing but a
//!   comment stands behind it. Otherwise it ends at `#` or with the line, and loses the space
//!   around it and one pair of quotes;
//! - in what begins with `"`, `\n` and `\r` become line breaks; no other escape means
//!   anything, but a quote behind a backslash does not end a value while another one does.
//!
//! References are not the package's; with `expand` they are those of `dotenv-expand`.
//!
//! Node's own reader (`src/node_dotenv.cc` of <https://github.com/nodejs/node>) was
//! written after it and differs in corners: it knows no `:`, keeps `\r` in double quotes as
//! two characters, ends a quoted value at the first quote whatever stands before it and drops what
//! stands behind it, takes any text as a name, trims spaces and, in some versions, tabs, and ends no line at
//! `\r` alone. Where the two differ the package is followed: it was there first, and Node says that it means to be
//! compatible with it.

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
        let mut end = find(&text, at, ends_line);
        if !text[at..].starts_with('#') {
            let line = lines.line_of(at);
            let found = assignment(&text, at).ok_or(What::NotAnAssignment);
            let read = found.and_then(|assignment| {
                end = assignment.end;
                let value = assignment
                    .value
                    .map(|value| resolve(unquoted(value)?, scope));
                let value = value.transpose()?;
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

struct Assignment<'a> {
    name: &'a str,
    /// With its quotes and the space around it; `None` where the name stands alone.
    value: Option<&'a str>,
    /// The end of its last line.
    end: usize,
}

/// Returns the assignment that begins at a place.
fn assignment(text: &str, start: usize) -> Option<Assignment<'_>> {
    let export = text[start..].strip_prefix("export");
    let export = export.filter(|rest| rest.starts_with(is_space));
    let behind_export = export.map(|rest| skip(text, text.len() - rest.len(), is_space));
    let mut alone = None;
    for start in behind_export.into_iter().chain([start]) {
        let name_end = skip(text, start, is_of_name);
        let name = &text[start..name_end];
        if name.is_empty() {
            continue;
        }
        if let Some(from) = separator(text, name_end) {
            let (value, end) = value(text, from);
            let value = Some(value);
            return Some(Assignment { name, value, end });
        }
        let value = None;
        let end = end_of_line(text, name_end);
        alone = alone.or(end.map(|end| Assignment { name, value, end }));
    }
    alone
}

/// Returns where the value may begin, behind what separates it from a name.
fn separator(text: &str, from: usize) -> Option<usize> {
    let equals = skip(text, from, is_space);
    if text[equals..].starts_with('=') {
        return Some(equals + 1);
    }
    let space = text[from..].strip_prefix(':')?.chars().next()?;
    is_space(space).then_some(from + 1 + space.len_utf8())
}

/// Returns a value as it is written, and the end of its last line.
fn value(text: &str, from: usize) -> (&str, usize) {
    let start = skip(text, from, is_space);
    if let Some(quote @ (b'\'' | b'"' | b'`')) = text.as_bytes().get(start) {
        let mut closings = closings(text, start + 1, *quote);
        let closed = closings.find_map(|at| Some((at, end_of_line(text, at + 1)?)));
        if let Some((at, end)) = closed {
            return (&text[start..=at], end);
        }
    }
    let end = find(text, from, |c| matches!(c, '#' | '\n'));
    (&text[from..end], find(text, end, ends_line))
}

/// Returns the end of the line, if there is nothing but a comment before it.
fn end_of_line(text: &str, from: usize) -> Option<usize> {
    let end = skip(text, from, |c| is_space(c) && !ends_line(c));
    let rest = &text[end..];
    let is_end = rest.is_empty() || rest.starts_with('#') || rest.starts_with(ends_line);
    is_end.then(|| find(text, end, ends_line))
}

/// Takes space, quotes and escapes off a value.
fn unquoted(value: &str) -> Result<Zeroizing<Vec<u8>>, What> {
    let value = value.trim_matches(is_space);
    let quote = value.chars().next().filter(|c| is_quote(*c));
    if quote.is_some_and(|quote| !value[1..].contains(quote)) {
        return Err(What::Unclosed);
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(value.len()));
    for part in without_quotes(value) {
        let mut rest = part;
        while quote == Some('"')
            && let Some((before, behind)) = rest.split_once('\\')
        {
            let (escaped, behind) = match behind.as_bytes().first() {
                Some(b'n') => (b'\n', &behind[1..]),
                Some(b'r') => (b'\r', &behind[1..]),
                _ => (b'\\', behind),
            };
            bytes.extend_from_slice(before.as_bytes());
            bytes.push(escaped);
            rest = behind;
        }
        bytes.extend_from_slice(rest.as_bytes());
    }
    Ok(bytes)
}

/// Resolves references as `expandValue` does in `lib/main.js` of `dotenv-expand` 12
/// (<https://github.com/motdotla/dotenv-expand>): one behind the other from the front, what a reference
/// became again, and the environment before the file. A `\$` becomes `$` at the end. Where nothing is to
/// be resolved all of it stays, since `dotenv` itself knows no references.
fn resolve(value: Zeroizing<Vec<u8>>, scope: &mut Scope<'_>) -> Result<Value, What> {
    if !scope.expands() {
        return Ok(Value::from(value));
    }
    let mut result = value;
    let mut seen = Vec::new();
    while let Some(reference) = reference(&result) {
        if seen.len() == REFERENCES_MAX {
            return Err(What::ExpandsTooFar);
        }
        let (name, behind) = reference.name.split_at(operator(reference.name));
        let found = scope.look_up(name, First::Outside);
        let found = found.filter(|found| !found.is_empty());
        let is_alternative = behind.starts_with(b"+") || behind.starts_with(b":+");
        let default = behind.strip_prefix(b":").unwrap_or(behind);
        let default = default.get(1..).unwrap_or_default();
        let is_new = |found: &&Zeroizing<Vec<u8>>| *found != &result && !seen.contains(*found);
        let put = match &found {
            None if is_alternative => &[],
            Some(found) if !is_alternative && is_new(&found) => found.as_slice(),
            _ => default,
        };
        let written = &result[reference.from..reference.to];
        // Of the same text escaped and not, the first one is replaced.
        let from = memchr::memmem::find(&result, written).unwrap_or(reference.from);
        let (before, behind) = (&result[..from], &result[from + written.len()..]);
        let mut next = Zeroizing::new(Vec::with_capacity(result.len() + put.len()));
        next.extend_from_slice(before);
        let mut rest = put;
        while let Some(at) = memchr::memchr(b'$', rest) {
            scope.append(&mut next, &rest[..at])?;
            // What JavaScript's `String.prototype.replace` takes `$` for.
            let (length, meant) = match rest.get(at + 1) {
                Some(b'$') => (2, &b"$"[..]),
                Some(b'&') => (2, written),
                Some(b'`') => (2, before),
                Some(b'\'') => (2, behind),
                _ => (1, &b"$"[..]),
            };
            scope.append(&mut next, meant)?;
            rest = &rest[at + length..];
        }
        scope.append(&mut next, rest)?;
        extend(&mut next, behind);
        let name = std::str::from_utf8(name).unwrap_or_default();
        let is_done = scope.earlier(name) == Some(&next);
        seen.push(std::mem::replace(&mut result, next));
        if is_done {
            break;
        }
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(result.len()));
    let mut rest = result.as_slice();
    while let Some(at) = memchr::memmem::find(rest, b"\\$") {
        extend(&mut bytes, &rest[..at]);
        extend(&mut bytes, b"$");
        rest = &rest[at + 2..];
    }
    extend(&mut bytes, rest);
    Ok(Value::from(bytes))
}

/// How many references one value may have, with those in what they become. Each is
/// looked for from the front.
const REFERENCES_MAX: usize = 256;

struct Reference<'a> {
    from: usize,
    to: usize,
    /// With its operator and default.
    name: &'a [u8],
}

/// Returns the first `$NAME` or `${…}` without a backslash before it.
fn reference(text: &[u8]) -> Option<Reference<'_>> {
    memchr::memchr_iter(b'$', text).find_map(|from| {
        if from > 0 && text[from - 1] == b'\\' {
            return None;
        }
        let behind = &text[from + 1..];
        let is_of_name = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
        match behind.first()? {
            b'{' => {
                let length = memchr::memchr2(b'{', b'}', &behind[1..])?;
                let is_closed = length > 0 && behind[1 + length] == b'}';
                is_closed.then(|| Reference {
                    from,
                    to: from + length + 3,
                    name: &behind[1..=length],
                })
            }
            first if first.is_ascii_alphabetic() || *first == b'_' => {
                let length = behind.iter().take_while(is_of_name).count();
                Some(Reference {
                    from,
                    to: from + 1 + length,
                    name: &behind[..length],
                })
            }
            _ => None,
        }
    })
}

/// Returns where the first of `:+`, `+`, `:-` and `-` stands, or else the end.
fn operator(text: &[u8]) -> usize {
    let Some(at) = memchr::memchr2(b'+', b'-', text) else {
        return text.len();
    };
    at - usize::from(text[..at].ends_with(b":"))
}

/// Returns a value without one pair of quotes, which may also be one that begins
/// and ends at a line separator of Unicode: `/^(['"`])([\s\S]*)\1$/mg`.
fn without_quotes(value: &str) -> Vec<&str> {
    let ends_here = |at: &usize| {
        let rest = &value[at + 1..];
        rest.is_empty() || rest.starts_with(ends_line)
    };
    let last = |quote: char| {
        let mut places = value.rmatch_indices(quote).map(|(at, _)| at);
        places.find(|at| ends_here(at))
    };
    let last = ['\'', '"', '`'].map(|quote| (quote, last(quote)));
    let mut parts = Vec::new();
    let (mut copied, mut at) = (0, 0);
    while at < value.len() {
        let opened = last
            .iter()
            .find(|(quote, _)| value[at..].starts_with(*quote));
        if let Some(closing) = opened.and_then(|(_, closing)| closing.filter(|it| *it > at)) {
            parts.extend([&value[copied..at], &value[at + 1..closing]]);
            copied = closing + 1;
            at = copied;
        }
        let end = find(value, at, ends_line);
        at = end + value[end..].chars().next().map_or(1, char::len_utf8);
    }
    parts.push(&value[copied..]);
    parts
}

fn is_quote(c: char) -> bool {
    matches!(c, '\'' | '"' | '`')
}

/// JavaScript's `[\w.-]`.
fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')
}

/// JavaScript's `\s`.
fn is_space(c: char) -> bool {
    c == '\u{feff}' || (c.is_whitespace() && c != '\u{85}')
}

/// What JavaScript's `$` stands before and its `.` does not match.
fn ends_line(c: char) -> bool {
    matches!(c, '\n' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dotenv::Failure;

    fn values(text: &str) -> Vec<(String, Option<String>)> {
        let text_of = |value: Value| String::from_utf8(value.bytes.to_vec()).expect("text");
        let read = read(text, &mut Scope::new(None))
            .into_iter()
            .map(|statement| {
                let statement = statement.unwrap_or_else(|failure| panic!("{text:?}: {failure:?}"));
                (statement.name, statement.value.map(text_of))
            });
        read.collect()
    }

    #[test]
    fn a_line_is_read_as_the_package_does() {
        for (text, name, value) in [
            ("A=b#c", "A", Some("b")),
            ("A='b#c' # d", "A", Some("b#c")),
            ("export A = b c ", "A", Some("b c")),
            ("A: b", "A", Some("b")),
            ("A=it's", "A", Some("it's")),
            (r"A='it\'s'", "A", Some(r"it\'s")),
            ("A=`it's \"x\"`", "A", Some("it's \"x\"")),
            (r#"A="a\nb\tc""#, "A", Some("a\nb\\tc")),
            (r"A='a\nb'", "A", Some(r"a\nb")),
            ("A='a\r\nb'\r\n", "A", Some("a\nb")),
            ("A=$B${C}$(d)", "A", Some("$B${C}$(d)")),
            ("A=", "A", Some("")),
            ("A", "A", None),
            ("export A # b", "A", None),
            ("A='b' 'c'", "A", Some("b' 'c")),
            // Space is any, line breaks too.
            ("A=\n'b'", "A", Some("b")),
            ("A\n=b", "A", Some("b")),
            ("A:\nB=c", "A", Some("B=c")),
        ] {
            let expected = vec![(name.to_owned(), value.map(str::to_owned))];
            assert_eq!(values(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_no_assignment_is_named_by_its_line() {
        for (text, line, what) in [
            ("A=b\n\n c d", 3, What::NotAnAssignment),
            ("# x\r\n\r\nA='b\r\nc' d", 3, What::Unclosed),
            ("A=\"b # c\"d", 1, What::Unclosed),
            ("A=\"", 1, What::Unclosed),
            ("=b", 1, What::NotAnAssignment),
        ] {
            let failure = read(text, &mut Scope::new(None))
                .into_iter()
                .find_map(Result::err);
            assert_eq!(failure, Some(Failure { line, what }), "{text:?}");
        }
    }
}
