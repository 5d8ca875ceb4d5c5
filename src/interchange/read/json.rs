//! JSON (RFC 8259), with numbers as they are written, and with both of two members
//! of one name, of which `serde_json` would keep one.

use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::{DEPTH_MAX, Kind, Malformed, Node, Place, Ruler, kept};

/// Reads a whole text.
///
/// # Errors
///
/// [`Malformed`]. What `serde_json` says would repeat the text; where it says it does
/// not.
pub(super) fn parse(text: &str) -> Result<Node, Malformed> {
    let whole = serde_json::from_str::<&RawValue>(text).map_err(|error| {
        let place = Place {
            line: error.line(),
            column: Some(error.column()),
        };
        Malformed::at(place, "it is no JSON from here on")
    })?;
    let mut ruler = Ruler::new(text);
    node(whole, &mut ruler, 0)
}

fn node(raw: &RawValue, ruler: &mut Ruler<'_>, depth: usize) -> Result<Node, Malformed> {
    let text = raw.get();
    let place = place(raw, ruler);
    let broken = || Malformed::at(place, "it is no JSON here");
    let kind = match text.as_bytes().first() {
        Some(b'{' | b'[') if depth == DEPTH_MAX => {
            let what = format!("it is nested deeper than {DEPTH_MAX} levels");
            return Err(Malformed::at(place, what));
        }
        Some(b'{') => {
            let members: Members<'_> = serde_json::from_str(text).map_err(|_| broken())?;
            let mut map = Vec::with_capacity(members.0.len());
            for (name, value) in members.0 {
                let at = self::place(name, ruler);
                let name = unescape(name.get()).ok_or_else(|| not_unicode(at))?;
                map.push((at, name, node(value, ruler, depth + 1)?));
            }
            Kind::Map(map)
        }
        Some(b'[') => {
            let elements: Elements<'_> = serde_json::from_str(text).map_err(|_| broken())?;
            let elements = elements.0.into_iter();
            let list = elements.map(|element| node(element, ruler, depth + 1));
            Kind::List(list.collect::<Result<_, _>>()?)
        }
        Some(b'"') => Kind::Scalar(unescape(text).ok_or_else(|| not_unicode(place))?),
        Some(b'n') => Kind::Null,
        _ => Kind::Scalar(kept(text)),
    };
    Ok(Node { place, kind })
}

fn place(raw: &RawValue, ruler: &mut Ruler<'_>) -> Place {
    // What is borrowed from a text lies in it.
    let at = raw.get().as_ptr().addr() - ruler.text.as_ptr().addr();
    ruler.place(at)
}

fn not_unicode(place: Place) -> Malformed {
    Malformed::at(
        place,
        "this text has half of a `\\u` pair, and is no Unicode",
    )
}

/// Reads a string whose syntax was seen to be right; `None` where it escapes half of
/// a surrogate pair. Done here, because `serde_json` gathers the parts of such a text in
/// a buffer that grows and is not wiped.
fn unescape(quoted: &str) -> Option<Zeroizing<String>> {
    let mut rest = quoted.strip_prefix('"')?.strip_suffix('"')?;
    // No escape is shorter than what it stands for.
    let mut text = Zeroizing::new(String::with_capacity(rest.len()));
    while let Some((plain, escaped)) = rest.split_once('\\') {
        text.push_str(plain);
        let kind = escaped.chars().next()?;
        rest = &escaped[kind.len_utf8()..];
        text.push(match kind {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let first = unit(&mut rest)?;
                if (0xd800..0xdc00).contains(&first) {
                    rest = rest.strip_prefix("\\u")?;
                    let second = unit(&mut rest)?.checked_sub(0xdc00)?;
                    char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + second)
                        .filter(|_| second < 0x400)?
                } else {
                    char::from_u32(first)?
                }
            }
            itself => itself,
        });
    }
    text.push_str(rest);
    Some(text)
}

/// Takes four hexadecimal digits.
fn unit(rest: &mut &str) -> Option<u32> {
    let (digits, behind) = rest.split_at_checked(4)?;
    *rest = behind;
    u32::from_str_radix(digits, 16).ok()
}

/// The members of an object, as they stand.
struct Members<'a>(Vec<(&'a RawValue, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Vec<(&'de RawValue, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Each).map(Self)
    }
}

/// The elements of a list, as they stand.
struct Elements<'a>(Vec<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Elements<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Vec<&'de RawValue>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut elements = Vec::new();
                while let Some(element) = list.next_element()? {
                    elements.push(element);
                }
                Ok(elements)
            }
        }
        deserializer.deserialize_seq(Each).map(Self)
    }
}
