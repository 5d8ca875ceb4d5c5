//! Changes to a sandbox's vault that no command makes: dates that are past, and saves by
//! other clocks.

use std::fs;

use crate::forge::resigned;
use crate::sandbox::{Sandbox, read_to_string};

/// Lets `edit` change line 1 of the environment `dev`, as a member could by other means
/// than keyvault, and has this machine trust it.
pub fn rewrite(sandbox: &Sandbox, edit: impl FnOnce(&str) -> String) {
    let identity = read_to_string(&sandbox.identity());
    let file = fs::read(sandbox.dev()).expect("read");
    fs::write(sandbox.dev(), resigned(&identity, &file, edit)).expect("written");
    sandbox.run(&["trust", "--yes"]).succeeds();
}

/// Gives the current version of a secret of `dev`, which has no date, this one.
pub fn date(sandbox: &Sandbox, name: &str, expires_at: &str) {
    rewrite(sandbox, |document| {
        let (before, secret) = document
            .split_once(&format!("\"{name}\":{{"))
            .expect("it is there");
        let current = r#""state":"current","#;
        let dated = format!(r#"{current}"expires_at":"{expires_at}","#);
        format!(
            "{before}\"{name}\":{{{}",
            secret.replacen(current, &dated, 1)
        )
    });
}

/// Makes it that `dev` was saved at this time.
pub fn save_at(sandbox: &Sandbox, time: &str) {
    rewrite(sandbox, |document| {
        let field = r#""updated_at":""#;
        let (before, rest) = document.split_once(field).expect("it is there");
        let (_, after) = rest.split_once('"').expect("it has an end");
        format!("{before}{field}{time}\"{after}")
    });
}
