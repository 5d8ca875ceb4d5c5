//! Options that several commands have, with what comes of them.

pub mod lifetime;
pub mod output;
pub mod selection;
pub mod value_source;
