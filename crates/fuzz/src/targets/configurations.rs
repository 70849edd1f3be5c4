//! TOML: configurations of runs and searches, and `dataset.toml`.

use crate::{Group, Outcome, Target};
use dermx_data::{ErrorKind, ImageSize, Mask};
use dermx_formats::open;
use dermx_run::RunError;
use dermx_run::config::{Config, SearchConfig};
use dermx_work::Failure;
use std::fs;
use std::path::Path;

pub fn targets() -> Vec<Target> {
    let target =
        |name, file, seeds, read| Target::new(name, Group::Configurations, file, seeds, read);
    vec![
        target("config", "a.toml", configs, |_, path| {
            outcome(path, Config::load(&path.display().to_string(), &[]))
        }),
        target("search_config", "search.toml", searches, |_, path| {
            outcome(path, SearchConfig::load(&path.display().to_string()))
        }),
        Target {
            prepare: data_set,
            ..target(
                "dataset_toml",
                "a/b/birds/dataset.toml",
                || vec![DATASET.as_bytes().to_vec()],
                read_data_set,
            )
        },
    ]
}

/// What is wrong with a configuration is named with the file, unless it is a folder that is not there.
fn outcome<T>(path: &Path, loaded: Result<T, RunError>) -> Outcome {
    let Err(error) = loaded else { return Outcome::Read };
    let (message, file) = (error.to_string(), path.display().to_string());
    match error.failure() {
        Failure::BadConfig => {
            assert!(message.contains(&file), "{message}");
            let longest = message.lines().map(str::len).max().unwrap_or(0);
            assert!(longest < 1500 && message.lines().count() < 80, "{message}");
        }
        // A base or the folder of the photos, whose name was changed.
        Failure::MissingInput | Failure::BadData | Failure::Io => {}
        other => panic!("{other:?}: {message}"),
    }
    Outcome::Refused
}

fn configs() -> Vec<Vec<u8>> {
    [
        &include_bytes!("../../../run/configs/quickstart.toml")[..],
        include_bytes!("../../../run/configs/resnet50.toml"),
        b"[data]\ntrain = \"photos\"\nclasses = [\"a\", \"b\"]\n[train.optimizer]\nname = \"sgd\"\n\
          momentum = 0.9\n[split]\nmethod = \"k_fold\"\nnum_folds = 5\nfold = 1\n",
    ]
    .map(<[u8]>::to_vec)
    .to_vec()
}

fn searches() -> Vec<Vec<u8>> {
    vec![include_bytes!("../../../run/configs/search-resnet50.toml").to_vec()]
}

const DATASET: &str = r#"name = "Birds"
images = "images"
classes = ["cat", "dog"]
discard = ["unusable"]

[labels]
file = "labels.csv"
image = "file"
class = "species"
patient = "owner"
attributes = ["light"]

[masks]
pattern = "masks/{rater}/{image}_{concept}.png"
readings = "readings.csv"

[concepts]
tail = "body"
ear = "head"

[spellings]
Ear = "ear"
"#;
pub const LABELS: &str = "file,species,owner,light\n1.jpg,cat,p 1,dim\nx/2.png,cat|dog,,\"a, b\"\n";
pub const READINGS: &str =
    "image,rater,labels,height,width\n1,ann,cat|Ear,5,7\nx/2,bob,,5,7\n1,bob,unusable,,\n";

/// A data set of masks with tables, in a folder of a folder of `folder`: paths may lead out of it.
pub fn data_set(folder: &Path) {
    let root = folder.join("a/b/birds");
    for name in ["masks/ann/x", "masks/bob", "images/x"] {
        fs::create_dir_all(root.join(name)).unwrap();
    }
    let dense: Vec<u8> = (0..35).map(|pixel| u8::from(pixel % 3 == 0)).collect();
    let mask = Mask::from_dense(&dense, ImageSize::new(5, 7));
    for name in ["images/1.png", "images/x/2.png", "masks/ann/1_ear.png", "masks/ann/x/2_tail.png"]
    {
        mask.write_png(&root.join(name)).unwrap();
    }
    for (name, text) in
        [("dataset.toml", DATASET), ("labels.csv", LABELS), ("readings.csv", READINGS)]
    {
        fs::write(root.join(name), text).unwrap();
    }
}

fn read_data_set(folder: &Path, path: &Path) -> Outcome {
    let text = fs::read(path).unwrap();
    // Where a path leads is the user's choice; a fuzzer is not to walk through the whole disk.
    let leaves = |part: &[u8]| text.windows(part.len()).any(|window| window == part);
    if [&b"\"/"[..], b"'/", b"..", b"\\"].into_iter().any(leaves) {
        return Outcome::Refused;
    }
    let root = folder.join("a/b/birds");
    match open(&root) {
        Ok(dataset) => {
            assert!(dataset.readings().iter().all(|one| dataset.image(&one.image_id).is_some()));
            dataset.content_hash();
            Outcome::Read
        }
        Err(error) => {
            assert_ne!(error.kind, ErrorKind::Io, "{error}");
            assert!(error.path.starts_with(folder) && !error.message.is_empty(), "{error}");
            assert!(error.message.len() < 10_000, "{error}");
            Outcome::Refused
        }
    }
}
