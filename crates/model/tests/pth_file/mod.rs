//! `.pth` files: against PyTorch, damaged, and written to do harm.

mod archive;
mod malicious;

use archive::zip;
use dermx_model::{
    Architecture, ElementType, NamedTensor, TensorInfo, Wanted, WeightsError, WeightsFile,
    WeightsFormat, locate, read_weights,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

type Weights = BTreeMap<String, NamedTensor>;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pth_file").join(name)
}

fn read(name: &str) -> Weights {
    read_weights(&golden(name)).expect("reads")
}

/// What comes of a file of these bytes.
fn read_bytes(bytes: &[u8]) -> Result<Weights, WeightsError> {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("file.pth");
    std::fs::write(&path, bytes).expect("writes");
    read_weights(&path)
}

/// The refusal of a file of these bytes; it has to name the file.
#[track_caller]
fn refusal(bytes: &[u8]) -> String {
    let error = read_bytes(bytes).expect_err("refused");
    assert!(matches!(error, WeightsError::Format { .. }), "{error}");
    let error = error.to_string();
    assert!(error.contains("file.pth: "), "{error}");
    error
}

/// Fails unless names, shapes and the bits of all values are the same.
#[track_caller]
fn assert_same_bits(found: &Weights, expected: &Weights) {
    assert!(found.keys().eq(expected.keys()), "{:?}", found.keys());
    let bits = |tensor: &NamedTensor| -> Vec<u32> {
        tensor.values.iter().map(|value| value.to_bits()).collect()
    };
    for (name, tensor) in found {
        assert_eq!(tensor.shape, expected[name].shape, "{name}");
        assert_eq!(bits(tensor), bits(&expected[name]), "{name}");
    }
}

#[test]
fn every_type_stride_and_shared_storage_is_read_as_pytorch_does() {
    for file in ["zip.pth", "legacy.pth"] {
        assert_same_bits(&read(file), &read("expected.safetensors"));
    }
}

#[test]
fn weights_are_found_in_checkpoints_of_training_programs() {
    for (file, prefix) in [
        ("checkpoint.pth", "state_dict.module."),
        ("model_legacy.pth", "model."),
        ("beside.pth", "state_dict.module._orig_mod."),
        ("beside_legacy.pth", "state_dict.module._orig_mod."),
    ] {
        let mut file = WeightsFile::open(&golden(file)).expect("opens");
        let architecture = Some(Architecture::RESNET18);
        let wanted = Wanted { architecture, partial: true, ..Wanted::default() };
        let located = locate(&file.shapes(), &wanted).expect("is found");
        assert_eq!(located.prefixes, [prefix]);
        let found = file.read_named(&located.names).expect("reads");
        assert_same_bits(&found, &read("network.safetensors"));
    }
}

#[test]
fn objects_beside_the_weights_are_told_by_place_and_class_and_not_made() {
    for file in ["beside.pth", "beside_legacy.pth"] {
        let file = WeightsFile::open(&golden(file)).expect("opens");
        let objects = file.objects();
        for (place, class) in [
            ("args", "argparse.Namespace"),
            ("accuracy", "numpy._core.multiarray.scalar"),
            ("curve", "numpy._core.multiarray._reconstruct"),
            ("path", "pathlib._local.PosixPath"),
            ("when", "datetime.datetime"),
            ("dtype", "torch.float16"),
            ("device", "torch.device"),
            ("mode", "__main__.Mode"),
            ("settings", "__main__.Settings"),
            ("tags", "__builtin__.set"),
            ("hyper_parameters.loss", "torch.nn.modules.loss.CrossEntropyLoss"),
        ] {
            let found = objects.iter().find(|object| object.place == place);
            let found = found.unwrap_or_else(|| panic!("no `{place}` in {objects:?}"));
            // Modules move from version to version of Python and NumPy; names stay.
            let last = |name: &str| name.rsplit('.').next().map(str::to_string);
            assert_eq!(last(&found.class), last(class), "{place}");
        }
        assert_eq!(file.claimed_architecture(), Some("resnet18"));
        assert!(file.tensors().any(|tensor| tensor.name == "best_acc1"));
    }
}

#[test]
fn a_file_tells_its_format_names_shapes_and_types() {
    for (file, format) in [
        ("zip.pth", WeightsFormat::PthZip),
        ("legacy.pth", WeightsFormat::PthLegacy),
        ("expected.safetensors", WeightsFormat::Safetensors),
    ] {
        let file = WeightsFile::open(&golden(file)).expect("opens");
        assert_eq!(file.format(), format);
        assert_eq!(file.tensors().count(), 25);
    }
    let file = WeightsFile::open(&golden("zip.pth")).expect("opens");
    let find = |name: &str| file.tensors().find(|tensor| tensor.name == name).expect("is there");
    let (name, shape, element) = ("transposed", [5, 3].as_slice(), ElementType::F32);
    assert_eq!(find(name), TensorInfo { name, shape, element });
    assert_eq!(find("brain").element, ElementType::Bf16);
    assert_eq!(find("bn.num_batches_tracked").element, ElementType::I64);
}

#[test]
fn the_content_decides_and_not_the_extension() {
    let folder = TempDir::new().expect("a folder");
    for file in ["zip.pth", "legacy.pth", "expected.safetensors"] {
        let path = folder.path().join("weights.bin");
        std::fs::copy(golden(file), &path).expect("copies");
        assert_same_bits(&read_weights(&path).expect("reads"), &read("expected.safetensors"));
    }
}

#[test]
fn a_whole_network_is_refused_with_what_to_do() {
    let error = read_weights(&golden("whole_network.pth")).expect_err("refused").to_string();
    let parts =
        ["whole_network.pth: refused", "torch.nn.modules.container.Sequential", "state_dict"];
    assert!(parts.iter().all(|part| error.contains(part)), "{error}");
}

#[test]
fn a_file_cut_off_anywhere_is_refused() {
    for file in ["zip.pth", "legacy.pth"] {
        let whole = std::fs::read(golden(file)).expect("reads");
        for part in 0..64 {
            let length = whole.len() * part / 64;
            assert!(read_bytes(&whole[..length]).is_err(), "{file}: {part} of 64 parts");
        }
        assert!(read_bytes(&whole[..whole.len() - 1]).is_err(), "{file}: all but a byte");
    }
}

#[test]
fn an_archive_is_read_whatever_the_name_it_was_saved_under() {
    let pickle = archive::one_tensor(2, 0, &[2], &[1]);
    let data = [1.0_f32.to_le_bytes(), 2.0_f32.to_le_bytes()].concat();
    for prefix in ["", "a/", "../../etc/", "/", "C:\\"] {
        let entries = [("data.pkl", &pickle[..]), ("data/0", &data)];
        let entries = entries.map(|(name, content)| (format!("{prefix}{name}"), content));
        let weights = read_bytes(&zip(&entries));
        if prefix.ends_with('\\') {
            assert!(weights.is_err());
        } else {
            assert_eq!(weights.expect("reads")["w"].values, [1.0, 2.0], "{prefix}");
        }
    }
}
