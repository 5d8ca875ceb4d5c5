//! Ed25519 signatures (RFC 8032) over documents and rosters.
//!
//! Whoever knows a public recipient can seal a whole file to it, so what a
//! file says counts only if a member signed it. A [`Signer`] needs nothing more
//! to be kept: its seed comes from the identity's secret by HKDF-SHA256 (RFC
//! 5869), without salt, under the info `keyvault/sign/v1`.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::text::serde_as_text;

const SEED_INFO: &[u8] = b"keyvault/sign/v1";

/// What a signature is over. The prefix stands before the signed bytes, so
/// that one kind of signature can never pass for another.
#[derive(Clone, Copy)]
pub enum Domain {
    /// Line 1 of a file.
    Document,
    /// One link of a roster.
    Roster,
}

impl Domain {
    fn prefix(self) -> &'static [u8] {
        match self {
            Self::Document => b"keyvault/document/v1\n",
            Self::Roster => b"keyvault/roster/v1\n",
        }
    }

    fn message(self, bytes: &[u8]) -> Zeroizing<Vec<u8>> {
        let mut message = Zeroizing::new(Vec::with_capacity(self.prefix().len() + bytes.len()));
        message.extend_from_slice(self.prefix());
        message.extend_from_slice(bytes);
        message
    }
}

/// The private half: signs. It wipes itself.
pub struct Signer(SigningKey);

impl Signer {
    /// Derives the signer that belongs to an identity's 32 secret bytes.
    pub(super) fn derive(secret: &[u8; 32]) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(None, secret)
            .expand(SEED_INFO, &mut *seed)
            .expect("32 bytes are a length that HKDF gives");
        Self(SigningKey::from_bytes(&seed))
    }

    /// Returns the public half.
    pub fn public(&self) -> SignerKey {
        SignerKey(self.0.verifying_key().to_bytes())
    }

    /// Signs bytes under a domain.
    pub fn sign(&self, domain: Domain, bytes: &[u8]) -> Signature {
        Signature(self.0.sign(&domain.message(bytes)).to_bytes())
    }
}

/// The public half: verifies. Written in standard base64, 44 characters.
///
/// Whether the bytes are a point of the curve is found out when they are used: a
/// roster has many signers, and most reads verify with none.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SignerKey([u8; 32]);

impl SignerKey {
    /// Tells whether the signature is by this signer, over these bytes, under
    /// this domain. Weak keys and the malleable forms of a signature that RFC
    /// 8032 leaves open are refused.
    pub fn verifies(&self, domain: Domain, bytes: &[u8], signature: &Signature) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        let verified =
            |public: VerifyingKey| public.verify_strict(&domain.message(bytes), &signature);
        VerifyingKey::from_bytes(&self.0).and_then(verified).is_ok()
    }
}

/// A signature. Written in standard base64, 88 characters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; 64]);

/// Reads standard base64 of exactly `N` bytes.
fn from_base64<const N: usize>(text: &str) -> Option<[u8; N]> {
    BASE64_STANDARD.decode(text).ok()?.try_into().ok()
}

impl FromStr for SignerKey {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        from_base64(text)
            .map(Self)
            .ok_or("a signer is an Ed25519 public key in base64")
    }
}

impl FromStr for Signature {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        from_base64(text)
            .map(Self)
            .ok_or("a signature is 64 bytes in base64")
    }
}

impl fmt::Display for SignerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_STANDARD.encode(self.0))
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_STANDARD.encode(self.0))
    }
}

impl fmt::Debug for SignerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

serde_as_text!(SignerKey);

serde_as_text!(Signature);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_is_hkdf_sha_256_of_the_secret() {
        // Computed apart from this code, with Python's `cryptography`:
        // HKDF(SHA256(), 32, salt=None, info=b"keyvault/sign/v1").derive(bytes(range(32))),
        // then the raw public key of that Ed25519 seed.
        let secret: [u8; 32] = std::array::from_fn(|n| n as u8);
        assert_eq!(
            Signer::derive(&secret).public().to_string(),
            "h7PVITXlFkoFc8rjYEpqtsWd/wgf33Kj3NbCekHcO8o="
        );
    }

    #[test]
    fn a_signature_holds_for_its_bytes_its_domain_and_its_signer_alone() {
        let (alice, mallory) = (Signer::derive(&[1; 32]), Signer::derive(&[2; 32]));
        let signature = alice.sign(Domain::Document, b"text");
        assert!(
            alice
                .public()
                .verifies(Domain::Document, b"text", &signature)
        );
        assert!(
            !alice
                .public()
                .verifies(Domain::Document, b"Text", &signature)
        );
        assert!(!alice.public().verifies(Domain::Roster, b"text", &signature));
        assert!(
            !mallory
                .public()
                .verifies(Domain::Document, b"text", &signature)
        );
        for at in 0..64 {
            let mut bent = signature;
            bent.0[at] ^= 1;
            assert!(
                !alice.public().verifies(Domain::Document, b"text", &bent),
                "byte {at}"
            );
        }
    }

    #[test]
    fn weak_and_malformed_keys_verify_nothing() {
        let key = Signer::derive(&[1; 32]).public().to_string();
        assert!(key.parse::<SignerKey>().is_ok());
        for bad in ["", "AAAA", &key[1..], &format!("{key}A")] {
            assert!(bad.parse::<SignerKey>().is_err(), "{bad}");
        }
        // The point of order one: under it, anyone can make a signature for some
        // messages, of R = the same point and S = 0.
        let mut order_one = [0; 32];
        order_one[0] = 1;
        let mut signature = [0; 64];
        signature[0] = 1;
        let not_a_point = [2; 32];
        for weak in [order_one, not_a_point] {
            assert!(!SignerKey(weak).verifies(Domain::Document, b"text", &Signature(signature)));
        }
    }
}
