//! `keyvault status`: what needs attention, in words, as JSON and on a terminal.

use std::fs;
use std::path::Path;

use insta::assert_snapshot;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::forge::resigned;
use crate::rotation::{FIRST, Provider};
use crate::sandbox::{CANARY, PASSPHRASE, Sandbox, Transcript};
use crate::terminal::Terminal;

/// What every sandbox has, as its identity has no passphrase.
const NOT_THE_IDENTITY: &str = "--ignore=weak-identity";

/// The time so many days before now, or behind it, and an hour: however long a test
/// takes, it is so many days.
fn days_ago(days: i64) -> String {
    let past = Timestamp::now() - SignedDuration::from_hours(24 * days + 1);
    let past = Timestamp::from_second(past.as_second()).expect("a time");
    past.to_string()
}

/// Changes an environment's document as no command does, and has it believed.
fn forge(sandbox: &Sandbox, environment: &str, edit: impl FnOnce(&mut Value)) {
    let identity = fs::read_to_string(sandbox.identity()).expect("read");
    let path = sandbox.vault().join(format!("{environment}.age"));
    let file = fs::read(&path).expect("read");
    let edited = |document: &str| {
        let mut document = serde_json::from_str(document).expect("JSON");
        edit(&mut document);
        document.to_string()
    };
    fs::write(&path, resigned(&identity, &file, edited)).expect("written");
    sandbox
        .run(&["trust", "--yes", "-e", environment])
        .succeeds();
}

/// A vault with one of each problem.
fn troubled() -> Sandbox {
    let sandbox = Sandbox::new();
    for name in [
        "STRIPE_KEY",
        "DEPLOY_TOKEN",
        "GITLAB_TOKEN",
        "SIGNING_KEY",
        "OLD_KEY",
        "SHARED_KEY",
        "MAIL_PASSWORD",
        "PAYMENT_KEY",
    ] {
        sandbox.add(name, &format!("{name} {CANARY}"));
    }
    sandbox.add("OPENAI_API_KEY", "your-api-key-here");
    sandbox.add("WEBHOOK_SECRET", &format!("{CANARY} with a blank "));
    sandbox.add("PORT", "3000");
    sandbox
        .run_with_stdin(&["rotate", "OLD_KEY"], format!("new {CANARY}"))
        .succeeds();
    // All of them are used, and one that is added then is not.
    sandbox.run(&["exec", "true"]).succeeds();
    sandbox.add("FORGOTTEN_KEY", &format!("FORGOTTEN_KEY {CANARY}"));
    sandbox.run(&["env", "create", "prod"]).succeeds();
    for (name, value) in [
        ("SHARED_KEY", format!("SHARED_KEY {CANARY}")),
        ("PORT", "3000".to_owned()),
        ("SMTP_PASSWORD", format!("MAIL_PASSWORD {CANARY}")),
    ] {
        sandbox
            .run_with_stdin(&["add", name, "-e", "prod"], value)
            .succeeds();
    }
    // As if it had been revoked in `prod` alone, while nobody was asked of the others.
    let revoke = [
        "revoke",
        "SMTP_PASSWORD",
        "-e",
        "prod",
        "--reason",
        "leaked",
    ];
    sandbox.run(&revoke).succeeds();
    fs::write(
        sandbox.project().join(".env.example"),
        "PORT=\nSENTRY_DSN=\n",
    )
    .expect("written");
    forge(&sandbox, "dev", |document| {
        let secrets = &mut document["secrets"];
        let current = |name: &str| format!("/{name}/versions/0");
        for (name, made, expires) in [
            ("STRIPE_KEY", 93, Some(3)),
            ("DEPLOY_TOKEN", 85, Some(-5)),
            ("SIGNING_KEY", 102, None),
            ("FORGOTTEN_KEY", 100, None),
        ] {
            let version = secrets.pointer_mut(&current(name)).expect("there");
            version["created_at"] = json!(days_ago(made));
            if let Some(days) = expires {
                version["expires_at"] = json!(days_ago(days));
            }
        }
        secrets["SIGNING_KEY"]["rotate_every"] = json!("90d");
        secrets["PAYMENT_KEY"]["versions"][0]["leaked_at"] = json!(days_ago(2));
        secrets["GITLAB_TOKEN"]["rotation"] =
            json!({ "id": "0".repeat(32), "started_at": days_ago(1), "started_by": "bob" });
        let old = &mut secrets["OLD_KEY"]["versions"][0];
        old["retire_at"] = json!(days_ago(2));
        old["rotation"] = json!("0".repeat(32));
    });
    age_log(&sandbox, 95);
    sandbox
}

/// Makes the first line of the audit log so many days old, with another one between it and
/// the next.
fn age_log(sandbox: &Sandbox, days: i64) {
    let logs = sandbox.home().join(".local/state/keyvault/audit");
    let log = fs::read_dir(logs)
        .expect("listed")
        .next()
        .expect("a log")
        .expect("read");
    let mut segments = fs::read_dir(log.path())
        .expect("listed")
        .flatten()
        .map(|entry| entry.path());
    let segment = segments
        .find(|path| path.extension().is_some_and(|end| end == "jsonl"))
        .expect("one");
    let text = fs::read_to_string(&segment).expect("read");
    let (first, rest) = text.split_once('\n').expect("a line");
    let mut line: Value = serde_json::from_str(first).expect("JSON");
    line["time"] = json!(days_ago(days));
    let mut between = line.clone();
    between["time"] = json!(days_ago(days / 2));
    fs::write(&segment, format!("{line}\n{between}\n{rest}")).expect("written");
}

/// JSON with the times that depend on when the test runs taken out.
fn without_times(transcript: &Transcript) -> String {
    let is_time = |word: &&str| word.parse::<Timestamp>().is_ok();
    let json = transcript.json();
    let pretty = serde_json::to_string_pretty(&json).expect("JSON");
    let mut text = pretty.clone();
    for word in pretty.split('"').filter(is_time) {
        text = text.replace(word, "[time]");
    }
    text
}

#[test]
fn one_of_each_problem_is_shown_the_worst_first() {
    let sandbox = troubled();
    let run = sandbox.run(&["status"]);
    assert!(!run.text().contains(CANARY));
    assert_snapshot!(run, @"
    --- stdout ---
    KIND           NAME            ENVIRONMENT  WHY
    expired        STRIPE_KEY      dev          expired 3d ago
                   keyvault rotate STRIPE_KEY --env dev
    leaked         PAYMENT_KEY     dev          found by `scan` 2d ago
                   keyvault rotate PAYMENT_KEY --env dev
    exposed        MAIL_PASSWORD   dev          revoked as SMTP_PASSWORD@1 in prod (leaked)
                   keyvault rotate MAIL_PASSWORD --env dev
    interrupted    GITLAB_TOKEN    dev          begun 1d ago by bob
                   keyvault rotate GITLAB_TOKEN --resume --env dev
    missing        SENTRY_DSN      dev          listed in .env.example
                   keyvault add SENTRY_DSN --env dev
    placeholder    OPENAI_API_KEY  dev          looks like a placeholder
                   keyvault rotate OPENAI_API_KEY --env dev
    expiring       DEPLOY_TOKEN    dev          expires in 4d
                   keyvault rotate DEPLOY_TOKEN --env dev
    due            SIGNING_KEY     dev          due since 12d (every 90d)
                   keyvault rotate SIGNING_KEY --env dev
    lingering      OLD_KEY         dev          version 1 overdue since 2d
                   keyvault rotate OLD_KEY --resume --env dev
    reused         SHARED_KEY      dev          same value as in prod
                   keyvault rotate SHARED_KEY --env dev
    whitespace     WEBHOOK_SECRET  dev          white space at the end
                   keyvault rotate WEBHOOK_SECRET --env dev
    unused         FORGOTTEN_KEY   dev          not used here in 95d
                   keyvault remove FORGOTTEN_KEY --env dev
    weak-identity                               your identity has no passphrase
                   keyvault identity --new-passphrase
    --- stderr ---
    keyvault: note: 15 secrets in 2 environments, 13 things need attention
    [exit 8]
    ");
}

#[test]
fn one_of_each_problem_in_json() {
    let sandbox = troubled();
    let run = sandbox.run(&["status", "--json"]).exits(8);
    assert!(!run.text().contains(CANARY));
    assert_snapshot!(without_times(&run), @r#"
    {
      "attention": [
        {
          "created_at": "[time]",
          "environment": "dev",
          "expires_at": "[time]",
          "kind": "expired",
          "mend": "keyvault rotate STRIPE_KEY --env dev",
          "name": "STRIPE_KEY",
          "since": "[time]",
          "version": 1
        },
        {
          "created_at": "[time]",
          "environment": "dev",
          "kind": "leaked",
          "mend": "keyvault rotate PAYMENT_KEY --env dev",
          "name": "PAYMENT_KEY",
          "since": "[time]",
          "version": 1
        },
        {
          "created_at": "[time]",
          "environment": "dev",
          "kind": "exposed",
          "mend": "keyvault rotate MAIL_PASSWORD --env dev",
          "name": "MAIL_PASSWORD",
          "revoked_as": [
            {
              "environment": "prod",
              "name": "SMTP_PASSWORD",
              "reason": "leaked",
              "revoked_at": "[time]",
              "version": 1
            }
          ],
          "since": "[time]",
          "version": 1
        },
        {
          "created_at": "[time]",
          "environment": "dev",
          "kind": "interrupted",
          "mend": "keyvault rotate GITLAB_TOKEN --resume --env dev",
          "name": "GITLAB_TOKEN",
          "since": "[time]",
          "started_by": "bob",
          "version": 1
        },
        {
          "environment": "dev",
          "kind": "missing",
          "mend": "keyvault add SENTRY_DSN --env dev",
          "name": "SENTRY_DSN",
          "since": null
        },
        {
          "created_at": "[time]",
          "environment": "dev",
          "kind": "placeholder",
          "mend": "keyvault rotate OPENAI_API_KEY --env dev",
          "name": "OPENAI_API_KEY",
          "since": "[time]",
          "version": 1
        },
        {
          "created_at": "[time]",
          "environment": "dev",
          "expires_at": "[time]",
          "kind": "expiring",
          "mend": "keyvault rotate DEPLOY_TOKEN --env dev",
          "name": "DEPLOY_TOKEN",
          "since": null,
          "version": 1
        },
        {
          "created_at": "[time]",
          "due_at": "[time]",
          "environment": "dev",
          "kind": "due",
          "mend": "keyvault rotate SIGNING_KEY --env dev",
          "name": "SIGNING_KEY",
          "rotate_every": "90d",
          "since": "[time]",
          "version": 1
        },
        {
          "created_at": "[time]",
          "environment": "dev",
          "kind": "lingering",
          "mend": "keyvault rotate OLD_KEY --resume --env dev",
          "name": "OLD_KEY",
          "since": "[time]",
          "version": 1
        },
        {
          "created_at": "[time]",
          "environment": "dev",
          "kind": "reused",
          "mend": "keyvault rotate SHARED_KEY --env dev",
          "name": "SHARED_KEY",
          "shared_with": [
            {
              "environment": "prod",
              "name": "SHARED_KEY"
            }
          ],
          "since": "[time]",
          "version": 1
        },
        {
          "created_at": "[time]",
          "environment": "dev",
          "kind": "whitespace",
          "mend": "keyvault rotate WEBHOOK_SECRET --env dev",
          "name": "WEBHOOK_SECRET",
          "since": "[time]",
          "stray_space": "end",
          "version": 1
        },
        {
          "created_at": "[time]",
          "environment": "dev",
          "kind": "unused",
          "mend": "keyvault remove FORGOTTEN_KEY --env dev",
          "name": "FORGOTTEN_KEY",
          "since": "[time]",
          "version": 1
        },
        {
          "environment": null,
          "kind": "weak-identity",
          "mend": "keyvault identity --new-passphrase",
          "name": null,
          "since": null
        }
      ],
      "closed": [],
      "environments": [
        "dev",
        "prod"
      ],
      "rotating": [],
      "schema": 1,
      "secrets": 15,
      "snoozed": 0
    }
    "#);
}

#[test]
fn quiet_is_one_name_a_line() {
    let sandbox = troubled();
    assert_snapshot!(sandbox.run(&["status", "-q"]), @"
    --- stdout ---
    STRIPE_KEY
    PAYMENT_KEY
    MAIL_PASSWORD
    GITLAB_TOKEN
    SENTRY_DSN
    OPENAI_API_KEY
    DEPLOY_TOKEN
    SIGNING_KEY
    OLD_KEY
    SHARED_KEY
    WEBHOOK_SECRET
    FORGOTTEN_KEY
    [exit 8]
    ");
}

#[test]
fn nothing_to_do_is_one_note() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    assert_snapshot!(sandbox.run(&["status", NOT_THE_IDENTITY]), @"
    --- stderr ---
    keyvault: note: nothing needs attention
    [exit 0]
    ");
    assert_snapshot!(sandbox.run(&["status", NOT_THE_IDENTITY, "--json", "-q"]), @r#"
    --- stdout ---
    {"schema":1,"attention":[],"snoozed":0,"rotating":[],"secrets":1,"environments":["dev"],"closed":[]}
    [exit 0]
    "#);
    sandbox
        .run(&["status", NOT_THE_IDENTITY, "-q"])
        .succeeds()
        .says_nothing();
}

#[test]
fn kinds_are_chosen_and_left_out() {
    let sandbox = troubled();
    let names = |arguments: &[&str]| {
        let run = sandbox.run(&[&["status", "--json"], arguments].concat());
        let json = run.json();
        let attention = json["attention"].as_array().expect("a list").clone();
        let kinds = attention
            .iter()
            .map(|line| line["kind"].as_str().expect("a word").to_owned());
        (kinds.collect::<Vec<_>>().join(" "), run.code)
    };
    assert_eq!(
        names(&["--only", "due,expired"]),
        ("expired due".to_owned(), Some(8))
    );
    assert_eq!(
        names(&["--only", "due", "--only", "unused"]),
        ("due unused".to_owned(), Some(8))
    );
    assert_eq!(names(&["--only", "unused"]), ("unused".to_owned(), Some(8)));
    assert_eq!(
        names(&[
            "--ignore",
            "reused,whitespace,placeholder,missing,unused",
            "--ignore",
            "weak-identity"
        ]),
        (
            "expired leaked exposed interrupted expiring due lingering".to_owned(),
            Some(8)
        )
    );
    assert_eq!(
        names(&["--only", "due,expired", "--ignore", "expired"]).0,
        "due"
    );
}

#[test]
fn a_kind_that_is_none_is_refused() {
    let sandbox = Sandbox::new();
    assert_snapshot!(sandbox.refused(&["status", "--only", "expird"]), @"
    --- stderr ---
    keyvault: error: `--only` has a value that does not fit: there is no such kind; did you mean `expired`?
    keyvault: hint: run `keyvault status --help`
    [exit 2]
    ");
    assert_snapshot!(sandbox.refused(&["status", "--ignore", "made-up-word"]), @"
    --- stderr ---
    keyvault: error: `--ignore` has a value that does not fit: a kind is one of `expired`, `leaked`, `exposed`, `interrupted`, `missing`, `placeholder`, `expiring`, `due`, `lingering`, `reused`, `whitespace`, `unused`, `weak-identity`
    keyvault: hint: run `keyvault status --help`
    [exit 2]
    ");
    assert_snapshot!(sandbox.refused(&["status", "--only", "due", "--ignore", "due"]), @"
    --- stderr ---
    keyvault: error: what `--only` names, `--ignore` takes out again
    keyvault: hint: run `keyvault status --help` to see the kinds
    [exit 2]
    ");
}

#[test]
fn what_is_missing_is_told_of_the_default_environment() {
    let sandbox = Sandbox::with_secrets(&["A", "C"]);
    let manifest = sandbox.project().join(".env.example");
    fs::write(&manifest, "A=\nB=sample\nC=\n").expect("written");
    sandbox.run(&["env", "create", "prod"]).succeeds();
    sandbox.run(&["revoke", "C"]).succeeds();
    assert_snapshot!(sandbox.run(&["status", NOT_THE_IDENTITY]), @"
    --- stdout ---
    KIND     NAME  ENVIRONMENT  WHY
    missing  B     dev          listed in .env.example
             keyvault add B --env dev
    missing  C     dev          listed in .env.example, and revoked
             keyvault rotate C --env dev
    --- stderr ---
    keyvault: note: 2 secrets in 2 environments, 2 things need attention
    [exit 8]
    ");
    // Layers are one.
    sandbox
        .run_with_stdin(&["add", "B", "-e", "prod"], "made-up")
        .succeeds();
    sandbox
        .run_with_stdin(&["add", "C", "-e", "prod"], "made-up as well")
        .succeeds();
    sandbox
        .run(&["status", NOT_THE_IDENTITY, "-e", "dev,prod"])
        .succeeds();
    let alone = sandbox
        .run(&["status", NOT_THE_IDENTITY, "-e", "prod", "-q"])
        .exits(8);
    assert_eq!(alone.text(), "A\n");
    // Which one is the project's?
    sandbox.run(&["env", "create", "test"]).succeeds();
    sandbox.run(&["env", "remove", "dev", "--yes"]).succeeds();
    assert_snapshot!(sandbox.run(&["status", NOT_THE_IDENTITY]), @"
    --- stderr ---
    keyvault: note: `.env.example` was not compared: name an environment of it with `--env`
    keyvault: note: nothing needs attention
    [exit 0]
    ");
}

#[test]
fn an_environment_of_others_is_named_and_no_failure() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let other = Sandbox::with_secrets(&["A"]);
    fs::copy(other.dev(), sandbox.vault().join("theirs.age")).expect("copied");
    assert_snapshot!(sandbox.run(&["status", NOT_THE_IDENTITY]), @"
    --- stderr ---
    keyvault: note: environment `theirs` was not looked at: this identity is not a member of it
    keyvault: note: nothing needs attention
    [exit 0]
    ");
    let json = sandbox
        .run(&["status", NOT_THE_IDENTITY, "--json", "-q"])
        .succeeds()
        .json();
    assert_eq!(json["closed"], json!(["theirs"]));
    // Unless it was asked for, or there is no other.
    sandbox.refused(&["status", "-e", "theirs"]).exits(4);
    fs::remove_file(sandbox.dev()).expect("removed");
    sandbox.refused(&["status"]).exits(4);
}

#[test]
fn one_damaged_file_does_not_hide_what_is_in_the_others() {
    let sandbox = Sandbox::new();
    sandbox.add("A", "changeme");
    fs::write(sandbox.vault().join("prod.age"), "made-up bytes").expect("written");
    assert_snapshot!(sandbox.run(&["status", NOT_THE_IDENTITY]), @"
    --- stdout ---
    KIND         NAME  ENVIRONMENT  WHY
    placeholder  A     dev          looks like a placeholder
                 keyvault rotate A --env dev
    --- stderr ---
    keyvault: note: 1 secret in 1 environment, 1 thing needs attention
    keyvault: error: `[sandbox]/project/.keyvault/prod.age` is not an age file
    keyvault: hint: it was not touched; restore it from git or a backup
    [exit 6]
    ");
}

#[test]
fn nothing_is_in_order_where_not_all_can_be_read() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    fs::write(sandbox.vault().join("prod.age"), "made-up bytes").expect("written");
    fs::create_dir(sandbox.vault().join("test.age")).expect("made");
    assert_snapshot!(sandbox.run(&["status", NOT_THE_IDENTITY]), @"
    --- stderr ---
    keyvault: warning: `[sandbox]/project/.keyvault/test.age` is not a regular file
    keyvault: error: `[sandbox]/project/.keyvault/prod.age` is not an age file
    keyvault: hint: it was not touched; restore it from git or a backup
    [exit 6]
    ");
    fs::remove_file(sandbox.vault().join("prod.age")).expect("removed");
    fs::remove_dir(sandbox.vault().join("test.age")).expect("removed");
    sandbox.add("B", "changeme");
    fs::create_dir(sandbox.project().join(".env.example")).expect("made");
    assert_snapshot!(sandbox.run(&["status", NOT_THE_IDENTITY]), @"
    --- stdout ---
    KIND         NAME  ENVIRONMENT  WHY
    placeholder  B     dev          looks like a placeholder
                 keyvault rotate B --env dev
    --- stderr ---
    keyvault: note: 2 secrets in 1 environment, 1 thing needs attention
    keyvault: error: `[sandbox]/project/.env.example` is not a regular file
    keyvault: hint: correct it, or write it anew with `keyvault export --example -o .env.example`
    [exit 1]
    ");
}

#[test]
fn an_identity_without_a_passphrase_is_told_once() {
    let sandbox = Sandbox::with_secrets(&["A", "B"]);
    assert_snapshot!(sandbox.run(&["status"]), @"
    --- stdout ---
    KIND           WHY
    weak-identity  your identity has no passphrase
                   keyvault identity --new-passphrase
    --- stderr ---
    keyvault: note: 2 secrets in 1 environment, 1 thing needs attention
    [exit 8]
    ");
    // In CI that is what the variable is for.
    let text = fs::read_to_string(sandbox.identity()).expect("read");
    let key = text
        .lines()
        .find(|line| line.starts_with("AGE-SECRET-KEY-"))
        .expect("a key");
    let sandbox = sandbox.variable("KEYVAULT_IDENTITY", key);
    sandbox.run(&["status"]).succeeds();
    // With one there is nothing to say.
    let locked = Sandbox::locked().variable(
        "KEYVAULT_PASSPHRASE_COMMAND",
        format!("echo '{PASSPHRASE}'"),
    );
    locked.run(&["status"]).succeeds();
}

#[test]
fn what_is_not_used_is_told_where_the_log_is_old_enough() {
    let sandbox = Sandbox::with_secrets(&["A", "B"]);
    sandbox.run(&["get", "B@1"]).succeeds();
    forge(&sandbox, "dev", |document| {
        for name in ["A", "B"] {
            document["secrets"][name]["versions"][0]["created_at"] = json!(days_ago(300));
        }
    });
    let status = ["status", "--only", "unused"];
    sandbox.run(&status).succeeds();
    age_log(&sandbox, 89);
    sandbox.run(&status).succeeds();
    age_log(&sandbox, 120);
    assert_snapshot!(sandbox.run(&status), @"
    --- stdout ---
    KIND    NAME  ENVIRONMENT  WHY                    MEND
    unused  A     dev          not used here in 120d  keyvault remove A --env dev
    --- stderr ---
    keyvault: note: 2 secrets in 1 environment, 1 thing needs attention
    [exit 8]
    ");
    // Without a log nothing is known.
    fs::remove_dir_all(sandbox.home().join(".local/state/keyvault/audit")).expect("removed");
    sandbox.run(&status).succeeds();
}

#[test]
fn a_rotation_that_began_just_now_is_a_note() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    forge(&sandbox, "dev", |document| {
        // By a clock that is ahead: however long the test takes, that was 0 seconds ago.
        document["secrets"]["A"]["rotation"] =
            json!({ "id": "0".repeat(32), "started_at": days_ago(-1), "started_by": "bob" });
    });
    assert_snapshot!(sandbox.run(&["status", NOT_THE_IDENTITY]), @"
    --- stderr ---
    keyvault: note: a rotation of `A` in `dev` began 0s ago, and may be at work still; if it is not, run `keyvault rotate A --resume --env dev`
    keyvault: note: nothing needs attention
    [exit 0]
    ");
    let json = sandbox
        .run(&["status", NOT_THE_IDENTITY, "--json"])
        .succeeds()
        .json();
    assert_eq!(json["rotating"][0]["name"], "A");
    assert_eq!(json["rotating"][0]["environment"], "dev");
}

#[test]
fn what_mends_can_be_pasted_and_does_it() {
    let provider = Provider::new();
    let sandbox = &provider.sandbox;
    let told = || {
        let json = sandbox
            .run(&["status", NOT_THE_IDENTITY, "--json", "-q"])
            .exits(8)
            .json();
        let attention = json["attention"].as_array().expect("a list").clone();
        let lines = attention.iter().map(|line| {
            let [kind, mend] = ["kind", "mend"].map(|field| line[field].as_str().expect("text"));
            format!("{kind}: {mend}")
        });
        lines.collect::<Vec<_>>()
    };
    let mend = ["rotate", "A", "--resume", "--env", "dev"];

    // The rotation that gives it a new value does not get on: another cannot begin.
    provider.fails("verify", "");
    sandbox.run(&["rotate", "A"]).exits(1);
    forge(sandbox, "dev", |document| {
        let secret = &mut document["secrets"]["A"];
        secret["rotation"]["started_at"] = json!(days_ago(1));
        secret["versions"][0]["expires_at"] = json!(days_ago(2));
    });
    assert_eq!(
        told(),
        [
            "expired: keyvault rotate A --resume --env dev",
            "interrupted: keyvault rotate A --resume --env dev",
        ]
    );
    let refused = sandbox.run(&["get", "A"]).exits(5);
    let hint = "run `keyvault rotate A --resume --env dev` to go on with its rotation, or";
    assert!(refused.stderr.contains(hint), "{refused}");
    provider.is_well("verify");
    sandbox.run(&mend).succeeds();
    let refused = sandbox.run(&["get", "A@1"]).exits(5);
    let hint = "run `keyvault get A --env dev` for the current one, or";
    assert!(refused.stderr.contains(hint), "{refused}");
    sandbox.run(&["status", NOT_THE_IDENTITY]).succeeds();

    // What is done about one secret is done about no other.
    sandbox.add("B", "made-up");
    sandbox
        .run(&["hook", "set", "B", "create", "--", "echo", "made-up too"])
        .succeeds();
    forge(sandbox, "dev", |document| {
        let secrets = &mut document["secrets"];
        secrets["A"]["versions"][0]["retire_at"] = json!(days_ago(1));
        secrets["B"]["rotate_every"] = json!("90d");
        secrets["B"]["versions"][0]["created_at"] = json!(days_ago(100));
    });
    assert_eq!(
        told(),
        [
            "due: keyvault rotate B --env dev",
            "lingering: keyvault rotate A --resume --env dev",
        ]
    );
    sandbox.run(&mend).succeeds();
    assert_eq!(told(), ["due: keyvault rotate B --env dev"]);
    sandbox.run(&["rotate", "B", "--env", "dev"]).succeeds();
    sandbox.run(&["status", NOT_THE_IDENTITY]).succeeds();
}

#[test]
fn what_is_exposed_is_told_until_it_has_another_value() {
    let provider = Provider::new();
    let sandbox = &provider.sandbox;
    let revoked_in_prod = |name: &str, value: &str, reason: &str| {
        let add = ["add", name, "-e", "prod"];
        sandbox.run_with_stdin(&add, value).succeeds();
        let revoke = ["revoke", name, "-e", "prod", "--reason", reason];
        sandbox.run(&revoke).succeeds();
    };
    let told = || {
        let status = ["status", "--only", "exposed", "--json", "-q"];
        let json = sandbox.run(&status).json();
        let attention = json["attention"].as_array().expect("a list").clone();
        let mends = attention
            .iter()
            .map(|line| line["mend"].as_str().expect("text").to_owned());
        mends.collect::<Vec<_>>()
    };
    sandbox.run(&["env", "create", "prod"]).succeeds();
    assert_eq!(told(), [""; 0]);
    revoked_in_prod("B", FIRST, "leaked");
    sandbox.run(&["snooze", "A", "forever"]).succeeds();
    assert_eq!(told(), ["keyvault rotate A --env dev"]);
    // What is not looked at is not known.
    sandbox
        .run(&["status", "--only", "exposed", "-e", "dev"])
        .succeeds();

    // One is under way, so that no other can begin.
    provider.fails("verify", "");
    sandbox.run(&["rotate", "A"]).exits(1);
    assert_eq!(told(), ["keyvault rotate A --resume --env dev"]);
    // Its new value is no better.
    let pending = sandbox.run(&["get", "A@pending"]).succeeds();
    revoked_in_prod("C", pending.text().trim_end(), "in a chat");
    assert_snapshot!(sandbox.run(&["status", "--only", "exposed"]), @"
    --- stdout ---
    KIND     NAME  ENVIRONMENT  WHY
    exposed  A     dev          revoked as B@1 in prod (leaked)
             keyvault rotate A --abort --env dev
    exposed  A     dev          version 2, revoked as C@1 in prod (in a chat)
             keyvault rotate A --abort --env dev
    --- stderr ---
    keyvault: note: 3 secrets in 2 environments, 2 things need attention
    [exit 8]
    ");
    let abort = "keyvault rotate A --abort --env dev";
    assert_eq!(told(), [abort, abort]);
    sandbox
        .run(&["rotate", "A", "--abort", "--env", "dev"])
        .succeeds();
    assert_eq!(told(), ["keyvault rotate A --env dev"]);
    provider.is_well("verify");
    sandbox.run(&["rotate", "A", "--env", "dev"]).succeeds();
    assert_eq!(told(), [""; 0]);
}

#[test]
fn commands_are_told_as_this_one_was_typed() {
    let sandbox = Sandbox::new();
    sandbox.add("A", "changeme");
    let vault = sandbox.vault();
    let vault = vault.to_str().expect("text");
    let run = sandbox.run(&["--vault", vault, "status", NOT_THE_IDENTITY, "--json"]);
    let json = run.exits(8).json();
    let expected = format!("keyvault --vault {vault} rotate A --env dev");
    assert_eq!(json["attention"][0]["mend"], expected);
}

/// What a terminal shows, with its escapes made visible.
fn on_terminal(sandbox: &Sandbox, columns: u16, command: &str) -> String {
    let mut shell = Terminal::shell(sandbox);
    shell.resize(40, columns);
    let (text, code) = shell.run(command);
    assert_eq!(code, 8, "{text}");
    text.replace('\u{1b}', "^")
}

#[test]
fn on_a_terminal_there_are_colours_and_bars() {
    let sandbox = troubled()
        .variable("TERM", "xterm")
        .variable("LANG", "C.UTF-8");
    assert_snapshot!(on_terminal(&sandbox, 80, "keyvault status"), @"
    KIND           NAME            ENVIRONMENT  AGE         WHY
    ^[1;31mexpired^[0m        STRIPE_KEY      dev          ^[1;31m██████████^[0m  expired 3d ago
                   ^[2mkeyvault rotate STRIPE_KEY --env dev^[0m
    ^[1;31mleaked^[0m         PAYMENT_KEY     dev                      found by `scan` 2d ago
                   ^[2mkeyvault rotate PAYMENT_KEY --env dev^[0m
    ^[1;31mexposed^[0m        MAIL_PASSWORD   dev                      revoked as SMTP_PASSWORD@1 in prod (leaked)
                   ^[2mkeyvault rotate MAIL_PASSWORD --env dev^[0m
    ^[1;31minterrupted^[0m    GITLAB_TOKEN    dev                      begun 1d ago by bob
                   ^[2mkeyvault rotate GITLAB_TOKEN --resume --env dev^[0m
    ^[1;31mmissing^[0m        SENTRY_DSN      dev                      listed in .env.example
                   ^[2mkeyvault add SENTRY_DSN --env dev^[0m
    ^[1;31mplaceholder^[0m    OPENAI_API_KEY  dev                      looks like a placeholder
                   ^[2mkeyvault rotate OPENAI_API_KEY --env dev^[0m
    ^[33mexpiring^[0m       DEPLOY_TOKEN    dev          ^[33m█████████▍^[0m  expires in 4d
                   ^[2mkeyvault rotate DEPLOY_TOKEN --env dev^[0m
    ^[33mdue^[0m            SIGNING_KEY     dev          ^[33m██████████^[0m  due since 12d (every 90d)
                   ^[2mkeyvault rotate SIGNING_KEY --env dev^[0m
    ^[33mlingering^[0m      OLD_KEY         dev                      version 1 overdue since 2d
                   ^[2mkeyvault rotate OLD_KEY --resume --env dev^[0m
    ^[33mreused^[0m         SHARED_KEY      dev                      same value as in prod
                   ^[2mkeyvault rotate SHARED_KEY --env dev^[0m
    ^[36mwhitespace^[0m     WEBHOOK_SECRET  dev                      white space at the end
                   ^[2mkeyvault rotate WEBHOOK_SECRET --env dev^[0m
    ^[36munused^[0m         FORGOTTEN_KEY   dev                      not used here in 95d
                   ^[2mkeyvault remove FORGOTTEN_KEY --env dev^[0m
    ^[36mweak-identity^[0m                                           your identity has no passphrase
                   ^[2mkeyvault identity --new-passphrase^[0m
    keyvault: ^[1;36mnote:^[0m 15 secrets in 2 environments, 13 things need attention
    ");
    // Without colours the bars stay.
    let plain = on_terminal(
        &sandbox,
        80,
        "NO_COLOR=1 keyvault status --only expired,due",
    );
    assert_snapshot!(plain, @"
    KIND     NAME         ENVIRONMENT  AGE         WHY
    expired  STRIPE_KEY   dev          ██████████  expired 3d ago
             keyvault rotate STRIPE_KEY --env dev
    due      SIGNING_KEY  dev          ██████████  due since 12d (every 90d)
             keyvault rotate SIGNING_KEY --env dev
    keyvault: note: 15 secrets in 2 environments, 2 things need attention
    ");
    assert_eq!(
        plain,
        on_terminal(
            &sandbox,
            80,
            "keyvault --color never status --only expired,due"
        )
    );
    // Where there is room, each has one line.
    let wide = on_terminal(
        &sandbox,
        140,
        "keyvault --color never status --only expired,due",
    );
    assert_snapshot!(wide, @"
    KIND     NAME         ENVIRONMENT  AGE         WHY                        MEND
    expired  STRIPE_KEY   dev          ██████████  expired 3d ago             keyvault rotate STRIPE_KEY --env dev
    due      SIGNING_KEY  dev          ██████████  due since 12d (every 90d)  keyvault rotate SIGNING_KEY --env dev
    keyvault: note: 15 secrets in 2 environments, 2 things need attention
    ");
    // A pipe gets neither, unless it asks for colours.
    let piped = on_terminal(
        &sandbox,
        80,
        "set -o pipefail; keyvault status --only expired,due 2>/dev/null | cat",
    );
    assert!(!piped.contains(['^', '█']), "{piped}");
    let run = sandbox
        .run(&["--color", "always", "status", "--only", "due"])
        .exits(8);
    assert!(run.text().contains("\u{1b}[33mdue\u{1b}[0m"), "{run}");
}

#[test]
fn where_the_locale_has_no_blocks_bars_are_ascii() {
    let sandbox = troubled()
        .variable("TERM", "xterm")
        .variable("LANG", "C.UTF-8")
        .variable("LC_ALL", "C");
    let shown = on_terminal(
        &sandbox,
        140,
        "keyvault --color never status --only expired,expiring",
    );
    assert_snapshot!(shown, @"
    KIND      NAME          ENVIRONMENT  AGE           WHY             MEND
    expired   STRIPE_KEY    dev          [##########]  expired 3d ago  keyvault rotate STRIPE_KEY --env dev
    expiring  DEPLOY_TOKEN  dev          [#########-]  expires in 4d   keyvault rotate DEPLOY_TOKEN --env dev
    keyvault: note: 15 secrets in 2 environments, 2 things need attention
    ");
}

#[test]
fn the_kinds_are_those_of_help_and_readme() {
    let kinds = |text: &str| {
        let lines = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix("- "));
        let kinds = lines.filter_map(|line| line.split_once(':'));
        kinds
            .map(|(kind, _)| kind.replace('`', ""))
            .collect::<Vec<_>>()
    };
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"));
    let readme = readme.expect("read");
    let section = readme.split("\n### status\n").nth(1).expect("a section");
    let section = section.split("\n### ").next().expect("an end");
    let sandbox = Sandbox::new();
    let refused = sandbox.run(&["status", "--only", "zzz"]).stderr;
    let known: Vec<&str> = refused
        .lines()
        .next()
        .expect("a line")
        .split('`')
        .skip(3)
        .step_by(2)
        .collect();
    assert_eq!(known.len(), 13);
    assert_eq!(kinds(section), known);
    assert_eq!(kinds(sandbox.run(&["status", "--help"]).text()), known);
}
