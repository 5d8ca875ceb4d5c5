use insta::assert_snapshot;

use crate::sandbox::{Sandbox, value_of};

#[test]
fn each_has_secrets_of_its_own() {
    let sandbox = Sandbox::with_secrets(&["A"]);

    sandbox
        .run(&["env", "create", "prod"])
        .succeeds()
        .says("made environment `prod`");
    sandbox
        .run_with_stdin(&["add", "A", "-e", "prod"], "prod")
        .succeeds();

    assert_eq!(sandbox.run(&["get", "A"]).text(), value_of("A"));
    assert_eq!(sandbox.run(&["get", "A", "-e", "prod"]).text(), "prod");
    let json = sandbox.run(&["env", "list", "--json"]).json();
    assert_eq!(
        json["vault"].as_str().map(str::len),
        Some(32),
        "they share the vault's id"
    );
}

#[test]
fn are_listed() {
    let sandbox = Sandbox::new();
    sandbox.run(&["env", "create", "prod"]).succeeds();

    assert_snapshot!(sandbox.run(&["env", "list"]), @"
    --- stdout ---
    NAME  REVISION  MEMBERS
    dev   1         alice
    prod  1         alice
    [exit 0]
    ");
    assert_eq!(sandbox.run(&["env", "ls", "-q"]).text(), "dev\nprod\n");
}

#[test]
fn the_only_one_is_the_default_and_else_dev() {
    let sandbox = Sandbox::empty();
    sandbox
        .run(&["init", "--no-passphrase", "-e", "staging"])
        .succeeds();
    sandbox.add("A", &value_of("A"));

    assert_eq!(
        sandbox.run(&["get", "A", "-e", "staging"]).text(),
        value_of("A")
    );
    sandbox.run(&["env", "create", "prod"]).succeeds();
    assert_snapshot!(sandbox.run(&["get", "A"]), @"
    --- stderr ---
    keyvault: error: there is no environment `dev` to fall back on, and none was named
    keyvault: hint: name one of `prod`, `staging`, as in `--env prod`
    [exit 3]
    ");
    sandbox.run(&["env", "create", "dev"]).succeeds();
    sandbox
        .run(&["get", "A"])
        .exits(3)
        .says("in environment `dev`");
}

#[test]
fn a_name_that_is_not_there_is_told_from_one_that_is() {
    let sandbox = Sandbox::new();

    assert_snapshot!(sandbox.run(&["list", "-e", "dve"]), @"
    --- stderr ---
    keyvault: error: no environment `dve` in `[sandbox]/project/.keyvault`
    keyvault: hint: did you mean `--env dev`?
    [exit 3]
    ");
    assert_snapshot!(sandbox.refused(&["env", "create", "dev"]), @"
    --- stderr ---
    keyvault: error: environment `dev` is in `[sandbox]/project/.keyvault` already
    keyvault: hint: run `keyvault list --env dev` to see its secrets
    [exit 7]
    ");
    for bad in ["Prod", "../prod", ".prod", "", "a/b"] {
        sandbox.refused(&["env", "create", bad]).exits(2);
    }
}

#[test]
fn removing_one_takes_its_file_alone() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    sandbox.run(&["env", "create", "prod"]).succeeds();

    sandbox
        .refused(&["env", "remove", "prod"])
        .exits(2)
        .says("`--yes`");
    sandbox
        .run(&["env", "remove", "prod", "--yes"])
        .succeeds()
        .says("removed environment `prod`");

    assert_eq!(sandbox.run(&["env", "list", "-q"]).text(), "dev\n");
    assert_eq!(sandbox.run(&["get", "A"]).text(), value_of("A"));
    sandbox
        .refused(&["env", "remove", "prod", "--yes"])
        .exits(3);
    // It may be made anew: this machine knows that it was itself.
    sandbox.run(&["env", "create", "prod"]).succeeds();
    sandbox.run(&["list", "-e", "prod"]).succeeds();
}

#[test]
fn a_vault_keeps_its_id_when_its_last_environment_goes() {
    let sandbox = Sandbox::new();
    let id = |sandbox: &Sandbox| sandbox.run(&["env", "list", "--json"]).json()["vault"].clone();
    let before = id(&sandbox);
    sandbox.run(&["env", "remove", "dev", "--yes"]).succeeds();
    assert!(id(&sandbox).is_null(), "there is nothing that has it");
    sandbox.run(&["env", "create", "prod"]).succeeds();
    assert_eq!(id(&sandbox), before);

    // A new one in its place has another, and nothing of the old.
    std::fs::remove_dir_all(sandbox.vault()).expect("removed");
    sandbox.run(&["init", "-e", "staging"]).succeeds();
    assert_ne!(id(&sandbox), before);
    sandbox.run(&["env", "create", "prod"]).succeeds();
    let list = ["list", "-q", "-e", "prod"];
    sandbox.run(&list).succeeds().says_nothing();
}

#[test]
fn what_one_pastes_has_the_vault_that_was_named() {
    let sandbox = Sandbox::new();
    let elsewhere = sandbox.root().join("elsewhere");
    std::fs::rename(sandbox.vault(), &elsewhere).expect("renamed");
    let path = crate::sandbox::text(&elsewhere);
    assert_snapshot!(sandbox.refused(&["list", "--vault", path, "-e", "no"]), @"
    --- stderr ---
    keyvault: error: no environment `no` in `[sandbox]/elsewhere`
    keyvault: hint: run `keyvault --vault [sandbox]/elsewhere env list` to see those there are, or `keyvault --vault [sandbox]/elsewhere env create no`
    [exit 3]
    ");
}

#[test]
fn a_command_that_writes_takes_one() {
    let sandbox = Sandbox::new();

    assert_snapshot!(sandbox.refused(&["add", "A", "-e", "dev,prod", "--generate", "20"]), @"
    --- stderr ---
    keyvault: error: this command works on one environment
    keyvault: hint: name one, as in `--env dev`; layers are for `get`, `list` and `exec`
    [exit 2]
    ");
}

#[test]
fn what_other_tools_mean_by_e_is_answered() {
    let sandbox = Sandbox::new();

    assert_snapshot!(sandbox.run(&["exec", "-e", "A=b", "--", "true"]), @"
    --- stderr ---
    keyvault: error: `--env` has a value that does not fit: `-e` names an environment; to set a variable, write `keyvault exec -- env A=b PROGRAM`
    keyvault: hint: run `keyvault exec --help`
    [exit 125]
    ");
    let sandbox = sandbox.variable("KEYVAULT_ENV", "dev,A=b");
    assert_snapshot!(sandbox.run(&["list"]), @"
    --- stderr ---
    keyvault: error: `KEYVAULT_ENV` does not hold environments: an environment's name is small letters, digits, `.`, `_` and `-`, starts with a letter or digit, and has at most 64 bytes
    keyvault: hint: set it as in `KEYVAULT_ENV=dev` or `KEYVAULT_ENV=base,dev`
    [exit 2]
    ");
}
