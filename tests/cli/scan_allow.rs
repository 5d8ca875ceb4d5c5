use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use insta::assert_snapshot;

use crate::sandbox::{CANARY, Sandbox, read_to_string};

const ID: &str = "0123456789abcdef";
const CONFIG: &str = ".keyvault-scan.toml";

fn project() -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.make_git_work_tree();
    sandbox
}

#[test]
fn an_id_is_allowed_in_the_project_s_configuration() {
    let sandbox = project();
    let path = sandbox.project().join(CONFIG);
    let below = sandbox.project().join("a/b");
    fs::create_dir_all(&below).expect("made");
    let mut allow = sandbox.command(&["scan", "allow", ID, "--reason", "revoked: \"old\""]);
    assert_snapshot!(sandbox.finish(allow.current_dir(below)), @"
    --- stderr ---
    allowed 0123456789abcdef in `[sandbox]/project/.keyvault-scan.toml`
    [exit 0]
    ");
    assert_snapshot!(read_to_string(&path), @r#"
    [[allow]]
    id = "0123456789abcdef"
    reason = "revoked: \"old\""
    "#);
    let mode = fs::metadata(&path).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o644);

    assert_snapshot!(sandbox.run(&["scan", "allow", &ID.to_uppercase()]), @"
    --- stderr ---
    0123456789abcdef is allowed in `[sandbox]/project/.keyvault-scan.toml` already
    [exit 0]
    ");
    let other = "fedcba9876543210";
    let added = sandbox.run(&["scan", "allow", other, "--json"]).succeeds();
    assert_eq!(added.json()["id"], other);
    assert_eq!(added.json()["added"], true);
    assert!(read_to_string(&path).ends_with(&format!("\n\n[[allow]]\nid = \"{other}\"\n")));
}

#[test]
fn what_is_in_the_file_stays_as_it_is() {
    let sandbox = project();
    let path = sandbox.project().join(CONFIG);
    let text = "# ours\r\nsalt = 'x'\r\n\r\n[[rule]]\r\nid = \"own\"   # and more";
    fs::write(&path, text).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o664)).expect("changed");

    sandbox.run(&["scan", "allow", ID]).succeeds();
    let block = format!("\r\n\r\n[[allow]]\r\nid = \"{ID}\"\r\n");
    assert_eq!(read_to_string(&path), format!("{text}{block}"));
    let mode = fs::metadata(&path).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o664);
}

#[test]
fn what_is_wrong_is_said_and_nothing_is_changed() {
    let mut sandbox = project();
    assert_snapshot!(sandbox.refused(&["scan", "allow", CANARY]), @"
    --- stderr ---
    keyvault: error: `ID` has a value that does not fit: an id is 16 hexadecimal digits, as `keyvault scan` shows it
    keyvault: hint: run `keyvault scan allow --help`
    [exit 2]
    ");
    sandbox.refused(&["scan", "allow"]).exits(2);

    sandbox.write(CONFIG, "\n[[allow]]\nids = \"x\"\n");
    assert_snapshot!(sandbox.refused(&["scan", "allow", ID]), @"
    --- stderr ---
    keyvault: error: `[sandbox]/project/.keyvault-scan.toml` line 3: `ids` is not known here
    keyvault: hint: nothing was changed; correct it: it may have `salt`, `[[rule]]` and `[[allow]]`, as README shows
    [exit 1]
    ");
    sandbox.write(CONFIG, format!("[[allow]]\nid = \"{CANARY}\"\n"));
    assert_snapshot!(sandbox.refused(&["scan", "allow", ID]), @"
    --- stderr ---
    keyvault: error: `[sandbox]/project/.keyvault-scan.toml` line 2: an `id` is 16 hexadecimal digits, as a finding has it
    keyvault: hint: nothing was changed; correct it: it may have `salt`, `[[rule]]` and `[[allow]]`, as README shows
    [exit 1]
    ");
    sandbox.write(CONFIG, format!("salt = {CANARY}\n"));
    sandbox.refused(&["scan", "allow", ID]).exits(1);
    // A list in another form, which nothing can be added to.
    sandbox.write(CONFIG, "allow = []\n");
    sandbox.refused(&["scan", "allow", ID]).exits(1);
    sandbox.write(CONFIG, b"\xff\n");
    sandbox
        .refused(&["scan", "allow", ID])
        .exits(1)
        .says("it is no text");

    let path = sandbox.project().join(CONFIG);
    fs::remove_file(&path).expect("removed");
    symlink("elsewhere", &path).expect("linked");
    sandbox
        .refused(&["scan", "allow", ID])
        .exits(1)
        .says("it is a symbolic link");
    assert!(!sandbox.project().join("elsewhere").exists());
}
