//! What can go wrong, each with its words, its exit code and its hint.
//!
//! The rules of the voice: lower case, no full stop, literals in backticks, the
//! path or name at fault said; a hint holds a command that can be pasted. No
//! field of an error ever holds a value, a passphrase or an input that could
//! be one.

use std::fmt;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::name::{EnvironmentName, MemberName, Remark, SecretName, is_invisible_order};
use crate::timestamp::Timestamp;

/// The exit codes, as `--help` and README publish them (DESIGN, section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Done.
    Ok = 0,
    /// Whatever has no code of its own: I/O errors among others.
    Other = 1,
    /// The command line is wrong.
    Usage = 2,
    /// No such secret, environment or vault.
    Missing = 3,
    /// Cannot unlock, or not a member.
    Locked = 4,
    /// The secret is there and is not served: revoked or expired.
    Refused = 5,
    /// Damaged, forged or rolled back.
    Untrusted = 6,
    /// In use, or in conflict with what is there.
    Conflict = 7,
    /// Nothing failed, and something wants attention.
    Attention = 8,
    /// `exec`: keyvault itself failed, the program was not started.
    ExecFailed = 125,
    /// `exec`: the program is there and cannot be executed.
    CannotExecute = 126,
    /// `exec`: there is no such program.
    ProgramNotFound = 127,
    /// Interrupted at a prompt or in a hook.
    Interrupted = 130,
}

/// The result of whatever can fail with an [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure that keyvault has words for.
#[derive(Debug)]
pub enum Error {
    /// The system refused something on a file.
    Io {
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// A change was made, and the disk did not confirm it.
    Unconfirmed { path: PathBuf, source: io::Error },
    /// The new state is larger than a vault file can be; the old one is not.
    EnvironmentFull {
        environment: EnvironmentName,
        limit: u64,
    },
    /// The answer could not be written out whole.
    Output(io::Error),
    /// The system gave no random bytes.
    NoRandomness,
    /// The command given to `--verify` did not accept the new value.
    VerifyFailed { name: SecretName, outcome: String },
    /// The command given to `--verify` could not even be given the new value.
    Unverifiable { name: SecretName, what: String },
    /// A hook did not do its step.
    HookFailed(Box<FailedHook>),
    /// A secret cannot be given to a hook.
    UnfitForHook {
        name: SecretName,
        what: &'static str,
    },
    /// The hooks of a secret were not accepted on this machine.
    HookNotAccepted {
        name: SecretName,
        environment: EnvironmentName,
    },
    /// Something is due to be destroyed by a clock that cannot be believed.
    ClockDoubted { doubt: String },
    /// A rotation has no new value, and no hook that makes one.
    NoCreateHook {
        name: SecretName,
        environment: EnvironmentName,
    },

    /// There is no home folder.
    NoHome,
    /// The audit log has no line for this use, which is not to be without.
    Unlogged { what: String },
    /// The audit log is not what was written.
    BrokenLog { path: PathBuf, fault: LogFault },

    /// The command line asks for something that does not fit together.
    Usage { message: String, hint: String },
    /// A value stood on the command line. It is not repeated here.
    ValueOnCommandLine {
        verb: &'static str,
        name: SecretName,
    },
    /// git has no work tree here.
    NoWorkTree { from: PathBuf },
    /// git is not there, or does not answer.
    SilentGit,
    /// A hook of git is not one that anything can be added to.
    HookInTheWay {
        path: PathBuf,
        what: String,
        /// What a person can do about it.
        way: String,
    },
    /// What tells `scan` what to look for and what to allow cannot be read as that.
    BadScanConfig {
        path: PathBuf,
        line: Option<usize>,
        what: String,
    },
    /// A question could not be asked, and has a flag that answers it.
    Unasked {
        question: String,
        flag: &'static str,
    },
    /// The person said no.
    Declined,
    /// What was typed or piped in cannot be a value.
    BadValue {
        what: &'static str,
        hint: &'static str,
    },

    /// A format has no form for a value.
    Uncarried {
        name: SecretName,
        format: &'static str,
        what: String,
    },
    /// A text has references that cannot be filled in. At least one.
    Unfilled { path: PathBuf, misfits: Vec<Misfit> },
    /// What stands where a plaintext file should go is not replaced.
    InTheWay { path: PathBuf, what: &'static str },

    /// No vault was found.
    NoVault { from: PathBuf },
    /// No vault is where the caller said.
    NoVaultAt { path: PathBuf },
    /// The vault has no such environment.
    NoEnvironment {
        name: EnvironmentName,
        vault: PathBuf,
        closest: Option<EnvironmentName>,
    },
    /// A reference is to an environment that was not asked for.
    NotALayer {
        environment: EnvironmentName,
        layers: Vec<EnvironmentName>,
    },
    /// The vault has several environments and none was named.
    WhichEnvironment { names: Vec<EnvironmentName> },
    /// The environment has no such secret.
    NoSecret {
        name: SecretName,
        environment: EnvironmentName,
        closest: Option<SecretName>,
    },
    /// The secret has no such version.
    NoVersion {
        name: SecretName,
        environment: EnvironmentName,
        wanted: String,
    },
    /// No rotation of the secret is under way.
    NoRotation {
        name: SecretName,
        environment: EnvironmentName,
    },
    /// The secret has no such hook.
    NoHook {
        name: SecretName,
        environment: EnvironmentName,
        /// Of which step; none where it has no hook at all.
        step: Option<&'static str>,
    },
    /// The manifest cannot be read as one.
    BadManifest { path: PathBuf, what: String },
    /// The environment lacks names that the manifest lists.
    Lacking {
        names: Vec<SecretName>,
        environment: EnvironmentName,
    },
    /// A pattern matched nothing.
    NoMatch {
        option: &'static str,
        pattern: String,
        environment: EnvironmentName,
    },

    /// There is no identity yet.
    NoIdentity { path: PathBuf },
    /// An identity stands where its file's name should. It is not repeated here.
    IdentityAsPath { option: &'static str },
    /// Others can read the identity.
    IdentityExposed { path: PathBuf, mode: u32 },
    /// The identity is not one.
    BadIdentity { origin: Origin, what: String },
    /// A passphrase is needed and nobody can be asked.
    NoPrompt { origin: Origin, forbidden: bool },
    /// A new identity wants a passphrase and nobody can be asked for one.
    NoNewPassphrase { forbidden: bool },
    /// The passphrase does not open the identity.
    WrongPassphrase { origin: Origin },
    /// The file or command that should give the passphrase does not.
    PassphraseSource {
        variable: &'static str,
        what: String,
    },
    /// The identity does not open the environment.
    NotAMember {
        environment: EnvironmentName,
        path: PathBuf,
    },
    /// The identity opens the environment and may not write it.
    NotAWriter { environment: EnvironmentName },
    /// The kernel keeps no session keyring for us.
    NoSessionCache { what: String },

    /// The version was revoked.
    Revoked {
        name: SecretName,
        version: u32,
        environment: EnvironmentName,
        reason: Option<Remark>,
        /// Whether the secret has another version that is served.
        is_replaced: bool,
    },
    /// The version is past its date.
    Expired {
        name: SecretName,
        version: u32,
        environment: EnvironmentName,
        at: Timestamp,
        /// The other secrets that were asked for with it and have expired, too.
        others: Vec<SecretName>,
        renewal: Renewal,
    },
    /// The record is kept and the value is not.
    Destroyed {
        name: SecretName,
        version: u32,
        environment: EnvironmentName,
    },
    /// A value that was revoked is offered again, for `name`.
    RevokedValue {
        name: SecretName,
        revoked: SecretName,
        version: u32,
        environment: EnvironmentName,
    },

    /// A vault file that cannot be believed.
    Untrusted { path: PathBuf, fault: Fault },
    /// A file of another vault than the variable `KEYVAULT_VAULT_ID` names.
    OtherVault {
        path: PathBuf,
        found: String,
        expected: String,
    },
    /// An environment founded by someone whom that variable does not name.
    OtherFounder { path: PathBuf, founder: MemberName },
    /// A vault file that is not what this machine saw last.
    Unexpected {
        path: PathBuf,
        environment: EnvironmentName,
        surprise: Surprise,
    },

    /// The secret is there already.
    SecretExists {
        name: SecretName,
        environment: EnvironmentName,
    },
    /// The secret has this value already.
    SameValue {
        name: SecretName,
        version: u32,
        environment: EnvironmentName,
    },
    /// A rotation of the secret was begun and not ended.
    RotationUnderWay {
        name: SecretName,
        environment: EnvironmentName,
        /// The version that waits to be tried and taken into use.
        pending: Option<u32>,
    },
    /// Another keyvault on this machine is rotating the secret just now, or revoking it.
    RotationRunning {
        name: SecretName,
        environment: EnvironmentName,
    },
    /// Somebody else went on with the rotation, or ended it.
    RotationOvertaken {
        name: SecretName,
        environment: EnvironmentName,
        /// The version as which a value was kept that had been made.
        kept: Option<u32>,
    },
    /// The folder found as a vault is someone else's.
    ForeignVault { path: PathBuf },
    /// A link stands where a project's vault would.
    LinkedVault { path: PathBuf },
    /// Secrets that were to be imported are there with other values.
    ImportConflict {
        names: Vec<SecretName>,
        environment: EnvironmentName,
    },
    /// A secret does not have the value that was imported just now.
    NotReadBack {
        name: SecretName,
        environment: EnvironmentName,
    },
    /// A program does not see a secret as it was imported.
    NotSeen {
        name: SecretName,
        environment: EnvironmentName,
    },
    /// A file that was imported is no more what was read, and was kept.
    NotShredded { path: PathBuf },
    /// A file that is to be imported cannot be read as what it should be. Of what is
    /// in it nothing is repeated here.
    BadImport {
        path: PathBuf,
        /// The line, and the column in it, where they are known.
        place: Option<String>,
        what: String,
        hint: Option<&'static str>,
    },
    /// git cannot be started.
    NoGit(io::Error),
    /// git finds no repository.
    NotARepository,
    /// git knows no such commits.
    BadRange,
    /// git did not do what it was asked for.
    GitFailed { said: String },
    /// A line is not what git tells its `pre-push` hook.
    NotAPush { line: usize },

    /// The environment is there already.
    EnvironmentExists {
        name: EnvironmentName,
        vault: PathBuf,
    },
    /// The vault is there already.
    VaultExists { path: PathBuf },
    /// Someone else is writing.
    LockHeld { path: PathBuf, seconds: u64 },

    /// Interrupted at a prompt, or in a hook whose work was saved.
    Interrupted,

    /// A secret would take the program over.
    Dangerous {
        /// Each as the variable that it would be, and as the secret that it is.
        secrets: Vec<(SecretName, SecretName)>,
    },
    /// A file would set variables that take the program over.
    DangerousSetting {
        variables: Vec<SecretName>,
        path: PathBuf,
    },
    /// A value no environment variable can carry.
    NulInValue {
        name: SecretName,
        environment: EnvironmentName,
    },
    /// A value too long for the system's environment.
    EnvironmentTooLarge {
        name: SecretName,
        environment: EnvironmentName,
        size: usize,
    },
    /// A secret that a shell is not to get.
    NotForShell {
        name: SecretName,
        what: &'static str,
    },
    /// A value that does not go to the clipboard.
    NotForClipboard { name: SecretName, what: String },
    /// There is no such program.
    ProgramNotFound { program: String },
    /// The program cannot be executed.
    CannotExecute { program: String, source: io::Error },
    /// There is no folder in which files would be safe from others.
    NoPlaceForFiles,
    /// keyvault cannot stay with the program, as it has to.
    Unattended(io::Error),
    /// What a program printed could not be written to where it goes.
    Unprinted(io::Error),
    /// Any of the others, where it kept `exec` from starting its program.
    Exec(Box<Error>),
}

/// A hook that did not do its step, and what is to be done about it.
#[derive(Debug)]
pub struct FailedHook {
    /// Whose hook.
    pub name: SecretName,
    /// Where.
    pub environment: EnvironmentName,
    /// Which step, or `--verify`.
    pub step: &'static str,
    /// How it ended, for `the hook …`.
    pub outcome: String,
    /// Whether a person ended it.
    pub is_interrupted: bool,
    /// What it was run for.
    pub errand: Errand,
}

/// How to come by a value in the place of one that has expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// By a new one.
    Rotate,
    /// By the one of a rotation that is under way: no other can begin.
    Resume,
    /// There is one: it was an old one that was asked for.
    Current,
}

/// What a hook is run for, and so what is saved when it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errand {
    /// A rotation that has no new value yet.
    Create,
    /// A rotation with this pending version.
    Try(u32),
    /// A rotation that is given up.
    Abort,
    /// Giving back what a rotation replaced.
    Retire,
    /// Revoking.
    Revoke,
}

/// How many faults of a text are told at once. Each is looked for in all that stands
/// before it: a text that is nothing but faults would take for ever, and be no help.
pub const MISFITS_MAX: usize = 100;

/// What is wrong at one place of a text.
#[derive(Debug)]
pub struct Misfit {
    /// The line, from 1.
    pub line: usize,
    /// The character in it, from 1, where that can be told.
    pub column: Option<usize>,
    /// What it is.
    pub error: Error,
}

impl Misfit {
    /// Takes down what is wrong at a line and a column.
    pub fn at((line, column): (usize, usize), error: Error) -> Self {
        Self {
            line,
            column: Some(column),
            error,
        }
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, error, .. } = self;
        match self.column {
            Some(column) => write!(f, "{line}:{column} {error}"),
            None => write!(f, "line {line}: {error}"),
        }
    }
}

/// Where an identity came from.
#[derive(Clone, Debug)]
pub enum Origin {
    /// A file.
    File(PathBuf),
    /// The environment variable of this name.
    Variable(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "identity `{}`", shown(path)),
            Self::Variable(name) => write!(f, "the identity in `{name}`"),
        }
    }
}

/// What is wrong with a vault file, whoever looks at it.
#[derive(Debug, PartialEq, Eq)]
pub enum Fault {
    /// A directory, a device, a pipe or a socket.
    NotAFile,
    /// A symbolic link.
    Symlink,
    /// More bytes than a vault file may have.
    TooLarge { limit: u64 },
    /// Nothing in it.
    Empty,
    /// No age file at all.
    NotAge,
    /// An age header beyond what is parsed.
    HeaderTooLarge,
    /// An age file that a passphrase opens.
    PassphraseSealed,
    /// Bytes that do not decrypt.
    Corrupt,
    /// A header that changed while what it opens did not.
    CorruptHeader,
    /// A plaintext without the line that signs it.
    Unsigned,
    /// A signature of something else or by someone else.
    BadSignature { by: MemberName },
    /// An author who may not write.
    NotAWriter { by: MemberName },
    /// A chain of rosters that does not hold.
    Roster { what: &'static str },
    /// A format of a later version.
    NewerFormat { format: String },
    /// A field, or a word in one, of a later version.
    UnknownField { field: String },
    /// A document that is not one.
    Malformed { what: String },
    /// The file of another environment.
    WrongEnvironment { found: EnvironmentName },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAFile => write!(f, "is not a regular file"),
            Self::Symlink => write!(
                f,
                "is a symbolic link, and vault files are not followed out of their folder"
            ),
            Self::TooLarge { limit } => write!(
                f,
                "is larger than {} MiB, more than a vault file can be",
                limit >> 20
            ),
            Self::Empty => write!(f, "is empty"),
            Self::NotAge => write!(f, "is not an age file"),
            Self::HeaderTooLarge => write!(f, "has an age header beyond 64 KiB or 256 recipients"),
            Self::PassphraseSealed => write!(f, "is sealed with a passphrase, as no vault file is"),
            Self::Corrupt => write!(f, "is damaged: it does not decrypt"),
            Self::CorruptHeader => {
                write!(f, "is damaged: its header is not the one it was saved with")
            }
            Self::Unsigned => write!(f, "is forged or damaged: no member signed it"),
            Self::BadSignature { by } => write!(
                f,
                "is forged or damaged: the signature is not that of `{by}`"
            ),
            Self::NotAWriter { by } => write!(f, "is forged: `{by}` is not a writer in its roster"),
            Self::Roster { what } => write!(f, "is forged or damaged: in its roster {what}"),
            Self::NewerFormat { format } => write!(
                f,
                "has the format `{format}`, which this version of keyvault does not know"
            ),
            Self::UnknownField { field } => write!(
                f,
                "holds `{field}`, which this version of keyvault does not know"
            ),
            Self::Malformed { what } => write!(f, "is damaged: its document is malformed ({what})"),
            Self::WrongEnvironment { found } => {
                write!(f, "is the file of another environment, `{found}`")
            }
        }
    }
}

/// What is wrong with an audit log. Lines count from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogFault {
    /// A line is not what it was.
    Edited { line: u64 },
    /// Lines are not there, and later ones are.
    Removed { first: u64, last: u64 },
    /// A line stands where another one was.
    Reordered { line: u64 },
    /// Lines at the end are not there.
    Cut { first: u64, last: u64 },
    /// A line was not written whole.
    Torn { line: u64 },
    /// Nothing tells where the log ended when this line was written, or now.
    HeadLost { line: u64 },
    /// What tells where the log ends is not what was written.
    HeadEdited,
    /// There was another log here, with so many lines.
    BegunAnew { lines: u64 },
    /// What was accepted as broken, before this line, is no more what it was then.
    PastChanged { line: u64 },
    /// An environment tells less of a member's log than it told before.
    WentBack {
        by: MemberName,
        environment: EnvironmentName,
        found: u64,
        seen: u64,
    },
}

impl LogFault {
    /// Returns the first line that is bad, where it is known.
    pub fn line(&self) -> Option<u64> {
        match self {
            Self::Edited { line }
            | Self::Reordered { line }
            | Self::Torn { line }
            | Self::HeadLost { line } => Some(*line),
            Self::Removed { first, .. } | Self::Cut { first, .. } => Some(*first),
            Self::BegunAnew { .. } => Some(1),
            Self::HeadEdited | Self::PastChanged { .. } | Self::WentBack { .. } => None,
        }
    }

    /// Returns what happened, in one word that stays the same.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Edited { .. } => "edited",
            Self::Removed { .. } => "removed",
            Self::Reordered { .. } => "reordered",
            Self::Cut { .. } => "cut",
            Self::Torn { .. } => "torn",
            Self::HeadLost { .. } => "head-lost",
            Self::HeadEdited => "head-edited",
            Self::BegunAnew { .. } => "begun-anew",
            Self::PastChanged { .. } => "past-changed",
            Self::WentBack { .. } => "went-back",
        }
    }
}

impl fmt::Display for LogFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = |first: &u64, last: &u64| match first == last {
            true => format!("line {first} was"),
            false => format!("lines {first} to {last} were"),
        };
        match self {
            Self::Edited { line } => write!(f, "line {line} was edited"),
            Self::Removed { first, last } => write!(f, "{} removed", lines(first, last)),
            Self::Reordered { line } => write!(f, "line {line} is not in its place"),
            Self::Cut { first, last } => write!(f, "{} cut off", lines(first, last)),
            Self::Torn { line } => write!(f, "line {line} was not written whole"),
            Self::HeadLost { line } => write!(
                f,
                "its head was lost at line {line}, and lines may have been cut off there"
            ),
            Self::HeadEdited => write!(f, "its head was edited, and lines may have been cut off"),
            Self::BegunAnew { lines } => write!(
                f,
                "it was begun anew, and another one with {lines} lines or more is gone"
            ),
            Self::PastChanged { line } => write!(
                f,
                "what stands before line {line} was accepted as broken there, and was changed since"
            ),
            Self::WentBack {
                by,
                environment,
                found,
                seen,
            } => write!(
                f,
                "the log of `{by}` had {seen} lines, and environment `{environment}` now tells of {found}"
            ),
        }
    }
}

/// How a sound file differs from what this machine saw last.
#[derive(Debug, PartialEq, Eq)]
pub enum Surprise {
    /// An earlier state.
    RolledBack { found: u64, seen: u64 },
    /// A state that does not come from the one seen.
    Diverged { found: u64, seen: u64 },
    /// A file of another vault.
    OtherVault { found: String, seen: String },
    /// A roster that does not continue the one seen.
    OtherRoster { founder: MemberName },
    /// A new environment, founded by someone whom this machine does not know
    /// from the vault's others.
    UnknownFounder { founder: MemberName },
    /// A roster that the one seen came from, in a file that is to be written.
    EarlierRoster,
    /// Anything: what this machine remembers is damaged.
    PinDamaged { pin: PathBuf },
}

impl fmt::Display for Surprise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RolledBack { found, seen } => {
                write!(
                    f,
                    "is rolled back: it is revision {found}, and this machine has seen revision {seen}"
                )
            }
            Self::Diverged { found, seen } => write!(
                f,
                "is on another branch of history: its revision {found} does not come from revision {seen} as this machine saw it"
            ),
            Self::OtherVault { found, seen } => {
                write!(
                    f,
                    "belongs to another vault: {found}, and this machine knows {seen} here"
                )
            }
            Self::OtherRoster { founder } => {
                write!(
                    f,
                    "has a roster, founded by `{founder}`, that does not continue the one this machine knows"
                )
            }
            Self::UnknownFounder { founder } => {
                write!(
                    f,
                    "was founded by `{founder}`, whom this machine does not know from the vault's other environments"
                )
            }
            Self::EarlierRoster => write!(
                f,
                "is from before its members were changed, and writing it would give it to those who have left"
            ),
            Self::PinDamaged { pin } => {
                write!(
                    f,
                    "cannot be compared with what this machine saw last: `{}` is damaged",
                    shown(pin)
                )
            }
        }
    }
}

/// An error's code and words.
struct Words {
    code: Code,
    message: String,
    hint: Option<String>,
}

impl Error {
    /// Returns the exit code of the process.
    pub fn code(&self) -> Code {
        self.words().code
    }

    /// Returns what to do about it, with a command to paste where there is one.
    pub fn hint(&self) -> Option<String> {
        self.words().hint
    }

    /// Shortens the making of an I/O error: `map_err(Error::io("read", path))`.
    pub fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            doing,
            path,
            source,
        }
    }

    fn words(&self) -> Words {
        let (code, message, hint) = match self {
            Self::Io { doing, path, source } => {
                (Code::Other, format!("cannot {doing} `{}`: {}", shown(path), reason(source)), None)
            }
            Self::Unconfirmed { path, source } => (
                Code::Other,
                format!("`{}` is changed, but the disk did not confirm it: {}", shown(path), reason(source)),
                Some("see whether the disk is well; a power failure could still undo the change".to_owned()),
            ),
            Self::EnvironmentFull { environment, limit } => (
                Code::Other,
                format!("environment `{environment}` would be larger than {} MiB, more than a vault file can be", limit >> 20),
                Some(format!("nothing was changed; run `keyvault policy --keep-versions 2 --env {environment}` to keep fewer old values, or `keyvault remove NAME --env {environment}` for what is not needed")),
            ),
            Self::Output(source) => {
                (Code::Other, format!("cannot write the answer: {}", reason(source)), None)
            }
            Self::NoRandomness => {
                (Code::Other, "the system gives no random bytes".to_owned(), None)
            }
            Self::VerifyFailed { name, outcome } => (
                Code::Other,
                format!("the new value of `{name}` was not accepted: the command of `--verify` {outcome}"),
                Some("nothing was changed; mend the value or the command and run it again".to_owned()),
            ),
            Self::Unverifiable { name, what } => (
                Code::Usage,
                format!("no command can verify the new value of `{name}`: {what}"),
                Some("nothing was changed; run it without `--verify`".to_owned()),
            ),
            Self::HookFailed(failed) => failed.words(),
            Self::UnfitForHook { name, what } => (
                Code::Usage,
                format!("`{name}` cannot be given to a hook: {what}"),
                Some(format!("leave it out of `--with`, or see `keyvault hook show {name}`; with `--no-hooks` no hook is run")),
            ),
            Self::HookNotAccepted { name, environment } => (
                Code::Usage,
                format!("the hooks of `{name}` in environment `{environment}` were not accepted on this machine, and there is no terminal to ask on"),
                Some(format!("run `keyvault hook accept {name} --env {environment}` at a terminal, to see them and accept them")),
            ),
            Self::ClockDoubted { doubt } => (
                Code::Other,
                format!("nothing is destroyed because its time has come: {doubt}"),
                Some("nothing was changed; set the clock, or pass `--yes` if it is right".to_owned()),
            ),
            Self::NoCreateHook { name, environment } => (
                Code::Usage,
                format!("the rotation of `{name}` in environment `{environment}` has no new value, and there is no `create` hook to make one"),
                Some(format!("run `keyvault rotate {name} --abort --env {environment}`, and rotate it with a value")),
            ),

            Self::Unlogged { what } => (
                Code::Other,
                format!("`KEYVAULT_AUDIT=required`, and this cannot be written to the audit log: {what}"),
                Some("nothing was given out or saved; make room for the log, or unset `KEYVAULT_AUDIT`".to_owned()),
            ),
            Self::NoGit(source) => (
                Code::Other,
                format!("`git` cannot be started: {}", reason(source)),
                Some("install git; `keyvault scan .` reads files without it".to_owned()),
            ),
            Self::NotARepository => (
                Code::Missing,
                "this folder is in no git repository".to_owned(),
                Some("run `keyvault scan .` for the files in it".to_owned()),
            ),
            Self::BadRange => (
                Code::Usage,
                "git knows no such range of commits".to_owned(),
                Some("name what `git log` would take, as in `keyvault scan --history main..topic`".to_owned()),
            ),
            Self::GitFailed { said } => (
                Code::Other,
                format!("git failed: {said}"),
                Some("run `git status`, which says more, or `git fsck` where something is damaged".to_owned()),
            ),
            Self::NotAPush { line } => (
                Code::Usage,
                format!("line {line} of the standard input is not what git tells its `pre-push` hook"),
                Some("let git run it: `keyvault scan install --pre-push`".to_owned()),
            ),
            Self::NoHome => (
                Code::Other,
                "there is no home folder to keep anything in".to_owned(),
                Some("set `HOME`".to_owned()),
            ),

            Self::Usage { message, hint } => (Code::Usage, message.clone(), Some(hint.clone())),
            Self::ValueOnCommandLine { verb, name } => (
                Code::Usage,
                "a value is never taken from the command line, where `ps` and the shell's history show it; it was not read".to_owned(),
                Some(format!("run `keyvault {verb} {name}` and type it, or pipe it in: `… | keyvault {verb} {name}`; if it was a real one, clear it from the history")),
            ),
            Self::Unasked { question, flag } => (
                Code::Usage,
                format!("{question} was not asked: there is no terminal, or input is switched off"),
                Some(format!("pass `{flag}` to say yes beforehand")),
            ),
            Self::Declined => (Code::Other, "not done".to_owned(), None),
            Self::BadValue { what, hint } => (Code::Usage, (*what).to_owned(), Some((*hint).to_owned())),

            Self::NoWorkTree { from } => (
                Code::Missing,
                format!("git finds no work tree at `{}` or above it", shown(from)),
                Some("go to the folder of a project, or run `git init` to make this one of git's; where there is one, `git status` says why".to_owned()),
            ),
            Self::SilentGit => (
                Code::Other,
                "git does not answer".to_owned(),
                Some("see whether `git --version` does; git has to be on the PATH".to_owned()),
            ),
            Self::HookInTheWay { path, what, way } => (
                Code::Conflict,
                format!("nothing is added to `{}`: {what}", shown(path)),
                Some(format!("nothing was changed; {way}")),
            ),
            Self::BadScanConfig { path, line, what } => (
                Code::Other,
                match line {
                    Some(line) => format!("`{}` line {line}: {what}", shown(path)),
                    None => format!("`{}`: {what}", shown(path)),
                },
                Some("nothing was changed; correct it: it may have `salt`, `[[rule]]` and `[[allow]]`, as README shows".to_owned()),
            ),
            Self::Uncarried { name, format, what } => (
                Code::Other,
                format!("the value of `{name}` cannot be written as `{format}`: {what}"),
                Some(format!("nothing was written; leave it out with `--except {name}`, or take another format: `json` has any text, `k8s` any bytes")),
            ),
            Self::Unfilled { path, misfits } => unfilled(path, misfits),
            Self::InTheWay { path, what } => (
                Code::Conflict,
                format!("`{}` is not replaced: {what}", shown(path)),
                Some("nothing was written; name another file, or leave `--output` away to write to stdout".to_owned()),
            ),

            Self::NoVault { from } => (
                Code::Missing,
                format!("no vault in `{}` or above it, and no personal one", shown(from)),
                Some("run `keyvault init` to make one here".to_owned()),
            ),
            Self::NoVaultAt { path } => (
                Code::Missing,
                format!("no vault at `{}`", shown(path)),
                Some(format!("run `keyvault init --vault {}` to make one there", shell_word(path))),
            ),
            Self::NoEnvironment { name, vault, closest } => (
                Code::Missing,
                format!("no environment `{name}` in `{}`", shown(vault)),
                Some(match closest {
                    Some(closest) => format!("did you mean `--env {closest}`?"),
                    None => format!("run `keyvault env list` to see those there are, or `keyvault env create {name}`"),
                }),
            ),
            Self::NotALayer { environment, layers } => {
                let names: Vec<_> = layers.iter().map(EnvironmentName::as_str).collect();
                (
                    Code::Missing,
                    format!("environment `{environment}` was not asked for, and a reference opens no other than `{}`", names.join("`, `")),
                    Some(format!("if it is to be opened, name it: `--env {environment},{}`", names.join(","))),
                )
            }
            Self::WhichEnvironment { names } => (
                Code::Missing,
                "there is no environment `dev` to fall back on, and none was named".to_owned(),
                Some(match names.as_slice() {
                    [] => "run `keyvault env create dev` to make it".to_owned(),
                    [first, ..] => {
                        let all: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
                        format!("name one of {}, as in `--env {first}`", all.join(", "))
                    }
                }),
            ),
            Self::NoSecret { name, environment, closest } => (
                Code::Missing,
                format!("no secret named `{name}` in environment `{environment}`"),
                Some(match closest {
                    Some(closest) => format!("did you mean `{closest}`?"),
                    None => format!("run `keyvault list --env {environment}` to see its secrets"),
                }),
            ),
            Self::NoVersion { name, environment, wanted } => (
                Code::Missing,
                format!("`{name}` has no {wanted} in environment `{environment}`"),
                Some(format!("run `keyvault history {name} --env {environment}` to see its versions")),
            ),
            Self::NoRotation { name, environment } => (
                Code::Missing,
                format!("no rotation of `{name}` in environment `{environment}` is under way"),
                Some(format!("run `keyvault rotate {name} --env {environment}` to begin one")),
            ),
            Self::NoHook { name, environment, step } => (
                Code::Missing,
                match step {
                    Some(step) => format!("`{name}` in environment `{environment}` has no `{step}` hook"),
                    None => format!("`{name}` in environment `{environment}` has no hooks"),
                },
                Some(format!("run `keyvault hook show --env {environment}` to see those that there are")),
            ),
            Self::BadManifest { path, what } => (
                Code::Other,
                format!("`{}` {what}", shown(path)),
                Some("correct it, or write it anew with `keyvault export --example -o .env.example`".to_owned()),
            ),
            Self::Lacking { names, environment } => {
                let first = names.first().map_or("NAME", SecretName::as_str);
                (
                    Code::Missing,
                    lacking(names, environment),
                    Some(format!("run `keyvault add {first} --env {environment}`, or take out of `.env.example` what is not needed")),
                )
            }
            Self::NoMatch { option, pattern, environment } => (
                Code::Missing,
                format!("`{option} {pattern}` matches no secret in environment `{environment}`"),
                Some(format!("run `keyvault list --env {environment}` to see its secrets")),
            ),

            Self::NoIdentity { path } => (
                Code::Locked,
                format!("no identity at `{}`", shown(path)),
                Some("run `keyvault init` to make one, or name yours with `--identity FILE`".to_owned()),
            ),
            Self::IdentityAsPath { option } => (
                Code::Usage,
                format!("`{option}` names a file, and was given a private key"),
                Some("pass the identity itself in `KEYVAULT_IDENTITY`; if others may have seen this one, make a new one".to_owned()),
            ),
            Self::IdentityExposed { path, mode } => (
                Code::Locked,
                format!("identity `{}` can be read by others (mode {mode:04o})", shown(path)),
                Some(format!("run `chmod 600 {}`", shell_word(path))),
            ),
            Self::BadIdentity { origin, what } => (
                Code::Locked,
                format!("{origin} cannot be used: {what}"),
                Some("an age identity, plain or with a passphrase, or an ssh-ed25519 private key opens a vault".to_owned()),
            ),
            Self::NoPrompt { origin, forbidden } => (
                Code::Locked,
                format!("{origin} wants its passphrase, and {}", why_unasked(*forbidden)),
                Some("set `KEYVAULT_PASSPHRASE_FILE` or `KEYVAULT_IDENTITY`, or run `keyvault unlock` in a terminal of this session first".to_owned()),
            ),
            Self::NoNewPassphrase { forbidden } => (
                Code::Locked,
                format!("a new identity wants a passphrase, and {}", why_unasked(*forbidden)),
                Some("pass `--no-passphrase` to do without, or set `KEYVAULT_PASSPHRASE_FILE`".to_owned()),
            ),
            Self::WrongPassphrase { origin } => (
                Code::Locked,
                format!("wrong passphrase for {origin}"),
                None,
            ),
            Self::PassphraseSource { variable, what } => (
                Code::Locked,
                format!("no passphrase from `{variable}`: {what}"),
                None,
            ),
            Self::NotAMember { environment, path } => (
                Code::Locked,
                format!("this identity does not open `{}`: it is not a member of environment `{environment}`", shown(path)),
                Some("run `keyvault identity` and send its line to a member, who can add you".to_owned()),
            ),
            Self::NotAWriter { environment } => (
                Code::Locked,
                format!("this identity may read environment `{environment}` and not write it"),
                Some("run `keyvault identity` and send its line to a member, who can make you a writer".to_owned()),
            ),
            Self::NoSessionCache { what } => (
                Code::Locked,
                format!("the kernel keeps no unlocked identity for this session: {what}"),
                Some("the passphrase is asked each time; `KEYVAULT_PASSPHRASE_FILE` serves scripts".to_owned()),
            ),

            Self::Revoked { name, version, environment, reason, is_replaced } => (
                Code::Refused,
                match reason {
                    Some(reason) => format!("`{name}` in environment `{environment}` is revoked (version {version}: {reason})"),
                    None => format!("`{name}` in environment `{environment}` is revoked (version {version})"),
                },
                Some(if *is_replaced {
                    format!("run `keyvault get {name} --env {environment}` for the current one")
                } else {
                    format!("run `keyvault rotate {name} --env {environment}` to give it a new value")
                }),
            ),
            Self::Expired { name, version, environment, at, renewal, others } => (
                Code::Refused,
                format!(
                    "`{name}` in environment `{environment}` has expired (version {version}, at {at}){}",
                    if others.is_empty() { String::new() } else { format!(", and so have {}", some_of(others)) }
                ),
                Some(format!("{}, or `keyvault expire {name}@{version} 30d --env {environment}` if it is good for longer", match renewal {
                    Renewal::Rotate => format!("run `keyvault rotate {name} --env {environment}` to give it a new value"),
                    Renewal::Resume => format!("run `keyvault rotate {name} --resume --env {environment}` to go on with its rotation"),
                    Renewal::Current => format!("run `keyvault get {name} --env {environment}` for the current one"),
                })),
            ),
            Self::Destroyed { name, version, environment } => (
                Code::Refused,
                format!("the value of `{name}` version {version} in environment `{environment}` was destroyed; its record is kept"),
                Some(format!("run `keyvault get {name} --env {environment}` for the current one")),
            ),
            Self::RevokedValue { name, revoked, version, environment } => (
                Code::Refused,
                format!("this value for `{name}` was revoked before, as version {version} of `{revoked}` in environment `{environment}`, and is not taken again"),
                Some("get a new one where the old one came from".to_owned()),
            ),

            Self::Untrusted { path, fault } => (
                Code::Untrusted,
                format!("`{}` {fault}", shown(path)),
                Some(match fault {
                    Fault::NewerFormat { .. } | Fault::UnknownField { .. } => "a later version of keyvault wrote it; update this one".to_owned(),
                    _ => "it was not touched; restore it from git or a backup".to_owned(),
                }),
            ),
            Self::OtherVault { path, found, expected } => (
                Code::Untrusted,
                format!("`{}` is of the vault {found}, and `KEYVAULT_VAULT_ID` names {expected}", shown(path)),
                Some("it was not touched; correct `KEYVAULT_VAULT_ID`, or unset it".to_owned()),
            ),
            Self::OtherFounder { path, founder } => (
                Code::Untrusted,
                format!("`{}` was founded by `{founder}`, with a signer that `KEYVAULT_VAULT_ID` does not name", shown(path)),
                Some("it was not touched; if it is to be believed, add the signer that `keyvault identity` prints for its founder, behind a comma".to_owned()),
            ),
            Self::Unexpected { path, environment, surprise } => (
                Code::Untrusted,
                format!("`{}` {surprise}", shown(path)),
                Some(format!("it was not touched; if you know why, run `keyvault trust --env {environment}` to see the change and accept it")),
            ),

            Self::BrokenLog { path, fault } => (
                Code::Untrusted,
                format!("the audit log `{}` is not what was written: {fault}", shown(path)),
                Some(match fault {
                    LogFault::WentBack { by, .. } => format!("the log itself is on the machine of `{by}`: have `keyvault audit verify` run there"),
                    _ => "it was left as it is; compare the folder with a backup; if you know why, as after a power failure, run `keyvault audit accept` to go on behind it".to_owned(),
                }),
            ),
            Self::ForeignVault { path } => (
                Code::Untrusted,
                format!("the vault found at `{}` belongs to another user, who could have put it there for you to find", shown(path)),
                Some(format!("if you know it, name it: `--vault {}`", shell_word(path))),
            ),
            Self::LinkedVault { path } => (
                Code::Untrusted,
                format!("`{}` is a symbolic link, and a project's vault is not followed out of its folder", shown(path)),
                Some(format!("if you know where it leads, name it: `--vault {}`", shell_word(path))),
            ),
            Self::SecretExists { name, environment } => (
                Code::Conflict,
                format!("`{name}` is in environment `{environment}` already"),
                Some(format!("run `keyvault rotate {name} --env {environment}` to give it a new value")),
            ),
            Self::SameValue { name, version, environment } => (
                Code::Conflict,
                format!("`{name}` in environment `{environment}` has this value already (version {version})"),
                Some("nothing was changed; give it the new value".to_owned()),
            ),
            Self::RotationUnderWay { name, environment, pending } => (
                Code::Conflict,
                match pending {
                    None => format!("a rotation of `{name}` in environment `{environment}` is under way, without a new value yet"),
                    Some(version) => format!("a rotation of `{name}` in environment `{environment}` is under way, with version {version} pending"),
                },
                Some(ways_on(name, environment)),
            ),
            Self::RotationRunning { name, environment } => (
                Code::Conflict,
                format!("another keyvault on this machine is rotating or revoking `{name}` in environment `{environment}` just now"),
                Some("nothing was changed; run it again once the other is done".to_owned()),
            ),
            Self::RotationOvertaken { name, environment, kept } => (
                Code::Conflict,
                format!("somebody else went on with the rotation of `{name}` in environment `{environment}`, or ended it"),
                Some(match kept {
                    None => format!("nothing was changed; run `keyvault list --env {environment}` to see where it stands"),
                    Some(version) => format!("the value that was made is kept as version {version}, pending; {}", ways_on(name, environment)),
                }),
            ),
            Self::ImportConflict { names, environment } => {
                let all: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
                let (are, values) = if names.len() == 1 { ("is", "another value") } else { ("are", "other values") };
                (
                    Code::Conflict,
                    format!("{} {are} in environment `{environment}` already, with {values}", all.join(", ")),
                    Some("nothing was changed; pass `--on-conflict rotate` for the new values, or `--on-conflict skip` for the old ones".to_owned()),
                )
            }
            Self::NotSeen { name, environment } => (
                Code::Other,
                format!("a program that was started with the secrets of `{environment}` did not see `{name}` as its file has it"),
                Some(format!("no file was removed; compare it with `keyvault exec --only {name} --env {environment} -- printenv {name}`")),
            ),
            Self::NotReadBack { name, environment } => (
                Code::Conflict,
                format!("`{name}` in environment `{environment}` does not have the value that was imported: another keyvault may have changed it since"),
                Some(format!("the file was kept; run `keyvault list --env {environment}`, and import it again")),
            ),
            Self::NotShredded { path } => (
                Code::Conflict,
                format!("`{}` has changed since it was read, and was kept", shown(path)),
                Some("its old values are in the vault; import it again".to_owned()),
            ),
            Self::BadImport { path, place, what, hint } => (
                Code::Other,
                match place {
                    Some(place) => format!("`{}` {place}: {what}", shown(path)),
                    None => format!("`{}`: {what}", shown(path)),
                },
                Some(hint.unwrap_or("nothing was imported; mend the file and run it again").to_owned()),
            ),
            Self::EnvironmentExists { name, vault } => (
                Code::Conflict,
                format!("environment `{name}` is in `{}` already", shown(vault)),
                Some(format!("run `keyvault list --env {name}` to see its secrets")),
            ),
            Self::VaultExists { path } => (
                Code::Conflict,
                format!("there is a vault at `{}` already", shown(path)),
                Some("run `keyvault env list` to see its environments, or `keyvault env create NAME` for another".to_owned()),
            ),
            Self::LockHeld { path, seconds } => (
                Code::Conflict,
                format!("another keyvault has kept `{}` locked for {seconds} seconds", shown(path)),
                Some("nothing was changed; run it again once the other is done".to_owned()),
            ),

            Self::Interrupted => (Code::Interrupted, "interrupted".to_owned(), None),

            Self::Dangerous { secrets } => dangerous(secrets),
            Self::DangerousSetting { variables, path } => {
                let quoted: Vec<_> = variables.iter().map(|name| format!("`{name}`")).collect();
                let names: Vec<_> = variables.iter().map(SecretName::as_str).collect();
                (
                    Code::Usage,
                    format!("`{}` sets {}, which would take the program over", shown(path), quoted.join(", ")),
                    Some(format!("take it out of the file, or pass `--allow-dangerous {}` if that is what you want", names.join(","))),
                )
            }
            Self::NulInValue { name, environment } => (
                Code::ExecFailed,
                format!("the value of `{name}` in environment `{environment}` holds a NUL byte, which no environment variable can carry"),
                Some(format!("pass it on in a file with `--file {name}`, or leave it out with `--except {name}`")),
            ),
            Self::EnvironmentTooLarge { name, environment, size } => (
                Code::CannotExecute,
                format!("the environment is too large for the system; the largest secret is `{name}` in environment `{environment}` with {size} bytes"),
                Some(format!("pass it on in a file with `--file {name}`, or leave it out with `--except {name}`")),
            ),
            Self::NotForShell { name, what } => (
                Code::Other,
                format!("`{name}` {what}, and nothing is loaded into a shell with it"),
                Some(format!("remove it, or run programs by `keyvault exec --except {name}`")),
            ),
            Self::NotForClipboard { name, what } => (
                Code::Other,
                format!("`{name}` does not go to the clipboard: {what}"),
                Some(format!("run `keyvault get {name}` to have it on stdout")),
            ),
            Self::ProgramNotFound { program } => (
                Code::ProgramNotFound,
                format!("no program `{program}`"),
                program.contains(' ').then(|| {
                    "pass the program and its arguments as words of their own, or run a shell: `keyvault exec -- sh -c '…'`".to_owned()
                }),
            ),
            Self::CannotExecute { program, source } => (
                Code::CannotExecute,
                format!("cannot execute `{program}`: {}", reason(source)),
                None,
            ),
            Self::NoPlaceForFiles => (
                Code::ExecFailed,
                "there is no folder for the files of `--file`: none can be written that others could not replace them in".to_owned(),
                Some("name one of yours, as in `XDG_RUNTIME_DIR=/run/user/1000` or `TMPDIR=~/tmp`".to_owned()),
            ),
            Self::Unprinted(source) => (
                Code::ExecFailed,
                format!("cannot write what the program printed: {}", reason(source)),
                None,
            ),
            Self::Unattended(source) => (
                Code::ExecFailed,
                format!("cannot stay with the program: {}", reason(source)),
                None,
            ),
            Self::Exec(error) => {
                let inner = error.words();
                let code = match inner.code {
                    Code::ProgramNotFound | Code::CannotExecute | Code::Interrupted => inner.code,
                    _ => Code::ExecFailed,
                };
                (code, inner.message, inner.hint)
            }
        };
        Words {
            code,
            message,
            hint,
        }
    }
}

/// Names the two ways out of a rotation that is under way.
fn ways_on(name: &SecretName, environment: &EnvironmentName) -> String {
    format!(
        "run `keyvault rotate {name} --resume --env {environment}` to go on, or `keyvault rotate {name} --abort --env {environment}` to give it up"
    )
}

impl FailedHook {
    fn words(&self) -> (Code, String, Option<String>) {
        let Self {
            name,
            environment,
            step,
            outcome,
            is_interrupted,
            errand,
        } = self;
        let code = if *is_interrupted {
            Code::Interrupted
        } else {
            Code::Other
        };
        let hint = match errand {
            Errand::Create => format!(
                "the rotation is saved, without a new value; {}",
                ways_on(name, environment)
            ),
            Errand::Try(version) => format!(
                "the new value is saved as version {version}, pending; {}",
                ways_on(name, environment)
            ),
            Errand::Abort => format!(
                "nothing was destroyed; run `keyvault rotate {name} --abort --env {environment}` again, or with `--no-hooks` if the value is no more where it came from"
            ),
            Errand::Retire => format!(
                "the new value is in use and the old one is kept; run `keyvault rotate {name} --resume --env {environment}` to try again"
            ),
            Errand::Revoke => "nothing was destroyed; run it again, or with `--no-hooks` if the value is no more where it came from".to_owned(),
        };
        let what = match *step {
            "--verify" => "command of `--verify` for".to_owned(),
            step => format!("`{step}` hook of"),
        };
        let message = format!("the {what} `{name}` in environment `{environment}` {outcome}");
        (code, message, Some(hint))
    }
}

impl Error {
    /// Returns the failure itself, where it only kept `exec` from starting its program.
    pub fn inner(&self) -> &Self {
        match self {
            Self::Exec(error) => error.inner(),
            other => other,
        }
    }

    /// Returns what kind of failure it is, in a word that stays the same: `not-a-member`.
    /// It is the variant's name, so that none is without; a test holds all of them.
    pub fn kind(&self) -> String {
        /// Takes letters, and refuses all else: what stands behind them is not read.
        struct Letters(String);
        impl fmt::Write for Letters {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                for letter in text.chars() {
                    match letter {
                        'a'..='z' => {}
                        'A'..='Z' if self.0.is_empty() => {}
                        'A'..='Z' => self.0.push('-'),
                        _ => return Err(fmt::Error),
                    }
                    self.0.push(letter.to_ascii_lowercase());
                }
                Ok(())
            }
        }
        let mut letters = Letters(String::new());
        let _ = fmt::Write::write_fmt(&mut letters, format_args!("{:?}", self.inner()));
        letters.0
    }

    /// Returns the environments and the secrets that it is about, these as `NAME` or
    /// `NAME@3`, as far as it tells.
    pub fn subject(&self) -> (Vec<EnvironmentName>, Vec<String>) {
        let one = |environment: &EnvironmentName| vec![environment.clone()];
        let all = |names: &[SecretName]| names.iter().map(ToString::to_string).collect();
        // None is left to a wildcard: a new variant would tell nothing, and nobody would see.
        match self.inner() {
            Self::Revoked {
                name,
                version,
                environment,
                ..
            }
            | Self::Destroyed {
                name,
                version,
                environment,
            } => (one(environment), vec![format!("{name}@{version}")]),
            Self::Expired {
                name,
                version,
                environment,
                others,
                ..
            } => {
                let others = others.iter().map(ToString::to_string);
                let first = std::iter::once(format!("{name}@{version}"));
                (one(environment), first.chain(others).collect())
            }
            Self::HookFailed(failed) => (one(&failed.environment), vec![failed.name.to_string()]),
            Self::RevokedValue {
                name, environment, ..
            }
            | Self::NoSecret {
                name, environment, ..
            }
            | Self::NoVersion {
                name, environment, ..
            }
            | Self::SecretExists { name, environment }
            | Self::SameValue {
                name, environment, ..
            }
            | Self::HookNotAccepted { name, environment }
            | Self::NoCreateHook { name, environment }
            | Self::NoRotation { name, environment }
            | Self::NoHook {
                name, environment, ..
            }
            | Self::RotationUnderWay {
                name, environment, ..
            }
            | Self::RotationRunning { name, environment }
            | Self::RotationOvertaken {
                name, environment, ..
            }
            | Self::NotReadBack { name, environment }
            | Self::NotSeen { name, environment }
            | Self::NulInValue { name, environment }
            | Self::EnvironmentTooLarge {
                name, environment, ..
            } => (one(environment), vec![name.to_string()]),
            Self::Lacking { names, environment } | Self::ImportConflict { names, environment } => {
                (one(environment), all(names))
            }
            Self::VerifyFailed { name, .. }
            | Self::Unverifiable { name, .. }
            | Self::UnfitForHook { name, .. }
            | Self::ValueOnCommandLine { name, .. }
            | Self::Uncarried { name, .. }
            | Self::NotForShell { name, .. }
            | Self::NotForClipboard { name, .. } => (Vec::new(), vec![name.to_string()]),
            Self::Dangerous { secrets } => {
                let names = secrets.iter().map(|(_, name)| name.to_string());
                (Vec::new(), names.collect())
            }
            Self::NotAMember { environment, .. }
            | Self::NotAWriter { environment }
            | Self::EnvironmentFull { environment, .. }
            | Self::NotALayer { environment, .. }
            | Self::NoMatch { environment, .. }
            | Self::NoEnvironment {
                name: environment, ..
            }
            | Self::EnvironmentExists {
                name: environment, ..
            }
            | Self::Unexpected { environment, .. } => (one(environment), Vec::new()),
            Self::Unfilled { misfits, .. } => {
                let (mut environments, mut names) = (Vec::new(), Vec::new());
                for misfit in misfits {
                    let (environment, name) = misfit.error.subject();
                    environments.extend(environment);
                    names.extend(name);
                }
                environments.dedup();
                (environments, names)
            }
            Self::Io { .. }
            | Self::Unconfirmed { .. }
            | Self::Output(_)
            | Self::NoRandomness
            | Self::ClockDoubted { .. }
            | Self::NoGit(_)
            | Self::NotARepository
            | Self::BadRange
            | Self::GitFailed { .. }
            | Self::NotAPush { .. }
            | Self::NoHome
            | Self::Unlogged { .. }
            | Self::BrokenLog { .. }
            | Self::Usage { .. }
            | Self::NoWorkTree { .. }
            | Self::SilentGit
            | Self::HookInTheWay { .. }
            | Self::BadScanConfig { .. }
            | Self::Unasked { .. }
            | Self::Declined
            | Self::BadValue { .. }
            | Self::InTheWay { .. }
            | Self::NoVault { .. }
            | Self::NoVaultAt { .. }
            | Self::WhichEnvironment { .. }
            | Self::BadManifest { .. }
            | Self::NoIdentity { .. }
            | Self::IdentityAsPath { .. }
            | Self::IdentityExposed { .. }
            | Self::BadIdentity { .. }
            | Self::NoPrompt { .. }
            | Self::NoNewPassphrase { .. }
            | Self::WrongPassphrase { .. }
            | Self::PassphraseSource { .. }
            | Self::NoSessionCache { .. }
            | Self::Untrusted { .. }
            | Self::OtherVault { .. }
            | Self::OtherFounder { .. }
            | Self::ForeignVault { .. }
            | Self::LinkedVault { .. }
            | Self::NotShredded { .. }
            | Self::BadImport { .. }
            | Self::VaultExists { .. }
            | Self::LockHeld { .. }
            | Self::Interrupted
            | Self::DangerousSetting { .. }
            | Self::ProgramNotFound { .. }
            | Self::CannotExecute { .. }
            | Self::NoPlaceForFiles
            | Self::Unattended(_)
            | Self::Unprinted(_)
            | Self::Exec(_) => (Vec::new(), Vec::new()),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().message)
    }
}

impl std::error::Error for Error {}

/// Says which names of the manifest an environment lacks.
pub fn lacking(names: &[SecretName], environment: &EnvironmentName) -> String {
    let named = some_of(names);
    format!("`.env.example` lists {named}, which environment `{environment}` lacks")
}

/// Names secrets, and counts those for which a line has no room.
fn some_of(names: &[SecretName]) -> String {
    const NAMED: usize = 5;
    let named = names.iter().take(NAMED).map(|name| format!("`{name}`"));
    let named = named.collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

/// One line for each place, as compilers have them, with the exit code and the hint
/// of the first.
fn unfilled(path: &Path, misfits: &[Misfit]) -> (Code, String, Option<String>) {
    let mut message = match misfits.len() {
        1 => format!("one reference in `{}` cannot be filled in", shown(path)),
        MISFITS_MAX.. => format!(
            "{MISFITS_MAX} references in `{}`, and maybe more, cannot be filled in",
            shown(path)
        ),
        count => format!(
            "{count} references in `{}` cannot be filled in",
            shown(path)
        ),
    };
    for misfit in misfits {
        message.push_str(&format!("\n  {misfit}"));
        if let Error::NoSecret {
            closest: Some(closest),
            ..
        } = &misfit.error
            && misfits.len() > 1
        {
            message.push_str(&format!(" (did you mean `{closest}`?)"));
        }
    }
    let first = misfits.first().map(|misfit| &misfit.error);
    let words = first.expect("at least one is wrong").words();
    let is_said = misfits.len() > 1
        && matches!(
            first,
            Some(Error::NoSecret {
                closest: Some(_),
                ..
            })
        );
    (words.code, message, words.hint.filter(|_| !is_said))
}

fn dangerous(secrets: &[(SecretName, SecretName)]) -> (Code, String, Option<String>) {
    let joined = |names: &mut dyn Iterator<Item = &SecretName>, quote: &str, between: &str| {
        let names = names.map(|name| format!("{quote}{name}{quote}"));
        names.collect::<Vec<_>>().join(between)
    };
    let variables = joined(&mut secrets.iter().map(|(variable, _)| variable), "`", ", ");
    let message = match secrets {
        [_] => {
            format!("a secret named {variables} would take the program over, and is not passed on")
        }
        _ => {
            format!("secrets named {variables} would take the program over, and are not passed on")
        }
    };
    let instead = if secrets.iter().all(|(variable, name)| variable == name) {
        let names = joined(&mut secrets.iter().map(|(_, name)| name), "", ",");
        format!("leave out what you do not need with `--except {names}`")
    } else {
        "map to other names, or leave out, what you do not need".to_owned()
    };
    let all = joined(&mut secrets.iter().map(|(variable, _)| variable), "", ",");
    let hint = format!("{instead}, or pass `--allow-dangerous {all}` if that is what you want");
    (Code::Usage, message, Some(hint))
}

fn why_unasked(forbidden: bool) -> &'static str {
    if forbidden {
        "input is switched off"
    } else {
        "there is no terminal to ask on"
    }
}

/// Says what the system said, without the `(os error 2)` that Rust appends.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((reason, _)) => reason.to_lowercase(),
        None => text,
    }
}

/// Writes a path for a person. What a terminal would obey, or show in another
/// order, is escaped: a folder may be named by someone else.
pub fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy())
}

/// Writes a text for a person that somebody else may have written: what a terminal
/// would obey, or show in another order, is escaped.
pub fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let escaped = is_unshowable(c).then(|| c.escape_default());
            let plain = escaped.is_none().then_some(c);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect()
}

/// Tells whether a terminal would obey a letter, or show others in another order for it.
pub fn is_unshowable(c: char) -> bool {
    c.is_control() || is_invisible_order(c)
}

/// Writes a path as one word of a shell command: as it is, in quotes, or where
/// those could not be pasted in the `$'…'` of bash, zsh and POSIX.1-2024.
pub fn shell_word(path: &Path) -> String {
    let bytes = path.as_os_str().as_bytes();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+@%:,".contains(byte);
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.is_empty() && bytes.iter().all(plain) => text.to_owned(),
        Ok(text) if !text.contains(is_unshowable) => {
            format!("'{}'", text.replace('\'', r"'\''"))
        }
        _ => {
            // What can be read stays so: somebody may have to judge it.
            let readable = |byte: u8| matches!(byte, b' '..=b'~') && !br"'\".contains(&byte);
            let escaped = bytes.iter().map(|byte| match byte {
                byte if readable(*byte) => char::from(*byte).to_string(),
                // Three digits, so that none behind it is taken for another.
                byte => format!(r"\{byte:03o}"),
            });
            format!("$'{}'", escaped.collect::<String>())
        }
    }
}

#[cfg(test)]
pub mod wording;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_cannot_carry_a_terminal_escape() {
        assert_eq!(shown(Path::new("/tmp/\u{1b}[2J/é")), "/tmp/\\u{1b}[2J/é");
        assert_eq!(shown(Path::new("a\u{202e}b")), "a\\u{202e}b");
    }

    #[test]
    fn a_path_with_a_quote_is_still_one_word() {
        assert_eq!(shell_word(Path::new("/a/b-c_1.age")), "/a/b-c_1.age");
        assert_eq!(shell_word(Path::new("/a b/it's")), r"'/a b/it'\''s'");
        assert_eq!(shell_word(Path::new("/é\n1")), r"$'/\303\251\0121'");
        let read = shell_word(Path::new("a 'b' \\ \u{1b}[2J $x"));
        assert_eq!(read, r"$'a \047b\047 \134 \033[2J $x'");
    }

    #[test]
    fn the_system_s_reason_is_said_without_its_number() {
        let error = io::Error::from_raw_os_error(28);
        assert_eq!(reason(&error), "no space left on device");
    }
}
