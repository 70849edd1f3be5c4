//! Large outputs that are aligned go past the caches; the values are the same.

use dermx_kernels::cpu::{
    Activation, ConvShape, Epilogue, Norm, Precision, affine_forward, batch_norm_backward,
    conv_backward_input, conv_forward,
};

use super::on_each_instruction_set;
use super::random::Random;

const LINE: usize = 16;

/// What `write` writes to a buffer that starts `offset` floats after a cache line's start.
fn written(len: usize, offset: usize, write: impl Fn(&mut [f32])) -> Vec<u32> {
    let mut buffer = vec![f32::NAN; len + 2 * LINE];
    let aligned = (LINE - buffer.as_ptr().addr() / size_of::<f32>() % LINE) % LINE;
    let target = &mut buffer[aligned + offset..][..len];
    write(target);
    target.iter().map(|value| value.to_bits()).collect()
}

fn same_where_aligned(len: usize, write: impl Fn(&mut [f32])) {
    assert!(written(len, 0, &write) == written(len, 1, &write));
}

#[test]
#[cfg_attr(miri, ignore = "large")]
fn convolutions_write_the_same_past_the_caches() {
    let mut random = Random(11);
    for (channels, groups) in [([3, 64], 1), ([32, 32], 32)] {
        let shape = ConvShape {
            batch: 1,
            in_size: [420, 500],
            in_channels: channels[0],
            out_channels: channels[1],
            kernel_size: [1 + 2 * usize::from(groups > 1); 2],
            stride: [1, 1],
            padding: [usize::from(groups > 1); 4],
            groups,
        };
        let (x, weight) = (random.values(shape.in_len()), random.values(shape.weight_len()));
        on_each_instruction_set(|| {
            same_where_aligned(shape.out_len(), |out| {
                conv_forward(&shape, Precision::F32, &x, &weight, &Epilogue::default(), out);
            });
            if groups > 1 {
                same_where_aligned(shape.in_len(), |grad| {
                    conv_backward_input(&shape, Precision::F32, &weight, &x, grad);
                });
            }
        });
    }
}

#[test]
#[cfg_attr(miri, ignore = "large")]
fn normalisations_write_the_same_past_the_caches() {
    let mut random = Random(12);
    let (channels, len) = (48, 48 * 140_000);
    let (x, grad) = (random.values(len), random.values(len));
    let [gamma, beta, mean] = [(); 3].map(|()| random.values(channels));
    let var = vec![1.0; channels];
    let norm = Norm { gamma: &gamma, beta: &beta, epsilon: 1e-5, activation: Activation::Relu };
    on_each_instruction_set(|| {
        same_where_aligned(len, |out| affine_forward(&norm, &mean, &var, &x, None, out));
        same_where_aligned(len, |out| {
            let (mut gamma, mut beta) = (vec![0.0; channels], vec![0.0; channels]);
            batch_norm_backward(
                &norm, &x, &mean, &var, None, &grad, out, None, &mut gamma, &mut beta,
            );
        });
    });
}
