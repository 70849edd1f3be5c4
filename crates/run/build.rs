//! Finds out which commit is built, and from which versions of libraries, for the certificate of a run.

#![allow(clippy::disallowed_methods, reason = "a build script is told by its environment")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// Where Cargo says in a package which commit it was made from.
const PACKAGED_FROM: &str = ".cargo_vcs_info.json";

fn main() -> std::io::Result<()> {
    println!("cargo:rerun-if-env-changed=DERMX_COMMIT");
    println!("cargo:rerun-if-changed=build.rs");
    // A package has a lock file of its own; a checkout has one for all.
    let is_packaged = Path::new("Cargo.lock").exists();
    let root = Path::new(if is_packaged { "." } else { "../.." });
    let lock = root.join("Cargo.lock");
    println!("cargo:rerun-if-changed={}", lock.display());
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default());
    std::fs::copy(lock, out.join("Cargo.lock"))?;
    let found = if is_packaged {
        std::fs::read_to_string(PACKAGED_FROM).ok().as_deref().and_then(packaged_commit)
    } else {
        watch(root);
        commit(root)
    };
    let given = std::env::var("DERMX_COMMIT").ok();
    let commit = given.or(found).unwrap_or_else(|| "unknown".to_string());
    println!("cargo:rustc-env=DERMX_COMMIT={commit}");
    Ok(())
}

/// What the commit says is true of the sources as they are compiled, so it is asked for again when they
/// change, and when another commit is checked out or made.
fn watch(root: &Path) {
    for entry in std::fs::read_dir("..").into_iter().flatten().flatten() {
        println!("cargo:rerun-if-changed={}", entry.path().join("src").display());
    }
    for file in commit_files(root) {
        println!("cargo:rerun-if-changed={}", file.display());
    }
}

/// The commit in the text of a package's `.cargo_vcs_info.json`, with `-dirty` where files differed from it.
pub fn packaged_commit(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("\"sha1\"")?;
    let commit = rest.split('"').nth(1)?;
    let is_dirty = text.contains("\"dirty\": true");
    Some(if is_dirty { format!("{commit}-dirty") } else { commit.to_string() })
}

/// What `git` prints in the checkout `root`, if that is one of its own and not part of another.
fn git(root: &Path, args: &[&str]) -> Option<String> {
    let output = |args: &[&str]| {
        let output = Command::new("git").arg("-C").arg(root).args(args).output().ok()?;
        let text = output.status.success().then(|| String::from_utf8(output.stdout).ok());
        text.flatten().map(|text| text.trim().to_string())
    };
    let top = Path::new(&output(&["rev-parse", "--show-toplevel"])?).canonicalize().ok()?;
    if top == root.canonicalize().ok()? { output(args) } else { None }
}

/// The commit of this checkout, with `-dirty` where files differ from it; nothing where the sources
/// are no checkout of their own.
pub fn commit(root: &Path) -> Option<String> {
    git(root, &["describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"])
}

/// Files that are there, one of which changes whenever another commit becomes the checkout's.
///
/// `HEAD` and its log are the checkout's own, also of a worktree; a branch is a file, or for lack of
/// one a line of `packed-refs`, in what all worktrees share. Cargo would take a file that is not there
/// for one that has changed.
pub fn commit_files(root: &Path) -> Vec<PathBuf> {
    let path = |name: &str| {
        let path = git(root, &["rev-parse", "--git-path", name])?;
        Some(root.join(path))
    };
    let branch = git(root, &["symbolic-ref", "--quiet", "HEAD"]);
    // The folder gets the branch's file with its next commit.
    let branch = branch.and_then(|name| path(&name)).map(|file| match file.is_file() {
        true => file,
        false => file
            .ancestors()
            .skip(1)
            .find(|folder| folder.is_dir())
            .map_or(file.clone(), PathBuf::from),
    });
    let others = ["HEAD", "logs/HEAD", "packed-refs", "reftable"].into_iter().filter_map(path);
    others.chain(branch).filter(|file| file.exists()).collect()
}
