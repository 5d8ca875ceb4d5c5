//! Rotation in steps, by hooks, with a provider that keeps a log of its own.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use insta::assert_snapshot;
use serde_json::json;

use crate::rewrite;
use crate::sandbox::{Sandbox, Transcript, read_to_string, text, without_ids};
use crate::terminal::Terminal;

/// What a provider does, with the rotation's id as the key by which it knows a request
/// that is repeated. Each call is in `calls`, and what came of it in `effects`. A file
/// `fail-STEP` beside it makes a step fail, and what is in it is done first.
const PROVIDER: &str = r#"#!/bin/sh
cd "${0%/*}" || exit 1
# Where nobody hears it any more, it comes to its end all the same.
trap '' PIPE
trap 'echo "$KEYVAULT_STEP" >> ended' EXIT
echo "$KEYVAULT_STEP $KEYVAULT_ROTATION_ID ${A-unset}" >> calls
if [ -e "fail-$KEYVAULT_STEP" ]; then
    . "./fail-$KEYVAULT_STEP"
    exit 3
fi
once() {
    # Of two that come at once, one makes the folder, and the other one waits for it.
    if mkdir "$(echo "$1" | tr ' ' .)" 2> /dev/null; then
        echo "$1" >> effects
    fi
    until grep -qsx "$1" effects; do sleep 0.01; done
}
case $KEYVAULT_STEP in
    create)
        once "minted key-$KEYVAULT_ROTATION_ID"
        echo "key-$KEYVAULT_ROTATION_ID" ;;
    verify)
        grep -qsx "minted $A" effects ;;
    revoke)
        once "revoked $A for $KEYVAULT_ROTATION_ID" ;;
esac
"#;

/// The value that a secret has before it is rotated, which is no canary: the provider
/// writes it down.
pub const FIRST: &str = "key-first";

/// A provider in a sandbox, which mints the secret `A`.
pub struct Provider {
    pub sandbox: Sandbox,
}

impl Provider {
    /// Sets all three hooks.
    pub fn new() -> Self {
        let provider = Self::without_hooks();
        for step in ["create", "verify", "revoke"] {
            provider.set(step);
        }
        provider
    }

    /// A provider that keyvault does not know yet.
    pub fn without_hooks() -> Self {
        let sandbox = Sandbox::new();
        sandbox.add("A", FIRST);
        let provider = Self { sandbox };
        fs::create_dir(provider.place()).expect("made");
        let script = provider.script();
        fs::write(&script, PROVIDER).expect("written");
        fs::set_permissions(script, Permissions::from_mode(0o700)).expect("set");
        provider
    }

    pub fn set(&self, step: &str) {
        let script = self.script();
        let set = ["hook", "set", "A", step, "--", text(&script)];
        self.sandbox.run(&set).succeeds();
    }

    /// Where it keeps what it knows.
    pub fn place(&self) -> PathBuf {
        self.sandbox.root().join("provider")
    }

    fn script(&self) -> PathBuf {
        self.place().join("provider")
    }

    /// Makes a step fail, after this was done.
    pub fn fails(&self, step: &str, first: &str) {
        fs::write(self.place().join(format!("fail-{step}")), first).expect("written");
    }

    pub fn is_well(&self, step: &str) {
        fs::remove_file(self.place().join(format!("fail-{step}"))).expect("removed");
    }

    /// The lines of a log, with words in the place of the ids, in their order.
    pub fn log(&self, name: &str) -> Vec<String> {
        let log = fs::read_to_string(self.place().join(name)).unwrap_or_default();
        let all = fs::read_to_string(self.place().join("calls")).unwrap_or_default();
        let mut ids: Vec<&str> = Vec::new();
        for id in all.lines().filter_map(|line| line.split(' ').nth(1)) {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        let lines = log.lines().map(|line| {
            let mut line = line.to_owned();
            for (at, id) in ids.iter().enumerate() {
                line = line.replace(id, &format!("[{}]", at + 1));
            }
            line
        });
        lines.collect()
    }

    fn rotate(&self, arguments: &[&str]) -> Transcript {
        self.sandbox.run(&[&["rotate", "A"], arguments].concat())
    }

    /// Runs a command that is to fail by a hook, and makes sure that the vault is as it
    /// was.
    fn refused_by_hook(&self, arguments: &[&str]) -> Transcript {
        let before = fs::read(self.sandbox.dev()).expect("read");
        let transcript = self.sandbox.run(arguments).exits(1);
        let is_same = fs::read(self.sandbox.dev()).expect("read") == before;
        assert!(is_same, "something was saved\n{transcript}");
        transcript
    }

    fn get(&self, reference: &str) -> String {
        let got = self.sandbox.run(&["get", reference]).succeeds();
        got.text().to_owned()
    }
}

/// Takes the times out of what was said.
fn without_times(transcript: &Transcript) -> String {
    without_times_in(&transcript.to_string())
}

fn without_times_in(text: &str) -> String {
    let words = text.split_inclusive([' ', '\n']).map(|word| {
        let is_time = word.starts_with("20") && word.contains('T') && word.contains('Z');
        let end = &word[word.trim_end_matches([' ', '\n', ';', ',', ':']).len()..];
        if is_time {
            format!("[time]{end}")
        } else {
            word.to_owned()
        }
    });
    words.collect()
}

#[test]
fn a_hook_that_fails_is_in_the_log_with_its_secret() {
    let provider = Provider::new();
    provider.fails("create", "");
    provider.sandbox.run(&["rotate", "A"]).exits(1);
    let failed = ["audit", "--secret", "A", "--outcome", "failed", "--json"];
    let json = provider.sandbox.run(&failed).succeeds().json();
    let lines = json["lines"].as_array().expect("a list");
    assert_eq!(lines.len(), 1, "{json}");
    assert_eq!(lines[0]["error"], "hook-failed");
    assert_eq!(lines[0]["environments"], json!(["dev"]));
}

#[test]
fn each_hook_does_its_step_with_the_value_that_is_its_own() {
    let provider = Provider::new();

    assert_snapshot!(without_times(&provider.rotate(&[])), @"
    --- stderr ---
    rotated `A` in `dev` (version 2)
    version 1 is accepted until [time]; `keyvault rotate --due --env dev` then gives it back and destroys it
    [exit 0]
    ");
    assert_snapshot!(provider.log("calls").join("\n"), @"
    create [1] key-first
    verify [1] key-[1]
    ");
    assert_eq!(provider.get("A@previous"), FIRST);
    assert!(provider.get("A").starts_with("key-"));
    // Not before its time.
    assert_snapshot!(provider.sandbox.run(&["rotate", "--due"]), @"
    --- stderr ---
    keyvault: note: nothing is due
    [exit 0]
    ");
}

#[test]
fn without_a_grace_the_old_value_is_given_back_at_once() {
    let provider = Provider::new();

    assert_snapshot!(provider.rotate(&["--grace", "0s"]), @"
    --- stderr ---
    rotated `A` in `dev` (version 2)
    destroyed `A` in `dev` (version 1)
    [exit 0]
    ");
    assert_snapshot!(provider.log("effects").join("\n"), @"
    minted key-[1]
    revoked key-first for [1]
    ");
    provider
        .sandbox
        .run(&["get", "A@1"])
        .exits(5)
        .says("rotated");
    assert_snapshot!(provider.sandbox.refused(&["rotate", "A", "--resume"]), @"
    --- stderr ---
    keyvault: error: no rotation of `A` in environment `dev` is under way
    keyvault: hint: run `keyvault rotate A --env dev` to begin one
    [exit 3]
    ");
}

#[test]
fn json_tells_what_became_of_both_values() {
    let provider = Provider::new();
    let mut first = provider.rotate(&["--json"]).json();
    let at = first["retire_at"].take();
    assert!(at.is_string());
    assert_eq!(
        first,
        json!({
            "schema": 1, "name": "A", "environment": "dev", "version": 2, "previous": 1,
            "empty": false, "retire_at": null, "retired": [], "shared_with": []
        })
    );
    let second = provider.rotate(&["--json", "--grace", "0s"]).json();
    assert_eq!(second["retired"], json!([2]));
    provider
        .rotate(&["-q", "--grace", "0s"])
        .succeeds()
        .says_nothing();
}

#[test]
fn a_create_hook_that_fails_leaves_a_rotation_to_go_on_with() {
    let provider = Provider::new();
    provider.fails("create", "echo told >&2");

    assert_snapshot!(provider.rotate(&[]), @"
    --- stderr ---
    told
    keyvault: error: the `create` hook of `A` in environment `dev` ended with 3
    keyvault: hint: the rotation is saved, without a new value; run `keyvault rotate A --resume --env dev` to go on, or `keyvault rotate A --abort --env dev` to give it up
    [exit 1]
    ");
    assert_snapshot!(provider.sandbox.refused(&["rotate", "A"]), @"
    --- stderr ---
    keyvault: error: a rotation of `A` in environment `dev` is under way, without a new value yet
    keyvault: hint: run `keyvault rotate A --resume --env dev` to go on, or `keyvault rotate A --abort --env dev` to give it up
    [exit 7]
    ");
    provider.is_well("create");
    provider.rotate(&["--resume"]).succeeds();

    // By the same id.
    assert_snapshot!(provider.log("calls").join("\n"), @"
    create [1] key-first
    create [1] key-first
    verify [1] key-[1]
    ");
}

#[test]
fn a_value_that_is_not_accepted_stays_pending() {
    let provider = Provider::new();
    provider.fails("verify", "");

    assert_snapshot!(provider.rotate(&[]), @"
    --- stderr ---
    keyvault: error: the `verify` hook of `A` in environment `dev` ended with 3
    keyvault: hint: the new value is saved as version 2, pending; run `keyvault rotate A --resume --env dev` to go on, or `keyvault rotate A --abort --env dev` to give it up
    [exit 1]
    ");
    assert_eq!(provider.get("A"), FIRST);
    assert!(provider.get("A@pending").starts_with("key-"));
    provider.rotate(&["--resume"]).exits(1);

    assert_snapshot!(provider.rotate(&["--abort"]), @"
    --- stderr ---
    gave up the rotation of `A` in `dev` (version 2 destroyed)
    [exit 0]
    ");
    assert_snapshot!(provider.log("effects").join("\n"), @"
    minted key-[1]
    revoked key-[1] for [1]
    ");
    provider
        .sandbox
        .run(&["get", "A@2"])
        .exits(5)
        .says("aborted");
    provider
        .sandbox
        .refused(&["rotate", "A", "--abort"])
        .exits(3);
    provider.is_well("verify");
    provider.rotate(&[]).succeeds();
}

/// What a `create` hook does whose answer is lost.
const MINTED_AND_LOST: &str = r#"
    key="key-$KEYVAULT_ROTATION_ID"
    mkdir "minted.$key" 2> /dev/null && echo "minted $key" >> effects
"#;

#[test]
fn a_value_that_was_made_and_not_saved_is_given_back_as_well() {
    for end in [&["rotate", "A", "--abort"][..], &["revoke", "A"]] {
        let provider = Provider::new();
        provider.fails("create", MINTED_AND_LOST);
        provider.rotate(&[]).exits(1);
        provider.is_well("create");

        let ended = provider.sandbox.run(end);
        if end[0] == "rotate" {
            assert_snapshot!(ended, @"
            --- stderr ---
            gave up the rotation of `A` in `dev` (version 2 destroyed)
            [exit 0]
            ");
            assert_eq!(provider.get("A"), FIRST);
        } else {
            assert_snapshot!(ended, @"
            --- stderr ---
            revoked `A` in `dev` (versions 1, 2)
            [exit 0]
            ");
        }
        let mut effects = provider.log("effects");
        effects.retain(|effect| !effect.starts_with("revoked key-first"));
        assert_eq!(effects, ["minted key-[1]", "revoked key-[1] for [1]"]);
        provider.sandbox.run(&["get", "A@pending"]).exits(3);
        provider
            .sandbox
            .refused(&["rotate", "A", "--abort"])
            .exits(3);
    }
}

#[test]
fn a_person_is_told_of_what_may_have_been_made_and_cannot_be_given_back() {
    let provider = Provider::new();
    let begin = || {
        provider.fails("create", "echo told >&2");
        provider.rotate(&[]).exits(1);
    };

    // Nor can the hook be asked for it.
    begin();
    assert_snapshot!(without_ids(&provider.rotate(&["--abort"])), @"
    --- stderr ---
    told
    keyvault: warning: the `create` hook of `A` in environment `dev` ended with 3
    keyvault: warning: no new value was saved; if the `create` hook has made one all the same, it is known by the rotation [vault 1] where it was made
    gave up the rotation of `A` in `dev`
    [exit 0]
    ");
    // Not asked for.
    begin();
    provider.is_well("create");
    assert_snapshot!(without_ids(&provider.rotate(&["--abort", "--no-hooks"])), @"
    --- stderr ---
    keyvault: warning: no new value was saved; if the `create` hook has made one all the same, it is known by the rotation [vault 1] where it was made
    gave up the rotation of `A` in `dev`
    [exit 0]
    ");
    // Asked for in vain.
    begin();
    provider.is_well("create");
    let remove = ["hook", "remove", "A", "revoke"];
    provider.sandbox.run(&remove).succeeds();
    assert_snapshot!(without_ids(&provider.rotate(&["--abort"])), @"
    --- stderr ---
    keyvault: warning: no new value was saved; if the `create` hook has made one all the same, it is known by the rotation [vault 1] where it was made
    gave up the rotation of `A` in `dev`
    [exit 0]
    ");
    begin();
    assert_snapshot!(without_ids(&provider.sandbox.run(&["revoke", "A"])), @"
    --- stderr ---
    keyvault: warning: no new value was saved; if the `create` hook has made one all the same, it is known by the rotation [vault 1] where it was made
    revoked `A` in `dev` (version 1)
    [exit 0]
    ");
    assert_eq!(provider.log("effects"), [""; 0]);
}

#[test]
fn giving_up_can_be_interrupted_and_done_again() {
    let provider = Provider::new();
    provider.fails("create", "");
    provider.rotate(&[]).exits(1);
    // Once, with an answer; then with none.
    let asked =
        "trap : TERM; kill -TERM $PPID; sleep 0.2; once \"minted key-$KEYVAULT_ROTATION_ID\"";
    for (answer, pending) in [("exit 3", 3), ("echo key-$KEYVAULT_ROTATION_ID; exit 0", 0)] {
        let script =
            r#"once() { mkdir "$(echo "$1" | tr ' ' .)" 2> /dev/null && echo "$1" >> effects; }"#;
        provider.fails("create", &format!("{script}\n{asked}\n{answer}"));
        let interrupted = provider.rotate(&["--abort"]);
        assert_eq!(interrupted.signal, Some(15), "{interrupted}");
        provider.sandbox.run(&["get", "A@pending"]).exits(pending);
    }
    provider.is_well("create");
    provider.rotate(&["--abort"]).succeeds();
    assert_eq!(
        provider.log("effects"),
        ["minted key-[1]", "revoked key-[1] for [1]"]
    );
}

#[test]
fn nothing_else_gives_a_secret_a_value_while_it_is_being_rotated() {
    let provider = Provider::new();
    let sandbox = &provider.sandbox;
    // There is something to go back to.
    provider.rotate(&["--grace", "1d"]).succeeds();
    let current = provider.get("A");
    sandbox.run(&["env", "create", "other"]).succeeds();
    let add = ["add", "A", "--env", "other"];
    sandbox.run_with_stdin(&add, "key-of-other").succeeds();
    for step in ["create", "verify"] {
        provider.fails(step, "");
        provider.rotate(&[]).exits(1);
        provider.is_well(step);
        let commands = [
            &["rollback", "A"][..],
            &["rotate", "A", "--stdin"],
            &["import", "-", "--on-conflict", "rotate"],
            &["import", "-", "--on-conflict", "rotate", "--dry-run"],
            &["env", "copy", "other", "dev", "--on-conflict", "rotate"],
            &["remove", "A", "--yes"],
        ];
        for command in commands {
            let refused = sandbox.refused_with_stdin(command, "A=key-imported\n");
            let refused = refused.exits(7).says("is under way");
            refused.says("keyvault rotate A --abort --env dev");
        }
        // What leaves it as it is may go on.
        let skip = ["import", "-", "--on-conflict", "skip"];
        sandbox.run_with_stdin(&skip, "A=key-imported\n").succeeds();
        let same = ["import", "-"];
        sandbox
            .run_with_stdin(&same, format!("A={current}\n"))
            .succeeds();
        provider.rotate(&["--abort"]).succeeds();
        assert_eq!(provider.get("A"), current);
    }
    let minted = provider.log("effects");
    assert_eq!(minted.len(), 5, "{minted:?}");
}

#[test]
fn a_value_that_is_in_use_again_is_not_given_back() {
    let commands = [
        &["rollback", "A", "--to", "1"][..],
        &["import", "-", "--on-conflict", "rotate"],
        &["rotate", "A", "--stdin", "--no-hooks"],
    ];
    for command in commands {
        let provider = Provider::new();
        let sandbox = &provider.sandbox;
        provider.fails("revoke", "");
        provider.rotate(&["--grace", "0s"]).exits(1);
        provider.is_well("revoke");
        let second = provider.get("A");
        let stdin = if command[0] == "import" {
            format!("A={FIRST}\n")
        } else {
            FIRST.to_owned()
        };
        sandbox.run_with_stdin(command, &stdin).succeeds();
        sandbox
            .run(&["rotate", "--due"])
            .succeeds()
            .says("nothing is due");
        assert_eq!(provider.get("A"), FIRST);
        // The one that it took the place of is kept until its grace is over.
        assert_eq!(provider.get("A@2"), second);
        assert_eq!(provider.log("effects"), ["minted key-[1]"]);
    }
}

#[test]
fn a_value_that_an_older_one_took_the_place_of_is_given_back_in_its_turn() {
    let provider = Provider::new();
    let sandbox = &provider.sandbox;
    provider.rotate(&[]).succeeds();
    let minted = provider.get("A");

    assert_snapshot!(without_times(&sandbox.run(&["rollback", "A"])), @"
    --- stderr ---
    `A` in `dev` has the value of version 1 again (version 3)
    version 2 is accepted until [time]; `keyvault rotate --due --env dev` then gives it back and destroys it
    [exit 0]
    ");
    let retire_at = || {
        let history = sandbox.run(&["history", "A", "--json"]).succeeds().json();
        let versions = history["versions"].as_array().expect("a list").iter();
        let owed = versions.filter(|version| version["retire_at"].is_string());
        owed.map(|version| version["version"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(retire_at(), [2]);
    // Forward again: now it is the other one.
    let forward = ["rollback", "A", "--to", "2", "--json"];
    let forward = sandbox.run(&forward).succeeds().json();
    assert!(forward["retire_at"].is_string(), "{forward}");
    assert_eq!(retire_at(), [3]);
    sandbox.run(&["rollback", "A", "--to", "1"]).succeeds();
    assert_eq!(retire_at(), [4]);
    sandbox
        .run(&["rotate", "--due"])
        .succeeds()
        .says("nothing is due");
    assert_eq!(provider.get("A@2"), minted);

    set_times(sandbox, "retire_at");
    provider.fails("revoke", "");
    sandbox.run(&["rotate", "--due"]).exits(1);
    provider.is_well("revoke");
    assert_snapshot!(sandbox.run(&["rotate", "--due"]), @"
    --- stdout ---
    NAME  ENV  DONE     ABOUT
    A     dev  retired  version 5 is in use; versions 2, 4 destroyed
    [exit 0]
    ");
    assert_eq!(provider.get("A"), FIRST);
    // By the same id both times, which is not that of the rotation.
    assert_eq!(
        provider.log("calls")[2..],
        ["revoke [2] key-[1]", "revoke [2] key-[1]"]
    );
    assert_eq!(
        provider.log("effects"),
        ["minted key-[1]", "revoked key-[1] for [2]"]
    );
}

#[test]
fn who_replaces_a_value_by_other_means_is_told_that_it_will_be_given_back() {
    let provider = Provider::new();
    let sandbox = &provider.sandbox;
    let import = ["import", "-", "--on-conflict", "rotate"];
    let imported = sandbox.run_with_stdin(&import, "A=key-by-hand\n");
    assert_snapshot!(without_times(&imported), @"
    --- stderr ---
    imported into `dev`: 1 rotated; 1 read back and compared
    `A@1` is accepted until [time]; `keyvault rotate --due --env dev` then gives it back and destroys it
    [exit 0]
    ");
    sandbox.run(&["env", "create", "other"]).succeeds();
    let add = ["add", "A", "--env", "other"];
    sandbox.run_with_stdin(&add, "key-of-other").succeeds();
    let copy = [
        "env",
        "copy",
        "other",
        "dev",
        "--on-conflict",
        "rotate",
        "--json",
    ];
    let copied = sandbox.run(&copy).succeeds().json();
    assert_eq!(copied["retiring"][0]["version"], 2);
}

#[test]
fn what_cannot_be_given_back_is_not_destroyed() {
    let provider = Provider::new();
    provider.fails("verify", "");
    provider.fails("revoke", "");
    provider.rotate(&[]).exits(1);

    assert_snapshot!(provider.refused_by_hook(&["rotate", "A", "--abort"]), @"
    --- stderr ---
    keyvault: error: the `revoke` hook of `A` in environment `dev` ended with 3
    keyvault: hint: nothing was destroyed; run `keyvault rotate A --abort --env dev` again, or with `--no-hooks` if the value is no more where it came from
    [exit 1]
    ");
    assert_snapshot!(provider.refused_by_hook(&["revoke", "A"]), @"
    --- stderr ---
    keyvault: error: the `revoke` hook of `A` in environment `dev` ended with 3
    keyvault: hint: nothing was destroyed; run it again, or with `--no-hooks` if the value is no more where it came from
    [exit 1]
    ");
    provider.is_well("verify");
    provider.rotate(&["--resume"]).succeeds();

    // The new one is in use, and the old one still waits.
    let again = provider.rotate(&["--grace", "0s"]);
    assert_snapshot!(again, @"
    --- stderr ---
    keyvault: error: the `revoke` hook of `A` in environment `dev` ended with 3
    keyvault: hint: the new value is in use and the old one is kept; run `keyvault rotate A --resume --env dev` to try again
    [exit 1]
    ");
    assert!(provider.get("A@previous").starts_with("key-"));
    provider.is_well("revoke");
    assert_snapshot!(provider.rotate(&["--resume"]), @"
    --- stderr ---
    destroyed `A` in `dev` (version 2)
    [exit 0]
    ");
}

#[test]
fn hooks_may_be_left_out() {
    let provider = Provider::new();
    provider.fails("verify", "");
    provider.rotate(&[]).exits(1);

    assert_snapshot!(provider.rotate(&["--abort", "--no-hooks"]), @"
    --- stderr ---
    gave up the rotation of `A` in `dev` (version 2 destroyed)
    [exit 0]
    ");
    let rotated = provider
        .sandbox
        .run_with_stdin(&["rotate", "A", "--no-hooks"], "key-by-hand");
    // Left out now; the old value is owed all the same.
    assert_snapshot!(without_times(&rotated), @"
    --- stderr ---
    rotated `A` in `dev` (version 3)
    version 1 is accepted until [time]; `keyvault rotate --due --env dev` then gives it back and destroys it
    [exit 0]
    ");
    provider
        .sandbox
        .run(&["revoke", "A", "--no-hooks"])
        .succeeds();
    assert_eq!(provider.log("effects"), ["minted key-[1]"]);
}

#[test]
fn a_value_that_is_given_is_tried_as_one_that_is_made() {
    let provider = Provider::without_hooks();
    provider.set("verify");
    let rotate = |arguments: &[&str]| {
        let all = [&["rotate", "A"], arguments].concat();
        provider.sandbox.run_with_stdin(&all, "key-by-hand")
    };

    // The provider does not know it.
    assert_snapshot!(rotate(&[]), @"
    --- stderr ---
    keyvault: error: the `verify` hook of `A` in environment `dev` ended with 2
    keyvault: hint: the new value is saved as version 2, pending; run `keyvault rotate A --resume --env dev` to go on, or `keyvault rotate A --abort --env dev` to give it up
    [exit 1]
    ");
    provider.rotate(&["--abort"]).succeeds();
    rotate(&["--no-hooks", "--verify", "true", "--grace", "1h"]).exits(5);
    let other = provider.sandbox.run_with_stdin(
        &[
            "rotate",
            "A",
            "--no-hooks",
            "--grace",
            "1h",
            "--verify",
            "exit 4",
        ],
        "key-another",
    );
    assert_snapshot!(other, @"
    --- stderr ---
    keyvault: error: the command of `--verify` for `A` in environment `dev` ended with 4
    keyvault: hint: the new value is saved as version 3, pending; run `keyvault rotate A --resume --env dev` to go on, or `keyvault rotate A --abort --env dev` to give it up
    [exit 1]
    ");
    let resumed = provider.rotate(&[
        "--resume",
        "--no-hooks",
        "--verify",
        r#"test "$A" = key-another"#,
    ]);
    resumed.succeeds();
    assert_eq!(provider.get("A"), "key-another");
}

#[test]
fn what_a_create_hook_prints_has_to_be_a_new_value() {
    let provider = Provider::without_hooks();
    let create = |command: &str| {
        let set = ["hook", "set", "A", "create", "--", "sh", "-c", command];
        provider.sandbox.run(&set).succeeds();
        let outcome = provider.rotate(&["--json"]);
        provider.rotate(&["--abort"]).succeeds();
        // What the command itself has to say stands before it.
        let last = outcome.stderr.lines().last().expect("a line");
        let error: serde_json::Value = serde_json::from_str(last).expect("JSON");
        (
            outcome.code,
            error["error"]["message"].as_str().expect("text").to_owned(),
        )
    };
    provider.sandbox.add("B", "key-leaked");
    provider.sandbox.run(&["revoke", "B"]).succeeds();

    let commands = [
        "true",
        "echo",
        "echo $A",
        "echo key-leaked",
        r"printf 'a\0b'",
        "yes | head -c 1048577",
        "echo half; exit 9",
        "kill -9 $$",
        "no-such-program-at-all",
    ];
    let said = commands.map(|command| {
        let (code, message) = create(command);
        format!("{command}: [{}] {message}", code.unwrap_or_default())
    });
    assert_snapshot!(said.join("\n"), @r"
    true: [1] the `create` hook of `A` in environment `dev` printed nothing
    echo: [1] the `create` hook of `A` in environment `dev` printed nothing
    echo $A: [1] the `create` hook of `A` in environment `dev` printed the value that it has already (version 1)
    echo key-leaked: [1] the `create` hook of `A` in environment `dev` printed a value that was revoked before
    printf 'a\0b': [1] the `create` hook of `A` in environment `dev` printed a NUL byte, which no variable can carry
    yes | head -c 1048577: [1] the `create` hook of `A` in environment `dev` printed more than a value can be, 1 MiB
    echo half; exit 9: [1] the `create` hook of `A` in environment `dev` ended with 9
    kill -9 $$: [1] the `create` hook of `A` in environment `dev` was ended by signal 9
    no-such-program-at-all: [1] the `create` hook of `A` in environment `dev` ended with 127
    ");
    assert_eq!(provider.get("A"), FIRST);
    provider.sandbox.run(&["get", "A@pending"]).exits(3);
}

#[test]
fn a_value_comes_through_to_the_byte() {
    let provider = Provider::without_hooks();
    let large = "yes | tr -d '\\n' | head -c 1048576";
    for (command, length) in [(r"printf ' a\n\n'", 3), ("printf 'b'", 1), (large, 1 << 20)] {
        let set = ["hook", "set", "A", "create", "--", "sh", "-c", command];
        provider.sandbox.run(&set).succeeds();
        provider.rotate(&[]).succeeds();
        assert_eq!(provider.get("A").len(), length, "{command}");
    }
}

#[test]
fn a_hook_gets_what_it_was_given_and_no_way_in() {
    let provider = Provider::without_hooks();
    let sandbox = provider.sandbox.variable("B", "inherited");
    let sandbox = sandbox
        .variable("KEYVAULT_PASSPHRASE_FILE", "/nowhere")
        .variable("KEPT", "1");
    sandbox.add("B", "made up");
    sandbox.add("C", "made up, too");
    let command = r#"printenv | grep -E '^(A|B|C|KEPT|KEYVAULT_.*)=' | sed 's/ID=.*/ID=[id]/' | sort >&2
        ! read line && echo key-new"#;
    let set = [
        "hook", "set", "A", "create", "--with", "B", "--", "sh", "-c", command,
    ];
    sandbox.run(&set).succeeds();

    assert_snapshot!(sandbox.run(&["rotate", "A"]), @"
    --- stderr ---
    A=key-first
    B=made up
    KEPT=1
    KEYVAULT_ENVIRONMENT=dev
    KEYVAULT_ROTATION_ID=[id]
    KEYVAULT_STEP=create
    rotated `A` in `dev` (version 2)
    [exit 0]
    ");
    let set = [
        "hook",
        "set",
        "A",
        "verify",
        "--",
        "sh",
        "-c",
        "echo told; printenv B",
    ];
    sandbox.run(&set).succeeds();
    let set = [
        "hook",
        "set",
        "A",
        "create",
        "--",
        "sh",
        "-c",
        "echo key-newer",
    ];
    sandbox.run(&set).succeeds();
    // What is inherited under a secret's name may be its old value, or anybody's.
    assert_snapshot!(sandbox.run(&["rotate", "A", "--json"]), @r#"
    --- stdout ---
    {"schema":1,"name":"A","environment":"dev","version":3,"previous":2,"empty":false,"retired":[],"shared_with":[]}
    --- stderr ---
    told
    inherited
    [exit 0]
    "#);
}

#[test]
fn a_hook_that_takes_too_long_is_ended_with_all_that_it_started() {
    let provider = Provider::without_hooks();
    let place = provider.place();
    let command = format!(
        "(trap 'echo child >> {0}/ended' TERM; sleep 100 & wait) & trap 'echo hook >> {0}/ended; exit 1' TERM; wait",
        place.display()
    );
    let set = [
        "hook",
        "set",
        "A",
        "create",
        "--timeout",
        "1s",
        "--",
        "sh",
        "-c",
        &command,
    ];
    provider.sandbox.run(&set).succeeds();

    assert_snapshot!(provider.rotate(&[]), @"
    --- stderr ---
    keyvault: error: the `create` hook of `A` in environment `dev` took longer than it may, and was ended
    keyvault: hint: the rotation is saved, without a new value; run `keyvault rotate A --resume --env dev` to go on, or `keyvault rotate A --abort --env dev` to give it up
    [exit 1]
    ");
    let mut ended: Vec<String> = read_to_string(&place.join("ended"))
        .lines()
        .map(str::to_owned)
        .collect();
    ended.sort();
    assert_eq!(ended, ["child", "hook"]);
}

#[test]
fn what_a_hook_leaves_running_is_not_waited_for() {
    let provider = Provider::without_hooks();
    let place = provider.place();
    let command = format!(
        "sleep 100 2>/dev/null & echo $! > {}/pid; echo key-new",
        place.display()
    );
    let set = ["hook", "set", "A", "create", "--", "sh", "-c", &command];
    provider.sandbox.run(&set).succeeds();
    provider.rotate(&[]).succeeds();
    assert_eq!(provider.get("A"), "key-new");
    let pid = read_to_string(&place.join("pid"));
    let mut kill = provider.sandbox.other("kill");
    provider.sandbox.finish(kill.arg(pid.trim())).succeeds();
}

#[test]
fn what_is_made_while_a_person_interrupts_is_saved() {
    for (signal, number) in [("INT", None), ("TERM", Some(15)), ("HUP", Some(1))] {
        let provider = Provider::without_hooks();
        // As a slow provider: it is told to end, and has an answer all the same.
        let command = format!("trap : {signal}; kill -{signal} $PPID; sleep 0.2; echo key-new");
        let set = ["hook", "set", "A", "create", "--", "sh", "-c", &command];
        provider.sandbox.run(&set).succeeds();

        let interrupted = provider.rotate(&[]);
        if number.is_none() {
            assert_snapshot!(interrupted, @"
            --- stderr ---
            keyvault: error: the `create` hook of `A` in environment `dev` has made a new value, and was interrupted
            keyvault: hint: the new value is saved as version 2, pending; run `keyvault rotate A --resume --env dev` to go on, or `keyvault rotate A --abort --env dev` to give it up
            [exit 130]
            ");
        }
        let code = number.is_none().then_some(130);
        assert_eq!(
            (interrupted.code, interrupted.signal),
            (code, number),
            "{interrupted}"
        );
        assert!(interrupted.stderr.contains("--resume"), "{interrupted}");
        assert_eq!(provider.get("A@pending"), "key-new");
        provider.rotate(&["--resume"]).succeeds();
        assert_eq!(provider.get("A"), "key-new");
    }
}

#[test]
fn a_hook_may_use_the_vault_itself() {
    let provider = Provider::without_hooks();
    let command = format!(
        "{0} get B > /dev/null && echo key-noted | {0} add NOTE >&2 && echo key-new",
        crate::sandbox::KEYVAULT
    );
    provider.sandbox.add("B", "made up");
    let set = ["hook", "set", "A", "create", "--", "sh", "-c", &command];
    provider.sandbox.run(&set).succeeds();
    provider.rotate(&[]).succeeds();
    assert_eq!(provider.get("A"), "key-new");
    assert_eq!(provider.get("NOTE"), "key-noted");
}

#[test]
fn a_value_that_somebody_else_overtakes_is_kept() {
    // The hook itself is the somebody: it gives the rotation up, as from another machine.
    let provider = Provider::without_hooks();
    let command = format!(
        "XDG_STATE_HOME={}/other {} -q rotate A --abort; echo key-new",
        provider.place().display(),
        crate::sandbox::KEYVAULT
    );
    let set = ["hook", "set", "A", "create", "--", "sh", "-c", &command];
    provider.sandbox.run(&set).succeeds();

    assert_snapshot!(without_ids(&provider.rotate(&[])), @"
    --- stderr ---
    keyvault: error: somebody else went on with the rotation of `A` in environment `dev`, or ended it
    keyvault: hint: the value that was made is kept as version 2, pending; run `keyvault rotate A --resume --env dev` to go on, or `keyvault rotate A --abort --env dev` to give it up
    [exit 7]
    ");
    assert_eq!(
        (provider.get("A"), provider.get("A@pending")),
        (FIRST.to_owned(), "key-new".to_owned())
    );
    provider.rotate(&["--resume"]).succeeds();
    assert_eq!(provider.get("A"), "key-new");
}

#[test]
fn a_timer_does_not_go_on_with_what_is_under_way() {
    // The hook itself is the timer.
    let provider = Provider::without_hooks();
    let command = format!(
        "{0} rotate --due >&2; {0} rotate A --abort; echo key-new",
        crate::sandbox::KEYVAULT
    );
    let set = ["hook", "set", "A", "create", "--", "sh", "-c", &command];
    provider.sandbox.run(&set).succeeds();

    assert_snapshot!(provider.rotate(&[]), @"
    --- stderr ---
    keyvault: note: another keyvault on this machine is rotating or revoking `A` in environment `dev` just now
    keyvault: error: another keyvault on this machine is rotating or revoking `A` in environment `dev` just now
    keyvault: hint: nothing was changed; run it again once the other is done
    rotated `A` in `dev` (version 2)
    [exit 0]
    ");
    assert_eq!(provider.get("A"), "key-new");
}

#[test]
fn what_is_being_rotated_is_revoked_once_that_is_done() {
    // The hook itself is the other one.
    let provider = Provider::without_hooks();
    let keyvault = crate::sandbox::KEYVAULT;
    let create = |options: &str, value: &str| {
        let command = format!("{keyvault} revoke A {options} >&2; echo {value}");
        let set = ["hook", "set", "A", "create", "--", "sh", "-c", &command];
        provider.sandbox.run(&set).succeeds();
        provider.rotate(&[])
    };

    assert_snapshot!(create("", "key-new"), @"
    --- stderr ---
    keyvault: error: another keyvault on this machine is rotating or revoking `A` in environment `dev` just now
    keyvault: hint: nothing was changed; run it again once the other is done
    rotated `A` in `dev` (version 2)
    [exit 0]
    ");
    // Where it is urgent.
    assert_snapshot!(without_ids(&create("--no-hooks", "key-newer")), @"
    --- stderr ---
    keyvault: warning: no new value was saved; if the `create` hook has made one all the same, it is known by the rotation [vault 1] where it was made
    revoked `A` in `dev` (versions 1, 2)
    keyvault: error: somebody else went on with the rotation of `A` in environment `dev`, or ended it
    keyvault: hint: the value that was made is kept as version 3, pending; run `keyvault rotate A --resume --env dev` to go on, or `keyvault rotate A --abort --env dev` to give it up
    [exit 7]
    ");
    assert_eq!(provider.get("A@pending"), "key-newer");
    provider.sandbox.run(&["get", "A"]).exits(5);
}

#[test]
fn a_hook_has_no_terminal() {
    let provider = Provider::without_hooks();
    let command = "read answer < /dev/tty; tty >&2; echo key-new";
    let set = ["hook", "set", "A", "create", "--", "sh", "-c", command];
    provider.sandbox.run(&set).succeeds();
    let mut terminal = Terminal::start(&provider.sandbox, &["rotate", "A"]);
    // It is told so at once, and not stopped until its time is up.
    assert_eq!(terminal.end().code, Some(0));
    let shown = terminal.shown().to_owned();
    assert!(shown.contains("/dev/tty: No such device"), "{shown}");
    assert!(shown.contains("not a tty"), "{shown}");
    assert_eq!(provider.get("A"), "key-new");
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    let provider = Provider::new();
    for wrong in [
        &["rotate"][..],
        &["rotate", "A", "--due"],
        &["rotate", "A", "--resume", "--abort"],
        &["rotate", "A", "--resume", "--stdin"],
        &["rotate", "A", "--abort", "--grace", "1h"],
        &["rotate", "--due", "--no-hooks"],
        &["rotate", "A", "--grace", "soon"],
    ] {
        provider.sandbox.refused(wrong).exits(2);
    }
}

#[test]
fn all_that_is_due_is_done_and_one_failure_does_not_stop_the_rest() {
    let provider = Provider::new();
    let sandbox = &provider.sandbox;
    // Interrupted.
    provider.fails("verify", "");
    provider.rotate(&["--grace", "0s"]).exits(1);
    provider.is_well("verify");
    // Past its grace, but what should give it back fails.
    sandbox.add("B", "key-b");
    let set = ["hook", "set", "B", "revoke", "--", "false"];
    sandbox.run(&set).succeeds();
    let rotate = ["rotate", "B", "--grace", "0s"];
    sandbox.run_with_stdin(&rotate, "key-b-new").exits(1);
    // Past its grace, without a hook.
    sandbox.add("C", "key-c");
    let rotate = ["rotate", "C", "--grace", "1s"];
    sandbox.run_with_stdin(&rotate, "key-c-new").succeeds();
    std::thread::sleep(std::time::Duration::from_millis(1100));

    assert_snapshot!(sandbox.run(&["rotate", "--due"]), @"
    --- stdout ---
    NAME  ENV  DONE     ABOUT
    A     dev  resumed  version 2 is in use; version 1 destroyed
    B     dev  failed   the `revoke` hook of `B` in environment `dev` ended with 1; the new value is in use and the old one is kept; run `keyvault rotate B --resume --env dev` to try again
    C     dev  retired  version 2 is in use; version 1 destroyed
    [exit 1]
    ");
    assert_snapshot!(provider.log("effects").join("\n"), @"
    minted key-[1]
    revoked key-first for [1]
    ");
    sandbox.run(&["get", "C@1"]).exits(5);
    let set = ["hook", "set", "B", "revoke", "--", "true"];
    sandbox.run(&set).succeeds();
    assert_eq!(
        sandbox
            .run(&["rotate", "--due", "--json"])
            .succeeds()
            .json(),
        json!({ "schema": 1, "due": [{
            "name": "B", "environment": "dev", "done": "retired", "version": 2, "retired": [1]
        }]})
    );
    assert_snapshot!(sandbox.run(&["rotate", "--due"]), @"
    --- stderr ---
    keyvault: note: nothing is due
    [exit 0]
    ");
    assert_eq!(
        sandbox.run(&["rotate", "--due", "--json"]).json()["due"],
        json!([])
    );
}

/// Makes it that every version of `dev` was made at the beginning of 2026.
fn grow_old(sandbox: &Sandbox) {
    set_times(sandbox, "created_at");
}

/// Makes it that this time of every version of `dev` that has it was at the beginning of
/// 2026.
fn set_times(sandbox: &Sandbox, field: &str) {
    let field = format!(r#""{field}":""#);
    rewrite::rewrite(sandbox, |document| {
        let (before, versions) = document.split_once(&field).expect("there are versions");
        let versions = versions.split(&field).map(|rest| {
            let (_, after) = rest.split_once('"').expect("it has an end");
            format!("{field}2026-01-01T00:00:00Z\"{after}")
        });
        format!("{before}{}", versions.collect::<String>())
    });
}

#[test]
fn a_secret_past_its_period_is_rotated_or_left_to_a_person() {
    let provider = Provider::new();
    let sandbox = &provider.sandbox;
    sandbox.add("B", "key-b");
    sandbox.add("C", "key-c");
    let due = || sandbox.run(&["rotate", "--due"]);
    sandbox.run(&["policy", "--rotate-every", "30d"]).succeeds();
    sandbox
        .run(&["policy", "C", "--rotate-every", "50000d"])
        .succeeds();
    due().succeeds().says("nothing is due");
    grow_old(sandbox);

    assert_snapshot!(due(), @"
    --- stdout ---
    NAME  ENV  DONE     ABOUT
    A     dev  rotated  version 2 is in use
    B     dev  left     due since 2026-01-31T00:00:00Z, and there is no `create` hook; run `keyvault rotate B --env dev` with a new value
    [exit 8]
    ");
    assert_eq!(provider.get("A@previous"), FIRST);
    // The one that is left is named again, as long as it is so.
    assert_snapshot!(sandbox.run(&["rotate", "--due", "-q"]), @"
    --- stdout ---
    B
    [exit 8]
    ");
    sandbox
        .run_with_stdin(&["rotate", "B"], "key-b-new")
        .succeeds();
    due().succeeds().says("nothing is due");
}

#[test]
fn hooks_that_are_new_here_are_left_to_a_person() {
    let provider = Provider::new();
    let sandbox = &provider.sandbox;
    sandbox.run(&["policy", "--rotate-every", "30d"]).succeeds();
    grow_old(sandbox);
    let accepted = sandbox.pins().with_file_name("hooks");
    fs::remove_dir_all(accepted).expect("removed");

    assert_snapshot!(sandbox.run(&["rotate", "--due"]), @"
    --- stdout ---
    NAME  ENV  DONE  ABOUT
    A     dev  left  the hooks of `A` in environment `dev` were not accepted on this machine, and there is no terminal to ask on; run `keyvault hook accept A --env dev` at a terminal, to see them and accept them
    [exit 8]
    ");
    assert!(provider.log("calls").is_empty());
    sandbox.run(&["hook", "accept", "A", "--yes"]).succeeds();
    sandbox.run(&["rotate", "--due"]).succeeds();
}

#[test]
fn every_environment_that_is_named_is_looked_at() {
    let provider = Provider::new();
    let sandbox = &provider.sandbox;
    sandbox.run(&["env", "create", "prod"]).succeeds();
    let add = ["add", "B", "--env", "prod"];
    sandbox.run_with_stdin(&add, "key-b").succeeds();
    let rotate = ["rotate", "B", "--env", "prod", "--grace", "1s"];
    sandbox.run_with_stdin(&rotate, "key-b-new").succeeds();
    std::thread::sleep(std::time::Duration::from_millis(1100));

    sandbox
        .run(&["rotate", "--due"])
        .succeeds()
        .says("nothing is due");
    assert_snapshot!(sandbox.run(&["rotate", "--due", "--env", "dev,prod"]), @"
    --- stdout ---
    NAME  ENV   DONE     ABOUT
    B     prod  retired  version 2 is in use; version 1 destroyed
    [exit 0]
    ");
    let nowhere = ["rotate", "--due", "--env", "dev,nowhere", "--json"];
    let nowhere = sandbox.run(&nowhere).exits(1).json();
    assert_eq!(nowhere["due"][0]["environment"], "nowhere");
}

#[test]
fn by_a_clock_that_is_wrong_nothing_is_destroyed() {
    let provider = Provider::new();
    let sandbox = &provider.sandbox;
    provider.fails("revoke", "");
    provider.rotate(&["--grace", "0s"]).exits(1);
    provider.is_well("revoke");
    rewrite::save_at(sandbox, "2031-01-01T00:00:00Z");

    let refused = sandbox.refused(&["rotate", "--due"]).exits(1);
    refused.says("nothing is destroyed because its time has come: this machine's clock says");
    sandbox.refused(&["rotate", "A", "--resume"]).exits(1);
    assert_eq!(provider.get("A@1"), FIRST);
    sandbox.run(&["rotate", "--due", "--yes"]).succeeds();
    sandbox.run(&["get", "A@1"]).exits(5);
}

#[test]
fn a_rotation_by_a_clock_that_is_behind_keeps_the_grace() {
    let provider = Provider::new();
    rewrite::save_at(&provider.sandbox, "2031-01-01T00:00:00Z");
    provider.rotate(&["--grace", "1d"]).succeeds();
    assert_eq!(provider.get("A@1"), FIRST);
    // What was asked for at once is done at once.
    provider.rotate(&["--grace", "0s"]).succeeds();
    provider.sandbox.run(&["get", "A@2"]).exits(5);
    assert_eq!(provider.get("A@1"), FIRST);
}

#[test]
fn how_long_the_new_value_lasts_goes_through_the_steps() {
    let provider = Provider::new();
    provider.fails("verify", "");
    provider.rotate(&["--expires", "2100-01-01"]).exits(1);
    provider.is_well("verify");
    let resumed = provider.rotate(&["--resume", "--json"]).succeeds().json();
    assert_eq!(resumed["expires_at"], "2100-01-01T00:00:00Z");
    let other = [
        "--expires",
        "2101-01-01",
        "--keep-versions",
        "2",
        "--grace",
        "0s",
    ];
    provider
        .rotate(&other)
        .succeeds()
        .says("expires at 2101-01-01");
    provider.fails("verify", "");
    provider.rotate(&[]).exits(1);
    provider.is_well("verify");
    let resumed = provider.rotate(&["--resume", "--expires", "2102-01-01"]);
    resumed.succeeds().says("expires at 2102-01-01");
}

#[test]
fn what_is_owed_is_kept_however_few_versions_are() {
    let provider = Provider::new();
    provider.rotate(&["--keep-versions", "1"]).succeeds();
    assert_eq!(provider.get("A@1"), FIRST);
    provider.rotate(&["--grace", "0s"]).succeeds();
    assert_eq!(provider.get("A@1"), FIRST);
}

#[test]
fn a_person_is_shown_what_is_new_and_asked() {
    let provider = Provider::without_hooks();
    let set = [
        "hook",
        "set",
        "A",
        "create",
        "--",
        "sh",
        "-c",
        "echo 'key-new'; : '\u{1b}]0;x'",
    ];
    provider.sandbox.run(&set).succeeds();
    let accepted = provider.sandbox.pins().with_file_name("hooks");
    fs::remove_dir_all(accepted).expect("removed");

    let mut terminal = Terminal::start(&provider.sandbox, &["rotate", "A"]);
    terminal.expect("[y/N] ");
    terminal.send("n\r");
    assert_eq!(terminal.end().code, Some(1));
    let shown = terminal.shown();
    // The first line is the terminal's own.
    let shown = shown.split_once('\n').map_or("", |(_, rest)| rest);
    assert_snapshot!(without_times_in(shown), @r"
    new on this machine, as signed by `alice` on [time]
      keyvault hook set A create --env dev -- sh -c $'echo \047key-new\047; : \047\033]0;x\047'
    Accept this hook, to run with the secrets that it names? [y/N] n
    keyvault: error: not done
    ");
    assert_eq!(provider.get("A"), FIRST);
    provider.rotate(&["--abort"]).exits(3);

    let mut terminal = Terminal::start(&provider.sandbox, &["rotate", "A"]);
    terminal.expect("[y/N] ");
    terminal.send("y\r");
    assert_eq!(terminal.end().code, Some(0));
    assert_eq!(provider.get("A"), "key-new");
    // Once.
    provider
        .sandbox
        .run_with_stdin(&["rotate", "A", "--stdin"], "key-other")
        .succeeds();
    provider.rotate(&[]).succeeds();
}

#[test]
fn ctrl_c_reaches_the_hook_and_nothing_is_lost() {
    let provider = Provider::without_hooks();
    // The first one is a program that ends by it, the second one has an answer yet. Neither
    // starts anything while it waits: a shell is deaf for a moment then.
    for (command, pending) in [
        ("echo waiting >&2; while :; do :; done", None),
        (
            "trap told=1 INT; echo waiting >&2; until [ $told ]; do :; done; echo key-new",
            Some("key-new"),
        ),
    ] {
        let set = ["hook", "set", "A", "create", "--", "sh", "-c", command];
        provider.sandbox.run(&set).succeeds();
        let mut terminal = Terminal::start(&provider.sandbox, &["rotate", "A"]);
        terminal.expect("waiting");
        terminal.send("\u{3}");
        assert_eq!(terminal.end().code, Some(130), "{command}");
        let got = provider.sandbox.run(&["get", "A@pending"]);
        assert_eq!(pending.unwrap_or_default(), got.text(), "{command}");
        provider.rotate(&["--abort"]).succeeds();
    }
}
