//! Files of every form that was ever released, under `golden/`. They are never
//! written anew: what opened once opens for ever.
//!
//! `keyvault-1` holds an identity of the tests, the same behind the passphrase
//! `made-up passphrase`, a pin, what `shell allow` remembers, and a vault with two environments: `dev`, as the
//! commands make it, and `full`, with everything that the format has: three
//! members in three links of a roster, one with an ssh key and one who only
//! reads, versions in every state, values that are no text, and two parents.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::sandbox::{Sandbox, text};

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
