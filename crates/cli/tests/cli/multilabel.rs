//! Several labels an image, from tables to scores: the same bytes whatever happens, and what does not go together.

use crate::dermx::{
    TestResult, Workplace, assert_same_results, command, fail, stderr, stdout, succeed,
};
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

const CONFIG: &str = r#"
[data]
train = "lesions"
test = "lesions-test"
[split]
method = "fraction"
fraction = 0.25
[model]
architecture = "mobilenet_v2"
[input]
size = [32, 40]
[run]
epochs = 2
checkpoint_every = 2
[train]
batch_size = 4
sampling = "balanced"
monitor = "macro_f1"
select = "best"
[train.objective]
name = "multilabel"
pos_weight = "balanced"
"#;

/// The ids of the photos in `folder` and its sub-folders, sorted.
fn photos(folder: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(current) = folders.pop() {
        for entry in fs::read_dir(&current)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "jpg") {
                found.push(path.strip_prefix(folder)?.display().to_string());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Tables of labels: in training a column for each, of all photos but one; in the test one column of names.
fn prepare(workplace: &Workplace) -> TestResult {
    let train = photos(&workplace.join("data/train"))?;
    let mut table = "photo,crust,scale\n".to_string();
    for (idx, photo) in train.iter().enumerate().skip(1) {
        table += &format!(
            "{photo},{},{}\n",
            u8::from(idx.is_multiple_of(2)),
            u8::from(idx.is_multiple_of(3))
        );
    }
    fs::create_dir_all(workplace.join("lesions"))?;
    fs::write(workplace.join("lesions/labels.csv"), table)?;
    let text = "images = \"../data/train\"\n[labels]\nfile = \"labels.csv\"\nimage = \"photo\"\n\
                columns = [\"scale\", \"crust\"]\n";
    fs::write(workplace.join("lesions/dataset.toml"), text)?;

    let test = photos(&workplace.join("data/dermx/images"))?;
    let mut table = "photo,labels\n".to_string();
    for (idx, photo) in test.iter().enumerate() {
        table += &format!("{photo},{}\n", ["crust", "scale; crust", "", "scale"][idx % 4]);
    }
    fs::create_dir_all(workplace.join("lesions-test"))?;
    fs::write(workplace.join("lesions-test/labels.csv"), table)?;
    let text = "images = \"../data/dermx/images\"\n[labels]\nfile = \"labels.csv\"\nimage = \"photo\"\n\
                class = \"labels\"\nseparator = \";\"\nempty = \"no_class\"\n";
    fs::write(workplace.join("lesions-test/dataset.toml"), text)?;
    fs::write(workplace.join("lesions.toml"), CONFIG)?;
    Ok(())
}

const TRAIN: [&str; 3] = ["train", "--config", "lesions.toml"];

fn read(workplace: &Workplace, name: &str) -> Result<String, Box<dyn Error>> {
    Ok(fs::read_to_string(workplace.join(name))?)
}

fn json(workplace: &Workplace, name: &str) -> Result<serde_json::Value, Box<dyn Error>> {
    Ok(serde_json::from_str(&read(workplace, name)?)?)
}

#[test]
fn a_run_of_several_labels_is_scored_explained_resumed_and_verified() -> TestResult {
    let workplace = Workplace::new()?;
    prepare(&workplace)?;
    let whole = command(workplace.path(), &[&TRAIN[..], &["--run", "whole/run"]].concat())
        .env("RAYON_NUM_THREADS", "2")
        .output()?;
    assert!(whole.status.success(), "{}", stderr(&whole));
    assert!(stderr(&whole).contains("1 of 24 training images have no labels that are known"));
    assert!(stdout(&whole).contains("12 images   macro-F1 "), "{}", stdout(&whole));
    let mut killed = command(workplace.path(), &[&TRAIN[..], &["--run", "killed/run"]].concat());
    let mut killed = killed.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let begin = Instant::now();
    while !workplace.join("killed/run/seed-0/checkpoints/epoch-00001-step-000000").exists() {
        assert!(begin.elapsed() < Duration::from_secs(300), "no checkpoint");
        std::thread::sleep(Duration::from_millis(1));
    }
    killed.kill()?;
    killed.wait()?;
    let resumed = [&TRAIN[..], &["--run", "killed/run", "--resume", "--quiet"]].concat();
    let resumed = command(workplace.path(), &resumed).env("RAYON_NUM_THREADS", "1").output()?;
    assert!(resumed.status.success(), "{}", stderr(&resumed));
    assert_same_results(&workplace.join("whole/run"), &workplace.join("killed/run"))?;

    check_files(&workplace)?;
    check_later_commands(&workplace)?;
    let verify = ["verify", "whole/run", "--epochs", "all", "--quiet"];
    let verified = succeed(workplace.path(), &verify)?;
    assert!(stdout(&verified).contains("thresholds.json"), "{}", stdout(&verified));
    let path = workplace.join("whole/run/seed-0/thresholds.json");
    fs::write(&path, fs::read_to_string(&path)?.replacen("0.", "0.0", 1))?;
    fail(workplace.path(), &verify, 65, &["thresholds.json: changed"])
}

/// What the run left.
fn check_files(workplace: &Workplace) -> TestResult {
    let predictions = read(workplace, "whole/run/seed-0/predictions.csv")?;
    let mut lines = predictions.lines();
    let head = "image_id,gold,predicted,p_scale,p_crust,logit_scale,logit_crust";
    assert_eq!(lines.next(), Some(head));
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    let gold: Vec<&str> = rows.iter().map(|row| row[1]).collect();
    assert_eq!(gold[..4], ["crust", "scale|crust", "", "scale"]);
    let thresholds = json(workplace, "whole/run/seed-0/thresholds.json")?;
    let labels = thresholds["labels"].as_array().ok_or("no labels")?;
    assert!(thresholds["num_images"].as_u64() >= Some(4), "{thresholds}");
    for row in &rows {
        for (label, p) in labels.iter().zip(&row[3..5]) {
            let name = label["label"].as_str().ok_or("no name")?;
            let gap = p.parse::<f64>()? - label["threshold"].as_f64().ok_or("no threshold")?;
            // Probabilities are written with nine digits.
            assert!(gap.abs() < 1e-8 || (gap > 0.0) == row[2].split('|').any(|one| one == name));
        }
        // A map for each gold label.
        let maps = row[1].split('|').filter(|label| !label.is_empty());
        for label in maps {
            let map = format!("whole/run/seed-0/heatmaps/{label}/{}.npy", row[0]);
            assert!(workplace.join(&map).exists(), "{map}");
        }
    }
    let scores = json(workplace, "whole/run/eval.json")?;
    assert_eq!(scores["labels"]["images"], 12);
    assert_eq!(scores["labels"]["labels"]["crust"]["positives"], 6);
    let macro_f1 = &scores["labels"]["macro_f1"];
    assert!(macro_f1["mean"].is_number() && macro_f1["interval"].is_array(), "{scores}");
    assert!(scores["labels"]["labels"]["scale"]["auroc"]["mean"].is_number(), "{scores}");
    assert!(scores.get("diagnosis").is_none());
    let page = read(workplace, "whole/run/report/index.html")?;
    for part in ["By label.", "All labels right", "The heat map explains"] {
        assert!(page.contains(part), "{part}");
    }
    let split = read(workplace, "whole/run/split.csv")?;
    assert!(split.contains("scale|crust"), "{split}");
    Ok(())
}

/// `predict`, `explain` and `evaluate` of the finished run.
fn check_later_commands(workplace: &Workplace) -> TestResult {
    let of_run = ["--run", "whole/run", "--images", "data/dermx/images"];
    let predict = [&["predict"], &of_run[..], &["--out", "p.csv", "--logits"]].concat();
    succeed(workplace.path(), &predict)?;
    let columns = |text: String| -> Vec<Vec<String>> {
        let row = |line: &str| {
            let cells = line.split(',').enumerate().filter(|(idx, _)| *idx != 1);
            cells.map(|(_, cell)| cell.to_string()).collect()
        };
        text.lines().map(row).collect()
    };
    let of_run_itself = columns(read(workplace, "whole/run/seed-0/predictions.csv")?);
    assert_eq!(columns(read(workplace, "p.csv")?), of_run_itself);

    let explain = [&["explain"], &of_run[..], &["--out", "maps"]].concat();
    let explained = succeed(workplace.path(), &explain)?;
    let given: Vec<(String, String)> = of_run_itself[1..]
        .iter()
        .flat_map(|row| row[1].split('|').map(|label| (label.to_string(), row[0].clone())))
        .filter(|(label, _)| !label.is_empty())
        .collect();
    assert!(stdout(&explained).contains(&format!("maps: {} heat maps", given.len())));
    let described = json(workplace, "maps/heatmaps.json")?;
    assert_eq!(described["images"].as_object().map(serde_json::Map::len), Some(given.len()));
    for (label, image_id) in &given {
        assert!(workplace.join(&format!("maps/{label}/{image_id}.npy")).exists());
        assert_eq!(described["images"][format!("{label}/{image_id}")]["class"], label.as_str());
    }
    let sanity = [&explain[..], &["--overwrite", "--sanity", "randomization"]].concat();
    fail(workplace.path(), &sanity, 2, &["sanity checks of maps are for networks of one class"])?;

    let before = fs::read(workplace.join("whole/run/eval.json"))?;
    succeed(workplace.path(), &["evaluate", "--run", "whole/run", "--out", "again"])?;
    assert_eq!(fs::read(workplace.join("again/eval.json"))?, before);
    let compare = ["report", "whole/run", "killed/run", "--out", "both"];
    fail(workplace.path(), &compare, 65, &["several labels an image, which are not compared"])
}

#[test]
fn what_is_for_one_class_an_image_is_refused() -> TestResult {
    let workplace = Workplace::new()?;
    prepare(&workplace)?;
    let refused = |more: &[&str], code: i32, parts: &[&str]| {
        fail(workplace.path(), &[&TRAIN[..], &["--run", "run"], more].concat(), code, parts)
    };
    let set = [
        "train.class_weights=balanced",
        "train.label_smoothing=0.1",
        "explain.output=probability",
        "explain.sanity=[\"faithfulness\"]",
        "evaluate.by=[\"class\"]",
    ];
    for one in set {
        let key = one.split_once('=').map_or(one, |(key, _)| key);
        refused(&["--set", one], 78, &[key, "is for one class an image"])?;
    }
    let weights = "train.objective.pos_weight";
    refused(
        &["--set", &format!("{weights}=[1.0]")],
        78,
        &["1 numbers for 2 labels (scale, crust)"],
    )?;
    refused(&["--set", &format!("{weights}=[1.0, -1.0]")], 78, &["has to be positive numbers"])?;
    refused(&["--set", &format!("{weights}=heavy")], 78, &["\"none\", \"balanced\" or a list"])?;
    refused(&["--set", "data.train=data/train"], 65, &["several labels", "come from a table"])?;
    assert!(!workplace.join("run").exists());
    let path = workplace.join("lesions/labels.csv");
    fs::write(&path, fs::read_to_string(&path)?.replacen(",1,", ",yes,", 1))?;
    refused(&[], 65, &["column `crust`: found `yes`; expected 1 or 0"])
}
