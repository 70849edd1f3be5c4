//! What the command does, done from a program: sessions side by side, progress, stops, and networks.

use dermx::{
    Benchmark, Cancel, Context, Dataset, EvalRecord, Experiment, Failure, Method, Model, Progress,
    ProgressBar, ScoringChoices, Session, SynthConfig, Targets, Watch, WeightsOptions, overlay,
    raw_maps, synthesize, to_predictions,
};
use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

type TestResult = Result<(), Box<dyn Error>>;

const SIZES: SynthConfig = SynthConfig { num_images: 12, num_train_images: 24, seed: 0 };

/// A small run on synthetic data in `folder`, which goes into the folder `run` of it.
fn experiment(folder: &Path, run: &str) -> Result<Experiment, Box<dyn Error>> {
    let data = folder.join("data");
    if !data.exists() {
        synthesize(&data, &SIZES, Watch::SILENT)?;
    }
    let keys = [
        format!("data.train={}", data.join("train").display()),
        format!("data.test={}", data.join("dermx").display()),
        format!("data.test_images={}", data.join("dermx/images").display()),
        format!("synthetic.root={}", data.display()),
        "synthetic.num_images=12".to_string(),
        "synthetic.num_train_images=24".to_string(),
        "model.architecture=mobilenet_v2".to_string(),
        "model.last_stride=2".to_string(),
        "input.size=[32, 40]".to_string(),
        "evaluate.size=[60, 80]".to_string(),
        "run.epochs=2".to_string(),
        "run.seeds=[0]".to_string(),
        "train.batch_size=4".to_string(),
        "report.num_gallery_images=3".to_string(),
        "explain.sanity=[]".to_string(),
    ];
    Ok(Experiment::open_with("quickstart.toml", &keys)?.in_folder(folder.join(run)))
}

/// Files of a seed whose bytes equal runs share.
const RESULTS: [&str; 5] =
    ["weights.safetensors", "predictions.csv", "per_image.csv", "metrics.jsonl", "eval.json"];

fn assert_equal_results(one: &Path, other: &Path) -> TestResult {
    for name in RESULTS {
        let [one, other] = [one, other].map(|run| fs::read(run.join("seed-0").join(name)));
        assert!(one? == other?, "{name} differs");
    }
    Ok(())
}

#[test]
fn two_sessions_at_once_in_one_process_make_the_same_bytes() -> TestResult {
    let folder = tempfile::tempdir()?;
    let runs = [("one", 1), ("three", 3)];
    let experiments = runs.map(|(run, num_threads)| (experiment(folder.path(), run), num_threads));
    std::thread::scope(|scope| {
        let threads: Vec<_> = experiments
            .into_iter()
            .map(|(experiment, num_threads)| {
                let experiment = experiment.unwrap();
                scope.spawn(move || {
                    let session = Session::cpu().with_threads(num_threads).unwrap();
                    let trained = experiment.train(&Context::silent(&session)).unwrap();
                    assert!(trained.tested.unwrap().page.exists());
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
    let [one, three] = runs.map(|(run, _)| folder.path().join(run));
    assert_equal_results(&one, &three)?;
    for (run, num_threads) in runs {
        let environment = fs::read_to_string(folder.path().join(run).join("environment.json"))?;
        assert!(environment.contains(&format!("\"num_threads\": {num_threads}")), "{environment}");
    }
    Ok(())
}

/// Counts what it is told, and asks to stop after so many looks.
struct Impatient {
    num_looks: AtomicUsize,
    max_looks: usize,
    names: std::sync::Mutex<Vec<String>>,
}

impl Cancel for Impatient {
    fn is_requested(&self) -> bool {
        self.num_looks.fetch_add(1, Ordering::SeqCst) >= self.max_looks
    }
}

struct Bar;

impl ProgressBar for Bar {
    fn skip(&mut self, _: usize) {}
    fn set(&mut self, _: usize, _: &str) {}
    fn finish(self: Box<Self>, _: &str) {}
}

impl Progress for Impatient {
    fn start(&self, name: &str, total: usize, unit: &str) -> Box<dyn ProgressBar> {
        self.names.lock().unwrap().push(format!("{name} of {total} {unit}"));
        Box::new(Bar)
    }
}

#[test]
fn a_run_that_its_caller_stopped_goes_on_to_the_same_bytes() -> TestResult {
    let folder = tempfile::tempdir()?;
    let session = Session::cpu();
    // Training alone leaves the rest for later.
    let whole = experiment(folder.path(), "whole")?;
    assert!(whole.train_only(&Context::silent(&session))?.tested.is_none());
    let whole = Experiment::resume(folder.path().join("whole"))?;
    assert!(whole.train(&Context::silent(&session))?.tested.is_some());
    let caller =
        Impatient { num_looks: 0.into(), max_looks: 9, names: std::sync::Mutex::default() };
    let watch = Watch { progress: &caller, cancel: &caller };
    let stopped = experiment(folder.path(), "stopped")?;
    let error = stopped.train(&Context { session: &session, watch }).unwrap_err();
    assert_eq!(error.failure(), Failure::Stopped, "{error}");
    assert_eq!(*caller.names.lock().unwrap(), ["seed 0 of 48 img"]);
    let run = folder.path().join("stopped");
    assert!(!run.join("seed-0/weights.safetensors").exists());
    Experiment::resume(&run)?.train(&Context::silent(&session))?;
    assert_equal_results(&folder.path().join("whole"), &run)
}

#[test]
fn a_model_says_of_photos_what_its_run_said_of_them() -> TestResult {
    let folder = tempfile::tempdir()?;
    let session = Session::cpu();
    let experiment = experiment(folder.path(), "run")?;
    experiment.train(&Context::silent(&session))?;
    let run = folder.path().join("run");
    let images = folder.path().join("data/dermx/images");
    let model = Model::open(&run, None)?;
    let photos = model.photos(&images)?;
    let predictions = model.predict(&photos)?;
    let table = fs::read_to_string(run.join("seed-0/predictions.csv"))?;
    assert_eq!(predictions.len(), 12);
    for prediction in &predictions {
        let cells = [&prediction.image_id, &prediction.class];
        let mut rows = table.lines().skip(1);
        let row = rows.find(|row| row.starts_with(&format!("{},", cells[0]))).ok_or("no row")?;
        assert_eq!(row.split(',').nth(2), Some(cells[1].as_str()), "{row}");
        let p = format!("{:.9}", prediction.probabilities[0]);
        assert_eq!(row.split(',').nth(3), Some(p.as_str()), "{row}");
    }
    // One photo alone has the same map as among the others, whichever way its class is named.
    let class_idx = |class: &str| model.classes().iter().position(|name| name == class).unwrap();
    let all = model.explain(&photos, Method::GradCam, Targets::Predicted)?;
    let each: Vec<usize> = predictions.iter().map(|one| class_idx(&one.class)).collect();
    assert_eq!(model.explain(&photos, Method::GradCam, Targets::Each(&each))?, all);
    let photo = images.join(fs::read_dir(&images)?.next().ok_or("no photo")??.file_name());
    let alone = model.explain(&model.photos(&photo)?, Method::GradCam, Targets::Predicted)?;
    assert_eq!(alone.len(), 1);
    assert!(all.contains(&alone[0]), "{}", alone[0].0);
    let picture = folder.path().join("overlay.png");
    overlay(&photo, &alone[0].1, &picture)?;
    assert_eq!(dermx::read_photo(&picture)?.dimensions(), dermx::read_photo(&photo)?.dimensions());
    // The file of weights says by itself what the run knows.
    let weights = run.join("seed-0/weights.safetensors");
    let from_file = Model::from_weights(&weights, &WeightsOptions::default(), &session)?;
    assert_eq!(from_file.predict(&from_file.photos(&images)?)?, predictions);
    // What a network predicted and where it looked is scored without a file.
    let dataset = Dataset::open(folder.path().join("data/dermx"))?;
    let choices = ScoringChoices { classes: model.classes().to_vec(), ..ScoringChoices::default() };
    let benchmark = Benchmark::new(&dataset, choices)?;
    let predictions = to_predictions(&predictions, model.classes());
    let card = benchmark.score(&raw_maps(all), Some(&predictions))?;
    let accuracy = card.record.diagnosis.as_ref().and_then(|one| one.accuracy.mean);
    let eval = fs::read_to_string(run.join("seed-0/eval.json"))?;
    assert!(eval.contains(&format!("\"mean\": {}", accuracy.ok_or("no accuracy")?)), "{eval}");
    // The file has nine digits of a probability.
    let written: EvalRecord = dermx_eval::read_eval_json(eval.as_bytes())?;
    let ece = |record: &EvalRecord| record.diagnosis.as_ref()?.ece.as_ref()?.mean;
    let (found, written) = (ece(&card.record).ok_or("no ece")?, ece(&written).ok_or("no ece")?);
    assert!((found - written).abs() < 1e-8, "{found} {written}");
    // What cannot be is an error, not a panic.
    let error = model.explain(&photos, Method::GradCam, Targets::Class(6)).unwrap_err();
    assert_eq!(error.failure(), Failure::BadData, "{error}");
    let error = model.explain(&photos, Method::GradCam, Targets::Each(&[0])).unwrap_err();
    assert!(error.to_string().contains("1 targets for 12 images"), "{error}");
    assert_eq!(
        model.photos(folder.path().join("none")).unwrap_err().failure(),
        Failure::MissingInput
    );
    Ok(())
}
