//! On macOS the linker has to be told that Python's symbols are found in the process that loads the module.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a build script is told by its environment, and tells Cargo"
)]

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_CFG_TARGET_VENDOR").is_some_and(|vendor| vendor == "apple") {
        println!("cargo::rustc-cdylib-link-arg=-undefined");
        println!("cargo::rustc-cdylib-link-arg=dynamic_lookup");
    }
}
