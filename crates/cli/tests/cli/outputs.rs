//! Outputs are opened before the work, and what is there already is refused by one rule in every command.

use crate::dermx::{TestResult, Workplace, fail, succeed};
use std::error::Error;
use std::fs;
use std::path::Path;

/// Each command with an output, whose inputs are not there; its output comes last.
const FILES: [&str; 3] = [
    "predict --arch resnet18 --weights none --images none --out",
    "dataset check --folder none --write-manifest",
    "weights convert none",
];
const FOLDERS: [&str; 10] = [
    "explain --arch resnet18 --weights none --images none --out",
    "evaluate --data none --predictions none --out",
    "evaluate --data none --baselines --out",
    "evaluate --run none --out",
    "report none --out",
    "report none other --out",
    "dataset describe --data none --report --out",
    "dataset tables --data none --out",
    "dataset convert none --to coco --out",
    "bench --backend cpu --backend wgpu --run none --out",
];

fn args<'a>(command: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    command.split(' ').chain(more.iter().copied()).collect()
}

/// The names in `folder`, hidden ones, too.
fn names(folder: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

#[test]
fn what_is_there_is_refused_before_the_work_and_overwrite_lets_it_begin() -> TestResult {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    fs::write(folder.join("file"), "mine")?;
    fs::create_dir(folder.join("full"))?;
    fs::write(folder.join("full/notes.txt"), "mine")?;
    let there = names(folder)?;
    for command in FILES {
        fail(folder, &args(command, &["file"]), 73, &["file: is there already", "--overwrite"])?;
        fail(folder, &args(command, &["full", "--overwrite"]), 73, &["full: is a folder"])?;
        // The inputs are missing: the work has begun.
        fail(folder, &args(command, &["file", "--overwrite"]), 66, &["none"])?;
        fail(folder, &args(command, &["nowhere/file"]), 74, &["nowhere", "make it first"])?;
        fail(folder, &args(command, &["file/file"]), 74, &["file/file"])?;
    }
    for command in FOLDERS {
        let parts = ["full: is not empty", "`notes.txt`", "--overwrite"];
        fail(folder, &args(command, &["full"]), 73, &parts)?;
        fail(folder, &args(command, &["file", "--overwrite"]), 73, &["file", "no folder"])?;
        fail(folder, &args(command, &["full", "--overwrite"]), 66, &["none"])?;
        fail(folder, &args(command, &["file/new"]), 74, &["file/new"])?;
        // Nothing stays of what was made for an output that came to nothing.
        fail(folder, &args(command, &["a/new/folder"]), 66, &["none"])?;
    }
    let synth = "synth --images 6 --train-images 6 --out";
    fail(folder, &args(synth, &["full"]), 73, &["full: is not empty", "--overwrite"])?;
    assert_eq!(names(folder)?, there);
    assert_eq!(names(&folder.join("full"))?, ["notes.txt"]);
    assert_eq!(fs::read_to_string(folder.join("file"))?, "mine");
    Ok(())
}

#[test]
fn an_output_is_never_an_input() -> TestResult {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    fs::write(folder.join("w.pth"), "weights")?;
    fs::create_dir(folder.join("photos"))?;
    fs::write(folder.join("photos/a.png"), "photo")?;
    let network = ["--arch", "resnet18", "--weights", "w.pth", "--images", "photos"];
    for (command, out) in [("predict", "w.pth"), ("explain", "photos"), ("explain", ".")] {
        let args = [&[command][..], &network, &["--out", out, "--overwrite"]].concat();
        fail(folder, &args, 73, &["an input of this command"])?;
    }
    for command in [
        "weights convert w.pth ./photos/../w.pth --overwrite",
        "evaluate --data photos --predictions p.csv --out photos --overwrite",
        "evaluate --data none --heatmaps photos --out photos --overwrite",
        "dataset tables --data photos --out photos --overwrite",
        "dataset convert photos --to masks --out photos --overwrite",
        "dataset check --patients w.pth --folder photos --write-manifest w.pth --overwrite",
    ] {
        fail(folder, &args(command, &[]), 73, &["an input of this command"])?;
    }
    assert_eq!(fs::read_to_string(folder.join("w.pth"))?, "weights");
    assert_eq!(names(&folder.join("photos"))?, ["a.png"]);
    Ok(())
}

#[test]
fn overwrite_replaces_what_the_command_writes_and_nothing_else() -> TestResult {
    let workplace = Workplace::new()?;
    let folder = workplace.path();
    let convert = "dataset convert data/dermx --to masks --out set";
    succeed(folder, &args(convert, &[]))?;
    let there = names(&folder.join("set"))?;
    fs::create_dir_all(folder.join("set/masks/earlier/image"))?;
    fs::write(folder.join("set/masks/earlier/image/Scale.png"), "of an earlier data set")?;
    fs::write(folder.join("set/notes.txt"), "mine")?;
    fail(folder, &args(convert, &[]), 73, &["--overwrite"])?;
    succeed(folder, &args(convert, &["--overwrite"]))?;
    assert!(!folder.join("set/masks/earlier").exists(), "masks of an earlier data set would count");
    assert_eq!(fs::read_to_string(folder.join("set/notes.txt"))?, "mine");
    fs::remove_file(folder.join("set/notes.txt"))?;
    assert_eq!(names(&folder.join("set"))?, there, "nothing is left over");

    let tables = "dataset tables --data data/dermx --out deep/tables";
    succeed(folder, &args(tables, &[]))?;
    fail(folder, &args(tables, &[]), 73, &["--overwrite"])?;
    succeed(folder, &args(tables, &["--overwrite"]))?;
    assert!(folder.join("deep/tables/tables.json").exists());
    assert_eq!(names(&folder.join("deep"))?, ["tables"], "nothing is left over");

    let init = "dataset init data/train";
    succeed(folder, &args(init, &[]))?;
    fail(folder, &args(init, &[]), 73, &["dataset.toml", "--overwrite"])?;
    succeed(folder, &args(init, &["--overwrite"]))?;
    Ok(())
}

#[test]
#[cfg(unix)]
fn links_in_the_place_of_outputs_are_not_followed() -> TestResult {
    use std::os::unix::fs::symlink;
    let workplace = Workplace::new()?;
    let folder = workplace.path();
    fs::write(folder.join("precious"), "mine")?;
    symlink("precious", folder.join("link"))?;
    let manifest = "dataset check --folder data/train --write-manifest";
    fail(folder, &args(manifest, &["link"]), 73, &["link: is there already"])?;
    succeed(folder, &args(manifest, &["link", "--overwrite"]))?;
    assert!(!fs::symlink_metadata(folder.join("link"))?.is_symlink());
    assert_eq!(fs::read_to_string(folder.join("precious"))?, "mine");
    for device in ["/dev/null", "/dev/stdout"] {
        let parts = ["neither a file nor a folder"];
        fail(folder, &args(manifest, &[device, "--overwrite"]), 73, &parts)?;
    }

    // A folder may be named by a link; a file in it may not be one.
    fs::create_dir(folder.join("real"))?;
    symlink("real", folder.join("named"))?;
    let convert = "dataset convert data/dermx --to coco --out named";
    succeed(folder, &args(convert, &[]))?;
    assert!(folder.join("real/annotations.json").exists());
    fs::remove_file(folder.join("real/annotations.json"))?;
    symlink("../precious", folder.join("real/annotations.json"))?;
    succeed(folder, &args(convert, &["--overwrite"]))?;
    assert!(!fs::symlink_metadata(folder.join("real/annotations.json"))?.is_symlink());
    assert_eq!(fs::read_to_string(folder.join("precious"))?, "mine");
    symlink("nowhere", folder.join("dangling"))?;
    let convert = "dataset convert data/dermx --to coco --out dangling";
    fail(folder, &args(convert, &[]), 73, &["dangling", "no folder"])
}
