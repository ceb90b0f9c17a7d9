//! Confluent's serializers: producers without any code of this project.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::Registry;
use crate::{install, kafka::Kafka, python::Python};

const SCRIPT: &str = include_str!("../../registry/serializers.py");

/// The format of a schema, with the registry's name for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaKind {
    /// Apache Avro.
    Avro,
    /// JSON Schema.
    Json,
    /// Protocol Buffers.
    Protobuf,
}

impl SchemaKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Avro => "AVRO",
            Self::Json => "JSON",
            Self::Protobuf => "PROTOBUF",
        }
    }
}

/// A Python process with Confluent's serializers, protoc, and a test's own modules.
#[derive(Debug)]
pub struct Serializers {
    python: Python,
}

impl Serializers {
    /// Starts a process for `kafka` and `registry`. `modules` are Python files by name and text;
    /// they can import `serializers`.
    ///
    /// # Errors
    /// If Python or its packages are unavailable: the error names the package to install.
    pub async fn start(
        kafka: &Kafka,
        registry: &Registry,
        modules: &[(&str, &str)],
    ) -> Result<Self> {
        let python = spawn_blocking(install::serializers).await??;
        let modules = [&[("serializers.py", SCRIPT)], modules].concat();
        let script = "import serializers; serializers.serve()";
        let args = [kafka.address(), registry.url()];
        Ok(Self { python: Python::launch(&python, &modules, script, args)? })
    }

    /// Registers a schema under a subject, and returns its id.
    ///
    /// # Errors
    /// If the registry rejects it.
    pub async fn register(&self, subject: &str, kind: SchemaKind, text: &str) -> Result<u32> {
        let plan = json!({
            "do": "serializers.register", "subject": subject, "kind": kind.name(), "text": text,
        });
        let id = self.call(plan).await?.as_u64().context("no id")?;
        Ok(u32::try_from(id)?)
    }

    /// Calls a function of a test's module, `MODULE.FUNCTION`, with `arguments`, an object, as its
    /// only argument; returns its result.
    ///
    /// # Errors
    /// If the function raises an exception.
    pub async fn run(&self, function: &str, mut arguments: Value) -> Result<Value> {
        arguments["do"] = Value::from(function);
        self.call(arguments).await
    }

    async fn call(&self, plan: Value) -> Result<Value> {
        self.python.call(plan).await
    }
}
