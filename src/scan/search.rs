//! What is found in a piece, put into words that may be told.

use crate::name::{EnvironmentName, SecretName};
use crate::scan::config::{FindingId, ScanConfig, is_allowed_by_comment};
use crate::scan::findings::{Finding, Origin, Position, ValueState, What, masked};
use crate::scan::piece::Piece;
use crate::scan::rules::{Rule, Rules};
use crate::scan::scanner::{self, Scanner};
use crate::scan::values::searched_for;
use crate::scan::wide::narrowed;
use crate::secret_value::SecretValue;

/// How much of a line is looked at on either side of what was found, for a comment that
/// allows it: a line of a program is shorter.
const LINE_MAX: usize = 4096;

/// How much of what a format begins with is shown: more is no help.
const SHOWN_MAX: usize = 16;

/// A value of the vault that is looked for.
pub struct Sought<'v> {
    /// Whose it is.
    pub secret: &'v SecretName,
    /// Of which version.
    pub version: u32,
    /// What it is to its secret.
    pub state: ValueState,
    /// In which environment.
    pub environment: &'v EnvironmentName,
    /// Itself.
    pub value: &'v SecretValue,
}

/// What is looked for, and what is allowed.
pub struct Search<'s> {
    scanner: Scanner<'s>,
    rules: &'s [Rule],
    values: &'s [Sought<'s>],
    config: &'s ScanConfig,
}

/// A finding, less where the piece is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spotted {
    /// What it is.
    pub what: What,
    /// Where in the file.
    pub position: Position,
    /// What may be shown of it.
    pub masked: Option<String>,
    /// By what it is allowed.
    pub id: FindingId,
}

impl Spotted {
    /// Returns it as found in something.
    pub fn found_in(self, origin: Origin) -> Finding {
        Finding {
            what: self.what,
            origin,
            position: Some(self.position),
            masked: self.masked,
            id: Some(self.id),
        }
    }
}

/// What a piece has.
#[derive(Default)]
pub struct Looked {
    /// What was found.
    pub spotted: Vec<Spotted>,
    /// How often something was found that is allowed.
    pub allowed: u64,
}

impl<'s> Search<'s> {
    /// Makes ready to look for the keys of rules and for values.
    pub fn new(rules: &'s Rules, values: &'s [Sought<'s>], config: &'s ScanConfig) -> Self {
        let labelled = values.iter().enumerate();
        let labelled = labelled.map(|(label, sought)| (label, sought.value));
        Self {
            scanner: Scanner::new(rules, labelled),
            rules: rules.all(),
            values,
            config,
        }
    }

    /// Looks through a piece.
    pub fn look(&self, piece: &Piece<'_>) -> Looked {
        let narrow = narrowed(piece.bytes);
        let text = narrow.as_deref().unwrap_or(piece.bytes);
        let mut looked = Looked::default();
        let mut position = Position {
            line: piece.lines + 1,
            column: piece.letters + 1,
        };
        let mut at = 0;
        for hit in self.scanner.scan(text) {
            // In a text that is read in other letters places are others, too.
            if narrow.is_none() && !piece.starts.contains(&hit.start) {
                continue;
            }
            let (what, masked, id) = self.describe(&text[hit.start..hit.end], hit.what);
            if self.config.allows(id) || is_allowed_by_comment(line_around(text, &hit)) {
                looked.allowed += 1;
                continue;
            }
            position = position.after(&text[at..hit.start]);
            at = hit.start;
            looked.spotted.push(Spotted {
                what,
                position,
                masked,
                id,
            });
        }
        looked
    }

    fn describe(&self, token: &[u8], what: scanner::What) -> (What, Option<String>, FindingId) {
        match what {
            scanner::What::Key(rule) => {
                let rule = &self.rules[rule];
                let begins = |prefix: &&String| token.starts_with(prefix.as_bytes());
                let prefixes = rule.prefix.iter().filter(begins);
                let prefix = prefixes.max_by_key(|prefix| prefix.len());
                let prefix = prefix.map_or("", String::as_str);
                let shown = masked(token, prefix.get(..SHOWN_MAX).unwrap_or(prefix));
                let what = What::Format {
                    rule: rule.id.clone(),
                    provider: rule.provider.clone(),
                    name: rule.name.clone(),
                    source: rule.source.clone(),
                    test_mode: rule.test_mode,
                };
                (what, Some(shown), self.config.id_of(token))
            }
            scanner::What::Value(label) => {
                let sought = &self.values[label];
                let what = What::Value {
                    secret: sought.secret.clone(),
                    version: sought.version,
                    state: sought.state,
                    environment: sought.environment.clone(),
                };
                // In whatever form it was found, it is one value.
                (what, None, self.config.id_of(searched_for(sought.value)))
            }
        }
    }
}

fn line_around<'t>(text: &'t [u8], hit: &scanner::Hit) -> &'t [u8] {
    let before = &text[hit.start.saturating_sub(LINE_MAX)..hit.start];
    let start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
    let behind = &text[hit.end..text.len().min(hit.end + LINE_MAX)];
    let end = memchr::memchr(b'\n', behind).unwrap_or(behind.len());
    &text[hit.start - (before.len() - start)..hit.end + end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(text: &[u8]) -> Piece<'_> {
        Piece {
            offset: 0,
            lines: 0,
            letters: 0,
            bytes: text,
            starts: 0..text.len(),
        }
    }

    /// A made-up key of the right form.
    fn key() -> String {
        format!("sk-ant-api03-{}AA", "Zq7-Kd_3xV9b".repeat(8).split_at(93).0)
    }

    #[test]
    fn what_is_found_is_told_without_itself() {
        let value = SecretValue::from_text("made-up-value".to_owned());
        let secret = "TOKEN".parse().expect("a name");
        let environment = "dev".parse().expect("a name");
        let values = [Sought {
            secret: &secret,
            version: 3,
            state: ValueState::Current,
            environment: &environment,
            value: &value,
        }];
        let (rules, config) = (Rules::built_in(), ScanConfig::default());
        let search = Search::new(&rules, &values, &config);
        let text = format!("a: 1\nb: {} # c\n  д: made-up-value\n", key());

        let looked = search.look(&piece(text.as_bytes()));

        let [of_format, of_vault] = &looked.spotted[..] else {
            panic!("{:?}", looked.spotted)
        };
        assert_eq!((of_format.position.line, of_format.position.column), (2, 4));
        assert_eq!(of_format.what.rule(), "anthropic-api-key");
        assert_eq!(
            of_format.masked.as_deref(),
            Some("sk-ant-api… (108 characters)")
        );
        assert_eq!((of_vault.position.line, of_vault.position.column), (3, 6));
        assert_eq!(of_vault.masked, None);
        assert_eq!(of_vault.id, config.id_of(b"made-up-value"));
    }

    #[test]
    fn what_is_allowed_is_counted() {
        let (rules, none) = (Rules::built_in(), ScanConfig::default());
        let id = none.id_of(key().as_bytes());
        let config = ScanConfig::parse(&format!("[[allow]]\nid = \"{id}\"")).expect("it is one");
        let by_comment = format!("a = {} # keyvault:allow\n", key());
        let by_id = format!("a = {}\n", key());
        for (config, text, allowed) in [
            (&none, &by_comment, 1),
            (&config, &by_id, 1),
            (&none, &by_id, 0),
            (&none, &format!("# keyvault:allow\n{by_id}"), 0),
        ] {
            let looked = Search::new(&rules, &[], config).look(&piece(text.as_bytes()));
            assert_eq!(looked.allowed, allowed, "{text}");
            assert_eq!(looked.spotted.len() as u64, 1 - allowed, "{text}");
        }
    }

    #[test]
    fn what_begins_in_another_piece_is_left_to_it() {
        let (rules, config) = (Rules::built_in(), ScanConfig::default());
        let search = Search::new(&rules, &[], &config);
        let text = format!("{} {}", key(), key());
        let half = text.len() / 2;
        for starts in [0..half, half..text.len()] {
            let looked = search.look(&Piece {
                starts,
                ..piece(text.as_bytes())
            });
            assert_eq!(looked.spotted.len(), 1);
        }
    }

    #[test]
    fn text_of_windows_is_looked_through() {
        let (rules, config) = (Rules::built_in(), ScanConfig::default());
        let text = format!("\u{feff}a\r\nb = {}\r\n", key());
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let looked = Search::new(&rules, &[], &config).look(&piece(&wide));
        assert_eq!(looked.spotted.len(), 1);
        assert_eq!(looked.spotted[0].position.line, 2);
    }
}
