//! Processes of a sweep that are killed at random moments and started twice: each unit ends with one result, and
//! it is that of a process that nobody disturbs. `DERMX_SCHEDULES=100` plays as many schedules.

#![cfg(unix)]

use crate::toy;

use dermx_data::Random;
use dermx_sweep::{
    Accepted, Launch, Launcher, PlanRequest, Status, Sweep, UnitCommand, Worker, plan,
};
use dermx_work::{Ended, Failure, OnEpoch, Resolved, Source, Task, Watch, Work, WorkError};
use std::fs::{self, File};
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use toy::Toy;

/// Tells the process of a unit from that of the tests.
const CHILD: &str = "DERMX_TEST_UNIT";

/// How long an epoch takes: long enough to be killed in it.
const EPOCH: Duration = Duration::from_millis(60);

/// The toy in a run folder that one process at a time may enter.
struct Locked(Toy);

impl Work for Locked {
    type Output = ();

    fn resolve(&self, source: Source<'_>, overrides: &[String]) -> Result<Resolved, WorkError> {
        self.0.resolve(source, overrides)
    }

    fn run(&self, task: &Task<'_>, on_epoch: &mut OnEpoch<'_>) -> Result<Ended<()>, WorkError> {
        let io = |error: std::io::Error| WorkError::new(Failure::Io, error);
        fs::create_dir_all(task.folder).map_err(io)?;
        let lock = File::create(task.folder.join(".lock")).map_err(io)?;
        lock.try_lock().map_err(|error| WorkError::new(Failure::Locked, error))?;
        self.0.run(task, on_epoch)
    }
}

/// Not a test by itself: what the processes below do, each one unit.
#[test]
fn a_process_of_one_unit() {
    let Some(asked) = std::env::var_os(CHILD) else { return };
    let asked = asked.into_string().unwrap();
    let (folder, unit) = asked.split_once('|').unwrap();
    let sweep = Sweep::open(Path::new(folder)).unwrap();
    let on_lost = Arc::new(|| std::process::exit(75));
    let owner = format!("process {}", std::process::id());
    let work = Locked(Toy { epoch_takes: EPOCH, ..Toy::default() });
    let worker = Worker { work: &work, owner, on_lost, watch: Watch::SILENT };
    worker.run(&sweep, sweep.unit(unit).unwrap()).unwrap();
}

fn start(sweep: &Sweep, unit: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "killed::a_process_of_one_unit"])
        .env(CHILD, format!("{}|{unit}", sweep.path().display()))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn planned(out: &Path) -> Sweep {
    let request = PlanRequest {
        configs: vec!["toy".to_string()],
        seeds: None,
        folds: Vec::new(),
        sets: vec!["x=1,2".to_string()],
        backend: "cpu".to_string(),
        launcher: Launcher::Local,
        jobs: NonZeroUsize::new(4).unwrap(),
        lease: NonZeroU64::MIN,
        out: out.to_path_buf(),
        dry_run: false,
    };
    plan(&request, &Toy::default()).unwrap()
}

/// What the run folders hold.
fn results(sweep: &Sweep) -> Vec<String> {
    let read = |unit| fs::read_to_string(sweep.run(unit).join("result")).unwrap();
    sweep.plan().units.iter().map(read).collect()
}

/// Starts the units of a sweep of four several times over, kills what `random` says when it says, and runs
/// what is left.
fn play(sweep: &Sweep, random: &mut Random) {
    let units = &sweep.plan().units;
    let mut children: Vec<Child> = Vec::new();
    for _ in 0..6 {
        children.push(start(sweep, &units[random.below(units.len())].name));
        std::thread::sleep(Duration::from_millis(random.below(120) as u64));
        if random.below(2) == 0 {
            let idx = random.below(children.len());
            // It may have ended by itself.
            let _ = children[idx].kill();
        }
    }
    for child in &mut children {
        if random.below(2) == 0 {
            let _ = child.kill();
        }
        child.wait().unwrap();
    }
    // As `dermx sweep run`: everything without a result, also what somebody claimed who is dead.
    let script = format!(
        "{CHILD}=\"$1|$2\" exec '{}' --exact killed::a_process_of_one_unit",
        std::env::current_exe().unwrap().display()
    );
    let args = ["-c", &script, "sh"].map(str::to_string).to_vec();
    let command = UnitCommand { program: "/bin/sh".into(), args };
    let launch =
        Launch { launcher: Launcher::Local, command: &command, jobs: None, dry_run: false };
    launch.run(sweep, Watch::SILENT).unwrap();
}

#[test]
fn units_killed_at_random_moments_end_with_the_results_of_undisturbed_ones() {
    let num_schedules: u64 =
        std::env::var("DERMX_SCHEDULES").map_or(3, |number| number.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let serial = planned(&folder.path().join("serial"));
    for unit in &serial.plan().units {
        assert!(start(&serial, &unit.name).wait().unwrap().success());
    }
    let expected = results(&serial);
    for schedule in 0..num_schedules {
        let sweep = planned(&folder.path().join(format!("{schedule}")));
        play(&sweep, &mut Random::new(schedule, "schedules", 0, ""));
        let status = Status::read(&sweep).unwrap();
        assert_eq!((status.num_done, status.failed.len()), (4, 0), "{schedule}: {}", status.text());
        assert_eq!(fs::read_dir(sweep.path().join("accepted")).unwrap().count(), 4, "{schedule}");
        for unit in &sweep.plan().units {
            assert!(Accepted::read(&sweep, unit).unwrap().is_some(), "{schedule}");
        }
        assert_eq!(results(&sweep), expected, "{schedule}");
    }
}

#[test]
fn a_sweep_with_a_killed_unit_does_not_say_that_all_is_well() {
    let folder = tempfile::tempdir().unwrap();
    let sweep = planned(&folder.path().join("sweep"));
    // Each process but those of one unit hands in a result; that one claims it and dies.
    let dying = &sweep.plan().units[0].name;
    let script = format!(
        "if [ \"$2\" = {dying} ]; then \
         echo '{{\"owner\":\"sh\",\"state\":\"working\",\"beat\":0,\"unix_s\":0,\"since_unix_s\":0}}' \
         > \"$1/claims/$2.1\"; kill -9 $$; fi; \
         echo '{{\"owner\":\"sh\",\"generation\":1,\"seconds\":3}}' > \"$1/accepted/$2\""
    );
    let args = ["-c", &script, "sh"].map(str::to_string).to_vec();
    let command = UnitCommand { program: "/bin/sh".into(), args };
    let launch =
        Launch { launcher: Launcher::Local, command: &command, jobs: None, dry_run: false };
    let error = launch.run(&sweep, Watch::SILENT).unwrap_err();
    assert_eq!(error.failure(), Failure::Stopped);
    let message = error.to_string();
    for part in ["3 done, 1 claimed", "signal: 9", dying, "`dermx sweep run` goes on"] {
        assert!(message.contains(part), "no `{part}` in {message}");
    }
    // Right after that it is not taken for one that somebody works on.
    assert_eq!(Status::read(&sweep).unwrap().missing(), std::slice::from_ref(dying));
    assert_eq!(launch.run(&sweep, Watch::SILENT).unwrap_err().failure(), Failure::Stopped);
}
