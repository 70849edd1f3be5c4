//! The part of the Python package `dermx` that is not Python: arrays of NumPy and data sets in, scores out.
//!
//! Arrays are borrowed, and the interpreter's lock is released while scores are computed. What a caller sees is in
//! `python/dermx`; everything here is private to it.

mod agreement;
mod arrays;
mod call;
mod choices;
mod dataset;
mod maps;
mod masks;
mod predictions;
mod score;
mod scores;
mod tables;
mod warnings;

use pyo3::prelude::*;

pyo3::create_exception!(
    dermx,
    DermxError,
    pyo3::exceptions::PyValueError,
    "Input that cannot be scored, with the place, what was found and what was expected."
);
pyo3::create_exception!(
    dermx,
    DermxWarning,
    pyo3::exceptions::PyUserWarning,
    "Something odd about the input that is scored all the same."
);

/// The native half of the package.
#[pymodule(name = "_native")]
mod native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::{
        agreement::agreement,
        dataset::Dataset,
        score::{baselines, score, score_arrays},
        scores::Scores,
    };

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let py = module.py();
        module.add("DermxError", py.get_type::<super::DermxError>())?;
        module.add("DermxWarning", py.get_type::<super::DermxWarning>())?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}

/// What a caller is told.
fn refusal(message: impl std::fmt::Display) -> PyErr {
    DermxError::new_err(message.to_string())
}
