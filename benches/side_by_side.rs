//! Measures whole processes side by side.

fn main() {}
