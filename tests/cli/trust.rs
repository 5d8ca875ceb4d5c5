use std::fs;

use insta::assert_snapshot;

use crate::sandbox::{Sandbox, without_ids};

#[test]
fn shows_the_change_and_accepts_it() {
    let sandbox = Sandbox::new();
    let old = fs::read(sandbox.dev()).expect("read");
    sandbox.run(&["add", "A", "--generate", "20"]).succeeds();
    fs::write(sandbox.dev(), old).expect("written");
    sandbox.run(&["list"]).exits(6);

    sandbox.refused(&["trust"]).exits(2).says("`--yes`");
    let trusted = sandbox.run(&["trust", "--yes"]).succeeds();

    assert_snapshot!(without_ids(&trusted), @"
    --- stderr ---
    environment `dev` is rolled back: it is revision 1, and this machine has seen revision 2
      seen:  vault [vault 1], revision 2, members alice
      found: vault [vault 1], revision 1, members alice
    environment `dev` is trusted as it is now (revision 1)
    [exit 0]
    ");
    sandbox.run(&["list", "-q"]).succeeds().says_nothing();
    assert_snapshot!(sandbox.run(&["trust", "--yes"]), @"
    --- stderr ---
    environment `dev` is as this machine saw it last (revision 1)
    [exit 0]
    ");
}

#[test]
fn tells_members_that_are_new_or_gone() {
    let sandbox = Sandbox::new();
    let other = Sandbox::empty().variable("USER", "bob");
    let identity = fs::read_to_string(sandbox.identity()).expect("read");
    let other = other.variable("KEYVAULT_IDENTITY", identity);
    other.run(&["init", "-e", "dev"]).succeeds();
    fs::copy(other.dev(), sandbox.dev()).expect("copied");

    sandbox
        .run(&["list"])
        .exits(6)
        .says("belongs to another vault");
    let trusted = sandbox.run(&["trust", "--yes"]).succeeds();

    assert_snapshot!(without_ids(&trusted), @"
    --- stderr ---
    environment `dev` belongs to another vault: [vault 1], and this machine knows [vault 2] here
      seen:  vault [vault 2], revision 1, members alice
      found: vault [vault 1], revision 1, members bob
      new here: bob [recipient] [signer]
      no longer here: alice
    environment `dev` is trusted as it is now (revision 1)
    [exit 0]
    ");
}

#[test]
fn json_has_what_was_seen_and_what_was_found() {
    let sandbox = Sandbox::new();
    let old = fs::read(sandbox.dev()).expect("read");
    sandbox.run(&["add", "A", "--generate", "20"]).succeeds();
    fs::write(sandbox.dev(), old).expect("written");

    let json = sandbox.run(&["trust", "--yes", "--json"]).succeeds().json();

    assert_eq!(json["seen"]["revision"], 2);
    assert_eq!(json["found"]["revision"], 1);
    assert_eq!(json["found"]["members"][0]["name"], "alice");
    assert_eq!(json["trusted"], true);
}

#[test]
fn json_shows_the_change_and_asks_nothing() {
    let sandbox = Sandbox::new();
    let old = fs::read(sandbox.dev()).expect("read");
    sandbox.run(&["add", "A", "--generate", "20"]).succeeds();
    fs::write(sandbox.dev(), old).expect("written");

    let shown = sandbox.refused(&["trust", "--json"]).exits(2);

    assert_eq!(shown.json()["trusted"], false);
    shown.says("with `--json` nothing is asked");
}
