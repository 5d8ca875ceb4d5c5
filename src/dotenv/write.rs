//! Writing a file that a dialect's original reads back to the same bytes.

use std::fmt;

use zeroize::Zeroizing;

use super::scope::extend;
use super::{Dialect, read};
use crate::name::SecretName;
use crate::secret_value::SecretValue;

/// A secret that a file of the dialect cannot hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uncarried {
    /// Its name.
    pub name: SecretName,
    /// Why.
    pub what: Obstacle,
}

/// What in a value keeps a file from holding it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// NUL, which no variable can hold.
    Nul,
    /// It is not text.
    NotUtf8,
    /// A line break, where a value is one line.
    LineBreak,
    /// More than the original reads.
    TooLong,
    /// What the original would take for a reference, and no quoting keeps it from that.
    Reference,
    /// Quotes, backslashes, `#` and line breaks together, so that no quoting holds all.
    Quoting,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nul => "it has a NUL byte",
            Self::NotUtf8 => "it is not UTF-8",
            Self::LineBreak => "it has a line break",
            Self::TooLong => "it is longer than what is read there",
            Self::Reference => "it has `${…}`, which is always a reference there",
            Self::Quoting => "no quoting holds all of its quotes, backslashes and line breaks",
        })
    }
}

/// Writes a file, each value in the plainest form that the dialect's original reads back to the
/// same bytes: bare where every dialect does, then in quotes.
///
/// # Errors
///
/// The first secret whose value has no such form. Nothing is written then.
pub fn write<'a>(
    dialect: Dialect,
    pairs: impl Iterator<Item = (&'a SecretName, &'a SecretValue)>,
) -> Result<Zeroizing<Vec<u8>>, Uncarried> {
    let mut file = Zeroizing::new(Vec::new());
    for (name, value) in pairs {
        let line = line(dialect, name.as_str(), value.expose());
        let line = line.map_err(|what| Uncarried {
            name: name.clone(),
            what,
        })?;
        extend(&mut file, &line);
        extend(&mut file, b"\n");
    }
    Ok(file)
}

type Line = Zeroizing<Vec<u8>>;

/// Writes one assignment, without its line feed.
fn line(dialect: Dialect, name: &str, value: &[u8]) -> Result<Line, Obstacle> {
    if value.contains(&0) {
        return Err(Obstacle::Nul);
    }
    if std::str::from_utf8(value).is_err() {
        return Err(Obstacle::NotUtf8);
    }
    let forms = forms(dialect, value);
    let mut lines = forms.iter().filter_map(|form| form.line(name, value));
    let found = lines.find(|line| is_read_back(dialect, line, name, value));
    found.ok_or_else(|| match dialect {
        Dialect::Docker if value.contains(&b'\n') || value.ends_with(b"\r") => Obstacle::LineBreak,
        Dialect::Docker => Obstacle::TooLong,
        Dialect::Python if memchr::memmem::find(value, b"${").is_some() => Obstacle::Reference,
        Dialect::Ruby if value.contains(&b'\r') => Obstacle::LineBreak,
        _ => Obstacle::Quoting,
    })
}

/// One way to write a value: quotes, and what is escaped between them.
struct Form {
    quote: &'static [u8],
    escapes: &'static [(u8, &'static [u8])],
}

impl Form {
    const fn new(quote: &'static [u8], escapes: &'static [(u8, &'static [u8])]) -> Self {
        Self { quote, escapes }
    }

    /// Writes an assignment, unless the value has the quote that stands around it: even
    /// where that is read, it is no plain form.
    fn line(&self, name: &str, value: &[u8]) -> Option<Line> {
        let quote = self.quote.first();
        let escapes = |quote: &u8| self.escapes.iter().any(|(escaped, _)| escaped == quote);
        if quote.is_some_and(|quote| value.contains(quote) && !escapes(quote)) {
            return None;
        }
        let longest = self.escapes.iter().map(|(_, escape)| escape.len()).max();
        let length = name.len() + 1 + 2 * self.quote.len() + value.len() * longest.unwrap_or(1);
        let mut line = Zeroizing::new(Vec::with_capacity(length));
        line.extend_from_slice(name.as_bytes());
        line.push(b'=');
        line.extend_from_slice(self.quote);
        for byte in value {
            let escape = self.escapes.iter().find(|(escaped, _)| escaped == byte);
            match escape {
                Some((_, escape)) => line.extend_from_slice(escape),
                None => line.push(*byte),
            }
        }
        line.extend_from_slice(self.quote);
        Some(line)
    }
}

const BARE: Form = Form::new(b"", &[]);
const SINGLE: Form = Form::new(b"'", &[]);
const DOUBLE: Form = Form::new(b"\"", &[]);

/// The forms to try, the plainest first.
fn forms(dialect: Dialect, value: &[u8]) -> Vec<Form> {
    // What no dialect gives a meaning to.
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-./:@%+,=".contains(byte);
    if value.iter().all(is_plain) {
        return vec![BARE];
    }
    let own: &[Form] = match dialect {
        Dialect::Docker => return vec![BARE],
        Dialect::Node => &[
            Form::new(b"`", &[]),
            Form::new(b"\"", &[(b'\r', b"\\r")]),
            BARE,
        ],
        Dialect::Python => &[
            Form::new(b"'", &[(b'\\', b"\\\\"), (b'\'', b"\\'")]),
            Form::new(b"\"", &[(b'\\', b"\\\\"), (b'"', b"\\\""), (b'\r', b"\\r")]),
            BARE,
        ],
        Dialect::Compose => &[Form::new(
            b"\"",
            &[
                (b'\\', b"\\\\"),
                (b'"', b"\\\""),
                (b'$', b"\\$"),
                (b'\r', b"\\r"),
            ],
        )],
        Dialect::Ruby => &[
            Form::new(b"\"", &[(b'\\', b"\\\\"), (b'"', b"\\\""), (b'$', b"\\$")]),
            Form::new(b"", &[(b'\\', b"\\\\"), (b'$', b"\\$")]),
        ],
        Dialect::Shell => &[Form::new(b"'", &[(b'\'', b"'\\''")])],
    };
    let own = own.iter().map(|form| Form::new(form.quote, form.escapes));
    [SINGLE, DOUBLE].into_iter().chain(own).collect()
}

/// What may stand around an assignment in a file of ours that could change how it is
/// read: a quote further on, to which a value that ends with a backslash
/// could reach, and Ruby's setting.
const AROUND: [(&str, &str); 5] = [
    ("", ""),
    ("", "\nZ='\n"),
    ("", "\nZ=\"\n"),
    ("", "\nZ=`\n"),
    ("DOTENV_LINEBREAK_MODE=legacy\n", "\n"),
];

/// Tells whether the dialect reads a value from a line, whatever stands around it.
fn is_read_back(dialect: Dialect, line: &[u8], name: &str, value: &[u8]) -> bool {
    AROUND.iter().all(|(before, behind)| {
        let length = before.len() + line.len() + behind.len();
        let mut text = Zeroizing::new(Vec::with_capacity(length));
        text.extend_from_slice(before.as_bytes());
        text.extend_from_slice(line);
        text.extend_from_slice(behind.as_bytes());
        let Ok(text) = std::str::from_utf8(&text) else {
            return false;
        };
        let statements = read(text, dialect, None);
        let found = statements.get(usize::from(!before.is_empty()));
        found.is_some_and(|found| {
            let found = found.as_ref().ok().filter(|found| found.name == name);
            let found = found.and_then(|found| found.value.as_ref());
            found.is_some_and(|found| *found.bytes == value && !found.refers)
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dotenv::parse;

    fn written(dialect: Dialect, values: &[&str]) -> Result<String, Obstacle> {
        let names = ["A", "B", "C"].map(|name| name.parse().expect("a name"));
        let values = values
            .iter()
            .map(|value| SecretValue::from_text((*value).to_owned()));
        let values: Vec<SecretValue> = values.collect();
        let file = write(dialect, names.iter().zip(&values)).map_err(|uncarried| uncarried.what)?;
        Ok(String::from_utf8(file.to_vec()).expect("text"))
    }

    #[test]
    fn a_value_is_written_as_plainly_as_it_is_read_back() {
        use Dialect::{Compose, Docker, Node, Python, Ruby, Shell};
        for (dialect, value, line) in [
            (Node, "https://a.b:1/c?", "A='https://a.b:1/c?'\n"),
            (Node, "", "A=\n"),
            (Node, "sk-1.2_3", "A=sk-1.2_3\n"),
            (Node, "it's", "A=\"it's\"\n"),
            (Node, "it's \"x\"", "A=`it's \"x\"`\n"),
            (Node, "`it's` \"x\"", "A=`it's` \"x\"\n"),
            (Node, "a\nb", "A='a\nb'\n"),
            (Node, "a\rb", "A=\"a\\rb\"\n"),
            (Node, "$B", "A='$B'\n"),
            (Node, "a b\\", "A=a b\\\n"),
            (Python, "it's \"x\"", "A='it\\'s \"x\"'\n"),
            (Python, "it's \"x\"\\", "A=it's \"x\"\\\n"),
            (Docker, " 'a' #", "A= 'a' #\n"),
            (Compose, "it's $B", "A=\"it's \\$B\"\n"),
            (Ruby, "it's $B", "A=\"it's \\$B\"\n"),
            (Shell, "it's $B", "A='it'\\''s $B'\n"),
        ] {
            assert_eq!(written(dialect, &[value]).as_deref(), Ok(line), "{dialect}");
        }
    }

    #[test]
    fn what_no_form_holds_is_said() {
        use Dialect::{Docker, Node, Python, Ruby};
        for (dialect, value, what) in [
            (Docker, "a\nb", Obstacle::LineBreak),
            (Docker, "a\r", Obstacle::LineBreak),
            (Node, "`it's` \"x\" #", Obstacle::Quoting),
            (Python, "${A}", Obstacle::Reference),
            (Ruby, "a\rb", Obstacle::LineBreak),
        ] {
            assert_eq!(written(dialect, &["x", value]), Err(what), "{dialect}");
        }
        let long = "x".repeat(64 << 10);
        assert_eq!(written(Docker, &[&long]), Err(Obstacle::TooLong));
        for dialect in Dialect::ALL {
            assert_eq!(written(dialect, &["a\0"]), Err(Obstacle::Nul));
            let name = "A".parse().expect("a name");
            let value = SecretValue::new(Zeroizing::new(vec![0xff]));
            let refused = write(dialect, [(&name, &value)].into_iter());
            let what = Obstacle::NotUtf8;
            assert_eq!(refused.expect_err("no text"), Uncarried { name, what });
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            values in proptest::collection::vec(
                r#"[a-z'"`\\$#{}()=:~ \t\r\n\u{85}\u{a0}\u{2028}\u{feff}é]{0,12}"#, 3),
        ) {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            for dialect in Dialect::ALL {
                let Ok(file) = written(dialect, &values) else { continue };
                let read = parse(file.as_bytes(), dialect, None).expect("it is ours");
                let read: Vec<_> = read.iter().filter_map(|entry| {
                    let value = entry.value.as_ref()?;
                    Some(String::from_utf8_lossy(value.expose()))
                }).collect();
                prop_assert_eq!(&read, &values, "{}: {:?}", dialect, file);
            }
        }
    }
}
