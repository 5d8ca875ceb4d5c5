//! Versions whose value was found where it should not be.

use serde::Serialize;

use crate::error::Result;
use crate::name::{EnvironmentName, SecretName};
use crate::timestamp::Timestamp;
use crate::vault::secret::{Secret, SecretVersion};
use crate::vault::{Author, Environment};

/// A version was marked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Leaked {
    /// Of which secret.
    pub name: SecretName,
    /// Where.
    pub environment: EnvironmentName,
    /// Which.
    pub version: u32,
}

impl Environment {
    /// Marks a version as leaked. One that is marked keeps its time, and one without a value
    /// is no use to anybody. Returns whether that changes anything.
    ///
    /// # Errors
    ///
    /// [`crate::error::Error::NoSecret`].
    pub fn mark_leaked(
        &mut self,
        name: &SecretName,
        version: u32,
        author: Author<'_>,
    ) -> Result<bool> {
        let versions = &mut self.secret_mut(name)?.versions;
        let marked = versions
            .iter_mut()
            .find(|one| one.number == version && one.value.is_some() && one.leaked_at.is_none());
        let Some(marked) = marked else {
            return Ok(false);
        };
        marked.leaked_at = Some(author.now);
        self.touch(name);
        Ok(true)
    }
}

impl Secret {
    /// Returns when a version's value leaked, also as that of another version: a value that
    /// is in use again is the same.
    pub fn leaked_at(&self, version: &SecretVersion) -> Option<Timestamp> {
        let value = version.value.as_ref()?;
        let same = self.versions.iter().filter(|one| one.has(value));
        same.filter_map(|one| one.leaked_at).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret_value::SecretValue;
    use crate::vault::NewSecret;
    use crate::vault::sample::{alice, founded, founded_at};

    fn name() -> SecretName {
        "A".parse().expect("a name")
    }

    #[test]
    fn a_value_stays_leaked_until_it_is_another() {
        let mut dev = founded("dev");
        let alice = alice();
        let author = Author {
            name: &alice,
            now: founded_at(),
        };
        let value = |text: &str| SecretValue::from_text(text.to_owned());
        let new = NewSecret {
            name: name(),
            value: value("one"),
            description: None,
            tags: Vec::new(),
        };
        dev.add(new, author).expect("added");
        let leaked_at = |dev: &Environment| {
            let secret = dev.secret(&name()).expect("it is there");
            secret.leaked_at(secret.current().expect("in use"))
        };

        for (version, is_news) in [(2, false), (1, true), (1, false)] {
            let marked = dev.mark_leaked(&name(), version, author);
            assert_eq!(marked.expect("it is there"), is_news, "{version}");
        }
        assert_eq!(leaked_at(&dev), Some(founded_at()));

        dev.rotate(&name(), value("two"), author).expect("rotated");
        assert_eq!(leaked_at(&dev), None);
        dev.roll_back(&name(), None, author.now, author)
            .expect("rolled back");
        assert_eq!(leaked_at(&dev), Some(founded_at()));
    }
}
