//! Class weights, loss, optimiser, loop and checkpoints.
pub mod adam;
pub mod loss;
