use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use insta::assert_snapshot;

use crate::sandbox::{CANARY, KEYVAULT, Sandbox, skip, tool, value_of};

fn mode(path: &Path) -> u32 {
    path.symlink_metadata()
        .expect("it is there")
        .permissions()
        .mode()
        & 0o7777
}

#[test]
fn makes_identity_vault_and_environment() {
    let sandbox = Sandbox::empty();

    assert_snapshot!(sandbox.run(&["init", "--no-passphrase"]), @"
    --- stderr ---
    made your identity `~/.config/keyvault/identity`, WITHOUT a passphrase: whoever reads this file opens your vaults
    made vault `[sandbox]/project/.keyvault` with environment `dev`, member `alice`
    next: `keyvault add NAME`, then `keyvault exec -- PROGRAM`
    [exit 0]
    ");
    assert_eq!(mode(&sandbox.vault()), 0o700);
    assert_eq!(mode(&sandbox.dev()), 0o600);
    assert_eq!(mode(&sandbox.identity()), 0o600);
    let names: Vec<_> = fs::read_dir(sandbox.vault())
        .expect("listed")
        .flatten()
        .collect();
    assert_eq!(
        names.len(),
        1,
        "a vault is its environments and nothing else"
    );
}

#[test]
fn an_identity_that_is_there_is_used() {
    let sandbox = Sandbox::new();
    let other = sandbox.project().join("other");
    fs::create_dir(&other).expect("made");

    let transcript = sandbox.finish(sandbox.command(&["init"]).current_dir(&other));

    assert_snapshot!(transcript, @"
    --- stderr ---
    made vault `[sandbox]/project/other/.keyvault` with environment `dev`, member `alice`
    next: `keyvault add NAME`, then `keyvault exec -- PROGRAM`
    [exit 0]
    ");
}

#[test]
fn a_vault_that_is_there_is_left_alone() {
    let sandbox = Sandbox::with_secrets(&["A"]);

    assert_snapshot!(sandbox.refused(&["init"]), @"
    --- stderr ---
    keyvault: error: there is a vault at `[sandbox]/project/.keyvault` already
    keyvault: hint: run `keyvault env list` to see its environments, or `keyvault env create NAME` for another
    [exit 7]
    ");
    sandbox.refused(&["init", "-e", "prod"]).exits(7);
}

#[test]
fn without_a_passphrase_or_the_word_for_none_nothing_is_made() {
    let sandbox = Sandbox::empty();

    assert_snapshot!(sandbox.refused(&["init"]), @"
    --- stderr ---
    keyvault: error: a new identity wants a passphrase, and there is no terminal to ask on
    keyvault: hint: pass `--no-passphrase` to do without, or set `KEYVAULT_PASSPHRASE_FILE`
    [exit 4]
    ");
}

#[test]
fn who_finds_a_vault_and_has_no_identity_gets_one() {
    let sandbox = Sandbox::new();
    let vault = fs::read(sandbox.dev()).expect("read");
    fs::remove_file(sandbox.identity()).expect("removed");

    assert_snapshot!(sandbox.run(&["init", "--no-passphrase"]), @"
    --- stderr ---
    made your identity `~/.config/keyvault/identity`, WITHOUT a passphrase: whoever reads this file opens your vaults
    next: run `keyvault identity` and send its line to a member of the vault that is here
    [exit 0]
    ");
    assert_eq!(fs::read(sandbox.dev()).expect("read"), vault);
    sandbox.run(&["identity"]).succeeds();
    sandbox.refused(&["list"]).exits(4).says("is not a member");
    sandbox.refused(&["init", "--no-passphrase"]).exits(7);
}

/// It would hide the vault above.
#[test]
fn where_init_is_refused_no_folder_is_left() {
    let sandbox = Sandbox::empty();
    let variable = sandbox.variable("KEYVAULT_VAULT_ID", "none");
    variable.refused(&["init", "--no-passphrase"]).exits(2);
    let sandbox = variable.variable("KEYVAULT_VAULT_ID", "");
    let config = sandbox.home().join(".config/keyvault");
    fs::create_dir_all(&config).expect("made");
    std::os::unix::fs::symlink("nowhere", config.join("identity")).expect("linked");
    sandbox.refused(&["init", "--no-passphrase"]).exits(4);
    sandbox
        .refused(&["init", "--personal", "--vault", "x"])
        .exits(2);
}

#[test]
fn where_no_folder_can_be_made_no_identity_is() {
    let sandbox = Sandbox::empty();
    let init = ["init", "--no-passphrase", "--vault", "/proc/none/vault"];
    sandbox.refused(&init).exits(1);
}

#[test]
fn the_personal_vault_serves_where_there_is_no_project() {
    let sandbox = Sandbox::empty();
    sandbox
        .run(&["init", "--personal", "--no-passphrase"])
        .succeeds();
    assert!(!sandbox.vault().exists());
    sandbox.add("A", &value_of("A"));

    let elsewhere = sandbox.finish(sandbox.command(&["get", "A"]).current_dir("/"));
    assert_eq!(elsewhere.succeeds().text(), value_of("A"));
    sandbox.run(&["init"]).succeeds();
    sandbox
        .run(&["get", "A"])
        .exits(3)
        .says("in environment `dev`");
    assert!(
        sandbox
            .home()
            .join(".local/share/keyvault/vault/dev.age")
            .exists()
    );
}

#[test]
fn the_nearest_vault_upwards_is_meant() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let deep = sandbox.project().join("a/b");
    fs::create_dir_all(&deep).expect("made");

    let get = sandbox.finish(sandbox.command(&["get", "A"]).current_dir(&deep));

    assert_eq!(get.succeeds().text(), value_of("A"));
}

#[test]
fn a_vault_may_be_named() {
    let sandbox = Sandbox::empty();

    sandbox
        .run(&["init", "--no-passphrase", "--vault", "v", "--name", "bob"])
        .succeeds();
    sandbox
        .run_with_stdin(&["add", "A", "--vault", "v"], CANARY)
        .succeeds();

    let absolute = sandbox.project().join("v");
    let get = sandbox.finish(
        sandbox
            .command(&["get", "A"])
            .env("KEYVAULT_VAULT", &absolute),
    );
    assert_eq!(get.succeeds().says_nothing().text(), CANARY);
    assert_snapshot!(sandbox.run(&["get", "A"]), @"
    --- stderr ---
    keyvault: error: no vault in `[sandbox]/project` or above it, and no personal one
    keyvault: hint: run `keyvault init` to make one here
    [exit 3]
    ");
    sandbox
        .run(&["get", "A", "--vault", "w"])
        .exits(3)
        .says("no vault at `w`");
}

#[test]
fn in_a_git_work_tree_says_that_it_may_be_committed() {
    let sandbox = Sandbox::empty();
    sandbox.make_git_work_tree();

    sandbox
        .run(&["init", "--no-passphrase"])
        .succeeds()
        .says("it may be committed: its files are encrypted");
}

#[test]
fn json_says_what_was_made() {
    let sandbox = Sandbox::empty();

    let made = sandbox
        .run(&["init", "--no-passphrase", "--json"])
        .succeeds()
        .says_nothing();

    let json = made.json();
    assert_eq!(json["environment"], "dev");
    assert_eq!(json["member"], "alice");
    assert_eq!(json["path"], sandbox.vault().to_str().expect("text"));
    assert_eq!(json["identity"], sandbox.identity().to_str().expect("text"));
}

#[test]
fn a_home_that_is_not_set_is_looked_up() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&["doctor"]);

    // The password database says where it is, also to a static program.
    let transcript = sandbox.finish(command.env_remove("HOME"));

    assert!(
        !transcript.stderr.contains("no home folder"),
        "{transcript}"
    );
    assert!(transcript.text().contains("identity"), "{transcript}");
}

#[test]
fn without_any_home_a_job_still_runs_with_its_identity() {
    let Some(setpriv) = tool("setpriv") else {
        return;
    };
    if !rustix::process::geteuid().is_root() {
        skip("only root can run as a user who has no home");
        return;
    }
    let sandbox = Sandbox::with_secrets(&["A"]);
    let identity = fs::read_to_string(sandbox.identity()).expect("read");
    for (path, mode) in [
        (sandbox.root(), 0o755),
        (sandbox.project(), 0o755),
        (sandbox.vault(), 0o755),
        (sandbox.dev(), 0o644),
    ] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set");
    }
    // A number that the password database does not have, as containers give out.
    let mut job = sandbox.other(setpriv);
    job.args([
        "--reuid=54321",
        "--regid=54321",
        "--clear-groups",
        KEYVAULT,
        "get",
        "A",
        "--vault",
        ".keyvault",
    ]);
    job.env_remove("HOME").env("KEYVAULT_IDENTITY", identity);

    let transcript = sandbox.finish(&mut job);

    assert_eq!(transcript.text(), value_of("A"), "{transcript}");
    transcript
        .succeeds()
        .says("is not remembered: there is no home folder");
}
