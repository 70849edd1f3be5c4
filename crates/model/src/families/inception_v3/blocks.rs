//! The blocks of an InceptionV3, by torchvision's names.

use crate::families::inception_blocks::{Branch, ConvUnit, Take};
use crate::layers::Layers;
use burn::module::Module;

/// Kernels that look at a row and at a column.
const ROW_OF_7: [usize; 2] = [1, 7];
const COLUMN_OF_7: [usize; 2] = [7, 1];
const ROW_OF_3: [usize; 2] = [1, 3];
const COLUMN_OF_3: [usize; 2] = [3, 1];

/// Square kernels.
const ONE: [usize; 2] = [1; 2];
const THREE: [usize; 2] = [3; 2];
const FIVE: [usize; 2] = [5; 2];

/// Figure 5 of the paper, with 5x5 kernels in one branch.
#[derive(Module, Debug)]
pub struct InceptionA {
    branch1x1: ConvUnit,
    branch5x5_1: ConvUnit,
    branch5x5_2: ConvUnit,
    branch3x3dbl_1: ConvUnit,
    branch3x3dbl_2: ConvUnit,
    branch3x3dbl_3: ConvUnit,
    branch_pool: ConvUnit,
}

impl InceptionA {
    /// A block whose branch of means has `pool_features` channels.
    pub fn new(layers: &Layers<'_>, in_channels: usize, pool_features: usize) -> Self {
        let unit = |channels, kernel_size| ConvUnit::new(layers, channels, kernel_size);
        Self {
            branch1x1: unit([in_channels, 64], ONE),
            branch5x5_1: unit([in_channels, 48], ONE),
            branch5x5_2: unit([48, 64], FIVE),
            branch3x3dbl_1: unit([in_channels, 64], ONE),
            branch3x3dbl_2: unit([64, 96], THREE),
            branch3x3dbl_3: unit([96, 96], THREE),
            branch_pool: unit([in_channels, pool_features], ONE),
        }
    }

    pub fn branches(&self, counts_padding: bool) -> Vec<Branch<'_>> {
        let doubled = [&self.branch3x3dbl_1, &self.branch3x3dbl_2, &self.branch3x3dbl_3];
        vec![
            Branch::new(Take::Input, [&self.branch1x1]),
            Branch::new(Take::Input, [&self.branch5x5_1, &self.branch5x5_2]),
            Branch::new(Take::Input, doubled),
            Branch::new(Take::means(counts_padding), [&self.branch_pool]),
        ]
    }
}

/// Halves height and width of 35x35 cells.
#[derive(Module, Debug)]
pub struct InceptionB {
    branch3x3: ConvUnit,
    branch3x3dbl_1: ConvUnit,
    branch3x3dbl_2: ConvUnit,
    branch3x3dbl_3: ConvUnit,
}

impl InceptionB {
    pub fn new(layers: &Layers<'_>, in_channels: usize) -> Self {
        Self {
            branch3x3: ConvUnit::valid(layers, [in_channels, 384], 2),
            branch3x3dbl_1: ConvUnit::new(layers, [in_channels, 64], ONE),
            branch3x3dbl_2: ConvUnit::new(layers, [64, 96], THREE),
            branch3x3dbl_3: ConvUnit::valid(layers, [96, 96], 2),
        }
    }

    pub fn branches(&self) -> Vec<Branch<'_>> {
        let doubled = [&self.branch3x3dbl_1, &self.branch3x3dbl_2, &self.branch3x3dbl_3];
        vec![
            Branch::new(Take::Input, [&self.branch3x3]),
            Branch::new(Take::Input, doubled),
            Branch::new(Take::Largest(2), []),
        ]
    }
}

/// Figure 6 of the paper: 7x7 kernels as rows and columns.
#[derive(Module, Debug)]
pub struct InceptionC {
    branch1x1: ConvUnit,
    branch7x7_1: ConvUnit,
    branch7x7_2: ConvUnit,
    branch7x7_3: ConvUnit,
    branch7x7dbl_1: ConvUnit,
    branch7x7dbl_2: ConvUnit,
    branch7x7dbl_3: ConvUnit,
    branch7x7dbl_4: ConvUnit,
    branch7x7dbl_5: ConvUnit,
    branch_pool: ConvUnit,
}

impl InceptionC {
    /// A block with `inside` channels between its rows and columns.
    pub fn new(layers: &Layers<'_>, in_channels: usize, inside: usize) -> Self {
        let unit = |channels, kernel_size| ConvUnit::new(layers, channels, kernel_size);
        Self {
            branch1x1: unit([in_channels, 192], ONE),
            branch7x7_1: unit([in_channels, inside], ONE),
            branch7x7_2: unit([inside, inside], ROW_OF_7),
            branch7x7_3: unit([inside, 192], COLUMN_OF_7),
            branch7x7dbl_1: unit([in_channels, inside], ONE),
            branch7x7dbl_2: unit([inside, inside], COLUMN_OF_7),
            branch7x7dbl_3: unit([inside, inside], ROW_OF_7),
            branch7x7dbl_4: unit([inside, inside], COLUMN_OF_7),
            branch7x7dbl_5: unit([inside, 192], ROW_OF_7),
            branch_pool: unit([in_channels, 192], ONE),
        }
    }

    pub fn branches(&self, counts_padding: bool) -> Vec<Branch<'_>> {
        let single = [&self.branch7x7_1, &self.branch7x7_2, &self.branch7x7_3];
        let doubled = [
            &self.branch7x7dbl_1,
            &self.branch7x7dbl_2,
            &self.branch7x7dbl_3,
            &self.branch7x7dbl_4,
            &self.branch7x7dbl_5,
        ];
        vec![
            Branch::new(Take::Input, [&self.branch1x1]),
            Branch::new(Take::Input, single),
            Branch::new(Take::Input, doubled),
            Branch::new(Take::means(counts_padding), [&self.branch_pool]),
        ]
    }
}

/// Halves height and width of 17x17 cells.
#[derive(Module, Debug)]
pub struct InceptionD {
    branch3x3_1: ConvUnit,
    branch3x3_2: ConvUnit,
    branch7x7x3_1: ConvUnit,
    branch7x7x3_2: ConvUnit,
    branch7x7x3_3: ConvUnit,
    branch7x7x3_4: ConvUnit,
}

impl InceptionD {
    pub fn new(layers: &Layers<'_>, in_channels: usize, stride: usize) -> Self {
        Self {
            branch3x3_1: ConvUnit::new(layers, [in_channels, 192], ONE),
            branch3x3_2: ConvUnit::valid(layers, [192, 320], stride),
            branch7x7x3_1: ConvUnit::new(layers, [in_channels, 192], ONE),
            branch7x7x3_2: ConvUnit::new(layers, [192, 192], ROW_OF_7),
            branch7x7x3_3: ConvUnit::new(layers, [192, 192], COLUMN_OF_7),
            branch7x7x3_4: ConvUnit::valid(layers, [192, 192], stride),
        }
    }

    pub fn branches(&self, stride: usize) -> Vec<Branch<'_>> {
        let of_7 =
            [&self.branch7x7x3_1, &self.branch7x7x3_2, &self.branch7x7x3_3, &self.branch7x7x3_4];
        vec![
            Branch::new(Take::Input, [&self.branch3x3_1, &self.branch3x3_2]),
            Branch::new(Take::Input, of_7),
            Branch::new(Take::Largest(stride), []),
        ]
    }
}

/// Figure 7 of the paper: two branches end in a row and a column beside each other.
#[derive(Module, Debug)]
pub struct InceptionE {
    branch1x1: ConvUnit,
    branch3x3_1: ConvUnit,
    branch3x3_2a: ConvUnit,
    branch3x3_2b: ConvUnit,
    branch3x3dbl_1: ConvUnit,
    branch3x3dbl_2: ConvUnit,
    branch3x3dbl_3a: ConvUnit,
    branch3x3dbl_3b: ConvUnit,
    branch_pool: ConvUnit,
}

impl InceptionE {
    pub fn new(layers: &Layers<'_>, in_channels: usize) -> Self {
        let unit = |channels, kernel_size| ConvUnit::new(layers, channels, kernel_size);
        Self {
            branch1x1: unit([in_channels, 320], ONE),
            branch3x3_1: unit([in_channels, 384], ONE),
            branch3x3_2a: unit([384, 384], ROW_OF_3),
            branch3x3_2b: unit([384, 384], COLUMN_OF_3),
            branch3x3dbl_1: unit([in_channels, 448], ONE),
            branch3x3dbl_2: unit([448, 384], THREE),
            branch3x3dbl_3a: unit([384, 384], ROW_OF_3),
            branch3x3dbl_3b: unit([384, 384], COLUMN_OF_3),
            branch_pool: unit([in_channels, 192], ONE),
        }
    }

    pub fn branches(&self, counts_padding: bool) -> Vec<Branch<'_>> {
        let doubled = [&self.branch3x3dbl_1, &self.branch3x3dbl_2];
        vec![
            Branch::new(Take::Input, [&self.branch1x1]),
            Branch::forked([&self.branch3x3_1], [&self.branch3x3_2a, &self.branch3x3_2b]),
            Branch::forked(doubled, [&self.branch3x3dbl_3a, &self.branch3x3dbl_3b]),
            Branch::new(Take::means(counts_padding), [&self.branch_pool]),
        ]
    }
}
