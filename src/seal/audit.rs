//! MACs that chain the lines of the audit log.
//!
//! Whoever can write in the state folder can write a line of the log, and not the MAC of
//! an identity that he does not have. As with [`Signer`](crate::seal::signature::Signer)
//! there is nothing more to keep: the key is HKDF-SHA256 (RFC 5869) of the identity's
//! secret, without salt, under the info `keyvault/audit/v1`.

use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::seal::digest::LogMac;

const KEY_INFO: &[u8] = b"keyvault/audit/v1";

/// What a recipient is tagged under.
const RECIPIENT: &[u8] = b"recipient\n";

/// What lines are chained by that were written while no identity was open. Everybody
/// knows it: such a line holds only as far as a later one does that has a MAC of an
/// identity.
const PUBLIC: [u8; 32] = *b"keyvault/audit/v1: nobody's line";

/// What makes the MACs of one identity. It wipes itself.
pub struct AuditKey(Zeroizing<[u8; 32]>);

impl AuditKey {
    /// Derives the one that belongs to an identity's 32 secret bytes.
    pub(super) fn derive(secret: &[u8; 32]) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(None, secret)
            .expand(KEY_INFO, &mut *bytes)
            .expect("32 bytes are a length that HKDF gives");
        Self(bytes)
    }

    /// Returns the one for lines without an identity.
    pub fn public() -> Self {
        Self(Zeroizing::new(PUBLIC))
    }

    /// Makes the MAC of a line, which comes in parts: HMAC-SHA256 (RFC 2104).
    pub fn mac(&self, parts: &[&[u8]]) -> LogMac {
        let bytes: [u8; 32] = self.hash(parts).finalize().into_bytes().into();
        bytes.into()
    }

    /// Tells whether a MAC is that of a line, in a time that does not depend on how much
    /// of it is right.
    pub fn verifies(&self, parts: &[&[u8]], mac: &LogMac) -> bool {
        self.hash(parts).verify_slice(mac.as_ref()).is_ok()
    }

    /// Makes what tells, without computing it, that a text is the recipient of this
    /// identity. No line begins so.
    pub fn tag(&self, recipient: &str) -> LogMac {
        self.mac(&[RECIPIENT, recipient.as_bytes()])
    }

    /// Tells whether this identity has made the tag for this text.
    pub fn has_tagged(&self, recipient: &str, tag: &LogMac) -> bool {
        self.verifies(&[RECIPIENT, recipient.as_bytes()], tag)
    }

    fn hash(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mac = Hmac::new_from_slice(&*self.0).expect("HMAC takes a key of any length");
        parts.iter().fold(mac, |mac, part| mac.chain_update(part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mac_is_hmac_sha_256_under_hkdf_of_the_secret() {
        // Computed apart from this code, with Python's `hmac` and `hashlib`.
        let secret: [u8; 32] = std::array::from_fn(|n| n as u8);
        assert_eq!(
            AuditKey::derive(&secret).mac(&[b"a ", b"line"]).to_string(),
            "085fb28b32741aa8419e1375e397f580bd6b4a49e4ebff63c0e2b991cb4dacc1"
        );
    }

    #[test]
    fn a_mac_holds_for_its_line_and_its_identity_alone() {
        let (alice, mallory) = (AuditKey::derive(&[1; 32]), AuditKey::derive(&[2; 32]));
        let mac = alice.mac(&[b"line"]);
        assert!(alice.verifies(&[b"li", b"ne"], &mac));
        assert!(!alice.verifies(&[b"Line"], &mac));
        assert!(!mallory.verifies(&[b"line"], &mac));
        assert!(!AuditKey::public().verifies(&[b"line"], &mac));
    }
}
