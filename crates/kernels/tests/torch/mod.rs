//! Each operation and its gradients against PyTorch's.

use burn::tensor::{Device, Tensor, TensorData};
use dermx_kernels::{
    Activation, AvgPool, ConvOptions, Normalization, affine, attention, avg_pool, batch_norm,
    channel_scale, concat, conv_bias, conv2d, global_avg_pool, layer_norm, max_pool, windows,
};
use serde_json::Value;

/// The rule of `generate.py`.
fn numbers(seed: usize, shape: &[usize]) -> TensorData {
    let value = |idx: usize| ((idx * 7919 + seed * 104_729) % 2003) as f32 / 1024.0 - 1.0;
    let values: Vec<f32> = (0..shape.iter().product()).map(value).collect();
    TensorData::new(values, shape)
}

fn list(value: &Value) -> Vec<f64> {
    value.as_array().into_iter().flatten().map(|one| one.as_f64().expect("a number")).collect()
}

fn sizes(value: &Value) -> Vec<usize> {
    list(value).into_iter().map(|size| size as usize).collect()
}

fn activation(case: &Value) -> Activation {
    match case["activation"].as_str() {
        Some("relu") => Activation::Relu,
        Some("relu6") => Activation::Relu6,
        Some("silu") => Activation::Silu,
        Some("gelu") => Activation::Gelu,
        _ => Activation::None,
    }
}

#[track_caller]
fn assert_close(found: &[f64], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let size = expected.iter().fold(1e-3_f64, |size, value| size.max(value.abs()));
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-5 * size, "{what}: {found} {expected}");
    }
}

/// An input as a leaf of rank 4 (leading ones), and with its own rank.
struct Leaves(Vec<(Tensor<4>, Vec<usize>)>);

impl Leaves {
    fn new(case: &Value) -> Self {
        let device = Device::flex().autodiff();
        let shapes = case["shapes"].as_array().expect("shapes").iter().map(sizes);
        let leaf = |(idx, shape): (usize, Vec<usize>)| {
            let mut padded = vec![1; 4 - shape.len()];
            padded.extend(&shape);
            (Tensor::from_data(numbers(idx + 1, &padded), &device).require_grad(), shape)
        };
        Self(shapes.enumerate().map(leaf).collect())
    }

    fn map(&self, idx: usize) -> Tensor<4> {
        self.0[idx].0.clone()
    }

    fn vector(&self, idx: usize) -> Tensor<1> {
        let (leaf, shape) = &self.0[idx];
        leaf.clone().reshape([shape[0]])
    }

    fn matrix(&self, idx: usize) -> Tensor<2> {
        let (leaf, shape) = &self.0[idx];
        leaf.clone().reshape([shape[0], shape[1]])
    }
}

fn constant(case: &Value, key: &str) -> Tensor<1> {
    let values: Vec<f32> = list(&case[key]).into_iter().map(|value| value as f32).collect();
    Tensor::from_data(TensorData::new(values.clone(), [values.len()]), &Device::flex().autodiff())
}

fn output(case: &Value, leaves: &Leaves) -> Tensor<4> {
    let residual = || (leaves.0.len() == 4).then(|| leaves.map(3));
    match case["operation"].as_str().expect("an operation") {
        "conv2d" => {
            let stride = case["stride"].as_u64().expect("a stride") as usize;
            let groups = case["groups"].as_u64().expect("groups") as usize;
            let padding = sizes(&case["padding"]).try_into().expect("four sides");
            let options = ConvOptions { stride: [stride; 2], padding, groups };
            conv2d(leaves.map(0), leaves.map(1), options)
        }
        "batch_norm" => {
            let (gamma, beta) = (leaves.vector(1), leaves.vector(2));
            batch_norm(leaves.map(0), gamma, beta, 1e-3, residual(), activation(case)).out
        }
        "affine" => {
            let normalization = Normalization {
                gamma: leaves.vector(1),
                beta: leaves.vector(2),
                mean: constant(case, "mean"),
                var: constant(case, "var"),
                epsilon: 1e-3,
            };
            affine(leaves.map(0), normalization, residual(), activation(case))
        }
        "channel_scale" => channel_scale(leaves.map(0), leaves.matrix(1)),
        "global_avg_pool" => global_avg_pool(leaves.map(0)).unsqueeze(),
        "max_pool" => {
            let padding = sizes(&case["padding"]).try_into().expect("four sides");
            max_pool(leaves.map(0), 3, 2, padding)
        }
        "avg_pool" => {
            let counts_padding = case["counts_padding"].as_bool().expect("a flag");
            let pool = AvgPool { kernel_size: 3, stride: 2, padding: 1, counts_padding };
            avg_pool(leaves.map(0), pool)
        }
        "layer_norm" => layer_norm(leaves.map(0), leaves.vector(1), leaves.vector(2), 1e-3),
        "attention" => {
            let num_heads = case["heads"].as_u64().expect("heads") as usize;
            attention(leaves.map(0), num_heads, None)
        }
        "attention_bias" => {
            let num_heads = case["heads"].as_u64().expect("heads") as usize;
            attention(leaves.map(0), num_heads, Some(leaves.map(1)))
        }
        "windows" => {
            let side = case["side"].as_u64().expect("a side") as usize;
            windows(leaves.map(0), side, sizes(&case["shift"]).try_into().expect("two axes"))
        }
        "concat" => concat(leaves.map(0), leaves.map(1)),
        "conv_bias" => {
            let options = ConvOptions { stride: [1; 2], padding: [1; 4], groups: 1 };
            let bias = leaves.vector(2);
            conv_bias(leaves.map(0), leaves.map(1), bias, options, activation(case))
        }
        other => panic!("no operation {other}"),
    }
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

#[test]
fn operations_and_gradients_are_pytorchs() {
    let golden: Value = serde_json::from_str(include_str!("golden.json")).expect("JSON");
    let cases = golden["cases"].as_array().expect("cases");
    assert_eq!(cases.len(), 38);
    for (idx, case) in cases.iter().enumerate() {
        let what = format!("case {idx}, {} of {}", case["operation"], case["shapes"]);
        let leaves = Leaves::new(case);
        let out = output(case, &leaves);
        assert_close(&values(out.clone()), &list(&case["out"]), &what);
        let coefficients = Tensor::from_data(numbers(9, &out.dims()), &out.device());
        let gradients = (out * coefficients).sum().backward();
        for ((leaf, _), expected) in
            leaves.0.iter().zip(case["gradients"].as_array().expect("a list"))
        {
            let found = leaf.grad(&gradients).expect("a gradient");
            assert_close(&values(found), &list(expected), &what);
        }
    }
}
