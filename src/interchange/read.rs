//! Names and values out of a file of another tool.
//!
//! A file is read whole or refused: [`read`] finds what is in it, [`choose`] makes
//! secrets of it. An error gives the place and the rule and repeats nothing, since
//! even what stands where a name should may be a secret.

mod json;
mod shape;
mod toml;
mod yaml;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::path::Path;

use zeroize::Zeroizing;

use crate::dotenv::{self, Dialect, Outside, What};
use crate::name::SecretName;
use crate::secret_value::{SecretValue, VALUE_MAX};
use crate::vault::import::Offered;
use crate::vault::selection::NamePattern;

/// The most bytes of a file: more than any list of variables has, and little
/// enough to be read, kept and sealed in a second.
pub const FILE_MAX: u64 = 16 << 20;

/// How deep a tree of JSON or YAML is looked into. Of the forms that are known, the
/// deepest has four levels.
const DEPTH_MAX: usize = 16;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// `NAME=value` in lines.
    Dotenv,
    /// A JSON object, or what another tool prints in JSON.
    Json,
    /// A YAML mapping.
    #[value(alias = "yml")]
    Yaml,
    /// TOML without tables.
    Toml,
}

impl Form {
    /// Tells the form of a file by its name, or else by how it begins.
    pub fn guess(path: &Path, bytes: &[u8]) -> Self {
        let extension = path.extension().and_then(OsStr::to_str);
        match extension.map(str::to_ascii_lowercase).as_deref() {
            Some("json") => return Self::Json,
            Some("yaml" | "yml") => return Self::Yaml,
            Some("toml") => return Self::Toml,
            Some("env") => return Self::Dotenv,
            _ => {}
        }
        let mut text = bytes.strip_prefix(BOM).unwrap_or(bytes).trim_ascii_start();
        // A list of objects is JSON, and `[table]` is not.
        if let Some(rest) = text.strip_prefix(b"[") {
            text = rest.trim_ascii_start();
        }
        match text.first() {
            Some(b'{') => Self::Json,
            _ => Self::Dotenv,
        }
    }
}

/// What marks a text as UTF-8, where it is marked.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Where something stands in a file, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The letter in it, where it is known.
    pub column: Option<usize>,
}

impl Place {
    /// A line as a whole.
    pub fn line(line: usize) -> Self {
        Self { line, column: None }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        match self.column {
            Some(column) => write!(f, ", column {column}"),
            None => Ok(()),
        }
    }
}

/// Why a file is not read.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Where, if it is not the file as a whole.
    pub place: Option<Place>,
    /// The rule that it breaks, for `line 3: …`.
    pub what: String,
    /// What to do about it, where there is more to say.
    pub hint: Option<&'static str>,
}

impl Malformed {
    fn at(place: Place, what: impl Into<String>) -> Self {
        Self {
            place: Some(place),
            what: what.into(),
            hint: None,
        }
    }
}

/// A name as the file has it, and its value if it has one.
#[derive(Debug)]
pub struct Found {
    /// Where it stands.
    pub place: Place,
    /// The text that should be a name.
    pub name: Zeroizing<String>,
    /// The value; none for a bare name, or a `null`.
    pub value: Option<SecretValue>,
    /// Whether the original would have put the value of another variable in it.
    pub refers: bool,
    /// Whether it is of a kind that is not imported.
    pub is_other: bool,
}

/// Finds what is in a file.
///
/// # Errors
///
/// [`Malformed`], where it is not of this form, or of a shape that is not known.
pub fn read(
    bytes: &[u8],
    form: Form,
    dialect: Dialect,
    expand: Option<Outside<'_>>,
) -> Result<Vec<Found>, Malformed> {
    if form == Form::Dotenv {
        let entries = dotenv::parse(bytes, dialect, expand);
        let entries = entries.map_err(|failure| {
            Malformed::at(Place::line(failure.line), failure.what.to_string())
        })?;
        let found = entries.into_iter().map(|entry| Found {
            place: Place::line(entry.line),
            name: Zeroizing::new(entry.name),
            value: entry.value,
            refers: entry.refers,
            is_other: false,
        });
        return Ok(found.collect());
    }
    let text = utf8(bytes)?;
    if text.trim_ascii().is_empty() {
        return Ok(Vec::new());
    }
    match form {
        Form::Json => shape::find(json::parse(text)?),
        Form::Yaml => yaml::parse(text)?.map_or(Ok(Vec::new()), shape::find),
        Form::Toml => toml::parse(text),
        Form::Dotenv => unreachable!("it was read above"),
    }
}

/// Takes bytes for text, and says what else they are.
fn utf8(bytes: &[u8]) -> Result<&str, Malformed> {
    const UTF_16: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];
    let fault = |at: usize, what: What| {
        let before = bytes[..at].iter().filter(|byte| **byte == b'\n');
        Malformed::at(Place::line(before.count() + 1), what.to_string())
    };
    if UTF_16.iter().any(|mark| bytes.starts_with(mark)) {
        return Err(fault(0, What::Utf16));
    }
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        return Err(fault(at, What::Nul));
    }
    let text = bytes.strip_prefix(BOM).unwrap_or(bytes);
    std::str::from_utf8(text).map_err(|error| {
        let at = bytes.len() - text.len() + error.valid_up_to();
        fault(at, What::NotUtf8)
    })
}

/// A secret to be imported, and where it stands.
#[derive(Debug)]
pub struct Pair {
    /// Where.
    pub place: Place,
    /// Its name in the vault.
    pub name: SecretName,
    /// Its value.
    pub value: SecretValue,
}

/// Which of the names found become secrets, and how they are called.
#[derive(Clone, Copy)]
pub struct Choice<'a> {
    /// What is put before each name.
    pub prefix: &'a str,
    /// Only these, as the file has them; all if there are none.
    pub only: &'a [NamePattern],
}

/// What was chosen of a file.
#[derive(Debug, Default)]
pub struct Chosen {
    /// The secrets, in the file's order.
    pub pairs: Vec<Pair>,
    /// Where names without a value stand.
    pub bare: Vec<Place>,
    /// Where values refer to others, and were taken as they are written.
    pub referring: Vec<Place>,
    /// Where values stand that are of a kind which is not imported.
    pub others: Vec<Place>,
    /// How many with a value were not asked for, or are of such a kind.
    pub left_out: usize,
    /// Which of the wanted names and patterns, in their order, were met with.
    pub met: Vec<bool>,
}

/// Makes secrets of what was found in a file. Names may stand in it twice.
///
/// # Errors
///
/// [`Malformed`], for what cannot be a secret's name, or a value that is too large.
pub fn choose(found: Vec<Found>, choice: Choice<'_>) -> Result<Chosen, Malformed> {
    let mut chosen = Chosen {
        met: vec![false; choice.only.len()],
        ..Chosen::default()
    };
    for Found {
        place,
        name,
        value,
        refers,
        is_other,
    } in found
    {
        let as_written: Option<SecretName> = name.parse().ok();
        let mut wanted = choice.only.is_empty();
        for (pattern, met) in choice.only.iter().zip(&mut chosen.met) {
            let matches = as_written
                .as_ref()
                .is_some_and(|name| pattern.matches(name));
            *met |= matches;
            wanted |= matches;
        }
        if !wanted || is_other {
            chosen.left_out += usize::from(value.is_some());
            chosen
                .others
                .extend((wanted && value.is_some()).then_some(place));
            continue;
        }
        let Some(value) = value else {
            chosen.bare.push(place);
            continue;
        };
        let name = Zeroizing::new([choice.prefix, &name].concat());
        let name = name.parse().map_err(|rule| Malformed {
            hint: Some("nothing was imported; give it another name there, or choose what is to be imported with `--only NAME,…`"),
            ..Malformed::at(place, format!("this is no name: {rule}"))
        });
        let (name, too_large): (SecretName, _) = (name?, value.len() as u64 > VALUE_MAX);
        if too_large {
            return Err(Malformed::at(place, "the value is larger than 1 MiB"));
        }
        chosen.referring.extend(refers.then_some(place));
        chosen.pairs.push(Pair { place, name, value });
    }
    Ok(chosen)
}

/// A name that stands twice.
#[derive(Debug, PartialEq, Eq)]
pub struct Twice {
    /// Which.
    pub name: SecretName,
    /// In which file, counted from 0, and where.
    pub first: (usize, Place),
    /// And again.
    pub second: (usize, Place),
}

/// Puts what was chosen of several files together.
///
/// # Errors
///
/// [`Twice`], unless the last of them is to win.
pub fn merge(files: Vec<Vec<Pair>>, last_wins: bool) -> Result<Offered, Twice> {
    let mut places: BTreeMap<SecretName, (usize, Place)> = BTreeMap::new();
    let mut offered = Offered::new();
    for (file, pairs) in files.into_iter().enumerate() {
        for Pair { place, name, value } in pairs {
            let second = (file, place);
            if let Some(first) = places.insert(name.clone(), second)
                && !last_wins
            {
                return Err(Twice {
                    name,
                    first,
                    second,
                });
            }
            offered.insert(name, value);
        }
    }
    Ok(offered)
}

/// Something of JSON or YAML, and where it stands.
struct Node {
    place: Place,
    kind: Kind,
}

enum Kind {
    Null,
    /// A text, a number or a truth value, as it is written.
    Scalar(Zeroizing<String>),
    List(Vec<Node>),
    /// Names in their order, also where there are two of one.
    Map(Vec<(Place, Zeroizing<String>, Node)>),
}

/// Copies a text into a buffer that is wiped and never grows.
fn kept(text: &str) -> Zeroizing<String> {
    let mut kept = Zeroizing::new(String::with_capacity(text.len()));
    kept.push_str(text);
    kept
}

/// Takes a text over as a value.
fn value_of(mut text: Zeroizing<String>) -> SecretValue {
    SecretValue::from_text(std::mem::take(&mut *text))
}

/// Finds line and column of places that come in their order.
struct Ruler<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    column: usize,
}

impl<'a> Ruler<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            line: 1,
            column: 1,
        }
    }

    /// Returns the place of a byte that is not before the last one asked for.
    fn place(&mut self, at: usize) -> Place {
        let passed = self.text.get(self.at..at).unwrap_or_default();
        for c in passed.chars() {
            if c == '\n' {
                self.line += 1;
                self.column = 1;
            } else {
                self.column += 1;
            }
        }
        self.at = self.at.max(at);
        Place {
            line: self.line,
            column: Some(self.column),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(text: &[u8], form: Form) -> Result<Vec<Found>, Malformed> {
        read(text, form, Dialect::Node, None)
    }

    /// What is read, as `NAME=value` or `NAME` at each place.
    fn shown(text: &str, form: Form) -> Result<String, String> {
        let offered = found(text.as_bytes(), form)
            .and_then(|found| {
                let choice = Choice {
                    prefix: "",
                    only: &[],
                };
                choose(found, choice)
            })
            .map_err(|bad| match bad.place {
                Some(place) => format!("{place}: {}", bad.what),
                None => bad.what,
            })?;
        let pairs = offered.pairs.iter().map(|pair| {
            // The only way to see a value is to know it.
            let known = KNOWN
                .iter()
                .find(|known| pair.value.len() == known.len() && is(&pair.value, known));
            let known = known.unwrap_or_else(|| panic!("{} in {text}", pair.name));
            format!("{}={known:?}", pair.name)
        });
        let bare = offered.bare.iter().map(|place| format!("[{place}]"));
        Ok(pairs.chain(bare).collect::<Vec<_>>().join(" "))
    }

    /// The values of these tests.
    const KNOWN: [&str; 19] = [
        "1.10",
        "NO",
        "0777",
        "true",
        "x",
        "",
        "x\ny\n",
        "é😀\n\"\\/",
        "1_000",
        "0xff",
        "null",
        "1e5",
        "1979-05-27 07:32:00Z",
        "-0",
        "y",
        "~",
        "a: b",
        "x y",
        "x\ty",
    ];

    fn is(value: &SecretValue, text: &str) -> bool {
        use crate::seal::digest::Fingerprint;
        let text = SecretValue::from_text(text.to_owned());
        Fingerprint::of(value, b"") == Fingerprint::of(&text, b"")
    }

    #[track_caller]
    fn reads(form: Form, cases: &[(&str, &str)]) {
        for (text, expected) in cases {
            assert_eq!(shown(text, form).as_deref(), Ok(*expected), "{text}");
        }
    }

    #[track_caller]
    fn refuses(form: Form, cases: &[(&str, &str)]) {
        for (text, expected) in cases {
            let refused = shown(text, form).expect_err(text);
            assert!(refused.starts_with(expected), "{text}: {refused}");
            assert!(!refused.contains("hunter"), "{text}: {refused}");
        }
    }

    #[test]
    fn json_is_read_as_it_is_written() {
        reads(
            Form::Json,
            &[
                ("", ""),
                ("{}", ""),
                ("\u{feff}{\"A\": \"x\"}", "A=\"x\""),
                (
                    r#"{"A":1.10,"B":true,"C":-0,"D":1e5}"#,
                    r#"A="1.10" B="true" C="-0" D="1e5""#,
                ),
                (r#"{"A":"","B":"null"}"#, r#"A="" B="null""#),
                (r#"{"A":null,"B":"x"}"#, r#"B="x" [line 1, column 2]"#),
                (
                    r#"{"A":"\u00e9\ud83d\uDE00\n\"\\\/"}"#,
                    &format!("A={:?}", "é😀\n\"\\/"),
                ),
                (r#"{"\u0041":"x\ty"}"#, r#"A="x\ty""#),
                (r#"{"A":"x","A":"y"}"#, r#"A="x" A="y""#),
            ],
        );
        refuses(
            Form::Json,
            &[
                ("{\"A\": hunter2}", "line 1, column 7: it is no JSON"),
                ("{\"A\": \"hunter2", "line 1, column 14: it is no JSON"),
                (
                    "{\"A\": \"x\"}\n{\"B\": \"hunter2\"}",
                    "line 2, column 1: it is no JSON",
                ),
                (
                    "{\"A\": \"x\",\n \"B\": {\"C\": \"hunter2\"}}",
                    "line 2, column 7: an object or a list",
                ),
                (
                    "{\"A\": [\"hunter2\"]}",
                    "line 1, column 7: an object or a list",
                ),
                ("[\"hunter2\"]", "line 1, column 2: a list is read where"),
                ("\"hunter2\"", "line 1, column 1: there are no names"),
                ("{\"hunter-2\": \"x\"}", "line 1, column 2: this is no name"),
                (
                    "{\"A\": \"\\ud83d\"}",
                    "line 1, column 7: this text has half",
                ),
                (
                    "{\"A\": \"\\ud83d\\ud83d\"}",
                    "line 1, column 7: this text has half",
                ),
                (
                    "{\"A\": \"\\udc00\"}",
                    "line 1, column 7: this text has half",
                ),
            ],
        );
    }

    #[test]
    fn a_tree_without_end_is_not_climbed() {
        for open in ["[", "{\"A\":"] {
            let deep = open.repeat(100_000);
            refuses(Form::Json, &[(&deep, "line 1, column ")]);
        }
        let closed = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        refuses(
            Form::Json,
            &[(&closed, "line 1, column 17: it is nested deeper")],
        );
        for open in ["[", "{A: ", "- ", "? "] {
            refuses(Form::Yaml, &[(&open.repeat(50_000), "line 1, column ")]);
        }
        refuses(
            Form::Toml,
            &[(&format!("A = {}", "[".repeat(50_000)), "line 1, column ")],
        );
    }

    #[test]
    fn yaml_is_read_as_it_is_written() {
        reads(
            Form::Yaml,
            &[
                ("", ""),
                ("# nothing\n", ""),
                ("---\nA: x\n...\n", "A=\"x\""),
                (
                    "A: NO\nB: 0777\nC: 1.10\nD: true\n",
                    r#"A="NO" B="0777" C="1.10" D="true""#,
                ),
                ("A: 'null'\nB: \"~\"\nC: ''", r#"A="null" B="~" C="""#),
                (
                    "A: ~\nB:\nC: null",
                    "[line 1, column 1] [line 2, column 1] [line 3, column 1]",
                ),
                ("A: |\n  x\n  y\n", r#"A="x\ny\n""#),
                ("A: >-\n  x\n  y\n", r#"A="x y""#),
                ("{A: x, B: 'a: b'}", r#"A="x" B="a: b""#),
                ("A: x # not this\nA: y", r#"A="x" A="y""#),
                (
                    "A: \"\\u00e9\\U0001F600\\n\\\"\\\\/\"",
                    &format!("A={:?}", "é😀\n\"\\/"),
                ),
            ],
        );
        refuses(
            Form::Yaml,
            &[
                (
                    "A: &hunter x\nB: *hunter",
                    "line 1, column 4: YAML's anchors",
                ),
                ("A: *hunter", "line 1, column 4"),
                ("A: !!str hunter2", "line 1, column 4: YAML's tags"),
                ("A: !hunter 2", "line 1, column 4: YAML's tags"),
                (
                    "A: x\n---\nB: hunter2",
                    "line 2, column 1: a second YAML document",
                ),
                (
                    "A: x\nB: [hunter2]",
                    "line 2, column 4: an object or a list",
                ),
                (
                    "A: x\nB:\n  C: hunter2",
                    "line 3, column 3: an object or a list",
                ),
                ("A: x\n  B: hunter2", "line 2, column 4: it is no YAML"),
                ("A: \"hunter2", "line 1, column "),
                ("[hunter]: x", "line 1, column 1: a name is missing"),
                ("hunter2", "line 1, column 1: there are no names"),
                ("? hunter-2\n: x", "line 1, column 3: this is no name"),
                ("<<: hunter2", "line 1, column 1: this is no name"),
            ],
        );
    }

    /// Aliases of aliases, by which nine lines stand for a thousand million texts.
    #[test]
    fn a_billion_laughs_are_not_heard() {
        let mut text = "A: &a [lol, lol]\n".to_owned();
        for (new, old) in ('b'..='j').zip('a'..) {
            text.push_str(&format!(
                "{new}: &{new} [{}]\n",
                [format!("*{old}").as_str(); 9].join(",")
            ));
        }
        refuses(Form::Yaml, &[(&text, "line 1, column 4: YAML's anchors")]);
    }

    #[test]
    fn toml_is_read_as_it_is_written() {
        reads(
            Form::Toml,
            &[
                ("# nothing\n", ""),
                (
                    "A = 1_000\nB=0xff\r\nC = 1.10 # not this",
                    r#"A="1_000" B="0xff" C="1.10""#,
                ),
                (
                    "A = true\nB = 1979-05-27 07:32:00Z",
                    r#"A="true" B="1979-05-27 07:32:00Z""#,
                ),
                (
                    "A = \"\"\"\nx\ny\n\"\"\"\n'B' = 'x'\n\"C\" = ''",
                    r#"A="x\ny\n" B="x" C="""#,
                ),
                (
                    "A = \"\\u00e9\\U0001F600\\n\\\"\\\\/\"",
                    &format!("A={:?}", "é😀\n\"\\/"),
                ),
                ("A = 'x'\nA = 'y'", r#"A="x" A="y""#),
            ],
        );
        refuses(
            Form::Toml,
            &[
                ("A = 1\n[hunter2]\nB = 1", "line 2, column 1: a table"),
                ("[[hunter2]]\nB = 1", "line 1, column 1: a table"),
                ("A = 1\nhunter.B = 2", "line 2, column 7: a table"),
                ("A = ['hunter2']", "line 1, column 5: a table"),
                ("A = {B = 'hunter2'}", "line 1, column 5: a table"),
                ("A = hunter2", "line 1, column 5: it is no TOML"),
                ("A = 1\nB = \"hunter2\nC = 1", "line 2, column "),
                ("A = 0hunter2", "line 1, column 6: it is no TOML"),
                ("hunter2", "line 1, column "),
                ("A = 1 B = 'hunter2'", "line 1, column 5: it is no TOML"),
                ("hunter-2 = 1", "line 1, column 1: this is no name"),
            ],
        );
    }

    #[test]
    fn what_other_tools_print_is_known_by_its_shape() {
        let infisical = r#"[{"key":"A","workspace":"w","value":"x","type":"shared","_id":"1","tags":[]},
            {"key":"B","value":"y","type":"personal"}]"#;
        let vault_2 = r#"{"request_id":"1","lease_id":"","lease_duration":0,"renewable":false,
            "data":{"data":{"A":"x","B":1.10},"metadata":{"version":3}},"warnings":null}"#;
        let vault_1 = r#"{"request_id":"1","lease_duration":2764800,"data":{"A":"x","data":"y"}}"#;
        let aws = r#"{"ARN":"arn:aws:x","Name":"prod/app","VersionId":"1",
            "SecretString":"{\"A\":\"x\",\"B\":1.10}","VersionStages":["AWSCURRENT"]}"#;
        let op = r#"{"id":"1","title":"t","vault":{"id":"2"},"category":"API_CREDENTIAL","fields":[
            {"id":"a","type":"CONCEALED","label":"A","value":"x"},
            {"id":"b","type":"STRING","label":"B","value":"y","section":{"id":"s"}},
            {"id":"notesPlain","type":"STRING","purpose":"NOTES","label":"notesPlain"},
            {"id":"o","type":"OTP","label":"one-time password","value":"otpauth://x"}]}"#;
        reads(
            Form::Json,
            &[
                (
                    r#"{"A":"x","DOPPLER_CONFIG":"y"}"#,
                    r#"A="x" DOPPLER_CONFIG="y""#,
                ),
                (infisical, r#"A="x" B="y""#),
                (vault_2, r#"A="x" B="1.10""#),
                (vault_1, r#"A="x" data="y""#),
                (aws, r#"A="x" B="1.10""#),
                (op, r#"A="x" B="y" [line 4, column 13]"#),
                (r#"{"ARN":"x","data":"y"}"#, r#"ARN="x" data="y""#),
            ],
        );
        refuses(
            Form::Json,
            &[
                (
                    r#"{"ARN":"arn","Name":"n","SecretString":"hunter2"}"#,
                    "line 1, column 40: this secret of AWS is one value",
                ),
                (
                    r#"{"ARN":"arn","Name":"n","SecretBinary":"aHVudGVyMg=="}"#,
                    "this secret of AWS",
                ),
                (
                    r#"{"ARN":"arn","SecretString":"{\"A\":{\"B\":\"hunter2\"}}"}"#,
                    "line 1, column 29: an object or a list",
                ),
                (
                    r#"{"request_id":"1","data":{"A":{"hunter":2}}}"#,
                    "line 1, column 31: an object",
                ),
                (
                    r#"[{"key":"A","value":["hunter2"]}]"#,
                    "line 1, column 2: a list is read",
                ),
                (
                    r#"[{"key":"A","key":"B","value":"hunter2"}]"#,
                    "line 1, column 2: a list is read",
                ),
            ],
        );
    }

    /// Texts that nearly are something.
    fn nearly() -> impl Strategy<Value = String> {
        const PARTS: [&str; 50] = [
            "{",
            "}",
            "[",
            "]",
            ":",
            ": ",
            ",",
            "\"",
            "'",
            "\\",
            "\\u",
            "\\ud83d",
            "\\x4",
            "0",
            "1.",
            "e",
            "-",
            "- ",
            "A",
            "B_1",
            "=",
            " = ",
            "\n",
            "\r\n",
            "  ",
            "\t",
            "|",
            ">",
            "|2-",
            "&a",
            "*a",
            "!!",
            "!<",
            "%TAG ! x",
            "---",
            "...",
            "? ",
            "#",
            " #",
            "<<",
            "\"\"\"",
            "'''",
            "null",
            "~",
            "true",
            "\u{feff}",
            "\u{85}",
            "\u{1f511}",
            "\u{1b}",
            "`",
        ];
        let parts = proptest::collection::vec(proptest::sample::select(&PARTS[..]), 0..40);
        parts.prop_map(|parts| parts.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_text_brings_a_reader_down(text in nearly()) {
            for form in [Form::Json, Form::Yaml, Form::Toml] {
                let outcome = found(text.as_bytes(), form);
                let bad = outcome.err().and_then(|bad| bad.place);
                let lines = text.split('\n').count();
                prop_assert!(bad.is_none_or(|place| (1..=lines + 1).contains(&place.line)));
            }
        }

        #[test]
        fn no_bytes_bring_a_reader_down(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            for form in [Form::Json, Form::Yaml, Form::Toml] {
                let _ = found(&bytes, form);
            }
        }

        #[test]
        fn a_text_in_json_is_read_back(text: String) {
            let found = found(serde_json::json!({ "A": text }).to_string().as_bytes(), Form::Json);
            let found = found.expect("it is JSON");
            prop_assert!(is(found[0].value.as_ref().expect("a text"), &text));
        }
    }

    #[test]
    fn what_is_no_text_is_refused_in_every_form() {
        for form in [Form::Dotenv, Form::Json, Form::Yaml, Form::Toml] {
            for (bytes, line, what) in [
                (&b"\xff\xfeA\0=\0x\0"[..], 1, What::Utf16),
                (b"\xfe\xff\0A\0=\0x", 1, What::Utf16),
                (b"#\n#\nA: \0", 3, What::Nul),
                (b"#\nA: \xff", 2, What::NotUtf8),
            ] {
                let refused = found(bytes, form).map(|found| found.len());
                let expected = Malformed::at(Place::line(line), what.to_string());
                assert_eq!(refused, Err(expected), "{form:?} {what:?}");
            }
        }
    }

    #[test]
    fn the_form_is_told_by_name_or_by_content() {
        for (path, text, expected) in [
            (".env", "A=1", Form::Dotenv),
            ("prod.env", "{", Form::Dotenv),
            ("x.JSON", "", Form::Json),
            ("x.yml", "", Form::Yaml),
            ("x.yaml", "{}", Form::Yaml),
            ("x.toml", "", Form::Toml),
            (".env.local", "A=1", Form::Dotenv),
            ("-", " \n{\"A\":1}", Form::Json),
            ("-", "\u{feff}[ {", Form::Json),
            ("-", "[table]", Form::Dotenv),
            ("-", "", Form::Dotenv),
        ] {
            let guessed = Form::guess(Path::new(path), text.as_bytes());
            assert_eq!(guessed, expected, "{path} {text}");
        }
    }

    fn pairs(text: &str, prefix: &str, only: &[&str]) -> Result<Chosen, Malformed> {
        let only: Vec<NamePattern> = only.iter().map(|text| text.parse().expect("one")).collect();
        let found = found(text.as_bytes(), Form::Json).expect("read");
        let choice = Choice {
            prefix,
            only: &only,
        };
        choose(found, choice)
    }

    #[test]
    fn a_name_that_is_none_matters_only_where_it_is_wanted() {
        let text = r#"{"A": "x", "B_1": "x", "spring.datasource": "x", "B_2": null}"#;
        let bad = pairs(text, "", &[]).expect_err("a dot");
        assert_eq!(bad.place.map(|place| place.column), Some(Some(24)));
        let chosen = pairs(text, "P_", &["B*"]).expect("good");
        let names: Vec<_> = chosen.pairs.iter().map(|pair| pair.name.as_str()).collect();
        assert_eq!(names, ["P_B_1"]);
        assert_eq!((chosen.left_out, chosen.bare.len()), (2, 1));
        let met = pairs(text, "", &["B_?", "A", "C*"]).expect("good").met;
        assert_eq!(met, [true, true, false]);
        // With a prefix a name may begin with a digit.
        assert!(pairs(r#"{"1": "x"}"#, "P_", &[]).is_ok());
        let large = format!("{{\"A\": \"{}\"}}", "x".repeat((1 << 20) + 1));
        let bad = pairs(&large, "", &[]).expect_err("too large");
        assert_eq!(bad.what, "the value is larger than 1 MiB");
    }

    #[test]
    fn a_name_that_stands_twice_is_found_across_files() {
        let files = || {
            let one = pairs(r#"{"A": "x", "B": "x"}"#, "", &[]).expect("good");
            let two = pairs("{\"C\": \"x\",\n\"B\": \"y\"}", "", &[]).expect("good");
            vec![one.pairs, two.pairs]
        };
        let twice = merge(files(), false).expect_err("twice");
        assert_eq!(twice.name.as_str(), "B");
        assert_eq!((twice.first.0, twice.first.1.line), (0, 1));
        assert_eq!((twice.second.0, twice.second.1.line), (1, 2));
        let merged = merge(files(), true).expect("the last wins");
        assert_eq!(merged.len(), 3);
        assert!(is(&merged[&"B".parse().expect("a name")], "y"));
    }
}
