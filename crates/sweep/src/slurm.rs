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
    /// The text of the script. Whatever names, folders and keys hold, each arrives as one word.
    ///
    /// # Errors
    /// Text that no line of a script can hold, such as a line break in a partition.
    pub fn text(&self) -> Result<String, String> {
        let options = self.options()?;
        let options: String = options.iter().map(|option| format!("#SBATCH {option}\n")).collect();
        let threads = self
            .resources
            .cpus
            .map_or(String::new(), |cpus| format!("export RAYON_NUM_THREADS={cpus}\n"));
        let words = self.command.iter().map(String::as_str).chain([self.sweep, self.list]);
        if let Some(word) = words.into_iter().find(|word| word.contains('\0')) {
            return Err(format!("`{}` has a zero byte, which no path has", word.escape_debug()));
        }
        let setup = match setup(self.resources) {
            // As one word: whatever it holds, the rest of the script is not part of it.
            Some(setup) => format!("eval {}\n", quoted(&setup)),
            None => String::new(),
        };
        let [sweep, list] = [self.sweep, self.list].map(quoted);
        let command: Vec<String> = self.command.iter().map(|word| quoted(word)).collect();
        let command = command.join(" ");
        Ok(format!(
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
        ))
    }

    /// What follows `#SBATCH` on each line.
    fn options(&self) -> Result<Vec<String>, String> {
        let Resources { partition, account, time, cpus, memory, gpus, .. } = self.resources;
        if self.sweep.contains('\\') {
            // Slurm then takes `%A` for itself.
            return Err(format!(
                "`{}` has a backslash, and Slurm writes no logs into such a folder; choose another",
                self.sweep.escape_debug()
            ));
        }
        let throttle = self.resources.max_running.map_or(String::new(), |most| format!("%{most}"));
        // In names of logs `%` begins what Slurm fills in.
        let log = format!("{}/logs/slurm-%A_%a.log", self.sweep.replace('%', "%%"));
        let texts = [
            ("job-name", "the name of the configuration", Some(self.name)),
            ("output", "the folder of the sweep", Some(log.as_str())),
            ("chdir", "the working folder", Some(self.working_folder)),
            ("partition", "slurm.partition", partition.as_deref()),
            ("account", "slurm.account", account.as_deref()),
            ("time", "slurm.time", time.as_deref()),
            ("mem", "slurm.memory", memory.as_deref()),
        ];
        let mut options = vec![
            format!("--array=0-{}{throttle}", self.num_units.saturating_sub(1)),
            "--requeue".to_string(),
            "--open-mode=append".to_string(),
            format!("--signal=B:USR1@{}", self.resources.save_s.unwrap_or(SAVE_S)),
        ];
        for (option, what, value) in texts {
            if let Some(value) = value {
                options.push(format!("--{option}={}", sbatch_word(what, value)?));
            }
        }
        options.extend(cpus.map(|value| format!("--cpus-per-task={value}")));
        options.extend(gpus.map(|value| format!("--gres=gpu:{value}")));
        for option in self.resources.options.iter().flatten() {
            check_option(option)?;
            options.push(option.clone());
        }
        Ok(options)
    }
}

/// The commands before the work, if there are any.
pub fn setup(resources: &Resources) -> Option<String> {
    resources.setup.as_ref().filter(|lines| !lines.is_empty()).map(|lines| lines.join("\n"))
}

/// Text as one word of the shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Text as sbatch reads a word of a line `#SBATCH`: in double quotes, where a backslash stands before what
/// would end or begin something.
fn sbatch_word(what: &str, text: &str) -> Result<String, String> {
    check_line(what, text)?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_./:=,%@+-".contains(c);
    // Slurm puts another word in the place of this one.
    if text.to_ascii_lowercase().contains("packjob") {
        return Err(format!(
            "{what}: `{text}` has `packjob` in it, which sbatch changes; rename it"
        ));
    }
    match text.chars().all(is_plain) {
        true => Ok(text.to_string()),
        false => Ok(format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))),
    }
}

/// Refuses what ends a line before its end.
fn check_line(what: &str, text: &str) -> Result<(), String> {
    match text.contains(char::is_control) {
        true => Err(format!(
            "{what}: found `{}`; a line `#SBATCH` cannot hold a line break or another control character",
            text.escape_debug()
        )),
        false => Ok(()),
    }
}

/// Refuses what is no option of sbatch on one line; how it is quoted is its writer's business.
fn check_option(option: &str) -> Result<(), String> {
    let what = "slurm.options";
    check_line(what, option)?;
    if !option.starts_with('-') {
        return Err(format!("{what}: found `{option}`; expected an option, such as \"--qos=low\""));
    }
    let (mut quote, mut is_escaped) = (None, false);
    for c in option.chars() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' | '\'' if quote == Some(c) => quote = None,
            '"' | '\'' if quote.is_none() => quote = Some(c),
            _ => {}
        }
    }
    match quote.is_some() || is_escaped {
        true => {
            Err(format!("{what}: `{option}` has a quotation mark or a backslash without its end"))
        }
        false => Ok(()),
    }
}
