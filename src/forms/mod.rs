//! Values in all the forms in which programs write them, and the search for these.

mod encodings;
mod search;
mod trivial;

pub use search::{Forms, SHORTEST};
pub use trivial::is_trivial;
