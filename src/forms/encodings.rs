//! The forms in which programs print a value that was not meant to be printed: as it
//! is, and as what writes URLs, JSON, headers and dumps makes of it.
//!
//! Writers differ in which characters they escape. Each distinct set of a writer
//! that many programs use is a line of a table here.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

/// The bytes of one form; wiped, as it is the value in other letters.
pub type Form = Zeroizing<Vec<u8>>;

/// Returns every form of a value. Some may be equal.
pub fn forms(value: &[u8]) -> Vec<Form> {
    let mut forms = vec![copy(value)];
    if value.contains(&b'\n') {
        forms.push(on_terminal(value));
    }
    for alignment in 0..3 {
        base64_forms(value, alignment, &mut forms);
    }
    for case in [Case::Lower, Case::Upper] {
        forms.push(hex(value, case));
        forms.extend(URLS.iter().map(|url| in_url(value, url, case)));
    }
    forms.extend(HTMLS.iter().map(|html| in_html(value, html)));
    // Bytes that are no text are in no JSON.
    if let Ok(text) = std::str::from_utf8(value) {
        forms.extend(JSONS.iter().map(|json| in_json(text, json)));
    }
    forms
}

fn copy(bytes: &[u8]) -> Form {
    Zeroizing::new(bytes.to_vec())
}

/// An empty buffer with room for all, since growth leaves copies behind.
fn room(bytes: usize) -> Form {
    Zeroizing::new(Vec::with_capacity(bytes))
}

/// As a terminal's driver passes it on: a carriage return before each line feed
/// (ONLCR, termios(3)). Programs that write for Windows do the same.
fn on_terminal(value: &[u8]) -> Form {
    let mut form = room(2 * value.len());
    for byte in value {
        if *byte == b'\n' {
            form.push(b'\r');
        }
        form.push(*byte);
    }
    form
}

/// Within base64 (RFC 4648), with other bytes before and behind it, as in the
/// header of HTTP's basic authentication.
///
/// Three bytes become four characters, so there are three ways to begin. A
/// character at either end that depends on a neighbour too is not part of the
/// form; unless the value ends the text, where it depends on nothing else.
fn base64_forms(value: &[u8], alignment: usize, forms: &mut Vec<Form>) {
    let mut aligned = room(alignment + value.len());
    aligned.resize(alignment, 0);
    aligned.extend_from_slice(value);
    let bits = 8 * aligned.len();
    // The first character without a bit of what stands before.
    let first = (8 * alignment).div_ceil(6);
    for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
        let mut text = room(bits.div_ceil(6) + 2);
        text.resize(bits.div_ceil(6), 0);
        engine
            .encode_slice(&*aligned, &mut text)
            .expect("there is room");
        forms.push(copy(&text[first..bits / 6]));
        if !bits.is_multiple_of(6) {
            forms.push(copy(&text[first..]));
            while !text.len().is_multiple_of(4) {
                text.push(b'=');
            }
            forms.push(copy(&text[first..]));
        }
    }
}

/// In which letters hexadecimal digits are written.
#[derive(Clone, Copy)]
enum Case {
    Lower,
    Upper,
}

impl Case {
    fn digits(self) -> &'static [u8; 16] {
        match self {
            Self::Lower => b"0123456789abcdef",
            Self::Upper => b"0123456789ABCDEF",
        }
    }

    fn push(self, byte: u8, form: &mut Form) {
        let digits = self.digits();
        form.push(digits[usize::from(byte >> 4)]);
        form.push(digits[usize::from(byte & 0xf)]);
    }
}

fn hex(value: &[u8], case: Case) -> Form {
    let mut form = room(2 * value.len());
    value.iter().for_each(|byte| case.push(*byte, &mut form));
    form
}

/// A way to write URLs.
struct Url {
    /// What stays, besides letters, digits, `-`, `.` and `_`.
    kept: &'static [u8],
    /// Whether a space becomes a `+`.
    plus: bool,
}

/// Python's `quote` and `quote_plus`, Go's `QueryEscape`, `curl --data-urlencode` and
/// jq's `@uri`; the WHATWG's form and user-info sets (URL Standard, 1.3 and 5.2);
/// JavaScript's `encodeURIComponent` and `encodeURI` (ECMA-262, 19.2.6).
const URLS: [Url; 8] = [
    Url {
        kept: b"~",
        plus: false,
    },
    Url {
        kept: b"~",
        plus: true,
    },
    Url {
        kept: b"",
        plus: true,
    },
    Url {
        kept: b"~/",
        plus: false,
    },
    Url {
        kept: b"*",
        plus: true,
    },
    Url {
        kept: b"~!$%&'()*+,",
        plus: false,
    },
    Url {
        kept: b"~!*'()",
        plus: false,
    },
    Url {
        kept: b"~!*'();/?:@&=+$,#",
        plus: false,
    },
];

fn in_url(value: &[u8], url: &Url, case: Case) -> Form {
    let mut form = room(3 * value.len());
    for byte in value {
        match *byte {
            b' ' if url.plus => form.push(b'+'),
            kept if kept.is_ascii_alphanumeric() || b"-._".contains(&kept) => form.push(kept),
            kept if url.kept.contains(&kept) => form.push(kept),
            other => {
                form.push(b'%');
                case.push(other, &mut form);
            }
        }
    }
    form
}

/// A way to write the strings of JSON (RFC 8259, 7).
struct Json {
    /// What is written as `\u….`, besides control characters that have no letter.
    as_code: &'static [u8],
    /// Whether every letter beyond ASCII is written so, too.
    ascii: bool,
    /// Whether `/` is written `\/`.
    slash: bool,
    /// Whether control characters have letters, as `\n` has.
    letters: bool,
    case: Case,
}

/// What most write; Python; PHP; Go; Gson; .NET and PHP with `JSON_HEX_*`; and the
/// variations that are left.
const JSONS: [Json; 8] = {
    const MOST: Json = Json {
        as_code: b"",
        ascii: false,
        slash: false,
        letters: true,
        case: Case::Lower,
    };
    [
        MOST,
        Json {
            ascii: true,
            ..MOST
        },
        Json {
            slash: true,
            ..MOST
        },
        Json {
            ascii: true,
            slash: true,
            ..MOST
        },
        Json {
            as_code: b"<>&\x7f",
            ..MOST
        },
        Json {
            as_code: b"<>&='",
            ..MOST
        },
        Json {
            as_code: b"\"&'+<>`\x7f",
            ascii: true,
            case: Case::Upper,
            ..MOST
        },
        Json {
            letters: false,
            ascii: true,
            ..MOST
        },
    ]
};

fn in_json(text: &str, json: &Json) -> Form {
    let mut form = room(6 * text.len());
    let code = |unit: u16, form: &mut Form| {
        form.extend_from_slice(b"\\u");
        for byte in unit.to_be_bytes() {
            json.case.push(byte, form);
        }
    };
    for letter in text.chars() {
        let escape = match letter {
            '"' | '\\' => Some(letter as u8),
            '/' if json.slash => Some(b'/'),
            '\n' if json.letters => Some(b'n'),
            '\r' if json.letters => Some(b'r'),
            '\t' if json.letters => Some(b't'),
            '\u{8}' if json.letters => Some(b'b'),
            '\u{c}' if json.letters => Some(b'f'),
            _ => None,
        };
        let is_code = letter < ' '
            || json.ascii && !letter.is_ascii()
            || letter.is_ascii() && json.as_code.contains(&(letter as u8));
        match escape {
            Some(escape) if !json.as_code.contains(&escape) => form.extend([b'\\', escape]),
            _ if is_code => {
                for unit in letter.encode_utf16(&mut [0; 2]) {
                    code(*unit, &mut form);
                }
            }
            _ => form.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    form
}

/// A way to write text of HTML and XML: what stands for the quotes; empty where they stay.
struct Html {
    double: &'static str,
    single: &'static str,
}

/// Python's `html.escape`, PHP's `htmlspecialchars`, Go's `html/template`, Rust's and
/// JavaScript's libraries, and what editors do to text between tags.
const HTMLS: [Html; 6] = [
    Html {
        double: "&quot;",
        single: "&#x27;",
    },
    Html {
        double: "&quot;",
        single: "&#039;",
    },
    Html {
        double: "&#34;",
        single: "&#39;",
    },
    Html {
        double: "&quot;",
        single: "&#39;",
    },
    Html {
        double: "&quot;",
        single: "&apos;",
    },
    Html {
        double: "",
        single: "",
    },
];

fn in_html(value: &[u8], html: &Html) -> Form {
    let mut form = room(6 * value.len());
    for byte in value {
        let reference = match byte {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => html.double,
            b'\'' => html.single,
            _ => "",
        };
        match reference {
            "" => form.push(*byte),
            reference => form.extend_from_slice(reference.as_bytes()),
        }
    }
    form
}
