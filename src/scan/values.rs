//! Values of the vault, in whatever form they were written.

use std::fmt;

use zeroize::Zeroizing;

use crate::forms::{Forms, is_trivial};
use crate::name::SecretName;
use crate::scan::runs::is_member;
use crate::secret_value::SecretValue;
use crate::vault::attention::is_distinct;

/// The longest text of lines that are joined; a longer value is found by its form's
/// beginning all the same only if it stands on one line.
const JOINED_MAX: usize = 1 << 16;

/// How much may stand between two lines of a wrapped text: indentation, quotes, commas.
const GAP_MAX: usize = 40;

/// The shortest value that is looked for. What is shorter is found by chance.
const VALUE_MIN: usize = 8;

/// Why a value is not looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It has fewer than 8 bytes.
    Short,
    /// It is a setting and no secret, and stands in many files: a word such as
    /// `production`, a number, the name of a host, a URL without a password, a path.
    Setting,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Short => "shorter than 8 characters",
            Self::Setting => "a setting and no secret by its looks",
        })
    }
}

/// Tells whether, and why, a value is not looked for. One that is a secret by its name, or
/// has a random part, is no setting, whatever else it looks like.
pub fn unfit(name: &SecretName, value: &SecretValue) -> Option<Unfit> {
    let value = searched_for(value);
    if value.len() < VALUE_MIN {
        return Some(Unfit::Short);
    }
    let is_text = || std::str::from_utf8(value).is_ok_and(is_setting);
    let is_found_everywhere = is_trivial(value) || !is_distinct(name, value) && is_text();
    is_found_everywhere.then_some(Unfit::Setting)
}

fn is_setting(text: &str) -> bool {
    let is_host = |host: &str| {
        let (host, port) = host.split_once(':').unwrap_or((host, "0"));
        let mut labels = host.split('.');
        host.contains('.')
            && port.bytes().all(|byte| byte.is_ascii_digit())
            && labels
                .next_back()
                .is_some_and(|top| top.bytes().all(|byte| byte.is_ascii_lowercase()))
            && host.bytes().all(|byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte)
            })
    };
    let is_number = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b".:-+/_ ".contains(&byte));
    let is_path = ["/", "./", "../", "~/"]
        .iter()
        .any(|start| text.starts_with(start))
        && !text.contains(' ');
    let is_address = text
        .split_once('@')
        .is_some_and(|(user, host)| is_host(host) && !user.contains(':'));
    let is_plain_url = text
        .split_once("://")
        .is_some_and(|(_, rest)| !rest.contains(['@', '?']));
    is_number || is_host(text) || is_path || is_address || is_plain_url
}

/// Returns what is looked for of a value: the space around it is often lost on its way.
pub fn searched_for(value: &SecretValue) -> &[u8] {
    value.expose().trim_ascii()
}

/// A place where a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValueHit {
    /// Where it begins.
    pub start: usize,
    /// Where it is over.
    pub end: usize,
    /// Which value: the label that it was given.
    pub value: usize,
}

/// Looks for values.
pub struct ValueFinder {
    forms: Forms,
}

impl ValueFinder {
    /// Makes ready to look for values, each with a label.
    pub fn new<'a>(values: impl IntoIterator<Item = (usize, &'a SecretValue)>) -> Self {
        let values = values.into_iter();
        Self {
            forms: Forms::of(values.map(|(label, value)| (label, searched_for(value)))),
        }
    }

    /// Looks for values in a text, of which these are the long runs.
    pub fn look(&self, text: &[u8], runs: &[(usize, usize)], hits: &mut Vec<ValueHit>) {
        self.look_in(text, |place| place, hits);
        let mut joined = Joined::default();
        let mut over = 0;
        for run in runs {
            if run.0 >= over && joined.fill(text, *run) {
                over = joined.end;
                self.look_in(&joined.text, |place| joined.origin(place), hits);
            }
        }
    }

    fn look_in(&self, text: &[u8], place: impl Fn(usize) -> usize, hits: &mut Vec<ValueHit>) {
        let mut at = 0;
        while let Some(next) = self.forms.next(text, at) {
            match self.forms.look(&text[next..]).form {
                Some((length, value)) => {
                    hits.push(ValueHit {
                        start: place(next),
                        end: place(next + length - 1) + 1,
                        value,
                    });
                    at = next + length;
                }
                None => at = next + 1,
            }
        }
    }
}

/// A text that was wrapped over lines, as base64 is in mails, certificates and manifests,
/// put together again.
#[derive(Default)]
struct Joined {
    text: Zeroizing<Vec<u8>>,
    /// Each line: where it begins in `text`, and where it was.
    lines: Vec<(usize, usize)>,
    /// Where the last of them is over.
    end: usize,
}

impl Joined {
    /// Puts together what begins with a run. Returns whether it goes on in another line.
    fn fill(&mut self, text: &[u8], (start, end): (usize, usize)) -> bool {
        self.text.clear();
        self.lines.clear();
        let mark = mark_of_diff(text, start);
        self.push(text, start + usize::from(mark.is_some()), end);
        while self.text.len() < JOINED_MAX
            && let Some(next) = next_line(text, self.end, mark)
        {
            let rest = &text[next..];
            let length = rest.iter().position(|byte| !is_member(*byte));
            self.push(text, next, next + length.unwrap_or(rest.len()));
        }
        self.lines.len() > 1
    }

    fn push(&mut self, text: &[u8], start: usize, end: usize) {
        self.lines.push((self.text.len(), start));
        self.text.extend_from_slice(&text[start..end]);
        self.end = end;
    }

    /// Returns where a byte was.
    fn origin(&self, place: usize) -> usize {
        let behind = self.lines.partition_point(|(joined, _)| *joined <= place);
        let (joined, was) = self.lines[behind - 1];
        was + place - joined
    }
}

/// Returns with what a diff marks the line that begins at a place, if it does.
fn mark_of_diff(text: &[u8], start: usize) -> Option<u8> {
    let is_first = start == 0 || text[start - 1] == b'\n';
    let mark = text.get(start).copied();
    mark.filter(|mark| is_first && matches!(mark, b'+' | b'-'))
}

/// Returns where a wrapped text goes on in the next line, past what stands between the two:
/// a line's end, also as programs write it in a string, indentation, quotes, a comma, and the
/// signs that join strings.
fn next_line(text: &[u8], end: usize, mark: Option<u8>) -> Option<usize> {
    let (mut at, mut is_next) = (end, false);
    while at < end + GAP_MAX {
        let rest = text.get(at..)?;
        at += match rest {
            [b'\n', first, ..] if mark == Some(*first) => {
                is_next = true;
                2
            }
            [b'\n', ..] => {
                is_next = true;
                1
            }
            [b'\\', b'n', ..] => {
                is_next = true;
                2
            }
            [b'\\', b'r', ..] => 2,
            [
                b'\\' | b' ' | b'\t' | b'\r' | b'"' | b'\'' | b'`' | b',' | b'>' | b'|' | b'#'
                | b'*',
                ..,
            ] => 1,
            [b'+' | b'.', b' ' | b'\r' | b'\n', ..] if at > end => 1,
            [next, ..] if is_next && is_member(*next) => return Some(at),
            _ => return None,
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::scan::runs::runs;

    /// A made-up value, which is text with all that writers escape.
    const VALUE: &str = "Tr0ub4dor&3/<made up>=\"x\"+yes";

    fn found(text: &str) -> Vec<String> {
        let value = SecretValue::from_text(VALUE.to_owned());
        let finder = ValueFinder::new([(0, &value)]);
        let mut hits = Vec::new();
        let runs: Vec<_> = runs(text.as_bytes()).collect();
        finder.look(text.as_bytes(), &runs, &mut hits);
        let texts = hits.iter().map(|hit| text[hit.start..hit.end].to_owned());
        texts.collect()
    }

    /// Breaks a text into lines, each behind something.
    fn wrapped(text: &str, width: usize, between: &str) -> String {
        let lines = text.as_bytes().chunks(width);
        let lines = lines.map(|line| String::from_utf8_lossy(line).into_owned());
        lines.collect::<Vec<_>>().join(between)
    }

    #[test]
    fn each_form_is_found_once() {
        for (text, times) in [
            (VALUE.to_owned(), 1),
            (format!("a={VALUE};b={VALUE}"), 2),
            (STANDARD.encode(format!("user:{VALUE}")), 1),
            (
                "Tr0ub4dor&amp;3/&lt;made up&gt;=&quot;x&quot;+yes".to_owned(),
                1,
            ),
            ("Tr0ub4dor&3/<made".to_owned(), 0),
        ] {
            assert_eq!(found(&text).len(), times, "{text}");
        }
    }

    #[test]
    fn a_wrapped_form_is_found() {
        for inner in [
            VALUE.to_owned(),
            format!("x{VALUE}"),
            format!("before it: {VALUE} and behind"),
        ] {
            let text = STANDARD.encode(inner);
            for width in [16, 19, 20, 33] {
                for between in [
                    "\n",
                    "\r\n",
                    "\n    ",
                    "\\n",
                    "\"\n  \"",
                    "\" +\n  \"",
                    "\\\n",
                    "\n> ",
                    "',\n'",
                ] {
                    let text = format!("data: {}\n", wrapped(&text, width, between));
                    assert_eq!(found(&text).len(), 1, "{text}");
                }
                let diff = format!("+{}\n", wrapped(&text, width, "\n+"));
                assert_eq!(found(&diff).len(), 1, "{diff}");
            }
        }
    }

    #[test]
    fn settings_are_not_looked_for() {
        let named = |name: &str, text: &str| {
            let name = name.parse().expect("a name");
            unfit(&name, &SecretValue::from_text(text.to_owned()))
        };
        let unfit = |text: &str| named("A", text);
        for short in ["", "true", "3000", "1234567", " 1234567 "] {
            assert_eq!(unfit(short), Some(Unfit::Short), "{short}");
        }
        for setting in [
            "localhost",
            "production",
            "2026-11-22",
            "10.0.0.12:5432",
            "12345678",
            "db.internal.example.com",
            "db.example.org:5432",
            "https://api.example.com/v1/models",
            "redis://cache:6379/0",
            "postmaster@mail.example.org",
            "/etc/ssl/private",
            "./storage/app",
        ] {
            assert_eq!(unfit(setting), Some(Unfit::Setting), "{setting}");
        }
        for secret in [
            VALUE,
            "correct horse battery staple",
            "0f3a9c1e7b2d4856",
            "postgres://app:pw@db.example.org/app",
            "https://hooks.example.org/in/8f3kq02mzx71ad9p",
            "https://example.org/?token=x",
            "hunter22",
            "a/b+c==d",
        ] {
            assert_eq!(unfit(secret), None, "{secret}");
        }
        // By their names they are secrets; and so may base64 begin.
        for (name, secret) in [
            ("DB_PASSWORD", "correct.horse.battery"),
            ("BACKUP_KEY", "1234-5678-9012"),
            ("SIGNING_SECRET", "/opt/Tea4Two"),
            ("A", "/q7Zk3TqR8mW0aLw9vYb1/cD"),
        ] {
            assert_eq!(named(name, secret), None, "{secret}");
        }
        assert_eq!(named("API_KEY", "production"), Some(Unfit::Setting));
    }

    #[test]
    fn what_stands_on_lines_of_their_own_is_not_joined() {
        assert_eq!(found("Tr0ub4dor&3/<made\n up>=\"x\"+yes").len(), 0);
    }
}
