//! Values that are served up to a date.

use std::fs;

use insta::assert_snapshot;
use serde_json::json;

use crate::audit;
use crate::rewrite::{date, save_at};
use crate::sandbox::{CANARY, Sandbox, value_of, without_times};

const PAST: &str = "2020-01-01T00:00:00Z";

/// A sandbox in which `A` has expired, and `B` has not.
fn with_expired() -> Sandbox {
    let sandbox = Sandbox::with_secrets(&["A", "B"]);
    date(&sandbox, "A", PAST);
    sandbox
}

#[test]
fn a_date_is_said_with_the_value() {
    let sandbox = Sandbox::new();
    let add = ["add", "A", "--expires", "2099-12-31"];

    assert_snapshot!(sandbox.run_with_stdin(&add, CANARY), @"
    --- stderr ---
    added `A` to `dev` (version 1, expires at 2099-12-31T00:00:00Z)
    [exit 0]
    ");
    let rotate = ["rotate", "A", "--expires", "2099-12-31T12:00:00+02:00"];
    assert_snapshot!(sandbox.run_with_stdin(&rotate, "made-up"), @"
    --- stderr ---
    rotated `A` in `dev` (version 2, expires at 2099-12-31T10:00:00Z)
    [exit 0]
    ");
    let json = sandbox.run(&["list", "--json"]).json();
    assert_eq!(json["secrets"][0]["expires_at"], "2099-12-31T10:00:00Z");
    // A new value has no date but its own.
    let json = sandbox
        .run_with_stdin(&["rotate", "A", "--json"], CANARY)
        .json();
    assert!(json.get("expires_at").is_none(), "{json}");
    let list = sandbox.run(&["list"]);
    assert!(!list.text().contains("EXPIRES"), "{list}");
}

#[test]
fn a_date_is_said_later_and_taken_back() {
    let sandbox = Sandbox::with_secrets(&["A"]);

    assert_snapshot!(sandbox.run(&["expire", "A", "2099-12-31"]), @"
    --- stderr ---
    `A` in `dev` expires at 2099-12-31T00:00:00Z (version 1)
    [exit 0]
    ");
    let list = sandbox.run(&["list"]);
    assert!(list.text().contains("2099-12-31T00:00:00Z"), "{list}");
    assert_snapshot!(without_times(&sandbox.run(&["expire", "A@1", "90d"])), @"
    --- stderr ---
    `A` in `dev` expires at [time] (version 1)
    [exit 0]
    ");
    assert_snapshot!(sandbox.run(&["expire", "A", "never"]), @"
    --- stderr ---
    `A` in `dev` does not expire (version 1)
    [exit 0]
    ");
    let json = sandbox.run(&["expire", "A", "2099-12-31", "--json"]).json();
    assert_eq!(
        json,
        serde_json::json!({
            "schema": 1, "name": "A", "environment": "dev", "version": 1,
            "expires_at": "2099-12-31T00:00:00Z"
        })
    );
    let before = fs::read(sandbox.dev()).expect("read");
    sandbox.run(&["expire", "A", "2099-12-31"]).succeeds();
    assert!(
        fs::read(sandbox.dev()).expect("read") == before,
        "nothing to save"
    );
}

#[test]
fn a_date_that_is_past_is_refused_before_anything_is_asked() {
    let sandbox = Sandbox::with_secrets(&["A"]);

    // Nothing is piped in: a value is not even looked for.
    assert_snapshot!(without_times(&sandbox.refused(&["add", "B", "--expires", "2020-01-01"])), @"
    --- stderr ---
    keyvault: error: a value cannot expire at [time], which is past: it is [time]
    keyvault: hint: nothing was changed; name a later date, or run `keyvault revoke NAME` for a value that must not be used any more
    [exit 2]
    ");
    for line in [
        &["rotate", "A", "--expires", "2020-01-01"][..],
        &["rotate", "A", "--expires", "0s"],
        &["expire", "A", "2020-01-01"],
    ] {
        sandbox.refused(line).exits(2).says("which is past");
    }
    let locked = Sandbox::locked();
    for line in [
        &["add", "B", "-e", "new", "--expires", "2020-01-01"][..],
        &["rotate", "A", "--expires", "2020-01-01"],
        &["expire", "A", "2020-01-01"],
    ] {
        // Not for a passphrase either, nor for an environment.
        locked.refused(line).exits(2).says("which is past");
    }
    assert_snapshot!(sandbox.refused(&["expire", "A", "31.12.2099"]), @"
    --- stderr ---
    keyvault: error: `WHEN` has a value that does not fit: a time is `90d` from now, or a date as in `2026-12-31`, which begins at midnight UTC, or `2026-12-31T12:00:00Z`
    keyvault: hint: run `keyvault expire --help`
    [exit 2]
    ");
    assert_snapshot!(sandbox.refused(&["expire", "A"]), @"
    --- stderr ---
    keyvault: error: `WHEN` is missing
    keyvault: hint: run `keyvault expire --help`
    [exit 2]
    ");
    // Its brackets are not taken for those around it.
    sandbox
        .refused(&["expire", "90d", "A"])
        .exits(2)
        .says("error: `NAME[@N]` has a value");
    sandbox.refused(&["expire", "C", "90d"]).exits(3);
    sandbox.run(&["revoke", "A"]).succeeds();
    sandbox.refused(&["expire", "A", "90d"]).exits(5);
}

#[test]
fn what_has_expired_is_refused() {
    let mut sandbox = with_expired();
    sandbox.write("template", "{{ A }}");
    sandbox.write("app.env", "X=keyvault://A\n");

    assert_snapshot!(sandbox.refused(&["get", "A"]), @"
    --- stderr ---
    keyvault: error: `A` in environment `dev` has expired (version 1, at 2020-01-01T00:00:00Z)
    keyvault: hint: run `keyvault rotate A --env dev` to give it a new value, or `keyvault expire A@1 30d --env dev` if it is good for longer
    [exit 5]
    ");
    assert_snapshot!(sandbox.refused(&["exec", "--", "true"]), @"
    --- stderr ---
    keyvault: error: `A` in environment `dev` has expired (version 1, at 2020-01-01T00:00:00Z)
    keyvault: hint: run `keyvault rotate A --env dev` to give it a new value, or `keyvault expire A@1 30d --env dev` if it is good for longer
    [exit 125]
    ");
    sandbox.refused(&["get", "A", "--json"]).exits(5);
    sandbox.refused(&["get", "A@1"]).exits(5);
    sandbox.refused(&["export"]).exits(5);
    sandbox.refused(&["render", "template"]).exits(5);
    sandbox
        .refused(&["exec", "--env-file", "app.env", "--", "true"])
        .exits(125);
    sandbox.refused(&["exec", "--dry-run"]).exits(125);
    sandbox.run(&["env", "create", "prod"]).succeeds();
    sandbox.refused(&["env", "copy", "dev", "prod"]).exits(5);
    // What is not asked for keeps nobody from the rest.
    sandbox
        .run(&["exec", "--except", "A", "--", "true"])
        .succeeds();
}

#[test]
fn it_is_given_out_to_who_asks_for_it_so() {
    let mut sandbox = with_expired();
    sandbox.write("template", "{{ A }} {{ A }}");
    sandbox.write("app.env", "X=keyvault://A\n");
    let run = |line: &[&str]| sandbox.run(line).succeeds();

    let get = run(&["get", "A", "--allow-expired"]);
    assert_eq!(get.text(), value_of("A"));
    let warning = get.stderr.clone();
    assert_snapshot!(warning, @"keyvault: warning: `A` in environment `dev` has expired (version 1, at 2020-01-01T00:00:00Z), and is given out because of `--allow-expired`");
    for line in [
        &["get", "A", "B", "--json", "--allow-expired"][..],
        &["export", "--allow-expired"],
        &["render", "template", "--allow-expired"],
        &["exec", "--allow-expired", "--", "printenv", "A"],
        &[
            "exec",
            "--allow-expired",
            "--map",
            "X=A",
            "--only",
            "A",
            "--",
            "printenv",
            "A",
        ],
        &[
            "exec",
            "--allow-expired",
            "--env-file",
            "app.env",
            "--",
            "printenv",
            "X",
        ],
    ] {
        let transcript = run(line);
        assert!(transcript.text().contains(&value_of("A")), "{transcript}");
        assert_eq!(transcript.stderr, warning, "{line:?}: once");
        let logged = audit::lines(&sandbox).pop().expect("a line");
        assert_eq!(logged["allowed"], json!(["expired"]), "{line:?}");
    }
    run(&["get", "A", "--allow-expired", "-q"]).says_nothing();
    run(&["get", "B", "--allow-expired"]);
    let logged = audit::lines(&sandbox).pop().expect("a line");
    assert_eq!(logged.get("allowed"), None, "it has not expired");
    // What was revoked is not to be had so.
    sandbox.run(&["revoke", "A"]).succeeds();
    sandbox.refused(&["get", "A", "--allow-expired"]).exits(5);
}

#[test]
fn it_is_served_again_with_a_new_value_or_date() {
    let sandbox = with_expired();

    sandbox.run(&["expire", "A", "90d"]).succeeds();
    assert_eq!(sandbox.run(&["get", "A"]).text(), value_of("A"));
    let sandbox = with_expired();
    sandbox.run_with_stdin(&["rotate", "A"], CANARY).succeeds();
    assert_eq!(sandbox.run(&["get", "A"]).text(), CANARY);
    sandbox.refused(&["get", "A@previous"]).exits(5);
}

/// Keeps a sandbox's day from ending while a test runs: shortly before midnight (UTC) the
/// last save is one of the day to come, by which dates are judged until that has begun.
/// So far ahead a clock may be without a word.
fn stay_on_a_day(sandbox: &Sandbox) {
    const DAY: i64 = 24 * 60 * 60;
    let now = jiff::Timestamp::now().as_second();
    let midnight = now - now.rem_euclid(DAY) + DAY;
    if midnight - now < 30 * 60 {
        let tomorrow = jiff::Timestamp::from_second(midnight + 1).expect("in range");
        save_at(sandbox, &tomorrow.to_string());
    }
}

#[test]
fn exec_warns_once_a_day_of_what_is_about_to_expire() {
    let sandbox = Sandbox::with_secrets(&["A", "B", "C"]);
    stay_on_a_day(&sandbox);
    // An hour more than what is said, for however long this takes.
    for (name, when) in [("A", "73h"), ("B", "13d"), ("C", "15d")] {
        sandbox.run(&["expire", name, when]).succeeds();
    }
    let exec = ["exec", "--", "true"];
    let reminders = sandbox.home().join(".local/state/keyvault/reminders.json");

    // Who hears nothing was not told.
    sandbox
        .run(&["exec", "-q", "--", "true"])
        .succeeds()
        .says_nothing();
    sandbox
        .run(&["exec", "--dry-run"])
        .succeeds()
        .says_nothing();
    sandbox.run(&["get", "A"]).succeeds().says_nothing();
    sandbox
        .run(&["exec", "--only", "C", "--", "true"])
        .succeeds()
        .says_nothing();
    assert!(!reminders.exists(), "there was nothing to remember");

    let told = sandbox
        .run(&["exec", "--only", "A", "--", "true"])
        .succeeds();
    assert_snapshot!(without_times(&told), @"
    --- stderr ---
    keyvault: warning: `A` in environment `dev` expires in 3d, at [time]; run `keyvault rotate A --env dev` to give it a new value
    [exit 0]
    ");
    let told = sandbox.run(&exec).succeeds().says("`B` in environment");
    assert!(!told.stderr.contains("`A`"), "{told}");
    sandbox.run(&exec).succeeds().says_nothing();

    // On another day it is told again.
    let yesterday = fs::read_to_string(&reminders).expect("read");
    let day = yesterday.split("\"day\":\"").nth(1).expect("a day")[..10].to_owned();
    fs::write(&reminders, yesterday.replace(&day, "2026-01-01")).expect("written");
    sandbox.run(&exec).succeeds().says("`A`").says("`B`");
    // As it is where nothing can be read from the file, or written to it.
    fs::write(&reminders, "{").expect("written");
    sandbox.run(&exec).succeeds().says("`A`").says("`B`");
    fs::remove_file(&reminders).expect("removed");
    fs::create_dir(&reminders).expect("made");
    for _ in 0..2 {
        sandbox.run(&exec).succeeds().says("`A`").says("`B`");
    }
    // A new date is news.
    fs::remove_dir(&reminders).expect("removed");
    sandbox.run(&exec).succeeds();
    sandbox.run(&["expire", "A", "2d"]).succeeds();
    let told = sandbox.run(&exec).succeeds().says("`A`");
    assert!(!told.stderr.contains("`B`"), "{told}");
}

#[test]
fn of_many_that_are_about_to_expire_a_few_are_named() {
    let names = ["A", "B", "C", "D", "E", "F", "G"];
    let sandbox = Sandbox::with_secrets(&names);
    stay_on_a_day(&sandbox);
    for name in names {
        sandbox.run(&["expire", name, "3d"]).succeeds();
    }

    let told = sandbox.run(&["exec", "--", "true"]).succeeds();

    let named = names
        .iter()
        .filter(|name| told.stderr.contains(&format!("`{name}`")));
    assert_eq!(named.count(), 5, "{told}");
    told.says("2 more expire within 14d");
    sandbox
        .run(&["exec", "--", "true"])
        .succeeds()
        .says_nothing();
}

#[test]
fn dates_are_told_where_values_are() {
    let mut sandbox = with_expired();
    sandbox.run(&["expire", "B", "2099-12-31"]).succeeds();
    sandbox.write("app.env", "X={{ A }}{{ B }}\nY=plain\n");
    let json = |line: &[&str]| sandbox.run(line).succeeds().json();

    let get = json(&[
        "get",
        "A",
        "B",
        "C",
        "--default",
        "",
        "--json",
        "--allow-expired",
    ]);
    assert_eq!(get["secrets"]["A"]["expires_at"], PAST);
    assert_eq!(get["secrets"]["B"]["expires_at"], "2099-12-31T00:00:00Z");
    assert!(get["secrets"]["C"]["expires_at"].is_null());
    let export = json(&["export", "--json", "--allow-expired"]);
    assert_eq!(export["secrets"]["A"]["expires_at"], PAST);

    let plan = ["exec", "--dry-run", "--allow-expired"];
    assert_snapshot!(sandbox.run(&plan), @"
    --- stdout ---
    VARIABLE  SECRET  ENVIRONMENT  VERSION  EXPIRES
    A         A       dev          1        2020-01-01T00:00:00Z
    B         B       dev          1        2099-12-31T00:00:00Z
    --- stderr ---
    keyvault: warning: `A` in environment `dev` has expired (version 1, at 2020-01-01T00:00:00Z), and is given out because of `--allow-expired`
    [exit 0]
    ");
    // What is in a setting expires with the first of what it refers to.
    let plan = [&plan[..], &["--env-file", "app.env"]].concat();
    assert_snapshot!(sandbox.run(&plan), @"
    --- stdout ---
    VARIABLE  SECRET     EXPIRES
    X         (app.env)  2020-01-01T00:00:00Z
    Y         (app.env)
    --- stderr ---
    keyvault: warning: `A` in environment `dev` has expired (version 1, at 2020-01-01T00:00:00Z), and is given out because of `--allow-expired`
    [exit 0]
    ");
    let plan = json(&[&plan[..], &["--json"]].concat());
    assert_eq!(plan["variables"][0]["expires_at"], PAST);
    assert!(plan["variables"][1]["expires_at"].is_null());
}

#[test]
fn all_that_have_expired_are_named_at_once() {
    let sandbox = Sandbox::with_secrets(&["A", "B", "C", "D"]);
    for name in ["A", "C", "D"] {
        date(&sandbox, name, PAST);
    }

    assert_snapshot!(sandbox.refused(&["exec", "--", "true"]), @"
    --- stderr ---
    keyvault: error: `A` in environment `dev` has expired (version 1, at 2020-01-01T00:00:00Z), and so have `C`, `D`
    keyvault: hint: run `keyvault rotate A --env dev` to give it a new value, or `keyvault expire A@1 30d --env dev` if it is good for longer
    [exit 125]
    ");
    let refused = |line: &[&str]| {
        let refused = sandbox.refused(line);
        let (_, named) = refused
            .stderr
            .split_once("2020-01-01T00:00:00Z)")
            .expect("it");
        named.lines().next().unwrap_or_default().to_owned()
    };
    assert_eq!(refused(&["export"]), ", and so have `C`, `D`");
    // Only of what was asked for.
    assert_eq!(refused(&["export", "--except", "D"]), ", and so have `C`");
    let mapped = ["exec", "--only", "B", "--map", "X=C,Y=A", "--", "true"];
    assert_eq!(refused(&mapped), ", and so have `A`");
    assert_eq!(refused(&["get", "A"]), "");
}
