use insta::assert_snapshot;

use crate::sandbox::{CANARY, Sandbox, contains, value_of};

#[test]
fn adds_what_is_piped_in_less_one_line_feed() {
    let sandbox = Sandbox::new();

    assert_snapshot!(sandbox.run_with_stdin(&["add", "STRIPE_KEY"], format!("{CANARY}\n\n")), @r"
    --- stderr ---
    added `STRIPE_KEY` to `dev` (version 1)
    [exit 0]
    ");
    assert_eq!(
        sandbox.run(&["get", "STRIPE_KEY"]).stdout,
        format!("{CANARY}\n").as_bytes()
    );
}

#[test]
fn set_is_the_same_command() {
    let sandbox = Sandbox::new();

    sandbox.run_with_stdin(&["set", "A"], CANARY).succeeds();

    assert_eq!(sandbox.run(&["get", "A"]).text(), CANARY);
}
