//! What is said of values that are given out when they have expired, or are about to.

use crate::context::Context;
use crate::name::{EnvironmentName, SecretName};
use crate::seal::digest::{Digest, ShortDigest};
use crate::store::reminders::Reminders;
use crate::timestamp::Timestamp;
use crate::vault::VaultId;
use crate::vault::layers::Served;
use crate::vault::policy::EXPIRES_SOON;
use crate::vault::secret::{SecretVersion, Serving};
use crate::vault::selection::Chosen;

/// How many secrets are named that are about to expire: what goes beyond a few lines
/// before each program is not read any more.
const NAMED: usize = 5;

/// A version whose value is given out.
#[derive(Clone, Copy)]
pub struct Given<'a> {
    name: &'a SecretName,
    environment: &'a EnvironmentName,
    version: u32,
    expires_at: Option<Timestamp>,
}

impl<'a> Given<'a> {
    /// Takes down a version of a secret.
    pub fn version(
        name: &'a SecretName,
        environment: &'a EnvironmentName,
        version: &SecretVersion,
    ) -> Self {
        Self {
            name,
            environment,
            version: version.number,
            expires_at: version.expires_at,
        }
    }

    /// Takes down what a reference was filled with.
    pub fn served(name: &'a SecretName, served: &Served<'a>) -> Self {
        Self::version(name, served.environment, served.version)
    }

    /// Takes down what was chosen, unless that is a setting and no secret.
    pub fn chosen(chosen: &Chosen<'a>) -> Option<Self> {
        chosen.env_file.is_none().then_some(Self {
            name: chosen.name,
            environment: chosen.environment,
            version: chosen.version,
            expires_at: chosen.expires_at,
        })
    }

    /// Returns what a reminder of this date is known by.
    fn mark(&self, vault: VaultId, at: Timestamp) -> ShortDigest {
        let Self {
            name, environment, ..
        } = self;
        // None of these has a line feed.
        Digest::of(format!("{vault}\n{environment}\n{name}\n{at}").as_bytes()).short()
    }
}

impl Context {
    /// Returns by which time values are given out, once the environment was opened.
    pub fn serving(&self, allow_expired: bool) -> Serving {
        Serving {
            now: self.now(),
            allow_expired,
        }
    }

    /// Says of each value that has expired that it is given out all the same.
    pub fn warn_of_expired<'a>(&self, given: impl IntoIterator<Item = Given<'a>>) {
        let now = self.now();
        for Given {
            name,
            environment,
            version,
            expires_at,
        } in given
        {
            if let Some(at) = expires_at.filter(|at| *at <= now) {
                self.warn_once(format!(
                    "`{name}` in environment `{environment}` has expired (version {version}, at {at}), and is given out because of `--allow-expired`"
                ));
                self.note_allowed("expired");
            }
        }
    }

    fn warn_once(&self, text: String) {
        let mut told = self.told.borrow_mut();
        if !told.contains(&text) {
            self.ui.warn(&text);
            told.push(text);
        }
    }

    /// Says which values are about to expire, each once a day.
    pub fn warn_of_expiring(&self, vault: VaultId, given: &[Given<'_>]) {
        let now = self.now();
        let is_soon = |at: &Timestamp| *at > now && at.until(now) <= EXPIRES_SOON;
        let mut soon = Vec::new();
        for one in given {
            if let Some(at) = one.expires_at.filter(is_soon) {
                soon.push((at, one.mark(vault, at), one));
            }
        }
        // What nobody is told is not noted as told.
        if soon.is_empty() || self.ui.quiet {
            return;
        }
        let marks: Vec<ShortDigest> = soon.iter().map(|(_, mark, _)| *mark).collect();
        let reminders = Reminders::below(self.state_folder().as_deref());
        let untold = reminders.remind(now.date(), &marks);
        soon.retain(|(_, mark, _)| untold.contains(mark));
        soon.sort_by_key(|(at, mark, _)| (*at, *mark));
        soon.dedup_by_key(|(_, mark, _)| *mark);
        for (
            at,
            _,
            Given {
                name, environment, ..
            },
        ) in soon.iter().take(NAMED)
        {
            self.ui.warn(&format!(
                "`{name}` in environment `{environment}` expires in {}, at {at}; run `keyvault rotate {name} --env {environment}` to give it a new value",
                at.until(now).rounded()
            ));
        }
        if let more @ 1.. = soon.len().saturating_sub(NAMED) {
            self.ui.warn(&format!(
                "{more} more expire within {EXPIRES_SOON}; run `keyvault list` to see when"
            ));
        }
    }
}
