//! `.env.example` as the list of what a project's programs need: `exec` and `status`.

use std::fs;
use std::os::unix::fs::symlink;

use insta::assert_snapshot;

use crate::sandbox::Sandbox;

/// A project with the secret `A` and a manifest.
fn project(manifest: &str) -> Sandbox {
    let sandbox = Sandbox::with_secrets(&["A"]);
    fs::write(sandbox.project().join(".env.example"), manifest).expect("written");
    sandbox
}

#[test]
fn exec_says_what_lacks_and_runs_the_program() {
    let sandbox = project("A=\nB=sample\nC=\n");
    assert_snapshot!(sandbox.run(&["exec", "echo", "runs"]), @"
    --- stdout ---
    runs
    --- stderr ---
    keyvault: note: `.env.example` lists `B`, `C`, which environment `dev` lacks
    [exit 0]
    ");
    // What is inherited or mapped is there, and what was left out was not forgotten.
    let sandbox = sandbox.variable("B", "inherited");
    let run = |arguments: &[&str]| sandbox.run(arguments).succeeds().stderr;
    assert_eq!(run(&["exec", "--map", "C=A", "true"]), "");
    assert_eq!(run(&["exec", "-q", "true"]), "");
    assert!(run(&["exec", "--clean-env", "--map", "C=A", "true"]).contains("lists `B`,"));
    assert!(run(&["exec", "--except", "A", "true"]).contains("lists `C`,"));
}

#[test]
fn with_require_the_program_is_not_started() {
    let sandbox = project("A=\nB=\n");
    let refused = sandbox.refused(&["exec", "--require", "touch", "started"]);
    assert_snapshot!(refused, @"
    --- stderr ---
    keyvault: error: `.env.example` lists `B`, which environment `dev` lacks
    keyvault: hint: run `keyvault add B --env dev`, or take out of `.env.example` what is not needed
    [exit 125]
    ");
    sandbox.add("B", "now there");
    sandbox.run(&["exec", "--require", "true"]).succeeds();
    // Revoked is lacking, too.
    sandbox.run(&["revoke", "B"]).succeeds();
    let refused = sandbox.refused(&["exec", "--require", "true"]);
    assert_eq!(refused.code, Some(125), "{refused}");

    let without = Sandbox::with_secrets(&["A"]);
    assert_snapshot!(without.refused(&["exec", "--require", "true"]), @"
    --- stderr ---
    keyvault: error: `--require` needs a `.env.example` beside `.keyvault`, and there is none
    keyvault: hint: run `keyvault export --example -o .env.example` to write it
    [exit 125]
    ");
}

#[test]
fn a_manifest_that_is_none_is_told_and_stops_only_who_requires_it() {
    let sandbox = project("A=\nB=\"never closed\n");
    assert_snapshot!(sandbox.run(&["exec", "echo", "runs"]), @"
    --- stdout ---
    runs
    --- stderr ---
    keyvault: warning: `[sandbox]/project/.env.example` is no list of names: line 2 holds a quote or brace that is opened and not closed
    [exit 0]
    ");
    assert_snapshot!(sandbox.refused(&["exec", "--require", "true"]), @"
    --- stderr ---
    keyvault: error: `[sandbox]/project/.env.example` is no list of names: line 2 holds a quote or brace that is opened and not closed
    keyvault: hint: correct it, or write it anew with `keyvault export --example -o .env.example`
    [exit 125]
    ");
    assert_snapshot!(sandbox.refused(&["status"]), @"
    --- stdout ---
    KIND           WHY
    weak-identity  your identity has no passphrase
                   keyvault identity --new-passphrase
    --- stderr ---
    keyvault: note: 1 secret in 1 environment, 1 thing needs attention
    keyvault: error: `[sandbox]/project/.env.example` is no list of names: line 2 holds a quote or brace that is opened and not closed
    keyvault: hint: correct it, or write it anew with `keyvault export --example -o .env.example`
    [exit 1]
    ");

    let manifest = sandbox.project().join(".env.example");
    fs::remove_file(&manifest).expect("removed");
    symlink("/dev/zero", &manifest).expect("linked");
    let run = sandbox.run(&["exec", "true"]).succeeds();
    assert!(run.stderr.contains("is a symbolic link"), "{run}");
}

#[test]
fn only_a_project_has_a_manifest() {
    let sandbox = Sandbox::empty();
    sandbox
        .run(&["init", "--personal", "--no-passphrase"])
        .succeeds();
    fs::write(sandbox.project().join(".env.example"), "B=\n").expect("written");
    assert_eq!(sandbox.run(&["exec", "true"]).succeeds().stderr, "");
}
