//! Reads each thing in the one form that the specification gives it.
//!
//! What serde derives takes more: a list of its fields for a struct, a map for a
//! word, `null` for a field that may be missing. A form that was read once would
//! have to be read for ever, and another program might take it for something else.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::StrDeserializer;
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, forward_to_deserialize_any};

/// Marks, among what serde says, the words that are ours and repeat nothing.
pub const OURS: &str = "keyvault: ";

/// Makes an error of words of our own.
pub fn ours<E: Error>(what: impl fmt::Display) -> E {
    E::custom(format_args!("{OURS}{what}"))
}

/// A struct that was read from a map alone.
pub struct Strict<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Strict<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(OneForm(deserializer)).map(Self)
    }
}

/// Reads an enum without contents, from a text alone.
///
/// # Errors
///
/// What reading it says.
pub fn word<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    T::deserialize(OneForm(deserializer))
}

/// Reads a field that may be missing, and is there.
///
/// # Errors
///
/// What reading it says.
pub fn present<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// Reads a struct that may be missing, and is there, from a map alone.
///
/// # Errors
///
/// What reading it says.
pub fn part<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Strict::deserialize(deserializer).map(|Strict(part)| Some(part))
}

/// Reads a struct that may be missing, from a map alone.
///
/// # Errors
///
/// What reading it says.
pub fn whole<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Strict::deserialize(deserializer).map(|Strict(whole)| whole)
}

/// Reads what is counted from 1 and has not come beyond `MAX`.
///
/// # Errors
///
/// What reading it says, or that it is neither.
pub fn count<'de, const MAX: u64, N, D>(deserializer: D) -> Result<N, D::Error>
where
    N: TryFrom<u64>,
    D: Deserializer<'de>,
{
    let count = u64::deserialize(deserializer)?;
    let within = Some(count).filter(|count| (1..=MAX).contains(count));
    within
        .and_then(|count| N::try_from(count).ok())
        .ok_or_else(|| ours(format_args!("a number that is not within 1 and {MAX}")))
}

/// Reads a list, each element in its one form, and stops behind `MAX` of them.
///
/// # Errors
///
/// What reading an element says, or that there are too many.
pub fn at_most<'de, const MAX: usize, T, D>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    struct AtMost<const MAX: usize, T>(PhantomData<T>);

    impl<'de, const MAX: usize, T: Deserialize<'de>> Visitor<'de> for AtMost<MAX, T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a list of at most {MAX}")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Vec<T>, A::Error> {
            let mut list = Vec::new();
            while let Some(Strict(element)) = elements.next_element()? {
                if list.len() == MAX {
                    return Err(ours(format_args!("a list of more than {MAX}")));
                }
                list.push(element);
            }
            Ok(list)
        }
    }

    deserializer.deserialize_seq(AtMost::<MAX, T>(PhantomData))
}

/// A deserializer that gives a struct from a map and an enum from a text.
struct OneForm<D>(D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for OneForm<D> {
    type Error = D::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_str(Word(visitor))
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        option unit unit_struct newtype_struct seq tuple tuple_struct map identifier ignored_any
    }
}

/// Hands a text on as the name of a variant.
struct Word<V>(V);

impl<'de, V: Visitor<'de>> Visitor<'de> for Word<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<V::Value, E> {
        self.0.visit_enum(StrDeserializer::new(text))
    }
}
