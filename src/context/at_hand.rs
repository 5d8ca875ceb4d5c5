//! What can be told without a question, without a word and without remembering
//! anything: for who presses the tab key.

use crate::context::Context;
use crate::context::identity::Protection;
use crate::error::Result;
use crate::name::SecretName;
use crate::store::VaultStore;
use crate::store::pin::Verdict;
use crate::vault::Environment;

impl Context {
    /// Tells whether the identity opens the vault without a passphrase: it has none,
    /// or was unlocked before. A file or a command that knows it is not asked, and a
    /// pipe that it comes by is not read; they may take their time, or ask somebody.
    ///
    /// # Errors
    ///
    /// As [`Context::protection`].
    pub fn is_unlocked(&self) -> Result<bool> {
        Ok(!self.is_identity_piped() && !matches!(self.protection()?, Protection::Passphrase))
    }

    /// Returns the names of the secrets in the environments that are meant, sorted;
    /// none of what does not open, and none of what this machine sees for the first
    /// time: that is for a command which says so.
    pub fn names_at_hand(&self, store: &VaultStore) -> Vec<SecretName> {
        if !self.is_unlocked().unwrap_or(false) {
            return Vec::new();
        }
        let layers = self.layers(store).unwrap_or_default();
        let opened = layers.iter().filter_map(|name| {
            let expected = self.expected_vault().ok()?;
            let identity = self.identity().ok()?;
            let found = store.inspect(name, identity, expected.as_ref()).ok()?;
            let is_known = found.before.is_some() && !matches!(found.verdict, Verdict::Refused(_));
            is_known.then_some(found.environment)
        });
        let names = opened.flat_map(|environment: Environment| environment.secrets.into_keys());
        let mut names: Vec<SecretName> = names.collect();
        names.sort();
        names.dedup();
        names
    }
}
