//! All environments of a vault at once, as far as they open.

use crate::context::Context;
use crate::error::{Code, Error, Result};
use crate::name::EnvironmentName;
use crate::store::VaultStore;
use crate::vault::Environment;

/// The environments of a vault.
#[derive(Default)]
pub struct Overview {
    /// Those that opened.
    pub environments: Vec<Environment>,
    /// Those that this identity is no member of.
    pub closed: Vec<EnvironmentName>,
    /// What kept the first of the others from being read or believed: said at the end, so
    /// that one bad file does not hide what is in the good ones.
    pub damage: Option<Error>,
}

impl Context {
    /// Opens the environments that are named or, without a name, all that this identity
    /// is a member of.
    ///
    /// # Errors
    ///
    /// Where one does not open that is named, or none does.
    pub fn overview(&self, store: &VaultStore) -> Result<Overview> {
        let mut named = self.named_environments()?;
        named.sort();
        named.dedup();
        let mut overview = Overview::default();
        if !named.is_empty() {
            let opened = named
                .iter()
                .map(|name| self.open(store, name)?.environment());
            overview.environments = opened.collect::<Result<_>>()?;
            return Ok(overview);
        }
        let mut closed = None;
        for name in store.environments()? {
            let opened = self.open(store, &name);
            match opened.and_then(|opened| opened.environment()) {
                Ok(environment) => overview.environments.push(environment),
                Err(error @ Error::NotAMember { .. }) => {
                    overview.closed.push(name);
                    closed.get_or_insert(error);
                }
                Err(error) if error.code() == Code::Untrusted || is_io(&error) => {
                    match &overview.damage {
                        None => overview.damage = Some(error),
                        Some(_) => self.ui.warn(&error.to_string()),
                    }
                }
                Err(error) => return Err(error),
            }
        }
        if overview.environments.is_empty() {
            if let Some(error) = overview.damage.take().or(closed) {
                return Err(error);
            }
            // It says that there is none.
            self.layers(store)?;
        }
        Ok(overview)
    }
}

fn is_io(error: &Error) -> bool {
    matches!(error.inner(), Error::Io { .. })
}
