//! The tests of `dermx-gradcam` from outside, in one program: each program compiles generic code anew.

mod faithfulness;
mod grad_cam;
mod methods;
mod pytorch_grad_cam;
mod robustness;
mod traced_by_hand;

#[path = "../../model/tests/networks/mod.rs"]
mod networks;
