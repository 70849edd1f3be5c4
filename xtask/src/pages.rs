//! Small runs and their report pages, one of each kind, for the checks that look at them.

use crate::cargo::root;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Twelve test and twenty-four training images, and a network that learns nothing of them in its two epochs: pages of
/// a few seconds' work, with every part that a page can have.
const SMALL: [&str; 11] = [
    "data.train=data/train",
    "synthetic.root=data",
    "synthetic.num_images=12",
    "synthetic.num_train_images=24",
    "input.size=[32, 40]",
    "evaluate.size=[60, 80]",
    "run.epochs=2",
    "train.batch_size=4",
    "report.num_gallery_images=3",
    "model.architecture=efficientnet_b0",
    "model.last_stride=2",
];

/// Sanity checks: what both show, and what is soon done.
const BOTH_CHECKS: &str = "explain.sanity=[\"randomization\", \"faithfulness\"]";
const ONE_CHECK: &str = "explain.sanity=[\"randomization\"]";

/// Test sets: DermX's layout with three raters an image, and the same as anybody's own masks.
const DERMX: &str = "data/dermx";
const MASKS: &str = "own";

/// Photos in folders alone, of which a network is trained and tested.
const LABELS: &str = r#"
[data]
train = "data/train"
test = "more/train"
[model]
architecture = "efficientnet_b0"
last_stride = 2
[input]
size = [32, 40]
[train]
batch_size = 4
[report]
num_gallery_images = 3
[run]
epochs = 2
seeds = [0]
"#;

/// Where the step of the quick start leaves its page.
pub fn quick_start() -> PathBuf {
    root().join("target/pages/quick-start/index.html")
}

/// A folder with small runs.
pub struct Workplace {
    command: PathBuf,
    folder: PathBuf,
}

impl Workplace {
    /// Makes the folder `name` in `target/pages` anew, with a synthetic data set.
    pub fn new(command: &Path, name: &str) -> Result<Self> {
        let workplace = Self::empty(command, name)?;
        workplace.run(&["synth", "--out", "data", "--images", "12", "--train-images", "24"])?;
        Ok(workplace)
    }

    /// Makes the folder `name` in `target/pages` anew.
    pub fn empty(command: &Path, name: &str) -> Result<Self> {
        let folder = root().join("target/pages").join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        Ok(Self { command: command.to_path_buf(), folder })
    }

    /// The path of `name` in the folder.
    pub fn join(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Runs the command in the folder; what it printed is told only where it fails.
    pub fn run(&self, args: &[&str]) -> Result<()> {
        let mut command = Command::new(&self.command);
        let output = command.current_dir(&self.folder).args(args).output();
        let output = output.with_context(|| format!("cannot start {}", self.command.display()))?;
        if !output.status.success() {
            let message = String::from_utf8_lossy(&output.stderr);
            bail!("dermx {} ended with {}: {message}", args.join(" "), output.status);
        }
        Ok(())
    }

    /// Trains the run `name` on the test set `test`, with further settings.
    fn train(&self, name: &str, test: &str, settings: [&str; 3]) -> Result<()> {
        let test = format!("data.test={test}");
        let more = [&*test, "data.test_images=data/dermx/images"].into_iter().chain(settings);
        let mut args = vec!["train", "--config", "quickstart.toml", "--run", name, "--quiet"];
        for setting in SMALL.into_iter().chain(more) {
            args.extend(["--set", setting]);
        }
        self.run(&args)
    }

    /// Trains a run of two seeds, `seeds`, and another, `other`.
    pub fn two_runs(&self) -> Result<()> {
        let [usual, faster] = ["train.learning_rate=0.0005", "train.learning_rate=0.001"];
        self.train("seeds", DERMX, ["run.seeds=[0, 1]", usual, ONE_CHECK])?;
        self.train("other", DERMX, ["run.seeds=[0]", faster, ONE_CHECK])
    }

    /// Makes a page of each kind; names and files.
    pub fn pages(&self) -> Result<Vec<(&'static str, PathBuf)>> {
        self.two_runs()?;
        self.run(&["dataset", "convert", DERMX, "--to", "masks", "--out", MASKS])?;
        self.train("masks", MASKS, ["run.seeds=[0]", "train.learning_rate=0.0005", BOTH_CHECKS])?;
        let more = "synth --out more --images 6 --train-images 12 --seed 1";
        self.run(&more.split(' ').collect::<Vec<_>>())?;
        fs::write(self.join("labels.toml"), LABELS)?;
        self.run(&["train", "--config", "labels.toml", "--run", "labels", "--quiet"])?;
        self.run(&["report", "seeds", "other", "--out", "comparison"])?;
        let describe = ["dataset", "describe", "--data", MASKS, "--images", "data/dermx/images"];
        self.run(&[&describe[..], &["--report", "--out", "about"]].concat())?;
        let maps = ["evaluate", "--data", MASKS, "--heatmaps", "other/seed-0/heatmaps"];
        self.run(&[&maps[..], &["--out", "maps", "--report"]].concat())?;
        let pages = [
            ("two-seeds", "seeds/report/index.html"),
            ("own-masks", "masks/report/index.html"),
            ("labels-only", "labels/report/index.html"),
            ("comparison", "comparison/seeds/index.html"),
            ("side-by-side", "comparison/index.html"),
            ("data-set", "about/report/index.html"),
            ("external-maps", "maps/report/index.html"),
        ];
        Ok(pages.map(|(name, file)| (name, self.join(file))).to_vec())
    }
}
