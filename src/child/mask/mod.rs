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
//!
//! # How it looks
//!
//! All forms are sorted, so the longest that a text begins with, and whether a longer one
//! may follow, is one binary search. It is done only where four bytes are the first four
//! of some form, which a table of bits tells; and another tells it for several places at
//! once, where all forms are longer than four. An automaton (Aho-Corasick) would need
//! no such table, and would have hundreds of states for each form that cannot be
//! wiped, and be slower for hundreds of secrets.

mod encodings;
mod filter;

use crate::child::mask::encodings::{Form, forms};
use crate::name::SecretName;
use crate::secret_value::SecretValue;

pub use filter::{Filter, PIECE};

/// The shortest value that is masked, and the shortest form. What is shorter is found
/// by chance in any output.
pub const SHORTEST: usize = 4;

/// How much of a form is given away at most, to keep a prompt from waiting: enough
/// for what says whose value it is, as `sk-live-` does.
pub const GIVEN_AWAY: usize = 8;

/// Numbers of so many digits are ports, years and sizes, and not masked.
const DIGITS: usize = 5;

/// Values that are settings and no secrets, in lower case. Masked they would make holes
/// in all that a program says.
const TRIVIAL: [&str; 27] = [
    "0.0.0.0",
    "127.0.0.1",
    "admin",
    "debug",
    "default",
    "development",
    "disabled",
    "enabled",
    "error",
    "example",
    "false",
    "info",
    "local",
    "localhost",
    "none",
    "null",
    "password",
    "postgres",
    "prod",
    "production",
    "root",
    "secret",
    "staging",
    "test",
    "true",
    "undefined",
    "user",
];

/// How many places are passed over at once at most: the tables grow with it.
const STRIDE: usize = 8;

/// What is to be replaced, and by what.
pub struct Masks {
    /// Sorted, and each of them once.
    entries: Vec<Entry>,
    labels: Vec<String>,
    /// Four bytes with which forms begin.
    beginnings: Windows,
    /// Four bytes with which they go on: of their first places, as many as are passed
    /// over at once.
    inside: Windows,
    /// How many that is: of so many places in a row, one is in `inside` if a form begins
    /// at the first of them.
    stride: usize,
    /// By one byte: whether a form begins so.
    first: [bool; 256],
    longest: usize,
}

struct Entry {
    form: Form,
    label: usize,
    /// The longest other entry that this one begins with.
    shorter: Option<usize>,
}

/// What a text is, as far as it goes.
struct Found {
    /// The longest form that it begins with: its length and its label.
    form: Option<(usize, usize)>,
    /// Whether all of it is the beginning of a longer form.
    is_open: bool,
}

impl Masks {
    /// Takes the secrets whose values are not to be seen, and returns the names of
    /// those that are too short or too common to be masked, each once.
    pub fn new<'a>(
        secrets: impl IntoIterator<Item = (&'a SecretName, &'a SecretValue)>,
    ) -> (Self, Vec<&'a SecretName>) {
        let mut unmasked = Vec::new();
        let mut labels = Vec::new();
        let mut entries = Vec::new();
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
            let long = forms(value)
                .into_iter()
                .filter(|form| form.len() >= SHORTEST);
            entries.extend(long.map(|form| Entry {
                form,
                label,
                shorter: None,
            }));
        }
        (Self::of(entries, labels), unmasked)
    }

    fn of(mut entries: Vec<Entry>, labels: Vec<String>) -> Self {
        // The first of equal ones has the first label.
        entries.sort_by(|a, b| a.form.cmp(&b.form).then(a.label.cmp(&b.label)));
        entries.dedup_by(|later, first| later.form == first.form);
        // All that an entry begins with stand before it, each of them beginning with
        // the one before.
        let mut chain: Vec<usize> = Vec::new();
        for n in 0..entries.len() {
            let is_none = |last: &mut usize| !entries[n].form.starts_with(&entries[*last].form);
            while chain.pop_if(is_none).is_some() {}
            entries[n].shorter = chain.last().copied();
            chain.push(n);
        }
        let lengths = entries.iter().map(|entry| entry.form.len());
        let shortest = lengths.clone().min().unwrap_or(SHORTEST);
        // A table that is too full slows down more than passing over speeds up.
        let fitting = (Windows::MOST / entries.len().max(1)).clamp(1, STRIDE);
        let stride = (shortest + 1 - SHORTEST).min(fitting);
        let mut masks = Self {
            beginnings: Windows::new(entries.len()),
            inside: Windows::new(stride * entries.len()),
            stride,
            first: [false; 256],
            longest: lengths.max().unwrap_or(0),
            entries: Vec::new(),
            labels,
        };
        for entry in &entries {
            let mut windows = entry.form.windows(SHORTEST).take(stride).map(window);
            masks.inside.extend(&mut windows);
            masks.beginnings.extend([window(&entry.form)]);
            masks.first[usize::from(entry.form[0])] = true;
        }
        masks.entries = entries;
        masks
    }

    /// Returns the next place, at or behind another, where a form may begin.
    fn next(&self, text: &[u8], from: usize) -> Option<usize> {
        let mut at = from;
        // Of each row of places only the last is looked at.
        loop {
            let lasts = text.get(at + self.stride - 1..).unwrap_or_default();
            let lasts = lasts.windows(SHORTEST).step_by(self.stride);
            let rows = lasts.len();
            let hit = lasts.map(window).position(|last| self.inside.has(last));
            let Some(hit) = hit else {
                at += rows * self.stride;
                break;
            };
            at += hit * self.stride;
            let row = text[at..].windows(SHORTEST).take(self.stride);
            if let Some(found) = row.map(window).position(|one| self.beginnings.has(one)) {
                return Some(at + found);
            }
            at += self.stride;
        }
        // Where less is left, the beginning of a form may be cut off.
        let mut rest = (at..text.len()).map(|at| (at, &text[at..]));
        let found = rest.find(|(_, rest)| match rest.first_chunk() {
            Some(window) => self.beginnings.has(u32::from_le_bytes(*window)),
            None => self.first[usize::from(rest[0])],
        });
        found.map(|(at, _)| at)
    }

    /// Looks for a form at the beginning of a text.
    fn look(&self, text: &[u8]) -> Found {
        let head = &text[..text.len().min(self.longest)];
        // What begins with the head stands right behind it, and what the head begins
        // with before it: the last one before it, or what that one begins with.
        let behind = self.entries.partition_point(|entry| **entry.form <= *head);
        let next = self.entries.get(behind);
        let mut before = behind.checked_sub(1);
        while let Some(n) = before
            && !head.starts_with(&self.entries[n].form)
        {
            before = self.entries[n].shorter;
        }
        Found {
            form: before.map(|n| (self.entries[n].form.len(), self.entries[n].label)),
            is_open: next.is_some_and(|next| next.form.starts_with(text)),
        }
    }

    /// Returns how much may be given away of a text that is the beginning of forms: of
    /// the shortest of them a quarter.
    fn given_away(&self, text: &[u8]) -> Option<usize> {
        let behind = self.entries.partition_point(|entry| **entry.form <= *text);
        let longer = self.entries[behind..].iter().map(|entry| &entry.form);
        let lengths = longer
            .take_while(|form| form.starts_with(text))
            .map(|form| form.len());
        lengths.min().map(|length| GIVEN_AWAY.min(length / 4))
    }
}

/// A set of four bytes each, which may have others as well.
struct Windows {
    /// By the hash.
    bits: Vec<u64>,
    /// By how much a hash of 32 bits is too large for it.
    shift: u32,
}

impl Windows {
    /// How many bits there are for each: so many that one in 64 others is taken for one.
    const BITS: usize = 64;

    /// The size: at least a cache line's, and at most what caches hold.
    const SIZES: (usize, usize) = (1 << 9, 1 << 23);

    /// For how many there is room enough.
    const MOST: usize = Self::SIZES.1 / Self::BITS;

    /// An empty set with room for this many.
    fn new(count: usize) -> Self {
        let bits = (Self::BITS * count).next_power_of_two();
        let bits = bits.clamp(Self::SIZES.0, Self::SIZES.1);
        Self {
            bits: vec![0; bits / 64],
            shift: 32 - bits.trailing_zeros(),
        }
    }

    fn extend(&mut self, windows: impl IntoIterator<Item = u32>) {
        for window in windows {
            let place = self.place(window);
            self.bits[place / 64] |= 1 << (place % 64);
        }
    }

    fn has(&self, window: u32) -> bool {
        let place = self.place(window);
        self.bits[place / 64] >> (place % 64) & 1 == 1
    }

    fn place(&self, window: u32) -> usize {
        // Fibonacci hashing: the high bits of the product depend on all of them.
        const GOLDEN: u32 = 0x9e37_79b9;
        (window.wrapping_mul(GOLDEN) >> self.shift) as usize
    }
}

fn window(bytes: &[u8]) -> u32 {
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

/// Tells whether a value is too short or too common to be masked.
fn is_trivial(value: &[u8]) -> bool {
    value.len() < SHORTEST
        || value.iter().all(|byte| *byte == value[0])
        || value.len() <= DIGITS && value.iter().all(u8::is_ascii_digit)
        || TRIVIAL
            .iter()
            .any(|trivial| value.eq_ignore_ascii_case(trivial.as_bytes()))
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
            "cEBzcyB3MHJkL34hKHgpKicrPSY=", // base64
            "cEBzcyB3MHJkL34hKHgpKicrPSY",  // base64url
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
            assert_eq!(masks.entries.len(), 0);
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
