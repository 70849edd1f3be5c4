//! Whether a finished run is what its certificates say.

mod epochs;
mod files;
mod replay;
mod table;

pub use epochs::Epochs;
pub use table::{Check, Checks, Verdict};

use crate::certificate::{self, Certificate, FORMAT_OF_FILES, MadeWith};
use crate::config::Config;
use crate::context::Context;
use crate::error::{RunError, RunResult};
use crate::image_manifests::{self, TEST, TRAIN};
use crate::run_folder::{SeedFolder, check_idle, how_to_finish};
use crate::test_set::TestSet;
use crate::training_data::TrainingData;
use dermx_data::Manifest;
use std::path::{Path, PathBuf};

/// Why files of a run of an older version are not looked at.
const OF_AN_OLDER_VERSION: &str =
    "NOT COVERED: the run is of an older version, whose certificates say nothing of them";

/// Compares files, images and configuration of a run with its certificates, and trains `epochs` of each
/// seed (of `seed` alone, if it is given) once more; what was found.
///
/// # Errors
/// An unfinished run, or one that a process is at work on.
pub fn verify(
    run: &Path,
    seed: Option<u64>,
    epochs: Option<&Epochs>,
    context: Context<'_>,
) -> RunResult<Checks> {
    context.session.install(|| verify_here(run, seed, epochs, context))
}

fn verify_here(
    run: &Path,
    seed: Option<u64>,
    epochs: Option<&Epochs>,
    context: Context<'_>,
) -> RunResult<Checks> {
    let config = Config::load_run(run)?;
    check_idle(run)?;
    let seeds = match seed {
        Some(seed) if !SeedFolder::of(run, seed).certificate().exists() => {
            let message = format!("{}: the run has no finished seed {seed}", run.display());
            return Err(RunError::missing_input(message));
        }
        Some(seed) => vec![seed],
        None => config.run.seeds.clone(),
    };
    let mut table = Checks::default();
    let images = RunImages::check(run, &config, &mut table);
    let mut are_covered = true;
    for &seed in &seeds {
        let folder = SeedFolder::of(run, seed);
        let certificate = certificate::read(&folder)?;
        let subject = Subject {
            config: &config,
            seed,
            folder: &folder,
            certificate: &certificate,
            images: &images,
            context,
        };
        subject.verify(epochs, &mut table)?;
        are_covered &= certificate.result.format >= FORMAT_OF_FILES;
    }
    table.of_run();
    match certificate::of_run(run).exists() {
        true => files::check_run(run, &config, &seeds, &mut table),
        false if !are_covered => table.skip("scores and report", OF_AN_OLDER_VERSION),
        false if seed.is_some() => {
            table.skip("scores and report", "not certified before every seed is finished");
        }
        false => {
            table.differ("run.json", format!("missing: {}", how_to_finish(run)));
        }
    }
    Ok(table)
}

/// One seed of a run, and what it is compared with.
struct Subject<'a> {
    config: &'a Config,
    seed: u64,
    folder: &'a SeedFolder,
    certificate: &'a Certificate,
    images: &'a RunImages,
    context: Context<'a>,
}

impl Subject<'_> {
    fn verify(&self, epochs: Option<&Epochs>, table: &mut Checks) -> RunResult<()> {
        table.of_seed(self.seed);
        files::check_configuration(self, table)?;
        files::check_images(self, table);
        files::check_metrics(self, table);
        files::check_weights(self, table);
        files::check_checkpoints(self, table)?;
        // What is trained on other images, or in another way, differs in any case.
        if table.has_differences() {
            table.skip("epochs", "not trained again: other things differ");
        } else {
            replay::check_epochs(self, epochs, table)?;
        }
        replay::check_predictions(self, table)?;
        files::check_files(self, table);
        self.check_program(table);
        Ok(())
    }

    /// Another program or device may compute the same; if something differs, it may be why.
    fn check_program(&self, table: &mut Checks) {
        let (then, now) = (&self.certificate.made_with, MadeWith::now(self.context.session));
        let what = format!("dermx {}, commit {}", then.dermx_version, then.commit);
        match then.binary_hash == now.binary_hash {
            true => table.note("program", format!("this one made the run ({what})")),
            false => table.note("program", format!("another one made the run ({what})")),
        }
        if then.backend != now.backend {
            let detail = format!(
                "{} computed the run, {} this; roundings differ",
                then.backend, now.backend
            );
            table.note("backend", detail);
        }
    }
}

/// The images of a run as they are now.
struct RunImages {
    training: Option<(TrainingData, Manifest)>,
    test: Option<(TestSet, Manifest)>,
}

impl RunImages {
    /// Reads the images and compares them with the manifests in the run folder.
    fn check(run: &Path, config: &Config, table: &mut Checks) -> Self {
        let training = table.read("training images", || {
            let training = TrainingData::read(config)?;
            let files = training.files();
            Ok((training, files))
        });
        let training = training.and_then(|(training, files)| {
            let found = compare(run, TRAIN, &training.root, &files, "training images", table)?;
            Some((training, found))
        });
        if !run.join(TEST).exists() {
            table.skip("test images", "the run was trained without a test");
            return Self { training, test: None };
        }
        let test = table.read("test images", || TestSet::read(config)).and_then(|test| {
            let found = compare(run, TEST, &test.root, &test.files(), "test images", table)?;
            Some((test, found))
        });
        Self { training, test }
    }
}

/// The manifest of `files`, whose differences from the one in the run folder go into `table`.
fn compare(
    run: &Path,
    name: &str,
    root: &Path,
    files: &[PathBuf],
    what: &str,
    table: &mut Checks,
) -> Option<Manifest> {
    let found = table.read(what, || Ok(Manifest::of_files(root, files)?))?;
    let recorded = table.read(what, || Ok(Manifest::read(&run.join(name))?))?;
    let findings = recorded.compare(&found, root);
    match findings.is_empty() {
        true => table.equal(what, format!("{} files as recorded", found.num_files())),
        false => table.differ(what, image_manifests::list(&findings).trim().to_string()),
    }
    Some(found)
}
