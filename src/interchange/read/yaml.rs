//! YAML 1.2, with plain scalars as they are written: `NO`, `0777` and `1.10` are what a
//! person sees, and no reader's idea of a truth value or a number.
//!
//! Anchors, aliases, tags and further documents are refused: no file of variables
//! needs them, and with aliases a small file stands for a huge one. What the parser
//! itself copies on its way, of scalars that are folded or escaped, it does not wipe.

use std::borrow::Cow;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};
use zeroize::Zeroizing;

use super::{DEPTH_MAX, Kind, Malformed, Node, Place, kept};

/// Reads a whole text; `None` if there is no document in it.
///
/// # Errors
///
/// [`Malformed`], without what the parser says, which could repeat the text.
pub(super) fn parse(text: &str) -> Result<Option<Node>, Malformed> {
    let mut events = Parser::new_from_str(text);
    let mut next = || {
        let event = events.next_event();
        event.unwrap_or_else(|| Ok((Event::StreamEnd, Span::default())))
    };
    // The start of the stream.
    next().map_err(|error| broken(&error))?;
    if matches!(next().map_err(|error| broken(&error))?.0, Event::StreamEnd) {
        return Ok(None);
    }
    let root = node(&mut next, 0)?.map_err(|place| Malformed::at(place, "it is no YAML here"))?;
    // The end of the document.
    next().map_err(|error| broken(&error))?;
    match next().map_err(|error| broken(&error))? {
        (Event::StreamEnd, _) => Ok(Some(root)),
        (_, span) => {
            let what = "a second YAML document begins, and only one is read";
            Err(Malformed::at(place(span), what))
        }
    }
}

type Next<'a, 'text> = &'a mut dyn FnMut() -> Result<(Event<'text>, Span), ScanError>;

/// Reads a node, or returns the place of what ends a list or a mapping.
fn node(next: Next<'_, '_>, depth: usize) -> Result<Result<Node, Place>, Malformed> {
    let (event, span) = next().map_err(|error| broken(&error))?;
    let place = place(span);
    let refused = |what: &str| Err(Malformed::at(place, what));
    let kind = match event {
        Event::Alias(_) => return refused("YAML's aliases are not read"),
        Event::Scalar(_, _, 1.., _)
        | Event::SequenceStart(1.., _)
        | Event::MappingStart(1.., _) => {
            return refused("YAML's anchors are not read");
        }
        Event::Scalar(_, _, _, Some(_))
        | Event::SequenceStart(_, Some(_))
        | Event::MappingStart(_, Some(_)) => return refused("YAML's tags are not read"),
        Event::SequenceStart(..) | Event::MappingStart(..) if depth == DEPTH_MAX => {
            return refused(&format!("it is nested deeper than {DEPTH_MAX} levels"));
        }
        Event::Scalar(text, style, ..) => scalar(text, style),
        Event::SequenceStart(..) => {
            let mut list = Vec::new();
            while let Ok(element) = node(next, depth + 1)? {
                list.push(element);
            }
            Kind::List(list)
        }
        Event::MappingStart(..) => {
            let mut map = Vec::new();
            while let Ok(Node { place, kind }) = node(next, depth + 1)? {
                let Kind::Scalar(name) = kind else {
                    return Err(Malformed::at(place, "a name is missing, or is no text"));
                };
                match node(next, depth + 1)? {
                    Ok(value) => map.push((place, name, value)),
                    Err(place) => return Err(Malformed::at(place, "it is no YAML here")),
                }
            }
            Kind::Map(map)
        }
        _ => return Ok(Err(place)),
    };
    Ok(Ok(Node { place, kind }))
}

fn scalar(text: Cow<'_, str>, style: ScalarStyle) -> Kind {
    // Of YAML's core schema.
    const NULLS: [&str; 5] = ["", "~", "null", "Null", "NULL"];
    if style == ScalarStyle::Plain && NULLS.contains(&&*text) {
        return Kind::Null;
    }
    Kind::Scalar(match text {
        Cow::Borrowed(text) => kept(text),
        Cow::Owned(text) => Zeroizing::new(text),
    })
}

fn place(span: Span) -> Place {
    Place {
        line: span.start.line().max(1),
        column: Some(span.start.col() + 1),
    }
}

fn broken(error: &ScanError) -> Malformed {
    let place = Place {
        line: error.marker().line().max(1),
        column: Some(error.marker().col() + 1),
    };
    Malformed::at(place, "it is no YAML from here on")
}
