//! `run.json`: what the results of one seed were made from, and hashes of them.

use crate::backend;
use crate::config::{self, Config};
use crate::error::{CliError, CliResult};
use crate::run_folder::{BURN_VERSION, SeedFolder, to_json};
use dermx_data::Manifest;
use dermx_train::{EpochMetrics, Fingerprint, write_atomic};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The version of the format.
const FORMAT: u32 = 1;

/// The lock file of the workspace: the version of every library.
const CARGO_LOCK: &[u8] = include_bytes!("../../../Cargo.lock");

/// The certificate of one seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    /// The same for equal results, whatever made them.
    pub result: CertifiedResult,
    /// What made them; for the reader.
    pub made_with: MadeWith,
}

/// What equal results have in common: no time, no path, nothing of the machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CertifiedResult {
    /// Version of this file's format.
    pub format: u32,
    /// The seed.
    pub seed: u64,
    /// BLAKE3 of the lines `key = value` of `config`.
    pub config_hash: String,
    /// Every key of the configuration that results depend on.
    pub config: Fingerprint,
    /// The training images.
    pub train_images: ImagesHash,
    /// The test images, if there was a test.
    pub test_images: Option<ImagesHash>,
    /// BLAKE3 of the weights before the first step.
    pub starting_weights_hash: String,
    /// The finished epochs.
    pub epochs: Vec<ChainLink>,
    /// BLAKE3 of `metrics.jsonl`.
    pub metrics_hash: String,
    /// BLAKE3 of `weights.safetensors`.
    pub weights_file_hash: String,
    /// BLAKE3 of `predictions.csv`, if there was a test.
    pub predictions_hash: Option<String>,
}

/// A list of images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImagesHash {
    /// Number of images.
    pub num_images: usize,
    /// BLAKE3 of the sorted list of their names, sizes and hashes.
    pub hash: String,
}

impl From<&Manifest> for ImagesHash {
    fn from(manifest: &Manifest) -> Self {
        Self { num_images: manifest.num_files(), hash: manifest.hash().to_string() }
    }
}

/// One epoch in the chain of hashes: `chain_k = BLAKE3(chain_(k-1) weights_hash_k)`, both as
/// hexadecimal text, and `chain_0 = starting_weights_hash`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainLink {
    /// The epoch, from 1.
    pub epoch: u32,
    /// BLAKE3 of the weights after it.
    pub weights_hash: String,
    /// The chain up to it.
    pub chain: String,
}

/// Program and machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeWith {
    /// Version of dermx.
    pub dermx_version: String,
    /// The commit that was built, with `-dirty` if files differed from it; `unknown` outside a
    /// checkout.
    pub commit: String,
    /// BLAKE3 of `Cargo.lock`.
    pub cargo_lock_hash: String,
    /// BLAKE3 of the program's file.
    pub binary_hash: String,
    /// Version of Burn.
    pub burn_version: String,
    /// What computed.
    pub backend: String,
    /// Number of threads.
    pub num_threads: usize,
    /// Operating system.
    pub operating_system: String,
    /// Kind of processor.
    pub processor: String,
}

impl MadeWith {
    /// This program on this machine.
    pub fn now() -> Self {
        let program = std::env::current_exe().and_then(std::fs::read);
        Self {
            dermx_version: env!("CARGO_PKG_VERSION").to_string(),
            commit: env!("DERMX_COMMIT").to_string(),
            cargo_lock_hash: blake3::hash(CARGO_LOCK).to_string(),
            binary_hash: program
                .map_or_else(|_| "unknown".to_string(), |bytes| blake3::hash(&bytes).to_string()),
            burn_version: BURN_VERSION.to_string(),
            backend: backend::description(),
            num_threads: rayon::current_num_threads(),
            operating_system: std::env::consts::OS.to_string(),
            processor: std::env::consts::ARCH.to_string(),
        }
    }
}

/// What a seed was made from and cannot be read from its folder.
#[derive(Debug)]
pub struct Origin<'a> {
    /// The training images.
    pub train: &'a Manifest,
    /// The test images, if there is a test.
    pub test: Option<&'a Manifest>,
    /// BLAKE3 of the weights before the first step.
    pub starting_weights_hash: &'a str,
}

/// Writes the certificate of a finished seed.
///
/// # Errors
/// A file of the seed that cannot be read, or a full disk.
pub fn write(
    folder: &SeedFolder,
    config: &Config,
    seed: u64,
    origin: &Origin<'_>,
) -> CliResult<()> {
    let keys = config::flat_results(config, seed)?;
    let result = CertifiedResult {
        format: FORMAT,
        seed,
        config_hash: config_hash(&keys),
        config: keys,
        train_images: origin.train.into(),
        test_images: origin.test.map(ImagesHash::from),
        starting_weights_hash: origin.starting_weights_hash.to_string(),
        epochs: chain(origin.starting_weights_hash, &read_metrics(&folder.metrics())?),
        metrics_hash: file_hash(&folder.metrics())?,
        weights_file_hash: file_hash(&folder.weights())?,
        predictions_hash: match origin.test {
            Some(_) => Some(file_hash(&folder.predictions())?),
            None => None,
        },
    };
    let certificate = Certificate { result, made_with: MadeWith::now() };
    Ok(write_atomic(&folder.certificate(), &to_json(&certificate)?)?)
}

/// Reads the certificate of a finished seed.
///
/// # Errors
/// There is none, or it is damaged.
pub fn read(folder: &SeedFolder) -> CliResult<Certificate> {
    let path = folder.certificate();
    let bytes = std::fs::read(&path).map_err(|error| {
        let error = CliError::io(&path, &error);
        let message = format!("{} (is the seed finished? --resume finishes it)", error.message);
        CliError { message, ..error }
    })?;
    serde_json::from_slice(&bytes).map_err(|error| CliError::bad_data(&path, error))
}

/// The chain of hashes over the epochs of `history`.
pub fn chain(starting_weights_hash: &str, history: &[EpochMetrics]) -> Vec<ChainLink> {
    let mut before = starting_weights_hash.to_string();
    let link = |metrics: &EpochMetrics| {
        let chain = blake3::hash(format!("{before}{}", metrics.weights_hash).as_bytes());
        before = chain.to_string();
        ChainLink {
            epoch: metrics.epoch,
            weights_hash: metrics.weights_hash.clone(),
            chain: before.clone(),
        }
    };
    history.iter().map(link).collect()
}

/// The hash of keys and values of a configuration.
pub fn config_hash(keys: &Fingerprint) -> String {
    let lines: String = keys.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
    blake3::hash(lines.as_bytes()).to_string()
}

/// The lines of `metrics.jsonl`.
///
/// # Errors
/// A file that cannot be read or is not what it has to be.
pub fn read_metrics(path: &Path) -> CliResult<Vec<EpochMetrics>> {
    let text = std::fs::read_to_string(path).map_err(|error| CliError::io(path, &error))?;
    let parse =
        |line: &str| serde_json::from_str(line).map_err(|error| CliError::bad_data(path, error));
    text.lines().map(parse).collect()
}

/// BLAKE3 of the file `path`.
///
/// # Errors
/// A file that cannot be read.
pub fn file_hash(path: &Path) -> CliResult<String> {
    let bytes = std::fs::read(path).map_err(|error| CliError::io(path, &error))?;
    Ok(blake3::hash(&bytes).to_string())
}

#[cfg(test)]
mod tests {
    use super::chain;
    use dermx_train::EpochMetrics;

    fn metrics(epoch: u32, weights_hash: &str) -> EpochMetrics {
        EpochMetrics {
            epoch,
            train_loss: 1.0,
            train_accuracy: 0.5,
            learning_rate: 0.1,
            num_images: 2,
            weights_hash: weights_hash.to_string(),
            validation: None,
        }
    }

    #[test]
    fn a_link_is_the_hash_of_the_link_before_and_of_its_weights() {
        let links = chain("00", &[metrics(1, "aa"), metrics(2, "bb")]);
        let first = blake3::hash(b"00aa").to_string();
        assert_eq!((links[0].epoch, &links[0].chain), (1, &first));
        let second = blake3::hash(format!("{first}bb").as_bytes()).to_string();
        assert_eq!((&links[1].weights_hash, &links[1].chain), (&"bb".to_string(), &second));
        let other = chain("00", &[metrics(1, "ab"), metrics(2, "bb")]);
        assert_ne!(links[1].chain, other[1].chain);
    }
}
