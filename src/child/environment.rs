//! The environment that a child gets: what was inherited, less what is ours,
//! plus the secrets.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;

use zeroize::Zeroizing;

use crate::child::Variables;
pub use crate::child::dangerous::is_dangerous;
use crate::error::{Error, Result};
use crate::name::SecretName;
use crate::secret_value::SecretValue;
use crate::vault::selection::Chosen;

/// Variables that open the vault. A child gets what it was given, and not the
/// way to the rest.
const OURS: [&str; 2] = ["KEYVAULT_IDENTITY", "KEYVAULT_PASSPHRASE"];

/// What `--clean-env` keeps: what a program needs to find its files, its
/// terminal and its language. `LC_*` is kept as well.
pub const KEPT: [&str; 14] = [
    "COLORTERM",
    "HOME",
    "LANG",
    "LANGUAGE",
    "LOGNAME",
    "NO_COLOR",
    "PATH",
    "PWD",
    "SHELL",
    "TERM",
    "TMPDIR",
    "TZ",
    "USER",
    "XDG_RUNTIME_DIR",
];

/// Which secrets are handed over.
pub struct Rules<'a> {
    /// Whose inherited value goes before the secret's.
    pub keep_existing: KeepExisting,
    /// Names that are handed over though they are dangerous.
    pub allow_dangerous: &'a [SecretName],
}

/// Which inherited variables go before secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeepExisting {
    /// None: the vault wins.
    None,
    /// All that there are.
    All,
    /// Those of these names.
    Only(Vec<SecretName>),
}

impl KeepExisting {
    fn covers(&self, variable: &SecretName) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Only(names) => names.contains(variable),
        }
    }
}

/// Returns what is left of an inherited environment.
pub fn inherited(variables: Variables, clean: bool) -> Variables {
    let is_ours = |name: &[u8]| OURS.iter().any(|ours| name.starts_with(ours.as_bytes()));
    let is_kept =
        |name: &OsStr| KEPT.iter().any(|kept| name == *kept) || name.as_bytes().starts_with(b"LC_");
    let mut left = variables;
    left.retain(|(name, _)| !is_ours(name.as_bytes()) && (!clean || is_kept(name)));
    left
}

/// Drops the secrets whose variables are inherited and to be kept, returns these
/// variables, and checks the others.
///
/// # Errors
///
/// [`Error::Dangerous`], [`Error::NulInValue`].
pub fn admit<'a>(
    inherited: &Variables,
    secrets: &mut Vec<Chosen<'a>>,
    rules: &Rules<'_>,
) -> Result<Vec<&'a SecretName>> {
    let is_kept = |variable: &SecretName| {
        let is_there = || inherited.iter().any(|(name, _)| name == variable.as_str());
        rules.keep_existing.covers(variable) && is_there()
    };
    let mut kept = Vec::new();
    secrets.retain(|secret| {
        // A program that finds both a value and a file takes either.
        let names = [secret.variable, secret.name];
        let names = &names[..if secret.is_file { 2 } else { 1 }];
        let found = names.iter().find(|name| is_kept(name));
        kept.extend(found);
        found.is_none()
    });
    refuse_dangerous(secrets, rules.allow_dangerous)?;
    let mut carried = secrets.iter().filter(|secret| !secret.is_file);
    match carried.find(|secret| !can_carry(secret.value)) {
        Some(secret) => Err(Error::NulInValue {
            name: secret.name.clone(),
            environment: secret.environment.clone(),
        }),
        None => Ok(kept),
    }
}

/// Refuses secrets whose variables take programs over.
///
/// # Errors
///
/// [`Error::Dangerous`].
pub fn refuse_dangerous(secrets: &[Chosen<'_>], allowed: &[SecretName]) -> Result<()> {
    let is_refused = |secret: &&Chosen<'_>| {
        is_dangerous(secret.variable.as_str()) && !allowed.contains(secret.variable)
    };
    let refused = secrets.iter().filter(is_refused);
    let refused: Vec<_> = refused
        .map(|secret| (secret.variable.clone(), secret.name.clone()))
        .collect();
    if refused.is_empty() {
        return Ok(());
    }
    Err(Error::Dangerous { secrets: refused })
}

/// Takes from an inherited environment what a file is handed over for: a program
/// that looks for the value first would find an old one.
pub fn make_way_for_files(inherited: &mut Variables, secrets: &[Chosen<'_>]) {
    let is_file = |name: &OsStr| {
        (secrets.iter()).any(|secret| secret.is_file && name == secret.name.as_str())
    };
    inherited.retain(|(name, _)| !is_file(name));
}

/// Says which secret it was that made the environment too large for the system,
/// if that is why a program was not executed.
pub fn explain(error: Error, secrets: &[Chosen<'_>]) -> Error {
    let Error::CannotExecute { source, .. } = &error else {
        return error;
    };
    let largest = secrets.iter().max_by_key(|secret| secret.value.len());
    match largest {
        Some(largest) if source.kind() == ErrorKind::ArgumentListTooLong => {
            Error::EnvironmentTooLarge {
                name: (*largest.name).clone(),
                environment: largest.environment.clone(),
                size: largest.value.len(),
            }
        }
        _ => error,
    }
}

/// Lays secrets over the inherited environment: where both have a name, the later
/// one is to count. The values are borrowed: a copy would not be wiped.
pub fn overlay<'a>(
    inherited: &'a Variables,
    secrets: impl IntoIterator<Item = (&'a SecretName, &'a SecretValue)>,
) -> impl Iterator<Item = (&'a OsStr, &'a OsStr)> {
    let inherited = inherited
        .iter()
        .map(|(name, value)| (name.as_os_str(), value.as_os_str()));
    let secrets = secrets.into_iter().map(|(variable, value)| {
        let value = OsStr::from_bytes(value.expose());
        (OsStr::new(variable.as_str()), value)
    });
    inherited.chain(secrets)
}

/// Takes an environment apart that `env -0` printed.
pub fn printed(printed: &[u8]) -> BTreeMap<&[u8], SecretValue> {
    let variables = printed.split(|byte| *byte == 0).filter_map(|variable| {
        let at = memchr::memchr(b'=', variable)?;
        let value = Zeroizing::new(variable[at + 1..].to_vec());
        Some((&variable[..at], SecretValue::new(value)))
    });
    variables.collect()
}

/// Tells whether a variable can carry a value: one ends at its first NUL.
pub fn can_carry(value: &SecretValue) -> bool {
    !value.expose().contains(&0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::LazyLock;

    use super::*;
    use crate::name::EnvironmentName;

    fn variables(pairs: &[(&str, &str)]) -> Variables {
        pairs
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect()
    }

    fn value(text: &str) -> SecretValue {
        SecretValue::from_text(text.to_owned())
    }

    fn chosen<'a>(variable: &'a SecretName, value: &'a SecretValue) -> Chosen<'a> {
        static DEV: LazyLock<EnvironmentName> = LazyLock::new(|| "dev".parse().expect("a name"));
        Chosen {
            variable,
            name: variable,
            environment: &DEV,
            version: 1,
            expires_at: None,
            value,
            env_file: None,
            is_file: false,
        }
    }

    fn name(text: &str) -> SecretName {
        text.parse().expect("a name")
    }

    const RULES: Rules<'_> = Rules {
        keep_existing: KeepExisting::None,
        allow_dangerous: &[],
    };

    #[test]
    fn what_a_clean_environment_keeps_is_listed_in_order() {
        assert!(KEPT.is_sorted(), "{KEPT:?}");
    }

    #[test]
    fn what_opens_the_vault_is_not_handed_on() {
        let all = variables(&[
            ("KEYVAULT_IDENTITY", "x"),
            ("KEYVAULT_IDENTITY_FILE", "x"),
            ("KEYVAULT_PASSPHRASE_FILE", "x"),
            ("KEYVAULT_PASSPHRASE_COMMAND", "x"),
            ("KEYVAULT_ENV", "dev"),
            ("A", "1"),
        ]);
        assert_eq!(
            inherited(all, false),
            variables(&[("KEYVAULT_ENV", "dev"), ("A", "1")])
        );
    }

    #[test]
    fn a_clean_environment_keeps_the_list_alone() {
        let all = variables(&[
            ("PATH", "/bin"),
            ("LC_ALL", "C"),
            ("AWS_PROFILE", "x"),
            ("KEYVAULT_ENV", "dev"),
            ("PATHX", "x"),
        ]);
        assert_eq!(
            inherited(all, true),
            variables(&[("PATH", "/bin"), ("LC_ALL", "C")])
        );
    }

    #[test]
    fn the_vault_wins_unless_told_otherwise() {
        let there = variables(&[("A", "old"), ("B", "old")]);
        let (a, b) = (value("new a"), value("new b"));
        let outcome = |keep_existing| {
            let names = [name("A"), name("B")];
            let mut secrets = vec![chosen(&names[0], &a), chosen(&names[1], &b)];
            let rules = Rules {
                keep_existing,
                ..RULES
            };
            admit(&there, &mut secrets, &rules).expect("harmless");
            // As the child sees it: the later of two counts.
            let pairs = secrets.iter().map(|secret| (secret.variable, secret.value));
            let all: BTreeMap<_, _> = overlay(&there, pairs).collect();
            all.into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect::<Variables>()
        };
        let both = variables(&[("A", "new a"), ("B", "new b")]);
        assert_eq!(outcome(KeepExisting::None), both);
        assert_eq!(outcome(KeepExisting::All), there);
        let only = KeepExisting::Only(vec!["A".parse().expect("a name")]);
        assert_eq!(outcome(only), variables(&[("A", "old"), ("B", "new b")]));
    }

    #[test]
    fn a_dangerous_name_is_refused_unless_it_is_allowed() {
        let text = value("/evil");
        let check = |allow_dangerous: &[SecretName]| {
            let rules = Rules {
                allow_dangerous,
                ..RULES
            };
            let path = name("PATH");
            let mut secrets = vec![chosen(&path, &text)];
            admit(&Variables::new(), &mut secrets, &rules).map(|_| ())
        };
        assert!(matches!(check(&[]), Err(Error::Dangerous { .. })));
        assert!(check(&["PATH".parse().expect("a name")]).is_ok());
    }

    #[test]
    fn a_nul_byte_is_refused_by_the_secret_s_name() {
        let nul = value("a\0b");
        let a = name("A");
        let mut secrets = vec![chosen(&a, &nul)];
        let checked = admit(&Variables::new(), &mut secrets, &RULES);
        assert!(matches!(checked, Err(Error::NulInValue { .. })));
    }
}
