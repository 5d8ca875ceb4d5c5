//! Values in all the forms in which programs write them, and the search for these.

mod encodings;
mod search;

pub use search::{Forms, SHORTEST};
