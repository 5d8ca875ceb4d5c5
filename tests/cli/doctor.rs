use std::fs;
use std::os::unix::fs::PermissionsExt;

use insta::assert_snapshot;

use crate::rewrite;
use crate::sandbox::{Sandbox, tool};

#[test]
fn names_what_is_wrong_and_what_mends_it() {
    let sandbox = Sandbox::new();
    fs::set_permissions(sandbox.vault(), fs::Permissions::from_mode(0o755)).expect("set");
    fs::set_permissions(sandbox.dev(), fs::Permissions::from_mode(0o644)).expect("set");

    assert_snapshot!(sandbox.run(&["doctor"]), @"
    --- stdout ---
    problem  identity: `~/.config/keyvault/identity` has no passphrase: whoever reads it opens your vaults
             run `keyvault identity --new-passphrase`
    ok       vault: `[sandbox]/project/.keyvault`
    problem  permissions: others may look into `[sandbox]/project/.keyvault`
             run `chmod 700 [sandbox]/project/.keyvault`
    problem  permissions: others may read `[sandbox]/project/.keyvault/dev.age`
             run `chmod 600 [sandbox]/project/.keyvault/dev.age`
    ok       audit log: it can be written
    ok       environment dev: as this machine saw it last
    [exit 8]
    ");
    assert_snapshot!(sandbox.run(&["doctor", "-q"]), @"
    --- stdout ---
    identity: `~/.config/keyvault/identity` has no passphrase: whoever reads it opens your vaults
    permissions: others may look into `[sandbox]/project/.keyvault`
    permissions: others may read `[sandbox]/project/.keyvault/dev.age`
    [exit 8]
    ");
    let json = sandbox.run(&["doctor", "--json"]).exits(8).json();
    assert_eq!(json["findings"][0]["kind"], "problem");
    assert_eq!(
        json["findings"][0]["mend"],
        "run `keyvault identity --new-passphrase`"
    );
}

#[test]
fn what_it_tells_to_run_mends_it() {
    let sandbox = Sandbox::new();
    fs::set_permissions(sandbox.identity(), fs::Permissions::from_mode(0o640)).expect("set");
    fs::set_permissions(sandbox.dev(), fs::Permissions::from_mode(0o604)).expect("set");

    let findings = sandbox.run(&["doctor", "--json"]).exits(8).json();
    for finding in findings["findings"].as_array().expect("a list") {
        let mend = finding["mend"].as_str().unwrap_or_default();
        if let Some(command) = mend.strip_prefix("run `chmod") {
            let command = format!("chmod{}", command.trim_end_matches('`'));
            sandbox
                .finish(sandbox.other("sh").args(["-c", &command]))
                .succeeds();
        }
    }

    let left = sandbox.run(&["doctor", "-q"]);
    assert_snapshot!(left, @"
    --- stdout ---
    identity: `~/.config/keyvault/identity` has no passphrase: whoever reads it opens your vaults
    [exit 8]
    ");
}

#[test]
fn without_anything_says_where_to_begin() {
    let sandbox = Sandbox::empty();

    assert_snapshot!(sandbox.run(&["doctor"]), @"
    --- stdout ---
    problem  identity: no identity at `[sandbox]/home/.config/keyvault/identity`
             run `keyvault init` to make one, or name yours with `--identity FILE`
    problem  vault: no vault in `[sandbox]/project` or above it, and no personal one
             run `keyvault init` to make one here
    [exit 8]
    ");
}

#[test]
fn an_environment_that_is_not_what_was_seen_is_a_problem() {
    let sandbox = Sandbox::new();
    let old = fs::read(sandbox.dev()).expect("read");
    sandbox.run(&["add", "A", "--generate", "20"]).succeeds();
    fs::write(sandbox.dev(), old).expect("written");

    let transcript = sandbox.run(&["doctor"]).exits(8);

    assert!(
        transcript
            .text()
            .contains("problem  environment dev: is rolled back"),
        "{transcript}"
    );
    assert!(
        transcript.text().contains("run `keyvault trust --env dev`"),
        "{transcript}"
    );
}

#[test]
fn a_vault_in_git_is_ignored_or_not() {
    let Some(git) = tool("git") else { return };
    let sandbox = Sandbox::new();
    sandbox
        .finish(sandbox.other(git).args(["init", "--quiet"]))
        .succeeds();

    let shared = sandbox.run(&["doctor"]);
    assert!(
        shared
            .text()
            .contains("ok       git: the vault is not ignored"),
        "{shared}"
    );
    assert!(
        !shared.text().contains("permissions"),
        "git keeps none: {shared}"
    );
    fs::write(sandbox.project().join(".gitignore"), ".keyvault\n").expect("written");
    let ignored = sandbox.run(&["doctor"]);
    assert!(
        ignored
            .text()
            .contains("note     git: the vault is ignored"),
        "{ignored}"
    );
}

#[test]
fn a_writer_that_was_stopped_is_noticed() {
    let sandbox = Sandbox::new();
    fs::write(
        sandbox.vault().join(".dev.age.0011223344556677.tmp"),
        "half",
    )
    .expect("written");

    let transcript = sandbox.run(&["doctor"]);

    assert!(
        transcript
            .text()
            .contains("a writer that was stopped left a file"),
        "{transcript}"
    );
    sandbox.run(&["add", "A", "--generate", "20"]).succeeds();
    assert!(!sandbox.run(&["doctor"]).text().contains("stopped"));
}

#[test]
fn what_no_command_mends_has_none() {
    let sandbox = Sandbox::new();
    let target = sandbox.project().join("target");
    fs::write(&target, "").expect("written");
    fs::set_permissions(&target, fs::Permissions::from_mode(0o644)).expect("set");
    std::os::unix::fs::symlink(&target, sandbox.vault().join("linked.age")).expect("linked");
    let doctor = sandbox.run(&["doctor"]).exits(8);
    assert!(!doctor.text().contains("chmod"), "{doctor}");
    fs::remove_file(sandbox.vault().join("linked.age")).expect("removed");

    let identity = fs::read_to_string(sandbox.identity()).expect("read");
    let key = identity
        .lines()
        .find(|line| line.starts_with("AGE-SECRET-"));
    let in_ci = sandbox.variable("KEYVAULT_IDENTITY", key.expect("a key"));
    assert_snapshot!(in_ci.run(&["doctor"]), @"
    --- stdout ---
    note     identity: `KEYVAULT_IDENTITY` has no passphrase: whoever reads it opens your vaults
    ok       vault: `[sandbox]/project/.keyvault`
    ok       audit log: it can be written
    ok       environment dev: as this machine saw it last
    [exit 0]
    ");
}

#[test]
fn a_vault_that_the_variable_does_not_name_is_a_problem() {
    let sandbox = Sandbox::new().variable("KEYVAULT_VAULT_ID", "0".repeat(32));
    let doctor = sandbox.run(&["doctor", "-q"]).exits(8);
    assert!(doctor.text().contains("KEYVAULT_VAULT_ID"), "{doctor}");
}

#[test]
fn folders_that_others_may_write_in_are_a_problem() {
    let sandbox = Sandbox::new();
    let state = sandbox.home().join(".local/state/keyvault");
    fs::set_permissions(&state, fs::Permissions::from_mode(0o777)).expect("set");
    let doctor = sandbox.run(&["doctor"]).exits(8);
    let mend = format!("run `chmod 700 {}`", state.display());
    assert!(doctor.text().contains(&mend), "{doctor}");
}

#[test]
fn a_log_that_cannot_be_written_and_one_that_others_see_are_problems() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let mut folders = fs::read_dir(sandbox.audit()).expect("listed");
    let log = folders.next().expect("a log").expect("listed").path();
    let said = || sandbox.run(&["doctor", "-q"]).exits(8).text().to_owned();
    assert!(!said().contains("audit log"), "{}", said());

    fs::set_permissions(&log, fs::Permissions::from_mode(0o755)).expect("set");
    assert!(
        said().contains("audit log: others may look into"),
        "{}",
        said()
    );
    fs::set_permissions(&log, fs::Permissions::from_mode(0o700)).expect("set");
    let head = log.join("head");
    fs::remove_file(&head).expect("removed");
    fs::create_dir(&head).expect("made");
    assert!(said().contains("audit log: cannot write"), "{}", said());
    fs::remove_dir_all(sandbox.audit()).expect("removed");
    assert!(!said().contains("audit log"), "{}", said());
    assert!(!sandbox.audit().exists(), "it was made");
    fs::write(sandbox.audit(), "").expect("written");
    assert!(said().contains("audit log: cannot open"), "{}", said());
}

#[test]
fn hooks_that_are_new_here_and_a_clock_that_is_behind_are_named() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let set = ["hook", "set", "A", "create", "--", "true"];
    sandbox.run(&set).succeeds();
    let doctor = || sandbox.run(&["doctor"]);
    assert!(!doctor().text().contains("hooks:"), "{}", doctor());
    fs::remove_dir_all(sandbox.pins().with_file_name("hooks")).expect("removed");
    let text = doctor().text().to_owned();
    assert!(
        text.contains("note     hooks: not accepted on this machine"),
        "{text}"
    );
    assert!(
        text.contains("run `keyvault hook accept A --env dev`"),
        "{text}"
    );

    assert!(!text.contains("clock:"), "{text}");
    rewrite::save_at(&sandbox, "2999-01-01T00:00:00Z");
    let text = doctor().text().to_owned();
    assert!(
        text.contains("problem  clock: this machine's clock says"),
        "{text}"
    );
}

/// It may be somebody else's, and what is unlocked must be out of its reach.
#[test]
fn what_a_repository_s_configuration_names_is_not_run() {
    let Some(git) = tool("git") else { return };
    let sandbox = Sandbox::new();
    let run = |arguments: &[&str]| {
        sandbox
            .finish(sandbox.other(&git).args(arguments))
            .succeeds()
    };
    run(&["init", "-q"]);
    run(&["config", "core.fsmonitor", "touch ran; false"]);
    sandbox.run(&["doctor"]).exits(8);
    assert!(!sandbox.project().join("ran").exists(), "it was run");
    // What is asked about is the files, whatever the folder is.
    fs::write(sandbox.project().join(".gitignore"), "*.age\n").expect("written");
    let doctor = sandbox.run(&["doctor"]);
    assert!(doctor.text().contains("the vault is ignored"), "{doctor}");
}

#[test]
fn a_vault_without_a_default_environment_is_well() {
    let sandbox = Sandbox::new();
    for name in ["staging", "prod"] {
        sandbox.run(&["env", "create", name]).succeeds();
    }
    sandbox.run(&["env", "remove", "dev", "--yes"]).succeeds();
    let identity = fs::read_to_string(sandbox.identity()).expect("read");
    let sandbox = sandbox.variable("KEYVAULT_IDENTITY", identity);
    sandbox.run(&["doctor"]).succeeds();
    // But not if one is named that is not there.
    let sandbox = sandbox.variable("KEYVAULT_ENV", "dev");
    let doctor = sandbox.run(&["doctor", "-q"]).exits(8);
    assert!(doctor.text().contains("no environment `dev`"), "{doctor}");
    let sandbox = sandbox.variable("KEYVAULT_ENV", "Not a name");
    sandbox.run(&["doctor"]).exits(8);
}
