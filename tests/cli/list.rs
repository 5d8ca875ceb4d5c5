use insta::assert_snapshot;
use serde_json::json;

use crate::rewrite::date;
use crate::rotation::Provider;
use crate::sandbox::{Sandbox, Transcript};

/// A listing without its ages, which depend on how fast the test runs.
fn without_ages(transcript: &Transcript) -> String {
    let is_age = |word: &str| {
        word.strip_suffix('s')
            .is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let lines = transcript.text().lines().map(|line| {
        let words = line.split_inclusive(' ').map(|word| {
            if is_age(word.trim()) {
                "0s ".to_owned()
            } else {
                word.to_owned()
            }
        });
        words.collect::<String>().trim_end().to_owned() + "\n"
    });
    lines.collect()
}

#[test]
fn shows_names_and_never_a_value() {
    let sandbox = Sandbox::with_secrets(&["STRIPE_KEY", "OPENAI_API_KEY", "A"]);
    sandbox
        .run_with_stdin(&["rotate", "STRIPE_KEY"], "made-up")
        .succeeds();
    sandbox.run(&["revoke", "A"]).succeeds();

    assert_snapshot!(without_ages(&sandbox.run(&["list"]).succeeds().says_nothing()), @"
    NAME            STATE    VERSION  AGE
    A               revoked  1        0s
    OPENAI_API_KEY  current  1        0s
    STRIPE_KEY      current  2        0s
    ");
    assert_eq!(sandbox.run(&["ls"]).text(), sandbox.run(&["list"]).text());
}

#[test]
fn shows_tags_and_descriptions_where_there_are_any() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let add = [
        "add",
        "B",
        "--tag",
        "ai",
        "--tag",
        "x",
        "--description",
        "for the bot",
    ];
    sandbox.run_with_stdin(&add, "made-up").succeeds();

    assert_snapshot!(without_ages(&sandbox.run(&["list"])), @"
    NAME  STATE    VERSION  AGE  TAGS  DESCRIPTION
    A     current  1        0s
    B     current  1        0s   ai,x  for the bot
    ");
    assert_eq!(sandbox.run(&["list", "-q", "--tag", "x"]).text(), "B\n");
    assert_eq!(sandbox.run(&["list", "-q", "--tag", "y"]).text(), "");
}

#[test]
fn quiet_is_one_name_a_line() {
    let sandbox = Sandbox::with_secrets(&["B", "A"]);

    assert_eq!(
        sandbox
            .run(&["list", "-q"])
            .succeeds()
            .says_nothing()
            .text(),
        "A\nB\n"
    );
}

#[test]
fn json_has_all_but_the_values() {
    let sandbox = Sandbox::with_secrets(&["A"]);

    let json = sandbox.run(&["list", "--json"]).succeeds().json();

    let secret = &json["secrets"][0];
    let names: Vec<&String> = secret.as_object().expect("an object").keys().collect();
    assert_eq!(
        names,
        [
            "age_seconds",
            "created_at",
            "created_by",
            "description",
            "environment",
            "expired",
            "expires_at",
            "name",
            "rotating",
            "state",
            "tags",
            "version"
        ]
    );
    assert_eq!(secret["name"], "A");
    assert_eq!(secret["state"], "current");
    assert_eq!(secret["created_by"], "alice");
}

#[test]
fn shows_what_has_expired_and_what_is_rotated() {
    let provider = Provider::new();
    let sandbox = &provider.sandbox;
    for name in ["B", "C", "D"] {
        sandbox.add(name, "made-up");
    }
    date(sandbox, "B", "2020-01-01T00:00:00Z");
    date(sandbox, "C", "2099-01-01T00:00:00Z");
    date(sandbox, "D", "2020-01-01T00:00:00Z");
    // Nothing of it was served any more before that.
    sandbox.run(&["revoke", "D"]).succeeds();
    provider.fails("verify", "");
    sandbox.run(&["rotate", "A"]).exits(1);

    let list = sandbox.run(&["list"]).succeeds().says_nothing();
    let cells = |line: &str| {
        let cells = line.split("  ").map(str::trim);
        let cells = cells.filter(|cell| !cell.is_empty());
        // All but the version, and the age, which depends on how fast this runs.
        let cells = cells.enumerate().filter(|(at, _)| ![2, 3].contains(at));
        cells.map(|(_, cell)| cell).collect::<Vec<_>>().join(" | ")
    };
    let shown: Vec<String> = list.text().lines().map(cells).collect();
    let expected = [
        "NAME | STATE | EXPIRES",
        "A | current, rotating",
        "B | expired | 2020-01-01T00:00:00Z",
        "C | current | 2099-01-01T00:00:00Z",
        "D | revoked | 2020-01-01T00:00:00Z",
    ];
    assert_eq!(shown, expected);
    let json = sandbox.run(&["list", "--json"]).succeeds().json();
    let secrets = json["secrets"].as_array().expect("a list");
    let told = secrets
        .iter()
        .map(|one| ["state", "expired", "rotating"].map(|field| one[field].clone()));
    let expected = [
        [json!("current"), json!(false), json!(true)],
        [json!("current"), json!(true), json!(false)],
        [json!("current"), json!(false), json!(false)],
        [json!("revoked"), json!(false), json!(false)],
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected);

    // Before there is a new value it is under way as well, and past its date.
    sandbox.run(&["rotate", "A", "--abort"]).succeeds();
    provider.fails("create", "");
    sandbox.run(&["rotate", "A"]).exits(1);
    date(sandbox, "A", "2020-01-01T00:00:00Z");
    let list = sandbox.run(&["list"]).succeeds();
    assert!(list.text().contains("expired, rotating  1"), "{list}");
}

#[test]
fn layers_show_where_each_is_from() {
    let sandbox = Sandbox::with_secrets(&["A", "B"]);
    sandbox.run(&["env", "create", "prod"]).succeeds();
    sandbox
        .run_with_stdin(&["add", "A", "-e", "prod"], "made-up")
        .succeeds();

    assert_snapshot!(without_ages(&sandbox.run(&["list", "-e", "dev,prod"])), @"
    NAME  ENVIRONMENT  STATE    VERSION  AGE
    A     prod         current  1        0s
    B     dev          current  1        0s
    ");
}

#[test]
fn an_empty_environment_says_what_to_do() {
    let sandbox = Sandbox::new();

    assert_snapshot!(sandbox.run(&["list"]), @"
    --- stderr ---
    keyvault: note: there is no secret in `dev` yet; add one with `keyvault add NAME --env dev`
    [exit 0]
    ");
    assert_snapshot!(sandbox.run(&["list", "--json"]), @r#"
    --- stdout ---
    {"schema":1,"secrets":[]}
    --- stderr ---
    keyvault: note: there is no secret in `dev` yet; add one with `keyvault add NAME --env dev`
    [exit 0]
    "#);
}
