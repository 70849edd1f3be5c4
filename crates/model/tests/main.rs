//! The tests of `dermx-model` from outside, in one program: each program compiles generic code anew.

mod efficientnet_forward;
mod families;
mod head_of_shapes;
mod keras;
mod keras_file;
mod locate;
mod networks;
mod pth_file;
mod resnet_forward;
mod resnet_layout;
mod same_names;
mod timm;
mod torchvision;
mod trainable_parameters;
mod weight_names;
mod weights_file;

#[path = "networks/parity.rs"]
mod parity;
