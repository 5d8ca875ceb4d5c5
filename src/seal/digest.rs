//! Digests of files and fingerprints of values.

use std::fmt::{self, Write};

use hmac::{Hmac, Mac};
use sha2::{Digest as _, Sha256};

use crate::secret_value::SecretValue;

/// Declares a byte string of fixed length that is written in hexadecimal.
macro_rules! hex_text {
    ($(#[$doc:meta])* $name:ident, $length:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $length]);

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }

        impl From<[u8; $length]> for $name {
            fn from(bytes: [u8; $length]) -> Self {
                Self(bytes)
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                $crate::seal::digest::write_hex(&self.0, f)
            }
        }

        impl ::std::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(self, f)
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = &'static str;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $crate::seal::digest::from_hex(text).map(Self)
            }
        }

        $crate::text::serde_as_text!($name);
    };
}
pub(crate) use hex_text;

/// Writes bytes in lower-case hexadecimal.
///
/// # Errors
///
/// What writing them says.
pub fn write_hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        f.write_char(char::from(DIGITS[usize::from(byte >> 4)]))?;
        f.write_char(char::from(DIGITS[usize::from(byte & 0xf)]))?;
    }
    Ok(())
}

/// Reads exactly `N` bytes of lower-case hexadecimal.
pub fn from_hex<const N: usize>(text: &str) -> Result<[u8; N], &'static str> {
    const RULE: &str = "not lower-case hexadecimal of the right length";
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return Err(RULE);
    }
    let nibble = |digit: u8| match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(RULE),
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Ok(bytes)
}

hex_text!(
    /// A SHA-256 (FIPS 180-4).
    Digest,
    32
);

hex_text!(
    /// The first 64 bits of a [`Digest`], for lists of ancestors. Who could make
    /// two files share one could as well sign a document.
    ShortDigest,
    8
);

hex_text!(
    /// What is kept of a value that is no more, to know it again: the first 128
    /// bits of HMAC-SHA256 (RFC 2104) under the vault's id.
    ///
    /// The id keeps fingerprints of different vaults apart. It is no secret, and
    /// stands in the same document: whoever opens that can try out guesses at a
    /// value that was revoked, as fast as a computer hashes. So a fingerprint
    /// hides a random value, and not one that a person thought of.
    Fingerprint,
    16
);

hex_text!(
    /// Tells one audit log from another: 64 random bits. It is no secret.
    LogId,
    8
);

hex_text!(
    /// What chains a line of an audit log to the one before: an HMAC-SHA256 (RFC 2104).
    LogMac,
    32
);

impl Digest {
    /// Hashes bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Hashes a value, to know it again for a while: of one that a person thought of,
    /// that is no more of a secret than the value.
    pub fn of_value(value: &SecretValue) -> Self {
        Self::of(value.expose())
    }

    /// Returns the form that lists of ancestors hold.
    pub fn short(&self) -> ShortDigest {
        let (first, _) = self.0.split_first_chunk().expect("a digest has 32 bytes");
        ShortDigest(*first)
    }
}

/// A digest of bytes that come piece by piece.
#[derive(Default)]
pub struct Digester(Sha256);

impl Digester {
    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Returns the digest of all of them.
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

impl Fingerprint {
    const DOMAIN: &[u8] = b"keyvault/fingerprint/v1\n";

    /// Takes the fingerprint of a value within the vault of this id.
    pub fn of(value: &SecretValue, vault: &[u8]) -> Self {
        let mac = Hmac::<Sha256>::new_from_slice(vault).expect("HMAC takes a key of any length");
        let mac = mac.chain_update(Self::DOMAIN).chain_update(value.expose());
        let bytes: [u8; 32] = mac.finalize().into_bytes().into();
        let (first, _) = bytes.split_first_chunk().expect("a MAC has 32 bytes");
        Self(*first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_sha_256_in_hexadecimal() {
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Digest::of(b"abc").to_string(), text);
        assert_eq!(text.parse(), Ok(Digest::of(b"abc")));
        assert_eq!(Digest::of(b"abc").short().to_string(), "ba7816bf8f01cfea");
    }

    #[test]
    fn only_one_spelling_is_read() {
        for bad in [
            "",
            "BA7816BF8F01CFEA",
            "ba7816bf8f01cfe",
            "ba7816bf8f01cfeaa",
            "ba7816bf8f01cfeg",
        ] {
            assert!(bad.parse::<ShortDigest>().is_err(), "{bad}");
        }
    }

    #[test]
    fn equal_values_share_a_fingerprint_within_a_vault_only() {
        let print =
            |text: &str, vault| Fingerprint::of(&SecretValue::from_text(text.to_owned()), vault);
        assert_eq!(print("a", b"v1"), print("a", b"v1"));
        assert_ne!(print("a", b"v1"), print("b", b"v1"));
        assert_ne!(print("a", b"v1"), print("a", b"v2"));
    }
}
