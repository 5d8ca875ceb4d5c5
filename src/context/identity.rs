//! Where the identity comes from, who gives its passphrase, and how long it
//! stays open.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::child::{self, OUTPUT_MAX};
use crate::context::{Context, variable};
use crate::error::{Error, Origin, Result, shell_word};
use crate::seal::identity::{
    BadIdentity, Identity, IdentityFile, LockedIdentity, NotUnlocked, Passphrase,
};
use crate::secret_value::SecretValue;
use crate::store::identity_file::{self, FoundIdentity};
use crate::store::session::{self, CacheId, Lease, Term};

const IDENTITY: &str = "KEYVAULT_IDENTITY";
const IDENTITY_FILE: &str = "KEYVAULT_IDENTITY_FILE";
const PASSPHRASE_FILE: &str = "KEYVAULT_PASSPHRASE_FILE";
const PASSPHRASE_COMMAND: &str = "KEYVAULT_PASSPHRASE_COMMAND";

/// Where the identity is to be found.
pub enum IdentitySource {
    /// In a file.
    File(PathBuf),
    /// In the variable `KEYVAULT_IDENTITY`.
    Variable(OsString),
}

/// How an identity is protected, and whether it was opened before.
pub enum Protection {
    /// By nothing.
    None,
    /// By a passphrase, which has to be asked for.
    Passphrase,
    /// By a passphrase, which was given before; for so long it will not be asked.
    Unlocked(Lease),
}

impl Context {
    /// Returns where the identity is to be found.
    ///
    /// # Errors
    ///
    /// [`Error::NoHome`]; [`Error::IdentityAsPath`] where the identity itself
    /// stands where its file's name should.
    pub fn identity_source(&self) -> Result<IdentitySource> {
        let named = self
            .options
            .identity
            .clone()
            .map(|path| (path, "--identity"))
            .or_else(|| Some((variable(IDENTITY_FILE)?.into(), IDENTITY_FILE)));
        if let Some((path, option)) = named {
            if is_private_key(&path) {
                return Err(Error::IdentityAsPath { option });
            }
            return Ok(IdentitySource::File(path));
        }
        if let Some(text) = variable(IDENTITY) {
            return Ok(IdentitySource::Variable(text));
        }
        Ok(IdentitySource::File(
            self.folders()?.config.join("identity"),
        ))
    }

    /// Returns the identity, asking for its passphrase if it has to.
    ///
    /// # Errors
    ///
    /// Those of exit code 4.
    pub fn identity(&self) -> Result<&Identity> {
        if let Some(identity) = self.identity.get() {
            return Ok(identity);
        }
        let (identity, _) = self.open_identity(None)?;
        Ok(self.identity.get_or_init(|| identity))
    }

    /// Prepares a new identity for a file that is not there yet, and asks for its
    /// passphrase. Nothing is written.
    ///
    /// # Errors
    ///
    /// Those of [`Context::new_passphrase`].
    pub fn new_identity(&self, path: PathBuf, protected: bool) -> Result<NewIdentity> {
        let identity = Identity::generate();
        let passphrase = protected.then(|| self.new_passphrase()).transpose()?;
        Ok(NewIdentity {
            contents: self.identity_contents(&identity, passphrase.as_ref()),
            path,
            identity,
            protected,
        })
    }

    /// Writes a new identity, uses it from here on and returns where it is; nothing
    /// if another keyvault came first.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], [`Error::Unconfirmed`].
    pub fn keep_identity(&self, new: NewIdentity) -> Result<Option<PathBuf>> {
        match identity_file::create(&new.path, new.contents.expose()) {
            Ok(()) => {}
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        }
        self.remember(&new.contents, &new.identity, new.protected);
        // There is none yet: a command makes one before it uses any.
        let _ = self.identity.set(new.identity);
        Ok(Some(new.path))
    }

    /// Writes the identity anew, with another passphrase or with none.
    ///
    /// # Errors
    ///
    /// Those of [`Context::identity`] and [`Context::new_passphrase`];
    /// [`Error::Usage`] for one that is not in a file, or is an ssh key.
    pub fn reprotect_identity(&self, protected: bool) -> Result<PathBuf> {
        let IdentitySource::File(path) = self.identity_source()? else {
            return Err(Error::Usage {
                message: format!(
                    "the identity is in `{IDENTITY}`, and keyvault does not change it there"
                ),
                hint: format!("unset `{IDENTITY}` to work on your identity file"),
            });
        };
        let identity = self.identity()?;
        if identity.is_ssh() {
            return Err(Error::Usage {
                message: format!("identity `{}` is an ssh key", self.brief(&path)),
                hint: format!(
                    "run `ssh-keygen -p -f {}` to change its passphrase",
                    shell_word(&path)
                ),
            });
        }
        let passphrase = protected.then(|| self.another_passphrase()).transpose()?;
        let contents = self.identity_contents(identity, passphrase.as_ref());
        // A link is followed, as it is when the identity is read.
        let target = path.canonicalize().map_err(Error::io("find", &path))?;
        identity_file::replace(&target, contents.expose())?;
        self.remember(&contents, identity, protected);
        Ok(path)
    }

    fn identity_contents(
        &self,
        identity: &Identity,
        passphrase: Option<&Passphrase>,
    ) -> SecretValue {
        match passphrase {
            Some(passphrase) => identity.to_locked_file(passphrase, self.system_time()),
            None => identity.to_file(self.system_time()),
        }
    }

    /// Keeps an identity whose passphrase was given just now, if the kernel does.
    fn remember(&self, contents: &SecretValue, identity: &Identity, protected: bool) {
        if protected {
            let (id, now) = (CacheId::of(contents.expose()), self.system_time());
            let _ = session::remember(id, &identity.to_text(), Term::Usual.lease(now), now);
        }
    }

    /// Asks for the identity's passphrase and keeps it unlocked for this session.
    /// Returns until when; nothing where the identity has no passphrase.
    ///
    /// # Errors
    ///
    /// Those of exit code 4, and [`Error::NoSessionCache`].
    pub fn unlock(&self, term: Term) -> Result<Option<Lease>> {
        let (_, lease) = self.open_identity(Some(term))?;
        Ok(lease)
    }

    /// Forgets the identities that were unlocked in this session. Returns whether
    /// there was one.
    ///
    /// # Errors
    ///
    /// [`Error::NoSessionCache`].
    pub fn lock(&self) -> Result<bool> {
        session::forget_all().map_err(|error| Error::NoSessionCache {
            what: error.to_string(),
        })
    }

    /// Tells whether the identity would come by a pipe.
    pub fn is_identity_piped(&self) -> bool {
        match self.identity_source() {
            Ok(IdentitySource::File(path)) => identity_file::is_pipe(&path),
            _ => false,
        }
    }

    /// Tells how the identity is protected, without asking anything.
    ///
    /// # Errors
    ///
    /// Those of exit code 4 that come before a passphrase, and
    /// [`Error::NoSessionCache`].
    pub fn protection(&self) -> Result<Protection> {
        let found = self.find_identity()?;
        if let IdentityFile::Open(_) = found.parsed {
            return Ok(Protection::None);
        }
        let remembered = session::recall(CacheId::of(&found.contents), self.system_time());
        let remembered = remembered.map_err(|error| Error::NoSessionCache {
            what: error.to_string(),
        })?;
        Ok(remembered.map_or(Protection::Passphrase, |found| {
            Protection::Unlocked(found.lease)
        }))
    }

    /// Tells whether whoever reads the identity's file has the identity. One that CI
    /// has in a variable, or that comes by a pipe, has no file.
    ///
    /// # Errors
    ///
    /// As [`Context::protection`].
    pub fn is_identity_weak(&self) -> Result<bool> {
        let IdentitySource::File(_) = self.identity_source()? else {
            return Ok(false);
        };
        if self.is_identity_piped() {
            return Ok(false);
        }
        match self.protection() {
            Ok(protection) => Ok(matches!(protection, Protection::None)),
            // It has a passphrase, or the cache would not have been asked.
            Err(Error::NoSessionCache { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Returns the command that gives the identity a passphrase.
    pub fn mend_of_identity(&self) -> String {
        match self.identity_source() {
            Ok(IdentitySource::File(path)) if self.identity().is_ok_and(Identity::is_ssh) => {
                format!("ssh-keygen -p -f {}", shell_word(&path))
            }
            _ => {
                let mend = self.ui.as_typed("`keyvault identity --new-passphrase`");
                mend.trim_matches('`').to_owned()
            }
        }
    }

    /// Asks for a passphrase that an identity is to be protected by.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] where it is empty or typed differently the second time;
    /// [`Error::NoPrompt`], [`Error::PassphraseSource`].
    fn new_passphrase(&self) -> Result<Passphrase> {
        let passphrase = match self.passphrase_source() {
            Some(PassphraseSource::Person) | None => self.ask_new_passphrase()?,
            Some(PassphraseSource::File(path)) => passphrase_from_file(&path)?,
            Some(PassphraseSource::Command(command)) => self.passphrase_from_command(&command)?,
        };
        refuse_empty(passphrase)
    }

    /// Asks for a passphrase in the place of the one that there is. That one may
    /// come from a file or a command; the new one would come out the same.
    fn another_passphrase(&self) -> Result<Passphrase> {
        let is_open = matches!(self.find_identity()?.parsed, IdentityFile::Open(_));
        match self.passphrase_source() {
            Some(PassphraseSource::File(_) | PassphraseSource::Command(_)) if !is_open => {
                if !self.ui.can_ask() {
                    return Err(Error::Usage {
                        message: "where the old passphrase comes from, no new one does".to_owned(),
                        hint: "run it in a terminal, which asks; or run `keyvault identity --no-passphrase` first, and then change the file or the command".to_owned(),
                    });
                }
                let asked = self.ask_new_passphrase()?;
                refuse_empty(asked)
            }
            _ => self.new_passphrase(),
        }
    }

    fn ask_new_passphrase(&self) -> Result<Passphrase> {
        let unasked = || Error::NoNewPassphrase {
            forbidden: !self.ui.input,
        };
        let asked = |prompt: &str| self.ui.ask_passphrase(prompt)?.ok_or_else(unasked);
        let first = asked("New passphrase for your identity: ")?;
        if !first.is_empty() && !first.is(&asked("The same once more: ")?) {
            return Err(Error::Usage {
                message: "the two passphrases are not the same".to_owned(),
                hint: "nothing was changed; run it again".to_owned(),
            });
        }
        Ok(first)
    }

    fn find_identity(&self) -> Result<SourcedIdentity> {
        let (origin, contents, file) = match self.identity_source()? {
            IdentitySource::File(path) => {
                let mut found = identity_file::read(&path)?;
                let contents = std::mem::take(&mut found.contents);
                (Origin::File(path), contents, Some(found))
            }
            IdentitySource::Variable(text) => (
                Origin::Variable(IDENTITY),
                Zeroizing::new(text.into_encoded_bytes()),
                None,
            ),
        };
        let parsed = IdentityFile::parse(&contents);
        let parsed = parsed.map_err(|BadIdentity(what)| Error::BadIdentity {
            origin: origin.clone(),
            what,
        })?;
        Ok(SourcedIdentity {
            origin,
            contents,
            file,
            parsed,
        })
    }

    /// Opens the identity: as it is, from the session's cache, or by its
    /// passphrase, with the lease that this began. With a `term` the passphrase is
    /// always asked for.
    fn open_identity(&self, term: Option<Term>) -> Result<(Identity, Option<Lease>)> {
        let SourcedIdentity {
            origin,
            contents,
            file,
            parsed,
        } = self.find_identity()?;
        let locked = match parsed {
            IdentityFile::Open(identity) => return Ok((identity, None)),
            IdentityFile::Locked(locked) => locked,
        };
        let id = CacheId::of(&contents);
        let recalled = || match session::recall(id, self.system_time()) {
            Ok(Some(found)) if term.is_none() => Identity::from_text(&found.text),
            _ => None,
        };
        if let Some(identity) = recalled() {
            return Ok((identity, None));
        }
        let source = self
            .passphrase_source()
            .ok_or_else(|| self.no_prompt(&origin))?;
        if let Some(file) = &file {
            // One prompt for many commands at once, and one scrypt, which takes
            // 256 MiB: the others find it in the cache.
            let is_person = matches!(source, PassphraseSource::Person);
            file.lock(is_person, &mut || {
                self.ui
                    .note("another keyvault is asking for the passphrase")
            });
            if let Some(identity) = recalled() {
                return Ok((identity, None));
            }
        }
        let passphrase = self.passphrase_of(&origin, source)?;
        let identity = unlock(&locked, &passphrase, &origin)?;
        // Only now: somebody had to type.
        let now = self.system_time();
        let lease = term.unwrap_or(Term::Usual).lease(now);
        if let Err(error) = session::remember(id, &identity.to_text(), lease, now) {
            let what = error.to_string();
            if term.is_some() {
                return Err(Error::NoSessionCache { what });
            }
            self.note_once(
                "no-session-cache",
                &Error::NoSessionCache { what }.to_string(),
            );
        }
        Ok((identity, Some(lease)))
    }

    /// Returns who or what knows the passphrase; `None` where nobody can be asked.
    fn passphrase_source(&self) -> Option<PassphraseSource> {
        if let Some(path) = variable(PASSPHRASE_FILE) {
            return Some(PassphraseSource::File(path.into()));
        }
        if let Some(command) = variable(PASSPHRASE_COMMAND) {
            return Some(PassphraseSource::Command(command));
        }
        self.ui.can_ask().then_some(PassphraseSource::Person)
    }

    fn passphrase_of(&self, origin: &Origin, source: PassphraseSource) -> Result<Passphrase> {
        match source {
            PassphraseSource::Person => {
                let of = match origin {
                    Origin::File(path) => self.brief(path),
                    Origin::Variable(name) => (*name).to_owned(),
                };
                let asked = self.ui.ask_passphrase(&format!("Passphrase for {of}: "))?;
                asked.ok_or_else(|| self.no_prompt(origin))
            }
            PassphraseSource::File(path) => passphrase_from_file(&path),
            PassphraseSource::Command(command) => self.passphrase_from_command(&command),
        }
    }

    fn no_prompt(&self, origin: &Origin) -> Error {
        Error::NoPrompt {
            origin: origin.clone(),
            forbidden: !self.ui.input,
        }
    }

    fn passphrase_from_command(&self, command: &OsStr) -> Result<Passphrase> {
        let failed = |what: String| Error::PassphraseSource {
            variable: PASSPHRASE_COMMAND,
            what,
        };
        let command = command
            .to_str()
            .ok_or_else(|| failed("it is no text".to_owned()))?;
        let variables = child::environment::inherited(self.inherited(), false);
        let (status, text) = child::read_shell(command, variables)
            .map_err(|error| failed(error.kind().to_string()))?;
        if !status.success() {
            return Err(failed(format!("the command {}", child::outcome(status))));
        }
        passphrase_line(&text).map_err(|what| failed(what.to_owned()))
    }
}

/// An identity that is not written yet.
pub struct NewIdentity {
    path: PathBuf,
    identity: Identity,
    contents: SecretValue,
    protected: bool,
}

/// An identity file with where it came from.
struct SourcedIdentity {
    origin: Origin,
    contents: Zeroizing<Vec<u8>>,
    file: Option<FoundIdentity>,
    parsed: IdentityFile,
}

/// Who or what knows the passphrase.
enum PassphraseSource {
    Person,
    File(PathBuf),
    Command(OsString),
}

/// Tells whether a path is no path, but a private key that was put in its place.
fn is_private_key(path: &Path) -> bool {
    let text = path.as_os_str().as_encoded_bytes();
    let begins = |start: &[u8]| {
        let head = text.get(..start.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(start))
    };
    begins(b"AGE-SECRET-KEY-") || begins(b"-----BEGIN ") || text.contains(&b'\n')
}

fn refuse_empty(passphrase: Passphrase) -> Result<Passphrase> {
    if passphrase.is_empty() {
        return Err(Error::Usage {
            message: "an empty passphrase protects nothing".to_owned(),
            hint: "nothing was changed; if you want none, pass `--no-passphrase`".to_owned(),
        });
    }
    Ok(passphrase)
}

fn unlock(locked: &LockedIdentity, passphrase: &Passphrase, origin: &Origin) -> Result<Identity> {
    locked.unlock(passphrase).map_err(|reason| match reason {
        NotUnlocked::WrongPassphrase => Error::WrongPassphrase {
            origin: origin.clone(),
        },
        NotUnlocked::Bad(BadIdentity(what)) => Error::BadIdentity {
            origin: origin.clone(),
            what,
        },
    })
}

fn passphrase_from_file(path: &Path) -> Result<Passphrase> {
    let failed = |what: String| Error::PassphraseSource {
        variable: PASSPHRASE_FILE,
        what,
    };
    let file = File::open(path).map_err(|error| failed(error.kind().to_string()))?;
    let mut text = Zeroizing::new(Vec::with_capacity(OUTPUT_MAX as usize + 2));
    let read = file.take(OUTPUT_MAX + 1).read_to_end(&mut text);
    read.map_err(|error| failed(error.kind().to_string()))?;
    passphrase_line(&text).map_err(|what| failed(what.to_owned()))
}

/// Takes the passphrase out of a file or an output: the text without its line's
/// end.
fn passphrase_line(bytes: &[u8]) -> std::result::Result<Passphrase, &'static str> {
    if bytes.len() as u64 > OUTPUT_MAX {
        return Err("it is longer than 4096 bytes");
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "it is no text")?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return Err("it is empty");
    }
    Ok(Passphrase::new(text.to_owned()))
}
