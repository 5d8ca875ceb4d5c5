//! Sealing and opening: everything that touches a cipher, a hash or a private
//! key. The only owner of the `age` crate.
//!
//! An [`Envelope`] is an age file (<https://age-encryption.org/v1>) sealed to
//! recipients. age keeps secrets and authenticates nobody, so what is inside is
//! signed; see [`signature`].

pub mod audit;
pub mod digest;
pub mod identity;
pub mod random;
pub mod recipient;
pub mod signature;

use std::io::{Read, Write};
use std::thread;

use zeroize::Zeroizing;

use crate::error::Fault;
use crate::seal::digest::Digest;
use crate::seal::identity::Identity;
use crate::seal::recipient::Recipient;

/// Most bytes of an age header that are given to the age crate, whose parser
/// takes minutes for 400 kB. A member takes about 100 bytes.
const HEADER_MAX: usize = 64 << 10;

/// Most stanzas of a header: each that is not ours costs 55 µs to try.
const STANZAS_MAX: usize = 256;

/// From this size on the digest is computed on a second core while the first
/// decrypts, and one secret is looked for in windows. Starting a thread costs as much
/// as hashing about 150 kB.
pub const LARGE: usize = 512 << 10;

/// How much is shown at a time: a chunk of age's.
const WINDOW: usize = 64 << 10;

const AGE_INTRO: &[u8] = b"age-encryption.org/v1\n";
const STANZA_START: &[u8] = b"-> ";
const SCRYPT_START: &[u8] = b"-> scrypt ";
const HEADER_END: &[u8] = b"---";

/// An age file in memory, whose header is small enough to parse.
pub struct Envelope {
    bytes: Vec<u8>,
    /// Where the header ends and the encrypted payload begins.
    payload_at: usize,
}

/// Why an envelope does not open.
#[derive(Debug, PartialEq, Eq)]
pub enum Unopened {
    /// It is sealed to others, or the stanza meant for us is damaged: age's
    /// stanzas name nobody, so the two look alike.
    NotForUs,
    /// Something is wrong with the file.
    Fault(Fault),
}

/// What an envelope held.
pub struct Opened {
    /// The plaintext, all of it authenticated.
    pub plaintext: Zeroizing<Vec<u8>>,
    /// The digest of the envelope.
    pub digest: Digest,
}

impl Envelope {
    /// Takes the bytes of a file, and refuses what the age crate should not be
    /// asked to parse.
    ///
    /// # Errors
    ///
    /// A [`Fault`] when it is no age file of recipients within the bounds.
    pub fn read(bytes: Vec<u8>) -> Result<Self, Fault> {
        let payload_at = header_length(&bytes)?;
        Ok(Self { bytes, payload_at })
    }

    /// Seals a plaintext to recipients, at least one.
    pub fn seal(plaintext: &[u8], recipients: &[Recipient]) -> Self {
        let recipients = recipients.iter().map(Recipient::as_age);
        let encryptor = age::Encryptor::with_recipients(recipients)
            .expect("a roster has a member, and its kinds of recipient may be mixed");
        let mut bytes = Vec::with_capacity(plaintext.len() + plaintext.len() / 1024 + 4096);
        let mut writer = encryptor
            .wrap_output(&mut bytes)
            .expect("memory takes what is written");
        writer
            .write_all(plaintext)
            .expect("memory takes what is written");
        writer.finish().expect("memory takes what is written");
        let payload_at = header_length(&bytes).expect("a roster fits into a header");
        Self { bytes, payload_at }
    }

    /// Opens the envelope. Nothing is returned before its last byte is
    /// authenticated.
    ///
    /// # Errors
    ///
    /// [`Unopened`] when it is not sealed to this identity, or damaged.
    pub fn open(&self, identity: &Identity) -> Result<Opened, Unopened> {
        let (plaintext, digest) = self.beside_digest(|| self.decrypt(identity))?;
        Ok(Opened { plaintext, digest })
    }

    /// Opens the envelope and shows the plaintext in windows, for who looks for one
    /// thing in much: the memory for all of it takes longer to get than the
    /// decryption. Each window begins with the last `overlap` bytes of the one before,
    /// fewer in the first; `look` is told how many. Returns the digest.
    ///
    /// What was shown counts only if this succeeds: its last byte is authenticated
    /// last.
    ///
    /// # Errors
    ///
    /// As [`Envelope::open`].
    pub fn open_in_windows(
        &self,
        identity: &Identity,
        overlap: usize,
        mut look: impl FnMut(&[u8], usize),
    ) -> Result<Digest, Unopened> {
        let pass = || {
            let mut reader = self.reader(identity)?;
            let mut window = Zeroizing::new(vec![0; overlap + WINDOW]);
            let mut kept = 0;
            loop {
                let read = reader.read(&mut window[kept..]).map_err(|_| corrupt())?;
                if read == 0 {
                    return Ok(());
                }
                let end = kept + read;
                look(&window[..end], kept);
                kept = overlap.min(end);
                window.copy_within(end - kept..end, 0);
            }
        };
        self.beside_digest(pass).map(|((), digest)| digest)
    }

    /// Does something with the plaintext while a large file is hashed.
    fn beside_digest<T>(
        &self,
        work: impl FnOnce() -> Result<T, Unopened>,
    ) -> Result<(T, Digest), Unopened> {
        if self.bytes.len() < LARGE {
            return Ok((work()?, self.digest()));
        }
        thread::scope(|scope| {
            let hashing = thread::Builder::new().spawn_scoped(scope, || self.digest());
            let done = work();
            let digest = match hashing {
                Ok(hashing) => hashing.join().expect("hashing does not panic"),
                // A limit on processes counts threads, too.
                Err(_) => self.digest(),
            };
            Ok((done?, digest))
        })
    }

    fn decrypt(&self, identity: &Identity) -> Result<Zeroizing<Vec<u8>>, Unopened> {
        // The plaintext is shorter than the payload, so this never grows and
        // leaves no copy behind.
        let mut plaintext = Zeroizing::new(Vec::with_capacity(self.bytes.len() - self.payload_at));
        let mut reader = self.reader(identity)?;
        reader.read_to_end(&mut plaintext).map_err(|_| corrupt())?;
        Ok(plaintext)
    }

    fn reader(&self, identity: &Identity) -> Result<impl Read, Unopened> {
        let decryptor = age::Decryptor::new_buffered(&self.bytes[..]).map_err(|_| corrupt())?;
        match decryptor.decrypt(identity.as_age()) {
            Ok(reader) => Ok(reader),
            Err(age::DecryptError::NoMatchingKeys) => Err(Unopened::NotForUs),
            Err(_) => Err(corrupt()),
        }
    }

    /// Returns the SHA-256 of the whole file.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.bytes)
    }

    /// Returns the SHA-256 of what follows the header. Every save makes a new
    /// one; so the same payload under another header means that the header was
    /// damaged.
    pub fn payload_digest(&self) -> Digest {
        Digest::of(&self.bytes[self.payload_at..])
    }

    /// Returns the bytes of the file.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

fn corrupt() -> Unopened {
    Unopened::Fault(Fault::Corrupt)
}

/// Measures the header without parsing it, up to the bounds.
fn header_length(bytes: &[u8]) -> Result<usize, Fault> {
    if bytes.is_empty() {
        return Err(Fault::Empty);
    }
    if !bytes.starts_with(AGE_INTRO) {
        return Err(Fault::NotAge);
    }
    let (mut at, mut stanzas) = (AGE_INTRO.len(), 0);
    loop {
        let rest = &bytes[at..bytes.len().min(HEADER_MAX)];
        let Some(length) = rest.iter().position(|byte| *byte == b'\n') else {
            let too_large = bytes.len() > HEADER_MAX;
            return Err(if too_large {
                Fault::HeaderTooLarge
            } else {
                Fault::Corrupt
            });
        };
        let line = &rest[..length];
        at += length + 1;
        if line.starts_with(HEADER_END) {
            return Ok(at);
        }
        if line.starts_with(SCRYPT_START) {
            return Err(Fault::PassphraseSealed);
        }
        stanzas += usize::from(line.starts_with(STANZA_START));
        if stanzas > STANZAS_MAX {
            return Err(Fault::HeaderTooLarge);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(plaintext: &[u8]) -> (Envelope, Identity) {
        let identity = Identity::generate();
        (Envelope::seal(plaintext, &identity.recipients()), identity)
    }

    fn fault(bytes: &[u8]) -> Option<Fault> {
        Envelope::read(bytes.to_vec()).err()
    }

    #[test]
    fn what_was_sealed_opens() {
        for length in [0, 1, 4096, 65536, 65537, LARGE + 1] {
            let plaintext: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
            let (envelope, identity) = sealed(&plaintext);
            let again = Envelope::read(envelope.as_bytes().to_vec()).expect("an age file");
            let opened = again.open(&identity).expect("sealed to us");
            assert!(*opened.plaintext == plaintext, "length {length}");
            assert_eq!(opened.digest, Digest::of(envelope.as_bytes()));
        }
    }

    #[test]
    fn another_identity_does_not_open_it() {
        let (envelope, _) = sealed(b"text");
        assert_eq!(
            envelope.open(&Identity::generate()).err(),
            Some(Unopened::NotForUs)
        );
    }

    #[test]
    fn every_flipped_byte_and_every_truncation_is_noticed() {
        let (envelope, identity) = sealed(b"some text");
        let bytes = envelope.as_bytes();
        for at in 0..bytes.len() {
            let mut flipped = bytes.to_vec();
            flipped[at] ^= 1;
            let opens =
                Envelope::read(flipped).is_ok_and(|envelope| envelope.open(&identity).is_ok());
            assert!(!opens, "byte {at} flipped");
            let opens = Envelope::read(bytes[..at].to_vec())
                .is_ok_and(|envelope| envelope.open(&identity).is_ok());
            assert!(!opens, "cut at {at}");
        }
    }

    #[test]
    fn a_header_beyond_the_bounds_is_not_parsed() {
        let intro = String::from_utf8(AGE_INTRO.to_vec()).expect("text");
        let stanza = "-> X25519 abc\nAAAA\n";
        assert_eq!(fault(b"plain text"), Some(Fault::NotAge));
        assert_eq!(fault(intro.as_bytes()), Some(Fault::Corrupt));
        let many = intro.clone() + &stanza.repeat(STANZAS_MAX + 1) + "--- x\n";
        assert_eq!(fault(many.as_bytes()), Some(Fault::HeaderTooLarge));
        let enough = intro.clone() + &stanza.repeat(STANZAS_MAX) + "--- x\n";
        assert_eq!(fault(enough.as_bytes()), None);
        let long = intro.clone() + "-> X25519 " + &"a".repeat(HEADER_MAX) + "\n--- x\n";
        assert_eq!(fault(long.as_bytes()), Some(Fault::HeaderTooLarge));
        let scrypt = intro + "-> scrypt abc 18\nAAAA\n--- x\n";
        assert_eq!(fault(scrypt.as_bytes()), Some(Fault::PassphraseSealed));
    }
}
