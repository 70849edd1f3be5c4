//! No state of the whole process, and a thin command.

use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// A file that may hold what lives as long as the process, and why.
struct Exception {
    path: &'static str,
    reason: &'static str,
}

const fn exception(path: &'static str, reason: &'static str) -> Exception {
    Exception { path, reason }
}

const EXCEPTIONS: [Exception; 5] = [
    exception("crates/cli/src/stop.rs", "the flag that signals set"),
    exception("crates/kernels/src/cpu/heap.rs", "the allocator of large buffers"),
    exception("crates/kernels/src/cpu/simd.rs", "a lookup: what the processor can do"),
    exception("crates/model/src/architecture.rs", "a lookup: names of networks"),
    exception("crates/model/src/weight_names.rs", "a lookup: names of layers"),
];

/// Types by which a `static` changes while the process lives.
const MUTABLE: [&str; 8] =
    ["Atomic", "Cell<", "LazyLock<", "Mutex<", "OnceLock<", "RwLock<", "static mut", "UnsafeCell"];

/// The largest command, in lines: what it does beyond arguments, text and exit codes is for libraries.
const MAX_COMMAND_LINES: usize = 5000;

/// What is wrong with the sources among `files`.
pub fn check(root: &Path, files: &[PathBuf]) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    let mut num_lines = 0;
    for path in files.iter().filter(|path| is_program(path)) {
        let text = fs::read_to_string(root.join(path))
            .with_context(|| format!("cannot read {}", path.display()))?;
        if path.starts_with("crates/cli") {
            num_lines += text.lines().count();
        }
        problems.extend(states(path, &text));
    }
    for Exception { path, reason } in &EXCEPTIONS {
        if !files.iter().any(|file| file == Path::new(path)) {
            problems.push(format!("state: there is no {path} any more ({reason})"));
        }
    }
    problems.extend(too_long(num_lines));
    Ok(problems)
}

fn is_program(path: &Path) -> bool {
    let parts: Vec<_> = path.components().map(|part| part.as_os_str()).collect();
    let is_source = parts.len() > 3 && parts[0] == "crates" && parts[2] == "src";
    is_source && path.extension().is_some_and(|extension| extension == "rs")
}

fn too_long(num_lines: usize) -> Option<String> {
    (num_lines > MAX_COMMAND_LINES).then(|| {
        format!(
            "crates/cli/src: {num_lines} lines of at most {MAX_COMMAND_LINES}; move what it does"
        )
    })
}

/// Statics that change, outside of the exceptions; those of a thread are not the process's.
fn states(path: &Path, text: &str) -> Vec<String> {
    if EXCEPTIONS.iter().any(|one| Path::new(one.path) == path) {
        return Vec::new();
    }
    let mut is_of_thread = false;
    let mut problems = Vec::new();
    for (idx, line) in text.lines().enumerate() {
        let code = line.trim_start();
        // A block of thread-locals ends with a brace at the start of a line.
        is_of_thread = (is_of_thread || code.starts_with("thread_local!")) && line != "}";
        let is_static = ["static ", "pub static ", "pub(crate) static ", "pub(super) static "]
            .iter()
            .any(|start| code.starts_with(start));
        if is_static && !is_of_thread && MUTABLE.iter().any(|kind| code.contains(kind)) {
            let place = format!("{}:{}", path.display(), idx + 1);
            problems.push(format!("{place}: state of the whole process; pass it on instead"));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::{MAX_COMMAND_LINES, is_program, states, too_long};
    use std::path::Path;

    #[test]
    fn state_of_the_process_is_found_and_tables_and_threads_pass() {
        let found = |text: &str| states(Path::new("crates/run/src/a.rs"), text);
        assert_eq!(
            found("// ok\nstatic IN_USE: Mutex<u8> = Mutex::new(0);\n"),
            ["crates/run/src/a.rs:2: state of the whole process; pass it on instead"]
        );
        assert_eq!(found("    pub static NUM: AtomicUsize = AtomicUsize::new(0);\n").len(), 1);
        assert!(found("static TABLE: [u8; 2] = [0, 1];\nfn a(_: &'static str) {}\n").is_empty());
        let thread = "thread_local! {\n    static A: Cell<u8> = const { Cell::new(0) };\n}\n";
        assert!(found(thread).is_empty());
        assert_eq!(found(&format!("{thread}static B: OnceLock<u8> = OnceLock::new();\n")).len(), 1);
        let allowed = "static REQUESTED: AtomicBool = AtomicBool::new(false);";
        assert!(states(Path::new("crates/cli/src/stop.rs"), allowed).is_empty());
    }

    #[test]
    fn programs_are_sources_of_crates_and_the_command_has_a_limit() {
        assert!(is_program(Path::new("crates/run/src/sub/a.rs")));
        assert!(!is_program(Path::new("crates/run/tests/a.rs")));
        assert!(!is_program(Path::new("xtask/src/a.rs")));
        assert!(too_long(MAX_COMMAND_LINES).is_none() && too_long(MAX_COMMAND_LINES + 1).is_some());
    }
}
