//! The wire as `proto/bedside/v1` lays it down: generated message types, service, client, and their strict JSON.
//!
//! Nothing here is written by hand; the conversion to and from the vocabulary of a claim stands in
//! [`request`](crate::request) and [`answer`](crate::answer).

/// Package `bedside.v1`: messages, `bedside_service_client`, `bedside_service_server`.
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic, clippy::unwrap_used)]
#[rustfmt::skip]
pub mod v1 {
    tonic::include_proto!("bedside.v1");
    include!(concat!(env!("OUT_DIR"), "/bedside.v1.serde.rs"));
}

/// The encoded `FileDescriptorSet` of the package, which reflection serves.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/bedside.v1.bin"));
