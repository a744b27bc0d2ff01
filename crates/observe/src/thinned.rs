//! Samples of a series of unknown length in bounded memory.

/// Every one of a series while there are few, later every second, fourth, … of them.
#[derive(Debug, Clone)]
pub(crate) struct Thinned<T> {
    kept: Vec<T>,
    capacity: usize,
    stride: usize,
    seen: usize,
}

impl<T> Thinned<T> {
    /// Keeps at most `capacity` of them.
    pub fn new(capacity: usize) -> Self {
        Thinned { kept: Vec::new(), capacity, stride: 1, seen: 0 }
    }

    /// Whether the next one will be kept.
    pub fn keeps_next(&self) -> bool {
        self.capacity > 0 && self.seen.is_multiple_of(self.stride)
    }

    /// Takes the next one, made only if it is kept.
    pub fn push_with(&mut self, make: impl FnOnce() -> T) {
        if self.keeps_next() {
            if self.kept.len() == self.capacity {
                let mut number = 0;
                self.kept.retain(|_| {
                    number += 1;
                    number % 2 == 1
                });
                self.stride *= 2;
            }
            if self.seen.is_multiple_of(self.stride) {
                self.kept.push(make());
            }
        }
        self.seen += 1;
    }

    /// Those that are kept, in order.
    pub fn kept(&self) -> &[T] {
        &self.kept
    }

    /// One of so many is kept.
    pub fn stride(&self) -> usize {
        self.stride
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_are_kept_and_many_are_thinned_evenly() {
        let mut series = Thinned::new(8);
        (0..8).for_each(|number| series.push_with(|| number));
        assert_eq!((series.kept(), series.stride()), (&[0, 1, 2, 3, 4, 5, 6, 7][..], 1));
        (8..1000).for_each(|number| series.push_with(|| number));
        assert!(series.kept().len() <= 8 && series.kept().len() >= 4);
        let stride = series.stride();
        assert!(series.kept().iter().enumerate().all(|(place, &number)| number == place * stride));
        let mut none = Thinned::new(0);
        none.push_with(|| unreachable!("nothing is kept"));
        assert!(none.kept().is_empty());
    }
}
