//! The audit log where something else stands in the place of its files, where it is kept
//! locked, and where whoever starts keyvault has a name for terminals to obey. The command
//! does its job and says what is missing, once; where a log is required it does nothing.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, FlockOperation, Mode};

use crate::sandbox::{KEYVAULT, Sandbox, text, tool, value_of};

/// More than could be read while anybody waits.
const HUGE: u64 = 1 << 42;

/// The folder of the log of the sandbox's vault.
fn folder(sandbox: &Sandbox) -> PathBuf {
    let mut folders = fs::read_dir(sandbox.audit()).expect("listed");
    folders.next().expect("a log").expect("listed").path()
}

/// Runs `get A`, which is to say one thing, and again where a log is required.
#[track_caller]
fn says_one_thing(sandbox: &Sandbox, words: &str) {
    let got = sandbox.run(&["get", "A"]).succeeds().says(words);
    assert_eq!(got.text(), value_of("A"));
    assert_eq!(got.stderr.lines().count(), 1, "{got}");
    let mut required = sandbox.command(&["get", "A"]);
    let required = sandbox.finish(required.env("KEYVAULT_AUDIT", "required"));
    let required = required.exits(1).says("KEYVAULT_AUDIT=required");
    assert_eq!(required.text(), "");
}

#[test]
fn what_stands_in_the_place_of_a_file_is_not_written_to_nor_waited_for() {
    let fifo = |path: &Path| {
        let mode = Mode::RUSR | Mode::WUSR;
        rustix::fs::mknodat(CWD, path, FileType::Fifo, mode, 0).expect("made");
    };
    for name in ["head", "000000000001.jsonl"] {
        let sandbox = Sandbox::with_secrets(&["A"]);
        let file = folder(&sandbox).join(name);
        let words = "the audit log is not complete: cannot write";

        fs::remove_file(&file).expect("removed");
        fifo(&file);
        says_one_thing(&sandbox, words);
        // With somebody at its other end.
        let reader = File::options().read(true).write(true).open(&file);
        says_one_thing(&sandbox, words);
        drop(reader.expect("opened"));
        fs::remove_file(&file).expect("removed");
        fs::create_dir(&file).expect("made");
        says_one_thing(&sandbox, words);
        fs::remove_dir(&file).expect("removed");
        let target = sandbox.root().join("target");
        fs::write(&target, "of somebody else").expect("written");
        symlink(&target, &file).expect("linked");
        says_one_thing(&sandbox, words);
        assert_eq!(
            fs::read_to_string(&target).expect("read"),
            "of somebody else"
        );
    }
}

#[test]
fn a_file_of_any_size_is_not_waited_for() {
    for name in ["head", "000000000001.jsonl"] {
        let sandbox = Sandbox::with_secrets(&["A"]);
        let file = File::options()
            .append(true)
            .open(folder(&sandbox).join(name));
        file.expect("opened")
            .set_len(HUGE)
            .expect("there are holes");
        let required = sandbox.variable("KEYVAULT_AUDIT", "required");
        required.run(&["get", "A"]).succeeds().says_nothing();
        required.run(&["get", "A"]).succeeds().says_nothing();
    }
}

/// The system kills whoever writes more than that.
#[test]
fn a_limit_on_the_size_of_files_is_told() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let mut sh = sandbox.other("sh");
    sh.args(["-c", "ulimit -f 0; exec \"$1\" get A", "sh", KEYVAULT]);
    let got = sandbox.finish(&mut sh).succeeds();
    let _ = got.says("the audit log is not complete");
}

/// It waits once, and not for each line.
#[test]
fn a_log_that_is_kept_locked_is_told_of_once() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let held = File::open(folder(&sandbox)).expect("opened");
    rustix::fs::flock(&held, FlockOperation::LockExclusive).expect("locked");
    says_one_thing(&sandbox, "the audit log is not complete");
    let failed = sandbox.run(&["exec", "--", "/nowhere"]).exits(127);
    let warnings = failed.stderr.matches("the audit log is not complete");
    assert_eq!(warnings.count(), 1, "{failed}");
}

#[test]
fn no_name_of_a_program_reaches_a_terminal_as_it_is() {
    let Some(sh) = tool("sh") else { return };
    let sandbox = Sandbox::with_secrets(&["A"]);
    let strange = sandbox.root().join("\u{1b}[31m\"\u{9b}1m");
    symlink(sh, &strange).expect("linked");
    let mut command = sandbox.other(text(&strange));
    command.args(["-c", "\"$1\" get A; :", "sh", KEYVAULT]);
    sandbox.finish(&mut command).succeeds();
    let log = fs::read_to_string(folder(&sandbox).join("000000000001.jsonl")).expect("read");
    if cfg!(target_os = "linux") {
        assert!(log.contains(r#"["\\u{1b}[31m\"\\u{9b}1m""#), "{log}");
    }
    assert!(!log.contains(|c: char| c.is_control() && c != '\n'));
    sandbox.run(&["audit", "verify"]).succeeds();
}
