//! References to secrets in any text, and what is put in their place.
//!
//! | written | becomes |
//! |---|---|
//! | `keyvault://NAME` | the value, byte by byte |
//! | `keyvault://ENVIRONMENT/NAME` | that of this environment, whatever lies over it |
//! | `{{ NAME }}`, `{{ ENVIRONMENT/NAME }}` | the same, where letters follow |
//! | `{{ NAME \| json }}` | the value as a filter writes it; several follow each other |
//! | `{{ "{{" }}`, `{{ "keyvault://" }}` | what stands between the quotes |
//!
//! A bare reference extends over all letters, digits and `_`, `.`, `-`, `/` behind
//! it, and has to be one as a whole; what is part of another scheme's name
//! (`xkeyvault://`) is none. (`op inject` has the same rule for `op://`.)
//!
//! Braces are ours where a letter, a digit, `_` or `"` is the first in them: then
//! what they hold has to be right, up to `}}` on the same line. Otherwise they are
//! another engine's and stay as they are: `{{ .Values.x }}`, `{{- end }}`,
//! `{{#each}}`, `{{{x}}}`, and whatever a `$` stands before, as in `${{ secrets.X }}`.
//!
//! Everything else passes through untouched, text or not.

use std::fmt;
use std::str::FromStr;

use memchr::memchr2;
use zeroize::Zeroizing;

use crate::error::{Error, MISFITS_MAX, Misfit, Result};
use crate::name::{EnvironmentName, SecretName};
use crate::quote;
use crate::secret_value::SecretValue;

/// The largest template: a configuration file, and not data.
pub const TEMPLATE_MAX: u64 = 4 << 20;

/// The largest text that comes of one: a small template may name a large value
/// often.
const FILLED_MAX: usize = 64 << 20;

const SCHEME: &[u8] = b"keyvault://";
/// What a file in UTF-16 begins with.
const UTF16_MARKS: [[u8; 2]; 2] = [[0xff, 0xfe], [0xfe, 0xff]];

const OPEN: &[u8] = b"{{";
const CLOSE: &[u8] = b"}}";

/// A secret that a text refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The one environment it may come from; any without.
    pub environment: Option<EnvironmentName>,
    /// Its name.
    pub name: SecretName,
}

impl FromStr for Reference {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let (environment, name) = match text.split_once('/') {
            Some((environment, name)) => (Some(environment), name),
            None => (None, text),
        };
        let environment = environment.map(str::parse).transpose();
        match (environment, name.parse()) {
            (Ok(environment), Ok(name)) => Ok(Self { environment, name }),
            _ => Err(Malformed::Reference),
        }
    }
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// As a JSON string, with its quotes.
    Json,
    /// As what stands between the quotes of a JSON string.
    JsonInner,
    /// As a double-quoted YAML scalar, with its quotes.
    Yaml,
    /// Percent-encoded for any part of a URL.
    Url,
    /// In base64 with padding.
    Base64,
    /// As one word of a POSIX shell, with its quotes.
    Shell,
}

impl Filter {
    const ALL: [Self; 6] = [
        Self::Json,
        Self::JsonInner,
        Self::Yaml,
        Self::Url,
        Self::Base64,
        Self::Shell,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::JsonInner => "json-inner",
            Self::Yaml => "yaml",
            Self::Url => "url",
            Self::Base64 => "base64",
            Self::Shell => "shell",
        }
    }

    /// Tells whether it writes quotes of its own.
    fn quotes(self) -> bool {
        matches!(self, Self::Json | Self::Yaml | Self::Shell)
    }

    /// Writes a value.
    ///
    /// # Errors
    ///
    /// What it cannot write.
    fn apply(self, bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, &'static str> {
        let text = || std::str::from_utf8(bytes).map_err(|_| "it is not text in UTF-8");
        Ok(match self {
            Self::Json => {
                let text = text()?;
                quote::wiped(|out| quote::json(text, out))
            }
            Self::JsonInner => {
                let text = text()?;
                quote::wiped(|out| quote::json_inner(text, out))
            }
            Self::Yaml => {
                let text = text()?;
                quote::wiped(|out| quote::yaml(text, out))
            }
            Self::Url => quote::wiped(|out| quote::url(bytes, out)),
            Self::Base64 => quote::wiped(|out| quote::base64(bytes, out)),
            Self::Shell if bytes.contains(&0) => return Err("it holds a NUL byte"),
            Self::Shell => quote::wiped(|out| quote::shell(bytes, out)),
        })
    }
}

/// What keeps a text in braces, or behind the scheme, from being a reference. It
/// is not repeated: something may have been pasted into the wrong place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// No name, or none with an environment.
    Reference,
    /// Something else than a reference.
    Braces,
    /// Braces that do not close.
    Open,
    /// A filter that there is not.
    Filter,
    /// Quotes around a filter that writes its own.
    Quoted(Filter),
    /// The whole text in an encoding in which nothing would be found.
    Utf16,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reference => f.write_str("a reference is `NAME` or `ENVIRONMENT/NAME` behind `keyvault://`, or `{{ NAME }}` where more letters follow"),
            Self::Braces => f.write_str("these braces hold no reference"),
            Self::Open => f.write_str("these braces do not close on their line"),
            Self::Utf16 => f.write_str("this is UTF-16, in which no reference would be found"),
            Self::Filter => {
                let names = Filter::ALL.map(|filter| format!("`{}`", filter.name()));
                write!(f, "there is no such filter; there are {}", names.join(", "))
            }
            Self::Quoted(filter) => {
                write!(f, "`{}` writes its own quotes, and stands between quotes", filter.name())
            }
        }
    }
}

impl From<Malformed> for Error {
    fn from(malformed: Malformed) -> Self {
        let hint = match malformed {
            Malformed::Reference => "write `{{ \"keyvault://\" }}` for these letters themselves",
            Malformed::Quoted(Filter::Json) => "take the quotes away, or write `json-inner`",
            Malformed::Quoted(_) => "take the quotes away",
            Malformed::Utf16 => "save it as UTF-8",
            _ => "write `{{ NAME }}` or `{{ NAME | json }}`; `{{ \"{{\" }}` for braces themselves",
        };
        Self::Usage {
            message: malformed.to_string(),
            hint: hint.to_owned(),
        }
    }
}

/// A part of a template.
#[derive(Debug, PartialEq, Eq)]
enum Part<'t> {
    /// As it is.
    Text(&'t [u8]),
    /// A value's place, and where it stands.
    Value {
        at: usize,
        reference: Reference,
        filters: Vec<Filter>,
    },
}

/// A text with values put in.
pub struct Filled {
    /// The whole of it.
    pub bytes: Zeroizing<Vec<u8>>,
    /// How many references it had.
    pub references: usize,
}

/// What is put in for a part: borrowed where it needs no change.
enum Piece<'a> {
    Borrowed(&'a [u8]),
    Written(Zeroizing<Vec<u8>>),
}

impl AsRef<[u8]> for Piece<'_> {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Written(bytes) => bytes,
        }
    }
}

/// Puts the values in that `look_up` finds.
///
/// # Errors
///
/// What is wrong with it, each with its place: references that are none, and what
/// `look_up` says of the others; [`MISFITS_MAX`] at most.
pub fn fill<'v>(
    template: &[u8],
    look_up: impl Fn(&Reference) -> Result<&'v SecretValue>,
) -> Result<Filled, Vec<Misfit>> {
    if UTF16_MARKS.iter().any(|mark| template.starts_with(mark)) {
        return Err(vec![Misfit::at((1, 1), Malformed::Utf16.into())]);
    }
    let mut misfits = Vec::new();
    let mut pieces = Vec::new();
    let (mut size, mut references) = (0, 0);
    for part in parts(template) {
        let (at, piece) = match part {
            Ok(Part::Text(text)) => (0, Ok(Piece::Borrowed(text))),
            Ok(Part::Value {
                at,
                reference,
                filters,
            }) => {
                references += 1;
                (at, value(&reference, &filters, &look_up))
            }
            Err((at, malformed)) => (at, Err(malformed.into())),
        };
        let piece = piece.and_then(|piece| {
            size += piece.as_ref().len();
            match size {
                0..=FILLED_MAX => Ok(piece),
                _ => Err(too_large()),
            }
        });
        match piece {
            Ok(piece) => pieces.push(piece),
            Err(error) => misfits.push(Misfit::at(place(template, at), error)),
        }
        if size > FILLED_MAX || misfits.len() == MISFITS_MAX {
            break;
        }
    }
    if !misfits.is_empty() {
        return Err(misfits);
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(size));
    for piece in &pieces {
        bytes.extend_from_slice(piece.as_ref());
    }
    Ok(Filled { bytes, references })
}

fn too_large() -> Error {
    Error::Usage {
        message: format!("what comes of it is larger than {} MiB", FILLED_MAX >> 20),
        hint: "refer to large values less often".to_owned(),
    }
}

fn value<'v>(
    reference: &Reference,
    filters: &[Filter],
    look_up: impl Fn(&Reference) -> Result<&'v SecretValue>,
) -> Result<Piece<'v>> {
    let plain = Piece::Borrowed(look_up(reference)?.expose());
    filters.iter().try_fold(plain, |piece, filter| {
        let written = filter.apply(piece.as_ref()).map_err(|what| Error::Usage {
            message: format!(
                "the value of `{}` cannot be written as `{}`: {what}",
                reference.name,
                filter.name()
            ),
            hint: "`base64` and `url` write any bytes".to_owned(),
        })?;
        // At each: what grows by a third, or to the double, does so every time.
        match written.len() {
            0..=FILLED_MAX => Ok(Piece::Written(written)),
            _ => Err(too_large()),
        }
    })
}

/// Returns the line and the column of a place, both from 1; columns are characters.
fn place(text: &[u8], at: usize) -> (usize, usize) {
    let before = &text[..at];
    let line = memchr::memchr_iter(b'\n', before).count() + 1;
    let start = memchr::memrchr(b'\n', before).map_or(0, |end| end + 1);
    // Of a character that has several bytes, the first counts.
    let column = before[start..]
        .iter()
        .filter(|byte| **byte & 0xc0 != 0x80)
        .count();
    (line, column + 1)
}

/// Splits a template, as far as it is asked for. What is no reference and should be
/// one comes with its place.
fn parts(template: &[u8]) -> impl Iterator<Item = Result<Part<'_>, (usize, Malformed)>> {
    // Where the text begins that no part holds yet, and the part that ends it.
    let mut text = 0;
    let mut next = None;
    std::iter::from_fn(move || {
        if let Some(part) = next.take() {
            return Some(part);
        }
        let (start, mut from) = (text, text);
        while let Some(found) = memchr2(OPEN[0], SCHEME[0], &template[from..]) {
            let at = from + found;
            let Some((part, end)) = part_at(template, at) else {
                from = at + skipped(template, at);
                continue;
            };
            text = end;
            let part = part.map_err(|malformed| (at, malformed));
            if start == at {
                return Some(part);
            }
            next = Some(part);
            return Some(Ok(Part::Text(&template[start..at])));
        }
        text = template.len();
        (start < text).then(|| Ok(Part::Text(&template[start..])))
    })
}

/// How many bytes stay as they are, where no part begins: of braces all.
fn skipped(template: &[u8], at: usize) -> usize {
    let braces = template[at..].iter().take_while(|byte| **byte == OPEN[0]);
    braces.count().max(1)
}

/// A part and where it ends, or why it is none.
type Found<'t> = (Result<Part<'t>, Malformed>, usize);

/// Reads the reference or the text in braces that begins at a place, if one does.
fn part_at(template: &[u8], at: usize) -> Option<Found<'_>> {
    let before = at.checked_sub(1).map(|before| template[before]);
    if template[at..].starts_with(SCHEME) {
        let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        return (!before.is_some_and(is_scheme)).then(|| bare(template, at));
    }
    if !template[at..].starts_with(OPEN) || before == Some(b'$') {
        return None;
    }
    let mut cursor = Cursor {
        text: template,
        at: at + OPEN.len(),
    };
    cursor.skip_blanks();
    let first = *template.get(cursor.at)?;
    if !(first.is_ascii_alphanumeric() || first == b'_' || first == b'"') {
        return None;
    }
    let part = cursor.in_braces(at, before);
    Some((part, cursor.at))
}

fn bare(template: &[u8], at: usize) -> Found<'_> {
    let mut cursor = Cursor {
        text: template,
        at: at + SCHEME.len(),
    };
    let reference = cursor.reference().map(|reference| Part::Value {
        at,
        reference,
        filters: Vec::new(),
    });
    (reference, cursor.at)
}

/// A place in a text, from which it is read on.
struct Cursor<'t> {
    text: &'t [u8],
    at: usize,
}

impl<'t> Cursor<'t> {
    fn rest(&self) -> &'t [u8] {
        &self.text[self.at..]
    }

    fn take_while(&mut self, accepts: impl Fn(u8) -> bool) -> &'t [u8] {
        let rest = self.rest();
        let end = rest.iter().position(|byte| !accepts(*byte));
        let taken = &rest[..end.unwrap_or(rest.len())];
        self.at += taken.len();
        taken
    }

    fn take(&mut self, wanted: &[u8]) -> bool {
        let found = self.rest().starts_with(wanted);
        if found {
            self.at += wanted.len();
        }
        found
    }

    fn skip_blanks(&mut self) {
        self.take_while(|byte| byte == b' ' || byte == b'\t');
    }

    fn reference(&mut self) -> Result<Reference, Malformed> {
        let word = self.take_while(|byte| byte.is_ascii_alphanumeric() || b"_./-".contains(&byte));
        let word = std::str::from_utf8(word).expect("it is ASCII");
        word.parse()
    }

    /// Reads on behind braces that are ours, and behind those that close them; or
    /// at the least to where something is not right.
    fn in_braces(&mut self, at: usize, before: Option<u8>) -> Result<Part<'t>, Malformed> {
        if self.take(b"\"") {
            let text = self.take_while(|byte| byte != b'"' && byte != b'\n');
            if !self.take(b"\"") {
                return Err(Malformed::Open);
            }
            self.close()?;
            return Ok(Part::Text(text));
        }
        self.take(SCHEME);
        let reference = self.reference().map_err(|_| Malformed::Braces)?;
        self.skip_blanks();
        let mut filters = Vec::new();
        while self.take(b"|") {
            self.skip_blanks();
            let word = self.take_while(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            let known = Filter::ALL
                .into_iter()
                .find(|filter| filter.name().as_bytes() == word);
            filters.push(known.ok_or(Malformed::Filter)?);
            self.skip_blanks();
        }
        self.close()?;
        let after = self.rest().first().copied();
        match filters.last().filter(|filter| filter.quotes()) {
            Some(filter) if before == after && matches!(before, Some(b'"' | b'\'')) => {
                Err(Malformed::Quoted(*filter))
            }
            _ => Ok(Part::Value {
                at,
                reference,
                filters,
            }),
        }
    }

    fn close(&mut self) -> Result<(), Malformed> {
        self.skip_blanks();
        if self.take(CLOSE) {
            return Ok(());
        }
        let line = self.rest().split(|byte| *byte == b'\n').next();
        let closes = line.is_some_and(|line| memchr::memmem::find(line, CLOSE).is_some());
        Err(if closes {
            Malformed::Braces
        } else {
            Malformed::Open
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn values() -> BTreeMap<&'static str, SecretValue> {
        let text = |text: &str| SecretValue::from_text(text.to_owned());
        BTreeMap::from([
            ("A", text("one")),
            ("a", text("small")),
            ("QUOTED", text("it's \"q\"\n")),
            ("URL", text("p@ss/w:rd")),
            ("BYTES", SecretValue::new(vec![0xff, 0].into())),
            ("LARGE", text(&"x".repeat(1 << 20))),
            ("prod/A", text("two")),
        ])
    }

    /// What comes of a template: the text, or `line:column words` of each fault.
    fn filled(template: impl AsRef<[u8]>) -> String {
        let values = values();
        let filled = fill(template.as_ref(), |reference| {
            let name = match &reference.environment {
                Some(environment) => format!("{environment}/{}", reference.name),
                None => reference.name.to_string(),
            };
            values.get(name.as_str()).ok_or_else(|| Error::NoSecret {
                name: reference.name.clone(),
                environment: "dev".parse().expect("a name"),
                closest: None,
            })
        });
        match filled {
            Ok(filled) => String::from_utf8_lossy(&filled.bytes).into_owned(),
            Err(misfits) => {
                let lines = misfits.iter().map(Misfit::to_string);
                lines.collect::<Vec<_>>().join("\n")
            }
        }
    }

    #[test]
    fn references_become_values() {
        for (template, expected) in [
            ("", ""),
            ("no reference", "no reference"),
            ("keyvault://A", "one"),
            ("keyvault://prod/A", "two"),
            ("a: \"keyvault://A\"", "a: \"one\""),
            ("u:keyvault://A@h keyvault://a:x", "u:one@h small:x"),
            ("{{A}}{{ A }}{{\tprod/A  }}", "oneonetwo"),
            ("{{ keyvault://A }}{{ keyvault://prod/A | url }}", "onetwo"),
            ("x{{ A }}y_keyvault://A\r\n", "xoney_one\r\n"),
            ("{{ A }}}", "one}"),
            ("[{{ A }}]", "[one]"),
        ] {
            assert_eq!(filled(template), expected, "{template}");
        }
    }

    #[test]
    fn each_filter_writes_what_its_reader_reads() {
        for (template, expected) in [
            ("{{ QUOTED | json }}", r#""it's \"q\"\n""#),
            ("\"-{{QUOTED|json-inner}}-\"", r#""-it's \"q\"\n-""#),
            ("{{ QUOTED | yaml }}", r#""it's \"q\"\n""#),
            ("{{ QUOTED | shell }}", "'it'\\''s \"q\"\n'"),
            ("{{ QUOTED | base64 }}", "aXQncyAicSIK"),
            ("{{ BYTES | base64 }}{{ BYTES | url }}", "/wA=%FF%00"),
            ("{{ URL | url }}", "p%40ss%2Fw%3Ard"),
            ("{{ URL | url | json }}", r#""p%40ss%2Fw%3Ard""#),
            ("'{{ A | base64 }}' \"{{ A | url }}\"", "'b25l' \"one\""),
        ] {
            assert_eq!(filled(template), expected, "{template}");
        }
    }

    #[test]
    fn what_is_another_engine_s_stays_as_it_is() {
        for template in [
            "{{ .Values.x }} {{- if .y -}} {{#each z}} {{/each}} {{! c }} {{> p}} {{{ A }}}",
            "${{ secrets.A }} ${{A}} {% if A %} {A} { {A} } $A ${A} %A%",
            "xkeyvault://A x+keyvault://A keyvault:/A KEYVAULT://A",
            "{{",
            "{{ ",
            "{{\n A }}",
            "{{}}",
            "k{key{{'A'}}",
            "{{ (A) }}",
        ] {
            assert_eq!(filled(template), template);
        }
    }

    #[test]
    fn what_looks_like_a_reference_can_be_written() {
        for (template, expected) in [
            (r#"{{ "{{" }} A }}"#, "{{ A }}"),
            (r#"{{"keyvault://"}}A"#, "keyvault://A"),
            (r#"{{ "{{ A }}" }}"#, "{{ A }}"),
            (r#"{{ "$" }}{{ A }}"#, "$one"),
            (r#"{{ "" }}"#, ""),
        ] {
            assert_eq!(filled(template), expected, "{template}");
        }
    }

    #[test]
    fn each_fault_is_told_with_its_place_and_without_its_text() {
        for (template, expected) in [
            ("\n é keyvault://B", "2:4 no secret named `B`"),
            ("{{ B }}\n{{ C | json }}", "1:1 no secret named `B`"),
            ("keyvault://", "1:1 a reference is"),
            ("keyvault://A.", "1:1 a reference is"),
            ("keyvault://A/B/C", "1:1 a reference is"),
            ("keyvault://sk-live-1", "1:1 a reference is"),
            ("{{ A B }}", "1:1 these braces hold no reference"),
            ("{{ A.b }}", "1:1 these braces hold no reference"),
            ("{{ A, }}", "1:1 these braces hold no reference"),
            ("{{ \"x\" y }}", "1:1 these braces hold no reference"),
            ("{{ A", "1:1 these braces do not close"),
            ("{{ A | json\n}}", "1:1 these braces do not close"),
            ("{{ \"x", "1:1 these braces do not close"),
            (
                "{{ A | upper }}",
                "1:1 there is no such filter; there are `json`",
            ),
            ("{{ A | }}", "1:1 there is no such filter"),
            ("\"{{ A | json }}\"", "1:2 `json` writes its own quotes"),
            ("'{{ A | shell }}'", "1:2 `shell` writes its own quotes"),
            (
                "{{ BYTES | json }}",
                "1:1 the value of `BYTES` cannot be written as `json`: it is not text",
            ),
            (
                "{{ BYTES | shell }}",
                "1:1 the value of `BYTES` cannot be written as `shell`: it holds a NUL",
            ),
        ] {
            let told = filled(template);
            assert!(told.starts_with(expected), "{template}: {told}");
            assert!(!told.contains("live"), "{told}");
        }
        assert_eq!(filled("{{ B }} {{ A }}\n{{ C }}{{ | }}").lines().count(), 2);
        assert_eq!(filled("{{ A x }}{{ B }}{{ A }}").lines().count(), 2);
    }

    #[test]
    fn utf_16_is_told_instead_of_passed_through() {
        for mark in UTF16_MARKS {
            assert!(filled(mark).starts_with("1:1 this is UTF-16"));
        }
    }

    #[test]
    fn what_would_come_of_it_is_bounded() {
        let told = filled("{{ LARGE }}".repeat(65));
        assert_eq!(told.lines().count(), 1);
        assert!(
            told.starts_with("1:705 what comes of it is larger than 64 MiB"),
            "{told}"
        );
    }

    #[test]
    fn filters_that_make_a_value_grow_are_bounded_each() {
        let told = filled(format!("{{{{ LARGE {}}}}}", "| base64 ".repeat(999)));
        assert!(
            told.starts_with("1:1 what comes of it is larger than 64 MiB"),
            "{told}"
        );
    }

    #[test]
    fn of_very_many_faults_the_first_are_told() {
        for fault in ["{{ A ", "{{ B }}", "{{ A x }}", "keyvault://", "{{ \"x"] {
            let told = filled(fault.repeat((1 << 16) / fault.len()));
            assert_eq!(told.lines().count(), MISFITS_MAX, "{fault}");
        }
    }

    /// What templates are made of, and may stand next to each other.
    fn pieces() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "{{",
            "}}",
            "{",
            "}",
            " ",
            "\t",
            "\n",
            "\"",
            "'",
            "|",
            "$",
            "A",
            "B",
            "prod/",
            "json",
            "shell",
            "keyvault://",
            "keyvault",
            "é",
            ".",
            "-",
            "/",
        ]);
        prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn nothing_makes_it_fail_otherwise(template in pieces()) {
            let _ = filled(&template);
        }

        #[test]
        fn what_holds_neither_braces_nor_the_scheme_passes_through(
            template in prop::collection::vec(any::<u8>(), 0..200)
        ) {
            let values = values();
            let filled = fill(&template, |_| Ok(&values["A"]));
            let is_utf16 = UTF16_MARKS.iter().any(|mark| template.starts_with(mark));
            if memchr::memmem::find(&template, OPEN).is_none() && !is_utf16 {
                let Ok(filled) = filled else { panic!("there is nothing to find") };
                prop_assert_eq!(&*filled.bytes, &template);
                prop_assert_eq!(filled.references, 0);
            }
        }

        #[test]
        fn any_text_can_be_written_between_quotes(text in "[^\"\n]{0,20}") {
            prop_assert_eq!(filled(format!("{{{{ \"{text}\" }}}}")), text);
        }
    }
}
