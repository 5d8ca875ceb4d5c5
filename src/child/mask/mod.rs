//! Masking: values in a program's output are replaced by `[NAME]`, in every form in
//! which programs print them by accident, and everything else is passed on byte for
//! byte.
//!
//! [`Masks`] knows what to look for, a [`Filter`] looks for it in one stream. Both
//! are pure: they are given bytes and return bytes, and somebody else reads,
//! writes and watches the clock.
//!
//! # What is promised
//!
//! - Of the forms that begin at one place the longest is replaced, and of those that
//!   overlap the one that begins first; in whatever pieces the output comes. Two
//!   secrets with one value have the name of the first.
//! - Held back is the longest end of the output that may be the beginning of a form,
//!   and nothing else.
//! - A prompt that ends in the letter with which some form begins must not wait for
//!   ever. When nothing has come for a while, [`Filter::settle`] gives out a part of what is
//!   held back: of no form more than [`GIVEN_AWAY`] bytes nor more than a quarter. What
//!   follows is still looked at as the rest of the form, and then masked.
//!
//! # What is not found
//!
//! A value that a program encodes in yet another way, or twice; base64 that is broken into
//! lines within the value; one line of a value of several; a value that is drawn
//! piece by piece at places of the screen.

mod filter;

use crate::forms::{Forms, is_trivial};
use crate::name::SecretName;
use crate::secret_value::SecretValue;

pub use filter::{Filter, PIECE};

/// How much of a form is given away at most, to keep a prompt from waiting: enough
/// for what says whose value it is, as `sk-live-` does.
pub const GIVEN_AWAY: usize = 8;

/// What is to be replaced, and by what.
pub struct Masks {
    forms: Forms,
    labels: Vec<String>,
}

impl Masks {
    /// Takes the secrets whose values are not to be seen, and returns the names of
    /// those that are too short or too common to be masked, each once.
    pub fn new<'a>(
        secrets: impl IntoIterator<Item = (&'a SecretName, &'a SecretValue)>,
    ) -> (Self, Vec<&'a SecretName>) {
        let mut unmasked = Vec::new();
        let mut labels = Vec::new();
        let mut values = Vec::new();
        for (name, value) in secrets {
            // The space around a value is often lost on its way, and is no secret.
            let value = value.expose().trim_ascii();
            if is_trivial(value) {
                if !unmasked.contains(&name) {
                    unmasked.push(name);
                }
                continue;
            }
            let label = labels.len();
            labels.push(format!("[{name}]"));
            values.push((label, value));
        }
        let forms = Forms::of(values);
        (Self { forms, labels }, unmasked)
    }

    /// Returns how much may be given away of a text that is the beginning of forms: of
    /// the shortest of them a quarter.
    fn given_away(&self, text: &[u8]) -> Option<usize> {
        let lengths = self.forms.begun_by(text);
        lengths.min().map(|length| GIVEN_AWAY.min(length / 4))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(name: &str, value: &[u8]) -> (SecretName, SecretValue) {
        let value = SecretValue::new(zeroize::Zeroizing::new(value.to_vec()));
        (name.parse().expect("a name"), value)
    }

    fn masked(value: &[u8], text: &str) -> String {
        let secret = secret("A", value);
        let (masks, unmasked) = Masks::new([(&secret.0, &secret.1)]);
        assert_eq!(unmasked.len(), 0);
        let mut filter = Filter::new(&masks);
        let mut out = Vec::new();
        filter.push(text.as_bytes(), &mut out);
        filter.finish(&mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn each_form_is_found() {
        // The values are made up; each line is what the named program printed.
        let url = b"p@ss w0rd/~!(x)*'+=&";
        for text in [
            "p@ss w0rd/~!(x)*'+=&",
            "p%40ss%20w0rd%2F~%21%28x%29%2A%27%2B%3D%26", // python quote(safe='')
            "p%40ss%20w0rd/~%21%28x%29%2A%27%2B%3D%26",   // python quote
            "p%40ss+w0rd%2F~%21%28x%29%2A%27%2B%3D%26",   // python quote_plus, Go QueryEscape
            "p%40ss%20w0rd%2F~!(x)*'%2B%3D%26",           // encodeURIComponent
            "p@ss%20w0rd/~!(x)*'+=&",                     // encodeURI
            "p%40ss+w0rd%2F%7E%21%28x%29*%27%2B%3D%26",   // URLSearchParams
            "p%40ss%20w0rd%2F~!(x)*'+%3D&",               // new URL(…).password
            "p%40ss%20w0rd%2f~%21%28x%29%2a%27%2b%3d%26",
            "7040737320773072642f7e212878292a272b3d26", // xxd -p
            "7040737320773072642F7E212878292A272B3D26",
            "cEBzcyB3MHJkL34hKHgpKicrPSY=",  // base64
            "cEBzcyB3MHJkL34hKHgpKicrPSY",   // base64url
            "p@ss w0rd/~!(x)*&#x27;+=&amp;", // python html.escape
            "p@ss w0rd/~!(x)*&#039;+=&amp;", // PHP htmlspecialchars
            "p@ss w0rd/~!(x)*&#39;+=&amp;",  // Go html/template
            "p@ss w0rd/~!(x)*'+=&amp;",      // libxml2
        ] {
            assert_eq!(masked(url, &format!("<{text}>")), "<[A]>", "{text}");
        }
        let json = "a\"b\\c/d\te\u{1}é🔑<&>".as_bytes();
        for text in [
            r#"a\"b\\c/d\te\u0001é🔑<&>"#,                 // JSON.stringify
            r#"a\"b\\c/d\te\u0001\u00e9\ud83d\udd11<&>"#,  // python json.dumps
            r#"a\"b\\c\/d\te\u0001\u00e9\ud83d\udd11<&>"#, // PHP json_encode
            r#"a\"b\\c/d\te\u0001é🔑\u003c\u0026\u003e"#,  // Go json.Marshal
            r#"a\u0022b\\c/d\te\u0001\u00E9\uD83D\uDD11\u003C\u0026\u003E"#, // .NET
            r#"a\"b\\c/d\u0009e\u0001\u00e9\ud83d\udd11<&>"#,
        ] {
            assert_eq!(masked(json, &format!("\"{text}\"")), "\"[A]\"", "{text}");
        }
    }

    #[test]
    fn a_line_s_end_is_the_terminal_s() {
        let lines = b"-----BEGIN-----\nabc\n-----END-----\n";
        assert_eq!(
            masked(lines, "-----BEGIN-----\nabc\n-----END-----\n"),
            "[A]\n"
        );
        assert_eq!(
            masked(lines, "-----BEGIN-----\r\nabc\r\n-----END-----\r\n"),
            "[A]\r\n"
        );
        assert_eq!(
            masked(lines, r"-----BEGIN-----\nabc\n-----END-----\n"),
            r"[A]\n"
        );
    }

    #[test]
    fn base64_is_found_between_other_bytes() {
        use base64::Engine as _;
        use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};

        let value = b"\xfb\xff\xfe~~made-up?>";
        for before in 0..6 {
            for behind in 0..6 {
                let whole = [&b"user:\xff"[..before], value, &b":more\x00"[..behind]].concat();
                for text in [
                    STANDARD.encode(&whole),
                    URL_SAFE.encode(&whole),
                    STANDARD_NO_PAD.encode(&whole),
                ] {
                    let masked = masked(value, &text);
                    assert_eq!(masked.matches("[A]").count(), 1, "{text}: {masked}");
                    // Of the value is left at most what shares letters with its neighbours.
                    let left = masked.len() - "[A]".len();
                    let others = (4 * before).div_ceil(3) + (4 * behind).div_ceil(3) + 3;
                    assert!(left <= others, "{text}: {masked}");
                    if behind == 0 {
                        assert!(masked.ends_with("[A]"), "{text}: {masked}");
                    }
                }
            }
        }
    }

    #[test]
    fn two_names_of_one_value_are_the_first() {
        let secrets = [
            secret("A", b"made-up"),
            secret("B", b"made-up"),
            secret("C", b"made-up-2"),
        ];
        let (masks, _) = Masks::new(secrets.iter().map(|(name, value)| (name, value)));
        let mut filter = Filter::new(&masks);
        let mut out = Vec::new();
        filter.push(b"made-up made-up-2", &mut out);
        filter.finish(&mut out);
        assert_eq!(out, b"[A] [C]");
    }

    #[test]
    fn what_is_short_or_common_is_not_masked() {
        for value in [
            "",
            "a",
            "abc",
            " abc\n",
            "true",
            "True",
            "8080",
            "65535",
            "xxxxxxxx",
            "localhost",
        ] {
            let secret = secret("A", value.as_bytes());
            let twice = [(&secret.0, &secret.1), (&secret.0, &secret.1)];
            let (masks, unmasked) = Masks::new(twice);
            assert_eq!(unmasked, [&secret.0], "{value}");
            assert_eq!(masks.forms.all().len(), 0);
        }
        for value in ["abcd", "123456", "true1", "xxxy"] {
            assert_eq!(masked(value.as_bytes(), value), "[A]", "{value}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_found() {
        assert_eq!(
            masked(b"\xff\xfe\x00\x01", "fffe0001 //4AAQ== %FF%FE%00%01"),
            "[A] [A] [A]"
        );
    }
}
