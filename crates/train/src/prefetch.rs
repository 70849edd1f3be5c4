//! Batches made ahead of their use.

use std::sync::mpsc::sync_channel;

/// Number of finished batches that may wait.
const NUM_WAITING: usize = 2;

/// Makes batch after batch on another thread and hands them to `consume` in order.
///
/// Ends with the first error of either side.
pub(crate) fn prefetch<B: Send, T: Send, E: Send>(
    batches: &[B],
    make: impl Fn(&B) -> Result<T, E> + Sync + Send,
    mut consume: impl FnMut(&B, T) -> Result<(), E>,
) -> Result<(), E>
where
    B: Sync,
{
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
            consume(batch, made?)?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::prefetch;

    #[test]
    fn batches_come_in_order() {
        let batches: Vec<u32> = (0..50).collect();
        let mut seen = Vec::new();
        let result: Result<(), ()> = prefetch(
            &batches,
            |b| Ok(b * 2),
            |b, made| {
                seen.push((*b, made));
                Ok(())
            },
        );
        assert_eq!(result, Ok(()));
        assert_eq!(seen, (0..50).map(|b| (b, b * 2)).collect::<Vec<_>>());
    }

    #[test]
    fn either_side_can_end_it() {
        let batches: Vec<u32> = (0..50).collect();
        let maker =
            prefetch(&batches, |&b| if b == 3 { Err("made") } else { Ok(b) }, |_, _| Ok(()));
        assert_eq!(maker, Err("made"));
        let user =
            prefetch(&batches, |&b| Ok(b), |&b, _| if b == 3 { Err("used") } else { Ok(()) });
        assert_eq!(user, Err("used"));
    }
}
