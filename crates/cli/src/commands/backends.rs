//! `dermx backends`.

use crate::args::BackendsArgs;
use crate::error::CliResult;
use crate::process::Process;
use crate::terminal::print;
use dermx_run::{BackendKind, BackendReport, DeviceReport, backend_reports};
use dermx_score::to_json;

/// Lists backends and devices.
///
/// # Errors
/// A backend that was asked for and cannot compute.
pub fn run(args: &BackendsArgs, process: &Process) -> CliResult<()> {
    if let Some(backend) = args.backend {
        process.session(backend)?;
    }
    let mut reports = backend_reports(process.panics());
    if let Some(backend) = args.backend {
        reports.retain(|report| report.backend == backend.kind);
    }
    match args.json {
        true => print(to_json(&reports)?),
        false => print(reports.iter().map(text).collect::<String>()),
    }
}

fn text(report: &BackendReport) -> String {
    let name = report.backend.name();
    if !report.built_in {
        return format!(
            "{name:<8} not in this binary; `cargo xtask STAGE --backend {name}` adds it\n"
        );
    }
    if report.devices.is_empty() {
        return format!("{name:<8} no device found\n");
    }
    let tuned = match (report.backend, report.tuned) {
        (BackendKind::Cpu, _) => "",
        (_, true) => ", tuned kernels",
        (_, false) => ", kernels not tuned",
    };
    let line = |device: &DeviceReport| {
        let DeviceReport { backend, name, error } = device;
        match (name, error) {
            (Some(name), _) => format!("{backend:<8} {name}{tuned}\n"),
            (_, error) => {
                format!("{backend:<8} DOES NOT WORK: {}\n", error.as_deref().unwrap_or(""))
            }
        }
    };
    report.devices.iter().map(line).collect()
}
