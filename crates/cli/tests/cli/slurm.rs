//! A sweep on a real Slurm: `.ci/slurm` starts one of two nodes and says how to name it.

use crate::dermx::{TestResult, Workplace, stdout, succeed};
use crate::search::{assert_same, search_args, write_search};
use crate::sweep::{assert_same_tables, num_claims, plan_args, run, status, units};
use std::error::Error;
use std::fs;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Enough epochs for something to happen meanwhile.
const LONG: [&str; 4] = ["--set", "run.epochs=12", "--set", "slurm.cpus=1"];

/// The tests share one Slurm, and one of them takes its nodes away: one after the other.
static SLURM: Mutex<()> = Mutex::new(());

/// Whether the test can run.
fn has_slurm() -> bool {
    if std::env::var_os("SLURM_CONF").is_some() {
        return true;
    }
    // Straight to the terminal: the test harness shows nothing of a test that passes.
    eprintln!("SKIPPED: start a Slurm with `.ci/slurm DIR` and set SLURM_CONF to run this test");
    false
}

fn slurm(program: &str, args: &[&str]) -> Result<String, Box<dyn Error>> {
    let output = Command::new(program).args(args).output()?;
    if !output.status.success() {
        return Err(
            format!("{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr)).into()
        );
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// A unit that runs: its process, its Slurm job, its node.
fn running(workplace: &Workplace) -> Result<Option<[String; 3]>, Box<dyn Error>> {
    let found = status(workplace, "slurm")?;
    let Some(owner) = found["running"][0]["owner"].as_str() else { return Ok(None) };
    let after = |word: &str| {
        let text = owner.split(word).nth(1)?;
        text.split([' ', ',']).next().map(str::to_string)
    };
    Ok(after("process ").zip(after("Slurm job ")).zip(after("node ")).map(|((a, b), c)| [a, b, c]))
}

/// Waits for `look` to find something.
fn wait_for<T>(
    what: &str,
    mut look: impl FnMut() -> Result<Option<T>, Box<dyn Error>>,
) -> Result<T, Box<dyn Error>> {
    let start = Instant::now();
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if start.elapsed() > Duration::from_secs(600) {
            return Err(format!("no {what} after ten minutes").into());
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Slurm lets a requeued job wait for up to two minutes; a test does not.
fn hurry() {
    let jobs = slurm("squeue", &["-h", "-r", "-t", "PD", "-o", "%i"]).unwrap_or_default();
    for job in jobs.lines() {
        // It may have begun meanwhile.
        let _ = slurm("scontrol", &["update", &format!("JobId={}", job.trim()), "StartTime=now"]);
    }
}

/// Waits until all units have their result; `again` runs what is missing.
fn wait_for_all(workplace: &Workplace, num_units: usize, again: &[&str]) -> TestResult {
    wait_for("end", || {
        hurry();
        if !slurm("squeue", &["-h"])?.trim().is_empty() {
            return Ok(None);
        }
        let is_done = status(workplace, "slurm")?["num_done"] == num_units;
        if !is_done {
            succeed(workplace.path(), again)?;
        }
        Ok(is_done.then_some(()))
    })
}

#[test]
fn a_disturbed_sweep_on_two_nodes_gives_the_tables_of_a_local_one() -> TestResult {
    if !has_slurm() {
        return Ok(());
    }
    let _turn = SLURM.lock().unwrap_or_else(PoisonError::into_inner);
    let workplace = Workplace::new()?;
    let more = [&["--seeds", "0-3", "--lease", "4"], &LONG[..]].concat();
    let submitted =
        run(&workplace, &plan_args("slurm", &[&more[..], &["--launcher", "slurm"]].concat()))?;
    assert!(submitted.contains("4 units"), "{submitted}");
    // The same array a second time.
    let script = workplace.join("slurm/slurm/array-1.sh");
    slurm("sbatch", &[&script.to_string_lossy()])?;

    let [process, _, _] = wait_for("running unit", || running(&workplace))?;
    slurm("kill", &["-9", &process])?;
    let [_, _, node] = wait_for("running unit", || running(&workplace))?;
    let node = format!("NodeName={node}");
    slurm("scontrol", &["update", &node, "State=DOWN", "Reason=test"])?;
    let is_other = |job: &[String; 3]| !node.ends_with(&job[2]);
    let [_, job, _] =
        wait_for("running unit elsewhere", || Ok(running(&workplace)?.filter(is_other)))?;
    // It may have ended just now.
    let _ = slurm("scontrol", &["requeue", &job]);
    std::thread::sleep(Duration::from_secs(2));
    // A node whose daemon is alive may have come back by itself.
    let _ = slurm("scontrol", &["update", &node, "State=RESUME"]);

    wait_for_all(&workplace, 4, &["sweep", "run", "slurm", "--quiet"])?;
    let names = units(&workplace, "slurm")?;
    let claims: Vec<usize> = names
        .iter()
        .map(|unit| num_claims(&workplace.join("slurm"), unit))
        .collect::<Result<_, _>>()?;
    assert!(claims.iter().sum::<usize>() > 4, "nothing was disturbed: {claims:?}");
    assert_eq!(workplace.join("slurm/accepted").read_dir()?.count(), 4);

    run(&workplace, &plan_args("local", &more))?;
    assert_same_tables(&workplace, "slurm", "local")
}

#[test]
fn folders_and_names_as_nobody_would_choose_them_reach_the_nodes() -> TestResult {
    if !has_slurm() {
        return Ok(());
    }
    let _turn = SLURM.lock().unwrap_or_else(PoisonError::into_inner);
    let workplace = Workplace::new()?;
    let out = "it's a \"sweep\" $(touch pwned) %A #1";
    let marker = workplace.join("set up");
    let setup = format!("slurm.setup=[{:?}]", format!("touch '{}' # it's", marker.display()));
    let more = ["--launcher", "slurm", "--set", "run.epochs=1", "--set", &setup];
    // A name of a configuration becomes that of the job.
    let args = plan_args(out, &more);
    run(&workplace, &args)?;
    wait_for("end", || {
        hurry();
        Ok(slurm("squeue", &["-h"])?.trim().is_empty().then_some(()))
    })?;
    assert_eq!(status(&workplace, out)?["num_done"], 1);
    assert!(marker.exists() && !workplace.join("pwned").exists());
    let logs = workplace.join(out).join("logs").read_dir()?;
    let names: Vec<String> = logs
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<std::io::Result<_>>()?;
    assert!(names.iter().any(|name| name.starts_with("slurm-")), "{names:?}");
    Ok(())
}

#[test]
fn a_search_on_two_nodes_with_a_killed_trial_gives_the_table_of_one_process() -> TestResult {
    if !has_slurm() {
        return Ok(());
    }
    let _turn = SLURM.lock().unwrap_or_else(PoisonError::into_inner);
    let workplace = Workplace::new()?;
    let space = "\"train.learning_rate\" = [0.001, 0.01]\n\"augment.zoom\" = [0.0, 0.25]\n";
    write_search(&workplace, "sampler = \"grid\"\npruner = \"none\"\n", space)?;
    let text = fs::read_to_string(workplace.join("search.toml"))?;
    let text = text.replace("[search.set]\n", "[search.set]\n\"slurm.cpus\" = 1\n");
    fs::write(workplace.join("search.toml"), text)?;
    let long = ["--set", "run.epochs=4"];
    let submit = [&long[..], &["--launcher", "slurm", "--lease", "4"]].concat();
    let submitted = stdout(&succeed(workplace.path(), &search_args("slurm", &submit))?);
    for part in ["Slurm job", "4 units", "dermx sweep status slurm", "--run slurm --resume"] {
        assert!(submitted.contains(part), "no {part} in {submitted}");
    }
    let [process, _, _] = wait_for("running unit", || running(&workplace))?;
    slurm("kill", &["-9", &process])?;
    let resume = [&long[..], &["--resume"]].concat();
    let resume = search_args("slurm", &resume);
    wait_for_all(&workplace, 4, &resume)?;
    let claims: Vec<usize> = units(&workplace, "slurm")?
        .iter()
        .map(|unit| num_claims(&workplace.join("slurm"), unit))
        .collect::<Result<_, _>>()?;
    assert_eq!(claims.iter().sum::<usize>(), 5, "{claims:?}");
    let of_slurm = stdout(&succeed(workplace.path(), &resume)?);
    let of_one_process = stdout(&succeed(workplace.path(), &search_args("local", &long))?);
    assert_eq!(of_slurm.replace("slurm/best", "local/best"), of_one_process);
    assert_same(&workplace, "slurm", "local")
}
