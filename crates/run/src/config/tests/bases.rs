//! Configurations that say only what differs from another.

use super::{parse, strings};
use crate::config::training::{LearningRateSchedule, Optimizer};
use crate::config::{Config, show};
use std::fs;
use std::path::Path;

/// Writes files into a folder of their own.
fn files(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn load(folder: &Path, name: &str, overrides: &[&str]) -> Result<Config, String> {
    let path = folder.join(name);
    Config::load(path.to_str().unwrap(), &strings(overrides)).map_err(|error| error.to_string())
}

const CLASSES: &str = "data = { train = \"t\", classes = [\"a\", \"b\"] }\n";

#[test]
fn a_base_is_looked_for_beside_the_file_and_then_among_those_built_in() {
    let lowest = format!("{CLASSES}[train]\nbatch_size = 3\nclip_norm = 2.0\n[run]\nepochs = 9\n");
    let folder = files(&[
        ("lowest.toml", &lowest),
        ("deep/middle.toml", "base = \"../lowest.toml\"\n[train]\nbatch_size = 4\n"),
        ("deep/top.toml", "base = \"middle.toml\"\n[train]\nclip_norm = \"none\"\n"),
        ("built-in.toml", "base = \"resnet50.toml\"\n[run]\nepochs = 1\n"),
        ("nested.toml", "base = \"as-published/efficientnet-b4.toml\"\n"),
    ]);
    let top = load(folder.path(), "deep/top.toml", &[]).unwrap();
    assert_eq!((top.run.epochs, top.train.batch_size, top.train.clip_norm), (9, 4, None));
    let middle = load(folder.path(), "deep/middle.toml", &["train.batch_size=5"]).unwrap();
    assert_eq!((middle.train.batch_size, middle.train.clip_norm), (5, Some(2.0)));
    let base = Config::load("resnet50.toml", &strings(&["run.epochs=1"])).unwrap();
    assert_eq!(load(folder.path(), "built-in.toml", &[]).unwrap(), base);
    let published = Config::load("as-published/efficientnet-b4.toml", &[]).unwrap();
    assert_eq!(load(folder.path(), "nested.toml", &[]).unwrap(), published);
}

#[test]
fn bases_in_a_circle_and_bases_that_are_not_there_are_named() {
    let folder = files(&[
        ("a.toml", "base = \"b.toml\"\n"),
        ("b.toml", "base = \"sub/../c.toml\"\n"),
        ("sub/x.toml", ""),
        ("c.toml", "base = \"a.toml\"\n"),
        ("self.toml", "base = \"self.toml\"\n"),
        ("lost.toml", "base = \"nowhere.toml\"\n"),
        ("wrong.toml", "base = 3\n"),
    ]);
    let found = load(folder.path(), "a.toml", &[]).unwrap_err();
    assert!(found.contains("`base` goes in a circle: "), "{found}");
    let names: Vec<&str> = found.split(" -> ").collect();
    assert_eq!(names.len(), 4, "{found}");
    for (name, file) in names.iter().zip(["a.toml", "b.toml", "c.toml", "a.toml"]) {
        assert!(name.ends_with(file), "{found}");
    }
    let found = load(folder.path(), "self.toml", &[]).unwrap_err();
    assert!(found.contains("self.toml -> ") && found.ends_with("self.toml"), "{found}");
    let found = load(folder.path(), "lost.toml", &[]).unwrap_err();
    assert!(found.contains("lost.toml: `base` is `nowhere.toml`, and there is no such"), "{found}");
    let found = load(folder.path(), "wrong.toml", &[]).unwrap_err();
    assert!(found.contains("wrong.toml:1: `base` is 3; it has to name"), "{found}");
}

#[test]
fn a_mistake_in_a_base_is_named_with_its_file_and_line() {
    let folder = files(&[
        ("base.toml", "[run]\n\nepocs = 3\n"),
        ("top.toml", "base = \"base.toml\"\n[data]\ntrain = \"t\"\n[train]\nbatch_size = 0\n"),
    ]);
    let found = load(folder.path(), "top.toml", &[]).unwrap_err();
    assert!(found.contains("base.toml:3: `run.epocs` is not known"), "{found}");
    assert!(found.contains("top.toml:5: `train.batch_size` has to be at least 1"), "{found}");
}

#[test]
fn another_choice_starts_from_its_own_defaults_and_the_same_one_keeps_what_was_said() {
    let base = format!(
        "{CLASSES}[train]\nschedule = {{ name = \"step\", epochs = 3, factor = 0.5 }}\n\
         [train.optimizer]\nname = \"adam\"\nepsilon = 1e-7\nweight_decay = 0.1\n\
         [split]\nmethod = \"fraction\"\nfraction = 0.3\n[early_stopping]\npatience = 2\n"
    );
    let folder = files(&[
        ("base.toml", &base),
        ("sgd.toml", "base = \"base.toml\"\n[train]\noptimizer = \"sgd\"\n"),
        ("same.toml", "base = \"base.toml\"\n[train]\noptimizer = \"adam\"\n"),
        ("key.toml", "base = \"base.toml\"\n[train.optimizer]\nbeta_1 = 0.8\n"),
        ("none.toml", "base = \"base.toml\"\nsplit = \"none\"\nearly_stopping = \"none\"\n"),
    ]);
    let monitor = "train.monitor=loss";
    let config = |name: &str| load(folder.path(), name, &[monitor]).unwrap();
    let sgd = Optimizer::Sgd { momentum: 0.9, nesterov: false, weight_decay: 0.0 };
    assert_eq!(config("sgd.toml").train.optimizer, sgd);
    let adam = |beta_1| Optimizer::Adam { beta_1, beta_2: 0.999, epsilon: 1e-7, weight_decay: 0.1 };
    assert_eq!(config("same.toml").train.optimizer, adam(0.9));
    assert_eq!(config("key.toml").train.optimizer, adam(0.8));
    let step = LearningRateSchedule::Step { epochs: 3, factor: 0.5 };
    assert_eq!(config("key.toml").train.schedule, step);
    let none = config("none.toml");
    assert_eq!((none.split, none.early_stopping), (crate::config::Split::None {}, None));
    let set = load(folder.path(), "base.toml", &[monitor, "train.optimizer=sgd"]).unwrap();
    assert_eq!(set.train.optimizer, sgd);
    // A resolved file says all keys of its choices; another choice lays them aside.
    let written = config("base.toml").to_toml("").unwrap();
    assert_eq!(parse(&written, &["train.optimizer=sgd"]).train.optimizer, sgd);
}

#[test]
fn class_names_are_said_as_a_whole_by_a_file_and_singly_by_set() {
    let names = "[data.class_names]\none = \"a\"\ntwo = \"b\"\n";
    let base = format!("[data]\ntrain = \"t\"\nclasses = [\"a\", \"b\"]\n{names}");
    let folder = files(&[
        ("base.toml", &base),
        ("none.toml", "base = \"base.toml\"\n[data]\nclass_names = {}\n"),
        ("other.toml", "base = \"base.toml\"\n[data.class_names]\nthree = \"b\"\n"),
    ]);
    let names = |name: &str, overrides: &[&str]| {
        let config = load(folder.path(), name, overrides).unwrap();
        config.data.class_names.into_keys().collect::<Vec<_>>()
    };
    assert_eq!(names("base.toml", &["data.class_names.three=a"]), ["one", "three", "two"]);
    assert!(names("base.toml", &["data.class_names={}"]).is_empty());
    assert!(names("none.toml", &[]).is_empty());
    assert_eq!(names("other.toml", &[]), ["three"]);
}

#[test]
fn every_shown_value_says_where_it_comes_from_and_what_is_shown_reads_back() {
    let base = format!("{CLASSES}[run]\nepochs = 9\nseeds = [1]\n[train]\noptimizer = \"adamw\"\n");
    let folder =
        files(&[("base.toml", &base), ("top.toml", "base = \"base.toml\"\n\n[run]\nepochs = 2\n")]);
    let name = folder.path().join("top.toml").display().to_string();
    let set = ["train.optimizer.beta_1=0.5", "train.schedule=constant"];
    let text = show(&name, &strings(&set)).unwrap();
    let below = folder.path().join("base.toml").display().to_string();
    for line in [
        format!("epochs = 2  # {name}:4"),
        format!("seeds = [1]  # base {below}:4"),
        format!("name = \"adamw\"  # base {below}:6"),
        "beta_1 = 0.5  # --set train.optimizer.beta_1".to_string(),
        "beta_2 = 0.999  # default".to_string(),
        "schedule = \"constant\"  # --set train.schedule".to_string(),
        "learning_rate = 0.0001  # default".to_string(),
        "clip_norm = \"none\"  # default".to_string(),
        "early_stopping = \"none\"  # default".to_string(),
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in:\n{text}");
    }
    let config = Config::load(&name, &strings(&set)).unwrap();
    assert_eq!(parse(&text, &[]), config);
    // Searches and comparisons are shown, too.
    let text = show("search-resnet50.toml", &[]).unwrap();
    assert!(text.contains("sampler = \"grid\"  # default"), "{text}");
    assert!(show("compare-backends.toml", &[]).unwrap().contains("steps = 5  # default"));
}
