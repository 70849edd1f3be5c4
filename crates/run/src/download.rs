//! Downloads that go on where they were cut off.

use crate::error::{RunError, RunResult};
use dermx_work::Watch;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::time::Duration;
use ureq::Agent;
use ureq::http::{HeaderMap, Response, StatusCode};
use ureq::tls::{RootCerts, TlsConfig};

/// Attempts in a row that bring nothing new.
const MAX_FAILURES: u32 = 4;
/// All attempts.
const MAX_ATTEMPTS: u32 = 50;
/// Wait after the first failure; each further one doubles it.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// One attempt; a slow download goes on with the next one.
const BODY_TIMEOUT: Duration = Duration::from_secs(300);
/// The largest weights of torchvision take a quarter of it.
pub(crate) const MAX_BYTES: u64 = 2 << 30;
const MEGABYTE: u64 = 1_000_000;

/// Downloads `url` to the end of `file`, which may hold the start of it already.
///
/// # Errors
/// The server does not have it, cannot be reached, or cuts every attempt off; what has come stays in
/// `file`. A disk that is full, a request to stop.
pub fn download(url: &str, name: &str, file: &mut File, watch: Watch<'_>) -> RunResult<()> {
    let agent = agent(url);
    let mut num_failures = 0;
    for _ in 0..MAX_ATTEMPTS {
        let before = file.metadata().map_err(write_error)?.len();
        let reason = match attempt(&agent, url, name, file, watch) {
            Ok(()) => return Ok(()),
            Err(Attempt::Final(error)) => return Err(error),
            Err(Attempt::Again(reason)) => reason,
        };
        let has_grown = file.metadata().map_err(write_error)?.len() > before;
        num_failures = if has_grown { 1 } else { num_failures + 1 };
        if num_failures == MAX_FAILURES {
            return Err(RunError::os(reason));
        }
        tracing::info!("{name}: {reason}; trying again");
        std::thread::sleep(FIRST_WAIT * (1 << (num_failures - 1)));
        watch.check("the same command goes on").map_err(RunError::from)?;
    }
    Err(RunError::os("the connection was cut too often".to_string()))
}

/// Why an attempt failed.
enum Attempt {
    Again(String),
    Final(RunError),
}

impl From<RunError> for Attempt {
    fn from(error: RunError) -> Self {
        Self::Final(error)
    }
}

fn agent(url: &str) -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        // A redirection may not lead from an encrypted connection to one that is not.
        .https_only(url.starts_with("https:"))
        .tls_config(TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build())
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_recv_response(Some(ANSWER_TIMEOUT))
        .timeout_recv_body(Some(BODY_TIMEOUT))
        .build()
        .into()
}

/// Asks for the rest of `url` and appends it.
fn attempt(
    agent: &Agent,
    url: &str,
    name: &str,
    file: &mut File,
    watch: Watch<'_>,
) -> Result<(), Attempt> {
    let start = file.seek(SeekFrom::End(0)).map_err(write_error)?;
    let mut request = agent.get(url);
    if start > 0 {
        request = request.header("Range", format!("bytes={start}-"));
    }
    let response = request.call().map_err(|error| match error {
        ureq::Error::TooManyRedirects
        | ureq::Error::BadUri(_)
        | ureq::Error::RequireHttpsOnly(_)
        | ureq::Error::Rustls(_) => RunError::os(error.to_string()).into(),
        error => Attempt::Again(error.to_string()),
    })?;
    let (start, total) = match plan(&response, start)? {
        Answer::Append { total } => (start, total),
        Answer::Restart { total } => {
            restart(file)?;
            (0, total)
        }
        Answer::Complete => return Ok(()),
        Answer::AskAgain => {
            restart(file)?;
            return Err(Attempt::Again("the server has another file now".to_string()));
        }
    };
    append(response, start, total, name, file, watch)
}

/// What to do with an answer.
enum Answer {
    /// It is the rest of the file, which has `total` bytes.
    Append { total: Option<u64> },
    /// It is the whole file.
    Restart { total: Option<u64> },
    /// Nothing is missing.
    Complete,
    /// What is there does not belong to the file.
    AskAgain,
}

fn plan<T>(response: &Response<T>, start: u64) -> Result<Answer, Attempt> {
    let status = response.status();
    let text = |name: &str| header(response.headers(), name);
    // `bytes 5-9/10`, or `bytes */10` when there is no rest.
    let range = text("content-range").and_then(|range| range.strip_prefix("bytes "));
    let total = range.and_then(|range| range.rsplit_once('/')?.1.parse().ok());
    match status {
        StatusCode::OK => {
            Ok(Answer::Restart { total: text("content-length").and_then(|size| size.parse().ok()) })
        }
        StatusCode::PARTIAL_CONTENT => {
            let is_rest = range.is_some_and(|range| range.starts_with(&format!("{start}-")));
            Ok(if is_rest { Answer::Append { total } } else { Answer::AskAgain })
        }
        StatusCode::RANGE_NOT_SATISFIABLE if start > 0 => {
            Ok(if total == Some(start) { Answer::Complete } else { Answer::AskAgain })
        }
        StatusCode::TOO_MANY_REQUESTS => Err(Attempt::Again(answer(status))),
        _ if status.is_server_error() => Err(Attempt::Again(answer(status))),
        StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::GONE => {
            Err(RunError::missing_input(answer(status)).into())
        }
        _ => Err(RunError::os(answer(status)).into()),
    }
}

fn answer(status: StatusCode) -> String {
    format!("the server answers {status}")
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Appends the body of `response`; `total` counts the `start` bytes that are there already.
fn append(
    response: Response<ureq::Body>,
    start: u64,
    total: Option<u64>,
    name: &str,
    file: &mut File,
    watch: Watch<'_>,
) -> Result<(), Attempt> {
    let too_large = || RunError::bad_data(format!("it has more than {MAX_BYTES} bytes"));
    let megabytes = |num_bytes: u64| (num_bytes / MEGABYTE) as usize;
    let mut progress = watch.progress.start(name, megabytes(total.unwrap_or(0)), "MB");
    progress.skip(megabytes(start));
    let mut body = response.into_body().into_reader();
    let mut buffer = vec![0; 1 << 16];
    let mut num_bytes = start;
    loop {
        watch.check("the same command goes on").map_err(RunError::from)?;
        let size = match body.read(&mut buffer) {
            Ok(size) => size,
            Err(error) => return Err(Attempt::Again(format!("the connection is cut: {error}"))),
        };
        if size == 0 {
            break;
        }
        file.write_all(&buffer[..size]).map_err(write_error)?;
        num_bytes += size as u64;
        if num_bytes > MAX_BYTES {
            return Err(too_large().into());
        }
        progress.set(megabytes(num_bytes), "");
    }
    match total {
        Some(total) if total != num_bytes => {
            Err(Attempt::Again(format!("the connection is cut at {num_bytes} of {total} bytes")))
        }
        _ => {
            progress.finish(&format!("{num_bytes} bytes"));
            Ok(())
        }
    }
}

fn restart(file: &mut File) -> RunResult<()> {
    file.set_len(0).and_then(|()| file.seek(SeekFrom::Start(0))).map(drop).map_err(write_error)
}

fn write_error(error: std::io::Error) -> RunError {
    RunError::os(format!("what is downloaded cannot be written: {error}"))
}
