//! The dialect of `docker run --env-file`: `opts/file.go` of
//! <https://github.com/docker/cli>. What stands behind the first `=` of a line is the value, with quotes,
//! space, `#` and all; a name alone is taken from docker's own environment.

use super::text::Lines;
use super::{Statement, Statements, Value, What};

/// The longest line, in bytes, with its end: Go's `bufio.MaxScanTokenSize`.
pub const LINE_MAX: usize = 64 << 10;

/// Reads a text.
pub fn read(text: &str) -> Statements {
    let mut lines = Lines::new(text);
    let mut statements = Statements::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let is_too_long = line.len() >= LINE_MAX;
        let line = line.strip_suffix('\n').unwrap_or(line);
        let line = line.strip_suffix('\r').unwrap_or(line);
        let line = line.trim_start_matches(char::is_whitespace);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let read = match is_too_long {
            true => Err(What::LineTooLong { limit: LINE_MAX }),
            false => assignment(line),
        };
        let line = lines.line_of(start);
        statements.push(Statement::new(line, line, read));
    }
    statements
}

fn assignment(line: &str) -> Result<(String, Option<Value>), What> {
    let (name, value) = match line.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (line, None),
    };
    if name.is_empty() || name.contains([' ', '\t']) {
        return Err(What::NotAnAssignment);
    }
    let value = value.map(|value| Value::of(value.as_bytes()));
    Ok((name.trim().to_owned(), value))
}
