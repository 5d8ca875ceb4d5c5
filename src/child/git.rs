//! Questions to git, and what it keeps, in a stream.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;

use crate::child::Variables;

/// The longest answer that is taken: a path, several times over.
const ANSWER_MAX: u64 = 64 << 10;

/// How long git may think: in a large history it looks at every commit, and a
/// repository that was made to harm keeps it waiting for ever.
const PATIENCE: Duration = Duration::from_secs(10);

/// What git said, and its exit code.
pub struct Answer {
    /// The exit code.
    pub code: i32,
    /// What it printed, without the last line's end.
    pub text: Vec<u8>,
}

/// Asks git something about a folder, silently; `None` where there is no git, or no
/// answer in ten seconds.
///
/// What the repository's configuration would have run is not: it may be someone
/// else's. Nothing is fetched, nothing is asked for and no index is refreshed.
pub fn ask(
    folder: &Path,
    question: impl IntoIterator<Item = impl AsRef<OsStr>>,
    variables: Variables,
) -> Option<Answer> {
    answer(folder, &SILENCED, question, variables)
}

/// The same with all of the configuration, for questions about it: by which nothing is
/// run.
pub fn ask_as_it_is(
    folder: &Path,
    question: impl IntoIterator<Item = impl AsRef<OsStr>>,
    variables: Variables,
) -> Option<Answer> {
    answer(folder, &[], question, variables)
}

fn answer(
    folder: &Path,
    options: &[&str],
    question: impl IntoIterator<Item = impl AsRef<OsStr>>,
    variables: Variables,
) -> Option<Answer> {
    let mut git = git(folder, options, variables, |_| false);
    git.args(question)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = git.spawn().ok()?;
    let answer = hear(&mut child, PATIENCE);
    if answer.is_none() {
        // It may have ended by itself.
        let _ = child.kill();
    }
    let code = child.wait().ok()?.code()?;
    let mut text = answer?;
    if text.last() == Some(&b'\n') {
        text.pop();
    }
    Some(Answer { code, text })
}

/// What git tells its hooks about the repository, the index and the objects that are meant,
/// which may be others than those of the folder: `git commit -a` has an index of its own.
/// To it belongs what the caller's own command line or environment configures.
const KEPT: [&str; 13] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_CEILING_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_DISCOVERY_ACROSS_FILESYSTEM",
    "GIT_EXEC_PATH",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_QUARANTINE_PATH",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

/// Starts git in a folder, as one of its hooks would: with the repository that the
/// variables name, if they do. It is told by its stdin, and tells by stdout and stderr.
///
/// As with [`ask`], nothing is run, fetched or asked for. What it prints is for programs:
/// in English, and of the objects that there are, not of those that replace them.
///
/// # Errors
///
/// Where git cannot be started.
pub fn start(
    folder: &Path,
    arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
    variables: Variables,
) -> io::Result<Child> {
    let is_kept = |name: &OsStr| {
        let is_setting = name.as_encoded_bytes().starts_with(b"GIT_CONFIG");
        is_setting || KEPT.iter().any(|kept| name == *kept)
    };
    let mut git = git(folder, &SILENCED, variables, is_kept);
    git.args(["--no-pager", "--no-replace-objects"])
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    git.spawn()
}

/// What keeps git from running what the configuration names.
const SILENCED: [&str; 4] = [
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.hooksPath=/dev/null",
];

/// Begins a command of git with the variables that a question has, and with those of git's
/// own that are kept.
fn git(
    folder: &Path,
    options: &[&str],
    variables: Variables,
    is_kept: impl Fn(&OsStr) -> bool,
) -> Command {
    let is_git = |name: &OsStr| name.as_encoded_bytes().starts_with(b"GIT_");
    let variables = variables.into_iter();
    let variables = variables.filter(|(name, _)| !is_git(name) || is_kept(name));
    // To fetch what is missing could run what the configuration names. The first is known
    // since git 2.45; the second allows no way to another repository.
    let ours = [("GIT_NO_LAZY_FETCH", "1"), ("GIT_ALLOW_PROTOCOL", "")];
    let ours = ours.map(|(name, value)| (name.into(), value.into()));
    let quiet = ["GIT_OPTIONAL_LOCKS", "GIT_TERMINAL_PROMPT"].map(|name| (name.into(), "0".into()));
    let variables: Vec<(OsString, OsString)> = variables.chain(ours).chain(quiet).collect();
    let mut git = Command::new("git");
    git.arg("-C")
        .arg(folder)
        .args(options)
        .env_clear()
        .envs(variables);
    git
}

/// Reads what is printed to its end, or to the most that is taken; `None` where that
/// takes too long.
fn hear(child: &mut Child, patience: Duration) -> Option<Vec<u8>> {
    let mut pipe = child.stdout.take()?;
    let mut text = Vec::new();
    let end = Instant::now() + patience;
    let mut piece = [0; 4096];
    while (text.len() as u64) < ANSWER_MAX {
        let left = end.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).ok()?;
        let mut pipes = [PollFd::new(&pipe, PollFlags::IN)];
        match rustix::event::poll(&mut pipes, Some(&left)) {
            Ok(0) => return None,
            Ok(_) => match pipe.read(&mut piece).ok()? {
                0 => break,
                length => text.extend_from_slice(&piece[..length]),
            },
            Err(Errno::INTR) => {}
            Err(_) => return None,
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_says_nothing_is_not_waited_for() {
        let start = |program: &str, argument: &str| {
            let mut command = Command::new(program);
            command.arg(argument).stdout(Stdio::piped());
            command.spawn().expect("started")
        };
        let mut silent = start("sleep", "600");
        assert_eq!(hear(&mut silent, Duration::from_millis(1)), None);
        silent.kill().expect("ended");
        silent.wait().expect("ended");

        let mut speaks = start("echo", "x");
        assert_eq!(hear(&mut speaks, PATIENCE).as_deref(), Some(&b"x\n"[..]));
        speaks.wait().expect("ended");
    }
}
