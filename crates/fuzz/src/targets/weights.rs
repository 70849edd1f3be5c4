//! Files of weights.

use super::test_files;
use crate::target::refused_text;
use crate::{Group, Outcome, Target};
use dermx_model::read_weights;
use std::path::Path;

pub fn targets() -> Vec<Target> {
    let target = |name, file, seeds| Target::new(name, Group::Weights, file, seeds, read);
    vec![
        target("safetensors", "w.safetensors", || {
            test_files(&[
                "model/tests/pth_file/expected.safetensors",
                "model/tests/weights_file/plain.safetensors",
            ])
        }),
        target("pth", "w.pth", || {
            let names = ["zip", "checkpoint", "beside"];
            test_files(
                &names
                    .map(|name| format!("model/tests/pth_file/{name}.pth"))
                    .each_ref()
                    .map(String::as_str),
            )
        }),
        target("keras", "w.keras", || {
            let names = ["varied.keras", "unnamed.keras", "float16.keras"];
            test_files(
                &names
                    .map(|name| format!("model/tests/keras_file/{name}"))
                    .each_ref()
                    .map(String::as_str),
            )
        }),
        target("hdf5", "w.h5", || {
            let names = [
                "varied.h5",
                "keras2_weights.h5",
                "latest.h5",
                "chunked.weights.h5",
                "bfloat16.weights.h5",
            ];
            test_files(
                &names
                    .map(|name| format!("model/tests/keras_file/{name}"))
                    .each_ref()
                    .map(String::as_str),
            )
        }),
        target("pth_legacy", "w.pth", || {
            let names = ["legacy", "beside_legacy"];
            test_files(
                &names
                    .map(|name| format!("model/tests/pth_file/{name}.pth"))
                    .each_ref()
                    .map(String::as_str),
            )
        }),
    ]
}

fn read(_: &Path, path: &Path) -> Outcome {
    match read_weights(path) {
        Ok(weights) => {
            let num_values: usize = weights.values().map(|tensor| tensor.values.len()).sum();
            assert!(num_values <= 1 << 20, "{num_values} values");
            Outcome::Read
        }
        Err(error) => refused_text(&error.to_string(), path),
    }
}
