//! Values that were copied with a blank too many.

use serde::Serialize;

use crate::vault::attention::text;

/// Where a value has a blank, a line end or an invisible character that was hardly
/// meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StraySpace {
    /// In front.
    Start,
    /// Behind.
    End,
    /// Somewhere else, where it cannot be seen, or not be told from a space.
    Inside,
}

/// Finds the first of them. Text of several lines may end in a line end, as files do.
pub fn stray_space(value: &[u8]) -> Option<StraySpace> {
    let text = text(value)?;
    let is_stray = |c: char| c.is_whitespace() || is_invisible(c);
    if text.starts_with(is_stray) {
        return Some(StraySpace::Start);
    }
    let line = text
        .strip_suffix('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line));
    let body = line.filter(|line| line.contains('\n')).unwrap_or(text);
    if body.ends_with(is_stray) {
        return Some(StraySpace::End);
    }
    // Some scripts and emoji need them; what is ASCII else does not.
    let is_hidden = |c: char| is_invisible(c) || c == '\u{a0}';
    let is_inside = text.contains(is_hidden) && text.chars().all(|c| c.is_ascii() || is_hidden(c));
    is_inside.then_some(StraySpace::Inside)
}

/// Zero width space, non-joiner and joiner, word joiner, soft hyphen, byte order mark.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{ad}' | '\u{feff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blank_too_many_is_found() {
        use StraySpace::{End, Inside, Start};
        for (text, expected) in [
            (" a", Some(Start)),
            ("\ta", Some(Start)),
            ("\u{feff}a", Some(Start)),
            ("\u{a0}a", Some(Start)),
            ("  ", Some(Start)),
            ("a ", Some(End)),
            ("a\n", Some(End)),
            ("a\r\n", Some(End)),
            ("a\r", Some(End)),
            ("a\u{200b}", Some(End)),
            ("a\u{a0}", Some(End)),
            ("a\u{200b}b", Some(Inside)),
            ("a\u{a0}b", Some(Inside)),
            ("a\nb\n\n", Some(End)),
            ("a\nb \n", Some(End)),
            ("", None),
            ("a", None),
            ("a b", None),
            ("a\nb", None),
            ("a\nb\n", None),
            ("a\r\nb\r\n", None),
            ("-----BEGIN X-----\nAA==\n-----END X-----\n", None),
            ("10\u{a0}\u{20ac}", None),
            ("\u{1f469}\u{200d}\u{1f4bb}", None),
        ] {
            assert_eq!(stray_space(text.as_bytes()), expected, "{text:?}");
        }
        assert_eq!(stray_space(b" \xff "), None);
    }
}
