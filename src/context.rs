//! Where everything comes from: the command line's global options, the process's
//! environment, the folders and the clock. The only reader of `std::env`.
//!
//! A command asks the [`Context`] for an environment to read ([`Context::open`]) or to
//! change ([`Context::edit`]) and is not concerned with where it is, who opens it
//! and what was pinned.

mod at_hand;
mod audit;
pub mod clipboard;
pub mod dates;
pub mod due;
mod folders;
pub mod git_hooks;
pub mod hooks;
pub mod identity;
pub mod import;
pub mod migration;
pub mod overview;
pub mod plaintext;
pub mod revocation;
pub mod rotation;
pub mod scan;
pub mod scan_config;
pub mod sought;
mod surroundings;
pub mod uses;

use std::cell::{Cell, OnceCell, RefCell};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::SystemTime;

use rustix::process::geteuid;

use crate::child::secret_file::{Places, SecretFiles};
use crate::child::{self, Variables, git};
use crate::context::audit::Trail;
use crate::context::folders::Folders;
use crate::error::{Error, Result};
use crate::hardening::{CoreLimit, harden};
use crate::name::{EnvironmentName, MemberName, Remark, SecretName};
use crate::seal::identity::Identity;
use crate::seal::random;
use crate::seal::signature::Signer;
use crate::store::clock_record::ClockRecord;
use crate::store::folder::Folder;
use crate::store::session;
use crate::store::{ExpectedVault, Notice, OpenedFile, Saving, VaultStore};
use crate::timestamp::Timestamp;
use crate::ui::Ui;
use crate::vault::clock::{Clock, Oddity};
use crate::vault::layers::Layers;
use crate::vault::roster::Member;
use crate::vault::secret::Secret;
use crate::vault::{Author, Environment, VaultId};

const VAULT: &str = "KEYVAULT_VAULT";
const VAULT_ID: &str = "KEYVAULT_VAULT_ID";
const ENVIRONMENT: &str = "KEYVAULT_ENV";
const RUNTIME_FOLDER: &str = "XDG_RUNTIME_DIR";
const NO_INPUT: &str = "KEYVAULT_NO_INPUT";

/// Names the shell that wants a line completed; the script that
/// `keyvault completions` prints sets it.
pub const SHELL_TO_COMPLETE: &str = "KEYVAULT_COMPLETE";

/// The environment that is meant when none is named.
const DEFAULT_ENVIRONMENT: &str = "dev";

/// What a member is called where the login tells no name.
const NAMELESS: &str = "me";

/// The global options, as the command line has them.
pub struct Options {
    /// `--env`, in layers.
    pub environments: Vec<EnvironmentName>,
    /// `--vault`.
    pub vault: Option<PathBuf>,
    /// `--identity`.
    pub identity: Option<PathBuf>,
    /// `--reason`.
    pub reason: Option<Remark>,
    /// The subcommand, as the audit log has it.
    pub command: &'static str,
}

/// What commands work with.
pub struct Context {
    /// How to speak.
    pub ui: Ui,
    options: Options,
    core_limit: CoreLimit,
    folders: OnceCell<Option<Folders>>,
    identity: OnceCell<Identity>,
    /// When the newest save was made that was seen.
    newest_save: Cell<Option<Timestamp>>,
    /// Whether it was said that the clock is odd.
    is_clock_doubted: Cell<bool>,
    /// The news that were told.
    told: RefCell<Vec<String>>,
    /// The signal that came while a hook ran, and by which we are to end.
    ended_by: Cell<Option<i32>>,
    trail: Trail,
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
            newest_save: Cell::default(),
            is_clock_doubted: Cell::default(),
            told: RefCell::default(),
            ended_by: Cell::default(),
            trail: Trail::default(),
        }
    }

    /// Notes the signal that came while a hook ran.
    fn note_interruption(&self, signal: Option<i32>) {
        self.ended_by.set(signal.or(self.ended_by.get()));
    }

    /// Ends this process by the signal that came while a hook ran, now that all is saved
    /// and said; or returns what to exit with: the code, which after a Ctrl-C is its own.
    pub fn end(&self, code: u8) -> u8 {
        const CTRL_C: i32 = 2;
        match self.ended_by.get().filter(|signal| *signal != CTRL_C) {
            Some(signal) => child::supervise::end_as(ExitStatus::from_raw(signal)),
            None => code,
        }
    }

    /// Returns the time by which dates are judged: not one before the newest save that
    /// was seen, once an environment was opened.
    pub fn now(&self) -> Timestamp {
        self.clock().now()
    }

    /// Returns the clock, with the newest save that was seen.
    pub fn clock(&self) -> Clock {
        Clock::new(self.system_time()).knowing(self.newest_save.get())
    }

    /// Returns the clock, with all that is known for where something is destroyed because
    /// its time has come.
    fn clock_to_destroy_by(&self) -> Clock {
        let record = ClockRecord::below(self.state_folder().as_deref());
        self.clock().right_at(record.right_at())
    }

    /// Remembers that the clock is right by now: nothing is odd about it, or a person says
    /// so.
    fn note_right_clock(&self) {
        // Where it cannot be remembered, what was seen before counts.
        let _ = ClockRecord::below(self.state_folder().as_deref()).note(self.system_time());
    }

    /// Reads the machine's clock, right or wrong.
    pub fn system_time(&self) -> Timestamp {
        Timestamp::from_system(SystemTime::now())
    }

    /// Notes when a save was made that was seen, and says what is odd about the clock.
    fn note_save(&self, made: Option<Timestamp>) {
        self.newest_save.set(self.newest_save.get().max(made));
        if let Some(oddity) = self.clock().oddity()
            && !self.is_clock_doubted.replace(true)
        {
            let clock = self.clock();
            let mut by = String::new();
            if clock.now() != clock.system() {
                by = format!("; dates are judged as of {}", clock.now());
            }
            if matches!(oddity, Oddity::Behind { .. }) {
                by.push_str(
                    " (if the clock of that save was wrong, run `keyvault trust` after the next one)",
                );
            }
            self.ui.warn(&format!("{oddity}{by}"));
        }
    }

    /// Returns the value of a variable that a command was told to read, empty or not.
    pub fn value_of_variable(&self, name: &str) -> Option<OsString> {
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

    /// Starts a program to stay with, by `start`. What is unlocked in this session is
    /// out of reach from here on.
    ///
    /// # Errors
    ///
    /// As `start`.
    pub fn start_program<T>(&self, start: impl FnOnce() -> Result<T>) -> Result<T> {
        self.let_go();
        let started = start();
        harden();
        started
    }

    fn places_for_secret_files(&self) -> Places {
        let runtime = variable(RUNTIME_FOLDER).map(PathBuf::from);
        Places::find(runtime.as_deref(), &std::env::temp_dir())
    }

    /// Removes the files with secrets that a keyvault left behind which was killed.
    pub fn clear_secret_files(&self) {
        self.places_for_secret_files().clear();
    }

    /// Makes a folder where secrets are files while a program runs, and removes those
    /// that were left behind.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn make_secret_files(&self) -> Result<SecretFiles> {
        let places = self.places_for_secret_files();
        places.clear();
        let files = places.make_folder()?;
        if !files.is_in_memory() {
            self.ui.warn(&format!(
                "no file system in memory was found: until the program ends, secrets are on the disk, in `{}`",
                crate::error::shown(&files.path())
            ));
        }
        Ok(files)
    }

    /// Runs a command of the shell to its end, with what it prints on stderr.
    ///
    /// # Errors
    ///
    /// Where the shell cannot be started.
    pub fn run_command<'a>(
        &self,
        command: &str,
        variables: impl Iterator<Item = (&'a OsStr, &'a OsStr)>,
    ) -> io::Result<ExitStatus> {
        // The identity is open by now: this process needs the session no more.
        self.let_go();
        let status = child::run_shell(command, variables);
        harden();
        status
    }

    /// Tells whether git ignores any of a vault's files; `None` where git does not
    /// know. What is unlocked in this session is out of reach from here on.
    pub fn is_git_ignored(
        &self,
        vault: &Path,
        files: impl Iterator<Item = PathBuf>,
    ) -> Option<bool> {
        let question = ["check-ignore", "--quiet", "--no-index", "--"].map(OsString::from);
        let files = files.map(PathBuf::into_os_string);
        match self.ask_git(vault, question.into_iter().chain(files))?.code {
            0 => Some(true),
            1 => Some(false),
            _ => None,
        }
    }

    /// Asks git; `None` where there is none.
    fn ask_git(
        &self,
        folder: &Path,
        question: impl IntoIterator<Item = OsString>,
    ) -> Option<git::Answer> {
        self.let_go();
        let variables = child::environment::inherited(self.inherited(), false);
        let answer = git::ask(folder, question, variables);
        harden();
        answer
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

    /// Tells whether the terminal shows more than ASCII, as its locale has it (POSIX.1,
    /// 8.2).
    pub fn shows_unicode(&self) -> bool {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"];
        let locale = locale.iter().find_map(|name| variable(name));
        let locale = locale.unwrap_or_default().to_string_lossy().to_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
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

    /// Returns the folders that nobody else should write in: of the identity and of
    /// the pins.
    pub fn private_folders(&self) -> Vec<PathBuf> {
        let folders = self.folders().ok();
        let private = folders.map(|folders| [&folders.config, &folders.state]);
        private.into_iter().flatten().cloned().collect()
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
            return store
                .inspect(|store| self.trail.enter(store))
                .ok_or(Error::NoVaultAt { path });
        }
        let from = self.working_folder()?;
        if let Some(store) = self.project_store(&from)? {
            return Ok(store);
        }
        let Ok(personal) = self.personal_vault() else {
            return Err(Error::NoVault { from });
        };
        let store = VaultStore::open(&personal, true, state)?;
        store
            .inspect(|store| self.trail.enter(store))
            .ok_or(Error::NoVault { from })
    }

    /// Opens the vault of the project that a folder is in, if it is in one.
    ///
    /// # Errors
    ///
    /// [`Error::ForeignVault`], [`Error::LinkedVault`], [`Error::Io`].
    pub fn project_store(&self, from: &Path) -> Result<Option<VaultStore>> {
        let Some(path) = VaultStore::find(from)? else {
            return Ok(None);
        };
        let state = self.state_folder();
        let Some(store) = VaultStore::open(&path, false, state.as_deref())? else {
            return Ok(None);
        };
        // In a shared folder such as /tmp anyone can put a vault above us, in
        // which they are members (as with git, CVE-2022-24765).
        let owner = store.folder().status()?.st_uid;
        if owner != geteuid().as_raw() && self.expected_vault()?.is_none() {
            return Err(Error::ForeignVault { path });
        }
        self.trail.enter(&store);
        Ok(Some(store))
    }

    /// Returns what `KEYVAULT_VAULT_ID` pins the vault to: an id, and behind commas
    /// the signers of those who may have begun an environment.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`], where it is none.
    pub fn expected_vault(&self) -> Result<Option<ExpectedVault>> {
        let Some(text) = variable(VAULT_ID) else {
            return Ok(None);
        };
        let expected = text.to_str().and_then(|text| {
            let mut parts = text.split(',').map(str::trim);
            let id = parts.next()?.parse().ok()?;
            let founders = parts.map(|part| part.strip_prefix("ed25519:")?.parse().ok());
            Some(ExpectedVault {
                id,
                founders: founders.collect::<Option<_>>()?,
            })
        });
        expected.map(Some).ok_or_else(|| Error::Usage {
            message: format!(
                "`{VAULT_ID}` is not the id of a vault, 32 hexadecimal digits, with signers behind commas"
            ),
            hint: "run `keyvault env list --json` where the vault is known to see both".to_owned(),
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
        match self.open_without_lock(store, name) {
            Err(Error::Unexpected { .. }) => {
                // A writer may have been met between the file and its pin. Once it
                // is done, what is still unexpected is so.
                let _lock = store.lock(&mut || self.note_waiting());
                self.open_without_lock(store, name)
            }
            opened => opened,
        }
    }

    /// Opens an environment as it stands: for who has the lock, which must not be
    /// taken twice.
    fn open_without_lock(&self, store: &VaultStore, name: &EnvironmentName) -> Result<OpenedFile> {
        // Before the identity, so that nobody types a passphrase in vain.
        let expected = self.expected_vault()?;
        store.require(name)?;
        let mut notices = Vec::new();
        let opened =
            store.read_environment(name, self.identity()?, expected.as_ref(), &mut notices)?;
        self.tell(store, notices);
        self.note_save(opened.newest_save);
        Ok(opened)
    }

    /// Opens an environment to read one secret.
    ///
    /// # Errors
    ///
    /// [`Error::NoSecret`], and those of [`Context::open`].
    pub fn open_secret(
        &self,
        store: &VaultStore,
        name: &EnvironmentName,
        secret: &SecretName,
    ) -> Result<Secret> {
        if store.is_large(name)? {
            let expected = self.expected_vault()?;
            let found = store.seek(name, secret, self.identity()?, expected.as_ref());
            if let Some((secret, newest_save)) = found {
                self.note_save(newest_save);
                return Ok(secret);
            }
        }
        self.open(store, name)?.secret(secret)
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
        let opened = self.open_without_lock(store, name)?;
        opened.check_writable(name)?;
        let digest = opened.digest;
        let mut environment = opened.environment()?;
        let (member, signer) = writer(&environment, identity)?;
        let author = Author {
            name: &member.name,
            now: self.system_time(),
        };
        let outcome = change(&mut environment, author)?;
        if environment.is_changed() {
            self.log_change(store, &mut environment, author)?;
            environment.advance(digest, author);
            let mut notices = Vec::new();
            let saving = Saving::Changed;
            store.save(&lock, saving, &environment, identity, &signer, &mut notices)?;
            self.tell(store, notices);
        }
        Ok(outcome)
    }

    /// Makes an environment that is not there yet, with this identity as its
    /// only member. Without a name for it, it has the one it is known by in the
    /// vault, or else the login's.
    ///
    /// # Errors
    ///
    /// [`Error::EnvironmentExists`]; [`Error::VaultExists`], where a vault is to
    /// begin; [`Error::Io`].
    pub fn found(
        &self,
        store: &VaultStore,
        name: &EnvironmentName,
        founding: Founding,
        founder: Option<MemberName>,
    ) -> Result<Founded> {
        let identity = self.identity()?;
        self.note_save(None);
        let lock = store.lock(&mut || self.note_waiting())?;
        if founding == Founding::Vault && !store.environments()?.is_empty() {
            let path = store.path().to_owned();
            return Err(Error::VaultExists { path });
        }
        if store.has(name)? {
            return Err(store.environment_exists(name));
        }
        // Under the lock: of several that begin at once, one decides.
        let vault = self.vault_id(store, founding)?;
        let founder = match founder {
            Some(founder) => founder,
            None => self.member_name(store, vault)?,
        };
        let recipients = identity.recipients();
        let recipient = recipients.first().expect("an identity has a key").clone();
        let signer = identity
            .signer(&recipient)
            .expect("the key is the identity's own");
        let member = Member {
            name: founder.clone(),
            recipient,
            signer: Some(signer.public()),
            added_at: self.system_time(),
        };
        let author = Author {
            name: &founder,
            now: member.added_at,
        };
        let mut environment = Environment::found(vault, name.clone(), member, &signer);
        self.log_change(store, &mut environment, author)?;
        let mut notices = Vec::new();
        let saving = Saving::New;
        store.save(&lock, saving, &environment, identity, &signer, &mut notices)?;
        if founding == Founding::Vault {
            // What was pinned is of a vault that was here before.
            store.pins().forget_others(name);
        }
        self.tell(store, notices);
        Ok(Founded {
            vault,
            member: founder,
        })
    }

    /// Makes sure that this identity may write an environment, so that nobody
    /// types a value in vain.
    ///
    /// # Errors
    ///
    /// [`Error::NotAWriter`].
    pub fn check_writer(&self, environment: &Environment) -> Result<()> {
        writer(environment, self.identity()?).map(|_| ())
    }

    /// Returns the name by which this identity is known in the vault's other
    /// environments, as far as this machine has seen them, or the login name.
    fn member_name(&self, store: &VaultStore, vault: VaultId) -> Result<MemberName> {
        let recipients = self.identity()?.recipients();
        let pins = store.pins().load_usable();
        let pins = pins.iter().filter(|pin| pin.vault == vault);
        let mut members = pins.flat_map(|pin| &pin.members);
        let known = members.find(|member| recipients.contains(&member.recipient));
        let name = known
            .map(|member| member.name.clone())
            .or_else(|| self.login());
        Ok(name.unwrap_or_else(|| NAMELESS.parse().expect("a name")))
    }

    /// Returns the id of a vault: that of any environment that opens. One without
    /// any has the id that is expected, or that it had; a new one a new id.
    ///
    /// # Errors
    ///
    /// What kept the last of them from opening; [`Error::NoRandomness`].
    fn vault_id(&self, store: &VaultStore, founding: Founding) -> Result<VaultId> {
        let mut last = None;
        for name in store.environments()? {
            let opened = self.open_without_lock(store, &name);
            match opened.and_then(OpenedFile::environment) {
                Ok(environment) => return Ok(environment.vault),
                Err(error) => last = Some(error),
            }
        }
        if let Some(error) = last {
            return Err(error);
        }
        if let Some(expected) = self.expected_vault()? {
            return Ok(expected.id);
        }
        let pins = store.pins().load_usable();
        match pins.first().filter(|_| founding == Founding::Environment) {
            Some(pin) => Ok(pin.vault),
            None => random::bytes().map(VaultId::from),
        }
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

/// What an environment is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Founding {
    /// To begin a vault.
    Vault,
    /// To be one more, in a vault that there is.
    Environment,
}

/// An environment that was made.
pub struct Founded {
    /// The vault that it is in.
    pub vault: VaultId,
    /// What its only member is called.
    pub member: MemberName,
}

/// Returns a variable that is set and not empty.
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Returns the arguments of the command line, the program's name included.
pub fn arguments() -> impl Iterator<Item = OsString> {
    std::env::args_os()
}

/// Returns where this program is.
fn this_program() -> io::Result<PathBuf> {
    std::env::current_exe()
}

/// Returns the name of the shell that wants a line completed.
pub fn shell_to_complete() -> Option<OsString> {
    variable(SHELL_TO_COMPLETE)
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
