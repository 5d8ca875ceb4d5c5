//! The search itself: where in some bytes are values of the vault and well-known keys.
//!
//! Most of a text is never looked at: keys are made of long runs of letters and digits
//! (`runs`), only in these are prefixes looked for, and only behind a prefix is a rule's
//! pattern tried (`keys`). Values are found by four of their bytes ([`crate::forms`]).

use crate::scan::keys::KeyFinder;
use crate::scan::rules::Rules;
use crate::scan::runs;
use crate::scan::values::ValueFinder;
use crate::secret_value::SecretValue;

/// What was found, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Where it begins.
    pub start: usize,
    /// Where it is over.
    pub end: usize,
    /// What it is.
    pub what: What,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A value, by its label.
    Value(usize),
    /// A key, by its rule's place among all.
    Key(usize),
}

/// Looks for values and keys.
pub struct Scanner<'r> {
    keys: KeyFinder<'r>,
    values: Option<ValueFinder>,
}

impl<'r> Scanner<'r> {
    /// Makes ready to look for the keys of rules, and for values, each with its label.
    pub fn new<'a>(
        rules: &'r Rules,
        values: impl IntoIterator<Item = (usize, &'a SecretValue)>,
    ) -> Self {
        let mut values = values.into_iter().peekable();
        let has_values = values.peek().is_some();
        Self {
            keys: KeyFinder::new(rules),
            values: has_values.then(|| ValueFinder::new(values)),
        }
    }

    /// Returns what is in a text, by its place. Of what overlaps, values come before keys,
    /// and longer ones before shorter ones.
    pub fn scan(&self, text: &[u8]) -> Vec<Hit> {
        let mut keys = Vec::new();
        let mut runs = Vec::new();
        for run in runs::runs(text) {
            self.keys.look_at_run(text, run, &mut keys);
            if self.values.is_some() {
                runs.push(run);
            }
        }
        self.keys.look_elsewhere(text, &mut keys);
        let mut values = Vec::new();
        if let Some(finder) = &self.values {
            finder.look(text, &runs, &mut values);
        }
        if keys.is_empty() && values.is_empty() {
            return Vec::new();
        }
        let values = apart(values, |hit| (hit.start, hit.end));
        let keys = self.keys.most_telling(keys);
        let mut keys = apart(keys, |hit| (hit.start, hit.end));
        keys.retain(|key| {
            let behind = values.partition_point(|value| value.end <= key.start);
            values
                .get(behind)
                .is_none_or(|value| key.end <= value.start)
        });
        let values = values
            .into_iter()
            .map(|hit| (hit.start, hit.end, What::Value(hit.value)));
        let keys = keys
            .into_iter()
            .map(|hit| (hit.start, hit.end, What::Key(hit.rule)));
        let mut hits: Vec<Hit> = values
            .chain(keys)
            .map(|(start, end, what)| Hit { start, end, what })
            .collect();
        hits.sort_by_key(|hit| hit.start);
        hits
    }
}

/// Leaves out what overlaps a hit that comes before it, the longer first.
fn apart<T>(mut hits: Vec<T>, place: impl Fn(&T) -> (usize, usize)) -> Vec<T> {
    hits.sort_by_key(|hit| {
        let (start, end) = place(hit);
        (start, std::cmp::Reverse(end))
    });
    let mut over = 0;
    hits.retain(|hit| {
        let (start, end) = place(hit);
        let is_apart = start >= over;
        if is_apart {
            over = end;
        }
        is_apart
    });
    hits
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands before and behind keys: quotes, escapes as languages and URLs have
    /// them, letters beyond ASCII, the ends of a text.
    const AROUND: &[(&str, &str)] = &[
        ("", ""),
        (" ", "\n"),
        ("\"", "\""),
        ("'", "',"),
        ("=", "&x=1"),
        ("=", "%26x%3D1"),
        ("%3D", "%26"),
        ("%20", "%0A"),
        ("(", ");"),
        ("<", ">"),
        ("`", "`."),
        (":", "@host"),
        ("\\n", "\\n"),
        ("\\u003d", "\\u0026"),
        ("\\\"", "\\\""),
        ("\u{1b}[31m", "\u{1b}[0m"),
        ("密钥：", "。"),
        ("key=", "密"),
    ];

    #[test]
    fn each_rule_s_keys_are_found_whatever_stands_around() {
        let rules = Rules::built_in();
        let scanner = Scanner::new(&rules, []);
        let mut missed = Vec::new();
        for (n, rule) in rules.all().iter().enumerate() {
            let context = rule.context.first().map_or("", String::as_str);
            for example in rule.examples() {
                for (before, behind) in AROUND {
                    // What a token may go on with is no end of it.
                    let next = behind.bytes().next();
                    let last = before.bytes().last();
                    let is_open = next.is_some_and(|next| rule.alphabet.has(next))
                        || rule.prefix.is_empty()
                            && last.is_some_and(|last| rule.alphabet.has(last));
                    if is_open {
                        continue;
                    }
                    let text = format!("# one of {context} {before}{example}{behind}");
                    let start = text.len() - behind.len() - example.len();
                    let hits = scanner.scan(text.as_bytes());
                    let found = hits.iter().any(|hit| {
                        hit.start <= start
                            && hit.end >= start + example.len()
                            && matches!(hit.what, What::Key(of) if of == n || rules.all()[of].provider == rule.provider)
                    });
                    if !found {
                        let what: Vec<_> = hits
                            .iter()
                            .map(|hit| match hit.what {
                                What::Key(k) => rules.all()[k].id.clone(),
                                _ => String::new(),
                            })
                            .collect();
                        missed.push(format!(
                            "{} {before:?} {behind:?} {what:?} {}",
                            rule.id,
                            example.len()
                        ));
                    }
                }
            }
        }
        assert!(missed.is_empty(), "{}\n{}", missed.len(), missed.join("\n"));
    }
}
