//! The opened identity, kept for a while so that its passphrase is asked once.
//!
//! On Linux it is kept in the kernel: a key in the session keyring (keyrings(7)),
//! which no file, no swap and no other session has. Its rights are the
//! possessor's alone, and the kernel forgets it when its time is up. Elsewhere,
//! or where the kernel refuses, nothing is kept; there is no file in its place.
//!
//! The session keyring is used as it is found. Asking for it to be *created*
//! would, in a shell that has none of its own, join a new one that ends with
//! this process and from which the user's keyring is out of reach.

use std::fmt;

use crate::seal::digest::Digest;
use crate::secret_value::SecretValue;
use crate::timestamp::{Period, Timestamp};

/// How long an identity is kept after it was last used.
pub const IDLE: Period = Period::from_seconds(15 * 60);

/// How long an identity is kept at most.
pub const AT_MOST: Period = Period::from_seconds(8 * 60 * 60);

/// Which identity is meant: the digest of its file, so that a file that is
/// replaced has to be unlocked again.
#[derive(Clone, Copy)]
pub struct CacheId(Digest);

impl CacheId {
    /// Names the identity of a file with these contents.
    pub fn of(contents: &[u8]) -> Self {
        Self(Digest::of(contents))
    }

    #[cfg(target_os = "linux")]
    fn description(self) -> String {
        let digest = self.0.to_string();
        format!("keyvault:{}", &digest[..32])
    }
}

/// How long a person wants an identity to be kept.
#[derive(Clone, Copy, Debug)]
pub enum Term {
    /// As long as is usual.
    Usual,
    /// For a set time, used or not.
    For(Period),
}

impl Term {
    /// Returns the lease that begins now.
    pub fn lease(self, now: Timestamp) -> Lease {
        let (idle, at_most) = match self {
            Self::Usual => (IDLE, AT_MOST),
            Self::For(period) => (period, period),
        };
        Lease {
            idle,
            until: now.after(at_most),
        }
    }
}

/// How long an identity is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// After its last use.
    pub idle: Period,
    /// Whatever happens.
    pub until: Timestamp,
}

impl Lease {
    /// Returns what is left of it if it is not used from now on; nothing once it
    /// is over. A clock that was set back does not make it longer than it was.
    pub fn left(&self, now: Timestamp) -> Period {
        self.idle.min(self.until.until(now))
    }
}

/// What is kept.
pub struct Remembered {
    /// The text of the opened identity file.
    pub text: SecretValue,
    /// For how long.
    pub lease: Lease,
}

/// Why nothing is kept: the system's word for it.
#[derive(Debug)]
pub struct Unavailable(String);

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(target_os = "linux")]
pub use linux::{forget_all, leave, recall, remember};
#[cfg(not(target_os = "linux"))]
pub use nowhere::{forget_all, leave, recall, remember};

#[cfg(target_os = "linux")]
mod linux {
    use std::time::Duration;

    use keyutils::keytypes::User;
    use keyutils::{Keyring, Permission, SpecialKeyring};
    use zeroize::Zeroizing;

    use super::{CacheId, Lease, Remembered, Unavailable};
    use crate::secret_value::SecretValue;
    use crate::timestamp::{Period, Timestamp};

    /// The keyring, within the session's, that holds our keys and nothing else.
    const KEYRING: &str = "keyvault";

    // errno(3), as keyctl(2) uses them.
    const ENOKEY: i32 = 126;
    const EKEYEXPIRED: i32 = 127;
    const EKEYREVOKED: i32 = 128;

    /// Returns what is kept of an identity, and starts its idle time anew.
    ///
    /// # Errors
    ///
    /// [`Unavailable`].
    pub fn recall(id: CacheId, now: Timestamp) -> Result<Option<Remembered>, Unavailable> {
        let Some(keyring) = ours()? else {
            return Ok(None);
        };
        let Some(mut key) =
            found(keyring.search_for_key::<User, _, _>(id.description().as_str(), None))?
        else {
            return Ok(None);
        };
        let Some(payload) = found(key.read())? else {
            return Ok(None);
        };
        let Some(remembered) = parse(Zeroizing::new(payload)) else {
            return Ok(None);
        };
        let left = remembered.lease.left(now);
        if left.as_seconds() == 0 {
            let _ = key.invalidate();
            return Ok(None);
        }
        // A failure leaves the shorter time, which is no harm.
        let _ = key.set_timeout(Duration::from_secs(left.as_seconds()));
        Ok(Some(remembered))
    }

    /// Keeps an opened identity.
    ///
    /// # Errors
    ///
    /// [`Unavailable`]; nothing is kept then.
    pub fn remember(
        id: CacheId,
        text: &SecretValue,
        lease: Lease,
        now: Timestamp,
    ) -> Result<(), Unavailable> {
        let mut keyring = match ours()? {
            Some(keyring) => keyring,
            None => {
                let mut session = Keyring::attach(SpecialKeyring::Session).map_err(unavailable)?;
                let mut keyring = session.add_keyring(KEYRING).map_err(unavailable)?;
                keyring
                    .set_permissions(Permission::POSSESSOR_ALL)
                    .map_err(unavailable)?;
                keyring
            }
        };
        let payload = write(text, lease);
        let mut key = keyring
            .add_key::<User, _, _>(id.description().as_str(), payload.as_slice())
            .map_err(unavailable)?;
        let seconds = lease.left(now).as_seconds();
        let limited = key
            .set_permissions(Permission::POSSESSOR_ALL)
            .and_then(|()| key.set_timeout(Duration::from_secs(seconds)));
        if seconds == 0 || limited.is_err() {
            // Without an end it must not be kept: 0 would mean for ever.
            let _ = key.invalidate();
        }
        limited.map_err(unavailable)
    }

    /// Forgets every identity of this session. Returns whether there was one.
    ///
    /// # Errors
    ///
    /// [`Unavailable`].
    pub fn forget_all() -> Result<bool, Unavailable> {
        let Some(mut keyring) = ours()? else {
            return Ok(false);
        };
        // The list is refused as soon as the time of one key is up.
        let any = keyring.read().map_or(true, |(keys, _)| !keys.is_empty());
        keyring.clear().map_err(unavailable)?;
        Ok(any)
    }

    /// Leaves the session: from here on, this process and what it becomes have a
    /// new session keyring, in which nothing is kept. The user's own keyring stays
    /// within reach, as pam_keyinit(8) has it for every login.
    pub fn leave() {
        // Where the kernel refuses keyrings, nothing was kept in one.
        if let Ok(mut session) = Keyring::join_anonymous_session()
            && let Ok(user) = Keyring::attach(SpecialKeyring::User)
        {
            let _ = session.link_keyring(&user);
        }
    }

    fn ours() -> Result<Option<Keyring>, Unavailable> {
        let session = Keyring::attach(SpecialKeyring::Session).map_err(unavailable)?;
        found(session.search_for_keyring(KEYRING, None))
    }

    fn found<T>(result: keyutils::Result<T>) -> Result<Option<T>, Unavailable> {
        match result {
            Ok(found) => Ok(Some(found)),
            Err(error) if [ENOKEY, EKEYEXPIRED, EKEYREVOKED].contains(&error.0) => Ok(None),
            Err(error) => Err(unavailable(error)),
        }
    }

    fn unavailable(error: impl std::fmt::Display) -> Unavailable {
        Unavailable(error.to_string().to_lowercase())
    }

    /// Writes the lease in a line before the text.
    fn write(text: &SecretValue, lease: Lease) -> Zeroizing<Vec<u8>> {
        let head = format!("{} {}\n", lease.idle, lease.until);
        let mut payload = Zeroizing::new(Vec::with_capacity(head.len() + text.len()));
        payload.extend_from_slice(head.as_bytes());
        payload.extend_from_slice(text.expose());
        payload
    }

    fn parse(payload: Zeroizing<Vec<u8>>) -> Option<Remembered> {
        let end = payload.iter().position(|byte| *byte == b'\n')?;
        let (idle, until) = std::str::from_utf8(&payload[..end]).ok()?.split_once(' ')?;
        let idle: Period = idle.parse().ok()?;
        let lease = Lease {
            idle,
            until: until.parse().ok()?,
        };
        let text = SecretValue::new(Zeroizing::new(payload[end + 1..].to_vec()));
        Some(Remembered { text, lease })
    }
}

#[cfg(not(target_os = "linux"))]
mod nowhere {
    use super::{CacheId, Lease, Remembered, Unavailable};
    use crate::secret_value::SecretValue;
    use crate::timestamp::Timestamp;

    fn unavailable<T>() -> Result<T, Unavailable> {
        Err(Unavailable("only Linux has a session keyring".to_owned()))
    }

    pub fn recall(_: CacheId, _: Timestamp) -> Result<Option<Remembered>, Unavailable> {
        unavailable()
    }

    pub fn remember(
        _: CacheId,
        _: &SecretValue,
        _: Lease,
        _: Timestamp,
    ) -> Result<(), Unavailable> {
        unavailable()
    }

    pub fn forget_all() -> Result<bool, Unavailable> {
        unavailable()
    }

    pub fn leave() {}
}
