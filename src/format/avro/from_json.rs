//! x
use super::Schema;
pub(crate) fn from_json(_text: &str, _schema: &Schema) -> Result<Vec<u8>, String> {
    Err(String::new())
}
