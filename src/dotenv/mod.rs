//! The `.env` grammar: six of them, because there is no one.
//!
//! Each [`Dialect`] reads a file as one program does, its original, and to the
//! byte: what a program saw before it moved here it sees afterwards. The
//! originals are programs and not specifications, so each reader's docs name the
//! source that it follows.
//!
//! Every dialect is stricter than its original in this, because a value that was
//! misread would be sealed and the file then destroyed:
//!
//! - a quote that is never closed, or has text behind it where the original stops
//!   making sense of it, is an error; most originals keep the quote as part of the value;
//! - a line that is no assignment, no comment and not blank is an error; most
//!   originals skip it;
//! - so are NUL, which no variable can hold, bytes that are not UTF-8, UTF-16, and
//!   a line of more than 4 MiB;
//! - a byte order mark at the beginning is passed over, also where the original
//!   would take it for part of the first name;
//! - a name without a value is an entry without one, wherever the original would set
//!   nothing, look into its own environment or take the value above it back.
//!
//! A reference to another variable stays as it is written unless the caller expands
//! it. A command is never run: where the original would, that is an error.

mod comment;
mod compose;
mod disagreement;
mod docker;
mod node;
mod originals;
mod python;
mod ruby;
mod scope;
mod shell;
mod suites;
mod text;
mod write;

use std::fmt;
use std::str::FromStr;

use zeroize::Zeroizing;

use crate::secret_value::SecretValue;

pub use comment::commented_out;
pub use disagreement::{Disagreement, disagreements};
use scope::Scope;
pub use write::write;

/// The longest line, in bytes: the longest value that a vault takes, and room for each
/// byte of it to be escaped.
pub const LINE_MAX: usize = 4 << 20;

/// Whose rules a file follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dialect {
    /// The npm package `dotenv`, and with few differences Node's own `--env-file`.
    #[default]
    Node,
    /// The Python package `python-dotenv`.
    Python,
    /// `docker run --env-file`.
    Docker,
    /// `env_file` and `.env` of Docker Compose, whose reader descends from godotenv.
    Compose,
    /// The Ruby gem `dotenv`.
    Ruby,
    /// `set -a; . ./.env` of a POSIX shell.
    Shell,
}

impl Dialect {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Node,
        Self::Python,
        Self::Docker,
        Self::Compose,
        Self::Ruby,
        Self::Shell,
    ];

    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Python => "python",
            Self::Docker => "docker",
            Self::Compose => "compose",
            Self::Ruby => "ruby",
            Self::Shell => "shell",
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a text breaks to not be a [`Dialect`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoDialect;

impl fmt::Display for NoDialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a dialect is `node`, `python`, `docker`, `compose`, `ruby` or `shell`")
    }
}

impl std::error::Error for NoDialect {}

impl FromStr for Dialect {
    type Err = NoDialect;

    fn from_str(text: &str) -> Result<Self, NoDialect> {
        let found = Self::ALL
            .into_iter()
            .find(|dialect| dialect.as_str() == text);
        found.ok_or(NoDialect)
    }
}

/// One assignment.
#[derive(Debug)]
pub struct Entry {
    /// The line that it begins on, counted from 1.
    pub line: usize,
    /// The name as it is written. It need not be one of a secret, and where the file is
    /// not what it seemed it may be part of a value: it is checked before it is shown.
    pub name: String,
    /// The value; `None` for a name that stands alone.
    pub value: Option<SecretValue>,
    /// Whether the original would have put the value of another variable here, and
    /// the reference was left as it is written.
    pub refers: bool,
}

/// Why a file is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: What,
}

/// What can be wrong with a line. Its words hold nothing of the line itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A NUL byte.
    Nul,
    /// Bytes that are not UTF-8.
    NotUtf8,
    /// The whole file is UTF-16.
    Utf16,
    /// A line of more bytes than the dialect takes.
    LineTooLong {
        /// The most.
        limit: usize,
    },
    /// No assignment, no comment and not blank.
    NotAnAssignment,
    /// A quote without its second one.
    Unclosed,
    /// Text behind a closing quote.
    BehindQuote,
    /// A command, or something else that the original would have run.
    Command,
    /// A reference to a variable that cannot be resolved.
    Reference,
    /// References that double each other.
    ExpandsTooFar,
    /// `\r` at the end of a line, which would be part of the value.
    CarriageReturn,
    /// What one shell reads differently from another.
    ShellsDiffer,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nul => "a NUL byte, which no variable can hold",
            Self::NotUtf8 => "bytes that are not UTF-8",
            Self::Utf16 => "the file is UTF-16; it has to be saved as UTF-8",
            Self::LineTooLong { limit } => return write!(f, "a line of more than {limit} bytes"),
            Self::NotAnAssignment => "neither `NAME=value` nor a comment nor a blank line",
            Self::Unclosed => "a quote or brace that is opened and not closed",
            Self::BehindQuote => "text behind a closing quote",
            Self::Command => "a command, and none is run from a file",
            Self::Reference => "a reference that cannot be resolved",
            Self::ExpandsTooFar => "references that refer to ever more",
            Self::CarriageReturn => "a carriage return, which a shell would take into the value",
            Self::ShellsDiffer => {
                "`$'`, `$\"` or `{`, which shells read differently; quote the value"
            }
        })
    }
}

/// Where references look beyond the file: the environment of whoever would have
/// read it.
pub type Outside<'a> = &'a dyn Fn(&str) -> Option<SecretValue>;

/// Reads a file. With `expand`, references to other variables are resolved as the
/// original does, earlier entries and `expand` in its order; without, they stay.
///
/// Where a name stands twice both entries are returned: to most originals the later one
/// counts.
///
/// # Errors
///
/// The first line that is not understood.
pub fn parse(
    bytes: &[u8],
    dialect: Dialect,
    expand: Option<Outside<'_>>,
) -> Result<Vec<Entry>, Failure> {
    let text = text::check(bytes)?;
    let statements = read(text, dialect, expand);
    statements
        .into_iter()
        .map(|statement| {
            let Statement {
                line, name, value, ..
            } = statement?;
            let refers = value.as_ref().is_some_and(|value| value.refers);
            Ok(Entry {
                line,
                name,
                value: value.map(|value| SecretValue::new(value.bytes)),
                refers,
            })
        })
        .collect()
}

/// What a reader makes of a stretch of lines.
struct Statement {
    line: usize,
    /// The line that it ends on.
    last: usize,
    name: String,
    value: Option<Value>,
}

impl Statement {
    fn new(
        line: usize,
        last: usize,
        read: Result<(String, Option<Value>), What>,
    ) -> Result<Self, Failure> {
        let (name, value) = read.map_err(|what| Failure { line, what })?;
        Ok(Self {
            line,
            last,
            name,
            value,
        })
    }
}

/// A value as a reader makes it.
struct Value {
    bytes: Zeroizing<Vec<u8>>,
    /// Whether it has a reference that was left as it is.
    refers: bool,
}

impl Value {
    fn of(bytes: &[u8]) -> Self {
        Self::from(Zeroizing::new(bytes.to_vec()))
    }
}

impl From<Zeroizing<Vec<u8>>> for Value {
    fn from(bytes: Zeroizing<Vec<u8>>) -> Self {
        let refers = false;
        Self { bytes, refers }
    }
}

/// What was read: each stretch of lines, whether it was understood or not.
type Statements = Vec<Result<Statement, Failure>>;

fn read(text: &str, dialect: Dialect, expand: Option<Outside<'_>>) -> Statements {
    let scope = &mut Scope::new(expand);
    match dialect {
        Dialect::Node => node::read(text, scope),
        Dialect::Python => python::read(text, scope),
        Dialect::Docker => docker::read(text),
        Dialect::Compose => compose::read(text, scope),
        Dialect::Ruby => ruby::read(text, scope),
        Dialect::Shell => shell::read(text, scope),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn none(_: &str) -> Option<SecretValue> {
        None
    }

    fn failure(bytes: &[u8], dialect: Dialect) -> Option<Failure> {
        parse(bytes, dialect, None).err()
    }

    #[test]
    fn a_dialect_is_its_word() {
        for dialect in Dialect::ALL {
            assert_eq!(dialect.to_string().parse(), Ok(dialect));
        }
        assert_eq!("Node".parse::<Dialect>(), Err(NoDialect));
        let words = NoDialect.to_string();
        for dialect in Dialect::ALL {
            assert!(words.contains(&format!("`{dialect}`")), "{words}");
        }
    }

    #[test]
    fn what_no_dialect_takes_is_refused_by_its_line() {
        let utf16: Vec<u8> = "A=b\r\nC=d"
            .encode_utf16()
            .flat_map(u16::to_be_bytes)
            .collect();
        let little: Vec<u8> = "\u{feff}A=é"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let long = ["A=b\nC=".as_bytes(), &vec![b'x'; 10 << 20]].concat();
        for dialect in Dialect::ALL {
            for (bytes, line, what) in [
                (&b"A=b\nC=\0"[..], 2, What::Nul),
                (b"A=b\r\nC=d\r\nE=\xff", 3, What::NotUtf8),
                (&utf16, 1, What::Utf16),
                (&little, 1, What::Utf16),
                (&long, 2, What::LineTooLong { limit: LINE_MAX }),
                (b"A=b\n\n# c\nd e f", 4, What::NotAnAssignment),
            ] {
                let expected = Some(Failure { line, what });
                assert_eq!(failure(bytes, dialect), expected, "{dialect}");
            }
        }
    }

    #[test]
    fn a_quote_that_is_not_closed_is_named_by_its_line() {
        for dialect in Dialect::ALL.into_iter().filter(|it| *it != Dialect::Docker) {
            for quote in ["'", "\""] {
                let text = format!("A=b\nC={quote}d\nE=f\n");
                let what = What::Unclosed;
                assert_eq!(
                    failure(text.as_bytes(), dialect),
                    Some(Failure { line: 2, what })
                );
            }
        }
    }

    #[test]
    fn a_command_is_never_run() {
        for (dialect, text) in [
            (Dialect::Shell, "A=$(id)"),
            (Dialect::Shell, "A=\"`id`\""),
            (Dialect::Shell, "A=${B:-$(id)}"),
            (Dialect::Shell, "A=$((1+1))"),
            (Dialect::Ruby, "A=$(id)"),
            (Dialect::Ruby, "A=\"x $(id)\""),
        ] {
            let what = What::Command;
            assert_eq!(
                failure(text.as_bytes(), dialect),
                Some(Failure { line: 1, what }),
                "{text}"
            );
        }
        for (dialect, text) in [
            (Dialect::Shell, "A='$(id) `id`'"),
            (Dialect::Ruby, "A='$(id)'"),
            (Dialect::Node, "A=$(id)"),
            (Dialect::Python, "A=$(id)"),
            (Dialect::Docker, "A=$(id)"),
            (Dialect::Compose, "A=$(id)"),
        ] {
            assert_eq!(failure(text.as_bytes(), dialect), None, "{dialect}: {text}");
        }
    }

    #[test]
    fn a_shell_only_assigns() {
        for (text, what) in [
            ("A=b id", What::NotAnAssignment),
            ("A= b", What::NotAnAssignment),
            ("A =b", What::NotAnAssignment),
            ("A=b\nunset A", What::NotAnAssignment),
            ("A=b; rm x", What::NotAnAssignment),
            ("A=b & C=d", What::NotAnAssignment),
            ("A=b >x", What::NotAnAssignment),
            ("A=(b c)", What::NotAnAssignment),
            ("A.b=c", What::NotAnAssignment),
            ("export", What::NotAnAssignment),
            ("A=b\r\n", What::CarriageReturn),
            ("A=$'b'", What::ShellsDiffer),
            ("export A={b,c}", What::ShellsDiffer),
        ] {
            let found = failure(text.as_bytes(), Dialect::Shell);
            assert_eq!(found.map(|failure| failure.what), Some(what), "{text}");
        }
    }

    #[test]
    fn a_reference_stays_unless_it_is_resolved() {
        for dialect in Dialect::ALL {
            let text = b"A=b\nC=x${A}y\n";
            for (outside, expected) in [(None, "x${A}y"), (Some(&none as Outside<'_>), "xby")] {
                let expands = outside.is_some();
                let entries = parse(text, dialect, outside).expect("read");
                let is_known = dialect != Dialect::Docker;
                let value = entries[1].value.as_ref().expect("a value");
                let expected = if is_known { expected } else { "x${A}y" };
                assert_eq!(value.expose(), expected.as_bytes(), "{dialect}");
                let refers = is_known && dialect != Dialect::Node && !expands;
                assert_eq!(entries[1].refers, refers, "{dialect}");
            }
        }
    }

    #[test]
    fn references_cannot_make_a_file_of_any_size() {
        let doubling: String = (1..64)
            .map(|n| format!("A{n}=${{A{0}}}${{A{0}}}\n", n - 1))
            .collect();
        let text = format!("A0=0123456789abcdef\n{doubling}");
        let deep = format!("A={}{}", "${B:-".repeat(10_000), "}".repeat(10_000));
        for dialect in Dialect::ALL.into_iter().filter(|it| *it != Dialect::Docker) {
            let found = parse(text.as_bytes(), dialect, Some(&none));
            let what = found.expect_err("too much").what;
            assert_eq!(what, What::ExpandsTooFar, "{dialect}");
            let _ = parse(deep.as_bytes(), dialect, Some(&none));
            let _ = parse(deep.as_bytes(), dialect, None);
        }
    }

    #[test]
    fn a_name_that_stands_twice_is_two_entries() {
        let entries = parse(b"A=1\n\nA=2\nA\n", Dialect::Node, None).expect("read");
        let lines: Vec<usize> = entries.iter().map(|entry| entry.line).collect();
        assert_eq!(lines, [1, 3, 4]);
        assert!(entries[2].value.is_none());
    }

    #[test]
    fn no_words_of_a_failure_hold_what_was_read() {
        let secret = "sk-made-up";
        for dialect in Dialect::ALL {
            for text in [
                secret.to_owned(),
                format!("{secret} x"),
                format!("A='{secret}"),
            ] {
                let failure = failure(text.as_bytes(), dialect);
                assert!(!format!("{failure:?}").contains(secret));
            }
        }
    }

    /// What takes time that grows with the square of the length takes minutes for these.
    #[test]
    fn time_grows_no_faster_than_the_file() {
        const SIZE: usize = 100_000;
        let lines = [
            "A='x\\'\n",
            "A=\"\n",
            "A=`\\`\n",
            "A\n",
            "export\n",
            "A=$B${C\n",
            "A=\"\\$(\n",
            "A=\u{2028}'\n",
        ];
        let parts = ["\\'", "${", "\\$(", "${A:-", "\u{2028}'", " ", "$A"];
        let lines = lines.map(|line| line.repeat(SIZE / line.len()));
        let parts = parts.map(|part| format!("A=\"{}\n", part.repeat(SIZE / part.len())));
        for text in lines.iter().chain(&parts) {
            for dialect in Dialect::ALL {
                let _ = parse(text.as_bytes(), dialect, None);
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(
            bytes in proptest::collection::vec(any::<u8>(), 0..64),
            text in r#"([A-Ca-c=:'"`\\$(){}#~;|%+?\-. \t\r\n\u{85}\u{a0}\u{2028}\u{feff}é]|export ){0,60}"#,
        ) {
            for dialect in Dialect::ALL {
                for bytes in [&bytes[..], text.as_bytes()] {
                    let outside = |name: &str| {
                        (name == "A").then(|| SecretValue::from_text("$B${A}\\$".to_owned()))
                    };
                    for outside in [None, Some(&outside as Outside<'_>)] {
                        if let Err(failure) = parse(bytes, dialect, outside) {
                            let lines = 1 + bytes.iter().filter(|byte| b"\r\n".contains(byte)).count();
                            prop_assert!((1..=lines).contains(&failure.line));
                        }
                    }
                    disagreements(bytes, dialect);
                }
            }
        }
    }
}
