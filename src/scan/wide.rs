//! Text in UTF-16, as Windows writes it: each letter of a key has a byte 0 beside it there.

/// How much of a text is looked at.
const HEAD: usize = 256;

/// Returns a text that is in UTF-16 in UTF-8; nothing where it is not.
pub fn narrowed(text: &[u8]) -> Option<Vec<u8>> {
    let is_little = match text {
        [0xff, 0xfe, ..] => true,
        [0xfe, 0xff, ..] => false,
        _ => {
            // A zero byte is in no other text, and hardly in every second place of
            // anything else.
            let head = &text[..text.len().min(HEAD) & !1];
            memchr::memchr(0, head)?;
            let zeros = |at: usize| {
                let of_pairs = head
                    .chunks_exact(2)
                    .filter(|pair| pair[at] == 0 && pair[1 - at] != 0);
                4 * of_pairs.count() > 3 * head.len() / 2
            };
            match (zeros(1), zeros(0)) {
                (true, false) => true,
                (false, true) => false,
                _ => return None,
            }
        }
    };
    let pairs = text.chunks_exact(2).map(|pair| match is_little {
        true => u16::from_le_bytes([pair[0], pair[1]]),
        false => u16::from_be_bytes([pair[0], pair[1]]),
    });
    let letters =
        char::decode_utf16(pairs).map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER));
    Some(letters.collect::<String>().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_windows_is_read_as_it_looks() {
        let text = "password = \"n0t-a-real-one\" # ключ 🔑\r\n";
        let little = |mark: &str| -> Vec<u8> {
            let text = format!("{mark}{text}");
            text.encode_utf16().flat_map(u16::to_le_bytes).collect()
        };
        let big = |mark: &str| -> Vec<u8> {
            let text = format!("{mark}{text}");
            text.encode_utf16().flat_map(u16::to_be_bytes).collect()
        };
        for mark in ["", "\u{feff}"] {
            for wide in [little(mark), big(mark)] {
                let narrow = narrowed(&wide).expect("it is wide");
                assert_eq!(
                    String::from_utf8(narrow).expect("text"),
                    format!("{mark}{text}")
                );
            }
        }
        for other in [
            &b""[..],
            b"a",
            text.as_bytes(),
            &[0; 100],
            &[0xfe, 0x01, 0, 0, 7, 0],
        ] {
            assert_eq!(narrowed(other), None);
        }
    }
}
