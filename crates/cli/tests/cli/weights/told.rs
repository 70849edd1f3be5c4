//! What files say of their network, what names tell, and what a user adds.

use super::{
    Weights, assert_logits, behind, distance, golden_logits, logits, predict, weights, weights_of,
    write, write_images, write_images_of,
};
use crate::dermx::{QUICK, TestResult, Workplace, fail, stderr, stdout, succeed};
use dermx_model::{
    Architecture, Head, NamedTensor, NetworkConfig, Padding, Variant, WeightsFile, read_weights,
    write_described_safetensors, write_safetensors,
};
use safetensors::tensor::{Dtype, TensorView};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// Names of EfficientNet-B0's weights in timm, and torchvision's in the same order.
const TIMM: &str = include_str!("../../../../model/tests/weight_names/efficientnet_b0_timm.txt");
const TORCHVISION: &str =
    include_str!("../../../../model/tests/weight_names/efficientnet_b0_torchvision.txt");

/// EfficientNet-B0 with timm's names.
fn with_names_of_timm() -> Weights {
    let mut own = weights(Architecture::EFFICIENTNET_B0);
    let names = TIMM.lines().zip(TORCHVISION.lines());
    names.filter_map(|(timm, name)| Some((timm.to_string(), own.remove(name)?))).collect()
}

#[test]
fn timms_networks_of_the_same_names_are_told_apart_by_options() -> TestResult {
    let golden: Value = serde_json::from_str(include_str!("timm.json"))?;
    let folder = TempDir::new()?;
    write(&folder.path().join("w"), &with_names_of_timm())?;
    let args = predict("efficientnet_b0", "w");
    for size in [[64, 96], [65, 97]] {
        write_images_of(folder.path(), size)?;
        let size = format!("{}x{}", size[0], size[1]);
        let (plain, tf) = (&golden["efficientnet_b0"][&size], &golden["tf_efficientnet_b0"][&size]);
        // Nothing tells that it is not the other: said aloud, with what would change it.
        let output = succeed(folder.path(), &args)?;
        for part in ["tf_efficientnet_b0", "--padding", "--epsilon", "padding torchvision", "1e-5"]
        {
            assert!(stderr(&output).contains(part), "no `{part}` in {}", stderr(&output));
        }
        assert_logits(folder.path(), plain, "efficientnet_b0");
        let far = distance(&logits(folder.path())?, &golden_logits(tf));
        assert!(far > 0.01, "the two networks differ by {far} alone");

        for padding in ["tf", "same"] {
            let options = ["--padding", padding, "--epsilon", "1e-3"];
            let output = succeed(folder.path(), &[&args[..], &options].concat())?;
            assert!(!stderr(&output).contains("warn"), "{}", stderr(&output));
            assert_logits(folder.path(), tf, "tf_efficientnet_b0");
        }
        // Each option counts.
        if size == "64x96" {
            // Of odd sides the paddings are the same.
            succeed(folder.path(), &[&args[..], &["--epsilon", "1e-3"]].concat())?;
            assert!(distance(&logits(folder.path())?, &golden_logits(tf)) > 0.003, "{size}");
        }
        succeed(folder.path(), &[&args[..], &["--padding", "tf"]].concat())?;
        assert!(distance(&logits(folder.path())?, &golden_logits(tf)) > 0.003, "{size}");
    }

    // Converted, they need no option, and no architecture.
    let convert = ["weights", "convert", "w", "tf.safetensors", "--overwrite", "--padding", "tf"];
    succeed(folder.path(), &[&convert[..], &["--epsilon", "0.001"]].concat())?;
    let output =
        succeed(folder.path(), &[&["predict"][..], &predict("", "tf.safetensors")[3..]].concat())?;
    assert!(!stderr(&output).contains("warn"), "{}", stderr(&output));
    assert_logits(folder.path(), &golden["tf_efficientnet_b0"]["65x97"], "converted");
    Ok(())
}

#[test]
fn options_out_of_range_or_of_another_family_are_refused() -> TestResult {
    let folder = TempDir::new()?;
    write_images(folder.path())?;
    write(&folder.path().join("w"), &weights(Architecture::RESNET18))?;
    let args = predict("resnet18", "w");
    fail(folder.path(), &[&args[..], &["--padding", "tf"]].concat(), 2, &["EfficientNet"])?;
    for epsilon in ["0", "-1e-5", "NaN", "inf", "2", "x"] {
        let option = format!("--epsilon={epsilon}");
        let options = [&args[..], &[&option[..]]].concat();
        fail(folder.path(), &options, 2, &["epsilon"])?;
    }
    fail(folder.path(), &[&args[..], &["--padding", "valid"]].concat(), 2, &["valid", "same"])
}

#[test]
fn training_says_where_its_starting_weights_are_of_another_network() -> TestResult {
    let workplace = Workplace::new()?;
    let mut both = behind("student.", &with_names_of_timm());
    both.extend(behind("teacher.", &with_names_of_timm()));
    write(&workplace.join("w"), &both)?;
    let run = |name: &str, settings: &[&str]| {
        let mut command = workplace.train(name, &QUICK);
        command.args(["--no-eval", "--set", "run.epochs=1", "--set", "model.weights=w"]);
        command.args(["--set", "model.architecture=efficientnet_b0"]);
        for setting in settings {
            command.args(["--set", setting]);
        }
        command.output()
    };
    let output = run("refused", &[])?;
    assert_eq!(output.status.code(), Some(65), "{}", stderr(&output));
    assert!(stderr(&output).contains("model.weights_prefix"), "{}", stderr(&output));
    let prefix = "model.weights_prefix=teacher";
    let output = run("assumed", &[prefix])?;
    assert!(output.status.success(), "{}", stderr(&output));
    for part in ["tf_efficientnet_b0", "model.padding", "model.batch_norm_epsilon"] {
        assert!(stderr(&output).contains(part), "no `{part}` in {}", stderr(&output));
    }
    let settings = [prefix, "model.padding=tf", "model.batch_norm_epsilon=1e-3"];
    let output = run("said", &settings)?;
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(!stderr(&output).contains("tf_efficientnet_b0"), "{}", stderr(&output));

    // What a run wrote says how it computes, so that another run notices the difference.
    let trained = WeightsFile::open(&workplace.join("said/seed-0/weights.safetensors"))?;
    let told: Value = serde_json::from_str(trained.description().expect("a description"))?;
    assert_eq!((&told["padding"], &told["batch_norm_epsilon"]), (&"tf".into(), &1e-3.into()));
    let start = "model.weights=said/seed-0/weights.safetensors";
    let output = run("other", &[start])?;
    assert!(output.status.success(), "{}", stderr(&output));
    for part in
        ["padding tf; this one has torchvision", "batch_norm_epsilon 1e-3; this one has 1e-5"]
    {
        assert!(stderr(&output).contains(part), "no `{part}` in {}", stderr(&output));
    }
    for wrong in ["0.0", "-1.0", "2.0", "nan"] {
        let output = run("wrong", &[&format!("model.batch_norm_epsilon={wrong}")])?;
        assert_eq!(output.status.code(), Some(78), "{wrong}: {}", stderr(&output));
    }
    Ok(())
}

#[test]
fn published_weights_tell_how_their_images_are_standardized() -> TestResult {
    let workplace = Workplace::new()?;
    let file = "efficientnet-lite0-57934424.pth";
    write(&workplace.join(file), &weights(Architecture::EFFICIENTNET_LITE0))?;
    let inspected = succeed(&workplace.join(""), &["weights", "inspect", file])?;
    assert!(stdout(&inspected).contains("\nnormalization efficientnet-lite\n"));
    let run = |name: &str, more: &[&str]| {
        let mut command = workplace.train(name, &QUICK);
        command.args(["--no-eval", "--set", "run.epochs=1", "--set"]);
        command.arg(format!("model.weights={file}"));
        command.args(["--set", "model.architecture=efficientnet_lite0"]).args(more).output()
    };
    let part = "standardized as `efficientnet-lite`; those of this run are as `imagenet`";
    let output = run("other", &[])?;
    assert!(output.status.success() && stderr(&output).contains(part), "{}", stderr(&output));
    let output = run("same", &["--set", "input.normalization=efficientnet-lite"])?;
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(!stderr(&output).contains("standardized"), "{}", stderr(&output));
    Ok(())
}

#[test]
fn a_run_of_a_version_whose_weights_said_nothing_is_verified() -> TestResult {
    let workplace = Workplace::new()?;
    let mut command = workplace.train("run", &QUICK);
    let output = command.args(["--no-eval", "--set", "run.epochs=1"]).output()?;
    assert!(output.status.success(), "{}", stderr(&output));
    let path = workplace.join("run/seed-0/weights.safetensors");
    let before = blake3::hash(&fs::read(&path)?).to_string();
    let silent = write_safetensors(&read_weights(&path)?)?;
    fs::write(&path, &silent)?;
    fail(workplace.path(), &["verify", "run"], 65, &["run"])?;
    let certificate = workplace.join("run/seed-0/run.json");
    let text = fs::read_to_string(&certificate)?;
    let text = text.replace(&before, &blake3::hash(&silent).to_string());
    // Runs of that version had no certificate of their own.
    fs::write(&certificate, text.replace("\"format\": 2", "\"format\": 1"))?;
    fs::remove_file(workplace.join("run/run.json"))?;
    let table = stdout(&succeed(workplace.path(), &["verify", "run"])?);
    assert!(!table.contains("DIFFERS"), "{table}");
    Ok(())
}

/// The golden cases: what a file says, and the logits of `examples/load_weights.py`.
fn described() -> Vec<(String, Value)> {
    let golden: Value = serde_json::from_str(include_str!("described.json")).expect("a golden");
    let cases = golden.as_array().expect("cases").iter();
    cases
        .map(|case| {
            let text = case["description"].as_str().expect("a description").to_string();
            (text, case["logits"].clone())
        })
        .collect()
}

/// The network that a golden case describes.
fn config_of(told: &Value) -> NetworkConfig {
    let architecture: Architecture =
        told["architecture"].as_str().expect("a name").parse().expect("known");
    let side = |idx: usize| told["input_size"][idx].as_u64().expect("a side") as usize;
    NetworkConfig {
        head: match told["head"].as_str() {
            Some("gap") => Head::Gap,
            Some("gap_bn") => Head::GapBn,
            _ => Head::Flatten,
        },
        variant: if told["variant"] == "v1" { Variant::V1 } else { Variant::Torchvision },
        padding: if told["padding"] == "tf" { Padding::Tf } else { Padding::Torchvision },
        batch_norm_epsilon: told["batch_norm_epsilon"].as_f64(),
        last_stride: told["last_stride"].as_u64().expect("a stride") as usize,
        input_size: [side(0), side(1)],
        ..NetworkConfig::torchvision(architecture, 5)
    }
}

/// A file of the weights by the rule with this description.
fn write_described(path: &Path, text: &str) -> TestResult {
    let tensors = weights_of(&config_of(&serde_json::from_str(text)?));
    Ok(fs::write(path, write_described_safetensors(&tensors, &BTreeMap::new(), text)?)?)
}

#[test]
fn networks_that_files_describe_are_those_that_the_lines_for_pytorch_build() -> TestResult {
    let folder = TempDir::new()?;
    let cases = described();
    let has = |part: &str| cases.iter().any(|(text, _)| text.contains(part));
    for part in ["gap\"", "gap_bn", "flatten", "v1", "tf", "last_stride\":1", "last_stride\":2"] {
        assert!(has(part), "{part}");
    }
    for (text, expected) in &cases {
        let told: Value = serde_json::from_str(text)?;
        write_images_of(folder.path(), config_of(&told).input_size)?;
        write_described(&folder.path().join("w"), text)?;
        let args = ["predict", "--weights", "w", "--tensor", "images.safetensors", "--logits"];
        let output = succeed(
            folder.path(),
            &[&args[..], &["--out", "predictions.csv", "--overwrite"]].concat(),
        )?;
        assert!(!stderr(&output).contains("warn"), "{}", stderr(&output));
        assert_logits(folder.path(), expected, text);
        let header = fs::read_to_string(folder.path().join("predictions.csv"))?;
        assert!(header.starts_with("image_id,gold,predicted,p_disease 0,"), "{header}");
    }
    Ok(())
}

#[test]
fn what_a_file_says_is_kept_by_conversion_and_told_by_inspection() -> TestResult {
    let folder = TempDir::new()?;
    let (text, _) = described().into_iter().find(|(text, _)| text.contains("gap_bn")).expect("one");
    write_described(&folder.path().join("w"), &text)?;
    succeed(folder.path(), &["weights", "convert", "w", "out.safetensors", "--overwrite"])?;
    let converted = WeightsFile::open(&folder.path().join("out.safetensors"))?;
    let (found, expected): (Value, Value) = (
        serde_json::from_str(converted.description().expect("one"))?,
        serde_json::from_str(&text)?,
    );
    assert_eq!(found, expected);
    let told = stdout(&succeed(folder.path(), &["weights", "inspect", "out.safetensors"])?);
    for part in
        ["fits resnet18", "last stride 1", "head gap_bn", "size 64x96", "disease 4", "epsilon 1e-1"]
    {
        assert!(told.contains(part), "no `{part}` in {told}");
    }
    Ok(())
}

#[test]
fn the_command_line_wins_over_what_a_file_says_and_says_so() -> TestResult {
    let folder = TempDir::new()?;
    write_images_of(folder.path(), [64, 96])?;
    let (text, _) = described().into_iter().find(|(text, _)| text.contains("gap_bn")).expect("one");
    write_described(&folder.path().join("w"), &text)?;
    let args = ["predict", "--weights", "w", "--tensor", "images.safetensors", "--logits"];
    let args = [&args[..], &["--out", "predictions.csv", "--overwrite"]].concat();
    for (options, part) in [
        (["--epsilon", "1e-5"], "the file says 0.1"),
        (["--size", "96x96"], "the file says 64x96"),
        (["--normalization", "none"], "the file says imagenet"),
    ] {
        let output = command_output(folder.path(), &[&args[..], &options].concat());
        assert!(output.contains(part), "{options:?}: {output}");
    }
    fail(
        folder.path(),
        &[&args[..], &["--arch", "resnet50"]].concat(),
        65,
        &["resnet18", "resnet50"],
    )?;

    for (from, to, part) in [
        ("\"format\":1", "\"format\":2", "format 2"),
        ("\"last_stride\":1", "\"last_stride\":3", "last_stride"),
        ("0.1", "-0.1", "batch_norm_epsilon"),
        ("imagenet", "nobody's", "normalization"),
        ("\"disease 0\",", "", "classes"),
        ("resnet18", "resnet19", "damaged"),
        ("[64,96]", "[0,96]", "input_size"),
    ] {
        assert!(text.contains(from), "{from}");
        let bytes = write_described_safetensors(
            &weights_of(&config_of(&serde_json::from_str(&text)?)),
            &BTreeMap::new(),
            &text.replacen(from, to, 1),
        )?;
        fs::write(folder.path().join("w"), bytes)?;
        fail(folder.path(), &args, 65, &["w: ", part])?;
    }
    Ok(())
}

/// What a command that may fail says.
fn command_output(folder: &Path, args: &[&str]) -> String {
    stderr(&crate::dermx::command(folder, args).output().expect("runs"))
}

#[test]
fn weights_are_predicted_with_whatever_their_names_start_with() -> TestResult {
    let folder = TempDir::new()?;
    write_images(folder.path())?;
    let own = weights(Architecture::RESNET18);
    write(&folder.path().join("w"), &own)?;
    // Without an architecture names and shapes tell it.
    let args = predict("resnet18", "w");
    let without = [&["predict"][..], &args[3..]].concat();
    succeed(folder.path(), &args)?;
    let expected = logits(folder.path())?;
    for prefix in ["", "model.", "module._orig_mod.", "net.encoder."] {
        write(&folder.path().join("w"), &behind(prefix, &own))?;
        for args in [&args, &without] {
            succeed(folder.path(), args)?;
            assert_eq!(logits(folder.path())?, expected, "{prefix}");
        }
    }

    // Two networks in one file: which one has to be said.
    let mut other = own.clone();
    other.get_mut("fc.bias").expect("a bias").values.fill(9.0);
    let mut both = behind("student.", &own);
    both.extend(behind("teacher.", &other));
    write(&folder.path().join("w"), &both)?;
    let parts = ["`student.`", "`teacher.`", "--prefix"];
    fail(folder.path(), &args, 65, &parts)?;
    fail(
        folder.path(),
        &["weights", "convert", "w", "out.safetensors", "--overwrite"],
        65,
        &parts,
    )?;
    let text = stdout(&succeed(folder.path(), &["weights", "inspect", "w"])?);
    assert!(text.contains("`student.`") && text.contains("`teacher.`"), "{text}");
    succeed(folder.path(), &[&args[..], &["--prefix", "student"]].concat())?;
    assert_eq!(logits(folder.path())?, expected);
    succeed(folder.path(), &[&args[..], &["--prefix", "teacher."]].concat())?;
    assert_ne!(logits(folder.path())?, expected);
    fail(folder.path(), &[&args[..], &["--prefix", "ema"]].concat(), 65, &["`ema`", "`student.`"])
}

#[test]
fn a_head_that_fits_only_in_part_is_named_with_what_is_there_instead() -> TestResult {
    let folder = TempDir::new()?;
    write_images(folder.path())?;
    let mut tensors = weights(Architecture::RESNET18);
    for part in ["weight", "bias"] {
        let tensor = tensors.remove(&format!("fc.{part}")).expect("a head");
        tensors.insert(format!("fc.1.{part}"), tensor);
    }
    write(&folder.path().join("w"), &tensors)?;
    let parts = ["`fc.weight` is missing", "`fc.1.weight` is not in the network"];
    fail(folder.path(), &predict("resnet18", "w"), 65, &parts)?;
    let partial = [&predict("resnet18", "w")[..], &["--allow-partial"]].concat();
    fail(folder.path(), &partial, 65, &["no matrix `fc.weight`", "`fc.1.weight`"])?;
    fail(folder.path(), &["weights", "convert", "w", "out.safetensors", "--overwrite"], 65, &parts)
}

#[test]
fn tensors_of_fewer_bits_are_told() -> TestResult {
    let folder = TempDir::new()?;
    let tensors = weights(Architecture::RESNET18);
    // The upper halves of 32-bit floats are bfloat16.
    let upper = |value: &f32| [value.to_le_bytes()[2], value.to_le_bytes()[3]];
    let bytes: BTreeMap<&String, Vec<u8>> = tensors
        .iter()
        .map(|(name, one)| (name, one.values.iter().flat_map(upper).collect()))
        .collect();
    let views = tensors.iter().map(|(name, one)| {
        let view = TensorView::new(Dtype::BF16, one.shape.clone(), &bytes[name]);
        (name.as_str(), view.expect("fits"))
    });
    fs::write(folder.path().join("w"), safetensors::serialize(views, None)?)?;
    let output =
        succeed(folder.path(), &["weights", "convert", "w", "out.safetensors", "--overwrite"])?;
    let message = stderr(&output);
    assert!(message.contains("102 BF16 tensors become 32-bit floats"), "{message}");
    let found = read_weights(&folder.path().join("out.safetensors"))?;
    let expected = f32::from_bits(tensors["fc.bias"].values[1].to_bits() & 0xffff_0000);
    assert_eq!(found["fc.bias"].values[1], expected);
    Ok(())
}

#[test]
fn counters_stay_exact_beyond_32_bit_floats() -> TestResult {
    let folder = TempDir::new()?;
    let mut tensors = weights(Architecture::RESNET18);
    let name = "bn1.num_batches_tracked".to_string();
    tensors.insert(name.clone(), NamedTensor { shape: Vec::new(), values: vec![0.0] });
    // 2^24 + 1 is no 32-bit float.
    let counters = BTreeMap::from([(name.clone(), 16_777_217)]);
    let bytes = write_described_safetensors(&tensors, &counters, "nobody's")?;
    fs::write(folder.path().join("w"), replaced(&bytes, b"\"dermx\"", b"\"other\""))?;
    succeed(folder.path(), &["weights", "convert", "w", "out.safetensors", "--overwrite"])?;
    let path = folder.path().join("out.safetensors");
    let names = BTreeMap::from([(name.clone(), name.clone())]);
    assert_eq!(WeightsFile::open(&path)?.read_counters(&names)?, counters);
    assert_eq!(read_weights(&path)?.len(), 122);
    Ok(())
}

/// `bytes` with the first `from` replaced by `to` of the same length.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = bytes.windows(from.len()).position(|part| part == from).expect("is there");
    [&bytes[..at], to, &bytes[at + from.len()..]].concat()
}
