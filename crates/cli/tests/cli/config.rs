//! What a configuration has to say, and what is said of it.

use crate::dermx::{TestResult, Workplace, fail, stdout, succeed};
use serde_json::Value;
use std::fs;

/// What the smallest of configurations says: where the photos are, the network, and for how long.
const SHORT: &str = "[data]
train = \"data/train\"
test = \"data/dermx\"
[model]
architecture = \"efficientnet_b0\"
[run]
epochs = 1
";

#[test]
fn a_configuration_of_seven_lines_trains_and_is_scored() -> TestResult {
    let workplace = Workplace::new()?;
    fs::write(workplace.join("mine.toml"), SHORT)?;
    let size = "input.size=[32, 40]";
    succeed(workplace.path(), &["train", "--config", "mine.toml", "--run", "run", "--set", size])?;
    let record: Value = serde_json::from_slice(&fs::read(workplace.join("run/eval.json"))?)?;
    let classes = ["Acne", "Actinic keratosis", "Psoriasis", "Seborrheic dermatitis"];
    let classes = [&classes[..], &["Viral warts", "Vitiligo"]].concat();
    assert_eq!(record["classes"], serde_json::json!(classes));
    // The run folder says everything, in particular what was found.
    let resolved: toml::Table = fs::read_to_string(workplace.join("run/config.toml"))?.parse()?;
    assert_eq!(resolved["data"]["class_names"]["wart"].as_str(), Some("Viral warts"));
    assert_eq!(resolved["data"]["test_images"].as_str(), Some("data/dermx/images"));
    assert_eq!(resolved["train"]["optimizer"]["beta_1"].as_float(), Some(0.9));
    assert!(!resolved.contains_key("base"));
    // It is the same run that is gone on with.
    let resumed = ["train", "--config", "mine.toml", "--run", "run", "--set", size, "--resume"];
    succeed(workplace.path(), &resumed)?;
    succeed(workplace.path(), &["verify", "run", "--epochs", "1"]).map(drop)
}

#[test]
fn without_a_test_set_a_run_ends_with_the_validation_scores() -> TestResult {
    let workplace = Workplace::new()?;
    let text = SHORT.replace("test = \"data/dermx\"\n", "") + "[split]\nmethod = \"fraction\"\n";
    fs::write(workplace.join("mine.toml"), text + "fraction = 0.4\n")?;
    let args = ["train", "--config", "mine.toml", "--run", "run", "--set", "input.size=[32, 40]"];
    let text = stdout(&succeed(workplace.path(), &args)?);
    assert!(text.contains("run: trained\nseed 0, epoch 1, validation photos: loss "), "{text}");
    let metrics = fs::read_to_string(workplace.join("run/seed-0/metrics.jsonl"))?;
    let metrics: Value = serde_json::from_str(metrics.lines().last().unwrap_or_default())?;
    let macro_f1 = metrics["val_macro_f1"].as_f64().ok_or("no score")?;
    assert!(text.contains(&format!("macro-F1 {macro_f1:.3}")), "{text}");
    assert!(!workplace.join("run/eval.json").exists());
    // The classes are the folders' names: no test set says otherwise.
    let resolved = fs::read_to_string(workplace.join("run/config.toml"))?;
    assert!(resolved.contains("\"psoriasis_no_pustular\""), "{resolved}");
    fail(workplace.path(), &["evaluate", "--run", "run"], 66, &["there is no test set"])
}

#[test]
fn a_configuration_with_a_base_trains_as_the_base_with_what_it_changes() -> TestResult {
    let workplace = Workplace::new()?;
    fs::create_dir(workplace.join("sub"))?;
    fs::write(workplace.join("base.toml"), SHORT)?;
    let text = "base = \"../base.toml\"\n[train]\noptimizer = \"sgd\"\n[input]\nsize = [32, 40]\n";
    fs::write(workplace.join("sub/mine.toml"), text)?;
    let args = ["train", "--config", "sub/mine.toml", "--run", "run", "--no-eval"];
    succeed(workplace.path(), &args)?;
    let resolved = fs::read_to_string(workplace.join("run/config.toml"))?;
    for line in ["name = \"sgd\"", "momentum = 0.9", "learning_rate = 0.01", "epochs = 1"] {
        assert!(resolved.lines().any(|found| found == line), "{line}: {resolved}");
    }
    assert!(!resolved.contains("base ="), "{resolved}");
    let shown = ["config", "show", "--config", "sub/mine.toml", "--set", "train.batch_size=3"];
    let shown = stdout(&succeed(workplace.path(), &shown)?);
    for line in [
        "name = \"sgd\"  # sub/mine.toml:3",
        "momentum = 0.9  # default",
        "batch_size = 3  # --set train.batch_size",
        "size = [32, 40]  # sub/mine.toml:5",
    ] {
        assert!(shown.lines().any(|found| found == line), "{line}: {shown}");
    }
    assert!(shown.contains("epochs = 1  # base sub/../base.toml:7"), "{shown}");
    // What is shown is a configuration.
    fs::write(workplace.join("shown.toml"), &shown)?;
    let again = ["config", "show", "--config", "shown.toml"];
    let again = stdout(&succeed(workplace.path(), &again)?);
    let plain = |text: &str| text.parse::<toml::Table>();
    assert_eq!(plain(&again)?, plain(&shown)?);
    Ok(())
}

#[test]
fn keys_are_listed_and_described_by_a_schema() -> TestResult {
    let folder = tempfile::tempdir()?;
    let text = stdout(&succeed(folder.path(), &["config", "keys"])?);
    assert!(text.contains("\n  run.epochs: whole number >= 1; default 30\n"), "{text}");
    let output = succeed(folder.path(), &["config", "keys", "--json"])?;
    let schema: Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let show = ["config", "show", "--config", "quickstart.toml", "--set", "train.beta_1=0.5"];
    fail(folder.path(), &show, 78, &["`train.beta_1` is now `train.optimizer.beta_1`"])
}
