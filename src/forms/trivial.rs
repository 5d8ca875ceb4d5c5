//! Values that are found by chance.

use crate::forms::SHORTEST;

/// Numbers of so many digits are ports, years and sizes, and not looked for.
const DIGITS: usize = 5;

/// Values that are settings and no secrets, in lower case. They are in all that a program
/// says.
const TRIVIAL: [&str; 27] = [
    "0.0.0.0",
    "127.0.0.1",
    "admin",
    "debug",
    "default",
    "development",
    "disabled",
    "enabled",
    "error",
    "example",
    "false",
    "info",
    "local",
    "localhost",
    "none",
    "null",
    "password",
    "postgres",
    "prod",
    "production",
    "root",
    "secret",
    "staging",
    "test",
    "true",
    "undefined",
    "user",
];

/// Tells whether a value is too short or too common to be looked for.
pub fn is_trivial(value: &[u8]) -> bool {
    value.len() < SHORTEST
        || value.iter().all(|byte| *byte == value[0])
        || value.len() <= DIGITS && value.iter().all(u8::is_ascii_digit)
        || TRIVIAL
            .iter()
            .any(|trivial| value.eq_ignore_ascii_case(trivial.as_bytes()))
}
