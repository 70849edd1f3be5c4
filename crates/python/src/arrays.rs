//! Arrays of NumPy, borrowed.

use crate::refusal;
use numpy::ndarray::{ArrayView, Dimension};
use numpy::{
    Element, PyArrayDescrMethods, PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn, PyUntypedArray,
    PyUntypedArrayMethods,
};
use pyo3::prelude::*;

/// The numbers of an array, which stay where they are.
pub enum Numbers<'py> {
    /// 32-bit floats.
    Single(PyReadonlyArrayDyn<'py, f32>),
    /// 64-bit floats.
    Double(PyReadonlyArrayDyn<'py, f64>),
    /// Whole numbers of 8 bits.
    Byte(PyReadonlyArrayDyn<'py, u8>),
    /// Whole numbers of 16 bits.
    Word(PyReadonlyArrayDyn<'py, u16>),
    /// Truth values, as bytes: what is true is not always 1 where others wrote it.
    Bool(PyReadonlyArrayDyn<'py, u8>),
}

/// What `given` holds, an array or something that NumPy makes one of; `called` is its name in messages.
///
/// Copied is only what no other program could read where it lies: numbers in another machine's order of bytes, or
/// between the addresses where numbers may be, and half-precision floats.
///
/// # Errors
/// Numbers of another type, or an array that somebody is writing to.
pub fn numbers<'py>(given: &Bound<'py, PyAny>, called: &str) -> PyResult<Numbers<'py>> {
    let array = plain(untyped(given)?)?;
    let dtype = array.dtype();
    match (dtype.kind(), dtype.itemsize()) {
        (b'f', 2) => Ok(Numbers::Single(borrowed(&array.call_method1("astype", ("float32",))?)?)),
        (b'f', 4) => Ok(Numbers::Single(borrowed(&array)?)),
        (b'f', 8) => Ok(Numbers::Double(borrowed(&array)?)),
        (b'u', 1) => Ok(Numbers::Byte(borrowed(&array)?)),
        (b'u', 2) => Ok(Numbers::Word(borrowed(&array)?)),
        (b'b', 1) => Ok(Numbers::Bool(borrowed(&array.call_method1("view", ("uint8",))?)?)),
        _ => Err(refusal(format!(
            "{called}: found the type {dtype}; expected floats, truth values (bool), or whole numbers of 8 or 16 \
             bits without a sign: convert it, for example with {called}.astype(\"float32\")"
        ))),
    }
}

/// The same of an array of marks: truth values, or bytes of which any but 0 is true.
///
/// # Errors
/// Numbers of another type, or an array that somebody is writing to.
pub fn marks<'py>(
    given: &Bound<'py, PyAny>,
    called: &str,
) -> PyResult<PyReadonlyArrayDyn<'py, u8>> {
    let array = untyped(given)?;
    let dtype = array.dtype();
    match (dtype.kind(), dtype.itemsize()) {
        (b'b' | b'u', 1) => borrowed(&array.call_method1("view", ("uint8",))?),
        _ => Err(refusal(format!(
            "{called}: found the type {dtype}; expected truth values (bool) or bytes (uint8) of which 0 is outside: \
             convert it, for example with {called}.astype(bool), or {called} > 0.5"
        ))),
    }
}

/// The view of an array whose number of axes is known.
///
/// # Errors
/// Another number of axes; whoever calls has looked.
pub fn view<'a, T: Element, D: Dimension>(
    array: &'a PyReadonlyArrayDyn<'_, T>,
) -> PyResult<ArrayView<'a, T, D>> {
    array.as_array().into_dimensionality().map_err(refusal)
}

/// Checks that an array has these axes, none of them empty.
///
/// # Errors
/// The shape that was found and the one that was expected.
pub fn check_axes(called: &str, shape: &[usize], axes: &[&str]) -> PyResult<()> {
    let named = axes.join(", ");
    let found = shape_text(shape);
    if shape.len() != axes.len() {
        let num = axes.len();
        return Err(refusal(format!(
            "{called}: found an array of shape {found}; expected {num} axes, [{named}]"
        )));
    }
    match axes.iter().zip(shape).find(|(_, length)| **length == 0) {
        None => Ok(()),
        Some((axis, _)) => Err(refusal(format!(
            "{called}: found an array of shape {found}, [{named}]; expected {axis} of 1 or more"
        ))),
    }
}

/// As Python writes it.
pub fn shape_text(shape: &[usize]) -> String {
    match shape {
        [one] => format!("({one},)"),
        sides => {
            format!("({})", sides.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
        }
    }
}

impl Numbers<'_> {
    /// The length of each axis.
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::Single(array) => array.shape(),
            Self::Double(array) => array.shape(),
            Self::Byte(array) | Self::Bool(array) => array.shape(),
            Self::Word(array) => array.shape(),
        }
    }
}

fn untyped<'py>(given: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyUntypedArray>> {
    let numpy = given.py().import("numpy")?;
    Ok(numpy.call_method1("asarray", (given,))?.cast_into::<PyUntypedArray>()?)
}

/// The same array, or a copy whose numbers lie as this machine has them.
fn plain(array: Bound<'_, PyUntypedArray>) -> PyResult<Bound<'_, PyUntypedArray>> {
    let dtype = array.dtype();
    let item = isize::try_from(dtype.itemsize().max(1))?;
    let is_whole = array.strides().iter().all(|stride| stride % item == 0);
    if is_whole && array.is_aligned() && dtype.is_native_byteorder() != Some(false) {
        return Ok(array);
    }
    let native = dtype.call_method1("newbyteorder", ("=",))?;
    Ok(array.call_method1("astype", (native,))?.cast_into::<PyUntypedArray>()?)
}

fn borrowed<'py, T: Element>(array: &Bound<'py, PyAny>) -> PyResult<PyReadonlyArrayDyn<'py, T>> {
    array.cast::<PyArrayDyn<T>>()?.try_readonly().map_err(refusal)
}
