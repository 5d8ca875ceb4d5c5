//! Secrets of one environment taken over into another: all of them or none.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::name::{Remark, SecretName, Tag};
use crate::secret_value::SecretValue;
use crate::timestamp::Timestamp;
use crate::vault::import::{Offered, OnConflict, Plan};
use crate::vault::policy::Policy;
use crate::vault::secret::{Secret, VersionState};
use crate::vault::{Author, Environment};

/// Secrets to be copied, without their earlier versions.
#[derive(Default)]
pub struct Copies {
    /// Their values in use.
    pub values: Offered,
    about: BTreeMap<SecretName, About>,
}

/// What is known of a secret beside its value.
struct About {
    description: Option<Remark>,
    tags: Vec<Tag>,
    policy: Policy,
    expires_at: Option<Timestamp>,
}

impl Copies {
    /// Takes secrets out of an environment that was read. Those that have no value in
    /// use are passed over.
    pub fn of(mut environment: Environment, names: &[SecretName]) -> Self {
        let mut copies = Self::default();
        for name in names {
            let secret = environment.secrets.remove(name);
            if let Some((value, about)) = secret.and_then(taken_apart) {
                copies.values.insert(name.clone(), value);
                copies.about.insert(name.clone(), about);
            }
        }
        copies
    }
}

fn taken_apart(secret: Secret) -> Option<(SecretValue, About)> {
    let mut versions = secret.versions.into_iter();
    let current = versions.find(|version| version.state == VersionState::Current)?;
    let about = About {
        description: secret.description,
        tags: secret.tags,
        policy: secret.policy,
        expires_at: current.expires_at,
    };
    Some((current.value?, about))
}

impl Environment {
    /// Adds copies of secrets, and gives those that are there their values, until they
    /// expire as the originals do. What a secret is, its tags and its period come
    /// along where it is new.
    ///
    /// # Errors
    ///
    /// As [`Environment::import`]; then nothing was changed.
    pub fn copy_in(
        &mut self,
        copies: Copies,
        on_conflict: &OnConflict,
        author: Author<'_>,
    ) -> Result<Plan> {
        let mut about = copies.about;
        let plan = self.import(copies.values, on_conflict, author)?.plan;
        for name in plan.added.iter().chain(&plan.rotated) {
            let (Some(secret), Some(about)) = (self.secrets.get_mut(name), about.remove(name))
            else {
                continue;
            };
            if let Some(newest) = secret.versions.last_mut() {
                newest.expires_at = about.expires_at;
            }
            if plan.added.binary_search(name).is_ok() {
                secret.description = about.description;
                secret.tags = about.tags;
                secret.policy = about.policy;
            }
        }
        Ok(plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::NewSecret;
    use crate::vault::compare::{Difference, members_without};
    use crate::vault::sample::{alice, founded};

    fn name(text: &str) -> SecretName {
        text.parse().expect("a name")
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn environment(called: &str, secrets: &[(&str, &str)]) -> Environment {
        let mut environment = founded(called);
        for (of, value) in secrets {
            let new = NewSecret {
                name: name(of),
                value: SecretValue::from_text((*value).to_owned()),
                description: "what it is".parse().ok(),
                tags: vec!["ai".parse().expect("a tag")],
            };
            let alice = alice();
            let author = Author {
                name: &alice,
                now: at("2026-11-22T12:00:00Z"),
            };
            environment.add(new, author).expect("it is new");
        }
        environment
    }

    fn names<'a>(list: &[&'a SecretName]) -> Vec<&'a str> {
        list.iter().map(|name| name.as_str()).collect()
    }

    #[test]
    fn values_are_compared_and_names_told() {
        let dev = environment("dev", &[("A", "1"), ("B", "1"), ("C", "1"), ("R", "1")]);
        let mut prod = environment("prod", &[("B", "1"), ("C", "2"), ("D", "1"), ("R", "1")]);
        let alice = alice();
        let author = Author {
            name: &alice,
            now: at("2026-11-22T12:00:00Z"),
        };
        prod.revoke(&name("R"), None, None, author).expect("there");

        let difference = Difference::between(&dev, &prod);

        assert_eq!(names(&difference.only_first), ["A"]);
        assert_eq!(names(&difference.same), ["B"]);
        assert_eq!(names(&difference.different), ["C", "R"]);
        assert_eq!(names(&difference.only_second), ["D"]);
        assert_eq!(members_without(&dev, &prod).len(), 1);
        assert!(members_without(&dev, &dev).is_empty());
    }

    #[test]
    fn a_copy_has_all_but_the_past() {
        let mut from = environment("prod", &[("A", "1"), ("B", "1"), ("R", "1")]);
        let alice = alice();
        let author = Author {
            name: &alice,
            now: at("2026-11-23T12:00:00Z"),
        };
        from.revoke(&name("R"), None, None, author).expect("there");
        let new = SecretValue::from_text("2".to_owned());
        from.rotate(&name("A"), new, author).expect("rotated");
        let expiry = at("2027-01-01T00:00:00Z");
        let secret = from.secrets.get_mut(&name("A")).expect("there");
        secret.versions[1].expires_at = Some(expiry);
        let mut to = environment("dev", &[("B", "other")]);

        let copies = Copies::of(from, &["A", "B", "R"].map(name));
        let plan = to.copy_in(copies, &OnConflict::Skip, author).expect("done");

        assert_eq!(
            (plan.added, plan.skipped),
            (vec![name("A")], vec![name("B")])
        );
        let copied = to.secret(&name("A")).expect("there");
        assert_eq!((copied.versions.len(), copied.tags.len()), (1, 1));
        assert!(copied.description.is_some());
        assert_eq!(copied.versions[0].expires_at, Some(expiry));
        assert!(to.secret(&name("R")).is_err(), "a revoked one has no value");
    }
}
