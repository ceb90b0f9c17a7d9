//! Responses of the registry.

use serde::Deserialize;

use crate::format::SchemaId;

/// The response to a request for one schema.
#[derive(Debug)]
pub(super) enum Answer {
    /// The schema.
    Found(Found),
    /// The registry does not know it.
    Unknown,
}

/// A schema as the registry returns it.
#[derive(Debug, Deserialize)]
pub(super) struct Found {
    /// Its type; Avro if none is given.
    #[serde(rename = "schemaType", default = "avro")]
    pub(super) kind: String,
    #[serde(rename = "schema")]
    pub(super) text: String,
    #[serde(default)]
    pub(super) references: Vec<Reference>,
    /// Its id, if it was requested by subject.
    #[serde(default, deserialize_with = "id")]
    pub(super) id: Option<SchemaId>,
}

/// A reference to another schema.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Reference {
    pub(super) name: String,
    pub(super) subject: String,
    pub(super) version: i32,
}

fn avro() -> String {
    "AVRO".to_owned()
}

fn id<'d, D: serde::Deserializer<'d>>(json: D) -> Result<Option<SchemaId>, D::Error> {
    Ok(Option::<u32>::deserialize(json)?.map(SchemaId))
}

/// An error of the registry's API.
#[derive(Debug, Deserialize)]
struct ApiError {
    error_code: i64,
}

/// Whether a 404 is from the registry's API. Other servers and other paths do not have its codes
/// (40401 subject, 40402 version, 40403 schema).
pub(super) fn is_unknown(body: &[u8]) -> bool {
    serde_json::from_slice::<ApiError>(body)
        .is_ok_and(|refusal| matches!(refusal.error_code, 40_401..=40_403))
}

/// The schema in a response; `None` if it is not a response of a registry.
pub(super) fn found(body: &[u8]) -> Option<Found> {
    serde_json::from_slice(body).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_avro_and_no_references() {
        let plain = found(br#"{"schema": "\"string\""}"#).unwrap();
        assert_eq!((plain.kind.as_str(), plain.text.as_str()), ("AVRO", "\"string\""));
        assert!(plain.references.is_empty() && plain.id.is_none());
        let whole = br#"{"subject": "s", "version": 2, "id": 7, "schemaType": "PROTOBUF",
            "schema": "syntax", "references": [{"name": "a.proto", "subject": "a", "version": 3}]}"#;
        let whole = found(whole).unwrap();
        assert_eq!((whole.kind.as_str(), whole.id), ("PROTOBUF", Some(SchemaId(7))));
        assert_eq!(whole.references[0].version, 3);
        for rubbish in [&b""[..], b"<html>", b"[]", b"{}", br#"{"schema": 1}"#] {
            assert!(found(rubbish).is_none());
        }
    }

    #[test]
    fn only_the_api_s_own_codes_say_that_something_is_unknown() {
        assert!(is_unknown(br#"{"error_code": 40403, "message": "Schema not found"}"#));
        for other in [&b"<html>"[..], b"{}", br#"{"error_code": 404}"#, br#"{"status": 404}"#] {
            assert!(!is_unknown(other));
        }
    }
}
