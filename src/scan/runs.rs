//! Long runs of the characters that keys are made of. Hardly anything else in a text has
//! them, so that most of it is passed over many bytes at a time.

/// How long a run has to be: no well-known key has fewer such characters in a row, and
/// few words of a text have as many.
pub const RUN_MIN: usize = 16;

/// By one byte, whether it can be in a run.
const MEMBERS: [bool; 256] = {
    let mut members = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        members[byte] = belongs(byte as u8);
        byte += 1;
    }
    members
};

/// Tells whether a byte can be in a run.
pub fn is_member(byte: u8) -> bool {
    MEMBERS[usize::from(byte)]
}

/// Letters, digits, and what base64 in both its alphabets has besides. There is no branch in
/// it, so that many bytes are told at once.
const fn belongs(byte: u8) -> bool {
    let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    // Digits follow `/`.
    let digit = byte.wrapping_sub(b'/') < 11;
    letter | digit | (byte == b'_') | (byte == b'-') | (byte == b'+')
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
        let mut at = self.at;
        let mut members_before = 0;
        while at < self.text.len() {
            let rest = &self.text[at..];
            let members = match rest.first_chunk() {
                Some(block) => members_of(block),
                None => {
                    let mut block = [0; BLOCK];
                    block[..rest.len()].copy_from_slice(rest);
                    members_of(&block)
                }
            };
            // Of a run that began in the block before as much is there as is too short.
            let members = u128::from(members) << RUN_MIN | members_before;
            // Of two in a row, of four, of eight, of sixteen the first.
            let mut firsts = members;
            for length in [1, 2, 4, 8] {
                firsts &= firsts >> length;
            }
            if firsts != 0 {
                let start = at + firsts.trailing_zeros() as usize - RUN_MIN;
                let rest = &self.text[start + RUN_MIN..];
                let more = rest.iter().position(|byte| !is_member(*byte));
                let end = start + RUN_MIN + more.unwrap_or(rest.len());
                self.at = end;
                return Some((start, end));
            }
            members_before = members >> BLOCK;
            at += BLOCK;
        }
        self.at = at;
        None
    }
}

/// How many bytes are looked at at once. Where a word ends nobody can foretell, and to stop
/// there costs a processor more than to look at all.
const BLOCK: usize = 64;

/// Returns which bytes of a block can be in a run: the first is the lowest bit.
fn members_of(block: &[u8; BLOCK]) -> u64 {
    let flags = block.map(|byte| u8::from(belongs(byte)));
    // Each product has the flags of eight bytes, of one bit each, in its highest byte.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let (eights, _) = flags.as_chunks();
    let bytes = eights
        .iter()
        .map(|eight| u64::from_le_bytes(*eight).wrapping_mul(GATHER) >> 56);
    bytes.rev().fold(0, |members, byte| members << 8 | byte)
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

    #[test]
    fn members_are_letters_digits_and_what_base64_has() {
        for byte in 0..=u8::MAX {
            let is = byte.is_ascii_alphanumeric() || b"_-+/".contains(&byte);
            assert_eq!(is_member(byte), is, "{byte}");
        }
    }

    proptest! {
        #[test]
        fn each_run_is_found(lengths in prop::collection::vec(0..40_usize, 0..40), ends in 0..3_usize) {
            let words = lengths.iter().map(|length| "a-0Z_+/".repeat(8)[..*length].to_owned());
            let text = words.collect::<Vec<_>>().join(" ") + &" ".repeat(ends);
            let found: Vec<_> = runs(text.as_bytes()).collect();
            prop_assert_eq!(found, plainly(text.as_bytes()));
        }

        #[test]
        fn a_long_run_is_found_whole(before in 0..130_usize, length in 0..300_usize) {
            let text = format!("{}{}.", ".".repeat(before), "x".repeat(length));
            let found: Vec<_> = runs(text.as_bytes()).collect();
            prop_assert_eq!(found, plainly(text.as_bytes()));
        }
    }
}
