//! Figures as a picture: bars in groups, as SVG.

use std::path::Path;

use anyhow::anyhow;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// The size of a picture, in pixels.
const SIZE: (u32, u32) = (840, 420);

/// One colour for each bar of a group, told apart by people who see few colours too.
const COLOURS: [RGBColor; 4] = [
    RGBColor(0, 90, 181),
    RGBColor(150, 150, 150),
    RGBColor(230, 159, 0),
    RGBColor(0, 158, 115),
];

/// How high a picture is, of its highest bar: the names of the bars stand above all of them.
const HEADROOM: f64 = 1.4;

/// A group of bars under a name.
pub(crate) struct Group {
    pub(crate) name: String,
    /// As many in each group as in the first, and at most four.
    pub(crate) bars: Vec<f64>,
}

/// Writes a picture of the groups. The bars of each are named by `names`, in their order.
pub(crate) fn bars(
    file: &Path,
    title: &str,
    names: &[&str],
    groups: &[Group],
) -> anyhow::Result<()> {
    // The library's errors borrow from the picture.
    draw(file, title, names, groups).map_err(|error| anyhow!("the picture: {error}"))
}

fn draw(
    file: &Path,
    title: &str,
    names: &[&str],
    groups: &[Group],
) -> Result<(), Box<dyn std::error::Error>> {
    let most = groups.iter().flat_map(|group| &group.bars);
    let most = most.copied().fold(1.0, f64::max);
    let picture = SVGBackend::new(file, SIZE).into_drawing_area();
    picture.fill(&WHITE)?;
    let width = i32::try_from(names.len() + 1)?;
    let mut chart = ChartBuilder::on(&picture)
        .caption(title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(30)
        .y_label_area_size(70)
        .build_cartesian_2d(
            0..width * i32::try_from(groups.len())?,
            0.0..most * HEADROOM,
        )?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .disable_x_axis()
        .light_line_style(TRANSPARENT)
        .y_label_formatter(&|value| format!("{value:.0}"))
        .draw()?;
    for ((at, name), colour) in (0..).zip(names).zip(COLOURS) {
        let one = |(group, of): (i32, &Group)| {
            let (left, top) = (group * width + at, of.bars.get(usize::try_from(at).ok()?)?);
            Some(Rectangle::new(
                [(left, 0.0), (left + 1, *top)],
                colour.filled(),
            ))
        };
        let bars = (0..).zip(groups).filter_map(one);
        chart
            .draw_series(bars)?
            .label(*name)
            .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 12, y + 5)], colour.filled()));
    }
    let style = ("sans-serif", 14).into_text_style(&picture);
    let style = style.pos(Pos::new(HPos::Left, VPos::Top));
    for (group, of) in (0..).zip(groups) {
        let name = Text::new(
            of.name.clone(),
            (group * width, -most * 0.01),
            style.clone(),
        );
        chart.plotting_area().draw(&name)?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.2))
        .label_font(("sans-serif", 13))
        .draw()?;
    picture.present()?;
    Ok(())
}
