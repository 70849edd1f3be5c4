//! Commands on a disk with so much room left.

use super::ensure;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Mounts a disk at `disk`, fills it with what is in `before` and then to all but `$LEFT` bytes, runs the
/// command, and brings what is on the disk to `after`. The mount is the script's own, and goes with it.
const MOUNTED: &str = "
    mount -t tmpfs -o size=256m tmpfs disk || exit 99
    cp -r before/. disk/ || exit 99
    cat /dev/zero >disk/.filler 2>/dev/null
    truncate -s -$LEFT disk/.filler || exit 99
    \"$@\"; code=$?
    rm disk/.filler; cp -r disk/. after/ || exit 99
    exit $code";

/// Where nobody may mount: no file may grow over `$LEFT` bytes.
const LIMITED: &str = "
    cp -r before/. after/ && rmdir disk && ln -s after disk || exit 99
    trap '' XFSZ; ulimit -f $((LEFT / 512))
    \"$@\"";

/// How a small disk is had.
#[derive(Debug, Clone, Copy)]
pub struct Disks {
    /// Arguments of `unshare`, if it may mount.
    unshare: Option<&'static str>,
}

impl Disks {
    /// Finds out what may be done here; says loudly when it is not the real thing.
    pub fn find() -> Self {
        let may_mount = |arg: &&str| {
            let mut command = Command::new("unshare");
            command.args([arg, "sh", "-c", "mount -t tmpfs tmpfs /tmp"]);
            command.output().is_ok_and(|output| output.status.success())
        };
        let unshare = ["-m", "-rm"].into_iter().find(may_mount);
        if unshare.is_none() {
            eprintln!(
                "nobody may mount a disk here: full disks are SKIPPED, large files fail instead"
            );
        }
        Self { unshare }
    }

    /// Runs the command with `args` in a new folder below `root`, in which `disk` has `left` bytes left; in
    /// the beginning it holds what is in `before`. The output, and where to find what was on the disk.
    pub fn run(
        self,
        root: &Path,
        before: Option<&Path>,
        left: u64,
        args: &[&str],
    ) -> Result<(Output, PathBuf), Box<dyn Error>> {
        let place = tempfile::Builder::new().prefix("disk-").tempdir_in(root)?.keep();
        for name in ["disk", "before", "after"] {
            fs::create_dir(place.join(name))?;
        }
        if let Some(before) = before {
            crate::dermx::copy(before, &place.join("before"))?;
        }
        for name in ["data", "run", "search.toml"] {
            std::os::unix::fs::symlink(root.join(name), place.join(name))?;
        }
        let mut command = match self.unshare {
            Some(arg) => {
                let mut command = Command::new("unshare");
                command.args([arg, "sh", "-c", MOUNTED]);
                command
            }
            None => {
                let mut command = Command::new("sh");
                command.args(["-c", LIMITED]);
                command
            }
        };
        command.args(["sh", env!("CARGO_BIN_EXE_dermx")]).args(args);
        let output = command.current_dir(&place).env("LEFT", left.to_string()).output()?;
        ensure(output.status.code() != Some(99), || {
            String::from_utf8_lossy(&output.stderr).into()
        })?;
        Ok((output, place.join("after")))
    }
}
