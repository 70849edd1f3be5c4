//! The plan of a sweep: its folder, its units, and their configurations.

use super::folder::DiskFolder;
use crate::config::{self, Config};
use crate::error::{RunError, RunResult};
use crate::run_folder::{resolved, to_json};
use crate::synth::prepare_synthetic;
use dermx_data::write_atomic;
use dermx_sweep::{Kind, Resources, Unit, UnitConfig, choices, units};
use dermx_work::Watch;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};

const PLAN: &str = "plan.json";

/// The version of the format.
const FORMAT: u32 = 1;

/// Who runs the units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Launcher {
    /// Processes on this machine.
    Local,
    /// Slurm, as arrays of jobs; the folder has to be one that all nodes see.
    Slurm,
}

/// What a sweep is to be made of.
#[derive(Debug, Clone)]
pub struct PlanRequest {
    /// Configurations, as [`Config::load`] finds them.
    pub configs: Vec<String>,
    /// Seeds; those of each configuration without.
    pub seeds: Option<Vec<u64>>,
    /// Folds, each of which becomes `split.fold`.
    pub folds: Vec<u64>,
    /// Changed keys, `section.key=value[,value...]`: each value is tried with each of the others.
    pub sets: Vec<String>,
    /// Who runs the units.
    pub launcher: Launcher,
    /// Units at once on one machine.
    pub jobs: NonZeroUsize,
    /// Seconds without a sign of life after which a unit is given to another process.
    pub lease: NonZeroU64,
    /// The folder of the sweep.
    pub out: PathBuf,
    /// Whether nothing is to be run.
    pub dry_run: bool,
}

/// What `plan.json` holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    /// Version of this file's format.
    pub format: u32,
    /// Who runs the units.
    pub launcher: Launcher,
    /// Units at once on one machine.
    pub jobs: usize,
    /// Seconds without a sign of life after which a unit is given to another process.
    pub lease_s: u64,
    /// Where relative paths of the configurations begin.
    pub working_folder: PathBuf,
    /// What Slurm is asked for, by configuration.
    pub resources: BTreeMap<String, Resources>,
    /// The units.
    pub units: Vec<Unit>,
}

impl Plan {
    /// A plan of no units yet, whose configurations are read in the current folder.
    ///
    /// # Errors
    /// The current folder is gone.
    pub fn new(launcher: Launcher, jobs: NonZeroUsize, lease_s: NonZeroU64) -> RunResult<Self> {
        let working_folder =
            std::env::current_dir().map_err(|error| RunError::io(Path::new("."), &error))?;
        Ok(Self {
            format: FORMAT,
            launcher,
            jobs: jobs.get(),
            lease_s: lease_s.get(),
            working_folder,
            resources: BTreeMap::new(),
            units: Vec::new(),
        })
    }
}

/// A sweep in its folder: `plan.json`, `configs/` (one for each that units are made of), `claims/`,
/// `accepted/`, `runs/` (a run folder for each unit), `logs/`, and `slurm/`.
#[derive(Debug)]
pub struct Sweep {
    path: PathBuf,
    plan: Plan,
}

impl Sweep {
    /// Reads the plan in `folder`.
    ///
    /// # Errors
    /// There is none, or it is damaged.
    pub fn open(folder: &Path) -> RunResult<Self> {
        let file = folder.join(PLAN);
        let bytes = std::fs::read(&file).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => RunError::missing_input(format!(
                "{}: not the folder of a sweep (no {PLAN})",
                folder.display()
            )),
            _ => RunError::io(&file, &error),
        })?;
        let plan: Plan =
            serde_json::from_slice(&bytes).map_err(|error| RunError::in_file(&file, error))?;
        if plan.format != FORMAT {
            let message = format!("format {}, expected {FORMAT}", plan.format);
            return Err(RunError::in_file(&file, message));
        }
        let path = std::path::absolute(folder).map_err(|error| RunError::io(folder, &error))?;
        Ok(Self { path, plan })
    }

    /// The plan in `folder`, if there is one.
    ///
    /// # Errors
    /// It is damaged.
    pub fn find(folder: &Path) -> RunResult<Option<Self>> {
        folder.join(PLAN).exists().then(|| Self::open(folder)).transpose()
    }

    /// Writes `plan` into `folder` with the configurations of its units, the plan last of all.
    ///
    /// # Errors
    /// A full disk, a folder that cannot be written to.
    pub fn write(
        folder: &Path,
        plan: &Plan,
        configs: &BTreeMap<String, Config>,
    ) -> RunResult<Self> {
        for name in ["configs", "claims", "accepted", "runs", "logs", "slurm"] {
            let path = folder.join(name);
            std::fs::create_dir_all(&path).map_err(|error| RunError::io(&path, &error))?;
        }
        for (name, config) in configs {
            let comment =
                "One configuration of a sweep; plan.json says how its units differ from it.";
            write_atomic(&config_path(folder, name), resolved(config, comment)?.as_bytes())?;
        }
        write_atomic(&folder.join(PLAN), &to_json(plan)?)?;
        Self::open(folder)
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder as workers share it.
    pub fn shared(&self) -> DiskFolder {
        DiskFolder::new(&self.path)
    }

    /// The unit called `name`.
    ///
    /// # Errors
    /// There is none.
    pub fn unit(&self, name: &str) -> RunResult<&Unit> {
        self.plan.units.iter().find(|unit| unit.name == name).ok_or_else(|| {
            let message = format!("{}: the plan has no unit `{name}`", self.path.display());
            RunError::missing_input(message)
        })
    }

    /// The configuration of `unit`, the same as when it was planned.
    ///
    /// # Errors
    /// A file that was changed since then, or keys that this program knows otherwise.
    pub fn config(&self, unit: &Unit) -> RunResult<Config> {
        let path = config_path(&self.path, &unit.config);
        let config = Config::load(&path.to_string_lossy(), &unit.overrides())?;
        let again = units(&unit.config, &[unit.seed], &fold_of(unit), &sets_of(unit), |_| {
            unit_config(&config)
        })?;
        if again.first().is_none_or(|again| again.name != unit.name) {
            let message = "was changed after the sweep was planned, or by another version of dermx; \
                           plan a new sweep";
            return Err(RunError::in_file(&path, message));
        }
        Ok(config)
    }

    /// The run folder of a unit.
    pub fn run(&self, unit: &Unit) -> PathBuf {
        self.path.join("runs").join(&unit.name)
    }

    /// Where what a unit prints goes.
    pub fn log(&self, unit: &str) -> PathBuf {
        self.path.join("logs").join(format!("{unit}.log"))
    }
}

fn fold_of(unit: &Unit) -> Vec<u64> {
    unit.fold.into_iter().collect()
}

fn sets_of(unit: &Unit) -> Vec<Vec<String>> {
    unit.set.iter().map(|set| vec![set.clone()]).collect()
}

fn config_path(sweep: &Path, name: &str) -> PathBuf {
    sweep.join("configs").join(format!("{name}.toml"))
}

/// What the names of a unit are made of: every key, also those that say where data lie.
fn unit_config(config: &Config) -> RunResult<UnitConfig> {
    let mut keys = config::flat(config)?;
    let text = |keys: &BTreeMap<String, String>| {
        keys.iter().map(|(key, value)| format!("{key} = {value}\n")).collect::<String>()
    };
    let content = text(&keys);
    keys.remove("run.seeds");
    Ok(UnitConfig { content, content_of_group: text(&keys) })
}

/// Makes the folder of a sweep, with data that are synthetic, and its plan, last of all.
///
/// # Errors
/// Wrong configurations, a folder in use, two equal units.
pub fn plan(request: &PlanRequest, watch: Watch<'_>) -> RunResult<Sweep> {
    let usage = |message: String| RunError::usage(message);
    let sets: Vec<Vec<String>> =
        request.sets.iter().map(|set| choices(set)).collect::<Result<_, _>>().map_err(usage)?;
    // Keys with one value belong to the configuration; the others tell units apart.
    let (swept, fixed): (Vec<_>, Vec<_>) = sets.into_iter().partition(|set| set.len() > 1);
    let fixed = fixed.concat();
    let mut planned = Planned::default();
    for name in &request.configs {
        planned.add(name, &fixed, &swept, request)?;
    }
    planned.check()?;
    if !request.dry_run {
        super::check_present(request.launcher)?;
    }
    for config in planned.configs.values() {
        prepare_synthetic(config, watch)?;
    }
    let plan = Plan {
        resources: planned.resources,
        units: planned.units,
        ..Plan::new(request.launcher, request.jobs, request.lease)?
    };
    make_folder(&request.out)?;
    Sweep::write(&request.out, &plan, &planned.configs)
}

/// The unit of a trial that changes keys of the configuration `name`, as `section.key=value`.
///
/// # Errors
/// Values that do not fit together.
pub fn trial_unit(name: &str, config: &Config, changes: &[String]) -> RunResult<Unit> {
    // As the unit will be read.
    let text = resolved(config, "")?;
    let seeds = config.run.seeds.get(..1).unwrap_or_default();
    let sets: Vec<Vec<String>> = changes.iter().map(|change| vec![change.clone()]).collect();
    let found = units(name, seeds, &[], &sets, |unit| {
        unit_config(&Config::parse(name, &text, &unit.overrides())?)
    })?;
    let unit = found.into_iter().next();
    let none = || RunError::bad_config("run.seeds: expected at least one");
    Ok(Unit { kind: Kind::Trial, ..unit.ok_or_else(none)? })
}

#[derive(Default)]
struct Planned {
    configs: BTreeMap<String, Config>,
    resources: BTreeMap<String, Resources>,
    units: Vec<Unit>,
}

impl Planned {
    fn add(
        &mut self,
        file: &str,
        fixed: &[String],
        swept: &[Vec<String>],
        request: &PlanRequest,
    ) -> RunResult<()> {
        let name = config::config_name(file);
        // Folds have no value of their own in a configuration that leaves them to the sweep.
        let folds = &request.folds;
        let first_fold = folds.first().map(|fold| format!("split.fold={fold}"));
        let mut config =
            Config::load(file, &fixed.iter().cloned().chain(first_fold).collect::<Vec<_>>())?;
        let resources = config.slurm.take().map(Resources::from).unwrap_or_default();
        if self.resources.insert(name.clone(), resources).is_some() {
            let message = format!("two configurations are called `{name}`");
            return Err(RunError::usage(message));
        }
        let seeds = request.seeds.as_ref().unwrap_or(&config.run.seeds);
        // The text that units are read from, so that they are read here as they will be.
        let text = resolved(&config, "")?;
        self.units.extend(units(&name, seeds, folds, swept, |unit| {
            unit_config(&Config::parse(file, &text, &unit.overrides())?)
        })?);
        self.configs.insert(name, config);
        Ok(())
    }

    fn check(&self) -> RunResult<()> {
        let mut names = BTreeSet::new();
        match self.units.iter().find(|unit| !names.insert(&unit.name)) {
            None => Ok(()),
            Some(unit) => {
                let message =
                    format!("two units are the same, {}: a value of --set twice?", unit.name);
                Err(RunError::usage(message))
            }
        }
    }
}

/// Makes `folder`, which must be new or empty.
fn make_folder(folder: &Path) -> RunResult<()> {
    let error = |error| RunError::io(folder, &error);
    std::fs::create_dir_all(folder).map_err(error)?;
    if std::fs::read_dir(folder).map_err(error)?.next().is_some() {
        let message = format!(
            "{}: the folder is in use; go on with `dermx sweep run`, or choose another --out",
            folder.display()
        );
        return Err(RunError::locked(message));
    }
    Ok(())
}
