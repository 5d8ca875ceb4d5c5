//! Where dialects read the same file differently.

use std::collections::{BTreeMap, BTreeSet};

use super::{Dialect, Statements, read, text};

/// A line that means something else to other dialects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disagreement {
    /// The line, counted from 1.
    pub line: usize,
    /// To whom.
    pub dialects: Vec<Dialect>,
}

/// Returns the lines to which other dialects give another name, another value or none,
/// or which they do not take; also those with a reference for the ones that know it.
/// A value of several lines is one line, its first.
///
/// A file that no dialect takes has none.
pub fn disagreements(bytes: &[u8], dialect: Dialect) -> Vec<Disagreement> {
    let Ok(text) = text::check(bytes) else {
        return Vec::new();
    };
    let ours = read(text, dialect, None);
    let spans = spans(&ours);
    let ours = meanings(&ours);
    let mut found: BTreeMap<usize, BTreeSet<Dialect>> = BTreeMap::new();
    for other in Dialect::ALL.into_iter().filter(|other| *other != dialect) {
        let theirs = read(text, other, None);
        let theirs = meanings(&theirs);
        let lines: BTreeSet<&usize> = ours.keys().chain(theirs.keys()).collect();
        for line in lines {
            if ours.get(line) != theirs.get(line) {
                let before = spans.range(..=line).next_back();
                let around = before.filter(|(_, last)| *last >= line);
                let line = around.map_or(*line, |(first, _)| *first);
                found.entry(line).or_default().insert(other);
            }
        }
    }
    let found = found.into_iter().map(|(line, dialects)| Disagreement {
        line,
        dialects: dialects.into_iter().collect(),
    });
    found.collect()
}

/// The last line of what begins on a line.
fn spans(statements: &Statements) -> BTreeMap<usize, usize> {
    let understood = statements.iter().flatten();
    understood.map(|found| (found.line, found.last)).collect()
}

/// What an assignment means: its name, and its value and whether that refers.
type Meaning<'a> = Option<(&'a str, Option<(&'a [u8], bool)>)>;

/// What is read from each line; there may be several assignments on it.
fn meanings(statements: &Statements) -> BTreeMap<usize, Vec<Meaning<'_>>> {
    let mut meanings: BTreeMap<usize, Vec<Meaning<'_>>> = BTreeMap::new();
    for statement in statements {
        let (line, meaning) = match statement {
            Ok(found) => {
                let value = found.value.as_ref();
                let value = value.map(|value| (value.bytes.as_slice(), value.refers));
                (found.line, Some((found.name.as_str(), value)))
            }
            Err(failure) => (failure.line, None),
        };
        meanings.entry(line).or_default().push(meaning);
    }
    meanings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, dialect: Dialect) -> String {
        let found = disagreements(text.as_bytes(), dialect).into_iter();
        let found = found.map(|found| {
            let dialects = found.dialects.iter().map(|dialect| dialect.as_str());
            format!("{}: {}", found.line, dialects.collect::<Vec<_>>().join(" "))
        });
        found.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_plain_file_is_one_to_all() {
        let text = "# comment\n\nA=b\nC=https://example.com/?x=1,2\nE=\n";
        for dialect in Dialect::ALL {
            assert_eq!(of(text, dialect), "", "{dialect}");
        }
    }

    #[test]
    fn a_line_is_named_with_those_who_read_it_differently() {
        for (line, dialect, others) in [
            ("A=b#c", Dialect::Node, "python docker compose shell"),
            ("A=b#c", Dialect::Docker, "node ruby"),
            ("A='b'", Dialect::Node, "docker"),
            ("A=`b c`", Dialect::Node, "python docker compose ruby shell"),
            ("A: b", Dialect::Node, "python docker shell"),
            (r#"A="b\nc""#, Dialect::Node, "docker ruby shell"),
            ("A = b", Dialect::Node, "docker shell"),
            ("export A=b", Dialect::Node, "docker"),
            ("A=$B", Dialect::Node, "compose ruby shell"),
            ("A=${B}", Dialect::Node, "python compose ruby shell"),
            ("A=$(b)", Dialect::Node, "ruby shell"),
            ("A", Dialect::Node, "ruby shell"),
            (r"A='it\'s'", Dialect::Node, "python docker compose shell"),
            // One value to Node, two lines to Docker.
            ("A='b\nc=d'", Dialect::Node, "docker"),
        ] {
            let expected = format!("2: {others}");
            assert_eq!(of(&format!("\n{line}\n"), dialect), expected, "{line}");
        }
    }
}
