//! The program: everything is in the library, see `lib.rs`.

use std::process::ExitCode;

fn main() -> ExitCode {
    keyvault::run()
}
