//! `keyvault scan` of what git keeps: staged files, history, and what is pushed; and the
//! hooks that have it done.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use insta::assert_snapshot;

use crate::sandbox::{Sandbox, Transcript, tool, value_of};
use crate::scan::key;
use crate::terminal::path_with_keyvault;

const FOUND: i32 = 8;

/// A repository without a commit, if there is git.
struct Repository(Sandbox);

impl Repository {
    fn new() -> Option<Self> {
        Self::of(Sandbox::empty())
    }

    fn of(sandbox: Sandbox) -> Option<Self> {
        tool("git")?;
        let repository = Self(sandbox);
        repository.git(&["init", "--quiet", "--template=", "--initial-branch=main"]);
        Some(repository)
    }

    fn try_git_in(&self, folder: &Path, arguments: &[&str]) -> Transcript {
        let mut git = self.0.other("git");
        git.args(["-c", "user.name=a", "-c", "user.email=a@example.org"])
            .args(["-c", "protocol.file.allow=always"])
            .env("PATH", path_with_keyvault())
            .env("GIT_AUTHOR_DATE", "2026-01-02T03:04:05Z")
            .env("GIT_COMMITTER_DATE", "2026-01-02T03:04:05Z");
        self.0.finish(git.current_dir(folder).args(arguments))
    }

    fn try_git(&self, arguments: &[&str]) -> Transcript {
        self.try_git_in(&self.0.project(), arguments)
    }

    #[track_caller]
    fn git(&self, arguments: &[&str]) -> String {
        let ran = self.try_git(arguments).succeeds();
        ran.text().trim_end().to_owned()
    }

    fn put(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.0.project().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }

    fn stage(&self, path: &str, text: impl AsRef<[u8]>) {
        self.put(path, text);
        self.git(&["add", "--force", path]);
    }

    /// Commits a file, and returns how a finding in it is told.
    fn commit(&self, path: &str, text: impl AsRef<[u8]>) -> String {
        self.stage(path, text);
        self.git(&["commit", "--quiet", "--message", "x"]);
        let commit = self.git(&["rev-parse", "HEAD"]);
        format!("{}:{path}:1:1", &commit[..10])
    }

    #[track_caller]
    fn places(&self, arguments: &[&str]) -> Vec<String> {
        self.places_told(arguments, "")
    }

    #[track_caller]
    fn places_told(&self, arguments: &[&str], stdin: &str) -> Vec<String> {
        let arguments = [&["scan", "-q"], arguments].concat();
        let transcript = self.0.run_with_stdin(&arguments, stdin);
        let places: Vec<_> = transcript.text().lines().map(str::to_owned).collect();
        transcript.exits(if places.is_empty() { 0 } else { FOUND });
        places
    }

    fn root(&self, name: &str) -> PathBuf {
        self.0.root().join(name)
    }
}

const STAGED: &[&str] = &["--staged"];
const HISTORY: &[&str] = &["--history"];
const NONE: [&str; 0] = [];

// What is staged

#[test]
fn what_is_staged_counts_and_not_what_lies_there() {
    let Some(repository) = Repository::new() else {
        return;
    };
    // Before the first commit.
    repository.stage("a", format!("{}\n", key()));
    assert_eq!(repository.places(STAGED), ["a:1:1"]);
    repository.put("a", "clean\n");
    assert_eq!(repository.places(STAGED), ["a:1:1"]);
    repository.git(&["commit", "--quiet", "--message", "x"]);
    assert_snapshot!(repository.0.run(&["scan", "--staged"]), @"
    --- stderr ---
    keyvault: warning: nothing was scanned (0 files, 0 bytes)
    [exit 0]
    ");
    // Staged clean, with a key in what is not staged.
    repository.git(&["add", "a"]);
    repository.put("a", key());
    repository.put("untracked", key());
    assert_eq!(repository.places(STAGED), NONE);
    // From a folder below, by the path from the top on, as git tells it.
    repository.stage("below/b", key());
    let mut scan = repository.0.command(&["scan", "--staged", "-q"]);
    let scan = scan.current_dir(repository.0.project().join("below"));
    assert_eq!(repository.0.finish(scan).text(), "below/b:1:1\n");
}

#[test]
fn files_that_hold_secrets_by_their_name_are_not_committed() {
    let Some(repository) = Repository::new() else {
        return;
    };
    repository.stage("apps/web/.env", "A=made-up\n");
    assert_snapshot!(repository.0.run(&["scan", "--staged"]), @"
    --- stdout ---
    PLACE          SEVERITY  WHAT
    apps/web/.env  error     `.env` file with values in plaintext
    --- stderr ---
    keyvault: note: have git ignore it, and run `git rm --cached apps/web/.env` if git has it; `keyvault migrate` takes its values over
    keyvault: note: if it may be there, allow it: an `[[allow]]` with its `path` in `.keyvault-scan.toml`
    keyvault: warning: 1 secret found (scanned 1 file, 10 bytes)
    [exit 8]
    ");
}

#[test]
fn what_is_not_read_of_the_index_is_said() {
    let Some(repository) = Repository::new() else {
        return;
    };
    repository.commit("a", "one\n");
    repository.git(&["checkout", "--quiet", "-b", "other"]);
    repository.commit("a", "two\n");
    repository.git(&["checkout", "--quiet", "main"]);
    repository.commit("a", "three\n");
    repository.try_git(&["merge", "--quiet", "other"]).exits(1);
    let other = repository.root("other");
    fs::create_dir(&other).expect("made");
    repository
        .try_git_in(&other, &["init", "--quiet"])
        .succeeds();
    repository
        .try_git_in(
            &other,
            &["commit", "--quiet", "--allow-empty", "--message", "x"],
        )
        .succeeds();
    let other = other.to_str().expect("a text");
    repository.git(&["submodule", "--quiet", "add", other, "sub"]);
    assert_snapshot!(repository.0.run(&["scan", "--staged"]), @"
    --- stderr ---
    keyvault: note: submodules are repositories of their own, and were not scanned
    keyvault: warning: `a` was not scanned: it is in conflict
    keyvault: note: nothing found (scanned 1 file, 69 bytes; 1 file could not be read)
    [exit 0]
    ");
}

#[test]
fn a_commit_asks_nobody_for_a_passphrase() {
    let Some(mut repository) = Repository::of(Sandbox::locked()) else {
        return;
    };
    let sandbox = &mut repository.0;
    sandbox.write("a", format!("{}\n", value_of("A")));
    repository.stage("b", key());
    assert_snapshot!(repository.0.run(&["scan", "--staged"]), @"
    --- stdout ---
    PLACE  SEVERITY  WHAT          SHOWN                  ID
    b:1:1  error     Groq API key  gsk_… (56 characters)  1273363e90b276be
    --- stderr ---
    keyvault: warning: values of the vault were not looked for: your identity is locked; `keyvault unlock` opens it
    keyvault: note: take it out, and keep it with `keyvault add NAME`; if it was ever committed or sent, revoke it at Groq
    keyvault: note: if it is no secret, run `keyvault scan allow 1273363e90b276be --reason WHY`, or write `keyvault:allow` in a comment on its line
    keyvault: warning: 1 secret found (scanned 1 file, 56 bytes)
    [exit 8]
    ");
}

// History

#[test]
fn history_is_told_by_the_first_commit() {
    let Some(repository) = Repository::new() else {
        return;
    };
    repository.commit("a", "clean\n");
    let first = repository.commit("old/b", key());
    // The same bytes elsewhere, and gone from the tree.
    repository.git(&["mv", "old/b", "c"]);
    repository.git(&["commit", "--quiet", "--message", "x"]);
    repository.git(&["rm", "--quiet", "c"]);
    let message = format!("no {}", key());
    repository.git(&["commit", "--quiet", "--message", &message]);
    let head = repository.git(&["rev-parse", "HEAD"]);
    let message = format!("{} (message):1:4", &head[..10]);
    assert_eq!(repository.places(HISTORY), [first, message.clone()]);
    assert_eq!(repository.places(&["--history", "HEAD~1..HEAD"]), [message]);
    assert_eq!(repository.places(&["--history", "HEAD~3..HEAD~1"]).len(), 1);
    assert_eq!(repository.places(&["."]), NONE);
    let whole = repository.0.run(&["scan", "--history"]).exits(FOUND);
    let whole = whole.says("2 secrets found (scanned 4 commits, 2 files, ");
    assert_eq!(whole.text().lines().count(), 3);
    assert_snapshot!(repository.0.run(&["scan", "--history", "no..where"]), @"
    --- stderr ---
    keyvault: error: git knows no such range of commits
    keyvault: hint: name what `git log` would take, as in `keyvault scan --history main..topic`
    [exit 2]
    ");
    repository.0.run(&["scan", "--history=--all"]).exits(2);
    let json = repository
        .0
        .run(&["scan", "--history", "--json"])
        .exits(FOUND)
        .json();
    assert_eq!(json["findings"][1]["commit"], head);
    assert_eq!(json["scanned"]["commits"], 4);
}

#[test]
fn a_bare_repository_and_a_shallow_one_are_read() {
    let Some(repository) = Repository::new() else {
        return;
    };
    let first = repository.commit("a", key());
    repository.commit("a", "clean\n");
    let (bare, shallow) = (repository.root("bare"), repository.root("shallow"));
    let from = format!("file://{}", repository.0.project().display());
    let clone = |options: &[&str], to: &Path| {
        let line = [
            &["clone", "--quiet"],
            options,
            &[&from, to.to_str().expect("a text")],
        ]
        .concat();
        repository.git(&line);
    };
    clone(&["--bare"], &bare);
    clone(&["--depth=1"], &shallow);
    let scan = |folder: &Path| {
        let mut scan = repository.0.command(&["scan", "--history"]);
        repository.0.finish(scan.current_dir(folder))
    };
    let found = scan(&bare).exits(FOUND);
    assert!(found.text().contains(&first), "{found}");
    assert_snapshot!(scan(&shallow), @"
    --- stderr ---
    keyvault: warning: the repository is a shallow clone: older commits were not scanned
    keyvault: note: nothing found (scanned 1 commit, 1 file, 190 bytes)
    [exit 0]
    ");
}

// A push

#[test]
fn a_push_is_what_its_remote_does_not_have() {
    let Some(repository) = Repository::new() else {
        return;
    };
    let none = "0".repeat(40);
    let first = repository.commit("a", key());
    let old = repository.git(&["rev-parse", "HEAD"]);
    let second = repository.commit("b", [key(), "\n".to_owned()].concat());
    let new = repository.git(&["rev-parse", "HEAD"]);
    let push = |line: &str| repository.places_told(&["--push", "origin"], line);
    let update = |new: &str, old: &str| format!("refs/heads/main {new} refs/heads/main {old}\n");
    assert_eq!(push(&update(&new, &old)), std::slice::from_ref(&second));
    assert_eq!(push(&update(&new, &none)), [first, second]);
    assert_eq!(
        push(&format!("(delete) {none} refs/heads/main {new}\n")),
        NONE
    );
    assert_eq!(push(""), NONE);
    // What nobody here has heard of.
    assert_eq!(push(&update(&new, &"1".repeat(40))).len(), 2);
    let bad = ["scan", "--push", "origin"];
    assert_snapshot!(repository.0.refused_with_stdin(&bad, "--all\n"), @"
    --- stderr ---
    keyvault: error: line 1 of the standard input is not what git tells its `pre-push` hook
    keyvault: hint: let git run it: `keyvault scan install --pre-push`
    [exit 2]
    ");
}

// Hooks

/// A repository with keyvault in its hook.
fn guarded() -> Option<Repository> {
    let repository = Repository::new()?;
    repository
        .0
        .run(&["scan", "install", "--pre-push"])
        .succeeds();
    Some(repository)
}

#[test]
fn a_commit_with_a_key_is_refused_and_without_passes() {
    let Some(repository) = guarded() else { return };
    let commit = ["commit", "--quiet", "--message", "x"];
    repository.stage("a", format!("x {}\n", key()));
    let refused = repository.try_git(&commit);
    assert!(!refused.to_string().contains(&key()[8..]), "{refused}");
    assert_snapshot!(refused, @"
    --- stderr ---
    PLACE  SEVERITY  WHAT          SHOWN                  ID
    a:1:3  error     Groq API key  gsk_… (56 characters)  1273363e90b276be
    keyvault: note: take it out, and keep it with `keyvault add NAME`; if it was ever committed or sent, revoke it at Groq
    keyvault: note: if it is no secret, run `keyvault scan allow 1273363e90b276be --reason WHY`, or write `keyvault:allow` in a comment on its line
    keyvault: warning: 1 secret found (scanned 1 file, 59 bytes)
    [exit 1]
    ");
    assert!(
        repository
            .try_git(&["rev-parse", "--verify", "--quiet", "HEAD"])
            .code
            != Some(0)
    );
    repository.stage("a", "clean\n");
    repository.git(&commit);
    // `-a` has an index of its own, and so has a commit of one path.
    repository.put("a", key());
    let all = ["commit", "--quiet", "--all", "--message", "x"];
    assert_ne!(repository.try_git(&all).says("secret found").code, Some(0));
    let one = ["commit", "--quiet", "--message", "x", "a"];
    assert_ne!(repository.try_git(&one).says("secret found").code, Some(0));
    // What is not in this commit does not hold it up.
    repository.stage("b", "clean\n");
    repository.git(&commit);
    assert_eq!(repository.git(&["rev-list", "--count", "HEAD"]), "2");
}

#[test]
fn a_merge_is_refused_as_well() {
    let Some(repository) = guarded() else { return };
    repository.commit("a", "one\n");
    repository.git(&["checkout", "--quiet", "-b", "other"]);
    repository.commit("a", "two\n");
    repository.git(&["checkout", "--quiet", "main"]);
    repository.commit("a", "three\n");
    repository.try_git(&["merge", "--quiet", "other"]).exits(1);
    let commit = ["commit", "--quiet", "--no-edit"];
    repository.stage("a", key());
    assert_ne!(
        repository.try_git(&commit).says("secret found").code,
        Some(0)
    );
    repository.stage("a", "both\n");
    repository.git(&commit);
    assert_eq!(
        repository.git(&["rev-list", "--count", "--merges", "HEAD"]),
        "1"
    );
}

#[test]
fn a_push_with_a_key_is_refused() {
    let Some(repository) = guarded() else { return };
    let remote = repository.root("remote");
    let remote = remote.to_str().expect("a text");
    repository.git(&["init", "--quiet", "--bare", "--template=", remote]);
    repository.git(&["remote", "add", "origin", remote]);
    repository.commit("a", "clean\n");
    repository.git(&["push", "--quiet", "origin", "main"]);
    repository.stage("a", key());
    repository.git(&["commit", "--quiet", "--no-verify", "--message", "x"]);
    let refused = repository.try_git(&["push", "--quiet", "origin", "main"]);
    assert_ne!(refused.says("1 secret found").code, Some(0));
    repository.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    repository.commit("b", "clean\n");
    repository.git(&["push", "--quiet", "origin", "main"]);
    repository.git(&["push", "--quiet", "origin", ":main"]);
}

#[test]
fn with_husky_a_key_is_refused() {
    let Some(repository) = Repository::new() else {
        return;
    };
    let husky = repository.0.project().join(".husky");
    // As husky 9 lays it out: git runs what is in `_`, which runs the file above it.
    let stub = "#!/usr/bin/env sh\nf=$(dirname \"$(dirname \"$0\")\")/$(basename \"$0\")\n[ ! -f \"$f\" ] || sh -e \"$f\" \"$@\"\n";
    let stub_path = husky.join("_/pre-commit");
    repository.put(".husky/_/pre-commit", stub);
    repository.put(".husky/_/h", "");
    fs::set_permissions(stub_path, fs::Permissions::from_mode(0o755)).expect("changed");
    repository.put(".husky/pre-commit", "echo theirs >&2\n");
    repository.git(&["config", "core.hooksPath", ".husky/_"]);
    repository.0.run(&["scan", "install"]).succeeds();
    let commit = ["commit", "--quiet", "--message", "x"];
    repository.stage("a", key());
    assert_ne!(
        repository.try_git(&commit).says("secret found").code,
        Some(0)
    );
    repository.stage("a", "clean\n");
    repository.try_git(&commit).succeeds().says("theirs");
}

#[test]
fn nothing_that_a_repository_configures_is_run() {
    let Some(repository) = Repository::new() else {
        return;
    };
    repository.commit("a", key());
    repository.stage("b", key());
    let mark = repository.root("ran");
    let run = format!("touch {}", mark.display());
    repository.put(".gitattributes", "* diff=x filter=x\n");
    for (name, value) in [
        ("core.fsmonitor", run.as_str()),
        ("core.pager", &run),
        ("core.editor", &run),
        ("core.sshCommand", &run),
        ("pager.rev-list", &run),
        ("diff.external", &run),
        ("diff.x.command", &run),
        ("diff.x.textconv", &run),
        ("filter.x.clean", &run),
        ("filter.x.smudge", &run),
        ("filter.x.process", &run),
        ("alias.rev-list", &format!("!{run}")),
        ("alias.cat-file", &format!("!{run}")),
    ] {
        repository.git(&["config", name, value]);
    }
    let _ = fs::remove_file(&mark);
    assert_eq!(repository.places(&[]).len(), 2);
    assert_eq!(repository.places(STAGED), ["b:1:1"]);
    assert_eq!(repository.places(HISTORY).len(), 1);
    assert!(!mark.exists(), "the repository had a program run");
}

#[test]
fn another_repository_is_the_one_that_git_names() {
    let Some(repository) = Repository::new() else {
        return;
    };
    repository.commit("a", key());
    let elsewhere = repository.root("elsewhere");
    fs::create_dir(&elsewhere).expect("made");
    let scan = |variables: &[(&str, OsString)]| {
        let mut scan = repository.0.command(&["scan", "--history", "-q"]);
        scan.current_dir(&elsewhere).envs(variables.iter().cloned());
        repository.0.finish(&mut scan)
    };
    let git = repository.0.project().join(".git").into_os_string();
    scan(&[]).exits(3);
    scan(&[("GIT_DIR", git.clone())]).exits(FOUND);
    // No tracing into a file of the caller's, and nothing replaced.
    let trace = repository.root("trace");
    let trace_to = trace.clone().into_os_string();
    scan(&[("GIT_DIR", git), ("GIT_TRACE", trace_to)]).exits(FOUND);
    assert!(!trace.exists());
}
