//! Vault files made by hand, from the specification in `src/vault/document.rs`
//! and by none of its code: what keyvault would not write itself, signed as a
//! member could sign it.

use std::io::{Read, Write};

use age::secrecy::ExposeSecret;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ed25519_dalek::{Signer, SigningKey};
use hkdf::Hkdf;
use sha2::Sha256;

/// Opens a vault file with a plain identity file, lets `edit` change line 1, and
/// signs and seals it again to that identity.
pub fn resigned(identity_file: &str, file: &[u8], edit: impl FnOnce(&str) -> String) -> Vec<u8> {
    let plaintext = plaintext(identity_file, file);
    let document = plaintext.split('\n').next().expect("line 1");
    sealed(
        &identity(identity_file),
        &signed(identity_file, &edit(document)),
    )
}

/// Opens a vault file with a plain identity file.
pub fn plaintext(identity_file: &str, file: &[u8]) -> String {
    opened(&identity(identity_file), file)
}

/// Signs a text with a plain identity file, under a domain without its line feed.
pub fn signature(identity_file: &str, domain: &str, text: &str) -> String {
    let secret = identity(identity_file).to_string();
    let (_, secret) = bech32::decode(secret.expose_secret()).expect("bech32");
    let mut seed = [0; 32];
    Hkdf::<Sha256>::new(None, &secret)
        .expand(b"keyvault/sign/v1", &mut seed)
        .expect("32 bytes");
    let message = format!("{domain}\n{text}");
    let signature = SigningKey::from_bytes(&seed).sign(message.as_bytes());
    BASE64_STANDARD.encode(signature.to_bytes())
}

fn identity(file: &str) -> age::x25519::Identity {
    let line = file
        .lines()
        .find(|line| line.starts_with("AGE-SECRET-KEY-"));
    line.expect("a key").parse().expect("an identity")
}

fn opened(identity: &age::x25519::Identity, file: &[u8]) -> String {
    let decryptor = age::Decryptor::new(file).expect("an age file");
    let mut reader = decryptor
        .decrypt(std::iter::once(identity as _))
        .expect("sealed to us");
    let mut plaintext = String::new();
    reader.read_to_string(&mut plaintext).expect("whole");
    plaintext
}

fn signed(identity_file: &str, document: &str) -> String {
    let signature = signature(identity_file, "keyvault/document/v1", document);
    let lines = format!("{document}\n{signature}\n");
    let padding = " ".repeat(lines.len().next_multiple_of(4096) - lines.len());
    lines + &padding
}

fn sealed(identity: &age::x25519::Identity, plaintext: &str) -> Vec<u8> {
    let recipient = identity.to_public();
    let encryptor = age::Encryptor::with_recipients(std::iter::once(&recipient as _)).expect("one");
    let mut file = Vec::new();
    let mut writer = encryptor.wrap_output(&mut file).expect("memory");
    writer.write_all(plaintext.as_bytes()).expect("memory");
    writer.finish().expect("memory");
    file
}
