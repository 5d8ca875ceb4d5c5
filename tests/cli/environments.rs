use std::fs;

use insta::assert_snapshot;

use crate::hostile::with_a_reader;
use crate::sandbox::{Sandbox, Transcript, value_of};
use crate::terminal::Terminal;

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

/// A project with `dev` and `prod`: `SAME` is the same in both, `KEY` is not, and each
/// has one of its own.
fn two() -> Sandbox {
    let sandbox = Sandbox::with_secrets(&["SAME", "KEY", "DEV_ONLY"]);
    sandbox.run(&["env", "create", "prod"]).succeeds();
    for (name, value) in [
        ("SAME", value_of("SAME")),
        ("KEY", value_of("another")),
        ("PROD_ONLY", value_of("PROD_ONLY")),
    ] {
        let add = [
            "add",
            name,
            "-e",
            "prod",
            "--tag",
            "live",
            "--description",
            "what it is",
        ];
        sandbox.run_with_stdin(&add, value).succeeds();
    }
    sandbox
}

#[test]
fn are_compared_by_names_and_never_by_values() {
    let sandbox = two();

    assert_snapshot!(sandbox.run(&["env", "diff", "dev", "prod"]), @"
    --- stdout ---
    NAME       DIFFERENCE
    DEV_ONLY   only in dev
    KEY        another value
    PROD_ONLY  only in prod
    SAME       same value
    [exit 0]
    ");
    assert_eq!(
        sandbox.run(&["env", "diff", "prod", "dev", "-q"]).text(),
        "DEV_ONLY\nKEY\nPROD_ONLY\n"
    );
    let json = sandbox.run(&["env", "diff", "dev", "prod", "--json"]);
    assert_snapshot!(json.succeeds().text(), @r#"{"schema":1,"first":"dev","second":"prod","only_first":["DEV_ONLY"],"only_second":["PROD_ONLY"],"different":["KEY"],"same":["SAME"]}"#);
    sandbox
        .refused(&["env", "diff", "dev", "prd"])
        .exits(3)
        .says("did you mean");
}

fn copy(sandbox: &Sandbox, options: &[&str]) -> Transcript {
    let mut arguments = vec!["env", "copy", "prod", "dev"];
    arguments.extend(options);
    sandbox.run(&arguments)
}

#[test]
fn secrets_are_copied_with_what_is_known_of_them() {
    let sandbox = two();
    sandbox
        .run_with_stdin(&["add", "GONE", "-e", "prod"], "x")
        .succeeds();
    sandbox.run(&["revoke", "GONE", "-e", "prod"]).succeeds();

    assert_snapshot!(copy(&sandbox, &["--on-conflict", "skip"]), @"
    --- stderr ---
    keyvault: warning: `GONE` is revoked and was left out
    copied from `prod` to `dev`: 1 added, 1 unchanged, 1 skipped
    [exit 0]
    ");
    assert_eq!(
        sandbox.run(&["get", "PROD_ONLY"]).text(),
        value_of("PROD_ONLY")
    );
    assert_eq!(sandbox.run(&["get", "KEY"]).text(), value_of("KEY"));
    assert_eq!(
        sandbox.run(&["list", "--tag", "live", "-q"]).text(),
        "PROD_ONLY\n"
    );

    copy(&sandbox, &["--on-conflict", "rotate", "--only", "K*"])
        .succeeds()
        .says("1 rotated");
    assert_eq!(sandbox.run(&["get", "KEY"]).text(), value_of("another"));
    assert_eq!(
        sandbox.run(&["get", "KEY@previous"]).text(),
        value_of("KEY")
    );
}

#[test]
fn a_copy_that_is_refused_changes_nothing() {
    let sandbox = two();
    for (arguments, code, words) in [
        (&["env", "copy", "prod", "dev"][..], 7, "`KEY`"),
        (&["env", "copy", "prod", "prod"], 2, "to itself"),
        (&["env", "copy", "prd", "dev"], 3, "did you mean"),
        (&["env", "copy", "prod", "new"], 3, "no environment `new`"),
        (
            &["env", "copy", "prod", "dev", "--only", "NONE"],
            3,
            "`NONE`",
        ),
    ] {
        sandbox.refused(arguments).exits(code).says(words);
    }
    let made = ["env", "copy", "prod", "new", "--create-env"];
    sandbox.run(&made).succeeds().says("3 added");
    // A value that was revoked there is not taken again by way of a copy.
    sandbox.run(&["revoke", "KEY", "-e", "new"]).succeeds();
    let again = ["env", "copy", "prod", "new", "--on-conflict", "rotate"];
    sandbox.refused(&again).exits(5);
}

#[test]
fn who_could_not_read_the_original_is_named_before_a_copy() {
    let sandbox = two();
    let identity = fs::read_to_string(sandbox.identity()).expect("read");
    let file = fs::read(sandbox.dev()).expect("read");
    fs::write(sandbox.dev(), with_a_reader(&identity, &file)).expect("written");
    sandbox.run(&["list"]).succeeds();
    let arguments = ["env", "copy", "prod", "dev", "--only", "PROD_ONLY"];

    let refused = sandbox.refused(&arguments);
    assert_snapshot!(refused, @"
    --- stderr ---
    keyvault: error: `Let reader, who cannot open prod, read 1 of its secrets?` was not asked: there is no terminal, or input is switched off
    keyvault: hint: pass `--yes` to say yes beforehand
    [exit 2]
    ");
    let mut terminal = Terminal::start(&sandbox, &arguments);
    terminal.expect("Let reader, who cannot open prod, read 1 of its secrets? [y/N] ");
    terminal.enter("n");
    assert_eq!(terminal.end().code, Some(1));
    sandbox.run(&["get", "PROD_ONLY"]).exits(3);

    copy(&sandbox, &["--only", "PROD_ONLY", "--yes"]).succeeds();
    sandbox.run(&["get", "PROD_ONLY"]).succeeds();
}

#[test]
fn a_copy_chooses_by_tag_as_others_do() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    sandbox
        .run_with_stdin(&["add", "B", "--tag", "ai"], value_of("B"))
        .succeeds();
    sandbox.run(&["env", "create", "prod"]).succeeds();
    sandbox
        .run(&["env", "copy", "dev", "prod", "--tag", "ai", "--yes"])
        .succeeds();
    let copied = sandbox.run(&["list", "-q", "-e", "prod"]).succeeds();
    assert_eq!(copied.text(), "B\n");
}
