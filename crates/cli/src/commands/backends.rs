//! `dermx backends`.

use crate::args::BackendsArgs;
use crate::error::CliResult;
use crate::process::Process;
use crate::terminal::print;
use dermx_run::{BackendKind, BackendReport, DeviceReport, backend_reports};
use dermx_score::to_json;
use dermx_table::{Column, Table};

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
        false => print(table(&reports).terminal()),
    }
}

/// A row for each device, or why there is none.
fn table(reports: &[BackendReport]) -> Table {
    let mut table = Table::new("backends", "", ["backend", "device"].map(Column::text));
    for report in reports {
        let name = report.backend.name();
        if !report.built_in {
            let how = format!("not in this binary; `cargo xtask STAGE --backend {name}` adds it");
            table.push([name.into(), how.into()]);
        } else if report.devices.is_empty() {
            table.push([name.into(), "no device found".into()]);
        }
        let tuned = match (report.backend, report.tuned) {
            (BackendKind::Cpu, _) => "",
            (_, true) => ", tuned kernels",
            (_, false) => ", kernels not tuned",
        };
        for DeviceReport { backend, name, error } in &report.devices {
            let device = match (name, error) {
                (Some(name), _) => format!("{name}{tuned}"),
                (_, error) => format!("DOES NOT WORK: {}", error.as_deref().unwrap_or("")),
            };
            table.push([backend.to_string().into(), device.into()]);
        }
    }
    table
}
