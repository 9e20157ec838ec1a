//! Makes a new or changed pack file rebuild the crate that embeds them.

fn main() {
    println!("cargo:rerun-if-changed=packs");
}
