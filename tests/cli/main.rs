//! The program as its users meet it: every test runs the binary in a sandbox of
//! its own. What is a rule of the vault, and not of its use, is tested beside it
//! in `src/`.

mod add;
mod architecture;
mod clipboard;
mod doctor;
mod env_file;
mod environments;
mod exec;
mod export;
mod faults;
mod forge;
mod format;
mod get;
mod golden;
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
mod programs;
mod prompts;
mod readme;
mod remove;
mod render;
mod revoke;
mod rotate;
mod sandbox;
mod secret_file;
mod shells;
mod supervise;
mod terminal;
mod trust;
mod unlocking;
