//! `dermx weights inspect` and `dermx weights convert`.

use crate::args::{ConvertArgs, InspectArgs};
use crate::error::{CliError, CliResult};
use crate::output;
use crate::terminal::print;
use dermx_model::{
    Candidate, Computation, LocateError, Located, NamedTensor, OtherNetwork, TensorInfo, Wanted,
    WeightsFile, WeightsFormat, candidates, is_unread_buffer, locate, with_unread_buffers,
    write_safetensors,
};
use dermx_run::weight_files::{self, Request, open};
use dermx_run::{Description, RunError, UsualNormalization};
use dermx_table::{Column, Table};
use dermx_work::Failure;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// Tells what a file of weights holds.
///
/// # Errors
/// A file that cannot be read.
pub fn inspect(args: &InspectArgs) -> CliResult<()> {
    let file = open(&args.file)?;
    let description = weight_files::description(&args.file, &file)?;
    let report = Report::of(&args.file, &file, description);
    if !args.json {
        return print(report.as_text(&args.file.display().to_string()));
    }
    let text = serde_json::to_string_pretty(&report.as_json())
        .map_err(|error| CliError::new(Failure::Internal, error.to_string()))?;
    print(format!("{text}\n"))
}

/// Writes weights as safetensors with torchvision's names, and what the network is. Those of Keras' layers that
/// are of no network here keep the names of the layers.
///
/// # Errors
/// A file that cannot be read or written, or weights that fit no network, or not `--arch`.
pub fn convert(args: &ConvertArgs) -> CliResult<()> {
    let out = output::file(&args.output, args.overwrite, &[&args.input])?;
    let mut file = open(&args.input)?;
    if let Some(tensors) = layers_of_keras(args, &mut file)? {
        check_finite(&args.input, &tensors)?;
        out.write(&write_safetensors(&tensors).map_err(RunError::from)?)?;
        let (output, num_tensors) = (args.output.display(), tensors.len());
        let message = "by the names of their layers; they are no whole network of those here";
        return print(format!("{output}: {num_tensors} tensors {message}\n"));
    }
    let request = Request {
        architecture: args.arch,
        prefix: args.prefix.as_deref(),
        padding: args.padding,
        epsilon: args.epsilon,
        ..Request::default()
    };
    let mut found = weight_files::find_in(&args.input, file, &request)?;
    let config = found.config.ok_or_else(|| {
        let matrix = found.located.architecture.head_matrix();
        CliError::bad_data(&args.input, format!("there is no matrix `{matrix}`"))
    })?;
    let tensors = found.read(&args.input)?;
    check_finite(&args.input, &tensors)?;
    let counters = found.file.read_counters(&found.located.names).map_err(RunError::from)?;
    let tensors = with_unread_buffers(tensors);
    let of_network = Description::of_network(&config);
    let description = match found.description {
        Some(known) => Description {
            input_size: known.input_size,
            normalization: known.normalization,
            classes: known.classes,
            ..of_network
        },
        None => of_network,
    };
    let bytes = weight_files::to_bytes(&tensors, &counters, &description)?;
    out.write(&bytes)?;
    let (output, architecture) = (args.output.display(), config.architecture);
    print(format!("{output}: {} tensors of a {architecture}\n", tensors.len()))
}

/// The tensors of a file of Keras, if they are no whole network here and none is asked for.
fn layers_of_keras(
    args: &ConvertArgs,
    file: &mut WeightsFile,
) -> CliResult<Option<BTreeMap<String, NamedTensor>>> {
    let is_keras = matches!(file.format(), WeightsFormat::KerasZip | WeightsFormat::KerasHdf5);
    let shapes = file.shapes();
    if !is_keras || shapes.is_empty() || args.arch.is_some() || args.prefix.is_some() {
        return Ok(None);
    }
    let is_network = locate(&shapes, &Wanted::default()).is_ok_and(|one| one.misfit.is_empty());
    if is_network { Ok(None) } else { Ok(Some(file.read().map_err(RunError::from)?)) }
}

/// Refuses tensors of `path` that hold what no weight can be.
fn check_finite(path: &Path, tensors: &BTreeMap<String, NamedTensor>) -> CliResult<()> {
    for (name, tensor) in tensors {
        tensor.check_finite(name).map_err(|error| weight_files::error_in(path, error))?;
    }
    Ok(())
}

/// What there is to say of a file.
struct Report<'a> {
    file: &'a WeightsFile,
    description: Option<Description>,
    located: Result<Located, LocateError>,
    /// How images are standardized, where the file has no description.
    normalization: Option<UsualNormalization>,
    /// How the tensors differ from each network, the best fit first.
    fits: Vec<Candidate>,
}

impl<'a> Report<'a> {
    fn of(path: &Path, file: &'a WeightsFile, description: Option<Description>) -> Self {
        let shapes = file.shapes();
        let architecture = description.as_ref().map(|description| description.architecture);
        let wanted = Wanted { architecture, ..Wanted::default() };
        let located = locate(&shapes, &wanted);
        let own = match &located {
            Ok(located) => located
                .names
                .iter()
                .map(|(name, in_file)| (name.clone(), shapes[in_file].clone()))
                .collect(),
            Err(_) => shapes,
        };
        let whole = located.as_ref().ok().filter(|one| one.misfit.is_complete());
        let normalization = whole
            .filter(|_| description.is_none())
            .and_then(|one| UsualNormalization::of(path, file, one.architecture));
        Self { file, description, fits: candidates(&own), located, normalization }
    }

    /// How the network computes; `None` where the weights are of none.
    fn computation(&self) -> Option<Result<Computation, OtherNetwork>> {
        let located = self.located.as_ref().ok()?;
        if let Some(description) = &self.description {
            let (padding, epsilon) = (description.padding, description.batch_norm_epsilon);
            let variant = Some(description.variant);
            return Some(Ok(Computation { variant, padding, epsilon, doubt: None }));
        }
        if !located.misfit.is_complete() {
            return None;
        }
        let claimed = self.file.claimed_architecture();
        Some(Computation::of(located.architecture, located.naming, claimed))
    }

    /// Values that training changes: not the running statistics of batch normalization.
    fn num_parameters(&self) -> usize {
        let is_statistic =
            |name: &str| ["running_mean", "running_var"].iter().any(|end| name.ends_with(end));
        let own: Option<Vec<&String>> =
            self.located.as_ref().ok().map(|located| located.names.values().collect());
        let is_own =
            |name: &str| own.as_ref().is_none_or(|own| own.iter().any(|other| *other == name));
        let parameters = self.file.tensors().filter(|tensor| {
            !is_statistic(tensor.name) && !is_unread_buffer(tensor.name) && is_own(tensor.name)
        });
        parameters.map(|tensor| tensor.shape.iter().product::<usize>()).sum()
    }

    fn naming(&self) -> &'static str {
        self.located.as_ref().map_or("unknown", |located| located.naming.name())
    }

    fn as_text(&self, name: &str) -> String {
        let naming = match self.naming() {
            "unknown" => "names of no network here".to_string(),
            naming => format!("names of {naming}"),
        };
        let mut text = format!(
            "{name}: {}, {naming}, {} tensors, {} parameters\n",
            self.file.format().name(),
            self.file.tensors().count(),
            self.num_parameters()
        );
        match &self.located {
            Ok(located) => text += &located_text(located),
            Err(error) => text += &format!("{error}\n"),
        }
        match self.computation() {
            Some(Ok(Computation { padding, epsilon, doubt, .. })) => {
                text += &format!("padding {}, epsilon {epsilon:e}", padding.name());
                text += &doubt.map_or("\n".to_string(), |doubt| format!(" assumed: {doubt}\n"));
            }
            Some(Err(error)) => text += &format!("{error}\n"),
            None => {}
        }
        if let Some(UsualNormalization { name, is_assumed }) = self.normalization {
            let whose = if is_assumed { " assumed, which Keras' own weights take" } else { "" };
            text += &format!("normalization {name}{whose}\n");
        }
        if let Some(claimed) = self.file.claimed_architecture() {
            text += &format!("the file calls its network `{claimed}`\n");
        }
        text += &self.description.as_ref().map_or(String::new(), described_text);
        if !self.file.objects().is_empty() {
            let objects = self.file.objects().iter();
            let objects: Vec<String> =
                objects.map(|object| format!("{} ({})", object.place, object.class)).collect();
            text += &format!("not read: {}\n", objects.join(", "));
        }
        let columns = ["dtype", "tensor", "shape"].map(Column::text);
        let mut table = Table::new("tensors", "", columns);
        for TensorInfo { name, shape, element } in self.file.tensors() {
            table.push([element.name().into(), (*name).into(), format!("{shape:?}").into()]);
        }
        text + &table.terminal()
    }

    fn as_json(&self) -> Value {
        let tensors: Vec<Value> = self
            .file
            .tensors()
            .map(|TensorInfo { name, shape, element }| {
                json!({"name": name, "dtype": element.name(), "shape": shape})
            })
            .collect();
        let fits: Vec<Value> = self
            .fits
            .iter()
            .map(|Candidate { architecture, misfit, .. }| {
                let misshapen: Vec<&String> =
                    misfit.misshapen.iter().map(|one| &one.name).collect();
                json!({
                    "arch": architecture.name(),
                    "misshapen": misshapen,
                    "missing": misfit.missing,
                    "unexpected": misfit.unexpected,
                })
            })
            .collect();
        let located = self.located.as_ref().ok();
        let computation = match self.computation() {
            Some(Ok(Computation { padding, epsilon, doubt, .. })) => {
                json!({"padding": padding.name(), "epsilon": epsilon, "doubt": doubt})
            }
            Some(Err(error)) => json!({"refused": error.to_string()}),
            None => Value::Null,
        };
        let objects: BTreeMap<&String, &String> =
            self.file.objects().iter().map(|object| (&object.place, &object.class)).collect();
        json!({
            "format": self.file.format().name(),
            "names": self.naming(),
            "prefixes": located.map(|located| &located.prefixes),
            "outside": located.map(|located| &located.outside),
            "problem": self.located.as_ref().err().map(ToString::to_string),
            "computation": computation,
            "claimed": self.file.claimed_architecture(),
            "normalization": self.normalization.map(|usual| usual.name),
            "description": self.description,
            "not_read": objects,
            "num_tensors": tensors.len(),
            "num_parameters": self.num_parameters(),
            "fits": fits,
            "tensors": tensors,
        })
    }
}

/// Which network it is, and where in the file.
fn located_text(located: &Located) -> String {
    let Located { architecture, misfit, .. } = located;
    let mut text = match misfit.is_empty() {
        true => format!("fits {architecture}\n"),
        false => format!("closest to {architecture}: {}: {misfit}\n", misfit.counts()),
    };
    if located.prefixes.iter().any(|prefix| !prefix.is_empty()) {
        let prefixes: Vec<String> =
            located.prefixes.iter().map(|prefix| format!("`{prefix}`")).collect();
        text += &format!("its names start with {}\n", prefixes.join(" and "));
    }
    if !located.outside.is_empty() {
        text += &format!("not of the network: {}\n", located.outside.join(", "));
    }
    text
}

/// What a file that was written here says of its network.
fn described_text(description: &Description) -> String {
    let mut parts = vec![
        format!("last stride {}", description.last_stride),
        format!("head {}", word(&description.head)),
        format!("variant {}", word(&description.variant)),
    ];
    parts.extend(description.input_size.map(|[height, width]| format!("size {height}x{width}")));
    parts.extend(description.normalization.as_ref().map(|name| format!("normalization {name}")));
    parts.extend(description.classes.as_ref().map(|names| format!("classes {}", names.join(", "))));
    format!("{}\n", parts.join("; "))
}

/// A choice as configurations write it.
fn word(choice: &impl serde::Serialize) -> String {
    match serde_json::to_value(choice) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}
