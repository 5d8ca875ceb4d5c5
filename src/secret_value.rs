//! The plaintext of a secret.

use std::fmt;

use zeroize::Zeroizing;

/// The largest value: eight times what Linux lets a variable hold, and enough for
/// a key store in a file.
pub const VALUE_MAX: u64 = 1 << 20;

/// A secret's plaintext: wiped when dropped, and silent unless asked.
///
/// It is bytes, because a value need not be text. There is no `Display`, no
/// `Serialize`, no `Clone` and no `PartialEq`, so a value cannot reach a
/// message, a log or an assertion by accident:
///
/// ```compile_fail
/// let value = keyvault::SecretValue::from_text("correct horse".to_owned());
/// format!("{value}");
/// ```
///
/// ```compile_fail
/// let value = keyvault::SecretValue::from_text("correct horse".to_owned());
/// let _ = value.clone();
/// ```
///
/// ```compile_fail
/// let value = keyvault::SecretValue::from_text("correct horse".to_owned());
/// let _ = value == value;
/// ```
///
/// `Debug` exists, for the structures that hold a value, and shows nothing:
///
/// ```
/// let value = keyvault::SecretValue::from_text("correct horse".to_owned());
/// assert_eq!(format!("{value:?}"), "SecretValue");
/// ```
pub struct SecretValue(Zeroizing<Vec<u8>>);

impl SecretValue {
    /// Takes the bytes over as they are.
    pub fn new(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    /// Takes a text over, without copying it.
    pub fn from_text(text: String) -> Self {
        Self(Zeroizing::new(text.into_bytes()))
    }

    /// Returns the plaintext. Every call is a place to review: keep them few.
    /// `tests/cli/architecture.rs` lists the files that may.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Makes a second one with the same plaintext, where a secret gets an old value
    /// again. It is no `Clone`, which would be called without a thought.
    pub fn duplicate(&self) -> Self {
        Self(self.0.clone())
    }

    /// Returns the number of bytes, which is no secret: it is said in messages.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells whether there is no byte at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue")
    }
}
