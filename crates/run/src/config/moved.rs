//! Keys that had another place in earlier versions.

use super::schema::join;

/// Each key that was removed or renamed, and where what it says is said now.
pub const MOVED: [(&str, &str); 22] = [
    ("train.beta_1", "train.optimizer.beta_1"),
    ("train.beta_2", "train.optimizer.beta_2"),
    ("train.epsilon", "train.optimizer.epsilon"),
    ("train.momentum", "train.optimizer.momentum"),
    ("train.nesterov", "train.optimizer.nesterov"),
    ("train.weight_decay", "train.optimizer.weight_decay"),
    ("train.step_epochs", "train.schedule.epochs"),
    ("train.step_factor", "train.schedule.factor"),
    ("train.plateau_patience", "train.schedule.patience"),
    ("train.plateau_factor", "train.schedule.factor"),
    ("explain.num_steps", "explain.method.num_steps"),
    ("explain.num_samples", "explain.method.num_samples"),
    ("explain.noise_percent", "explain.method.noise_percent"),
    ("explain.patch_px", "explain.method.patch_px"),
    ("explain.stride_px", "explain.method.stride_px"),
    ("explain.input", "study.explain_input"),
    ("data.class_exchange", "study.class_exchange"),
    ("evaluate.union_rows", "study.union_rows"),
    ("evaluate.union_average", "study.union_average"),
    ("search.seed", "search.sampler.seed"),
    ("search.warm_up_epochs", "search.pruner.warm_up_epochs"),
    ("search.min_trials", "search.pruner.min_trials"),
];

/// Where what the key `name` of `section` said is said now.
pub(super) fn new_place(section: &str, name: &str) -> Option<&'static str> {
    let path = join(section, name);
    MOVED.iter().find(|(before, _)| *before == path).map(|(_, now)| *now)
}
