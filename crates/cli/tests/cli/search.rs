//! A search that was killed ends as if it had not been.

use crate::dermx::{
    TestResult, Workplace, assert_same_results, command, fail, stderr, stdout, succeed,
};
use crate::sweep::{num_claims, start_unit, status, units, wait_for_checkpoint};
use std::collections::hash_map::RandomState;
use std::error::Error;
use std::fs;
use std::hash::{BuildHasher, Hasher};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What comes out of a search.
const RESULTS: [&str; 3] = ["table.csv", "table.json", "best.toml"];

/// The configuration of a search over the tiny data set, with `more` in `[search]`.
pub fn write_search(workplace: &Workplace, more: &str, space: &str) -> std::io::Result<()> {
    let mut text = format!(
        "[search]\nbase = \"quickstart.toml\"\nobjective = \"macro_f1\"\n{more}\n[search.set]\n"
    );
    let args = Workplace::train_args("unused");
    for setting in args.iter().filter(|arg| arg.contains('=')) {
        let (key, value) = setting.split_once('=').unwrap_or_default();
        let is_text = value.starts_with(char::is_alphabetic);
        text +=
            &format!("\"{key}\" = {}\n", if is_text { format!("{value:?}") } else { value.into() });
    }
    text += "\"data.leaks\" = \"ignore\"\n\"split.method\" = \"fraction\"\n\"split.fraction\" = 0.4\n\"split.seed\" = 0\n";
    text += &format!("[search.space]\n{space}");
    fs::write(workplace.join("search.toml"), text)
}

/// Arguments of the search in the folder `run`.
pub fn search_args<'a>(run: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["search", "--config", "search.toml", "--run", run, "--quiet"], more].concat()
}

fn start(workplace: &Workplace, args: &[&str]) -> std::io::Result<Child> {
    command(workplace.path(), args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()
}

fn num_lines(path: &Path) -> usize {
    fs::read_to_string(path).map_or(0, |text| text.lines().count())
}

/// Waits until the journal in `run` has `num` lines; `false` if the search ends before.
fn wait_for_lines(child: &mut Child, run: &Path, num: usize) -> Result<bool, Box<dyn Error>> {
    let start = Instant::now();
    while num_lines(&run.join("journal.jsonl")) < num {
        if child.try_wait()?.is_some() {
            return Ok(false);
        }
        if start.elapsed() > Duration::from_secs(300) {
            return Err(format!("no {num} lines after five minutes").into());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(true)
}

/// A number below `count` that is another one in each run of the tests.
fn random_below(count: usize) -> usize {
    RandomState::new().build_hasher().finish() as usize % count
}

/// Expects that both searches came to the same.
pub fn assert_same(workplace: &Workplace, one: &str, other: &str) -> TestResult {
    for name in RESULTS {
        let [one, other] =
            [one, other].map(|run| fs::read_to_string(workplace.join(run).join(name)));
        assert_eq!(one?, other?, "{name}");
    }
    Ok(())
}

#[test]
fn a_search_killed_twice_ends_with_the_table_of_an_undisturbed_one() -> TestResult {
    let workplace = Workplace::new()?;
    write_search(
        &workplace,
        "max_trials = 8\nsampler = { name = \"tpe\", seed = 3 }\n\
         pruner = { name = \"median\", warm_up_epochs = 0, min_trials = 2 }\n",
        "\"train.learning_rate\" = { low = 1e-4, high = 1e-1, log = true }\n\
         \"augment.horizontal_flip\" = [false, true]\n\
         \"augment.vertical_flip\" = [false, true]\n",
    )?;
    // A network that learns something in so few steps: else all trials are equal, and none is pruned.
    let config = workplace.join("search.toml");
    fs::write(&config, fs::read_to_string(&config)?.replace("mobilenet_v2", "resnet18"))?;
    let jobs = ["--jobs", "2"];
    let undisturbed = succeed(workplace.path(), &search_args("undisturbed", &jobs))?;
    let journal = workplace.join("undisturbed/journal.jsonl");
    let num_events = num_lines(&journal);
    let text = fs::read_to_string(&journal)?;
    assert!(text.contains("\"how\":\"pruned\""), "nothing was pruned: {text}");
    let mut moments = [1 + random_below(num_events - 2), 1 + random_below(num_events - 2)];
    moments.sort_unstable();
    let mut num_killed = 0;
    for (attempt, num_lines) in moments.into_iter().enumerate() {
        let again: &[&str] = if attempt == 0 { &[] } else { &["--resume"] };
        let mut child = start(&workplace, &search_args("killed", &[&jobs, again].concat()))?;
        if wait_for_lines(&mut child, &workplace.join("killed"), num_lines)? {
            std::thread::sleep(Duration::from_millis(random_below(150) as u64));
        }
        // SIGKILL on Unix: the process cannot do anything about it.
        num_killed += usize::from(child.try_wait()?.is_none());
        child.kill()?;
        child.wait()?;
    }
    assert!(num_killed > 0, "the search was over before it was killed; moments {moments:?}");
    // What a process leaves that is killed while it writes a line.
    let path = workplace.join("killed/journal.jsonl");
    let torn = fs::read_to_string(&path)? + "{\"event\":\"ended\",\"tri";
    fs::write(&path, torn)?;
    let args = search_args("killed", &["--resume", "--jobs", "2"]);
    let resumed = succeed(workplace.path(), &args)?;
    assert_same(&workplace, "undisturbed", "killed")
        .map_err(|error| format!("killed after {moments:?} lines: {error}"))?;
    let table = |text: String| text.lines().take(9).map(str::to_string).collect::<Vec<_>>();
    assert_eq!(table(stdout(&undisturbed)), table(stdout(&resumed)));
    // The best configuration is one that a run takes, and gives the weights that the trial had.
    let best = fs::read_to_string(workplace.join("killed/table.csv"))?;
    let trial: usize =
        best.lines().nth(1).and_then(|row| row.split(',').nth(1)).unwrap_or("").parse()?;
    let args =
        ["train", "--config", "killed/best.toml", "--run", "best", "--seed", "0", "--no-eval"];
    succeed(workplace.path(), &args)?;
    let weights =
        |folder: &str| fs::read(workplace.join(folder).join("seed-0/weights.safetensors"));
    assert!(weights("best")? == weights(&format!("killed/trials/{trial:04}"))?);
    assert!(!workplace.join(&format!("killed/trials/{trial:04}/seed-0/checkpoints")).exists());
    Ok(())
}

#[cfg(unix)]
#[test]
fn ctrl_c_exits_75_and_only_the_same_search_goes_on() -> TestResult {
    let workplace = Workplace::new()?;
    let space = "\"train.learning_rate\" = [0.001, 0.01]\n\"augment.zoom\" = [0.0, 0.25]\n";
    write_search(&workplace, "sampler = \"grid\"\npruner = \"none\"\n", space)?;
    let two = ["--max-trials", "2"];
    succeed(workplace.path(), &search_args("undisturbed", &two))?;
    let mut child = start(&workplace, &search_args("run", &two))?;
    // The search began, a trial began, and one epoch of it is done.
    assert!(wait_for_lines(&mut child, &workplace.join("run"), 3)?);
    fail(workplace.path(), &search_args("run", &["--resume"]), 73, &["locked by another process"])?;
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status()?.success());
    let output = child.wait_with_output()?;
    assert_eq!(output.status.code(), Some(75), "{}", stderr(&output));
    assert!(stderr(&output).contains("--resume"), "{}", stderr(&output));
    fail(workplace.path(), &search_args("run", &two), 73, &["never overwritten"])?;
    let other = [&two[..], &["--resume", "--sampler", "random"]].concat();
    fail(workplace.path(), &search_args("run", &other), 78, &["sampler = \"grid\"", "\"random\""])?;
    let other = [&two[..], &["--resume", "--set", "run.epochs=3"]].concat();
    fail(workplace.path(), &search_args("run", &other), 78, &["run.epochs"])?;
    succeed(workplace.path(), &search_args("run", &[&two[..], &["--resume"]].concat()))?;
    assert_same(&workplace, "undisturbed", "run")?;
    // More trials may follow.
    let output = succeed(workplace.path(), &search_args("run", &["--resume", "--json"]))?;
    let rows: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!(rows.as_array().map(Vec::len), Some(4));
    assert!(rows[0]["params"]["augment.zoom"].is_number(), "{rows}");
    Ok(())
}

#[test]
fn a_damaged_journal_and_a_search_without_validation_are_refused() -> TestResult {
    let workplace = Workplace::new()?;
    let space = "\"train.learning_rate\" = [0.001]\n";
    write_search(&workplace, "sampler = \"grid\"\npruner = \"none\"\n", space)?;
    succeed(workplace.path(), &search_args("run", &[]))?;
    let path = workplace.join("run/journal.jsonl");
    let journal = fs::read_to_string(&path)?;
    fs::write(&path, journal.replacen("\"asked\"", "\"axed\"", 1))?;
    let parts = ["journal.jsonl: line 2: is no event"];
    fail(workplace.path(), &search_args("run", &["--resume"]), 65, &parts)?;
    let text = fs::read_to_string(workplace.join("search.toml"))?;
    let without: Vec<&str> = text.lines().filter(|line| !line.contains("split.")).collect();
    fs::write(workplace.join("search.toml"), without.join("\n"))?;
    fail(workplace.path(), &search_args("other", &[]), 78, &["search.set", "split.method"])?;
    assert!(!workplace.join("other").exists());
    Ok(())
}

/// The table that a search printed, without the path of its best configuration.
fn printed_table(output: &std::process::Output) -> String {
    let text = stdout(output);
    text.lines()
        .filter(|line| !line.starts_with("best configuration: "))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Waits until a unit of the sweep `name` gives no sign of life.
fn wait_for_lost(workplace: &Workplace, name: &str) -> TestResult {
    let start = Instant::now();
    while status(workplace, name)?["lost"].as_array().is_none_or(Vec::is_empty) {
        if start.elapsed() > Duration::from_secs(60) {
            return Err("nothing is lost after a minute".into());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

#[test]
fn a_launched_search_with_a_killed_trial_ends_with_the_table_of_one_process() -> TestResult {
    let workplace = Workplace::new()?;
    // Training with the larger learning rate is not finite: these trials fail.
    let space = "\"train.learning_rate\" = [0.001, 1e30]\n\"augment.zoom\" = [0.0, 0.25]\n";
    write_search(
        &workplace,
        "sampler = { name = \"random\", seed = 3 }\npruner = \"none\"\n",
        space,
    )?;
    let undisturbed = succeed(workplace.path(), &search_args("undisturbed", &[]))?;
    let plan = ["--launcher", "local", "--lease", "2", "--dry-run"];
    let text = stdout(&succeed(workplace.path(), &search_args("launched", &plan))?);
    assert!(text.contains("4 units"), "{text}");
    let names = units(&workplace, "launched")?;
    let table: serde_json::Value =
        serde_json::from_slice(&fs::read(workplace.join("undisturbed/table.json"))?)?;
    let number = |row: usize| table[row]["trial"].as_u64().map_or(0, |number| number as usize);
    assert_eq!((&table[0]["state"], &table[3]["state"]), (&"finished".into(), &"failed".into()));

    let best = &names[number(0)];
    let mut killed = start_unit(&workplace, "launched", best)?;
    wait_for_checkpoint(&workplace.join("launched/runs").join(best))?;
    // SIGKILL on Unix.
    killed.kill()?;
    assert!(!killed.wait()?.success(), "the trial was over before it was killed");
    wait_for_lost(&workplace, "launched")?;
    // By hand, as a launcher does it: a trial that fails has a result.
    assert!(start_unit(&workplace, "launched", &names[number(3)])?.wait()?.success());

    let again = ["--resume", "--launcher", "local", "--jobs", "2"];
    let launched = succeed(workplace.path(), &search_args("launched", &again))?;
    assert_same(&workplace, "undisturbed", "launched")?;
    assert_eq!(printed_table(&undisturbed), printed_table(&launched));
    for (number, name) in names.iter().enumerate() {
        let expected = if name == best { 2 } else { 1 };
        assert_eq!(num_claims(&workplace.join("launched"), name)?, expected, "{name}");
        let trial = workplace.join(&format!("undisturbed/trials/{number:04}"));
        assert_same_results(&trial, &workplace.join("launched/runs").join(name))?;
    }
    // It goes on as it began, and has nothing to do.
    let launched = succeed(workplace.path(), &search_args("launched", &["--resume"]))?;
    assert_eq!(printed_table(&undisturbed), printed_table(&launched));
    assert_eq!(status(&workplace, "launched")?["num_done"], 4);
    let message = ["the folder of a search", "dermx search", "--resume"];
    fail(workplace.path(), &["sweep", "collect", "launched"], 2, &message)?;
    let other = ["--resume", "--launcher", "local"];
    fail(workplace.path(), &search_args("undisturbed", &other), 78, &["began in one process"])
}

#[test]
fn only_searches_of_independent_trials_are_launched_and_their_plans_may_grow() -> TestResult {
    let workplace = Workplace::new()?;
    let space = "\"train.learning_rate\" = [0.001, 0.01]\n\"augment.zoom\" = [0.0, 0.25]\n";
    write_search(&workplace, "sampler = \"grid\"\npruner = \"none\"\n", space)?;
    let asked = |number: &'static str, more: &[&'static str]| {
        [&["--launcher", "local", "--dry-run", "--max-trials", number], more].concat()
    };
    let tpe = asked("2", &["--sampler", "tpe"]);
    fail(workplace.path(), &search_args("run", &tpe), 78, &["`tpe`", "leave --launcher away"])?;
    let slurm = search_args("run", &["--launcher", "slurm"]);
    let output = command(workplace.path(), &slurm).env("PATH", "").output()?;
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(66), "{message}");
    assert!(message.contains("sbatch") && message.contains("--launcher local"), "{message}");
    assert!(!workplace.join("run").exists());

    succeed(workplace.path(), &search_args("run", &asked("2", &[])))?;
    let two = units(&workplace, "run")?;
    succeed(workplace.path(), &search_args("run", &asked("3", &["--resume"])))?;
    assert_eq!(units(&workplace, "run")?[..2], two);
    assert_eq!(units(&workplace, "run")?.len(), 3);
    let fewer = asked("2", &["--resume"]);
    fail(
        workplace.path(),
        &search_args("run", &fewer),
        78,
        &["3 trials are planned", "--max-trials"],
    )?;
    let slurm = ["--launcher", "slurm", "--dry-run", "--resume", "--set", "slurm.cpus=3"];
    let text = stdout(&succeed(workplace.path(), &search_args("run", &slurm))?);
    assert!(text.contains("array-1.sh: 4 units"), "{text}");
    let script = fs::read_to_string(workplace.join("run/slurm/array-1.sh"))?;
    assert!(script.contains("--cpus-per-task=3"), "{script}");

    // Of four draws from two numbers some are the same: trials of one unit.
    let range = "\"augment.rotation_degrees\" = { low = 10, high = 11 }\n";
    write_search(
        &workplace,
        "sampler = { name = \"random\", seed = 3 }\npruner = \"none\"\n",
        range,
    )?;
    let text = stdout(&succeed(workplace.path(), &search_args("drawn", &asked("4", &[])))?);
    assert!(text.contains("2 units"), "{text}");
    let twice = "\"augment.rotation_degrees\" = [10, 10.0]\n";
    write_search(&workplace, "sampler = \"grid\"\npruner = \"none\"\n", twice)?;
    let parts = ["degrees=10`", "degrees=10.0`", "leave one out"];
    fail(workplace.path(), &search_args("twice", &asked("2", &[])), 78, &parts)?;

    let pruner =
        "sampler = \"grid\"\npruner = { name = \"median\", warm_up_epochs = 0, min_trials = 2 }\n";
    write_search(&workplace, pruner, space)?;
    let parts = ["search.pruner", "leave --launcher away"];
    fail(workplace.path(), &search_args("pruned", &["--launcher", "local"]), 78, &parts)
}
