//! Damaged files: whatever the bytes, an answer or an error, soon, and without a panic.
use super::super::superblock::Checks;
use super::super::{ObjectKind, Problem};
use super::*;

/// Beyond this many bytes a damaged shape is not read, only opened.
const READ_LIMIT: usize = 1 << 20;

/// Reads everything a file leads to; gives the number of objects that could be read.
fn read_everything(bytes: Vec<u8>, checks: Checks) -> usize {
    let Ok(file) = File::with_checks(Arc::new(bytes), "hostile", checks) else { return 0 };
    let mut num_read = 0;
    let mut groups = vec![("/".to_owned(), 0)];
    while let Some((path, depth)) = groups.pop() {
        num_read += usize::from(file.attributes(&path).is_ok());
        for (name, kind) in file.children(&path).unwrap_or_default().into_iter().take(60) {
            let child = format!("{path}/{name}");
            match kind {
                ObjectKind::Group if depth < 3 && groups.len() < 20 => groups.push((child, depth + 1)),
                ObjectKind::Dataset => num_read += usize::from(read_dataset(&file, &child)),
                _ => {}
            }
        }
    }
    num_read
}

fn read_dataset(file: &File, path: &str) -> bool {
    let _ = file.attributes(path);
    let Ok(dataset) = file.dataset(path) else { return false };
    let num_elements = dataset.shape.iter().try_fold(dataset.element.size, |all, &n| all.checked_mul(n));
    let is_small = num_elements.is_some_and(|nbytes| nbytes <= READ_LIMIT);
    if is_small && dataset.chunk_nbytes().is_none_or(|nbytes| nbytes <= READ_LIMIT) {
        return read_all(&dataset).is_ok();
    }
    matches!(dataset.layout, Layout::Contiguous { .. }) || dataset.chunk_index().is_ok()
}

const STRICT: Checks = Checks { checksums: true, end_of_file: true };
/// Lets damaged metadata through to the code behind the checks.
const LENIENT: Checks = Checks { checksums: false, end_of_file: false };

/// Numbers that look random and are the same in every run.
fn pseudo_random(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

#[test]
fn a_truncated_file_is_refused_with_its_length() {
    for &(name, bytes) in FIXTURES {
        let cut = bytes.len() * 2 / 3;
        let error = File::from_reader(Arc::new(bytes[..cut].to_vec()), name).unwrap_err();
        let Problem::Truncated { end, len, .. } = error.problem else { panic!("{name}: {error}") };
        assert_eq!((end, len), (bytes.len() as u64, cut as u64), "{name}");
    }
}

#[test]
fn any_truncation_ends_in_an_answer() {
    for &(name, bytes) in FIXTURES {
        let whole = read_everything(bytes.to_vec(), STRICT);
        assert!(whole > 0, "{name}");
        for len in (0..bytes.len()).step_by(211.max(bytes.len() / 100)) {
            assert!(read_everything(bytes[..len].to_vec(), LENIENT) <= whole, "{name} cut to {len}");
        }
    }
}

#[test]
fn any_changed_byte_ends_in_an_answer() {
    let mut state = 1;
    // What plugins write is damaged in a test of its own: most of it are chunks.
    for &(_, bytes) in FIXTURES.iter().filter(|(name, _)| *name != "plugins") {
        for round in 0..150 {
            let mut damaged = bytes.to_vec();
            let at = pseudo_random(&mut state) as usize % damaged.len();
            let with = [0, 1, 0x7f, 0x80, 0xff, pseudo_random(&mut state) as u8][round % 6];
            damaged[at] = if damaged[at] == with { !with } else { with };
            read_everything(damaged, if round % 4 == 0 { STRICT } else { LENIENT });
        }
    }
}

#[test]
fn zeros_and_noise_behind_a_signature_are_refused() {
    let mut state = 2;
    for version in 0..4 {
        for len in [0, 50, 200, 5000] {
            let mut bytes = b"\x89HDF\r\n\x1a\n".to_vec();
            bytes.extend([version, 0, 0, 0, 0, 8, 8, 0]);
            bytes.extend((0..len).map(|_| pseudo_random(&mut state) as u8));
            assert_eq!(read_everything(bytes, LENIENT), 0);
        }
    }
}

/// The library ends the process where the list of a virtual dataset's parts is not where its layout says.
#[cfg(feature = "hdf5-write")]
#[test]
fn a_virtual_dataset_without_its_list_is_not_for_the_library() {
    let whole = bytes("refused");
    let check =
        |bytes: Vec<u8>| File::from_reader(Arc::new(bytes), "refused").unwrap().check_dataset("/virtual");
    assert!(check(whole.clone()).is_ok());
    let heap = whole.windows(4).position(|bytes| bytes == b"GCOL").unwrap();
    let layout: Vec<u8> = [4, 3].into_iter().chain((heap as u64).to_le_bytes()).collect();
    let layout = whole.windows(layout.len()).position(|bytes| bytes == layout).unwrap();
    for (at, said) in [
        (layout + 2, "global heap"),
        // Behind version, class and address.
        (layout + 10, "there is no object"),
        (heap, "global heap"),
        (heap + 8, "does not fill it"),
        (heap + 15, "global heap"),
        // In the second object, which is the list.
        (heap + 80, "the checksum of the list of its parts is another"),
    ] {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x70;
        let error = check(damaged).unwrap_err().to_string();
        assert!(error.contains(said), "{at}: {error}");
    }
}
