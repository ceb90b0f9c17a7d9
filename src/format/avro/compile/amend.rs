//! Amends schemas that are legal, or accepted by Java's library, but rejected by apache-avro.

use std::collections::HashSet;

use serde_json::{Map, Value};

/// The name under which a field's `default` is hidden from the parser, whose checks are stricter.
/// Defaults matter only for encoding JSON.
pub(super) const DEFAULT: &str = "vendas.default";

const PRIMITIVES: [&str; 8] =
    ["null", "boolean", "int", "long", "float", "double", "bytes", "string"];

/// Amends schemas, in dependency order.
#[derive(Default)]
pub(super) struct Amend {
    /// The full names of the types defined so far.
    defined: HashSet<String>,
}

impl Amend {
    /// `namespace` is that of the enclosing type; empty for none.
    pub(super) fn schema(&mut self, schema: &mut Value, namespace: &str) {
        match schema {
            Value::String(name) => self.reference(name, namespace),
            Value::Array(branches) => {
                branches.iter_mut().for_each(|branch| self.schema(branch, namespace));
            }
            Value::Object(schema) => self.complex(schema, namespace),
            _ => {}
        }
    }

    /// A name without a namespace may refer to a type without one, as written by Java's library.
    fn reference(&self, name: &mut String, namespace: &str) {
        if !namespace.is_empty()
            && !name.contains('.')
            && !PRIMITIVES.contains(&name.as_str())
            && !self.defined.contains(&format!("{namespace}.{name}"))
            && self.defined.contains(name.as_str())
        {
            name.insert(0, '.');
        }
    }

    fn complex(&mut self, schema: &mut Map<String, Value>, namespace: &str) {
        if schema.get("logicalType").is_some_and(|logical| !may_be_logical(schema, logical)) {
            schema.remove("logicalType");
        }
        let kind = schema.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        let own = match &*kind {
            "record" | "enum" | "fixed" => self.define(schema, namespace),
            _ => namespace.to_owned(),
        };
        match &*kind {
            "record" => {
                let fields = schema.get_mut("fields").and_then(Value::as_array_mut);
                for field in fields.into_iter().flatten().filter_map(Value::as_object_mut) {
                    if let Some(default) = field.remove("default") {
                        field.insert(DEFAULT.to_owned(), default);
                    }
                    if let Some(of) = field.get_mut("type") {
                        self.schema(of, &own);
                    }
                }
            }
            // The symbol that readers use for unknown ones; not needed here.
            "enum" => {
                schema.remove("default");
            }
            "fixed" => {}
            _ => {
                for inner in ["type", "items", "values"] {
                    match schema.get_mut(inner) {
                        Some(Value::String(word)) if matches!(&**word, "array" | "map") => {}
                        Some(inner) => self.schema(inner, &own),
                        None => {}
                    }
                }
            }
        }
    }

    /// Records the type's full name, and returns its namespace.
    fn define(&mut self, schema: &Map<String, Value>, namespace: &str) -> String {
        let text = |key| schema.get(key).and_then(Value::as_str);
        let name = text("name").unwrap_or_default();
        let (namespace, name) = match name.rsplit_once('.') {
            Some(split) => split,
            None => (text("namespace").unwrap_or(namespace), name),
        };
        self.defined.insert(match namespace {
            "" => name.to_owned(),
            _ => format!("{namespace}.{name}"),
        });
        namespace.to_owned()
    }
}

/// Invalid logical types are ignored (specification, "Logical Types").
fn may_be_logical(schema: &Map<String, Value>, logical: &Value) -> bool {
    let is_possible = match schema.get("type") {
        Some(Value::String(kind)) => kind == "fixed" || PRIMITIVES.contains(&kind.as_str()),
        Some(Value::Object(_)) => true,
        _ => false,
    };
    is_possible && logical.is_string()
}
