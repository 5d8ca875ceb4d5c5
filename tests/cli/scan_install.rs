//! `keyvault scan install`: beside what runs there already, and gone without a trace.
//! What other tools write is imitated as far as hooks are concerned.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use insta::assert_snapshot;
use serde_json::json;

use crate::sandbox::{Sandbox, Transcript, read_to_string, tool};

/// Stands for keyvault in hooks: notes how it was called and what was piped in, and
/// refuses where there is a file `leak` in the work tree.
const STAND_IN: &str = "#!/bin/sh
echo \"keyvault $*\" >> \"$HOME/log\"
[ \"$2\" = --push ] && sed 's/^/  /' >> \"$HOME/log\"
if [ -e \"$(git rev-parse --show-toplevel)/leak\" ]; then echo 'found a key' >&2; exit 8; fi
";

/// A script of somebody's own, which notes that it ran and refuses where there is a file
/// `ugly`.
const THEIRS: &str = "#!/bin/sh
echo \"theirs $#\" >> \"$HOME/log\"
[ ! -e ugly ] || exit 3
exit 0
";

/// A project in a repository with one commit, if there is git.
fn project() -> Option<Sandbox> {
    tool("git")?;
    let sandbox = Sandbox::empty();
    fs::create_dir(sandbox.root().join("bin")).expect("made");
    script(&sandbox.root().join("bin/keyvault"), STAND_IN);
    git(
        &sandbox,
        &["init", "--quiet", "--template=", "--initial-branch=main"],
    )
    .succeeds();
    commit(&sandbox).succeeds();
    Some(sandbox)
}

fn script(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    fs::write(path, text).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("changed");
}

/// The folders of programs, without any keyvault but, on demand, the stand-in.
fn programs(sandbox: &Sandbox, with_keyvault: bool) -> OsString {
    let path = std::env::var_os("PATH").expect("set");
    let folders = std::env::split_paths(&path);
    let folders = folders.filter(|folder| !folder.join("keyvault").exists());
    let stand_in = with_keyvault.then(|| sandbox.root().join("bin"));
    std::env::join_paths(stand_in.into_iter().chain(folders)).expect("a path")
}

fn git_in(sandbox: &Sandbox, folder: &Path, with_keyvault: bool, arguments: &[&str]) -> Transcript {
    let mut git = sandbox.other("git");
    git.args(["-c", "user.name=a", "-c", "user.email=a@example.org"]);
    git.args(["-c", "advice.ignoredHook=true"]);
    git.env("PATH", programs(sandbox, with_keyvault));
    sandbox.finish(git.current_dir(folder).args(arguments))
}

fn git(sandbox: &Sandbox, arguments: &[&str]) -> Transcript {
    git_in(sandbox, &sandbox.project(), true, arguments)
}

const COMMIT: [&str; 5] = [
    "commit",
    "--quiet",
    "--allow-empty",
    "--message=x",
    "--no-edit",
];

fn commit(sandbox: &Sandbox) -> Transcript {
    git(sandbox, &COMMIT[..4])
}

/// Takes what the hooks noted, in one line.
fn log(sandbox: &Sandbox) -> String {
    let path = sandbox.home().join("log");
    let log = fs::read_to_string(&path).unwrap_or_default();
    let _ = fs::remove_file(path);
    log.lines().collect::<Vec<_>>().join(", ")
}

fn hook(sandbox: &Sandbox, name: &str) -> PathBuf {
    sandbox.project().join(".git/hooks").join(name)
}

/// Makes sure that both can refuse a commit, and that it passes where neither does.
#[track_caller]
fn both_refuse(sandbox: &Sandbox) {
    let ran = "keyvault scan --staged, theirs 0";
    commit(sandbox).succeeds();
    assert_eq!(log(sandbox), ran);
    let put = |name: &str| fs::write(sandbox.project().join(name), "").expect("written");
    let take = |name: &str| fs::remove_file(sandbox.project().join(name)).expect("removed");
    put("leak");
    assert_ne!(commit(sandbox).says("found a key").code, Some(0));
    assert_eq!(log(sandbox), "keyvault scan --staged");
    take("leak");
    put("ugly");
    assert_ne!(commit(sandbox).code, Some(0));
    assert_eq!(log(sandbox), ran);
    take("ugly");
}

/// Makes sure that what is installed is taken away again, byte for byte.
#[track_caller]
fn leaves_nothing(sandbox: &Sandbox, install: &[&str]) {
    let files = || {
        let mut files = sandbox.snapshot();
        files.retain(|path, _| path.starts_with(sandbox.project()) && path.is_file());
        files
    };
    let before = files();
    sandbox.run(install).succeeds();
    let with = files();
    assert!(with != before, "nothing was installed");
    sandbox.run(install).succeeds();
    assert!(files() == with, "it was installed twice");
    sandbox.run(&["scan", "install", "--uninstall"]).succeeds();
    assert!(files() == before, "something was left behind");
}

const INSTALL: [&str; 2] = ["scan", "install"];
const INSTALL_BOTH: [&str; 3] = ["scan", "install", "--pre-push"];
const UNINSTALL: [&str; 3] = ["scan", "install", "--uninstall"];

#[test]
fn a_commit_with_a_key_is_refused_and_without_it_passes() {
    let Some(sandbox) = project() else { return };
    assert_snapshot!(sandbox.run(&INSTALL), @"
    --- stderr ---
    `.git/hooks/pre-commit` has each commit scanned for leaked keys
    [exit 0]
    ");
    let mode = fs::metadata(hook(&sandbox, "pre-commit")).expect("there");
    assert_eq!(mode.permissions().mode() & 0o777, 0o755);
    commit(&sandbox).succeeds();
    assert_eq!(log(&sandbox), "keyvault scan --staged");
    fs::write(sandbox.project().join("leak"), "").expect("written");
    assert_ne!(commit(&sandbox).says("found a key").code, Some(0));
    log(&sandbox);

    assert_snapshot!(sandbox.run(&INSTALL), @"
    --- stderr ---
    `.git/hooks/pre-commit` has each commit scanned for leaked keys already
    [exit 0]
    ");
    assert_snapshot!(sandbox.run(&UNINSTALL), @"
    --- stderr ---
    took keyvault out of `.git/hooks/pre-commit`
    [exit 0]
    ");
    assert_snapshot!(sandbox.run(&UNINSTALL), @"
    --- stderr ---
    no hook here has keyvault in it
    [exit 0]
    ");
    commit(&sandbox).succeeds();
    assert_eq!(log(&sandbox), "");
    leaves_nothing(&sandbox, &INSTALL_BOTH);
}

#[test]
fn a_commit_that_merges_is_scanned() {
    let Some(sandbox) = project() else { return };
    let write = |text: &str| {
        fs::write(sandbox.project().join("a"), text).expect("written");
        git(&sandbox, &["add", "a"]).succeeds();
        commit(&sandbox).succeeds();
    };
    git(&sandbox, &["checkout", "--quiet", "-b", "other"]).succeeds();
    write("one\n");
    git(&sandbox, &["checkout", "--quiet", "main"]).succeeds();
    write("two\n");
    sandbox.run(&INSTALL).succeeds();
    assert_ne!(git(&sandbox, &["merge", "--quiet", "other"]).code, Some(0));
    fs::write(sandbox.project().join("a"), "both\n").expect("written");
    git(&sandbox, &["add", "a"]).succeeds();

    fs::write(sandbox.project().join("leak"), "").expect("written");
    let merge = ["commit", "--quiet", "--no-edit"];
    assert_ne!(git(&sandbox, &merge).says("found a key").code, Some(0));
    fs::remove_file(sandbox.project().join("leak")).expect("removed");
    git(&sandbox, &merge).succeeds();
    assert_eq!(
        log(&sandbox),
        "keyvault scan --staged, keyvault scan --staged"
    );
}

#[test]
fn programs_are_told_what_became_of_each_hook() {
    let Some(sandbox) = project() else { return };
    let entry = |hook: &str, change: &str| json!({ "hook": hook, "path": format!(".git/hooks/{hook}"), "change": change });
    let hooks = |arguments: &[&str]| {
        let arguments = [arguments, &["--json"]].concat();
        sandbox.run(&arguments).succeeds().says_nothing().json()["hooks"].clone()
    };
    assert_eq!(hooks(&INSTALL), json!([entry("pre-commit", "added")]));
    let both = json!([entry("pre-commit", "unchanged"), entry("pre-push", "added")]);
    assert_eq!(hooks(&INSTALL_BOTH), both);
    let gone = json!([entry("pre-commit", "removed"), entry("pre-push", "removed")]);
    assert_eq!(hooks(&UNINSTALL), gone);
    assert_eq!(hooks(&UNINSTALL), json!([]));
    sandbox
        .run(&["scan", "install", "-q"])
        .succeeds()
        .says_nothing();
    let older = "#!/bin/sh\n# >>> keyvault: older\nkeyvault scan\n# <<< keyvault\n";
    script(&hook(&sandbox, "pre-commit"), older);
    assert_eq!(hooks(&INSTALL), json!([entry("pre-commit", "renewed")]));
}

// Others

#[test]
fn a_hook_of_somebody_s_own_runs_too() {
    let Some(sandbox) = project() else { return };
    for theirs in [
        THEIRS.to_owned(),
        // Without a line that names the shell, git hands it to one.
        THEIRS.replace("#!/bin/sh\n", ""),
        THEIRS.replace("#!/bin/sh", "#!/usr/bin/env -S sh -eu"),
    ] {
        script(&hook(&sandbox, "pre-commit"), &theirs);
        sandbox.run(&INSTALL).succeeds();
        both_refuse(&sandbox);
        sandbox.run(&UNINSTALL).succeeds();
        assert_eq!(read_to_string(&hook(&sandbox, "pre-commit")), theirs);
        leaves_nothing(&sandbox, &INSTALL);
    }
}

#[test]
fn what_is_pushed_is_told_to_both() {
    let Some(sandbox) = project() else { return };
    let remote = sandbox.root().join("remote");
    let remote = remote.to_str().expect("a text");
    git(
        &sandbox,
        &["init", "--quiet", "--bare", "--template=", remote],
    )
    .succeeds();
    let theirs =
        "#!/bin/sh\nwhile read -r a b c d; do echo \"theirs $1 $a $c\" >> \"$HOME/log\"; done\n";
    script(&hook(&sandbox, "pre-push"), theirs);
    sandbox.run(&INSTALL_BOTH).succeeds();

    let push = ["push", "--quiet", remote, "main", "main:other"];
    git(&sandbox, &push).succeeds();
    let said = log(&sandbox);
    let lines: Vec<&str> = said.split(", ").collect();
    let [command, main, other, rest @ ..] = lines.as_slice() else {
        panic!("{said}");
    };
    assert_eq!(*command, format!("keyvault scan --push {remote}"));
    assert!(main.starts_with("  refs/heads/main ") && main.contains(" refs/heads/main 000"));
    assert!(other.contains(" refs/heads/other 000"), "{other}");
    let theirs =
        ["main", "other"].map(|to| format!("theirs {remote} refs/heads/main refs/heads/{to}"));
    assert_eq!(rest, theirs);
    // Where nothing is sent, nothing is scanned, and theirs hears of nothing.
    git(&sandbox, &push).succeeds();
    assert_eq!(log(&sandbox), "");

    commit(&sandbox).succeeds();
    log(&sandbox);
    fs::write(sandbox.project().join("leak"), "").expect("written");
    assert_ne!(git(&sandbox, &push).says("found a key").code, Some(0));
    assert!(!log(&sandbox).contains("theirs"));
    sandbox.run(&UNINSTALL).succeeds();
    leaves_nothing(&sandbox, &INSTALL_BOTH);
}

#[test]
fn with_husky_it_stands_in_the_project_s_own_file() {
    let Some(sandbox) = project() else { return };
    let husky = sandbox.project().join(".husky");
    // husky 9: what git runs hands on to the file of the same name above.
    let runner = "name=$(basename \"$0\")\nfile=$(dirname \"$(dirname \"$0\")\")/$name\n[ ! -f \"$file\" ] || sh -e \"$file\" \"$@\"\n";
    fs::create_dir_all(husky.join("_")).expect("made");
    fs::write(husky.join("_/h"), runner).expect("written");
    fs::write(husky.join("_/.gitignore"), "*").expect("written");
    let stub = "#!/usr/bin/env sh\n. \"$(dirname \"$0\")/h\"";
    for name in ["pre-commit", "pre-push"] {
        script(&husky.join("_").join(name), stub);
    }
    git(&sandbox, &["config", "core.hooksPath", ".husky/_"]).succeeds();
    leaves_nothing(&sandbox, &INSTALL_BOTH);
    fs::write(husky.join("pre-commit"), THEIRS).expect("written");

    assert_snapshot!(sandbox.run(&INSTALL), @"
    --- stderr ---
    `.husky/pre-commit` has each commit scanned for leaked keys
    keyvault: note: commit what changed in `.husky`, and it is checked for everybody; who has no keyvault is told, and can commit
    [exit 0]
    ");
    both_refuse(&sandbox);
    assert_eq!(read_to_string(&husky.join("_/pre-commit")), stub);
    // A colleague may have none, and `npm install` in a folder below changes nothing.
    let without = git_in(&sandbox, &sandbox.project(), false, &COMMIT[..4]);
    assert_snapshot!(without.succeeds(), @"
    --- stderr ---
    keyvault: warning: this commit was not scanned for leaked keys: there is no `keyvault` on the PATH
    [exit 0]
    ");
    fs::create_dir(sandbox.project().join("below")).expect("made");
    let mut below = sandbox.command(&INSTALL);
    below.current_dir(sandbox.project().join("below"));
    sandbox
        .finish(&mut below)
        .succeeds()
        .says(".husky/pre-commit` has each commit scanned for leaked keys already");
    sandbox.run(&UNINSTALL).succeeds();
    leaves_nothing(&sandbox, &INSTALL);
}

#[test]
fn where_husky_is_yet_to_be_set_up_that_is_told() {
    let Some(sandbox) = project() else { return };
    fs::create_dir(sandbox.project().join(".husky")).expect("made");
    sandbox
        .run(&INSTALL)
        .succeeds()
        .says("husky is not set up in this clone");
}

#[test]
fn with_pre_commit_it_is_what_that_runs_first() {
    let Some(sandbox) = project() else { return };
    // It is known by its second line, and runs `pre-commit.legacy`.
    let generated = format!(
        "#!/usr/bin/env bash\n# File generated by pre-commit: https://pre-commit.com\nif [ -x \"$0.legacy\" ]; then \"$0.legacy\" \"$@\" || exit 1; fi\n{}",
        THEIRS.replace("#!/bin/sh\n", "")
    );
    let path = hook(&sandbox, "pre-commit");
    script(&path, &generated);
    assert_snapshot!(sandbox.run(&INSTALL), @"
    --- stderr ---
    `.git/hooks/pre-commit.legacy` has each commit scanned for leaked keys
    [exit 0]
    ");
    both_refuse(&sandbox);
    // It writes its own anew.
    script(&path, &generated);
    both_refuse(&sandbox);
    sandbox.run(&UNINSTALL).succeeds();
    leaves_nothing(&sandbox, &INSTALL);

    // It comes after us, and moves ours away.
    fs::remove_file(&path).expect("removed");
    sandbox.run(&INSTALL).succeeds();
    fs::rename(&path, hook(&sandbox, "pre-commit.legacy")).expect("moved");
    script(&path, &generated);
    both_refuse(&sandbox);
    sandbox.run(&INSTALL).succeeds().says("already");
    sandbox.run(&UNINSTALL).succeeds();
    assert!(!hook(&sandbox, "pre-commit.legacy").exists());
    assert_eq!(read_to_string(&path), generated);
}

#[test]
fn for_lefthook_it_is_said_what_to_add() {
    let Some(sandbox) = project() else { return };
    let config = sandbox.project().join("lefthook.yml");
    fs::write(
        &config,
        "pre-commit:\n  commands:\n    lint:\n      run: x\n",
    )
    .expect("written");

    assert_snapshot!(sandbox.refused(&INSTALL), @"
    --- stderr ---
    keyvault: error: nothing is added to `[sandbox]/project/lefthook.yml`: lefthook writes the hooks here, and moves others away
    keyvault: hint: nothing was changed; add this to `lefthook.yml`, and run `lefthook install`
      pre-commit:
        commands:
          keyvault:
            run: keyvault scan --staged
    [exit 7]
    ");
    sandbox.refused(&INSTALL_BOTH).exits(7);
    let added = "pre-commit:\n  commands:\n    keyvault:\n      run: keyvault scan --staged\n";
    fs::write(&config, added).expect("written");
    assert_snapshot!(sandbox.run(&INSTALL), @"
    --- stderr ---
    `lefthook.yml` has each commit scanned for leaked keys already
    [exit 0]
    ");
    assert_snapshot!(sandbox.refused(&INSTALL_BOTH), @"
    --- stderr ---
    keyvault: error: nothing is added to `[sandbox]/project/lefthook.yml`: lefthook writes the hooks here, and moves others away
    keyvault: hint: nothing was changed; add this to `lefthook.yml`, and run `lefthook install`
      pre-push:
        commands:
          keyvault:
            run: keyvault scan --push
            use_stdin: true
    [exit 7]
    ");
    assert_snapshot!(sandbox.run(&UNINSTALL), @"
    --- stderr ---
    no hook here has keyvault in it
    keyvault: note: `lefthook.yml` runs `keyvault scan --staged` as somebody wrote it there, and was left as it is
    [exit 0]
    ");
    assert_eq!(read_to_string(&config), added);

    fs::remove_file(&config).expect("removed");
    script(
        &hook(&sandbox, "pre-commit"),
        "#!/bin/sh\n\nif [ \"$LEFTHOOK_VERBOSE\" = \"1\" ]; then\n  set -x\nfi\n",
    );
    sandbox
        .refused(&INSTALL)
        .exits(7)
        .says("lefthook writes the hooks here");
    // It came after us, and moved ours away.
    fs::remove_file(hook(&sandbox, "pre-commit")).expect("removed");
    sandbox.run(&INSTALL).succeeds();
    let moved = hook(&sandbox, "pre-commit.old");
    fs::rename(hook(&sandbox, "pre-commit"), &moved).expect("moved");
    sandbox.run(&UNINSTALL).succeeds().says("pre-commit.old");
    assert!(!moved.exists());
}

#[test]
fn for_simple_git_hooks_it_is_said_what_to_add() {
    let Some(sandbox) = project() else { return };
    let path = hook(&sandbox, "pre-commit");
    let head = "#!/bin/sh\n\nif [ \"$SKIP_SIMPLE_GIT_HOOKS\" = \"1\" ]; then\n    exit 0\nfi\n\n";
    script(&path, &format!("{head}npx lint-staged"));
    assert_snapshot!(sandbox.refused(&INSTALL), @"
    --- stderr ---
    keyvault: error: nothing is added to `[sandbox]/project/.git/hooks/pre-commit`: simple-git-hooks writes it anew
    keyvault: hint: nothing was changed; put `keyvault scan --staged && ` before what `simple-git-hooks` in `package.json` has for `pre-commit`, and run `npx simple-git-hooks`
    [exit 7]
    ");
    script(
        &path,
        &format!("{head}keyvault scan --staged && npx lint-staged"),
    );
    sandbox.run(&INSTALL).succeeds().says("already");
}

// Where hooks are

#[test]
fn all_work_trees_of_a_clone_have_it() {
    let Some(sandbox) = project() else { return };
    let tree = sandbox.root().join("tree");
    let path = tree.to_str().expect("a text");
    git(&sandbox, &["worktree", "add", "--quiet", path, "-b", "b"]).succeeds();
    let mut install = sandbox.command(&INSTALL);
    let run = sandbox.finish(install.current_dir(&tree)).succeeds();
    assert!(hook(&sandbox, "pre-commit").exists(), "{run}");
    for folder in [sandbox.project(), tree] {
        git_in(&sandbox, &folder, true, &COMMIT[..4]).succeeds();
        assert_eq!(log(&sandbox), "keyvault scan --staged");
    }
    sandbox.run(&INSTALL).succeeds().says("already");
}

#[test]
fn where_git_is_told_to_look_for_hooks_it_is_put() {
    let Some(sandbox) = project() else { return };
    git(&sandbox, &["config", "core.hooksPath", ".githooks"]).succeeds();
    assert_snapshot!(sandbox.run(&INSTALL), @"
    --- stderr ---
    `.githooks/pre-commit` has each commit scanned for leaked keys
    keyvault: note: commit what changed in `.githooks`, and it is checked for everybody; who has no keyvault is told, and can commit
    [exit 0]
    ");
    commit(&sandbox).succeeds();
    assert_eq!(log(&sandbox), "keyvault scan --staged");
    git_in(&sandbox, &sandbox.project(), false, &COMMIT[..4])
        .succeeds()
        .says("was not scanned");
    sandbox.run(&UNINSTALL).succeeds();
    leaves_nothing(&sandbox, &INSTALL);

    let outside = sandbox.home().join("hooks");
    git(&sandbox, &["config", "core.hooksPath", "~/hooks"]).succeeds();
    assert_snapshot!(sandbox.run(&INSTALL), @"
    --- stderr ---
    `~/hooks/pre-commit` has each commit scanned for leaked keys
    keyvault: warning: git takes hooks from `~/hooks` (`core.hooksPath`), which may serve other repositories: they are scanned, too, from here on
    [exit 0]
    ");
    assert!(outside.join("pre-commit").exists());
    // What was added before git was told to look elsewhere is found, too.
    git(&sandbox, &["config", "--unset", "core.hooksPath"]).succeeds();
    sandbox.run(&INSTALL).succeeds();
    git(&sandbox, &["config", "core.hooksPath", "~/hooks"]).succeeds();
    sandbox.run(&UNINSTALL).succeeds();
    assert!(!outside.join("pre-commit").exists());
    assert!(!hook(&sandbox, "pre-commit").exists());
}

#[test]
fn without_keyvault_nothing_goes_through_unseen() {
    let Some(sandbox) = project() else { return };
    sandbox.run(&INSTALL).succeeds();
    let without = git_in(&sandbox, &sandbox.project(), false, &COMMIT[..4]);
    assert_snapshot!(without, @"
    --- stderr ---
    keyvault: error: this commit cannot be scanned for leaked keys: there is no `keyvault` on the PATH
    keyvault: hint: put it there, or take its lines out of `.git/hooks/pre-commit`
    [exit 1]
    ");
}

// What is refused

#[test]
fn what_is_no_ordinary_script_is_left_alone() {
    let Some(sandbox) = project() else { return };
    let path = hook(&sandbox, "pre-commit");
    let elsewhere = sandbox.root().join("theirs");
    script(&elsewhere, THEIRS);
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    symlink(&elsewhere, &path).expect("linked");
    assert_snapshot!(sandbox.refused(&INSTALL), @"
    --- stderr ---
    keyvault: error: nothing is added to `[sandbox]/project/.git/hooks/pre-commit`: it is a symbolic link
    keyvault: hint: nothing was changed; have it run `keyvault scan --staged`, and end where that fails
    [exit 7]
    ");
    sandbox.run(&UNINSTALL).succeeds();
    assert_eq!(read_to_string(&elsewhere), THEIRS);
    fs::remove_file(&path).expect("removed");

    script(&path, "#!/usr/bin/env python3\nprint()\n");
    assert_snapshot!(sandbox.refused(&INSTALL), @"
    --- stderr ---
    keyvault: error: nothing is added to `[sandbox]/project/.git/hooks/pre-commit`: it is no script of the shell, but of `/usr/bin/env python3`
    keyvault: hint: nothing was changed; have it run `keyvault scan --staged`, and end where that fails
    [exit 7]
    ");
    fs::write(&path, b"\x7fELF\0\x01").expect("written");
    sandbox.refused(&INSTALL).exits(7).says("it is no text");
    script(&path, "#!/bin/sh\n# >>> keyvault: x\n");
    sandbox.refused(&INSTALL).exits(7).says("and do not end");
    sandbox.refused(&UNINSTALL).exits(7).says("and do not end");

    fs::write(&path, THEIRS).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("changed");
    assert_snapshot!(sandbox.refused(&INSTALL), @"
    --- stderr ---
    keyvault: error: nothing is added to `[sandbox]/project/.git/hooks/pre-commit`: it cannot be executed, and git does not run it
    keyvault: hint: nothing was changed; run `chmod +x [sandbox]/project/.git/hooks/pre-commit` if it is to run, or remove it
    [exit 7]
    ");
    fs::remove_file(&path).expect("removed");

    // Where somebody has git run none.
    git(&sandbox, &["config", "core.hooksPath", "/dev/null"]).succeeds();
    assert_snapshot!(sandbox.refused(&INSTALL), @"
    --- stderr ---
    keyvault: error: nothing is added to `/dev/null`: git is told to look for hooks there, and it is no folder
    keyvault: hint: nothing was changed; run `git config --unset core.hooksPath`, with `--global` if it is for all repositories
    [exit 7]
    ");
    sandbox.run(&UNINSTALL).succeeds();
    git(&sandbox, &["config", "--unset", "core.hooksPath"]).succeeds();

    // Neither hook where one cannot be.
    script(&hook(&sandbox, "pre-push"), "#!/usr/bin/env node\n");
    sandbox.refused(&INSTALL_BOTH).exits(7);
    sandbox.run(&INSTALL).succeeds();
}

#[test]
fn outside_of_a_work_tree_there_is_nothing_to_add_to() {
    if tool("git").is_none() {
        return;
    }
    let sandbox = Sandbox::empty();
    assert_snapshot!(sandbox.refused(&INSTALL), @"
    --- stderr ---
    keyvault: error: git finds no work tree at `[sandbox]/project` or above it
    keyvault: hint: go to the folder of a project, or run `git init` to make this one of git's; where there is one, `git status` says why
    [exit 3]
    ");
    sandbox.refused(&UNINSTALL).exits(3);
    git(&sandbox, &["init", "--quiet", "--bare", "--template=", "."]).succeeds();
    sandbox.refused(&INSTALL).exits(3);
    let mut without = sandbox.command(&INSTALL);
    let run = sandbox.finish(without.env("PATH", sandbox.home()));
    assert_snapshot!(run, @"
    --- stderr ---
    keyvault: error: git does not answer
    keyvault: hint: see whether `git --version` does; git has to be on the PATH
    [exit 1]
    ");
}

#[test]
fn a_line_that_does_not_fit_together_is_refused() {
    let sandbox = Sandbox::empty();
    for line in [
        &["scan", "install", "--pre-push", "--uninstall"][..],
        &["scan", "--staged", "install"],
        &["scan", "--staged", "--push"],
        &["scan", "--history", "main..HEAD", "--staged"],
        &["scan", "--staged", "src"],
        &["scan", "--json", "-f", "sarif"],
        &["scan", "-f", "xml"],
    ] {
        sandbox.refused(line).exits(2);
    }
}
