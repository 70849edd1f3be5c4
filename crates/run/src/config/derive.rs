//! Defaults that follow from the rest of a configuration.

use super::document::value_at;
use dermx_model::Architecture;
use std::path::Path;
use toml::{Table, Value};

/// `images/` in the test set.
pub(super) fn test_images(table: &Table) -> Option<Value> {
    let test = value_at(table, "data.test")?.as_str()?;
    Some(Path::new(test).join("images").to_string_lossy().into_owned().into())
}

/// No class; they are looked for when the configuration is loaded.
pub(super) fn no_classes(_: &Table) -> Option<Value> {
    Some(Value::Array(Vec::new()))
}

/// A usual learning rate of the optimizer.
pub(super) fn learning_rate(table: &Table) -> Option<Value> {
    let is_sgd = value_at(table, "train.optimizer.name")?.as_str() == Some("sgd");
    Some(Value::Float(if is_sgd { 1e-2 } else { 1e-4 }))
}

/// The usual head of the architecture.
pub(super) fn head(table: &Table) -> Option<Value> {
    Value::try_from(architecture(table)?.usual_head()).ok()
}

/// The size that torchvision's weights of the architecture were trained for, or are evaluated with.
///
/// # Source
/// <https://docs.pytorch.org/vision/stable/models.html>, the crop sizes.
pub(super) fn input_size(table: &Table) -> Option<Value> {
    let side_px = i64::from(architecture(table)?.input_side_px());
    Some(Value::Array(vec![Value::Integer(side_px); 2]))
}

fn architecture(table: &Table) -> Option<Architecture> {
    value_at(table, "model.architecture")?.clone().try_into().ok()
}
