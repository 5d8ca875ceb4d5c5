//! Random bytes and passwords, from the system's generator.

use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::secret_value::SecretValue;

/// What generated values are made of: letters and digits survive every shell,
/// URL and config file unquoted, and give 5.95 bits each.
const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Returns `N` random bytes.
///
/// # Errors
///
/// [`Error::NoRandomness`], where the system has none to give.
pub fn bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::getrandom(&mut bytes).map_err(|_| Error::NoRandomness)?;
    Ok(bytes)
}

/// Returns a value of `length` random letters and digits.
///
/// # Errors
///
/// [`Error::NoRandomness`], where the system has none to give.
pub fn password(length: usize) -> Result<SecretValue> {
    // A byte picks a letter only below the last multiple of 62, or the first
    // letters would come up more often.
    const EVEN: u8 = (256 / ALPHABET.len() * ALPHABET.len()) as u8;
    let mut password = Zeroizing::new(Vec::with_capacity(length));
    while password.len() < length {
        let random = Zeroizing::new(bytes::<64>()?);
        let even = random.iter().filter(|byte| **byte < EVEN);
        let letters = even.map(|byte| ALPHABET[usize::from(*byte) % ALPHABET.len()]);
        let missing = length - password.len();
        password.extend(letters.take(missing));
    }
    Ok(SecretValue::new(password))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_has_its_length_and_all_letters_come_up() {
        assert_eq!(password(0).expect("random").len(), 0);
        assert_eq!(password(20).expect("random").len(), 20);
        let long = password(100_000).expect("random");
        let mut counts = [0_u32; 256];
        for byte in long.expose() {
            counts[usize::from(*byte)] += 1;
        }
        // 1613 expected of each; ten standard deviations either way.
        for letter in ALPHABET {
            let count = counts[usize::from(*letter)];
            assert!((1213..2013).contains(&count), "{count} of {letter}");
        }
        assert_eq!(
            counts.iter().filter(|count| **count > 0).count(),
            ALPHABET.len()
        );
    }
}
