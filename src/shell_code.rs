//! What a shell is told to do as its folder changes: take variables over, and put
//! back what was there before. Pure: what the shell has comes in, code goes out.
//!
//! What is loaded is remembered in a variable of the environment, [`STATE`], so that
//! a shell within the shell knows it as well. It holds the names, and what each was
//! before if it was exported, and never a value of ours:
//!
//! ```text
//! 90f1a7a0c2f48d4e:API_KEY,LANG=ZGVfREUuVVRGLTg
//! ```
//!
//! In front stands the [`ShortDigest`] of what was told last, so that it is told once.
//! What was set and not exported is known to the shell alone, which keeps it in
//! variables of its own.

use std::collections::BTreeMap;
use std::io::{self, Write};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::name::SecretName;
use crate::quote;
use crate::seal::digest::ShortDigest;
use crate::secret_value::SecretValue;

/// The variable that remembers what is loaded.
pub const STATE: &str = "KEYVAULT_SHELL_STATE";

/// Variables that shells set, take for their settings or let nobody set (bash(1),
/// "Shell Variables"; zshparam(1)); with `*`, whole families. Those that take
/// programs over are listed elsewhere.
const OF_ALL: &str = "\
    _ _keyvault_* __keyvault_* BASH BASHPID BASH_* COLUMNS COMPREPLY COMP_* COPROC DIRSTACK EGID \
    EPOCHREALTIME EPOCHSECONDS EUID EXECIGNORE FIGNORE FUNCNAME FUNCNEST GID GLOBIGNORE GROUPS HISTCHARS \
    HISTCMD HISTCONTROL HISTFILE HISTFILESIZE HISTIGNORE HISTSIZE HISTTIMEFORMAT HOME IFS IGNOREEOF INPUTRC \
    KEYVAULT_AUDIT KEYVAULT_COMPLETE KEYVAULT_ENV KEYVAULT_IDENTITY* KEYVAULT_NO_INPUT KEYVAULT_PASSPHRASE* KEYVAULT_REASON \
    KEYVAULT_SHELL_STATE KEYVAULT_VAULT KEYVAULT_VAULT_ID LINENO LINES MAILCHECK MAPFILE OLDPWD OPTARG \
    OPTERR OPTIND PIPESTATUS POSIXLY_CORRECT PPID PS3 PWD RANDOM READLINE_* REPLY SECONDS SHLVL SRANDOM \
    TIMEFORMAT TMOUT UID chpwd_functions histchars periodic_functions precmd_functions preexec_functions";

/// Those of zsh: many are parts of others in another form, as `path` is `PATH`.
const OF_ZSH: &str = "\
    ARGC CPUTYPE DIRSTACKSIZE ERRNO GLOB* HISTNO KEYBOARD_HACK KEYTIMEOUT LISTMAX LOGCHECK MACHTYPE MATCH \
    MBEGIN MEND MODULE_PATH NULLCMD OSTYPE POSTEDIT PROMPT* PSVAR READNULLCMD RPROMPT* RPS1 RPS2 SAVEHIST \
    SPROMPT STTY TIMEFMT TMPPREFIX TMPSUFFIX TRY_BLOCK_* TTY TTYIDLE USERNAME VENDOR WATCH WATCHFMT \
    WORDCHARS ZCURSES_* ZFTP_* ZLE_* ZSH_* aliases argv builtins cdpath commands comppostfuncs dirstack \
    dis_* epochtime errnos fignore fpath funcfiletrace funcsourcetrace funcstack functions functions_source \
    functrace galiases history historywords jobdirs jobstates jobtexts keymaps langinfo mailpath manpath \
    mapfile match mbegin mend module_path modules nameddirs options parameters patchars path pipestatus \
    prompt psvar reswords saliases signals status sysparams termcap terminfo userdirs usergroups watch \
    widgets zcurses_* zle_* zsh_* zshaddhistory_functions zshexit_functions";

/// Those of fish (its "Special variables").
const OF_FISH: &str = "\
    FISH_VERSION argv fish_* history hostname pipestatus status status_generation umask version";

/// For whom the code is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// bash, 3.2 and later.
    Bash,
    /// zsh.
    Zsh,
    /// fish, 3.1 and later.
    Fish,
}

/// What is loaded: each variable with what it was before, if it was exported.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// What was told last.
    pub told: Option<ShortDigest>,
    /// The variables.
    pub variables: BTreeMap<SecretName, Option<Vec<u8>>>,
}

impl Loaded {
    /// Reads what a shell remembers. What does not read was not written here, and
    /// there is nothing to put back.
    pub fn parse(text: &str) -> Self {
        let (told, names) = text.split_once(':').unwrap_or_default();
        let entries = names.split(',').filter_map(|entry| {
            let (name, before) = match entry.split_once('=') {
                Some((name, before)) => (name, Some(BASE64_URL_SAFE_NO_PAD.decode(before).ok()?)),
                None => (entry, None),
            };
            Some((name.parse().ok()?, before))
        });
        Self {
            told: told.parse().ok(),
            variables: entries.collect(),
        }
    }

    fn to_text(&self) -> String {
        let told = self.told.map(|told| told.to_string()).unwrap_or_default();
        let entries = self.variables.iter().map(|(name, before)| match before {
            Some(before) => format!("{name}={}", BASE64_URL_SAFE_NO_PAD.encode(before)),
            None => name.to_string(),
        });
        format!("{told}:{}", entries.collect::<Vec<_>>().join(","))
    }
}

/// Writes the code that takes a shell from what is loaded to what should be, and
/// returns what is loaded then. Of a variable that is not loaded yet, `inherited`
/// tells what it is, if it is exported. No value may hold NUL.
pub fn change<'a>(
    language: Language,
    now: &Loaded,
    told: Option<ShortDigest>,
    wanted: &BTreeMap<&'a SecretName, &'a SecretValue>,
    inherited: impl Fn(&SecretName) -> Option<Vec<u8>>,
) -> (Zeroizing<Vec<u8>>, Loaded) {
    let before = wanted.keys().map(|name| match now.variables.get(*name) {
        Some(before) => ((*name).clone(), before.clone()),
        None => ((*name).clone(), inherited(name)),
    });
    let then = Loaded {
        told,
        variables: before.collect(),
    };
    let code = quote::wiped(|out| {
        for (name, before) in &now.variables {
            if !wanted.contains_key(name) {
                language.put_back(name, before.as_deref(), out)?;
            }
        }
        for (name, value) in wanted {
            if !now.variables.contains_key(*name) {
                language.keep(name, out)?;
            }
            language.unless_own(name, out)?;
            language.export_secret(name, value, out)?;
        }
        if then == *now {
            Ok(())
        } else if then == Loaded::default() {
            language.forget(STATE, out)
        } else {
            language.export(STATE, then.to_text().as_bytes(), out)
        }
    });
    (code, then)
}

/// Writes the code that takes variables over, for a reader that keeps what was there
/// before itself. No value may hold NUL.
pub fn exports(
    language: Language,
    wanted: &BTreeMap<&SecretName, &SecretValue>,
) -> Zeroizing<Vec<u8>> {
    quote::wiped(|out| {
        let mut all = wanted.iter();
        all.try_for_each(|(name, value)| language.export_secret(name, value, out))
    })
}

impl Language {
    fn export_secret(
        self,
        name: &SecretName,
        value: &SecretValue,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        self.export(name.as_str(), value.expose(), out)
    }

    /// Tells whether a variable of this name is the shell's own.
    pub fn owns(self, name: &SecretName) -> bool {
        let more = match self {
            Self::Bash => "",
            Self::Zsh => OF_ZSH,
            Self::Fish => OF_FISH,
        };
        let mut own = OF_ALL.split_whitespace().chain(more.split_whitespace());
        own.any(|own| match own.strip_suffix('*') {
            Some(family) => name.as_str().starts_with(family),
            None => name.as_str() == own,
        })
    }

    /// Exports a variable.
    fn export(self, name: &str, value: &[u8], out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Bash | Self::Zsh => {
                write!(out, "export {name}=")?;
                quote::shell(value, out)?;
            }
            Self::Fish => {
                write!(out, "set -gx {name} ")?;
                quote::fish(value, out)?;
            }
        }
        writeln!(out)
    }

    fn forget(self, name: &str, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Bash | Self::Zsh => writeln!(out, "unset {name}"),
            Self::Fish => writeln!(out, "set -e -g {name}"),
        }
    }

    /// Lets the shell keep what it alone knows of a variable: what it is where it is not
    /// exported, and whether it is `own`: one that cannot be changed, or that is more
    /// than text, an array or a number. That stays as it is, which is told. (What is
    /// assigned to a number, bash takes for an expression, and runs commands in it.)
    fn keep(self, name: &SecretName, out: &mut dyn Write) -> io::Result<()> {
        let (declare, is_own) = match self {
            Self::Bash => (
                "",
                format!("${{{name}+1}} && $(declare -p {name}) != 'declare -'[-x]' '*"),
            ),
            Self::Zsh => (
                "typeset -g ",
                format!("${{(t){name}}} != (|scalar|scalar-export)"),
            ),
            Self::Fish => {
                return writeln!(
                    out,
                    "set -e -g _keyvault_was_{name}; set -q {name}; and set -g _keyvault_was_{name} ${name}"
                );
            }
        };
        writeln!(
            out,
            "if [[ {is_own} ]]; then {declare}_keyvault_had_{name}=own; echo 'keyvault: warning: `{name}` is not loaded: the shell has another kind of variable of this name' >&2; else {declare}_keyvault_had_{name}=${{{name}+1}} _keyvault_was_{name}=${{{name}-}}; fi"
        )
    }

    /// Begins a line that is for a variable which is not the shell's `own`.
    fn unless_own(self, name: &SecretName, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Bash | Self::Zsh => {
                write!(out, "[[ ${{_keyvault_had_{name}-}} == own ]] || ")
            }
            Self::Fish => Ok(()),
        }
    }

    /// Puts back what a variable was.
    fn put_back(
        self,
        name: &SecretName,
        before: Option<&[u8]>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let no_export = match self {
            Self::Bash => "export -n",
            Self::Zsh => "typeset -g +x",
            Self::Fish => {
                // The shell itself knows a list as one.
                let scope = if before.is_some() { "-gx" } else { "-gu" };
                writeln!(
                    out,
                    "if set -q _keyvault_was_{name}; set {scope} {name} $_keyvault_was_{name}; set -e -g _keyvault_was_{name}; else"
                )?;
                match before {
                    Some(before) => self.export(name.as_str(), before, out)?,
                    None => self.forget(name.as_str(), out)?,
                }
                return writeln!(out, "end");
            }
        };
        self.unless_own(name, out)?;
        match before {
            Some(before) => self.export(name.as_str(), before, out)?,
            None => writeln!(
                out,
                "if [[ ${{_keyvault_had_{name}-}} ]]; then {name}=$_keyvault_was_{name}; {no_export} {name}; else unset {name}; fi"
            )?,
        }
        writeln!(out, "unset _keyvault_had_{name} _keyvault_was_{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> SecretName {
        text.parse().expect("a name")
    }

    fn told() -> Option<ShortDigest> {
        "00112233445566ff".parse().ok()
    }

    #[test]
    fn what_is_loaded_reads_back_as_written() {
        let loaded = Loaded {
            told: told(),
            variables: BTreeMap::from([
                (name("A"), None),
                (name("B"), Some(b"old, \xff=:\n".to_vec())),
                (name("C"), Some(Vec::new())),
            ]),
        };
        let text = loaded.to_text();
        assert_eq!(text, "00112233445566ff:A,B=b2xkLCD_PToK,C=");
        assert_eq!(Loaded::parse(&text), loaded);
        for nonsense in ["", ":", "x", "x:", ":A-B", ":A=%", ":=,,"] {
            assert_eq!(Loaded::parse(nonsense), Loaded::default(), "{nonsense}");
        }
    }

    #[test]
    fn what_is_loaded_keeps_what_was_there_first() {
        let value = SecretValue::from_text("it's".to_owned());
        let (a, b) = (name("A"), name("B"));
        let wanted = BTreeMap::from([(&a, &value), (&b, &value)]);
        let inherited = |name: &SecretName| (name.as_str() == "B").then(|| b"old".to_vec());
        let (code, then) = change(
            Language::Bash,
            &Loaded::default(),
            told(),
            &wanted,
            inherited,
        );
        assert_eq!(
            String::from_utf8_lossy(&code),
            "if [[ ${A+1} && $(declare -p A) != 'declare -'[-x]' '* ]]; then _keyvault_had_A=own; \
            echo 'keyvault: warning: `A` is not loaded: the shell has another kind of variable of this name' >&2; \
            else _keyvault_had_A=${A+1} _keyvault_was_A=${A-}; fi\n\
            [[ ${_keyvault_had_A-} == own ]] || export A='it'\\''s'\n\
            if [[ ${B+1} && $(declare -p B) != 'declare -'[-x]' '* ]]; then _keyvault_had_B=own; \
            echo 'keyvault: warning: `B` is not loaded: the shell has another kind of variable of this name' >&2; \
            else _keyvault_had_B=${B+1} _keyvault_was_B=${B-}; fi\n\
            [[ ${_keyvault_had_B-} == own ]] || export B='it'\\''s'\n\
            export KEYVAULT_SHELL_STATE='00112233445566ff:A,B=b2xk'\n"
        );

        // Once more, in a shell that has ours: that is not what was there before.
        let inherited = |_: &SecretName| Some(b"it's".to_vec());
        let (code, again) = change(Language::Bash, &then, told(), &wanted, inherited);
        assert_eq!(again, then);
        let code = String::from_utf8_lossy(&code).into_owned();
        assert_eq!(
            code,
            "[[ ${_keyvault_had_A-} == own ]] || export A='it'\\''s'\n\
            [[ ${_keyvault_had_B-} == own ]] || export B='it'\\''s'\n"
        );

        let nothing = BTreeMap::new();
        let (code, then) = change(Language::Bash, &then, None, &nothing, inherited);
        assert_eq!(then, Loaded::default());
        let code = String::from_utf8_lossy(&code).into_owned();
        assert!(code.contains("else unset A; fi"), "{code}");
        assert!(
            code.ends_with(
                "export B='old'\nunset _keyvault_had_B _keyvault_was_B\nunset KEYVAULT_SHELL_STATE\n"
            ),
            "{code}"
        );
    }

    #[test]
    fn nothing_to_do_is_no_code() {
        let nothing = Loaded::default();
        let (code, then) = change(Language::Zsh, &nothing, None, &BTreeMap::new(), |_| None);
        assert!(code.is_empty() && then == nothing);
    }

    #[test]
    fn what_is_the_shell_s_own_is_known() {
        for own in [
            "IFS",
            "PWD",
            "HISTFILE",
            "BASH_XTRACEFD",
            "KEYVAULT_VAULT",
            "_",
        ] {
            assert!(Language::Bash.owns(&name(own)), "{own}");
        }
        for own in [
            "path",
            "USERNAME",
            "PROMPT2",
            "UID",
            "MODULE_PATH",
            "precmd_functions",
        ] {
            assert!(Language::Zsh.owns(&name(own)), "{own}");
        }
        assert!(Language::Fish.owns(&name("status")));
        for free in ["API_KEY", "PATHS", "KEYVAULT_URL", "USERNAME", "path"] {
            assert!(!Language::Bash.owns(&name(free)), "{free}");
        }
    }
}
