//! The door.
pub mod wire;
pub use wire::v1;
