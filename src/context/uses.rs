//! When secrets were used, by this machine's audit log.

use crate::context::Context;
use crate::error::Result;
use crate::store::VaultStore;
use crate::store::audit_log::line::{Line, Outcome};
use crate::vault::attention::Uses;
use crate::vault::clock::Clock;

/// The subcommands that give values out.
const READING: [&str; 5] = ["get", "exec", "export", "render", "shell"];

impl Context {
    /// Reads from the audit log when each secret was given out last; nothing where there
    /// is no log. Lines that do not read are passed over: they are for `audit verify`.
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

/// Tells whether a line is of values that were given out.
fn is_read(line: &Line) -> bool {
    let command = line.command.split(' ').next().unwrap_or_default();
    line.outcome == Outcome::Ok && READING.contains(&command)
}
