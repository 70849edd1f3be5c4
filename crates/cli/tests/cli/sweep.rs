//! Many runs in one folder: nothing lost, nothing counted twice, and the same tables as one run after
//! the other.

use crate::dermx::{QUICK, TestResult, Workplace, command, fail, stderr, stdout, succeed};
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// What `collect` writes for all units.
const TABLES: [&str; 5] =
    ["units.csv", "groups.csv", "diagnosis.csv", "explanation.csv", "tables.md"];

/// Arguments that plan a sweep of tiny networks into `out`, with `more`.
pub fn plan_args(out: &str, more: &[&str]) -> Vec<String> {
    let settings = Workplace::train_args("unused");
    let settings = settings.iter().map(String::as_str).skip_while(|arg| *arg != "--set");
    ["sweep", "--config", "quickstart.toml", "--quiet", "--out", out]
        .into_iter()
        .chain(settings)
        .chain(QUICK)
        .chain(more.iter().copied())
        .map(ToString::to_string)
        .collect()
}

/// Runs the command with owned arguments.
pub fn run(workplace: &Workplace, args: &[String]) -> Result<String, Box<dyn Error>> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    Ok(stdout(&succeed(workplace.path(), &args)?))
}

/// The status of the sweep `name`.
pub fn status(workplace: &Workplace, name: &str) -> Result<serde_json::Value, Box<dyn Error>> {
    let output = succeed(workplace.path(), &["sweep", "status", name, "--json"])?;
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Names of the units of the sweep `name`.
pub fn units(workplace: &Workplace, name: &str) -> Result<Vec<String>, Box<dyn Error>> {
    let plan: serde_json::Value =
        serde_json::from_slice(&fs::read(workplace.join(name).join("plan.json"))?)?;
    let units = plan["units"].as_array().ok_or("no units")?;
    Ok(units.iter().filter_map(|unit| unit["name"].as_str().map(str::to_string)).collect())
}

/// Collects both sweeps and compares every table.
pub fn assert_same_tables(workplace: &Workplace, one: &str, other: &str) -> TestResult {
    for name in [one, other] {
        succeed(workplace.path(), &["sweep", "collect", name, "--quiet"])?;
    }
    for table in TABLES {
        let [one, other] = [one, other]
            .map(|name| fs::read_to_string(workplace.join(name).join("collected").join(table)));
        let (one, other) = (one?, other?);
        assert!(one.lines().count() > 1, "{table}: {one}");
        assert_eq!(one, other, "{table}");
    }
    Ok(())
}

/// How often a unit was claimed, and that its last claim handed in the result.
pub fn num_claims(sweep: &Path, unit: &str) -> Result<usize, Box<dyn Error>> {
    let path = |number: usize| sweep.join("claims").join(format!("{unit}.{number}"));
    let num = (1..).take_while(|&number| path(number).exists()).count();
    let last: serde_json::Value = serde_json::from_slice(&fs::read(path(num))?)?;
    assert_eq!(last["state"], "done", "{unit}");
    assert!(sweep.join("accepted").join(unit).exists(), "{unit}");
    Ok(num)
}

#[test]
fn a_sweep_gives_what_one_run_of_all_seeds_gives() -> TestResult {
    let workplace = Workplace::new()?;
    run(&workplace, &plan_args("serial", &["--seeds", "0-1"]))?;
    run(&workplace, &plan_args("pool", &["--seeds", "0-1", "--jobs", "2"]))?;
    assert_same_tables(&workplace, "serial", "pool")?;
    let again = run(&workplace, &["sweep", "run", "pool"].map(str::to_string))?;
    assert!(again.contains("nothing is left"), "{again}");

    // One run of both seeds has the same scores, once the seeds are scored together.
    let mut train = Workplace::train_args("run");
    train.extend(QUICK.map(str::to_string));
    train.extend(["--set", "run.seeds=[0,1]"].map(str::to_string));
    run(&workplace, &train)?;
    succeed(workplace.path(), &["sweep", "collect", "pool", "--report", "--quiet"])?;
    let groups = fs::read_to_string(workplace.join("pool/collected/groups.csv"))?;
    let group = groups.lines().nth(1).and_then(|row| row.split(',').next()).ok_or("no group")?;
    let collected = workplace.join("pool/collected").join(group);
    let [one, other] = [collected.join("eval.json"), workplace.join("run/eval.json")].map(fs::read);
    assert_eq!(String::from_utf8(one?)?, String::from_utf8(other?)?);
    assert!(collected.join("report/index.html").exists());
    // A group is a run with its certificates, and scores that were changed are not collected.
    let folder = collected.display().to_string();
    let text = stdout(&succeed(workplace.path(), &["verify", &folder, "--quiet"])?);
    assert!(text.contains("scores and report") && !text.contains("DIFFERS"), "{text}");
    let unit = units(&workplace, "pool")?.remove(0);
    let run = workplace.join("pool/runs").join(&unit);
    let scores = run.join("seed-0/eval.json");
    fs::write(&scores, fs::read_to_string(&scores)? + "\n")?;
    let parts = ["seed-0/eval.json", "the run's certificate"];
    fail(workplace.path(), &["sweep", "collect", "pool"], 65, &parts)?;
    Ok(())
}

#[test]
fn values_folds_and_seeds_are_crossed_without_running() -> TestResult {
    let workplace = Workplace::new()?;
    let more = [
        "--seeds",
        "0-2",
        "--folds",
        "0,1",
        "--set",
        "train.learning_rate=0.01,0.001",
        "--set",
        "split.method=k_fold",
        "--set",
        "split.num_folds=2",
        "--set",
        "split.seed=0",
        "--dry-run",
    ];
    let text = run(&workplace, &plan_args("sweep", &more))?;
    assert!(text.contains("12 units"), "{text}");
    let names = units(&workplace, "sweep")?;
    assert_eq!(names.iter().collect::<std::collections::BTreeSet<_>>().len(), 12);
    assert_eq!(status(&workplace, "sweep")?["waiting"].as_array().map(Vec::len), Some(12));
    let message = ["12 of 12 units have no result", "--partial"];
    fail(workplace.path(), &["sweep", "collect", "sweep"], 66, &message)?;
    // The folder is taken.
    let args = plan_args("sweep", &["--dry-run"]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    fail(workplace.path(), &args, 73, &["sweep run"])?;
    // A changed configuration is another one than was planned.
    let config = workplace.join("sweep/configs/quickstart.toml");
    let text = fs::read_to_string(&config)?;
    fs::write(&config, text.replace("batch_size = 4", "batch_size = 5"))?;
    fail(
        workplace.path(),
        &["sweep", "unit", "sweep", &names[0]],
        65,
        &["quickstart.toml", "plan a new"],
    )
}

#[test]
fn a_unit_that_fails_leaves_the_others_alone_and_is_done_after_the_fix() -> TestResult {
    let workplace = Workplace::new()?;
    let args = plan_args("sweep", &["--set", "data.patients=absent.csv,present.csv"]);
    fs::write(workplace.join("present.csv"), "image_id,patient_id\nacne-0001,p1\n")?;
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    fail(workplace.path(), &args, 66, &["1 done", "1 failed", "absent.csv", "log: "])?;
    let found = status(&workplace, "sweep")?;
    assert_eq!(found["num_done"], 1);
    let failed = found["failed"][0]["unit"].as_str().ok_or("no unit")?;
    assert!(found["failed"][0]["message"].as_str().is_some_and(|text| text.contains("absent.csv")));

    fs::write(workplace.join("absent.csv"), "image_id,patient_id\nacne-0001,p1\n")?;
    succeed(workplace.path(), &["sweep", "run", "sweep", "--quiet"])?;
    for unit in units(&workplace, "sweep")? {
        let expected = if unit == failed { 2 } else { 1 };
        assert_eq!(num_claims(&workplace.join("sweep"), &unit)?, expected, "{unit}");
    }
    Ok(())
}

/// Starts a process that does `unit` of the sweep `name`.
pub fn start_unit(workplace: &Workplace, name: &str, unit: &str) -> std::io::Result<Child> {
    command(workplace.path(), &["sweep", "unit", name, unit, "--quiet"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
}

/// Waits until a unit of the sweep has a checkpoint.
pub fn wait_for_checkpoint(run: &Path) -> TestResult {
    let start = Instant::now();
    while !run.join("seed-0/checkpoints").read_dir().is_ok_and(|mut all| all.next().is_some()) {
        if run.join("seed-0/weights.safetensors").exists() {
            return Err("the unit was over before anybody looked".into());
        }
        if start.elapsed() > Duration::from_secs(300) {
            return Err("no checkpoint after five minutes".into());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

#[test]
fn a_killed_unit_is_taken_over_by_one_of_two() -> TestResult {
    let workplace = Workplace::new()?;
    run(&workplace, &plan_args("sweep", &["--lease", "2", "--dry-run"]))?;
    run(&workplace, &plan_args("undisturbed", &[]))?;
    let unit = units(&workplace, "sweep")?.remove(0);
    let mut killed = start_unit(&workplace, "sweep", &unit)?;
    wait_for_checkpoint(&workplace.join("sweep/runs").join(&unit))?;
    killed.kill()?;
    killed.wait()?;
    // Both find a claim without signs of life; one takes over, the other leaves it alone.
    let start = || start_unit(&workplace, "sweep", &unit);
    let both = [start()?, start()?];
    let mut printed = String::new();
    for child in both {
        let output = child.wait_with_output()?;
        assert!(output.status.success(), "{}", stderr(&output));
        printed += &stdout(&output);
    }
    assert!(printed.contains("report: "), "{printed}");
    assert!(
        printed.contains("another process is at it") || printed.contains("has its result"),
        "{printed}"
    );
    assert_eq!(num_claims(&workplace.join("sweep"), &unit)?, 2);
    assert_same_tables(&workplace, "sweep", "undisturbed")
}

#[test]
fn results_of_another_program_or_other_data_are_refused() -> TestResult {
    let workplace = Workplace::new()?;
    run(&workplace, &plan_args("sweep", &["--seeds", "0-1"]))?;
    let unit = units(&workplace, "sweep")?.remove(1);
    let path = workplace.join("sweep/runs").join(&unit).join("seed-1/run.json");
    let original = fs::read_to_string(&path)?;
    let certificate: serde_json::Value = serde_json::from_str(&original)?;
    for (place, what) in
        [("/made_with/commit", "commit"), ("/result/train_images/hash", "training images")]
    {
        let mut changed = certificate.clone();
        *changed.pointer_mut(place).ok_or("no such key")? = "0123".into();
        fs::write(&path, changed.to_string())?;
        let parts = ["results are mixed", what, &unit, "0123"];
        fail(workplace.path(), &["sweep", "collect", "sweep"], 65, &parts)?;
    }
    fs::write(&path, original)?;
    succeed(workplace.path(), &["sweep", "collect", "sweep", "--quiet"]).map(drop)
}

#[test]
fn a_dry_run_makes_no_data_and_a_unit_makes_what_it_needs() -> TestResult {
    let workplace = Workplace::new()?;
    fs::remove_dir_all(workplace.join("data"))?;
    let small =
        ["--set", "synthetic.num_images=6", "--set", "synthetic.num_train_images=12", "--dry-run"];
    run(&workplace, &plan_args("sweep", &[&small[..], &["--set", "run.epochs=1"]].concat()))?;
    assert!(!workplace.join("data").exists());
    assert!(workplace.join("sweep/plan.json").exists());
    succeed(workplace.path(), &["sweep", "run", "sweep", "--quiet"])?;
    assert!(workplace.join("data/synth.json").exists());
    Ok(())
}

#[test]
fn gpus_that_stand_idle_are_refused_and_a_backend_is_that_of_each_unit() -> TestResult {
    let workplace = Workplace::new()?;
    let plan = |out: &str, more: &[&str]| {
        plan_args(out, &[&["--launcher", "slurm", "--dry-run"], more].concat())
    };
    let refused = |more: &[&str], code: i32, parts: &[&str]| -> TestResult {
        let args = plan("refused", more);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        fail(workplace.path(), &args, code, parts)?;
        assert!(!workplace.join("refused").exists(), "{more:?}");
        Ok(())
    };
    refused(&["--set", "slurm.gpus=1"], 78, &["slurm.gpus = 1", "stand idle", "--backend cuda"])?;
    refused(&["--set", "slurm.setup=[\"if true\"]"], 78, &["slurm.setup", "syntax error"])?;
    refused(&["--backend", "gpu"], 2, &["write cpu, wgpu or cuda"])?;
    refused(
        &["--seeds", "0-99999", "--set", "train.learning_rate=0.1,0.2"],
        2,
        &["more than 100000 units"],
    )?;
    refused(&["--lease", "99999999999"], 2, &["'99999999999' for '--lease", "1..=2592000"])?;
    run(&workplace, &plan("planned", &[]))?;
    let plan: serde_json::Value =
        serde_json::from_slice(&fs::read(workplace.join("planned/plan.json"))?)?;
    assert_eq!(plan["units"][0]["backend"], "cpu");
    // A backend that the machine of a unit lacks is a failure of that unit, told to all.
    let unit = units(&workplace, "planned")?.remove(0);
    let text = plan.to_string().replace("\"backend\":\"cpu\"", "\"backend\":\"cuda:9\"");
    fs::write(workplace.join("planned/plan.json"), text)?;
    fail(workplace.path(), &["sweep", "unit", "planned", &unit], 2, &["--backend cuda:9"])?;
    let found = status(&workplace, "planned")?;
    assert_eq!(
        (&found["failed"][0]["unit"], &found["failed"][0]["failure"]),
        (&unit.into(), &"usage".into())
    );
    Ok(())
}

#[test]
fn without_slurm_the_error_names_the_other_launcher() -> TestResult {
    let workplace = Workplace::new()?;
    let args = plan_args("sweep", &["--launcher", "slurm"]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let output = command(workplace.path(), &args).env("PATH", "").output()?;
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(66), "{message}");
    assert!(message.contains("sbatch") && message.contains("--launcher local"), "{message}");
    assert!(!workplace.join("sweep").exists());
    Ok(())
}
