//! Errors and warnings: one of each kind that users meet.

use super::{Snapshots, run, trained, with_hand_made_maps};
use crate::dermx::{TestResult, Workplace, copy};
use crate::sweep::plan_args;
use std::fs;
use std::fs::File;
use std::path::Path;

#[test]
fn arguments_and_configurations() -> TestResult {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    let wrong = "[run]\nepoch = 3\nname = 7\n[train]\nbatchsize = 4\nlearning_rate = -1.0\n";
    fs::write(folder.join("wrong.toml"), wrong)?;
    let quickstart = include_str!("../../../../run/configs/quickstart.toml");
    let misspelt = quickstart.replace("\nepochs", "\nepoch").replace("\nbatch_size", "\nbatchsize");
    fs::write(folder.join("misspelt.toml"), misspelt)?;
    fs::write(folder.join("broken.toml"), "[run\nepochs = 3\n")?;
    fs::write(
        folder.join("search.toml"),
        "[search]\nbase = \"quickstart.toml\"\nsampler = \"all\"\n",
    )?;
    let train = "train --config quickstart.toml";
    let network = "--arch resnet18 --weights none.pth --images none --out out";
    let mut snapshots = Snapshots::new("arguments");
    for (name, line) in [
        ("no_such_command", "trian"),
        ("no_such_option", "predict --imgaes photos"),
        ("required_missing", "predict --out p.csv"),
        ("excluding_each_other", "predict --run run --weights w.pth --images photos --out p.csv"),
        ("size", &format!("predict {network} --size 300")),
        ("architecture", "bench --arch resnet19"),
        ("method", &format!("explain {network} --method gradcam")),
        (
            "occlusion_with_gaps",
            &format!("explain {network} --method occlusion --patch 8 --stride 16"),
        ),
        ("epsilon", &format!("predict {network} --epsilon 2")),
        ("backend_not_built_in", "bench --backend wgpu"),
        ("backend_unknown", "bench --backend gpu"),
        ("recipe_unknown", "bench --arch resnet18 --mode recipe"),
        ("no_configuration", "train --config resnet51.toml"),
        ("not_toml", "train --config broken.toml"),
        ("several_wrong_keys", "train --config wrong.toml"),
        ("misspelt_keys", "train --config misspelt.toml"),
        ("set_without_value", &format!("{train} --set run.epochs")),
        ("set_of_no_key", &format!("{train} --set run.epoch=3")),
        ("set_of_wrong_type", &format!("{train} --set run.epochs=many")),
        ("set_out_of_range", &format!("{train} --set train.learning_rate=inf --set run.epochs=0")),
        ("set_size_without_limit", &format!("{train} --set input.size=[100000,100000]")),
        ("set_gaps", &format!("{train} --set explain.patch_px=8 --set explain.stride_px=16")),
        ("wrong_search", "search --config search.toml"),
        ("no_search", "search --config search-resnet51.toml"),
        ("no_data_yet", "train --config resnet50.toml"),
    ] {
        snapshots.complain(folder, name, line)?;
    }
    snapshots.finish()
}

/// Changes the file `name` in `workplace`, runs `dermx LINE`, and puts it back.
fn with_change(
    workplace: &Workplace,
    file: &str,
    change: impl Fn(&[u8]) -> Vec<u8>,
    mut then: impl FnMut() -> TestResult,
) -> TestResult {
    let path = workplace.join(file);
    let before = fs::read(&path)?;
    fs::write(&path, change(&before))?;
    then()?;
    Ok(fs::write(&path, before)?)
}

/// The JPEG with another kind of coding in its frame header: of the baseline's marker FFC0.
fn with_coding(photo: &[u8], marker: u8) -> Vec<u8> {
    let mut photo = photo.to_vec();
    if let Some(place) = photo.windows(2).position(|two| two == [0xff, 0xc0]) {
        photo[place + 1] = marker;
    }
    photo
}

#[test]
fn data_sets() -> TestResult {
    let workplace = Workplace::new()?;
    let folder = workplace.path();
    let mut snapshots = Snapshots::new("data_sets");
    let train = super::train_line("run");
    let check =
        "dataset check --data data/dermx --images data/dermx/images --split train=data/train";
    let photo = "data/train/acne/acne-0001.jpg";
    let annotation = "data/dermx/annotations/derm1_synthetic-acne-002.json";
    let mut complain = |name: &str, line: &str| snapshots.complain(folder, name, line);

    complain("no_such_folder", "dataset describe --data nowhere")?;
    complain("no_annotations", "dataset describe --data data")?;
    complain("synth_into_what_is_there", "synth --out data")?;
    with_change(
        &workplace,
        photo,
        |bytes| bytes[..bytes.len() / 2].to_vec(),
        || complain("photo_truncated", &train),
    )?;
    with_change(&workplace, photo, |_| b"no photo".to_vec(), || complain("no_photo", &train))?;
    with_change(
        &workplace,
        photo,
        |bytes| with_coding(bytes, 0xc9),
        || complain("photo_of_a_coding_that_is_not_read", &train),
    )?;
    with_change(
        &workplace,
        annotation,
        |_| b"{\"image\": ".to_vec(),
        || complain("annotation_cut", &train),
    )?;
    let wide = |bytes: &[u8]| {
        let text =
            String::from_utf8_lossy(bytes).replace("\"width\":", "\"width\": \"wide\", \"old\":");
        text.into_bytes()
    };
    with_change(&workplace, annotation, wide, || complain("annotation_of_wrong_type", &train))?;
    let metadata = "data/dermx/metadata.csv";
    let twice = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        format!("{text}{}\r\n", text.lines().nth(1).unwrap_or_default()).into_bytes()
    };
    with_change(&workplace, metadata, twice, || complain("metadata_with_doubles", &train))?;
    let without = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let left = text.lines().filter(|line| !line.contains("synthetic-acne-001"));
        left.map(|line| format!("{line}\r\n")).collect::<String>().into_bytes()
    };
    with_change(&workplace, metadata, without, || complain("image_without_metadata", check))?;

    // Annotations that are read in part.
    let aside = workplace.join("data/dermx/annotations/more");
    fs::create_dir(&aside)?;
    fs::copy(workplace.join(annotation), aside.join("derm9_synthetic-acne-002.json"))?;
    complain("annotations_in_a_folder", "dataset describe --data data/dermx")?;
    fs::remove_dir_all(&aside)?;

    // Copies.
    let copied = workplace.join("data/train/wart/copied.jpg");
    fs::copy(workplace.join(photo), &copied)?;
    complain("one_photo_in_two_classes", "dataset check --split train=data/train")?;
    complain("one_photo_in_two_classes_trained_on", &train)?;
    fs::copy(workplace.join("data/dermx/images/synthetic-acne-001.jpg"), &copied)?;
    complain("test_photo_in_training", check)?;
    fs::remove_file(&copied)?;

    // Patients.
    for side in ["left", "right"] {
        fs::create_dir(workplace.join(side))?;
    }
    for (from, to) in [("0001", "left/p.1.visit1"), ("0002", "right/p.1.visit2")] {
        let from = workplace.join(&format!("data/train/acne/acne-{from}.jpg"));
        fs::copy(from, workplace.join(&format!("{to}.jpg")))?;
    }
    let patients = "dataset check --split left=left --split right=right --patients patients.csv";
    let of_training = format!("{train} --set data.patients=patients.csv");
    for (name, rows, line) in [
        ("patient_in_two_splits", "p.1.visit1,P\np.1.visit2.jpg,P\n", patients),
        ("patients_of_other_images", "x,P\ny,Q\n", patients),
        ("patients_with_doubles", "acne-0001,P\nacne/acne-0001.jpg,P\n", &of_training),
        ("patients_of_none_trained_on", "x,P\ny,Q\n", &of_training),
        (
            "patients_of_some_others",
            "acne-0001,P\nx,Q\n",
            &format!("{} --no-eval", of_training.replace("--run run", "--run p")),
        ),
    ] {
        fs::write(workplace.join("patients.csv"), format!("image_id,patient_id\n{rows}"))?;
        complain(name, line)?;
    }
    fs::write(workplace.join("patients.csv"), "image,person\nx,P\n")?;
    complain("patients_without_their_columns", patients)?;

    // Classes.
    fs::create_dir(workplace.join("data/train/melanoma"))?;
    fs::copy(workplace.join(photo), workplace.join("data/train/melanoma/1.jpg"))?;
    complain("class_folder_unknown", &train)?;
    fs::remove_dir_all(workplace.join("data/train/melanoma"))?;
    fs::remove_dir_all(workplace.join("data/train/wart"))?;
    complain("class_without_folder", &train)?;
    fs::create_dir(workplace.join("data/train/wart"))?;
    complain("class_without_images", &train)?;
    snapshots.finish()
}

/// Files that people take for weights.
fn write_no_weights(folder: &Path) -> std::io::Result<()> {
    let pointer =
        "version https://git-lfs.github.com/spec/v1\noid sha256:0123456789abcdef\nsize 97781949\n";
    fs::write(folder.join("pointer.pth"), pointer)?;
    fs::write(folder.join("page.pth"), "<!DOCTYPE html>\n<html><title>404</title></html>\n")?;
    fs::write(folder.join("packed.pth.gz"), b"\x1f\x8b\x08\0\0\0\0\0\0\x03not unpacked")?;
    fs::write(folder.join("weights.h5"), b"\x89HDF\r\n\x1a\n\0\0\0\0\0\x08\x08\0")?;
    fs::write(
        folder.join("index.json"),
        "{\"metadata\": {}, \"weight_map\": {\"fc.weight\": \"1.safetensors\"}}",
    )?;
    fs::write(folder.join("empty.pth"), "")?;
    fs::write(folder.join("cut.safetensors"), [200, 0, 0, 0, 0, 0, 0, 0, b'{'])
}

#[test]
fn networks_and_files_of_weights() -> TestResult {
    let workplace = trained()?;
    let folder = workplace.path();
    let own = "run/seed-0/weights.safetensors";
    write_no_weights(folder)?;
    let mut bytes = fs::read(workplace.join(own))?;
    let end = bytes.len() - 4;
    bytes[end..].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(workplace.join("nan.safetensors"), bytes)?;
    for (name, rows) in [
        ("doubles", "synthetic-acne-001,0\nimages/synthetic-acne-001.jpg,1\n"),
        ("others", "somebody,0\n"),
        ("unknown", "synthetic-acne-001,Melanoma\n"),
        ("some", "synthetic-acne-001,0\n"),
    ] {
        fs::write(workplace.join(name).with_extension("csv"), format!("image_id,target\n{rows}"))?;
    }
    fs::create_dir(workplace.join("empty"))?;
    fs::create_dir(workplace.join("taken"))?;
    fs::write(workplace.join("taken/notes.txt"), "mine")?;
    let images = "--images data/dermx/images";
    let explain = format!("explain --run run {images} --out maps");
    let predict = format!("predict {images} --out p.csv");
    let mut snapshots = Snapshots::new("networks");
    for (name, line) in [
        ("no_such_file", "weights inspect none.pth"),
        ("pointer", "weights inspect pointer.pth"),
        ("page", "weights inspect page.pth"),
        ("packed", "weights inspect packed.pth.gz"),
        ("hdf5", "weights inspect weights.h5"),
        ("index", "weights inspect index.json"),
        ("empty_file", "weights inspect empty.pth"),
        ("cut_file", "weights inspect cut.safetensors"),
        ("converted_into_nowhere", &format!("weights convert {own} nowhere/w.safetensors")),
        ("other_architecture", &format!("weights convert {own} w.safetensors --arch resnet18")),
        ("weights_of_other_shapes", &format!("{predict} --weights {own} --arch efficientnet_b1")),
        (
            "weights_in_part",
            &format!("{predict} --weights {own} --arch efficientnet_b1 --allow-partial"),
        ),
        ("prefix_of_nothing", &format!("{predict} --weights {own} --prefix teacher.")),
        ("nan_weights", &format!("{predict} --weights nan.safetensors")),
        ("seed_unknown", &format!("{predict} --run run --seed 7")),
        ("no_run", &format!("{predict} --run nowhere")),
        ("not_a_run", &format!("{predict} --run data")),
        ("no_images", "predict --run run --images empty --out p.csv"),
        ("no_image_folder", "predict --run run --images nowhere --out p.csv"),
        ("not_a_tensor", "predict --run run --tensor index.json --out p.csv"),
        ("predicted_into_nowhere", &format!("predict --run run {images} --out nowhere/p.csv")),
        ("explained_into_what_is_there", &format!("explain --run run {images} --out taken")),
        ("layer_unknown", &format!("{explain} --layer features.99")),
        ("targets_with_doubles", &format!("{explain} --targets doubles.csv")),
        ("targets_of_others", &format!("{explain} --targets others.csv")),
        ("target_unknown", &format!("{explain} --targets unknown.csv")),
        ("targets_of_some", &format!("{explain} --targets some.csv")),
        ("targets_missing", &format!("{explain} --targets none.csv")),
    ] {
        snapshots.complain(folder, name, line)?;
    }
    snapshots.finish()
}

#[test]
fn run_folders() -> TestResult {
    let workplace = trained()?;
    let folder = workplace.path();
    let mut snapshots = Snapshots::new("run_folders");
    let mut complain = |name: &str, line: &str| snapshots.complain(folder, name, line);
    complain("in_use", &super::train_line("run"))?;
    complain("resumed_with_another_configuration", &{
        format!("{} --resume --set run.epochs=7", super::train_line("run"))
    })?;
    complain("resume_of_nothing", "train --run nowhere --resume")?;
    complain("epoch_unknown", "verify run --epochs 3")?;
    complain("verify_of_no_run", "verify data")?;
    complain("report_of_no_run", "report data --out page")?;
    complain("scored_against_no_scores", "evaluate --run run --against data")?;
    complain("not_a_sweep", "sweep status data")?;
    let short = ["--set", "run.epochs=1", "--seeds", "0-1", "--dry-run"];
    let plan = plan_args("sweep", &short).join(" ").replace("[32, 40]", "[32,+40]");
    let plan = plan.replace("[60, 80]", "[60,+80]");
    assert!(run(folder, &plan)?.status.success());
    complain("sweep_unfinished", "sweep collect sweep")?;
    complain("sweep_unit_unknown", "sweep unit sweep seed-9")?;
    with_change(
        &workplace,
        "run/seed-0/predictions.csv",
        |_| b"changed\n".to_vec(),
        || complain("result_changed", "verify run --quiet"),
    )?;
    fs::write(workplace.join("run/.lock"), "process 7 on node1\n")?;
    let lock = File::open(workplace.join("run/.lock"))?;
    lock.lock()?;
    complain("another_process_is_at_it", "train --run run --resume")?;
    drop(lock);
    complain("another_machine_was_at_it", "train --run run --resume")?;
    fs::remove_file(workplace.join("run/.lock"))?;
    fs::remove_file(workplace.join("run/run.json"))?;
    fs::remove_file(workplace.join("run/seed-0/run.json"))?;
    fs::remove_file(workplace.join("run/seed-0/predictions.csv"))?;
    complain("verify_of_what_is_unfinished", "verify run")?;
    fs::remove_file(workplace.join("run/eval.json"))?;
    complain("report_of_what_is_unfinished", "report run --out page")?;
    complain("scores_of_what_is_unfinished", "evaluate --run run")?;
    snapshots.finish()
}

/// A `.npy` file of `[2, 2]` floats.
fn npy(values: [f32; 4], shape: &str) -> Vec<u8> {
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
    let header = format!("{header:<117}\n");
    let bytes = values.iter().flat_map(|value| value.to_le_bytes());
    b"\x93NUMPY\x01\0\x76\0".iter().copied().chain(header.bytes()).chain(bytes).collect()
}

#[test]
fn maps_predictions_and_matrices() -> TestResult {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    with_hand_made_maps(folder)?;
    for (name, file, bytes) in [
        ("nan", "plain.npy", npy([0.0, f32::NAN, 1.0, 0.5], "(2, 2)")),
        ("vast", "plain.npy", npy([0.0; 4], "(99999999, 99999999)")),
        ("short", "plain.npy", npy([0.0; 4], "(3, 3)")),
        ("above_one", "plain.npy", npy([0.0, 2.0, 1.0, 0.5], "(2, 2)")),
        ("negative", "plain.npy", npy([0.0, -2.0, 1.0, 0.5], "(2, 2)")),
        ("cube", "plain.npy", npy([0.0; 4], "(2, 2, 1)")),
        ("no_array", "plain.npy", b"no array".to_vec()),
        ("two", "more/plain.npy", npy([0.0, 0.1, 1.0, 0.5], "(2, 2)")),
        ("stranger", "stranger.npy", npy([0.0, 0.1, 1.0, 0.5], "(2, 2)")),
    ] {
        copy(&folder.join("hand/maps"), &folder.join(name))?;
        fs::create_dir_all(folder.join(name).join("more"))?;
        fs::write(folder.join(name).join(file), bytes)?;
    }
    copy(&folder.join("hand/maps"), &folder.join("missing"))?;
    fs::remove_file(folder.join("missing/tall.npy"))?;
    copy(&folder.join("hand/maps"), &folder.join("renamed"))?;
    fs::rename(folder.join("renamed/tall.npy"), folder.join("renamed/tal.npy"))?;
    fs::create_dir(folder.join("empty"))?;
    let all = "tall,Acne\nwide,Vitiligo\ntiny,Viral warts\n";
    for (name, text) in [
        ("class", format!("image_id,predicted\nplain,Melanoma\n{all}")),
        ("doubles", format!("image_id,predicted\nplain,Acne\nx/plain.jpg,Acne\n{all}")),
        ("others", "image_id,predicted\nsomebody,Acne\n".into()),
        ("columns", "image_id,predicted,predicted\nplain,Acne,Vitiligo\n".into()),
        ("no_column", "image_id,class\nplain,Acne\n".into()),
        ("gold", "image_id,gold,predicted\nplain,Vitiligo,Acne\ntall,Psoriasis,Acne\nwide,Vitiligo,Vitiligo\ntiny,Viral warts,Acne\n".into()),
    ] {
        fs::write(folder.join(name).with_extension("csv"), text)?;
    }
    for (name, text) in [
        ("ragged", "{\"test_order\": [\"a\", \"b\"], \"networks\": {\"n\": [[[1, 2], [3]]]}}"),
        ("negative", "{\"test_order\": [\"a\"], \"networks\": {\"n\": [[[-1]]]}}"),
        ("unnamed", "{\"networks\": {}}"),
    ] {
        fs::write(folder.join(name).with_extension("json"), text)?;
    }
    let evaluate = "evaluate --data hand/data --size 30x40";
    let own = "--heatmaps hand/maps";
    let mut snapshots = Snapshots::new("scores");
    for (name, line) in [
        ("no_maps", format!("{evaluate} --heatmaps nowhere")),
        ("empty_folder", format!("{evaluate} --heatmaps empty")),
        ("missing_map", format!("{evaluate} --heatmaps missing")),
        ("renamed_map", format!("{evaluate} --heatmaps renamed")),
        ("missing_map_partial", format!("{evaluate} --heatmaps missing --partial")),
        ("nan_in_a_map", format!("{evaluate} --heatmaps nan")),
        ("vast_map", format!("{evaluate} --heatmaps vast")),
        ("map_cut", format!("{evaluate} --heatmaps short")),
        ("map_of_three_axes", format!("{evaluate} --heatmaps cube")),
        ("negative_map", format!("{evaluate} --heatmaps negative --no-normalize")),
        ("map_above_one", format!("{evaluate} --heatmaps above_one --no-normalize")),
        ("no_array", format!("{evaluate} --heatmaps no_array")),
        ("two_maps_of_an_image", format!("{evaluate} --heatmaps two")),
        ("map_of_a_stranger", format!("{evaluate} --heatmaps stranger")),
        ("class_unknown", format!("{evaluate} {own} --predictions class.csv")),
        ("predictions_with_doubles", format!("{evaluate} {own} --predictions doubles.csv")),
        ("predictions_of_others", format!("{evaluate} {own} --predictions others.csv")),
        ("two_columns_of_one_name", format!("{evaluate} {own} --predictions columns.csv")),
        ("column_missing", format!("{evaluate} {own} --predictions no_column.csv")),
        ("another_gold_standard", format!("{evaluate} {own} --predictions gold.csv")),
        (
            "exchange_of_no_class",
            format!(
                "{evaluate} {own} --predictions hand/predictions.csv --class-exchange Acne Melanoma"
            ),
        ),
        ("by_without_predictions", format!("{evaluate} {own} --by correct")),
        ("by_unknown", format!("{evaluate} {own} --by sex")),
        ("against_no_scores", format!("{evaluate} {own} --against empty --out scored")),
        ("no_data", "evaluate --data nowhere --heatmaps hand/maps".into()),
        ("matrix_ragged", "audit --matrices ragged.json".into()),
        ("matrix_negative", "audit --matrices negative.json".into()),
        ("matrix_unnamed", "audit --matrices unnamed.json".into()),
        ("matrix_missing", "audit --matrices none.json".into()),
        (
            "masks_missing",
            "dataset tables --data hand/data --masks files --compare none.json".into(),
        ),
    ] {
        snapshots.complain(folder, name, &line)?;
    }
    snapshots.finish()
}
