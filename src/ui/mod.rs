//! What a person or a program is told: answers on stdout, news on stderr, and
//! nothing else.

pub mod chart;
pub mod clipboard;
pub mod failure;
pub mod look;
mod progress;
pub mod prompt;
pub mod table;

use std::collections::BTreeMap;
use std::io::{self, BufWriter, IsTerminal, Write};

use serde::Serialize;

use crate::error::{Error, Result, is_unshowable};
use crate::name::{EnvironmentName, SecretName};
use crate::secret_value::SecretValue;
use crate::timestamp::Timestamp;
use crate::vault::document::{ValueToWrite, to_wiped_json};

/// The version of every JSON answer. It grows when a field changes its meaning
/// or goes; a new field changes nothing.
const SCHEMA: u32 = 1;

/// For whom answers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A person.
    Human,
    /// A program.
    Json,
}

/// When to write in colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// An answer or an outcome that has words.
pub trait Report: Serialize {
    /// Writes it for a person.
    ///
    /// # Errors
    ///
    /// As `out` does.
    fn human(&self, out: &mut dyn Write) -> io::Result<()>;

    /// Writes the bare answer, for `--quiet`.
    ///
    /// # Errors
    ///
    /// As `out` does.
    fn bare(&self, out: &mut dyn Write) -> io::Result<()> {
        self.human(out)
    }
}

/// How the program speaks.
#[derive(Clone, Debug)]
pub struct Ui {
    /// For whom.
    pub format: Format,
    /// Without news.
    pub quiet: bool,
    /// With colour.
    pub color: Color,
    /// Whether a person may be asked.
    pub input: bool,
    /// The options that say where, as they were typed: commands that are to be
    /// pasted have them, too.
    pub place: String,
}

impl Ui {
    /// Writes an answer to stdout.
    ///
    /// # Errors
    ///
    /// [`Error::Output`].
    pub fn answer(&self, report: &impl Report) -> Result<()> {
        let mut out = BufWriter::new(io::stdout().lock());
        match self.format {
            Format::Json => write_json(&mut out, report),
            Format::Human if self.quiet => report.bare(&mut out),
            Format::Human => report.human(&mut out),
        }
        .and_then(|()| out.flush())
        .map_err(Error::Output)
    }

    /// Writes an answer as [`Ui::answer`] does, for a file.
    ///
    /// # Errors
    ///
    /// As the report.
    pub fn written(&self, report: &impl Report) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        match self.format {
            Format::Json => write_json(&mut out, report),
            Format::Human if self.quiet => report.bare(&mut out),
            Format::Human => report.human(&mut out),
        }?;
        Ok(out)
    }

    /// Says what was done: news for a person, an answer for a program.
    ///
    /// # Errors
    ///
    /// [`Error::Output`].
    pub fn outcome(&self, report: &impl Report) -> Result<()> {
        if self.format == Format::Json {
            return self.answer(report);
        }
        if !self.quiet {
            self.show(report);
        }
        Ok(())
    }

    /// Shows a person, on stderr, what a question is about.
    pub fn show(&self, report: &impl Report) {
        let mut text = Vec::new();
        if report.human(&mut text).is_ok() {
            self.write_news(&self.as_typed(&String::from_utf8_lossy(&text)));
        }
    }

    /// Gives out a value: its exact bytes, and a line's end on a terminal alone.
    ///
    /// # Errors
    ///
    /// [`Error::Output`].
    pub fn reveal(&self, value: &SecretValue) -> Result<()> {
        let mut out = io::stdout().lock();
        let end: &[u8] = if out.is_terminal() { b"\n" } else { b"" };
        out.write_all(value.expose())
            .and_then(|()| out.write_all(end))
            .and_then(|()| out.flush())
            .map_err(Error::Output)
    }

    /// Tells whether what is given out goes to a terminal, where it is seen.
    pub fn shows_answers(&self) -> bool {
        io::stdout().is_terminal()
    }

    /// Gives out a text with values in it: its exact bytes, or as JSON.
    ///
    /// # Errors
    ///
    /// [`Error::Output`].
    pub fn reveal_text(&self, text: &SecretValue) -> Result<()> {
        #[derive(Serialize)]
        struct Answer<'a> {
            schema: u32,
            text: ValueToWrite<'a>,
        }
        let mut out = io::stdout().lock();
        match self.format {
            Format::Human => out.write_all(text.expose()),
            Format::Json => {
                let answer = Answer {
                    schema: SCHEMA,
                    text: ValueToWrite(text),
                };
                let mut bytes = to_wiped_json(&answer, |length| length + 1);
                bytes.push(b'\n');
                out.write_all(&bytes)
            }
        }
        .and_then(|()| out.flush())
        .map_err(Error::Output)
    }

    /// Gives out values as JSON, each under the words it was asked for by, and
    /// written as in the file.
    ///
    /// # Errors
    ///
    /// [`Error::Output`].
    pub fn reveal_json<'a>(&self, values: impl IntoIterator<Item = Revealed<'a>>) -> Result<()> {
        #[derive(Serialize)]
        struct Answer<'a> {
            schema: u32,
            secrets: BTreeMap<String, Entry<'a>>,
        }
        #[derive(Serialize)]
        struct Entry<'a> {
            environment: Option<&'a EnvironmentName>,
            version: Option<u32>,
            expires_at: Option<Timestamp>,
            value: ValueToWrite<'a>,
        }
        let entries = values.into_iter().map(|revealed| {
            let Revealed {
                key,
                origin,
                expires_at,
                value,
                ..
            } = revealed;
            let entry = Entry {
                environment: origin.map(|(environment, _)| environment),
                version: origin.map(|(_, version)| version),
                expires_at,
                value: ValueToWrite(value),
            };
            (key, entry)
        });
        let answer = Answer {
            schema: SCHEMA,
            secrets: entries.collect(),
        };
        let mut bytes = to_wiped_json(&answer, |length| length + 1);
        bytes.push(b'\n');
        let mut out = io::stdout().lock();
        out.write_all(&bytes)
            .and_then(|()| out.flush())
            .map_err(Error::Output)
    }

    /// Writes the commands in a hint as this one was typed: with the same vault and
    /// identity.
    pub fn as_typed(&self, hint: &str) -> String {
        const COMMAND: &str = "`keyvault ";
        if self.place.is_empty() || hint.contains("--vault") {
            return hint.to_owned();
        }
        hint.replace(COMMAND, &format!("{COMMAND}{} ", self.place))
    }

    /// Says something that a person may want to know, on stderr.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            self.say("note", NOTE, text);
        }
    }

    /// Says something that is likely wrong, on stderr.
    pub fn warn(&self, text: &str) {
        if !self.quiet {
            self.say("warning", WARNING, text);
        }
    }

    fn say(&self, kind: &str, style: &str, text: &str) {
        let text = self.as_typed(text);
        self.write_news(&format!("keyvault: {style}{kind}:{RESET} {text}\n"));
    }

    /// Tells whether what goes to a stream may have colours.
    fn is_coloured(&self, stream: &impl anstream::stream::RawStream) -> bool {
        match self.color {
            Color::Auto => anstream::AutoStream::choice(stream) != anstream::ColorChoice::Never,
            Color::Always => true,
            Color::Never => false,
        }
    }

    /// Writes to stderr, with colours or without as it should be, and at once: the
    /// lines of programs that share it are not mixed.
    fn write_news(&self, text: &str) {
        // What cannot be said on stderr cannot be said at all.
        let _ = if self.is_coloured(&io::stderr()) {
            io::stderr().write_all(text.as_bytes())
        } else {
            let plain = anstream::adapter::strip_str(text).to_string();
            io::stderr().write_all(plain.as_bytes())
        };
    }
}

/// One value that is given out.
pub struct Revealed<'a> {
    /// What it was asked for by.
    pub key: String,
    /// The secret.
    pub name: &'a SecretName,
    /// The environment and version that it is from; none for a default.
    pub origin: Option<(&'a EnvironmentName, u32)>,
    /// Until when it is served, where that was said.
    pub expires_at: Option<Timestamp>,
    /// The value.
    pub value: &'a SecretValue,
}

impl Revealed<'_> {
    /// Returns the version that is given out, as `NAME@3`; none for a default.
    pub fn reference(&self) -> Option<String> {
        let (_, version) = self.origin?;
        Some(format!("{}@{version}", self.name))
    }
}

fn write_json(out: &mut impl Write, data: &impl Serialize) -> io::Result<()> {
    #[derive(Serialize)]
    struct Answer<'a, T> {
        schema: u32,
        #[serde(flatten)]
        data: &'a T,
    }
    let answer = Answer {
        schema: SCHEMA,
        data,
    };
    answer.serialize(&mut serde_json::Serializer::with_formatter(
        &mut *out, Harmless,
    ))?;
    out.write_all(b"\n")
}

/// JSON with which no text obtains anything from a terminal: what that would obey, or
/// show in another order, is escaped. It reads as the same text.
struct Harmless;

impl serde_json::ser::Formatter for Harmless {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        write_harmless(writer, fragment)
    }
}

/// Writes JSON, or a part of a text in it, so that a terminal may show it.
///
/// # Errors
///
/// As `out` does.
pub fn write_harmless<W: ?Sized + Write>(out: &mut W, json: &str) -> io::Result<()> {
    let mut rest = json;
    while let Some(at) = rest.find(is_unshowable) {
        let (plain, from) = rest.split_at(at);
        out.write_all(plain.as_bytes())?;
        let mut letters = from.chars();
        // None of them is beyond the first 65,536, which take four digits.
        let code = letters.next().map_or(0, u32::from);
        write!(out, "\\u{code:04x}")?;
        rest = letters.as_str();
    }
    out.write_all(rest.as_bytes())
}

// Styles of the terminal (ECMA-48), which `anstream` drops where none is wanted.
const RESET: &str = "\u{1b}[0m";
const ERROR: &str = "\u{1b}[1;31m";
const WARNING: &str = "\u{1b}[1;33m";
const NOTE: &str = "\u{1b}[1;36m";
const HINT: &str = "\u{1b}[1;32m";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_obtains_nothing_from_a_terminal_and_reads_the_same() {
        let evil = "a\u{1b}[2J\u{7f}\u{9b}2J\u{202e}\u{2028}é😀\"\\\n";
        let mut json = Vec::new();
        write_json(&mut json, &std::collections::BTreeMap::from([(evil, evil)])).expect("written");
        let json = String::from_utf8(json).expect("text");
        let obeyed = |c: char| is_unshowable(c) && c != '\n';
        assert!(
            !json.trim_end().contains(is_unshowable) && !json.contains(obeyed),
            "{json:?}"
        );
        let read: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(read[evil], evil);
    }
}
