//! When secrets were used, by this machine's audit log.

use crate::context::Context;
use crate::error::Result;
use crate::store::VaultStore;
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
        let lines = self
            .audit_log(store)
            .lines()?
            .filter_map(std::result::Result::ok);
        let mut uses: Option<Uses> = None;
        // From a clock that stood before keyvault was, nothing is learned.
        for line in lines.filter(|line| Clock::new(line.time).oddity().is_none()) {
            let uses = uses.get_or_insert_with(|| Uses::known_since(line.time));
            uses.since = uses.since.min(line.time);
            if !is_read(&line) {
                continue;
            }
            for name in &line.names {
                let Ok(name) = name.split('@').next().unwrap_or_default().parse() else {
                    continue;
                };
                // Of layers the line does not tell which one had it.
                for environment in &line.environments {
                    uses.note(environment, &name, line.time);
                }
            }
        }
        Ok(uses)
    }
}
