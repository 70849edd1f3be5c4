//! Checks of what lies in the folders of a run and its seeds.

use super::table::Checks;
use super::{OF_AN_OLDER_VERSION, Subject};
use crate::certificate::{
    self, FORMAT_OF_FILES, FileHashes, ImagesHash, chain, config_hash, file_hash, read_metrics,
};
use crate::config::{self, Config};
use crate::error::RunResult;
use crate::run_folder::SeedFolder;
use dermx_model::{is_unread_buffer, read_weights, write_safetensors};
use dermx_train::{CheckpointStore, differences, read_checkpoint};
use std::collections::BTreeSet;
use std::path::Path;

/// The configuration, key by key, and the certificate's own hash of it.
pub fn check_configuration(subject: &Subject<'_>, table: &mut Checks) -> RunResult<()> {
    let certified = &subject.certificate.result;
    let found = config::flat_results(subject.config, subject.seed)?;
    let differing = differences(&certified.config, &found);
    let lines: Vec<String> = differing.iter().map(ToString::to_string).collect();
    match lines.is_empty() {
        true => {
            let detail = format!("{} keys", found.len());
            table.compare("configuration", &config_hash(&found), &certified.config_hash, &detail);
        }
        false => table.differ("configuration", lines.join("; ")),
    }
    Ok(())
}

/// The lists of images, which were compared with the images before.
pub fn check_images(subject: &Subject<'_>, table: &mut Checks) {
    let certified = &subject.certificate.result;
    if !certified.drift.is_empty() {
        let lines = certified.drift.join("\n  ");
        let detail = format!("the run went on with images that it did not begin with:\n  {lines}");
        table.differ("drift", detail);
    }
    let training = subject.images.training.as_ref();
    let test = subject.images.test.as_ref();
    let lists = [
        ("training images", training.map(|(_, found)| found), Some(&certified.train_images)),
        ("test images", test.map(|(_, found)| found), certified.test_images.as_ref()),
    ];
    for (what, found, certified) in lists {
        if let (Some(found), Some(certified)) = (found, certified) {
            let detail = format!("list of {}", certified.num_images);
            table.compare(what, &ImagesHash::from(found).hash, &certified.hash, &detail);
        }
    }
}

/// The log of epochs, and the chain of hashes over it.
pub fn check_metrics(subject: &Subject<'_>, table: &mut Checks) {
    let certified = &subject.certificate.result;
    let path = subject.folder.metrics();
    let Some(found) = table.read("metrics.jsonl", || file_hash(&path)) else { return };
    table.compare("metrics.jsonl", &found, &certified.metrics_hash, "its hash");
    let Some(history) = table.read("metrics.jsonl", || read_metrics(&path)) else { return };
    let links = chain(&certified.starting_weights_hash, &history);
    let broken = links.iter().zip(&certified.epochs).find(|(found, link)| found != link);
    match broken {
        _ if links.len() != certified.epochs.len() => {
            let numbers = format!("{} epochs, certified {}", links.len(), certified.epochs.len());
            table.differ("chain of epochs", numbers);
        }
        Some((found, _)) => {
            table.differ("chain of epochs", format!("from epoch {} on", found.epoch))
        }
        None => table.equal("chain of epochs", format!("{} epochs", links.len())),
    }
}

/// The trained weights: the file, and what it holds against the chain of hashes.
pub fn check_weights(subject: &Subject<'_>, table: &mut Checks) {
    let certified = &subject.certificate.result;
    let path = subject.folder.weights();
    let what = "weights.safetensors";
    let Some(found) = table.read(what, || file_hash(&path)) else { return };
    table.compare(what, &found, &certified.weights_file_hash, "its hash");
    let tensors_hash = table.read(what, || {
        let mut tensors = read_weights(&path)?;
        tensors.retain(|name, _| !is_unread_buffer(name));
        Ok(blake3::hash(&write_safetensors(&tensors)?).to_string())
    });
    let Some(tensors_hash) = tensors_hash else { return };
    let epoch = certified.epochs.iter().rfind(|link| link.weights_hash == tensors_hash);
    match epoch {
        Some(link) => table.equal(what, format!("the weights after epoch {}", link.epoch)),
        None if subject.config.train.ema_decay.is_some() => {
            table
                .skip(what, "an average of weights, which is in no chain; the last epoch makes it");
        }
        None => table.differ(what, "the weights of no epoch in the chain"),
    }
}

/// Every checkpoint: whole, of this run, and with the weights of the chain.
pub fn check_checkpoints(subject: &Subject<'_>, table: &mut Checks) -> RunResult<()> {
    let certified = &subject.certificate.result;
    let folders = CheckpointStore::new(subject.folder.checkpoints()).list()?;
    if folders.is_empty() {
        table.skip("checkpoints", "there are none");
    }
    for folder in folders {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(checkpoint) = table.read(&name, || Ok(read_checkpoint(&folder)?)) else {
            continue;
        };
        let state = &checkpoint.state;
        let links = chain(&certified.starting_weights_hash, &state.history);
        if !certified.epochs.starts_with(&links) {
            table.differ(&name, "its epochs are not those of the chain");
        } else if state.steps_done > 0 {
            table.equal(&name, "whole, inside an epoch");
        } else {
            let found = blake3::hash(&write_safetensors(&checkpoint.weights)?).to_string();
            let expected = links.last().map_or("", |link| link.weights_hash.as_str());
            table.compare(&name, &found, expected, "whole, with the weights of its epoch");
        }
    }
    Ok(())
}

/// Heat maps, sanity checks and training curves of the seed.
pub fn check_files(subject: &Subject<'_>, table: &mut Checks) {
    let certified = &subject.certificate.result;
    let what = "heat maps, curves";
    if certified.format < FORMAT_OF_FILES {
        return table.skip(what, OF_AN_OLDER_VERSION);
    }
    if let Some(found) = table.read(what, || certificate::seed_files(subject.folder)) {
        compare_files(what, &found, &certified.files, table);
    }
}

/// Scores, report and lists of images of the run, and the certificates of its `seeds`.
pub fn check_run(run: &Path, config: &Config, seeds: &[u64], table: &mut Checks) {
    let Some(certificate) = table.read("run.json", || certificate::read_run(run)) else { return };
    let certified = certificate.result;
    for seed in seeds {
        let what = format!("seed-{seed}/run.json");
        let found = table.read(&what, || {
            certificate::result_hash(&certificate::read(&SeedFolder::of(run, *seed))?)
        });
        match (found, certified.seeds.get(seed)) {
            (Some(found), Some(hash)) => table.compare(&what, &found, hash, "what it certifies"),
            (Some(_), None) => table.differ(&what, "not in the run's certificate"),
            (None, _) => {}
        }
    }
    let what = "scores and report";
    if let Some(found) = table.read(what, || certificate::run_files(run, config)) {
        compare_files(what, &found, &certified.files, table);
    }
}

/// The files of a list against those that are there; whatever is not the same is named.
fn compare_files(what: &str, found: &FileHashes, certified: &FileHashes, table: &mut Checks) {
    let names: BTreeSet<&String> = found.keys().chain(certified.keys()).collect();
    let mut num_differing = 0;
    for name in names {
        let difference = match (found.get(name), certified.get(name)) {
            (Some(found), Some(certified)) if found == certified => continue,
            (Some(_), Some(_)) => "changed",
            (None, _) => "missing",
            (_, None) => "was not there when the run was certified",
        };
        num_differing += 1;
        table.differ(name, difference);
    }
    if num_differing == 0 {
        table.equal(what, format!("{} files", certified.len()));
    }
}
