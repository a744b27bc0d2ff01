//! The reference: NumPy's meaning of operations on whole arrays, by plain loops over indices.
//!
//! Nothing here shares a line with the kernels, the regions or the planner. It is slow, and meant to be obvious. Bad
//! arguments panic: the reference is only asked what the operations accept.

use brickwork_ops::Index;
use ndarray::{ArrayD, Dimension, IxDyn};

/// An array whose element at every index is told by a function.
pub fn from_fn<T>(shape: &[usize], mut element: impl FnMut(&[usize]) -> T) -> ArrayD<T> {
    ArrayD::from_shape_fn(IxDyn(shape), |index| element(index.slice()))
}

fn at<T: Copy>(x: &ArrayD<T>, index: &[usize]) -> T {
    x[IxDyn(index)]
}

/// The same function of every element.
pub fn map<T: Copy, U>(x: &ArrayD<T>, mut function: impl FnMut(T) -> U) -> ArrayD<U> {
    from_fn(x.shape(), |index| function(at(x, index)))
}

/// The shape that two broadcast to.
pub fn broadcast_shape(a: &[usize], b: &[usize]) -> Vec<usize> {
    let ndim = a.len().max(b.len());
    let length = |shape: &[usize], from_end: usize| {
        if from_end < shape.len() { shape[shape.len() - 1 - from_end] } else { 1 }
    };
    (0..ndim)
        .rev()
        .map(|from_end| match (length(a, from_end), length(b, from_end)) {
            (1, other) | (other, 1) => other,
            (one, other) => {
                assert_eq!(one, other, "shapes broadcast");
                one
            }
        })
        .collect()
}

/// The array under a shape that it broadcasts to.
pub fn broadcast_to<T: Copy>(x: &ArrayD<T>, shape: &[usize]) -> ArrayD<T> {
    let missing = shape.len() - x.ndim();
    from_fn(shape, |index| {
        let source: Vec<usize> =
            (0..x.ndim()).map(|axis| if x.shape()[axis] == 1 { 0 } else { index[axis + missing] }).collect();
        at(x, &source)
    })
}

/// The same function of every pair of elements, broadcast.
pub fn zip<A: Copy, B: Copy, U>(
    a: &ArrayD<A>,
    b: &ArrayD<B>,
    mut function: impl FnMut(A, B) -> U,
) -> ArrayD<U> {
    let shape = broadcast_shape(a.shape(), b.shape());
    let (a, b) = (broadcast_to(a, &shape), broadcast_to(b, &shape));
    from_fn(&shape, |index| function(at(&a, index), at(&b, index)))
}

/// The indices that a slice picks from an axis, as Python's `range(*slice(start, stop, step).indices(len))`.
pub fn slice_indices(start: Option<isize>, stop: Option<isize>, step: isize, len: usize) -> Vec<usize> {
    let len = len as isize;
    let (low, high) = if step > 0 { (0, len) } else { (-1, len - 1) };
    let clamp = |bound: isize| (if bound < 0 { bound + len } else { bound }).clamp(low, high);
    let mut index = start.map_or(if step > 0 { low } else { high }, clamp);
    let stop = stop.map_or(if step > 0 { high } else { low }, clamp);
    let mut indices = Vec::new();
    while if step > 0 { index < stop } else { index > stop } {
        indices.push(index as usize);
        index += step;
    }
    indices
}

/// `x[items]`.
pub fn slice<T: Copy>(x: &ArrayD<T>, items: &[Index]) -> ArrayD<T> {
    enum Axis {
        Picked(Vec<usize>),
        New,
    }
    let used = items.iter().filter(|item| matches!(item, Index::At(_) | Index::Range { .. })).count();
    let rest = x.ndim() - used;
    let mut items: Vec<Index> = items.to_vec();
    let everything = vec![Index::ALL; rest];
    match items.iter().position(|item| matches!(item, Index::Ellipsis)) {
        Some(position) => drop(items.splice(position..=position, everything)),
        None => items.extend(everything),
    }
    let mut fixed = vec![None; x.ndim()];
    let mut axes = Vec::new();
    let mut axis = 0;
    for item in items {
        match item {
            Index::NewAxis => {
                axes.push((usize::MAX, Axis::New));
                continue;
            }
            Index::At(index) => {
                let len = x.shape()[axis] as isize;
                fixed[axis] = Some((if index < 0 { index + len } else { index }) as usize);
            }
            Index::Range { start, stop, step } => {
                axes.push((axis, Axis::Picked(slice_indices(start, stop, step, x.shape()[axis]))));
            }
            other => panic!("{other} is not an item of a slice"),
        }
        axis += 1;
    }
    let length = |(_, axis): &(usize, Axis)| match axis {
        Axis::Picked(indices) => indices.len(),
        Axis::New => 1,
    };
    let shape: Vec<usize> = axes.iter().map(length).collect();
    from_fn(&shape, |index| {
        let mut source: Vec<usize> = fixed.iter().map(|index| index.unwrap_or(0)).collect();
        for (position, (axis, picked)) in axes.iter().enumerate() {
            if let Axis::Picked(indices) = picked {
                source[*axis] = indices[index[position]];
            }
        }
        at(x, &source)
    })
}

/// Axes in another order.
pub fn transpose<T: Copy>(x: &ArrayD<T>, axes: &[usize]) -> ArrayD<T> {
    let shape: Vec<usize> = axes.iter().map(|&axis| x.shape()[axis]).collect();
    from_fn(&shape, |index| {
        let mut source = vec![0; x.ndim()];
        for (position, &axis) in axes.iter().enumerate() {
            source[axis] = index[position];
        }
        at(x, &source)
    })
}

/// The same elements in C order under another shape.
pub fn reshape<T: Copy>(x: &ArrayD<T>, shape: &[usize]) -> ArrayD<T> {
    let mut elements = x.iter().copied();
    from_fn(shape, |_| elements.next().expect("the sizes are equal"))
}

/// A function of all elements along some axes, given in C order, for every index of the others.
pub fn reduce<T: Copy, U>(
    x: &ArrayD<T>,
    axes: &[usize],
    keepdims: bool,
    mut function: impl FnMut(&[T]) -> U,
) -> ArrayD<U> {
    let kept: Vec<usize> = (0..x.ndim()).filter(|axis| !axes.contains(axis)).collect();
    let shape: Vec<usize> = (0..x.ndim())
        .filter_map(|axis| match (axes.contains(&axis), keepdims) {
            (true, true) => Some(1),
            (true, false) => None,
            (false, _) => Some(x.shape()[axis]),
        })
        .collect();
    let folded: Vec<usize> = (0..x.ndim()).filter(|axis| axes.contains(axis)).collect();
    let folded_shape: Vec<usize> = folded.iter().map(|&axis| x.shape()[axis]).collect();
    from_fn(&shape, |index| {
        let mut source = vec![0; x.ndim()];
        for (position, &axis) in kept.iter().enumerate() {
            source[axis] = index[if keepdims { axis } else { position }];
        }
        let mut group = Vec::new();
        from_fn(&folded_shape, |inner| {
            for (position, &axis) in folded.iter().enumerate() {
                source[axis] = inner[position];
            }
            group.push(at(x, &source));
        });
        function(&group)
    })
}

/// The first position of a group that no other element beats.
pub fn first_best<T: Copy>(group: &[T], better: impl Fn(T, T) -> bool) -> usize {
    (1..group.len()).fold(0, |best, i| if better(group[i], group[best]) { i } else { best })
}

/// Sums so far along an axis.
pub fn cumsum<T: Copy + std::ops::Add<Output = T>>(x: &ArrayD<T>, axis: usize) -> ArrayD<T> {
    let mut result = x.clone();
    from_fn(x.shape(), |index| {
        if index[axis] > 0 {
            let mut before = index.to_vec();
            before[axis] -= 1;
            result[IxDyn(index)] = result[IxDyn(&before)] + at(x, index);
        }
    });
    result
}

/// The elements at these positions of an axis; negative ones count from the end.
pub fn take<T: Copy>(x: &ArrayD<T>, indices: &ArrayD<i64>, axis: usize) -> ArrayD<T> {
    let mut shape = x.shape().to_vec();
    shape.splice(axis..=axis, indices.shape().iter().copied());
    from_fn(&shape, |index| {
        let picked = indices[IxDyn(&index[axis..axis + indices.ndim()])];
        let picked = if picked < 0 { picked + x.shape()[axis] as i64 } else { picked };
        let mut source = index.to_vec();
        source.splice(axis..axis + indices.ndim(), [picked as usize]);
        at(x, &source)
    })
}

/// How the outside of an array looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outside<T> {
    /// This value.
    Constant(T),
    /// The outermost element.
    Edge,
    /// Mirrored at the outermost element.
    Reflect,
    /// Mirrored behind the outermost element.
    Symmetric,
    /// From the other end.
    Wrap,
}

/// The index of an axis that stands at a position that may lie outside; `None` where a constant stands.
fn inside<T>(position: isize, len: usize, outside: Outside<T>) -> Option<usize> {
    let n = len as isize;
    if (0..n).contains(&position) {
        return Some(position as usize);
    }
    Some(match outside {
        Outside::Constant(_) => return None,
        Outside::Edge => position.clamp(0, n - 1),
        Outside::Wrap => position.rem_euclid(n),
        Outside::Symmetric => {
            let turn = position.rem_euclid(2 * n);
            if turn < n { turn } else { 2 * n - 1 - turn }
        }
        Outside::Reflect if n == 1 => 0,
        Outside::Reflect => {
            let turn = position.rem_euclid(2 * n - 2);
            if turn < n { turn } else { 2 * n - 2 - turn }
        }
    } as usize)
}

/// The array with some of its outside, before and after, on every axis.
pub fn pad<T: Copy>(x: &ArrayD<T>, widths: &[(usize, usize)], outside: Outside<T>) -> ArrayD<T> {
    let shape: Vec<usize> =
        x.shape().iter().zip(widths).map(|(len, (before, after))| before + len + after).collect();
    from_fn(&shape, |index| {
        let source: Option<Vec<usize>> = (0..x.ndim())
            .map(|axis| inside(index[axis] as isize - widths[axis].0 as isize, x.shape()[axis], outside))
            .collect();
        match (source, outside) {
            (Some(source), _) => at(x, &source),
            (None, Outside::Constant(value)) => value,
            (None, _) => unreachable!("only a constant comes from nowhere"),
        }
    })
}

/// A function of the neighbourhood of every element, in C order: `depth` elements to either side on every axis.
pub fn stencil<T: Copy, U>(
    x: &ArrayD<T>,
    depth: &[usize],
    outside: Outside<T>,
    mut function: impl FnMut(&[T]) -> U,
) -> ArrayD<U> {
    let widths: Vec<(usize, usize)> = depth.iter().map(|&depth| (depth, depth)).collect();
    let padded = pad(x, &widths, outside);
    let window: Vec<usize> = depth.iter().map(|depth| 2 * depth + 1).collect();
    from_fn(x.shape(), |index| {
        let mut near = Vec::new();
        from_fn(&window, |offset| {
            let source: Vec<usize> = index.iter().zip(offset).map(|(index, offset)| index + offset).collect();
            near.push(at(&padded, &source));
        });
        function(&near)
    })
}

/// Arrays one behind the other.
pub fn concatenate<T: Copy>(arrays: &[&ArrayD<T>], axis: usize) -> ArrayD<T> {
    let mut shape = arrays[0].shape().to_vec();
    shape[axis] = arrays.iter().map(|array| array.shape()[axis]).sum();
    from_fn(&shape, |index| {
        let mut source = index.to_vec();
        for array in arrays {
            if source[axis] < array.shape()[axis] {
                return at(array, &source);
            }
            source[axis] -= array.shape()[axis];
        }
        unreachable!("the lengths add up")
    })
}

/// Arrays along a new axis.
pub fn stack<T: Copy>(arrays: &[&ArrayD<T>], axis: usize) -> ArrayD<T> {
    let mut shape = arrays[0].shape().to_vec();
    shape.insert(axis, arrays.len());
    from_fn(&shape, |index| {
        let mut source = index.to_vec();
        let number = source.remove(axis);
        at(arrays[number], &source)
    })
}

/// Elements moved along an axis; what leaves at one end comes in at the other.
pub fn roll<T: Copy>(x: &ArrayD<T>, shift: isize, axis: usize) -> ArrayD<T> {
    from_fn(x.shape(), |index| {
        let mut source = index.to_vec();
        source[axis] = (index[axis] as isize - shift).rem_euclid(x.shape()[axis] as isize) as usize;
        at(x, &source)
    })
}

/// Every element of an axis several times.
pub fn repeat<T: Copy>(x: &ArrayD<T>, count: usize, axis: usize) -> ArrayD<T> {
    let mut shape = x.shape().to_vec();
    shape[axis] *= count;
    from_fn(&shape, |index| {
        let mut source = index.to_vec();
        source[axis] /= count;
        at(x, &source)
    })
}

/// The diagonal of the first two axes, as a last axis.
pub fn diagonal<T: Copy>(x: &ArrayD<T>, offset: isize) -> ArrayD<T> {
    let (rows, columns) = (x.shape()[0] as isize, x.shape()[1] as isize);
    let (down, right) = ((-offset).max(0), offset.max(0));
    let len = (rows - down).min(columns - right).max(0);
    let mut shape = x.shape()[2..].to_vec();
    shape.push(len as usize);
    from_fn(&shape, |index| {
        let (last, others) = index.split_last().expect("the diagonal is an axis");
        let mut source = vec![last + down as usize, last + right as usize];
        source.extend(others);
        at(x, &source)
    })
}

/// The elements where a mask is true, in C order; the mask has the leading axes of `x`.
pub fn select<T: Copy>(x: &ArrayD<T>, mask: &ArrayD<bool>) -> ArrayD<T> {
    let inner: Vec<usize> = x.shape()[mask.ndim()..].to_vec();
    let mut elements = Vec::new();
    let mut count = 0;
    for (position, &selected) in mask.indexed_iter() {
        if selected {
            count += 1;
            from_fn(&inner, |rest| {
                let mut source = position.slice().to_vec();
                source.extend(rest);
                elements.push(at(x, &source));
            });
        }
    }
    let shape: Vec<usize> = std::iter::once(count).chain(inner).collect();
    ArrayD::from_shape_vec(IxDyn(&shape), elements).expect("a row for every true")
}

/// The matrix product of two arrays of two axes.
pub fn matmul(a: &ArrayD<f64>, b: &ArrayD<f64>) -> ArrayD<f64> {
    from_fn(&[a.shape()[0], b.shape()[1]], |index| {
        (0..a.shape()[1]).map(|k| at(a, &[index[0], k]) * at(b, &[k, index[1]])).sum::<f64>() + 0.0
    })
}

#[cfg(test)]
mod tests {
    use brickwork_ops::s;

    use super::*;
    use crate::iota;

    fn values(x: &ArrayD<f64>) -> Vec<i64> {
        x.iter().map(|&value| value as i64).collect()
    }

    #[test]
    fn slices_are_pythons() {
        let x = iota(&[3, 4]);
        assert_eq!(values(&slice(&x, &s![-1, ..;-2])), [11, 9]);
        assert_eq!(slice(&x, &s![NewAxis, Ellipsis, 1..3]).shape(), [1, 3, 2]);
        assert_eq!(slice_indices(Some(-100), Some(2), 1, 5), [0, 1]);
        assert_eq!(slice_indices(Some(100), None, -2, 5), [4, 2, 0]);
        assert!(slice_indices(Some(3), Some(1), 1, 5).is_empty());
    }

    #[test]
    fn reductions_see_groups_in_c_order() {
        let x = iota(&[2, 3, 2]);
        let mut groups = Vec::new();
        let kept = reduce(&x, &[0, 2], true, |group| groups.push(group.to_vec()));
        assert_eq!(kept.shape(), [1, 3, 1]);
        assert_eq!(groups[1], [2.0, 3.0, 8.0, 9.0]);
        assert_eq!(values(&cumsum(&iota(&[2, 3]), 1)), [0, 1, 3, 3, 7, 12]);
    }

    #[test]
    fn the_outside_of_an_array() {
        let x = iota(&[3]);
        let padded = |outside| values(&pad(&x, &[(3, 2)], outside));
        assert_eq!(padded(Outside::Constant(9.0)), [9, 9, 9, 0, 1, 2, 9, 9]);
        assert_eq!(padded(Outside::Edge), [0, 0, 0, 0, 1, 2, 2, 2]);
        assert_eq!(padded(Outside::Reflect), [1, 2, 1, 0, 1, 2, 1, 0]);
        assert_eq!(padded(Outside::Symmetric), [2, 1, 0, 0, 1, 2, 2, 1]);
        assert_eq!(padded(Outside::Wrap), [0, 1, 2, 0, 1, 2, 0, 1]);
        assert_eq!(values(&stencil(&x, &[1], Outside::Constant(0.0), |near| near.iter().sum())), [1, 3, 3]);
    }

    #[test]
    fn arrays_are_put_together() {
        let (a, b) = (iota(&[2, 2]), iota(&[1, 2]));
        assert_eq!(values(&concatenate(&[&a, &b], 0)), [0, 1, 2, 3, 0, 1]);
        assert_eq!(values(&stack(&[&b, &b], 2)), [0, 0, 1, 1]);
        assert_eq!(values(&roll(&iota(&[4]), 1, 0)), [3, 0, 1, 2]);
        assert_eq!(values(&diagonal(&iota(&[2, 3]), 1)), [1, 5]);
        assert_eq!(values(&select(&a, &map(&a, |value| value > 0.5))), [1, 2, 3]);
        assert_eq!(values(&take(&a, &ArrayD::from_elem(IxDyn(&[3]), -1), 1)), [1, 1, 1, 3, 3, 3]);
        assert_eq!(values(&matmul(&a, &a)), [2, 3, 6, 11]);
        assert_eq!(values(&repeat(&b, 2, 1)), [0, 0, 1, 1]);
    }
}
