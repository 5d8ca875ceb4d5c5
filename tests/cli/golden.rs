//! Files of every form that was ever released, under `golden/`. They are never
//! written anew: what opened once opens for ever.
//!
//! `keyvault-1` holds an identity of the tests, the same behind the passphrase
//! `made-up passphrase`, a pin, what `shell allow` remembers, and a vault with two environments: `dev`, as the
//! commands make it, and `full`, with everything that the format has: three
//! members in three links of a roster, one with an ssh key and one who only
//! reads, versions in every state, values that are no text, and two parents.
//!
//! What came to the format with the life of a secret is in the environment `life`, as the
//! commands made it, and beside it in what a machine remembers: the pin of `life`, the
//! audit log up to that save and a little further, two of three hooks that were accepted,
//! reminders of a day to come, and a day on which the clock was right.
//!
//! The environment `leak` has a value that a scan found, and one that was replaced since.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::forge;
use crate::rewrite::save_at;
use crate::sandbox::{Sandbox, read_to_string, text};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cli/golden/keyvault-1")
        .join(name)
}

/// A project with the golden vault, and the golden identity of this name.
fn sandbox(identity: &str) -> Sandbox {
    let sandbox = Sandbox::empty();
    fs::create_dir(sandbox.vault()).expect("made");
    for name in ["dev.age", "full.age"] {
        fs::copy(golden("vault").join(name), sandbox.vault().join(name)).expect("copied");
    }
    let own = sandbox.home().join("identity");
    fs::copy(golden(identity), &own).expect("copied");
    fs::set_permissions(&own, fs::Permissions::from_mode(0o600)).expect("set");
    sandbox.variable("KEYVAULT_IDENTITY_FILE", own)
}

#[test]
fn a_vault_of_keyvault_1_opens() {
    let sandbox = sandbox("identity");

    assert_eq!(
        sandbox.run(&["get", "API_KEY"]).succeeds().text(),
        "sk-made-up-2"
    );
    assert_eq!(
        sandbox.run(&["get", "API_KEY@previous"]).text(),
        "sk-made-up"
    );
    sandbox
        .run_with_stdin(&["rotate", "API_KEY"], "sk-made-up-3")
        .succeeds();
    assert_eq!(
        sandbox.run(&["exec", "--", "printenv", "API_KEY"]).text(),
        "sk-made-up-3\n"
    );
}

#[test]
fn all_that_keyvault_1_has_is_read() {
    let sandbox = sandbox("identity").variable("KEYVAULT_ENV", "full");

    let seen = sandbox.run(&["list"]).succeeds();
    seen.says("first sight").says("members alice, bob, carol");
    assert_eq!(
        sandbox.run(&["list", "-q"]).text(),
        "BYTES\nEMPTY\nEXPIRED\nHISTORY\nREVOKED\nTAGGED\nTEXT\nUNICODE\n"
    );

    let get = |reference: &str| sandbox.run(&["get", reference]);
    assert_eq!(get("TEXT").text(), "plain text");
    assert_eq!(
        get("UNICODE").text(),
        "Zürich 東京 \u{2028} \"quoted\" \\ \n"
    );
    assert_eq!(get("BYTES").stdout, [0, 255, 10]);
    assert_eq!(get("EMPTY").succeeds().stdout, b"");
    assert_eq!(get("HISTORY").text(), "five");
    assert_eq!(get("HISTORY@previous").text(), "four");
    assert_eq!(get("HISTORY@pending").text(), "six");
    get("HISTORY@1").exits(5).says("leaked in a log");
    get("HISTORY@3").exits(5).says("was destroyed");
    get("REVOKED").exits(5);
    get("EXPIRED")
        .exits(5)
        .says("has expired (version 1, at 2026-11-22T13:00:00Z)");
    let json = sandbox.run(&["list", "--tag", "ai", "--json"]).json();
    assert_eq!(
        json["secrets"][0]["tags"],
        serde_json::json!(["ai", "team/x"])
    );
    assert_eq!(json["secrets"][0]["description"], "for the bot: „quoted“");
    sandbox
        .run_with_stdin(&["add", "B"], "the revoked value")
        .exits(5);
}

#[test]
fn nothing_of_keyvault_1_is_lost_when_it_is_saved_again() {
    let sandbox = sandbox("identity").variable("KEYVAULT_ENV", "full");
    let list = || sandbox.run(&["list", "--json"]).json();
    let before = list();

    sandbox
        .run_with_stdin(&["add", "NEW"], "made up")
        .succeeds();
    sandbox.run(&["remove", "NEW", "--yes"]).succeeds();

    let mut after = list();
    // All but the ages, which grow.
    for (n, secret) in before["secrets"]
        .as_array()
        .expect("a list")
        .iter()
        .enumerate()
    {
        after["secrets"][n]["age_seconds"] = secret["age_seconds"].clone();
    }
    assert_eq!(after, before);
    assert_eq!(sandbox.run(&["get", "HISTORY@pending"]).text(), "six");
    sandbox
        .run(&["get", "HISTORY@3"])
        .exits(5)
        .says("was destroyed");
    let seen = sandbox.run(&["env", "list", "--json"]).json();
    assert_eq!(
        seen["environments"][1]["members"],
        serde_json::json!(["alice", "bob", "carol"])
    );
}

/// The same with the environment `life` as the one that is meant.
fn life() -> Sandbox {
    let sandbox = sandbox("identity").variable("KEYVAULT_ENV", "life");
    let file = sandbox.vault().join("life.age");
    fs::copy(golden("vault/life.age"), file).expect("copied");
    sandbox
}

/// Puts the golden pin of `life` where it belongs.
fn with_pin_of_life(sandbox: Sandbox) -> Sandbox {
    let folder = sandbox.pins().join(name_by_path(&sandbox));
    fs::create_dir_all(&folder).expect("made");
    fs::copy(golden("pin-of-life.json"), folder.join("life.json")).expect("copied");
    sandbox
}

/// Puts the golden audit log where it belongs.
fn with_log(sandbox: Sandbox) -> Sandbox {
    let folder = sandbox.audit().join(name_by_path(&sandbox));
    fs::create_dir_all(&folder).expect("made");
    for name in ["head", "000000000001.jsonl"] {
        fs::copy(golden("audit").join(name), folder.join(name)).expect("copied");
    }
    sandbox
}

#[test]
fn the_life_of_a_secret_is_read() {
    let sandbox = life();
    let history = |name: &str| {
        let history = sandbox.run(&["history", name, "--json"]).succeeds().json();
        history["versions"].as_array().expect("a list").clone()
    };

    let versions = history("API_KEY");
    let states = versions.iter().map(|version| version["state"].clone());
    let states: Vec<Value> = states.collect();
    assert_eq!(states, ["pending", "current", "previous"]);
    assert_eq!(versions[2]["retire_at"], "2081-08-26T01:27:04Z");
    assert_eq!(history("ABORTED")[0]["reason"], "aborted");
    assert_eq!(history("RETIRED")[1]["reason"], "rotated");
    let destroyed = &history("DESTROYED")[1];
    assert_eq!(destroyed["state"], "previous");
    assert_eq!(destroyed["destroyed_at"], "2026-11-23T01:27:05Z");
    assert_eq!(destroyed["fingerprint"], "4a85b717eac738ddd34c644d779e48ac");
    let back = history("BACK");
    assert_eq!(back[0]["fingerprint"], back[2]["fingerprint"]);
    assert_eq!(history("SNOOZED")[0]["expires_at"], "2099-12-30T00:00:00Z");

    let get = |reference: &str| sandbox.run(&["get", reference]);
    assert_eq!(get("API_KEY").text(), "sk-made-up-2");
    assert_eq!(get("API_KEY@pending").text(), "sk-made-up-3");
    assert_eq!(get("API_KEY@previous").text(), "sk-made-up");
    assert_eq!(get("BACK").text(), "made-up-b1");
    get("DESTROYED@1").exits(5).says("its record is kept");
    get("RETIRED@1").exits(5).says("is revoked");
    get("EXPIRED").exits(5).says("at 2026-11-23T01:27:06Z");

    let policy = sandbox.run(&["policy", "--json"]).json();
    let default = json!({ "rotate_every": "90d", "keep_versions": 5 });
    assert_eq!(policy["default"], default);
    let own = sandbox.run(&["policy", "API_KEY", "--json"]).json();
    let own = &own["secrets"][0];
    assert_eq!(own["rotate_every"], "30d");
    assert_eq!(own["keep_versions"], 3);
}

#[test]
fn what_leaked_is_read() {
    let sandbox = sandbox("identity").variable("KEYVAULT_ENV", "leak");
    let file = sandbox.vault().join("leak.age");
    fs::copy(golden("vault/leak.age"), file).expect("copied");

    let leaked = ["status", "--only", "leaked", "-q"];
    assert_eq!(sandbox.run(&leaked).exits(8).text(), "SECOND\n");
    // What was replaced leaked all the same.
    sandbox.run(&["rollback", "LEAKED"]).succeeds();
    assert_eq!(sandbox.run(&leaked).exits(8).text(), "LEAKED\nSECOND\n");
}

#[test]
fn a_rotation_of_keyvault_1_goes_on_and_is_given_up() {
    let sandbox = life();

    // Without hooks: what they were is another machine's to accept.
    let resume = ["rotate", "API_KEY", "--resume", "--no-hooks", "--json"];
    let resumed = sandbox.run(&resume).succeeds().json();
    assert_eq!(resumed["version"], 3);
    assert_eq!(sandbox.run(&["get", "API_KEY"]).text(), "sk-made-up-3");
    sandbox.run(&["rotate", "BEGUN", "--abort"]).succeeds();
    assert_eq!(sandbox.run(&["get", "BEGUN"]).text(), "made-up-1");
}

#[test]
fn nothing_of_a_life_is_lost_when_it_is_saved_again() {
    let sandbox = life();
    let identity = read_to_string(&golden("identity"));
    let document = || {
        let file = fs::read(sandbox.vault().join("life.age")).expect("read");
        let plaintext = forge::plaintext(&identity, &file);
        let document = plaintext.split('\n').next().expect("line 1");
        serde_json::from_str::<Value>(document).expect("JSON")
    };
    let before = document();

    sandbox
        .run_with_stdin(&["add", "NEW"], "made up")
        .succeeds();
    sandbox.run(&["remove", "NEW", "--yes"]).succeeds();

    let after = document();
    for field in ["policy", "secrets", "roster"] {
        assert_eq!(after[field], before[field], "{field}");
    }
    // Two machines' logs, and now a third one's.
    let logs = |document: &Value| document["logs"].as_array().expect("a list").clone();
    assert_eq!(logs(&before).len(), 2);
    assert_eq!(logs(&after)[..2], logs(&before));
    assert_eq!(logs(&after).len(), 3);
    // So that a field which is added later is added to another golden file.
    let text = before.to_string();
    for field in [
        "policy",
        "rotate_every",
        "keep_versions",
        "logs",
        "hooks",
        "create",
        "verify",
        "revoke",
        "with",
        "timeout",
        "rotation",
        "grace",
        "snoozed_until",
        "retire_at",
        "destroyed_at",
        "revoked_at",
        "expires_at",
    ] {
        assert!(text.contains(&format!("\"{field}\":")), "{field}");
    }
}

#[test]
fn a_pin_with_logs_is_known_again() {
    let sandbox = with_pin_of_life(life());

    sandbox.run(&["get", "BACK"]).succeeds().says_nothing();

    // It knows of a log of this machine that is not here, and of how far it had come.
    sandbox.run(&["audit", "verify"]).exits(6);
}

#[test]
fn a_log_of_keyvault_1_holds_and_goes_on() {
    let sandbox = with_log(with_pin_of_life(life()));
    let verified = |lines: &str| {
        let verified = sandbox.run(&["audit", "verify"]).succeeds();
        assert!(verified.text().starts_with(lines), "{verified}");
    };

    verified("55 lines are as written");
    let export = ["audit", "export", "--since", "2026-01-01"];
    let log = read_to_string(&golden("audit/000000000001.jsonl"));
    // The first line is of another environment.
    let (_, of_life) = log.split_once('\n').expect("a line");
    assert_eq!(sandbox.run(&export).succeeds().text(), of_life);
    let audit = sandbox.run(&["audit", "--json", "-n", "100"]).json();
    let lines = audit["lines"].as_array().expect("a list");
    for (field, value) in [
        ("command", json!("rollback")),
        ("outcome", json!("refused")),
        ("error", json!("bad-identity")),
        ("allowed", json!(["expired"])),
        ("program", json!("./new-key")),
        ("parents", json!(["sh", "script"])),
        ("tty", json!("/dev/pts/1")),
        ("agent", json!("agent")),
        ("ci", json!("github-actions")),
        ("reason", json!("to look whether it is there")),
    ] {
        let is_there = lines.iter().any(|line| line[field] == value);
        assert!(is_there, "{field}: {value}");
    }

    sandbox.run(&["get", "BACK"]).succeeds().says_nothing();
    verified("56 lines are as written");
}

#[test]
fn a_hook_that_was_accepted_is_so_for_ever() {
    let sandbox = with_pin_of_life(life());
    let accepted = || {
        let shown = sandbox.run(&["hook", "show", "API_KEY", "--json"]).json();
        let hooks = shown["hooks"].as_array().expect("a list").clone();
        let accepted = hooks.iter().map(|hook| hook["accepted"].as_bool());
        accepted.collect::<Option<Vec<bool>>>().expect("of each")
    };
    assert_eq!(accepted(), [false, false, false]);

    let folder = sandbox.pins().with_file_name("hooks");
    fs::create_dir_all(&folder).expect("made");
    for record in fs::read_dir(golden("hooks")).expect("listed") {
        let record = record.expect("listed");
        fs::copy(record.path(), folder.join(record.file_name())).expect("copied");
    }

    assert_eq!(accepted(), [true, true, false]);
}

#[test]
fn a_clock_that_keyvault_1_found_right_is_known_again() {
    let sandbox = sandbox("identity").variable("KEYVAULT_ENV", "dev");
    sandbox.run(&["policy", "--rotate-every", "1h"]).succeeds();
    let due = ["rotate", "--due"];
    // There is no hook that could do it, and no doubt.
    sandbox.run(&due).exits(8);

    let record = sandbox.pins().with_file_name("clock.json");
    fs::copy(golden("clock.json"), record).expect("copied");

    sandbox
        .run(&due)
        .exits(1)
        .says("after it was last known to be right, at 2026-01-02T00:00:00Z");
}

#[test]
fn who_was_reminded_by_keyvault_1_is_not_reminded_again() {
    let sandbox = sandbox("identity").variable("KEYVAULT_ENV", "dev");
    let identity = read_to_string(&golden("identity"));
    fs::create_dir_all(sandbox.identity().parent().expect("a folder")).expect("made");
    fs::write(sandbox.identity(), identity).expect("written");
    let expire = ["expire", "API_KEY", "2099-06-04"];
    sandbox.run(&expire).succeeds();
    // No clock is earlier than this from here on.
    save_at(&sandbox, "2099-06-01T12:00:00Z");
    let reminders = sandbox.pins().with_file_name("reminders.json");
    let is_reminded = |sandbox: &Sandbox| {
        let seen = sandbox.run(&["exec", "--", "true"]).succeeds();
        seen.stderr.contains("expires in 2d")
    };
    assert!(is_reminded(&sandbox));
    assert!(!is_reminded(&sandbox));

    fs::copy(golden("reminders.json"), &reminders).expect("copied");
    assert!(!is_reminded(&sandbox));
    fs::remove_file(&reminders).expect("removed");
    assert!(is_reminded(&sandbox));
}

#[test]
fn a_pin_of_keyvault_1_is_known_again() {
    let sandbox = sandbox("identity");
    let folder = sandbox.pins().join(name_by_path(&sandbox));
    fs::create_dir_all(&folder).expect("made");
    fs::copy(golden("pin.json"), folder.join("dev.json")).expect("copied");

    // Neither seen for the first time nor to be verified.
    sandbox.run(&["get", "API_KEY"]).succeeds().says_nothing();
    // Started by someone known from there.
    sandbox
        .run(&["get", "TEXT", "-e", "full"])
        .succeeds()
        .says("first sight");
}

#[test]
fn a_vault_that_keyvault_1_allowed_to_shells_is_loaded() {
    let sandbox = sandbox("identity");
    let loaded = || sandbox.run(&["--no-input", "shell", "env", "bash"]);
    assert!(!loaded().text().contains("API_KEY"));

    let folder = sandbox.pins().with_file_name("shell");
    fs::create_dir_all(&folder).expect("made");
    let record = folder.join(format!("{}.json", name_by_path(&sandbox)));
    fs::copy(golden("shell-allowance.json"), record).expect("copied");

    let loaded = loaded().succeeds();
    assert!(loaded.text().contains("API_KEY='sk-made-up-2'"), "{loaded}");
}

#[test]
fn an_identity_behind_a_passphrase_opens() {
    let mut sandbox = sandbox("identity-with-passphrase");
    let passphrase = sandbox.write("passphrase", "made-up passphrase\n");
    let sandbox = sandbox.variable("KEYVAULT_PASSPHRASE_FILE", passphrase);

    assert_eq!(
        sandbox.run(&["get", "API_KEY"]).succeeds().text(),
        "sk-made-up-2"
    );
}

/// What the state folder calls the sandbox's vault.
fn name_by_path(sandbox: &Sandbox) -> String {
    let digest = Sha256::digest(text(&sandbox.vault()));
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    digest[..32].to_owned()
}
