use insta::assert_snapshot;

use crate::sandbox::{CANARY, Sandbox, without_times};

/// A secret with a version of each kind.
fn with_past() -> Sandbox {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let rotate = |value: &str, options: &[&str]| {
        let line = [&["rotate", "A"], options].concat();
        sandbox.run_with_stdin(&line, value).succeeds();
    };
    rotate("made-up 2", &[]);
    rotate("made-up 3", &["--expires", "2099-12-31"]);
    rotate("made-up 4", &["--keep-versions", "3"]);
    sandbox
        .run(&["revoke", "A@2", "--reason", "leaked on a pad"])
        .succeeds();
    sandbox
}

/// A text with the same word for each fingerprint.
fn without_fingerprints(text: &str) -> String {
    let is_hex = |word: &str| word.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
    let words = text.split_inclusive([' ', '\n', '"']);
    let words = words.map(|word| {
        let end = word.trim_end_matches([' ', '\n', '"']).len();
        match word.split_at(end) {
            (print, end) if [12, 32].contains(&print.len()) && is_hex(print) => {
                format!("[fingerprint]{end}")
            }
            _ => word.to_owned(),
        }
    });
    words.collect()
}

#[test]
fn it_tells_what_became_of_each_version() {
    let sandbox = with_past();
    let shown = |arguments: &[&str]| {
        let transcript = sandbox.run(arguments).succeeds().says_nothing();
        without_fingerprints(&without_times(&transcript))
    };

    assert_snapshot!(shown(&["history", "A"]), @"
    --- stdout ---
    VERSION  STATE     CREATED               BY     EXPIRES               DESTROYED             FINGERPRINT   REASON
    4        current   [time]  alice                                              [fingerprint]
    3        previous  [time]  alice  [time]                        [fingerprint]
    2        revoked   [time]  alice                        [time]  [fingerprint]  leaked on a pad
    1        previous  [time]  alice                        [time]  [fingerprint]
    [exit 0]
    ");
    assert_snapshot!(shown(&["history", "A", "--json"]), @r#"
    --- stdout ---
    {"schema":1,"name":"A","environment":"dev","versions":[{"version":4,"state":"current","has_value":true,"created_at":"[time]","created_by":"alice","expires_at":null,"retire_at":null,"revoked_at":null,"destroyed_at":null,"reason":null,"fingerprint":"[fingerprint]"},{"version":3,"state":"previous","has_value":true,"created_at":"[time]","created_by":"alice","expires_at":"[time]","retire_at":null,"revoked_at":null,"destroyed_at":null,"reason":null,"fingerprint":"[fingerprint]"},{"version":2,"state":"revoked","has_value":false,"created_at":"[time]","created_by":"alice","expires_at":null,"retire_at":null,"revoked_at":"[time]","destroyed_at":null,"reason":"leaked on a pad","fingerprint":"[fingerprint]"},{"version":1,"state":"previous","has_value":false,"created_at":"[time]","created_by":"alice","expires_at":null,"retire_at":null,"revoked_at":null,"destroyed_at":"[time]","reason":null,"fingerprint":"[fingerprint]"}]}
    [exit 0]
    "#);
    assert_snapshot!(shown(&["history", "A", "-q"]), @"
    --- stdout ---
    4
    3
    2
    1
    [exit 0]
    ");
}

#[test]
fn versions_with_the_same_value_have_the_same_fingerprint() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    sandbox.run_with_stdin(&["rotate", "A"], CANARY).succeeds();
    sandbox.run(&["rollback", "A"]).succeeds();

    let versions = sandbox.run(&["history", "A", "--json"]).json();

    let print = |at: usize| {
        versions["versions"][at]["fingerprint"]
            .as_str()
            .expect("one")
            .to_owned()
    };
    assert_eq!(print(0), print(2));
    assert_ne!(print(0), print(1));
    let table = sandbox.run(&["history", "A"]);
    assert!(table.text().contains(&print(0)[..12]), "{table}");
}

#[test]
fn it_is_found_in_the_layer_that_has_it() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    sandbox.run(&["env", "create", "prod"]).succeeds();

    let json = sandbox
        .run(&["history", "A", "-e", "dev,prod", "--json"])
        .json();

    assert_eq!(json["environment"], "dev");
    sandbox
        .refused(&["history", "B"])
        .exits(3)
        .says("no secret named `B`");
}
