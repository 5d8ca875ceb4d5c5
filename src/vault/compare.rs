//! Two environments side by side: which names each has, and where the values are the
//! same. Values are compared by their fingerprints, and none is shown.

use serde::Serialize;

use crate::name::SecretName;
use crate::seal::digest::Fingerprint;
use crate::vault::Environment;
use crate::vault::roster::Member;
use crate::vault::secret::Secret;

/// How two environments differ, by the names of their secrets.
#[derive(Debug, Serialize)]
pub struct Difference<'a> {
    /// Those that only the first has.
    pub only_first: Vec<&'a SecretName>,
    /// Those that only the second has.
    pub only_second: Vec<&'a SecretName>,
    /// Those that have another value in each, or a value in one alone because the
    /// other's was revoked.
    pub different: Vec<&'a SecretName>,
    /// Those that have the same value in both.
    pub same: Vec<&'a SecretName>,
}

impl<'a> Difference<'a> {
    /// Compares two environments of one vault.
    pub fn between(first: &'a Environment, second: &'a Environment) -> Self {
        let mut difference = Self {
            only_first: Vec::new(),
            only_second: Vec::new(),
            different: Vec::new(),
            same: Vec::new(),
        };
        for (name, secret) in &first.secrets {
            let list = match second.secrets.get(name) {
                None => &mut difference.only_first,
                Some(other) if print(first, secret) == print(first, other) => &mut difference.same,
                Some(_) => &mut difference.different,
            };
            list.push(name);
        }
        let theirs = second.secrets.keys();
        let only_second = theirs.filter(|name| !first.secrets.contains_key(*name));
        difference.only_second = only_second.collect();
        difference
    }
}

/// What a secret's value is known by, and whether it is in use.
fn print(environment: &Environment, secret: &Secret) -> (bool, Option<Fingerprint>) {
    let version = secret.representative();
    let fingerprint = version.fingerprint(environment.vault.as_ref());
    (secret.current().is_some(), fingerprint)
}

/// Returns the members of one environment who cannot open another.
pub fn members_without<'a>(environment: &'a Environment, other: &Environment) -> Vec<&'a Member> {
    let known = other.roster.members();
    let is_known = |member: &Member| known.iter().any(|one| one.recipient == member.recipient);
    let members = environment.roster.members().iter();
    members.filter(|member| !is_known(member)).collect()
}
