//! A secret that needs attention, and is not to be named for a while.

use serde::Serialize;

use crate::error::Result;
use crate::name::{EnvironmentName, SecretName};
use crate::timestamp::Timestamp;
use crate::vault::Environment;

/// A secret was snoozed, or is awake again.
#[derive(Debug, Serialize)]
pub struct Snoozed {
    /// Which.
    pub name: SecretName,
    /// Where.
    pub environment: EnvironmentName,
    /// Until when; nothing for one that is awake.
    pub snoozed_until: Option<Timestamp>,
}

impl Environment {
    /// Says until when `status` does not name a secret, or that it does again.
    ///
    /// # Errors
    ///
    /// [`crate::error::Error::NoSecret`].
    pub fn snooze(&mut self, name: &SecretName, until: Option<Timestamp>) -> Result<Snoozed> {
        let secret = self.secret_mut(name)?;
        if secret.snoozed_until != until {
            secret.snoozed_until = until;
            self.touch(name);
        }
        Ok(Snoozed {
            name: name.clone(),
            environment: self.name.clone(),
            snoozed_until: until,
        })
    }
}
