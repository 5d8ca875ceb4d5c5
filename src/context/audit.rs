//! The audit log, from where everything comes from: who uses what, and why.

use crate::context::Context;
use crate::error::{LogFault, Result};
use crate::store::VaultStore;
use crate::store::audit_log::AuditLog;
use crate::store::audit_log::verify::{Known, Verified};
use crate::store::pin::Verdict;
use crate::vault::log_head;

impl Context {
    /// Returns the audit log of a vault on this machine.
    pub fn audit_log(&self, store: &VaultStore) -> AuditLog {
        store.audit_log(self.state_folder().as_deref())
    }

    /// Verifies an audit log, with what is known of it elsewhere: in the environments that
    /// this identity opens, and in their pins.
    ///
    /// # Errors
    ///
    /// Those of exit code 4; [`Error::Io`](crate::error::Error::Io), where the log cannot
    /// be read.
    pub fn verify_log(&self, store: &VaultStore, log: &AuditLog) -> Result<Verified> {
        let identity = self.identity()?;
        let keys = identity.recipients().into_iter().filter_map(|recipient| {
            let key = identity.audit_key(&recipient)?;
            Some((recipient.to_string(), key))
        });
        let mut known = Known {
            keys: keys.collect(),
            ..Known::default()
        };
        let pins = store.pins().load_usable();
        for pin in &pins {
            known.heads.extend(pin.logs.iter().cloned());
            known.own.extend(&pin.own_logs);
        }
        let mut gone_back = None;
        let expected = self.expected_vault()?;
        for name in store.environments()? {
            // What does not open tells nothing; nor does what a person did not accept.
            let Ok(found) = store.inspect(&name, identity, expected.as_ref()) else {
                continue;
            };
            if !matches!(found.verdict, Verdict::Same | Verdict::Newer) {
                continue;
            }
            let logs = &found.environment.logs;
            if let Some(pin) = &found.before
                && let Some((before, now)) = log_head::gone_back(&pin.logs, logs).next()
            {
                gone_back.get_or_insert(LogFault::WentBack {
                    by: before.by.clone(),
                    environment: name,
                    found: now.line,
                    seen: before.line,
                });
            }
            known.heads.extend(logs.iter().cloned());
        }
        let mut verified = log.verify(&known)?;
        verified.fault = verified.fault.or(gone_back);
        Ok(verified)
    }
}
