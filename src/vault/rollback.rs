//! Going back to a value that a secret had before.

use serde::Serialize;

use crate::error::{Error, Result};
use crate::name::{EnvironmentName, SecretName};
use crate::timestamp::Timestamp;
use crate::vault::policy::Surplus;
use crate::vault::secret::{Secret, SecretVersion, VersionSelector, VersionState};
use crate::vault::{Author, Environment};

/// A secret has an old value again.
#[derive(Debug, Serialize)]
pub struct RolledBack {
    /// Which.
    pub name: SecretName,
    /// Where.
    pub environment: EnvironmentName,
    /// The version now current.
    pub version: u32,
    /// The version that had the value before.
    pub from: u32,
    /// The version that was current, if one was.
    pub previous: Option<u32>,
    /// When that one is to be given back where it came from, if ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retire_at: Option<Timestamp>,
    /// Until when it is served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When it is due for a new value: it is as old as it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// Whether that time has come.
    #[serde(skip)]
    pub is_due: bool,
    /// The versions whose values were destroyed because newer ones took their place.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub destroyed: Vec<Surplus>,
}

impl Environment {
    /// Gives a secret a value that it had before, as a new version: that of the version
    /// that is named, or else of the newest previous one that has it still. It is served
    /// until the old one would have been, is due for another when the old one would have
    /// been, and is owed to nobody any more; the value that it replaces is, where a `revoke`
    /// hook gives it back. `now` is the time by which dates are judged.
    ///
    /// # Errors
    ///
    /// [`Error::NoSecret`], [`Error::NoVersion`]; [`Error::Revoked`],
    /// [`Error::Destroyed`] and [`Error::Expired`] for values that are not served;
    /// [`Error::RevokedValue`] where it was revoked under another name;
    /// [`Error::SameValue`] for the value in use; [`Error::Usage`] for a pending one.
    pub fn roll_back(
        &mut self,
        name: &SecretName,
        to: Option<u32>,
        now: Timestamp,
        author: Author<'_>,
    ) -> Result<RolledBack> {
        let secret = self.secret(name)?;
        let selector = to.map_or_else(|| last_value(secret), VersionSelector::Number);
        let (version, value) = secret.serve(name, selector, &self.name, now)?;
        if version.state == VersionState::Pending {
            return Err(Error::Usage {
                message: format!(
                    "version {} of `{name}` is pending, and was never in use",
                    version.number
                ),
                hint: format!(
                    "nothing was changed; run `keyvault history {name} --env {}` to see what was",
                    self.name
                ),
            });
        }
        let (from, expires_at, value) = (version.number, version.expires_at, value.duplicate());
        let rotated = self.rotate(name, value, author)?;
        self.version_mut(name, rotated.version)?.expires_at = expires_at;
        let due_at = self.due_at(self.secret(name)?);
        Ok(RolledBack {
            name: rotated.name,
            environment: rotated.environment,
            version: rotated.version,
            from,
            previous: rotated.previous,
            retire_at: rotated.retire_at,
            expires_at,
            due_at,
            is_due: due_at.is_some_and(|at| at <= now),
            destroyed: rotated.destroyed,
        })
    }

    /// Returns a version that is known to be there, to be changed.
    pub(super) fn version_mut(
        &mut self,
        name: &SecretName,
        number: u32,
    ) -> Result<&mut SecretVersion> {
        let versions = &mut self.secret_mut(name)?.versions;
        let found = versions.iter_mut().find(|found| found.number == number);
        Ok(found.expect("its number was found in the secret"))
    }
}

/// Returns the newest previous version that has a value, or else what there is to say
/// why there is none.
fn last_value(secret: &Secret) -> VersionSelector {
    let mut previous = secret.versions.iter().rev();
    let found =
        previous.find(|version| version.state == VersionState::Previous && version.value.is_some());
    found.map_or(VersionSelector::Previous, |version| {
        VersionSelector::Number(version.number)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::MemberName;
    use crate::secret_value::SecretValue;
    use crate::timestamp::Period;
    use crate::vault::NewSecret;
    use crate::vault::expiry::Lifetime;
    use crate::vault::import::{Offered, OnConflict};
    use crate::vault::policy::PolicyChange;
    use crate::vault::rotation::{GRACE, Hook, Retirement, RotationId, Step};
    use crate::vault::sample::{alice, founded};

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn now() -> Timestamp {
        at("2026-11-23T12:00:00Z")
    }

    fn name() -> SecretName {
        "A".parse().expect("a name")
    }

    fn value(text: &str) -> SecretValue {
        SecretValue::from_text(text.to_owned())
    }

    fn numbers(surplus: Vec<Surplus>) -> Vec<u32> {
        let surplus = surplus.into_iter();
        surplus.map(|surplus| surplus.version).collect()
    }

    /// An environment with the secret `A`, which had these values one after another.
    struct Dev {
        environment: Environment,
        alice: MemberName,
    }

    impl Dev {
        fn with(values: &[&str]) -> Self {
            let (environment, alice) = (founded("dev"), alice());
            let mut dev = Self { environment, alice };
            let (first, later) = values.split_first().expect("one value");
            let new = NewSecret {
                name: name(),
                value: value(first),
                description: None,
                tags: Vec::new(),
            };
            dev.change(|dev, author| dev.add(new, author)).expect("new");
            for text in later {
                dev.rotate(text);
            }
            dev
        }

        fn change<T>(&mut self, change: impl FnOnce(&mut Environment, Author<'_>) -> T) -> T {
            let author = Author {
                name: &self.alice,
                now: now(),
            };
            change(&mut self.environment, author)
        }

        fn rotate(&mut self, text: &str) -> Vec<u32> {
            let rotated = self.change(|dev, author| dev.rotate(&name(), value(text), author));
            numbers(rotated.expect("rotated").destroyed)
        }

        fn roll_back(&mut self, to: Option<u32>) -> Result<RolledBack> {
            self.change(|dev, author| dev.roll_back(&name(), to, now(), author))
        }

        fn keep(&mut self, number: u32) -> Vec<u32> {
            let change = PolicyChange {
                keep_versions: Some(Some(number.try_into().expect("a number"))),
                ..PolicyChange::default()
            };
            let surplus = self.change(|dev, author| dev.set_policy(&name(), change, author));
            numbers(surplus.expect("it is there"))
        }

        fn version(&mut self, number: u32) -> &mut SecretVersion {
            let found = self.environment.version_mut(&name(), number);
            found.expect("the secret is there")
        }

        fn owe(&mut self, number: u32) {
            self.version(number).retirement = Some(Box::new(Retirement {
                at: now(),
                rotation: RotationId::from([1; 16]),
            }));
        }

        /// What is kept, oldest first, with `-` for a value that was destroyed.
        fn values(&self) -> String {
            let secret = self.environment.secret(&name()).expect("it is there");
            let known = |version: &SecretVersion| {
                let known = ["a", "b", "c", "d", "e", "f"];
                let found = known.into_iter().find(|text| version.has(&value(text)));
                found.unwrap_or("-")
            };
            secret.versions.iter().map(known).collect()
        }
    }

    #[test]
    fn it_goes_to_the_newest_previous_value_and_back() {
        let mut dev = Dev::with(&["a", "b", "c"]);
        let back = dev.roll_back(None).expect("rolled back");
        assert_eq!((back.version, back.from, back.previous), (4, 2, Some(3)));
        let forth = dev.roll_back(None).expect("rolled back");
        assert_eq!((forth.version, forth.from), (5, 3));
        let back = dev.roll_back(Some(1)).expect("rolled back");
        assert_eq!((back.version, back.from), (6, 1));
        assert_eq!(dev.values(), "abcbca");
    }

    #[test]
    fn the_date_of_the_old_version_comes_along() {
        let mut dev = Dev::with(&["a", "b"]);
        let date = at("2027-01-01T00:00:00Z");
        dev.version(1).expires_at = Some(date);
        assert_eq!(dev.roll_back(None).expect("done").expires_at, Some(date));
        assert_eq!(dev.version(3).expires_at, Some(date));
        // And none where there was none.
        assert_eq!(dev.roll_back(None).expect("done").expires_at, None);
        assert_eq!(dev.version(4).expires_at, None);
    }

    #[test]
    fn a_value_that_came_back_is_as_old_as_it_was() {
        let mut dev = Dev::with(&["a", "b"]);
        let due = |dev: &Dev| {
            let secret = dev.environment.secret(&name()).expect("it is there");
            dev.environment.due_at(secret).map(|at| at.to_string())
        };
        dev.environment.policy.rotate_every = "90d".parse().ok();
        dev.version(1).created_at = at("2026-08-01T12:00:00Z");
        dev.version(2).created_at = at("2026-11-01T12:00:00Z");
        assert_eq!(due(&dev).as_deref(), Some("2027-01-30T12:00:00Z"));

        let back = dev.roll_back(None).expect("rolled back");
        assert_eq!(back.due_at, Some(at("2026-10-30T12:00:00Z")));
        assert!(back.is_due);
        assert_eq!(due(&dev).as_deref(), Some("2026-10-30T12:00:00Z"));
        // Also once the old version has only its record left.
        assert_eq!(dev.keep(2), [1]);
        assert_eq!(due(&dev).as_deref(), Some("2026-10-30T12:00:00Z"));

        let forth = dev.roll_back(None).expect("rolled back");
        assert_eq!(forth.due_at, Some(at("2027-01-30T12:00:00Z")));
        assert!(!forth.is_due);
        dev.rotate("c");
        assert_eq!(
            due(&dev),
            Some(now().after("90d".parse().expect("a period")).to_string())
        );
        dev.environment.policy.rotate_every = None;
        assert_eq!(dev.roll_back(None).expect("rolled back").due_at, None);
    }

    #[test]
    fn what_is_not_served_is_not_brought_back() {
        let mut dev = Dev::with(&["a", "b", "c", "d", "e"]);
        dev.version(1).expires_at = Some(now());
        let revoke = |dev: &mut Environment, author: Author<'_>| {
            let selector = Some(VersionSelector::Number(2));
            dev.revoke(&name(), selector, None, author)
        };
        dev.change(revoke).expect("revoked");
        dev.version(3).value = None;
        dev.version(4).state = VersionState::Pending;
        let before = dev.values();
        let refused = |dev: &mut Dev, to| dev.roll_back(to).expect_err("it is refused");
        assert!(matches!(refused(&mut dev, Some(1)), Error::Expired { .. }));
        assert!(matches!(refused(&mut dev, Some(2)), Error::Revoked { .. }));
        assert!(matches!(
            refused(&mut dev, Some(3)),
            Error::Destroyed { .. }
        ));
        assert!(matches!(refused(&mut dev, Some(4)), Error::Usage { .. }));
        dev.version(4).state = VersionState::Previous;
        assert!(matches!(
            refused(&mut dev, Some(5)),
            Error::SameValue { version: 5, .. }
        ));
        assert!(matches!(
            refused(&mut dev, Some(6)),
            Error::NoVersion { .. }
        ));
        assert_eq!(dev.values(), before);
        // Without a number it is the newest that has a value.
        assert_eq!(dev.roll_back(None).expect("rolled back").from, 4);
    }

    #[test]
    fn without_an_old_value_it_says_what_became_of_it() {
        let mut dev = Dev::with(&["a"]);
        assert!(matches!(dev.roll_back(None), Err(Error::NoVersion { .. })));
        dev.rotate("b");
        dev.keep(1);
        let refused = dev.roll_back(None);
        assert!(matches!(refused, Err(Error::Destroyed { version: 1, .. })));
    }

    #[test]
    fn a_value_revoked_under_another_name_is_not_brought_back() {
        let mut dev = Dev::with(&["a", "b"]);
        let other: SecretName = "B".parse().expect("a name");
        let new = NewSecret {
            name: other.clone(),
            value: value("a"),
            description: None,
            tags: Vec::new(),
        };
        dev.change(|dev, author| dev.add(new, author)).expect("new");
        dev.change(|dev, author| dev.revoke(&other, None, None, author))
            .expect("revoked");
        let refused = dev.roll_back(None);
        assert!(matches!(refused, Err(Error::RevokedValue { .. })));
    }

    #[test]
    fn a_value_that_is_in_use_again_is_owed_to_nobody() {
        let mut dev = Dev::with(&["a", "b"]);
        dev.owe(1);
        dev.roll_back(None).expect("rolled back");
        assert!(dev.version(1).retirement.is_none());
        // The same by a rotation; and what is not in use is still owed.
        dev.owe(2);
        dev.rotate("c");
        assert!(dev.version(2).retirement.is_some());
        dev.rotate("b");
        assert!(dev.version(2).retirement.is_none());
    }

    fn with_revoke_hook(values: &[&str]) -> Dev {
        let mut dev = Dev::with(values);
        let hook = Hook {
            command: vec!["true".parse().expect("a word")],
            with: Vec::new(),
            timeout: None,
        };
        let set =
            |dev: &mut Environment, _: Author<'_>| dev.set_hook(&name(), Step::Revoke, Some(hook));
        dev.change(set).expect("set");
        dev
    }

    #[test]
    fn what_is_replaced_is_owed_where_a_hook_can_give_it_back() {
        let import = |dev: &mut Environment, author: Author<'_>| {
            let offered = Offered::from([(name(), value("c"))]);
            let imported = dev.import(offered, &OnConflict::Rotate, author)?;
            Ok(imported.plan.retiring[0].retire_at)
        };
        let rotate = |dev: &mut Environment, author: Author<'_>| {
            let rotated = dev.rotate(&name(), value("c"), author)?;
            Ok(rotated.retire_at.expect("it is owed"))
        };
        let roll_back = |dev: &mut Environment, author: Author<'_>| {
            let back = dev.roll_back(&name(), Some(1), now(), author)?;
            Ok(back.retire_at.expect("it is owed"))
        };
        let ways: [fn(&mut Environment, Author<'_>) -> Result<Timestamp>; 3] =
            [import, rotate, roll_back];
        for replace in ways {
            let mut dev = with_revoke_hook(&["a", "b"]);
            let at = dev.change(replace).expect("replaced");
            assert_eq!(at, now().after(GRACE));
            let owed = dev.environment.owed(&name()).expect("it is there");
            let owed = owed.iter().map(|owed| (owed.versions.clone(), owed.at));
            assert_eq!(owed.collect::<Vec<_>>(), [(vec![2], at)]);
            let fingerprint = dev.version(2).fingerprint([7; 16].as_ref());
            let id = RotationId::of_value([7; 16].into(), fingerprint.expect("it has a value"));
            let retirement = dev.version(2).retirement.as_ref();
            assert_eq!(retirement.expect("it is owed").rotation, id);
        }
        // Without a hook nobody could.
        let mut dev = Dev::with(&["a", "b"]);
        assert_eq!(dev.roll_back(None).expect("rolled back").retire_at, None);
        assert!(dev.version(2).retirement.is_none());
    }

    #[test]
    fn what_is_replaced_and_comes_back_is_owed_to_nobody() {
        let mut dev = with_revoke_hook(&["a", "b"]);
        let back = dev.roll_back(None).expect("rolled back");
        assert_eq!((back.version, back.previous), (3, Some(2)));
        let owed = |dev: &Dev| {
            let owed = dev.environment.owed(&name()).expect("it is there");
            let owed = owed.into_iter().map(|owed| (owed.versions, owed.rotation));
            owed.collect::<Vec<_>>()
        };
        let first = owed(&dev);
        assert_eq!(first[0].0, [2]);
        dev.roll_back(Some(2)).expect("rolled forward");
        assert!(dev.version(2).retirement.is_none());
        assert_eq!(owed(&dev)[0].0, [3]);
        // The provider knows the value by the same id, however often it is replaced.
        dev.roll_back(Some(1)).expect("rolled back");
        assert_eq!(owed(&dev), [(vec![4], first[0].1)]);
    }

    #[test]
    fn so_many_values_are_kept_and_the_records_of_all() {
        let mut dev = Dev::with(&["a", "b", "c"]);
        assert_eq!(dev.keep(2), [1]);
        assert_eq!(dev.values(), "-bc");
        assert_eq!(dev.rotate("d"), [2]);
        assert_eq!(dev.values(), "--cd");
        let record = dev.version(1).destruction.as_ref().expect("a record");
        assert_eq!(record.at, now());
        assert_eq!(dev.version(1).state, VersionState::Previous);
        // More are kept from here on; what is gone is gone.
        assert_eq!(dev.keep(10), [0; 0]);
        assert_eq!(dev.values(), "--cd");
        assert_eq!(dev.keep(1), [3]);
        assert_eq!(dev.values(), "---d");
    }

    #[test]
    fn ten_values_are_kept_unless_something_else_is_said() {
        let texts: Vec<String> = (0..12).map(|n| format!("value {n}")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let dev = Dev::with(&texts);
        let secret = dev.environment.secret(&name()).expect("it is there");
        let has_value = |version: &SecretVersion| version.value.is_some();
        let kept: Vec<bool> = secret.versions.iter().map(has_value).collect();
        assert_eq!(kept, [vec![false; 2], vec![true; 10]].concat());
    }

    #[test]
    fn an_environment_s_number_is_for_secrets_without_their_own() {
        let mut dev = Dev::with(&["a", "b", "c"]);
        let keep = |number: u32| PolicyChange {
            keep_versions: Some(number.try_into().ok()),
            ..PolicyChange::default()
        };
        dev.keep(3);
        let destroyed = dev.change(|dev, author| dev.set_default_policy(keep(1), author));
        assert_eq!((destroyed, dev.values().as_str()), (vec![], "abc"));
        let none = PolicyChange {
            keep_versions: Some(None),
            ..PolicyChange::default()
        };
        let destroyed = dev.change(|dev, author| dev.set_policy(&name(), none, author));
        assert_eq!(destroyed.expect("it is there").len(), 2);
        assert_eq!(dev.values(), "--c");
    }

    #[test]
    fn only_what_is_said_of_the_number_destroys_anything() {
        let mut dev = Dev::with(&["a", "b"]);
        // As if it had been kept when nothing was destroyed yet.
        let few = "1".parse().ok();
        dev.environment.policy.keep_versions = few;
        let period = PolicyChange {
            rotate_every: Some("90d".parse().ok()),
            ..PolicyChange::default()
        };
        let destroyed = dev.change(|dev, author| dev.set_policy(&name(), period, author));
        assert_eq!(destroyed.expect("it is there"), []);
        let destroyed = dev.change(|dev, author| dev.set_default_policy(period, author));
        assert_eq!((destroyed, dev.values().as_str()), (vec![], "ab"));
    }

    #[test]
    fn what_is_still_to_be_given_back_and_what_is_pending_stays() {
        let mut dev = Dev::with(&["a", "b", "c", "d"]);
        dev.owe(1);
        dev.version(4).state = VersionState::Pending;
        dev.version(3).state = VersionState::Current;
        assert_eq!(dev.keep(1), [2]);
        assert_eq!(dev.values(), "a-cd");
    }

    #[test]
    fn a_value_that_comes_into_use_again_is_not_destroyed_as_an_old_one() {
        let mut dev = Dev::with(&["a", "b"]);
        dev.keep(2);
        let back = dev.roll_back(Some(1)).expect("rolled back");
        assert_eq!(numbers(back.destroyed), [1]);
        assert_eq!(dev.values(), "-ba");
    }

    #[test]
    fn what_was_destroyed_can_be_revoked_and_is_not_taken_again() {
        let mut dev = Dev::with(&["a", "b"]);
        dev.keep(1);
        let again = |dev: &mut Dev| {
            dev.change(|dev, author| {
                let selector = Some(VersionSelector::Number(1));
                dev.revoke(&name(), selector, None, author)
            })
            .expect("revoked")
            .versions
        };
        assert_eq!(again(&mut dev), [1]);
        assert_eq!(dev.version(1).state, VersionState::Revoked);
        assert!(dev.version(1).destruction.is_none());
        assert_eq!(again(&mut dev), [0; 0]);
        let taken = dev.change(|dev, author| dev.rotate(&name(), value("a"), author));
        assert!(matches!(taken, Err(Error::RevokedValue { .. })));
    }

    #[test]
    fn a_rotation_that_keeps_more_from_now_on_destroys_nothing() {
        let mut dev = Dev::with(&["a", "b"]);
        dev.keep(2);
        let lifetime = Lifetime {
            expires_at: Some(now().after(Period::from_seconds(1))),
            policy: PolicyChange {
                keep_versions: Some(3.try_into().ok()),
                ..PolicyChange::default()
            },
        };
        let rotate = |dev: &mut Environment, author: Author<'_>| {
            dev.rotate_for(lifetime, &name(), value("c"), author)
        };
        let rotated = dev.change(rotate).expect("rotated");
        assert_eq!(rotated.destroyed, []);
        assert_eq!(dev.version(3).expires_at, lifetime.expires_at);
        assert_eq!(dev.values(), "abc");
    }

    #[test]
    fn a_date_is_set_anew_and_taken_back() {
        let mut dev = Dev::with(&["a", "b"]);
        let expire = |dev: &mut Dev, number, date: Option<Timestamp>| {
            dev.change(|dev, _| dev.expire(&name(), VersionSelector::Number(number), date))
        };
        let past = Some(at("2026-11-23T11:00:00Z"));
        expire(&mut dev, 1, past).expect("there");
        assert!(dev.roll_back(None).is_err(), "it has expired");
        expire(&mut dev, 1, None).expect("there");
        assert_eq!(dev.roll_back(None).expect("rolled back").from, 1);
        dev.keep(1);
        let refused = expire(&mut dev, 2, None);
        assert!(matches!(refused, Err(Error::Destroyed { .. })));
        dev.environment.changes = crate::vault::Changes::default();
        expire(&mut dev, 3, None).expect("there");
        assert!(!dev.environment.is_changed(), "nothing to save");
    }
}
