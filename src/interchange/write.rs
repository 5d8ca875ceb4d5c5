//! Secrets in the formats that other programs read: what their own readers read from
//! it are the same names and the same bytes, or it is refused by name.
//!
//! | format | is | carries |
//! |---|---|---|
//! | `dotenv` | `.env` in a dialect | what the dialect does |
//! | `docker` | `docker run --env-file`, a dialect | text in one line |
//! | `shell` | `export NAME='…'`, for `eval` of a POSIX shell | any bytes but NUL |
//! | `fish` | `set -gx NAME '…'`, for fish's `source` | text without NUL |
//! | `json` `yaml` `toml` | one flat object of strings | text |
//! | `systemd` | `EnvironmentFile=` | text without NUL, noncharacters and U+FEFF |
//! | `github` | the file in `GITHUB_ENV` | text without NUL |
//! | `github-mask` | workflow commands that mask values in the log | text |
//! | `k8s` | the manifest of a `Secret` | any bytes, 1 MiB at most |

use std::io::{self, Write};
use std::str::FromStr;

use zeroize::Zeroizing;

use crate::dotenv::{self, Dialect};
use crate::error::{Error, Result};
use crate::name::{Remark, SecretName};
use crate::quote;
use crate::secret_value::SecretValue;

/// The most bytes in the values of a `Secret` (Kubernetes, "Secrets", "Size limit").
const K8S_MAX: usize = 1 << 20;

/// The longest name of an object (RFC 1123, as Kubernetes, "Object Names and IDs",
/// takes it).
const K8S_NAME_MAX: usize = 253;

/// What a `Secret` is called where nothing else is said.
const K8S_NAME: &str = "keyvault";

/// What ends a value in the file of `GITHUB_ENV`, with as many `_` behind it as it
/// takes to be no line of that value.
const GITHUB_END: &str = "KEYVAULT_END";

/// Variables of bash's own: it lets none be set, or counts on by itself (bash(1),
/// "Shell Variables"), sorted; and `OPTIND`, which every shell takes for a number. To
/// those that are numbers a value is an expression, in which bash runs commands.
const SHELL_NAMES: [&str; 28] = [
    "BASHOPTS",
    "BASHPID",
    "BASH_ALIASES",
    "BASH_ARGC",
    "BASH_ARGV",
    "BASH_CMDS",
    "BASH_COMMAND",
    "BASH_LINENO",
    "BASH_SOURCE",
    "BASH_SUBSHELL",
    "BASH_VERSINFO",
    "DIRSTACK",
    "EPOCHREALTIME",
    "EPOCHSECONDS",
    "EUID",
    "FUNCNAME",
    "GROUPS",
    "HISTCMD",
    "LINENO",
    "OPTIND",
    "PPID",
    "RANDOM",
    "SECONDS",
    "SHELLOPTS",
    "SHLVL",
    "SRANDOM",
    "UID",
    "_",
];

/// Variables of fish's own (fish's documentation, "Special variables"), sorted.
const FISH_NAMES: [&str; 14] = [
    "FISH_VERSION",
    "PWD",
    "SHLVL",
    "_",
    "fish_kill_signal",
    "fish_killring",
    "fish_pid",
    "history",
    "hostname",
    "pipestatus",
    "status",
    "status_generation",
    "umask",
    "version",
];

/// What a job on GitHub may not set for its later steps (the runner's
/// `SetEnvFileCommand`).
const GITHUB_NAMES: [&str; 1] = ["NODE_OPTIONS"];

/// A format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `.env`.
    Dotenv,
    /// A POSIX shell.
    Shell,
    /// fish.
    Fish,
    /// JSON (RFC 8259).
    Json,
    /// YAML (1.2.2, read alike by readers of 1.1).
    Yaml,
    /// TOML (1.0.0).
    Toml,
    /// `docker run --env-file`.
    Docker,
    /// systemd.exec(5), `EnvironmentFile=`.
    Systemd,
    /// GitHub Actions, "Workflow commands", "Setting an environment variable" and
    /// "Multiline strings".
    Github,
    /// GitHub Actions, "Workflow commands", "Masking a value in a log".
    GithubMask,
    /// Kubernetes, "Secrets", `Opaque`.
    K8s,
}

impl Format {
    const ALL: [(Self, &'static str); 11] = [
        (Self::Dotenv, "dotenv"),
        (Self::Shell, "shell"),
        (Self::Fish, "fish"),
        (Self::Json, "json"),
        (Self::Yaml, "yaml"),
        (Self::Toml, "toml"),
        (Self::Docker, "docker"),
        (Self::Systemd, "systemd"),
        (Self::Github, "github"),
        (Self::GithubMask, "github-mask"),
        (Self::K8s, "k8s"),
    ];

    fn as_str(self) -> &'static str {
        let found = Self::ALL.iter().find(|(format, _)| *format == self);
        found.expect("all of them are in it").1
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(_, name)| *name == text);
        found.map(|(format, _)| *format).ok_or_else(|| {
            let names = Self::ALL.map(|(_, name)| format!("`{name}`"));
            format!("a format is one of {}", names.join(", "))
        })
    }
}

/// The name of an object of Kubernetes: small letters, digits, `-` and `.`, of which
/// the last two stand neither first nor last in a part between dots (RFC 1123).
#[derive(Clone, Debug)]
pub struct ObjectName(String);

impl FromStr for ObjectName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_inner =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_part = |part: &str| {
            !part.is_empty()
                && part.bytes().all(is_inner)
                && !part.starts_with('-')
                && !part.ends_with('-')
        };
        if text.len() <= K8S_NAME_MAX && text.split('.').all(is_part) {
            Ok(Self(text.to_owned()))
        } else {
            Err(
                "the name of an object is small letters, digits, `-` and `.`, begins and ends with a letter or digit, and has at most 253 bytes",
            )
        }
    }
}

/// A variable and its value.
pub type Pair<'a> = (&'a SecretName, &'a SecretValue);

/// How the whole is written, besides its format.
pub struct Form<'a> {
    /// The format.
    pub format: Format,
    /// Whose `.env` it is.
    pub dialect: Dialect,
    /// What a manifest calls the object.
    pub object: Option<&'a ObjectName>,
}

/// Writes secrets as a whole file.
///
/// # Errors
///
/// [`Error::Uncarried`], for the first that the format cannot carry.
pub fn write(form: &Form<'_>, secrets: &[Pair<'_>]) -> Result<Zeroizing<Vec<u8>>> {
    let dialect = match form.format {
        Format::Dotenv => Some(form.dialect),
        Format::Docker => Some(Dialect::Docker),
        _ => None,
    };
    if let Some(dialect) = dialect {
        return dotenv::write(dialect, secrets.iter().copied()).map_err(|uncarried| {
            Error::Uncarried {
                name: uncarried.name,
                format: form.format.as_str(),
                what: uncarried.what.to_string(),
            }
        });
    }
    check(form.format, secrets)?;
    let lines = |out: &mut dyn Write, line: Line| {
        secrets
            .iter()
            .try_for_each(|(name, value)| line(name, value.expose(), out))
    };
    Ok(quote::wiped(|out| match form.format {
        Format::Shell => lines(out, |name, value, out| {
            write!(out, "export {name}=")?;
            quote::shell(value, out)?;
            out.write_all(b"\n")
        }),
        Format::Fish => lines(out, |name, value, out| {
            write!(out, "set -gx {name} ")?;
            quote::fish(value, out)?;
            out.write_all(b"\n")
        }),
        Format::Systemd => lines(out, |name, value, out| {
            write!(out, "{name}=")?;
            quote::systemd(value, out)?;
            out.write_all(b"\n")
        }),
        Format::Toml => lines(out, |name, value, out| {
            write!(out, "{name} = ")?;
            quote::yaml(text(value), out)?;
            out.write_all(b"\n")
        }),
        Format::Yaml if secrets.is_empty() => out.write_all(b"{}\n"),
        Format::Yaml => lines(out, |name, value, out| {
            // Without quotes the name `NO` would be false.
            write!(out, "\"{name}\": ")?;
            quote::yaml(text(value), out)?;
            out.write_all(b"\n")
        }),
        Format::Github => lines(out, |name, value, out| {
            let end = github_end(value);
            writeln!(out, "{name}<<{end}")?;
            out.write_all(value)?;
            writeln!(out, "\n{end}")
        }),
        Format::GithubMask => lines(out, github_mask),
        Format::Json => json(secrets, out),
        Format::K8s => k8s(form.object, secrets, out),
        Format::Dotenv | Format::Docker => unreachable!("these are dialects"),
    }))
}

/// Writes names without values, as a `.env.example`: each with an empty value, which
/// every dialect reads alike, below its description.
pub fn example<'a>(names: impl Iterator<Item = (&'a SecretName, Option<&'a Remark>)>) -> String {
    let lines = names.map(|(name, description)| match description {
        Some(description) => format!("# {description}\n{name}=\n"),
        None => format!("{name}=\n"),
    });
    lines.collect()
}

/// Writes a line, or what has to be one.
type Line = fn(&SecretName, &[u8], &mut dyn Write) -> io::Result<()>;

fn text(value: &[u8]) -> &str {
    std::str::from_utf8(value).expect("it was checked")
}

fn json(secrets: &[Pair<'_>], out: &mut dyn Write) -> io::Result<()> {
    out.write_all(b"{")?;
    let mut before = "\n";
    for (name, value) in secrets {
        write!(out, "{before}  \"{name}\": ")?;
        quote::json(text(value.expose()), out)?;
        before = ",\n";
    }
    out.write_all(if secrets.is_empty() { b"}\n" } else { b"\n}\n" })
}

fn k8s(object: Option<&ObjectName>, secrets: &[Pair<'_>], out: &mut dyn Write) -> io::Result<()> {
    let object = object.map_or(K8S_NAME, |object| &object.0);
    // In quotes, all of it: `NO`, `1e3` and their like are no text without.
    write!(
        out,
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: \"{object}\"\ntype: Opaque\ndata:"
    )?;
    if secrets.is_empty() {
        return out.write_all(b" {}\n");
    }
    out.write_all(b"\n")?;
    secrets.iter().try_for_each(|(name, value)| {
        write!(out, "  \"{name}\": \"")?;
        quote::base64(value.expose(), out)?;
        out.write_all(b"\"\n")
    })
}

/// Finds what is no line of a value.
fn github_end(value: &[u8]) -> String {
    let lines = value.split(|byte| matches!(byte, b'\n' | b'\r'));
    let runs = lines.filter_map(|line| {
        let run = line.strip_prefix(GITHUB_END.as_bytes())?;
        run.iter().all(|byte| *byte == b'_').then_some(run.len())
    });
    let longest = runs.max().map_or(0, |run| run + 1);
    format!("{GITHUB_END}{}", "_".repeat(longest))
}

/// Writes the command that masks a value, and with it each of its lines. An empty one
/// would be an error of the job.
fn github_mask(_: &SecretName, value: &[u8], out: &mut dyn Write) -> io::Result<()> {
    if value.is_empty() {
        return Ok(());
    }
    out.write_all(b"::add-mask::")?;
    value.iter().try_for_each(|byte| match byte {
        b'%' => out.write_all(b"%25"),
        b'\r' => out.write_all(b"%0D"),
        b'\n' => out.write_all(b"%0A"),
        byte => out.write_all(&[*byte]),
    })?;
    out.write_all(b"\n")
}

fn check(format: Format, secrets: &[Pair<'_>]) -> Result<()> {
    for (name, value) in secrets {
        let what = refused_name(format, name).or_else(|| refused_value(format, value.expose()));
        if let Some(what) = what {
            return Err(uncarried(format, name, what.to_owned()));
        }
    }
    let whole: usize = secrets.iter().map(|(_, value)| value.len()).sum();
    let largest = secrets.iter().max_by_key(|(_, value)| value.len());
    match largest {
        Some((name, value)) if format == Format::K8s && whole > K8S_MAX => {
            let what = format!(
                "it is the largest, with {} bytes, of more than the 1 MiB that a Secret holds",
                value.len()
            );
            Err(uncarried(format, name, what))
        }
        _ => Ok(()),
    }
}

fn uncarried(format: Format, name: &SecretName, what: String) -> Error {
    Error::Uncarried {
        name: name.clone(),
        format: format.as_str(),
        what,
    }
}

fn refused_name(format: Format, name: &SecretName) -> Option<&'static str> {
    let (names, what): (&[&str], _) = match format {
        Format::Shell => (
            &SHELL_NAMES,
            "the shell has a variable of this name for itself",
        ),
        Format::Fish => (&FISH_NAMES, "fish has a variable of this name for itself"),
        Format::Github => (&GITHUB_NAMES, "GitHub takes no variable of this name"),
        _ => return None,
    };
    names.contains(&name.as_str()).then_some(what)
}

fn refused_value(format: Format, value: &[u8]) -> Option<&'static str> {
    let is_text = std::str::from_utf8(value).is_ok();
    match format {
        Format::K8s => None,
        Format::Shell => nul(value),
        _ if !is_text => Some("it is not text in UTF-8"),
        Format::Json | Format::Yaml | Format::Toml | Format::GithubMask => None,
        Format::Systemd if text(value).contains(is_refused_by_systemd) => {
            Some("it holds U+FEFF or a noncharacter of Unicode")
        }
        _ => nul(value),
    }
}

fn nul(value: &[u8]) -> Option<&'static str> {
    value.contains(&0).then_some("it holds a NUL byte")
}

/// Noncharacters (Unicode, section 23.7) and the byte order mark.
fn is_refused_by_systemd(c: char) -> bool {
    let code = u32::from(c);
    code & 0xfffe == 0xfffe || (0xfdd0..=0xfdef).contains(&code) || c == '\u{feff}'
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_format_is_called_by_one_word() {
        for (format, name) in Format::ALL {
            assert_eq!(name.parse::<Format>(), Ok(format));
            assert_eq!(format.as_str(), name);
        }
        let rule = "env".parse::<Format>().expect_err("there is none");
        assert!(rule.contains("`dotenv`"), "{rule}");
    }

    #[test]
    fn the_name_of_an_object_is_one_that_kubernetes_takes() {
        for good in ["a", "0", "app-1", "a.b-c.d", &"x".repeat(253)] {
            assert!(good.parse::<ObjectName>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "A",
            "a_b",
            "-a",
            "a-",
            ".a",
            "a.",
            "a..b",
            "a.-b",
            "a b",
            "a\n",
            "é",
            &"x".repeat(254),
        ] {
            assert!(bad.parse::<ObjectName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_value_that_ends_itself_gets_another_end() {
        for (value, end) in [
            ("", "KEYVAULT_END"),
            ("x KEYVAULT_END", "KEYVAULT_END"),
            ("KEYVAULT_ENDX", "KEYVAULT_END"),
            ("KEYVAULT_END", "KEYVAULT_END_"),
            ("a\nKEYVAULT_END__\r\nKEYVAULT_END", "KEYVAULT_END___"),
        ] {
            assert_eq!(github_end(value.as_bytes()), end, "{value}");
        }
    }

    proptest! {
        #[test]
        fn no_line_of_a_value_ends_it(value in "(KEYVAULT_END|_|\n|\r|x){0,12}") {
            let end = github_end(value.as_bytes());
            prop_assert!(value.split(['\n', '\r']).all(|line| line != end));
        }
    }

    #[test]
    fn an_example_is_read_as_names_without_values() {
        let (a, b): (SecretName, SecretName) =
            ("A".parse().expect("a name"), "B".parse().expect("a name"));
        let what: Remark = "what A='is' for".parse().expect("a line");
        let text = example([(&a, Some(&what)), (&b, None)].into_iter());
        assert_eq!(text, "# what A='is' for\nA=\nB=\n");
        for dialect in Dialect::ALL {
            let entries = dotenv::parse(text.as_bytes(), dialect, None).expect("it is ours");
            let names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
            assert_eq!(names, ["A", "B"], "{dialect}");
            let is_empty =
                |value: &Option<SecretValue>| value.as_ref().is_some_and(SecretValue::is_empty);
            assert!(
                entries.iter().all(|entry| is_empty(&entry.value)),
                "{dialect}"
            );
        }
    }
}
