//! Which secrets a program gets, and under which names.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use glob::Pattern;

use crate::error::{Error, Result};
use crate::name::{EnvironmentName, SecretName, Tag};
use crate::secret_value::SecretValue;
use crate::timestamp::Timestamp;
use crate::vault::layers::{Layered, Layers};
use crate::vault::secret::{Serving, VersionSelector};

/// A secret's name, or a pattern of names: `*` stands for any letters, `?` for
/// one, `[A-C]` for one of these.
#[derive(Clone)]
pub enum NamePattern {
    /// One name.
    Name(SecretName),
    /// Names that look like this.
    Glob(Pattern),
}

impl NamePattern {
    /// Tells whether a name is one of those that are meant.
    pub fn matches(&self, name: &SecretName) -> bool {
        match self {
            Self::Name(one) => one == name,
            Self::Glob(glob) => glob.matches(name.as_str()),
        }
    }

    fn is(&self, name: &SecretName) -> bool {
        matches!(self, Self::Name(one) if one == name)
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Glob(glob) => f.write_str(glob.as_str()),
        }
    }
}

impl FromStr for NamePattern {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const RULE: &str =
            "a pattern is a secret's name, in which `*`, `?` and `[…]` stand for others";
        if let Ok(name) = text.parse() {
            return Ok(Self::Name(name));
        }
        let is_pattern = |byte: u8| byte.is_ascii_alphanumeric() || b"_*?[]!-".contains(&byte);
        if text.is_empty() || !text.bytes().all(is_pattern) {
            return Err(RULE);
        }
        Pattern::new(text).map(Self::Glob).map_err(|_| RULE)
    }
}

/// What can be seen of the layers.
type Secrets<'a> = BTreeMap<&'a SecretName, Layered<'a>>;

/// What was asked for.
#[derive(Default)]
pub struct Selection<'a> {
    /// Only these; all if there are none.
    pub only: &'a [NamePattern],
    /// But not these.
    pub except: &'a [NamePattern],
    /// Only with one of these tags; any if there are none.
    pub tags: &'a [Tag],
    /// Variables that get a secret of another name.
    pub maps: Vec<(&'a SecretName, &'a SecretName)>,
    /// Variables that get the path of a file with the secret in it.
    pub files: Vec<(&'a SecretName, &'a SecretName)>,
}

/// A secret that was chosen, and the value to give out.
pub struct Chosen<'a> {
    /// The variable.
    pub variable: &'a SecretName,
    /// The secret.
    pub name: &'a SecretName,
    /// Where it is from.
    pub environment: &'a EnvironmentName,
    /// Its version.
    pub version: u32,
    /// Until when that is served, or the first of what a setting refers to.
    pub expires_at: Option<Timestamp>,
    /// Its value.
    pub value: &'a SecretValue,
    /// The file that sets the variable, where it is no secret but a setting, which may
    /// refer to some. Then only variable, date and value tell anything.
    pub env_file: Option<&'a Path>,
    /// Whether the variable gets the path of a file, and not the value.
    pub is_file: bool,
}

impl Chosen<'_> {
    /// Returns the version that is given out, as `NAME@3`.
    pub fn reference(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }
}

/// What came of it.
pub struct Selected<'a> {
    /// The secrets to pass on, by variable.
    pub chosen: Vec<Chosen<'a>>,
    /// Those that were left out because they are revoked.
    pub revoked: Vec<&'a SecretName>,
}

impl<'a> Selection<'a> {
    /// Chooses from layers.
    ///
    /// A secret that is mapped goes under its other name alone, unless `only`
    /// names it as well; one that goes into a file never goes under its own. One
    /// that is revoked is left out where it was matched, and refused where it was
    /// named.
    ///
    /// # Errors
    ///
    /// [`Error::NoSecret`] and [`Error::NoMatch`] for names, patterns and tags that
    /// fit nothing; [`Error::Revoked`]; [`Error::Expired`]; [`Error::Usage`] where a
    /// variable is given twice, or a secret both given and left out.
    pub fn of(&self, layers: &'a Layers, serving: impl Into<Serving>) -> Result<Selected<'a>> {
        let serving = serving.into();
        let chosen = self.choose(layers, serving, true);
        chosen.map_err(|error| self.with_others(error, layers, serving, true))
    }

    /// Chooses those alone that are mapped.
    ///
    /// # Errors
    ///
    /// As [`Selection::of`].
    pub fn of_maps(&self, layers: &'a Layers, serving: impl Into<Serving>) -> Result<Selected<'a>> {
        let serving = serving.into();
        let chosen = self.choose(layers, serving, false);
        chosen.map_err(|error| self.with_others(error, layers, serving, false))
    }

    /// Names in the error of one that has expired the others that have, so that nobody
    /// has to come back for each.
    fn with_others(
        &self,
        mut error: Error,
        layers: &Layers,
        serving: Serving,
        also_unmapped: bool,
    ) -> Error {
        if let Error::Expired { name, others, .. } = &mut error {
            let asked = layers.secrets().into_values().filter(|found| {
                let given = self.maps.iter().chain(&self.files);
                let mut given = given.map(|(_, secret)| *secret);
                found.name != name
                    && ((also_unmapped && self.wants(found)) || given.any(|of| of == found.name))
            });
            let expired = asked.filter(|found| {
                let current = VersionSelector::Current;
                let environment = &found.environment.name;
                let served = found
                    .secret
                    .serve(found.name, current, environment, serving);
                matches!(served, Err(Error::Expired { .. }))
            });
            *others = expired.map(|found| found.name.clone()).collect();
        }
        error
    }

    fn choose(
        &self,
        layers: &'a Layers,
        serving: Serving,
        also_unmapped: bool,
    ) -> Result<Selected<'a>> {
        let secrets = layers.secrets();
        self.check(layers, &secrets)?;
        let mut selected = Selected {
            chosen: Vec::new(),
            revoked: Vec::new(),
        };
        for found in secrets.into_values() {
            let named = self.only.iter().any(|pattern| pattern.is(found.name));
            let mapped = self.maps.iter().any(|(_, secret)| *secret == found.name);
            let is_file = self.files.iter().any(|(_, secret)| *secret == found.name);
            if also_unmapped && self.wants(&found) && !is_file && (named || !mapped) {
                selected.take(found, found.name, named, serving)?;
            }
        }
        for (variable, name) in self.maps.iter().chain(&self.files) {
            selected
                .chosen
                .retain(|chosen| chosen.variable != *variable);
            selected.take(layers.secret(name)?, variable, true, serving)?;
        }
        for chosen in &mut selected.chosen {
            let file = (chosen.variable, chosen.name);
            chosen.is_file = self.files.contains(&file);
        }
        Ok(selected)
    }

    /// Chooses names from layers, whatever becomes of the values.
    ///
    /// # Errors
    ///
    /// As [`Selection::of`], but for what is not served.
    pub fn names(&self, layers: &'a Layers) -> Result<Vec<Layered<'a>>> {
        let secrets = layers.secrets();
        self.check(layers, &secrets)?;
        let wanted = secrets.into_values().filter(|found| self.wants(found));
        Ok(wanted.collect())
    }

    fn wants(&self, found: &Layered<'_>) -> bool {
        let tagged =
            self.tags.is_empty() || found.secret.tags.iter().any(|tag| self.tags.contains(tag));
        (self.only.is_empty() || any_matches(self.only, found.name))
            && !any_matches(self.except, found.name)
            && tagged
    }

    /// Checks that everything that was named or described is there, and that
    /// nothing is asked for in two ways at once.
    fn check(&self, layers: &Layers, secrets: &Secrets<'_>) -> Result<()> {
        for (option, patterns) in [("--only", self.only), ("--except", self.except)] {
            for pattern in patterns {
                check_pattern(option, pattern, layers, secrets)?;
            }
        }
        for tag in self.tags {
            let has_it = |found: &Layered<'_>| found.secret.tags.contains(tag);
            if !secrets.values().any(has_it) {
                return Err(no_match("--tag", tag.as_str(), layers));
            }
        }
        self.check_given()
    }

    /// Checks what is given to variables that are named.
    fn check_given(&self) -> Result<()> {
        let mut variables = BTreeSet::new();
        for (option, given) in [("--map", &self.maps), ("--file", &self.files)] {
            for (variable, secret) in given {
                if !variables.insert(variable) {
                    return Err(Error::Usage {
                        message: format!("`{option}` gives one variable two secrets"),
                        hint: "name each variable once".to_owned(),
                    });
                }
                if any_matches(self.except, secret) {
                    return Err(Error::Usage {
                        message: format!(
                            "`{secret}` is left out by `--except` and passed on by `{option}`"
                        ),
                        hint: "take it out of one of them".to_owned(),
                    });
                }
            }
        }
        Ok(())
    }
}

fn any_matches(patterns: &[NamePattern], name: &SecretName) -> bool {
    patterns.iter().any(|pattern| pattern.matches(name))
}

fn check_pattern(
    option: &'static str,
    pattern: &NamePattern,
    layers: &Layers,
    secrets: &Secrets<'_>,
) -> Result<()> {
    match pattern {
        NamePattern::Name(name) => layers.secret(name).map(|_| ()),
        NamePattern::Glob(glob) if !secrets.keys().any(|name| pattern.matches(name)) => {
            Err(no_match(option, glob.as_str(), layers))
        }
        NamePattern::Glob(_) => Ok(()),
    }
}

fn no_match(option: &'static str, pattern: &str, layers: &Layers) -> Error {
    Error::NoMatch {
        option,
        pattern: pattern.to_owned(),
        environment: layers.top().name.clone(),
    }
}

impl<'a> Selected<'a> {
    fn take(
        &mut self,
        found: Layered<'a>,
        variable: &'a SecretName,
        named: bool,
        serving: Serving,
    ) -> Result<()> {
        let Layered {
            environment,
            name,
            secret,
        } = found;
        match secret.serve(name, VersionSelector::Current, &environment.name, serving) {
            Ok((version, value)) => self.chosen.push(Chosen {
                variable,
                name,
                environment: &environment.name,
                version: version.number,
                expires_at: version.expires_at,
                value,
                env_file: None,
                is_file: false,
            }),
            Err(Error::Revoked { .. }) if !named => self.revoked.push(name),
            // Not in use yet, and nobody asked for it by name.
            Err(Error::NoVersion { .. }) if !named => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}
