//! Which hooks may run here: a file for each that a person accepted on this machine, in
//! the state folder.
//!
//! What is accepted is the exact hook of one secret. Whoever changes any of it, a word
//! of its command or a secret that it gets, has to be believed anew.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::name::{EnvironmentName, SecretName};
use crate::seal::digest::Digest;
use crate::store::folder::{self, Folder};
use crate::vault::VaultId;
use crate::vault::rotation::{Hook, Step};

/// Most bytes of such a file: names, and what is around them.
const FILE_MAX: u64 = 4 << 10;

/// A hook, with all that a person looks at before it is accepted.
#[derive(Serialize)]
pub struct Candidate<'a> {
    format: Format,
    /// The vault.
    pub vault: VaultId,
    /// The environment.
    pub environment: &'a EnvironmentName,
    /// The secret.
    pub secret: &'a SecretName,
    /// The step.
    pub step: Step,
    /// The hook itself.
    #[serde(flatten)]
    pub hook: &'a Hook,
}

impl<'a> Candidate<'a> {
    /// Puts it together.
    pub fn new(
        vault: VaultId,
        environment: &'a EnvironmentName,
        secret: &'a SecretName,
        step: Step,
        hook: &'a Hook,
    ) -> Self {
        Self {
            format: Format::V1,
            vault,
            environment,
            secret,
            step,
            hook,
        }
    }

    /// Returns what it is known by: no two differ in anything and share this, since in
    /// JSON each part has its end.
    fn digest(&self) -> Digest {
        Digest::of(&serde_json::to_vec(self).expect("it has a JSON form"))
    }
}

/// The hooks that were accepted on this machine.
pub struct Acceptances {
    path: Option<PathBuf>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    format: Format,
    /// Whose hook, for a person who looks.
    environment: EnvironmentName,
    secret: SecretName,
    /// Exactly which.
    hook: Digest,
}

#[derive(Serialize, Deserialize)]
enum Format {
    #[serde(rename = "keyvault-hook/1")]
    V1,
}

impl Acceptances {
    /// Names their place, below the state folder.
    pub fn below(state: Option<&Path>) -> Self {
        Self {
            path: state.map(|state| state.join("hooks")),
        }
    }

    /// Tells whether a hook was accepted. Where that cannot be read it is as if nobody
    /// had been asked.
    pub fn has(&self, hook: &Candidate<'_>) -> bool {
        let digest = hook.digest();
        let read = || {
            let path = self.path.as_ref()?.join(file_name(&digest));
            let bytes = folder::read(&path, FILE_MAX).ok()?;
            serde_json::from_slice(&bytes).ok()
        };
        read().is_some_and(|record: Record| record.hook == digest)
    }

    /// Remembers that a hook was accepted.
    ///
    /// # Errors
    ///
    /// [`Error::NoHome`], [`Error::Io`].
    pub fn accept(&self, hook: &Candidate<'_>) -> Result<()> {
        let path = self.path.as_ref().ok_or(Error::NoHome)?;
        let digest = hook.digest();
        let record = Record {
            format: Format::V1,
            environment: hook.environment.clone(),
            secret: hook.secret.clone(),
            hook: digest,
        };
        let mut text = serde_json::to_vec(&record).expect("it has a JSON form");
        text.push(b'\n');
        let folder = Folder::create(path)?;
        let lock = folder.lock(&mut || {})?;
        lock.replace(&file_name(&digest), &text)
    }
}

fn file_name(digest: &Digest) -> String {
    format!("{}.json", &digest.to_string()[..32])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hook(command: &[&str], with: &[&str], timeout: Option<&str>) -> Hook {
        Hook {
            command: command
                .iter()
                .map(|word| word.parse().expect("a word"))
                .collect(),
            with: with
                .iter()
                .map(|name| name.parse().expect("a name"))
                .collect(),
            timeout: timeout.map(|timeout| timeout.parse().expect("a time")),
        }
    }

    #[test]
    fn only_the_exact_hook_is_accepted() {
        let state = tempfile::TempDir::new().expect("a folder");
        let accepted = Acceptances::below(Some(state.path()));
        let (dev, prod) = (
            "dev".parse().expect("a name"),
            "prod".parse().expect("a name"),
        );
        let (a, b) = ("A".parse().expect("a name"), "B".parse().expect("a name"));
        let (one, other) = (VaultId::from([1; 16]), VaultId::from([2; 16]));
        let good = hook(&["./new", "a b"], &["X"], Some("1m"));
        let candidate = Candidate::new(one, &dev, &a, Step::Create, &good);
        assert!(!accepted.has(&candidate));
        accepted.accept(&candidate).expect("remembered");
        assert!(accepted.has(&candidate));

        for changed in [
            hook(&["./new", "a", "b"], &["X"], Some("1m")),
            hook(&["./new", "a b"], &["X", "Y"], Some("1m")),
            hook(&["./new", "a b"], &[], Some("1m")),
            hook(&["./new", "a b"], &["X"], Some("2m")),
            hook(&["./new", "a b"], &["X"], None),
            hook(&["./new"], &["X"], Some("1m")),
        ] {
            assert!(!accepted.has(&Candidate::new(one, &dev, &a, Step::Create, &changed)));
        }
        for elsewhere in [
            Candidate::new(other, &dev, &a, Step::Create, &good),
            Candidate::new(one, &prod, &a, Step::Create, &good),
            Candidate::new(one, &dev, &b, Step::Create, &good),
            Candidate::new(one, &dev, &a, Step::Revoke, &good),
        ] {
            assert!(!accepted.has(&elsewhere));
        }
    }

    #[test]
    fn what_is_damaged_counts_for_nothing() {
        let state = tempfile::TempDir::new().expect("a folder");
        let accepted = Acceptances::below(Some(state.path()));
        let (dev, a) = ("dev".parse().expect("a name"), "A".parse().expect("a name"));
        let good = hook(&["./new"], &[], None);
        let candidate = Candidate::new(VaultId::from([1; 16]), &dev, &a, Step::Create, &good);
        accepted.accept(&candidate).expect("remembered");
        let file = state
            .path()
            .join("hooks")
            .join(file_name(&candidate.digest()));
        let text = std::fs::read_to_string(&file).expect("read");
        for damaged in [
            "",
            "{}",
            &text.replace("hook/1", "hook/2"),
            &text.replace("\"hook\":\"", "\"hook\":\"0"),
        ] {
            std::fs::write(&file, damaged).expect("written");
            assert!(!accepted.has(&candidate), "{damaged}");
        }
    }
}
