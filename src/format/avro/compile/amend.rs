//! What programs register and apache-avro refuses, though it is legal or read by Java's library, is
//! amended before it parses.

use std::collections::HashSet;

use serde_json::{Map, Value};

/// What a field's `default` is called for the parser, which checks it by rules of its own; here it
/// only matters where JSON is encoded.
pub(super) const DEFAULT: &str = "vendas.default";

const PRIMITIVES: [&str; 8] =
    ["null", "boolean", "int", "long", "float", "double", "bytes", "string"];

/// Amends schemas, each after those that it refers to.
#[derive(Default)]
pub(super) struct Amend {
    /// The full names of the types that are defined so far.
    defined: HashSet<String>,
}

impl Amend {
    /// `namespace` is that of the type around the schema; empty for none.
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

    /// A name without a namespace may be of a type that has none, as Java's library writes it.
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
            // What a reader takes for a symbol that it does not know.
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

    /// Notes the type's full name, and returns its namespace.
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

/// A logical type that cannot be one is ignored (specification, "Logical Types").
fn may_be_logical(schema: &Map<String, Value>, logical: &Value) -> bool {
    let is_possible = match schema.get("type") {
        Some(Value::String(kind)) => kind == "fixed" || PRIMITIVES.contains(&kind.as_str()),
        Some(Value::Object(_)) => true,
        _ => false,
    };
    is_possible && logical.is_string()
}
