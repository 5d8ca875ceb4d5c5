//! What a project that lives on `.env` files has, and what becomes of it. Nothing here
//! reads a file.

pub mod files;
pub mod launchers;
