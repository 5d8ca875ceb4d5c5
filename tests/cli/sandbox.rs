//! A place of its own for a test: an empty home, an empty project, a cleared
//! environment. What a run printed comes back as a [`Transcript`].
//!
//! Values that tests keep in a vault contain [`CANARY`]. After each run it must
//! not be in stderr, and when the sandbox is dropped, in no file but those that
//! the test itself wrote it to.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt::{self, Display, Formatter};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Once;
use std::thread;

use tempfile::TempDir;

/// Part of each made-up value, and of nothing else.
pub const CANARY: &str = "canary-of-the-tests-not-a-key";

/// What opens the identity of [`Sandbox::locked`].
pub const PASSPHRASE: &str = "correct horse canary-of-the-tests-not-a-key";

/// The program under test.
pub const KEYVAULT: &str = env!("CARGO_BIN_EXE_keyvault");

/// Set in CI, where a missing tool is a failure instead of a skipped test.
const ALL_TOOLS: &str = "KEYVAULT_TESTS_NEED_ALL_TOOLS";

/// Finds a program that a test needs besides keyvault. Without it the test is
/// skipped, out loud; in CI, where every tool is to be there, it fails.
pub fn tool(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file());
    if found.is_none() {
        lacks(&format!("`{name}`"));
    }
    found
}

/// Says the same of what is no program of its own, and was looked for in vain.
pub fn lacks(what: &str) {
    let missing = std::env::var_os(ALL_TOOLS).is_some();
    assert!(!missing, "{what} is missing, and every tool is to be there");
    skip(&format!("it needs {what}"));
}

/// Says, out loud, that a test is skipped for what nobody can install: root's rights,
/// or what the kernel refuses.
pub fn skip(why: &str) {
    // Not eprintln!, which the test harness swallows.
    let test = thread::current().name().unwrap_or("a test").to_owned();
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {why}");
}

/// A home and a project, gone when it is dropped.
pub struct Sandbox {
    root: TempDir,
    variables: BTreeMap<OsString, OsString>,
    /// Files that may hold the canary, because the test wrote them.
    plaintext: Vec<PathBuf>,
}

impl Sandbox {
    /// An empty home and an empty project, in a session of its own.
    #[must_use]
    pub fn empty() -> Self {
        leave_terminal();
        enter_session();
        let root = tempfile::Builder::new()
            .prefix("keyvault-test-")
            .tempdir()
            .expect("a folder");
        // The path as the program will see it.
        let path = root.path().canonicalize().expect("it is there");
        for folder in ["home", "project", "tmp"] {
            fs::create_dir(path.join(folder)).expect("made");
        }
        let mut variables = BTreeMap::new();
        for (name, value) in [("HOME", path.join("home")), ("TMPDIR", path.join("tmp"))] {
            variables.insert(name.into(), value.into_os_string());
        }
        for (name, value) in [
            ("PATH", std::env::var_os("PATH").expect("set")),
            ("USER", "alice".into()),
        ] {
            variables.insert(name.into(), value);
        }
        Self {
            root,
            variables,
            plaintext: Vec::new(),
        }
    }

    /// A project with a vault, and an identity without a passphrase.
    #[must_use]
    pub fn new() -> Self {
        let sandbox = Self::empty();
        sandbox.run(&["init", "--no-passphrase"]).succeeds();
        sandbox
    }

    /// The same with secrets, each of them with its name and the canary as value.
    #[must_use]
    pub fn with_secrets(names: &[&str]) -> Self {
        let sandbox = Self::new();
        for name in names {
            sandbox.add(name, &value_of(name));
        }
        sandbox
    }

    /// A project with the secret `A`, and an identity that [`PASSPHRASE`] opens.
    #[must_use]
    pub fn locked() -> Self {
        let sandbox = Self::with_secrets(&["A"]);
        let plain = fs::read(sandbox.identity()).expect("read");
        fs::write(sandbox.identity(), sealed(&plain, PASSPHRASE)).expect("written");
        sandbox
    }

    /// Sets a variable for all runs from here on.
    #[must_use]
    pub fn variable(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.variables
            .insert(name.into(), value.as_ref().to_owned());
        self
    }

    /// The whole place.
    pub fn root(&self) -> PathBuf {
        self.root.path().canonicalize().expect("it is there")
    }

    /// The user's home.
    pub fn home(&self) -> PathBuf {
        self.root().join("home")
    }

    /// The folder in which commands run.
    pub fn project(&self) -> PathBuf {
        self.root().join("project")
    }

    /// The project's vault.
    pub fn vault(&self) -> PathBuf {
        self.project().join(".keyvault")
    }

    /// The file of the environment `dev`.
    pub fn dev(&self) -> PathBuf {
        self.vault().join("dev.age")
    }

    /// The identity.
    pub fn identity(&self) -> PathBuf {
        self.home().join(".config/keyvault/identity")
    }

    /// The folder of pins.
    pub fn pins(&self) -> PathBuf {
        self.home().join(".local/state/keyvault/pins")
    }

    /// The folder of audit logs.
    pub fn audit(&self) -> PathBuf {
        self.home().join(".local/state/keyvault/audit")
    }

    /// Writes a file into the project; it may hold the canary.
    pub fn write(&mut self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.project().join(name);
        fs::write(&path, contents).expect("written");
        self.plaintext.push(path.clone());
        path
    }

    /// Makes the project what git takes for a work tree.
    pub fn make_git_work_tree(&self) {
        let git = self.project().join(".git");
        fs::create_dir(&git).expect("made");
        fs::write(git.join("HEAD"), "ref: refs/heads/main\n").expect("written");
    }

    /// Adds a secret by stdin.
    pub fn add(&self, name: &str, value: &str) {
        // What is piped in loses one line feed, which a value may have.
        self.run_with_stdin(&["add", name], format!("{value}\n"))
            .succeeds();
    }

    /// A command of the program, ready to be changed further.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.other(KEYVAULT);
        command.args(arguments);
        command
    }

    /// A command of another program, in the same place.
    pub fn other(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(&self.variables)
            .current_dir(self.project())
            .stdin(Stdio::null());
        command
    }

    /// Runs the program without a terminal and without input.
    pub fn run(&self, arguments: &[&str]) -> Transcript {
        self.finish(&mut self.command(arguments))
    }

    /// Runs the program with something piped in.
    pub fn run_with_stdin(&self, arguments: &[&str], stdin: impl AsRef<[u8]>) -> Transcript {
        self.finish_with_stdin(&mut self.command(arguments), stdin)
    }

    /// Runs a command of this sandbox.
    pub fn finish(&self, command: &mut Command) -> Transcript {
        let output = command.output().expect("it starts");
        self.transcript(output)
    }

    /// Runs a command of this sandbox with something piped in, which it need not
    /// read to the end.
    pub fn finish_with_stdin(&self, command: &mut Command, stdin: impl AsRef<[u8]>) -> Transcript {
        let command = std::mem::replace(command, Command::new(KEYVAULT));
        let mut command = assert_cmd::Command::from_std(command);
        let output = command
            .write_stdin(stdin.as_ref())
            .output()
            .expect("it starts");
        self.transcript(output)
    }

    fn transcript(&self, output: Output) -> Transcript {
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!stderr.contains(CANARY), "a value is in stderr:\n{stderr}");
        Transcript {
            stdout: output.stdout,
            stderr,
            code: output.status.code(),
            signal: output.status.signal(),
            root: self.root().to_string_lossy().into_owned(),
        }
    }

    /// Takes down every file with its permissions and contents, to see what a
    /// command left behind; but for the audit log, where what is refused leaves a line
    /// as well, and the folders that it may have been the first to need.
    pub fn snapshot(&self) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
        let mut files = self.whole_snapshot();
        let log = self.audit();
        files.retain(|path, _| !path.starts_with(&log) && !log.starts_with(path));
        files
    }

    /// The same with the audit log.
    pub fn whole_snapshot(&self) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
        let mut files = BTreeMap::new();
        walk(&self.root(), &mut |path, metadata| {
            let contents = if metadata.is_file() {
                fs::read(path).expect("read")
            } else {
                Vec::new()
            };
            files.insert(path.to_owned(), (metadata.permissions().mode(), contents));
        });
        files
    }

    /// Runs a command that is to be refused, and makes sure that nothing was left
    /// behind.
    pub fn refused(&self, arguments: &[&str]) -> Transcript {
        self.refused_with_stdin(arguments, "")
    }

    /// The same with something piped in.
    pub fn refused_with_stdin(&self, arguments: &[&str], stdin: impl AsRef<[u8]>) -> Transcript {
        let before = self.snapshot();
        let transcript = if stdin.as_ref().is_empty() {
            self.run(arguments)
        } else {
            self.run_with_stdin(arguments, stdin)
        };
        assert_ne!(
            transcript.code,
            Some(0),
            "it was not refused:\n{transcript}"
        );
        assert!(
            self.snapshot() == before,
            "something was left behind by {arguments:?}"
        );
        transcript
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if thread::panicking() {
            return;
        }
        walk(&self.root(), &mut |path, metadata| {
            if metadata.is_file() && !self.plaintext.iter().any(|known| known == path) {
                let contents = fs::read(path).unwrap_or_default();
                assert!(
                    !contains(&contents, CANARY.as_bytes()),
                    "a value is in {}",
                    path.display()
                );
            }
        });
    }
}

/// The value that [`Sandbox::with_secrets`] gives a secret.
pub fn value_of(name: &str) -> String {
    format!("{name} {CANARY}")
}

/// Gives this thread, and what it starts, a new session, in which nothing is
/// unlocked. Tells whether the kernel keeps anything there.
#[cfg(target_os = "linux")]
pub fn enter_session() -> bool {
    use keyutils::{Keyring, SpecialKeyring, keytypes::User};

    Keyring::join_anonymous_session()
        .and_then(|_| Keyring::attach(SpecialKeyring::Session))
        .and_then(|mut session| session.add_key::<User, _, _>("probe", &b"probe"[..]))
        .is_ok()
}

#[cfg(not(target_os = "linux"))]
pub fn enter_session() -> bool {
    false
}

/// Tells whether the kernel keeps what is unlocked. Where it does not, as in some
/// containers, and which nobody can install, the test is skipped, out loud.
pub fn has_session_cache() -> bool {
    let works = enter_session();
    if !works {
        skip("the kernel keeps no session keyring");
    }
    works
}

/// Seals an identity file with a passphrase, as `age -p` does, but for the second
/// that it takes to open.
pub fn sealed(plain: &[u8], passphrase: &str) -> Vec<u8> {
    let mut recipient = age::scrypt::Recipient::new(passphrase.to_owned().into());
    recipient.set_work_factor(1);
    age::encrypt(&recipient, plain).expect("sealed")
}

/// Puts words in the place of what is random: the ids of vaults, in their order,
/// recipients and signers.
pub fn without_ids(transcript: &Transcript) -> String {
    let mut text = transcript.to_string();
    for n in 1.. {
        let hex = |c: char| matches!(c, '0'..='9' | 'a'..='f');
        let id = text.split(|c| !hex(c)).find(|word| word.len() == 32);
        let Some(id) = id.map(str::to_owned) else {
            break;
        };
        text = text.replace(&id, &format!("[vault {n}]"));
    }
    let words = text.split_inclusive([' ', '\n']).map(|word| {
        let end = &word[word.trim_end().len()..];
        match word {
            word if word.starts_with("age1") => format!("[recipient]{end}"),
            word if word.starts_with("ed25519:") => format!("[signer]{end}"),
            word => word.to_owned(),
        }
    });
    words.collect()
}

/// Puts a word in the place of each time in a text, which are those of the run.
pub fn without_times(text: &impl ToString) -> String {
    let text = text.to_string();
    let is_time = |word: &str| {
        let digits = word.replace(|c: char| c.is_ascii_digit(), "0");
        digits == "0000-00-00T00:00:00Z"
    };
    let words = text.split_inclusive([' ', '\n', '"', ')', ';', ',']);
    let words = words.map(|word| {
        let end = word.trim_end_matches([' ', '\n', '"', ')', ';', ',']).len();
        match word.split_at(end) {
            (time, end) if is_time(time) => format!("[time]{end}"),
            _ => word.to_owned(),
        }
    });
    words.collect()
}

/// Takes the tests out of the session of whoever runs them: their terminal is not
/// the one for a prompt. The program is then as in CI or in cron.
fn leave_terminal() {
    static LEFT: Once = Once::new();
    LEFT.call_once(|| {
        // Refused to a leader of its group, which has no terminal but in a debugger.
        let _ = rustix::process::setsid();
    });
}

/// Tells whether bytes are in others.
pub fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

fn walk(folder: &Path, visit: &mut dyn FnMut(&Path, &fs::Metadata)) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let Ok(metadata) = path.symlink_metadata() else {
            continue;
        };
        visit(&path, &metadata);
        if metadata.is_dir() {
            walk(&path, visit);
        }
    }
}

/// All that a run printed, and how it ended.
pub struct Transcript {
    pub stdout: Vec<u8>,
    pub stderr: String,
    pub code: Option<i32>,
    pub signal: Option<i32>,
    root: String,
}

impl Transcript {
    /// Makes sure that it ended well.
    #[track_caller]
    pub fn succeeds(self) -> Self {
        assert_eq!(self.code, Some(0), "{self}");
        self
    }

    /// Makes sure of the exit code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// Makes sure that stderr has these words.
    #[track_caller]
    pub fn says(self, words: &str) -> Self {
        assert!(self.stderr.contains(words), "`{words}` is not in\n{self}");
        self
    }

    /// Makes sure that there was no news.
    #[track_caller]
    pub fn says_nothing(self) -> Self {
        assert_eq!(self.stderr, "", "{self}");
        self
    }

    /// Returns stdout as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("stdout is text")
    }

    /// Returns stdout as JSON, of which there is one line.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        let value: serde_json::Value =
            serde_json::from_slice(&self.stdout).expect("stdout is JSON");
        assert_eq!(value["schema"], 1, "{self}");
        value
    }
}

impl Display for Transcript {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        // The home first: it lies in the root.
        let clean = |text: &str| text.replace(&self.root, "[sandbox]");
        let section = |f: &mut Formatter<'_>, name: &str, text: &str| {
            if text.is_empty() {
                return Ok(());
            }
            let end = if text.ends_with('\n') {
                ""
            } else {
                "[no line feed]\n"
            };
            write!(f, "--- {name} ---\n{}{end}", clean(text))
        };
        section(f, "stdout", &String::from_utf8_lossy(&self.stdout))?;
        section(f, "stderr", &self.stderr)?;
        match (self.code, self.signal) {
            (Some(code), _) => write!(f, "[exit {code}]"),
            (None, Some(signal)) => write!(f, "[signal {signal}]"),
            (None, None) => write!(f, "[gone]"),
        }
    }
}

/// Reads a whole file as text.
pub fn read_to_string(path: &Path) -> String {
    let mut text = String::new();
    File::open(path)
        .and_then(|mut file| file.read_to_string(&mut text))
        .expect("read");
    text
}

/// Returns a path as text.
pub fn text(path: &Path) -> &str {
    std::str::from_utf8(path.as_os_str().as_bytes()).expect("a path of text")
}
