//! Trains a small network on synthetic photos, and scores where it looks: `train_and_score OUT`.
//!
//! From a checkout: `cargo run --release --workspace --example train_and_score -- /tmp/dermx`.

use dermx::{Context, Experiment, Session, SynthConfig, Watch, synthesize};
use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let out = std::env::args().nth(1).map(PathBuf::from).ok_or("name a folder")?;
    let data = out.join("data");
    let sizes = SynthConfig { num_images: 12, num_train_images: 48, seed: 0 };
    if !data.exists() {
        synthesize(&data, &sizes, Watch::SILENT)?;
    }

    let keys = [
        format!("data.train={}", data.join("train").display()),
        format!("data.test={}", data.join("dermx").display()),
        format!("synthetic.root={}", data.display()),
        format!("synthetic.num_images={}", sizes.num_images),
        format!("synthetic.num_train_images={}", sizes.num_train_images),
        "run.seeds=[0]".to_string(),
        "run.epochs=2".to_string(),
    ];
    let experiment = Experiment::open_with("quickstart.toml", &keys)?.in_folder(out.join("run"));

    let session = Session::cpu();
    let trained = experiment.train(&Context::silent(&session))?;
    let tested = trained.tested.ok_or("there was no test")?;
    let union = &tested.record.explanation["Union"];
    println!("fuzzy F1 of the raters' unions: {:?}", union.f1.mean);
    for (name, baseline) in &tested.record.baselines {
        println!("  {name}: {:?}", baseline["Union"].f1.mean);
    }
    println!("report: {}", tested.page.display());
    Ok(())
}
