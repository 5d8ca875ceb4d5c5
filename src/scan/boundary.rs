//! Where a token can begin. Where it ends its alphabet says: at the first byte that cannot
//! belong to it, whatever that is.

/// How much base64 before a token makes the token a part of it.
const BASE64_MIN: usize = 32;

/// Tells whether a token with this prefix can begin at a place: not in the middle of a word,
/// unless what seems to be its letters is the end of an escape, as in `\nsk-…` and
/// `%3Dsk-…`; not in the middle of words with hyphens, as `cache-key-…`; and not in that of
/// base64.
pub fn can_begin(text: &[u8], at: usize, prefix: &[u8]) -> bool {
    let before = &text[at.saturating_sub(BASE64_MIN + 1)..at];
    match before {
        [.., last] if last.is_ascii_alphanumeric() => ends_escape(before),
        [rest @ .., hyphen @ (b'-' | b'_')] => {
            let is_word = rest.last().is_some_and(u8::is_ascii_alphanumeric);
            !(is_word && prefix.last() == Some(hyphen)) || ends_escape(rest)
        }
        [rest @ .., b'+' | b'/'] => !is_base64(rest),
        _ => true,
    }
}

fn is_base64(text: &[u8]) -> bool {
    let has = |is: fn(&u8) -> bool| text.iter().any(is);
    text.len() >= BASE64_MIN
        && text
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
        && has(u8::is_ascii_digit)
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
}

/// Tells whether a text ends in an escape, as programs and terminals have them.
pub fn ends_escape(before: &[u8]) -> bool {
    let is_hex = |digits: &[u8]| digits.iter().all(u8::is_ascii_hexdigit);
    match before {
        [
            ..,
            b'\\',
            b'n' | b'r' | b't' | b'b' | b'f' | b'v' | b'0' | b'a',
        ] => true,
        // URLs, also encoded twice; what mails have for `=`.
        [.., b'%', b'2', b'5', a, b] | [.., b'%', a, b] => is_hex(&[*a, *b]),
        [.., b'=', b'3', b'D'] => true,
        [.., b'\\', b'x', a, b] => is_hex(&[*a, *b]),
        [.., b'\\', b'u', a, b, c, d] => is_hex(&[*a, *b, *c, *d]),
        [.., b'm'] => ends_colour(before),
        _ => false,
    }
}

/// Tells whether a text ends in what sets a terminal's colour (ECMA-48, 8.3.117), the
/// escape character as it is or as programs write it.
fn ends_colour(before: &[u8]) -> bool {
    let Some(rest) = before.strip_suffix(b"m") else {
        return false;
    };
    let numbers = rest.iter().rev();
    let numbers = numbers.take_while(|byte| byte.is_ascii_digit() || **byte == b';');
    let rest = &rest[..rest.len() - numbers.count()];
    let Some(rest) = rest.strip_suffix(b"[") else {
        return false;
    };
    let escapes: [&[u8]; 6] = [b"\x1b", b"\\x1b", b"\\x1B", b"\\033", b"\\e", b"\\u001b"];
    escapes.iter().any(|escape| rest.ends_with(escape))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_begins_where_no_word_goes_on() {
        for before in [
            "",
            " ",
            "\"",
            "'",
            "=",
            ":",
            "/",
            "(",
            "<",
            ">",
            "@",
            "&",
            ",",
            "_",
            "-",
            "\n-",
            "KEY_",
            "https://example.org/a/",
            "。",
            "密钥",
            r"\n",
            r"\\n",
            r"\t",
            "%3D",
            "%3d",
            "%253D",
            "%22",
            "=3D",
            r"\u003d",
            r"\\u0022",
            r"\x3d",
            "\u{1b}[0m",
            "\u{1b}[1;31m",
            r"\x1b[32m",
            r"\033[0m",
            r"\u001b[m",
        ] {
            let text = format!("{before}sk-key");
            assert!(
                can_begin(text.as_bytes(), before.len(), b"sk-"),
                "{before:?}"
            );
        }
        for before in [
            "a", "di", "ta", "0", "n", "3D", "u003d", "%3", r"\q", "[0m", "x3d", "cache-", "la-",
        ] {
            let text = format!("{before}sk-key");
            assert!(
                !can_begin(text.as_bytes(), before.len(), b"sk-"),
                "{before:?}"
            );
        }
    }
}
