//! `.keyvault-scan.toml`: the rules that a project adds, and what it allows.
//!
//! ```toml
//! salt = "any text"                  # sets this project's ids apart from others'
//!
//! [[allow]]
//! id = "0123456789abcdef"            # as a finding has it; `keyvault scan allow` writes it
//! reason = "revoked in 2024"
//!
//! [[allow]]
//! path = "tests/fixtures/"           # a file, a folder, or a pattern
//! reason = "made up"
//! ```
//!
//! It holds data alone, and nothing that is run. `[[rule]]`s stand in it as well; what
//! they have is for `rules` to read.
//!
//! A secret is allowed by its id, wherever it stands: a keyed hash, so that the file does
//! not hold what it allows, and lines may move. Who thinks of the right value can see by
//! the id that it was right, since the salt stands beside it: for a password that can be
//! guessed, the comment `keyvault:allow` on its line is better.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern};
use hmac::{Hmac, Mac};
use serde::Deserialize;
use serde::de::IgnoredAny;
use sha2::Sha256;

use crate::quote;
use crate::seal::digest::hex_text;

/// The file's name.
pub const CONFIG_FILE: &str = ".keyvault-scan.toml";

/// Most bytes of such a file.
pub const CONFIG_MAX: u64 = 1 << 20;

/// What sets ids apart where a project says nothing else.
const DEFAULT_SALT: &str = "keyvault/scan/v1";

/// What allows the secrets on a line that it stands on.
const COMMENT: &[u8] = b"keyvault:allow";

hex_text!(
    /// What a secret is known by where it must not be written: the first 64 bits of
    /// HMAC-SHA256 (RFC 2104) under a project's salt.
    FindingId,
    8
);

/// What a project says about its scans.
#[derive(Debug)]
pub struct ScanConfig {
    salt: String,
    ids: BTreeMap<FindingId, Option<String>>,
    paths: Vec<PathPattern>,
}

impl Default for ScanConfig {
    fn default() -> Self {
        Self {
            salt: DEFAULT_SALT.to_owned(),
            ids: BTreeMap::new(),
            paths: Vec::new(),
        }
    }
}

/// Why a file is not what it should be. It repeats no value of the file.
#[derive(Debug, PartialEq, Eq)]
pub struct Misread {
    /// The line, where it is known.
    pub line: Option<usize>,
    /// What is wrong with it.
    pub what: String,
}

/// The file as TOML has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    salt: Option<toml::Spanned<String>>,
    #[serde(default, rename = "rule")]
    _rules: Vec<IgnoredAny>,
    #[serde(default)]
    allow: Vec<toml::Spanned<Allow>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Allow {
    id: Option<toml::Spanned<String>>,
    path: Option<toml::Spanned<String>>,
    reason: Option<String>,
}

impl ScanConfig {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// [`Misread`].
    pub fn parse(text: &str) -> Result<Self, Misread> {
        let line = |at: usize| Some(text[..at.min(text.len())].matches('\n').count() + 1);
        let misread = |at, what: &str| Misread {
            line: line(at),
            what: what.to_owned(),
        };
        let file: File = toml::from_str(text).map_err(|error| Misread {
            line: error.span().and_then(|span| line(span.start)),
            what: words(error.message()),
        })?;
        let mut config = Self::default();
        if let Some(salt) = file.salt {
            if salt.get_ref().is_empty() {
                return Err(misread(salt.span().start, "the salt is empty"));
            }
            config.salt = salt.into_inner();
        }
        for allow in file.allow {
            let at = allow.span().start;
            match allow.into_inner() {
                Allow {
                    id: Some(id),
                    path: None,
                    reason,
                } => {
                    let at = id.span().start;
                    let id = id.get_ref().parse();
                    let id = id.map_err(|_| {
                        misread(at, "an `id` is 16 hexadecimal digits, as a finding has it")
                    })?;
                    config.ids.insert(id, reason);
                }
                Allow {
                    id: None,
                    path: Some(path),
                    ..
                } => {
                    let at = path.span().start;
                    let pattern = PathPattern::new(path.get_ref());
                    let pattern = pattern.ok_or_else(|| {
                        misread(at, "the `path` is no pattern of a path below this file")
                    })?;
                    config.paths.push(pattern);
                }
                _ => {
                    let what =
                        "an `[[allow]]` has either an `id` or a `path`, and may have a `reason`";
                    return Err(misread(at, what));
                }
            }
        }
        Ok(config)
    }

    /// Returns the id of a secret.
    pub fn id_of(&self, secret: &[u8]) -> FindingId {
        let mac = Hmac::<Sha256>::new_from_slice(self.salt.as_bytes());
        let mac = mac.expect("HMAC takes a key of any length");
        let bytes: [u8; 32] = mac.chain_update(secret).finalize().into_bytes().into();
        let (first, _) = bytes.split_first_chunk().expect("a MAC has 32 bytes");
        FindingId::from(*first)
    }

    /// Tells whether a secret is allowed, wherever it stands.
    pub fn allows(&self, id: FindingId) -> bool {
        self.ids.contains_key(&id)
    }

    /// Tells whether whatever a file has is allowed. The path is from the folder that the
    /// configuration is in.
    pub fn allows_path(&self, path: &Path) -> bool {
        self.paths.iter().any(|pattern| pattern.matches(path))
    }
}

/// Tells whether a line, or a part of one, allows the secrets on it by a comment.
pub fn is_allowed_by_comment(line: &[u8]) -> bool {
    let mut places = memchr::memmem::find_iter(line, COMMENT);
    // `keyvault:allowed` is another word.
    places.any(|at| {
        let next = line.get(at + COMMENT.len());
        next.is_none_or(|byte| !byte.is_ascii_alphanumeric() && !b"-_".contains(byte))
    })
}

/// Adds an allowed id to the text of a file, of which all else stays as it is.
///
/// # Errors
///
/// [`Misread`], where the text with it is no such file: then it has another form of
/// list, which nothing can be added to.
pub fn with_allowed(text: &str, id: FindingId, reason: Option<&str>) -> Result<String, Misread> {
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut added = text.to_owned();
    if !text.is_empty() {
        if !text.ends_with('\n') {
            added.push_str(end);
        }
        added.push_str(end);
    }
    added.push_str(&format!("[[allow]]{end}id = \"{id}\"{end}"));
    if let Some(reason) = reason {
        let mut quoted = Vec::new();
        quote::yaml(reason, &mut quoted).expect("memory does not fail");
        let quoted = String::from_utf8_lossy(&quoted);
        added.push_str(&format!("reason = {quoted}{end}"));
    }
    match ScanConfig::parse(&added)?.allows(id) {
        true => Ok(added),
        false => Err(Misread {
            line: None,
            what: "nothing can be added to it".to_owned(),
        }),
    }
}

/// Finds words for what the parser says. What repeats a value of the file is left out:
/// somebody may have written a secret there.
fn words(message: &str) -> String {
    let first = message.lines().next().unwrap_or_default();
    let field = |what: &str| {
        let field = first.strip_prefix(what)?.split('`').next()?;
        Some(crate::error::printable(field))
    };
    if let Some(field) = field("unknown field `") {
        return format!("`{field}` is not known here");
    }
    if let Some(field) = field("missing field `") {
        return format!("`{field}` is missing");
    }
    if first.starts_with("invalid type") || first.starts_with("invalid value") {
        return "this is another kind of value than is taken here".to_owned();
    }
    if first.starts_with("duplicate") {
        return "this is said twice".to_owned();
    }
    "it is no TOML from here on".to_owned()
}

/// Which files are meant: a path below the configuration's folder, in which `*` stands
/// for a part of a name, `**` for folders, and a `/` at the end for all that is in a
/// folder. Without another `/` it is a name in any folder, as in a `.gitignore`.
#[derive(Debug)]
struct PathPattern {
    pattern: Pattern,
    is_name: bool,
    is_folder: bool,
}

impl PathPattern {
    const OPTIONS: MatchOptions = MatchOptions {
        case_sensitive: true,
        require_literal_separator: true,
        require_literal_leading_dot: false,
    };

    fn new(text: &str) -> Option<Self> {
        let is_folder = text.ends_with('/');
        let inner = text.strip_suffix('/').unwrap_or(text);
        let is_name = !inner.contains('/');
        let inner = inner.strip_prefix('/').unwrap_or(inner);
        let inner = inner.strip_prefix("./").unwrap_or(inner);
        let leaves = inner.split('/').any(|part| part == ".." || part.is_empty());
        let pattern = Pattern::new(inner).ok().filter(|_| !leaves)?;
        Some(Self {
            pattern,
            is_name,
            is_folder,
        })
    }

    fn matches(&self, path: &Path) -> bool {
        let mut parts: Vec<PathBuf> = path.ancestors().map(Path::to_owned).collect();
        // The last one is the folder itself.
        parts.pop();
        let skipped = usize::from(self.is_folder);
        parts.iter().skip(skipped).any(|part| {
            let part = match self.is_name {
                true => part.file_name().map(Path::new).unwrap_or(part),
                false => part,
            };
            self.pattern
                .matches_with(&part.to_string_lossy(), Self::OPTIONS)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef";

    fn id() -> FindingId {
        ID.parse().expect("an id")
    }

    #[track_caller]
    fn config(text: &str) -> ScanConfig {
        ScanConfig::parse(text).expect("a configuration")
    }

    #[track_caller]
    fn misread(text: &str) -> String {
        let Misread { line, what } = ScanConfig::parse(text).expect_err("misread");
        format!(
            "{}: {what}",
            line.map_or("-".to_owned(), |line| line.to_string())
        )
    }

    #[test]
    fn an_id_is_of_a_secret_and_a_project() {
        let plain = ScanConfig::default();
        let salted = config("salt = \"x\"");
        // `printf hunter2 | openssl dgst -sha256 -hmac x`
        assert_eq!(salted.id_of(b"hunter2").to_string(), "150ba26aeb39c4a8");
        assert_ne!(plain.id_of(b"hunter2"), salted.id_of(b"hunter2"));
        assert_ne!(plain.id_of(b"hunter2"), plain.id_of(b"hunter3"));
    }

    #[test]
    fn what_is_allowed_is_read() {
        let text = format!(
            "# ours\nsalt = \"x\"\n[[rule]]\nid = \"y\"\nanything = [1]\n[[allow]]\nid = \"{ID}\"\nreason = \"old\"\n[[allow]]\npath = \"tests/\"\n"
        );
        let config = config(&text);
        assert!(config.allows(id()));
        assert!(!config.allows(config.id_of(b"x")));
        assert!(config.allows_path(Path::new("tests/a")));
        assert!(!config.allows_path(Path::new("src/a")));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line_and_without_its_value() {
        let allow = |rest: &str| misread(&format!("\n[[allow]]\n{rest}\n"));
        let one_of = "an `[[allow]]` has either an `id` or a `path`, and may have a `reason`";
        assert_eq!(
            misread("salts = \"hunter2\""),
            "1: `salts` is not known here"
        );
        assert_eq!(allow("paths = \"hunter2\""), "3: `paths` is not known here");
        assert_eq!(misread("salt = \"\""), "1: the salt is empty");
        assert_eq!(
            misread("salt = 7"),
            "1: this is another kind of value than is taken here"
        );
        assert_eq!(misread("\nsalt = hunter2"), "2: it is no TOML from here on");
        assert_eq!(allow("reason = \"x\""), format!("2: {one_of}"));
        assert_eq!(
            allow(&format!("id = \"{ID}\"\npath = \"x\"")),
            format!("2: {one_of}")
        );
        assert_eq!(
            allow("id = \"hunter2\""),
            "3: an `id` is 16 hexadecimal digits, as a finding has it"
        );
        for path in ["", "/", "../x", "a//b", "a[", "x/../y"] {
            assert_eq!(
                allow(&format!("path = \"{path}\"")),
                "3: the `path` is no pattern of a path below this file"
            );
        }
        assert!(!misread("salt = [\"hunter2\"]").contains("hunter2"));
    }

    #[test]
    fn a_path_is_a_file_a_folder_or_a_pattern() {
        for (pattern, matched, not) in [
            (
                "a.pem",
                &["a.pem", "x/y/a.pem"][..],
                &["b.pem", "xa.pem"][..],
            ),
            ("*.pem", &["a.pem", "x/.pem"], &["a.pem.txt"]),
            ("/a.pem", &["a.pem"], &["x/a.pem"]),
            (
                "x/*.pem",
                &["x/a.pem"],
                &["x/y/a.pem", "a.pem", "y/x/a.pem"],
            ),
            ("x/**/*.pem", &["x/a.pem", "x/y/z/a.pem"], &["y/a.pem"]),
            ("tests/", &["tests/a", "x/tests/y/a"], &["tests", "x/tests"]),
            (
                "x/tests/",
                &["x/tests/a", "x/tests/y/a"],
                &["tests/a", "y/x/tests/a"],
            ),
            // As in a `.gitignore`, a folder's name means what is in it, too.
            ("fixtures", &["fixtures/a", "x/fixtures"], &["fixtures.rs"]),
        ] {
            let pattern_of = PathPattern::new(pattern).expect("a pattern");
            for path in matched {
                assert!(pattern_of.matches(Path::new(path)), "{pattern}: {path}");
            }
            for path in not {
                assert!(!pattern_of.matches(Path::new(path)), "{pattern}: {path}");
            }
        }
    }

    #[test]
    fn a_comment_allows_its_line() {
        for line in [
            "KEY=x # keyvault:allow",
            "x // keyvault:allow: made up",
            "keyvault:allow\r",
        ] {
            assert!(is_allowed_by_comment(line.as_bytes()), "{line}");
        }
        for line in [
            "keyvault:allowed",
            "keyvault: allow",
            "keyvault:allow-list",
            "",
        ] {
            assert!(!is_allowed_by_comment(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn what_is_added_leaves_the_rest_as_it_is() {
        let added = |text: &str| with_allowed(text, id(), Some("it's \"old\"\u{7f}"));
        let block = format!("[[allow]]\nid = \"{ID}\"\nreason = \"it's \\\"old\\\"\\u007F\"\n");
        assert_eq!(added(""), Ok(block.clone()));
        let text = "# a\nsalt = \"x\" # b";
        assert_eq!(added(text), Ok(format!("{text}\n\n{block}")));
        let text = "# a\r\nsalt = \"x\"\r\n";
        let block = block.replace('\n', "\r\n");
        assert_eq!(added(text), Ok(format!("{text}\r\n{block}")));
        assert!(added("allow = []\n").is_err());
        assert!(added("salt = 7\n").is_err());
    }
}
