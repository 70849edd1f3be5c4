//! Sweeps over units of work made by hand, in a folder.

use crate::toy;

use dermx_sweep::{
    Accepted, Launch, Launcher, PlanRequest, State, Status, Sweep, SweepError, SweepResult, Unit,
    UnitCommand, UnitEnd, Worker, claim, latest, plan, trial_unit,
};
use dermx_work::{EndedTrial, Failure, Outcome, Source, Watch, Work};
use std::fs;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::Path;
use std::sync::Arc;
use toy::Toy;

fn request(out: &Path, sets: &[&str]) -> PlanRequest {
    PlanRequest {
        configs: vec!["toy".to_string()],
        seeds: None,
        folds: Vec::new(),
        sets: sets.iter().map(ToString::to_string).collect(),
        backend: "cpu".to_string(),
        launcher: Launcher::Local,
        jobs: NonZeroUsize::MIN,
        lease: NonZeroU64::new(2).unwrap(),
        out: out.to_path_buf(),
        dry_run: false,
    }
}

fn run(toy: &Toy, sweep: &Sweep, unit: &Unit) -> SweepResult<UnitEnd<()>> {
    let watch = Watch { cancel: toy, ..Watch::SILENT };
    let on_lost = Arc::new(|| panic!("nobody takes over"));
    Worker { work: toy, owner: "test".to_string(), on_lost, watch }.run(sweep, unit)
}

#[test]
fn two_workers_do_every_unit_once() {
    let folder = tempfile::tempdir().unwrap();
    let toy = Toy { waits_for_another: true, ..Toy::default() };
    let request = request(&folder.path().join("sweep"), &["x=1,2,3", "y=5"]);
    let sweep = plan(&request, &toy).unwrap();
    // Three values, two seeds; `y` is in the configuration.
    let units = &sweep.plan().units;
    assert_eq!(units.len(), 6);
    assert_eq!(sweep.plan().resources["toy"].cpus, Some(2));
    let text = fs::read_to_string(sweep.path().join("configs/toy.toml")).unwrap();
    assert!(text.starts_with("# One configuration of a sweep;") && text.contains("\ny = 5\n"));
    assert_eq!(Status::read(&sweep).unwrap().missing().len(), 6);
    let work = |units: Vec<&Unit>| {
        let mut num_ran = 0;
        for unit in units {
            match run(&toy, &sweep, unit).unwrap() {
                UnitEnd::Ran(()) => num_ran += 1,
                UnitEnd::Done | UnitEnd::Taken => {}
                UnitEnd::Tried(trial) => panic!("{trial:?}"),
            }
        }
        num_ran
    };
    let num_ran: usize = std::thread::scope(|scope| {
        let one = scope.spawn(|| work(units.iter().collect()));
        let other = scope.spawn(|| work(units.iter().rev().collect()));
        one.join().unwrap() + other.join().unwrap()
    });
    assert_eq!(num_ran, 6);
    assert_eq!(toy.most_at_once.into_inner(), 2);
    let attempts = toy.attempts.into_inner().unwrap();
    assert!(attempts.len() == 6 && attempts.values().all(|&num| num == 1), "{attempts:?}");
    let status = Status::read(&sweep).unwrap();
    assert_eq!((status.num_done, status.missing().len()), (6, 0));
    for unit in units {
        assert!(sweep.run(unit).join("result").exists(), "{}", unit.name);
        let accepted = Accepted::read(&sweep, unit).unwrap().unwrap();
        assert_eq!((&*accepted.owner, accepted.generation, accepted.trial), ("test", 1, None));
    }
}

#[test]
fn a_unit_that_fails_says_why_and_is_done_by_the_next_who_can() {
    let folder = tempfile::tempdir().unwrap();
    let toy = Toy::default();
    let sets = ["x=\"absent\",\"panic\",1", "run.seeds=[0]"];
    let sweep = plan(&request(&folder.path().join("sweep"), &sets), &toy).unwrap();
    let [absent, panic, good] = &sweep.plan().units[..] else { panic!("{:?}", sweep.plan()) };
    let error = run(&toy, &sweep, absent).unwrap_err();
    assert_eq!(error.failure(), Failure::MissingInput);
    let error = run(&toy, &sweep, panic).unwrap_err();
    assert_eq!(error.failure(), Failure::Internal);
    assert_eq!(error.to_string(), "internal fault: a fault of the toy");
    assert!(matches!(run(&toy, &sweep, good), Ok(UnitEnd::Ran(()))));
    assert!(matches!(run(&toy, &sweep, good), Ok(UnitEnd::Done)));
    let state = |unit: &Unit| latest(&sweep.shared(), &unit.name).unwrap().unwrap().1.state;
    let message = "absent.csv: no such file".to_string();
    assert_eq!(state(absent), State::Failed { failure: Failure::MissingInput, message });
    assert_eq!(state(good), State::Done);
    let status = Status::read(&sweep).unwrap();
    assert_eq!((status.num_done, status.failed.len()), (1, 2));
    let failure = status.unfinished(&sweep, &[]).unwrap();
    assert!(matches!(failure, SweepError::Units { failure: Failure::MissingInput, .. }));
    assert!(failure.to_string().contains("absent.csv: no such file"), "{failure}");
    // Claims of a unit are counted on.
    assert!(run(&toy, &sweep, absent).is_err());
    assert_eq!(latest(&sweep.shared(), &absent.name).unwrap().unwrap().0, 2);
}

#[test]
fn a_stopped_unit_goes_on_from_its_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let request = request(&folder.path().join("sweep"), &["run.seeds=[0]"]);
    let sweep = plan(&request, &Toy::default()).unwrap();
    let unit = &sweep.plan().units[0];
    let error = run(&Toy::stopped_after(2), &sweep, unit).unwrap_err();
    assert_eq!(error.failure(), Failure::Stopped);
    assert_eq!(error.to_string(), "stopped on request; `dermx sweep run` goes on");
    assert_eq!(latest(&sweep.shared(), &unit.name).unwrap().unwrap().1.state, State::Stopped);
    let toy = Toy::default();
    assert!(matches!(run(&toy, &sweep, unit), Ok(UnitEnd::Ran(()))));
    assert_eq!(toy.num_epochs.into_inner(), 1);
}

#[test]
fn a_claim_without_a_sign_of_life_is_taken_over_after_its_lease() {
    let folder = tempfile::tempdir().unwrap();
    let mut request = request(&folder.path().join("sweep"), &["run.seeds=[0]"]);
    request.lease = NonZeroU64::MIN;
    let toy = Toy::default();
    let sweep = plan(&request, &toy).unwrap();
    let unit = &sweep.plan().units[0];
    claim(&sweep.shared(), &unit.name, 1, "dead", 1 << 40).unwrap().unwrap();
    // A clock far ahead of ours, as another machine may have: no sign of life, whatever it says.
    let status = Status::read(&sweep).unwrap();
    assert_eq!((status.running.len(), status.lost.len(), status.is_watched), (1, 0, false));
    let status = Status::watch(&sweep, Watch::SILENT).unwrap();
    assert_eq!((status.lost.len(), &*status.lost[0].owner), (1, "dead"));
    assert_eq!(status.missing(), std::slice::from_ref(&unit.name));
    assert!(matches!(run(&toy, &sweep, unit), Ok(UnitEnd::Ran(()))));
    assert_eq!(Accepted::read(&sweep, unit).unwrap().unwrap().generation, 2);
}

#[test]
fn of_a_trial_a_failure_is_a_result_and_missing_data_are_none() {
    let folder = tempfile::tempdir().unwrap();
    let toy = Toy::default();
    let config = toy.resolve(Source::Named("toy"), &[]).unwrap();
    let trial = |x: &str| trial_unit(&toy, &config, "cpu", &[format!("x={x}")]).unwrap();
    let units = ["2", "\"nan\"", "\"absent\""].map(trial);
    assert!(units.iter().all(|unit| unit.overrides().last().unwrap() == "run.seeds=[0]"));
    let sweep = plan(&request(&folder.path().join("sweep"), &[]), &toy).unwrap();
    let of_trials = dermx_sweep::Plan { units: units.to_vec(), ..sweep.plan().clone() };
    let sweep = Sweep::write(sweep.path(), &of_trials, [&config]).unwrap();
    let outcomes: Vec<_> = units
        .iter()
        .map(|unit| {
            let end = run(&toy, &sweep, unit);
            let accepted = Accepted::read(&sweep, unit).unwrap();
            match end {
                Ok(UnitEnd::Tried(trial)) => {
                    assert_eq!(accepted.unwrap().trial.as_ref(), Some(&trial));
                    assert!(!sweep.run(unit).join("checkpoint").exists());
                    Ok(trial)
                }
                Ok(other) => panic!("{other:?}"),
                Err(error) => {
                    assert!(accepted.is_none());
                    Err(error.failure())
                }
            }
        })
        .collect();
    // 2 (1/2, 3/4, 7/8).
    let finished = Outcome::Finished { epoch: 3, value: 1.75 };
    let failed = Outcome::Failed { reason: "the loss is not finite".to_string() };
    let expected = [
        Ok(EndedTrial { epochs: vec![1.0, 1.5, 1.75], outcome: finished }),
        Ok(EndedTrial { epochs: Vec::new(), outcome: failed }),
        Err(Failure::MissingInput),
    ];
    assert_eq!(outcomes, expected);
}

#[test]
fn plans_that_cannot_be_are_refused_each_with_its_failure() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("sweep");
    let toy = Toy::default();
    let failure = |request: &PlanRequest| {
        let error = plan(request, &toy).unwrap_err();
        (error.failure(), error.to_string())
    };
    let (kind, message) = failure(&request(&out, &["x=1,1"]));
    assert!(kind == Failure::Usage && message.contains("two units are the same"), "{message}");
    let (kind, message) = failure(&request(&out, &["z=1"]));
    assert_eq!((kind, &*message), (Failure::BadConfig, "toy: `z` is not known"));
    let mut twice = request(&out, &[]);
    twice.configs.push("toy".to_string());
    assert_eq!(failure(&twice).0, Failure::Usage);
    let mut absent = request(&out, &[]);
    absent.configs = vec!["absent".to_string()];
    assert_eq!(failure(&absent).0, Failure::MissingInput);
    assert!(!out.exists(), "nothing is left behind");
    let sweep = plan(&request(&out, &[]), &toy).unwrap();
    let (kind, message) = failure(&request(&out, &[]));
    assert!(kind == Failure::Locked && message.contains("there is a sweep already"), "{message}");
    // A configuration that was changed is not what was planned.
    let unit = &sweep.plan().units[0];
    let config = out.join("configs/toy.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("x = 1", "x = 7")).unwrap();
    let error = run(&toy, &sweep, unit).unwrap_err();
    assert_eq!(error.failure(), Failure::BadData);
    assert!(error.to_string().contains("was changed after the sweep was planned"), "{error}");
    assert_eq!(sweep.unit("nobody").unwrap_err().failure(), Failure::MissingInput);
    let none = Sweep::open(folder.path()).unwrap_err();
    assert!(none.failure() == Failure::MissingInput && none.to_string().contains("plan.json"));
}

#[cfg(unix)]
#[test]
fn processes_are_what_they_were_asked_to_be_and_their_failures_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let toy = Toy::default();
    let sweep = plan(&request(&folder.path().join("sweep"), &["x=1,2"]), &toy).unwrap();
    // What a unit does is this program's business: here it hands in a result, but for one unit.
    let failing = &sweep.plan().units[0].name;
    let script = format!(
        "echo \"$1 $2\"; if [ \"$2\" = {failing} ]; then \
         echo '{{\"owner\":\"sh\",\"state\":{{\"failed\":{{\"failure\":\"io\",\"message\":\"full\"}}}},\
         \"beat\":0,\"unix_s\":0,\"since_unix_s\":0}}' > \"$1/claims/$2.1\"; exit 1; fi; \
         echo '{{\"owner\":\"sh\",\"generation\":1,\"seconds\":3}}' > \"$1/accepted/$2\""
    );
    let args = ["-c", &script, "sh"].map(str::to_string).to_vec();
    let command = UnitCommand { program: "/bin/sh".into(), args };
    let launch =
        Launch { launcher: Launcher::Local, command: &command, jobs: Some(2), dry_run: true };
    assert_eq!(launch.run(&sweep, Watch::SILENT).unwrap(), "4 units are planned\n");
    let launch = Launch { dry_run: false, ..launch };
    let error = launch.run(&sweep, Watch::SILENT).unwrap_err();
    assert_eq!(error.failure(), Failure::Io);
    let message = error.to_string();
    assert!(message.contains("3 done") && message.contains("full"), "{message}");
    let log = fs::read_to_string(sweep.log(failing)).unwrap();
    assert_eq!(log, format!("{} {failing}\n", sweep.path().display()));
    fs::write(sweep.path().join("accepted").join(failing), "{}").unwrap();
    assert_eq!(launch.run(&sweep, Watch::SILENT).unwrap(), "nothing is left to run\n");
}
