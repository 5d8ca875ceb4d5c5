//! `keyvault shell env`: what the hooks run as the folder changes, and direnv.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use anyhow::Result;
use zeroize::Zeroizing;

use crate::child::environment::{can_carry, is_dangerous};
use crate::context::{Context, canonical};
use crate::error::Error;
use crate::name::SecretName;
use crate::seal::digest::{Digest, ShortDigest};
use crate::secret_value::SecretValue;
use crate::shell_code::{self, Language, Loaded};
use crate::store::allowance::{Allowance, Allowances};
use crate::vault::layers::Layers;
use crate::vault::selection::Selection;

/// Who wants the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
    /// Which asks on its own whether it may, and puts back what was.
    Direnv,
}

type Wanted<'a> = BTreeMap<&'a SecretName, &'a SecretValue>;

/// What is told, once: the same again is not.
#[derive(Clone)]
struct News {
    text: String,
    is_warning: bool,
}

impl News {
    fn note(text: String) -> Self {
        Self {
            text,
            is_warning: false,
        }
    }

    fn warning(text: String) -> Self {
        Self {
            text,
            is_warning: true,
        }
    }

    fn of(error: &Error, place: &str) -> Self {
        let hint = error
            .hint()
            .map_or_else(String::new, |hint| format!("; {hint}"));
        Self::warning(format!("`{place}` is not loaded: {error}{hint}"))
    }

    fn mark(&self) -> ShortDigest {
        Digest::of(self.text.as_bytes()).short()
    }

    fn tell(&self, cx: &Context) {
        if self.is_warning {
            cx.ui.warn(&self.text);
        } else {
            cx.ui.note(&self.text);
        }
    }
}

/// Runs the command.
///
/// # Errors
///
/// For direnv, whatever kept the secrets from being loaded. For a hook none but those
/// of the answer: what went wrong is told, and the prompt comes.
pub fn run(shell: Shell, cx: &Context) -> Result<()> {
    let code = match shell {
        Shell::Bash => follow(Language::Bash, cx)?,
        Shell::Zsh => follow(Language::Zsh, cx)?,
        Shell::Fish => follow(Language::Fish, cx)?,
        Shell::Direnv => {
            let layers = cx.open_layers(&cx.store()?)?;
            let wanted = choose(Language::Bash, &layers, cx)?;
            log(&wanted, &layers, cx)?;
            shell_code::exports(Language::Bash, &wanted)
        }
    };
    let mut out = io::stdout().lock();
    let written = out.write_all(&code).and_then(|()| out.flush());
    Ok(written.map_err(Error::Output)?)
}

/// Brings a shell from what is loaded to what should be where it is.
fn follow(language: Language, cx: &Context) -> Result<Zeroizing<Vec<u8>>, Error> {
    let state = cx.value_of_variable(shell_code::STATE);
    let state = state.and_then(|state| state.into_string().ok());
    let mut now = state.map_or_else(Loaded::default, |state| Loaded::parse(&state));
    // What none of ours loaded none puts back: somebody else could have set the state.
    now.variables.retain(|name, _| !takes_over(language, name));
    let from = cx.working_folder()?;
    let found = find(&from, cx);
    let (wanted, news) = match &found {
        Ok(None) => (Wanted::new(), None),
        Ok(Some((place, layers))) => match load(language, layers, cx) {
            Ok(wanted) => {
                let news = format!("loaded {} from `{place}`", secrets(wanted.len()));
                (wanted, Some(News::note(news)))
            }
            Err(error) => (Wanted::new(), Some(News::of(&error, place))),
        },
        Err(news) => (Wanted::new(), Some(news.clone())),
    };
    if wanted.is_empty() && !now.variables.is_empty() {
        let count = secrets(now.variables.len());
        cx.ui.note(&format!("unloaded {count}"));
    }
    let told = news.as_ref().map(News::mark);
    if let Some(news) = news.filter(|_| told != now.told) {
        news.tell(cx);
    }
    let inherited = |name: &SecretName| Some(cx.value_of_variable(name.as_str())?.into_vec());
    let (code, _) = shell_code::change(language, &now, told, &wanted, inherited);
    Ok(code)
}

/// Chooses what a shell is to have, which is a use if it does not have it already.
///
/// # Errors
///
/// As [`choose`], and where it cannot be logged and has to be.
fn load<'a>(language: Language, layers: &'a Layers, cx: &Context) -> Result<Wanted<'a>, Error> {
    let wanted = choose(language, layers, cx)?;
    let has = |name: &SecretName, value: &SecretValue| {
        let own = cx.value_of_variable(name.as_str());
        own.is_some_and(|own| Digest::of(own.as_encoded_bytes()) == Digest::of_value(value))
    };
    if !wanted.iter().all(|(name, value)| has(name, value)) {
        log(&wanted, layers, cx)?;
    }
    Ok(wanted)
}

/// Writes what a shell is about to get to the audit log.
fn log(wanted: &Wanted<'_>, layers: &Layers, cx: &Context) -> Result<(), Error> {
    let names = wanted.keys();
    let versions = names.filter_map(|name| layers.version_in_use(name));
    cx.log_use(layers.names(), versions.collect(), None)
}

fn secrets(count: usize) -> String {
    match count {
        1 => "1 secret".to_owned(),
        count => format!("{count} secrets"),
    }
}

/// Opens the vault of the project that a folder is in, if it is to be loaded, and
/// says where it is.
///
/// # Errors
///
/// Why one that is there is not loaded, unless a person wanted that.
fn find(from: &Path, cx: &Context) -> Result<Option<(String, Layers)>, News> {
    let store = match cx.project_store(from) {
        Ok(None) => return Ok(None),
        Ok(Some(store)) => store,
        // The same in every folder below, so that it is told once.
        Err(error) => return Err(News::warning(format!("nothing is loaded here: {error}"))),
    };
    let place = cx.brief(store.path());
    let failed = |error: Error| News::of(&error, &place);
    let path = canonical(store.path()).map_err(failed)?;
    let decisions = Allowances::below(cx.state_folder().as_deref());
    let allowed = match path.and_then(|path| decisions.of(&path)) {
        Some(Allowance::Allowed(vault)) => vault,
        Some(Allowance::Denied) => return Ok(None),
        None => {
            return Err(News::note(format!(
                "`{place}` is not loaded; `keyvault shell allow` lets shells load it, and `keyvault shell deny` ends this note"
            )));
        }
    };
    if !cx.is_unlocked().map_err(failed)? {
        return Err(News::note(format!(
            "`{place}` is not loaded: your identity is locked; run `keyvault unlock`"
        )));
    }
    let layers = cx.open_layers(&store).map_err(failed)?;
    if layers
        .environments()
        .any(|environment| environment.vault != allowed)
    {
        return Err(News::warning(format!(
            "`{place}` is not loaded: another vault was allowed here; if you know why, run `keyvault shell allow`"
        )));
    }
    Ok(Some((place, layers)))
}

/// Tells whether a variable is never loaded, for its name.
fn takes_over(language: Language, name: &SecretName) -> bool {
    language.owns(name) || is_dangerous(name.as_str())
}

/// Chooses what `exec` would pass on.
///
/// # Errors
///
/// [`Error::NotForShell`], and those of [`Selection::of`].
fn choose<'a>(language: Language, layers: &'a Layers, cx: &Context) -> Result<Wanted<'a>, Error> {
    let all = Selection::default();
    let chosen = all.of(layers, cx.now())?.chosen;
    for secret in &chosen {
        let refused = |what| {
            Err(Error::NotForShell {
                name: secret.name.clone(),
                what,
            })
        };
        if takes_over(language, secret.name) {
            return refused("has a name that would take the shell or its programs over");
        }
        if !can_carry(secret.value) {
            return refused("holds a NUL byte, which no environment variable can carry");
        }
    }
    let wanted = chosen.iter().map(|secret| (secret.name, secret.value));
    Ok(wanted.collect())
}
