//! Many secrets at once, from a file that was kept elsewhere: all of them or none.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::name::SecretName;
use crate::seal::digest::Fingerprint;
use crate::secret_value::SecretValue;
use crate::timestamp::Timestamp;
use crate::vault::policy::Surplus;
use crate::vault::secret::Secret;
use crate::vault::{Author, Environment, NewSecret};

/// What becomes of a secret that is there with another value, or with none that is
/// in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnConflict {
    /// Nothing is imported.
    Refuse,
    /// It stays as it is.
    Skip,
    /// It gets the new value.
    Rotate,
    /// These get their new values, to which somebody said yes. Where another one is in
    /// the way by now, nothing is imported.
    RotateThese(Vec<SecretName>),
}

/// What an import does or would do, by name.
#[derive(Debug, Default, Serialize)]
pub struct Plan {
    /// Those that are not there.
    pub added: Vec<SecretName>,
    /// Those that get a new value.
    pub rotated: Vec<SecretName>,
    /// Those that are there with this value.
    pub unchanged: Vec<SecretName>,
    /// Those that are there, and stay as they are.
    pub skipped: Vec<SecretName>,
    /// Those that are there, and keep the import from being done.
    pub conflicts: Vec<SecretName>,
    /// The versions whose values were destroyed because newer ones took their place.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub destroyed: Vec<Surplus>,
    /// The versions that were replaced, and are to be given back where they came from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub retiring: Vec<Retiring>,
}

/// A version that was replaced, and is to be given back where it came from.
#[derive(Debug, Serialize)]
pub struct Retiring {
    /// Of which secret.
    pub name: SecretName,
    /// Which of its versions.
    pub version: u32,
    /// From when on.
    pub retire_at: Timestamp,
}

impl Plan {
    /// Counts what was done, in words: `3 added, 1 unchanged`; empty where there was nothing
    /// to do.
    pub fn counts(&self) -> String {
        let counts = [
            ("added", &self.added),
            ("rotated", &self.rotated),
            ("unchanged", &self.unchanged),
            ("skipped", &self.skipped),
        ];
        let counts = counts.iter().filter(|(_, names)| !names.is_empty());
        let counts: Vec<_> = counts
            .map(|(what, names)| format!("{} {what}", names.len()))
            .collect();
        counts.join(", ")
    }
}

/// Secrets were imported.
#[derive(Debug)]
pub struct Imported {
    /// What was done.
    pub plan: Plan,
    /// What the values are known by that the environment has from here on.
    pub values: Vec<(SecretName, Fingerprint)>,
}

/// Secrets to be imported: a name stands for one value.
pub type Offered = BTreeMap<SecretName, SecretValue>;

impl Environment {
    /// Tells what an import would do.
    ///
    /// # Errors
    ///
    /// [`Error::RevokedValue`]; [`Error::RotationUnderWay`] for one that would be rotated.
    pub fn plan_import(&self, offered: &Offered, on_conflict: &OnConflict) -> Result<Plan> {
        let revoked = self.revoked_values();
        let mut plan = Plan::default();
        for (name, value) in offered {
            let (list, is_new) = match self.secrets.get(name).map(Secret::current) {
                None => (&mut plan.added, true),
                Some(Some(current)) if current.has(value) => (&mut plan.unchanged, false),
                Some(_) => match on_conflict {
                    OnConflict::Skip => (&mut plan.skipped, false),
                    OnConflict::Rotate => (&mut plan.rotated, true),
                    OnConflict::RotateThese(names) if names.contains(name) => {
                        (&mut plan.rotated, true)
                    }
                    OnConflict::Refuse | OnConflict::RotateThese(_) => (&mut plan.conflicts, false),
                },
            };
            list.push(name.clone());
            if is_new && self.secrets.contains_key(name) {
                // What goes on would put its own value in the place of the imported one.
                self.check_at_rest(name)?;
            }
            let print = || Fingerprint::of(value, self.vault.as_ref());
            if is_new && let Some((revoked, version)) = revoked.get(&print()) {
                return Err(Error::RevokedValue {
                    name: name.clone(),
                    revoked: (*revoked).clone(),
                    version: *version,
                    environment: self.name.clone(),
                });
            }
        }
        Ok(plan)
    }

    /// Adds secrets, and gives those that are there their new values.
    ///
    /// # Errors
    ///
    /// [`Error::ImportConflict`], [`Error::RevokedValue`], [`Error::RotationUnderWay`]; then
    /// nothing was changed.
    pub fn import(
        &mut self,
        offered: Offered,
        on_conflict: &OnConflict,
        author: Author<'_>,
    ) -> Result<Imported> {
        let mut plan = self.plan_import(&offered, on_conflict)?;
        if !plan.conflicts.is_empty() {
            return Err(Error::ImportConflict {
                names: plan.conflicts,
                environment: self.name.clone(),
            });
        }
        // They are in the order of names, as what was offered is.
        let is_in = |list: &[SecretName], name: &SecretName| list.binary_search(name).is_ok();
        let mut values = Vec::with_capacity(offered.len());
        for (name, value) in offered {
            if is_in(&plan.skipped, &name) {
                continue;
            }
            values.push((name.clone(), Fingerprint::of(&value, self.vault.as_ref())));
            if is_in(&plan.added, &name) {
                self.insert(
                    NewSecret {
                        name,
                        value,
                        description: None,
                        tags: Vec::new(),
                    },
                    author,
                );
            } else if is_in(&plan.rotated, &name) {
                let rotated = self.put_version(&name, value, author)?;
                plan.destroyed.extend(rotated.destroyed);
                let retiring = rotated.previous.zip(rotated.retire_at);
                plan.retiring
                    .extend(retiring.map(|(version, retire_at)| Retiring {
                        name,
                        version,
                        retire_at,
                    }));
            }
        }
        Ok(Imported { plan, values })
    }

    /// Makes sure that an environment, as it was read back, has these values.
    ///
    /// # Errors
    ///
    /// [`Error::NotReadBack`].
    pub fn check_values(&self, values: &[(SecretName, Fingerprint)]) -> Result<()> {
        for (name, expected) in values {
            let current = self.secrets.get(name).and_then(Secret::current);
            let found = current.and_then(|version| version.fingerprint(self.vault.as_ref()));
            if found.as_ref() != Some(expected) {
                return Err(Error::NotReadBack {
                    name: name.clone(),
                    environment: self.name.clone(),
                });
            }
        }
        Ok(())
    }

    /// Returns what was revoked here, by what its value is known by.
    fn revoked_values(&self) -> BTreeMap<Fingerprint, (&SecretName, u32)> {
        let versions = self.secrets.iter().flat_map(|(name, secret)| {
            let versions = secret.versions.iter();
            versions.map(move |version| (name, version))
        });
        let revoked = versions.filter_map(|(name, version)| {
            let record = version.revocation.as_ref()?;
            Some((record.fingerprint, (name, version.number)))
        });
        revoked.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::MemberName;
    use crate::vault::sample::{alice, founded};

    fn name(text: &str) -> SecretName {
        text.parse().expect("a name")
    }

    fn offered(pairs: &[(&str, &str)]) -> Offered {
        let pairs = pairs.iter().map(|(name, value)| {
            let value = SecretValue::from_text((*value).to_owned());
            (name.parse().expect("a name"), value)
        });
        pairs.collect()
    }

    fn author(name: &MemberName) -> Author<'_> {
        let now = "2026-11-22T12:00:00Z".parse().expect("a time");
        Author { name, now }
    }

    /// An environment with `SAME`, `OTHER` and the revoked `GONE`.
    fn environment() -> Environment {
        let mut environment = founded("dev");
        let first = offered(&[("GONE", "leaked"), ("OTHER", "old"), ("SAME", "kept")]);
        let alice = alice();
        let imported = environment.import(first, &OnConflict::Refuse, author(&alice));
        assert_eq!(imported.expect("all new").plan.added.len(), 3);
        let revoked = environment.revoke(&name("GONE"), None, None, author(&alice));
        revoked.expect("it is there");
        environment
    }

    fn import(environment: &mut Environment, all: Offered, on: &OnConflict) -> Result<Imported> {
        environment.import(all, on, author(&alice()))
    }

    fn value(environment: &Environment, of: &str) -> String {
        let secret = environment.secret(&name(of)).expect("it is there");
        let current = secret.current().expect("it is in use");
        let all = ["kept", "old", "new", "fresh"].into_iter();
        let mut all = all.map(|text| (text, SecretValue::from_text(text.to_owned())));
        let (text, _) = all
            .find(|(_, value)| current.has(value))
            .expect("a known one");
        format!("{text}@{}", current.number)
    }

    const ALL: [(&str, &str); 3] = [("NEW", "fresh"), ("OTHER", "new"), ("SAME", "kept")];

    #[test]
    fn a_conflict_is_settled_as_it_was_said() {
        for (on_conflict, other, lists) in [
            (OnConflict::Skip, "old@1", [0, 1]),
            (OnConflict::Rotate, "new@2", [1, 0]),
            (
                OnConflict::RotateThese(vec![name("OTHER")]),
                "new@2",
                [1, 0],
            ),
        ] {
            let mut environment = environment();
            let plan = environment.plan_import(&offered(&ALL), &on_conflict);
            let done = import(&mut environment, offered(&ALL), &on_conflict).expect("done");
            for plan in [plan.expect("planned"), done.plan] {
                assert_eq!(plan.added, [name("NEW")]);
                assert_eq!(plan.unchanged, [name("SAME")]);
                assert_eq!([plan.rotated.len(), plan.skipped.len()], lists);
            }
            assert_eq!(value(&environment, "NEW"), "fresh@1");
            assert_eq!(value(&environment, "OTHER"), other);
            assert_eq!(value(&environment, "SAME"), "kept@1");
            environment.check_values(&done.values).expect("they are so");
        }
    }

    #[test]
    fn a_conflict_that_was_not_settled_keeps_all_out() {
        for on_conflict in [
            OnConflict::Refuse,
            OnConflict::RotateThese(vec![name("SAME")]),
        ] {
            let mut environment = environment();
            let refused = import(&mut environment, offered(&ALL), &on_conflict);
            let names = match refused {
                Err(Error::ImportConflict { names, .. }) => names,
                other => panic!("{other:?}"),
            };
            assert_eq!(names, [name("OTHER")]);
            assert!(environment.secret(&name("NEW")).is_err(), "it is half done");
            assert_eq!(value(&environment, "OTHER"), "old@1");
        }
    }

    #[test]
    fn a_revoked_value_is_not_taken_again_whoever_has_it() {
        for (pair, on_conflict) in [
            (("NEW", "leaked"), OnConflict::Refuse),
            (("OTHER", "leaked"), OnConflict::Rotate),
            (("GONE", "leaked"), OnConflict::Rotate),
        ] {
            let mut environment = environment();
            let all = offered(&[("FIRST", "fresh"), pair]);
            let refused = import(&mut environment, all, &on_conflict);
            assert!(
                matches!(refused, Err(Error::RevokedValue { .. })),
                "{pair:?}"
            );
            assert!(
                environment.secret(&name("FIRST")).is_err(),
                "it is half done"
            );
        }
        // What stays out is no matter.
        let all = offered(&[("GONE", "leaked")]);
        let skipped = import(&mut environment(), all, &OnConflict::Skip).expect("done");
        assert_eq!(skipped.plan.skipped, [name("GONE")]);
    }

    #[test]
    fn a_revoked_secret_is_in_the_way_of_a_new_value() {
        let all = || offered(&[("GONE", "new")]);
        let refused = import(&mut environment(), all(), &OnConflict::Refuse);
        assert!(matches!(refused, Err(Error::ImportConflict { .. })));
        let mut environment = environment();
        import(&mut environment, all(), &OnConflict::Rotate).expect("rotated");
        assert_eq!(value(&environment, "GONE"), "new@2");
    }

    #[test]
    fn what_has_changed_since_is_not_read_back() {
        let mut environment = environment();
        let done = import(&mut environment, offered(&ALL), &OnConflict::Rotate).expect("done");
        let later = offered(&[("SAME", "new")]);
        import(&mut environment, later, &OnConflict::Rotate).expect("done");
        let refused = environment.check_values(&done.values);
        assert!(matches!(refused, Err(Error::NotReadBack { name: of, .. }) if of == name("SAME")));
    }
}
