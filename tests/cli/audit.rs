//! The audit log: what stands in it, what is refused without it, and the proof that it is
//! whole. How each damage is named is tested beside the log.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use insta::assert_snapshot;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::forge;
use crate::sandbox::{CANARY, Sandbox, value_of, without_ids};

const READERS: usize = 50;

/// The folder of the log of the sandbox's vault.
fn folder(sandbox: &Sandbox) -> PathBuf {
    let mut folders = fs::read_dir(sandbox.audit()).expect("listed");
    folders.next().expect("a log").expect("listed").path()
}

fn segment(sandbox: &Sandbox) -> PathBuf {
    folder(sandbox).join("000000000001.jsonl")
}

/// The lines of the log.
pub fn lines(sandbox: &Sandbox) -> Vec<Value> {
    let text = fs::read_to_string(segment(sandbox)).expect("read");
    let lines = text.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().expect("lines of JSON")
}

/// The last line, in short: command, outcome, error, environments, names.
#[track_caller]
fn last(sandbox: &Sandbox) -> String {
    short(lines(sandbox).last().expect("a line"))
}

fn short(line: &Value) -> String {
    let word = |field: &str| line[field].as_str().unwrap_or("-").to_owned();
    let words = |field: &str| {
        let words = line[field].as_array().cloned().unwrap_or_default();
        let words = words.iter().map(|word| word.as_str().expect("a word"));
        words.collect::<Vec<_>>().join(",")
    };
    format!(
        "{} {} {} [{}] [{}]",
        word("command"),
        word("outcome"),
        word("error"),
        words("environments"),
        words("names")
    )
}

#[test]
fn each_use_is_a_line_before_it_happens() {
    let mut sandbox = Sandbox::with_secrets(&["A", "B"]);
    sandbox.write("template", "{{ B }} {{ dev/A }}\n");
    sandbox.write("settings", "X=keyvault://B\n");
    sandbox.run(&["env", "create", "prod"]).succeeds();
    assert_eq!(last(&sandbox), "env create ok - [prod] []");
    let copy = ["env", "copy", "dev", "prod", "--only", "A", "--yes"];
    for (command, expected) in [
        (&["get", "A"][..], "get ok - [dev] [A@1]"),
        (&["get", "A", "B", "--json"], "get ok - [dev] [A@1,B@1]"),
        (&["exec", "--", "true"], "exec ok - [dev] [A@1,B@1]"),
        (
            &["exec", "--mask", "--only", "B", "true"],
            "exec ok - [dev] [B@1]",
        ),
        (
            &["exec", "--env-file", "settings", "true"],
            "exec ok - [dev] [B@1]",
        ),
        (&["export"], "export ok - [dev] [A@1,B@1]"),
        (
            &["export", "--json", "--only", "A"],
            "export ok - [dev] [A@1]",
        ),
        (&["render", "template"], "render ok - [dev] [B@1,A@1]"),
        (&["shell", "env", "direnv"], "shell ok - [dev] [A@1,B@1]"),
        (&copy, "env copy ok - [prod] [A]"),
        (&["get", "A", "-e", "dev,prod"], "get ok - [prod] [A@1]"),
        (&["revoke", "A@1"], "revoke ok - [dev] [A]"),
        (&["remove", "A", "--yes"], "remove ok - [dev] [A]"),
        (
            &["env", "remove", "prod", "--yes"],
            "env remove ok - [prod] []",
        ),
    ] {
        let before = lines(&sandbox).len();
        sandbox.run(command).succeeds();
        assert_eq!(last(&sandbox), expected, "{command:?}");
        // What is copied is read as well.
        let added = if command == copy { 2 } else { 1 };
        assert_eq!(lines(&sandbox).len(), before + added, "{command:?}");
    }
    let verified = sandbox
        .run(&["audit", "verify", "--json"])
        .succeeds()
        .json();
    assert_eq!(verified["lines"], lines(&sandbox).len());
}

/// Another environment, the command of `--verify`, and the program by which `migrate` proves
/// that values arrive.
#[test]
fn whatever_gets_a_value_it_is_a_line() {
    let mut sandbox = Sandbox::with_secrets(&["A", "B"]);
    let since = |sandbox: &Sandbox, before: usize| {
        let lines = lines(sandbox).split_off(before);
        let program = |line: &Value| line["program"].as_str().unwrap_or("-").to_owned();
        let lines = lines.iter().map(|line| (short(line), program(line)));
        lines
            .map(|(line, by)| format!("{line} {by}\n"))
            .collect::<String>()
    };
    let before = lines(&sandbox).len();
    let copy = ["env", "copy", "dev", "prod", "--create-env", "--only", "A"];
    sandbox.run(&copy).succeeds();
    assert_snapshot!(since(&sandbox, before), @"
    env copy ok - [dev] [A@1] -
    env copy ok - [prod] [] -
    env copy ok - [prod] [A] -
    ");
    let report = sandbox.run(&["audit", "report", "--json"]).json();
    assert_eq!(report["reads"][0]["name"], "A", "{report}");
    assert_eq!(
        report["reads"][0]["environments"],
        json!(["dev"]),
        "{report}"
    );

    let before = lines(&sandbox).len();
    let verify = ["rotate", "A", "--verify", "exit 3"];
    sandbox.run_with_stdin(&verify, value_of("C")).exits(1);
    let verify = ["rotate", "A", "--verify", "true"];
    sandbox.run_with_stdin(&verify, value_of("C")).succeeds();
    assert_snapshot!(since(&sandbox, before), @"
    rotate ok - [dev] [A] /bin/sh
    rotate failed verify-failed [] [A] -
    rotate ok - [dev] [A] /bin/sh
    rotate ok - [dev] [A] -
    ");

    let before = lines(&sandbox).len();
    sandbox.write(".env", format!("D={}\n", value_of("D")));
    sandbox.run(&["migrate", "--yes"]).succeeds();
    assert_snapshot!(since(&sandbox, before), @"
    migrate ok - [dev] [D] -
    migrate ok - [dev] [D@1] /usr/bin/env
    ");
}

#[test]
fn what_gives_nothing_out_is_no_use() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let before = lines(&sandbox);
    for command in [
        &["list"][..],
        &["status", "--ignore", "weak-identity"],
        &["env", "list"],
        &["identity"],
        &["audit", "verify"],
        &["exec", "--dry-run", "--", "true"],
        &["export", "--example"],
        &["get", "NONE", "--default", "x"],
        &["get", "--help"],
        &["man"],
    ] {
        sandbox.run(command).succeeds();
        assert_eq!(lines(&sandbox), before, "{command:?}");
    }
    for command in [
        &["get", "NONE"][..],
        &["get", "1"],
        &["exec", "--only", "NONE", "true"],
    ] {
        assert_ne!(sandbox.run(command).code, Some(0));
        assert_eq!(lines(&sandbox), before, "{command:?}");
    }
}

#[test]
fn what_is_refused_is_a_line_and_so_is_what_fails_later() {
    let mut sandbox = Sandbox::with_secrets(&["A"]);
    sandbox
        .run(&["revoke", "A", "--reason", "leaked"])
        .succeeds();
    sandbox.refused(&["get", "A"]).exits(5);
    assert_eq!(last(&sandbox), "get refused revoked [dev] [A@1]");
    sandbox.refused(&["exec", "--only", "A", "true"]).exits(125);
    assert_eq!(last(&sandbox), "exec refused revoked [dev] [A@1]");
    sandbox.write("template", "{{ A }}");
    sandbox.refused(&["render", "template"]).exits(5);
    assert_eq!(last(&sandbox), "render refused unfilled [dev] [A@1]");

    sandbox.add("B", &value_of("B"));
    sandbox.run(&["exec", "--", "/nowhere/program"]).exits(127);
    assert_eq!(last(&sandbox), "exec failed program-not-found [] []");
    let line = &lines(&sandbox)[lines(&sandbox).len() - 2];
    assert_eq!(line["program"], "/nowhere/program");
    assert_eq!(line["outcome"], "ok");

    fs::write(sandbox.dev(), "damaged").expect("written");
    sandbox.refused(&["get", "B"]).exits(6);
    assert_eq!(last(&sandbox), "get refused untrusted [] []");
    let verified = sandbox
        .run(&["audit", "verify", "--json"])
        .succeeds()
        .json();
    assert_eq!(verified["lines"], lines(&sandbox).len());
}

#[test]
fn an_identity_that_does_not_open_leaves_a_line_that_the_next_one_holds() {
    let mut sandbox = Sandbox::locked();
    let wrong = sandbox.write("wrong", "not the passphrase\n");
    let mut get = sandbox.command(&["get", "A"]);
    get.env("KEYVAULT_PASSPHRASE_FILE", wrong);
    sandbox.finish(&mut get).exits(4);
    assert_eq!(last(&sandbox), "get refused wrong-passphrase [] []");
    let line = lines(&sandbox).pop().expect("a line");
    assert_eq!(line.get("identity"), None);
    sandbox.run(&["unlock"]).exits(4);
    assert_eq!(last(&sandbox), "unlock refused no-prompt [] []");

    let right = sandbox.write("right", crate::sandbox::PASSPHRASE);
    let sandbox = sandbox.variable("KEYVAULT_PASSPHRASE_FILE", right);
    let verify = ["audit", "verify", "--json"];
    let verified = sandbox.run(&verify).succeeds().json();
    assert_eq!([&verified["unkeyed"], &verified["unheld"]], [2, 2]);
    sandbox.run(&["get", "A"]).succeeds();
    let verified = sandbox.run(&verify).succeeds().json();
    assert_eq!([&verified["unkeyed"], &verified["unheld"]], [2, 0]);
}

#[test]
fn a_line_tells_why_and_from_where() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let line = |environment: &[(&str, &str)], arguments: &[&str]| {
        let mut command = sandbox.command(arguments);
        command.envs(environment.iter().copied());
        sandbox.finish(&mut command).succeeds();
        lines(&sandbox).pop().expect("a line")
    };
    let plain = line(&[], &["get", "A"]);
    for field in [
        "reason", "agent", "ci", "tty", "program", "error", "allowed",
    ] {
        assert_eq!(plain.get(field), None, "{plain}");
    }
    let project = sandbox.project();
    assert_eq!(plain["folder"], json!(project.to_str()));
    let identity = sandbox.run(&["identity"]);
    let identity = plain["identity"]
        .as_str()
        .is_some_and(|own| identity.text().contains(own));
    assert!(identity, "{plain}");

    let variable = [
        ("KEYVAULT_REASON", "a deploy"),
        ("CLAUDECODE", "1"),
        ("GITHUB_ACTIONS", "true"),
        ("CI", "true"),
    ];
    let told = line(&variable, &["get", "A"]);
    assert_eq!(told["reason"], "a deploy");
    assert_eq!(told["agent"], "claude-code");
    assert_eq!(told["ci"], "github-actions");
    let told = line(&variable, &["--reason", "a ticket", "get", "A"]);
    assert_eq!(told["reason"], "a ticket");
    let told = line(
        &[("CI", "false")],
        &["exec", "--reason", "a test", "--", "true", "--reason", "x"],
    );
    assert_eq!(
        (&told["reason"], &told["program"]),
        (&json!("a test"), &json!("true"))
    );
    assert_eq!(told.get("ci"), None);

    let under_sh = |script: &str| {
        let mut sh = sandbox.other("sh");
        sh.args(["-c", script, "sh", crate::sandbox::KEYVAULT]);
        sandbox.finish(&mut sh).succeeds();
        lines(&sandbox).pop().expect("a line")["parents"][0].clone()
    };
    if cfg!(target_os = "linux") {
        assert_eq!(under_sh("\"$1\" get A; :"), "sh");
    }
}

/// What is said for the log alone is not kept with the secret.
#[test]
fn the_variable_s_reason_is_not_the_record_s() {
    let sandbox = Sandbox::with_secrets(&["A", "B"]).variable("KEYVAULT_REASON", "for the log");
    sandbox.run(&["revoke", "A"]).succeeds();
    let refusal = sandbox.refused(&["get", "A"]).exits(5);
    assert!(!refusal.stderr.contains("for the log"), "{refusal}");
    sandbox
        .run(&["--reason", "leaked", "revoke", "B"])
        .succeeds();
    sandbox
        .refused(&["get", "B"])
        .exits(5)
        .says("version 1: leaked");
}

#[test]
fn variables_that_make_no_sense_are_refused() {
    let sandbox = Sandbox::with_secrets(&["A"]).variable("KEYVAULT_AUDIT", "requird");
    assert_snapshot!(sandbox.refused(&["get", "A"]), @"
    --- stderr ---
    keyvault: error: `KEYVAULT_AUDIT` is neither `required` nor empty
    keyvault: hint: set it as in `KEYVAULT_AUDIT=required`, or unset it
    [exit 2]
    ");
    let sandbox = sandbox
        .variable("KEYVAULT_AUDIT", "")
        .variable("KEYVAULT_REASON", "two\nlines");
    assert_snapshot!(sandbox.refused(&["exec", "--", "true"]), @r#"
    --- stderr ---
    keyvault: error: `KEYVAULT_REASON` is not one line of printable text, at most 1024 bytes
    keyvault: hint: set it as in `KEYVAULT_REASON="deploy 42"`, or unset it
    [exit 125]
    "#);
    assert_snapshot!(sandbox.refused_with_stdin(&["add", "B"], CANARY), @r#"
    --- stderr ---
    keyvault: error: `KEYVAULT_REASON` is not one line of printable text, at most 1024 bytes
    keyvault: hint: set it as in `KEYVAULT_REASON="deploy 42"`, or unset it
    [exit 2]
    "#);
}

#[test]
fn where_no_log_can_be_it_is_said_and_the_command_goes_on() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    fs::remove_dir_all(sandbox.audit()).expect("removed");
    fs::write(sandbox.audit(), "").expect("written");

    let got = sandbox.run(&["get", "A"]);
    assert_snapshot!(without_ids(&got), @"
    --- stdout ---
    A canary-of-the-tests-not-a-key[no line feed]
    --- stderr ---
    keyvault: warning: the audit log is not complete: cannot open the folder `[sandbox]/home/.local/state/keyvault/audit/[vault 1]`: not a directory
    [exit 0]
    ");
    sandbox.run(&["-q", "get", "A"]).succeeds().says_nothing();
    let added = sandbox.run_with_stdin(&["add", "B"], value_of("B"));
    assert_snapshot!(without_ids(&added.succeeds()), @"
    --- stderr ---
    keyvault: warning: the audit log is not complete: cannot open the folder `[sandbox]/home/.local/state/keyvault/audit/[vault 1]`: not a directory
    added `B` to `dev` (version 1)
    [exit 0]
    ");
    sandbox.run(&["exec", "--", "true"]).succeeds();
}

#[test]
fn where_a_log_is_required_nothing_goes_without_its_line() {
    let mut sandbox = Sandbox::with_secrets(&["A"]);
    sandbox.write("template", "{{ A }}");
    sandbox.run(&["env", "create", "prod"]).succeeds();
    let sandbox = sandbox.variable("KEYVAULT_AUDIT", "required");
    sandbox.run(&["get", "A"]).succeeds().says_nothing();
    fs::remove_dir_all(sandbox.audit()).expect("removed");
    fs::write(sandbox.audit(), "").expect("written");

    let refusal = sandbox.refused(&["get", "A"]);
    assert_snapshot!(without_ids(&refusal), @"
    --- stderr ---
    keyvault: error: `KEYVAULT_AUDIT=required`, and this cannot be written to the audit log: cannot open the folder `[sandbox]/home/.local/state/keyvault/audit/[vault 1]`: not a directory
    keyvault: hint: nothing was given out or saved; make room for the log, or unset `KEYVAULT_AUDIT`
    [exit 1]
    ");
    for (command, code) in [
        (&["get", "A", "--json"][..], 1),
        (&["export"], 1),
        (&["export", "-o", "out.env"], 1),
        (&["render", "template"], 1),
        (&["shell", "env", "direnv"], 1),
        (&["get", "A", "-c"], 1),
        (&["exec", "--", "touch", "started"], 125),
        (&["exec", "--mask", "--", "touch", "started"], 125),
        (&["revoke", "A"], 1),
        (&["remove", "A", "--yes"], 1),
        (&["env", "create", "test"], 1),
        (&["env", "remove", "prod", "--yes"], 1),
        (&["env", "copy", "dev", "prod", "--yes"], 1),
    ] {
        let refusal = sandbox.refused(command).exits(code);
        assert_eq!(refusal.text(), "", "{refusal}");
        refusal.says("KEYVAULT_AUDIT=required");
    }
    for command in [
        &["add", "B"][..],
        &["rotate", "A"],
        &["rotate", "A", "--verify", "touch started"],
    ] {
        sandbox.refused_with_stdin(command, CANARY).exits(1);
    }
    sandbox.run(&["list"]).succeeds();
}

#[test]
fn verify_says_what_holds_and_names_the_first_line_that_does_not() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    sandbox.run(&["get", "A"]).succeeds();
    let verify = || {
        let transcript = sandbox.run(&["audit", "verify"]);
        without_moments(&sandbox, &transcript.to_string())
    };
    assert_snapshot!(verify(), @"
    --- stdout ---
    3 lines are as written, [time] to [time]
    [exit 0]
    ");
    let text = fs::read_to_string(segment(&sandbox)).expect("read");
    fs::write(segment(&sandbox), text.replacen("\"add\"", "\"get\"", 1)).expect("written");
    assert_snapshot!(verify(), @"
    --- stdout ---
    1 line is as written, [time] to [time]
    --- stderr ---
    keyvault: error: the audit log `[sandbox]/home/.local/state/keyvault/audit/[log]` is not what was written: line 2 was edited
    keyvault: hint: it was left as it is; compare the folder with a backup; if you know why, as after a power failure, run `keyvault audit accept` to go on behind it
    [exit 6]
    ");
    let refusal = sandbox.run(&["audit", "verify", "--json"]).exits(6);
    assert_eq!(
        refusal.json()["fault"],
        json!({ "kind": "edited", "line": 2, "message": "line 2 was edited" })
    );
    let before = sandbox.whole_snapshot();
    sandbox
        .run(&["audit", "verify", "-q"])
        .exits(6)
        .says("line 2 was edited");
    assert!(
        sandbox.whole_snapshot() == before,
        "something was left behind"
    );
}

/// Puts words in the place of times and of the log's folder.
fn without_moments(sandbox: &Sandbox, text: &str) -> String {
    let name = folder(sandbox);
    let name = name
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    let text = text.replace(&name, "[log]");
    let is_time = |word: &str| word.starts_with("20") && word.ends_with('Z');
    let words = text.split_inclusive([' ', '\n']).map(|word| match word {
        word if is_time(word.trim_end()) => format!("[time]{}", &word[word.trim_end().len()..]),
        word => word.to_owned(),
    });
    words.collect()
}

#[test]
fn a_log_that_is_put_back_is_behind_what_was_saved() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let files = || ["head", "000000000001.jsonl"].map(|name| folder(&sandbox).join(name));
    let old = files().map(|file| fs::read(file).expect("read"));
    sandbox.add("B", &value_of("B"));
    sandbox.run(&["get", "B"]).succeeds();
    sandbox.run(&["audit", "verify"]).succeeds();

    for (file, old) in files().iter().zip(&old) {
        fs::write(file, old).expect("written");
    }
    let verify = || sandbox.run(&["audit", "verify"]).exits(6);
    verify().says("line 3 was cut off");
    // What comes next does not hide it, nor does a save, which says so.
    sandbox.run(&["get", "A"]).succeeds();
    verify().says("line 3 was edited");

    for (file, old) in files().iter().zip(&old) {
        fs::write(file, old).expect("written");
    }
    for name in ["1", "2"] {
        sandbox.run(&["get", "A"]).succeeds();
        let value = format!("{name} {CANARY}");
        sandbox.run_with_stdin(&["rotate", "A"], value).succeeds();
        verify().says("line 3 was edited");
    }
    fs::remove_dir_all(sandbox.audit()).expect("removed");
    verify().says("it was begun anew, and another one with 3 lines or more is gone");
    sandbox.add("C", &value_of("C"));
    verify().says("it was begun anew, and another one with 3 lines or more is gone");
}

#[test]
fn a_save_says_where_the_log_has_lost_lines() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let files = || ["head", "000000000001.jsonl"].map(|name| folder(&sandbox).join(name));
    let old = files().map(|file| fs::read(file).expect("read"));
    for name in ["B", "C", "D"] {
        sandbox.add(name, &value_of(name));
    }
    for (file, old) in files().iter().zip(&old) {
        fs::write(file, old).expect("written");
    }
    let added = sandbox.run_with_stdin(&["add", "E"], value_of("E"));
    assert_snapshot!(added.succeeds(), @"
    --- stderr ---
    keyvault: warning: the audit log of this machine is not the one that was noted with the last save: lines were lost; run `keyvault audit verify`
    added `E` to `dev` (version 1)
    [exit 0]
    ");
}

/// A colleague, here with the same identity on another machine, has a log of his own.
#[test]
fn each_machine_has_its_own_log_and_believes_what_it_saw_of_others() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let other = sandbox.root().join("other");
    let config = other.join(".config/keyvault");
    fs::create_dir_all(&config).expect("made");
    fs::copy(sandbox.identity(), config.join("identity")).expect("copied");
    let elsewhere = |arguments: &[&str], stdin: &str| {
        let mut command = sandbox.command(arguments);
        sandbox
            .finish_with_stdin(command.env("HOME", &other), stdin)
            .succeeds()
    };
    elsewhere(&["add", "B"], &value_of("B"));
    sandbox.run(&["get", "B"]).succeeds();
    sandbox.add("C", &value_of("C"));
    elsewhere(&["get", "C"], "");
    for verified in [
        elsewhere(&["audit", "verify", "--json"], ""),
        sandbox.run(&["audit", "verify", "--json"]),
    ] {
        assert_eq!(verified.succeeds().json()["fault"], Value::Null);
    }
}

/// Who may write an environment can note less of a colleague's log than there was; this
/// machine has seen more.
#[test]
fn a_colleague_s_log_that_went_back_is_named() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let identity = fs::read_to_string(sandbox.identity()).expect("read");
    let before = fs::read(sandbox.dev()).expect("read");
    let digest = Sha256::digest(&before)
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    // As if it had been noted by somebody else's machine, and then again.
    let colleague = |line: u32| {
        let mac = "00".repeat(32);
        format!(
            r#""logs":[{{"log":"0011223344556677","by":"alice","line":{line},"mac":"{mac}","at":"2026-11-22T12:00:00Z"}},"#
        )
    };
    let follow = |file: &[u8], parent: &str, from: u64, edit: &dyn Fn(&str) -> String| {
        forge::resigned(&identity, file, |document| {
            let value: Value = serde_json::from_str(document).expect("JSON");
            let parents = format!(r#""parents":{}"#, value["parents"]);
            let next = document
                .replacen(&parents, &format!(r#""parents":["{parent}"]"#), 1)
                .replacen(
                    &format!(r#""revision":{from}"#),
                    &format!(r#""revision":{}"#, from + 1),
                    1,
                );
            edit(&next)
        })
    };
    let noted = follow(&before, &digest, 2, &|next| {
        next.replacen(r#""logs":["#, &colleague(120), 1)
    });
    fs::write(sandbox.dev(), &noted).expect("written");
    sandbox.run(&["get", "A"]).succeeds().says_nothing();
    sandbox.run(&["audit", "verify"]).succeeds();

    let digest = Sha256::digest(&noted)
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    let back = follow(&noted, &digest, 3, &|next| {
        next.replacen(&colleague(120), &colleague(100), 1)
    });
    fs::write(sandbox.dev(), back).expect("written");
    let words = "the log of `alice` had 120 lines, and environment `dev` now tells of 100";
    sandbox.run(&["audit", "verify"]).exits(6).says(words);
    // Also once it was read, and saved.
    sandbox.run(&["get", "A"]).succeeds().says_nothing();
    sandbox.add("B", &value_of("B"));
    sandbox.run(&["audit", "verify"]).exits(6).says(words);
}

#[test]
fn fifty_at_once_leave_fifty_lines_in_one_chain() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let before = lines(&sandbox).len();
    let mut get = sandbox.command(&["get", "A"]);
    get.stdout(Stdio::piped()).stderr(Stdio::piped());
    let readers: Vec<Child> = (0..READERS)
        .map(|_| get.spawn().expect("it starts"))
        .collect();
    for reader in readers {
        let output = reader.wait_with_output().expect("it ends");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        assert_eq!(output.stdout, value_of("A").into_bytes());
    }
    assert_eq!(lines(&sandbox).len(), before + READERS);
    let verified = sandbox
        .run(&["audit", "verify", "--json"])
        .succeeds()
        .json();
    assert_eq!(verified["lines"], before + READERS);
}
