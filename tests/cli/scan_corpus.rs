//! Keys as people leave them lying about, and what only looks like one: the files of
//! `tests/scan_corpus`, one for each kind of surroundings, and a line for each case.
//!
//! ```text
//! + openai        | client = OpenAI(api_key="sk•-proj-…")
//! - hash          | integrity sha512-…
//! # a comment
//! ```
//!
//! `+` is to be reported by a rule of that provider: `openai,aws` by both, `google/pem` by
//! either. `-` is to be left alone, and the word says what it is. Everything after `| ` is
//! what is scanned, but for two things. `•` is taken out: one stands inside each made-up key,
//! and in what else the scanners of others would report, so that none of them stumbles over
//! these files. And the picture of a control character stands for it: `␊` for a line feed,
//! `␉`, `␍` and `␛`.
//!
//! The keys are random, in the shapes that providers give theirs, with right checksums where
//! GitHub and npm have them. The noise is of the kinds that people complain of to those who
//! write scanners.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter};
use std::fs;
use std::io::{self, Write as _};
use std::ops::RangeInclusive;
use std::path::Path;

use serde_json::Value;

use crate::sandbox::{Sandbox, Transcript};

/// What the corpus has to have, lest it shrink to what passes.
const LINES: usize = 1000;
const SURROUNDINGS: usize = 40;
/// Of a hundred lines, those that are to be left alone.
const QUIET: usize = 40;

/// Of a thousand lines with a key, those that must be reported.
const RECALL: usize = 980;
/// Of a thousand lines without one, those that may be.
const FALSE_POSITIVES: usize = 10;

/// Exit codes of `keyvault scan`.
const CLEAN: i32 = 0;
const FINDINGS: i32 = 8;

/// What stands inside each made-up key, and is in no line that is scanned.
const HIDING: char = '•';

/// The shortest word with a key in it that is no part of another word of the output.
const TELLING: usize = 20;

/// Each provider has a key in the corpus, those of many surroundings first.
const PROVIDERS: [&str; 69] = [
    "openai",
    "anthropic",
    "github",
    "aws",
    "google",
    "slack",
    "stripe",
    "url",
    "pem",
    "jwt",
    "npm",
    "gitlab",
    "age",
    "airtable",
    "assemblyai",
    "atlassian",
    "azure",
    "cerebras",
    "cloudflare",
    "cohere",
    "crates",
    "databricks",
    "datadog",
    "deepgram",
    "deepseek",
    "digitalocean",
    "discord",
    "dockerhub",
    "doppler",
    "e2b",
    "elevenlabs",
    "figma",
    "firecrawl",
    "fireworks",
    "groq",
    "heroku",
    "huggingface",
    "izzi",
    "jina",
    "langfuse",
    "langsmith",
    "linear",
    "llamacloud",
    "mailchimp",
    "mailgun",
    "mistral",
    "netlify",
    "newrelic",
    "notion",
    "nvidia",
    "openrouter",
    "paypal",
    "perplexity",
    "pinecone",
    "pypi",
    "replicate",
    "sendgrid",
    "sentry",
    "shopify",
    "square",
    "supabase",
    "tavily",
    "telegram",
    "together",
    "twilio",
    "vault",
    "vercel",
    "voyage",
    "xai",
];

/// Other words by which a rule may go for what the corpus calls by the first.
const ALSO: [(&str, &[&str]); 6] = [
    ("crates", &["cratesio"]),
    ("dockerhub", &["docker"]),
    ("google", &["gcp", "gemini", "firebase"]),
    ("jwt", &["jsonwebtoken"]),
    ("pem", &["private", "privatekey"]),
    ("url", &["uri", "urls", "connection"]),
];

/// A line of the corpus.
struct Case {
    file: String,
    line: usize,
    expected: Expected,
    /// As it stands in the file.
    written: String,
}

enum Expected {
    /// One of each list.
    Reported(Vec<Vec<String>>),
    /// Of this kind.
    Quiet(String),
}

/// Where a case is, never what it says.
impl Display for Case {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "tests/scan_corpus/{}:{} ", self.file, self.line)?;
        match &self.expected {
            Expected::Reported(providers) => {
                let words: Vec<_> = providers.iter().map(|any| any.join("/")).collect();
                write!(f, "+ {}", words.join(","))
            }
            Expected::Quiet(kind) => write!(f, "- {kind}"),
        }
    }
}

impl Case {
    fn parse(file: &str, line: usize, text: &str) -> Self {
        let parsed = || {
            let (sign, rest) = text.split_at_checked(2)?;
            let (word, written) = rest.split_once(" | ")?;
            let word = word.trim_end();
            let is_word =
                |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-,/".contains(c);
            if word.is_empty() || !word.chars().all(is_word) {
                return None;
            }
            let any = |words: &str| words.split('/').map(str::to_owned).collect();
            let expected = match sign {
                "+ " => Expected::Reported(word.split(',').map(any).collect()),
                "- " => Expected::Quiet(word.to_owned()),
                _ => return None,
            };
            Some(Self {
                file: file.to_owned(),
                line,
                expected,
                written: written.to_owned(),
            })
        };
        parsed().unwrap_or_else(|| panic!("{file}:{line} is no line of a corpus"))
    }

    /// The text that is scanned.
    fn text(&self) -> String {
        let controls = [('␊', '\n'), ('␉', '\t'), ('␍', '\r'), ('␛', '\u{1b}')];
        let shown = self.written.chars().filter(|&c| c != HIDING);
        let control = |c| controls.iter().find(|(picture, _)| *picture == c);
        shown.map(|c| control(c).map_or(c, |&(_, c)| c)).collect()
    }

    /// The words with a hiding mark in them, without it, which is to say the keys.
    fn hidden(&self) -> impl Iterator<Item = String> {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == HIDING || "_-".contains(c);
        let words = self.written.split(move |c| !is_word(c));
        let hidden = words.filter(|word| word.contains(HIDING));
        hidden.map(|word| word.replace(HIDING, ""))
    }

    /// The providers that are to be found here, and have no finding.
    fn missed(&self, findings: &[&Value]) -> Vec<&str> {
        let Expected::Reported(providers) = &self.expected else {
            return Vec::new();
        };
        let found = |any: &[String]| findings.iter().any(|finding| is_of(finding, any));
        let missed = providers.iter().filter(|any| !found(any));
        missed.map(|any| any[0].as_str()).collect()
    }
}

/// Tells whether a finding is of one of these providers.
fn is_of(finding: &Value, providers: &[String]) -> bool {
    let mut names = BTreeSet::new();
    for field in ["provider", "rule"] {
        let name = finding[field].as_str().expect("a name").to_lowercase();
        let words = name.split(|c: char| !c.is_ascii_alphanumeric());
        names.insert(words.clone().collect::<String>());
        names.extend(words.map(str::to_owned));
    }
    providers.iter().any(|provider| {
        let also = ALSO.iter().find(|(word, _)| word == provider);
        let also = also.map_or(&[][..], |(_, words)| words);
        names.contains(provider) || also.iter().any(|word| names.contains(*word))
    })
}

/// All cases by their file.
fn corpus() -> BTreeMap<String, Vec<Case>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scan_corpus");
    let files = fs::read_dir(folder).expect("read");
    let read = |file: io::Result<fs::DirEntry>| {
        let file = file.expect("read");
        let name = file.file_name().into_string().expect("text");
        let text = fs::read_to_string(file.path()).expect("text");
        let lines = (1..).zip(text.lines());
        let cases = lines.filter(|(_, line)| !line.starts_with('#'));
        let cases = cases.map(|(line, text)| Case::parse(&name, line, text));
        (name.clone(), cases.collect())
    };
    files.map(read).collect()
}

/// Scans the cases of a file in one run. The findings of each stand beside it.
fn scan<'a>(sandbox: &Sandbox, cases: &'a [Case]) -> (Transcript, Vec<(&'a Case, Vec<Value>)>) {
    let mut input = String::new();
    let mut lines: Vec<(&Case, RangeInclusive<u64>)> = Vec::new();
    let mut next = 1;
    for case in cases {
        let text = case.text() + "\n";
        let end = next + text.matches('\n').count() as u64;
        lines.push((case, next..=end - 1));
        next = end;
        input += &text;
    }

    let transcript = sandbox.run_with_stdin(&["scan", "-", "--json"], &input);

    let json = transcript.json();
    assert_eq!(json["scanned"]["bytes"], input.len(), "it read all");
    let findings = json["findings"].as_array().expect("a list");
    let line = |finding: &Value| finding["line"].as_u64().expect("a line");
    assert!(
        findings
            .iter()
            .all(|finding| (1..next).contains(&line(finding)))
    );
    let found = lines.into_iter().map(|(case, lines)| {
        let own = findings
            .iter()
            .filter(|finding| lines.contains(&line(finding)));
        (case, own.cloned().collect())
    });
    let found = found.collect();
    let code = if findings.is_empty() { CLEAN } else { FINDINGS };
    (transcript.exits(code), found)
}

#[test]
fn the_corpus_has_all_that_it_is_to_have() {
    let corpus = corpus();
    let cases: Vec<_> = corpus.values().flatten().collect();
    let quiet = |case: &&&Case| matches!(case.expected, Expected::Quiet(_));

    assert!(corpus.len() >= SURROUNDINGS, "{} files", corpus.len());
    assert!(cases.len() >= LINES, "{} lines", cases.len());
    assert!(cases.iter().filter(quiet).count() * 100 >= cases.len() * QUIET);

    let mut texts = BTreeSet::new();
    let mut providers = BTreeSet::new();
    for case in cases {
        assert!(texts.insert(case.text()), "{case} stands there twice");
        if let Expected::Reported(reported) = &case.expected {
            assert!(case.written.contains(HIDING), "{case} would be reported");
            providers.extend(reported.iter().map(|any| any[0].as_str()));
        }
    }
    assert_eq!(providers, BTreeSet::from(PROVIDERS));
}

#[test]
fn keys_are_found_in_all_surroundings_and_little_else_is() {
    let sandbox = Sandbox::empty();
    let (mut keys, mut found) = (0, 0);
    let (mut quiet, mut disturbed) = (0, 0);
    let mut misses = Vec::new();

    for cases in corpus().values() {
        let (transcript, results) = scan(&sandbox, cases);
        for (case, findings) in results {
            let findings: Vec<_> = findings.iter().collect();
            match case.expected {
                Expected::Reported(_) => {
                    let missed = case.missed(&findings);
                    keys += 1;
                    found += usize::from(missed.is_empty());
                    if !missed.is_empty() {
                        misses.push(format!("{case}: no finding of {}", missed.join(", ")));
                    }
                }
                Expected::Quiet(_) => {
                    quiet += 1;
                    disturbed += usize::from(!findings.is_empty());
                    let rules = findings.iter().map(|finding| &finding["rule"]);
                    misses.extend(rules.map(|rule| format!("{case}: reported by {rule}")));
                }
            }
            let shown = |key: &String| key.len() >= TELLING && transcript.text().contains(key);
            assert!(!case.hidden().any(|key| shown(&key)), "{case} is shown");
        }
    }

    let sum = format!(
        "{found} of {keys} lines with a key are reported, and {disturbed} of {quiet} without one"
    );
    let misses = misses.join("\n");
    // Not println!, which is kept from whoever sees the test pass.
    let _ = writeln!(io::stderr(), "{misses}\n{sum}");
    assert!(found * 1000 >= keys * RECALL, "{sum}:\n{misses}");
    assert!(
        disturbed * 1000 <= quiet * FALSE_POSITIVES,
        "{sum}:\n{misses}"
    );
}
