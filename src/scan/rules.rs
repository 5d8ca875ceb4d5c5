//! What well-known keys look like: `rules/*.toml`, a file for each kind of provider. A
//! user's `.keyvault-scan.toml` adds rules of its own in the same form:
//!
//! | field | |
//! |---|---|
//! | `id` | unique and stable: it is printed, and used in allow-lists |
//! | `provider`, `name` | what is found, as in "OpenAI project API key" |
//! | `source` | where the provider, or the best public evidence, says what it looks like |
//! | `prefix` | a token begins with one of these, of 3 bytes or more; or, for formats without: |
//! | `within` | one of these, of 3 bytes or more, stands somewhere in it; or, for formats without: |
//! | `context` | one of these words stands before the token, near and on the same line; their case is ignored, and for `_` there may be `-`, `.`, a space or nothing |
//! | `pattern` | the whole token, in the syntax of the `regex` crate on bytes; no anchors and no delimiters; of alternatives the longer first |
//! | `alphabet` | the bytes that may follow within a token, as in a character class; `A-Za-z0-9_-` if not said |
//! | `mixed` | capitals, small letters and digits are all there, as in any random text of that length; not so in hashes and names |
//! | `samples` | parts of documented samples: a token with one of them is none |
//! | `checksum` | a check that a pattern cannot make, see [`Checksum`] |
//! | `test_mode` | it opens nothing of value |
//! | `examples`, `counter_examples` | what matches and what does not; `•` is taken out first, so that no scanner reports the file |
//!
//! A token ends where the next byte is not in the alphabet. That, and never a list of
//! delimiters, decides: keys stand before `&`, `,`, `>`, `@`, `%26`, a literal `\n` and 。
//! as well as before quotes. So an alphabet has what could be more of the token, and not
//! what only ends it: a pattern may end in `=` that its alphabet lacks.

use std::collections::HashSet;
use std::fmt;
use std::sync::OnceLock;

use regex::bytes::{Regex, RegexBuilder};
use serde::Deserialize;
use toml::Spanned;

use crate::name::is_invisible_order;

/// The rules that come with the program.
const BUILT_IN: [&str; 8] = [
    include_str!("rules/ai.toml"),
    include_str!("rules/cloud.toml"),
    include_str!("rules/code_hosts.toml"),
    include_str!("rules/data.toml"),
    include_str!("rules/keys.toml"),
    include_str!("rules/messaging.toml"),
    include_str!("rules/monitoring.toml"),
    include_str!("rules/payments.toml"),
];

/// What a token ends before if its rule does not say.
const USUAL_ALPHABET: &str = "A-Za-z0-9_-";

/// The longest token that is looked for. The longest known are private keys for PGP.
pub const LONGEST: usize = 64 * 1024;

/// A prefix is looked for everywhere, so a shorter one would cost more than it finds.
const SHORTEST_PREFIX: usize = 3;

/// What a pattern may take as a program. Without a limit, a few characters such as
/// `((x{99}){99}){99}` take the machine.
const LARGEST_PATTERN: usize = 1 << 20;

/// The most rules of a user. Each is compiled before anything is read, and a pattern that
/// was made for it takes megabytes.
const USER_RULES_MAX: usize = 250;

/// Marks a place in an example, and is no part of it.
const MARK: char = '•';

/// The formats to look for.
#[derive(Debug)]
pub struct Rules {
    all: Vec<Rule>,
}

impl Rules {
    /// Returns the rules that come with the program.
    pub fn built_in() -> Self {
        let files = BUILT_IN.iter().map(|text| read(text));
        let written = files.flat_map(|rules| rules.expect("a test reads them"));
        let rules = written.map(|rule| Rule::new(rule.get_ref()).expect("and checks them"));
        Self {
            all: rules.collect(),
        }
    }

    /// Returns the rules that come with the program, and after them those of a user's
    /// file. What else the file has is not looked at.
    ///
    /// # Errors
    ///
    /// [`Flaw`], the first one.
    pub fn with(user: &str) -> Result<Self, Flaw> {
        let mut rules = Self::built_in();
        let mut ids: HashSet<String> = rules.all.iter().map(|rule| rule.id.clone()).collect();
        let user_rules = read(user)?;
        if let Some(one_more) = user_rules.get(USER_RULES_MAX) {
            let what = format!("there are more than {USER_RULES_MAX} rules");
            return Err(Flaw::at(user, one_more.span().start, what));
        }
        for written in user_rules {
            let flaw = |what| Flaw::at(user, written.span().start, what);
            let written = written.get_ref();
            let rule = Rule::new(written).map_err(flaw)?;
            if !ids.insert(rule.id.clone()) {
                return Err(flaw(format!("there is a rule `{}` already", rule.id)));
            }
            let regex = rule.compile().map_err(flaw)?;
            rule.regex.get_or_init(|| regex);
            if let Some(at) = written.examples.iter().position(|text| !rule.is(text)) {
                let which = at + 1;
                let id = &rule.id;
                return Err(flaw(format!("example {which} of `{id}` is no match")));
            }
            if let Some(at) = written
                .counter_examples
                .iter()
                .position(|text| rule.is(text))
            {
                let which = at + 1;
                let id = &rule.id;
                return Err(flaw(format!(
                    "counter-example {which} of `{id}` is a match"
                )));
            }
            rules.all.push(rule);
        }
        Ok(rules)
    }

    /// Returns every rule. Where two match the same token, the earlier is meant.
    pub fn all(&self) -> &[Rule] {
        &self.all
    }
}

/// The format of one kind of key.
#[derive(Debug)]
pub struct Rule {
    /// Unique and stable.
    pub id: String,
    /// Whose key it is.
    pub provider: String,
    /// What it is, after the provider's name in a sentence.
    pub name: String,
    /// Where it is described.
    pub source: String,
    /// A token begins with one of these. If there are none, there is something within it
    /// or a context.
    pub prefix: Vec<String>,
    /// One of these is in a token.
    pub within: Vec<String>,
    /// One of these words stands before a token, in whatever case; here in small letters, and
    /// in each spelling.
    pub context: Vec<String>,
    /// What may follow within a token.
    pub alphabet: Alphabet,
    /// What else must hold.
    pub checksum: Option<Checksum>,
    /// It opens nothing of value.
    pub test_mode: bool,
    mixed: bool,
    samples: Vec<String>,
    pattern: String,
    regex: OnceLock<Regex>,
    examples: Vec<String>,
}

impl Rule {
    /// Returns tokens that match, each a made-up one.
    pub fn examples(&self) -> impl Iterator<Item = &str> {
        self.examples.iter().map(String::as_str)
    }

    fn new(written: &Written) -> Result<Self, String> {
        let id = &written.id;
        let is_word = |word: &str| {
            !word.is_empty()
                && word
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        if !id.split('-').all(is_word) {
            return Err("an `id` is of small letters, digits and single `-`".to_owned());
        }
        // They are printed, and the file may be a stranger's.
        for (field, text) in [
            ("provider", &written.provider),
            ("name", &written.name),
            ("source", &written.source),
        ] {
            let is_plain = !text
                .chars()
                .any(|c| c.is_control() || is_invisible_order(c));
            let is_needed = field != "source";
            if !is_plain || is_needed && text.trim().is_empty() {
                return Err(format!("the `{field}` of `{id}` is not a line of text"));
            }
        }
        let marks = [&written.prefix, &written.within, &written.context];
        match marks.iter().filter(|marks| !marks.is_empty()).count() {
            0 => {
                return Err(format!(
                    "`{id}` has neither `prefix` nor `within` nor `context`"
                ));
            }
            1 => {}
            _ => {
                return Err(format!(
                    "`{id}` has more than one of `prefix`, `within` and `context`"
                ));
            }
        }
        let is_short = |text: &String| text.len() < SHORTEST_PREFIX;
        if marks.iter().any(|marks| marks.iter().any(is_short)) {
            return Err(format!(
                "a `prefix`, `within` or `context` of `{id}` has fewer than {SHORTEST_PREFIX} bytes"
            ));
        }
        let alphabet = written.alphabet.as_deref().unwrap_or(USUAL_ALPHABET);
        let alphabet =
            Alphabet::new(alphabet).ok_or_else(|| format!("the `alphabet` of `{id}` is none"))?;
        let words = written.context.iter();
        Ok(Self {
            id: id.clone(),
            provider: written.provider.clone(),
            name: written.name.clone(),
            source: written.source.clone(),
            prefix: written.prefix.clone(),
            within: written.within.clone(),
            context: words.flat_map(|word| spellings(word)).collect(),
            alphabet,
            checksum: written.checksum,
            test_mode: written.test_mode,
            mixed: written.mixed,
            samples: written.samples.clone(),
            pattern: written.pattern.clone(),
            regex: OnceLock::new(),
            examples: written
                .examples
                .iter()
                .map(|example| example.replace(MARK, ""))
                .collect(),
        })
    }

    /// Returns how long the token is that begins where these bytes do, if one does: as
    /// long as the pattern allows. Whether it ends there, the next byte tells with the
    /// alphabet, and whether it is one, the checksum.
    pub fn matches_at_start(&self, bytes: &[u8]) -> Option<usize> {
        let regex = self
            .regex
            .get_or_init(|| self.compile().expect("a test compiles them"));
        let end = regex.find(&bytes[..bytes.len().min(LONGEST)])?.end();
        let token = &bytes[..end];
        let is_mixed = || {
            token.iter().any(u8::is_ascii_uppercase)
                && token.iter().any(u8::is_ascii_lowercase)
                && token.iter().any(u8::is_ascii_digit)
        };
        let is_sample = |part: &String| memchr::memmem::find(token, part.as_bytes()).is_some();
        let holds = (!self.mixed || is_mixed()) && !self.samples.iter().any(is_sample);
        holds.then_some(end)
    }

    /// As [`matches_at_start`](Self::matches_at_start), with what the caller sees to.
    fn finds(&self, bytes: &[u8]) -> Option<usize> {
        let end = self.matches_at_start(bytes)?;
        let token = &bytes[..end];
        let begins = |prefix: &String| token.starts_with(prefix.as_bytes());
        let has = |part: &String| memchr::memmem::find(token, part.as_bytes()).is_some();
        let holds = self.prefix.is_empty() || self.prefix.iter().any(begins);
        let holds = holds && (self.within.is_empty() || self.within.iter().any(has));
        let holds = holds && self.checksum.is_none_or(|checksum| checksum.holds(token));
        let ends = bytes.get(end).is_none_or(|next| !self.alphabet.has(*next));
        (holds && ends).then_some(end)
    }

    /// Tells whether a text is a token from end to end.
    fn is(&self, example: &str) -> bool {
        let text = example.replace(MARK, "");
        self.finds(text.as_bytes()) == Some(text.len())
    }

    /// # Errors
    ///
    /// What is wrong with the pattern, without the pattern.
    fn compile(&self) -> Result<Regex, String> {
        let regex = RegexBuilder::new(&format!(r"\A(?:{})", self.pattern))
            .unicode(false)
            .size_limit(LARGEST_PATTERN)
            .build()
            .map_err(|error| {
                let text = error.to_string();
                let what = text
                    .lines()
                    .rev()
                    .find_map(|line| line.strip_prefix("error: "));
                let what = what.unwrap_or("it is too large");
                format!("the `pattern` of `{}` cannot be used: {what}", self.id)
            })?;
        if regex.is_match(b"") {
            return Err(format!(
                "the `pattern` of `{}` matches nothing at all",
                self.id
            ));
        }
        Ok(regex)
    }
}

/// How a name is spelled in variables, options, headers, code and prose.
fn spellings(word: &str) -> Vec<String> {
    let word = word.to_ascii_lowercase();
    if !word.contains('_') {
        return vec![word];
    }
    let spelled = ["_", "-", ".", " ", ""].map(|between| word.replace('_', between));
    let is_long = |word: &String| word.len() >= SHORTEST_PREFIX;
    spelled.into_iter().filter(is_long).collect()
}

/// A set of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alphabet([u64; 4]);

impl Alphabet {
    /// Reads what would stand in the brackets of a character class: bytes and ranges of
    /// ASCII; `\` before a byte takes it as it is.
    fn new(class: &str) -> Option<Self> {
        let mut set = [0; 4];
        let mut rest = class.bytes().peekable();
        let byte = |rest: &mut std::iter::Peekable<std::str::Bytes>| match rest.next()? {
            b'\\' => rest.next(),
            byte => Some(byte),
        };
        while rest.peek().is_some() {
            let first = byte(&mut rest)?;
            let mut ahead = rest.clone();
            let is_range = ahead.next() == Some(b'-') && ahead.peek().is_some();
            let last = if is_range {
                rest = ahead;
                byte(&mut rest)?
            } else {
                first
            };
            if first > last || !last.is_ascii() {
                return None;
            }
            for byte in first..=last {
                set[usize::from(byte >> 6)] |= 1 << (byte & 63);
            }
        }
        (!class.is_empty()).then_some(Self(set))
    }

    /// Tells whether a byte is in it.
    pub fn has(&self, byte: u8) -> bool {
        self.0[usize::from(byte >> 6)] >> (byte & 63) & 1 == 1
    }
}

/// A check that a pattern cannot make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Checksum {
    /// The last 6 characters are the CRC-32 of those behind the prefix, in base 62.
    /// <https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/>
    Github,
    /// The same, as npm took it over.
    Npm,
    /// The password of a URL is not one that stands for another, as in manuals.
    Password,
}

impl Checksum {
    /// Tells whether it holds for a token.
    pub fn holds(&self, token: &[u8]) -> bool {
        match self {
            Self::Github | Self::Npm => has_checksum(token),
            Self::Password => has_password(token),
        }
    }
}

/// The digits of GitHub's base 62, and how many of them a CRC-32 takes.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const CHECKSUM_DIGITS: usize = 6;

fn has_checksum(token: &[u8]) -> bool {
    let body = token.iter().position(|byte| *byte == b'_');
    let body = &token[body.map_or(0, |at| at + 1)..];
    let Some(split) = body.len().checked_sub(CHECKSUM_DIGITS) else {
        return false;
    };
    let (body, digits) = body.split_at(split);
    let mut sum = crc32(body);
    digits.iter().rev().all(|digit| {
        let expected = DIGITS[(sum % 62) as usize];
        sum /= 62;
        *digit == expected
    })
}

/// The CRC-32 of ISO 3309, as in gzip. A token is short: a table would cost more.
fn crc32(bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            let carry = sum & 1 == 1;
            sum >>= 1;
            if carry {
                sum ^= 0xEDB8_8320;
            }
        }
    }
    !sum
}

/// Words of which passwords are made that open nothing.
const STAND_INS: &str = "\
    abc admin api app bar baz change changeit changeme connection database db default demo dev \
    development dummy example fake foo guest here hidden host insert internal key letmein local \
    login mariadb masked me mongo mongodb my mysql name pass passwd passwort password placeholder \
    postgres production pw pwd qwerty rabbitmq redacted redis removed replace root sample secret \
    server service some staging string strong superpassword supersecret superuser test the this \
    to token user username usr value word your";

fn has_password(url: &[u8]) -> bool {
    let Ok(url) = std::str::from_utf8(url) else {
        return false;
    };
    // JSON may have a backslash before each `/`.
    let url = url.replacen('\\', "", 2);
    let Some(((user, password), host)) = url
        .split_once("://")
        .and_then(|(_, rest)| rest.rsplit_once('@'))
        .and_then(|(user, host)| Some((user.split_once(':')?, host)))
    else {
        return false;
    };
    let password = &*decoded(password);
    let kinds: [fn(&u8) -> bool; 4] = [
        u8::is_ascii_lowercase,
        u8::is_ascii_uppercase,
        u8::is_ascii_digit,
        u8::is_ascii_punctuation,
    ];
    // A word, or a port of a URL that is none.
    let kinds = kinds
        .iter()
        .filter(|is| password.bytes().any(|byte| is(&byte)));
    let is_simple = kinds.count() < 2;
    let is_few = password.bytes().collect::<HashSet<u8>>().len() < 4;
    let is_variable = ["$", "%("].iter().any(|mark| password.starts_with(mark));
    let is_same = password == user;
    let is_manual = host.split('.').any(|label| label == "example") || host == "host";
    !(is_simple || is_few || is_variable || is_same || is_manual || stands_in(password))
}

/// Returns a text without the percent-encoding of URLs, where it stands for ASCII.
fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.get(..2).map(|digits| u8::from_str_radix(digits, 16));
        match digits {
            Some(Ok(byte)) if byte.is_ascii() => {
                plain.push(char::from(byte));
                plain.push_str(&part[2..]);
            }
            _ => {
                plain.push('%');
                plain.push_str(part);
            }
        }
    }
    plain
}

/// Tells whether a password is made of such words alone, also where digits stand for
/// letters, and whatever stands between or behind them.
fn stands_in(password: &str) -> bool {
    let as_letters = |c: char| match c {
        '@' | '4' => 'a',
        '3' => 'e',
        '1' | '!' => 'i',
        '0' => 'o',
        '5' | '$' => 's',
        c => c.to_ascii_lowercase(),
    };
    let letters =
        |text: String| -> String { text.chars().filter(char::is_ascii_alphabetic).collect() };
    let plain = letters(password.to_ascii_lowercase());
    let trimmed = password.trim_end_matches(|c: char| !c.is_ascii_alphabetic());
    let spoken = letters(trimmed.chars().map(as_letters).collect());
    is_made_of_stand_ins(&plain) || is_made_of_stand_ins(&spoken)
}

/// Tells it place by place, as words may be parts of words, and the text a stranger's.
fn is_made_of_stand_ins(text: &str) -> bool {
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for at in 0..text.len() {
        let words = STAND_INS.split_whitespace().filter(|_| reached[at]);
        let rests: Vec<&str> = words
            .filter_map(|word| text[at..].strip_prefix(word))
            .collect();
        for rest in rests {
            let rests = [Some(rest), rest.strip_prefix('s')];
            for rest in rests.into_iter().flatten() {
                reached[text.len() - rest.len()] = true;
            }
        }
    }
    reached[text.len()]
}

/// A rule as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    id: String,
    provider: String,
    name: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    prefix: Vec<String>,
    #[serde(default)]
    context: Vec<String>,
    #[serde(default)]
    within: Vec<String>,
    pattern: String,
    alphabet: Option<String>,
    #[serde(default)]
    mixed: bool,
    #[serde(default)]
    samples: Vec<String>,
    checksum: Option<Checksum>,
    #[serde(default)]
    test_mode: bool,
    #[serde(default)]
    examples: Vec<String>,
    #[serde(default)]
    counter_examples: Vec<String>,
}

fn read(text: &str) -> Result<Vec<Spanned<Written>>, Flaw> {
    #[derive(Deserialize)]
    struct File {
        #[serde(default)]
        rule: Vec<Spanned<Written>>,
    }
    match toml::from_str::<File>(text) {
        Ok(file) => Ok(file.rule),
        Err(error) => {
            let start = error.span().map_or(0, |span| span.start);
            Err(Flaw::at(text, start, words(error.message())))
        }
    }
}

/// What the parser says, in a line, and without a value where it repeats one. It repeats
/// names of fields, which are a stranger's.
fn words(message: &str) -> String {
    let message = message.lines().collect::<Vec<_>>().join(", ");
    let message = message.replace(|c: char| c.is_control() || is_invisible_order(c), "?");
    match message.split_once("expected ") {
        Some((before, expected)) if before.starts_with("invalid ") => {
            format!("what stands here is not {expected}")
        }
        _ => message,
    }
}

/// Why a user's rules cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub struct Flaw {
    /// In which line; the first is 1.
    pub line: usize,
    /// What is wrong there.
    pub what: String,
}

impl Flaw {
    fn at(text: &str, start: usize, what: String) -> Self {
        let before = text.bytes().take(start);
        let line = before.filter(|byte| *byte == b'\n').count() + 1;
        Self { line, what }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands behind keys in files: of each kind one, and the first bytes of 。 and 键.
    const BEHIND: &[u8] = b"&,>@%;:)]}\"'`\\ \t\r\n<|#?!\xE3\xE9";

    fn written() -> impl Iterator<Item = (Written, Rule)> {
        let files = BUILT_IN.iter().map(|text| read(text));
        let rules = files.flat_map(|rules| rules.unwrap_or_else(|flaw| panic!("{flaw}")));
        rules.map(|rule| {
            let written = rule.into_inner();
            let rule = Rule::new(&written).unwrap_or_else(|what| panic!("{what}"));
            (written, rule)
        })
    }

    #[test]
    fn each_rule_has_an_id_and_a_source() {
        let rules = Rules::built_in();
        let ids: HashSet<&str> = rules.all().iter().map(|rule| rule.id.as_str()).collect();
        assert_eq!(ids.len(), rules.all().len(), "an id is there twice");
        assert!(ids.len() >= 100);
        for rule in rules.all() {
            let id = &rule.id;
            assert!(rule.source.starts_with("https://"), "{id}: {}", rule.source);
            for assertion in [r"\b", r"\A", r"\z"] {
                assert!(!rule.pattern.contains(assertion), "{id}: {assertion}");
            }
        }
    }

    #[test]
    fn examples_are_found_whatever_stands_behind() {
        for (written, rule) in written() {
            let id = &rule.id;
            assert!(written.examples.len() >= 2, "{id}");
            for prefix in &rule.prefix {
                let examples = written
                    .examples
                    .iter()
                    .map(|example| example.replace(MARK, ""));
                let found = examples.filter(|example| example.starts_with(prefix));
                assert!(found.count() > 0, "{id}: no example begins with `{prefix}`");
            }
            for (at, example) in written.examples.iter().enumerate() {
                assert!(example.contains(MARK), "{id}: example {at} has no mark");
                let token = example.replace(MARK, "").into_bytes();
                assert_eq!(rule.finds(&token), Some(token.len()), "{id}: example {at}");
                for behind in BEHIND.iter().filter(|byte| !rule.alphabet.has(**byte)) {
                    let text = [&token[..], &[*behind], b"then more"].concat();
                    let behind = char::from(*behind);
                    let found = rule.finds(&text);
                    assert_eq!(found, Some(token.len()), "{id}: example {at}, {behind:?}");
                }
            }
        }
    }

    #[test]
    fn counter_examples_are_not_found() {
        for (written, rule) in written() {
            let id = &rule.id;
            assert!(written.counter_examples.len() >= 2, "{id}");
            for (at, example) in written.counter_examples.iter().enumerate() {
                assert!(!rule.is(example), "{id}: {at}");
            }
        }
    }

    const RULE: &str = "
[[rule]]
id = 'acme-api-key'
provider = 'Acme'
name = 'API key'
prefix = ['acme_']
pattern = 'acme_[0-9a-f]{8}'
examples = ['acme_•0a1b2c3d']
";

    #[test]
    fn users_add_rules() {
        let text = format!("salt = 'x'\n[[allow]]\nid = '0'\n{RULE}");
        let rules = Rules::with(&text).expect("they are rules");
        let own = rules.all().last().expect("it is the last");
        assert_eq!(own.id, "acme-api-key");
        assert_eq!(own.finds(b"acme_0a1b2c3d, and more"), Some(13));
        assert_eq!(own.finds(b"acme_0a1b2c3d4"), None);
        assert_eq!(rules.all().len(), Rules::built_in().all().len() + 1);
        let none = Rules::with("").expect("there need be none");
        assert_eq!(none.all().len(), Rules::built_in().all().len());
    }

    #[test]
    fn rules_that_cannot_be_used_are_refused_in_a_line() {
        let with = |from: &str, to: &str| {
            assert!(RULE.contains(from), "{from}");
            Rules::with(&RULE.replace(from, to)).map(|_| ())
        };
        for (from, to, line, what) in [
            ("prefix", "prefx", 6, "unknown field `prefx`"),
            ("id = 'acme-api-key'\n", "", 2, "missing field `id`"),
            ("pattern = ", "# ", 2, "missing field `pattern`"),
            (
                "['acme_']",
                "'acme_'",
                6,
                "what stands here is not a sequence",
            ),
            ("id = ", "id = ,", 3, ""),
            ("acme-api-key", "Acme key", 2, "an `id` is of small letters"),
            (
                "acme-api-key",
                "acme--key",
                2,
                "an `id` is of small letters",
            ),
            (
                "acme-api-key",
                "npm-access-token",
                2,
                "there is a rule `npm-access-token` already",
            ),
            (
                "'Acme'",
                "' '",
                2,
                "the `provider` of `acme-api-key` is not a line",
            ),
            (
                "'API key'",
                "\"\\u001b[2J\"",
                2,
                "the `name` of `acme-api-key` is not a line",
            ),
            ("prefix = ['acme_']\n", "", 2, "`acme-api-key` has neither"),
            (
                "prefix = ['acme_']",
                "prefix = ['acme_']\ncontext = ['acme']",
                2,
                "`acme-api-key` has more than one",
            ),
            (
                "['acme_']",
                "['ac']",
                2,
                "a `prefix`, `within` or `context` of `acme-api-key` has fewer",
            ),
            (
                "acme_[0",
                "acme_([0",
                2,
                "the `pattern` of `acme-api-key` cannot be used: unclosed group",
            ),
            (
                "acme_[0",
                "(?=acme)[0",
                2,
                "the `pattern` of `acme-api-key` cannot be used: look-around",
            ),
            (
                "{8}",
                "{9999}{9999}",
                2,
                "the `pattern` of `acme-api-key` cannot be used: it is too large",
            ),
            (
                "acme_[0-9a-f]{8}",
                "x*",
                2,
                "the `pattern` of `acme-api-key` matches nothing",
            ),
            (
                "{8}'",
                "{8}'\nalphabet = 'z-a'",
                2,
                "the `alphabet` of `acme-api-key` is none",
            ),
            ("{8}'", "{8}'\nchecksum = 'md5'", 8, "unknown variant"),
            ("1b2c3d", "1b", 2, "example 1 of `acme-api-key` is no match"),
            (
                "examples",
                "counter_examples",
                2,
                "counter-example 1 of `acme-api-key` is a match",
            ),
            ("prefix", "\"\\u001b[2J\"", 6, "unknown field `?[2J`"),
        ] {
            let flaw = with(from, to).expect_err(to);
            assert_eq!(
                (flaw.line, flaw.to_string().lines().count()),
                (line, 1),
                "{to}: {flaw}"
            );
            assert!(flaw.what.starts_with(what), "{to}: {flaw}");
        }
    }

    #[test]
    fn what_stands_in_the_wrong_place_is_not_repeated() {
        let text = RULE.replace("['acme_']", "'hunter2'");
        let flaw = Rules::with(&text).expect_err("it is no list");
        assert!(!flaw.to_string().contains("hunter2"), "{flaw}");
    }

    #[test]
    fn a_context_is_looked_for_in_each_spelling() {
        let text = RULE.replace("prefix = ['acme_']", "context = ['ACME_KEY', 'x-acme:']");
        let rules = Rules::with(&text).expect("they are rules");
        let own = rules.all().last().expect("it is the last");
        let spelled = [
            "acme_key", "acme-key", "acme.key", "acme key", "acmekey", "x-acme:",
        ];
        assert_eq!(own.context, spelled);
    }

    #[test]
    fn an_alphabet_is_read_as_a_class() {
        for (class, bytes, others) in [
            ("A-Za-z0-9_-", "AMZamz059_-", "+/=. \u{7f}"),
            ("a-c", "abc", "-d"),
            ("-a", "-a", "b"),
            (r"a\-c", "a-c", "b"),
            (r"\]\\", r"]\", "["),
        ] {
            let alphabet = Alphabet::new(class).expect(class);
            assert!(bytes.bytes().all(|byte| alphabet.has(byte)), "{class}");
            assert!(!others.bytes().any(|byte| alphabet.has(byte)), "{class}");
            assert!(!alphabet.has(0) && !alphabet.has(0xE3), "{class}");
        }
        for class in ["", "z-a", r"\", "a-é", "é"] {
            assert_eq!(Alphabet::new(class), None, "{class}");
        }
    }

    #[test]
    fn checksums_are_those_of_github() {
        // Of no account: they went around when the formats were new.
        let token = ["ghp_zQWBuTSOoRi4A9sp", "HcVY5ncnsDkxkJ0mLq17"].concat();
        assert!(Checksum::Github.holds(token.as_bytes()));
        assert!(!Checksum::Github.holds(token.to_uppercase().as_bytes()));
        let token = ["npm_qkJaB6MffYVzZXWqmc", "oF49yrUxP3wf0LsakP"].concat();
        assert!(Checksum::Npm.holds(token.as_bytes()));
        assert!(!Checksum::Npm.holds(b"npm_abc"));
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn a_password_is_not_one_that_stands_for_another() {
        for password in [
            "hunter2",
            "Tr0ub4dor&3",
            "k7Qx-93Lm",
            "x9!Kdemo2v",
            "9f8e7d6c5b4a",
            "correct-horse",
            &format!("{}-Xk9", "testpasswords".repeat(9)),
        ] {
            let url = format!("postgres://app:{password}@db.internal");
            assert!(Checksum::Password.holds(url.as_bytes()), "{password}");
        }
        for password in [
            "password",
            "Password1",
            "P@ssw0rd!",
            "changeme",
            "change-me-123",
            "secret123",
            "s3cr3t",
            "your_password",
            "YOUR-PASSWORD-HERE",
            "my-secret-pw",
            "postgres",
            "8080",
            "12345678",
            "xxxxxxxx",
            "********",
            "%(password)s",
            "app",
            "admin123",
            "test1234",
            "p%40ssword",
            "api_token",
        ] {
            let url = format!("postgres://app:{password}@db.internal");
            assert!(!Checksum::Password.holds(url.as_bytes()), "{password}");
        }
        for url in [
            "https://deploy:k7Qx93Lm@git.example.com",
            "https://k7Qx93Lm:k7Qx93Lm@git.internal",
        ] {
            assert!(!Checksum::Password.holds(url.as_bytes()), "{url}");
        }
    }
}
