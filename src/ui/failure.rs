//! The last words of a command that failed.
//!
//! The voice: `keyvault: error: …`, then `keyvault: hint: …`; lower case, no full
//! stop, literals in backticks. With `--json` both are one object on stderr.

use std::io::ErrorKind;

use serde_json::json;

use crate::error::{Code, Error};
use crate::ui::{ERROR, Format, HINT, RESET, SCHEMA, Ui};

/// Says why a command failed and returns its exit code.
///
/// A reader that went away is no failure: `keyvault list | head -1` is done.
pub fn report(ui: &Ui, error: &anyhow::Error) -> u8 {
    let known = error.downcast_ref::<Error>();
    if known.is_some_and(is_broken_pipe) {
        return Code::Ok as u8;
    }
    let code = known.map_or(Code::Other, Error::code) as u8;
    let hint = known.and_then(Error::hint).map(|hint| ui.as_typed(&hint));
    let message = format!("{error:#}");
    ui.write_news(&match ui.format {
        Format::Human => {
            let hint = hint.map(|hint| format!("keyvault: {HINT}hint:{RESET} {hint}\n"));
            let hint = hint.unwrap_or_default();
            format!("keyvault: {ERROR}error:{RESET} {message}\n{hint}")
        }
        Format::Json => {
            let failure = json!({ "code": code, "message": message, "hint": hint });
            format!("{}\n", json!({ "schema": SCHEMA, "error": failure }))
        }
    });
    code
}

/// Tells whether an error is only that the reader went away.
pub fn is_broken_pipe(error: &Error) -> bool {
    match error {
        Error::Output(source) => source.kind() == ErrorKind::BrokenPipe,
        Error::Exec(error) => is_broken_pipe(error),
        _ => false,
    }
}
