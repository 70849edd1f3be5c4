//! What a unit asks of a machine.

use serde::{Deserialize, Serialize};

/// What each unit needs; what is left out is as the batch system has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    /// `--partition`.
    pub partition: Option<String>,
    /// `--account`.
    pub account: Option<String>,
    /// `--time`, as Slurm writes it: `08:00:00`.
    pub time: Option<String>,
    /// `--cpus-per-task`, and the number of threads.
    pub cpus: Option<u32>,
    /// `--mem`, as Slurm writes it: `16G`.
    pub memory: Option<String>,
    /// `--gres=gpu:N`.
    pub gpus: Option<u32>,
    /// How many units run at once at most.
    pub max_running: Option<u32>,
    /// Seconds before the time limit at which a checkpoint is written and the job queued again.
    pub save_s: Option<u32>,
    /// Further lines `#SBATCH ...`, without that word.
    pub options: Option<Vec<String>>,
    /// Commands before the work, such as `module load`.
    pub setup: Option<Vec<String>>,
}
