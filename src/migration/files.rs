//! Which environment a `.env` file is of, by its name.
//!
//! The names and their order are those that Next.js, Rails' `dotenv`, Create React App
//! and Symfony read: `.env`, then `.env.STAGE`, then `.env.local`, then
//! `.env.STAGE.local`, the later one winning.

use crate::name::EnvironmentName;

/// What a file's name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// Its values belong to the environment that is meant when none is named.
    Default,
    /// Its values belong to an environment.
    Of(EnvironmentName),
    /// It lists names or samples, is committed, and stays.
    Sample,
    /// It is not read: a backup, an encrypted form, another tool's. It may hold values
    /// all the same.
    Unknown,
}

/// Endings of files that are there to be committed, without values.
const SAMPLES: [&str; 7] = [
    "default", "defaults", "dist", "example", "sample", "schema", "template",
];

/// Endings of files that are not in the grammar, or are copies of one that is.
const UNKNOWN: [&str; 17] = [
    "age",
    "asc",
    "backup",
    "bak",
    "copy",
    "enc",
    "encrypted",
    "gpg",
    "keys",
    "me",
    "old",
    "orig",
    "previous",
    "save",
    "swp",
    "tmp",
    "vault",
];

/// Stages that go by several names.
const STAGES: [(&str, &str); 5] = [
    ("develop", "dev"),
    ("development", "dev"),
    ("production", "prod"),
    ("stage", "staging"),
    ("testing", "test"),
];

/// What marks a file as this machine's own, to be read last.
const LOCAL: &str = "local";

/// Returns what a file is, and where it stands among those of one environment: a greater
/// place wins. `None` if it is no `.env` file.
pub fn role(file: &str) -> Option<(Role, u8)> {
    let rest = file.strip_prefix(".env")?;
    if rest.is_empty() {
        return Some((Role::Default, 0));
    }
    if rest == "~" {
        return Some((Role::Unknown, 0));
    }
    // `.envrc` is direnv's, and a program of the shell.
    let rest = rest.strip_prefix('.')?;
    let mut parts: Vec<&str> = rest.split('.').collect();
    let last = *parts.last()?;
    if file.ends_with('~') || UNKNOWN.contains(&last) {
        return Some((Role::Unknown, 0));
    }
    if parts.iter().any(|part| SAMPLES.contains(part)) {
        return Some((Role::Sample, 0));
    }
    let is_local = last == LOCAL;
    if is_local {
        parts.pop();
    }
    let place = u8::from(!parts.is_empty()) + if is_local { 2 } else { 0 };
    let role = match parts.as_slice() {
        [] => Role::Default,
        [one] => stage(one),
        _ => Role::Unknown,
    };
    Some((role, place))
}

fn stage(word: &str) -> Role {
    let word = word.to_ascii_lowercase();
    let known = STAGES.iter().find(|(alias, _)| *alias == word);
    let name = known.map_or(word.as_str(), |(_, stage)| stage);
    name.parse().map_or(Role::Unknown, Role::Of)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(file: &str) -> Option<(String, u8)> {
        role(file).map(|(role, place)| match role {
            Role::Of(environment) => (environment.to_string(), place),
            role => (format!("{role:?}"), place),
        })
    }

    #[test]
    fn a_file_is_of_the_environment_that_it_names() {
        for (file, environment, wanted) in [
            (".env", "Default", 0),
            (".env.development", "dev", 1),
            (".env.local", "Default", 2),
            (".env.development.local", "dev", 3),
            (".env.production", "prod", 1),
            (".env.prod", "prod", 1),
            (".env.Production.local", "prod", 3),
            (".env.staging", "staging", 1),
            (".env.test", "test", 1),
            (".env.ci", "ci", 1),
            (".env.eu-west", "eu-west", 1),
        ] {
            let found = place(file);
            assert_eq!(found, Some((environment.to_owned(), wanted)), "{file}");
        }
    }

    #[test]
    fn samples_stay_and_the_rest_is_not_guessed_at() {
        for file in [
            ".env.example",
            ".env.local.example",
            ".env.dist",
            ".env.sample",
        ] {
            assert_eq!(role(file), Some((Role::Sample, 0)), "{file}");
        }
        for file in [
            ".env.bak",
            ".env.production.old",
            ".env.vault",
            ".env.keys",
            ".env~",
            ".env.local~",
            ".env.a.b",
            ".env.PROD EU",
        ] {
            assert!(matches!(role(file), Some((Role::Unknown, _))), "{file}");
        }
        for file in [".envrc", "env", "my.env", ".environment"] {
            assert_eq!(role(file), None, "{file}");
        }
    }

    #[test]
    fn the_lists_are_in_order() {
        assert!(SAMPLES.is_sorted());
        assert!(UNKNOWN.is_sorted());
    }
}
