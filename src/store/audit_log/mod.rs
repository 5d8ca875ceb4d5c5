//! The audit log of a vault on this machine: one JSON line per use, in the state folder.

pub mod line;
