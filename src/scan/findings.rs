//! What a scan found, and what of it may be told: where it is, what it is, and what to
//! do about it. Of a secret itself no more than what its format has in common with all
//! others of its kind, and how long it is; of a value of the vault nothing.
//!
//! As JSON a finding is an object with these fields, of which those that do not apply
//! are left out. New ones may come; none of these goes or changes its meaning.
//!
//! | field | |
//! |---|---|
//! | `kind` | `format`, a well-known form of key; `value`, one that is in the vault; `file`, a file by its name |
//! | `rule` | the id of the format's rule; `vault-value`; `plaintext-env-file` or `plaintext-private-key` |
//! | `provider` | who issues what has that format |
//! | `severity` | `error` or `warning` |
//! | `what` | in words: `OpenAI project API key` |
//! | `source` | what was read: `file`, `commit`, `commit-message`, `tag`, `stdin` |
//! | `path` | of the file, as it was found; with `path_base64` where it is not UTF-8 |
//! | `commit`, `tag` | the first commit that has it; the tag's name |
//! | `line`, `column` | from 1; the column counts characters |
//! | `masked` | `sk-proj-… (164 characters)` |
//! | `id` | what `keyvault scan allow` takes |
//! | `secret`, `version`, `state`, `environment` | of a value in the vault |
//! | `advice` | what to do, with a command |

use std::collections::HashMap;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Serialize, Serializer};

use crate::error::{printable, shell_word, shown};
use crate::name::{EnvironmentName, SecretName};
use crate::scan::config::FindingId;
use crate::scan::piece::letters_of;
use crate::scan::plaintext_name::Why;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It opens something.
    Error,
    /// It opens nothing, or nothing any more as far as is known.
    Warning,
}

impl Severity {
    /// Returns it in a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// What a value of the vault is to its secret, what matters most first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ValueState {
    /// It is served.
    Current,
    /// It is about to be.
    Pending,
    /// It was.
    Previous,
}

impl ValueState {
    fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Pending => "pending",
            Self::Previous => "previous",
        }
    }
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Something of a well-known form.
    Format {
        /// The rule's id.
        rule: String,
        /// Who issues it.
        provider: String,
        /// What the provider calls it.
        name: String,
        /// Where the form is described; may be empty.
        source: String,
        /// Whether it opens nothing of value.
        test_mode: bool,
    },
    /// A value that is in the vault, in whatever encoding.
    Value {
        /// Of which secret.
        secret: SecretName,
        /// Which version.
        version: u32,
        /// In which state.
        state: ValueState,
        /// Of which environment.
        environment: EnvironmentName,
    },
    /// A file that should not be there, by its name.
    File(Why),
}

impl What {
    /// Returns the id of the rule.
    pub fn rule(&self) -> &str {
        match self {
            Self::Format { rule, .. } => rule,
            Self::Value { .. } => "vault-value",
            Self::File(why) => why.id(),
        }
    }

    /// Returns what it is in general, without a name of the vault's.
    pub fn in_general(&self) -> String {
        match self {
            Self::Format { provider, name, .. } => format!("{provider} {name}"),
            Self::Value { .. } => "value of a secret in the vault".to_owned(),
            Self::File(why) => why.words().to_owned(),
        }
    }

    /// Returns where its form is described, for who wants to know more.
    pub fn source(&self) -> Option<&str> {
        match self {
            Self::Format { source, .. } => Some(source.as_str()).filter(|url| !url.is_empty()),
            Self::Value { .. } | Self::File(_) => None,
        }
    }

    fn provider(&self) -> Option<&str> {
        match self {
            Self::Format { provider, .. } => Some(provider),
            Self::Value { .. } | Self::File(_) => None,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Format { .. } => "format",
            Self::Value { .. } => "value",
            Self::File(_) => "file",
        }
    }

    fn severity(&self) -> Severity {
        match self {
            Self::Format {
                test_mode: true, ..
            }
            | Self::Value {
                state: ValueState::Previous,
                ..
            } => Severity::Warning,
            _ => Severity::Error,
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value {
                secret,
                version,
                state,
                environment,
            } => write!(
                f,
                "{} value of `{secret}@{version}` in `{environment}`",
                state.as_str()
            ),
            _ => f.write_str(&self.in_general()),
        }
    }
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A file of a tree, or as the index has it.
    File(PathBuf),
    /// A file as commits have it.
    Commit {
        /// The file.
        path: PathBuf,
        /// The first of them.
        commit: String,
    },
    /// The words of a commit.
    CommitMessage(String),
    /// The words of a tag.
    Tag(String),
    /// What was piped in.
    Stdin,
}

impl Origin {
    /// Returns the path of the file, where it is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) | Self::Commit { path, .. } => Some(path),
            Self::CommitMessage(_) | Self::Tag(_) | Self::Stdin => None,
        }
    }

    /// Returns the commit, where it is of one.
    pub fn commit(&self) -> Option<&str> {
        match self {
            Self::Commit { commit, .. } | Self::CommitMessage(commit) => Some(commit),
            Self::File(_) | Self::Tag(_) | Self::Stdin => None,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::File(_) => "file",
            Self::Commit { .. } => "commit",
            Self::CommitMessage(_) => "commit-message",
            Self::Tag(_) => "tag",
            Self::Stdin => "stdin",
        }
    }
}

/// How many letters of a commit's id a person is shown.
const COMMIT_SHOWN: usize = 10;

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = |commit: &str| commit.chars().take(COMMIT_SHOWN).collect::<String>();
        match self {
            Self::File(path) => f.write_str(&shown(path)),
            // As `git show` takes it.
            Self::Commit { path, commit } => write!(f, "{}:{}", short(commit), shown(path)),
            Self::CommitMessage(commit) => write!(f, "{} (message)", short(commit)),
            Self::Tag(name) => write!(f, "{} (tag)", printable(name)),
            Self::Stdin => f.write_str("-"),
        }
    }
}

/// A place in a text: line and column from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: u64,
    /// The character in it.
    pub column: u64,
}

impl Position {
    /// Where a text begins.
    #[cfg(test)]
    const START: Self = Self { line: 1, column: 1 };

    /// Returns where one is behind these bytes. They may come in pieces, cut anywhere:
    /// what continues a character of UTF-8 counts with its first byte.
    #[must_use]
    pub fn after(self, bytes: &[u8]) -> Self {
        let lines = memchr::memchr_iter(b'\n', bytes).count() as u64;
        let (from, tail) = match memchr::memrchr(b'\n', bytes) {
            Some(at) => (1, &bytes[at + 1..]),
            None => (self.column, bytes),
        };
        let letters = letters_of(tail);
        Self {
            line: self.line + lines,
            column: from + letters,
        }
    }
}

/// Returns what may be shown of a secret: what its format begins with, and its length.
/// Nothing is shown that the token does not begin with.
pub fn masked(token: &[u8], prefix: &str) -> String {
    let prefix = if token.starts_with(prefix.as_bytes()) {
        prefix
    } else {
        ""
    };
    let characters = token.iter().filter(|byte| **byte & 0xc0 != 0x80).count();
    format!("{prefix}… ({characters} characters)")
}

/// One secret in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub what: What,
    /// In what it was found.
    pub origin: Origin,
    /// Where in that; none where it is the file itself.
    pub position: Option<Position>,
    /// What may be shown of it; nothing of a value in the vault.
    pub masked: Option<String>,
    /// By what it is allowed; none where it is the file itself.
    pub id: Option<FindingId>,
}

impl Finding {
    /// Returns how bad it is.
    pub fn severity(&self) -> Severity {
        self.what.severity()
    }

    /// Returns its place as compilers write it, which editors understand.
    pub fn place(&self) -> String {
        match self.position {
            Some(Position { line, column }) => format!("{}:{line}:{column}", self.origin),
            None => self.origin.to_string(),
        }
    }

    /// Returns what it is, with what may be shown of it.
    pub fn words(&self) -> String {
        match &self.masked {
            Some(masked) => format!("{}, {masked}", self.what),
            None => self.what.to_string(),
        }
    }

    /// Returns what to do about it.
    pub fn advice(&self) -> String {
        let is_committed = !matches!(self.origin, Origin::File(_) | Origin::Stdin);
        match &self.what {
            What::Format { provider, .. } if is_committed => format!(
                "revoke it at {provider}, since it stays in the history; keep the new one with `keyvault add NAME`"
            ),
            What::Format { provider, .. } => format!(
                "take it out, and keep it with `keyvault add NAME`; if it was ever committed or sent, revoke it at {provider}"
            ),
            What::Value {
                secret,
                environment,
                state: ValueState::Current | ValueState::Pending,
                ..
            } if is_committed => format!(
                "run `keyvault rotate {secret} --env {environment}`, since it stays in the history"
            ),
            What::Value {
                state: ValueState::Previous,
                ..
            } if is_committed => {
                "make sure that it was revoked where it came from, since it stays in the history"
                    .to_owned()
            }
            What::Value { secret, .. } => format!(
                "take it out: `keyvault exec` hands it to the program, and `{{{{ {secret} }}}}` stands for it in a template"
            ),
            What::File(_) if is_committed => {
                "give what is in it new values, since it stays in the history".to_owned()
            }
            What::File(why) => {
                let file = self.origin.path().unwrap_or_else(|| Path::new("FILE"));
                let file = shell_word(file);
                let keep = match why {
                    Why::Dotenv => "`keyvault migrate` takes its values over".to_owned(),
                    Why::PrivateKey => {
                        format!("`keyvault add NAME --from-file {file}` keeps it")
                    }
                };
                format!(
                    "have git ignore it, and run `git rm --cached {file}` if git has it; {keep}"
                )
            }
        }
    }

    /// Returns how to allow it, where it is no secret.
    pub fn allowing(&self) -> String {
        match &self.id {
            Some(id) => format!("`keyvault scan allow {id} --reason WHY`"),
            None => "an `[[allow]]` with its `path` in `.keyvault-scan.toml`".to_owned(),
        }
    }
}

impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Fields<'a> {
            kind: &'static str,
            rule: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            provider: Option<&'a str>,
            severity: Severity,
            what: String,
            source: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            path: Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            path_base64: Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            commit: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            tag: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            line: Option<u64>,
            #[serde(skip_serializing_if = "Option::is_none")]
            column: Option<u64>,
            #[serde(skip_serializing_if = "Option::is_none")]
            masked: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            id: Option<FindingId>,
            #[serde(skip_serializing_if = "Option::is_none", flatten)]
            value: Option<ValueFields<'a>>,
            advice: String,
        }
        #[derive(Serialize)]
        struct ValueFields<'a> {
            secret: &'a SecretName,
            version: u32,
            state: ValueState,
            environment: &'a EnvironmentName,
        }
        let path = self.origin.path();
        let value = match &self.what {
            What::Value {
                secret,
                version,
                state,
                environment,
            } => Some(ValueFields {
                secret,
                version: *version,
                state: *state,
                environment,
            }),
            What::Format { .. } | What::File(_) => None,
        };
        Fields {
            kind: self.what.kind(),
            rule: self.what.rule(),
            provider: self.what.provider(),
            severity: self.severity(),
            what: self.what.to_string(),
            source: self.origin.kind(),
            path: path.map(|path| path.to_string_lossy().into_owned()),
            path_base64: path
                .filter(|path| path.to_str().is_none())
                .map(|path| BASE64_STANDARD.encode(path.as_os_str().as_bytes())),
            commit: self.origin.commit(),
            tag: match &self.origin {
                Origin::Tag(name) => Some(name),
                _ => None,
            },
            line: self.position.map(|position| position.line),
            column: self.position.map(|position| position.column),
            masked: self.masked.as_deref(),
            id: self.id,
            value,
            advice: self.advice(),
        }
        .serialize(serializer)
    }
}

/// How many pieces of advice a person gets at once.
const ADVICE_MAX: usize = 10;

/// A file that was not read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unread {
    /// Which.
    #[serde(serialize_with = "as_text")]
    pub path: PathBuf,
    /// Why.
    pub why: String,
}

fn as_text<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}

/// What was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Scanned {
    /// How many files, or versions of files in a history.
    pub files: u64,
    /// How many bytes.
    pub bytes: u64,
    /// How many commits, where commits were looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commits: Option<u64>,
    /// How many files were not, since the project allows whatever they have.
    pub allowed_files: u64,
    /// What was not, and should have been.
    pub unread: Vec<Unread>,
}

impl fmt::Display for Scanned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(commits) = self.commits {
            write!(f, "{}, ", count(commits, "commit"))?;
        }
        write!(f, "{}, {}", count(self.files, "file"), size(self.bytes))?;
        if self.allowed_files > 0 {
            let files = count(self.allowed_files, "file");
            write!(f, "; {files} left out, as `.keyvault-scan.toml` says")?;
        }
        match self.unread.len() as u64 {
            0 => Ok(()),
            unread => write!(f, "; {} could not be read", count(unread, "file")),
        }
    }
}

/// What a scan found, and in what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Found {
    /// What was found, in the order of places.
    pub findings: Vec<Finding>,
    /// How often something was found that is allowed.
    pub allowed: u64,
    /// In what.
    pub scanned: Scanned,
}

impl Found {
    /// Puts findings into an order that does not depend on which was found first, and
    /// drops what was found twice in a place.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        self.findings.sort_by(|one, other| {
            let rank = |finding: &Finding| (finding.severity(), finding.what.to_string());
            let places = one.origin.cmp(&other.origin);
            let places = places.then(one.position.cmp(&other.position));
            places.then_with(|| rank(one).cmp(&rank(other)))
        });
        self.findings.dedup();
        self
    }

    /// Returns how many are as bad as this.
    pub fn count(&self, severity: Severity) -> u64 {
        let all = self.findings.iter();
        all.filter(|finding| finding.severity() == severity).count() as u64
    }

    /// Says what was looked at and what came of it. Where nothing was looked at, that is
    /// said, and not that nothing was found.
    pub fn summary(&self) -> String {
        if self.scanned.bytes == 0 && self.findings.is_empty() {
            return format!("nothing was scanned ({})", self.scanned);
        }
        let (errors, warnings) = (self.count(Severity::Error), self.count(Severity::Warning));
        let found = match (errors, warnings) {
            (0, 0) => "nothing found".to_owned(),
            (errors, 0) => format!("{} found", count(errors, "secret")),
            (0, warnings) => format!("{} found, to be looked at", count(warnings, "secret")),
            (errors, warnings) => format!(
                "{} found, and {warnings} to be looked at",
                count(errors, "secret")
            ),
        };
        let allowed = match self.allowed {
            0 => String::new(),
            allowed => format!(", {allowed} allowed"),
        };
        format!("{found}{allowed} (scanned {})", self.scanned)
    }

    /// Returns what to do about all of it: each piece of advice once, with the places
    /// that it is for where there are several.
    pub fn advice(&self) -> Vec<String> {
        let mut pieces: Vec<(String, &Finding, usize)> = Vec::new();
        let mut known = HashMap::new();
        for finding in &self.findings {
            let advice = finding.advice();
            match known.get(&advice) {
                Some(at) => {
                    let (_, _, more): &mut (_, _, usize) = &mut pieces[*at];
                    *more += 1;
                }
                None => {
                    known.insert(advice.clone(), pieces.len());
                    pieces.push((advice, finding, 0));
                }
            }
        }
        let is_one = pieces.len() == 1;
        let untold = pieces.len().saturating_sub(ADVICE_MAX);
        let mut lines: Vec<String> = pieces
            .into_iter()
            .take(ADVICE_MAX)
            .map(|(advice, first, more)| match more {
                _ if is_one => advice,
                0 => format!("{}: {advice}", first.place()),
                more => format!("{} and {more} more: {advice}", first.place()),
            })
            .collect();
        if untold > 0 {
            lines.push(format!(
                "what to do about {untold} more stands in `--json`, with each of them"
            ));
        }
        let ids = self.findings.iter().filter_map(|finding| finding.id);
        let mut ids: Vec<_> = ids.collect();
        ids.sort();
        ids.dedup();
        match ids.as_slice() {
            [] if self.findings.is_empty() => {}
            [] => lines.push(format!(
                "if it may be there, allow it: {}",
                self.findings[0].allowing()
            )),
            [id] => lines.push(format!(
                "if it is no secret, run `keyvault scan allow {id} --reason WHY`, or write `keyvault:allow` in a comment on its line"
            )),
            _ => lines.push(
                "what is no secret is allowed by its id, `keyvault scan allow ID --reason WHY`, or by `keyvault:allow` in a comment on its line".to_owned(),
            ),
        }
        lines
    }
}

fn count(number: u64, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        number => format!("{number} {what}s"),
    }
}

/// Writes a size with three digits that count, in powers of ten.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "kB", "MB", "GB", "TB"];
    let mut left = bytes as f64;
    let mut unit = 0;
    // 999.5 would be written as 1000.
    while left >= 999.5 && unit + 1 < UNITS.len() {
        left /= 1000.0;
        unit += 1;
    }
    match UNITS[unit] {
        "bytes" if bytes == 1 => "1 byte".to_owned(),
        "bytes" => format!("{bytes} bytes"),
        unit if left < 9.95 => format!("{left:.1} {unit}"),
        unit => format!("{left:.0} {unit}"),
    }
}

/// Findings of every kind, for the tests of what is made of them.
#[cfg(test)]
pub mod samples;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_the_same_however_the_text_is_cut() {
        let text = "é\nab\r\n日本x\n\u{1f511}".as_bytes();
        let whole = Position::START.after(text);
        assert_eq!((whole.line, whole.column), (4, 2));
        for at in 0..=text.len() {
            let (before, behind) = text.split_at(at);
            assert_eq!(Position::START.after(before).after(behind), whole);
        }
        let x = Position::START.after("é\nab\r\n日本".as_bytes());
        assert_eq!((x.line, x.column), (3, 3));
    }

    #[test]
    fn of_a_secret_nothing_is_shown_that_others_of_its_kind_do_not_have() {
        assert_eq!(
            masked(b"sk-proj-abcdefgh", "sk-proj-"),
            "sk-proj-… (16 characters)"
        );
        assert_eq!(masked(b"abcdefgh", ""), "… (8 characters)");
        assert_eq!(masked(b"abcdefgh", "sk-"), "… (8 characters)");
    }

    #[test]
    fn order_does_not_depend_on_what_was_found_first() {
        let found = samples::found();
        let mut other = found.clone();
        other.findings.reverse();
        other.findings.push(other.findings[0].clone());
        assert_eq!(other.sorted(), found.clone().sorted());
    }

    #[test]
    fn nothing_scanned_is_not_nothing_found() {
        let mut found = Found::default();
        assert_eq!(found.summary(), "nothing was scanned (0 files, 0 bytes)");
        found.scanned.files = 2;
        assert_eq!(found.summary(), "nothing was scanned (2 files, 0 bytes)");
        found.scanned.bytes = 12_345;
        assert_eq!(found.summary(), "nothing found (scanned 2 files, 12 kB)");
        found.scanned.commits = Some(1);
        found.allowed = 3;
        assert_eq!(
            found.summary(),
            "nothing found, 3 allowed (scanned 1 commit, 2 files, 12 kB)"
        );
    }

    #[test]
    fn sizes_have_the_digits_that_count() {
        for (bytes, text) in [
            (1, "1 byte"),
            (999, "999 bytes"),
            (1000, "1.0 kB"),
            (9949, "9.9 kB"),
            (9950, "10 kB"),
            (999_499, "999 kB"),
            (999_500, "1.0 MB"),
            (2_147_483_648, "2.1 GB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn json_has_what_programs_need_and_no_more() {
        let found = samples::found();
        let json: Vec<serde_json::Value> = found
            .findings
            .iter()
            .map(|finding| serde_json::to_value(finding).expect("JSON"))
            .collect();
        assert_eq!(
            json[0],
            serde_json::json!({
                "kind": "format", "rule": "openai-project-key", "provider": "OpenAI", "severity": "error",
                "what": "OpenAI project API key", "source": "file", "path": "src/a b.ts",
                "line": 12, "column": 15, "masked": "sk-proj-… (164 characters)",
                "id": "0123456789abcdef",
                "advice": "take it out, and keep it with `keyvault add NAME`; if it was ever committed or sent, revoke it at OpenAI",
            })
        );
        assert_eq!(
            json[1],
            serde_json::json!({
                "kind": "value", "rule": "vault-value", "severity": "warning",
                "what": "previous value of `STRIPE_KEY@2` in `dev`", "source": "commit",
                "path": "notes.md", "commit": "89e6c98d92887913cadf06b2adb97f26cde4849b",
                "line": 1, "column": 1, "id": "fedcba9876543210", "secret": "STRIPE_KEY",
                "version": 2, "state": "previous", "environment": "dev",
                "advice": "make sure that it was revoked where it came from, since it stays in the history",
            })
        );
        assert_eq!(
            json[2],
            serde_json::json!({
                "kind": "file", "rule": "plaintext-env-file", "severity": "error",
                "what": "`.env` file with values in plaintext", "source": "file",
                "path": "apps/web/.env",
                "advice": "have git ignore it, and run `git rm --cached apps/web/.env` if git has it; `keyvault migrate` takes its values over",
            })
        );
        assert_eq!(json[3]["path"], "\u{fffd}.key");
        assert_eq!(json[3]["path_base64"], "/y5rZXk=");
        assert_eq!(json[4]["source"], "commit-message");
        assert_eq!(json[5]["tag"], "v1");
        assert_eq!(json[6]["source"], "stdin");
    }

    #[test]
    fn readme_and_the_table_above_name_each_field() {
        let (docs, _) = include_str!("findings.rs")
            .split_once("\n\nuse ")
            .expect("docs");
        let readme = include_str!("../../README.md");
        let json = serde_json::to_value(samples::found()).expect("JSON");
        let names = |value: &serde_json::Value| {
            let fields = value.as_object().expect("an object").keys();
            fields.cloned().collect::<Vec<_>>()
        };
        let findings = json["findings"].as_array().expect("a list");
        for field in findings.iter().flat_map(names) {
            assert!(docs.contains(&format!("`{field}`")), "{field}");
            let is_plain = field != "path_base64";
            assert_eq!(readme.contains(&format!("`{field}`")), is_plain, "{field}");
        }
        for field in names(&json).into_iter().chain(names(&json["scanned"])) {
            assert!(readme.contains(&format!("`{field}`")), "{field}");
        }
    }

    #[test]
    fn advice_is_given_once() {
        let found = samples::found();
        let first = found.findings[0].clone();
        let mut second = first.clone();
        second.position = Some(Position {
            line: 99,
            column: 1,
        });
        let both = Found {
            findings: vec![first.clone(), second],
            ..Found::default()
        };
        assert_eq!(both.advice(), [first.advice(), "if it is no secret, run `keyvault scan allow 0123456789abcdef --reason WHY`, or write `keyvault:allow` in a comment on its line".to_owned()]);
        assert!(Found::default().advice().is_empty());
        let all = found.advice();
        assert!(
            all[0].starts_with("src/a b.ts:12:15 and 2 more: take it out"),
            "{all:?}"
        );
    }
}
