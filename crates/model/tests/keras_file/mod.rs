//! Files of Keras: what Keras and h5py wrote, moved by NumPy; Keras' own networks against its logits; damage.

use crate::networks;

mod hdf5;

use burn::tensor::{Device, Tensor, TensorData};
use dermx_model::{
    Computation, Head, NetworkConfig, Padding, Variant, Wanted, WeightsFile, WeightsFormat,
    import_weights, locate, read_weights,
};
use hdf5::Node;
use networks::{assert_close, fraction, mix, values};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keras_file").join(name)
}

/// Fails unless a file of Keras holds the tensors of a safetensors file, bit for bit.
#[track_caller]
fn assert_holds(name: &str, expected: &str, format: WeightsFormat) {
    let mut file = WeightsFile::open(&golden(name)).expect(name);
    assert_eq!(file.format(), format, "{name}");
    assert_eq!(file.claimed_architecture(), None, "{name}");
    let (found, expected) =
        (file.read().expect(name), read_weights(&golden(expected)).expect("reads"));
    assert!(found.keys().eq(expected.keys()), "{name}: {:?}", found.keys());
    for (key, tensor) in found {
        assert_eq!(tensor, expected[&key], "{name}: {key}");
    }
}

#[test]
fn every_layout_that_keras_had_is_read_as_numpy_moves_it() {
    use WeightsFormat::{KerasHdf5, KerasZip};
    for (name, format) in [
        ("varied.keras", KerasZip),
        ("unnamed.keras", KerasZip),
        ("varied.h5", KerasHdf5),
        ("keras2_weights.h5", KerasHdf5),
    ] {
        assert_holds(name, "varied.safetensors", format);
    }
    for name in ["small.weights.h5", "keras2_whole.h5", "latest.h5", "chunked.weights.h5"] {
        assert_holds(name, "small.safetensors", KerasHdf5);
    }
}

#[test]
fn floats_of_every_width_are_read() {
    assert_holds("float16.keras", "small.safetensors", WeightsFormat::KerasZip);
    assert_holds("float64.weights.h5", "small.safetensors", WeightsFormat::KerasHdf5);
    assert_holds("bfloat16.weights.h5", "small.safetensors", WeightsFormat::KerasHdf5);
    let elements = ["float16.keras", "float64.weights.h5", "bfloat16.weights.h5"].map(|name| {
        let file = WeightsFile::open(&golden(name)).expect(name);
        file.tensors().next().expect("a tensor").element.name()
    });
    assert_eq!(elements, ["F16", "F64", "BF16"]);
}

#[test]
fn weights_alone_do_not_say_which_part_a_normalization_lacks() {
    let file = WeightsFile::open(&golden("varied.weights.h5")).expect("reads");
    let names: Vec<&str> = file.tensors().map(|tensor| tensor.name).collect();
    let odd: Vec<&&str> =
        names.iter().filter(|name| name.starts_with("batch_normalization")).collect();
    assert_eq!(odd, [&"batch_normalization.0", &"batch_normalization.1", &"batch_normalization.2"]);
    assert_eq!(names.len(), 19);
    assert!(names.contains(&"deeper.deepest.wide.weight"), "{names:?}");
}

#[test]
fn what_belongs_to_training_is_named_and_not_read() {
    for name in ["varied.keras", "varied.h5", "keras2_whole.h5", "varied.weights.h5"] {
        let file = WeightsFile::open(&golden(name)).expect(name);
        let [object] = file.objects() else { panic!("{name}: {:?}", file.objects()) };
        assert_eq!((object.place.as_str(), object.class.as_str()), ("optimizer", "Optimizer"));
    }
}

#[test]
fn functions_of_python_are_refused_by_name() {
    for name in ["lambda.keras", "lambda.h5"] {
        let error = WeightsFile::open(&golden(name)).expect_err("refused").to_string();
        assert!(error.contains("`twice` is a Lambda") && error.contains(name), "{error}");
    }
}

#[test]
fn other_hdf5_files_are_called_so() {
    let error = WeightsFile::open(&golden("other.h5")).expect_err("refused").to_string();
    assert!(error.contains("another HDF5 file"), "{error}");
}

#[test]
fn what_unpacks_to_far_more_than_its_file_is_refused() {
    let error = WeightsFile::open(&golden("bomb.weights.h5")).expect_err("refused").to_string();
    assert!(error.contains("[2048, 2048]") && error.contains("so small a file"), "{error}");
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("cut");
    for name in ["varied.keras", "keras2_weights.h5", "latest.h5", "chunked.weights.h5"] {
        let bytes = std::fs::read(golden(name)).expect("reads");
        for length in (0..bytes.len()).step_by(61) {
            std::fs::write(&path, &bytes[..length]).expect("writes");
            let error = read_weights(&path).expect_err("refused").to_string();
            assert!(error.contains("cut: "), "{name} cut to {length}: {error}");
        }
    }
}

#[test]
fn groups_in_themselves_are_refused() {
    let mut root = Node::group();
    root.at(&["layers", "dense", "vars"]).put("0", vec![1, 1], vec![1.0]);
    let mut bytes = root.to_file();
    // The first group that is written is the innermost; the root is the last.
    let root_address = bytes[36..44].to_vec();
    let link = bytes.windows(4).position(|part| part == b"vars").expect("a link");
    bytes[link + 4..link + 12].copy_from_slice(&root_address);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("w.h5");
    std::fs::write(&path, bytes).expect("writes");
    let error = read_weights(&path).expect_err("refused").to_string();
    assert!(error.contains("in themselves"), "{error}");
}

/// One of Keras' own networks; `generate.py` writes them.
#[derive(Debug, Deserialize)]
struct Application {
    /// Height and width of the photo.
    size: [usize; 2],
    /// What the network divides pixels by before its first convolution.
    divisor: f32,
    /// Where a variable is in Keras 3's files, its layer, its name, and its shape.
    variables: Vec<(String, String, String, Vec<usize>)>,
    logits: Vec<f32>,
}

impl Application {
    fn read(name: &str) -> Self {
        let text = std::fs::read_to_string(golden(&format!("{name}.json"))).expect(name);
        serde_json::from_str(&text).expect(name)
    }

    /// The file as Keras 3 writes it.
    fn as_keras3(&self) -> Node {
        let mut root = Node::group();
        for (path, layer, variable, shape) in &self.variables {
            let mut parts: Vec<&str> = path.split('/').collect();
            let number = parts.pop().expect("a number");
            let group = root.at(&parts);
            if number == "0" {
                group.say("name", layer);
            }
            group.put(number, shape.clone(), rule(layer, variable, shape));
        }
        root
    }

    /// The file as Keras 2 writes it, in the network `outer` if there is one, and of shapes that `resized` changes.
    fn as_keras2(&self, outer: Option<&str>, resized: impl Fn(&[usize]) -> Vec<usize>) -> Node {
        let mut root = Node::group();
        root.say("layer_names", "");
        for (_, layer, variable, shape) in &self.variables {
            let shape = resized(shape);
            let inner = outer.filter(|_| layer != "predictions").unwrap_or(layer);
            let group = root.at(&[inner, layer]);
            let is_renamed = variable == "kernel" && is_depthwise(layer);
            let name = if is_renamed { "depthwise_kernel" } else { variable.as_str() };
            group.put(&format!("{name}:0"), shape.clone(), rule(layer, variable, &shape));
        }
        root
    }

    /// Pixels from 0 to 255, divided.
    fn photo(&self, device: &Device) -> Tensor<4> {
        let [height, width] = self.size;
        let num_values = height * width * 3;
        let photo: Vec<f32> = (0..num_values)
            .map(|idx| (fraction(mix(7), idx) * 256.0).floor() / self.divisor)
            .collect();
        let photo = Tensor::<4>::from_data(TensorData::new(photo, [1, height, width, 3]), device);
        photo.permute([0, 3, 1, 2])
    }
}

/// Whether a layer only filters each channel alone.
fn is_depthwise(layer: &str) -> bool {
    layer.ends_with("dwconv") || layer.ends_with("_depthwise") || layer.starts_with("conv_dw")
}

/// The values of a variable, as `rule` of generate.py says.
fn rule(layer: &str, variable: &str, shape: &[usize]) -> Vec<f32> {
    let name = format!("{layer}/{variable}");
    let seed = name.bytes().fold(1, |seed, byte| mix(seed ^ u64::from(byte)));
    let (low, high) = match variable {
        "kernel" | "depthwise_kernel" | "pointwise_kernel" => {
            let num_inputs: usize = shape[..shape.len() - 1].iter().product();
            let is_depthwise = is_depthwise(layer) || variable == "depthwise_kernel";
            let num_inputs = num_inputs / if is_depthwise { shape[2] } else { 1 };
            let high = (6.0 / num_inputs as f32).sqrt();
            (-high, high)
        }
        "gamma" if layer.starts_with("conv") => (0.3, 0.6),
        "gamma" => (0.5, 1.1),
        "moving_variance" => (0.5, 1.5),
        _ => (-0.2, 0.2),
    };
    (0..shape.iter().product()).map(|idx| low + (high - low) * fraction(seed, idx)).collect()
}

fn written(root: &Node) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("network.h5");
    std::fs::write(&path, root.to_file()).expect("writes");
    (folder, path)
}

/// Fails unless the network that a file of Keras holds has Keras' logits.
#[track_caller]
fn assert_logits(name: &str, root: &Node, application: &Application) -> NetworkConfig {
    let (_folder, path) = written(root);
    let mut file = WeightsFile::open(&path).expect(name);
    let located = locate(&file.shapes(), &Wanted::default()).expect(name);
    assert_eq!(located.architecture.name(), name);
    assert!(located.misfit.is_empty(), "{name}: {}", located.misfit);
    let claimed = file.claimed_architecture().map(str::to_string);
    let computation = Computation::of(located.architecture, located.naming, claimed.as_deref());
    let computation = computation.expect(name);
    assert_eq!(computation.doubt, None);
    let config = located.config.expect("a head");
    let config = NetworkConfig {
        variant: computation.variant.unwrap_or(config.variant),
        padding: computation.padding,
        batch_norm_epsilon: Some(computation.epsilon),
        ..config
    };
    let weights = file.read_named(&located.names).expect(name);
    let device = Device::flex();
    let network = import_weights(config.empty(&device), &weights).expect(name);
    let logits = values(network.forward(application.photo(&device)));
    let scale = application.logits.iter().fold(1.0_f32, |scale, logit| scale.max(logit.abs()));
    println!("{name}: {logits:?}, expected {:?}", application.logits);
    assert_close(&logits, &application.logits, 1e-4 * scale);
    config
}

#[test]
fn keras_resnet50_gives_keras_logits() {
    let application = Application::read("resnet50");
    let root = application.as_keras2(None, <[usize]>::to_vec);
    let config = assert_logits("resnet50", &root, &application);
    assert_eq!((config.variant, config.epsilon()), (Variant::V1, 1.001e-5));
}

#[test]
fn keras_resnet50v2_gives_keras_logits() {
    let application = Application::read("resnet50v2");
    for root in [application.as_keras3(), application.as_keras2(None, <[usize]>::to_vec)] {
        let config = assert_logits("resnet50v2", &root, &application);
        assert_eq!((config.padding, config.epsilon()), (Padding::Torchvision, 1.001e-5));
    }
}

#[test]
fn keras_efficientnets_give_keras_logits() {
    for name in ["efficientnet_b0", "efficientnet_b4"] {
        let application = Application::read(name);
        let config = assert_logits(name, &application.as_keras3(), &application);
        assert_eq!((config.padding, config.epsilon()), (Padding::Tf, 1e-3));
    }
}

#[test]
fn keras_xception_and_mobilenets_give_keras_logits() {
    for name in ["xception", "mobilenetv1_100", "mobilenet_v2"] {
        let application = Application::read(name);
        for root in [application.as_keras3(), application.as_keras2(None, <[usize]>::to_vec)] {
            let config = assert_logits(name, &root, &application);
            assert_eq!((config.padding, config.epsilon()), (Padding::Tf, 1e-3));
        }
    }
}

/// The names that Keras gives to layers that have none, counted from another number on.
fn counted_from(application: &mut Application, first: usize) {
    for (_, layer, ..) in &mut application.variables {
        for class in ["conv2d", "batch_normalization"] {
            let number = layer.strip_prefix(class).map(|number| number.trim_start_matches('_'));
            if let Some(number) =
                number.filter(|number| number.bytes().all(|it| it.is_ascii_digit()))
            {
                *layer = format!("{class}_{}", first + number.parse::<usize>().unwrap_or(0));
            }
        }
    }
}

#[test]
fn keras_inception_v3_gives_keras_logits() {
    let application = Application::read("inception_v3");
    for root in [application.as_keras3(), application.as_keras2(None, <[usize]>::to_vec)] {
        let config = assert_logits("inception_v3", &root, &application);
        assert_eq!((config.padding, config.epsilon()), (Padding::Tf, 1e-3));
    }
}

#[test]
fn keras_nasnet_mobile_gives_keras_logits() {
    let application = Application::read("nasnet_mobile");
    for root in [application.as_keras3(), application.as_keras2(None, <[usize]>::to_vec)] {
        let config = assert_logits("nasnet_mobile", &root, &application);
        assert_eq!((config.padding, config.epsilon()), (Padding::Torchvision, 1e-3));
    }
}

#[test]
fn keras_inception_resnet_v2_gives_keras_logits() {
    let mut application = Application::read("inception_resnet_v2");
    let config = assert_logits("inception_resnet_v2", &application.as_keras3(), &application);
    assert_eq!((config.padding, config.epsilon()), (Padding::Torchvision, 1e-3));
    // The weights follow the names, and the logits would be others: names alone are looked at.
    counted_from(&mut application, 300);
    let found = names(&application.as_keras2(Some("inception"), <[usize]>::to_vec));
    for name in [
        "inception.mixed_5b.branch3.1.conv.weight",
        "inception.repeat_1.19.branch1.2.bn.weight",
        "inception.repeat_2.8.conv2d.bias",
        "inception.block8.conv2d.weight",
        "inception.conv2d_7b.bn.weight",
        "classif.weight",
    ] {
        assert!(found.iter().any(|one| one == name), "{name}: {found:?}");
    }
    assert!(found.iter().all(|name| !name.contains("batch_normalization")), "{found:?}");
}

#[test]
fn layers_without_a_name_are_told_by_their_order_whatever_their_numbers() {
    let mut application = Application::read("inception_v3");
    counted_from(&mut application, 95);
    let mut root = application.as_keras2(Some("inception"), <[usize]>::to_vec);
    // A convolution made before, and one made after.
    for (name, shape) in [("conv2d_7", vec![3, 3, 3, 32]), ("conv2d_1000", vec![1, 1, 2048, 8])] {
        let num_values = shape.iter().product();
        root.at(&["inception", name]).put("kernel:0", shape, vec![1.0; num_values]);
    }
    let found = names(&root);
    for name in [
        "inception.Conv2d_1a_3x3.conv.weight",
        "inception.Mixed_7c.branch_pool.bn.running_var",
        "inception.Mixed_7c.branch_pool.bn.weight",
        "inception.conv2d_7.weight",
        "inception.conv2d_1000.weight",
    ] {
        assert!(found.iter().any(|one| one == name), "{name}: {found:?}");
    }
    let (_folder, path) = written(&root);
    let mut file = WeightsFile::open(&path).expect("reads");
    let located = locate(&file.shapes(), &Wanted { without_head: true, ..Wanted::default() });
    let located = located.expect("a network");
    assert!(located.misfit.is_complete(), "{}", located.misfit);
    let weights = file.read_named(&located.names).expect("reads");
    // `batch_normalization_95` follows `conv2d_95`; a factor that Keras does not have is 1.
    let beta = rule("batch_normalization_95", "beta", &[32]);
    assert_eq!(weights["Conv2d_1a_3x3.bn.bias"].values, beta);
    assert_eq!(weights["Conv2d_1a_3x3.bn.weight"].values, [1.0; 32]);
}

#[test]
fn layers_without_a_name_of_other_shapes_keep_what_they_are_called() {
    let application = Application::read("inception_v3");
    let narrower = |shape: &[usize]| -> Vec<usize> {
        shape.iter().map(|&size| if size == 7 { 5 } else { size }).collect()
    };
    let names = names(&application.as_keras2(None, narrower));
    assert!(names.iter().any(|name| name == "conv2d_93.weight"), "{names:?}");
    assert!(names.iter().all(|name| !name.starts_with("Mixed")), "{names:?}");
}

#[test]
fn keras_densenet_gives_keras_logits() {
    let application = Application::read("densenet121");
    for root in [application.as_keras3(), application.as_keras2(None, <[usize]>::to_vec)] {
        let config = assert_logits("densenet121", &root, &application);
        assert_eq!((config.padding, config.epsilon()), (Padding::Torchvision, 1.001e-5));
    }
}

#[test]
fn keras_vgg_gives_keras_logits_though_its_head_reads_channels_last() {
    let application = Application::read("vgg16");
    let config = assert_logits("vgg16", &application.as_keras3(), &application);
    assert_eq!(config.head, Head::Mlp);
}

#[test]
fn a_vgg_with_another_head_is_a_trunk() {
    let mut application = Application::read("vgg16");
    application.variables.retain(|(_, layer, ..)| layer != "fc2");
    let root = application.as_keras2(None, |shape| vec![1; shape.len()]);
    let names = names(&root);
    for name in ["trunk.features.0.weight", "trunk.features.28.bias", "fc1.weight"] {
        assert!(names.iter().any(|one| one == name), "{name}: {names:?}");
    }
}

#[test]
fn shortcuts_of_an_xception_are_told_by_their_shapes_whatever_their_numbers() {
    let mut application = Application::read("xception");
    for (_, layer, ..) in &mut application.variables {
        for class in ["conv2d", "batch_normalization"] {
            if let Some(number) = layer.strip_prefix(class) {
                let number: usize = number.trim_start_matches('_').parse().unwrap_or(0);
                *layer = format!("{class}_{}", 49 - 10 * number);
            }
        }
    }
    let mut root = application.as_keras2(Some("xception"), <[usize]>::to_vec);
    let found = names(&root);
    for name in ["fc.bias", "xception.block1.skip.weight", "xception.block12.skipbn.running_var"] {
        assert!(found.iter().any(|one| one == name), "{name}: {found:?}");
    }
    let located = {
        let (_folder, path) = written(&root);
        locate(&WeightsFile::open(&path).expect("reads").shapes(), &Wanted::default())
    };
    assert!(located.expect("a network").misfit.is_empty());
    // A layer of a head that has the shape of a shortcut's comes later, and is not taken for it.
    let group = root.at(&["xception", "batch_normalization_60"]);
    for variable in ["gamma:0", "beta:0", "moving_mean:0", "moving_variance:0"] {
        group.put(variable, vec![128], vec![1.0; 128]);
    }
    let found = names(&root);
    assert!(found.iter().any(|one| one == "xception.batch_normalization_60.weight"), "{found:?}");
}

#[test]
fn standardization_is_no_weight() {
    let application = Application::read("efficientnet_b0");
    let (_folder, path) = written(&application.as_keras3());
    let file = WeightsFile::open(&path).expect("reads");
    let [object] = file.objects() else { panic!("{:?}", file.objects()) };
    assert_eq!((object.place.as_str(), object.class.as_str()), ("normalization", "Normalization"));
}

/// The names of tensors in a file.
fn names(root: &Node) -> Vec<String> {
    let (_folder, path) = written(root);
    let file = WeightsFile::open(&path).expect("reads");
    file.tensors().map(|tensor| tensor.name.to_string()).collect()
}

#[test]
fn a_network_in_a_network_keeps_its_prefix_and_the_head_stands_beside_it() {
    let application = Application::read("resnet50");
    let root = application.as_keras2(Some("resnet50"), |shape| vec![1; shape.len()]);
    let names = names(&root);
    for name in
        ["fc.bias", "fc.weight", "resnet50.conv1.weight", "resnet50.layer4.2.bn3.running_var"]
    {
        assert!(names.iter().any(|one| one == name), "{name}: {names:?}");
    }
    let is_bias =
        |name: &&String| name.ends_with("conv1.bias") || name.ends_with("downsample.0.bias");
    assert_eq!(names.iter().find(is_bias), None);
}

#[test]
fn a_head_of_several_layers_is_not_taken_for_torchvisions() {
    let application = Application::read("efficientnet_b0");
    let mut root = application.as_keras2(None, |shape| vec![1; shape.len()]);
    let group = root.at(&["hidden", "hidden"]);
    group.put("kernel:0", vec![1, 1], vec![1.0]);
    let names = names(&root);
    for name in ["hidden.weight", "predictions.weight", "trunk.features.0.0.weight"] {
        assert!(names.iter().any(|one| one == name), "{name}: {names:?}");
    }
}
