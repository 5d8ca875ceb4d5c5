//! Private keys that everybody has: those in the tests and examples of well-known packages.
//!
//! A list of their digests leaves them out: by what they are and not by where they stand, so
//! that no other key passes for one of them, whatever its file is called. That one of them
//! opens something is not a leak that a scan could prevent: it was out before.

use std::sync::OnceLock;

use sha2::{Digest as _, Sha256};

/// A digest in hexadecimal and where the key is, on a line each; `#` begins a comment.
const LIST: &str = include_str!("rules/published.txt");

/// How much of a digest is kept: so much that nobody makes a key that has one of the list.
const DIGEST: usize = 8;

/// Tells whether a token is a key that was published as one for tests.
pub fn is_published(token: &[u8]) -> bool {
    static SORTED: OnceLock<Vec<[u8; DIGEST]>> = OnceLock::new();
    let sorted = SORTED.get_or_init(|| {
        let mut all: Vec<_> = listed().map(|(digest, _)| digest).collect();
        all.sort_unstable();
        all
    });
    sorted.binary_search(&digest(token)).is_ok()
}

/// Returns what is on the list: digests, and where the keys are.
fn listed() -> impl Iterator<Item = ([u8; DIGEST], &'static str)> {
    let lines = LIST.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| {
        let (digest, place) = line.split_once(' ').expect("a test reads it");
        let digest = u64::from_str_radix(digest, 16).expect("a test reads it");
        (digest.to_be_bytes(), place)
    })
}

/// Of letters and digits alone: a key in a file is the same in the string of a program, with
/// quotes, escapes and indentation.
fn digest(token: &[u8]) -> [u8; DIGEST] {
    let mut hash = Sha256::new();
    let mut is_escape = false;
    for byte in token {
        if byte.is_ascii_alphanumeric() && !is_escape {
            hash.update([*byte]);
        }
        is_escape = *byte == b'\\';
    }
    let whole = hash.finalize();
    *whole.first_chunk().expect("it is longer")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::rules::Rules;
    use crate::scan::scanner::Scanner;

    /// Of RFC 8410, section 10.3, and in the tests of many packages since. `•` is taken out.
    const PUBLISHED: &str = "-----BEGIN •PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----";

    fn published() -> String {
        PUBLISHED.replace('•', "")
    }

    #[test]
    fn a_published_key_is_one_however_it_is_written() {
        for text in [
            published(),
            published().replace('\n', "\r\n"),
            published().replace('\n', "\\n"),
            published().replace('\n', "\\\\n"),
            published().replace('\n', "\\n\" +\n    \""),
            published().replace('\n', "\n    /// "),
        ] {
            assert!(is_published(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn no_other_key_passes_for_it() {
        for text in [
            published().replace("MC4CAQ", "MC4CAR"),
            published().replace("EdVhC", "EdVhCA"),
            published().replace("-----END", "MC4C\n-----END"),
            format!("{0}\n{0}", published()),
            String::new(),
        ] {
            assert!(!is_published(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn it_is_not_found_and_another_beside_it_is() {
        let rules = Rules::built_in();
        let other = published().replace("MC4CAQ", "MC4CAR");
        let text = format!("{}\n{other}", published());
        let hits = Scanner::new(&rules, []).scan(text.as_bytes());
        let found: Vec<_> = hits.iter().map(|hit| &text[hit.start..hit.end]).collect();
        assert_eq!(found, [other]);
    }

    #[test]
    fn the_list_is_sorted_by_place_and_has_each_once() {
        let all: Vec<_> = listed().collect();
        assert!(all.is_sorted_by_key(|(_, place)| *place));
        let mut digests: Vec<_> = all.iter().map(|(digest, _)| digest).collect();
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), all.len());
    }
}
