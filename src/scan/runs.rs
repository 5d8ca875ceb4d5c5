//! Long runs of the characters that keys are made of. Hardly anything else in a text has
//! them, so that most of it is passed over a dozen bytes at a time.

/// How long a run has to be: no well-known key has fewer such characters in a row, and
/// few words of a text have as many.
pub const RUN_MIN: usize = 16;

/// Letters, digits, and what base64 in both its alphabets has besides.
const MEMBERS: [bool; 256] = {
    let mut members = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let one = byte as u8;
        members[byte] = one.is_ascii_alphanumeric() || matches!(one, b'_' | b'-' | b'+' | b'/');
        byte += 1;
    }
    members
};

/// Tells whether a byte can be in a run.
pub fn is_member(byte: u8) -> bool {
    MEMBERS[usize::from(byte)]
}

/// Returns the runs of a text, as places, in their order.
pub fn runs(text: &[u8]) -> Runs<'_> {
    Runs { text, at: 0 }
}

/// The runs of a text.
pub struct Runs<'a> {
    text: &'a [u8],
    /// No run that was not returned yet begins before it.
    at: usize,
}

impl Iterator for Runs<'_> {
    type Item = (usize, usize);

    fn next(&mut self) -> Option<(usize, usize)> {
        let (mut start, mut checked) = (self.at, self.at);
        // A run that begins at `start` goes on to this place: where it does not, none
        // begins before the last byte there that is in no run.
        while let Some(ahead) = self.text.get(checked..start + RUN_MIN) {
            match ahead.iter().rposition(|byte| !is_member(*byte)) {
                Some(breaks) => {
                    (start, checked) = (checked + breaks + 1, start + RUN_MIN);
                }
                None => {
                    let rest = &self.text[start + RUN_MIN..];
                    let more = rest.iter().position(|byte| !is_member(*byte));
                    let end = start + RUN_MIN + more.unwrap_or(rest.len());
                    self.at = end;
                    return Some((start, end));
                }
            }
        }
        self.at = self.text.len();
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The runs, found by looking at each byte.
    fn plainly(text: &[u8]) -> Vec<(usize, usize)> {
        let mut all = Vec::new();
        let mut start = 0;
        for at in 0..=text.len() {
            if text.get(at).is_none_or(|byte| !is_member(*byte)) {
                if at - start >= RUN_MIN {
                    all.push((start, at));
                }
                start = at + 1;
            }
        }
        all
    }

    proptest! {
        #[test]
        fn each_run_is_found(lengths in prop::collection::vec(0..40_usize, 0..12)) {
            let words = lengths.iter().map(|length| "a".repeat(*length));
            let text = words.collect::<Vec<_>>().join(" ");
            let found: Vec<_> = runs(text.as_bytes()).collect();
            prop_assert_eq!(found, plainly(text.as_bytes()));
        }
    }
}
