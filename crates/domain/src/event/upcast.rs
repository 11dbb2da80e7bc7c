use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Decoding;

/// Reads a payload, lifting it from an older schema version first where it is one.
pub(super) fn read<T: DeserializeOwned>(
    kind: &'static str,
    version: u16,
    newest: u16,
    payload: &str,
) -> Result<T, Decoding> {
    let malformed =
        |error: serde_json::Error| Decoding::Payload { kind, problem: error.to_string() };
    if version > newest {
        return Err(Decoding::Newer { kind, found: version, known: newest });
    }
    if version == newest {
        return serde_json::from_str(payload).map_err(malformed);
    }
    let mut value: Value = serde_json::from_str(payload).map_err(malformed)?;
    for from in version..newest {
        lift(kind, from, &mut value);
    }
    serde_json::from_value(value).map_err(malformed)
}

/// One step up. A step that is not in the table needs no change of the text: the newer shape reads it.
fn lift(kind: &str, from: u16, payload: &mut Value) {
    if let ("phase-completed", 1, Value::Object(fields)) = (kind, from, payload) {
        // Version 1 told how many were held and given up, not who: its phases had neither.
        fields.insert("held".to_owned(), Value::Array(Vec::new()));
        fields.insert("given_up".to_owned(), Value::Array(Vec::new()));
    }
}
