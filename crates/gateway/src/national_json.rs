//! The JSON of the national platform's answers in a case file: as they arrived.
//!
//! Everywhere else an unknown field or a number is an error; these two nodes are another system's documents, so they are
//! taken whole here and read by [`request`](crate::request). The text is kept as it stands, because a number that went
//! through a binary fraction would no longer be the platform's.

use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::v1;

/// The members of an object in order, each value as it stands.
pub(crate) struct Members<'a>(pub(crate) Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Members<'de>, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// The answer in a document: of a message that carries it as text, that text.
fn document<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let raw = Box::<RawValue>::deserialize(deserializer)?;
    let members = serde_json::from_str(raw.get()).unwrap_or(Members(Vec::new())).0;
    match members.as_slice() {
        [(name, text)] if name == "raw_json" => serde_json::from_str(text.get()).map_err(Error::custom),
        // A list or an object; anything else is no answer, and a text might be one that was wrapped by mistake.
        _ if serde_json::from_str::<IgnoredAny>(raw.get()).is_ok() => Ok(raw.get().to_owned()),
        _ => Err(Error::custom("not JSON")),
    }
}

impl<'de> Deserialize<'de> for v1::NationalAnswer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<v1::NationalAnswer, D::Error> {
        document(deserializer)
            .map(|raw_json| v1::NationalAnswer { raw_json, ..v1::NationalAnswer::default() })
    }
}

impl<'de> Deserialize<'de> for v1::NationalFees {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<v1::NationalFees, D::Error> {
        document(deserializer).map(|raw_json| v1::NationalFees { raw_json, ..v1::NationalFees::default() })
    }
}

impl Serialize for v1::NationalAnswer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let v1::NationalAnswer { setlinfo, setldetail, raw_json } = self;
        let mut map = serializer.serialize_map(None)?;
        if let Some(setlinfo) = setlinfo {
            map.serialize_entry("setlinfo", setlinfo)?;
        }
        if !setldetail.is_empty() {
            map.serialize_entry("setldetail", setldetail)?;
        }
        if !raw_json.is_empty() {
            map.serialize_entry("raw_json", raw_json)?;
        }
        map.end()
    }
}

impl Serialize for v1::NationalFees {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let v1::NationalFees { result, raw_json } = self;
        let mut map = serializer.serialize_map(None)?;
        if !result.is_empty() {
            map.serialize_entry("result", result)?;
        }
        if !raw_json.is_empty() {
            map.serialize_entry("raw_json", raw_json)?;
        }
        map.end()
    }
}
