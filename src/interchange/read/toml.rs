//! TOML 1.0 without tables, with numbers and dates as they are written.

use toml_parser::decoder::{Encoding, StringBuilder};
use toml_parser::parser::{EventReceiver, parse_document};
use toml_parser::{ErrorSink, ParseError, Source, Span};
use zeroize::Zeroizing;

use super::{Found, Malformed, Ruler, kept, value_of};

/// Reads a whole text.
///
/// # Errors
///
/// [`Malformed`], without what the parser says, which could repeat the text.
pub(super) fn parse(text: &str) -> Result<Vec<Found>, Malformed> {
    let source = Source::new(text);
    let tokens = source.lex().into_vec();
    let mut reader = Reader {
        source,
        ruler: Ruler::new(text),
        name: None,
        found: Vec::new(),
        nested: None,
    };
    let mut first: Option<usize> = None;
    let mut note = |error: ParseError| {
        let span = error.unexpected().or(error.context());
        let at = span.map_or(text.len(), |span| span.start());
        first = Some(first.map_or(at, |first| first.min(at)));
    };
    parse_document(&tokens, &mut reader, &mut note);
    let fault = match (first, reader.nested) {
        (Some(at), nested) if nested.is_none_or(|nested| at < nested) => {
            Some((at, "it is no TOML from here on"))
        }
        (_, Some(at)) => Some((
            at,
            "a table, a list or a dotted name is no variable; only `NAME = value` is read",
        )),
        _ => None,
    };
    match fault {
        Some((at, what)) => Err(Malformed::at(Ruler::new(text).place(at), what)),
        None => Ok(reader.found),
    }
}

struct Reader<'a> {
    source: Source<'a>,
    ruler: Ruler<'a>,
    name: Option<(super::Place, Zeroizing<String>)>,
    found: Vec<Found>,
    /// Where the first thing begins that is no variable.
    nested: Option<usize>,
}

impl Reader<'_> {
    fn refuse(&mut self, span: Span) {
        self.nested.get_or_insert(span.start());
    }
}

impl EventReceiver for Reader<'_> {
    fn std_table_open(&mut self, span: Span, _: &mut dyn ErrorSink) {
        self.refuse(span);
    }

    fn array_table_open(&mut self, span: Span, _: &mut dyn ErrorSink) {
        self.refuse(span);
    }

    fn inline_table_open(&mut self, span: Span, _: &mut dyn ErrorSink) -> bool {
        self.refuse(span);
        false
    }

    fn array_open(&mut self, span: Span, _: &mut dyn ErrorSink) -> bool {
        self.refuse(span);
        false
    }

    fn key_sep(&mut self, span: Span, _: &mut dyn ErrorSink) {
        self.refuse(span);
    }

    fn simple_key(&mut self, span: Span, encoding: Option<Encoding>, error: &mut dyn ErrorSink) {
        let Some(raw) = self.source.get(span) else {
            return;
        };
        let raw = toml_parser::Raw::new_unchecked(raw.as_str(), encoding, span);
        let mut name = Text::for_up_to(raw.len());
        raw.decode_key(&mut name, error);
        self.name = Some((self.ruler.place(span.start()), name.0));
    }

    fn scalar(&mut self, span: Span, encoding: Option<Encoding>, error: &mut dyn ErrorSink) {
        let (Some((place, name)), Some(raw)) = (self.name.take(), self.source.get(span)) else {
            return;
        };
        let raw = toml_parser::Raw::new_unchecked(raw.as_str(), encoding, span);
        let mut text = Text::for_up_to(raw.len());
        // It also tells whether a number is one.
        let _kind = raw.decode_scalar(&mut text, error);
        let text = if encoding.is_some() {
            text.0
        } else {
            kept(raw.as_str())
        };
        let value = Some(value_of(text));
        self.found.push(Found {
            place,
            name,
            value,
            refers: false,
            is_other: false,
        });
    }
}

/// A text that is wiped, and does not grow: nothing in TOML is shorter than what it
/// stands for.
struct Text(Zeroizing<String>);

impl Text {
    fn for_up_to(length: usize) -> Self {
        Self(Zeroizing::new(String::with_capacity(length)))
    }
}

impl<'s> StringBuilder<'s> for Text {
    fn clear(&mut self) {
        self.0.clear();
    }

    fn push_str(&mut self, append: &'s str) -> bool {
        self.0.push_str(append);
        true
    }

    fn push_char(&mut self, append: char) -> bool {
        self.0.push(append);
        true
    }
}
