//! What stands in pictures, and where.

use brickwork_core::{Block, Bool8};

use super::*;
use crate::svg::Svg;
use crate::text::text_width;

/// A text of a picture and the box that it fills: left, top, right, bottom.
#[derive(Debug, Clone)]
struct Placed {
    text: String,
    extent: [f64; 4],
}

fn attribute<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    let from = element.find(&format!(" {name}=\""))? + name.len() + 3;
    element[from..].split('"').next()
}

fn texts(svg: &Svg) -> Vec<Placed> {
    let file = svg.finish();
    file.lines()
        .filter(|line| line.starts_with("<text"))
        .map(|line| {
            let number = |name: &str| attribute(line, name).unwrap().parse::<f64>().unwrap();
            let content = line.split('>').nth(1).unwrap().split('<').next().unwrap();
            let text = content
                .replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&quot;", "\"")
                .replace("&amp;", "&");
            let (x, y, size) = (number("x"), number("y"), number("font-size"));
            let width = text_width(&text, size);
            let before = match attribute(line, "text-anchor").unwrap() {
                "start" => 0.0,
                "middle" => width / 2.0,
                _ => width,
            };
            let (up, down) = (0.76 * size, 0.24 * size);
            let extent = if line.contains("rotate(-90") {
                [x - up, y - (width - before), x + down, y + before]
            } else {
                [x - before, y - up, x - before + width, y + down]
            };
            Placed { text, extent }
        })
        .collect()
}

/// Every text is inside the picture, and no two of them overlap.
fn assert_legible(svg: &Svg) -> Vec<String> {
    let (width, height) = svg.size();
    let placed = texts(svg);
    for text in &placed {
        let [left, top, right, bottom] = text.extent;
        assert!(
            left >= 0.0 && top >= 0.0 && right <= width && bottom <= height,
            "{text:?} is cut off in a picture of {width} × {height}"
        );
    }
    for (i, one) in placed.iter().enumerate() {
        for other in &placed[..i] {
            let apart = one.extent[2] <= other.extent[0]
                || other.extent[2] <= one.extent[0]
                || one.extent[3] <= other.extent[1]
                || other.extent[3] <= one.extent[1];
            assert!(apart, "{one:?} is drawn over {other:?}");
        }
    }
    placed.into_iter().map(|text| text.text).collect()
}

fn ramp(rows: usize, columns: usize) -> Block {
    Block::from_vec((0..rows * columns).map(|i| i as f64).collect(), &[rows, columns])
}

fn map(rows: usize, columns: usize) -> HeatMap {
    HeatMap::new(&ramp(rows, columns)).unwrap()
}

#[test]
fn a_heat_map_has_all_its_texts() {
    let svg = map(30, 40).title("a < b & c").label("temperature (K)").svg().unwrap();
    let texts = assert_legible(&svg);
    for text in ["a < b & c", "temperature (K)", "axis 0", "axis 1", "0", "10", "20", "30", "200", "1000"] {
        assert!(texts.iter().any(|there| there == text), "{text} is not among {texts:?}");
    }
}

#[test]
fn every_shape_and_range_is_legible() {
    let long = "stack(t)[:, 100:200].mean(axis=0) - stack(u)[:, 100:200].mean(axis=0) + something / other "
        .repeat(3);
    for (rows, columns) in
        [(1, 1), (1, 7), (7, 1), (1, 1000), (1000, 1), (3, 3), (12, 500), (400, 30), (200, 200)]
    {
        for scale in [1.0, 1e30, 1e-12, 0.0, -1e300] {
            let numbers =
                ramp(rows, columns).to_vec::<f64>().into_iter().map(|number| number * scale + scale);
            let mut numbers: Vec<f64> = numbers.collect();
            if scale == 1e30 {
                numbers[0] = f64::NAN;
            }
            let block = Block::from_vec(numbers, &[rows, columns]);
            for size in [(None, None), (Some(700), None), (None, Some(500)), (Some(1200), Some(900))] {
                let map = HeatMap::new(&block).unwrap().title(&long).label(&long).size(size.0, size.1);
                let svg =
                    map.x_label(&long).svg().unwrap_or_else(|error| panic!("{rows} × {columns}: {error}"));
                assert_legible(&svg);
                let (width, height) = svg.size();
                assert!(size.0.is_none_or(|asked| width == asked as f64));
                assert!(size.1.is_none_or(|asked| height == asked as f64));
                assert!(width <= 3000.0 && height <= 3000.0, "{rows} × {columns}: {width} × {height}");
            }
        }
    }
}

#[test]
fn cells_of_means_have_the_ticks_of_the_array() {
    let svg = map(50, 100).means_of([5000, 9999], [100, 100]).no_value(17).svg().unwrap();
    let texts = assert_legible(&svg);
    assert!(texts.iter().any(|text| text == "4000") && texts.iter().any(|text| text == "8000"), "{texts:?}");
    assert!(texts.contains(&"each cell is the mean of 100 × 100 elements".to_owned()), "{texts:?}");
    assert!(texts.iter().any(|text| text.starts_with("no value: 17 of 49995000 elements")), "{texts:?}");
}

#[test]
fn truth_values_and_whole_numbers_have_their_own_ticks() {
    let block = Block::from_vec(vec![Bool8::from(true), Bool8::from(false)], &[1, 2]);
    let texts = assert_legible(&HeatMap::new(&block).unwrap().svg().unwrap());
    assert!(texts.contains(&"True".to_owned()) && texts.contains(&"False".to_owned()), "{texts:?}");
    let block = Block::from_vec(vec![0u8, 1, 2, 3], &[2, 2]);
    let texts = assert_legible(&HeatMap::new(&block).unwrap().svg().unwrap());
    assert!(!texts.iter().any(|text| text.contains('.')), "{texts:?}");
}

#[test]
fn what_is_no_matrix_of_numbers_is_refused() {
    let refused = |block: &Block| HeatMap::new(block).unwrap_err().to_string();
    assert!(refused(&Block::from_vec(vec![1.0], &[1])).contains("a heat map has two axes"));
    assert!(refused(&Block::from_vec(Vec::<f64>::new(), &[0, 3])).contains("no element"));
    assert!(
        refused(&Block::from_vec(vec![brickwork_core::Complex::new(1.0, 2.0)], &[1, 1])).contains("x.real")
    );
    let small = map(3, 3).size(Some(60), Some(60)).svg().unwrap_err().to_string();
    assert!(small.contains("too small") && small.contains("at least"), "{small}");
    assert!(map(3, 3).range(Some(3.0), Some(1.0)).svg().is_err());
}

#[test]
fn a_diverging_map_is_centred_on_zero() {
    let block = Block::from_vec(vec![-1.0, 4.0], &[1, 2]);
    let limits = |name: &str, range: (Option<f64>, Option<f64>)| {
        let map = HeatMap::new(&block).unwrap().colour_map(ColourMap::named(name).unwrap());
        map.range(range.0, range.1).limits().unwrap()
    };
    assert_eq!(limits("RdBu_r", (None, None)), (-4.0, 4.0));
    assert_eq!(limits("viridis", (None, None)), (-1.0, 4.0));
    assert_eq!(limits("RdBu_r", (Some(-1.0), None)), (-1.0, 4.0));
}

fn lines(count: usize, length: usize) -> LinePlot {
    (0..count).fold(LinePlot::new(), |plot, number| {
        let values = (0..length).map(|i| ((i + number) as f64 / 9.0).sin() * (number + 1) as f64).collect();
        plot.line(format!("line {number}"), &Block::from_vec(values, &[length])).unwrap()
    })
}

#[test]
fn lines_have_axes_and_a_legend() {
    let texts = assert_legible(&lines(1, 300).title("waves").y_label("m").x_label("axis 0").svg().unwrap());
    assert!(!texts.contains(&"line 0".to_owned()));
    for text in ["waves", "m", "axis 0", "0", "100", "−1.0", "0.5"] {
        assert!(texts.iter().any(|there| there == text), "{text} is not among {texts:?}");
    }
    for count in [2, 9, 30] {
        let texts = assert_legible(&lines(count, 50).svg().unwrap());
        assert!((0..count).all(|number| texts.contains(&format!("line {number}"))), "{texts:?}");
    }
}

#[test]
fn lines_break_where_there_is_no_value() {
    let block = Block::from_vec(vec![0.0, 1.0, f64::NAN, 5.0, f64::NAN, 2.0, f64::INFINITY], &[7]);
    let svg = LinePlot::new().line("x", &block).unwrap().svg().unwrap();
    let file = svg.finish();
    let path = file.lines().find(|line| line.starts_with("<path") && line.contains("fill=\"none\"")).unwrap();
    assert_eq!(path.matches('M').count(), 2, "{path}");
    assert_eq!(file.matches("<circle").count(), 1, "the lone 5 is a dot");
    let texts = assert_legible(&svg);
    assert!(
        texts.contains(&"no value: 2".to_owned()) && texts.iter().any(|text| text.starts_with("infinite: 1"))
    );
}

#[test]
fn an_envelope_spans_the_smallest_and_the_largest() {
    let low = Block::from_vec(vec![0.0, -9.0, 0.0, f64::NAN], &[4]);
    let high = Block::from_vec(vec![1.0, 1.0, 7.0, f64::NAN], &[4]);
    let plot = LinePlot::new().envelope("x", [&low, &high], 4000, 1000, 1003).unwrap();
    assert_eq!(plot.summary().range, Some((-9.0, 7.0)));
    let texts = assert_legible(&plot.svg().unwrap());
    assert!(texts.iter().any(|text| text.contains("of 1000 elements")), "{texts:?}");
    assert!(texts.contains(&"no value: 1003".to_owned()) && texts.contains(&"3000".to_owned()), "{texts:?}");
    let error = LinePlot::new().envelope("x", [&low, &high], 9000, 1000, 0).unwrap_err().to_string();
    assert!(error.contains("take 9"), "{error}");
}

#[test]
fn lines_that_are_none_are_refused() {
    assert!(LinePlot::new().svg().unwrap_err().to_string().contains("without lines"));
    let error = LinePlot::new().line("x", &ramp(2, 2)).unwrap_err().to_string();
    assert!(error.contains("a line has one axis"), "{error}");
}

#[test]
fn a_preview_shows_cells_as_half_blocks() {
    let block = Block::from_vec(vec![0.0, 1.0, 2.0, f64::NAN], &[2, 2]);
    let map = HeatMap::new(&block).unwrap();
    let terminal = |columns, rows, colours| Terminal { columns, rows, colours };
    let small = map.preview(&terminal(4, 5, TerminalColours::True)).unwrap();
    let lines: Vec<&str> = small.lines().collect();
    assert_eq!(lines[0], "2 × 2");
    // Two cells of two half blocks each: the dark corner above, the number 2 below.
    assert!(lines[1].starts_with("\u{1b}[38;2;68;1;84;48;2;68;1;84m▀▀"), "{lines:?}");
    assert_eq!(lines[1].matches('▀').count(), 4);
    assert!(lines.last().unwrap().contains("0 ") && lines.last().unwrap().ends_with("no value"));
    let palette = map.preview(&terminal(80, 24, TerminalColours::Palette)).unwrap();
    assert!(palette.contains("38;5;") && !palette.contains("38;2;"));
    let plain = map.preview(&terminal(80, 24, TerminalColours::None)).unwrap();
    assert!(plain.is_ascii() && plain.contains('?') && plain.contains('@'), "{plain}");
    for shape in [[1, 1], [1, 500], [500, 1], [70, 30]] {
        for (columns, rows) in [(20, 6), (80, 24), (1, 1)] {
            let terminal = terminal(columns, rows, TerminalColours::None);
            let [down, across] = terminal.factors(shape);
            let cells = ramp(shape[0].div_ceil(down), shape[1].div_ceil(across));
            let text =
                HeatMap::new(&cells).unwrap().means_of(shape, [down, across]).preview(&terminal).unwrap();
            let picture: Vec<&str> = text.lines().skip(1).collect();
            let picture = &picture[..picture.len() - 1];
            assert!(picture.len() <= rows.max(6), "{shape:?} in {columns} × {rows}:\n{text}");
            assert!(
                picture.iter().all(|line| line.len() <= columns.max(2)),
                "{shape:?} in {columns}:\n{text}"
            );
        }
    }
}

#[test]
fn a_preview_of_lines_goes_from_corner_to_corner() {
    let block = Block::from_vec((0..50).map(f64::from).collect(), &[50]);
    let plot = LinePlot::new().line("x", &block).unwrap();
    let terminal = Terminal { columns: 60, rows: 14, colours: TerminalColours::None };
    let text = plot.preview(&terminal).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 11);
    assert!(lines[0].trim_end().ends_with('*') && lines[9].contains("|*"), "{text}");
    assert!(lines[10].trim_start().starts_with('0') && lines[10].ends_with("49"), "{text}");
    let dots = plot.preview(&Terminal { colours: TerminalColours::True, ..terminal }).unwrap();
    assert!(dots.chars().any(|c| ('\u{2801}'..='\u{28ff}').contains(&c)));
}

#[cfg(feature = "png")]
mod pixels {
    use super::*;
    use resvg::tiny_skia::Pixmap;

    /// The frame: where the picture of the cells is.
    fn frame(svg: &Svg) -> [f64; 4] {
        let file = svg.finish();
        let clip = file.lines().find(|line| line.starts_with("<clipPath")).unwrap();
        let rect = &clip[clip.find("<rect").unwrap()..];
        ["x", "y", "width", "height"].map(|name| attribute(rect, name).unwrap().parse().unwrap())
    }

    /// The colour at a place of the frame, both from 0 to 1, from the upper left corner.
    fn colour(svg: &Svg, pixels: &Pixmap, across: f64, down: f64) -> [u8; 3] {
        let [left, top, width, height] = frame(svg);
        let pixel = pixels.pixel((left + across * width) as u32, (top + down * height) as u32).unwrap();
        [pixel.red(), pixel.green(), pixel.blue()]
    }

    fn drawn(svg: &Svg) -> Pixmap {
        Pixmap::decode_png(&crate::png(svg, 1.0).unwrap()).unwrap()
    }

    #[test]
    fn row_0_is_at_the_top_and_column_0_on_the_left() {
        let block = Block::from_vec(vec![0.0, 1.0, 2.0, 3.0], &[2, 2]);
        let svg = HeatMap::new(&block).unwrap().svg().unwrap();
        let pixels = drawn(&svg);
        let viridis = ColourMap::default();
        for (across, down, number) in
            [(0.25, 0.25, 0.0), (0.75, 0.25, 1.0), (0.25, 0.75, 2.0), (0.75, 0.75, 3.0)]
        {
            assert_eq!(colour(&svg, &pixels, across, down), viridis.colour(number / 3.0), "{across} {down}");
        }
    }

    #[test]
    fn what_has_no_value_is_grey_and_what_is_infinite_has_the_colour_of_the_end() {
        let block = Block::from_vec(vec![f64::NAN, 0.0, f64::INFINITY, 1.0], &[1, 4]);
        let svg = HeatMap::new(&block).unwrap().svg().unwrap();
        let pixels = drawn(&svg);
        let [red, green, blue] = colour(&svg, &pixels, 0.125, 0.5);
        assert!(red == green && green == blue && (120..245).contains(&red), "{red} {green} {blue}");
        assert_eq!(colour(&svg, &pixels, 0.625, 0.5), ColourMap::default().colour(1.0));
        let texts = assert_legible(&svg);
        assert!(
            texts.contains(&"no value: 1".to_owned())
                && texts.iter().any(|text| text.starts_with("infinite: 1"))
        );
    }

    #[test]
    fn every_cell_takes_the_same_number_of_pixels() {
        let numbers: Vec<f64> = (0..90 * 130).map(|i| f64::from((i % 130 + i / 130) % 2)).collect();
        let svg = HeatMap::new(&Block::from_vec(numbers, &[90, 130])).unwrap().svg().unwrap();
        let pixels = drawn(&svg);
        let [left, top, width, _] = frame(&svg);
        let cell = (width / 130.0) as u32;
        let row: Vec<u8> = (0..130 * cell)
            .map(|x| pixels.pixel(left as u32 + x, top as u32 + cell / 2).unwrap().red())
            .collect();
        // The outline covers the first pixel.
        let runs: Vec<usize> = row.chunk_by(|a, b| a == b).map(<[u8]>::len).skip(2).take(120).collect();
        assert!(runs.iter().all(|&run| run == cell as usize), "{runs:?}");
    }

    #[test]
    fn cells_at_the_far_ends_that_stand_for_fewer_elements_are_cut() {
        let svg = map(2, 3).means_of([15, 25], [10, 10]).svg().unwrap();
        let [_, _, width, height] = frame(&svg);
        assert!((width / height - 25.0 / 15.0).abs() < 0.02, "{width} × {height}");
        let pixels = drawn(&svg);
        assert_eq!(colour(&svg, &pixels, 0.9, 0.9), ColourMap::default().colour(1.0));
        assert_eq!(colour(&svg, &pixels, 0.7, 0.9), ColourMap::default().colour(0.8));
    }

    #[test]
    fn a_line_has_its_colour() {
        let block = Block::from_vec(vec![1.0; 20], &[20]);
        let svg = LinePlot::new().line("x", &block).unwrap().svg().unwrap();
        let pixels = drawn(&svg);
        let [left, top, width, height] = frame(&svg);
        let column = (left + width / 2.0) as u32 + 7;
        let found = (top as u32..(top + height) as u32).any(|y| {
            let pixel = pixels.pixel(column, y).unwrap();
            (pixel.red(), pixel.green(), pixel.blue()) == (0, 114, 178)
        });
        assert!(found, "no pixel of column {column} is blue");
    }
}
