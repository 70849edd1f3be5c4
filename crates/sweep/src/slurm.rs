//! What Slurm is asked.

use dermx_work::Resources;

/// Jobs of one array: Slurm's own limit is 1001 unless its administrator raised it.
pub const MAX_ARRAY: usize = 1000;

/// Seconds before the end of a time limit at which Slurm sends a signal, so that a checkpoint can be
/// written.
const SAVE_S: u32 = 120;

/// A script that runs an array of units.
#[derive(Debug)]
pub struct ArrayScript<'a> {
    /// Name of the job.
    pub name: &'a str,
    /// What each unit needs.
    pub resources: &'a Resources,
    /// The folder of the sweep, as an absolute path.
    pub sweep: &'a str,
    /// A file in the sweep folder with the name of a unit on each line.
    pub list: &'a str,
    /// Number of units.
    pub num_units: usize,
    /// The words of the command that does a unit, the program as an absolute path; the sweep and the unit
    /// follow.
    pub command: &'a [String],
    /// The folder in which paths of the configurations begin.
    pub working_folder: &'a str,
}

impl ArrayScript<'_> {
    /// The text of the script.
    pub fn text(&self) -> String {
        let Resources { partition, account, time, cpus, memory, gpus, .. } = self.resources;
        let throttle = self.resources.max_running.map_or(String::new(), |most| format!("%{most}"));
        let mut options = vec![
            format!("--job-name={}", self.name),
            format!("--array=0-{}{throttle}", self.num_units.saturating_sub(1)),
            "--requeue".to_string(),
            "--open-mode=append".to_string(),
            format!("--signal=B:USR1@{}", self.resources.save_s.unwrap_or(SAVE_S)),
            format!("--output={}/logs/slurm-%A_%a.log", self.sweep),
            format!("--chdir={}", self.working_folder),
        ];
        options.extend(partition.as_ref().map(|value| format!("--partition={value}")));
        options.extend(account.as_ref().map(|value| format!("--account={value}")));
        options.extend(time.as_ref().map(|value| format!("--time={value}")));
        options.extend(cpus.map(|value| format!("--cpus-per-task={value}")));
        options.extend(memory.as_ref().map(|value| format!("--mem={value}")));
        options.extend(gpus.map(|value| format!("--gres=gpu:{value}")));
        options.extend(self.resources.options.iter().flatten().cloned());
        let options: String = options.iter().map(|option| format!("#SBATCH {option}\n")).collect();
        let setup: String =
            self.resources.setup.iter().flatten().map(|line| format!("{line}\n")).collect();
        let threads =
            cpus.map_or(String::new(), |cpus| format!("export RAYON_NUM_THREADS={cpus}\n"));
        let [sweep, list] = [self.sweep, self.list].map(quoted);
        let command: Vec<String> = self.command.iter().map(|word| quoted(word)).collect();
        let command = command.join(" ");
        format!(
            r#"#!/bin/bash
{options}
{setup}{threads}sweep={sweep}
unit=$(sed -n "$((SLURM_ARRAY_TASK_ID + 1))p" "$sweep/"{list})
# Signals reach this shell; it hands them on, and waits until the work in hand is saved.
again=no
trap 'again=yes; kill -s USR1 "$work" 2>/dev/null' USR1
trap 'kill -s TERM "$work" 2>/dev/null' TERM
{command} "$sweep" "$unit" >>"$sweep/logs/$unit.log" 2>&1 &
work=$!
wait "$work"
code=$?
while kill -0 "$work" 2>/dev/null; do
    wait "$work"
    code=$?
done
# The time is up and the work is not done: back into the queue, to go on from its checkpoint.
if [ "$code" = 75 ] && [ "$again" = yes ]; then
    scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}"
fi
exit "$code"
"#
        )
    }
}

/// Text as one word of the shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::ArrayScript;
    use dermx_work::Resources;

    #[test]
    fn the_script_asks_for_what_it_was_told() {
        let resources = Resources {
            partition: Some("gpu".into()),
            time: Some("01:00:00".into()),
            gpus: Some(1),
            cpus: Some(4),
            max_running: Some(2),
            setup: Some(vec!["module load cuda".into()]),
            ..Resources::default()
        };
        let script = ArrayScript {
            name: "dermx-resnet50",
            resources: &resources,
            sweep: "/shared/it's",
            list: "slurm/array-1.txt",
            num_units: 5,
            command: &["/opt/dermx", "sweep", "unit"].map(str::to_string),
            working_folder: "/home/me",
        };
        let text = script.text();
        for line in [
            "#!/bin/bash",
            "#SBATCH --array=0-4%2",
            "#SBATCH --requeue",
            "#SBATCH --signal=B:USR1@120",
            "#SBATCH --partition=gpu",
            "#SBATCH --time=01:00:00",
            "#SBATCH --gres=gpu:1",
            "#SBATCH --cpus-per-task=4",
            "module load cuda",
            "export RAYON_NUM_THREADS=4",
            r"sweep='/shared/it'\''s'",
            r#"'/opt/dermx' 'sweep' 'unit' "$sweep" "$unit" >>"$sweep/logs/$unit.log" 2>&1 &"#,
        ] {
            assert!(text.lines().any(|found| found == line), "no `{line}` in:\n{text}");
        }
        assert!(!text.contains("--account") && !text.contains("--mem"));
    }
}
