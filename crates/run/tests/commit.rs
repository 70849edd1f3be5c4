//! What the build script says of the commit, and what it is asked again for.

#[expect(dead_code, reason = "the script's main is Cargo's to call")]
#[path = "../build.rs"]
mod build;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

type TestResult = Result<(), Box<dyn std::error::Error>>;

fn git(folder: &Path, args: &[&str]) -> TestResult {
    let identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"];
    let output = Command::new("git").arg("-C").arg(folder).args(identity).args(args).output()?;
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(()) } else { Err(message.into()) }
}

fn commit(folder: &Path, text: &str) -> TestResult {
    fs::write(folder.join("file"), text)?;
    git(folder, &["add", "file"])?;
    git(folder, &["commit", "--quiet", "-m", text])
}

/// A checkout with one commit; `None` without git, which is said.
fn checkout() -> Option<(tempfile::TempDir, PathBuf)> {
    if Command::new("git").arg("--version").output().is_err() {
        eprintln!("SKIPPED: there is no git");
        return None;
    }
    let folder = tempfile::tempdir().ok()?;
    let root = folder.path().join("checkout");
    fs::create_dir(&root).ok()?;
    git(&root, &["init", "--quiet"]).ok()?;
    commit(&root, "first").ok()?;
    Some((folder, root))
}

/// What is in a file, or the names in a folder.
fn content(path: &Path) -> Vec<u8> {
    let Ok(entries) = fs::read_dir(path) else { return fs::read(path).unwrap_or_default() };
    let entries = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = entries.collect();
    names.sort();
    names.join("\n").into_bytes()
}

/// The files that the script watches, with what is in them.
fn watched(root: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    build::commit_files(root).into_iter().map(|path| (path.clone(), content(&path))).collect()
}

/// Expects another commit after `change`, and that a file which was watched before tells of it.
fn assert_noticed(root: &Path, change: impl FnOnce() -> TestResult) -> TestResult {
    let (before, files) = (build::commit(root), watched(root));
    assert!(files.iter().all(|(path, _)| path.exists()), "{files:?}");
    change()?;
    assert_ne!(build::commit(root), before);
    let is_noticed = files.iter().any(|(path, before)| content(path) != *before);
    assert!(is_noticed, "{:?}", files.iter().map(|(path, _)| path).collect::<Vec<_>>());
    Ok(())
}

#[test]
fn a_commit_a_branch_and_a_packed_branch_are_noticed() -> TestResult {
    let Some((_folder, root)) = checkout() else { return Ok(()) };
    assert_noticed(&root, || commit(&root, "second"))?;
    assert_noticed(&root, || git(&root, &["checkout", "--quiet", "-b", "deep/branch", "HEAD~1"]))?;
    git(&root, &["pack-refs", "--all"])?;
    assert_noticed(&root, || commit(&root, "third"))?;
    git(&root, &["config", "core.logAllRefUpdates", "false"])?;
    fs::remove_dir_all(root.join(".git/logs"))?;
    assert_noticed(&root, || commit(&root, "fourth"))?;
    git(&root, &["pack-refs", "--all"])?;
    assert_noticed(&root, || commit(&root, "fifth"))
}

#[test]
fn a_worktree_notices_its_own_commits() -> TestResult {
    let Some((folder, root)) = checkout() else { return Ok(()) };
    let tree = folder.path().join("tree");
    git(&root, &["worktree", "add", "--quiet", "-b", "other", &tree.display().to_string()])?;
    assert_noticed(&tree, || commit(&tree, "in the worktree"))?;
    let files = watched(&tree);
    commit(&root, "in the checkout")?;
    assert_eq!(watched(&tree), files);
    Ok(())
}

#[test]
fn files_that_differ_make_a_commit_dirty() -> TestResult {
    let Some((folder, root)) = checkout() else { return Ok(()) };
    let clean = build::commit(&root).ok_or("no commit")?;
    assert_eq!(clean.len(), 40, "{clean}");
    fs::write(root.join("file"), "changed")?;
    assert_eq!(build::commit(&root), Some(format!("{clean}-dirty")));
    // A folder within a checkout is not one of its own.
    fs::create_dir(root.join("inner"))?;
    assert_eq!(build::commit(&root.join("inner")), None);
    assert!(build::commit_files(&root.join("inner")).is_empty());
    assert_eq!(build::commit(folder.path()), None);
    Ok(())
}

#[test]
fn a_package_knows_the_commit_that_it_was_made_from() {
    let info = |git: &str| {
        format!("{{\n  \"git\": {{\n    {git}\n  }},\n  \"path_in_vcs\": \"crates/run\"\n}}")
    };
    let clean = info("\"sha1\": \"d59f1e6a\"");
    assert_eq!(build::packaged_commit(&clean).as_deref(), Some("d59f1e6a"));
    let dirty = info("\"sha1\": \"d59f1e6a\",\n    \"dirty\": true");
    assert_eq!(build::packaged_commit(&dirty).as_deref(), Some("d59f1e6a-dirty"));
    assert_eq!(build::packaged_commit("{}"), None);
}
