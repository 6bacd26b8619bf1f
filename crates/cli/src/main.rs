//! The annulet binary.
fn main() {}
