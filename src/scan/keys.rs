//! Well-known keys, found by what they begin with, or by what stands before them.

use std::collections::HashMap;

use aho_corasick::{AhoCorasick, Input, MatchKind};

use crate::scan::boundary::{can_begin, ends_escape};
use crate::scan::published::is_published;
use crate::scan::rules::{Checksum, Rule, Rules};
use crate::scan::runs::{RUN_MIN, is_member};
use crate::scan::sample::is_sample;

/// How far before a token on its line a word counts that says whose it is; and the most of
/// a token before what is within it.
const CONTEXT_MAX: usize = 80;

/// The longest token that is looked at for words: longer ones have them by chance.
const SAMPLE_MAX: usize = 200;

/// How much of a text is looked at in all for the tokens of a rule that may begin in one
/// run, less a little. Where so many may, as in `-eyJ-eyJ-eyJ…`, none is a key, and to look
/// on to the end of the run from each of them would take for ever.
const EFFORT: usize = 256 << 10;

/// How much is looked at from each of them in any case.
const EFFORT_MIN: usize = 512;

/// How much of a token without a prefix stands before its first long run at most.
const HEAD_MAX: usize = 40;

/// A token that is a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyHit {
    /// Where it begins.
    pub start: usize,
    /// Where it is over.
    pub end: usize,
    /// Its rule, as a place among all.
    pub rule: usize,
}

/// Looks for keys of all rules.
pub struct KeyFinder<'r> {
    rules: &'r [Rule],
    /// Prefixes of tokens that begin with a long run.
    in_runs: Grams,
    /// The other prefixes, and where one of them is.
    elsewhere: (Grams, Option<AhoCorasick>),
    /// Words that stand before tokens, each with the rules that it is for.
    contexts: Option<(AhoCorasick, Vec<Vec<usize>>)>,
}

impl<'r> KeyFinder<'r> {
    /// Makes ready to look for the keys of rules.
    pub fn new(rules: &'r Rules) -> Self {
        let rules = rules.all();
        let (mut in_runs, mut elsewhere) = (Grams::default(), Grams::default());
        let mut literals = Vec::new();
        let mut contexts: HashMap<&str, Vec<usize>> = HashMap::new();
        for (n, rule) in rules.iter().enumerate() {
            for prefix in &rule.prefix {
                if begins_with_run(rule, prefix) {
                    in_runs.add(prefix, n);
                } else {
                    elsewhere.add(prefix, n);
                    literals.push(prefix.as_str());
                }
            }
            for part in &rule.within {
                elsewhere.add(part, n);
                literals.push(part.as_str());
            }
            for word in &rule.context {
                contexts.entry(word).or_default().push(n);
            }
        }
        let literals = anchors(literals);
        let (words, of): (Vec<&str>, Vec<Vec<usize>>) = contexts.into_iter().unzip();
        let built = |builder: &mut aho_corasick::AhoCorasickBuilder, words: &[&str]| {
            let built = (!words.is_empty()).then(|| builder.build(words));
            built.map(|built| built.expect("few and short words"))
        };
        let mut builder = AhoCorasick::builder();
        // Not all that overlap: only so are many bytes looked at in one step.
        let places = built(builder.match_kind(MatchKind::LeftmostFirst), &literals);
        let mut builder = AhoCorasick::builder();
        let words = built(builder.ascii_case_insensitive(true), &words);
        Self {
            rules,
            in_runs,
            elsewhere: (elsewhere, places),
            contexts: words.map(|words| (words, of)),
        }
    }

    /// Looks at one long run of a text.
    pub fn look_at_run(&self, text: &[u8], (start, end): (usize, usize), hits: &mut Vec<KeyHit>) {
        let known = hits.len();
        let mut tried = 0;
        for at in start..end.saturating_sub(Grams::LENGTH - 1) {
            for (prefix, rule) in self.in_runs.at(&text[at..]) {
                tried += 1;
                let most = (EFFORT / tried).max(EFFORT_MIN);
                self.try_rule(text, at, (prefix.len(), most), *rule, hits);
            }
        }
        if hits.len() == known {
            self.look_at_context(text, (start, end), hits);
        }
    }

    /// Leaves out the passwords of URLs that are keys themselves.
    pub fn most_telling(&self, hits: Vec<KeyHit>) -> Vec<KeyHit> {
        let is_of_url = |hit: &KeyHit| self.rules[hit.rule].checksum == Some(Checksum::Password);
        let (of_urls, mut keys): (Vec<_>, Vec<_>) = hits.into_iter().partition(is_of_url);
        keys.sort_by_key(|key| key.start);
        let mut of_urls = of_urls;
        of_urls.retain(|url| {
            let behind = keys.partition_point(|key| key.start < url.start);
            keys.get(behind).is_none_or(|key| key.start >= url.end)
        });
        keys.extend(of_urls);
        keys
    }

    /// Looks for the tokens that do not begin with a long run.
    pub fn look_elsewhere(&self, text: &[u8], hits: &mut Vec<KeyHit>) {
        let (prefixes, Some(places)) = &self.elsewhere else {
            return;
        };
        let mut rest = Input::new(text);
        while let Some(found) = places.find(rest.clone()) {
            let at = found.start();
            for (literal, n) in prefixes.at(&text[at..]) {
                if self.rules[*n].within.is_empty() {
                    self.try_rule(text, at, (literal.len(), usize::MAX), *n, hits);
                } else {
                    self.look_around(text, at, *n, hits);
                }
            }
            rest.set_start(at + 1);
        }
    }

    /// Looks for a token of a rule that has something within it, which is here.
    fn look_around(&self, text: &[u8], at: usize, n: usize, hits: &mut Vec<KeyHit>) {
        for start in self.beginnings(text, at.saturating_sub(CONTEXT_MAX), at + 1, n) {
            let found = self.token(text, start, (0, usize::MAX), n);
            hits.extend(found.filter(|hit| hit.end > at));
        }
    }

    fn try_rule(
        &self,
        text: &[u8],
        at: usize,
        (prefix, most): (usize, usize),
        n: usize,
        hits: &mut Vec<KeyHit>,
    ) {
        if can_begin(text, at, &text[at..at + prefix]) {
            hits.extend(self.token(text, at, (prefix, most), n));
        }
    }

    /// Returns the token of a rule that begins at a place and has at most so many bytes.
    fn token(
        &self,
        text: &[u8],
        start: usize,
        (prefix, most): (usize, usize),
        n: usize,
    ) -> Option<KeyHit> {
        let rule = &self.rules[n];
        let rest = &text[start..];
        let length = rule.matches_at_start(&rest[..rest.len().min(most)])?;
        let ends = ends(&rest[length..], rule);
        let token = &rest[..length];
        // What a check of its own tells needs no guess; nor does a whole file of a key.
        let holds = match &rule.checksum {
            Some(check) => check.holds(token),
            None => length > SAMPLE_MAX || !is_sample(token.get(prefix..).unwrap_or_default()),
        };
        let is_key = ends && holds && !is_published(token);
        is_key.then_some(KeyHit {
            start,
            end: start + length,
            rule: n,
        })
    }

    /// Looks for tokens that only what stands before them tells.
    fn look_at_context(&self, text: &[u8], (start, end): (usize, usize), hits: &mut Vec<KeyHit>) {
        let Some((words, rules)) = &self.contexts else {
            return;
        };
        if is_of_words(&text[start..end]) {
            return;
        }
        let before = &text[start.saturating_sub(CONTEXT_MAX)..start];
        let line = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
        let mut tried = Vec::new();
        for word in words.find_overlapping_iter(&before[line..]) {
            for rule in &rules[word.pattern().as_usize()] {
                if !tried.contains(rule) {
                    tried.push(*rule);
                    self.look_for_whole(text, (start, end), *rule, hits);
                }
            }
        }
    }

    /// Looks for a token of a rule between bytes that cannot belong to it.
    fn look_for_whole(
        &self,
        text: &[u8],
        (start, end): (usize, usize),
        n: usize,
        hits: &mut Vec<KeyHit>,
    ) {
        // What it begins with may be in no run, as the `s.` of a token.
        for at in self.beginnings(text, start.saturating_sub(HEAD_MAX), end, n) {
            if !is_named_otherwise(&text[..at]) {
                hits.extend(self.token(text, at, (0, usize::MAX), n));
            }
        }
    }

    /// Returns where, in a part of a text, something begins that can be a token of a rule:
    /// behind bytes that belong neither to it nor to a word.
    fn beginnings<'t>(
        &self,
        text: &'t [u8],
        from: usize,
        end: usize,
        n: usize,
    ) -> impl Iterator<Item = usize> + use<'t, 'r> {
        let alphabet = &self.rules[n].alphabet;
        let belongs = |byte: u8| alphabet.has(byte) || byte.is_ascii_alphanumeric();
        (from..end).filter(move |at| {
            belongs(text[*at]) && (*at == 0 || !belongs(text[at - 1]) || ends_escape(&text[..*at]))
        })
    }
}

/// Of so many letters in random text without a digit at least one is a capital, and one is
/// small: of 24 letters one in a hundred has fewer. Words have few capitals.
const MIXED_MIN: usize = 4;

/// Tells whether a run is words, as names and most paths are.
fn is_of_words(run: &[u8]) -> bool {
    let (mut capitals, mut small) = (0, 0);
    for byte in run {
        if byte.is_ascii_digit() {
            return false;
        }
        capitals += usize::from(byte.is_ascii_uppercase());
        small += usize::from(byte.is_ascii_lowercase());
    }
    MIXED_MIN * capitals.min(small) < run.len()
}

/// How much of a literal is looked for first.
const ANCHOR_MAX: usize = 4;

/// Returns what all of these literals begin with, in so few words that many bytes are looked
/// at in one step: for more than 64 that is not done.
fn anchors(mut literals: Vec<&str>) -> Vec<&str> {
    for literal in &mut literals {
        *literal = literal.get(..ANCHOR_MAX).unwrap_or(literal);
    }
    literals.sort_unstable();
    literals.dedup_by(|later, first| later.starts_with(*first));
    literals
}

/// What a name ends with whose value is no secret.
const NO_SECRETS: &[&[u8]] = &[
    b"checksum",
    b"commit",
    b"digest",
    b"etag",
    b"hash",
    b"integrity",
    b"md5",
    b"ref",
    b"revision",
    b"sha",
    b"sha1",
    b"sha256",
    b"span_id",
    b"trace_id",
    b"request_id",
    b"version",
    b"uuid",
];

/// Tells whether what stands before a token says that it is no secret: the name that it is
/// assigned to, or the `@` of a version.
fn is_named_otherwise(before: &[u8]) -> bool {
    let is_sign = |byte: &u8| matches!(byte, b'=' | b':' | b' ' | b'"' | b'\'');
    let signs = before.iter().rev().take_while(|byte| is_sign(byte)).count();
    let before = &before[..before.len() - signs];
    match before.last() {
        Some(b'@') => signs == 0,
        _ => NO_SECRETS.iter().any(|name| {
            let end = before.len().checked_sub(name.len());
            end.is_some_and(|end| before[end..].eq_ignore_ascii_case(name))
        }),
    }
}

/// Tells whether a token ends before a text: its first byte cannot belong to it, or is the
/// mark of emphasis that a token ends with, as in `_…_`.
fn ends(rest: &[u8], rule: &Rule) -> bool {
    let belongs = |byte: &u8| rule.alphabet.has(*byte);
    match rest {
        [b'_'] => true,
        [b'_', next, ..] => !belongs(next) || !belongs(&b'_'),
        [next, ..] => !belongs(next),
        [] => true,
    }
}

/// Tells whether the tokens of a rule begin with a long run. Its examples are witnesses;
/// where it has none it is looked for everywhere.
fn begins_with_run(rule: &Rule, prefix: &str) -> bool {
    let mut of_prefix = rule
        .examples()
        .filter(|token| token.starts_with(prefix))
        .peekable();
    of_prefix.peek().is_some()
        && of_prefix.all(|token| {
            let run = token.bytes().take_while(|byte| is_member(*byte));
            run.count() >= RUN_MIN
        })
}

/// Literals by their first three bytes.
struct Grams {
    /// By the low bits of three bytes: whether a literal begins so.
    bits: Vec<u64>,
    by_gram: HashMap<[u8; Grams::LENGTH], Vec<(String, usize)>>,
}

impl Default for Grams {
    fn default() -> Self {
        Self {
            bits: vec![0; (1 << (Self::LENGTH as u32 * Self::BITS)) / 64],
            by_gram: HashMap::new(),
        }
    }
}

impl Grams {
    /// The shortest literal.
    const LENGTH: usize = 3;

    /// How many bits of a byte count: they tell letters from each other, and digits.
    const BITS: u32 = 6;

    fn add(&mut self, literal: &str, rule: usize) {
        let Some(gram) = literal.as_bytes().first_chunk() else {
            return;
        };
        let place = Self::place(gram);
        self.bits[place / 64] |= 1 << (place % 64);
        let same = self.by_gram.entry(*gram).or_default();
        same.push((literal.to_owned(), rule));
    }

    /// Returns the literals with which a text begins.
    fn at<'s>(&'s self, text: &'s [u8]) -> impl Iterator<Item = &'s (String, usize)> {
        let gram = text.first_chunk().filter(|gram| {
            let place = Self::place(gram);
            self.bits[place / 64] >> (place % 64) & 1 == 1
        });
        let same = gram.and_then(|gram| self.by_gram.get(gram));
        let same = same.map_or(&[][..], Vec::as_slice);
        same.iter()
            .filter(|(literal, _)| text.starts_with(literal.as_bytes()))
    }

    fn place(gram: &[u8; Self::LENGTH]) -> usize {
        const MASK: usize = (1 << Grams::BITS) - 1;
        let bytes = gram.iter().map(|byte| usize::from(*byte) & MASK);
        bytes.fold(0, |place, bits| place << Self::BITS | bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_for_first_is_so_little_that_it_is_fast() {
        let rules = Rules::built_in();
        let finder = KeyFinder::new(&rules);
        let (_, Some(places)) = &finder.elsewhere else {
            panic!("there are some")
        };
        assert!(places.patterns_len() <= 64, "{}", places.patterns_len());
    }

    #[test]
    fn an_anchor_stands_for_all_that_begin_with_it() {
        let literals = vec![
            "redis:",
            "st.",
            "rediss:",
            "-----BEGIN",
            "-----BEGIN PGP",
            "pat.",
        ];
        assert_eq!(anchors(literals), ["----", "pat.", "redi", "st."]);
        assert_eq!(anchors(vec!["abcd", "abc", "abce"]), ["abc"]);
    }

    #[test]
    fn names_and_paths_are_words() {
        for words in [
            "Wdk_System_SystemServices",
            "some_long_name_of_a_thing",
            "SOME_LONG_NAME_OF_A_THING",
            "org/wiki/Public-key",
        ] {
            assert!(is_of_words(words.as_bytes()), "{words}");
        }
        for random in [
            "QzWkTbRmNvXcLpYhDsGf",
            "tRwqLmZvXkBnPdYcHsJg",
            "curve25519-dalek",
        ] {
            assert!(!is_of_words(random.as_bytes()), "{random}");
        }
    }
}
