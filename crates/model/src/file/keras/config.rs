//! `config.json`: what a network of Keras is made of.

use crate::file::input::Fault;
use serde_json::Value;
use std::collections::BTreeMap;

/// Largest configuration; that of the largest EfficientNet takes a megabyte.
pub(super) const MAX_BYTES: u64 = 4 << 20;
/// How Keras saves a function of Python.
const FUNCTION: &str = "__lambda__";
/// The most that is said of a damaged configuration, in characters.
const MAX_MESSAGE_CHARS: usize = 300;

/// A layer, or a network of several.
#[derive(Debug, Default)]
pub(super) struct Layer {
    pub name: String,
    /// The name of its class as files of weights have it: `conv2d` for `Conv2D`.
    pub class: String,
    /// What of a batch normalization there is: a factor, a shift.
    pub has_scale: bool,
    pub has_center: bool,
    /// What a batch normalization adds to variances.
    pub epsilon: Option<f64>,
    /// The layers inside by their names in files of weights: their class, numbered from the second on.
    pub layers: BTreeMap<String, Layer>,
}

impl Layer {
    /// The network that `text` describes.
    ///
    /// # Errors
    /// What is no JSON or too long; layers that are functions of Python.
    pub fn parse(text: &[u8]) -> Result<Self, Fault> {
        if text.len() as u64 > MAX_BYTES {
            return Err(Fault::Format(format!("its configuration takes over {MAX_BYTES} bytes")));
        }
        let value: Value = serde_json::from_slice(text).map_err(|error| {
            let message: String = error.to_string().chars().take(MAX_MESSAGE_CHARS).collect();
            Fault::Format(format!("its configuration is damaged: {message}"))
        })?;
        check_no_functions(&value)?;
        Ok(Self::of(&value))
    }

    fn of(value: &Value) -> Self {
        let config = &value["config"];
        let name = config["name"].as_str().or(value["name"].as_str());
        let is_on = |key: &str| config[key].as_bool().unwrap_or(true);
        let mut layers = BTreeMap::new();
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        // Keras 1 wrote the layers of a sequence without a name around them.
        let list = config["layers"].as_array().or(config.as_array());
        for layer in list.into_iter().flatten().map(Self::of) {
            let count = counts.entry(layer.class.clone()).or_default();
            let own = match *count {
                0 => layer.class.clone(),
                count => format!("{}_{count}", layer.class),
            };
            *count += 1;
            layers.insert(own, layer);
        }
        Self {
            name: name.unwrap_or_default().to_string(),
            class: snake_case(plain_class(value)),
            has_scale: is_on("scale"),
            has_center: is_on("center"),
            epsilon: config["epsilon"].as_f64(),
            layers,
        }
    }

    /// The layer whose weights are below these names in a file, from outside to inside.
    pub fn find(&self, names: &[&str]) -> Option<&Self> {
        names.iter().try_fold(self, |layer, name| layer.layers.get(*name))
    }

    /// All layers by name, also those inside of others; `None` for a name that several have.
    pub fn by_name(&self) -> BTreeMap<&str, Option<&Self>> {
        let mut found: BTreeMap<&str, Option<&Self>> = BTreeMap::new();
        let mut rest: Vec<&Self> = self.layers.values().collect();
        while let Some(layer) = rest.pop() {
            found.entry(&layer.name).and_modify(|one| *one = None).or_insert(Some(layer));
            rest.extend(layer.layers.values());
        }
        found
    }
}

/// The class of an object without where it is registered.
fn plain_class(value: &Value) -> &str {
    let class = value["class_name"].as_str().unwrap_or_default();
    class.rsplit(['>', '.']).next().unwrap_or_default()
}

/// Refuses programs, wherever they are.
fn check_no_functions(root: &Value) -> Result<(), Fault> {
    let mut rest = vec![root];
    while let Some(value) = rest.pop() {
        let class = plain_class(value);
        if matches!(class, "Lambda" | FUNCTION) {
            let name = value["config"]["name"].as_str().or(value["name"].as_str());
            let name: String = name.unwrap_or(class).chars().take(60).collect();
            return Err(Fault::Format(format!(
                "refused: its layer `{}` is a {class}, a function of Python, and no function of a file is \
                 executed; save the network without it",
                name.escape_debug()
            )));
        }
        match value {
            Value::Array(items) => rest.extend(items),
            Value::Object(entries) => rest.extend(entries.values()),
            _ => {}
        }
    }
    Ok(())
}

/// The name that Keras gives to what has the class `class`: `depthwise_conv2d` for `DepthwiseConv2D`.
///
/// # Source
/// Keras 3, `keras/src/utils/naming.py`.
fn snake_case(class: &str) -> String {
    let letters: Vec<char> =
        class.chars().filter(|letter| letter.is_alphanumeric() || *letter == '_').collect();
    let mut name = String::new();
    for (idx, letter) in letters.iter().enumerate() {
        let is_lower = |at: usize| letters.get(at).is_some_and(char::is_ascii_lowercase);
        if idx > 0 && letter.is_ascii_uppercase() && (is_lower(idx + 1) || is_lower(idx - 1)) {
            name.push('_');
        }
        name.extend(letter.to_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::{Layer, snake_case};

    #[test]
    fn classes_are_called_as_keras_calls_them() {
        let names = [
            ("Conv2D", "conv2d"),
            ("Conv2DTranspose", "conv2d_transpose"),
            ("SeparableConv2D", "separable_conv2d"),
            ("GlobalAveragePooling2D", "global_average_pooling2d"),
            ("PReLU", "p_re_lu"),
            ("LSTM", "lstm"),
            ("MyBlock_1", "my_block_1"),
        ];
        for (class, name) in names {
            assert_eq!(snake_case(class), name);
        }
    }

    #[test]
    fn layers_are_numbered_by_class_and_found_inside_of_others() {
        let text = br#"{"class_name": "Functional", "config": {"layers": [
            {"class_name": "Conv2D", "config": {"name": "a"}},
            {"class_name": "Sequential", "config": {"name": "inner", "layers": [
                {"class_name": "Conv2D", "config": {"name": "b"}}]}},
            {"class_name": "Conv2D", "config": {"name": "c"}}]}}"#;
        let network = Layer::parse(text).unwrap();
        assert_eq!(network.find(&["conv2d_1"]).unwrap().name, "c");
        assert_eq!(network.find(&["sequential", "conv2d"]).unwrap().name, "b");
        assert!(network.find(&["conv2d_2"]).is_none());
        assert_eq!(network.by_name().keys().collect::<Vec<_>>(), [&"a", &"b", &"c", &"inner"]);
    }
}
