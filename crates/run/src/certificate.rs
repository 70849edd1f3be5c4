//! `run.json`: what results were made from, and hashes of them. That of a seed covers what training,
//! prediction and explanation write into its folder; that of the run covers the scores, the report and
//! the lists of images. Together they cover every result.

use crate::config::{self, Config};
use crate::error::{RunError, RunResult};
use crate::image_manifests::{TEST, TRAIN};
use crate::run_folder::{
    BURN_VERSION, REPORT, RunFolder, SPLIT, SeedFolder, TEMPERATURE, THRESHOLDS, how_to_finish,
    to_json,
};
use crate::session::Session;
use dermx_data::{Manifest, json, write_atomic};
use dermx_score::{DIAGNOSES, MAPS, PER_IMAGE};
use dermx_train::{EpochMetrics, Fingerprint};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The version of the format. In the first, `files` was missing, and the run had no certificate.
const FORMAT: u32 = 2;

/// The first version that covers every result.
pub const FORMAT_OF_FILES: u32 = 2;

/// What a seed's certificate covers file by file, beside the files with a hash of their own.
const SEED_RESULTS: [&str; 5] = ["metrics.csv", "tensorboard", TEMPERATURE, THRESHOLDS, "heatmaps"];

/// The scores of a seed.
const SEED_SCORES: [&str; 4] = ["eval.json", PER_IMAGE, DIAGNOSES, MAPS];

/// BLAKE3 of files, by their path below a folder, with `/` between its parts.
pub type FileHashes = BTreeMap<String, String>;

/// The lock file of the workspace, or of the package: the version of every library.
pub(crate) const CARGO_LOCK: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/Cargo.lock"));

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
    /// How images differed from those that the run began with when it was gone on with all the same
    /// (`--allow-drift`), an image a line; mostly nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<String>,
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
    /// The other files that training, prediction and explanation wrote, by path below the seed's folder;
    /// none before format 2.
    #[serde(default)]
    pub files: FileHashes,
}

/// The certificate of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunCertificate {
    /// The same for equal results in a folder of the same name, which the report shows.
    pub result: CertifiedRun,
    /// What made them; for the reader.
    pub made_with: MadeWith,
}

/// What equal runs have in common.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CertifiedRun {
    /// Version of this file's format.
    pub format: u32,
    /// BLAKE3 of `result` of each seed's certificate.
    pub seeds: BTreeMap<u64, String>,
    /// Scores, report and lists of images, by path below the run folder.
    pub files: FileHashes,
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
    /// This program on this machine, and what computes.
    pub fn now(session: &Session) -> Self {
        let program = std::env::current_exe().and_then(std::fs::read);
        Self {
            dermx_version: env!("CARGO_PKG_VERSION").to_string(),
            commit: env!("DERMX_COMMIT").to_string(),
            cargo_lock_hash: blake3::hash(CARGO_LOCK).to_string(),
            binary_hash: program
                .map_or_else(|_| "unknown".to_string(), |bytes| blake3::hash(&bytes).to_string()),
            burn_version: BURN_VERSION.to_string(),
            backend: session.description().to_string(),
            num_threads: session.num_threads(),
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
    /// How they differ from those that the run began with.
    pub drift: &'a [String],
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
    session: &Session,
) -> RunResult<()> {
    let keys = config::flat_results(config, seed)?;
    let result = CertifiedResult {
        format: FORMAT,
        seed,
        config_hash: config_hash(&keys),
        config: keys,
        train_images: origin.train.into(),
        test_images: origin.test.map(ImagesHash::from),
        drift: origin.drift.to_vec(),
        starting_weights_hash: origin.starting_weights_hash.to_string(),
        epochs: chain(origin.starting_weights_hash, &read_metrics(&folder.metrics())?),
        metrics_hash: file_hash(&folder.metrics())?,
        weights_file_hash: file_hash(&folder.weights())?,
        predictions_hash: match origin.test {
            Some(_) => Some(file_hash(&folder.predictions())?),
            None => None,
        },
        files: seed_files(folder)?,
    };
    let certificate = Certificate { result, made_with: MadeWith::now(session) };
    Ok(write_atomic(&folder.certificate(), &to_json(&certificate)?)?)
}

/// Reads the certificate of a finished seed.
///
/// # Errors
/// There is none, or it is damaged.
pub fn read(folder: &SeedFolder) -> RunResult<Certificate> {
    let path = folder.certificate();
    let certificate: Certificate = read_json(&path, "seed")?;
    check_format(&path, certificate.result.format)?;
    Ok(certificate)
}

/// Where the certificate of the run in `run` is.
pub fn of_run(run: &Path) -> PathBuf {
    run.join("run.json")
}

/// Reads the certificate of a finished run.
///
/// # Errors
/// There is none, or it is damaged.
pub fn read_run(run: &Path) -> RunResult<RunCertificate> {
    let path = of_run(run);
    let certificate: RunCertificate = read_json(&path, "run")?;
    check_format(&path, certificate.result.format)?;
    Ok(certificate)
}

fn read_json<T: DeserializeOwned>(path: &Path, what: &str) -> RunResult<T> {
    let bytes = std::fs::read(path).map_err(|error| {
        // Of a seed it lies in the run's folder for the seed.
        let folder = path.parent().unwrap_or(path);
        let run = if what == "run" { folder } else { folder.parent().unwrap_or(folder) };
        let advice = format!(" (the {what} may not be finished: {})", how_to_finish(run));
        RunError::io(path, &error).advice(advice)
    })?;
    Ok(json::parse(path, &bytes)?)
}

fn check_format(path: &Path, format: u32) -> RunResult<()> {
    if (1..=FORMAT).contains(&format) {
        return Ok(());
    }
    let message = format!(
        "the certificate's format is {format}, this program knows 1 to {FORMAT}; use the version of \
         dermx that made the run"
    );
    Err(RunError::in_file(path, message))
}

/// Writes the certificate of a run whose seeds are finished.
///
/// # Errors
/// A file of the run that cannot be read, or a full disk.
pub fn write_run(folder: &RunFolder, config: &Config, session: &Session) -> RunResult<()> {
    renew(folder, config, session, |_| true)
}

/// Writes the certificate of a run anew after its scores were, with all else as it was certified.
///
/// # Errors
/// As [`write_run`].
pub fn renew_scores(folder: &RunFolder, config: &Config, session: &Session) -> RunResult<()> {
    renew_certified(folder, config, session, |file| {
        SEED_SCORES.iter().any(|name| Path::new(file).ends_with(name)) && !is_below(file, REPORT)
    })
}

/// The same after its report was.
///
/// # Errors
/// As [`write_run`].
pub fn renew_report(folder: &RunFolder, config: &Config, session: &Session) -> RunResult<()> {
    renew_certified(folder, config, session, |file| is_below(file, REPORT))
}

fn is_below(file: &str, folder: &str) -> bool {
    Path::new(file).starts_with(folder)
}

/// A run without a certificate, of an older version or not finished, stays without.
fn renew_certified(
    folder: &RunFolder,
    config: &Config,
    session: &Session,
    is_new: impl Fn(&str) -> bool,
) -> RunResult<()> {
    if !of_run(folder.path()).exists() {
        return Ok(());
    }
    renew(folder, config, session, is_new)
}

/// Writes the certificate; what is not new and was certified before stays as it was certified.
fn renew(
    folder: &RunFolder,
    config: &Config,
    session: &Session,
    is_new: impl Fn(&str) -> bool,
) -> RunResult<()> {
    let path = of_run(folder.path());
    let mut seeds = BTreeMap::new();
    for &seed in &config.run.seeds {
        seeds.insert(seed, result_hash(&read(&SeedFolder::of(folder.path(), seed))?)?);
    }
    let mut files = run_files(folder.path(), config)?;
    if path.exists()
        && let Ok(before) = read_run(folder.path())
    {
        files.retain(|file, _| is_new(file));
        let kept = before.result.files.into_iter().filter(|(file, _)| !is_new(file));
        files.extend(kept);
    }
    let result = CertifiedRun { format: FORMAT, seeds, files };
    Ok(write_atomic(
        &path,
        &to_json(&RunCertificate { result, made_with: MadeWith::now(session) })?,
    )?)
}

/// BLAKE3 of the part of a seed's certificate that is the same for equal results.
///
/// # Errors
/// A value that JSON cannot hold.
pub fn result_hash(certificate: &Certificate) -> RunResult<String> {
    Ok(blake3::hash(&to_json(&certificate.result)?).to_string())
}

/// What a seed's certificate covers file by file, as it is now.
///
/// # Errors
/// A file that cannot be read.
pub fn seed_files(folder: &SeedFolder) -> RunResult<FileHashes> {
    file_hashes(&folder.path(), SEED_RESULTS.map(PathBuf::from))
}

/// What a run's certificate covers, as it is now.
///
/// # Errors
/// A file that cannot be read.
pub fn run_files(run: &Path, config: &Config) -> RunResult<FileHashes> {
    let of_run = [SPLIT, TRAIN, TEST, "eval.json", REPORT].map(PathBuf::from);
    let seeds = config.run.seeds.iter().map(|&seed| SeedFolder::of(Path::new(""), seed).path());
    let scores = seeds.flat_map(|seed| SEED_SCORES.map(|name| seed.join(name)));
    file_hashes(run, of_run.into_iter().chain(scores))
}

/// Hashes of `names` below `root`, files and folders with all that is in them; of those that are there.
fn file_hashes(root: &Path, names: impl IntoIterator<Item = PathBuf>) -> RunResult<FileHashes> {
    let mut hashes = FileHashes::new();
    let mut left: Vec<PathBuf> = names.into_iter().collect();
    while let Some(name) = left.pop() {
        let path = root.join(&name);
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).map_err(|error| RunError::io(&path, &error))?;
            for entry in entries {
                let entry = entry.map_err(|error| RunError::io(&path, &error))?;
                // What a killed process was writing is no result.
                if !entry.file_name().to_string_lossy().ends_with(".partial") {
                    left.push(name.join(entry.file_name()));
                }
            }
        } else if path.exists() {
            let parts = name.components().map(|part| part.as_os_str().to_string_lossy());
            hashes.insert(parts.collect::<Vec<_>>().join("/"), file_hash(&path)?);
        }
    }
    Ok(hashes)
}

/// Refuses `bytes` of `file` of the run in `run` that are not what its certificate says; of a run
/// without one, or a file that it does not cover, it says nothing.
///
/// # Errors
/// They are not.
pub fn check_bytes(run: &Path, file: &str, bytes: &[u8]) -> RunResult<()> {
    if !of_run(run).exists() {
        return Ok(());
    }
    match read_run(run)?.result.files.get(file) {
        Some(hash) if *hash != blake3::hash(bytes).to_string() => {
            let message =
                "not what the run's certificate says; `dermx verify` tells what else is not";
            Err(RunError::bad_data(format!("{}: {message}", run.join(file).display())))
        }
        _ => Ok(()),
    }
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
pub fn read_metrics(path: &Path) -> RunResult<Vec<EpochMetrics>> {
    let bytes = std::fs::read(path).map_err(|error| RunError::io(path, &error))?;
    Ok(json::parse_lines(path, &bytes)?)
}

/// BLAKE3 of the file `path`.
///
/// # Errors
/// A file that cannot be read.
pub fn file_hash(path: &Path) -> RunResult<String> {
    let bytes = std::fs::read(path).map_err(|error| RunError::io(path, &error))?;
    Ok(blake3::hash(&bytes).to_string())
}

#[cfg(test)]
mod tests {
    use super::{chain, read_metrics};
    use dermx_train::EpochMetrics;
    use std::collections::BTreeMap;

    fn metrics(epoch: u32, weights_hash: &str) -> EpochMetrics {
        EpochMetrics {
            epoch,
            train_loss: 1.0,
            train_accuracy: 0.5,
            learning_rate: 0.1,
            num_images: 2,
            weights_hash: weights_hash.to_string(),
            skipped_steps: 0,
            train_loss_parts: BTreeMap::new(),
            validation: None,
        }
    }

    #[test]
    fn metrics_that_are_not_what_they_have_to_be_are_bad_data_with_their_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let good = serde_json::to_string(&metrics(1, "aa")).unwrap();
        for (line, expected) in [
            (
                b"{\"epoch\": \"\xe9\"}".to_vec(),
                "metrics.jsonl: line 2, byte 11: found bytes that are",
            ),
            (
                b"{\"epoch\": \"x\"}".to_vec(),
                "metrics.jsonl: line 2, epoch: found the text \"x\"; expected",
            ),
            (b"{".to_vec(), "metrics.jsonl: line 2, column 1: the file ends inside of an object"),
        ] {
            std::fs::write(&path, [good.as_bytes(), b"\n", &line, b"\n"].concat()).unwrap();
            let error = read_metrics(&path).unwrap_err();
            assert_eq!(error.failure(), dermx_work::Failure::BadData);
            assert!(error.to_string().contains(expected), "{error}");
        }
        std::fs::write(&path, good + "\n").unwrap();
        assert_eq!(read_metrics(&path).unwrap().len(), 1);
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
