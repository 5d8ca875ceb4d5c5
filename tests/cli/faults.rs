//! A crash, a full disk or a broken one at every system call that changes a
//! file, and a broken one at every call that reads. `strace` lists the calls of
//! an undisturbed run, and then breaks them, one in each run.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use crate::audit;
use crate::sandbox::{
    CANARY, KEYVAULT, Sandbox, Transcript, contains, read_to_string, skip, text, tool, value_of,
};

/// What changes a file or puts it on the disk, as strace(1) names it. Of
/// `open` and `openat` only those count that create.
pub const CHANGING: &[&str] = &[
    "chmod",
    "chown",
    "copy_file_range",
    "creat",
    "fallocate",
    "fchmod",
    "fchmodat",
    "fchmodat2",
    "fchown",
    "fchownat",
    "fdatasync",
    "fsync",
    "ftruncate",
    "lchown",
    "link",
    "linkat",
    "mkdir",
    "mkdirat",
    "mknod",
    "mknodat",
    "open",
    "openat",
    "openat2",
    "pwrite64",
    "pwritev",
    "pwritev2",
    "rename",
    "renameat",
    "renameat2",
    "rmdir",
    "sendfile",
    "symlink",
    "symlinkat",
    "sync",
    "sync_file_range",
    "syncfs",
    "truncate",
    "unlink",
    "unlinkat",
    "utimensat",
    "write",
    "writev",
];

/// What reads, or asks the system something about files.
const READING: &[&str] = &[
    "access",
    "close",
    "faccessat",
    "fcntl",
    "flock",
    "fstat",
    "getcwd",
    "getdents64",
    "lseek",
    "lstat",
    "newfstatat",
    "open",
    "openat",
    "pread64",
    "read",
    "readlink",
    "readlinkat",
    "stat",
    "statx",
];

/// The first call that is ours: what is before it is of Rust's own start.
pub const OUR_START: &str = "prctl";

const S_IFMT: u32 = 0o170_000;
const S_IFDIR: u32 = 0o040_000;

/// What `add` gives to the secret that is added once a fault is over.
const NEXT: &str = "NEXT";

/// Everything in a sandbox, with permissions and contents.
pub type Tree = BTreeMap<PathBuf, (u32, Vec<u8>)>;

/// One system call of a run.
struct Call {
    name: String,
    /// Counts the calls of this name, from 1.
    number: usize,
    changes: bool,
    line: String,
}

impl Call {
    /// Finds the calls in a trace that change a file or read one.
    fn all(trace: &str) -> Vec<Self> {
        let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
        let mut calls = Vec::new();
        for line in trace.lines() {
            let line = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
            let Some((name, rest)) = line.split_once('(') else {
                continue;
            };
            let number = *numbers
                .entry(name)
                .and_modify(|number| *number += 1)
                .or_insert(1);
            let creates = !name.starts_with("open") || rest.contains("O_CREAT");
            let changes = CHANGING.contains(&name) && creates;
            if numbers.contains_key(OUR_START) && (changes || READING.contains(&name)) {
                calls.push(Self {
                    name: name.to_owned(),
                    number,
                    changes,
                    line: line.to_owned(),
                });
            }
        }
        let changing = calls.iter().any(|call| call.changes);
        assert!(changing, "nothing was changed in\n{trace}");
        calls
    }

    /// The faults that can hit it.
    fn faults(&self) -> &'static [Fault] {
        if self.changes { &FAULTS } else { &[BROKEN] }
    }

    /// Tells whether it only says something to a person.
    fn is_news(&self) -> bool {
        self.line.starts_with("write(2, ") || self.line.starts_with("writev(2, ")
    }
}

/// What happens to a system call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// The process is killed when it makes the call, which is not carried out.
    Killed,
    /// The call is not carried out and returns this error.
    Fails(&'static str, &'static str),
}

const FULL: Fault = Fault::Fails("ENOSPC", "no space left on device");
const BROKEN: Fault = Fault::Fails("EIO", "input/output error");
const FAULTS: [Fault; 3] = [Fault::Killed, FULL, BROKEN];

/// A call and what happens to it.
struct Injection<'a> {
    call: &'a Call,
    fault: Fault,
}

impl Display for Injection<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Call {
            name, number, line, ..
        } = self.call;
        match self.fault {
            Fault::Killed => write!(f, "killed at {name} #{number}: {line}"),
            Fault::Fails(error, _) => write!(f, "{error} at {name} #{number}: {line}"),
        }
    }
}

/// A command that changes something, and how to see whether it did.
struct Story<'a> {
    sandbox: Sandbox,
    strace: PathBuf,
    command: &'a [&'a str],
    stdin: String,
    /// Commands whose answers, all together, are the old state or the new one.
    questions: &'a [&'a [&'a str]],
    /// Secrets that keep their values whatever happens.
    kept: &'a [&'a str],
    /// What to run after a fault, before `add NEXT`, to get on. It may be refused
    /// where the fault came too late to matter.
    again: Option<&'a [&'a str]>,
    /// What is said where the new state is in place and something behind it failed.
    done: Option<&'a str>,
    /// What holds of the files whatever happens, besides all else.
    holds: &'a dyn Fn(&Sandbox) -> bool,
    /// Whether programs that are started are followed, too.
    follows: bool,
}

/// What the questions were answered with: exit codes and answers.
type State = Vec<(Option<i32>, String)>;

impl Story<'_> {
    /// A story in which nothing is told yet.
    fn of(sandbox: Sandbox, strace: PathBuf) -> Self {
        Self {
            sandbox,
            strace,
            command: &[],
            stdin: String::new(),
            questions: &[],
            kept: &[],
            again: None,
            done: None,
            holds: &|_| true,
            follows: true,
        }
    }

    fn run(&self, injection: Option<&Injection<'_>>) -> (Transcript, String) {
        let trace = self.sandbox.root().join("trace");
        let mut strace = self.sandbox.other(&self.strace);
        strace.args(["-q", "-o", text(&trace)]);
        strace.args(self.follows.then_some("-f"));
        if let Some(Injection { call, fault }) = injection {
            let fault = match fault {
                Fault::Killed => "signal=KILL".to_owned(),
                Fault::Fails(error, _) => format!("error={error}"),
            };
            let Call { name, number, .. } = call;
            strace.args(["-e", &format!("trace={name}")]);
            strace.args(["-e", &format!("inject={name}:{fault}:when={number}")]);
        }
        strace.arg(KEYVAULT).args(self.command);
        let transcript = self.sandbox.finish_with_stdin(&mut strace, &self.stdin);
        let text = read_to_string(&trace);
        fs::remove_file(trace).expect("removed");
        (transcript, text)
    }

    fn state(&self) -> State {
        let answers = self.questions.iter().map(|question| {
            let answer = self.sandbox.run(question);
            (answer.code, answer.text().to_owned())
        });
        answers.collect()
    }

    fn put_back(&self, tree: &Tree) {
        put_back(&self.sandbox, tree);
    }

    /// Runs the command once undisturbed, and then once for each call and each
    /// fault that is wanted.
    fn is_whole_or_not_there(&self, wanted: impl Fn(&Call, Fault) -> bool) {
        let tree = self.sandbox.whole_snapshot();
        let old = self.state();
        self.put_back(&tree);
        let (undisturbed, trace) = self.run(None);
        undisturbed.succeeds();
        let done = self.sandbox.whole_snapshot();
        let new = self.state();
        assert_ne!(old, new, "the questions do not tell old from new");
        for call in &Call::all(&trace) {
            for fault in call.faults() {
                if wanted(call, *fault) {
                    let injection = Injection {
                        call,
                        fault: *fault,
                    };
                    self.put_back(&tree);
                    self.survives(&injection, [(&tree, &old), (&done, &new)]);
                }
            }
        }
    }

    fn survives(&self, injection: &Injection<'_>, [old, new]: [(&Tree, &State); 2]) {
        let (transcript, trace) = self.run(Some(injection));
        self.ends_as_it_should(injection, &transcript, &trace);
        let tree = self.sandbox.whole_snapshot();
        nothing_else_changed(injection, &tree, [old.0, new.0]);

        let state = self.state();
        assert!(
            state == *old.1 || state == *new.1,
            "{injection}\nneither the old state nor the new one: {state:?}\n{transcript}"
        );
        let changed = state == *new.1;
        let holds = (self.holds)(&self.sandbox);
        assert!(holds, "{injection}\nit does not hold\n{transcript}");
        let failed_behind = self
            .done
            .is_some_and(|done| transcript.stderr.contains(done));
        if transcript.code == Some(0) {
            assert!(changed, "{injection}\nit was not done\n{transcript}");
        } else if injection.fault != Fault::Killed && injection.call.name != "fsync" {
            // Only the last step, which waits for the disk, fails with the new
            // state in place.
            assert!(
                changed == failed_behind,
                "{injection}\nit was done\n{transcript}"
            );
        }

        self.writes_again(injection, changed);
    }

    fn ends_as_it_should(&self, injection: &Injection<'_>, transcript: &Transcript, trace: &str) {
        let Injection { call, fault } = injection;
        let Fault::Fails(_, words) = fault else {
            assert_eq!(transcript.signal, Some(9), "{injection}\n{transcript}");
            return;
        };
        let injected = trace.contains("(INJECTED)");
        assert!(injected, "{injection}\nit did not come to pass\n{trace}");
        let mut lines = transcript.stderr.lines();
        let failed = lines.any(|line| line.starts_with("keyvault: error: "));
        let ended = transcript.code == Some(0) || failed || call.is_news();
        assert!(ended, "{injection}\n{transcript}");
        if call.changes && !call.is_news() {
            let said = transcript.stderr.contains(words);
            assert!(said, "{injection}\n`{words}` is not said\n{transcript}");
        }
    }

    /// The next write works, loses nothing and leaves nothing behind.
    fn writes_again(&self, injection: &Injection<'_>, changed: bool) {
        if let Some(again) = self.again {
            let outcome = self.sandbox.run(again);
            let ended = outcome.code == Some(0) || changed;
            assert!(ended, "{injection}\nand then\n{outcome}");
        }
        let added = self.sandbox.run_with_stdin(&["add", NEXT], value_of(NEXT));
        assert_eq!(added.code, Some(0), "{injection}\nand then\n{added}");
        for name in self.kept.iter().chain([&NEXT]) {
            let got = self.sandbox.run(&["get", name]);
            assert_eq!(got.code, Some(0), "{injection}\nand then\n{got}");
            assert_eq!(got.text(), value_of(name), "{injection}\nand then");
        }
        let tree = self.sandbox.whole_snapshot();
        let left = tree.keys().find(|path| is_temporary(path));
        assert_eq!(left, None, "{injection}\nand the next write");
        self.log_is_whole(injection);
    }

    /// The audit log is one chain, unless a line was not written whole, which is said.
    fn log_is_whole(&self, injection: &Injection<'_>) {
        let verified = self.sandbox.run(&["audit", "verify"]);
        let is_torn = verified.stderr.contains("was not written whole");
        let is_whole = verified.code == Some(0) || (verified.code == Some(6) && is_torn);
        assert!(is_whole, "{injection}\nand then\n{verified}");
    }
}

/// Puts everything in a sandbox back as it was.
pub fn put_back(sandbox: &Sandbox, tree: &Tree) {
    for entry in fs::read_dir(sandbox.root()).expect("listed").flatten() {
        fs::remove_dir_all(entry.path()).expect("removed");
    }
    for (path, (mode, contents)) in tree {
        if mode & S_IFMT == S_IFDIR {
            fs::create_dir(path).expect("made");
        } else {
            fs::write(path, contents).expect("written");
        }
        fs::set_permissions(path, Permissions::from_mode(mode & 0o7777)).expect("set");
    }
}

/// Makes sure that a tree differs from the old one and from the new one only
/// where these differ, and by temporary files, and holds no plaintext.
fn nothing_else_changed(injection: &Injection<'_>, tree: &Tree, [old, new]: [&Tree; 2]) {
    let paths: BTreeSet<_> = tree.keys().chain(old.keys()).collect();
    for path in paths {
        let (now, before, after) = (tree.get(path), old.get(path), new.get(path));
        let place = path.display();
        if let Some((mode, contents)) = now {
            let plaintext = contains(contents, CANARY.as_bytes());
            assert!(!plaintext, "{injection}\na value is in {place}");
            // Until a file is whole it is no more open to others than once it is.
            let target = target_of_temporary(path);
            let expected = match &target {
                Some(target) => old.get(target),
                None => before,
            };
            let expected = expected.map_or(0, |(mode, _)| mode & 0o077);
            let open = mode & 0o077;
            let is_right = open == expected || (target.is_some() && open & !expected == 0);
            assert!(is_right, "{injection}\n{place} has mode {mode:o}");
        }
        let explained = if before == after {
            now == before || (before.is_none() && is_temporary(path))
        } else {
            now.is_some() || before.is_none() || after.is_none()
        };
        assert!(explained, "{injection}\n{place} has changed");
    }
}

/// Tells whether a name is one that a file has until it is whole:
/// `.NAME.0123456789abcdef.tmp`.
pub fn is_temporary(path: &Path) -> bool {
    target_of_temporary(path).is_some()
}

/// Returns what such a file becomes.
fn target_of_temporary(path: &Path) -> Option<PathBuf> {
    let name = path.file_name().expect("a name").to_string_lossy();
    let stem = name.strip_prefix('.')?.strip_suffix(".tmp")?;
    let (target, random) = stem.rsplit_once('.')?;
    let is_random = random.len() == 16 && random.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_random.then(|| path.with_file_name(target))
}

fn every_fault(_: &Call, _: Fault) -> bool {
    true
}

#[test]
fn add_is_done_or_not() {
    let Some(strace) = tool("strace") else { return };
    let story = Story {
        command: &["add", "C"],
        stdin: value_of("C"),
        questions: &[&["get", "A"], &["get", "B"], &["get", "C"]],
        kept: &["A", "B"],
        ..Story::of(Sandbox::with_secrets(&["A", "B"]), strace)
    };
    story.is_whole_or_not_there(every_fault);
}

#[test]
fn rotate_is_done_or_not() {
    let Some(strace) = tool("strace") else { return };
    let story = Story {
        command: &["rotate", "A"],
        stdin: format!("another {CANARY}"),
        questions: &[
            &["get", "A@1"],
            &["get", "A"],
            &["get", "A@previous"],
            &["get", "B"],
        ],
        kept: &["B"],
        ..Story::of(Sandbox::with_secrets(&["A", "B"]), strace)
    };
    story.is_whole_or_not_there(every_fault);
}

#[test]
fn revoke_is_done_or_not() {
    let Some(strace) = tool("strace") else { return };
    let story = Story {
        command: &["revoke", "A", "--reason", "leaked"],
        questions: &[&["get", "A"], &["get", "A@1"], &["get", "B"]],
        kept: &["B"],
        ..Story::of(Sandbox::with_secrets(&["A", "B"]), strace)
    };
    story.is_whole_or_not_there(every_fault);
}

#[test]
fn old_values_are_destroyed_together_or_not() {
    let Some(strace) = tool("strace") else { return };
    let sandbox = Sandbox::with_secrets(&["A", "B", "C"]);
    for name in ["A", "B"] {
        let another = format!("another {CANARY}");
        sandbox
            .run_with_stdin(&["rotate", name], another)
            .succeeds();
    }
    let story = Story {
        command: &["policy", "--keep-versions", "1"],
        questions: &[
            &["get", "A@1"],
            &["get", "A"],
            &["get", "B@1"],
            &["get", "B"],
            &["policy"],
        ],
        kept: &["C"],
        ..Story::of(sandbox, strace)
    };
    story.is_whole_or_not_there(|call, fault| call.changes && fault != BROKEN);
}

#[test]
fn a_reminder_that_cannot_be_kept_keeps_no_program_from_its_start() {
    let Some(strace) = tool("strace") else { return };
    let sandbox = Sandbox::with_secrets(&["A"]);
    sandbox.run(&["expire", "A", "3d"]).succeeds();
    let story = Story {
        command: &["exec", "--", "printenv", "A"],
        ..Story::of(sandbox, strace)
    };
    let tree = story.sandbox.whole_snapshot();
    let (undisturbed, trace) = story.run(None);
    let expected = format!("{}\n", value_of("A"));
    assert_eq!(undisturbed.succeeds().text(), expected);
    let calls = Call::all(&trace);
    // The first call on the file is to read it; there is none.
    let is_reminder = |call: &Call| call.line.contains("reminders.json");
    let first = calls.iter().position(is_reminder).expect("it is kept");
    let last = calls.iter().rposition(is_reminder).expect("it is kept");
    assert!(calls[first..=last].iter().any(|call| call.changes));

    for call in &calls[first..=last] {
        for fault in call.faults() {
            story.put_back(&tree);
            let injection = Injection {
                call,
                fault: *fault,
            };
            let (got, _) = story.run(Some(&injection));
            if *fault != Fault::Killed {
                assert_eq!(got.code, Some(0), "{injection}\n{got}");
                assert_eq!(got.text(), expected, "{injection}\n{got}");
                assert!(got.stderr.contains("expires in"), "{injection}\n{got}");
            }
            // Two more: to tell what was not told, and not to tell it again.
            for _ in 0..2 {
                let next = story.sandbox.run(story.command);
                assert_eq!(next.text(), expected, "{injection}\nand then\n{next}");
            }
            let quiet = story.sandbox.run(story.command);
            assert_eq!(quiet.stderr, "", "{injection}\nand then\n{quiet}");
            let tree = story.sandbox.whole_snapshot();
            let left = tree.keys().find(|path| is_temporary(path));
            assert_eq!(left, None, "{injection}\nand the next runs");
        }
    }
}

#[test]
fn init_is_done_or_not() {
    let Some(strace) = tool("strace") else { return };
    let story = Story {
        command: &["init", "--no-passphrase"],
        questions: &[&["list", "-q"]],
        kept: &[],
        again: Some(&["init", "--no-passphrase"]),
        ..Story::of(Sandbox::empty(), strace)
    };
    story.is_whole_or_not_there(every_fault);
}

#[test]
fn env_create_is_done_or_not() {
    let Some(strace) = tool("strace") else { return };
    let story = Story {
        command: &["env", "create", "prod"],
        questions: &[&["get", "A"], &["list", "-q", "--env", "prod"]],
        kept: &["A"],
        ..Story::of(Sandbox::with_secrets(&["A"]), strace)
    };
    story.is_whole_or_not_there(every_fault);
}

#[test]
fn env_remove_is_done_or_not() {
    let Some(strace) = tool("strace") else { return };
    let sandbox = Sandbox::with_secrets(&["A"]);
    sandbox.run(&["env", "create", "prod"]).succeeds();
    let story = Story {
        command: &["env", "remove", "prod", "--yes"],
        questions: &[&["get", "A"], &["list", "-q", "--env", "prod"]],
        kept: &["A"],
        ..Story::of(sandbox, strace)
    };
    story.is_whole_or_not_there(every_fault);
}

#[test]
fn import_is_done_or_not() {
    let Some(strace) = tool("strace") else { return };
    let story = Story {
        command: &["import", "-", "--on-conflict", "rotate"],
        stdin: format!("A=\"new {CANARY}\"\nC=\"{}\"\n", value_of("C")),
        questions: &[&["get", "A@1"], &["get", "A"], &["get", "B"], &["get", "C"]],
        kept: &["B"],
        done: Some("imported into `dev`"),
        ..Story::of(Sandbox::with_secrets(&["A", "B"]), strace)
    };
    story.is_whole_or_not_there(every_fault);
}

#[test]
fn env_copy_is_done_or_not() {
    let Some(strace) = tool("strace") else { return };
    let sandbox = Sandbox::with_secrets(&["A", "B"]);
    sandbox.run(&["env", "create", "prod"]).succeeds();
    let story = Story {
        command: &["env", "copy", "dev", "prod", "--yes"],
        questions: &[&["get", "A"], &["list", "-q", "--env", "prod"]],
        kept: &["A"],
        ..Story::of(sandbox, strace)
    };
    story.is_whole_or_not_there(every_fault);
}

#[test]
fn shell_allow_is_done_or_not() {
    let Some(strace) = tool("strace") else { return };
    let story = Story {
        command: &["shell", "allow"],
        questions: &[&["get", "A"], &["--no-input", "shell", "env", "bash"]],
        kept: &["A"],
        again: Some(&["shell", "allow"]),
        ..Story::of(Sandbox::with_secrets(&["A"]), strace)
    };
    story.is_whole_or_not_there(every_fault);
}

#[test]
fn a_plaintext_goes_once_its_secrets_are_in_the_vault() {
    let Some(strace) = tool("strace") else { return };
    const PLAINTEXT: &str = "C=not the canary: it is looked for in every file\n";
    let mut sandbox = Sandbox::with_secrets(&["A"]);
    sandbox.write(".env", PLAINTEXT);
    let story = Story {
        command: &["import", ".env", "--shred", "--yes"],
        questions: &[&["get", "A"], &["get", "C"]],
        kept: &["A"],
        done: Some("imported into `dev`"),
        holds: &|sandbox| {
            let file = fs::read_to_string(sandbox.project().join(".env"));
            file.is_ok_and(|file| file == PLAINTEXT) || sandbox.run(&["get", "C"]).code == Some(0)
        },
        // Without git, of which the next one tells.
        follows: false,
        ..Story::of(sandbox.variable("PATH", "/nowhere"), strace)
    };
    story.is_whole_or_not_there(every_fault);
}

#[test]
fn a_gitignore_is_the_old_one_or_the_new_one() {
    let (Some(strace), Some(_)) = (tool("strace"), tool("git")) else {
        return;
    };
    let mut sandbox = Sandbox::with_secrets(&["A"]);
    sandbox.write(".env", "C=not the canary\n");
    sandbox.write(".gitignore", "*.log\n");
    let mut git = sandbox.other("git");
    sandbox
        .finish(git.args(["init", "--quiet", "--template="]))
        .succeeds();
    let story = Story {
        command: &["import", ".env"],
        questions: &[&["get", "A"], &["get", "C"]],
        kept: &["A"],
        again: Some(&["import", ".env"]),
        done: Some("imported into `dev`"),
        holds: &|sandbox| {
            let text = read_to_string(&sandbox.project().join(".gitignore"));
            ["*.log\n", "*.log\n/.env\n"].contains(&text.as_str())
        },
        // What happens to git is its own affair.
        follows: false,
        ..Story::of(sandbox, strace)
    };
    story.is_whole_or_not_there(|call, _| call.changes);
}

#[cfg(target_os = "linux")]
#[test]
fn a_new_passphrase_is_there_or_not() {
    let Some(strace) = tool("strace") else { return };
    let mut sandbox = Sandbox::with_secrets(&["A"]);
    let passphrase = sandbox.write("passphrase", "a made-up passphrase\n");
    let story = Story {
        command: &["identity", "--new-passphrase"],
        // Says that there is none, until there is one.
        questions: &[&["doctor", "-q"], &["get", "A"]],
        kept: &["A"],
        again: Some(&["identity", "--no-passphrase"]),
        ..Story::of(
            sandbox.variable("KEYVAULT_PASSPHRASE_FILE", passphrase),
            strace,
        )
    };
    // Each takes seconds, as passphrases should.
    story.is_whole_or_not_there(|call, fault| {
        let writes = call.changes && !call.is_news();
        writes && (fault == Fault::Killed || (call.name == "write" && fault == FULL))
    });
}

#[test]
fn get_gives_the_right_value_or_none() {
    get_is_logged_or_not(Sandbox::with_secrets(&["A"]), |value, line, got| {
        let warned = got.stderr.contains("the audit log is not complete");
        !value || line || warned
    });
}

#[test]
fn where_a_line_is_required_get_gives_a_value_with_it_or_none() {
    let sandbox = Sandbox::with_secrets(&["A"]).variable("KEYVAULT_AUDIT", "required");
    get_is_logged_or_not(sandbox, |value, line, _| !value || line);
}

/// Disturbs `get`, and looks at whether there was a value and a line in the log.
fn get_is_logged_or_not(sandbox: Sandbox, is_right: impl Fn(bool, bool, &Transcript) -> bool) {
    let Some(strace) = tool("strace") else { return };
    // The first time a pin is written too.
    fs::remove_dir_all(sandbox.pins()).expect("removed");
    let story = Story {
        command: &["get", "A"],
        questions: &[],
        kept: &[],
        ..Story::of(sandbox, strace)
    };
    let tree = story.sandbox.whole_snapshot();
    let before = audit::lines(&story.sandbox).len();
    let (undisturbed, trace) = story.run(None);
    assert_eq!(undisturbed.succeeds().text(), value_of("A"));

    for call in &Call::all(&trace) {
        for fault in call.faults() {
            story.put_back(&tree);
            let injection = Injection {
                call,
                fault: *fault,
            };
            let (got, _) = story.run(Some(&injection));
            match got.code {
                Some(0) => assert_eq!(got.text(), value_of("A"), "{injection}\n{got}"),
                _ => assert!(
                    got.stdout.is_empty() || call.name == "write",
                    "{injection}\n{got}"
                ),
            }
            assert!(!got.stderr.contains("panicked"), "{injection}\n{got}");
            let line = audit::lines(&story.sandbox).len() > before;
            assert!(
                is_right(!got.stdout.is_empty(), line, &got),
                "{injection}\n{got}"
            );
            let again = story.sandbox.run(&["get", "A"]);
            assert_eq!(again.text(), value_of("A"), "{injection}\n{again}");
            story.log_is_whole(&injection);
        }
    }
}

#[test]
fn a_program_gets_its_whole_file_or_is_not_started() {
    let Some(strace) = tool("strace") else { return };
    let memory = tempfile::TempDir::new_in("/dev/shm").expect("a folder");
    let place = memory.path().to_string_lossy().into_owned();
    let sandbox = Sandbox::with_secrets(&["A"]).variable("XDG_RUNTIME_DIR", &place);
    let story = Story {
        command: &["exec", "--file", "A", "--", "sh", "-c", "cat $A_FILE"],
        // What the program itself calls is its own affair.
        follows: false,
        ..Story::of(sandbox, strace)
    };
    let (undisturbed, trace) = story.run(None);
    assert_eq!(undisturbed.succeeds().text(), value_of("A"));
    let calls = Call::all(&trace);
    // From where the place is looked for, as far as strace can tell.
    let first = calls.iter().position(|call| call.line.contains(&place));
    for call in &calls[first.unwrap_or(0)..] {
        for fault in call.faults() {
            let injection = Injection {
                call,
                fault: *fault,
            };
            let (got, _) = story.run(Some(&injection));
            let printed = String::from_utf8_lossy(&got.stdout).into_owned();
            let is_whole = printed == value_of("A");
            assert!(is_whole || printed.is_empty(), "{injection}\n{got}");
            match got.code {
                Some(0) => assert!(is_whole, "{injection}\n{got}"),
                // 126 where the program could not be looked for.
                Some(code) => assert!([125, 126].contains(&code), "{injection}\n{got}"),
                None => assert_eq!(got.signal, Some(9), "{injection}\n{got}"),
            }
            assert!(!got.stderr.contains("defect"), "{injection}\n{got}");

            let next = story.sandbox.run(&["exec", "--file", "A", "--", "true"]);
            assert_eq!(next.code, Some(0), "{injection}\nand then\n{next}");
            let left = fs::read_dir(&place).expect("listed").count();
            assert_eq!(left, 0, "{injection}\nand the next run");
        }
    }
}

#[test]
fn where_no_thread_is_to_be_had_a_large_vault_opens() {
    let Some(strace) = tool("strace") else { return };
    let sandbox = Sandbox::with_secrets(&["A"]);
    // From half a MiB on, the work is shared by two.
    sandbox.add("LARGE", &"x".repeat(1 << 20));
    let trace = sandbox.root().join("trace");
    let mut get = sandbox.other(strace);
    get.args(["-q", "-f", "-o", text(&trace), "-e", "trace=?clone,?clone3"]);
    get.args(["-e", "inject=?clone,?clone3:error=EAGAIN"]);
    get.args([KEYVAULT, "get", "A"]);

    let got = sandbox.finish(&mut get).succeeds();

    assert_eq!(got.text(), value_of("A"));
    let injected = read_to_string(&trace).contains("(INJECTED)");
    assert!(injected, "it did not come to pass");
}

/// Finds `strace` for what looks at the names and texts that calls are given. The
/// program closes its memory to others, so only for root does strace see them.
pub fn strace_that_sees_names() -> Option<PathBuf> {
    if !geteuid().is_root() {
        skip("only root sees what another process names");
        return None;
    }
    tool("strace")
}

/// Runs a command that is told nothing about a file, by whatever name it asks.
fn run_blind(sandbox: &Sandbox, strace: &Path, file: &Path, arguments: &[&str]) -> Transcript {
    const ASKING: &str = "?stat,?lstat,?newfstatat,?statx";
    let trace = sandbox.root().join("trace");
    let name = file.file_name().expect("a name").to_string_lossy();
    let mut strace = sandbox.other(strace);
    strace.args([
        "-q",
        "-f",
        "-o",
        text(&trace),
        "-P",
        text(file),
        "-P",
        &name,
    ]);
    strace.args(["-e", &format!("trace={ASKING}")]);
    strace.args(["-e", &format!("inject={ASKING}:error=EIO")]);
    strace.arg(KEYVAULT).args(arguments);
    let transcript = sandbox.finish(&mut strace);
    let injected = read_to_string(&trace).contains("(INJECTED)");
    assert!(injected, "it did not come to pass\n{transcript}");
    transcript
}

/// With a value that is not the canary, because it is to be in the file.
#[test]
fn a_file_that_is_rendered_is_the_old_one_or_the_new_one() {
    let Some(strace) = tool("strace") else { return };
    let mut sandbox = Sandbox::new();
    sandbox.add("A", "made up");
    sandbox.write("app.tpl", "new: {{ A }}\n");
    let file = sandbox.write("app.yml", "old\n");
    fs::set_permissions(file, Permissions::from_mode(0o600)).expect("set");
    let command = &["render", "app.tpl", "-o", "app.yml"];
    let story = Story {
        command,
        questions: &[&["render", "app.yml"]],
        again: Some(command),
        follows: false,
        ..Story::of(sandbox, strace)
    };
    story.is_whole_or_not_there(|call, _| call.changes);
}

#[test]
fn init_does_not_replace_an_identity_that_it_cannot_see() {
    let Some(strace) = strace_that_sees_names() else {
        return;
    };
    let sandbox = Sandbox::new();
    fs::remove_dir_all(sandbox.vault()).expect("removed");
    let identity = fs::read(sandbox.identity()).expect("read");

    let arguments = ["init", "--no-passphrase"];
    let refusal = run_blind(&sandbox, &strace, &sandbox.identity(), &arguments);

    let kept = fs::read(sandbox.identity()).expect("read") == identity;
    assert!(kept, "the identity is lost\n{refusal}");
    assert_ne!(refusal.code, Some(0), "{refusal}");
}

#[test]
fn env_create_does_not_replace_an_environment_that_it_cannot_see() {
    let Some(strace) = strace_that_sees_names() else {
        return;
    };
    let sandbox = Sandbox::with_secrets(&["A"]);
    sandbox.run(&["env", "create", "prod"]).succeeds();
    let prod = sandbox.vault().join("prod.age");
    let whole = fs::read(&prod).expect("read");

    let refusal = run_blind(&sandbox, &strace, &prod, &["env", "create", "prod"]);

    let kept = fs::read(&prod).expect("read") == whole;
    assert!(kept, "the environment is lost\n{refusal}");
    assert_ne!(refusal.code, Some(0), "{refusal}");
}

#[test]
fn a_vault_that_cannot_be_seen_is_not_passed_over_for_another() {
    let Some(strace) = strace_that_sees_names() else {
        return;
    };
    let sandbox = Sandbox::with_secrets(&["A"]);
    sandbox.run(&["init", "--personal"]).succeeds();
    let mut add = sandbox.command(&["add", "A"]);
    sandbox
        .finish_with_stdin(
            add.current_dir(sandbox.home()),
            format!("personal {CANARY}"),
        )
        .succeeds();

    let refusal = run_blind(&sandbox, &strace, &sandbox.vault(), &["get", "A"]);

    assert_ne!(refusal.code, Some(0), "{refusal}");
    assert_eq!(refusal.text(), "", "{refusal}");
}
