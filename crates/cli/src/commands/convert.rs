//! `dermx dataset convert`.

use crate::args::ConvertDatasetArgs;
use crate::error::CliResult;
use crate::terminal::print;
use dermx_formats::{Converted, Target, convert, open};

/// Writes a data set in another format.
///
/// # Errors
/// A data set that cannot be read, a folder that is not empty or cannot be written to.
pub fn run(args: &ConvertDatasetArgs) -> CliResult<()> {
    let dataset = open(&args.data)?;
    let Converted { num_images, num_readings, num_regions, num_attributes_lost } =
        convert(&dataset, args.to, &args.out)?;
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
