//! The subcommands, one file each: what it takes, what it does, what it says. What
//! several take is in `options`.
//!
//! A command turns its arguments into one operation of a lower floor. A rule in
//! a command file is in the wrong place.

pub mod add;
pub mod audit;
pub mod clipboard_guard;
pub mod completions;
pub mod doctor;
pub mod env;
pub mod exec;
pub mod expire;
pub mod export;
pub mod get;
pub mod history;
pub mod hook;
pub mod identity;
pub mod import;
pub mod init;
pub mod list;
pub mod lock;
pub mod man;
pub mod migrate;
pub mod options;
pub mod policy;
pub mod remove;
pub mod render;
pub mod revoke;
pub mod rollback;
pub mod rotate;
pub mod scan;
pub mod shell;
pub mod snooze;
pub mod status;
pub mod trust;
pub mod unlock;
