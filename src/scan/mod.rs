//! The search for secrets where they should not be. What is looked for comes in, and so
//! do the bytes: nothing here opens a vault.
//!
//! - `scanner`: where in some bytes values and keys are, with `runs`, `keys`, `values`
//! - `search`: what is found there, in words that may be told
//! - `rules`: the formats of well-known keys, as data in `rules/*.toml`; `boundary` and
//!   `sample` say where a token begins, and which one nobody could use; `published` knows
//!   the keys of others' tests
//! - `piece`: what is looked through, in bounded memory; `walk` reads the files of a tree
//!   on all cores, and `git` what git keeps
//! - `plaintext_name`: files that hold secrets by what they are called
//! - `config`: `.keyvault-scan.toml`, with what a project allows
//! - `findings`: what was found, masked, with its place and what to do about it
//! - `sarif`, `github`: how programs of others are told
//! - `hook_file`: what a hook of git becomes when the check is added to it

pub mod config;
pub mod findings;
pub mod git;
pub mod github;
pub mod hook_file;
pub mod piece;
pub mod plaintext_name;
pub mod rules;
pub mod sarif;
pub mod scanner;
pub mod search;
pub mod walk;

mod boundary;
mod keys;
mod published;
mod runs;
mod sample;
pub mod values;
mod wide;
