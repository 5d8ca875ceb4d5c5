//! `keyvault scan --mark`: what leaked is told by `status` until it is another value.

use std::fs;

use insta::assert_snapshot;

use crate::sandbox::Sandbox;

/// A made-up value.
const VALUE: &str = "made-up-and-in-a-file";

/// A vault in two environments with the value under different names, and a file with it.
fn leaky() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.add("TOKEN", VALUE);
    sandbox.add("OTHER", "another-made-up-value");
    sandbox.run(&["env", "create", "prod"]).succeeds();
    let add = ["add", "SAME", "-e", "prod"];
    sandbox.run_with_stdin(&add, VALUE).succeeds();
    fs::write(sandbox.project().join("app.py"), format!("t = '{VALUE}'\n")).expect("written");
    sandbox
}

#[test]
fn what_leaked_is_told_until_it_is_rotated() {
    let sandbox = leaky();
    let status = ["status", "--only", "leaked", "-q"];
    sandbox.run(&["scan", "-q"]).exits(8);
    sandbox.run(&status).succeeds();

    let marked = sandbox.run(&["scan", "--mark", "app.py"]);

    assert_snapshot!(marked, @"
    --- stdout ---
    PLACE       SEVERITY  WHAT                                 ID
    app.py:1:6  error     current value of `TOKEN@1` in `dev`  3c5275198d714425
    --- stderr ---
    keyvault: note: take it out: `keyvault exec` hands it to the program, and `{{ TOKEN }}` stands for it in a template
    keyvault: note: if it is no secret, run `keyvault scan allow 3c5275198d714425 --reason WHY`, or write `keyvault:allow` in a comment on its line
    keyvault: warning: 1 secret found (scanned 1 file, 28 bytes)
    keyvault: note: `TOKEN` in `dev` is marked as leaked: `keyvault status` tells of it until it is rotated
    keyvault: note: `SAME` in `prod` is marked as leaked: `keyvault status` tells of it until it is rotated
    [exit 8]
    ");
    let told = sandbox.run(&status).exits(8);
    assert_eq!(told.text(), "SAME\nTOKEN\n");
    // It is told once.
    let again = sandbox.run(&["scan", "--mark", "app.py"]).exits(8);
    assert!(!again.stderr.contains("marked"), "{again}");
    sandbox.run(&["snooze", "TOKEN", "30d"]).succeeds();
    sandbox.run(&status).exits(8);
    for (name, environment) in [("TOKEN", "dev"), ("SAME", "prod")] {
        let rotate = ["rotate", name, "-e", environment];
        sandbox
            .run_with_stdin(&rotate, format!("new-{name}-value"))
            .succeeds();
    }
    sandbox.run(&status).succeeds();
    // The same value is the same leak.
    sandbox.run(&["rollback", "TOKEN"]).succeeds();
    sandbox.run(&status).exits(8);
}

#[test]
fn where_nothing_is_found_nothing_is_marked() {
    let sandbox = leaky();
    let before = fs::read(sandbox.dev()).expect("read");
    fs::write(sandbox.project().join("app.py"), "t = load()\n").expect("written");
    sandbox.run(&["scan", "--mark", "app.py"]).succeeds();
    assert!(fs::read(sandbox.dev()).expect("read") == before);
}
