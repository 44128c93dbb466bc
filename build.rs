//! Builds again when a migration is added: they are embedded in the binary, and the compiler does not watch directories.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
