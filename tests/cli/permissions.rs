//! Who may read what: files and folders are the user's alone whatever the
//! umask, an exposed identity is not used, and what may not be written can
//! still be read.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, lchown};
use std::path::Path;
use std::process::Command;

use insta::assert_snapshot;
use rustix::process::geteuid;

use crate::sandbox::{CANARY, KEYVAULT, Sandbox, Transcript, skip, text, tool, value_of};

/// Whom root becomes, whom no permissions bind.
const SOMEBODY: u32 = 1000;

/// A sandbox whose commands are run by somebody whom permissions bind: by who
/// runs the tests, or by another user if that is root.
pub struct Bound {
    sandbox: Sandbox,
    becoming: Vec<String>,
}

impl Bound {
    pub fn find(sandbox: Sandbox) -> Option<Self> {
        let mut becoming = Vec::new();
        if geteuid().is_root() {
            let setpriv = tool("setpriv")?;
            let (user, group) = (format!("--reuid={SOMEBODY}"), format!("--regid={SOMEBODY}"));
            becoming.extend([text(&setpriv).to_owned(), user, group]);
            becoming.extend(["--clear-groups", "--"].map(str::to_owned));
            for path in sandbox.whole_snapshot().keys().chain([&sandbox.root()]) {
                lchown(path, Some(SOMEBODY), Some(SOMEBODY)).expect("given away");
            }
        }
        let bound = Self { sandbox, becoming };
        let starts = bound.command(&["--version"]).output();
        if !starts.is_ok_and(|output| output.status.success()) {
            skip("the program is not to be reached by another user");
            return None;
        }
        Some(bound)
    }

    /// A command of the program.
    fn command(&self, arguments: &[&str]) -> Command {
        self.after(":", arguments)
    }

    /// The same after what a shell does first.
    pub fn after(&self, first: &str, arguments: &[&str]) -> Command {
        let mut words = self.becoming.iter().map(String::as_str).collect::<Vec<_>>();
        let shell = format!(r#"{first}; exec "$0" "$@""#);
        words.extend(["sh", "-c", &shell, KEYVAULT]);
        let mut command = self.sandbox.other(words[0]);
        command.args(&words[1..]).args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Transcript {
        self.sandbox.finish(&mut self.command(arguments))
    }

    fn add(&self, name: &str) -> Transcript {
        let mut add = self.command(&["add", name]);
        self.sandbox.finish_with_stdin(&mut add, value_of(name))
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("set");
}

fn mode(path: &Path) -> u32 {
    let metadata = path.symlink_metadata().expect("it is there");
    metadata.permissions().mode() & 0o7777
}

/// All that there is below a home and a project that were empty.
fn everything_is_private(sandbox: &Sandbox) {
    let bases = [
        sandbox.root().join("tmp"),
        sandbox.home(),
        sandbox.project(),
    ];
    let mut count = 0;
    for path in sandbox
        .whole_snapshot()
        .keys()
        .filter(|path| !bases.contains(path))
    {
        let private = if path.is_dir() { 0o700 } else { 0o600 };
        let (mode, place) = (mode(path), path.display());
        assert_eq!(mode, private, "{place} has mode {mode:o}");
        count += 1;
    }
    assert!(count > 6, "identity, vault and pins are somewhere else");
}

fn is_private_under(umask: &str) {
    let Some(bound) = Bound::find(Sandbox::empty()) else {
        return;
    };
    let mask = format!("umask {umask}");
    for arguments in [
        &["init", "--no-passphrase"][..],
        &["add", "A"],
        &["rotate", "A", "--generate", "20"],
        &["env", "create", "prod"],
        &["identity", "--no-passphrase"],
        &["trust", "--env", "prod", "--yes"],
        &["get", "A"],
    ] {
        let mut command = bound.after(&mask, arguments);
        let sandbox = &bound.sandbox;
        sandbox.finish_with_stdin(&mut command, CANARY).succeeds();
        everything_is_private(sandbox);
    }
}

#[test]
fn everything_is_private_under_a_umask_that_takes_nothing_away() {
    is_private_under("000");
}

#[test]
fn everything_is_private_under_a_umask_that_takes_all_away() {
    is_private_under("777");
}

#[test]
fn the_child_has_the_umask_of_the_caller() {
    let sandbox = Sandbox::with_secrets(&["A"]);

    for umask in ["0027", "0000", "0777"] {
        let shell = format!(r#"umask {umask}; exec "$0" "$@""#);
        let mut command = sandbox.other("sh");
        command.args(["-c", &shell, KEYVAULT, "exec", "--", "sh", "-c", "umask"]);
        // A pin is written before.
        fs::remove_dir_all(sandbox.pins()).expect("removed");
        let child = sandbox.finish(&mut command).succeeds();
        assert_eq!(child.text().trim(), umask);
    }
}

/// Does what a hint says: pastes its command.
fn obey(sandbox: &Sandbox, refusal: &Transcript) {
    let hint = refusal.stderr.split_once("hint: run `").expect("a hint").1;
    let (command, _) = hint.rsplit_once('`').expect("its end");
    let mut shell = sandbox.other("sh");
    sandbox.finish(shell.args(["-c", command])).succeeds();
}

#[test]
fn an_identity_that_others_can_read_is_refused_with_what_to_paste() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    set_mode(&sandbox.identity(), 0o644);

    let refusal = sandbox.refused(&["get", "A"]);

    assert_snapshot!(refusal, @"
    --- stderr ---
    keyvault: error: identity `[sandbox]/home/.config/keyvault/identity` can be read by others (mode 0644)
    keyvault: hint: run `chmod 600 [sandbox]/home/.config/keyvault/identity`
    [exit 4]
    ");
    obey(&sandbox, &refusal);
    assert_eq!(sandbox.run(&["get", "A"]).succeeds().text(), value_of("A"));
}

#[test]
fn an_identity_that_others_have_any_right_to_is_refused() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    for mode in [0o640, 0o620, 0o610, 0o604, 0o602, 0o601, 0o666, 0o777] {
        set_mode(&sandbox.identity(), mode);
        let refusal = sandbox.refused(&["get", "A"]).exits(4);
        obey(&sandbox, &refusal);
        sandbox.run(&["get", "A"]).succeeds().says_nothing();
    }
    for mode in [0o600, 0o400, 0o700] {
        set_mode(&sandbox.identity(), mode);
        sandbox.run(&["get", "A"]).succeeds().says_nothing();
    }
}

#[test]
fn the_hint_can_be_pasted_whatever_the_path() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    for name in ["it's mine", "-r", "$HOME", "a`b`", "two words", "#"] {
        let path = sandbox.project().join(name);
        fs::copy(sandbox.identity(), &path).expect("copied");
        set_mode(&path, 0o644);
        let get = ["get", "A", "--identity", text(&path)];
        let refusal = sandbox.refused(&get).exits(4);
        obey(&sandbox, &refusal);
        assert_eq!(sandbox.run(&get).succeeds().text(), value_of("A"));
    }
}

#[test]
fn the_target_of_a_link_is_what_counts() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let link = sandbox.project().join("link");
    std::os::unix::fs::symlink(sandbox.identity(), &link).expect("linked");
    let get = ["get", "A", "--identity", text(&link)];

    sandbox.run(&get).succeeds().says_nothing();
    set_mode(&sandbox.identity(), 0o640);
    sandbox.refused(&get).exits(4);
}

#[test]
fn a_vault_that_may_not_be_written_can_be_read() {
    let Some(bound) = Bound::find(Sandbox::with_secrets(&["A"])) else {
        return;
    };
    let vault = bound.sandbox.vault();
    set_mode(&bound.sandbox.dev(), 0o400);
    set_mode(&vault, 0o500);

    let got = bound.run(&["get", "A"]).succeeds().says_nothing();
    assert_eq!(got.text(), value_of("A"));
    let before = bound.sandbox.snapshot();
    assert_snapshot!(bound.add("B"), @"
    --- stderr ---
    keyvault: error: cannot write `[sandbox]/project/.keyvault/dev.age`: permission denied
    [exit 1]
    ");
    assert!(
        bound.sandbox.snapshot() == before,
        "something was left behind"
    );

    set_mode(&vault, 0o700);
    bound.add("B").succeeds();
    assert_eq!(mode(&bound.sandbox.dev()), 0o600);
}

#[test]
fn where_nothing_can_be_remembered_reading_and_writing_work_with_a_warning() {
    let Some(bound) = Bound::find(Sandbox::with_secrets(&["A"])) else {
        return;
    };
    let home = bound.sandbox.home();
    fs::remove_dir_all(home.join(".local")).expect("removed");
    set_mode(&home, 0o500);

    let got = bound.run(&["get", "A", "-q"]).succeeds().says_nothing();
    assert_eq!(got.text(), value_of("A"));
    let got = bound.run(&["get", "A"]).succeeds();
    assert_eq!(got.text(), value_of("A"));
    let got = got.says("keyvault: note: first sight of ");
    let got = got.says("keyvault: warning: this state of the vault is not remembered: ");
    assert_snapshot!(last_line(&got), @"keyvault: warning: the audit log is not complete: cannot make the folder `[sandbox]/home/.local`: permission denied");
    bound.add("B").succeeds().says("this state of the vault");
    bound.run(&["exec", "--", "true"]).succeeds();

    set_mode(&home, 0o700);
}

#[test]
fn what_is_to_be_known_is_told_once_by_one_command() {
    let Some(bound) = Bound::find(Sandbox::with_secrets(&["A"])) else {
        return;
    };
    let home = bound.sandbox.home();
    fs::remove_dir_all(home.join(".local")).expect("removed");
    set_mode(&home, 0o500);

    let added = bound.add("B").succeeds();

    set_mode(&home, 0o700);
    let mut lines: Vec<&str> = added.stderr.lines().collect();
    lines.sort_unstable();
    let count = lines.len();
    lines.dedup();
    assert_eq!(lines.len(), count, "{added}");
}

#[test]
fn where_a_file_is_in_the_place_of_the_state_reading_works_with_a_warning() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let state = sandbox.home().join(".local/state");
    fs::remove_dir_all(&state).expect("removed");
    fs::write(&state, "").expect("written");

    let got = sandbox.run(&["get", "A"]).succeeds();

    assert_eq!(got.text(), value_of("A"));
    got.says("warning: this state of the vault is not remembered");
}

#[test]
fn a_pin_that_may_not_be_replaced_is_still_believed() {
    let Some(bound) = Bound::find(Sandbox::with_secrets(&["A"])) else {
        return;
    };
    let sandbox = &bound.sandbox;
    let older = fs::read(sandbox.dev()).expect("read");
    bound.add("B").succeeds();
    let pins = fs::read_dir(sandbox.pins()).expect("listed").flatten();
    for folder in pins.map(|entry| entry.path()).chain([sandbox.pins()]) {
        set_mode(&folder, 0o500);
    }

    bound.run(&["get", "A"]).succeeds().says_nothing();
    fs::write(sandbox.dev(), older).expect("written");
    bound.run(&["get", "A"]).exits(6).says("is rolled back");
}

fn last_line(transcript: &Transcript) -> String {
    let text = transcript.to_string();
    let mut lines = text.lines().rev();
    let line = lines.find(|line| line.starts_with("keyvault: "));
    line.expect("news").to_owned()
}

#[test]
fn what_cannot_be_removed_is_not_overwritten() {
    let mut sandbox = Sandbox::new();
    let (file, text) = (sandbox.write(".env", "A=1\n"), "A=1\n");
    let Some(bound) = Bound::find(sandbox) else {
        return;
    };
    let project = bound.sandbox.project();
    for (path, closed, open, why) in [
        (&file, 0o400, 0o600, "is read-only"),
        (&project, 0o500, 0o700, "lies in a read-only folder"),
    ] {
        set_mode(path, closed);
        for arguments in [
            &["import", ".env", "--shred", "--yes"][..],
            &["migrate", "--shred", "--yes"],
        ] {
            let refused = bound.run(arguments).exits(2);
            refused.says(&format!("`.env` {why}, and is not removed\n"));
            assert_eq!(fs::read_to_string(&file).expect("read"), text);
            bound.run(&["get", "A"]).exits(3);
        }
        set_mode(path, open);
    }
    bound.run(&["migrate", "--shred", "--yes"]).succeeds();
    assert!(!file.exists());
}
