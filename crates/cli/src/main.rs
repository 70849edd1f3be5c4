//! The dermx command.
fn main() {}
