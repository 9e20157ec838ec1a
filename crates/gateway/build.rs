//! Compiles the wire from `proto/` without `protoc`: message types, service, strict JSON, and the descriptor set that
//! reflection serves.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use prost::Message;

const PROTO_DIR: &str = "../../proto";
const PROTOS: [&str; 3] =
    ["bedside/v1/bedside.proto", "bedside/v1/claim.proto", "bedside/v1/settlement.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={PROTO_DIR}");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let descriptors = protox::compile(PROTOS, [PROTO_DIR])?;
    let encoded = descriptors.encode_to_vec();
    fs::write(out.join("bedside.v1.bin"), &encoded)?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    // Without `ignore_unknown_fields` a misspelt field is an error, as the case format promises.
    pbjson_build::Builder::new()
        .register_descriptors(&encoded)?
        .preserve_proto_field_names()
        // Their JSON is the platform's own, which `national_json` reads.
        .exclude([".bedside.v1.NationalAnswer", ".bedside.v1.NationalFees"])
        .build(&[".bedside.v1"])?;
    Ok(())
}
