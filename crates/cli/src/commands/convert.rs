//! `dermx dataset convert`.

use crate::args::ConvertDatasetArgs;
use crate::error::CliResult;
use crate::output;
use crate::terminal::print;
use dermx_formats::{Converted, Target, convert_into, is_converted, open};

/// Writes a data set in another format.
///
/// # Errors
/// A data set that cannot be read, an output folder in use or that cannot be written to.
pub fn run(args: &ConvertDatasetArgs) -> CliResult<()> {
    let out = output::folder(&args.out, args.overwrite, &[&args.data], is_converted)?;
    let dataset = open(&args.data)?;
    let Converted { num_images, num_readings, num_regions, num_attributes_lost } =
        convert_into(&dataset, args.to, &out)?;
    out.finish()?;
    let what = match args.to {
        Target::Coco => "regions",
        Target::Masks => "masks",
    };
    if num_attributes_lost > 0 {
        tracing::warn!(
            "{num_attributes_lost} attributes of regions are lost: masks cannot hold them"
        );
    }
    print(format!(
        "{}: {num_images} images, {num_readings} readings, {num_regions} {what}\n",
        args.out.display()
    ))
}
