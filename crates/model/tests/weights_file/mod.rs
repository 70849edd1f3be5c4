//! Files of weights: against Python's `safetensors`, there and back, and damaged.

use crate::networks;

use burn::tensor::Device;
use dermx_model::{
    Architecture, Misshapen, NamedTensor, Network, Wanted, WeightsError, WeightsFile,
    export_weights, import_partial, import_weights, locate, read_weights, with_unread_buffers,
    write_described_safetensors, write_safetensors,
};
use networks::{Weights, bits, gap, seeded, seeded_images, seeded_weights, values};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn tensor(shape: &[usize], values: &[f32]) -> NamedTensor {
    NamedTensor { shape: shape.to_vec(), values: values.to_vec() }
}

/// What `generate.py` writes to `plain.safetensors`.
fn plain() -> Weights {
    let quarters: Vec<f32> = (0..6).map(|value| value as f32 / 4.0).collect();
    let centred: Vec<f32> = (0..24).map(|value| value as f32 - 12.0).collect();
    let edges = [0x3F80_0001, 0xBF7F_FFFF, 0x0000_0001, 0x8000_0000].map(f32::from_bits);
    let special =
        [0x7F80_0000, 0xFF80_0000, 0x7FC0_0001, 0x7F7F_FFFF, 0x0080_0000].map(f32::from_bits);
    Weights::from([
        ("fc.weight".into(), tensor(&[2, 3], &quarters)),
        ("bn1.running_mean".into(), tensor(&[4], &edges)),
        ("special".into(), tensor(&[5], &special)),
        ("scalar".into(), tensor(&[], &[-1.5])),
        ("empty".into(), tensor(&[0, 3], &[])),
        ("conv1.weight".into(), tensor(&[2, 3, 2, 2], &centred)),
    ])
}

/// Names of the weights of torchvision's ResNet-18, in its order; `generate.py` writes them.
const RESNET18_NAMES: &str = include_str!("resnet18_names.txt");

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/weights_file").join(name)
}

/// Fails unless names, shapes and the bits of all values are the same.
#[track_caller]
fn assert_same_bits(found: &Weights, expected: &Weights) {
    assert!(found.keys().eq(expected.keys()), "{:?}", found.keys());
    for (name, tensor) in found {
        assert_eq!(tensor.shape, expected[name].shape, "{name}");
        assert!(bits(&tensor.values) == bits(&expected[name].values), "{name} differs");
    }
}

/// The failure to read a file of these bytes; it has to name the file.
fn read_error(bytes: &[u8]) -> WeightsError {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("broken.safetensors");
    std::fs::write(&path, bytes).expect("writes");
    let error = read_weights(&path).expect_err("refused");
    assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    error
}

/// A file with this header and these bytes after it.
fn file_of(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

fn resnet18(seed: u64) -> Network {
    seeded(&gap(Architecture::RESNET18, 2), seed)
}

/// The failure to put weights into a ResNet-18 with 2 classes, after `alter`.
fn import_error(alter: impl Fn(&mut Weights)) -> String {
    let network = gap(Architecture::RESNET18, 2).init(&Device::flex());
    let mut weights = seeded_weights(&network, 1);
    alter(&mut weights);
    let error = import_weights(network, &weights).expect_err("refused").to_string();
    let rest = error.strip_prefix("the weights do not fit the network: ").expect("a mismatch");
    rest.to_string()
}

#[test]
fn a_file_of_pythons_safetensors_is_read_bit_for_bit() {
    let found = read_weights(&golden("plain.safetensors")).expect("reads");
    assert_same_bits(&found, &plain());
}

#[test]
fn a_written_file_has_the_bytes_of_pythons() {
    let written = write_safetensors(&plain()).expect("writes");
    assert!(written == std::fs::read(golden("plain.safetensors")).expect("reads"));
}

#[test]
fn metadata_are_passed_over_and_counters_read() {
    let found = read_weights(&golden("counted.safetensors")).expect("reads");
    let counter = ("bn1.num_batches_tracked".into(), tensor(&[], &[7.0]));
    assert_same_bits(&found, &Weights::from([("fc.bias".into(), tensor(&[1], &[0.3])), counter]));
}

#[test]
fn counters_are_written_as_pytorch_has_them() {
    let found = read_weights(&golden("counted.safetensors")).expect("reads");
    let written = write_safetensors(&found).expect("writes");
    let header = String::from_utf8_lossy(&written);
    assert!(header.contains(r#""bn1.num_batches_tracked":{"dtype":"I64","shape":[]"#), "{header}");
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("counted.safetensors");
    std::fs::write(&path, written).expect("writes");
    assert_same_bits(&read_weights(&path).expect("reads"), &found);
}

#[test]
fn other_types_of_floats_are_converted() {
    for dtype in ["float16", "bfloat16", "float64"] {
        let found = read_weights(&golden(&format!("{dtype}.safetensors"))).expect("reads");
        assert_same_bits(&found, &Weights::from([("fc.bias".into(), tensor(&[2], &[1.0, 1.0]))]));
    }
}

#[test]
fn a_file_with_names_of_timms_is_read_by_torchvisions() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("timm.safetensors");
    let read = |names: &[&str]| {
        let tensors: Weights =
            names.iter().map(|name| (name.to_string(), tensor(&[1], &[1.0]))).collect();
        std::fs::write(&path, write_safetensors(&tensors).expect("writes")).expect("writes");
        let mut file = WeightsFile::open(&path).expect("opens");
        let architecture = Some(Architecture::EFFICIENTNET_B0);
        let wanted = Wanted { architecture, partial: true, ..Wanted::default() };
        let located = locate(&file.shapes(), &wanted).map_err(|error| error.to_string())?;
        file.read_named(&located.names).map_err(|error| error.to_string())
    };
    let timm = ["conv_stem.weight", "blocks.0.0.se.conv_reduce.weight", "classifier.bias"];
    let found = read(&timm).expect("reads");
    let expected = ["classifier.1.bias", "features.0.0.weight", "features.1.0.block.1.fc1.weight"];
    assert!(found.keys().eq(expected), "{:?}", found.keys());
    let error = read(&[&timm[..], &["features.0.0.weight"]].concat()).expect_err("refused");
    assert!(error.contains("both torchvision's `features.0.0.weight`"), "{error}");
}

#[test]
fn a_description_is_written_read_and_passed_over() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("described.safetensors");
    let tensors = Weights::from([
        ("bn1.num_batches_tracked".into(), tensor(&[], &[3.0])),
        ("fc.bias".into(), tensor(&[1], &[0.3])),
    ]);
    // 2^24 + 1 is no 32-bit float.
    let counters = BTreeMap::from([("bn1.num_batches_tracked".to_string(), 16_777_217)]);
    let text = r#"{"format":1,"classes":["a \"b\""]}"#;
    let bytes = write_described_safetensors(&tensors, &counters, text).expect("writes");
    assert!(bytes == write_described_safetensors(&tensors, &counters, text).expect("writes"));
    std::fs::write(&path, &bytes).expect("writes");
    let mut file = WeightsFile::open(&path).expect("opens");
    assert_eq!(file.description(), Some(text));
    let names = file.tensors().map(|one| (one.name.to_string(), one.name.to_string())).collect();
    assert_eq!(file.read_counters(&names).expect("reads"), counters);
    assert_eq!(file.read().expect("reads")["fc.bias"], tensors["fc.bias"]);
    let plain = golden("counted.safetensors");
    assert_eq!(WeightsFile::open(&plain).expect("opens").description(), None);
}

#[test]
fn values_that_are_not_finite_are_refused_by_name_where_they_are_used() {
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let network = gap(Architecture::RESNET18, 2).init(&Device::flex());
        let mut weights = seeded_weights(&network, 1);
        weights.get_mut("bn1.bias").expect("a bias").values[5] = value;
        let error = import_weights(network.clone(), &weights).expect_err("refused");
        assert!(matches!(error, WeightsError::NotFinite { idx: 5, num_values: 64, .. }), "{error}");
        assert!(error.to_string().contains("`bn1.bias` holds"), "{error}");
        assert!(import_partial(network.clone(), &weights).is_err());

        // A tensor that the network does not take may hold anything.
        let mut weights = seeded_weights(&network, 1);
        weights.insert("other".into(), tensor(&[1], &[value]));
        weights.insert("fc.bias".into(), tensor(&[3], &[value; 3]));
        let (_, misfit) = import_partial(network, &weights).expect("fits in part");
        assert_eq!(misfit.num_differences(), 2);
    }
}

#[test]
fn every_batch_normalization_gets_a_counter() {
    let weights = with_unread_buffers(export_weights(&resnet18(1)));
    let names: Vec<&str> = RESNET18_NAMES.lines().collect();
    let mut found: Vec<&str> = weights.keys().map(String::as_str).collect();
    found.sort_unstable_by_key(|name| names.iter().position(|other| other == name));
    assert_eq!(found, names);
    assert_eq!(weights["bn1.num_batches_tracked"], tensor(&[], &[0.0]));
    let kept = Weights::from([
        ("bn1.running_mean".into(), tensor(&[1], &[0.5])),
        ("bn1.num_batches_tracked".into(), tensor(&[], &[7.0])),
    ]);
    assert_same_bits(&with_unread_buffers(kept.clone()), &kept);
}

#[test]
fn a_network_comes_back_from_a_file_bit_for_bit() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("weights.safetensors");
    let (network, images) = (resnet18(1), seeded_images([1, 3, 32, 32], 3, &Device::flex()));
    let weights = export_weights(&network);
    let written = write_safetensors(&weights).expect("writes");
    std::fs::write(&path, &written).expect("writes");
    let read = read_weights(&path).expect("reads");
    assert_same_bits(&read, &weights);

    let other = resnet18(2);
    assert_ne!(values(other.forward(images.clone())), values(network.forward(images.clone())));
    let back = import_weights(other, &read).expect("fits");
    assert_same_bits(&export_weights(&back), &weights);
    let logits = [&network, &back].map(|network| bits(&values(network.forward(images.clone()))));
    assert_eq!(logits[0], logits[1]);
    assert!(write_safetensors(&export_weights(&back)).expect("writes") == written);
}

#[test]
fn the_head_is_stored_as_classes_by_features() {
    // Row-major as in torchvision's `fc.weight`: class 1 of 2 reads one feature, class 0 none.
    let network = resnet18(1);
    let images = seeded_images([1, 3, 32, 32], 3, &Device::flex());
    let mut features = Vec::new();
    network.forward_tapped(images.clone(), &mut |name, x| {
        if name == "layer4" {
            features = values(x.clone());
        }
        x
    });
    let largest = (0..512).fold(0, |best, k| if features[k] > features[best] { k } else { best });
    assert!(features[largest] > 0.0 && largest > 0);
    let mut weights = export_weights(&network);
    assert_eq!(weights["fc.weight"].shape, [2, 512]);
    let head = weights.get_mut("fc.weight").expect("a head");
    head.values.fill(0.0);
    head.values[512 + largest] = 1.0;
    weights.get_mut("fc.bias").expect("a bias").values.fill(0.0);
    let network = import_weights(network, &weights).expect("fits");
    assert_eq!(values(network.forward(images)), [0.0, features[largest]]);
}

#[test]
fn counters_of_pytorch_may_be_among_the_weights() {
    let network = resnet18(1);
    let mut weights = seeded_weights(&network, 2);
    weights.insert("bn1.num_batches_tracked".into(), tensor(&[], &[7.0]));
    let network = import_weights(network, &weights).expect("fits");
    weights.remove("bn1.num_batches_tracked");
    assert_same_bits(&export_weights(&network), &weights);
}

#[test]
fn a_missing_tensor_is_named() {
    let error = import_error(|weights| drop(weights.remove("layer3.1.bn2.running_var")));
    assert_eq!(error, "`layer3.1.bn2.running_var` is missing");
}

#[test]
fn an_unexpected_tensor_is_named() {
    let error = import_error(|weights| {
        weights.insert("layer1.0.conv3.weight".into(), tensor(&[1], &[0.0]));
    });
    assert_eq!(error, "`layer1.0.conv3.weight` is not in the network");
}

#[test]
fn a_misshapen_tensor_is_named_with_both_shapes() {
    let error = import_error(|weights| {
        weights.insert("fc.weight".into(), tensor(&[512, 2], &[0.0; 1024]));
    });
    assert_eq!(error, "`fc.weight` is [512, 2], expected [2, 512]");
    let error = import_error(|weights| {
        weights.insert("fc.bias".into(), tensor(&[1, 2], &[0.0; 2]));
    });
    assert_eq!(error, "`fc.bias` is [1, 2], expected [2]");
}

#[test]
fn a_tensor_with_too_few_values_is_named() {
    let error = import_error(|weights| {
        weights.insert("fc.bias".into(), tensor(&[2], &[0.0]));
    });
    assert!(error.starts_with("`fc.bias` "), "{error}");
    let short = Weights::from([("fc.bias".into(), tensor(&[2], &[0.0]))]);
    let error = write_safetensors(&short).expect_err("refused").to_string();
    assert!(error.contains("`fc.bias`"), "{error}");
}

#[test]
fn all_problems_are_counted_and_the_first_of_each_kind_named() {
    let error = import_error(|weights| {
        weights.retain(|name, _| name.starts_with("fc."));
        for idx in 0..6 {
            weights.insert(format!("head.{idx}.weight"), tensor(&[1], &[0.0]));
        }
    });
    assert_eq!(error.matches("is missing").count(), 4);
    // 102 tensors without the head's two, less the four.
    assert!(
        error.contains("; and 96 more missing; `head.0.weight` is not in the network"),
        "{error}"
    );
    assert!(error.ends_with("; and 2 more not in the network"), "{error}");
}

#[test]
fn every_difference_is_listed_in_the_error() {
    let network = gap(Architecture::RESNET18, 2).init(&Device::flex());
    let mut weights = seeded_weights(&network, 1);
    weights.retain(|name, _| name.starts_with("fc."));
    weights.insert("fc.weight".into(), tensor(&[512, 2], &[0.0; 1024]));
    weights.insert("head".into(), tensor(&[1], &[0.0]));
    let error = import_weights(network, &weights).expect_err("refused");
    let WeightsError::Misfit(misfit) = error else { panic!("{error}") };
    assert_eq!(misfit.missing.len(), 100);
    assert_eq!(misfit.unexpected, ["head"]);
    let [Misshapen { name, found, expected }] = misfit.misshapen.as_slice() else { panic!() };
    assert_eq!(
        (name.as_str(), &found[..], &expected[..]),
        ("fc.weight", &[512, 2][..], &[2, 512][..])
    );
    assert_eq!(misfit.num_differences(), 102);
}

#[test]
fn a_partial_import_takes_what_fits_and_tells_the_rest() {
    let network = resnet18(1);
    let before = export_weights(&network);
    let mut weights = seeded_weights(&network, 2);
    weights.remove("bn1.weight");
    weights.insert("fc.weight".into(), tensor(&[3, 512], &[0.0; 1536]));
    weights.insert("head".into(), tensor(&[1], &[0.0]));
    let (network, misfit) = import_partial(network, &weights).expect("finite");
    assert_eq!(
        (&misfit.missing[..], &misfit.unexpected[..]),
        (&["bn1.weight".into()][..], &["head".into()][..])
    );
    assert_eq!(misfit.misshapen[0].name, "fc.weight");
    let mut expected = weights.clone();
    expected.remove("head");
    for name in ["bn1.weight", "fc.weight"] {
        expected.insert(name.into(), before[name].clone());
    }
    assert_same_bits(&export_weights(&network), &expected);
}

#[test]
fn weights_of_another_depth_do_not_fit() {
    let deep = gap(Architecture::RESNET50, 2).init(&Device::flex());
    let error = import_weights(deep, &export_weights(&resnet18(1))).expect_err("refused");
    assert!(error.to_string().contains("`layer1.0.conv1.weight` is [64, 64, 3, 3], expected"));
}

#[test]
fn a_file_cut_off_anywhere_is_refused() {
    let whole = std::fs::read(golden("plain.safetensors")).expect("reads");
    for length in 0..whole.len() {
        let error = read_error(&whole[..length]);
        assert!(matches!(error, WeightsError::Format { .. }), "{length} bytes: {error}");
    }
}

#[test]
fn bytes_after_the_end_are_refused() {
    let whole = std::fs::read(golden("plain.safetensors")).expect("reads");
    read_error(&[whole, vec![0]].concat());
}

#[test]
fn what_is_not_safetensors_is_refused() {
    let of = |shape: &str, offsets: &str| {
        let entry = format!(r#"{{"dtype":"F32","shape":{shape},"data_offsets":{offsets}}}"#);
        file_of(&format!(r#"{{"a":{entry}}}"#), &[0; 8])
    };
    assert!(write_safetensors(&Weights::new()).is_ok());
    for (what, bytes) in [
        ("a header of 2^64 - 1 bytes", [vec![0xFF; 8], vec![0; 60]].concat()),
        ("a header that is no JSON", file_of("not JSON", &[])),
        ("offsets that end before they start", of("[2]", "[8,0]")),
        ("offsets beyond the file", of("[4]", "[0,16]")),
        ("a shape that does not fill its offsets", of("[1]", "[0,8]")),
        ("a shape beyond all numbers", of("[4294967296,4294967296,4294967296]", "[0,8]")),
        ("a negative size", of("[-2]", "[0,8]")),
        ("a header over 100 MB", [&100_000_001_u64.to_le_bytes()[..], &[b'{'; 60]].concat()),
        ("a shape of too many axes", of(&format!("{:?}", [1; 100]), "[0,8]")),
        (
            "an unknown key",
            file_of(r#"{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0],"b":1}}"#, &[]),
        ),
        ("deep nesting", file_of(&"[".repeat(100_000), &[])),
    ] {
        let error = read_error(&bytes).to_string();
        assert!(error.contains("not a valid safetensors file"), "{what}: {error}");
    }
    // The same header with sizes that fit is a file.
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("right.safetensors");
    std::fs::write(&path, of("[2]", "[0,8]")).expect("writes");
    assert_eq!(read_weights(&path).expect("reads")["a"], tensor(&[2], &[0.0; 2]));
}

/// A file with these entries (name, type, shape, offsets) and `num_bytes` bytes of values.
fn file_with(entries: &[(&str, &str, &str, &str)], num_bytes: usize) -> Vec<u8> {
    let entries = entries.iter().map(|(name, dtype, shape, offsets)| {
        format!(r#""{name}":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}"#)
    });
    let header = format!("{{{}}}", entries.collect::<Vec<_>>().join(","));
    file_of(&header, &vec![0; num_bytes])
}

#[test]
fn a_tensor_that_is_not_where_it_should_be_is_named() {
    let first = ("first", "F32", "[1]", "[0,4]");
    for (what, entries, num_bytes) in [
        ("twice", [first, first], 4),
        ("twice, apart", [first, ("first", "F32", "[1]", "[4,8]")], 8),
        ("overlap", [first, ("b", "F32", "[1]", "[2,6]")], 6),
        ("the same bytes", [first, ("b", "F32", "[1]", "[0,4]")], 4),
        ("a gap", [first, ("b", "F32", "[1]", "[5,9]")], 9),
        ("the last number", [first, ("b", "F32", "[1]", "[4,18446744073709551615]")], 8),
        ("two bytes a value", [first, ("b", "F16", "[2]", "[4,12]")], 12),
        ("eight bytes a value", [first, ("b", "I64", "[1]", "[4,8]")], 8),
        ("no such type", [first, ("b", "F8", "[4]", "[4,8]")], 8),
    ] {
        let error = read_error(&file_with(&entries, num_bytes)).to_string();
        let name = if what.starts_with("twice") { "`first`" } else { "`b`" };
        let name = if what == "the same bytes" { "`" } else { name };
        assert!(error.contains(name), "{what}: {error}");
    }
    let good = file_with(&[("b", "F32", "[1]", "[4,8]"), first, ("c", "F32", "[0]", "[4,4]")], 8);
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("right.safetensors");
    std::fs::write(&path, good).expect("writes");
    assert_eq!(read_weights(&path).expect("reads").len(), 3);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let path = golden("none.safetensors");
    let error = read_weights(&path).expect_err("refused");
    assert!(matches!(error, WeightsError::Io { .. }));
    assert!(error.to_string().starts_with(&path.display().to_string()), "{error}");
    let folder = golden("");
    let error = read_weights(&folder).expect_err("refused");
    assert!(matches!(error, WeightsError::Io { .. }), "{error}");
}

#[test]
fn what_is_no_file_of_weights_is_called_what_it_is() {
    let onnx = b"\x08\x07\x12\x07pytorch\x1a\x052.1.0:".to_vec();
    let tar = [vec![b'a'; 257], b"ustar\x0000".to_vec(), vec![0; 255]].concat();
    let index = br#"{"metadata": {"total_size": 12}, "weight_map": {"fc.bias": "1.safetensors"}}"#;
    let keras = zipped(&["metadata.json", "config.json", "model.weights.h5"]);
    for (what, bytes, advice) in [
        ("empty", Vec::new(), "again"),
        (
            "Git LFS",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n".to_vec(),
            "lfs pull",
        ),
        ("web page", b"\n <!doctype html>\n<html lang=en>".to_vec(), "download"),
        ("web page", b"<HTML><head>".to_vec(), "download"),
        ("HDF5", b"\x89HDF\r\n\x1a\n\0\0\0\0".to_vec(), "cut off"),
        ("gzip", b"\x1f\x8b\x08\0\0\0\0\0\0\x03abc".to_vec(), "gunzip"),
        ("xz", b"\xfd7zXZ\0\0\x04".to_vec(), "unxz"),
        ("zstd", b"\x28\xb5\x2f\xfd\0\0".to_vec(), "unzstd"),
        ("list of the parts", index.to_vec(), "join"),
        ("JSON", b"[1, 2, 3]".to_vec(), "name the file"),
        ("text (`model = resnet18`)", b"model = resnet18\nclasses = 2\n".to_vec(), "name the file"),
        ("NumPy", b"\x93NUMPY\x01\0v\0{'descr'".to_vec(), "by name"),
        ("NumPy", zipped(&["fc.weight.npy"]), "by name"),
        ("ONNX", onnx, "state_dict"),
        ("SavedModel", b"\x08\x01\x12\x90\x01\x0a".to_vec(), "PyTorch"),
        ("tar", tar, "unpack"),
        ("configuration", keras, "damaged"),
        ("Keras", zipped(&["a/config.json", "a/model.weights.h5"]), "archive of what is beside"),
        ("TorchScript", zipped(&["a/data.pkl", "a/code/b.py", "a/constants.pkl"]), "jit.load"),
        ("zip archive", zipped(&["best/model.pth", "readme.txt"]), "best/model.pth"),
    ] {
        let error = read_error(&bytes).to_string();
        assert!(error.contains(what) && error.contains(advice), "{what}: {error}");
    }
}

/// A zip archive of empty entries with these names.
fn zipped(names: &[&str]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for name in names {
        let (size, at) = ((name.len() as u16).to_le_bytes(), (file.len() as u32).to_le_bytes());
        file.extend([b"PK\x03\x04", &[0; 22][..], &size, &[0; 2], name.as_bytes()].concat());
        directory.extend([b"PK\x01\x02", &[0; 24][..], &size, &[0; 12], &at].concat());
        directory.extend(name.as_bytes());
    }
    let count = (names.len() as u16).to_le_bytes();
    let numbers = [(directory.len() as u32).to_le_bytes(), (file.len() as u32).to_le_bytes()];
    [&file[..], &directory, b"PK\x05\x06\0\0\0\0", &count, &count, &numbers.concat(), &[0; 2]]
        .concat()
}
