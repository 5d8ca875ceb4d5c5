//! Where everything comes from: the command line's global options, the process's
//! environment, the folders and the clock. The only reader of `std::env`.
//!
//! A command asks the [`Context`] for an environment to read ([`Context::open`]) or to
//! change ([`Context::edit`]) and is not concerned with where it is, who opens it
//! and what was pinned.

use std::cell::{OnceCell, RefCell};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::SystemTime;

use directories::ProjectDirs;
use rustix::process::geteuid;
use zeroize::Zeroizing;

use crate::child::{self, Variables};
use crate::error::{Error, Origin, Result, shell_word};
use crate::hardening::{CoreLimit, harden};
use crate::name::{EnvironmentName, MemberName};
use crate::seal::identity::{
    BadIdentity, Identity, IdentityFile, LockedIdentity, NotUnlocked, Passphrase,
};
use crate::seal::random;
use crate::seal::signature::Signer;
use crate::secret_value::SecretValue;
use crate::store::folder::Folder;
use crate::store::identity_file::{self, FoundIdentity};
use crate::store::session::{self, CacheId, Lease, Term};
use crate::store::{Notice, OpenedFile, Saving, VaultStore};
use crate::timestamp::Timestamp;
use crate::ui::Ui;
use crate::vault::layers::Layers;
use crate::vault::roster::Member;
use crate::vault::{Author, Environment, VaultId};

const IDENTITY: &str = "KEYVAULT_IDENTITY";
const IDENTITY_FILE: &str = "KEYVAULT_IDENTITY_FILE";
const PASSPHRASE_FILE: &str = "KEYVAULT_PASSPHRASE_FILE";
const PASSPHRASE_COMMAND: &str = "KEYVAULT_PASSPHRASE_COMMAND";
const VAULT: &str = "KEYVAULT_VAULT";
const VAULT_ID: &str = "KEYVAULT_VAULT_ID";
const ENVIRONMENT: &str = "KEYVAULT_ENV";
const NO_INPUT: &str = "KEYVAULT_NO_INPUT";

/// The environment that is meant when none is named.
const DEFAULT_ENVIRONMENT: &str = "dev";

/// What a member is called where the login tells no name.
const NAMELESS: &str = "me";

/// The longest passphrase file: a passphrase and its line's end.
const PASSPHRASE_MAX: u64 = 4096;

/// The global options, as the command line has them.
pub struct Options {
    /// `--env`, in layers.
    pub environments: Vec<EnvironmentName>,
    /// `--vault`.
    pub vault: Option<PathBuf>,
    /// `--identity`.
    pub identity: Option<PathBuf>,
}

/// What commands work with.
pub struct Context {
    /// How to speak.
    pub ui: Ui,
    options: Options,
    core_limit: CoreLimit,
    folders: OnceCell<Option<Folders>>,
    identity: OnceCell<Identity>,
    /// The news that were told.
    told: RefCell<Vec<String>>,
}

/// The user's folders, as the platform has them.
struct Folders {
    home: PathBuf,
    config: PathBuf,
    data: PathBuf,
    state: PathBuf,
}

impl Folders {
    fn find() -> Option<Self> {
        let Some(home) = variable("HOME").map(PathBuf::from) else {
            return Self::of_login();
        };
        let folders = ProjectDirs::from("", "", "keyvault")?;
        // Only Linux has a folder for state; elsewhere it goes beside the data.
        let state = folders.state_dir().map(Path::to_owned);
        Some(Self {
            home,
            config: folders.config_dir().to_owned(),
            data: folders.data_dir().to_owned(),
            state: state.unwrap_or_else(|| folders.data_local_dir().join("state")),
        })
    }

    /// Without `HOME`, finds the home in passwd(5). The system's library is not
    /// asked, as `directories` would: it loads modules (nsswitch.conf(5)), and
    /// where the user is in none of its files, that crashes a static program.
    fn of_login() -> Option<Self> {
        let users = std::fs::read_to_string("/etc/passwd").ok()?;
        let uid = geteuid().as_raw().to_string();
        let home = users.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            (fields.get(2) == Some(&uid.as_str())).then(|| fields.get(5).map(PathBuf::from))
        });
        let home = home.flatten()?;
        let place = |name: &str, default: &str| {
            let named = variable(name).map(PathBuf::from);
            let named = named.filter(|path| path.is_absolute());
            named.unwrap_or_else(|| home.join(default)).join("keyvault")
        };
        Some(Self {
            config: place("XDG_CONFIG_HOME", ".config"),
            data: place("XDG_DATA_HOME", ".local/share"),
            state: place("XDG_STATE_HOME", ".local/state"),
            home,
        })
    }
}

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
    /// Puts the context together. Nothing is read yet.
    pub fn new(options: Options, mut ui: Ui, core_limit: CoreLimit) -> Self {
        ui.input &= variable(NO_INPUT).is_none_or(|value| value == "0");
        Self {
            ui,
            options,
            core_limit,
            folders: OnceCell::new(),
            identity: OnceCell::new(),
            told: RefCell::default(),
        }
    }

    /// Reads the clock.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_system(SystemTime::now())
    }

    /// Returns the value of a variable that a command was told to read.
    pub fn variable(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name)
    }

    /// Returns the variables that a child inherits, before any rule is applied.
    pub fn inherited(&self) -> Variables {
        std::env::vars_os().collect()
    }

    /// Becomes a program. Returns only if that fails.
    pub fn become_program<'a>(
        &self,
        program: &OsStr,
        arguments: &[OsString],
        variables: impl Iterator<Item = (&'a OsStr, &'a OsStr)>,
    ) -> Error {
        self.let_go();
        child::exec(program, arguments, variables)
    }

    /// Runs a command of the shell to its end, with what it prints on stderr.
    ///
    /// # Errors
    ///
    /// Where the shell cannot be started.
    pub fn run_command(&self, command: &str, variables: Variables) -> io::Result<ExitStatus> {
        // The identity is open by now: this process needs the session no more.
        self.let_go();
        let status = child::run_shell(command, variables);
        harden();
        status
    }

    /// Tells whether git ignores a path; `None` where git does not know.
    pub fn is_git_ignored(&self, path: &Path) -> Option<bool> {
        let (folder, name) = (path.parent()?, path.file_name()?.to_str()?);
        let variables = child::environment::inherited(self.inherited(), false);
        match child::ask_git(folder, &["check-ignore", "--quiet", "--", name], variables)? {
            0 => Some(true),
            1 => Some(false),
            _ => None,
        }
    }

    /// Gives a child what a child should have and takes from it what it should
    /// not: with the session go the identities that were unlocked in it.
    fn let_go(&self) {
        session::leave();
        self.core_limit.restore();
    }

    /// Returns the working folder.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn working_folder(&self) -> Result<PathBuf> {
        std::env::current_dir().map_err(Error::io("find", ".".as_ref()))
    }

    /// Returns the user's login name, where it can be a member's name.
    pub fn login(&self) -> Option<MemberName> {
        ["USER", "LOGNAME"]
            .iter()
            .find_map(|name| variable(name)?.to_str()?.parse().ok())
    }

    // Folders

    fn folders(&self) -> Result<&Folders> {
        self.folders
            .get_or_init(Folders::find)
            .as_ref()
            .ok_or(Error::NoHome)
    }

    /// Returns the folder of pins and logs, if there is a home for it.
    pub fn state_folder(&self) -> Option<PathBuf> {
        self.folders().ok().map(|folders| folders.state.clone())
    }

    /// Returns the folder of the personal vault.
    ///
    /// # Errors
    ///
    /// [`Error::NoHome`].
    pub fn personal_vault(&self) -> Result<PathBuf> {
        // A folder of its own: elsewhere than on Linux, data and identity share one.
        Ok(self.folders()?.data.join("vault"))
    }

    /// Writes a path as a person would, with `~` for the home folder.
    pub fn brief(&self, path: &Path) -> String {
        let home = self.folders().ok().map(|folders| &folders.home);
        match home.and_then(|home| path.strip_prefix(home).ok()) {
            Some(rest) => crate::error::shown(&Path::new("~").join(rest)),
            None => crate::error::shown(path),
        }
    }

    // The vault

    /// Returns the folder that `--vault` or `KEYVAULT_VAULT` names.
    pub fn named_vault(&self) -> Option<PathBuf> {
        self.options
            .vault
            .clone()
            .or_else(|| variable(VAULT).map(PathBuf::from))
    }

    /// Opens the vault that is meant: the one named, the project's, or the
    /// personal one.
    ///
    /// # Errors
    ///
    /// [`Error::NoVault`], [`Error::NoVaultAt`], [`Error::ForeignVault`],
    /// [`Error::LinkedVault`], [`Error::Io`].
    pub fn store(&self) -> Result<VaultStore> {
        let state = self.state_folder();
        let state = state.as_deref();
        if let Some(path) = self.named_vault() {
            let store = match canonical(&path)? {
                Some(found) => VaultStore::open(&found, true, state)?,
                None => None,
            };
            return store.ok_or(Error::NoVaultAt { path });
        }
        let from = self.working_folder()?;
        if let Some(path) = VaultStore::find(&from)?
            && let Some(store) = VaultStore::open(&path, false, state)?
        {
            // In a shared folder such as /tmp anyone can put a vault above us, in
            // which they are members (as with git, CVE-2022-24765).
            let owner = store.folder().status()?.st_uid;
            if owner != geteuid().as_raw() && self.expected_vault()?.is_none() {
                return Err(Error::ForeignVault { path });
            }
            return Ok(store);
        }
        let Ok(personal) = self.personal_vault() else {
            return Err(Error::NoVault { from });
        };
        VaultStore::open(&personal, true, state)?.ok_or(Error::NoVault { from })
    }

    /// Returns the id that `KEYVAULT_VAULT_ID` pins the vault to.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`], where it is none.
    pub fn expected_vault(&self) -> Result<Option<VaultId>> {
        let Some(text) = variable(VAULT_ID) else {
            return Ok(None);
        };
        let id = text.to_str().and_then(|text| text.parse().ok());
        id.map(Some).ok_or_else(|| Error::Usage {
            message: format!("`{VAULT_ID}` is not the id of a vault, 32 hexadecimal digits"),
            hint: "run `keyvault env list --json` where the vault is known to see its id"
                .to_owned(),
        })
    }

    /// Returns the environments that are meant, in layers, the last one winning.
    ///
    /// # Errors
    ///
    /// [`Error::WhichEnvironment`] where none is named and neither `dev` nor
    /// only one is there; [`Error::Usage`] where `KEYVAULT_ENV` holds no names.
    pub fn layers(&self, store: &VaultStore) -> Result<Vec<EnvironmentName>> {
        let named = self.named_environments()?;
        if !named.is_empty() {
            return Ok(named);
        }
        let default: EnvironmentName = DEFAULT_ENVIRONMENT.parse().expect("a name");
        if store.has(&default)? {
            return Ok(vec![default]);
        }
        match store.environments()?.as_slice() {
            [only] => Ok(vec![only.clone()]),
            names => Err(Error::WhichEnvironment {
                names: names.to_vec(),
            }),
        }
    }

    /// Returns the environments that `--env` or `KEYVAULT_ENV` names.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] where `KEYVAULT_ENV` holds no names.
    pub fn named_environments(&self) -> Result<Vec<EnvironmentName>> {
        if !self.options.environments.is_empty() {
            return Ok(self.options.environments.clone());
        }
        let Some(text) = variable(ENVIRONMENT) else {
            return Ok(Vec::new());
        };
        let names = text
            .to_str()
            .unwrap_or_default()
            .split(',')
            .map(|name| name.trim().parse());
        names
            .collect::<std::result::Result<_, _>>()
            .map_err(|rule: crate::name::NameRule| Error::Usage {
                message: format!("`{ENVIRONMENT}` does not hold environments: {rule}"),
                hint: format!("set it as in `{ENVIRONMENT}=dev` or `{ENVIRONMENT}=base,dev`"),
            })
    }

    /// Returns the one environment that is meant.
    ///
    /// # Errors
    ///
    /// As [`Context::layers`], and [`Error::Usage`] where there is more than one.
    pub fn environment(&self, store: &VaultStore) -> Result<EnvironmentName> {
        one_of(self.layers(store)?)
    }

    /// Returns the environment that is named or, without one, the default.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] where more than one is named.
    pub fn environment_to_create(&self) -> Result<EnvironmentName> {
        let named = self.named_environments()?;
        if named.is_empty() {
            return Ok(DEFAULT_ENVIRONMENT.parse().expect("a name"));
        }
        one_of(named)
    }

    /// Opens an environment to read it.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from being opened and believed.
    pub fn open(&self, store: &VaultStore, name: &EnvironmentName) -> Result<OpenedFile> {
        // Before the identity, so that nobody types a passphrase in vain.
        let expected = self.expected_vault()?;
        store.require(name)?;
        let mut notices = Vec::new();
        let opened = store.read_environment(name, self.identity()?, expected, &mut notices)?;
        self.tell(store, notices);
        Ok(opened)
    }

    /// Opens all environments that are meant.
    ///
    /// # Errors
    ///
    /// As [`Context::layers`] and [`Context::open`].
    pub fn open_layers(&self, store: &VaultStore) -> Result<Layers> {
        let names = self.layers(store)?;
        let opened = names
            .iter()
            .map(|name| self.open(store, name)?.environment());
        Ok(Layers::new(opened.collect::<Result<_>>()?))
    }

    /// Changes an environment: locks the vault, reads it anew, lets `change` work on
    /// it, and saves it if anything was changed. If `change` fails, nothing is.
    ///
    /// Whoever has to type should do so before: others wait meanwhile.
    ///
    /// # Errors
    ///
    /// Those of `change`, and whatever keeps the environment from being opened,
    /// believed or saved.
    pub fn edit<T>(
        &self,
        store: &VaultStore,
        name: &EnvironmentName,
        change: impl FnOnce(&mut Environment, Author<'_>) -> Result<T>,
    ) -> Result<T> {
        let identity = self.identity()?;
        let lock = store.lock(&mut || self.note_waiting())?;
        let opened = self.open(store, name)?;
        let digest = opened.digest;
        let mut environment = opened.environment()?;
        let (member, signer) = writer(&environment, identity)?;
        let author = Author {
            name: &member.name,
            now: self.now(),
        };
        let outcome = change(&mut environment, author)?;
        if environment.is_changed() {
            environment.advance(digest, author);
            let mut notices = Vec::new();
            let saving = Saving::Changed;
            store.save(&lock, saving, &environment, identity, &signer, &mut notices)?;
            self.tell(store, notices);
        }
        Ok(outcome)
    }

    /// Makes an environment that is not there yet, with this identity as its
    /// only member.
    ///
    /// # Errors
    ///
    /// [`Error::EnvironmentExists`], [`Error::Io`].
    pub fn found(
        &self,
        store: &VaultStore,
        vault: VaultId,
        name: EnvironmentName,
        founder: MemberName,
    ) -> Result<()> {
        let identity = self.identity()?;
        let lock = store.lock(&mut || self.note_waiting())?;
        if store.has(&name)? {
            return Err(store.environment_exists(&name));
        }
        let recipients = identity.recipients();
        let recipient = recipients.first().expect("an identity has a key").clone();
        let signer = identity
            .signer(&recipient)
            .expect("the key is the identity's own");
        let founder = Member {
            name: founder,
            recipient,
            signer: Some(signer.public()),
            added_at: self.now(),
        };
        let environment = Environment::found(vault, name, founder, &signer);
        let mut notices = Vec::new();
        let saving = Saving::New;
        store.save(&lock, saving, &environment, identity, &signer, &mut notices)?;
        self.tell(store, notices);
        Ok(())
    }

    /// Returns the name by which this identity is known in the vault's other
    /// environments, as far as this machine has seen them, or the login name.
    ///
    /// # Errors
    ///
    /// Those of [`Context::identity`].
    pub fn member_name(&self, store: &VaultStore) -> Result<MemberName> {
        let recipients = self.identity()?.recipients();
        let pins = store.pins().load_all()?;
        let mut members = pins.iter().flat_map(|pin| &pin.members);
        let known = members.find(|member| recipients.contains(&member.recipient));
        let name = known
            .map(|member| member.name.clone())
            .or_else(|| self.login());
        Ok(name.unwrap_or_else(|| NAMELESS.parse().expect("a name")))
    }

    /// Returns the id of a vault: that of any environment that opens.
    ///
    /// # Errors
    ///
    /// What kept the last of them from opening; [`Error::NoRandomness`] for the
    /// id of a vault without any.
    pub fn vault_id(&self, store: &VaultStore) -> Result<VaultId> {
        let mut last = None;
        for name in store.environments()? {
            match self.open(store, &name).and_then(OpenedFile::environment) {
                Ok(environment) => return Ok(environment.vault),
                Err(error) => last = Some(error),
            }
        }
        last.map_or_else(|| random::bytes().map(VaultId::from), Err)
    }

    /// Says that another keyvault is writing.
    pub fn note_waiting(&self) {
        self.ui
            .note("waiting for another keyvault that is writing this vault");
    }

    /// Tells each notice once, however often a command opens a file.
    fn tell(&self, store: &VaultStore, notices: Vec<Notice>) {
        for notice in notices {
            let text = notice.to_string();
            if self.told.borrow().contains(&text) {
                continue;
            }
            match notice {
                Notice::FirstSight { .. } => self.ui.note(&text),
                Notice::Unpinned { .. } => self.ui.warn(&text),
                Notice::Elsewhere { before, noted, .. } => {
                    self.ui.warn(&text);
                    // What nobody was told is not noted as told.
                    if !self.ui.quiet
                        && let Err(error) = store.pins().advance(Some(&before), &noted)
                    {
                        self.tell(store, vec![Notice::Unpinned { error }]);
                    }
                }
            }
            self.told.borrow_mut().push(text);
        }
    }

    // The identity

    /// Returns where the identity is to be found.
    ///
    /// # Errors
    ///
    /// [`Error::NoHome`].
    pub fn identity_source(&self) -> Result<IdentitySource> {
        let named = self
            .options
            .identity
            .clone()
            .or_else(|| variable(IDENTITY_FILE).map(PathBuf::from));
        if let Some(path) = named {
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

    /// Makes a new identity, writes it to a file that is not there yet, and uses it
    /// from here on. Returns whether it did: another keyvault may have come first.
    ///
    /// # Errors
    ///
    /// Those of [`Context::new_passphrase`], and [`Error::Io`].
    pub fn make_identity(&self, path: &Path, protected: bool) -> Result<bool> {
        let identity = Identity::generate();
        let contents = self.identity_contents(&identity, protected)?;
        match identity_file::create(path, contents.expose()) {
            Ok(()) => {}
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => {
                return Ok(false);
            }
            Err(error) => return Err(error),
        }
        self.remember(&contents, &identity, protected);
        // There is none yet: a command makes one before it uses any.
        let _ = self.identity.set(identity);
        Ok(true)
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
        let contents = self.identity_contents(identity, protected)?;
        // A link is followed, as it is when the identity is read.
        let target = path.canonicalize().map_err(Error::io("find", &path))?;
        identity_file::replace(&target, contents.expose())?;
        self.remember(&contents, identity, protected);
        Ok(path)
    }

    fn identity_contents(&self, identity: &Identity, protected: bool) -> Result<SecretValue> {
        if !protected {
            return Ok(identity.to_file(self.now()));
        }
        let passphrase = self.new_passphrase()?;
        Ok(identity.to_locked_file(&passphrase, self.now()))
    }

    /// Keeps an identity whose passphrase was given just now, if the kernel does.
    fn remember(&self, contents: &SecretValue, identity: &Identity, protected: bool) {
        if protected {
            let (id, now) = (CacheId::of(contents.expose()), self.now());
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
        let remembered = session::recall(CacheId::of(&found.contents), self.now());
        let remembered = remembered.map_err(|error| Error::NoSessionCache {
            what: error.to_string(),
        })?;
        Ok(remembered.map_or(Protection::Passphrase, |found| {
            Protection::Unlocked(found.lease)
        }))
    }

    /// Asks for a passphrase that an identity is to be protected by.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] where it is empty or typed differently the second time;
    /// [`Error::NoPrompt`], [`Error::PassphraseSource`].
    fn new_passphrase(&self) -> Result<Passphrase> {
        let unasked = || Error::NoNewPassphrase {
            forbidden: !self.ui.input,
        };
        let asked = |prompt: &str| self.ui.ask_passphrase(prompt)?.ok_or_else(unasked);
        let passphrase = match self.passphrase_source() {
            Some(PassphraseSource::Person) => {
                let first = asked("New passphrase for your identity: ")?;
                if !first.is_empty() && !first.is(&asked("The same once more: ")?) {
                    return Err(Error::Usage {
                        message: "the two passphrases are not the same".to_owned(),
                        hint: "nothing was changed; run it again".to_owned(),
                    });
                }
                first
            }
            Some(PassphraseSource::File(path)) => passphrase_from_file(&path)?,
            Some(PassphraseSource::Command(command)) => self.passphrase_from_command(&command)?,
            None => return Err(unasked()),
        };
        if passphrase.is_empty() {
            return Err(Error::Usage {
                message: "an empty passphrase protects nothing".to_owned(),
                hint: "nothing was changed; if you want none, pass `--no-passphrase`".to_owned(),
            });
        }
        Ok(passphrase)
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
        let recalled = || match session::recall(id, self.now()) {
            Ok(Some(found)) if term.is_none() => Identity::from_text(&found.text),
            _ => None,
        };
        if let Some(identity) = recalled() {
            return Ok((identity, None));
        }
        let source = self
            .passphrase_source()
            .ok_or_else(|| self.no_prompt(&origin))?;
        if let (Some(file), Origin::File(path)) = (&file, &origin) {
            // One prompt for many commands at once, and one scrypt, which takes
            // 256 MiB: the others find it in the cache.
            file.lock(path, &mut || {
                self.ui
                    .note("another keyvault is asking for the passphrase")
            })?;
            if let Some(identity) = recalled() {
                return Ok((identity, None));
            }
        }
        let passphrase = self.passphrase_of(&origin, source)?;
        let identity = unlock(&locked, &passphrase, &origin)?;
        // Only now: somebody had to type.
        let now = self.now();
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

    /// Says something once on this machine: a file in the state folder remembers.
    fn note_once(&self, what: &str, text: &str) {
        let told = self.state_folder().ok_or(Error::NoHome).and_then(|state| {
            let folder = Folder::create(&state)?;
            let lock = folder.lock(&mut || {})?;
            let told = folder.file_status(what)?.is_some();
            if !told {
                lock.replace(what, b"")?;
            }
            Ok(told)
        });
        // Where it cannot be remembered it is said again.
        if !told.unwrap_or(false) {
            self.ui.note(text);
        }
    }
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

/// Returns a variable that is set and not empty.
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Returns the arguments of the command line, the program's name included.
pub fn arguments() -> impl Iterator<Item = OsString> {
    std::env::args_os()
}

/// Writes the path of what is there the one way by which its pins are found.
///
/// # Errors
///
/// [`Error::Io`]: what cannot be seen may still be there.
pub fn canonical(path: &Path) -> Result<Option<PathBuf>> {
    match path.canonicalize() {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("find", path)(error)),
    }
}

fn one_of(mut names: Vec<EnvironmentName>) -> Result<EnvironmentName> {
    match names.pop() {
        Some(name) if names.is_empty() => Ok(name),
        _ => Err(Error::Usage {
            message: "this command works on one environment".to_owned(),
            hint: "name one, as in `--env dev`; layers are for `get`, `list` and `exec`".to_owned(),
        }),
    }
}

/// Returns the member that an identity is in an environment, and its signer.
fn writer(environment: &Environment, identity: &Identity) -> Result<(Member, Signer)> {
    let members = environment.roster.members().iter();
    let mut ours = members.filter_map(|member| {
        let signer = identity.signer(&member.recipient)?;
        (member.signer == Some(signer.public())).then(|| (member.clone(), signer))
    });
    ours.next().ok_or_else(|| Error::NotAWriter {
        environment: environment.name.clone(),
    })
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
    let mut text = Zeroizing::new(Vec::with_capacity(PASSPHRASE_MAX as usize + 1));
    let read = file.take(PASSPHRASE_MAX).read_to_end(&mut text);
    read.map_err(|error| failed(error.kind().to_string()))?;
    passphrase_line(&text).map_err(|what| failed(what.to_owned()))
}

/// Takes the passphrase out of a file or an output: the text without its line's
/// end.
fn passphrase_line(bytes: &[u8]) -> std::result::Result<Passphrase, &'static str> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is no text")?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return Err("it is empty");
    }
    Ok(Passphrase::new(text.to_owned()))
}
