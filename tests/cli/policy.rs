use insta::assert_snapshot;

use crate::sandbox::{CANARY, Sandbox, value_of, without_times};

#[test]
fn without_anything_said_ten_versions_are_kept() {
    let sandbox = Sandbox::with_secrets(&["A"]);

    assert_snapshot!(sandbox.run(&["policy"]), @"
    --- stdout ---
    NAME       KEEP
    (default)  10
    [exit 0]
    ");
    assert_snapshot!(sandbox.run(&["policy", "--json"]), @r#"
    --- stdout ---
    {"schema":1,"environment":"dev","default":{"rotate_every":null,"keep_versions":10},"secrets":[]}
    [exit 0]
    "#);
    sandbox.run(&["policy", "-q"]).succeeds().says_nothing();
}

#[test]
fn it_is_said_for_all_for_one_and_taken_back() {
    let sandbox = Sandbox::with_secrets(&["A", "B"]);

    assert_snapshot!(sandbox.run(&["policy", "--rotate-every", "90d", "--keep-versions", "5"]), @"
    --- stderr ---
    policy of the secrets of `dev`: a new value every 90d, 5 versions kept
    [exit 0]
    ");
    assert_snapshot!(sandbox.run(&["policy", "A", "--rotate-every", "30d"]), @"
    --- stderr ---
    policy of `A` in `dev`: a new value every 30d
    [exit 0]
    ");
    assert_snapshot!(without_times(&sandbox.run(&["policy"])), @"
    --- stdout ---
    NAME       ROTATE EVERY  KEEP  DUE
    (default)  90d           5
    A          30d                 [time]
    B                              [time]
    [exit 0]
    ");
    assert_snapshot!(without_times(&sandbox.run(&["policy", "--json"])), @r#"
    --- stdout ---
    {"schema":1,"environment":"dev","default":{"rotate_every":"90d","keep_versions":5},"secrets":[{"name":"A","rotate_every":"30d","keep_versions":null,"due_at":"[time]"},{"name":"B","rotate_every":null,"keep_versions":null,"due_at":"[time]"}]}
    [exit 0]
    "#);
    assert_eq!(sandbox.run(&["policy", "-q"]).text(), "A\nB\n");
    assert_snapshot!(sandbox.run(&["policy", "A", "--rotate-every", "none", "--json"]), @r#"
    --- stdout ---
    {"schema":1,"name":"A","environment":"dev","rotate_every":null,"keep_versions":null,"destroyed":[]}
    [exit 0]
    "#);
    sandbox
        .run(&[
            "policy",
            "--rotate-every",
            "none",
            "--keep-versions",
            "none",
        ])
        .succeeds();
    assert_snapshot!(sandbox.run(&["policy"]), @"
    --- stdout ---
    NAME       KEEP
    (default)  10
    [exit 0]
    ");
}

#[test]
fn it_is_said_with_the_value() {
    let sandbox = Sandbox::new();
    let line = ["add", "A", "--rotate-every", "2w", "--keep-versions", "3"];
    sandbox.run_with_stdin(&line, CANARY).succeeds();
    let line = ["rotate", "A", "--rotate-every", "30d"];
    sandbox.run_with_stdin(&line, "made-up").succeeds();

    assert_snapshot!(without_times(&sandbox.run(&["policy", "A"])), @"
    --- stdout ---
    NAME       ROTATE EVERY  KEEP  DUE
    (default)                10
    A          30d           3     [time]
    [exit 0]
    ");
}

#[test]
fn when_it_is_due_counts_from_the_value_in_use() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    sandbox
        .run(&["policy", "A", "--rotate-every", "1d"])
        .succeeds();
    let listed = |what: &[&str]| sandbox.run(what).succeeds().json()["secrets"][0].clone();

    let policy = listed(&["policy", "--json"]);
    let made = listed(&["list", "--json"])["created_at"].clone();

    let seconds = |time: &serde_json::Value| {
        let time: jiff::Timestamp = time.as_str().expect("a text").parse().expect("a time");
        time.as_second()
    };
    assert_eq!(seconds(&policy["due_at"]) - seconds(&made), 24 * 60 * 60);
    sandbox.run(&["revoke", "A"]).succeeds();
    assert!(listed(&["policy", "--json"])["due_at"].is_null());
}

#[test]
fn what_is_more_than_is_kept_is_destroyed_when_the_number_is_lowered() {
    let sandbox = Sandbox::with_secrets(&["A", "B"]);
    for name in ["A", "B"] {
        for value in ["made-up 2", "made-up 3"] {
            sandbox.run_with_stdin(&["rotate", name], value).succeeds();
        }
    }

    assert_snapshot!(sandbox.run(&["policy", "A", "--keep-versions", "2"]), @"
    --- stderr ---
    policy of `A` in `dev`: 2 versions kept
    the value of `A@1` is kept no more, and was destroyed
    [exit 0]
    ");
    assert_snapshot!(sandbox.run(&["policy", "--keep-versions", "1", "--json"]), @r#"
    --- stdout ---
    {"schema":1,"name":null,"environment":"dev","rotate_every":null,"keep_versions":1,"destroyed":[{"name":"B","version":1},{"name":"B","version":2}]}
    [exit 0]
    "#);
    assert_snapshot!(sandbox.refused(&["get", "A@1"]), @"
    --- stderr ---
    keyvault: error: the value of `A` version 1 in environment `dev` was destroyed; its record is kept
    keyvault: hint: run `keyvault get A --env dev` for the current one
    [exit 5]
    ");
    assert_eq!(sandbox.run(&["get", "A@2"]).text(), "made-up 2");
    sandbox.refused(&["get", "B@2"]).exits(5);
}

#[test]
fn what_is_more_than_is_kept_is_destroyed_by_a_new_value() {
    let sandbox = Sandbox::with_secrets(&["A", "B"]);
    let rotate = |name: &str, value: &str, options: &[&str]| {
        let line = [&["rotate", name], options].concat();
        sandbox.run_with_stdin(&line, value)
    };

    rotate("A", "made-up 2", &["--keep-versions", "2"]).succeeds();
    assert_snapshot!(rotate("A", "made-up 3", &[]), @"
    --- stderr ---
    rotated `A` in `dev` (version 3)
    the value of `A@1` is kept no more, and was destroyed
    [exit 0]
    ");
    let json = rotate("A", "made-up 4", &["--json"]).json();
    assert_eq!(json["destroyed"][0]["version"], 2);
    assert_snapshot!(sandbox.run(&["rollback", "A"]), @"
    --- stderr ---
    `A` in `dev` has the value of version 3 again (version 5)
    the value of `A@3` is kept no more, and was destroyed
    [exit 0]
    ");
    // Of the others each is left as it is.
    rotate("B", "made-up 2", &[]).succeeds();
    assert_eq!(sandbox.run(&["get", "B@1"]).text(), value_of("B"));
}

#[test]
fn what_was_destroyed_can_be_revoked_and_is_then_not_taken_again() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let line = ["rotate", "A", "--keep-versions", "1"];
    sandbox.run_with_stdin(&line, "made-up").succeeds();

    assert_snapshot!(sandbox.run(&["revoke", "A@1", "--reason", "leaked"]), @"
    --- stderr ---
    revoked `A` in `dev` (version 1)
    [exit 0]
    ");
    sandbox
        .refused_with_stdin(&["rotate", "A"], value_of("A"))
        .exits(5);
}

#[test]
fn what_is_no_policy_is_refused() {
    let sandbox = Sandbox::with_secrets(&["A"]);

    assert_snapshot!(sandbox.refused(&["policy", "--keep-versions", "0"]), @"
    --- stderr ---
    keyvault: error: `--keep-versions` has a value that does not fit: the versions that are kept are 1 to 1000
    keyvault: hint: run `keyvault policy --help`
    [exit 2]
    ");
    assert_snapshot!(sandbox.refused(&["policy", "--rotate-every", "0s"]), @"
    --- stderr ---
    keyvault: error: `--rotate-every` has a value that does not fit: a period is longer than nothing; `none` takes it back
    keyvault: hint: run `keyvault policy --help`
    [exit 2]
    ");
    assert_snapshot!(sandbox.refused(&["policy", "--rotate-every", "monthly"]), @"
    --- stderr ---
    keyvault: error: `--rotate-every` has a value that does not fit: a length of time is a number and `s`, `m`, `h`, `d` or `w`, as in `90d`
    keyvault: hint: run `keyvault policy --help`
    [exit 2]
    ");
    sandbox.refused(&["policy", "B"]).exits(3);
    sandbox
        .refused(&["policy", "B", "--keep-versions", "3"])
        .exits(3);
    sandbox
        .refused(&["policy", "--keep-versions", "1001"])
        .exits(2);
}

#[test]
fn an_import_and_a_copy_keep_as_many() {
    let mut sandbox = Sandbox::with_secrets(&["A"]);
    sandbox.run(&["policy", "--keep-versions", "1"]).succeeds();
    sandbox.write("new.env", "A=made-up\n");
    let import = ["import", "new.env", "--on-conflict", "rotate"];

    sandbox
        .run(&import)
        .succeeds()
        .says("the value of `A@1` is kept no more, and was destroyed");
    sandbox.run(&["env", "create", "prod"]).succeeds();
    let copy = ["env", "copy", "dev", "prod", "--on-conflict", "rotate"];
    sandbox.run(&copy).succeeds();
    sandbox
        .run_with_stdin(&["rotate", "A"], "made-up too")
        .succeeds();
    // What is wanted of the secret itself is copied, and not what is wanted of all.
    let copied = sandbox.run(&copy).succeeds();
    assert!(!copied.stderr.contains("destroyed"), "{copied}");
    sandbox
        .run(&["policy", "--keep-versions", "1", "-e", "prod"])
        .succeeds()
        .says("the value of `A@1`");
    sandbox
        .run_with_stdin(&["rotate", "A"], "made-up again")
        .succeeds();
    let json = sandbox.run(&[&copy[..], &["--json"]].concat()).json();
    assert_eq!(
        json["destroyed"],
        serde_json::json!([{ "name": "A", "version": 2 }])
    );
}
