//! Synthetic data are made beside their place: whole, or not there.

use crate::dermx::{QUICK, TestResult, Workplace, command, results, stderr, succeed};
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Names in `folder` of what is in the making.
fn partial(folder: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let names = fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name()));
    let names = names.collect::<std::io::Result<Vec<_>>>()?;
    let names = names.iter().map(|name| name.to_string_lossy().into_owned());
    Ok(names.filter(|name| name.ends_with(".partial")).collect())
}

/// Trains for an epoch on data in `fresh`, which the command makes first.
fn train(workplace: &Workplace, run: &str) -> Command {
    let settings = [
        "synthetic.root=fresh",
        "data.train=fresh/train",
        "data.test=fresh/dermx",
        "data.test_images=fresh/dermx/images",
        "run.epochs=1",
    ];
    let mut command = workplace.train(run, &QUICK);
    command.arg("--no-eval");
    for setting in settings {
        command.args(["--set", setting]);
    }
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

#[test]
fn training_killed_while_it_makes_its_data_starts_again() -> TestResult {
    let workplace = Workplace::new()?;
    let mut child = train(&workplace, "run").spawn()?;
    let start = Instant::now();
    // Once it is locked: before that it might be anybody's, and stays.
    let is_locked = |name: &String| workplace.join(name).join(".lock").exists();
    while !partial(workplace.path())?.iter().any(is_locked) {
        assert!(start.elapsed() < Duration::from_secs(300), "nothing is made");
        assert!(child.try_wait()?.is_none(), "ended before it made data");
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill()?;
    child.wait()?;
    assert!(!workplace.join("fresh").exists());
    assert_eq!(partial(workplace.path())?.len(), 1);
    let output = train(&workplace, "run").output()?;
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(partial(workplace.path())?, [""; 0]);
    assert!(results(&workplace.join("fresh"))? == results(&workplace.join("data"))?);
    Ok(())
}

#[test]
fn several_that_make_the_same_data_at_once_all_use_what_the_first_made() -> TestResult {
    let workplace = Workplace::new()?;
    let trainings = ["one", "two", "three"].map(|run| train(&workplace, run).spawn());
    let synth = ["synth", "--out", "same", "--images", "12", "--train-images", "24"];
    let making = [(); 3].map(|()| {
        let mut synth = command(workplace.path(), &synth);
        synth.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()
    });
    for child in trainings {
        let output = child?.wait_with_output()?;
        assert!(output.status.success(), "{}", stderr(&output));
    }
    // Who asks for a folder gets it, or is told that it is there.
    let mut num_made = 0;
    for child in making {
        let output = child?.wait_with_output()?;
        num_made += usize::from(output.status.success());
        assert!(matches!(output.status.code(), Some(0 | 73)), "{}", stderr(&output));
    }
    assert_eq!(num_made, 1);
    assert_eq!(partial(workplace.path())?, [""; 0]);
    for made in ["fresh", "same"] {
        assert!(results(&workplace.join(made))? == results(&workplace.join("data"))?, "{made}");
    }
    Ok(())
}

#[test]
fn data_are_made_in_a_folder_that_is_there_and_empty() -> TestResult {
    let workplace = Workplace::new()?;
    let folder = workplace.join("here");
    fs::create_dir(&folder)?;
    succeed(&folder, &["synth", "--out", ".", "--images", "12", "--train-images", "24"])?;
    assert_eq!(partial(&folder)?, [""; 0]);
    assert!(results(&folder)? == results(&workplace.join("data"))?);
    Ok(())
}
