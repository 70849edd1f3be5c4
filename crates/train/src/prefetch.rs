//! Batches prepared ahead of their use.

use std::ops::ControlFlow;
use std::sync::mpsc::sync_channel;

/// Number of finished batches that may wait.
const NUM_WAITING: usize = 2;

/// Makes batch after batch on another thread and hands them to `consume` in order.
///
/// Ends when `consume` breaks, or with the first error of either side.
pub(crate) fn prefetch<B: Sync, T: Send, E: Send>(
    batches: &[B],
    make: impl Fn(&B) -> Result<T, E> + Sync + Send,
    mut consume: impl FnMut(&B, T) -> Result<ControlFlow<()>, E>,
) -> Result<(), E> {
    std::thread::scope(|scope| {
        let (sender, receiver) = sync_channel(NUM_WAITING);
        scope.spawn(move || {
            for batch in batches {
                // A failed send means that the other side has stopped: nothing is left to do.
                if sender.send((batch, make(batch))).is_err() {
                    return;
                }
            }
        });
        for (batch, made) in receiver {
            if consume(batch, made?)?.is_break() {
                break;
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::prefetch;
    use std::ops::ControlFlow::{Break, Continue};

    fn collect(stop_at: u32) -> Vec<(u32, u32)> {
        let batches: Vec<u32> = (0..50).collect();
        let mut seen = Vec::new();
        let result: Result<(), ()> = prefetch(
            &batches,
            |batch| Ok(batch * 2),
            |&batch, made| {
                seen.push((batch, made));
                Ok(if batch == stop_at { Break(()) } else { Continue(()) })
            },
        );
        assert_eq!(result, Ok(()));
        seen
    }

    #[test]
    fn batches_come_in_order() {
        assert_eq!(collect(50), (0..50).map(|batch| (batch, batch * 2)).collect::<Vec<_>>());
    }

    #[test]
    fn the_user_of_batches_can_break_off() {
        assert_eq!(collect(1), [(0, 0), (1, 2)]);
    }

    #[test]
    fn an_error_of_either_side_ends_it() {
        let batches: Vec<u32> = (0..50).collect();
        let fails = |at: u32| move |&batch: &u32| if batch == at { Err(at) } else { Ok(()) };
        let making = prefetch(&batches, fails(3), |_, ()| Ok(Continue(())));
        assert_eq!(making, Err(3));
        let using = prefetch(&batches, |_| Ok(()), |batch, ()| fails(4)(batch).map(Continue));
        assert_eq!(using, Err(4));
    }
}
