//! `dermx` on a disk that fails, for tests: the variable `DERMX_TEST_FAULT` says `KIND@K`, and the K-th
//! call that writes a checkpoint goes wrong. Without it, it is `dermx`.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a command knows its surroundings"
)]

use dermx_data::{Disk, FileCall, FileSystem};
use std::io;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const VARIABLE: &str = "DERMX_TEST_FAULT";

/// The exit code of wrong arguments.
const EXIT_USAGE: u8 = 2;

fn main() -> ExitCode {
    let Ok(text) = std::env::var(VARIABLE) else { return dermx_cli::run(Arc::new(Disk)) };
    match text.parse::<Faulty>() {
        Ok(faulty) => dermx_cli::run(Arc::new(faulty)),
        Err(message) => {
            eprintln!("error: {VARIABLE}={text}: {message}");
            ExitCode::from(EXIT_USAGE)
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The process ends there and then, as with `kill -9`.
    Abort,
    /// The call fails with this number of the operating system's; what is to be written is half written.
    Fail(i32),
}

impl Kind {
    /// By their names; the numbers are Linux's, and 13 and 28 any Unix's.
    const ALL: [(&str, Self); 5] = [
        ("abort", Self::Abort),
        ("EIO", Self::Fail(5)),
        ("EACCES", Self::Fail(13)),
        ("ENOSPC", Self::Fail(28)),
        ("EDQUOT", Self::Fail(122)),
    ];
}

/// The disk, but for the call `number` (from 1).
#[derive(Debug)]
struct Faulty {
    kind: Kind,
    number: usize,
    num_calls: AtomicUsize,
}

impl FromStr for Faulty {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once('@').and_then(|(name, number)| {
            let (_, kind) = Kind::ALL.into_iter().find(|(known, _)| *known == name)?;
            Some(Self { kind, number: number.parse().ok()?, num_calls: AtomicUsize::new(0) })
        });
        parsed.ok_or_else(|| {
            format!("expected KIND@K, KIND one of {}", Kind::ALL.map(|(name, _)| name).join(", "))
        })
    }
}

impl FileSystem for Faulty {
    fn call(&self, call: FileCall<'_>) -> io::Result<()> {
        if self.num_calls.fetch_add(1, Ordering::SeqCst) + 1 != self.number {
            return Disk.call(call);
        }
        if let FileCall::Write(path, bytes) = call {
            Disk.call(FileCall::Write(path, &bytes[..bytes.len() / 2]))?;
        }
        match self.kind {
            Kind::Abort => std::process::abort(),
            Kind::Fail(code) => Err(io::Error::from_raw_os_error(code)),
        }
    }
}
