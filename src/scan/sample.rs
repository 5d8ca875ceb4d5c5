//! Tokens of the right shape that nobody could use: what documentation shows, and what is
//! to be filled in.

/// How few different characters no key of a provider has: of 16 random digits in base 16
/// one in ten thousand has as few.
const DISTINCT_MIN: usize = 6;

/// How many characters that follow each other in the alphabet are typed and not drawn.
const ASCENDING_MIN: usize = 8;

/// Of so many of one character in a row the same holds.
const REPEATED_MIN: usize = 6;

/// From which length on no random text is of small letters alone, or of capitals.
const WORDS_MIN: usize = 20;

/// How long a text is at most that comes again and again, and how often it has to.
const PERIOD_MAX: usize = 8;
const PERIODS_MIN: usize = 2;

/// Words, in lower case, that a key has by chance once in a hundred thousand times or less.
const WORDS: &[&str] = &[
    "changeme",
    "default",
    "dummy",
    "example",
    "fake",
    "foobar",
    "goes-here",
    "goeshere",
    "here",
    "insert",
    "invalid",
    "placeholder",
    "redacted",
    "removed",
    "replace",
    "sample",
    "secret",
    "testtest",
    "token",
    "your",
];

/// Tells whether the body of a token, what comes behind its prefix, is filled in by hand.
pub fn is_sample(body: &[u8]) -> bool {
    let mut seen = [false; 256];
    body.iter().for_each(|byte| seen[usize::from(*byte)] = true);
    let distinct = seen.iter().filter(|seen| **seen).count();
    distinct < DISTINCT_MIN
        || is_words(body)
        || has_series(body, 1)
        || has_series(body, 2)
        || is_repeated(body)
        || has_word(body)
}

/// Tells whether it is words with hyphens between them, as the names of classes are.
fn is_words(body: &[u8]) -> bool {
    let has = |is: fn(&u8) -> bool| body.iter().any(is);
    body.len() >= WORDS_MIN
        && !has(u8::is_ascii_digit)
        && !(has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase))
}

/// Tells whether a few characters come again and again.
fn is_repeated(body: &[u8]) -> bool {
    (1..=PERIOD_MAX).any(|period| {
        let mut same = 0;
        let pairs = body.iter().zip(body.get(period..).unwrap_or_default());
        pairs.into_iter().any(|(one, later)| {
            same = if one == later { same + 1 } else { 0 };
            same >= PERIODS_MIN * PERIOD_MAX
        })
    })
}

/// Tells whether characters follow each other in the alphabet, or are the same: those next
/// to each other, or every second one, as in `A1B2C3D4`.
fn has_series(body: &[u8], step: usize) -> bool {
    let (mut ascending, mut repeated) = (1, 1);
    let pairs = body.iter().zip(body.get(step..).unwrap_or_default());
    pairs.into_iter().any(|(one, next)| {
        // From 9 to 0 and from z to a it goes on.
        let follows = *next == one.wrapping_add(1)
            || matches!(
                (one, next),
                (b'9', b'0' | b'a' | b'A') | (b'z', b'a') | (b'Z', b'A')
            );
        ascending = if follows { ascending + 1 } else { 1 };
        repeated = if one == next && step == 1 {
            repeated + 1
        } else {
            1
        };
        ascending >= ASCENDING_MIN || repeated >= REPEATED_MIN
    })
}

fn has_word(body: &[u8]) -> bool {
    let lower = body.to_ascii_lowercase();
    let mut words = WORDS.iter();
    words.any(|word| memchr::memmem::find(&lower, word.as_bytes()).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_no_key() {
        for body in [
            "xxxxxxxxxxxxxxxxxxxx",
            "XXXXyyyyXXXXyyyyXXXX",
            "your-key-goes-here-aB3",
            "IOSFODNN7EXAMPLE",
            "1234567890qwertyuiop",
            "abcdefghijklmnopqrstuvwxyz",
            "Zk3TqR8000000000Lw9v",
            "REPLACE_ME_WITH_9aT",
            "A1B2C3D4E5F6G7H8I9J0K1L2M3N4O5P6Q",
            "1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZ",
            "explanation-panel-feature-attribution-bar",
        ] {
            assert!(is_sample(body.as_bytes()), "{body}");
        }
        for body in [
            "V7kq2LmZ9xTbR4wNd8Ys",
            "0f3a9c1e7b2d4856",
            "QWJjRGVmR2hpSmtMbW5v",
        ] {
            assert!(!is_sample(body.as_bytes()), "{body}");
        }
    }
}
