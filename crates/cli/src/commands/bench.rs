//! `dermx bench`.

use crate::args::BenchArgs;
use crate::error::{CliError, CliResult};
use crate::output;
use crate::process::Process;
use crate::terminal::print;
use dermx_data::ImageSize;
use dermx_model::Architecture;
use dermx_run::bench::{
    BenchMode, BenchPlan, Subject, compare_backends, is_comparison_file, measure, measure_layers,
    write_comparison,
};
use dermx_run::config::BenchConfig;
use dermx_run::{Backend, Session};
use dermx_score::to_json;
use dermx_study::SIZE;
use dermx_work::Failure;

/// Times batches of a network, and compares backends if there are several.
///
/// # Errors
/// A network that the study has no recipe for, a backend that cannot compute, or a request to stop.
pub fn run(args: &BenchArgs, process: &Process) -> CliResult<()> {
    let (plan, backends) = plan(args)?;
    if args.layers {
        let table = measure_layers(&plan, process.context(&Session::cpu()))?;
        return if args.json { print(to_json(&table)?) } else { print(table.text()) };
    }
    let is_comparison = backends.len() > 1;
    if args.out.is_some() && !is_comparison {
        let message = "--out is for comparisons; name at least two backends";
        return Err(CliError::new(Failure::Usage, message));
    }
    let inputs = output::inputs([args.run.as_deref()]);
    let out = args
        .out
        .as_ref()
        .map(|out| output::folder(out, args.overwrite, &inputs, is_comparison_file));
    let out = out.transpose()?;
    let subject = match &args.run {
        Some(run) => Subject::of_run(run, args.seed)?,
        None => plan.random_subject(args.mode == Some(BenchMode::Recipe)),
    };
    if !is_comparison {
        let mode = args.mode.unwrap_or(BenchMode::Step);
        let session = process.session(backends.first().copied().unwrap_or(Backend::CPU))?;
        let found = measure(&plan, &subject, mode, process.context(&session))?;
        return if args.json { print(to_json(&[found])?) } else { print(found.text()) };
    }
    let (panics, watch) = (process.panics(), process.watch());
    let comparison = compare_backends(&plan, &subject, args.mode, &backends, panics, watch)?;
    if let Some(out) = out {
        write_comparison(&comparison, &out.path())?;
        out.finish()?;
    }
    if args.json { print(to_json(&comparison)?) } else { print(comparison.text()) }
}

/// What the arguments and a configuration come to, and on which backends.
fn plan(args: &BenchArgs) -> CliResult<(BenchPlan, Vec<Backend>)> {
    let found = args.config.as_deref().map(BenchConfig::load).transpose()?;
    let mut backends = args.backends.clone();
    if let (true, Some(BenchConfig { backends: configured, .. })) = (backends.is_empty(), &found) {
        backends.clone_from(configured);
    }
    if backends.is_empty() {
        backends.push(Backend::CPU);
    }
    for backend in &backends {
        dermx_run::check_precision(backend.kind, args.precision)?;
    }
    let (architecture, size) = match (&found, backends.len()) {
        (Some(config), _) => (config.architecture, config.size),
        (None, 1) => (Architecture::RESNET50, SIZE),
        (None, _) => (Architecture::RESNET18, ImageSize::new(64, 64)),
    };
    let (batch_size, steps) = found.map_or((8, 5), |config| (config.batch_size, config.steps));
    let plan = BenchPlan {
        architecture: args.arch.unwrap_or(architecture),
        size: args.size.unwrap_or(size),
        batch_size: usize::from(args.batch.unwrap_or(batch_size)),
        steps: usize::from(args.steps.unwrap_or(steps)),
        precision: args.precision,
    };
    Ok((plan, backends))
}
