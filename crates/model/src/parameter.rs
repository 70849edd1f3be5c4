//! Names of parameters.

/// PyTorch's name of a counter of batches.
pub(crate) const COUNTER: &str = "num_batches_tracked";

/// Torchvision's names of a table of relative positions, and of the places in it.
pub(crate) const POSITION_TABLE: &str = "relative_position_bias_table";
pub(crate) const POSITION_INDEX: &str = "relative_position_index";

/// The current parameter during a visit or a mapping of a network, by torchvision's names.
///
/// Call [`enter`](Self::enter) and [`exit`](Self::exit) from the `enter_module` and `exit_module`
/// of a Burn visitor or mapper.
#[derive(Debug, Default)]
pub struct ParameterPath {
    parts: Vec<String>,
    containers: Vec<String>,
}

impl ParameterPath {
    /// Enters a sub-module or field.
    pub fn enter(&mut self, name: &str, container_type: &str) {
        self.parts.push(name.to_string());
        self.containers.push(container_type.to_string());
    }

    /// Leaves it.
    pub fn exit(&mut self) {
        self.parts.pop();
        self.containers.pop();
    }

    /// Torchvision's name of the parameter at this place, for example `layer1.0.bn1.weight`.
    pub fn name(&self) -> String {
        let mut name = String::new();
        for (part, container) in self.parts.iter().zip(&self.containers) {
            if container.starts_with("Enum:") {
                continue;
            }
            // A field that ends in an underscore numbers its members from 1: `denselayer_` has
            // `denselayer1`, `denselayer2`. One that ends in two keeps the first, and numbers from 0:
            // `encoder_layer__` has `encoder_layer_0`, `encoder_layer_1`.
            if let Some(start) = name.strip_suffix('_')
                && let Ok(idx) = part.parse::<usize>()
            {
                let first = usize::from(!start.ends_with('_'));
                name = format!("{start}{}", idx + first);
                continue;
            }
            if !name.is_empty() {
                name.push('.');
            }
            name.push_str(match part.as_str() {
                "gamma" => "weight",
                "beta" => "bias",
                other => other,
            });
        }
        name
    }

    /// Whether the parameter here is the weight of a linear layer, which Burn keeps as
    /// `[inputs, outputs]` and torchvision as `[outputs, inputs]`.
    pub fn is_linear_weight(&self) -> bool {
        self.containers.last().is_some_and(|container| container == "Struct:Linear")
            && self.parts.last().is_some_and(|part| part == "weight")
    }

    /// Whether what is here belongs to a batch normalization.
    pub fn is_batch_norm(&self) -> bool {
        self.containers.last().is_some_and(|container| container == "Struct:BatchNorm")
    }

    /// Torchvision's shape of the parameter here, whose shape in Burn is `shape`.
    pub(crate) fn torchvision_shape(&self, mut shape: Vec<usize>) -> Vec<usize> {
        if self.is_linear_weight() {
            shape.reverse();
        }
        shape
    }

    /// Whether the tensor here is a statistic of batch normalization, which no optimizer moves.
    pub fn is_running_statistic(&self) -> bool {
        self.parts.last().is_some_and(|part| part == "running_mean" || part == "running_var")
    }
}

/// Whether `name` is a buffer that PyTorch keeps beside weights and that no network here reads: a counter of
/// batches beside the statistics of a batch normalization, which counts only where statistics are plain
/// averages, or the places in a table of relative positions, which its size tells.
pub fn is_unread_buffer(name: &str) -> bool {
    weight_beside(name).is_some()
}

/// The statistic or weight that the buffer `name`, which is not read, lies beside.
pub(crate) fn weight_beside(name: &str) -> Option<String> {
    [(COUNTER, "running_mean"), (POSITION_INDEX, POSITION_TABLE)]
        .into_iter()
        .find_map(|(buffer, weight)| Some(format!("{}{weight}", name.strip_suffix(buffer)?)))
}

/// The first `num_parts` parts of a name: the first two of `layer4.2.conv1.weight` are `layer4.2`.
pub(crate) fn first_parts(name: &str, num_parts: usize) -> &str {
    let end = name.match_indices('.').nth(num_parts.saturating_sub(1));
    &name[..end.map_or(name.len(), |(place, _)| place)]
}
