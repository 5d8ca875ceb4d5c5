//! When secrets were used, by this machine's audit log.

use crate::context::Context;
use crate::error::Result;
use crate::store::VaultStore;
use crate::store::audit_log::filter::without_version;
use crate::store::audit_log::report::is_read;
use crate::vault::attention::Uses;
use crate::vault::clock::Clock;

impl Context {
    /// Reads from the audit log when each secret was given out last; nothing where there
    /// is no log. The chain is not proved, and lines that do not read are passed over: both
    /// are for `audit verify`, and what comes of this is a question to a person.
    ///
    /// # Errors
    ///
    /// [`crate::error::Error::Io`].
    pub fn uses(&self, store: &VaultStore) -> Result<Option<Uses>> {
        let mut uses: Option<Uses> = None;
        for line in self.audit_log(store).lines()? {
            let Ok(line) = line? else { continue };
            // From a clock that stood before keyvault was, nothing is learned.
            if Clock::new(line.time).oddity().is_some() {
                continue;
            }
            let uses = uses.get_or_insert_with(|| Uses::known_since(line.time));
            uses.hear(line.time);
            if !is_read(&line) {
                continue;
            }
            for name in &line.names {
                let Ok(name) = without_version(name).parse() else {
                    continue;
                };
                // Of layers the line does not tell which one had it.
                for environment in &line.environments {
                    uses.note(environment, &name, line.time);
                }
            }
        }
        if let Some(uses) = &mut uses {
            uses.hear(self.now());
        }
        Ok(uses)
    }
}
