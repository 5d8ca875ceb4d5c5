//! The program as its users meet it: every test runs the binary in a sandbox of
//! its own. What is a rule of the vault, and not of its use, is tested beside it
//! in `src/`.
//!
//! What tests use: `sandbox` and `terminal` run the program, `forge` and `rewrite` make
//! vaults that it would not, `faults` breaks it at a system call, and `providers` are
//! servers that hooks talk to.

mod add;
mod architecture;
mod audit;
mod audit_accept;
mod audit_hooks;
mod audit_hostile;
mod audit_views;
mod clipboard;
mod clock;
mod destroyed;
mod doctor;
mod env_file;
mod environments;
mod example_hooks;
mod example_rotations;
mod exec;
mod expiry;
mod export;
mod faults;
mod forge;
mod format;
mod get;
mod golden;
mod history;
mod hook;
mod hostile;
mod hygiene;
mod identity;
mod import;
mod init;
mod interop;
mod jobs;
mod list;
mod manifest;
mod mask;
mod migrate;
mod output;
mod parallel;
mod permissions;
mod policy;
mod programs;
mod prompts;
mod providers;
mod readme;
mod remove;
mod render;
mod revoke;
mod rewrite;
mod rollback;
mod rotate;
mod rotation;
mod rotation_faults;
mod sandbox;
mod scan;
mod scan_allow;
mod scan_corpus;
mod scan_git;
mod scan_install;
mod scan_mark;
mod secret_file;
mod shells;
mod snooze;
mod status;
mod supervise;
mod terminal;
mod timer;
mod trust;
mod unlocking;
