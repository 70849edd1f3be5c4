//! The classes of a configuration that names none.

use super::config::Config;
use crate::error::{RunError, RunResult};
use crate::training_images::names_of_classes;
use dermx_data::{Selection, class_idx_of, study_folders};
use std::collections::BTreeSet;
use std::path::Path;

/// Names the classes after the folders of `data.train`, or the gold classes of its data set, unless they are
/// named, sorted; several labels an image are in the order of the data set.
///
/// A folder whose name is a diagnosis of the test set but for letter case, `_`, `-` and space is of that
/// diagnosis, and so are the folders of the study's training set, such as `wart` of `Viral warts`.
///
/// # Errors
/// No such folder, fewer than two classes in it, or a test set that cannot be read.
pub(super) fn find_classes(config: &mut Config) -> RunResult<()> {
    if !config.data.classes.is_empty() {
        return Ok(());
    }
    let is_multilabel = config.train.is_multilabel();
    let data = &mut config.data;
    let (folders, gold) = match (data.train.exists(), &config.synthetic) {
        // It is made later.
        (false, Some(_)) => {
            study_folders().map(|(folder, class)| (folder.into(), class.into())).into_iter().unzip()
        }
        (false, None) => return Err(no_training_images(&data.train)),
        (true, _) => {
            (names_of_classes(&data.train, is_multilabel)?, gold_classes(data.test.as_deref())?)
        }
    };
    let mut classes = Vec::new();
    for folder in folders {
        let class = match data.class_names.get(&folder) {
            Some(class) => class.clone(),
            None => match (class_idx_of(&folder, &gold), study_class(&folder, &gold)) {
                (Some(class_idx), _) => gold[class_idx].clone(),
                (None, Some(class)) => {
                    data.class_names.insert(folder, class.clone());
                    class
                }
                (None, None) => folder,
            },
        };
        if !class.is_empty() && !classes.contains(&class) {
            classes.push(class);
        }
    }
    if classes.len() < 2 {
        let message = format!(
            "{}: number of classes: {}; a network needs at least two (data.classes may name them)",
            data.train.display(),
            classes.len()
        );
        return Err(RunError::bad_data(message));
    }
    if !is_multilabel {
        classes.sort();
    }
    data.classes = classes;
    Ok(())
}

/// There are no photos to learn from.
pub(crate) fn no_training_images(folder: &Path) -> RunError {
    let from =
        if folder.is_relative() { " (from the folder that the command runs in)" } else { "" };
    RunError::missing_input(format!(
        "{}{from}: there are no training images; datasets/README.md says where to get them, and \
         `--config quickstart.toml` runs on synthetic ones",
        folder.display()
    ))
}

/// The diagnoses of a test set.
fn gold_classes(test: Option<&Path>) -> RunResult<Vec<String>> {
    let Some(test) = test else { return Ok(Vec::new()) };
    let dataset = dermx_formats::open(test)?.select(Selection::default());
    let classes: BTreeSet<String> =
        dataset.images().iter().flat_map(|image| image.gold.clone()).collect();
    Ok(classes.into_iter().collect())
}

/// The class of `gold` that a folder of the study's training set holds.
fn study_class(folder: &str, gold: &[String]) -> Option<String> {
    let (_, class) = study_folders().into_iter().find(|(known, _)| *known == folder)?;
    gold.iter().find(|gold| *gold == class).cloned()
}
